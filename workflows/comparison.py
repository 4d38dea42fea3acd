"""Compares a hold with what the gateway shows, where an earlier run may have gone on with it.

A run that a reset made, or that was started again, does not know what the run before it has done
since. Where the gateway shows that, it is looked at; where it does not, a person is told. So it
is too when somebody says that the two differ.
"""

from __future__ import annotations

from datetime import datetime

from temporalio import workflow

from cardhold.hold import AttentionReason, HoldState, OperationKind, OperationState, Step
from cardhold.messages import PaymentMethodKind
from domain.calls import Settled
from domain.record import RESTING, Entry, Record
from domain.settlement import DEADLINE, adopt, note_external
from workflows import timing
from workflows.carrier import Carrier
from workflows.inbox import Inbox
from workflows.others import HOLDS
from workflows.waiting import Waiting

_NOTHING_SHOWS_IT = (
    "an earlier run has held this, and the gateway does not show what was done since:"
    " compare with its portal."
)
_ANOTHER_CARD = (
    "an earlier run may have been given another card after the decline, and may hold money on it:"
    " compare with the gateway's portal."
)
_STANDS_AFTER_ALL = (
    "this run holds nothing, and the gateway shows a hold under its reference, which an earlier"
    " run has placed: see to it in the gateway's portal."
)
# Runs that have given a card up without it replay as they were.
_LOOKS_BEFORE_THE_END = "looks before a card is given up"
# And those that waited for a gateway that does not answer, with a difference that nobody knew of.
_TELLS_IN_TIME = "tells in time what is known"
# And those that told of another card while an instruction waited, so that they went on.
_TELLS_OF_CARDS_LAST = "tells of another card where a card is given up"
# And those that called an attempt off without a look at what stands beside it.
_LOOKS_BESIDE = "looks beside an attempt that is called off"
# And those that found the hold lapsed, and never came to rest before.
_TELLS_OF_WHAT_LAPSED = "tells of what an earlier run may have taken of a lapsed hold"
# And those that ended with what was shown while it was time to look for a second hold.
_LOOKS_FOR_OTHERS_FIRST = "looks for a second hold before it ends with what is shown"
_AGAIN = " What is asked again under its own command_id is looked up and not done twice"


class Comparison:
    """Works for `Keeper`, between one instruction and the next."""

    def __init__(self, record: Record, inbox: Inbox, carrier: Carrier, waiting: Waiting) -> None:
        self._record = record
        self._inbox = inbox
        self._courier = carrier.courier
        self._waiting = waiting
        # Each reset changes the random seed: after a second one there is as much to see anew.
        self._looked_in: int | None = None
        self._told_of_cards_in: int | None = None
        self._look_again_at: datetime | None = None

    @property
    def looks_at(self) -> datetime | None:
        """When to look again, if that has an hour."""
        return self._look_again_at if self._record.life.state in RESTING else None

    def is_due(self) -> bool:
        """Whether an earlier run may have gone on with it, or somebody says that it differs."""
        state = self._record.life.state
        if state is HoldState.DECLINED:
            return self._may_have_gone_on() and not self._has_told_of_cards
        is_told_to = self._inbox.look and self._record.capabilities.shows_later
        is_due = is_told_to or self._has_yet_to_look() or self._forgets_cards()
        return is_due and state in RESTING

    def _may_have_gone_on(self) -> bool:
        """Whether an earlier run may have been given another card after the decline."""
        record = self._record
        return self._courier.was_reset or record.found or record.forgets_cards

    def _forgets_cards(self) -> bool:
        return self._record.forgets_cards and not self._has_told_of_cards

    def _has_yet_to_look(self) -> bool:
        again_at = self._look_again_at
        is_time = again_at is None or again_at <= self._waiting.now
        return is_time and self._was_here() and self._looked_in != workflow.random_seed()

    def _was_here(self) -> bool:
        """Whether an earlier run has held this."""
        record = self._record
        adopted = record.request.payment_method.kind is PaymentMethodKind.EXISTING_HOLD
        placed_at = record.authorized_at or record.created_at
        is_older = placed_at < record.created_at and not adopted
        return self._courier.was_reset or is_older or record.found

    async def compare(self, step: Step | None) -> None:
        """Look, or tell a person; then the gateway's figures are ours, or a person is told.

        Args:
            step: What comes next. Its hour comes first: a gateway that does not answer delays no
                deadline.
        """
        if self.is_due():
            if self._record.life.state is HoldState.DECLINED or self._forgets_cards():
                self._tell_of_cards(_ANOTHER_CARD)
            elif not self._record.capabilities.shows_later:
                self._looked_in = workflow.random_seed()
                self._tell(_NOTHING_SHOWS_IT)
            else:
                await self._look(step)
        self._face_it()

    async def _look(self, step: Step | None) -> None:
        # What was begun before a further reset tells nothing of what came after it.
        record, begun_in = self._record, workflow.random_seed()
        errand = self._courier.inspect(self.probe())
        at, why = (step.at, f"until the next step: {step.kind}") if step else (None, "")
        if step is None and self._knows_enough():
            at = workflow.now() + record.capabilities.look_up_for
            why = "until what is known is told"
        await self._waiting.until(lambda: errand.is_back() or bool(self._inbox.waiting), at, why)
        if not errand.is_back():
            errand.call_off()
            return
        if record.life.state not in RESTING:
            return  # somebody has acknowledged what was known before, and that was its end
        self._inbox.look = False
        settled = errand.settled()
        payment = settled.payment if settled else None
        differs = payment is not None and not record.is_as_shown(payment)
        if differs:
            record.external = payment
        if differs and self._has_yet_to_look() and self._look_again_at is None:
            # What differs at once need not be all: more of the run before may be on its way.
            self._look_again_at = workflow.now() + record.capabilities.processing_time
        else:
            self._looked_in, self._look_again_at = begun_in, None

    def _knows_enough(self) -> bool:
        """Whether nothing is ahead, as a difference is known that nobody has been told of."""
        record = self._record
        is_told = record.has_attention(AttentionReason.EXTERNAL_CHANGE)
        known = record.external is not None and not is_told
        return known and workflow.patched(_TELLS_IN_TIME)

    def probe(self) -> Entry:
        """What to look at the payment for, whatever was done to it and by whom."""
        record = self._record
        return Entry(
            number=len(record.entries) + 1,
            kind=OperationKind.RELEASE,
            command_id=DEADLINE,
            amount=record.ledger.money(record.ledger.remaining_minor),
            final=True,
            requested_at=workflow.now(),
        )

    def _face_it(self) -> None:
        """What the gateway shows and we did not do: an earlier run did it, or somebody else."""
        record = self._record
        if record.external is None or record.has_attention(AttentionReason.EXTERNAL_CHANGE):
            return
        if record.others_are_due(self._waiting.now) and workflow.patched(_LOOKS_FOR_OTHERS_FIRST):
            return  # what is shown may be the end, after which nobody looks for a second hold
        if self._courier.was_reset:
            adopt(record, record.external)
        else:
            note_external(record, record.external, workflow.now())
        self._waiting.tell()

    async def holds_on_no_card(self) -> bool:
        """Whether nothing is held after a decline, as far as can be known; else a person is told.

        A run before this one may hold on another card, or have placed what was refused to this one.
        """
        if self._has_told_of_cards:
            return True
        # The look comes first: what is scheduled must not depend on which run this is.
        settled = await self._looked_up_by_name()
        shown = settled.payment if settled else None
        if shown is not None and shown.state in HOLDS:
            self._tell_of_cards(_STANDS_AFTER_ALL)
        elif (settled is not None and settled.restored) or self._is_given_up_by_a_second_run():
            self._tell_of_cards(_ANOTHER_CARD)
        else:
            return True
        return False

    def _is_given_up_by_a_second_run(self) -> bool:
        """Whether this would be the end, and of a run that was not the first.

        Which run this is may decide no more than that: with somebody's instruction waiting it goes
        on, and a reset's replay comes past here as what the first run was not.
        """
        if self._inbox.waiting and workflow.patched(_TELLS_OF_CARDS_LAST):
            return False
        return self._courier.is_second_run

    async def another_stands(self) -> bool:
        """Whether a hold stands beside an attempt whose guest has not come back.

        Where no key keeps it from being placed twice, a call of an earlier run may have arrived
        after this one had looked.
        """
        record = self._record
        guarded = OperationKind.AUTHORIZE in record.capabilities.idempotent
        if guarded or not workflow.patched(_LOOKS_BESIDE):
            return False
        settled = await self._looked_up_by_name()
        shown = settled.payment if settled else None
        if shown is None or shown.state not in HOLDS:
            return False
        return shown.payment_id != record.payment_id

    async def _looked_up_by_name(self) -> Settled | None:
        """What stands under the authorization's name; None where nobody could say so."""
        record = self._record
        if not record.capabilities.finds or not workflow.patched(_LOOKS_BEFORE_THE_END):
            return None
        entry, within = record.last_authorization(), timing.CALL_START_TO_CLOSE
        errand = self._courier.look_for_others(entry, within)
        await self._waiting.until(lambda: errand.is_back() or bool(self._inbox.waiting))
        if not errand.is_back():
            errand.call_off()
            return None
        return errand.settled()

    def tell_at_the_end(self) -> None:
        """What an earlier run may hold, or have taken, is told though nothing is left to do."""
        refused = self._record.last_authorization().state is OperationState.DECLINED
        ended = self._record.life.state
        is_abandoned = ended is HoldState.ABANDONED and refused
        if is_abandoned and self._may_have_gone_on() and not self._has_told_of_cards:
            self._tell_of_cards(_ANOTHER_CARD)
        is_unseen = self._has_yet_to_look() and not self._record.capabilities.shows_later
        if ended is HoldState.EXPIRED and is_unseen and workflow.patched(_TELLS_OF_WHAT_LAPSED):
            self._tell(_NOTHING_SHOWS_IT)

    @property
    def _has_told_of_cards(self) -> bool:
        return self._told_of_cards_in == workflow.random_seed()

    def _tell_of_cards(self, told: str) -> None:
        """The card that was given since, say, has a name that this run has never heard."""
        self._told_of_cards_in = workflow.random_seed()
        self._tell(told)

    def _tell(self, told: str) -> None:
        """What an earlier run did, only a person can see.

        Its own instructions, given again under the names that they had, are found and adopted.
        """
        self._record.raise_attention(AttentionReason.EXTERNAL_CHANGE, workflow.now(), told + _AGAIN)
        self._waiting.tell()

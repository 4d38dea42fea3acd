"""Carries one operation through: sent, found out about if need be, and its outcome in effect."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from temporalio import workflow

from cardhold.hold import AttentionReason, OperationKind, OperationState, StepKind
from cardhold.messages import Adjust, Capture, Release
from domain.agenda import next_step
from domain.calls import Ending, Settled
from domain.lifecycle import Event
from domain.outcome import Payment
from domain.patience import between_rounds, hours_that_count
from domain.record import RELEASE_EVERY, Entry, Record
from domain.settlement import is_partial, note_booking, settle, was_given_back
from workflows import timing
from workflows.courier import Courier, Errand, Rung
from workflows.desk import Desk
from workflows.inbox import Inbox, still_unknown
from workflows.waiting import Waiting

# Runs that were reset, and have acted at once on what came with it, replay as they were.
_HEARS_OF_EACH_RESET = "hears of each reset first"
# And those that told nobody of a card which they know nothing of since the store was set back.
_TELLS_OF_FORGOTTEN_CARDS = "tells of cards that a restore has forgotten"
# And those that told who had waited for the first card when the time of the next was over.
_KEEPS_EACH_CALLERS_TIME = "a further card takes nobody's time"
# And those that took what the run before them had given back for a hold that was released.
_GIVEN_BACK_IS_DECLINED = "what was given back is a decline"


class Carrier:
    """Works for `Keeper`, one operation at a time."""

    def __init__(self, record: Record, inbox: Inbox, desk: Desk, waiting: Waiting) -> None:
        self._record = record
        self._inbox = inbox
        self._desk = desk
        self._waiting = waiting
        self.courier = Courier(record)

    async def perform(self, entry: Entry, answer_by: datetime) -> Settled | None:
        """Send an operation and let its outcome take effect.

        Returns:
            How it ended; None where a deadline has overtaken it, its outcome still unknown.
        """
        now, ledger = workflow.now(), self._record.ledger
        if entry.kind is OperationKind.ADJUST and (
            entry.amount.amount_minor == ledger.authorized_minor
        ):
            entry.state, entry.decided_at = OperationState.DONE, now
            entry.detail = "this total was held already"
            return None
        if entry.number > 1:
            self._record.life.move(Event(entry.kind.value))
        settled = await self._outcome_of(entry, answer_by)
        if settled is not None:
            await self._take_effect(entry, settled)
        return settled

    async def _outcome_of(self, entry: Entry, answer_by: datetime) -> Settled | None:
        entry.state, entry.sent_at = OperationState.SENT, workflow.now()
        if entry.kind is OperationKind.AUTHORIZE and entry.send_by is None:
            entry.send_by = entry.requested_at + timing.AUTHORIZE_WITHIN
        await self._hear_of_a_reset()
        errand = self.courier.first_try(entry, answer_by)
        in_time = workflow.now() + timing.FIRST_TRY_MIN + timing.ANSWER_SLACK <= answer_by
        if in_time and self._inbox.is_overdue_before(entry, answer_by):
            in_time = not workflow.patched(_KEEPS_EACH_CALLERS_TIME)
        self._inbox.first_try = entry if in_time else None
        await self._waiting.until(errand.is_back)
        self._inbox.first_try = None
        settled = errand.settled()
        if settled is None:
            self._lost(entry)
            settled = await self._find_out(entry, errand)
        return settled

    async def _hear_of_a_reset(self) -> None:
        """The SDK hands over messages before the seed that tells of the reset they came with.

        After a first reset every call is taken for one that may stand already; of a further one a
        run has to know, or it takes for its own silence what the run before has under way.
        """
        if self.courier.was_reset and workflow.patched(_HEARS_OF_EACH_RESET):
            await self._waiting.a_moment("until a reset is heard of")

    def _lost(self, entry: Entry) -> None:
        """Nobody knows the outcome: say so to those who wait for their turn in vain."""
        entry.state = OperationState.UNKNOWN
        for ask in self._inbox.take_against_unknown(Adjust, Capture):
            self._desk.refuse(ask, still_unknown(entry))
        self._waiting.tell()

    async def go_on(self, entry: Entry) -> None:
        """Take an operation up again that a deadline had overtaken."""
        settled = await self._find_out(entry, None)
        if settled is not None:
            await self._take_effect(entry, settled)

    async def _find_out(self, entry: Entry, lost: Errand | None) -> Settled | None:
        """Find out what became of an operation, however long it takes.

        Returns:
            How it ended, by the gateway's word or a person's; None where a deadline came first.
        """
        rung = self.courier.rung_after(entry, lost) if lost else Rung.LOOK
        if lost is not None and (pause := self.courier.pause_after(lost)):
            await self._wait(entry, lambda: False, workflow.now() + pause)
        lost_at, rounds = workflow.now(), 0
        while not self._is_off(entry):
            errand = self.courier.next_try(entry, rung, lost_at)
            settled = await self._come_back(entry, errand)
            if settled is not None and not (rung is Rung.LOOK and settled.ending is Ending.ABSENT):
                return settled
            if settled is not None:
                rung = Rung.LOOK_AND_SEND
            elif errand.is_back():
                rounds += rung is Rung.LOOK_AND_SEND
                rung, lost_at = self.courier.rung_after(entry, errand), workflow.now()
                due = hours_that_count(self._record)
                rest = between_rounds(rounds, lost_at, due) if rung is Rung.LOOK else timedelta(0)
                await self._wait(entry, lambda: False, lost_at + rest)
        return self._desk.word_on(entry)

    async def _come_back(self, entry: Entry, errand: Errand) -> Settled | None:
        """Wait for an errand; call it off where a person or the deadline is first."""
        await self._wait(entry, errand.is_back)
        if errand.is_back():
            return errand.settled()
        errand.call_off()
        return None

    async def _wait(
        self, entry: Entry, ready: Callable[[], bool], until: datetime | None = None
    ) -> None:
        """Wait, and tell a person meanwhile, at its hour, that nothing is known."""

        def is_over() -> bool:
            late = until is not None and until <= self._waiting.now
            return ready() or late or self._is_off(entry)

        while not is_over():
            tell_at = self._tell_at(entry)
            if tell_at is not None and tell_at <= self._waiting.now:
                told = f"the outcome of {entry.operation_id} could not be looked up so far"
                self._record.raise_attention(
                    AttentionReason.OUTCOME_UNKNOWN, workflow.now(), told, entry
                )
                self._waiting.tell()
                continue
            await self._until_or(entry, is_over, self._soonest(entry, tell_at), until)

    async def _until_or(
        self,
        entry: Entry,
        is_over: Callable[[], bool],
        soonest: datetime | None,
        until: datetime | None,
    ) -> None:
        """Wait until ``soonest``, or until a new plan has made another hour the next."""

        def ready() -> bool:
            return is_over() or self._soonest(entry, self._tell_at(entry)) != soonest

        ends = [at for at in (soonest, until) if at is not None]
        await self._waiting.until(ready, min(ends, default=None))

    def _is_off(self, entry: Entry) -> bool:
        return self._desk.word_on(entry) is not None or self.is_overtaken(entry)

    def is_overtaken(self, entry: Entry) -> bool:
        """An unknown adjust does not delay what the plan does at its hour."""
        if entry.kind is not OperationKind.ADJUST or self._desk.word_on(entry) is not None:
            return False
        now = self._waiting.now
        step = next_step(self._record, now)
        return step is not None and step.kind is not StepKind.WARN and step.at <= now

    def _tell_at(self, entry: Entry) -> datetime | None:
        """When a person is told of an unknown outcome; before a deadline in any case."""
        sent_at, terms = entry.sent_at, self._record.terms
        if self._record.has_attention(AttentionReason.OUTCOME_UNKNOWN) or sent_at is None:
            return None
        hours = [terms.deadline, terms.give_up_capture_at] if terms else []
        at = sent_at + self._record.capabilities.look_up_for
        return min((hour for hour in [at, *hours] if hour > sent_at), default=at)

    def _soonest(self, entry: Entry, tell_at: datetime | None) -> datetime | None:
        instants = [tell_at] if tell_at else []
        if entry.kind is OperationKind.ADJUST and self._record.terms:
            instants.append(self._record.terms.deadline)
        return min((at for at in instants if at > self._waiting.now), default=None)

    async def _take_effect(self, entry: Entry, settled: Settled) -> None:
        if settled.capabilities is not None:
            self._record.capabilities = settled.capabilities
        # From the reset on, and not in the replayed part before it: it decides what is done next.
        self._record.was_reset = self.courier.was_reset
        if settled.payment is not None:
            # Kept also where what it names is given back.
            entry.reference = settled.reference or entry.reference
            if is_partial(self._record, entry, settled):
                why = f"approved for {settled.payment.authorized} only, which was released"
                settled = await self._give_back(entry, settled.payment, why)
            elif self._is_stranded(settled, settled.payment):
                why = "the answer that says where to send the guest was lost: it was called off"
                settled = await self._give_back(entry, settled.payment, why)
            elif self._is_no_hold(entry, settled):
                why = f"approved for {settled.payment.authorized} only, which holds no more"
                settled = settled.model_copy(update={"ending": Ending.DECLINED, "detail": why})
        self.settle(entry, settled)

    def _is_no_hold(self, entry: Entry, settled: Settled) -> bool:
        """It was of no use to the run before this one, which was given another card since."""
        no_hold = was_given_back(self._record, entry, settled) and self._inbox.has_another_card()
        return no_hold and workflow.patched(_GIVEN_BACK_IS_DECLINED)

    def _is_stranded(self, settled: Settled, payment: Payment) -> bool:
        """It is the guest's turn, and nobody knows where to send them."""
        nowhere = payment.action is None and self._record.action is None
        return settled.ending is Ending.ACTION_REQUIRED and nowhere

    async def look_after_the_guest(self, entry: Entry) -> bool:
        """The guest is back: look what has become of the authorization; whether that was told.

        A release, or the end of the guest's time, comes before a look that cannot tell yet.
        """
        errand = self.courier.after_the_guest(entry)
        one_look = workflow.now() + timing.CALL_START_TO_CLOSE
        ends_at = self._record.action.expires_at if self._record.action else None
        until = max(ends_at or one_look, one_look)
        await self._waiting.until(lambda: errand.is_back() or self._is_let_go(), until)
        settled = errand.settled() if errand.is_back() else None
        if settled is None:
            errand.call_off()
        elif settled.ending is not Ending.ABSENT:
            await self._take_effect(entry, settled)
        return settled is not None

    def _is_let_go(self) -> bool:
        return any(isinstance(ask.command, Release) for ask in self._inbox.waiting)

    def settle(self, entry: Entry, settled: Settled) -> None:
        """Let a decided operation take effect, and tell people."""
        settle(self._record, entry, settled, workflow.now())
        if self._record.forgets_cards:
            self._record.forgets_cards = workflow.patched(_TELLS_OF_FORGOTTEN_CARDS)
        self._desk.served(entry)
        self._waiting.tell(decided=entry.kind is OperationKind.AUTHORIZE)

    async def _give_back(self, entry: Entry, payment: Payment, why: str) -> Settled:
        """Release what is of no use to the caller, however long it takes; it is a decline."""
        record = self._record
        record.payment_id, record.gateway_reference = payment.payment_id, payment.reference
        while True:
            amount = payment.authorized.amount_minor or entry.amount.amount_minor
            release = self.release(amount, entry)
            if await self._frees(release, {Ending.DONE, Ending.CHANGED}):
                break
            told = f"{release.operation_id}, of what was of no use, is {release.state}"
            record.raise_attention(AttentionReason.RELEASE_REFUSED, workflow.now(), told, release)
            self._waiting.tell()
            await self._waiting.until(lambda: False, workflow.now() + RELEASE_EVERY)
        record.end_attention(AttentionReason.RELEASE_REFUSED, AttentionReason.OUTCOME_UNKNOWN)
        record.payment_id = record.gateway_reference = None
        return Settled(ending=Ending.DECLINED, payment=payment, detail=why)

    async def release_other(self, payment_id: str, for_: Entry) -> bool:
        """Release a hold that stands beside the one that is kept; whether it is gone."""
        release = self.release(for_.amount.amount_minor, for_)
        release.payment_id, release.detail = payment_id, "of a hold that was placed twice"
        return await self._frees(release, {Ending.DONE})

    async def _frees(self, release: Entry, endings: Collection[Ending]) -> bool:
        """Carry a release out that is none of the hold's own; whether it ended in one of these."""
        until = workflow.now() + self._record.capabilities.answer_within
        ended = await self._outcome_of(release, until)
        gone = ended is not None and ended.ending in endings
        refused = ended is None or ended.ending is Ending.DECLINED
        undone = OperationState.DECLINED if refused else OperationState.NOT_DONE
        release.state = OperationState.DONE if gone else undone
        release.decided_at = workflow.now()
        if ended is not None and ended.payment is not None:
            note_booking(release, ended)
        self._desk.served(release)
        told = self._record.attention
        if told is not None and told.operation_id == release.operation_id:
            self._record.end_attention(AttentionReason.OUTCOME_UNKNOWN)
        if gone and ended is not None and ended.payment is not None:
            self._tell_of_what_is_taken(ended.payment)
        return gone

    def _tell_of_what_is_taken(self, payment: Payment) -> None:
        """Out of what was of no use, and was to be freed, somebody else may have taken money."""
        if payment.captured.amount_minor > self._record.ledger.captured_minor:
            told = f"{payment.payment_id} was to be released, and {payment.captured} was taken"
            now = workflow.now()
            self._record.raise_attention(AttentionReason.EXTERNAL_CHANGE, now, told)

    def release(self, amount_minor: int, for_: Entry) -> Entry:
        """A release that follows from another operation, not yet sent."""
        return self._record.add(
            Entry(
                number=0,
                kind=OperationKind.RELEASE,
                command_id=for_.command_id,
                amount=self._record.ledger.money(amount_minor),
                final=True,
                requested_at=workflow.now(),
                operator=for_.operator,
                reason=for_.reason,
            )
        )

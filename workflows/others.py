"""Sees that a hold stands alone, where no key keeps it from being placed twice.

A reservation may be started a second time while its first run's authorization is still on its
way, or be kept in two places by mistake. Each run then looks before it sends and finds nothing.
Where the gateway knows a hold by our reference, a look once everything is booked shows both. All
runs keep the one that the gateway shows first, and free the others; but a run that has taken money
of its own hold keeps that.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from temporalio import workflow

from cardhold.hold import AttentionReason
from cardhold.messages import Capture
from domain.outcome import Payment, PaymentState
from domain.record import RESTING, Entry, Record
from workflows import timing
from workflows.carrier import Carrier
from workflows.inbox import Inbox
from workflows.waiting import Waiting

#: In these states something is held, or was taken of it.
HOLDS = frozenset({PaymentState.OPEN, PaymentState.CAPTURED})

# Runs that took another hold over, with what was known of theirs, replay as they were.
_IS_ANOTHER_HOLD = "what was known of one hold is not said of another"
# And those whose look began before everything was booked, and ended after it.
_LOOKED_TOO_SOON = "a look that began too soon is no proof"
# And those that went over to another hold than the one that they had taken money of.
_TAKES_OF_ONE = "what was taken of is kept"
# And those that put the look that counts off for a look in vain that came before its hour.
_PUT_OFF_TOO_SOON = "a look in vain that began too soon puts off nothing"


class Others:
    """Works for `Keeper`, where an authorization was not guarded by a key."""

    def __init__(self, record: Record, inbox: Inbox, carrier: Carrier, waiting: Waiting) -> None:
        self._record = record
        self._inbox = inbox
        self._carrier = carrier
        self._waiting = waiting
        self._pause: timedelta | None = None
        self._has_looked = False

    @property
    def looks_at(self) -> datetime | None:
        """When to look, if there is anything to look for."""
        return self._record.others_at if self._record.life.state in RESTING else None

    def is_due(self) -> bool:
        """Whether to look now: at its hour, and once before money is taken."""
        at = self.looks_at
        if at is None:
            return False
        return self._waiting.now >= at or (self._is_before_a_capture() and not self._has_looked)

    def _is_before_a_capture(self) -> bool:
        ask = self._inbox.head()
        return ask is not None and isinstance(ask.command, Capture)

    async def look(self) -> None:
        """Look once; what could not be looked up is looked up later, and later again."""
        record = self._record
        entry = record.last_authorization()
        hurries = bool(self._inbox.waiting)
        within = timing.FIRST_TRY_MIN if hurries else timing.CALL_START_TO_CLOSE
        began = self._waiting.now
        errand = self._carrier.courier.look_for_others(entry, within)
        await self._waiting.until(errand.is_back)
        self._has_looked = True
        settled = errand.settled()
        shown = settled.payment if settled else None
        if shown is None:
            self._look_later(began)
            return
        if self._is_proof(began):
            record.others_at = None
        if shown.state in HOLDS:
            await self._keep_one(entry, shown)

    def _is_proof(self, began: datetime) -> bool:
        """Whether it has shown everything: what was not booked as it began, it may have missed."""
        record = self._record
        if not record.others_are_due(self._waiting.now):
            return False
        return record.others_are_due(began) or not workflow.patched(_LOOKED_TOO_SOON)

    def _look_later(self, began: datetime) -> None:
        """Not told: twice the time after each look, so that an outage costs little.

        A look in vain before a capture, while all may not be booked yet, puts off nothing.
        """
        if not self._record.others_are_due(began) and workflow.patched(_PUT_OFF_TOO_SOON):
            return
        self._pause = 2 * (self._pause or self._record.capabilities.processing_time)
        self._record.others_at = workflow.now() + self._pause

    async def _keep_one(self, entry: Entry, shown: Payment) -> None:
        record = self._record
        ours = record.payment_id
        is_another = ours is not None and ours != shown.payment_id
        kept = ours if is_another and self._has_taken_of_its_own() else shown.payment_id
        stand = (shown.payment_id, ours, *shown.others)
        others = [each for each in stand if each is not None and each != kept]
        if not others:
            return
        left = [each for each in others if not await self._carrier.release_other(each, entry)]
        # Whoever has placed the other one may be at work on the one that is kept.
        record.cautious = True
        if kept != ours:
            self._take_over(entry, shown)
        told = f"two holds stood for one reference: {kept} is kept, the other released"
        if left:
            told = (
                f"two holds stand for one reference: {kept} is kept, and the gateway"
                f" does not release {', '.join(left)}: see to it in its portal"
            )
        record.raise_attention(AttentionReason.EXTERNAL_CHANGE, workflow.now(), told)
        self._waiting.tell()

    def _has_taken_of_its_own(self) -> bool:
        """Whether money was taken of the run's own hold: nothing may be taken of another one."""
        return self._record.ledger.captured_minor > 0 and workflow.patched(_TAKES_OF_ONE)

    def _take_over(self, entry: Entry, shown: Payment) -> None:
        """Go on with the hold of another run, as far as the gateway shows it."""
        record = self._record
        entry.payment_id, entry.booked_at = shown.payment_id, shown.booked_at
        record.placed(shown, record.authorized_at or workflow.now())
        if not record.is_as_shown(shown):
            record.external = shown
        elif record.external is not None and workflow.patched(_IS_ANOTHER_HOLD):
            record.external = None  # it was of the hold that is released now

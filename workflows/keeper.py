"""Keeps one hold: takes one instruction after another until nothing is held any more."""

from __future__ import annotations

from datetime import datetime

from temporalio import workflow

from cardhold.hold import (
    AttentionReason,
    HoldState,
    OperationKind,
    OperationState,
    Step,
    StepKind,
)
from cardhold.messages import Capture, Release
from cardhold.money import MoneyIn
from cardhold.names import ErrorType
from domain.agenda import next_step
from domain.calls import Ending, Settled
from domain.lifecycle import Event
from domain.outcome import Payment, PaymentState
from domain.planner import Asked, Problem, operations
from domain.record import RESTING, Entry, Record
from domain.settlement import CANCEL, DEADLINE, adopt, lapse, plan_left_a_rest
from workflows import timing
from workflows.carrier import Carrier
from workflows.comparison import Comparison
from workflows.desk import Desk
from workflows.inbox import Ask, Inbox
from workflows.others import Others
from workflows.telling import write_attributes
from workflows.waiting import Waiting

START = "start"
# Runs that have kept the rest until the hour of a refused capture replay as they were.
_FREES_THE_REST = "frees what the deadline has left"
# Those that have taken a look before a guest came back for one after it.
_LOOKS_AGAIN = "looks again for a guest who was back meanwhile"
# And those that were cancelled, and left the hold to the plan.
_FREES_ALL_THE_SAME = "frees what others have left of a cancelled hold"
# And those whose plan has captured in the task that told of a cancellation.
_HEARS_OF_A_CANCELLATION = "hears of a cancellation before the plan captures"
# And those that took a person's word on a release that was tried again for the end of trying.
_FREES_UNTIL_DONE = "frees until it is done"
# And those that took what was put off for due ever since.
_DUE_ANEW = "counts anew from when each hour has come"


class Keeper:
    """The one writer of a reservation.

    Attributes:
        record: What is known.
        inbox: What was asked.
        start_problem: The start was wrong in itself; nothing was sent, and the run fails with it.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self.inbox = Inbox()
        self.start_problem: Problem | None = None
        self._desk = Desk(record, self.inbox)
        self._waiting = Waiting(record, self.inbox, self._desk, self._cancel)
        self._carrier = Carrier(record, self.inbox, self._desk, self._waiting)
        self._others = Others(record, self.inbox, self._carrier, self._waiting)
        self._comparison = Comparison(record, self.inbox, self._carrier, self._waiting)
        self._due_since: datetime | None = None
        self._due_at: datetime | None = None
        self._cancelled: Ask | None = None

    async def keep(self) -> None:
        """Authorize, then carry out one instruction after another until nothing is held."""
        await self._start()
        while not self.record.life.is_over and self.start_problem is None:
            await self._turn()
        self._close()

    async def until_answered(self) -> None:
        """Wait until every caller has its answer; the run ends after that."""
        await self._waiting.until(workflow.all_handlers_finished)

    # One turn.

    async def _start(self) -> None:
        request, now = self.record.request, workflow.now()
        entry = self.record.add(
            Entry(
                number=0,
                kind=OperationKind.AUTHORIZE,
                command_id=START,
                amount=request.amount.plain(),
                final=True,
                requested_at=self.record.created_at,
                operator=request.operator,
                payment_method=request.payment_method,
                send_by=request.authorize_by or self.record.created_at + timing.AUTHORIZE_WITHIN,
            )
        )
        write_attributes(self.record)
        settled = await self._carrier.perform(entry, now + self.record.capabilities.answer_within)
        if settled is not None and settled.error is not None:
            self.start_problem = _problem(settled.error, settled, entry)

    async def _turn(self) -> None:
        unknown = self.record.unknown()
        if unknown is not None and not self._carrier.is_overtaken(unknown):
            await self._carrier.go_on(unknown)
            return
        if await self._look_after_the_guest():
            return
        if self._others.is_due():
            await self._others.look()
            return
        self._heed_the_rest()
        self._heed_the_cancellation()
        now = self._waiting.now
        step = next_step(self.record, now)
        if step is not None and step.at <= now:
            await self._when_due(step)
        elif (ask := self.inbox.head()) is not None:
            await self._follow(self.inbox.take(ask))
        else:
            await self._rest(step)

    def _heed_the_rest(self) -> None:
        """What the deadline's capture has left is freed at once, also where others took of it."""
        if not self.record.rest_is_due and plan_left_a_rest(self.record):
            self.record.rest_is_due = workflow.patched(_FREES_THE_REST)

    def _heed_the_cancellation(self) -> None:
        """Nobody asks a cancelled run again: what others have left of its hold is freed."""
        shown, asked = self.record.external, self._cancelled
        if asked is None or not asked.answered:
            return
        if shown is None or shown.state is not PaymentState.OPEN:
            return
        if self.record.life.state in RESTING and workflow.patched(_FREES_ALL_THE_SAME):
            adopt(self.record, shown)
            self._waiting.tell()
            self._cancel()

    async def _look_after_the_guest(self) -> bool:
        """The guest is back, or may be: whether there was anything to look at."""
        asked = self.record.at_the_guest()
        if not self.inbox.guest_is_back and not self.record.guest_may_have_passed:
            return False
        if asked is not None and self.record.life.state is HoldState.ACTION_REQUIRED:
            until = workflow.now() + timing.GUEST_SETTLES
            is_told = await self._carrier.look_after_the_guest(asked)
            if is_told and self._is_back_since(until):
                return True  # what was told may be of before
        self.inbox.guest_is_back = self.record.guest_may_have_passed = False
        return True

    def _is_back_since(self, until: datetime) -> bool:
        """Whether somebody has said so after the last look that a look after the guest makes."""
        heard_at = self.inbox.guest_heard_at
        is_later = heard_at is not None and heard_at > until
        waits = self.record.life.state is HoldState.ACTION_REQUIRED
        return is_later and waits and workflow.patched(_LOOKS_AGAIN)

    async def _rest(self, step: Step | None) -> None:
        """Nothing to do: wait for an instruction, or for the next step's hour."""
        await self._comparison.compare(step)
        if self.record.life.is_over:
            return
        at, why = (step.at, f"until the next step: {step.kind}") if step else (None, "")
        for looks_at, what in (
            (self._others.looks_at, "a second hold"),
            (self._comparison.looks_at, "what an earlier run has sent"),
        ):
            if looks_at is not None and (at is None or looks_at < at):
                at, why = looks_at, f"until {what} would be booked, if one is"
        await self._waiting.until(lambda: self._is_called_from(step), at, why)

    def _is_called_from(self, step: Step | None) -> bool:
        """Whether there is more to do than wait for this step.

        The desk may have changed what comes next, a new deadline say, or ended the hold.
        """
        inbox = self.inbox
        if inbox.waiting or inbox.guest_is_back or self.record.life.is_over:
            return True
        if self._comparison.is_due():
            return True
        return next_step(self.record, self._waiting.now) != step

    async def _when_due(self, step: Step) -> None:
        """A step of the plan is one more instruction: what arrived before it goes first.

        A capture and the deadline may arrive in one workflow task, and which of them the SDK
        reports first is not ours: the person's word counts. A warning waits for nobody.
        """
        if self._due_since is None or self._is_another_hour(step):
            self._due_since, self._due_at = workflow.now(), step.at
            if step.kind is StepKind.CAPTURE and workflow.patched(_HEARS_OF_A_CANCELLATION):
                await self._waiting.a_moment("until a cancellation is heard of")
                return
        ask = self.inbox.head() if step.kind is not StepKind.WARN else None
        if ask is not None and ask.at <= self._due_since:
            await self._follow(self.inbox.take(ask))
            return
        self._due_since = None
        await self._act(step)

    def _is_another_hour(self, step: Step) -> bool:
        """Whether what was due before was put off."""
        return step.at != self._due_at and workflow.patched(_DUE_ANEW)

    async def _act(self, step: Step) -> None:
        match step.kind:
            case StepKind.WARN:
                self._warn_of_expiry(step)
            case StepKind.GIVE_UP:
                await self._give_up_the_card()
            case StepKind.LOOK_UP:
                await self._look_whether_lapsed()
            case StepKind.CAPTURE:
                self.record.deadline_capture_tried = True
                await self._by_plan(Capture(amount=_amount_of(step), reason=step.why))
            case StepKind.RELEASE:
                tried_before = self.record.release_again_at is not None
                self.record.frees_again = tried_before and workflow.patched(_FREES_UNTIL_DONE)
                self.record.release_again_at = None
                await self._by_plan(Release(reason=step.why))

    async def _give_up_the_card(self) -> None:
        """No other was given: the end, unless one is at the last moment."""
        if await self._comparison.holds_on_no_card() and not self.inbox.waiting:
            self.record.life.move(Event.ABANDON)

    async def _by_plan(self, command: Capture | Release) -> None:
        shown = self.record.external
        if isinstance(command, Release) and shown and shown.state is PaymentState.OPEN:
            # A person was told of what was taken; what is left has to be freed all the same.
            adopt(self.record, shown)
        if self.record.life.state is HoldState.ACTION_REQUIRED:
            self.record.another_stands = await self._comparison.another_stands()
        await self._follow(Ask(command, DEADLINE, workflow.now()))

    def _cancel(self) -> None:
        """A cancelled run releases what is held, in its turn."""
        command = Release(reason="the run was cancelled")
        self._cancelled = Ask(command, CANCEL, workflow.now())
        self.inbox.waiting.append(self._cancelled)

    # One instruction.

    async def _follow(self, ask: Ask) -> None:
        """Carry an instruction out, or refuse it with the reason."""
        asked = Asked(ask.instruction(), ask.command_id, workflow.now())
        try:
            planned = operations(self.record, asked)
        except Problem as problem:
            self._desk.refuse(ask, problem)
            return
        self.record.end_attention(AttentionReason.EXPIRING_SOON)
        ask.entries = tuple(self.record.add(entry) for entry in planned)
        if not ask.entries:
            self.record.life.move(Event.RELEASE)
        await self._carry_out(ask)
        ask.answered = True
        self._waiting.tell()

    async def _carry_out(self, ask: Ask) -> None:
        answer_by = ask.at + self.record.capabilities.answer_within
        for entry in ask.entries:
            undone = next((e for e in ask.entries if e.is_decided and not _is_done(e)), None)
            if undone is not None or ask.is_unknown():
                self._give_up(entry, undone)
                continue
            settled = await self._carrier.perform(entry, answer_by)
            if settled is not None and settled.error is not None:
                ask.problem = _problem(settled.error, settled, entry)
        last = ask.entries[-1] if ask.entries else None
        if last is not None and self._leaves_a_rest(last):
            rest = self._carrier.release(self.record.ledger.remaining_minor, last)
            ask.entries = (*ask.entries, rest)
            await self._carrier.perform(rest, answer_by)

    def _give_up(self, entry: Entry, because: Entry | None) -> None:
        """An operation whose forerunner did not come off is not sent."""
        entry.state, entry.decided_at = OperationState.NOT_DONE, workflow.now()
        entry.detail = f"{because.operation_id} was not done" if because else "overtaken"

    def _leaves_a_rest(self, entry: Entry) -> bool:
        """After the last capture nothing may be left on the card."""
        captured = entry.kind is OperationKind.CAPTURE and _is_done(entry) and entry.final
        return captured and self.record.ledger.remaining_minor > 0

    # What the gateway shows.

    async def _look_whether_lapsed(self) -> None:
        """A lapsed hold is gone at the gateway; one that is still there is released."""
        record = self.record
        if not record.capabilities.shows_expiry:
            await self._by_plan(Release(reason="it has lapsed, and the gateway never shows it"))
            return
        probe = self._comparison.probe()
        errand = self._carrier.courier.inspect(probe)
        await self._waiting.until(errand.is_back, workflow.now() + record.capabilities.look_up_for)
        if not errand.is_back():
            told = "whether the hold has lapsed could not be looked up so far"
            record.raise_attention(AttentionReason.OUTCOME_UNKNOWN, workflow.now(), told)
            self._waiting.tell()
            await self._waiting.until(errand.is_back)
            record.end_attention(AttentionReason.OUTCOME_UNKNOWN)
        settled = errand.settled()
        payment = settled.payment if settled else None
        if settled is None:
            self._carrier.courier.learn_from(probe, errand)
            return
        record.capabilities = settled.capabilities or record.capabilities
        if payment is None or _is_gone(payment, record):
            lapse(record)
        elif payment.state is PaymentState.OPEN:
            await self._by_plan(Release(reason="it lapsed, and the gateway still shows it"))
        else:
            record.external = payment

    def _warn_of_expiry(self, step: Step) -> None:
        self.record.warned = True
        self.record.raise_attention(AttentionReason.EXPIRING_SOON, workflow.now(), step.why)
        self._waiting.tell()

    def _close(self) -> None:
        """Nothing is held any more: whoever is still waiting is told so."""
        record = self.record
        record.closed_at = workflow.now()
        self._note_what_was_said()
        self._tell_what_was_left()
        record.end_attention(*AttentionReason)
        message = f"the hold is {record.life.state}: it was settled before this instruction's turn"
        for ask in (*self.inbox.waiting, *self.inbox.at_once):
            self._desk.refuse(ask, Problem(ErrorType.CLOSED, message))
        self.inbox.waiting.clear()
        self.inbox.at_once.clear()
        self._waiting.tell(decided=True)

    def _note_what_was_said(self) -> None:
        """A person's word on what the end has overtaken: it moves nothing any more."""
        for entry in self.record.entries:
            said = self._desk.word_on(entry)
            if said is not None:
                done = said.ending is Ending.DONE
                entry.state = OperationState.DONE if done else OperationState.NOT_DONE
                entry.decided_at, entry.detail = workflow.now(), said.detail
                self._desk.served(entry)

    def _tell_what_was_left(self) -> None:
        """The end settles every amount; what somebody wanted all the same is told once more."""
        record, now = self.record, workflow.now()
        unknown = record.unknown()
        if unknown is not None:
            told = f"nothing is held any more; what became of {unknown.operation_id} is not known"
            record.raise_attention(AttentionReason.OUTCOME_UNKNOWN, now, told, unknown)
        elif record.life.state is HoldState.EXPIRED and record.deadline_capture_tried:
            told = "the hold had lapsed before the plan could capture it"
            record.raise_attention(AttentionReason.CAPTURE_REFUSED, now, told)
        self._comparison.tell_at_the_end()
        self._waiting.tell()


def _is_gone(payment: Payment, record: Record) -> bool:
    """Whether nothing is held any more, and nothing was taken that we don't know of.

    A gateway may have one word for what lapsed and for what was released.
    """
    taken = payment.captured.amount_minor != record.ledger.captured_minor
    return payment.state is not PaymentState.OPEN and not taken


def _amount_of(step: Step) -> MoneyIn | None:
    """The amount of a step of the plan, as an instruction carries it."""
    amount = step.amount
    return MoneyIn(amount_minor=amount.amount_minor, currency=amount.currency) if amount else None


def _is_done(entry: Entry) -> bool:
    return entry.state is OperationState.DONE


def _problem(type_: ErrorType, settled: Settled, entry: Entry) -> Problem:
    detail = settled.detail or "refused"
    return Problem(type_, detail, field=settled.field, operation_id=entry.operation_id)

"""Keeps one hold: takes one instruction after another until nothing is held any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow

from cardhold.hold import (
    Attention,
    AttentionReason,
    OperationKind,
    OperationState,
    Step,
    StepKind,
)
from cardhold.messages import Adjust, Capture, Release
from cardhold.money import MoneyIn
from cardhold.names import ErrorType
from domain.agenda import next_step
from domain.calls import Ending, Settled
from domain.lifecycle import Event
from domain.outcome import Payment, PaymentState
from domain.planner import Asked, Problem, operations
from domain.record import Entry, Record, release_again
from domain.settlement import adopt, is_partial, lapse, note_external, settle
from workflows import timing
from workflows.courier import Courier, Errand, Rung
from workflows.desk import Desk
from workflows.inbox import Ask, Inbox, still_unknown
from workflows.telling import alarm_summary, warn, write_attributes, write_details

START, DEADLINE, CANCEL = "start", "deadline", "cancel"


class Keeper:
    """The one writer of a reservation.

    Attributes:
        record: What is known.
        inbox: What was asked.
        is_idle: Nothing is under way: an instruction that arrives has its turn at once.
        start_problem: The start was wrong in itself; nothing was sent, and the run fails with it.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self.inbox = Inbox()
        self.is_idle = False
        self.start_problem: Problem | None = None
        self._desk = Desk(record, self.inbox)
        self._courier = Courier(record)
        self._alarm = _Alarm()
        self._told: Attention | None = None
        self._due_since: datetime | None = None

    async def keep(self) -> None:
        """Authorize, then carry out one instruction after another until nothing is held."""
        await self._start()
        while not self.record.life.is_over and self.start_problem is None:
            await self._turn()
        self._close()

    def has_its_turn(self, ask: Ask) -> bool:
        """Whether an instruction that has just arrived is followed at once, in one operation."""
        alone = all(waiting is ask for waiting in self.inbox.waiting)
        amount = ask.command.amount if isinstance(ask.command, Capture) else None
        raises = amount and amount.amount_minor > self.record.ledger.remaining_minor
        return self.is_idle and alone and not raises

    async def until_answered(self) -> None:
        """Wait until every caller has its answer; the run ends after that."""
        await self._until(workflow.all_handlers_finished)

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
        if not workflow.info().typed_search_attributes:
            write_attributes(self.record)
        if entry.send_by is not None and now >= entry.send_by and not self._courier.is_second_run:
            detail = "authorize_by had passed before it could be sent"
            self._settle(entry, Settled(ending=Ending.ABSENT, detail=detail))
            return
        settled = await self._perform(entry, now + self.record.capabilities.answer_within)
        if settled is not None and settled.error is not None:
            self.start_problem = _problem(settled.error, settled, entry)

    async def _turn(self) -> None:
        unknown = self.record.unknown()
        if unknown is not None and not self._is_overtaken(unknown):
            await self._go_on(unknown)
            return
        step = next_step(self.record, workflow.now())
        if step is not None and step.at <= workflow.now():
            await self._when_due(step)
        elif self.inbox.waiting:
            await self._follow(self.inbox.waiting.popleft())
        else:
            await self._rest(step)

    async def _rest(self, step: Step | None) -> None:
        """Nothing to do: wait for an instruction, or for the next step's hour."""
        self._face_what_the_gateway_shows()
        if self.record.life.is_over:
            return
        self.is_idle = True
        if step is not None:
            self._alarm.set(step)
        await self._until(lambda: bool(self.inbox.waiting), step.at if step else None)
        self.is_idle = False

    async def _when_due(self, step: Step) -> None:
        """A step of the plan is one more instruction: what arrived before it goes first.

        A capture and the deadline may arrive in one workflow task, and which of them the SDK
        reports first is not ours: the person's word counts.
        """
        if step.kind is StepKind.WARN:
            self._warn_of_expiry(step)
            return
        self._due_since = self._due_since or workflow.now()
        if self.inbox.waiting and self.inbox.waiting[0].at <= self._due_since:
            await self._follow(self.inbox.waiting.popleft())
            return
        self._due_since = None
        await self._act(step)

    async def _act(self, step: Step) -> None:
        match step.kind:
            case StepKind.WARN:
                self._warn_of_expiry(step)
            case StepKind.GIVE_UP:
                self.record.life.move(Event.ABANDON)
            case StepKind.LOOK_UP:
                await self._look_whether_lapsed()
            case StepKind.CAPTURE:
                self.record.deadline_capture_tried = True
                await self._by_plan(Capture(amount=_amount_of(step), reason=step.why))
            case StepKind.RELEASE:
                self.record.release_again_at = None
                await self._by_plan(Release(reason=step.why))

    async def _by_plan(self, command: Capture | Release) -> None:
        kind = OperationKind(command.name)
        await self._follow(Ask(command, self._own_id(kind, DEADLINE), workflow.now()))

    def _own_id(self, kind: OperationKind, base: str) -> str:
        """The name of an instruction that no caller named; a further try is another one.

        ``~`` is in no caller's ``command_id``, so the two can never be the same.
        """
        tries = sum(
            entry.kind is kind and entry.command_id.partition("~")[0] == base
            for entry in self.record.entries
        )
        return f"{base}~{tries + 1}" if tries else base

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
        self._tell()

    async def _carry_out(self, ask: Ask) -> None:
        answer_by = ask.at + self.record.capabilities.answer_within
        for entry in ask.entries:
            undone = next((e for e in ask.entries if e.is_decided and not _is_done(e)), None)
            if undone is not None or self.record.unknown() is not None:
                self._give_up(entry, undone)
                continue
            settled = await self._perform(entry, answer_by)
            if settled is not None and settled.error is not None:
                ask.problem = _problem(settled.error, settled, entry)
        last = ask.entries[-1] if ask.entries else None
        if last is not None and self._leaves_a_rest(last):
            rest = self._rest_of(last)
            ask.entries = (*ask.entries, rest)
            await self._perform(rest, answer_by)

    def _give_up(self, entry: Entry, because: Entry | None) -> None:
        """An operation whose forerunner did not come off is not sent."""
        entry.state, entry.decided_at = OperationState.NOT_DONE, workflow.now()
        entry.detail = f"{because.operation_id} was not done" if because else "overtaken"

    def _leaves_a_rest(self, entry: Entry) -> bool:
        captured = entry.kind is OperationKind.CAPTURE and _is_done(entry) and entry.final
        return captured and self.record.ledger.remaining_minor > 0

    def _rest_of(self, capture: Entry) -> Entry:
        """After the last capture nothing is left on the card."""
        return self._release(self.record.ledger.remaining_minor, capture)

    def _release(self, amount_minor: int, for_: Entry) -> Entry:
        return self.record.add(
            Entry(
                number=0,
                kind=OperationKind.RELEASE,
                command_id=self._own_id(OperationKind.RELEASE, for_.command_id),
                amount=self.record.ledger.money(amount_minor),
                final=True,
                requested_at=workflow.now(),
                operator=for_.operator,
                reason=for_.reason,
            )
        )

    # One operation.

    async def _perform(self, entry: Entry, answer_by: datetime) -> Settled | None:
        """Send an operation and let its outcome take effect.

        Returns:
            How it ended; None where a deadline has overtaken it, its outcome still unknown.
        """
        now, ledger = workflow.now(), self.record.ledger
        if entry.kind is OperationKind.ADJUST and (
            entry.amount.amount_minor == ledger.authorized_minor
        ):
            entry.state, entry.decided_at = OperationState.DONE, now
            entry.detail = "this total was held already"
            return None
        if entry.number > 1:
            self.record.life.move(Event(entry.kind.value))
        settled = await self._outcome_of(entry, answer_by)
        if settled is not None:
            await self._take_effect(entry, settled)
        return settled

    async def _outcome_of(self, entry: Entry, answer_by: datetime) -> Settled | None:
        entry.state, entry.sent_at = OperationState.SENT, workflow.now()
        errand = self._courier.first_try(entry, answer_by)
        await self._until(errand.is_back)
        settled = errand.settled()
        if settled is None:
            self._lost(entry)
            settled = await self._find_out(entry, errand)
        return settled

    def _lost(self, entry: Entry) -> None:
        """Nobody knows the outcome: say so to those who wait for their turn in vain."""
        entry.state = OperationState.UNKNOWN
        for ask in self.inbox.take_against_unknown(Adjust, Capture):
            self._desk.refuse(ask, still_unknown(entry))
        self._tell()

    async def _go_on(self, entry: Entry) -> None:
        """Take an operation up again that a deadline had overtaken."""
        settled = await self._find_out(entry, None)
        if settled is not None:
            await self._take_effect(entry, settled)

    async def _find_out(self, entry: Entry, lost: Errand | None) -> Settled | None:
        """Find out what became of an operation, however long it takes.

        Returns:
            How it ended, by the gateway's word or a person's; None where a deadline came first.
        """
        rung = self._courier.rung_after(entry, lost) if lost else Rung.LOOK
        if lost is not None and (pause := self._courier.pause_after(lost)):
            await self._until(lambda: self._is_off(entry), workflow.now() + pause)
        lost_at = workflow.now()
        while not self._is_off(entry):
            errand = self._courier.next_try(entry, rung, lost_at)
            settled = await self._come_back(entry, errand)
            if settled is not None and not (rung is Rung.LOOK and settled.ending is Ending.ABSENT):
                return settled
            if settled is not None:
                rung = Rung.LOOK_AND_SEND
            elif errand.is_back():
                rung, lost_at = self._courier.rung_after(entry, errand), workflow.now()
        return self._desk.word_on(entry)

    async def _come_back(self, entry: Entry, errand: Errand) -> Settled | None:
        """Wait for an errand; call it off where a person or the deadline is first."""
        while not errand.is_back() and not self._is_off(entry):
            tell_at = self._tell_at(entry)
            if tell_at is not None and tell_at <= workflow.now():
                told = f"the outcome of {entry.operation_id} could not be looked up so far"
                self.record.raise_attention(
                    AttentionReason.OUTCOME_UNKNOWN, workflow.now(), told, entry
                )
                self._tell()
                continue
            await self._until(
                lambda: errand.is_back() or self._is_off(entry), self._soonest(entry, tell_at)
            )
        if errand.is_back():
            return errand.settled()
        errand.call_off()
        return None

    def _is_off(self, entry: Entry) -> bool:
        return self._desk.word_on(entry) is not None or self._is_overtaken(entry)

    def _is_overtaken(self, entry: Entry) -> bool:
        """An unknown adjust does not delay what the plan does at its hour."""
        if entry.kind is not OperationKind.ADJUST:
            return False
        step = next_step(self.record, workflow.now())
        return step is not None and step.kind is not StepKind.WARN and step.at <= workflow.now()

    def _tell_at(self, entry: Entry) -> datetime | None:
        """When a person is told of an unknown outcome; before a deadline in any case."""
        sent_at, terms = entry.sent_at, self.record.terms
        if self.record.has_attention(AttentionReason.OUTCOME_UNKNOWN) or sent_at is None:
            return None
        hours = [terms.deadline, terms.give_up_capture_at] if terms else []
        at = sent_at + self.record.capabilities.look_up_for
        return min((hour for hour in [at, *hours] if hour > sent_at), default=at)

    def _soonest(self, entry: Entry, tell_at: datetime | None) -> datetime | None:
        instants = [tell_at] if tell_at else []
        if entry.kind is OperationKind.ADJUST and self.record.terms:
            instants.append(self.record.terms.deadline)
        return min((at for at in instants if at > workflow.now()), default=None)

    async def _take_effect(self, entry: Entry, settled: Settled) -> None:
        if settled.capabilities is not None:
            self.record.capabilities = settled.capabilities
        if is_partial(self.record, entry, settled) and settled.payment is not None:
            settled = await self._give_back(entry, settled.payment)
        self._settle(entry, settled)

    def _settle(self, entry: Entry, settled: Settled) -> None:
        record = self.record
        record.cautious = record.cautious or self._courier.is_second_run
        settle(record, entry, settled, workflow.now())
        self._desk.served(entry)
        self._tell(decided=entry.kind is OperationKind.AUTHORIZE)

    async def _give_back(self, entry: Entry, payment: Payment) -> Settled:
        """Release an approval for less than was asked, however long it takes; it is a decline."""
        record = self.record
        record.payment_id, record.gateway_reference = payment.payment_id, payment.reference
        while True:
            release = self._release(payment.authorized.amount_minor, entry)
            ended = await self._outcome_of(
                release, workflow.now() + record.capabilities.answer_within
            )
            gone = ended is not None and ended.ending in {Ending.DONE, Ending.CHANGED}
            release.state = OperationState.DONE if gone else OperationState.DECLINED
            release.decided_at = workflow.now()
            if gone:
                break
            told = f"the gateway refused {release.operation_id}, of an approval for less than asked"
            record.raise_attention(AttentionReason.RELEASE_REFUSED, workflow.now(), told, release)
            self._tell()
            await self._until(lambda: False, release_again(workflow.now()))
        record.end_attention(AttentionReason.RELEASE_REFUSED, AttentionReason.OUTCOME_UNKNOWN)
        record.payment_id = record.gateway_reference = None
        detail = f"approved for {payment.authorized} only, which was released"
        return Settled(ending=Ending.DECLINED, payment=payment, detail=detail)

    # What the gateway shows.

    async def _look_whether_lapsed(self) -> None:
        """A lapsed hold is gone at the gateway; one that is still there is released."""
        record, now = self.record, workflow.now()
        probe = Entry(
            number=len(record.entries) + 1,
            kind=OperationKind.RELEASE,
            command_id=DEADLINE,
            amount=record.ledger.money(record.ledger.remaining_minor),
            final=True,
            requested_at=now,
        )
        errand = self._courier.inspect(probe)
        await self._until(errand.is_back)
        settled = errand.settled()
        if settled is None:
            return
        payment = settled.payment
        if payment is None or payment.state in {PaymentState.EXPIRED, PaymentState.DECLINED}:
            lapse(record)
        elif payment.state is PaymentState.OPEN:
            await self._by_plan(Release(reason="it lapsed, and the gateway still shows it"))
        else:
            record.external = payment

    def _face_what_the_gateway_shows(self) -> None:
        """What the gateway shows and we did not do: an earlier run did it, or somebody else."""
        record = self.record
        if record.external is None or record.has_attention(AttentionReason.EXTERNAL_CHANGE):
            return
        if self._courier.is_second_run:
            adopt(record, record.external)
        else:
            note_external(record, record.external, workflow.now())
        self._tell()

    # Waiting, and telling.

    async def _until(self, ready: Callable[[], bool], at: datetime | None = None) -> None:
        """Wait until ``ready``, or until ``at``; serve meanwhile what never queues.

        The one place where the run waits, and so the one where a cancellation arrives: it is
        an instruction to release, and stops nothing that is under way.
        """
        while not ready() and (at is None or workflow.now() < at):
            if at is not None:
                self._alarm.at(at)
            try:
                await workflow.wait_condition(
                    lambda: ready() or self._desk.has_work() or self._alarm.has_rung(at)
                )
            except asyncio.CancelledError:
                self._cancel()
            if self._desk.serve():
                self._tell()

    def _cancel(self) -> None:
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
        ask = Ask(Release(reason="the run was cancelled"), CANCEL, workflow.now())
        self.inbox.waiting.append(ask)

    def _warn_of_expiry(self, step: Step) -> None:
        self.record.warned = True
        self.record.raise_attention(AttentionReason.EXPIRING_SOON, workflow.now(), step.why)
        self._tell()

    def _tell(self, *, decided: bool = False) -> None:
        """Write what has changed where people look."""
        attention = self.record.attention
        if attention is not None and (
            self._told is None or attention.reason is not self._told.reason
        ):
            warn(attention)
        if decided or attention != self._told:
            write_attributes(self.record)
        self._told = attention
        write_details(self.record)

    def _close(self) -> None:
        """Nothing is held any more: whoever is still waiting is told so."""
        record = self.record
        record.closed_at = workflow.now()
        record.end_attention(*AttentionReason)
        message = f"the hold is {record.life.state}: it was settled before this instruction's turn"
        for ask in (*self.inbox.waiting, *self.inbox.at_once):
            self._desk.refuse(ask, Problem(ErrorType.CLOSED, message))
        self.inbox.waiting.clear()
        self._told = None
        self._tell(decided=True)


class _Alarm:
    """One timer at a time; one that rings too early is worth less than cancelling it costs."""

    def __init__(self) -> None:
        self._at: datetime | None = None
        self._task: asyncio.Task[None] | None = None
        self._why = "until the next step"

    def set(self, step: Step) -> None:
        """Say what the next timer is for."""
        self._why = alarm_summary(step.kind)

    def at(self, instant: datetime) -> None:
        """Ring at ``instant`` at the latest."""
        if self._at is not None and self._at <= instant:
            return
        if self._task is not None:
            self._task.cancel()
        self._at = instant
        self._task = asyncio.create_task(self._ring(instant))

    def has_rung(self, instant: datetime | None) -> bool:
        """Whether somebody who waits for ``instant`` should look again."""
        return instant is not None and (self._at is None or workflow.now() >= instant)

    async def _ring(self, instant: datetime) -> None:
        left = max(instant - workflow.now(), timedelta(0))
        await workflow.sleep(left, summary=self._why)
        self._at = self._task = None


def _amount_of(step: Step) -> MoneyIn | None:
    """The amount of a step of the plan, as an instruction carries it."""
    amount = step.amount
    return MoneyIn(amount_minor=amount.amount_minor, currency=amount.currency) if amount else None


def _is_done(entry: Entry) -> bool:
    return entry.state is OperationState.DONE


def _problem(type_: ErrorType, settled: Settled, entry: Entry) -> Problem:
    detail = settled.detail or "refused"
    return Problem(type_, detail, field=settled.field, operation_id=entry.operation_id)

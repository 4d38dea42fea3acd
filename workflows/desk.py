"""Serves what never queues behind the gateway: a new plan, a person's word, an acknowledgement."""

from __future__ import annotations

from dataclasses import dataclass

from temporalio import workflow

from cardhold.hold import AttentionReason, HoldState, OperationKind, OperationState
from cardhold.messages import Acknowledge, Reschedule, Resolve, ResolvedOutcome
from cardhold.money import Money
from cardhold.names import ErrorType
from domain.calls import Ending, Settled
from domain.outcome import Payment, PaymentState
from domain.planner import Problem, check_currency, reschedule
from domain.record import RESTING, Entry, Record
from domain.settlement import adopt
from workflows.inbox import Ask, Inbox


@dataclass(slots=True)
class _Word:
    """A person's word on an operation, until it has taken effect."""

    ask: Ask
    entry: Entry
    settled: Settled


class Desk:
    """Works for `Keeper`, at its one waiting place: so there is still one writer."""

    def __init__(self, record: Record, inbox: Inbox) -> None:
        self._record = record
        self._inbox = inbox
        self._words: list[_Word] = []

    def has_work(self) -> bool:
        """Whether something waits to be served."""
        return bool(self._inbox.at_once)

    def serve(self) -> bool:
        """Serve all that waits; True where something may have changed."""
        served = self.has_work()
        while self._inbox.at_once:
            ask = self._inbox.take_at_once()
            try:
                self._serve(ask)
            except Problem as problem:
                self.refuse(ask, problem)
        return served

    def word_on(self, entry: Entry) -> Settled | None:
        """What a person has said of this operation, if somebody has."""
        return next((word.settled for word in self._words if word.entry is entry), None)

    def served(self, entry: Entry) -> None:
        """The operation is decided: so is what was said of it."""
        for word in self._words:
            word.ask.answered |= word.entry is entry
        self._words = [word for word in self._words if word.entry is not entry]

    def refuse(self, ask: Ask, problem: Problem) -> None:
        """Answer an instruction that is not carried out; a signal's refusal is kept in the hold."""
        self._inbox.refuse(ask, problem)
        if ask.is_signal:
            self._record.refuse(ask.command.name, workflow.now(), problem.message)

    def _serve(self, ask: Ask) -> None:
        match ask.command:
            case Reschedule() as command:
                reschedule(self._record, command, workflow.now())
                self._record.end_attention(AttentionReason.EXPIRING_SOON)
                ask.answered = True
            case Acknowledge():
                self._acknowledge()
                ask.answered = True
            case Resolve() as command:
                self._resolve(ask, command)
            case _:
                raise AssertionError(ask.command.name)  # the others queue

    def _acknowledge(self) -> None:
        record = self._record
        if record.has_attention(AttentionReason.EXTERNAL_CHANGE):
            if record.life.state not in {*RESTING, HoldState.DECLINED}:
                message = "an operation is under way: acknowledge when it is decided"
                raise Problem(ErrorType.ILLEGAL_MOVE, message)
            if record.external is not None:
                adopt(record, record.external)
            record.end_attention(AttentionReason.EXTERNAL_CHANGE)
        elif record.has_attention(AttentionReason.EXPIRING_SOON):
            record.end_attention(AttentionReason.EXPIRING_SOON)
        else:
            attention = record.attention
            stands = f"'{attention.reason}' needs an act" if attention else "no attention stands"
            raise Problem(ErrorType.ILLEGAL_MOVE, f"there is nothing to acknowledge: {stands}")

    def _resolve(self, ask: Ask, command: Resolve) -> None:
        entry = self._record.entry(command.operation_id)
        check_currency(self._record, "amount", command.amount)
        if entry is None:
            message = f"operation_id must be one of this hold's; '{command.operation_id}' is not"
            raise Problem(ErrorType.INVALID_REQUEST, message, field="operation_id")
        if entry.state is not OperationState.UNKNOWN or self.word_on(entry) is not None:
            said = "resolved already" if self.word_on(entry) else entry.state
            message = f"{entry.operation_id} is {said}: only an unknown one can be resolved"
            raise Problem(ErrorType.ILLEGAL_MOVE, message, operation_id=entry.operation_id)
        entry.amount = self._told_amount(entry, command)
        entry.reference = command.reference or entry.reference
        # The gateway may yet say otherwise; from now on it is asked before anything is sent.
        self._record.cautious = True
        self._words.append(_Word(ask, entry, self._settled(entry, command)))

    def _told_amount(self, entry: Entry, command: Resolve) -> Money:
        """What the operation moved by the person's word: its own amount where they name none.

        Raises:
            Problem: InvalidRequest: more was never held, so no capture can have taken it; or less
                than was captured, so no adjust can have made it the total.
        """
        if command.outcome is ResolvedOutcome.NOT_DONE:
            return entry.amount.plain()
        told, ledger, must = command.amount or entry.amount, self._record.ledger, None
        held, taken = ledger.remaining_minor, ledger.captured_minor
        is_named = command.amount is not None
        if entry.kind is OperationKind.CAPTURE and is_named and told.amount_minor > held:
            must = f"at most what is held, {ledger.money(held)}"
        elif entry.kind is OperationKind.ADJUST and told.amount_minor < taken:
            must = f"the new total, at least what is captured, {ledger.money(taken)}"
        if must is not None:
            raise Problem(ErrorType.INVALID_REQUEST, f"amount must be {must}", field="amount")
        return told.plain()

    def _settled(self, entry: Entry, command: Resolve) -> Settled:
        detail = f"resolved as {command.outcome} by {command.operator}: {command.reason}"
        if command.outcome is ResolvedOutcome.NOT_DONE:
            return Settled(ending=Ending.ABSENT, detail=detail)
        # Their reference names the payment; what the gateway repeats in its answers is our own.
        payment = self._payment(entry, command)
        return Settled(ending=Ending.DONE, detail=detail, payment=payment)

    def _payment(self, entry: Entry, command: Resolve) -> Payment:
        """The payment as it stands by the person's word."""
        ledger = self._record.ledger
        held, taken = ledger.money(ledger.authorized_minor), ledger.money(ledger.captured_minor)
        payment_id = self._record.payment_id or command.reference or ""
        match entry.kind:
            case OperationKind.AUTHORIZE | OperationKind.ADJUST:
                held, state = entry.amount, PaymentState.OPEN
            case OperationKind.CAPTURE:
                taken, state = taken.plus(entry.amount.amount_minor), PaymentState.CAPTURED
            case OperationKind.RELEASE:
                state = PaymentState.RELEASED
        return Payment(payment_id=payment_id, state=state, authorized=held, captured=taken)

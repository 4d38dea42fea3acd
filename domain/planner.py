"""Turns what somebody asks into operations at the gateway, by what the account can do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cardhold.hold import FINAL_STATES, HoldState, OperationKind
from cardhold.messages import Adjust, Authorize, Capture, Instruction, Release, Reschedule
from cardhold.money import AMOUNT_MINOR_MAX, Money, as_text
from cardhold.names import ErrorType
from domain.lifecycle import Event, IllegalMove
from domain.record import Entry, Record


class Problem(Exception):
    """An instruction that is not carried out: nothing was sent, and nothing changed.

    Attributes:
        type: What a caller matches on.
        field: The field that is wrong, if one is.
        operation_id: The operation that it is about, if one is.
    """

    def __init__(
        self,
        type_: ErrorType,
        message: str,
        *,
        field: str | None = None,
        operation_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.type = type_
        self.message = message
        self.field = field
        self.operation_id = operation_id


@dataclass(frozen=True, slots=True)
class Asked:
    """An instruction whose turn has come, and the name that it goes by."""

    command: Instruction
    command_id: str
    at: datetime


_EVENTS: dict[type[Instruction], Event] = {
    Authorize: Event.AUTHORIZE,
    Adjust: Event.ADJUST,
    Capture: Event.CAPTURE,
    Release: Event.RELEASE,
}


def check_currency(record: Record, name: str, amount: Money | None) -> None:
    """Refuse an amount in another currency than the hold's: wrong in any state.

    Raises:
        Problem: InvalidRequest.
    """
    if amount is not None and amount.currency != record.ledger.currency:
        raise Problem(
            ErrorType.INVALID_REQUEST,
            f"{name}.currency must be the hold's, {record.ledger.currency}",
            field=f"{name}.currency",
        )


def check(record: Record, command: Instruction) -> None:
    """Refuse an instruction that is wrong in itself, whatever the state.

    Raises:
        Problem: InvalidRequest.
    """
    match command:
        case Adjust():
            check_currency(record, "amount", command.amount)
            if command.by is not None and command.by.currency != record.ledger.currency:
                message = f"by.currency must be the hold's, {record.ledger.currency}"
                raise Problem(ErrorType.INVALID_REQUEST, message, field="by.currency")
        case Capture():
            check_currency(record, "amount", command.amount)
        case Authorize() | Release():
            pass


def judge(record: Record, command: Instruction) -> None:
    """Refuse what is not possible in the present state, by the state machine's word.

    Raises:
        Problem: Closed, IllegalMove.
    """
    state, event = record.life.state, _EVENTS[type(command)]
    if state in FINAL_STATES:
        raise Problem(ErrorType.CLOSED, f"the hold is {state}: {event} comes too late")
    if not record.life.allows(event):
        raise Problem(ErrorType.ILLEGAL_MOVE, str(IllegalMove(state, event)))


def operations(record: Record, asked: Asked) -> tuple[Entry, ...]:
    """The operations that carry an instruction out, in order; none where nothing is held.

    Raises:
        Problem: Closed, IllegalMove, NotSupported or InvalidRequest; nothing was sent.
    """
    judge(record, asked.command)
    match asked.command:
        case Authorize():
            return (_entry(OperationKind.AUTHORIZE, record.request.amount, asked),)
        case Adjust():
            total = _new_total(record, asked.command)
            return (_entry(OperationKind.ADJUST, total, asked),)
        case Capture():
            return _capture(record, asked.command, asked)
        case Release() if record.life.state is HoldState.DECLINED:
            return ()  # nothing is held: there is nothing to send
        case Release():
            waiting = record.at_the_guest()  # what is called off is all that was asked for
            held = record.ledger.money(record.ledger.remaining_minor)
            return (_entry(OperationKind.RELEASE, waiting.amount if waiting else held, asked),)


def _entry(kind: OperationKind, amount: Money, asked: Asked, *, final: bool = True) -> Entry:
    command = asked.command
    return Entry(
        number=0,  # `Record.add` gives the next
        kind=kind,
        command_id=asked.command_id,
        amount=amount.plain(),
        final=final,
        requested_at=asked.at,
        operator=command.operator,
        reason=command.reason,
        payment_method=command.payment_method if isinstance(command, Authorize) else None,
    )


def _new_total(record: Record, command: Adjust) -> Money:
    held = record.ledger.authorized_minor
    total = command.amount.amount_minor if command.amount else held
    if command.by is not None:
        total = held + command.by.amount_minor
        if not 1 <= total <= AMOUNT_MINOR_MAX:
            message = (
                f"by must leave a total from 1 to {AMOUNT_MINOR_MAX} minor units;"
                f" {as_text(held, record.ledger.currency)} is held"
            )
            raise Problem(ErrorType.INVALID_REQUEST, message, field="by")
    _check_adjustable(record, total)
    return record.ledger.money(total)


def _check_adjustable(record: Record, total_minor: int) -> None:
    held, can = record.ledger.authorized_minor, record.capabilities
    if (total_minor > held and not can.raises) or (total_minor < held and not can.lowers):
        verb = "raised" if total_minor > held else "lowered"
        message = f"a hold cannot be {verb} on the account '{record.request.gateway}'"
        raise Problem(ErrorType.NOT_SUPPORTED, message, field="amount")


def _capture(record: Record, command: Capture, asked: Asked) -> tuple[Entry, ...]:
    ledger = record.ledger
    if command.amount is None and record.plan.deadline_amount is not None:
        message = "amount must be given where a deadline_amount is set"
        raise Problem(ErrorType.INVALID_REQUEST, message, field="amount")
    remaining = ledger.remaining_minor
    amount = command.amount or ledger.money(remaining)
    final = command.final or amount.amount_minor >= remaining
    if not final:
        _check_another_capture(record)
    capture = _entry(OperationKind.CAPTURE, amount, asked, final=final)
    if amount.amount_minor <= remaining:
        return (capture,)
    if record.life.state is HoldState.PARTIALLY_CAPTURED:
        message = f"only {ledger.money(remaining)} is still held, and it cannot be raised any more"
        raise Problem(ErrorType.ILLEGAL_MOVE, message, field="amount")
    _check_adjustable(record, amount.amount_minor)
    return (_entry(OperationKind.ADJUST, amount, asked), capture)


def _check_another_capture(record: Record) -> None:
    most = record.capabilities.captures_max
    if most is not None and record.ledger.captures + 1 >= most:
        message = (
            f"the account '{record.request.gateway}' takes {most} capture(s) of a hold:"
            " 'final' must be true"
        )
        raise Problem(ErrorType.NOT_SUPPORTED, message, field="final")


def reschedule(record: Record, command: Reschedule, now: datetime) -> None:
    """Change the plan.

    Raises:
        Problem: InvalidRequest, and nothing changed.
    """
    plan = record.plan
    on_deadline = command.on_deadline or plan.on_deadline
    check_currency(record, "deadline_amount", command.deadline_amount)
    if command.settle_by is not None and command.settle_by <= now:
        message = "settle_by must not be in the past"
        raise Problem(ErrorType.INVALID_REQUEST, message, field="settle_by")
    if command.deadline_amount is not None and on_deadline != "capture":
        message = "deadline_amount must come with on_deadline 'capture'"
        raise Problem(ErrorType.INVALID_REQUEST, message, field="deadline_amount")
    kept = plan.deadline_amount if on_deadline == "capture" else None
    plan.on_deadline = on_deadline
    plan.deadline_amount = command.deadline_amount or kept
    plan.settle_by = command.settle_by or plan.settle_by
    record.set_terms()

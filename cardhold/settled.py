"""What a settled hold says of a command whose own answer was lost at closing time."""

from __future__ import annotations

from cardhold.errors import CardholdError, Closed, Conflict, Declined
from cardhold.hold import DECIDED, Hold, Operation, OperationState
from cardhold.messages import Adjust, Capture, Command


def answer_of(hold: Hold, command: Command) -> Hold:
    """The answer that ``command`` got, or would have got, from a hold that is settled.

    Returns:
        The hold, where the operation under the command's id is done.

    Raises:
        Declined: It was refused, and nothing moved.
        Conflict: The id belongs to an operation that says something else.
        Closed: The hold was settled before the command's turn came.
    """
    operation = _operation_of(hold, command)
    if operation is None or operation.state not in DECIDED:
        raise Closed(
            f"reservation {hold.reservation_id} is settled ({hold.state}) and takes no more",
            hold=hold,
        )
    if (refused := _refusal_of(hold, command, operation)) is not None:
        raise refused
    return hold


def _operation_of(hold: Hold, command: Command) -> Operation | None:
    """The command's own operation: the last one under its id.

    A capture above the hold is two operations under one id. Where the raise is done and the
    capture never came, the command was not carried out.
    """
    under_its_id = [o for o in hold.operations if o.command_id == command.command_id]
    if command.name == "capture":
        # What it left is freed under its id too, where the gateway frees nothing by itself.
        own = [o for o in under_its_id if o.kind != "release"]
        under_its_id = own or under_its_id
    if not under_its_id:
        return None
    last = under_its_id[-1]
    raised_only = command.name == "capture" and last.kind == "adjust"
    return None if raised_only and last.state is OperationState.DONE else last


def _refusal_of(hold: Hold, command: Command, operation: Operation) -> CardholdError | None:
    if _says_something_else(command, operation):
        return Conflict(
            f"command {command.command_id} was given before, with other content",
            operation_id=operation.operation_id,
            hold=hold,
        )
    if operation.state is OperationState.DONE or command.name == "authorize":
        return None
    why = f": {operation.detail}" if operation.detail else ""
    return Declined(
        f"{command.name} was refused and nothing moved{why}",
        operation_id=operation.operation_id,
        hold=hold,
    )


def _says_something_else(command: Command, operation: Operation) -> bool:
    """Whether the id was another instruction's, as far as an operation shows what was asked."""
    raise_of_a_capture = command.name == "capture" and operation.kind == "adjust"
    if operation.kind != command.name and not raise_of_a_capture:
        return True
    asked = command.amount if isinstance(command, Adjust | Capture) else None
    return asked is not None and (asked.amount_minor, asked.currency) != (
        operation.amount.amount_minor,
        operation.amount.currency,
    )

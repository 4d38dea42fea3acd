"""What may come of messages to live reservations, and what of them may be seen afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import WorkflowHistory, WorkflowQueryFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from cardhold.hold import Hold
from cardhold.names import ErrorType
from proof.fuzz.hunt import Wrong
from proof.fuzz.letters import Door, Letter
from proof.fuzz.stack import Stack
from proof.fuzz.words import numbers_in

_REFUSED_KEPT = 50
# A wrong argument, and a run that has closed; or closes in the very task that the update came in,
# of which the history has then to say that nothing else was wrong (`is_well`).
_OF_THE_SERVER = frozenset({RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.NOT_FOUND})
_CLOSING = "unexpected workflow task failure"


def is_refusal(letter: Letter, ended: object) -> None:
    """An update is refused in words, a query answered or refused, a signal taken.

    Raises:
        Wrong: It is carried out, or ends in something else.
    """
    match ended:
        case ApplicationError() if letter.door is Door.UPDATE:
            is_of_contract(ended, {ErrorType.INVALID_REQUEST})
        case RPCError() if ended.status is RPCStatusCode.INVALID_ARGUMENT:
            return  # the server itself refuses it
        case WorkflowQueryFailedError() if letter.model is None:
            return
        case BaseException():
            raise Wrong(f"{letter.door.value} {letter.name!r} ends in {ended!r}")
        case _ if letter.door is Door.UPDATE:
            raise Wrong(f"{letter.name!r} was carried out, and is wrong in itself: {letter!r}")
        case _:
            return


def is_of_contract(error: ApplicationError, types: set[ErrorType]) -> None:
    """An error of one of these types, with what the contract says that it carries.

    Raises:
        Wrong: It is not.
    """
    detail = cast("dict[str, object]", error.details[0] if error.details else {})
    if error.type not in types or set(detail) != {"field", "operation_id", "hold"}:
        raise Wrong(f"refused as {error.type}, with {list(detail)}: {error.message[:300]}")
    if not error.message.isprintable():
        raise Wrong(f"refused in no sentence: {error.message[:300]!r}")


def is_unchanged(before: Hold, after: Hold, letters: Sequence[Letter]) -> None:
    """All that was refused is counted, fifty are kept, and nothing but the proper one was done.

    Raises:
        Wrong: It is not so.
    """
    signals = sum(each.door is Door.SIGNAL and bool(each.name) for each in letters)
    unknown = sum(each.door is Door.UPDATE and each.model is None for each in letters)
    if not signals <= after.refused_total <= signals + unknown:
        raise Wrong(f"of {signals} wrong signals {after.refused_total} are told")
    if len(after.refused) != min(_REFUSED_KEPT, after.refused_total):
        raise Wrong(f"{len(after.refused)} are kept of {after.refused_total}")
    if len(after.operations) != len(before.operations) + 1:
        raise Wrong("what is wrong in itself became an operation")
    if after.authorized.amount_minor != before.authorized.amount_minor + 100:
        raise Wrong(f"{after.authorized} is held after one dollar more than {before.authorized}")


def is_well(history: WorkflowHistory, letters: Sequence[Letter]) -> None:
    """No workflow task has failed, and no card number stands but in a signal's own event.

    Raises:
        Wrong: It is not so.
    """
    harmless = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND
    cards = {card.encode() for each in letters
             for card in numbers_in(each.payloads.content.decode("utf-8", "replace"))}  # fmt: skip
    for event in history.events:
        failed = event.workflow_task_failed_event_attributes
        if (
            event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
            and failed.cause != harmless
        ):
            raise Wrong(f"a workflow task has failed: {failed.failure.message}")
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
            continue
        if cards and any(card in event.SerializeToString() for card in cards):
            raise Wrong(f"a card number stands in {EventType.Name(event.event_type)}")


def is_ending(ended: object) -> None:
    """An answer, a refusal of the contract, or Temporal's own word for a run that has closed.

    Raises:
        Wrong: It is something else.
    """
    match ended:
        case ApplicationError(type="AcceptedUpdateCompletedWorkflow"):
            return  # Temporal's own word where the run closed meanwhile
        case ApplicationError():
            is_of_contract(ended, set(ErrorType))
        case RPCError() if ended.status in _OF_THE_SERVER or _CLOSING in ended.message:
            return
        case WorkflowQueryFailedError():
            return
        case BaseException():
            raise Wrong(f"a message ends in {ended!r}")
        case _:
            return


def adds_up(hold: Hold) -> None:
    """What was authorized is captured, released, expired or held.

    Raises:
        Wrong: It is not.
    """
    parts = (hold.captured, hold.released, hold.expired, hold.remaining)
    if hold.authorized.amount_minor != sum(part.amount_minor for part in parts):
        raise Wrong(f"it does not add up: {hold.authorized} and {parts}")


def agrees(stack: Stack, hold: Hold) -> None:
    """The bank's books say the same of the money.

    Raises:
        Wrong: They don't.
    """
    rows = stack.simulator.bank.books(hold.gateway)["holds"]
    own = [row for row in rows if row["payment_id"] == hold.payment_id]
    for row in own:
        left = row["authorized_minor"] - row["captured_minor"] - row["released_minor"]
        if row["captured_minor"] != hold.captured.amount_minor or row["refunded_minor"]:
            raise Wrong(f"the bank has captured {row['captured_minor']}, and we {hold.captured}")
        if (left if row["state"] == "open" else 0) != hold.remaining.amount_minor:
            raise Wrong(f"the bank holds {left}, and we {hold.remaining}")
    if not own and hold.remaining.amount_minor:
        raise Wrong(f"the bank knows nothing of {hold.remaining}")

"""The entry ``server``: messages to live reservations, on a real server with a real worker.

Of each example one reservation gets all that is wrong in itself, many at a time: nothing of it may
reach the gateway, change the hold, or keep the reservation from taking a proper instruction after
it. Another gets everything, right or wrong: it may do anything that the contract allows, and
nothing else. And some starts are spoilt themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Generator, Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import uuid4

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import (
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowHistory,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from cardhold.hold import Hold
from cardhold.messages import HoldRequest
from cardhold.names import ErrorType
from cardhold.reading import InvalidMessage
from proof.fuzz.hunt import Entry, Ground, Tally, Wrong
from proof.fuzz.letters import Door, Letter, letter
from proof.fuzz.payloads import Sent, sent
from proof.fuzz.samples import request
from proof.fuzz.stack import Stack, beside
from proof.fuzz.words import Pool, numbers_in, pools
from workflows.intake import read_message

_MESSAGES, _STARTS = (12, 24, 24, 24, 160), 3
# The server takes ten updates of a run at a time (1.32), and is to be kept busy.
_AT_ONCE = 8
_ANSWER_WITHIN = timedelta(seconds=30)
_REFUSED_KEPT = 50
# A wrong argument, and a run that has closed; or closes in the very task that the update came in,
# of which the history has then to say that nothing else was wrong (`is_well`).
_OF_THE_SERVER = frozenset({RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.NOT_FOUND})
_CLOSING = "unexpected workflow task failure"
_ID = b"RES-1001"


@contextlib.contextmanager
def prepared() -> Generator[Ground]:
    """A server, a worker and the bank."""
    with beside() as (stack, carried):

        def judged(pool: Pool, tally: Tally) -> None:
            letters = [letter(pool) for _ in range(pool.random.choice(_MESSAGES))]
            starts = [sent(HoldRequest, pool) for _ in range(_STARTS)]
            try:
                carried(play(stack, letters, starts, tally))
            except Exception as error:
                error.add_note("\n".join(map(repr, (*letters, *starts))))
                raise

        yield Ground(pools(), judged, shrinks=False)


async def play(
    stack: Stack, letters: Sequence[Letter], starts: Sequence[Sent], tally: Tally
) -> None:
    """Send all of it, at once, and look what has become of the reservations.

    Raises:
        Wrong: Something that must not.
    """
    tally.cases += len(letters) + len(starts)
    wrong = [each for each in letters if each.is_wrong]
    await asyncio.gather(
        _only_wrong(stack, wrong, tally),
        _everything(stack, letters, tally),
        *(_spoilt_start(stack, each, tally) for each in starts),
    )


# A reservation that is told nothing but what is wrong.


async def _only_wrong(stack: Stack, letters: Sequence[Letter], tally: Tally) -> None:
    handle, before = await _held(stack)
    placed = stack.calls[handle.id]
    endings = await _sent_all(handle, letters, tally)
    for one, ended in zip(letters, endings, strict=True):
        is_refusal(one, ended)
    calls = stack.calls[handle.id] - placed
    tally.calls += calls
    if calls:
        raise Wrong(f"{calls} calls of the gateway came of what is wrong in itself")
    after = Hold.model_validate(await _answered(handle, "adjust", {"by": "+1.00 USD"}, tally))
    is_unchanged(before, after, letters)
    await _answered(handle, "release", {}, tally)
    is_well(await _history(handle, tally), letters)


def is_refusal(letter: Letter, ended: object) -> None:
    """An update is refused in words, a query answered or refused, a signal taken.

    Raises:
        Wrong: It is carried out, or ends in something else.
    """
    match ended:
        case ApplicationError() if letter.door is Door.UPDATE:
            _is_of_contract(ended, {ErrorType.INVALID_REQUEST})
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


def _is_of_contract(error: ApplicationError, types: set[ErrorType]) -> None:
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


# A reservation that is told everything.


async def _everything(stack: Stack, letters: Sequence[Letter], tally: Tally) -> None:
    handle, _ = await _held(stack)
    for ended in await _sent_all(handle, letters, tally):
        is_ending(ended)
    described = await handle.describe()
    if described.status is WorkflowExecutionStatus.RUNNING:
        # What is right may have moved it anywhere; it still answers, and lets go of what it holds.
        await _ended(handle, "release", tally)
    hold = Hold.model_validate(await _in_time(handle.query("hold"), tally, "a query"))
    adds_up(hold)
    _agrees(stack, hold)
    is_well(await _history(handle, tally), [])


def is_ending(ended: object) -> None:
    """An answer, a refusal of the contract, or Temporal's own word for a run that has closed.

    Raises:
        Wrong: It is something else.
    """
    match ended:
        case ApplicationError(type="AcceptedUpdateCompletedWorkflow"):
            return  # Temporal's own word where the run closed meanwhile
        case ApplicationError():
            _is_of_contract(ended, set(ErrorType))
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


def _agrees(stack: Stack, hold: Hold) -> None:
    """The bank's books say the same of the money."""
    rows = stack.simulator.bank.books("payroc")["holds"]
    [row] = [row for row in rows if row["payment_id"] == hold.payment_id]
    left = row["authorized_minor"] - row["captured_minor"] - row["released_minor"]
    if row["captured_minor"] != hold.captured.amount_minor or row["refunded_minor"]:
        raise Wrong(f"the bank has captured {row['captured_minor']}, and we {hold.captured}")
    if (left if row["state"] == "open" else 0) != hold.remaining.amount_minor:
        raise Wrong(f"the bank holds {left}, and we {hold.remaining}")


# A start that is spoilt itself.


async def _spoilt_start(stack: Stack, payloads: Sent, tally: Tally) -> None:
    own = f"FZ{uuid4().hex[:6]}".encode()
    meant = Sent(tuple((coding, text.replace(_ID, own)) for coding, text in payloads.payloads))
    handle = await _begun(stack, own.decode(), *meant.raw())
    ended = await _ended(handle, "authorized", tally)
    is_wrong = not _is_request(meant, own.decode())
    if is_wrong:
        await _is_failed(stack, handle, ended, tally)
        tally.refused += 1
    else:
        is_ending(ended)
        tally.accepted += 1
    await _terminated(handle)
    is_well(await handle.fetch_history(), [])


def _is_request(payloads: Sent, reservation_id: str) -> bool:
    try:
        return read_message(HoldRequest, payloads.raw()).reservation_id == reservation_id
    except InvalidMessage:
        return False


async def _is_failed(
    stack: Stack, handle: WorkflowHandle[Any, Any], ended: object, tally: Tally
) -> None:
    if isinstance(ended, ApplicationError):
        _is_of_contract(ended, {ErrorType.INVALID_REQUEST})
    elif not isinstance(ended, RPCError) or ended.status is not RPCStatusCode.NOT_FOUND:
        raise Wrong(f"a wrong start was answered with {ended!r}")
    try:
        await _in_time(handle.result(), tally, "a wrong start")
    except WorkflowFailureError as failed:
        if not isinstance(failed.cause, ApplicationError):
            raise Wrong(f"a wrong start ends in {failed.cause!r}") from failed
        _is_of_contract(failed.cause, {ErrorType.INVALID_REQUEST})
    else:
        raise Wrong("a wrong start was carried out")
    tally.calls += stack.calls[handle.id]
    if stack.calls[handle.id]:
        raise Wrong("the gateway was called for a wrong start")


# How messages are sent.


async def _begun(stack: Stack, reservation_id: str, *payloads: object) -> WorkflowHandle[Any, Any]:
    return await stack.client.start_workflow(
        "Reservation",
        args=list(payloads),
        id=f"reservation-{reservation_id}",
        task_queue=stack.task_queue,
    )


async def _held(stack: Stack) -> tuple[WorkflowHandle[Any, Any], Hold]:
    """A reservation with a hundred dollars held."""
    asked = request(f"FZ-{uuid4().hex[:12]}")
    handle = await _begun(stack, asked["reservation_id"], asked)
    return handle, Hold.model_validate(await handle.execute_update("authorized"))


async def _sent_all(
    handle: WorkflowHandle[Any, Any], letters: Sequence[Letter], tally: Tally
) -> list[object]:
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(letter: Letter) -> object:
        async with turn:
            ended = await _sent(handle, letter, tally)
        tally.refused += isinstance(ended, BaseException)
        tally.accepted += not isinstance(ended, BaseException)
        return ended

    return await asyncio.gather(*map(one, letters))


async def _sent(handle: WorkflowHandle[Any, Any], letter: Letter, tally: Tally) -> object:
    payloads, what = letter.payloads.raw(), f"{letter.door.value} {letter.name!r}"
    try:
        match letter.door:
            case Door.UPDATE:
                return await _ended(handle, letter.name, tally, *payloads)
            case Door.SIGNAL:
                return await _in_time(handle.signal(letter.name, args=payloads), tally, what)
            case Door.QUERY:
                return await _in_time(handle.query(letter.name, args=payloads), tally, what)
    except (RPCError, WorkflowQueryFailedError) as error:
        return error


async def _ended(
    handle: WorkflowHandle[Any, Any], name: str, tally: Tally, *payloads: object
) -> object:
    """What an update ends in: its answer, or the error that it is refused with."""
    try:
        return await _in_time(handle.execute_update(name, args=list(payloads)), tally, name)
    except WorkflowUpdateFailedError as error:
        return error.cause
    except RPCError as error:
        return error


async def _answered(
    handle: WorkflowHandle[Any, Any], name: str, payload: object, tally: Tally
) -> object:
    ended = await _ended(handle, name, tally, payload)
    if isinstance(ended, BaseException):
        raise Wrong(f"after all that a proper {name} ends in {ended!r}")
    return ended


async def _in_time(work: Any, tally: Tally, what: str) -> Any:
    try:
        async with asyncio.timeout(_ANSWER_WITHIN.total_seconds()):
            return await work
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
        tally.wedged += 1
        raise Wrong(
            f"{what} has no answer within {_ANSWER_WITHIN.total_seconds():.0f} s"
        ) from error


async def _history(handle: WorkflowHandle[Any, Any], tally: Tally) -> WorkflowHistory:
    """The history of a run that has to end by itself."""
    await _in_time(handle.result(), tally, "the end of a run")
    return await handle.fetch_history()


async def _terminated(handle: WorkflowHandle[Any, Any]) -> None:
    """End what is still open; a run that has ended cannot be."""
    with contextlib.suppress(RPCError):
        await handle.terminate("the example is over")


ENTRY = Entry("server", "live reservations on a real server", 15, prepared)

"""The entry ``server``: messages to live reservations, on a real server with a real worker.

Of each example one reservation gets all that is wrong in itself, many at a time: nothing of it may
reach the gateway, change the hold, or keep the reservation from taking a proper instruction after
it. Others, held, declined and at the guest, get everything, right or wrong: they may do anything
that the contract allows, and nothing else. And some starts are spoilt themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Generator, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar
from uuid import uuid4

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
from proof.fuzz.live_judge import (
    adds_up,
    agrees,
    is_ending,
    is_of_contract,
    is_refusal,
    is_unchanged,
    is_well,
)
from proof.fuzz.payloads import Sent, sent
from proof.fuzz.samples import money, request
from proof.fuzz.stack import Stack, beside
from proof.fuzz.words import Pool, pools
from workflows.intake import read_message

T = TypeVar("T")

_MESSAGES, _STARTS = (12, 24, 24, 24, 160), 3
# The server takes ten updates of a run at a time (1.32), and is to be kept busy.
_AT_ONCE = 8
_ANSWER_WITHIN = timedelta(seconds=30)
_QUERY_WITHIN, _QUERIES_MAX = timedelta(seconds=4), 4
_ID = b"RES-1001"
#: Where a reservation may be when its messages come: held, declined, waiting for the guest.
HELD: Mapping[str, object] = {}
PLACES: tuple[Mapping[str, object], ...] = (
    HELD,
    {"amount": money(49_01)},  # Payroc's test system declines what ends in 01
    {
        "gateway": "sibs",
        "amount": money(100_00, "EUR"),
        "payment_method": {"kind": "stored_token", "token": "tok-3ds-5b4a"},
        "return_url": "https://book.example/back",
    },
)


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
    wrong = [each for each in letters if each.is_wrong]
    tally.cases += len(wrong) + len(PLACES) * len(letters) + len(starts)
    await _together(
        _only_wrong(stack, wrong, tally),
        *(_everything(stack, place, letters, tally) for place in PLACES),
        *(_spoilt_start(stack, each, tally) for each in starts),
    )


async def _together(*works: Coroutine[Any, Any, T]) -> list[T]:
    """All of them at once; where one fails, the others are called off."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


# A reservation that is told nothing but what is wrong.


async def _only_wrong(stack: Stack, letters: Sequence[Letter], tally: Tally) -> None:
    handle, before = await _placed(stack, HELD)
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


# A reservation that is told everything.


async def _everything(
    stack: Stack, place: Mapping[str, object], letters: Sequence[Letter], tally: Tally
) -> None:
    handle, _ = await _placed(stack, place)
    for ended in await _sent_all(handle, letters, tally):
        is_ending(ended)
    described = await handle.describe()
    if described.status is WorkflowExecutionStatus.RUNNING:
        # What is right may have moved it anywhere; it still answers, and lets go of what it holds.
        await _ended(handle, "release", tally)
    hold = Hold.model_validate(await _in_time(_asked(handle, "hold", []), tally, "a query"))
    adds_up(hold)
    agrees(stack, hold)
    is_well(await _history(handle, tally), [])


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
        is_of_contract(ended, {ErrorType.INVALID_REQUEST})
    elif not isinstance(ended, RPCError) or ended.status is not RPCStatusCode.NOT_FOUND:
        raise Wrong(f"a wrong start was answered with {ended!r}")
    try:
        await _in_time(handle.result(), tally, "a wrong start")
    except WorkflowFailureError as failed:
        if not isinstance(failed.cause, ApplicationError):
            raise Wrong(f"a wrong start ends in {failed.cause!r}") from failed
        is_of_contract(failed.cause, {ErrorType.INVALID_REQUEST})
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


async def _placed(
    stack: Stack, place: Mapping[str, object]
) -> tuple[WorkflowHandle[Any, Any], Hold]:
    """A reservation whose authorization is decided, or waits for the guest."""
    reservation_id = f"FZ-{uuid4().hex[:12]}"
    handle = await _begun(stack, reservation_id, {**request(reservation_id), **place})
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

    return await _together(*map(one, letters))


async def _sent(handle: WorkflowHandle[Any, Any], letter: Letter, tally: Tally) -> object:
    payloads, what = letter.payloads.raw(), f"{letter.door.value} {letter.name!r}"
    try:
        match letter.door:
            case Door.UPDATE:
                return await _ended(handle, letter.name, tally, *payloads)
            case Door.SIGNAL:
                return await _in_time(handle.signal(letter.name, args=payloads), tally, what)
            case Door.QUERY:
                return await _in_time(_asked(handle, letter.name, payloads), tally, what)
    except (RPCError, WorkflowQueryFailedError) as error:
        return error


async def _asked(handle: WorkflowHandle[Any, Any], name: str, payloads: Sequence[object]) -> object:
    """A query's answer.

    Asked again after a while: the SDK's core (1.35) loses a query that arrives while it drops a
    run that has just closed. Whatever stalls a run, it stalls every one of them.
    """
    for _ in range(_QUERIES_MAX - 1):
        try:
            return await handle.query(name, args=payloads, rpc_timeout=_QUERY_WITHIN)
        except RPCError as error:
            if error.status not in {RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED}:
                raise
    return await handle.query(name, args=payloads)


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

"""The reservations: which cannot go on, are overdue, need a person, or were ended from outside.

Visibility lags, and is written at few moments: it says where to look, and the reservation itself
is asked before it is called overdue. Every look is bounded, however many reservations there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.workflowservice.v1 import (
    CountWorkflowExecutionsRequest,
    DescribeWorkflowExecutionRequest,
    DescribeWorkflowExecutionResponse,
    ListWorkflowExecutionsRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from cardhold import client as contract
from cardhold.errors import CardholdError
from cardhold.fields import instant_text
from cardhold.hold import AttentionReason
from cardhold.listing import Filter
from cardhold.names import WORKFLOW_ID_PREFIX
from domain.capabilities import SAFETY_MARGIN
from worker.doctor.cluster import RPC_WITHIN
from worker.doctor.results import Result, Results, finding, ok, plain
from worker.settings import Settings

# A task that fails three times running is no hiccup: a worker that was killed costs one attempt.
ATTEMPTS_MAX = 3
# How many runs Temporal is asked about one by one, how many at once, and how many are named.
_ASKED_MAX, _AT_ONCE, _NAMED_MAX = 100, 10, 5
# A reservation answers from a worker's memory, or is replayed there first. Thirty that do not
# answer take nine seconds, ten at once: it has to fit into the time of a check.
_HOLDS_MAX = 30
_READ_WITHIN = timedelta(seconds=3)
_LATELY = timedelta(days=1)
# Set by the server on a run whose workflow task has failed five times running (1.30 and later).
_REPORTED = "TemporalReportedProblems IS NOT NULL"

_Status = WorkflowExecutionStatus
_KEPT_BY_NOBODY = frozenset({
    _Status.WORKFLOW_EXECUTION_STATUS_TERMINATED, _Status.WORKFLOW_EXECUTION_STATUS_TIMED_OUT,
    _Status.WORKFLOW_EXECUTION_STATUS_CANCELED,
})  # fmt: skip

ItemT = TypeVar("ItemT")
AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class Stuck:
    """A reservation whose workflow task fails again and again."""

    reservation_id: str
    attempt: int


async def wedged(client: Client) -> Results:
    """Whether a reservation cannot go on because its workflow task fails."""
    running = Filter(running=True)
    total, reported, latest, late = await asyncio.gather(
        _count(client, running.query()),
        _reported(client),
        _ids(client, running.query(), _ASKED_MAX),
        _ids(client, _due_before(datetime.now(UTC)).query(), _ASKED_MAX),
    )
    asked = list(dict.fromkeys([*reported, *late, *latest]))
    found = await _each(asked, lambda id_: _attempt(client, id_))
    stuck = [Stuck(_reservation(id_), at) for id_, at in found if at > ATTEMPTS_MAX]
    return [stuck_ones(stuck, looked_at=len(asked), running=max(total, len(asked)))]


def stuck_ones(stuck: Sequence[Stuck], *, looked_at: int, running: int) -> Result:
    """What to say of those that were found stuck."""
    check = "workflow task failures"
    of = f"{looked_at} of {running} running reservations looked at"
    if not stuck:
        return ok(check, f"none; {of}")
    worst = sorted(stuck, key=lambda one: -one.attempt)
    names = [f"{one.reservation_id} (attempt {one.attempt})" for one in worst]
    return finding(
        check,
        f"{len(stuck)} cannot go on, their deadlines included: {_named(names)}; {of}",
        "read in the worker's log why, and deploy a version that can go on; terminate none",
        [one.reservation_id for one in worst[:_NAMED_MAX]],
    )


async def overdue(client: Client, margin: timedelta) -> Results:
    """Whether a deadline has passed and the hold is still there.

    Args:
        client: A connected one.
        margin: The shortest safety margin: past the deadline by that much, a hold has lapsed.
    """
    now = datetime.now(UTC)
    lapsed, waiting = await asyncio.gather(
        _ids(client, _due_before(now - margin).query(), _HOLDS_MAX),
        _ids(client, _due_before(now, attention=True).query(), _HOLDS_MAX),
    )
    bounds = {**dict.fromkeys(lapsed, now - margin), **dict.fromkeys(waiting, now)}
    holds = contract.Client(client, read_within=_READ_WITHIN)
    asked = list(bounds)[:_HOLDS_MAX]
    found = await _each(asked, lambda id_: _is_due(holds, _reservation(id_), bounds[id_]))
    return [past_deadline([_reservation(id_) for id_, is_due in found if is_due])]


def past_deadline(late: Sequence[str]) -> Result:
    """What to say of those whose deadline has passed."""
    check = "deadlines"
    if not late:
        return ok(check, "none has passed without its hold being settled")
    return finding(
        check,
        f"{len(late)} passed and the holds are not settled: {_named(late)}",
        f"`cardhold show {late[0]}`, then capture, release or acknowledge",
        late[:_NAMED_MAX],
    )


async def attention(client: Client) -> Results:
    """How many reservations need a person, and why."""
    counts = await asyncio.gather(
        *(
            _count(client, Filter(attention=reason, running=True).query())
            for reason in AttentionReason
        )
    )
    return [needed(dict(zip(AttentionReason, counts, strict=True)))]


def needed(counts: dict[AttentionReason, int]) -> Result:
    """What to say of those that need a person."""
    said = [f"{reason} {count}" for reason, count in counts.items() if count]
    if not said:
        return ok("attention", "no reservation needs a person")
    says = f"{sum(counts.values())} need a person: {', '.join(said)}"
    return finding("attention", says, "`cardhold list --running --attention any`")


async def ended_badly(client: Client) -> Results:
    """Which starts were refused in the last day, and which runs were ended from outside."""
    since = instant_text(datetime.now(UTC) - _LATELY)
    closed = f"{Filter(running=False).query()} AND CloseTime > '{since}'"
    failed, ended = await asyncio.gather(
        _ids(client, f"{closed} AND ExecutionStatus = 'Failed'", _ASKED_MAX),
        _ids(client, f"{closed} AND ExecutionStatus IN ('Terminated', 'TimedOut')", _ASKED_MAX),
    )
    # A reset ends the run before it as terminated, and goes on in another.
    found = await _each(list(dict.fromkeys(ended)), lambda id_: _is_kept_by_nobody(client, id_))
    lost = [_reservation(id_) for id_, is_lost in found if is_lost]
    return [refused_starts([_reservation(id_) for id_ in failed]), kept_by_nobody(lost)]


def refused_starts(failed: Sequence[str]) -> Result:
    """What to say of runs that failed: their start was wrong in itself, and nothing was sent."""
    check = "refused starts"
    if not failed:
        return ok(check, "none in the last day")
    return finding(
        check,
        f"{_at_least(failed)} in the last day, nothing was sent: {_named(failed)}",
        f"`cardhold show {failed[0]}` says what its caller has to mend",
        failed[:_NAMED_MAX],
    )


def kept_by_nobody(lost: Sequence[str]) -> Result:
    """What to say of runs that were ended from outside."""
    check = "ended from outside"
    if not lost:
        return ok(check, "none in the last day")
    return finding(
        check,
        f"{_at_least(lost)} in the last day, nobody keeps their holds: {_named(lost)}",
        "look at the gateway whether they still hold money, and release it there",
        lost[:_NAMED_MAX],
    )


def shortest_margin(told: Settings | None) -> timedelta:
    """The shortest safety margin of the accounts, or the ordinary one."""
    accounts = told.accounts.values() if told else ()
    return min((account.safety_margin for account in accounts), default=SAFETY_MARGIN)


def _due_before(instant: datetime, *, attention: bool = False) -> Filter:
    return Filter(running=True, deadline_before=instant, attention=attention)


async def _is_due(holds: contract.Client, reservation_id: str, before: datetime) -> bool:
    """Whether the reservation itself says so; one that cannot be asked is believed to be."""
    try:
        hold = await holds.hold(reservation_id)
    except CardholdError:
        return True
    # What was rescheduled since is written nowhere that a list could read.
    return hold.closed_at is None and hold.deadline is not None and hold.deadline < before


async def _attempt(client: Client, id_: str) -> int:
    told = await _describe(client, id_)
    return told.pending_workflow_task.attempt if told else 0


async def _is_kept_by_nobody(client: Client, id_: str) -> bool:
    told = await _describe(client, id_)
    return told is not None and told.workflow_execution_info.status in _KEPT_BY_NOBODY


async def _describe(client: Client, id_: str) -> DescribeWorkflowExecutionResponse | None:
    """The latest run of that id; None if it is gone meanwhile."""
    request = DescribeWorkflowExecutionRequest(
        namespace=client.namespace, execution=WorkflowExecution(workflow_id=id_)
    )
    try:
        return await client.workflow_service.describe_workflow_execution(
            request, timeout=RPC_WITHIN
        )
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


async def _reported(client: Client) -> list[str]:
    """The runs that Temporal itself reports; none where it is of an older version."""
    try:
        return await _ids(client, f"{Filter(running=True).query()} AND {_REPORTED}", _ASKED_MAX)
    except RPCError as error:
        if error.status is RPCStatusCode.INVALID_ARGUMENT:
            return []
        raise


async def _ids(client: Client, query: str, limit: int) -> list[str]:
    request = ListWorkflowExecutionsRequest(
        namespace=client.namespace, page_size=limit, query=query
    )
    told = await client.workflow_service.list_workflow_executions(request, timeout=RPC_WITHIN)
    return [entry.execution.workflow_id for entry in told.executions]


async def _count(client: Client, query: str) -> int:
    request = CountWorkflowExecutionsRequest(namespace=client.namespace, query=query)
    told = await client.workflow_service.count_workflow_executions(request, timeout=RPC_WITHIN)
    return told.count


async def _each(
    items: Sequence[ItemT], ask: Callable[[ItemT], Awaitable[AnswerT]]
) -> list[tuple[ItemT, AnswerT]]:
    """Ask of every item, a few at a time."""
    turn = asyncio.Semaphore(_AT_ONCE)

    async def _asked(item: ItemT) -> tuple[ItemT, AnswerT]:
        async with turn:
            return item, await ask(item)

    return list(await asyncio.gather(*map(_asked, items)))


def _reservation(id_: str) -> str:
    """The reservation's id, as it may be shown: a raw client may have started anything."""
    return plain(id_.removeprefix(WORKFLOW_ID_PREFIX))


def _named(names: Iterable[str]) -> str:
    shown = list(names)
    more = f" and {len(shown) - _NAMED_MAX} more" if len(shown) > _NAMED_MAX else ""
    return f"{', '.join(shown[:_NAMED_MAX])}{more}"


def _at_least(found: Sequence[str]) -> str:
    return f"{len(found)}{' or more' if len(found) >= _ASKED_MAX else ''}"

"""Temporal itself: does it answer, is the namespace set up, does anybody take its tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeTaskQueueResponse,
    GetSystemInfoRequest,
)
from temporalio.client import Client
from temporalio.envconfig import ClientConnectConfig

from cardhold.names import SEARCH_ATTRIBUTE_TYPES, TASK_QUEUE
from worker import setup
from worker.doctor.results import Result, Results, finding, ok, plain
from worker.settings import TEMPORAL_ADDRESS

# One request; all of a check's have to fit into the check's own time.
RPC_WITHIN = timedelta(seconds=5)
# A worker's poll waits a minute for a task and comes again: one that is not seen for two is gone.
_SEEN_WITHIN = timedelta(minutes=2)
# Temporal forgets one after five minutes (server 1.32, `pollerHistoryTTL`): one that it still
# knows, and that we would have seen longer ago than this, was stamped by another clock than ours.
_FORGOTTEN_AFTER = timedelta(minutes=6)
# A machine that is synchronized is well within a second, and HTTP's dates count whole ones. What
# is recorded in UTC and compared with others' stamps should not be off by more.
CLOCK_MAX = timedelta(seconds=10)
# An update answers within 45 s: a task that waits longer than this for a worker leaves no time.
_BACKLOG_MAX = timedelta(seconds=15)
SET_UP = "run `cardhold setup`"
SYNCHRONIZE = "synchronize it (NTP)"
_START_WORKER = "start `cardhold worker`, and see in its log what keeps it from polling"

_KINDS = {
    "workflow": TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    "activity": TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
}


@dataclass(frozen=True, slots=True)
class Queue:
    """How one kind of task on the task queue stands.

    Attributes:
        kind: ``workflow`` or ``activity``.
        workers: How many processes take them.
        seen: When the latest of them last asked for one, by Temporal's clock.
        waiting: How many tasks wait, about.
        oldest: How long the oldest of them does, about.
    """

    kind: str
    workers: int
    seen: datetime | None
    waiting: int
    oldest: timedelta


async def answers(client: Client, address: str) -> Results:
    """Whether Temporal answers, and which version it is."""
    told = await client.workflow_service.get_system_info(GetSystemInfoRequest(), timeout=RPC_WITHIN)
    version = plain(told.server_version)
    says = f"{address} answers: server {version}, namespace {client.namespace}"
    return [ok("temporal", says)]


def encryption(connection: ClientConnectConfig) -> Result:
    """Whether what is said to Temporal is encrypted, where it leaves this machine."""
    address = connection.get("target_host", TEMPORAL_ADDRESS)
    tls = connection.get("tls")
    # An API key alone turns TLS on, as the SDK has it.
    if tls or (tls is None and connection.get("api_key")):
        return ok("encryption", "TLS is on")
    if is_loopback(address.rpartition(":")[0]):
        return ok("encryption", "not needed: Temporal is on this machine")
    says = f"TLS is off, and {address} is another machine: tokens of cards travel in clear"
    return finding("encryption", says, "turn it on at Temporal, and set TEMPORAL_TLS=true here")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    bare = host.strip("[]")
    try:
        return bare == "localhost" or ip_address(bare).is_loopback
    except ValueError:
        return False


async def retention(client: Client) -> Results:
    """Whether closed runs are kept long enough to protect their ids."""
    check = "retention"
    found = await setup.describe(client)
    if found is None:
        return [finding(check, f"the namespace {client.namespace} is missing", SET_UP)]
    kept = found.config.workflow_execution_retention_ttl.ToTimedelta()
    says = f"closed reservations are kept for {in_words(kept)}"
    if kept < setup.RETENTION:
        why = (
            f"a second start is refused only that long, and {in_words(setup.RETENTION)} are needed"
        )
        return [finding(check, f"{says}: {why}", SET_UP)]
    return [ok(check, says)]


async def search_attributes(client: Client) -> Results:
    """Whether the search attributes are there, and of the right type."""
    check = "search attributes"
    missing, mistyped = await setup.lacking(client)
    found: list[Result] = []
    if missing:
        says = f"missing: {', '.join(missing)}; reservations cannot start"
        found.append(finding(check, says, SET_UP))
    for name in mistyped:
        says = f"{name} is of another type than {SEARCH_ATTRIBUTE_TYPES[name]}"
        remove = f"`temporal operator search-attribute remove --name {name}`, then `cardhold setup`"
        found.append(finding(check, says, remove))
    return found or [ok(check, f"all {len(SEARCH_ATTRIBUTE_TYPES)} are there")]


async def task_queue(client: Client) -> Results:
    """Whether workers take tasks, and whether tasks wait for them."""
    queues = await asyncio.gather(*(queue(client, kind) for kind in _KINDS))
    now = datetime.now(UTC)
    return [*(polled(one, now) for one in queues), backlog(queues)]


async def queue(client: Client, kind: str) -> Queue:
    """How one kind of task stands, ``workflow`` or ``activity``."""
    told = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=TASK_QUEUE),
            task_queue_type=_KINDS[kind],
            report_stats=True,
        ),
        timeout=RPC_WITHIN,
    )
    return _read(kind, told)


def _read(kind: str, told: DescribeTaskQueueResponse) -> Queue:
    seen = [poller.last_access_time.ToDatetime(UTC) for poller in told.pollers]
    return Queue(
        kind=kind,
        workers=len({poller.identity for poller in told.pollers}),
        seen=max(seen, default=None),
        waiting=told.stats.approximate_backlog_count,
        oldest=told.stats.approximate_backlog_age.ToTimedelta(),
    )


def polled(one: Queue, now: datetime) -> Result:
    """Whether anybody takes this kind of task."""
    check = f"{one.kind} tasks"
    if one.seen is None:
        return finding(check, f"nobody takes them from the task queue {TASK_QUEUE}", _START_WORKER)
    ago = now - one.seen
    if ago < -CLOCK_MAX:
        says = f"last seen {in_words(-ago)} from now: this machine's clock is behind Temporal's"
        return finding(check, says, SYNCHRONIZE)
    if ago > _FORGOTTEN_AFTER:
        says = (
            f"last seen {in_words(ago)} ago by a clock that is ahead of Temporal's: this machine's"
        )
        return finding(check, says, SYNCHRONIZE)
    seen = f"{one.workers} worker{'s' if one.workers > 1 else ''}, last seen {in_words(ago)} ago"
    if ago > _SEEN_WITHIN:
        return finding(check, seen, _START_WORKER)
    return ok(check, seen)


def backlog(queues: Iterable[Queue], *, longest: timedelta = _BACKLOG_MAX) -> Result:
    """Whether tasks wait longer than whoever asked for them."""
    worst = max(queues, key=lambda one: one.oldest)
    if worst.oldest <= longest:
        return ok("backlog", f"no task waits longer than {in_words(longest)} for a worker")
    return finding(
        "backlog",
        f"{worst.waiting} {worst.kind} tasks wait for a worker, for up to {in_words(worst.oldest)}",
        "start more workers, or see in their log and metrics what they are busy with",
    )


def in_words(span: timedelta) -> str:
    """A time span as people say it, in its largest unit: ``3 days``, ``1 hour``, ``20 s``."""
    seconds = max(0, int(span.total_seconds()))
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds} s"

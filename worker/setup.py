"""``cardhold setup``: what a Temporal namespace needs before the first reservation.

Search attributes, without which a start is refused; a retention of thirty days: the id of a
closed reservation is protected from a second start only that long; and the schedule of the sweep.
All of it may be repeated; nothing that is there already is taken away, changed or shortened.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import time
from collections.abc import Generator, Mapping
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeNamespaceResponse,
    RegisterNamespaceRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from temporalio.envconfig import ClientConnectConfig
from temporalio.service import RPCError, RPCStatusCode

from cardhold.names import SEARCH_ATTRIBUTE_TYPES, TASK_QUEUE, SearchAttribute
from worker.cannot_start import CannotStart
from worker.temporal import connect, refusal
from workflows.sweep import SWEEP

RETENTION = timedelta(days=30)
SCHEDULE = "cardhold-sweep"
SWEEP_EVERY = timedelta(hours=1)
# Clusters that were set up at the same minute would otherwise ask one gateway at the same minute.
_JITTER = timedelta(minutes=5)
# A sweep that was missed while the server was down is not made up for: the next one sees the same.
_CATCH_UP = timedelta(minutes=10)
# Every part of a server knows of a new namespace or search attribute after its caches were
# refreshed: ten seconds by default, on several hosts.
_KNOWN_WITHIN_S = 60.0
_STEP_S = 0.5
# Managed and locked-down clusters answer so: to look, or to change, is somebody else's right.
_NOT_OURS = frozenset({RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED})

_TYPES: Mapping[str, IndexedValueType.ValueType] = {
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "Int": IndexedValueType.INDEXED_VALUE_TYPE_INT,
    "Datetime": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
}


async def run(connection: ClientConnectConfig) -> list[str]:
    """Set up the namespace that ``connection`` names, and say what was done.

    Raises:
        CannotStart: Temporal does not answer, refuses, or has one of our names with another type.
    """
    client = await connect(connection)
    try:
        return [
            await _namespace(client),
            await _search_attributes(client),
            await _schedule(client),
        ]
    except RPCError as error:
        raise refusal(error, client.namespace) from error


def commands(namespace: str) -> list[str]:
    """The same as commands of Temporal's own tool, for whoever has the rights."""
    name = f"--namespace {shlex.quote(namespace)}"
    days = f"--retention {RETENTION.days}d"
    attributes = [
        f"temporal operator search-attribute create {name} --name {key} --type {kind}"
        for key, kind in SEARCH_ATTRIBUTE_TYPES.items()
    ]
    create = f"temporal operator namespace create {name} {days}"
    every, jitter = (int(span.total_seconds()) for span in (SWEEP_EVERY, _JITTER))
    sweep = (
        f"temporal schedule create {name} --schedule-id {SCHEDULE} --interval {every}s"
        f" --jitter {jitter}s --catchup-window {int(_CATCH_UP.total_seconds())}s"
        f" --overlap-policy Skip --workflow-id {SCHEDULE} --type {SWEEP} --task-queue {TASK_QUEUE}"
    )
    return [f"{create} || temporal operator namespace update {name} {days}", *attributes, sweep]


async def check(client: Client) -> bool:
    """Whether the namespace is ready for reservations.

    Returns:
        True if it is; False if the cluster lets nobody look.

    Raises:
        CannotStart: The namespace or a search attribute is missing or of another type, or
            Temporal does not answer.
    """
    try:
        if await describe(client) is None:
            raise CannotStart(f"The namespace {client.namespace} is missing: run `cardhold setup`.")
        missing = await _missing(client)
    except RPCError as error:
        if error.status in _NOT_OURS:
            return False
        raise refusal(error, client.namespace) from error
    if missing:
        raise CannotStart(
            f"The namespace {client.namespace} lacks search attributes ({', '.join(missing)}):"
            " run `cardhold setup`."
        )
    return True


async def _namespace(client: Client) -> str:
    """Create the namespace, or make its retention long enough."""
    found = await describe(client)
    if found is None:
        await _create(client)
        return f"created the namespace {client.namespace}, retention {RETENTION.days} days"
    kept = found.config.workflow_execution_retention_ttl.ToTimedelta()
    if kept >= RETENTION:
        return f"the namespace {client.namespace} keeps closed runs for {kept.days} days already"
    config = NamespaceConfig(workflow_execution_retention_ttl=_protobuf(RETENTION))
    await client.workflow_service.update_namespace(
        UpdateNamespaceRequest(namespace=client.namespace, config=config)
    )
    return f"the namespace {client.namespace} now keeps closed runs for {RETENTION.days} days"


async def _create(client: Client) -> None:
    with _unless_somebody_was_faster():
        await client.workflow_service.register_namespace(
            RegisterNamespaceRequest(
                namespace=client.namespace,
                workflow_execution_retention_period=_protobuf(RETENTION),
            )
        )
    deadline = time.monotonic() + _KNOWN_WITHIN_S
    while await describe(client) is None:
        await _pause(client, deadline)


async def _search_attributes(client: Client) -> str:
    missing = await _missing_once_known(client)
    if not missing:
        return "all search attributes are there already"
    kinds: dict[str, IndexedValueType.ValueType] = {
        name: _TYPES[SEARCH_ATTRIBUTE_TYPES[name]] for name in missing
    }
    with _unless_somebody_was_faster():
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=client.namespace, search_attributes=kinds)
        )
    deadline = time.monotonic() + _KNOWN_WITHIN_S
    while await _missing(client):
        await _pause(client, deadline)
    return f"added search attributes: {', '.join(missing)}"


async def _schedule(client: Client) -> str:
    """Create the schedule of the sweep; one that is there keeps its times, and its pause."""
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(SWEEP, id=SCHEDULE, task_queue=TASK_QUEUE),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=SWEEP_EVERY)], jitter=_JITTER),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=_CATCH_UP),
    )
    try:
        await client.create_schedule(SCHEDULE, schedule)
    except ScheduleAlreadyRunningError:
        return f"the schedule {SCHEDULE} is there already"
    return f"created the schedule {SCHEDULE}, a sweep every hour"


async def _missing_once_known(client: Client) -> list[SearchAttribute]:
    """What is missing; waits for a namespace that is new to part of the server."""
    deadline = time.monotonic() + _KNOWN_WITHIN_S
    while True:
        try:
            return await _missing(client)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        await _pause(client, deadline)


async def _missing(client: Client) -> list[SearchAttribute]:
    """The names that are not registered yet.

    Raises:
        CannotStart: One is registered with another type.
    """
    missing, mistyped = await lacking(client)
    for name in mistyped:
        raise CannotStart(
            f"The search attribute {name} of the namespace {client.namespace} is of another"
            f" type than {SEARCH_ATTRIBUTE_TYPES[name]}: remove it (`temporal operator"
            f" search-attribute remove --name {name}`) and run `cardhold setup`."
        )
    return missing


async def lacking(client: Client) -> tuple[list[SearchAttribute], list[SearchAttribute]]:
    """The search attributes that are not registered, and those of another type than ours."""
    found = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    there = found.custom_attributes
    missing = [name for name in SEARCH_ATTRIBUTE_TYPES if name not in there]
    types = {name: _TYPES[kind] for name, kind in SEARCH_ATTRIBUTE_TYPES.items()}
    mistyped = [name for name in types if name in there and there[name] != types[name]]
    return missing, mistyped


async def describe(client: Client) -> DescribeNamespaceResponse | None:
    """What Temporal says of the namespace; None if there is none of that name."""
    try:
        return await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace)
        )
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


@contextlib.contextmanager
def _unless_somebody_was_faster() -> Generator[None]:
    """What two set-ups at one time both found missing, the slower one finds there."""
    try:
        yield
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise


async def _pause(client: Client, deadline: float) -> None:
    if time.monotonic() > deadline:
        raise CannotStart(
            f"Temporal has not taken over the changes to the namespace {client.namespace} within"
            f" {_KNOWN_WITHIN_S:.0f} s: run `cardhold setup` again."
        )
    await asyncio.sleep(_STEP_S)


def _protobuf(span: timedelta) -> Duration:
    duration = Duration()
    duration.FromTimedelta(span)
    return duration

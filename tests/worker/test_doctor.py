"""``cardhold doctor`` against a real Temporal, each finding provoked for real.

Every scenario has a namespace of its own: what one leaves behind is a finding to the next. Where
a scenario needs a reservation to act, the real worker keeps it at the simulated gateways.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
)
from temporalio.api.workflowservice.v1 import (
    RegisterNamespaceRequest,
    ResetWorkflowExecutionRequest,
)
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.envconfig import ClientConnectConfig
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from cardhold import client as contract
from cardhold.hold import Hold
from cardhold.messages import HoldRequest, Reschedule
from cardhold.names import TASK_QUEUE, WORKFLOW_TYPE, SearchAttribute
from cardhold.verbs import checked
from simulator.server import Simulator
from tests import loopback
from worker import setup
from worker.dev import Stack, running
from worker.doctor import cluster, reservations
from worker.doctor.examine import Examination, examine
from worker.doctor.results import Result, Results, Verdict
from worker.embedded import EmbeddedTemporal
from worker.main import run as run_worker
from worker.settings import simulated
from worker.temporal import connect

TOKEN = "2967530112345678"
Both = tuple[EmbeddedTemporal, Simulator]


@pytest.fixture(scope="session")
async def both() -> AsyncGenerator[Both]:
    """Temporal and the simulated gateways; no worker."""
    ports = Stack(temporal_port=0, ui_port=0, simulators_port=0, data=None)
    async with running(ports) as (temporal, simulator):
        yield temporal, simulator


def at(both: Both, namespace: str) -> ClientConnectConfig:
    return ClientConnectConfig(target_host=both[0].address, namespace=namespace)


async def fresh(both: Both, namespace: str) -> Client:
    """A namespace that is set up and knows of nothing."""
    await setup.run(at(both, namespace))
    return await connect(at(both, namespace))


@contextlib.asynccontextmanager
async def kept(both: Both, namespace: str) -> AsyncGenerator[Client]:
    """A fresh namespace with a worker."""
    client, stop = await fresh(both, namespace), asyncio.Event()
    running_worker = asyncio.create_task(
        run_worker(simulated(both[1].url), at(both, namespace), stop=stop)
    )
    try:
        yield client
    finally:
        stop.set()
        await running_worker


async def examined(both: Both, namespace: str, *, configured: bool = True) -> Examination:
    load = (lambda: simulated(both[1].url)) if configured else None
    return await examine(lambda: at(both, namespace), load)


def lines(results: Results, verdict: Verdict = Verdict.FINDING) -> dict[str, Result]:
    return {result.check: result for result in results if result.verdict is verdict}


async def once(look: Callable[[], Awaitable[Results]], verdict: Verdict) -> Result:
    """The one line of this verdict, once visibility, which lags, shows what it is about."""
    async with asyncio.timeout(30):
        while not (found := lines(await look(), verdict)):
            await asyncio.sleep(0.1)
    [result] = found.values()
    return result


async def held(client: Client, reservation_id: str, **fields: object) -> Hold:
    method = {"kind": "stored_token", "token": TOKEN}
    request = {
        "reservation_id": reservation_id, "gateway": "payroc", "amount": "100.00 USD",
        "payment_method": method, **fields,
    }  # fmt: skip
    return await contract.Client(client).start(checked(HoldRequest, request))


async def test_a_healthy_deployment_has_no_finding_and_nothing_unseen(both: Both) -> None:
    async with kept(both, "healthy") as client:
        await held(client, "RES-1")
        found = await examined(both, "healthy")

    assert found.findings == 0, found
    assert found.reached
    assert {result.verdict for result in found.checks} == {Verdict.OK}
    assert (found.checks[0].check, found.checks[-1].check) == ("temporal", "sweep")


async def test_a_deployment_that_nobody_works_for_is_told_so(both: Both) -> None:
    client = await fresh(both, "idle")
    await _left_alone(client, "reservation-RES-late")

    await once(lambda: reservations.attention(client), Verdict.FINDING)
    found = lines((await examined(both, "idle", configured=False)).checks)

    assert set(found) == {"workflow tasks", "activity tasks", "deadlines", "attention"}
    assert "start `cardhold worker`" in str(found["workflow tasks"].do)
    assert found["deadlines"].about == ("RES-late",)
    assert found["attention"].says == "1 need a person: outcome_unknown 1"


async def _left_alone(client: Client, id_: str) -> None:
    """A reservation as a worker that is gone has left it: overdue, and with an attention."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    attributes = TypedSearchAttributes([
        SearchAttributePair(SearchAttributeKey.for_datetime(SearchAttribute.DEADLINE), yesterday),
        SearchAttributePair(
            SearchAttributeKey.for_keyword(SearchAttribute.ATTENTION), "outcome_unknown"
        ),
    ])  # fmt: skip
    await client.start_workflow(
        WORKFLOW_TYPE, id=id_, task_queue=TASK_QUEUE, search_attributes=attributes
    )


async def test_tasks_that_wait_for_a_worker_are_counted(both: Both) -> None:
    client = await fresh(both, "waiting")
    for number in range(3):
        id_ = f"reservation-RES-{number}"
        await client.start_workflow(WORKFLOW_TYPE, id=id_, task_queue=TASK_QUEUE)

    queue = await _filled(client)
    told = cluster.backlog([queue], longest=timedelta(0))

    assert told.verdict is Verdict.FINDING
    assert told.says.startswith("3 workflow tasks wait for a worker")


async def _filled(client: Client) -> cluster.Queue:
    for _ in range(100):
        queue = await cluster.queue(client, "workflow")
        if queue.waiting == 3 and queue.oldest > timedelta(0):
            return queue
        await asyncio.sleep(0.1)
    raise AssertionError("never counted")


async def test_a_namespace_that_is_missing_is_one_finding(both: Both) -> None:
    found = await examined(both, "absent", configured=False)

    assert lines(found.checks)["retention"].says == "the namespace absent is missing"
    others = lines(found.checks, Verdict.CANNOT_LOOK)
    assert {"search attributes", "deadlines", "attention"} <= set(others)
    assert all("unexpected" not in result.says for result in found.checks)


async def test_a_namespace_that_was_not_set_up_is_told_what_it_lacks(both: Both) -> None:
    client = await connect(at(both, "default"))
    await client.workflow_service.register_namespace(_short_lived("bare"))
    bare = await connect(at(both, "bare"))
    await _is_known(bare)
    await bare.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace="bare",
            search_attributes={"CardholdRemaining": IndexedValueType.INDEXED_VALUE_TYPE_TEXT},
        )
    )

    found = await examined(both, "bare", configured=False)

    told = [(one.check, one.says) for one in found.checks if one.verdict is Verdict.FINDING]
    missing = [says for check, says in told if check == "search attributes" and "missing" in says]
    assert len(missing) == 1
    assert "CardholdDeadline" in missing[0]
    assert "CardholdRemaining" not in missing[0]
    assert ("search attributes", "CardholdRemaining is of another type than Int") in told
    assert "closed reservations are kept for 1 day" in dict(told)["retention"]
    assert lines(found.checks, Verdict.CANNOT_LOOK)["deadlines"].do == "run `cardhold setup`"


def _short_lived(namespace: str) -> RegisterNamespaceRequest:
    request = RegisterNamespaceRequest(namespace=namespace)
    request.workflow_execution_retention_period.FromTimedelta(timedelta(days=1))
    return request


async def _is_known(client: Client) -> None:
    for _ in range(100):
        try:
            await setup.lacking(client)
        except Exception:  # noqa: BLE001 - the server takes the new namespace over in parts
            await asyncio.sleep(0.1)
        else:
            return


@workflow.defn(name=WORKFLOW_TYPE)
class Broken:
    """A version of the workflow that cannot go on."""

    @workflow.run
    async def run(self) -> None:
        """Do what no version should."""
        raise RuntimeError("a bug")


async def test_a_reservation_whose_workflow_task_fails_is_found(both: Both) -> None:
    client = await fresh(both, "wedged")
    await client.start_workflow(
        WORKFLOW_TYPE,
        id="reservation-RES-stuck",
        task_queue=TASK_QUEUE,
        task_timeout=timedelta(seconds=1),  # an attempt that fails again is left to run out
    )

    async with _broken(client):
        found = await once(lambda: reservations.wedged(client), Verdict.FINDING)

    assert found.about == ("RES-stuck",)
    assert found.says.startswith("1 cannot go on, their deadlines included: RES-stuck (attempt ")
    assert "terminate none" in str(found.do)


@contextlib.asynccontextmanager
async def _broken(client: Client) -> AsyncGenerator[None]:
    worker = Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[Broken],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker:
        yield


async def test_a_deadline_whose_capture_was_refused_is_found(both: Both) -> None:
    fault = {"gateway": "payroc", "operation": "capture", "fault": "decline"}
    async with kept(both, "overdue") as client:
        async with loopback.client(both[1].url) as admin:
            (await admin.post("/admin/faults", json=fault)).raise_for_status()
        soon = datetime.now(UTC) + timedelta(seconds=2)
        await held(client, "RES-1", settle_by=soon, on_deadline="capture")

        late = await once(
            lambda: reservations.overdue(client, timedelta(hours=12)), Verdict.FINDING
        )
        needed = await once(lambda: reservations.attention(client), Verdict.FINDING)
        await contract.Client(client).release("RES-1")
        settled = await once(lambda: reservations.overdue(client, timedelta(hours=12)), Verdict.OK)

    assert late.about == ("RES-1",)
    assert str(late.do).startswith("`cardhold show RES-1`")
    assert needed.says == "1 need a person: capture_refused 1"
    assert settled.about == ()


async def test_a_deadline_that_was_put_off_is_not_called_overdue(both: Both) -> None:
    def overdue_in_an_hour() -> Awaitable[Results]:
        return reservations.overdue(client, -timedelta(hours=1))

    async with kept(both, "put-off") as client:
        now = datetime.now(UTC)
        # Of another name than those of the tests before: their holds stand at the same gateway.
        await held(client, "RES-2", settle_by=now + timedelta(minutes=30))
        before = await once(overdue_in_an_hour, Verdict.FINDING)
        later = Reschedule(settle_by=now + timedelta(hours=2))
        await contract.Client(client).send("RES-2", later)

        # What is listed is what it was; the reservation itself knows better.
        soon = contract.Filter(running=True, deadline_before=now + timedelta(hours=1))
        listed = await contract.Client(client).list(soon)
        [after] = await overdue_in_an_hour()

    assert before.about == ("RES-2",)
    assert [row.reservation_id for row in listed.rows] == ["RES-2"]
    assert after.verdict is Verdict.OK


async def test_a_refused_start_is_found_and_a_reset_is_not_called_an_end(both: Both) -> None:
    async with kept(both, "ended") as client:
        refused = await client.start_workflow(
            WORKFLOW_TYPE, {"gateway": "none"}, id="reservation-RES-wrong", task_queue=TASK_QUEUE
        )
        for reservation in ("RES-reset", "RES-terminated"):
            await held(client, reservation)
        await _reset(client, "reservation-RES-reset")
        await client.get_workflow_handle("reservation-RES-terminated").terminate()
        with contextlib.suppress(Exception):
            await refused.result()

        found = await _both_ends(client)

    assert found["refused starts"].about == ("RES-wrong",)
    assert found["ended from outside"].about == ("RES-terminated",)


async def _both_ends(client: Client) -> Mapping[str, Result]:
    """What is found once visibility shows all three ends, the reset's among them."""
    query = "WorkflowType = 'Reservation' AND CloseTime IS NOT NULL"
    for _ in range(100):
        if (await client.count_workflows(query)).count == 3:
            return lines(await reservations.ended_badly(client))
        await asyncio.sleep(0.1)
    raise AssertionError("never three")


async def _reset(client: Client, id_: str) -> None:
    handle = client.get_workflow_handle(id_)
    run_id = (await handle.describe()).run_id
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=id_, run_id=run_id),
            reason="a test",
            workflow_task_finish_event_id=4,
            request_id="a-test",
        )
    )


async def test_where_temporal_is_not_there_everything_else_is_still_looked_at(both: Both) -> None:
    nowhere = ClientConnectConfig(target_host="127.0.0.1:1", namespace="default")

    found = await examine(lambda: nowhere, lambda: simulated(both[1].url))

    assert not found.reached
    assert "nobody listens there" in lines(found.checks)["temporal"].says
    seen = lines(found.checks, Verdict.OK)
    assert {"configuration", "time-outs", "environments", "clock"} <= set(seen)
    assert len(lines(found.checks, Verdict.CANNOT_LOOK)) == 11

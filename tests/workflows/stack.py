"""The whole thing, real but for the gateways: Temporal, a worker, the adapter, the simulator."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, Awaitable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.enums.v1 import ResetReapplyExcludeType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowHandle,
    WorkflowHistory,
    WorkflowUpdateFailedError,
)
from temporalio.common import RawValue, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper, TimeSkippingConfig
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from activities.converter import data_converter
from activities.holds import Holds
from gateways.accounts import AccountSettings, build, read_account
from gateways.port import Gateway
from simulator.server import Simulator
from tests import loopback
from tests.workflows import gateways as table
from tests.workflows.keyless import Keyless
from worker import settings
from worker.main import worker_for
from workflows.reservation import Reservation

TOKEN = "2967530000000003"
Json = dict[str, Any]
_QUERY_WITHIN = timedelta(seconds=1)
_QUERIES_MAX = 8
_MESSAGES = (
    ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL,
    ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_UPDATE,
)


def usd(amount_minor: int) -> Json:
    """An amount of US dollars, in cents."""
    return {"amount_minor": amount_minor, "currency": "USD"}


def raw(data: bytes, encoding: bytes | None = b"json/plain") -> RawValue:
    """A payload as a broken or foreign caller may send it."""
    metadata = {} if encoding is None else {"encoding": encoding}
    return RawValue(Payload(metadata=metadata, data=data))


@dataclass(frozen=True)
class Refusal:
    """What a refused update tells its caller."""

    type: str | None
    message: str
    detail: Json

    @property
    def hold(self) -> Json:
        """The hold as it stood."""
        return self.detail["hold"]


async def refusal(update: Awaitable[Any]) -> Refusal:
    """Await an update that has to fail, and give what its caller is told."""
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await update
    cause = caught.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.non_retryable
    assert set(cause.details[0]) == {"field", "operation_id", "hold"}
    return Refusal(cause.type, cause.message, cause.details[0])


@dataclass
class Stack:
    """A running stack, spoken to as any caller in any language would: plain names and JSON."""

    workers: Client
    skipper: TimeSkipper
    simulator: Simulator
    gateways: Mapping[str, Gateway]
    task_queue: str
    opened: list[Reserved] = field(default_factory=list["Reserved"])

    @property
    def client(self) -> Client:
        """A plain client, as any caller's is."""
        return self.skipper.client

    @property
    def holds(self) -> Holds:
        """The activities over this stack's accounts."""
        return Holds(self.gateways)

    def request(self, **fields: Any) -> Json:
        """A start, with what the test cares about."""
        return {
            "reservation_id": f"RES-{uuid.uuid4().hex[:12]}",
            "gateway": "payroc",
            "amount": usd(100_00),
            "payment_method": {"kind": "stored_token", "token": TOKEN},
            **fields,
        }

    async def start(self, **fields: Any) -> tuple[Reserved, Json]:
        """Start a reservation and wait until its authorization is decided."""
        request = self.request(**fields)
        reserved = await self.begin(request)
        return reserved, await reserved.update("authorized", {"request": request})

    async def begin(self, request: Mapping[str, Any]) -> Reserved:
        """Start a reservation and don't wait."""
        return await self.begin_raw(f"reservation-{request['reservation_id']}", request)

    async def begin_raw(self, id_: str, *payloads: Any) -> Reserved:
        """Start a workflow of any id with any payloads, and don't wait."""
        handle = await self.client.start_workflow(
            "Reservation",
            args=list(payloads),
            id=id_,
            task_queue=self.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        )
        return self._keep(handle)

    async def start_with_update(self, request: Mapping[str, Any], *payloads: Any) -> Json:
        """Update-with-start, as the contract asks for."""
        operation = WithStartWorkflowOperation[Any, Any](
            "Reservation",
            args=[request],
            id=f"reservation-{request['reservation_id']}",
            task_queue=self.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        )
        try:
            return await self.client.execute_update_with_start_workflow(
                "authorized",
                args=list(payloads) or [{"request": request}],
                start_workflow_operation=operation,
            )
        finally:
            self._keep(await operation.workflow_handle())

    def reserved(self, request: Mapping[str, Any]) -> Reserved:
        """A reservation that was started already."""
        id_ = f"reservation-{request['reservation_id']}"
        return Reserved(self, self.client.get_workflow_handle(id_))

    def elsewhere(self) -> Stack:
        """The same stack on a task queue of its own, which nobody works on yet."""
        return replace(self, task_queue=f"test-{uuid.uuid4().hex}")

    async def reset(self, id_: str, run_id: str, point: int, *, bare: bool = False) -> str:
        """An operator's reset of a run to a point, without its messages since if it is bare.

        Returns:
            The new run's id.
        """
        answer = await self.client.workflow_service.reset_workflow_execution(
            ResetWorkflowExecutionRequest(
                namespace=self.client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=id_, run_id=run_id),
                reason="an operator's reset",
                workflow_task_finish_event_id=point,
                request_id=f"{run_id}-{point}-{bare}",
                reset_reapply_exclude_types=_MESSAGES if bare else (),
            )
        )
        return answer.run_id

    def worker(self, **options: Any) -> Worker:
        """Another worker of this stack's queue."""
        return a_worker(self.workers, self.holds, self.task_queue, **options)

    async def books(self, gateway: str | None = None) -> list[Json]:
        """The bank's truth; of one gateway, where one is named."""
        of_one = {} if gateway is None else {"gateway": gateway}
        async with loopback.client() as http:
            answer = await http.get(f"{self.simulator.url}/admin/books", params=of_one)
            return answer.json()["holds"]

    async def book(self) -> Json:
        """The bank's truth where one hold is all there is."""
        [book] = await self.books()
        return book

    async def book_of(self, hold: Json) -> Json:
        """The bank's truth about one hold of several."""
        [book] = [book for book in await self.books() if book["payment_id"] == hold["payment_id"]]
        return book

    async def fault(
        self, operation: str, fault: str, *, gateway: str = "payroc", **parameters: Any
    ) -> None:
        """The next calls of ``operation`` meet ``fault``."""
        body = {"gateway": gateway, "operation": operation, "fault": fault, **parameters}
        async with loopback.client() as http:
            (await http.post(f"{self.simulator.url}/admin/faults", json=body)).raise_for_status()

    def unmet(self, gateway: str) -> list[Json]:
        """The faults of one gateway that no call has met so far."""
        return [each for each in self.simulator.faults.shown() if each["gateway"] == gateway]

    async def no_more_faults(self) -> None:
        """The gateway is well again."""
        async with loopback.client() as http:
            (await http.delete(f"{self.simulator.url}/admin/faults")).raise_for_status()

    async def bank_clock(self, **body: Any) -> None:
        """Move the bank's clock, or set how long holds live."""
        async with loopback.client() as http:
            (await http.post(f"{self.simulator.url}/admin/clock", json=body)).raise_for_status()

    async def skip(self, duration: timedelta, *reservations: Reserved) -> None:
        """Let time pass once for the bank and for all of these."""
        await self.bank_clock(advance_s=int(duration.total_seconds()))
        forward = [self.skipper.fast_forward(each.handle, duration) for each in reservations]
        await asyncio.gather(*forward)

    def _keep(self, handle: WorkflowHandle[Any, Any]) -> Reserved:
        reserved = Reserved(self, handle)
        if all(known.handle.id != handle.id for known in self.opened):
            self.opened.append(reserved)
        return reserved


@dataclass
class Reserved:
    """One reservation, and what can be done to it."""

    stack: Stack
    handle: WorkflowHandle[Any, Any]

    async def update(self, name: str, *payloads: Any, id: str | None = None) -> Json:  # noqa: A002 - Temporal's name
        """Send an update and wait for its answer."""
        return await self.handle.execute_update(name, args=list(payloads), id=id)

    async def refused(self, name: str, *payloads: Any, id: str | None = None) -> Refusal:  # noqa: A002 - Temporal's name
        """Send an update that has to be refused."""
        return await refusal(self.update(name, *payloads, id=id))

    async def signal(self, name: str, *payloads: Any) -> None:
        """Send a signal."""
        await self.handle.signal(name, args=list(payloads))

    async def hold(self) -> Json:
        """Query the hold.

        Asked again after a second: the SDK's core (1.35) loses a query that arrives while it
        evicts the run, which a worker without a cache does after every task.
        """
        for _ in range(_QUERIES_MAX - 1):
            with contextlib.suppress(RPCError):
                return await self.handle.query("hold", rpc_timeout=_QUERY_WITHIN)
        return await self.handle.query("hold")

    async def ended(self) -> Json:
        """Wait for the run's end, and give the view that it ends with."""
        return await self.handle.result()

    async def skip(self, duration: timedelta) -> bool:
        """Let time pass for this reservation, and for the bank."""
        await self.stack.bank_clock(advance_s=int(duration.total_seconds()))
        return await self.stack.skipper.fast_forward(self.handle, duration)

    async def history(self) -> WorkflowHistory:
        """Everything that Temporal keeps of it."""
        return await self.handle.fetch_history()

    async def raw_history(self) -> bytes:
        """The same as bytes, to search for what must not be in them."""
        return b"\n".join(event.SerializeToString() for event in (await self.history()).events)

    async def replays(self) -> None:
        """Its history replays."""
        await replays(await self.history())


async def replays(history: WorkflowHistory) -> None:
    """A history replays with the code as it is."""
    replayer = Replayer(
        workflows=[Reservation],
        data_converter=data_converter,
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    await replayer.replay_workflow(history)


def a_worker(client: Client, holds: Holds, task_queue: str, **options: Any) -> Worker:
    """A worker whose cache is empty by default, so that every task replays the whole history."""
    options = {"cached_workflows": 0, "drain": timedelta(seconds=10), **options}
    told = settings.simulated("http://127.0.0.1:9", worker=settings.WorkerSettings(**options))
    return worker_for(client, told, holds, task_queue=task_queue)


def our_client(client: Client) -> Client:
    """A client as our workers have: payloads raw to handlers."""
    config = client.config()
    config["data_converter"] = data_converter
    return Client(**config)


# Shorter than the built-in one's, so that a look-up is proof after a second.
_PAYROC = {"processing_time": "PT1S", "call_time_out": "PT5S"}
# Answers soon, calls for a person soon.
_HASTY = {
    "processing_time": "PT1S",
    "call_time_out": "PT2S",
    "answer_within": "PT3S",
    "look_up_for": "PT2S",
}


def account(url: str, **told: str) -> AccountSettings:
    """An account at the simulated Payroc."""
    site = {
        "gateway": "payroc",
        "environment": "simulated",
        "base_url": f"{url}/payroc/v1",
        "identity_url": f"{url}/payroc",
        "api_key": "any-key-opens-the-simulator",
        "processing_terminal_id": "1001",
    }
    return read_account("payroc", {**site, **told})


@contextlib.asynccontextmanager
async def accounts_at(url: str) -> AsyncGenerator[Mapping[str, Gateway]]:
    """The tests' accounts; ``keyless`` is one whose gateway knows no idempotency keys."""
    async with contextlib.AsyncExitStack() as open_ones:
        settings_of = {
            **table.all_settings(url),
            "hasty": account(url, **_HASTY),
            "unable": account(url, **_PAYROC, processing_terminal_id="NOPREAUTH-REFUSE"),
        }
        gateways: dict[str, Gateway] = {}
        for name, its_own in settings_of.items():
            opened = build(name, its_own)
            open_ones.push_async_callback(opened.close)
            gateways[name] = opened
        yield {**gateways, "keyless": Keyless(gateways["payroc"])}


@contextlib.asynccontextmanager
async def running(address: str, *, cached: int = 0) -> AsyncGenerator[Stack]:
    """A stack on a Temporal server that is already there; on a task queue of its own."""
    client = await Client.connect(address, identity="a test")
    async with Simulator() as simulator, accounts_at(simulator.url) as gateways:
        skipper = TimeSkipper(client, config=TimeSkippingConfig(enabled=False))
        stack = Stack(our_client(client), skipper, simulator, gateways, f"test-{uuid.uuid4().hex}")
        async with stack.worker(cached_workflows=cached):
            yield stack

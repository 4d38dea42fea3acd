"""The whole thing, real but for the gateways: Temporal, a worker, the adapter, the simulator."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.testing import TimeSkipper, TimeSkippingConfig
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from activities.converter import data_converter
from activities.holds import Holds
from simulator.server import Simulator
from worker import settings
from worker.main import gateways_of, worker_for
from workflows.reservation import Reservation

TOKEN = "2967530000000003"
Json = dict[str, Any]


@dataclass
class Stack:
    """A running stack, spoken to as any caller in any language would: plain names and JSON."""

    workers: Client
    skipper: TimeSkipper
    simulator: Simulator
    holds: Holds
    task_queue: str

    @property
    def client(self) -> Client:
        """A plain client, as any caller's is."""
        return self.skipper.client

    def request(self, **fields: Any) -> Json:
        """A start, with what the test cares about."""
        return {
            "reservation_id": f"RES-{uuid.uuid4().hex[:12]}",
            "gateway": "payroc",
            "amount": {"amount_minor": 10000, "currency": "USD"},
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
        id_ = f"reservation-{request['reservation_id']}"
        handle = await self.client.start_workflow(
            "Reservation",
            request,
            id=id_,
            task_queue=self.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        )
        return Reserved(self, handle)

    async def start_with_update(self, request: Mapping[str, Any]) -> Json:
        """Update-with-start, as the contract asks for."""
        operation = WithStartWorkflowOperation[Any, Any](
            "Reservation",
            args=[request],
            id=f"reservation-{request['reservation_id']}",
            task_queue=self.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        )
        return await self.client.execute_update_with_start_workflow(
            "authorized",
            args=[{"request": request}],
            start_workflow_operation=operation,
        )

    def worker(self, **options: Any) -> Worker:
        """Another worker of the same stack."""
        return a_worker(self.workers, self.holds, self.task_queue, **options)

    async def books(self) -> list[Json]:
        """The bank's truth."""
        async with httpx.AsyncClient() as http:
            answer = await http.get(f"{self.simulator.url}/admin/books")
            return answer.json()["holds"]

    async def fault(self, operation: str, fault: str, **parameters: Any) -> None:
        """The next calls of ``operation`` meet ``fault``."""
        body = {"gateway": "payroc", "operation": operation, "fault": fault, **parameters}
        async with httpx.AsyncClient() as http:
            (await http.post(f"{self.simulator.url}/admin/faults", json=body)).raise_for_status()

    async def bank_clock(self, **body: Any) -> None:
        """Move the bank's clock, or set how long holds live."""
        async with httpx.AsyncClient() as http:
            (
                await http.post(f"{self.simulator.url}/admin/clock", json=body)
            ).raise_for_status()


@dataclass
class Reserved:
    """One reservation, and what can be done to it."""

    stack: Stack
    handle: WorkflowHandle[Any, Any]

    async def update(self, name: str, *payloads: Any, id: str | None = None) -> Json:
        """Send an update and wait for its answer."""
        return await self.handle.execute_update(name, args=list(payloads), id=id)

    async def hold(self) -> Json:
        """Query the hold."""
        return await self.handle.query("hold")

    async def skip(self, duration: timedelta) -> bool:
        """Let time pass for this reservation, and for the bank."""
        await self.stack.bank_clock(advance_s=int(duration.total_seconds()))
        return await self.stack.skipper.fast_forward(self.handle, duration)

    async def replays(self) -> None:
        """Its history replays."""
        replayer = Replayer(
            workflows=[Reservation],
            data_converter=data_converter,
            workflow_runner=UnsandboxedWorkflowRunner(),
        )
        await replayer.replay_workflow(await self.handle.fetch_history())


def a_worker(client: Client, holds: Holds, task_queue: str, **options: Any) -> Worker:
    """A worker whose cache is empty, so that every task replays the whole history."""
    told = settings.simulated("http://127.0.0.1:9", worker=settings.WorkerSettings(**options))
    return worker_for(client, told, holds, task_queue=task_queue)


@contextlib.asynccontextmanager
async def running(address: str, *, cached: int = 0) -> AsyncIterator[Stack]:
    """A stack on a Temporal server that is already there; on a task queue of its own."""
    client = await Client.connect(address)
    config = client.config()
    config["data_converter"] = data_converter
    ours = Client(**config)
    queue = f"test-{uuid.uuid4().hex}"
    async with Simulator() as simulator, gateways_of(settings.simulated(simulator.url)) as gateways:
        holds = Holds(gateways)
        async with a_worker(ours, holds, queue, cached_workflows=cached):
            skipper = TimeSkipper(client, config=TimeSkippingConfig(enabled=False))
            yield Stack(ours, skipper, simulator, holds, queue)

"""An account that only one test has, and a worker that sweeps it."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

from temporalio.client import (
    Schedule,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionStartWorkflow,
    ScheduleSpec,
)
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from activities.converter import data_converter
from activities.holds import Holds
from activities.sweep import Sweeps
from domain.capabilities import Capabilities
from gateways.account import Account
from gateways.accounts import KINDS, build, read_account
from gateways.errors import Undecided
from gateways.port import Listed, Listing
from tests.workflows.stack import TOKEN, Json, Reserved, Stack
from worker import settings
from worker.main import worker_for
from workflows.sweep import Sweep

# What is younger is not judged; so short, that a test needs no more than to wait.
QUARANTINE_S = 1
_JUDGED_AFTER_S = 1.2
_SEEN_WITHIN_S = 15
_STEP_S = 0.05
_CARDS: dict[str, Json] = {
    "payroc": {"kind": "stored_token", "token": TOKEN},
    "stax": {"kind": "stored_token", "token": "0a1b2c3d-4e5f-4061-8273-8495a6b7c8d9"},
    "xmoney": {"kind": "stored_token", "token": "918273645", "customer_id": "4401"},
    "sibs": {"kind": "stored_token", "token": "tok-9f8e7d6c5b4a"},
}
#: Those whose gateways list what they hold.
LISTING = [name for name, kind in KINDS.items() if kind.profile.lists]
Wrap = Callable[[Listing], Listing]


@dataclass
class Swept:
    """One account, its reservations, and its sweep."""

    stack: Stack
    name: str
    kind: str
    account: Account

    async def start(self) -> Reserved:
        """A reservation that holds money, known to the lists of Temporal."""
        currency = "EUR" if self.kind in {"xmoney", "sibs"} else "USD"
        amount = {"amount_minor": 100_00, "currency": currency}
        method = _CARDS[self.kind]
        reserved, hold = await self.stack.start(
            gateway=self.name, payment_method=method, amount=amount
        )
        assert hold["state"] == "authorized"
        await self.until_listed(f"WorkflowId = '{reserved.handle.id}' AND CardholdRemaining > 0")
        return reserved

    async def terminate(self, reserved: Reserved) -> None:
        """End a run as nobody should."""
        await reserved.handle.terminate("a test of what must not be done")
        ended = "ExecutionStatus = 'Terminated'"
        await self.until_listed(f"WorkflowId = '{reserved.handle.id}' AND {ended}")

    async def until_listed(self, query: str) -> None:
        """Wait until Temporal's lists, which are told late, know of it."""
        async with asyncio.timeout(_SEEN_WITHIN_S):
            while not (await self.stack.client.count_workflows(query)).count:
                await asyncio.sleep(_STEP_S)

    async def sweep(self, quarantine_s: int = QUARANTINE_S) -> Json:
        """Sweep once by hand, and give the account's report; its history replays."""
        handle = await self.stack.client.start_workflow(
            "Sweep",
            {"accounts": [self.name], "quarantine": f"PT{quarantine_s}S", "patience": "PT20S"},
            id=f"cardhold-sweep-{uuid.uuid4().hex}",
            task_queue=self.stack.task_queue,
        )
        report = await handle.result()
        replayer = Replayer(
            workflows=[Sweep],
            data_converter=data_converter,
            workflow_runner=UnsandboxedWorkflowRunner(),
        )
        await replayer.replay_workflow(await handle.fetch_history())
        [account] = report["accounts"]
        return account

    async def sweep_later(self) -> Json:
        """Sweep once everything has become old enough to be judged."""
        await asyncio.sleep(_JUDGED_AFTER_S)
        return await self.sweep()

    @contextlib.asynccontextmanager
    async def schedule(self) -> AsyncGenerator[Callable[[], Awaitable[Json]]]:
        """The sweep on a schedule, which is triggered by hand and hands each report on."""
        id_ = f"sweep-of-{self.name}"
        asked = {"accounts": [self.name], "quarantine": f"PT{QUARANTINE_S}S"}
        action = ScheduleActionStartWorkflow(
            "Sweep", asked, id=id_, task_queue=self.stack.task_queue
        )
        handle = await self.stack.client.create_schedule(
            id_, Schedule(action=action, spec=ScheduleSpec())
        )

        async def triggered() -> Json:
            before = (await handle.describe()).info.num_actions
            await handle.trigger()
            async with asyncio.timeout(_SEEN_WITHIN_S):
                while (info := (await handle.describe()).info).num_actions == before:
                    await asyncio.sleep(_STEP_S)
            started = info.recent_actions[-1].action
            assert isinstance(started, ScheduleActionExecutionStartWorkflow)
            run = self.stack.client.get_workflow_handle(started.workflow_id)
            [account] = (await run.result())["accounts"]
            return account

        try:
            yield triggered
        finally:
            await handle.delete()


class Torn:
    """A gateway's list in pages of one hold, whose second page fails the first time."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self.failed = 0

    @property
    def capabilities(self) -> Capabilities:
        return self._listing.capabilities

    @property
    def environment(self) -> str:
        return self._listing.environment

    async def open_holds(self, since: datetime, until: datetime, page: str | None = None) -> Listed:
        number = int(page or "0")
        if number == 1 and not self.failed:
            self.failed += 1
            raise Undecided("the list broke off")
        holds = (await self._listing.open_holds(since, until)).holds
        last = number + 1 >= len(holds)
        return Listed(holds[number : number + 1], None if last else str(number + 1))


@contextlib.asynccontextmanager
async def swept(
    stack: Stack, kind: str = "payroc", *, environment: str = "simulated", wrap: Wrap | None = None
) -> AsyncGenerator[Swept]:
    """An account of this kind, with a worker of its own."""
    name = f"{kind}-{uuid.uuid4().hex[:8]}"
    figures = {"processing_time": "PT1S", "call_time_out": "PT5S", "environment": environment}
    table = {"gateway": kind, **KINDS[kind].simulated(stack.simulator.url), **figures}
    account = build(name, read_account(name, table))
    queue = f"sweep-{uuid.uuid4().hex}"
    here = replace(stack, gateways={name: account}, task_queue=queue)
    told = settings.simulated("http://127.0.0.1:9")
    sweeps = Sweeps({name: wrap(account) if wrap else account}, pause_s=0)
    async with worker_for(stack.workers, told, Holds({name: account}), sweeps, task_queue=queue):
        yield Swept(here, name, kind, account)
    await account.close()

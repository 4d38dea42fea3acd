"""A scenario's world around a real Temporal server: its bank, its line, its callers, its days."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncGenerator, Awaitable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowHandle,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from activities.converter import data_converter
from activities.holds import Holds
from gateways.account import Account, World
from gateways.accounts import build
from proof.asks import DAY, Instruction
from proof.lived import Json, Lived, answer, commands_of_history, life
from proof.plan import Accident, Plan
from proof.world.accounts import settings_of
from proof.world.bank import Bank
from proof.world.line import Exchange, Network, Weather
from worker import settings
from worker.embedded import EmbeddedTemporal, Options
from worker.main import worker_for

# Between messages everything comes to rest, long before a declined hold is given up.
APART_S = 300.0
SETTLES_AFTER_S = DAY
# Past the deadline first, and at last past the hold's own end.
_SKIP, _SKIPS_MAX = timedelta(hours=25), 9
_RESTS_WITHIN_S = 60.0
_LOOKS_EVERY_S, _QUERY_WITHIN = 0.1, timedelta(seconds=2)
_ACKNOWLEDGED = frozenset({"external_change", "expiring_soon"})
_BUSY = frozenset({"authorizing", "adjusting", "capturing", "releasing"})


def utc(instant: datetime) -> str:
    """An instant as a caller writes it."""
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"


@asynccontextmanager
async def real_worlds(plans: Sequence[Plan]) -> AsyncGenerator[list[RealWorld]]:
    """A server, a worker, and for each plan a bank and a line of its own."""
    async with (
        EmbeddedTemporal(Options(time_skipping=True)) as server,
        AsyncExitStack() as open_ones,
    ):
        client = await Client.connect(server.address, identity="proof")
        skipper = TimeSkipper(client, config=TimeSkippingConfig(enabled=False))
        queue = f"proof-{uuid.uuid4().hex}"
        gateways: dict[str, Account] = {}
        worlds = [RealWorld(plan, skipper, queue, gateways) for plan in plans]
        for world in worlds:
            open_ones.push_async_callback(world.close)
        config = client.config()
        config["data_converter"] = data_converter
        told = settings.Settings({world.name: settings_of(world.plan.place) for world in worlds})
        async with worker_for(Client(**config), told, Holds(gateways), task_queue=queue):
            yield worlds


class RealWorld:
    """One plan's bank, line and callers, around a server and a worker that others use too.

    Args:
        plan: What happens.
        skipper: Speaks to the server.
        queue: The worker's.
        gateways: The worker's accounts; this plan's is put in.
    """

    def __init__(
        self, plan: Plan, skipper: TimeSkipper, queue: str, gateways: dict[str, Account]
    ) -> None:
        place = plan.place
        self.plan = plan
        self.name = place.account
        self._skipper = skipper
        self._queue = queue
        self._skipped = timedelta(0)
        dice = random.Random(f"{plan.seed}:bank")  # noqa: S311 - repeatable by design
        self._bank = Bank(place.gateway, dice, self._now)
        self._bank.live_for(plan.life_s)
        self._network = Network(
            self._bank,
            self._forecast,
            lambda method, path, _: place.operation(method, path),
            _untold,
        )
        self._gateways = gateways
        self._open()
        self._answers: list[str] = []

    def _now(self) -> datetime:
        return datetime.now(UTC) + self._skipped

    def _open(self) -> None:
        world = World(transport=self._network.line("worker"), now=self._now)
        self._gateways[self.name] = build(self.name, settings_of(self.plan.place), world)

    async def close(self) -> None:
        """Close the account's connections."""
        await self._gateways[self.name].close()

    async def _renew(self) -> None:
        """Open the account anew: a token ages by the process's clock, which nobody can skip."""
        await self.close()
        self._open()

    async def live(self) -> Lived:
        """Live through the plan, and tell of it."""
        handle = await self._start()
        await self._at_rest(handle)
        for number, instruction in enumerate(self.plan.instructions):
            await self._skip(handle, timedelta(seconds=APART_S))
            await self._instruct(handle, number, instruction)
            await self._at_rest(handle)
        for accident in self.plan.accidents:
            await self._skip(handle, timedelta(seconds=APART_S))
            await self._happen(handle, accident)
            await self._at_rest(handle)
        for turn in range(_SKIPS_MAX):
            if (await handle.describe()).close_time is not None:
                break
            await self._attend(handle, turn)
            await self._renew()
            await self._skip(handle, _SKIP)
        view = await _view(handle)
        return life(
            view,
            self._answers,
            cast("list[Json]", self._bank.books()),
            self._network.exchanges,
            commands_of_history([event async for event in handle.fetch_history_events()]),
        )

    async def _skip(self, handle: WorkflowHandle[Any, Any], duration: timedelta) -> None:
        """Let time pass here and at the bank, as long as there is something to wait for."""
        if (await handle.describe()).close_time is not None:
            return
        self._skipped += duration
        try:
            await self._skipper.fast_forward(handle, duration)
        except RPCError as error:
            # It has ended between the question and the skip.
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        await self._at_rest(handle)

    async def _start(self) -> WorkflowHandle[Any, Any]:
        """Start and ask whether it is authorized, in one request, as callers do."""
        settles_at = datetime.now(UTC) + timedelta(seconds=SETTLES_AFTER_S)
        start = WithStartWorkflowOperation[Any, Any](
            "Reservation",
            args=[{**self.plan.request, "settle_by": utc(settles_at)}],
            id=f"reservation-{self.plan.request['reservation_id']}",
            task_queue=self._queue,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        )
        client = self._skipper.client
        await self._answered(
            "authorized",
            client.execute_update_with_start_workflow(
                "authorized", args=[{}], start_workflow_operation=start
            ),
        )
        return client.get_workflow_handle((await start.workflow_handle()).id)

    async def _instruct(
        self, handle: WorkflowHandle[Any, Any], number: int, instruction: Instruction
    ) -> None:
        name, body = instruction.name, instruction.body
        if instruction.is_signal:
            with suppress(RPCError):
                await handle.signal(name, args=[body])
        else:
            update = handle.execute_update(name, args=[body], id=f"u{number}")
            await self._answered(name, update)

    async def _happen(self, handle: WorkflowHandle[Any, Any], accident: Accident) -> None:
        """What operators do, and should not: a cancellation, or a reset with all messages."""
        if accident.kind == "cancel":
            with suppress(RPCError):
                await handle.cancel()
            return
        run = await handle.describe()
        ends = [
            event.event_id
            async for event in handle.fetch_history_events()
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
        ]
        await self._skipper.client.workflow_service.reset_workflow_execution(
            ResetWorkflowExecutionRequest(
                namespace=self._skipper.client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=run.id, run_id=run.run_id),
                reason="an operator's reset",
                workflow_task_finish_event_id=ends[int(accident.share * len(ends))],
                request_id=run.run_id,
            )
        )

    async def _attend(self, handle: WorkflowHandle[Any, Any], turn: int) -> None:
        """Be the person at the desk, who looks now and then."""
        attention = (await _view(handle))["attention"]
        if attention is not None and attention["reason"] in _ACKNOWLEDGED:
            await self._skip(handle, timedelta(seconds=APART_S))
            body = {"command_id": f"seen-{turn}"}
            update = handle.execute_update("acknowledge", args=[body], id=f"seen-{turn}")
            await self._answered("acknowledge", update)
            await self._at_rest(handle)

    async def _answered(self, name: str, update: Awaitable[Any]) -> None:
        try:
            self._answers.append(answer(name, await update, None))
        except WorkflowUpdateFailedError as error:
            cause = error.cause
            said = cause.type if isinstance(cause, ApplicationError) else repr(cause)
            self._answers.append(answer(name, None, said))
        except RPCError as error:
            # The run has ended: nobody answers, neither here nor there.
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    async def _at_rest(self, handle: WorkflowHandle[Any, Any]) -> None:
        """Wait until all that was asked for is decided, or a person has to decide it."""
        view: Json | None = None
        try:
            async with asyncio.timeout(_RESTS_WITHIN_S):
                # Another process does what is waited for: there is nobody to set an event.
                while not _is_at_rest(view := await _view(handle)):  # noqa: ASYNC110 - see above
                    await asyncio.sleep(_LOOKS_EVERY_S)
        except TimeoutError:
            raise TimeoutError(f"seed {self.plan.seed} never came to rest: {view}") from None

    def _forecast(self, exchange: Exchange) -> Weather:
        scripted = self.plan.scripted
        name = scripted[exchange.number - 1] if exchange.number <= len(scripted) else ""
        return weather(name, exchange.operation, self._bank.lacks)


async def _view(handle: WorkflowHandle[Any, Any]) -> Json:
    """Query the hold; asked again, for the SDK's core loses a query that meets an eviction."""
    while True:
        with suppress(RPCError):
            return await handle.query("hold", rpc_timeout=_QUERY_WITHIN)


def _is_at_rest(view: Json) -> bool:
    if view["attention"] is not None:
        return True
    undecided = {each["state"] for each in view["operations"]} & {"sent", "unknown"}
    return view["state"] not in _BUSY and not undecided


def _untold(word: str, exchange: Exchange) -> None:
    """Here is no trace that a line could be written in."""
    del word, exchange


def weather(name: str, operation: str, lacks: Collection[str]) -> Weather:
    """What a scripted fault does to a request; nothing, where the gateway knows no such thing."""
    name, _, exact = name.partition(" ")
    match name:
        case "":
            return Weather()
        case "refused":
            return Weather(name, refused=True)
        case "lost":
            return Weather(name, lost=True)
        case "unanswered":
            return Weather(name, unanswered=True)
        case _:
            if name in lacks or operation not in _REACH.get(name, {operation}):
                return Weather()
            exactly = {"resolve_after_s": float(exact)} if exact else {}
            return Weather(name, armed=(name, {**_PARAMETERS.get(name, {}), **exactly}))


_MOVES_MONEY = frozenset({"authorize", "adjust", "capture", "release"})
_REACH: Mapping[str, Collection[str]] = {
    "decline": _MOVES_MONEY,
    "stay_pending": _MOVES_MONEY,
    "approve_less": {"authorize", "order"},
    "garbage": {"order", "look_up", *_MOVES_MONEY},
}
_PARAMETERS: Mapping[str, Mapping[str, object]] = {
    "throttle": {"retry_after_s": "1"},
    "approve_less": {"amount_minor": 1000},
}

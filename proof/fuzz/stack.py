"""A real server, a worker and the simulated bank, on a loop of their own beside whoever plays."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import uuid4

from temporalio.client import Client

from activities.converter import data_converter
from activities.holds import Holds
from domain.capabilities import Capabilities
from domain.outcome import Outcome, Payment
from gateways.port import Gateway, Named
from simulator.server import Simulator
from worker import settings
from worker.embedded import EmbeddedTemporal
from worker.main import gateways_of, runtime_for, worker_for

T = TypeVar("T")


@dataclass(slots=True)
class Stack:
    """What runs.

    Attributes:
        client: As any caller's: plain JSON.
        simulator: The bank, with its books.
        calls: How often the gateway was called, by workflow id.
    """

    client: Client
    simulator: Simulator
    task_queue: str
    calls: Counter[str] = field(default_factory=Counter[str])


class Counted:
    """An account that counts what it is asked for, by the workflow that asks."""

    def __init__(self, gateway: Gateway, calls: Counter[str]) -> None:
        self._gateway = gateway
        self._calls = calls

    @property
    def capabilities(self) -> Capabilities:
        """What the account can do."""
        return self._gateway.capabilities

    @property
    def environment(self) -> str:
        """Which of the gateway's worlds this is."""
        return self._gateway.environment

    async def authorize(self, named: Named) -> Outcome:
        """Count, and pass on."""
        return await self._counting(named, self._gateway.authorize(named))

    async def adjust(self, named: Named) -> Outcome:
        """Count, and pass on."""
        return await self._counting(named, self._gateway.adjust(named))

    async def capture(self, named: Named) -> Outcome:
        """Count, and pass on."""
        return await self._counting(named, self._gateway.capture(named))

    async def release(self, named: Named) -> Outcome:
        """Count, and pass on."""
        return await self._counting(named, self._gateway.release(named))

    async def look_up(self, named: Named) -> Payment | None:
        """Count, and pass on."""
        return await self._counting(named, self._gateway.look_up(named))

    async def _counting(self, named: Named, call: Coroutine[Any, Any, T]) -> T:
        self._calls[named.call.workflow_id] += 1
        return await call


@contextlib.asynccontextmanager
async def running() -> AsyncGenerator[Stack]:
    """Start everything on free ports and in memory; stop everything at the end."""
    runtime = runtime_for(settings.WorkerSettings())
    async with EmbeddedTemporal() as temporal, Simulator() as simulator:
        told = settings.simulated(simulator.url)
        client = await Client.connect(temporal.address, runtime=runtime)
        stack = Stack(client, simulator, f"fuzz-{uuid4().hex}")
        ours = client.config()
        ours["data_converter"] = data_converter
        async with gateways_of(told) as gateways:
            counted = {name: Counted(each, stack.calls) for name, each in gateways.items()}
            queue = stack.task_queue
            async with worker_for(Client(**ours), told, Holds(counted), task_queue=queue):
                yield stack


@contextlib.contextmanager
def beside() -> Generator[tuple[Stack, Callable[[Coroutine[Any, Any, Any]], Any]]]:
    """The stack on a thread of its own, and what carries a coroutine over to it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fuzz-stack")
    thread.start()

    def carried(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    stop = asyncio.Event()
    ready: asyncio.Future[Stack] = loop.create_future()

    async def kept() -> None:
        async with running() as stack:
            ready.set_result(stack)
            await stop.wait()

    async def first() -> Stack:
        await asyncio.wait({keeping, ready}, return_when=asyncio.FIRST_COMPLETED)
        return await (ready if ready.done() else keeping)

    async def started() -> asyncio.Task[None]:
        return asyncio.create_task(kept())

    async def ended() -> None:
        stop.set()
        await keeping

    keeping: Any = carried(started())
    try:
        yield carried(first()), carried
        carried(ended())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

"""The processes under attack, and the lines between them.

One Temporal server over a file, the simulated gateways over another, a fleet of workers, and a
line for every pair that speaks: each worker has its own to Temporal and to the gateways, and the
caller has one. Whatever dies is started again, as a supervisor would.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from gateways.accounts import KINDS
from proof.crash.child import MODULE, Child, free_disk
from proof.crash.line import Line, Weather
from proof.crash.moments import Reader
from proof.crash.servers import Gateways, Server
from proof.crash.triggers import Scene, Triggers
from worker.cannot_start import CannotStart

#: A worker has been started; a worker is ready, and about to replay what was left to it.
STARTING, READY = "a worker starting", "a worker replaying"

_READY_LINE = "ready: reservations on the task queue"
_KEY = "SIMULATED_KEY"
_BREATH_S = 0.2
# Short beside a deployment's: a call that is lost is noticed in two seconds, "not found" is proof
# after two more. `proof.crash.worker` cuts the activities' own limits to fit.
_TIMES = {
    "environment": "simulated",
    "call_time_out": "PT2S",
    "processing_time": "PT2S",
    "answer_within": "PT10S",
    "look_up_for": "PT1M",
}
_DRAIN = "PT10S"


@dataclass(frozen=True, slots=True)
class Berth:
    """Where a worker runs.

    Attributes:
        folder: Its configuration and its log.
        cached: How many reservations it keeps in memory; 0 replays at every task.
        module: What it runs.
    """

    folder: Path
    cached: int
    module: str


class Slot:
    """A place in the fleet: a worker, and the next one when it has died."""

    def __init__(self, name: str, berth: Berth, triggers: Triggers) -> None:
        self.name = name
        self.pids: list[int] = []
        self.ended_by_itself = 0
        self.temporal = Line(f"{name} to Temporal")
        self.gateways = Line(
            f"{name} to the gateways", lambda: Reader(triggers, lambda: self.child)
        )
        self.log = berth.folder / f"{name}.log"
        self._berth = berth
        self._triggers = triggers
        self.child = Child(name, [], self.log, {})
        self._is_ready = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None

    @property
    def lines(self) -> tuple[Line, Line]:
        """What it speaks through."""
        return self.temporal, self.gateways

    async def open(self) -> None:
        """Open its lines, and write its configuration."""
        await self.temporal.open()
        await self.gateways.open()
        config = self._berth.folder / f"{self.name}.toml"
        config.write_text(_configuration(f"http://{self.gateways.address}", self._berth.cached))
        told = {
            "CARDHOLD_CONFIG": str(config),
            "TEMPORAL_ADDRESS": self.temporal.address,
            _KEY: "any-key-opens-the-simulator",
        }
        self.child = Child(self.name, [*MODULE, self._berth.module], self.log, told)

    def keep(self) -> None:
        """Start a worker, and another one whenever it ends, until `stop`."""
        self._keeping = asyncio.ensure_future(self._keep())

    async def ready(self) -> None:
        """Wait until a worker is ready here.

        Raises:
            CannotStart: None will be.
        """
        waiting = asyncio.ensure_future(self._is_ready.wait())
        keeping = self._keeping
        tasks = {waiting, keeping} if keeping else {waiting}
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            if keeping is not None:
                await keeping

    async def retire(self) -> None:
        """Kill the worker; no other comes."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        self.child.kill()
        await self.child.over()

    async def stop(self) -> int | None:
        """End the last worker in good order; answers with its exit code."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        await self.child.stop()
        await self.temporal.close()
        await self.gateways.close()
        return self.child.exit_code

    async def _keep(self) -> None:
        while True:
            await self.child.start()
            self.pids.append(self.child.pid)
            self._triggers.ring(STARTING, Scene(worker=self.child))
            try:
                await self.child.says(_READY_LINE)
            except CannotStart:
                if len(self.pids) == 1:
                    raise  # nothing has been done to it
                # Killed before it was ready, or Temporal was away: it may end, and is started anew.
                await self.child.over()
                await asyncio.sleep(_BREATH_S)
                continue
            self._is_ready.set()
            self._triggers.ring(READY, Scene(worker=self.child))
            await self.child.over()
            # Killed, or asked to stop; whatever else it met, it should have gone on.
            self.ended_by_itself += self.child.exit_code not in {0, -signal.SIGKILL}
            self._is_ready.clear()


class Stack:
    """Everything that runs.

    Args:
        folder: Where everything is kept.
        workers: How many.
        triggers: The moments that are rung.
        cached: What each worker keeps in memory, by its place in the fleet.
        module: What a worker runs; another one shows that the judge sees what is wrong with it.
    """

    def __init__(
        self,
        folder: Path,
        workers: int,
        triggers: Triggers,
        *,
        cached: Callable[[int], int],
        module: str = "proof.crash.worker",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.caller = Line("the caller to Temporal")
        self.slots = [
            Slot(f"worker-{number}", Berth(folder, cached(number), module), triggers)
            for number in range(workers)
        ]
        to_temporal = [self.caller, *(slot.temporal for slot in self.slots)]
        self.server = Server(folder, to_temporal)
        self.gateways = Gateways(folder, [slot.gateways for slot in self.slots])
        self.unclean_exits = 0

    async def start(self) -> None:
        """Start everything but the workers.

        Raises:
            CannotStart: Something is missing.
        """
        await asyncio.gather(self.caller.open(), *(slot.open() for slot in self.slots))
        await asyncio.gather(self.server.start(), self.gateways.start())

    async def man(self, *slots: Slot) -> None:
        """Start workers, and wait until each is ready; all of them, if none is named.

        Raises:
            CannotStart: One cannot.
        """
        for slot in slots or self.slots:
            slot.keep()
        await asyncio.gather(*(slot.ready() for slot in slots or self.slots))

    async def heal(self) -> None:
        """Clear the lines, and let everything run that was stopped."""
        for line in (self.caller, *(line for slot in self.slots for line in slot.lines)):
            line.change(Weather.CLEAR)
        for slot in self.slots:
            slot.child.resume()
            if slot.child.is_alive:
                free_disk(slot.child.pid)
        await asyncio.gather(self.server.heal(), self.gateways.heal())

    async def stop(self) -> None:
        """End everything in good order."""
        codes = await asyncio.gather(*(slot.stop() for slot in self.slots))
        self.unclean_exits = sum(code not in {0, None, -signal.SIGKILL} for code in codes)
        await self.caller.close()
        await asyncio.gather(self.server.child.stop(), self.gateways.child.stop())

    @property
    def pids(self) -> set[int]:
        """Every process that was started, each the first of a session of its own."""
        fleet = [pid for slot in self.slots for pid in slot.pids]
        return {*fleet, *self.server.pids, *self.gateways.pids}

    def alive(self, dice: random.Random) -> Slot | None:
        """Some worker that lives."""
        living = [slot for slot in self.slots if slot.child.is_alive]
        return dice.choice(living) if living else None

    def slot_of(self, identity: str) -> Slot | None:
        """The worker that Temporal knows by this name, which begins with its process."""
        pid = identity.partition("@")[0]
        living = [slot for slot in self.slots if slot.child.is_alive]
        return next((slot for slot in living if str(slot.child.pid) == pid), None)

    def defects(self) -> list[str]:
        """What the workers' logs say of errors that nobody foresaw."""
        logs = [slot.log for slot in self.slots if slot.log.exists()]
        return [line for log in logs for line in _defects(log.read_text(errors="replace"))]


@contextlib.asynccontextmanager
async def running(stack: Stack) -> AsyncGenerator[Stack]:
    """Start a stack, and stop it whatever happens."""
    try:
        await stack.start()
        yield stack
    finally:
        await stack.stop()


def _configuration(url: str, cached: int) -> str:
    """A worker's own file: every gateway's built-in account, behind the worker's own line."""
    lines: list[str] = []
    for name, kind in KINDS.items():
        lines += ["", f"[accounts.{name}]", f'gateway = "{name}"']
        for key, value in {**_TIMES, **kind.simulated(url)}.items():
            is_secret = isinstance(value, SecretStr)
            shown = f'{{ env = "{_KEY}" }}' if is_secret else json.dumps(value)
            lines.append(f"{key} = {shown}")
    lines += ["", "[worker]", f"cached_workflows = {cached}", f'drain = "{_DRAIN}"', ""]
    return "\n".join(lines)


def _defects(log: str) -> Iterator[str]:
    """Our own word for what nobody foresaw, and the errors that tracebacks end with."""
    in_traceback = False
    for line in log.splitlines():
        if "unforeseen" in line:
            yield line
        if line.startswith("Traceback"):
            in_traceback = True
        elif in_traceback and not line.startswith(" "):
            in_traceback = False
            # A worker whose clock was stopped takes a task that it did meanwhile for a deadlock.
            if "_DeadlockError" not in line:
                yield line

"""The two servers under attack: Temporal's, and the simulated gateways'; each keeps one file."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from temporalio.runtime import Runtime
from temporalio.service import ConnectConfig, RPCError, ServiceClient

from proof.crash.child import MODULE, Child, fill_disk, free_disk
from proof.crash.line import Line
from worker.cannot_start import CannotStart
from worker.embedded import (
    ALL_RUNS,
    HOST,
    Options,
    PortLost,
    has_lost_a_port,
    server_arguments,
    started,
    temporal_program,
)
from worker.main import runtime_for
from worker.settings import WorkerSettings

Row = dict[str, Any]

_READY_LINE = "simulated gateways ready at "
_READY_WITHIN_S = 60.0
_STEP_S = 0.05
_HTTP_WITHIN_S = 10.0
# A workflow task that nobody finishes is given to another worker after ten seconds. A killed
# server forgets which ones were being done, so each kill would cost as much; here it is three.
_HURRIED = ("--dynamic-config-value", 'history.defaultWorkflowTaskTimeout="3s"')

# Temporal indexes instants by SQLite's own rounding to milliseconds. Half a millisecond is rounded
# up by the SQLite inside Temporal and down by an older one inside Python, which then takes the
# index for incomplete (seen: 3.40 reading what ended in .3675).
_ROUNDED = re.compile(r"row \d+ missing from index by_(temporal_)?datetime_\d\d")


class _Mortal(ABC):
    """A process that is killed, and started again over the same file at another port.

    Args:
        lines: What leads to it; nobody knocks at a dead one's port, which may be another's soon.
    """

    child: Child

    def __init__(self, lines: Sequence[Line]) -> None:
        self.pids: list[int] = []
        self._lines = lines

    @abstractmethod
    async def start(self) -> None:
        """Start it, and lead all lines there."""

    def kill(self) -> None:
        """End it at once."""
        self.child.kill()
        for line in self._lines:
            line.target = None

    async def revive(self) -> None:
        """Start it again over the same file."""
        await self.child.over()
        await self.start()

    async def heal(self) -> None:
        """Whatever was done to it: let it run."""
        if not self.child.is_alive:
            await self.revive()


class Server(_Mortal):
    """Temporal, as it is embedded elsewhere; its file is in the folder."""

    def __init__(self, folder: Path, lines: Sequence[Line]) -> None:
        super().__init__(lines)
        self.database = folder / "temporal.db"
        self._log = folder / "temporal.log"
        self.child = Child("temporal", [], self._log, {})

    async def start(self) -> None:
        """Start it, wait until it answers, and lead all lines there.

        Raises:
            CannotStart: The program is missing, or gave up.
        """
        await started(self._start)

    async def _start(self) -> None:
        port = _free_port()
        command = server_arguments(Options(port=port, database=self.database))
        program = [temporal_program(), *command, *_HURRIED]
        self.child = Child("temporal", program, self._log, {})
        await self.child.start()
        self.pids.append(self.child.pid)
        address = f"{HOST}:{port}"
        await self._until_it_answers(address)
        for line in self._lines:
            line.leads_to(address)

    async def heal(self) -> None:
        """Whatever was done to it: let it run, with a disk."""
        await super().heal()
        self.child.resume()
        self.free_disk()

    def fill_disk(self) -> None:
        """Let no write to its files succeed."""
        fill_disk(self.child.pid)

    def free_disk(self) -> None:
        """Let it write again."""
        free_disk(self.child.pid)

    def damage(self) -> list[str]:
        """What is wrong with its file; asked when it has stopped."""
        with contextlib.closing(sqlite3.connect(self.database)) as database:
            told = [line for (line,) in database.execute("PRAGMA integrity_check")]
        return [line for line in told if line != "ok" and not _ROUNDED.fullmatch(line)]

    async def _until_it_answers(self, address: str) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_READY_WITHIN_S):
                while self.child.is_alive:
                    if ALL_RUNS in self.child.said() and await _answers(address):
                        return
                    await asyncio.sleep(_STEP_S)
        why = f"The embedded Temporal server did not get ready: {self.child.last()}."
        if not has_lost_a_port(self.child.said()):
            raise CannotStart(why)
        await self.child.over()
        raise PortLost(why)


class Gateways(_Mortal):
    """The simulated gateways: what they have booked outlives their process."""

    def __init__(self, folder: Path, lines: Sequence[Line]) -> None:
        super().__init__(lines)
        told = ["cardhold", "simulator", "--port", "0", "--data", str(folder / "books.db")]
        self.child = Child("simulator", [*MODULE, *told], folder / "simulator.log", {})
        self.url = ""

    async def start(self) -> None:
        """Start them, and lead all lines there.

        Raises:
            CannotStart: They cannot listen.
        """
        await self.child.start()
        self.pids.append(self.child.pid)
        self.url = await self.child.says(_READY_LINE)
        for line in self._lines:
            line.leads_to(self.url.removeprefix("http://"))

    @property
    def was_killed(self) -> bool:
        """Whether they had to be started again."""
        return len(self.pids) > 1

    async def books(self) -> list[Row]:
        """The truth."""
        async with httpx.AsyncClient(timeout=_HTTP_WITHIN_S) as http:
            answer = await http.get(f"{self.url}/admin/books")
            return answer.raise_for_status().json()["holds"]


@cache
def quiet() -> Runtime:
    """Temporal's runtime for ourselves: its default one writes its log into our page."""
    return runtime_for(WorkerSettings())


async def _answers(address: str) -> bool:
    try:
        service = await ServiceClient.connect(ConnectConfig(target_host=address, runtime=quiet()))
        return await service.check_health()
    except (RuntimeError, RPCError):  # nobody listens yet, or its services are not up
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port

"""A process of ours that is there to be killed: none outlives us, and none but ours is touched."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from pathlib import Path

from worker import lifeline, settings
from worker.cannot_start import CannotStart
from worker.embedded import ended

ROOT = Path(__file__).resolve().parents[2]
_STEP_S = 0.03
_READY_WITHIN_S = 60.0
_COMPLAINT_MAX = 300


#: Begins the command of a Python module.
MODULE = (sys.executable, "-m")


class Child:
    """One process, its output in a file.

    Args:
        name: For people.
        command: The program and its arguments.
        log: Where it writes; appended to.
        environment: What it needs beside the harmless variables.
    """

    def __init__(
        self, name: str, command: list[str], log: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self._command = command
        self._log = log
        self._environment = environment
        self._process: Process | None = None
        self._is_doomed = False
        self._read_from = 0

    @property
    def pid(self) -> int:
        """Of the process.

        Raises:
            RuntimeError: It was not started.
        """
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it runs, or is paused; one that was killed is dead before the system says so."""
        running = self._process is not None and self._process.returncode is None
        return running and not self._is_doomed

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return None if self._process is None else self._process.returncode

    async def start(self) -> None:
        """Start it; it may not be ready yet."""
        self._is_doomed = False
        self._read_from = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                # The lifeline stops it when we are gone, however we went.
                sys.executable, "-I", lifeline.__file__, *self._command,
                cwd=ROOT, stdin=PIPE, stdout=log, stderr=log,
                start_new_session=True,  # Ctrl-C is for us
                env={**settings.child_environment(), **self._environment},
            )  # fmt: skip

    async def says(self, words: str) -> str:
        """Wait until it has written a line with these words, and give what comes after them.

        Raises:
            CannotStart: It ended, or said no such thing in time.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_READY_WITHIN_S):
                while self.is_alive:
                    _, found, after = self.said().partition(words)
                    if found and "\n" in after:
                        return after.partition("\n")[0].strip()
                    await asyncio.sleep(_STEP_S)
        raise CannotStart(f"The process {self.name} did not get ready: {self.last()}.")

    def last(self) -> str:
        """Its last words, without a full stop."""
        lines = [line for line in self.said().splitlines() if line.strip()]
        return lines[-1][:_COMPLAINT_MAX].rstrip(".") if lines else "it said nothing"

    def said(self) -> str:
        """What it has written since its start."""
        with self._log.open("rb") as log:
            log.seek(self._read_from)
            return log.read().decode(errors="replace")

    def kill(self) -> bool:
        """End it at once, as the kernel does when memory runs out; False if it was dead."""
        was_alive = self.is_alive
        send(self, signal.SIGKILL)
        self._is_doomed = True
        return was_alive

    def ask_to_stop(self) -> None:
        """As an orchestrator does before it kills."""
        send(self, signal.SIGTERM)

    def pause(self) -> None:
        """Stop its clock: it does nothing, and answers nobody."""
        send(self, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on as if no time had passed."""
        send(self, signal.SIGCONT)

    async def over(self) -> None:
        """Wait for its end, and let its watcher go."""
        if self._process is None:
            return
        await self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def stop(self) -> None:
        """End it in good order; harmless to repeat."""
        if self._process is None:
            return
        self.resume()
        self.ask_to_stop()
        await ended(self._process)
        await self.over()


def send(child: Child, number: signal.Signals) -> None:
    """Send a signal to a child that lives; once it is dead its number may be another's."""
    if child.is_alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, number)


def survivors(pids: set[int]) -> list[int]:
    """The processes that are left of those sessions; none where the system tells nothing."""
    left: list[int] = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, in brackets, may hold anything; the state is next, the session is the sixth.
            fields = entry.read_text().rpartition(")")[2].split()
            if int(fields[3]) in pids and fields[0] != "Z":
                left.append(int(entry.parent.name))
    return left


# Only there may one process set the limits of another.
CAN_FILL_DISKS = sys.platform == "linux"


def fill_disk(pid: int) -> None:
    """Let every write of a process to a file fail, as it does on a full disk.

    The kernel's limit on the size of files does that, needs no rights, and is lifted from outside.
    """
    _let_files_grow(pid, 0)


def free_disk(pid: int) -> None:
    """Give it its disk back."""
    _let_files_grow(pid, -1)


def _let_files_grow(pid: int, bytes_max: int) -> None:
    """Set how large a process's files may grow; -1 is without end."""
    if sys.platform == "linux":
        import resource  # noqa: PLC0415 - Windows has none

        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (bytes_max, resource.RLIM_INFINITY))

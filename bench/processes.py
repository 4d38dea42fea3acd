"""The processes of a benchmark: each part has its own, so that its CPU time can be told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from dataclasses import asdict
from pathlib import Path

from bench.kinds import Kind
from bench.load import FAILED, Order, Round
from worker import lifeline, settings
from worker.cannot_start import CannotStart
from worker.embedded import ended

ROOT = Path(__file__).resolve().parent.parent
_READY_WITHIN_S = 60.0
_STOP_WITHIN_S = 15.0
# Beyond its own time: an update answers within 45 s, so a round that takes longer hangs.
_ROUND_SLACK_S = 50.0
# One line holds a round's every latency.
_LINE_BYTES_MAX = 16 * 1024 * 1024


class Failed(Exception):
    """A part of the benchmark did not do what it should; one sentence."""


class Load:
    """The process that plays lifecycles."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    async def play(self, order: Order) -> Round:
        """Have one round played.

        Raises:
            Failed: A lifecycle failed, or none came to its end.
        """
        assert self._process.stdin is not None  # noqa: S101 - it was made with pipes
        self._process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        try:
            line = await _line(self._process, order.for_s + _ROUND_SLACK_S)
        except CannotStart as error:
            raise Failed(f"A round of {order.kind} failed: {error}") from None
        told = json.loads(line)
        if FAILED in told:
            raise Failed(f"A round of {order.kind} failed: {told[FAILED]}.")
        return Round(**told)


@contextlib.asynccontextmanager
async def simulator() -> AsyncGenerator[tuple[int, str]]:
    """The simulated gateways; answers with their process and URL."""
    # The lifeline stops them even if we are killed; they read no standard input of their own.
    command = ["-I", lifeline.__file__, sys.executable, "-m", "simulator", "--port", "0"]
    async with _child(*command) as process:
        ready = await _line(process, _READY_WITHIN_S)
        yield process.pid, ready.split()[-1]


@contextlib.asynccontextmanager
async def worker(
    kind: Kind, address: str, simulator_url: str, *options: str
) -> AsyncGenerator[int]:
    """A worker of this kind, ready; answers with its process."""
    where = ["--address", address, "--simulator", simulator_url]
    async with _child("-m", "bench.worker", kind.value, *where, *options) as process:
        await _line(process, _READY_WITHIN_S)
        yield process.pid


@contextlib.asynccontextmanager
async def load(address: str) -> AsyncGenerator[Load]:
    """The process that plays lifecycles, ready."""
    async with _child("-m", "bench.load", "--address", address) as process:
        await _line(process, _READY_WITHIN_S)
        yield Load(process)


def cpu_s(pid: int) -> float | None:
    """The CPU time that a process has used so far, in seconds; None where that can't be read."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name, in brackets, may hold anything; user and system time are fields 14 and 15.
    rest = stat.rpartition(")")[2].split()
    return (int(rest[11]) + int(rest[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.asynccontextmanager
async def _child(*arguments: str) -> AsyncGenerator[Process]:
    """A Python process of ours; the end of its standard input ends it, and so does our death."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments,
        cwd=ROOT, stdin=PIPE, stdout=PIPE, limit=_LINE_BYTES_MAX,
        start_new_session=True,  # Ctrl-C is for us
        env=settings.child_environment(),
    )  # fmt: skip
    try:
        yield process
    finally:
        await _stopped(process)


async def _stopped(process: Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    await ended(process, _STOP_WITHIN_S)


async def _line(process: Process, within_s: float) -> str:
    """The next line that a child says.

    Raises:
        CannotStart: It said none in time, or ended.
    """
    assert process.stdout is not None  # noqa: S101 - it was made with a pipe
    try:
        async with asyncio.timeout(within_s):
            line = await process.stdout.readline()
    except TimeoutError:
        raise CannotStart(f"A child process said nothing for {within_s:.0f} s.") from None
    if not line:
        raise CannotStart("A child process ended; what it wrote above says why.")
    return line.decode()

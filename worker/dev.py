"""``cardhold dev``: Temporal, its UI, the simulated gateways and a worker in one process tree.

What they know is kept in a folder, so that a reservation started yesterday is there today; the
gateways' books stay with the reservations they belong to.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import sys
import sysconfig
import textwrap
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from temporalio.envconfig import ClientConnectConfig

from simulator.server import Simulator
from worker import embedded, logs, settings, setup
from worker.cannot_start import CannotStart
from worker.embedded import HOST, EmbeddedTemporal, Options
from worker.main import run as run_worker
from worker.main import run_loop, runtime_for, stopped_by_signals

DATA = Path(".cardhold")
# Any well-formed token opens the simulators; Payroc's stored ones begin like this.
_TOKEN = "2967530000000000001"  # noqa: S105 - stands for no card


@dataclass(frozen=True, slots=True)
class Stack:
    """Where everything listens, and where it keeps its data.

    Attributes:
        temporal_port: Temporal's own default, which its command line needs no flag for.
        ui_port: Of Temporal's UI.
        simulators_port: Of the simulated gateways.
        data: The folder that is kept between runs; None keeps everything in memory.
    """

    temporal_port: int = 7233
    ui_port: int = 8233
    simulators_port: int = 8700
    data: Path | None = DATA


def main(stack: Stack) -> int:
    """Be ``cardhold dev``; answers with its exit code."""
    logs.configure()
    try:
        run_loop(run(stack))
    except CannotStart as refused:
        sys.stderr.write(f"{refused}\n")
        return refused.exit_code
    return 0


async def run(stack: Stack, *, stop: asyncio.Event | None = None) -> None:
    """Run the stack until ``stop`` is set, or SIGTERM or SIGINT comes.

    Raises:
        CannotStart: A port is taken, or the data are in use.
    """
    stop = stop or asyncio.Event()
    with stopped_by_signals(stop):
        async with running(stack) as (temporal, simulator):
            told = settings.simulated(simulator.url)
            sys.stdout.write(_guide(stack, temporal, simulator, list(told.accounts)))
            sys.stdout.flush()
            connection = ClientConnectConfig(target_host=temporal.address, namespace="default")
            await run_worker(told, connection, stop=stop, runtime=runtime_for(told.worker))


@contextlib.asynccontextmanager
async def running(stack: Stack) -> AsyncGenerator[tuple[EmbeddedTemporal, Simulator]]:
    """The stack without its worker, set up; for the demo and for benchmarks too.

    Raises:
        CannotStart: A port is taken, or the data are in use.
    """
    folder = stack.data
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    options = Options(
        port=stack.temporal_port,
        ui_port=stack.ui_port,
        database=folder and folder / "temporal.db",
    )
    # The simulators first: their file is locked while in use, so that two stacks over one folder
    # are told apart before a second Temporal writes to the first one's database.
    async with _simulators(stack) as simulator, EmbeddedTemporal(options) as temporal:
        await setup.run(ClientConnectConfig(target_host=temporal.address, namespace="default"))
        yield temporal, simulator


@contextlib.asynccontextmanager
async def _simulators(stack: Stack) -> AsyncGenerator[Simulator]:
    try:
        simulator = Simulator(
            host=HOST,
            port=stack.simulators_port,
            data=stack.data and stack.data / "simulator.db",
        )
    except sqlite3.OperationalError as error:
        raise CannotStart(f"The data in {stack.data} are in use ({error}).") from error
    try:
        await simulator.start()
    except OSError as error:
        raise CannotStart(embedded.port_refused(stack.simulators_port, error)) from error
    try:
        yield simulator
    finally:
        await simulator.stop()


def _guide(
    stack: Stack, temporal: EmbeddedTemporal, simulator: Simulator, accounts: list[str]
) -> str:
    kept = "in memory, gone when this ends" if stack.data is None else f"in {stack.data}/, kept"
    tuned = "\n".join(_wrapped(line) for line in temporal.tuned)
    # Other ports than Temporal's defaults have to be told to every tool.
    usual = temporal.address == settings.TEMPORAL_ADDRESS
    elsewhere = "" if usual else f"  export TEMPORAL_ADDRESS={temporal.address}\n"
    ours, theirs = _as_typed("cardhold"), _as_typed("temporal")
    return f"""
Temporal       {temporal.address}, its UI at {temporal.ui_url}
Simulators     {simulator.url} (the books: {simulator.url}/admin/books)
Accounts       {", ".join(accounts)}
Data           {kept}

The embedded server is tuned for one machine:
{tuned}

Place a hold and capture from it, in another terminal:
{elsewhere}  {ours} start RES-1001 "100.00 USD" --gateway {accounts[0]} --token {_TOKEN}
  {ours} capture RES-1001 "80.00 USD"
  {theirs} workflow signal --workflow-id reservation-RES-1001 --name capture
In the UI: open the workflow, "More Actions", "Send a Signal", named capture; no input takes all.

Ctrl-C stops everything.
"""


def _wrapped(line: str) -> str:
    return textwrap.fill(line, 96, initial_indent="  - ", subsequent_indent="    ")


def _as_typed(command: str) -> str:
    """The command as it works in a terminal like ours: without a path where it needs none."""
    beside = Path(sysconfig.get_path("scripts")) / command
    if shutil.which(command) or not beside.exists():
        return command
    return os.path.relpath(beside) if beside.is_relative_to(Path.cwd()) else str(beside)

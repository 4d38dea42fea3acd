"""``python -m bench.worker``: one worker of one kind; ends when its standard input does."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

from temporalio.client import Client
from temporalio.worker import Worker

from activities.converter import data_converter
from activities.holds import Holds
from bench.floor import Floor, open_calls
from bench.kinds import Kind
from bench.profiler import Profiler
from bench.variants import FloorWithGateway
from domain.record import Record
from worker import logs, settings
from worker.main import gateways_of, run_loop, runtime_for, worker_for
from worker.settings import Settings
from workflows import telling

READY = "ready"
_DEFINED_AND_USED = 2


async def run(kind: Kind, address: str, simulator_url: str) -> None:
    """Work until standard input ends."""
    _take_out(kind)
    told = settings.simulated(simulator_url)
    async with _worker(kind, address, told, simulator_url):
        sys.stdout.write(f"{READY}\n")
        sys.stdout.flush()
        await _end_of_input()


@contextlib.asynccontextmanager
async def _worker(
    kind: Kind, address: str, told: Settings, simulator_url: str
) -> AsyncGenerator[Worker]:
    """A running worker, its options those of cardhold's whatever it runs."""
    runtime = runtime_for(told.worker)
    plain = await Client.connect(address, runtime=runtime)
    client = await Client.connect(address, runtime=runtime, data_converter=data_converter)
    async with gateways_of(told) as gateways:
        holds = Holds(gateways)
        if kind.is_floor:
            # Only its options are wanted; the SDK takes one worker for one queue.
            ours = worker_for(client, told, holds, task_queue=f"unused-{kind.task_queue}")
            options = ours.config()
            options["task_queue"] = kind.task_queue
            if kind is Kind.FLOOR:
                calls = await open_calls(simulator_url)
                options["client"] = plain
                options["workflows"] = [Floor]
                options["activities"] = [calls.authorize, calls.capture]
            else:
                options["workflows"] = [FloorWithGateway]
            worker = Worker(**options)
        else:
            worker = worker_for(client, told, holds, task_queue=kind.task_queue)
        async with worker:
            yield worker


def _take_out(kind: Kind) -> None:
    """Take one part out of cardhold, to see what it costs.

    Raises:
        RuntimeError: There is no such part any more: the account would be a lie.
    """
    if kind is not Kind.NO_ATTRIBUTES:
        return
    part = telling.write_attributes
    users = [
        module
        for name, module in sys.modules.items()
        if name.startswith("workflows.") and getattr(module, part.__name__, None) is part
    ]
    if len(users) < _DEFINED_AND_USED:
        raise RuntimeError(f"nobody in workflows/ uses {part.__name__}")
    for module in users:
        setattr(module, part.__name__, _nothing)


def _nothing(_: Record) -> None: ...


async def _end_of_input() -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


def main() -> None:
    """Read the command line and work."""
    parser = argparse.ArgumentParser(prog="python -m bench.worker", description=__doc__)
    parser.add_argument("kind", type=Kind, choices=list(Kind))
    parser.add_argument("--address", required=True, help="of Temporal")
    parser.add_argument("--simulator", required=True, help="the simulators' URL")
    parser.add_argument("--profile", type=Path, help="where to write what took how long")
    options = parser.parse_args()
    logs.configure(level="ERROR")
    work = run(options.kind, options.address, options.simulator)
    if options.profile is None:
        run_loop(work)
        return
    with Profiler(options.profile):
        run_loop(work)


if __name__ == "__main__":
    main()

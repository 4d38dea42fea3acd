"""The whole stack for the command's tests: Temporal, the simulated gateways, the real worker."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest
from click.testing import CliRunner, Result
from temporalio.envconfig import ClientConnectConfig

from cli.main import cardhold
from tests import loopback
from worker import settings
from worker.dev import Stack, running
from worker.main import run as run_worker
from worker.main import runtime_for

TOKEN = "2967530112345678"
Command = Callable[..., Awaitable[Result]]


@pytest.fixture(scope="session")
async def stack() -> AsyncGenerator[tuple[str, str]]:
    """The addresses of Temporal and of the simulators, a worker between them."""
    ports = Stack(temporal_port=0, ui_port=0, simulators_port=0, data=None)
    async with running(ports) as (temporal, simulator):
        told = settings.simulated(simulator.url)
        connection = ClientConnectConfig(target_host=temporal.address, namespace="default")
        stop = asyncio.Event()
        worker = asyncio.create_task(
            run_worker(told, connection, stop=stop, runtime=runtime_for(told.worker))
        )
        yield temporal.address, simulator.url
        stop.set()
        await worker


@pytest.fixture
def environment(stack: tuple[str, str]) -> dict[str, str]:
    """Where the command finds Temporal; a plain terminal in UTC."""
    return {"TEMPORAL_ADDRESS": stack[0], "TZ": "UTC", "COLUMNS": "100"}


@pytest.fixture
def command(environment: dict[str, str]) -> Command:
    """Run ``cardhold`` with these words, beside the loop that the stack lives on."""

    async def _run(*words: str, stdin: str | None = None) -> Result:
        runner = CliRunner(env=environment)
        return await asyncio.to_thread(runner.invoke, cardhold, list(words), input=stdin)

    return _run


@pytest.fixture(scope="session")
def name() -> Callable[[], str]:
    """Makes reservation ids."""
    numbers = itertools.count(1)
    return lambda: f"RES-{next(numbers)}"


@pytest.fixture
async def held(command: Command, name: Callable[[], str]) -> str:
    """A reservation with 100.00 USD held."""
    reservation = name()
    done = await command("start", reservation, "100.00 USD", "--gateway=payroc", "--token", TOKEN)
    assert done.exit_code == 0, done.output
    return reservation


@pytest.fixture
def fault(stack: tuple[str, str]) -> Callable[..., Awaitable[None]]:
    """Steer the simulated gateway's next calls."""

    async def _set(operation: str, kind: str, **more: object) -> None:
        body = {"gateway": "payroc", "operation": operation, "fault": kind, **more}
        async with loopback.client(stack[1]) as admin:
            (await admin.post("/admin/faults", json=body)).raise_for_status()

    return _set

"""Temporal's server is killed right after it has acknowledged something, and started again.

A server of its own, with a database file, as `cardhold dev` has it; kill -9, and the same file. The
worker lives through it. What was acknowledged is carried out, once; the bank's books are the
verdict.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from temporalio.client import WorkflowUpdateStage

from tests.workflows.checks import adds_up, agrees, done_once, moved_once
from tests.workflows.gateways import Place, everywhere
from tests.workflows.stack import Json, Reserved, Stack, running
from tests.workflows.test_accidents_started_again import ONE_OF_EACH
from worker.embedded import EmbeddedTemporal, Options

OUT: Json = {"command_id": "out"}


@asynccontextmanager
async def killed_and_started_again(
    server: EmbeddedTemporal, options: Options
) -> AsyncGenerator[EmbeddedTemporal]:
    """Kill the server, and start another on the same port and file."""
    port = int(server.address.rpartition(":")[2])
    os.kill(server.pid, signal.SIGKILL)
    await server.stop()
    again = EmbeddedTemporal(replace(options, port=port))
    async with again:
        yield again


async def test_what_a_killed_server_has_acknowledged_is_done_once(tmp_path: Path) -> None:
    options = Options(database=tmp_path / "temporal.db", time_skipping=True)
    async with EmbeddedTemporal(options) as server, running(server.address, cached=100) as stack:
        runs = await acknowledged(stack)
        async with killed_and_started_again(server, options):
            await asyncio.gather(*(ends_well(stack, *run) for run in runs))
        moved_once(await stack.books())


async def acknowledged(stack: Stack) -> list[tuple[str, Reserved, Json]]:
    """Reservations whose last message was acknowledged a moment ago: what, which, its start."""
    runs: list[tuple[str, Reserved, Json]] = []

    async def held(place: Place) -> None:
        for what in ("captured", "released"):
            request = stack.request(**place.request())
            reserved = await stack.begin(request)
            await reserved.update("authorized", {"request": request})
            runs.append((what, reserved, request))
        await stack.fault("*", "delay", gateway=place.gateway, delay_s=0.5, times=3)

    async def begun(place: Place) -> tuple[str, Reserved, Json]:
        request = stack.request(**place.request())
        return "started", await stack.begin(request), request

    await everywhere(held, ONE_OF_EACH)
    signals = [run.signal("capture", OUT) for what, run, _ in runs if what == "captured"]
    updates = [accepted(run, "release") for what, run, _ in runs if what == "released"]
    await asyncio.gather(*signals, *updates)
    return [*runs, *await asyncio.gather(*map(begun, ONE_OF_EACH))]


async def accepted(reserved: Reserved, name: str) -> None:
    """Send an update, and wait until Temporal has acknowledged it; not for its answer."""
    stage = WorkflowUpdateStage.ACCEPTED
    await reserved.handle.start_update(name, OUT, wait_for_stage=stage)


async def ends_well(stack: Stack, what: str, reserved: Reserved, request: Json) -> None:
    if what == "started":
        hold = await reserved.update("authorized", {"request": request})
        assert hold["state"] == "authorized"
        await reserved.update("release", OUT)
    ended = await asyncio.wait_for(reserved.ended(), 30)
    book = await stack.book_of(ended)
    adds_up(ended)
    agrees(ended, book)
    done_once(ended, book)
    assert ended["state"] == ("captured" if what == "captured" else "released")

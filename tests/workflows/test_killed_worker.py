"""A worker is killed in the middle of gateway calls, and another goes on where it was.

Real processes and kill -9, at every gateway and for every operation at once. The hasty accounts
give a first try ten seconds, which is when Temporal notices that nobody will report its end; what
an account says of that is known once it has answered, so the card that is killed is the second one.
A worker that is stopped before it is killed leaves unread the answer to what was booked.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from tests.workflows.checks import adds_up, agrees, done_once
from tests.workflows.gateways import HASTY, Place, everywhere
from tests.workflows.guests import booked
from tests.workflows.stack import Json, Reserved, Stack
from tests.workflows.test_accidents_started_again import ONE_OF_EACH
from worker.embedded import EmbeddedTemporal

ROOT = Path(__file__).resolve().parents[2]
# Long enough to stop the worker after the last call has reached its gateway, and before the first
# is answered, on a busy machine too.
SLOWLY = {"delay_s": 3.0}
OPERATIONS = ("authorize", "capture", "release")


@contextlib.asynccontextmanager
async def a_process(address: str, stack: Stack) -> AsyncGenerator[Process]:
    """A worker process on the stack's queue; killed at the end, if it lives."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.workflows.worker_process",
        address, stack.simulator.url, stack.task_queue,
        cwd=ROOT, stdin=PIPE, stdout=PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()


@dataclass
class UnderWay:
    """A reservation with one operation under way."""

    place: Place
    operation: str
    reserved: Reserved
    answer: asyncio.Task[Json]


async def under_way(stack: Stack, place: Place) -> list[UnderWay]:
    """Three reservations, each with another operation on its way to the gateway."""
    fields = {**place.request(), "gateway": place.account + HASTY}
    await stack.fault("authorize", "decline", gateway=place.gateway)
    runs = [(operation, (await stack.start(**fields))[0]) for operation in OPERATIONS]
    told: dict[str, Json] = {"authorize": {"payment_method": place.card}}
    for operation in OPERATIONS:
        await stack.fault(operation, "delay", gateway=place.gateway, **SLOWLY)
    return [
        UnderWay(place, operation, reserved, asyncio.create_task(
            reserved.update(operation, {**told.get(operation, {}), "command_id": "out"})
        ))
        for operation, reserved in runs
    ]  # fmt: skip


async def until_met(stack: Stack, places: Iterable[Place]) -> None:
    async with asyncio.timeout(10):
        while any(stack.unmet(place.gateway) for place in places):
            await asyncio.sleep(0.01)


async def until_booked(stack: Stack, places: Iterable[Place]) -> None:
    everything = Counter(authorize=3, capture=1, release=1)
    async with asyncio.timeout(10):
        for place in places:
            while Counter(await booked(stack, place)) != everything:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("is_booked", [False, True], ids=["on their way", "booked"])
async def test_calls_whose_worker_was_killed_have_their_effect_once(
    stack: Stack, skipping_server: EmbeddedTemporal, *, is_booked: bool
) -> None:
    elsewhere = stack.elsewhere()
    runs: list[UnderWay] = []

    async def at(place: Place) -> None:
        runs.extend(await under_way(elsewhere, place))

    async with a_process(skipping_server.address, elsewhere) as process:
        await everywhere(at, ONE_OF_EACH)
        await until_met(stack, ONE_OF_EACH)
        if is_booked:
            os.kill(process.pid, signal.SIGSTOP)
            await until_booked(stack, ONE_OF_EACH)
        else:
            assert "capture" not in [
                kind for place in ONE_OF_EACH for kind in await booked(stack, place)
            ]
        process.kill()
        await process.wait()

    async with elsewhere.worker():
        await asyncio.gather(*(ends_well(stack, run) for run in runs))


async def ends_well(stack: Stack, run: UnderWay) -> None:
    """What was under way is found, and what is left is freed."""
    with pytest.raises(WorkflowUpdateFailedError) as told:
        await run.answer
    assert isinstance(told.value.cause, ApplicationError)
    assert told.value.cause.type == "OutcomeUnknown"
    if run.operation == "authorize":
        await run.reserved.signal("release", {"command_id": "off"})  # kept until it is known
    ended = await asyncio.wait_for(run.reserved.ended(), 30)
    book = await stack.book_of(ended)
    adds_up(ended)
    agrees(ended, book)
    done_once(ended, book)
    assert ended["state"] == ("captured" if run.operation == "capture" else "released")

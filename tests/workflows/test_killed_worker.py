"""A worker is killed in the middle of a gateway call, and another goes on where it was.

Real processes and kill -9. The account ``hasty`` gives a first try ten seconds, which is when
Temporal notices that nobody will report its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.workflows.checks import agrees
from tests.workflows.stack import Reserved, Stack, usd
from worker.embedded import EmbeddedTemporal

ROOT = Path(__file__).resolve().parents[2]


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


async def until_booked(stack: Stack, kind: str) -> None:
    async with asyncio.timeout(10):
        while all(
            effect["kind"] != kind for book in await stack.books() for effect in book["effects"]
        ):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("operation", "booked"),
    [("authorize", True), ("capture", False), ("capture", True)],
    ids=["authorization booked", "capture on its way", "capture booked"],
)
async def test_a_call_whose_worker_was_killed_has_its_effect_once(
    stack: Stack, skipping_server: EmbeddedTemporal, operation: str, *, booked: bool
) -> None:
    elsewhere = stack.elsewhere()
    request = stack.request(gateway="hasty")
    async with a_process(skipping_server.address, elsewhere) as process:
        reserved = await elsewhere.begin(request)
        if operation == "capture":
            await reserved.update("authorized", {"request": request})
        await _under_way(stack, reserved, operation, booked=booked)
        process.kill()
        await process.wait()

    async with elsewhere.worker():
        hold = await reserved.update("authorized", {"request": request})
        if operation == "authorize":
            assert hold["state"] == "authorized"
            await reserved.update("capture", {"command_id": "out"})
        ended = await reserved.ended()

    assert (ended["state"], ended["captured"]) == ("captured", usd(100_00))
    agrees(ended, await stack.book())


async def _under_way(stack: Stack, reserved: Reserved, operation: str, *, booked: bool) -> None:
    """Let the operation be on its way: at the gateway, which has booked it or is about to."""
    if booked:
        # The answer to the token, or to what guards the act, is not what is slow here.
        await stack.fault(operation, "drop_after", times=1)
        await stack.fault(operation, "delay", delay_s=3, times=1)
    else:
        await stack.fault(operation, "delay", delay_s=1.5)
    if operation == "capture":
        await reserved.signal("capture", {"command_id": "out"})
    if booked:
        await until_booked(stack, operation)
    else:
        await asyncio.sleep(0.5)

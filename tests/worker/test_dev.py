"""``cardhold dev``: one command, four servers, one Ctrl-C; the data stay.

The stack runs as the process that a person starts, on ports that are free.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import Client as TemporalClient

from cardhold.client import Client
from cardhold.messages import HoldRequest
from cli.main import cardhold

ROOT = Path(__file__).parents[2]
READY_WITHIN_S = 60
FREE = ("--temporal-port", "0", "--ui-port", "0", "--simulators-port", "0")


@asynccontextmanager
async def dev(data: Path, *options: str) -> AsyncGenerator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cardhold", "dev", "--data", str(data), *options,
        cwd=ROOT, stdout=PIPE, stderr=PIPE,
        env={"PATH": os.environ["PATH"], "HOME": str(data), "TEMPORAL_ADDRESS": "127.0.0.1:1"},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def guide(process: Process) -> str:
    """What it prints for people, up to the last line; why, where it ended before."""
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            return (await process.stdout.readuntil(b"Ctrl-C stops everything.")).decode()
    except asyncio.IncompleteReadError:
        raise AssertionError((await process.stderr.read()).decode()) from None


async def stopped(process: Process) -> tuple[int, str]:
    process.send_signal(signal.SIGINT)
    _, told = await process.communicate()
    assert process.returncode is not None
    return process.returncode, told.decode()


def address_in(printed: str) -> str:
    found = re.search(r"Temporal +(\S+),", printed)
    assert found is not None
    return found.group(1)


async def test_a_hold_survives_a_restart_of_the_whole_stack(tmp_path: Path) -> None:
    reservation_id = f"RES-{uuid4().hex[:12]}"
    asked = HoldRequest.model_validate(
        {
            "reservation_id": reservation_id,
            "gateway": "payroc",
            "amount": {"amount_minor": 15000, "currency": "USD"},
            "payment_method": {"kind": "stored_token", "token": "2967530000000000001"},
        }
    )
    async with dev(tmp_path, *FREE) as process:
        printed = await guide(process)
        client = Client(await TemporalClient.connect(address_in(printed)))
        placed = await client.start(asked)
        code, told = await stopped(process)
        assert code == 0, told
    async with dev(tmp_path, *FREE) as process:
        client = Client(await TemporalClient.connect(address_in(await guide(process))))
        kept = await client.hold(reservation_id)
        code, told = await stopped(process)
        assert code == 0, told
    assert placed.state == kept.state == "authorized"
    assert placed.payment_id == kept.payment_id


async def test_nothing_is_left_running(tmp_path: Path) -> None:
    async with dev(tmp_path, *FREE) as process:
        address = address_in(await guide(process))
        await stopped(process)
    host, _, port = address.partition(":")
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await asyncio.open_connection(host, int(port))


async def test_it_says_where_to_look_and_how_to_capture(tmp_path: Path) -> None:
    async with dev(tmp_path, *FREE) as process:
        printed = await guide(process)
        await stopped(process)
    assert f"export TEMPORAL_ADDRESS={address_in(printed)}\n" in printed
    assert "temporal workflow signal --workflow-id reservation-RES-1001 --name capture" in printed
    assert "/admin/books" in printed
    assert f"in {tmp_path}/, kept" in printed
    assert "write-ahead journal" in printed
    typed = re.findall(r"^ +(?:\S*/)?cardhold (.+)$", printed, re.MULTILINE)
    assert [line.split()[0] for line in typed] == ["start", "capture"]
    for line in typed:
        name, *words = shlex.split(line)
        # Parses the words as the command would, without running it.
        cardhold.commands[name].make_context(name, words)


async def test_two_stacks_over_the_same_data_are_refused(tmp_path: Path) -> None:
    async with dev(tmp_path, *FREE) as first:
        await guide(first)
        async with dev(tmp_path, *FREE) as second:
            _, told = await second.communicate()
        assert second.returncode == 2
        assert f"The data in {tmp_path} are in use" in told.decode()
        assert told.count(b"\n") == 1
        await stopped(first)


@pytest.mark.parametrize("door", ["--temporal-port", "--ui-port", "--simulators-port"])
async def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path, door: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        async with dev(tmp_path, *FREE, door, port) as process:
            _, told = await process.communicate()
    assert process.returncode == 2
    assert f"Port {port} on 127.0.0.1 is taken" in told.decode()
    assert told.count(b"\n") == 1

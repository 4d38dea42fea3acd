"""The embedded Temporal server: starts, says why it cannot, and never outlives its parent.

Real processes: the parent that dies is a Python of its own, killed with SIGKILL.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE
from contextlib import suppress
from pathlib import Path

import pytest
from temporalio.client import Client

from worker import embedded
from worker.cannot_start import CannotStart
from worker.embedded import HOST, EmbeddedTemporal, Options

ROOT = Path(__file__).parents[2]
GONE_WITHIN_S = 10
PARENT = """
import asyncio
from worker.embedded import EmbeddedTemporal
async def main():
    async with EmbeddedTemporal() as temporal:
        print(temporal.pid, flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie that nobody has waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def until_gone(pid: int) -> None:
    async with asyncio.timeout(GONE_WITHIN_S):
        while is_alive(pid):
            await asyncio.sleep(0.05)


def children(pid: int) -> list[int]:
    with suppress(OSError):
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in listed.split()]
    return []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_the_server_dies_with_its_parent(number: signal.Signals) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdout=PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": "."}
    )
    assert parent.stdout is not None
    server = int(await parent.stdout.readline())
    family = [server, *children(server)]
    assert all(map(is_alive, family))
    parent.send_signal(number)
    await parent.wait()
    for pid in family:
        await until_gone(pid)


async def test_stopping_leaves_no_process() -> None:
    async with EmbeddedTemporal() as temporal:
        family = [temporal.pid, *children(temporal.pid)]
        assert len(family) > 1
    for pid in family:
        await until_gone(pid)


async def test_what_was_kept_in_a_file_is_there_after_a_kill(tmp_path: Path) -> None:
    options = Options(database=tmp_path / "temporal.db")
    async with EmbeddedTemporal(options) as temporal:
        client = await Client.connect(temporal.address)
        started = await client.start_workflow("Nobody", id="kept", task_queue="nobody")
        os.kill(temporal.pid, signal.SIGKILL)
        await until_gone(temporal.pid)
    async with EmbeddedTemporal(options) as temporal:
        client = await Client.connect(temporal.address)
        description = await client.get_workflow_handle("kept").describe()
    assert description.run_id == started.result_run_id
    assert (tmp_path / "temporal.db").stat().st_size > 0


async def test_a_database_says_that_it_keeps_a_journal(tmp_path: Path) -> None:
    assert embedded.JOURNAL in EmbeddedTemporal(Options(database=tmp_path / "t.db")).tuned
    assert embedded.JOURNAL not in EmbeddedTemporal().tuned


async def test_the_ui_answers_where_it_is_said_to() -> None:
    async with EmbeddedTemporal(Options(ui_port=0)) as temporal:
        assert temporal.ui_url is not None
        host, _, port = temporal.ui_url.removeprefix("http://").partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.close()


@pytest.mark.parametrize("door", ["port", "ui_port"])
async def test_a_port_that_is_taken_is_one_sentence(door: str) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = EmbeddedTemporal(Options(**{door: port}))
        with pytest.raises(CannotStart, match=f"Port {port} on {HOST} is taken"):
            await server.start()


async def test_a_server_that_gives_up_is_quoted(tmp_path: Path) -> None:
    server = EmbeddedTemporal(Options(database=tmp_path / "no" / "such" / "folder.db"))
    with pytest.raises(CannotStart, match=r"The embedded Temporal server ended at once: .+"):
        await server.start()


@pytest.mark.parametrize(
    "words",
    [
        "panic: listen tcp 127.0.0.1:1: bind: address already in use",
        "panic: runtime error: invalid memory address or nil pointer dereference",
    ],
)
@pytest.mark.parametrize("lost", [2, 3])
async def test_a_port_that_somebody_was_quicker_to_take_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: int, words: str
) -> None:
    """The server's program in front of which one stands that loses its port so many times."""
    program, starts = tmp_path / "temporal", tmp_path / "starts"
    program.write_text(
        f"""#!/bin/sh
        echo x >> {starts}
        [ $(wc -l < {starts}) -gt {lost} ] && exec {embedded.temporal_program()} "$@"
        echo '{words}' >&2
        echo 'main.go:18 +0x8e' >&2
        exit 2
        """
    )
    program.chmod(0o755)
    monkeypatch.setenv("CARDHOLD_TEMPORAL_BIN", str(program))
    if lost == 2:
        async with EmbeddedTemporal() as temporal:
            await Client.connect(temporal.address)
    else:
        with pytest.raises(CannotStart, match=f"ended at once: {words}"):
            await EmbeddedTemporal().start()


async def test_another_program_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARDHOLD_TEMPORAL_BIN", "/bin/true")
    assert embedded.temporal_program() == "/bin/true"
    with pytest.raises(CannotStart, match="ended at once: it said nothing"):
        await EmbeddedTemporal().start()


def test_a_program_that_is_not_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARDHOLD_TEMPORAL_BIN", "/nowhere/temporal")
    with pytest.raises(CannotStart, match="CARDHOLD_TEMPORAL_BIN names no program"):
        embedded.temporal_program()


async def test_a_stopped_server_can_be_stopped_again() -> None:
    server = EmbeddedTemporal()
    await server.stop()
    await server.start()
    await server.stop()
    await server.stop()

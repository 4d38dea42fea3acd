"""The admin door, and what outlives the process: a real one, killed with SIGKILL."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from simulator.server import Simulator
from tests import loopback
from tests.simulator.payroc_client import Payroc, new_key, outcome, payment_body


async def test_the_books_have_the_shape_that_was_agreed(payroc: Payroc) -> None:
    await payroc.create()

    [hold] = await payroc.books()

    assert {
        "gateway",
        "payment_id",
        "reference",
        "state",
        "currency",
        "authorized_minor",
        "captured_minor",
        "released_minor",
        "refunded_minor",
        "effects",
    } == hold.keys()
    assert {"kind", "amount_minor", "key", "at"} == hold["effects"][0].keys()


async def test_a_reset_empties_books_faults_clock_and_saved_answers(payroc: Payroc) -> None:
    key = new_key()
    first = await payroc.post("/payments", payment_body(), key=key)
    await payroc.arm("authorize", "decline")
    await payroc.advance(3600)

    answer = await payroc.http.post("/admin/reset")
    again = await payroc.post("/payments", payment_body(), key=key)

    assert answer.json() == {"holds": []}
    assert outcome(again.json())[0] == "pending"
    assert first.json()["paymentId"] != again.json()["paymentId"]
    assert len(await payroc.books()) == 1


async def test_forgotten_faults_do_not_happen(payroc: Payroc) -> None:
    await payroc.arm("*", "error_before", times=100)

    answer = await payroc.http.delete("/admin/faults")

    assert answer.json() == {"faults": []}
    assert (await payroc.get("/payments")).status_code == 200


@pytest.mark.parametrize(
    "wish",
    [
        {"advance_s": -1},
        {"advance_s": "60"},
        {"advance_s": True},
        {"advance_s": 1e12},
        {"hold_s": 0},
        {"forward_s": 1},
        [],
    ],
)
async def test_a_clock_that_cannot_be_set_is_refused_in_one_sentence(
    payroc: Payroc, wish: object
) -> None:
    answer = await payroc.http.post("/admin/clock", json=wish)

    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000])
async def test_a_body_that_is_no_json_is_refused(payroc: Payroc, content: bytes) -> None:
    answer = await payroc.http.post("/admin/faults", content=content)

    assert answer.status_code == 400


async def test_an_unknown_admin_path_is_a_404_in_json(payroc: Payroc) -> None:
    answer = await payroc.http.get("/admin/nothing")

    assert answer.status_code == 404
    assert list(answer.json()) == ["error"]


def own_address() -> str:
    """An address of this machine beside loopback; no packet is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


async def test_the_admin_door_is_shut_to_peers_that_are_not_loopback() -> None:
    address = own_address()
    if address.startswith("127."):
        pytest.skip("this machine has no other address")
    async with Simulator(host=address) as sim, loopback.client() as http:
        shut = await http.get(f"{sim.url}/admin/books")
        open_to_all = await http.post(f"{sim.url}/payroc/authorize", headers={"x-api-key": "k"})

    assert [shut.status_code, open_to_all.status_code] == [403, 200]
    assert "loopback" in shut.json()["error"]


@asynccontextmanager
async def process(data: Path) -> AsyncGenerator[tuple[Payroc, asyncio.subprocess.Process]]:
    """``python -m simulator`` on a free port, and a client logged in to it."""
    words = ("-m", "simulator", "--port", "0", "--data", str(data))
    child = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        line = (await asyncio.wait_for(child.stdout.readline(), 10)).decode()
        url = line.split()[-1]
        async with loopback.client(url) as http:
            client = Payroc(http)
            await client.log_in()
            yield client, child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def play(payroc: Payroc, key: str) -> list[dict[str, Any]]:
    """A captured hold, one whose outcome is open, and an open one made with ``key``."""
    captured = await payroc.create(20000)
    await payroc.act(captured, "capture", {"amount": 15000})
    await payroc.arm("authorize", "stay_pending", resolve_after_s=7200)
    undecided = await payroc.create(30000)
    opened = (await payroc.post("/payments", payment_body(), key=key)).json()
    return [captured, undecided, opened]


async def test_books_answers_and_clock_survive_a_kill(tmp_path: Path) -> None:
    data, key = tmp_path / "bank.sqlite", new_key()
    async with process(data) as (payroc, child):
        await payroc.http.post("/admin/clock", json={"advance_s": 86400, "hold_s": 172800})
        await payroc.log_in()
        payments = await play(payroc, key)
        bearer, books = payroc.bearer, await payroc.books()
        child.kill()

    async with process(data) as (payroc, child):
        payroc.bearer = bearer  # Tokens survive too.
        after = await payroc.books()
        replay = (await payroc.post("/payments", payment_body(), key=key)).json()
        clock = (await payroc.http.post("/admin/clock", json={"advance_s": 7200})).json()
        await payroc.log_in()
        decided = outcome(await payroc.read(payments[1]))
        listed = (await payroc.get("/payments")).json()["count"]
        child.send_signal(signal.SIGTERM)
        code = await child.wait()

    assert books == after
    assert payments[2] == replay
    assert decided == ("pending", "A", 30000)
    assert (clock["hold_s"], listed, code) == (172800, 3, 0)


async def test_two_banks_cannot_share_one_file(tmp_path: Path) -> None:
    data = tmp_path / "bank.sqlite"
    async with process(data):
        words = ("-m", "simulator", "--port", "0", "--data", str(data))
        second = await asyncio.create_subprocess_exec(
            sys.executable, *words, stderr=asyncio.subprocess.PIPE
        )
        _, complaint = await asyncio.wait_for(second.communicate(), 20)

    assert second.returncode == 1
    assert complaint == b"The simulator cannot start: database is locked.\n"


async def test_books_in_a_file_are_read_back_in_the_same_process(tmp_path: Path) -> None:
    data = tmp_path / "bank.sqlite"
    async with Simulator(data=data) as sim, loopback.client(sim.url) as http:
        payroc = Payroc(http)
        await payroc.log_in()
        await payroc.create(10000)
        before = sim.bank.books()

    async with Simulator(data=data) as sim:
        assert before == sim.bank.books()
        kinds = [effect["kind"] for hold in before["holds"] for effect in hold["effects"]]
        assert kinds == ["authorize"]

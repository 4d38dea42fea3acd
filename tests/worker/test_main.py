"""A worker as a process: refuses to run in one sentence, finishes its calls when it is stopped.

The processes are real, and so are Temporal and the simulated bank, whose books tell what a
stopped worker did.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
from temporalio.client import Client as TemporalClient
from temporalio.envconfig import ClientConnectConfig

from cardhold.client import Client
from cardhold.messages import Capture, HoldRequest
from simulator.server import Simulator
from tests import loopback
from worker.cannot_start import CannotStart
from worker.embedded import EmbeddedTemporal
from worker.main import gateways_of, run, runtime_for
from worker.settings import WorkerSettings, simulated
from worker.temporal import connect

ROOT = Path(__file__).parents[2]
READY_WITHIN_S = 30
# Long enough to send a signal in the middle of a call on a busy machine.
CALL_S = 3.0
# An update answers within 45 s; half of that leaves room for the work itself.
ANSWER_WITHIN_S = 22


def environment(**more: str) -> dict[str, str]:
    """What the process gets: nothing of the settings of whoever runs the tests."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**inherited, **more}


@asynccontextmanager
async def worker_process(*arguments: str, **variables: str) -> AsyncGenerator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cardhold", "worker", *arguments,
        cwd=ROOT, env=environment(**variables), stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until_ready(process: Process) -> None:
    assert process.stderr is not None
    told: list[bytes] = []
    async with asyncio.timeout(READY_WITHIN_S):
        while told[-1:] != [b""] and not any(b"ready" in line for line in told):
            told.append(await process.stderr.readline())
    assert b"ready" in b"".join(told), b"".join(told).decode()


async def ended(process: Process) -> tuple[int, str]:
    """The exit code and everything on standard error."""
    _, told = await process.communicate()
    assert process.returncode is not None
    return process.returncode, told.decode()


async def books(simulator: Simulator) -> list[dict[str, Any]]:
    async with loopback.client() as http:
        answer = await http.get(f"{simulator.url}/admin/books")
    return cast("list[dict[str, Any]]", answer.json()["holds"])


async def slow_authorization(simulator: Simulator) -> None:
    fault = {"gateway": "payroc", "operation": "authorize", "fault": "delay", "delay_s": CALL_S}
    async with loopback.client() as http:
        (await http.post(f"{simulator.url}/admin/faults", json=fault)).raise_for_status()


async def activity_events(client: TemporalClient, reservation_id: str) -> list[str]:
    """What became of the reservation's activities, in order."""
    history = await client.get_workflow_handle(f"reservation-{reservation_id}").fetch_history()
    kinds = [event.WhichOneof("attributes") or "" for event in history.events]
    found = [re.fullmatch(r"activity_task_(\w+)_event_attributes", kind) for kind in kinds]
    return [kind.group(1) for kind in found if kind]


def request() -> HoldRequest:
    return HoldRequest.model_validate(
        {
            "reservation_id": f"RES-{uuid4().hex[:12]}",
            "gateway": "payroc",
            "amount": {"amount_minor": 15000, "currency": "USD"},
            "payment_method": {"kind": "stored_token", "token": "2967530000000000001"},
        }
    )


#: Every secret that the example names, by its environment variable.
EXAMPLE = (ROOT / "cardhold.example.toml").read_text(encoding="utf-8")
SECRETS = re.findall(r'^[a-z_]+ = \{ env = "(\w+)" \}', EXAMPLE, re.MULTILINE)
REFUSED: dict[str, tuple[dict[str, str], int, str]] = {
    "no configuration": ({}, 2, "No configuration"),
    "a missing file": ({"CARDHOLD_CONFIG": "/nowhere.toml"}, 2, "/nowhere.toml cannot be read"),
    "a missing secret": (
        {"CARDHOLD_CONFIG": "cardhold.example.toml"},
        2,
        f"the environment variable {SECRETS[0]} is not set",
    ),
    "no Temporal": (
        {
            "CARDHOLD_CONFIG": "cardhold.example.toml",
            **dict.fromkeys(SECRETS, "sk-live-51H8-and-more"),
            "TEMPORAL_ADDRESS": "127.0.0.1:1",
        },
        7,
        "Temporal does not answer at 127.0.0.1:1 (nobody listens there)",
    ),
}


@pytest.mark.parametrize("why", REFUSED)
async def test_a_process_that_cannot_start_says_why_in_one_sentence(why: str) -> None:
    variables, code, sentence = REFUSED[why]
    async with worker_process(**variables) as process:
        ended_with, told = await ended(process)
    assert ended_with == code
    assert sentence in told
    assert told.count("\n") == 1
    assert "Traceback" not in told
    assert "sk-live-51H8" not in told


async def test_a_worker_refuses_a_namespace_that_is_not_set_up(
    temporal: EmbeddedTemporal,
) -> None:
    elsewhere = ClientConnectConfig(target_host=temporal.address, namespace="nowhere")
    with pytest.raises(CannotStart, match="The namespace nowhere is missing: run `cardhold setup`"):
        await run(simulated("http://127.0.0.1:1"), elsewhere, stop=asyncio.Event())


async def test_a_worker_keeps_a_reservation_until_it_is_stopped(
    temporal: EmbeddedTemporal, connection: ClientConnectConfig
) -> None:
    stop = asyncio.Event()
    async with Simulator() as simulator:
        working = asyncio.create_task(run(simulated(simulator.url), connection, stop=stop))
        client = Client(await TemporalClient.connect(temporal.address))
        hold = await client.start(request())
        stop.set()
        await working
        [booked] = await books(simulator)
    assert hold.state == "authorized"
    assert booked["authorized_minor"] == 15000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stopped_worker_finishes_the_call_and_the_next_one_knows(
    temporal: EmbeddedTemporal, number: signal.Signals
) -> None:
    asked = request()
    temporal_client = await TemporalClient.connect(temporal.address)
    client = Client(temporal_client)
    async with Simulator() as simulator:
        await slow_authorization(simulator)
        options = ("--simulators", "--simulators-url", simulator.url)
        async with worker_process(*options, TEMPORAL_ADDRESS=temporal.address) as process:
            await until_ready(process)
            answer = asyncio.create_task(client.start(asked))
            await asyncio.sleep(CALL_S / 3)
            process.send_signal(number)
            code, told = await ended(process)
        kept = await activity_events(temporal_client, asked.reservation_id)
        async with worker_process(*options, TEMPORAL_ADDRESS=temporal.address) as process:
            hold = await answer
        [booked] = await books(simulator)
    assert code == 0, told
    assert "stopped" in told
    # The first worker's own answer: nobody had to ask the gateway again.
    assert kept == ["scheduled", "started", "completed"]
    assert hold.state == "authorized"
    assert [effect["kind"] for effect in booked["effects"]] == ["authorize"]


async def test_a_killed_worker_keeps_no_guest_waiting_longer_than_an_update_lasts(
    temporal: EmbeddedTemporal,
) -> None:
    asked = request()
    client = Client(await TemporalClient.connect(temporal.address))
    async with Simulator() as simulator:
        options = ("--simulators", "--simulators-url", simulator.url)
        async with worker_process(*options, TEMPORAL_ADDRESS=temporal.address) as process:
            await client.start(asked)
            process.kill()
            await process.wait()
        async with worker_process(*options, TEMPORAL_ADDRESS=temporal.address) as process:
            await until_ready(process)
            async with asyncio.timeout(ANSWER_WITHIN_S):
                hold = await client.send(asked.reservation_id, Capture(command_id="checkout"))
        [booked] = await books(simulator)
    assert hold.state == "captured"
    assert [effect["kind"] for effect in booked["effects"]] == ["authorize", "capture"]


async def test_metrics_are_served_where_asked_for(connection: ClientConnectConfig) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    runtime = runtime_for(WorkerSettings(metrics=address))
    await connect(connection, runtime=runtime)
    async with loopback.client() as http:
        answer = await http.get(f"http://{address}/metrics")
    assert "temporal_request" in answer.text


def test_metrics_on_an_address_that_is_taken_are_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(CannotStart, match=f"Metrics cannot be served at {address}"):
            runtime_for(WorkerSettings(metrics=address))


async def test_the_accounts_gateways_are_opened_with_the_accounts_own_figures() -> None:
    async with gateways_of(simulated("http://127.0.0.1:1")) as gateways:
        assert gateways["payroc"].environment == "simulated"
        assert gateways["payroc"].capabilities.processing_time == timedelta(seconds=5)

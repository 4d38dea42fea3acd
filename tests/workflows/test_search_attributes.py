"""What reservations are listed by, and counted by: the exact values, and the moments of writing.

Read from the history itself: each time that attributes are written is one event in it. The metric
is read as a monitoring reads it, over HTTP from a worker of its own.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from cardhold.names import SEARCH_ATTRIBUTE_TYPES
from tests import loopback
from tests.workflows.checks import agrees
from tests.workflows.stack import Json, Reserved, Stack, our_client, usd
from worker.main import runtime_for
from worker.settings import WorkerSettings

NAMED = {"booking": "B-7", "property": "sea-view"}
_PREFIX = "Cardhold"


def _written(event: HistoryEvent) -> Json:
    fields = event.upsert_workflow_search_attributes_event_attributes.search_attributes
    return {
        name.removeprefix(_PREFIX): json.loads(payload.data) if payload.data else None
        for name, payload in fields.indexed_fields.items()
    }


async def writings(reserved: Reserved) -> list[Json]:
    """What was written each time, in order; an attribute that was taken away is None."""
    attributes = "upsert_workflow_search_attributes_event_attributes"
    events = (await reserved.history()).events
    return [_written(event) for event in events if event.HasField(attributes)]


async def listed(reserved: Reserved) -> Json:
    """What Temporal's own lists say of it now."""
    pairs: Any = (await reserved.handle.describe()).typed_search_attributes
    return {
        pair.key.name.removeprefix(_PREFIX): pair.value
        for pair in pairs
        if pair.key.name.startswith(_PREFIX)
    }


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def at_start() -> Json:
    return {
        "State": "authorizing",
        "Gateway": "payroc",
        "Booking": "B-7",
        "Property": "sea-view",
        "Currency": "USD",
        "Remaining": 0,
        "Captured": 0,
    }


def _with_instants(written: list[Json]) -> Iterator[Json]:
    for each in written:
        hour = each.get("Deadline")
        yield {**each, **({"Deadline": instant(hour)} if hour else {})}


async def test_a_quiet_life_is_written_three_times_and_never_for_a_step(stack: Stack) -> None:
    reserved, hold = await stack.start(**NAMED)
    await reserved.update("adjust", {"amount": usd(150_00)})
    await reserved.update("adjust", {"amount": usd(120_00)})
    await reserved.update("reschedule", {"on_deadline": "capture"})
    await reserved.signal("adjust", {"amount": usd(130_00), "command_id": "by-signal"})
    await reserved.update("capture", {"amount": usd(90_00)})
    ended = await reserved.ended()

    agrees(ended, await stack.book())
    assert list(_with_instants(await writings(reserved))) == [
        at_start(),
        {"State": "authorized", "Remaining": 100_00, "Deadline": instant(hold["deadline"])},
        {"State": "captured", "Remaining": 0, "Captured": 90_00},
    ]
    assert await listed(reserved) == {
        **at_start(),
        "State": "captured",
        "Captured": 90_00,
        "Deadline": instant(hold["deadline"]),
    }


async def test_each_start_and_each_end_of_an_attention_is_written(stack: Stack) -> None:
    reserved, hold = await stack.start(**NAMED)
    await stack.fault("capture", "decline", times=2)
    for command_id in ("once", "twice"):  # the second refusal is the same attention
        await reserved.refused("capture", {"command_id": command_id, "amount": usd(60_00)})
    refused = await listed(reserved)
    await reserved.update("capture", {"command_id": "again", "amount": usd(60_00)})
    await reserved.ended()

    assert refused["Attention"] == "capture_refused"
    assert (refused["State"], refused["Remaining"]) == ("authorized", 100_00)
    start, decided, *rest = _with_instants(await writings(reserved))
    assert (start, decided["Deadline"]) == (at_start(), instant(hold["deadline"]))
    assert rest[0] == {"Attention": "capture_refused"}
    assert rest[-1] == {"Attention": None, "State": "captured", "Remaining": 0, "Captured": 60_00}
    assert "Attention" not in await listed(reserved)


async def test_a_warning_before_the_deadline_is_written_and_taken_back(stack: Stack) -> None:
    reserved, hold = await stack.start(**NAMED)
    expires = instant(hold["deadline"]) - instant(hold["authorized_at"])
    await reserved.skip(expires - timedelta(hours=23))
    warned = await listed(reserved)
    await reserved.update("acknowledge")
    seen = await listed(reserved)
    await reserved.update("release")
    await reserved.ended()

    assert warned["Attention"] == "expiring_soon"
    assert {**seen, "Attention": "expiring_soon"} == warned
    assert list(_with_instants(await writings(reserved)))[2:] == [
        {"Attention": "expiring_soon"},
        {"Attention": None},
        {"State": "released", "Remaining": 0},
    ]


async def test_a_decline_is_a_decision_and_another_card_is_one_too(stack: Stack) -> None:
    await stack.fault("authorize", "decline")
    reserved, _ = await stack.start(**NAMED)
    card = {"kind": "stored_token", "token": "2967530000000004"}
    hold = await reserved.update("authorize", {"payment_method": card, "command_id": "other"})
    await reserved.update("release")
    await reserved.ended()

    assert list(_with_instants(await writings(reserved))) == [
        at_start(),
        {"State": "declined"},
        {"State": "authorized", "Remaining": 100_00, "Deadline": instant(hold["deadline"])},
        {"State": "released", "Remaining": 0},
    ]


async def test_what_was_not_given_is_not_written(stack: Stack) -> None:
    reserved, _ = await stack.start()
    await reserved.update("release")
    names = {name for each in await writings(reserved) for name in each}
    rest = {"Booking", "Property", "Attention"}
    assert names == {name.removeprefix(_PREFIX) for name in SEARCH_ATTRIBUTE_TYPES} - rest


async def _measured(address: str) -> dict[str, int]:
    """How many reservations have come to need a person so far, by reason."""
    async with loopback.client() as http:
        text = (await http.get(f"http://{address}/metrics")).text
    lines = [line for line in text.splitlines() if line.startswith("cardhold_attention")]
    found = [re.search(r'reason="(\w+)".* (\d+)$', line) for line in lines]
    return {match[1]: int(match[2]) for match in found if match}


def _unused() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


async def test_the_metric_counts_each_start_of_an_attention_once(stack: Stack) -> None:
    address = _unused()
    config: Any = stack.workers.service_client.config
    measured = await Client.connect(
        config.target_host, runtime=runtime_for(WorkerSettings(metrics=address))
    )
    elsewhere = replace(stack.elsewhere(), workers=our_client(measured))
    # Without a cache every task replays the whole history, and a replay counts nothing.
    async with elsewhere.worker():
        reserved, _ = await elsewhere.start(**NAMED)
        before = await _measured(address)
        await elsewhere.fault("capture", "decline", times=2)
        for command_id in ("once", "twice"):
            await reserved.refused("capture", {"command_id": command_id})
        refused = await _measured(address)
        await elsewhere.fault("release", "decline")
        await reserved.refused("release", {"command_id": "no"})
        both = await _measured(address)
        await reserved.update("release", {"command_id": "yes"})
        await reserved.ended()
        after = await _measured(address)

    assert before == {}
    assert refused == {"capture_refused": 1}
    assert both == after == {"capture_refused": 1, "release_refused": 1}

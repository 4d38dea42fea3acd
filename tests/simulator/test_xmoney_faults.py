"""What goes wrong at xMoney on its way or at the bank, over real HTTP; the books say what moved."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from simulator.server import Simulator
from tests import loopback
from tests.simulator.xmoney_client import BACK, CARD, Xmoney, effects, order_form, told


@pytest.fixture
async def xmoney(sim: Simulator) -> AsyncIterator[Xmoney]:
    async with loopback.client(sim.url) as http:
        yield Xmoney(http)


@pytest.mark.parametrize(
    ("fault", "moved"),
    [
        ("error_before", []),
        ("drop_before", []),
        ("throttle", []),
        ("unauthorized", []),
        ("error_after", ["open"]),
        ("drop_after", ["open"]),
        ("truncate", ["open"]),
        ("garbage", ["open"]),
    ],
)
async def test_weather_breaks_an_order_before_or_after_it_is_booked(
    xmoney: Xmoney, fault: str, moved: list[str]
) -> None:
    await xmoney.arm("authorize", fault)

    if fault.startswith("drop"):
        with pytest.raises(httpx.RemoteProtocolError):
            await xmoney.send("POST", "/order", order_form())
    else:
        answer = await xmoney.send("POST", "/order", order_form())
        codes = {"throttle": 429, "unauthorized": 401, "truncate": 201, "garbage": 200}
        assert answer.status_code == codes.get(fault, 500)

    assert [hold["state"] for hold in await xmoney.books()] == moved


async def test_weather_meets_captures_voids_and_looks_by_their_names(xmoney: Xmoney) -> None:
    ordered = await xmoney.order()
    for operation in ("capture", "release", "look_up"):
        await xmoney.arm(operation, "error_before")

    broken = [
        await xmoney.capture(ordered, "10"),
        await xmoney.undo(ordered),
        await xmoney.send("GET", "/order"),
    ]

    assert [told(answer)[:2] for answer in broken] == [(500, 500)] * 3
    assert await xmoney.status(ordered) == "in-progress"


async def test_a_refused_capture_or_void_leaves_the_hold(xmoney: Xmoney) -> None:
    ordered = await xmoney.order("100.00")
    await xmoney.arm("capture", "decline")
    await xmoney.arm("release", "decline")

    answers = [await xmoney.capture(ordered, "100.00"), await xmoney.undo(ordered)]

    assert [told(answer)[:2] for answer in answers] == [(200, 402)] * 2
    assert await xmoney.status(ordered) == "in-progress"
    [hold] = await xmoney.books()
    assert effects(hold) == [("authorize", 10000)]


@pytest.mark.parametrize(
    ("operation", "later", "last"),
    [
        ("authorize", "in-progress", ("authorize", 10000)),
        ("capture", "complete-ok", ("release", 2000)),
        ("release", "void-ok", ("release", 10000)),
    ],
)
async def test_what_is_not_decided_is_uncertain_until_it_is(
    xmoney: Xmoney, operation: str, later: str, last: tuple[str, int]
) -> None:
    await xmoney.arm(operation, "stay_pending", resolve_after_s=30)
    ordered = await xmoney.order("100.00")
    if operation == "capture":
        assert told(await xmoney.capture(ordered, "80.00"))[:2] == (202, 202)
    elif operation == "release":
        assert told(await xmoney.undo(ordered))[:2] == (202, 202)

    status_then = await xmoney.status(ordered), await xmoney.order_status(ordered)
    meanwhile = [
        await xmoney.capture(ordered, "10"),
        await xmoney.undo(ordered),
        await xmoney.cancel(ordered),
    ]
    await xmoney.advance(30)

    assert status_then == ("uncertain", "in-progress")
    assert [answer.status_code for answer in meanwhile] == [422] * 3
    assert await xmoney.status(ordered) == later
    [hold] = await xmoney.books()
    assert effects(hold)[-1] == last


@pytest.mark.parametrize(
    ("operation", "later", "last"),
    [
        ("authorize", "complete-failed", ("decline", 10000)),
        ("capture", "in-progress", ("authorize", 10000)),
        ("release", "in-progress", ("authorize", 10000)),
    ],
)
async def test_what_is_not_decided_may_end_declined(
    xmoney: Xmoney, operation: str, later: str, last: tuple[str, int]
) -> None:
    await xmoney.arm(operation, "stay_pending", resolve_after_s=30, ends="declined")
    ordered = await xmoney.order("100.00")
    if operation == "capture":
        await xmoney.capture(ordered, "80.00")
    elif operation == "release":
        await xmoney.undo(ordered)
    status_then = await xmoney.status(ordered)

    await xmoney.advance(30)

    assert (status_then, await xmoney.status(ordered)) == ("uncertain", later)
    [hold] = await xmoney.books()
    assert [effects(hold)[-1]] == [last]


async def test_a_declined_fault_is_the_banks_word(xmoney: Xmoney) -> None:
    await xmoney.arm("authorize", "decline")

    ordered = await xmoney.order()

    assert await xmoney.status(ordered) == "complete-failed"
    assert [hold["state"] for hold in await xmoney.books()] == ["declined"]


async def test_an_approval_for_less_cannot_be_armed_here(xmoney: Xmoney) -> None:
    assert (await xmoney.arm("authorize", "approve_less", amount_minor=1)).status_code == 400


async def test_an_order_that_takes_its_time_has_started_and_can_be_called_off(
    xmoney: Xmoney,
) -> None:
    await xmoney.arm("authorize", "delay", delay_s=0.4)
    sent = asyncio.create_task(xmoney.send("POST", "/order", order_form()))
    listed: list[Any] = []
    while not listed:
        await asyncio.sleep(0.02)
        listed = (await xmoney.send("GET", "/transaction")).json()["data"]
    started = listed[0]

    off = await xmoney.send("DELETE", f"/order/{started['orderId']}")
    answer = await sent

    assert started["transactionStatus"] == "start"
    assert (started["backUrl"], started["cardId"]) == (BACK, int(CARD))
    assert [off.status_code, answer.status_code] == [200, 422]
    assert await xmoney.books() == []

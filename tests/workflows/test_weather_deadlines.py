"""Deadlines in bad weather, at every gateway: down past its hour, throttled without sense.

The gateway fails every call from before the deadline until it is healed; the reservation's clock
and the bank's are moved together. The bank's books are the verdict.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tests.workflows.checks import adds_up, agrees, done_once
from tests.workflows.gateways import PLACES, Place, everywhere
from tests.workflows.stack import Json, Reserved, Stack

BEFORE = timedelta(days=6, hours=12) - timedelta(minutes=1)
PAST = timedelta(minutes=40)
HISTORY_MAX = 2_000
#: What gateways ask for, one each.
RETRY_AFTER: tuple[float | str, ...] = (-1, 1e9, "soon", "Sat, 01 Jan 2000 00:00:00 GMT")
#: One account of each gateway.
ONE_OF_EACH = tuple({place.gateway: place for place in reversed(PLACES)}.values())


async def held(stack: Stack, on_deadline: str) -> dict[Place, Reserved]:
    runs: dict[Place, Reserved] = {}

    async def at(place: Place) -> None:
        runs[place], _ = await stack.start(**place.request(), on_deadline=on_deadline)

    await everywhere(at, ONE_OF_EACH)
    await stack.skip(BEFORE, *runs.values())
    return runs


async def until_told(reserved: Reserved) -> Json:
    async with asyncio.timeout(20):
        while True:
            attention = (hold := await reserved.hold())["attention"]
            if attention and attention["reason"] == "outcome_unknown":
                return hold
            await asyncio.sleep(0.1)


async def ends_well(stack: Stack, reserved: Reserved) -> None:
    ended = await asyncio.wait_for(reserved.ended(), 40)
    book = await stack.book_of(ended)
    adds_up(ended)
    agrees(ended, book)
    done_once(ended, book)
    assert (ended["state"], book["state"], ended["attention"]) == ("captured", "captured", None)
    assert len((await reserved.history()).events) < HISTORY_MAX


async def test_a_gateway_down_past_the_deadline_is_told_of_and_met_once_it_answers(
    stack: Stack,
) -> None:
    runs = await held(stack, "capture")
    for place in runs:
        await stack.fault("*", "error_before", gateway=place.gateway, times=10_000)
    await stack.skip(PAST, *runs.values())
    told = [await until_told(run) for run in runs.values()]
    assert {hold["remaining"]["amount_minor"] for hold in told} == {100_00}
    await stack.no_more_faults()
    await stack.skip(timedelta(minutes=10), *runs.values())
    for run in runs.values():
        await ends_well(stack, run)


async def test_a_deadline_is_met_whatever_a_throttling_gateway_asks_for(stack: Stack) -> None:
    runs = await held(stack, "capture")
    for place, retry_after in zip(runs, RETRY_AFTER, strict=True):
        told = {"retry_after_s": retry_after, "times": 2}
        await stack.fault("*", "throttle", gateway=place.gateway, **told)
    await stack.skip(timedelta(minutes=2), *runs.values())
    for run in runs.values():
        await ends_well(stack, run)

"""The worker is off when an hour comes, at every gateway, and is back too late for it.

Timers ring at the server whether a worker is there or not; what they say is read when one is back.
A clock cannot be moved while a ring waits to be heard, so that part passes in real seconds.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from tests.workflows.checks import adds_up, agrees, done_once
from tests.workflows.gateways import PLACES, Place, everywhere
from tests.workflows.stack import Json, Reserved, Stack

ONE_OF_EACH = tuple({place.gateway: place for place in reversed(PLACES)}.values())
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
UNTIL_DEADLINE = timedelta(days=6, hours=12)
# The least that a caller may ask for.
MARGIN = timedelta(seconds=10)
# Clocks are moved one after the other, and no run may be there before the worker is off.
SHORT_OF = timedelta(seconds=3)
OFF_FOR_S = 4.0


def at(hold: Json, name: str) -> datetime:
    return datetime.fromisoformat(hold[name])


async def begun(stack: Stack, **fields: object) -> list[Reserved]:
    runs: list[Reserved] = []

    async def start(place: Place) -> None:
        reserved, _ = await stack.start(**place.request(), on_deadline="capture", **fields)
        runs.append(reserved)

    await everywhere(start, ONE_OF_EACH)
    return runs


async def ended(stack: Stack, reserved: Reserved) -> tuple[Json, Json]:
    hold = await asyncio.wait_for(reserved.ended(), 20)
    book = await stack.book_of(hold)
    adds_up(hold)
    agrees(hold, book)
    return hold, book


async def test_a_worker_that_is_off_at_the_hour_does_what_is_due_when_it_is_back(
    stack: Stack,
) -> None:
    elsewhere = stack.elsewhere()
    async with elsewhere.worker():
        late, warned = await begun(elsewhere), await begun(elsewhere)
        for run in warned:
            await stack.skipper.fast_forward(run.handle, UNTIL_DEADLINE - DAY - SHORT_OF)
        await stack.skip(UNTIL_DEADLINE - SHORT_OF, *late)
    await asyncio.sleep(OFF_FOR_S)
    assert {book["state"] for book in await stack.books()} == {"open"}

    async with elsewhere.worker():
        for run in late:
            hold, book = await ended(stack, run)
            done_once(hold, book)
            assert hold["state"] == "captured"
            assert at(hold, "closed_at") - at(hold, "deadline") > SECOND / 2
        for run in warned:
            hold = await run.update("authorized")
            assert (hold["state"], hold["attention"]["reason"]) == ("authorized", "expiring_soon")


async def test_a_worker_that_is_back_after_the_hold_has_lapsed_takes_nothing(stack: Stack) -> None:
    elsewhere = stack.elsewhere()
    seconds = f"PT{MARGIN.total_seconds():.0f}S"
    async with elsewhere.worker():
        runs = await begun(elsewhere, safety_margin=seconds)
        await stack.skip(7 * DAY - MARGIN - 2 * SECOND, *runs)
        assert [(await run.hold())["state"] for run in runs] == ["authorized"] * len(runs)
    await asyncio.sleep((MARGIN + 3 * SECOND).total_seconds())

    async with elsewhere.worker():
        for run in runs:
            hold, book = await ended(stack, run)
            assert (hold["state"], book["state"]) == ("expired", "expired")
            assert hold["captured"]["amount_minor"] == 0


async def test_what_was_cancelled_while_the_worker_was_off_is_freed_though_the_hour_has_come(
    stack: Stack,
) -> None:
    """With an adjust that is refused at once: all that was heard before the plan acts."""
    elsewhere = stack.elsewhere()
    async with elsewhere.worker():
        runs = await begun(elsewhere)
        all_of_it = [f"-100.00 {(await run.hold())['authorized']['currency']}" for run in runs]
        await stack.skip(UNTIL_DEADLINE - SHORT_OF, *runs)
    for run, by in zip(runs, all_of_it, strict=True):
        await run.signal("adjust", {"by": by, "command_id": "nothing-left"})
        await run.handle.cancel()
    await asyncio.sleep(OFF_FOR_S)
    assert {book["state"] for book in await stack.books()} == {"open"}

    async with elsewhere.worker():
        for run in runs:
            hold, book = await ended(stack, run)
            done_once(hold, book)
            assert (hold["state"], book["captured_minor"]) == ("released", 0)

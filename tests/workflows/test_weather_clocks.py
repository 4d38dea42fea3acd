"""The bank's clock ten minutes off, and holds that lapse earlier than anybody was told.

At every gateway, side by side. The bank's clock is pushed ahead; for one that is behind, the
reservation's own is, before a worker takes it up. A fault that does nothing counts the calls.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus

from tests.workflows.checks import adds_up, agrees, done_once
from tests.workflows.gateways import PLACES, Place, everywhere
from tests.workflows.stack import Json, Reserved, Stack

ONE_OF_EACH = tuple({place.gateway: place for place in reversed(PLACES)}.values())
OFF = timedelta(minutes=10)
WEEK, MINUTE = timedelta(days=7), timedelta(minutes=1)
UNTIL_DEADLINE = WEEK - timedelta(hours=12)
FOR_EVER = 10_000
# A look and a refused release each hour from the deadline on, and what came before.
CALLS_MAX = 50


def at(hold: Json, name: str) -> datetime:
    return datetime.fromisoformat(hold[name])


def is_sane(hold: Json, now: datetime) -> None:
    lives = at(hold, "expires_at") - now
    assert WEEK - 2 * OFF <= lives <= WEEK + 2 * OFF
    assert hold["attention"] is None


def calls(stack: Stack, place: Place) -> int:
    return FOR_EVER - sum(fault["times"] for fault in stack.unmet(place.gateway))


async def is_open(reserved: Reserved) -> bool:
    status = (await reserved.handle.describe()).status
    return status is WorkflowExecutionStatus.RUNNING


async def ends_captured_in_time(stack: Stack, reserved: Reserved) -> None:
    ended = await reserved.ended()
    book = await stack.book_of(ended)
    adds_up(ended)
    agrees(ended, book)
    done_once(ended, book)
    assert (ended["state"], ended["refused"]) == ("captured", [])


@pytest.mark.parametrize("off", [OFF, -OFF], ids=["ahead", "behind"])
async def test_a_bank_whose_clock_is_off_loses_no_deadline(stack: Stack, off: timedelta) -> None:
    # Its door pushes the clock ahead only, as a test that moves both has to.
    stack.simulator.bank.clock.advance(off.total_seconds())
    runs: dict[Place, Reserved] = {}

    async def start(place: Place) -> None:
        runs[place], hold = await stack.start(**place.request(), on_deadline="capture")
        is_sane(hold, datetime.now(UTC))

    await everywhere(start, ONE_OF_EACH)
    await stack.skip(UNTIL_DEADLINE - OFF - MINUTE, *runs.values())
    assert {book["captured_minor"] for book in await stack.books()} == {0}
    await stack.skip(2 * (OFF + MINUTE), *runs.values())
    for run in runs.values():
        await ends_captured_in_time(stack, run)


@pytest.mark.parametrize("on_deadline", ["capture", "release"])
async def test_a_hold_that_has_lapsed_before_its_deadline_ends_and_a_person_is_told(
    stack: Stack, on_deadline: str
) -> None:
    runs: dict[Place, Reserved] = {}

    async def start(place: Place) -> None:
        runs[place], _ = await stack.start(**place.request(), on_deadline=on_deadline)
        await stack.fault("*", "delay", gateway=place.gateway, delay_s=0, times=FOR_EVER)

    await everywhere(start, ONE_OF_EACH)
    await stack.bank_clock(hold_s=timedelta(days=3).total_seconds())
    await stack.skip(UNTIL_DEADLINE + MINUTE, *runs.values())
    told = [await run.hold() for run in runs.values() if await is_open(run)]
    assert all(hold["attention"] for hold in told)
    await stack.skip(timedelta(hours=13), *[run for run in runs.values() if await is_open(run)])
    for place, run in runs.items():
        if await is_open(run):
            # Where a lapsed hold looks like one that somebody has released, a person says so.
            assert (await run.hold())["attention"]["reason"] == "external_change"
            await run.update("acknowledge")
        assert (await run.ended())["state"] == (
            "released" if place.gateway == "xmoney" else "expired"
        )
        assert calls(stack, place) <= CALLS_MAX
    assert {book["state"] for book in await stack.books()} == {"expired"}

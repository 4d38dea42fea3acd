"""A reservation is started once more where the first run's hold stands, and no key tells of it.

After the keys are forgotten; by a worker that is back too late to send anything; with credentials
that are refused meanwhile. At every gateway; the bank's books are the verdict.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from cardhold.fields import instant_text
from tests.workflows.checks import agrees
from tests.workflows.gateways import HASTY, Place, everywhere
from tests.workflows.guests import booked
from tests.workflows.patience import until_decided
from tests.workflows.stack import Json, Reserved, Stack
from tests.workflows.test_accidents_started_again import ONE_OF_EACH, OUT, again, started
from tests.workflows.test_weather_credentials import revoked

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
#: Longer than any gateway keeps a key.
FORGOTTEN = 8 * DAY
#: What holds live here: they are still open when the keys are forgotten.
LONG_S = 31 * DAY.total_seconds()


async def is_the_first_runs(stack: Stack, place: Place, hold: Json, before: Json) -> None:
    """The second run goes on with the hold of the first, and the bank has placed no other."""
    assert (hold["state"], hold["payment_id"]) == ("authorized", before["payment_id"])
    assert await booked(stack, place) == ["authorize"]


async def freed(stack: Stack, reserved: Reserved) -> None:
    """What was gone on with is freed in the end."""
    await reserved.update("release", OUT)
    ended = await reserved.ended()
    assert ended["state"] == "released"
    agrees(ended, await stack.book_of(ended))


async def test_long_after_every_key_is_forgotten_no_second_hold_is_placed(stack: Stack) -> None:
    await stack.bank_clock(hold_s=LONG_S)
    firsts: dict[Place, tuple[Reserved, Json, Json]] = {}

    async def places_one(place: Place) -> None:
        firsts[place] = await started(stack, place)
        await firsts[place][0].handle.terminate("an operator's mistake")

    async def starts_again(place: Place) -> None:
        first, before, request = firsts[place]
        second = await again(stack, first, request)
        hold = await second.update("authorized", {"request": request})
        await is_the_first_runs(stack, place, hold, before)
        await freed(stack, second)

    await everywhere(places_one, ONE_OF_EACH)
    await stack.bank_clock(advance_s=FORGOTTEN.total_seconds())
    await everywhere(starts_again, ONE_OF_EACH)


async def test_a_worker_that_is_back_too_late_goes_on_with_what_the_first_run_has_placed(
    stack: Stack,
) -> None:
    elsewhere = stack.elsewhere()
    runs: dict[Place, tuple[Reserved, Json]] = {}
    async with elsewhere.worker():
        firsts = [await started(elsewhere, place) for place in ONE_OF_EACH]
    for place, (first, before, request) in zip(ONE_OF_EACH, firsts, strict=True):
        await first.handle.terminate("an operator's mistake")
        soon = instant_text(datetime.now(UTC) + timedelta(seconds=1))
        second = await again(elsewhere, first, {**request, "authorize_by": soon})
        runs[place] = second, before
    await asyncio.sleep(1.1)

    async with elsewhere.worker():
        for place, (second, before) in runs.items():
            await is_the_first_runs(stack, place, await second.update("authorized"), before)
            await freed(stack, second)


async def test_credentials_that_are_refused_when_it_is_started_again_forget_no_hold(
    stack: Stack,
) -> None:
    runs: dict[Place, tuple[Reserved, Json]] = {}

    async def places_one(place: Place) -> None:
        request = stack.request(**{**place.request(), "gateway": place.account + HASTY})
        first = await stack.begin(request)
        before = await first.update("authorized", {"request": request})
        await first.handle.terminate("an operator's mistake")
        runs[place] = first, {**before, "request": request}

    await everywhere(places_one, ONE_OF_EACH)
    await revoked(stack)

    async def starts_again(place: Place) -> None:
        first, before = runs[place]
        second = await again(stack, first, before["request"])
        refused = await second.refused("authorized", {"request": before["request"]})
        assert refused.type == "OutcomeUnknown"
        assert refused.hold["in_doubt"] == place.money(100_00)
        runs[place] = second, before

    await everywhere(starts_again, ONE_OF_EACH)
    await stack.no_more_faults()
    await stack.skip(MINUTE, *(second for second, _ in runs.values()))
    for place, (second, before) in runs.items():
        await is_the_first_runs(stack, place, await until_decided(second), before)
        await freed(stack, second)

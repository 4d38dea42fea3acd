"""What a run only looks at cannot be seen, or its end leaves something open: people are told.

A look that is not answered delays no deadline, and one that stays unanswered calls for a person.
The gateway fails every call until it is healed; the clocks are moved together. The bank's books
are the verdict, and the log is where people are told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import timedelta

import pytest

from tests.workflows.checks import adds_up, agrees, done_once
from tests.workflows.gateways import PLACES, Place, everywhere
from tests.workflows.stack import Json, Reserved, Stack, usd
from tests.workflows.test_accidents_resets import reset_to
from tests.workflows.test_accidents_started_again import ONE_OF_EACH
from tests.workflows.test_resets import points
from tests.workflows.test_unknown import DESK, until

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
UNTIL_DEADLINE = timedelta(days=6, hours=12)
FOR_EVER = 10_000
SHOWN = tuple(place for place in ONE_OF_EACH if place.can.shows_later)


async def gone(stack: Stack, places: Iterable[Place]) -> None:
    """The gateways answer nothing any more that says anything."""
    for place in places:
        await stack.fault("*", "error_before", gateway=place.gateway, times=FOR_EVER)


async def until_told(reserved: Reserved, reason: str) -> Json:
    async with asyncio.timeout(20):
        while True:
            hold = await reserved.hold()
            if hold["attention"] and hold["attention"]["reason"] == reason:
                return hold
            await asyncio.sleep(0.1)


def told_of(reserved: Reserved, caplog: pytest.LogCaptureFixture) -> list[str]:
    """What people were told of this reservation in the log, in order."""
    warnings = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    return [told for told in warnings if told.startswith(f"{reserved.handle.id} needs a person")]


async def test_a_gateway_that_is_gone_after_a_reset_delays_no_deadline_and_is_told_of(
    stack: Stack,
) -> None:
    runs: dict[Place, Reserved] = {}

    async def at(place: Place) -> None:
        reserved, _ = await stack.start(**place.request(), on_deadline="capture")
        await gone(stack, [place])
        runs[place] = await reset_to(stack, reserved, (await points(reserved))[-1])

    await everywhere(at, SHOWN)
    await stack.skip(UNTIL_DEADLINE + HOUR, *runs.values())
    for run in runs.values():
        hold = await until_told(run, "outcome_unknown")
        assert [entry["command_id"] for entry in hold["operations"]] == ["start", "deadline"]

    await stack.no_more_faults()
    await stack.skip(20 * MINUTE, *runs.values())
    for run in runs.values():
        ended = await asyncio.wait_for(run.ended(), 20)
        book = await stack.book_of(ended)
        adds_up(ended)
        agrees(ended, book)
        done_once(ended, book)
        assert (ended["state"], ended["attention"]) == ("captured", None)


async def test_a_lapse_that_cannot_be_looked_at_is_told_and_seen_once_it_can(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    await stack.bank_clock(hold_s=2 * HOUR.total_seconds())
    reserved, _ = await stack.start(gateway="hasty", hold_window="PT2H")
    await stack.fault("release", "decline", times=FOR_EVER)
    await reserved.skip(HOUR + MINUTE)
    await until_told(reserved, "release_refused")
    await stack.no_more_faults()
    await gone(stack, PLACES[:1])
    await reserved.skip(HOUR + MINUTE)
    hold = await until_told(reserved, "outcome_unknown")
    assert "lapsed" in hold["attention"]["detail"]
    assert hold["remaining"] == usd(100_00)
    assert [each for each in told_of(reserved, caplog) if "outcome_unknown" in each]

    await stack.no_more_faults()
    await reserved.skip(20 * MINUTE)
    ended = await asyncio.wait_for(reserved.ended(), 20)
    assert (ended["state"], ended["expired"], ended["attention"]) == ("expired", usd(100_00), None)
    agrees(ended, await stack.book())


async def test_a_hold_that_had_lapsed_before_the_plan_could_capture_it_is_told(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    reserved, _ = await stack.start(on_deadline="capture")
    await stack.bank_clock(hold_s=HOUR.total_seconds())
    await reserved.skip(UNTIL_DEADLINE + MINUTE)
    ended = await asyncio.wait_for(reserved.ended(), 20)

    assert (ended["state"], ended["captured"], ended["attention"]) == ("expired", usd(0), None)
    assert (await stack.book())["state"] == "expired"
    *_, last = told_of(reserved, caplog)
    assert "capture_refused" in last
    assert "lapsed before the plan could capture it" in last


async def test_a_hold_that_nobody_wanted_to_capture_lapses_without_a_word(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    reserved, _ = await stack.start()
    await stack.bank_clock(hold_s=HOUR.total_seconds())
    await reserved.skip(UNTIL_DEADLINE + MINUTE)
    ended = await asyncio.wait_for(reserved.ended(), 20)

    assert ended["state"] == "expired"
    assert not [each for each in told_of(reserved, caplog) if "expiring_soon" not in each]


async def test_what_nobody_knows_at_the_end_is_told_though_nothing_is_held_any_more(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    reserved, _ = await stack.start(hold_window="PT10M")
    await stack.fault("adjust", "error_after")
    await stack.fault("look_up", "error_before", times=FOR_EVER)
    await reserved.signal("adjust", {"amount": usd(150_00), "command_id": "lost"})
    await until(reserved, "adjust/2", "unknown")
    await reserved.skip(timedelta(minutes=5, seconds=1))
    await until(reserved, "release/3", "sent")
    await reserved.skip(MINUTE)
    await until(reserved, "release/3", "unknown")
    word = {"operation_id": "release/3", "outcome": "done", "reference": "P-1", **DESK}
    await reserved.update("resolve", word)
    ended = await reserved.ended()

    assert (ended["state"], ended["attention"]) == ("released", None)
    assert [entry["state"] for entry in ended["operations"]] == ["done", "unknown", "done"]
    [told] = told_of(reserved, caplog)
    assert "what became of adjust/2 is not known" in told

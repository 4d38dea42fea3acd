"""What the plan does by itself when its hour comes, days ahead.

The reservation's clock and the bank's are moved together, and not past the expiry where an act
at the deadline is to succeed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from cardhold.fields import instant_text
from tests.workflows.checks import agrees
from tests.workflows.stack import Json, Stack, usd

# The hold lives seven days and is acted on twelve hours before its end.
DEADLINE = timedelta(days=6, hours=12)
MINUTE = timedelta(minutes=1)


def at(hold: Json, name: str) -> datetime:
    return datetime.fromisoformat(hold[name])


def effects(book: Json) -> list[tuple[str, int]]:
    return [(effect["kind"], effect["amount_minor"]) for effect in book["effects"]]


async def plan(reserved: Any) -> list[str]:
    return [step["kind"] for step in (await reserved.handle.query("plan"))["steps"]]


async def test_a_deadline_releases_when_nobody_has_said_anything(stack: Stack) -> None:
    reserved, hold = await stack.start()
    assert at(hold, "expires_at") - at(hold, "deadline") == timedelta(hours=12)
    assert await plan(reserved) == ["warn", "release", "look_up"]
    await reserved.skip(DEADLINE + MINUTE)
    ended = await reserved.ended()

    assert (ended["state"], ended["released"]) == ("released", usd(100_00))
    assert effects(await stack.book()) == [("authorize", 100_00), ("release", 100_00)]


async def test_nothing_happens_before_the_deadline(stack: Stack) -> None:
    reserved, _ = await stack.start(on_deadline="capture")
    assert await reserved.skip(DEADLINE - timedelta(minutes=2))

    assert (await reserved.hold())["state"] == "authorized"
    assert effects(await stack.book()) == [("authorize", 100_00)]


async def test_a_deadline_captures_where_that_is_the_plan(stack: Stack) -> None:
    reserved, _ = await stack.start(on_deadline="capture")
    await reserved.skip(DEADLINE + MINUTE)
    ended = await reserved.ended()

    assert (ended["state"], ended["captured"]) == ("captured", usd(100_00))
    assert ended["operations"][1]["command_id"] == "deadline"
    agrees(ended, await stack.book())


@pytest.mark.parametrize(("amount", "taken"), [(60_00, 60_00), (500_00, 100_00)])
async def test_a_deadline_amount_is_captured_and_the_rest_freed(
    stack: Stack, amount: int, taken: int
) -> None:
    reserved, _ = await stack.start(on_deadline="capture", deadline_amount=usd(amount))
    refused = await reserved.refused("capture")
    await reserved.skip(DEADLINE + MINUTE)
    ended = await reserved.ended()

    assert (refused.type, refused.detail["field"]) == ("InvalidRequest", "amount")
    assert ended["captured"] == usd(taken)
    assert ended["released"] == usd(100_00 - taken)
    agrees(ended, await stack.book())


async def test_settle_by_is_a_deadline_of_the_callers_own_and_needs_no_warning(
    stack: Stack,
) -> None:
    _, now = await stack.start()
    settle_by = at(now, "created_at") + timedelta(days=2)
    reserved, hold = await stack.start(settle_by=instant_text(settle_by))
    assert (hold["deadline_by"], at(hold, "deadline")) == ("settle_by", settle_by)
    assert await plan(reserved) == ["release", "look_up"]
    await reserved.skip(timedelta(days=2, minutes=1))

    assert (await reserved.ended())["state"] == "released"


async def test_the_margin_is_cut_to_half_the_real_window(stack: Stack) -> None:
    reserved, hold = await stack.start(hold_window="PT2H", safety_margin="PT12H")
    assert at(hold, "expires_at") - at(hold, "deadline") == timedelta(hours=1)
    assert at(hold, "expires_at") - at(hold, "authorized_at") == timedelta(hours=2)
    await reserved.skip(timedelta(minutes=61))

    assert (await reserved.ended())["state"] == "released"


async def test_a_merchants_own_authorization_lives_shorter(stack: Stack) -> None:
    _, hold = await stack.start(initiator="merchant")

    assert hold["expiry_source"] == "rule"
    assert at(hold, "expires_at") - at(hold, "authorized_at") == timedelta(days=4, hours=18)


async def test_a_person_is_warned_a_day_before_the_expiry_acts(stack: Stack) -> None:
    reserved, _ = await stack.start()
    await reserved.skip(DEADLINE - timedelta(hours=23))
    warned = await reserved.hold()
    assert warned["attention"]["reason"] == "expiring_soon"
    assert await plan(reserved) == ["release", "look_up"]

    hold = await reserved.update("acknowledge")
    assert hold["attention"] is None
    assert (await reserved.refused("acknowledge")).type == "IllegalMove"
    await reserved.skip(timedelta(hours=23, minutes=1))
    assert (await reserved.ended())["state"] == "released"


@pytest.mark.parametrize(
    ("name", "instruction"), [("adjust", {"by": "+1.00 USD"}), ("reschedule", {})]
)
async def test_a_decision_ends_the_warning(
    stack: Stack, name: str, instruction: dict[str, Any]
) -> None:
    reserved, hold = await stack.start()
    await reserved.skip(DEADLINE - timedelta(hours=23))
    assert (await reserved.hold())["attention"] is not None
    later = instant_text(at(hold, "deadline") - timedelta(hours=1))
    hold = await reserved.update(name, instruction or {"settle_by": later})

    assert hold["attention"] is None


async def test_a_reschedule_changes_when_and_how_the_plan_acts(stack: Stack) -> None:
    reserved, hold = await stack.start()
    settle_by = instant_text(at(hold, "created_at") + timedelta(days=1))
    hold = await reserved.update(
        "reschedule",
        {"settle_by": settle_by, "on_deadline": "capture", "deadline_amount": usd(30_00)},
    )
    assert (hold["deadline_by"], hold["on_deadline"]) == ("settle_by", "capture")
    assert hold["deadline_amount"] == usd(30_00)
    await reserved.skip(timedelta(days=1, minutes=1))
    ended = await reserved.ended()

    assert (ended["captured"], ended["released"]) == (usd(30_00), usd(70_00))
    agrees(ended, await stack.book())


async def test_a_reschedule_to_a_later_hour_moves_the_timer(stack: Stack) -> None:
    reserved, hold = await stack.start()
    early, late = (instant_text(at(hold, "created_at") + timedelta(days=days)) for days in (1, 3))
    await reserved.update("reschedule", {"settle_by": early})
    await reserved.update("reschedule", {"settle_by": late})
    await reserved.skip(timedelta(days=2))
    assert (await reserved.hold())["state"] == "authorized"
    await reserved.skip(timedelta(days=1, minutes=1))

    assert (await reserved.ended())["state"] == "released"


@pytest.mark.parametrize(
    ("instruction", "field"),
    [
        ({"settle_by": "2020-01-01T00:00:00Z"}, "settle_by"),
        ({"deadline_amount": usd(1)}, "deadline_amount"),
        ({"on_deadline": "capture", "deadline_amount": "1.00 EUR"}, "deadline_amount.currency"),
        ({}, "settle_by"),
    ],
)
async def test_a_reschedule_that_makes_no_sense_changes_nothing(
    stack: Stack, instruction: dict[str, Any], field: str
) -> None:
    reserved, before = await stack.start()
    refused = await reserved.refused("reschedule", instruction)

    assert (refused.type, refused.detail["field"]) == ("InvalidRequest", field)
    assert (await reserved.hold())["deadline"] == before["deadline"]


async def test_a_declined_hold_is_abandoned_when_no_other_card_comes(stack: Stack) -> None:
    reserved, _ = await stack.start(amount=usd(49_01))
    assert await plan(reserved) == ["give_up"]
    await reserved.skip(timedelta(minutes=29))
    assert (await reserved.hold())["state"] == "declined"
    await reserved.skip(timedelta(minutes=2))

    assert (await reserved.ended())["state"] == "abandoned"


async def test_a_refused_deadline_capture_leaves_a_person_half_the_margin(stack: Stack) -> None:
    reserved, _ = await stack.start(on_deadline="capture")
    await stack.fault("capture", "decline")
    await reserved.skip(DEADLINE + timedelta(hours=1))
    hold = await reserved.hold()
    assert (hold["state"], hold["attention"]["reason"]) == ("authorized", "capture_refused")
    assert hold["remaining"] == usd(100_00)
    await reserved.skip(timedelta(hours=5, minutes=1))
    ended = await reserved.ended()

    assert (ended["state"], ended["attention"]) == ("released", None)
    agrees(ended, await stack.book())


async def test_a_person_may_capture_after_the_deadlines_was_refused(stack: Stack) -> None:
    reserved, _ = await stack.start(on_deadline="capture")
    await stack.fault("capture", "decline")
    await reserved.skip(DEADLINE + timedelta(hours=1))
    hold = await reserved.update("capture")

    assert (hold["state"], hold["captured"]) == ("captured", usd(100_00))
    assert [operation["state"] for operation in hold["operations"]] == ["done", "declined", "done"]
    agrees(hold, await stack.book())


async def test_a_refused_release_is_tried_hourly_until_it_succeeds(stack: Stack) -> None:
    reserved, _ = await stack.start()
    await stack.fault("release", "decline", times=2)
    refused = await reserved.refused("release")
    assert refused.type == "Declined"
    assert refused.hold["attention"]["reason"] == "release_refused"
    assert "release" in await plan(reserved)
    await reserved.skip(timedelta(minutes=61))
    assert (await reserved.hold())["attention"]["reason"] == "release_refused"
    await reserved.skip(timedelta(minutes=61))
    ended = await reserved.ended()

    assert (ended["state"], ended["attention"]) == ("released", None)
    assert effects(await stack.book()) == [("authorize", 100_00), ("release", 100_00)]


async def test_a_hold_that_has_lapsed_at_the_gateway_is_expired(stack: Stack) -> None:
    reserved, _ = await stack.start(hold_window="PT4H", on_deadline="capture")
    await stack.fault("capture", "decline")
    await stack.fault("release", "decline", times=100)
    # The bank forgets the hold after four hours, as the reservation was told.
    await stack.bank_clock(hold_s=4 * 3600)
    for _ in range(3):
        await reserved.skip(timedelta(hours=1, minutes=25))
    ended = await reserved.ended()

    assert (ended["state"], ended["expired"]) == ("expired", usd(100_00))
    assert (await stack.book())["state"] == "expired"


async def test_a_hold_that_is_still_there_after_its_expiry_is_released(stack: Stack) -> None:
    reserved, _ = await stack.start(hold_window="PT2H")
    await stack.fault("release", "decline", times=1)
    await reserved.skip(timedelta(hours=1, minutes=1))
    assert (await reserved.hold())["attention"]["reason"] == "release_refused"
    await reserved.skip(timedelta(hours=1, minutes=2))
    ended = await reserved.ended()

    assert (ended["state"], ended["released"]) == ("released", usd(100_00))
    assert effects(await stack.book()) == [("authorize", 100_00), ("release", 100_00)]

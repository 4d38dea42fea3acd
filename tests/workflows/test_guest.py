"""The guest's turn at every gateway that asks for 3-D Secure: passed, failed, forgotten, too late.

The guest is an HTTP client at the simulated bank's page; the books tell what was held.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from temporalio.client import WorkflowFailureError

from tests.conformance.acts import RETURN_URL
from tests.workflows.checks import adds_up, agrees, done_once
from tests.workflows.gateways import ASKING, Place, everywhere
from tests.workflows.guests import TOO_LATE, asked, booked, presses
from tests.workflows.stack import Json, Reserved, Stack, refusal

A_QUARTER = timedelta(minutes=15, seconds=5)
RELEASED = ["authorize", "release"]


def is_abandoned(hold: Json) -> bool:
    nothing = all(hold[name]["amount_minor"] == 0 for name in ("authorized", "in_doubt"))
    return (hold["state"], hold["action"], nothing) == ("abandoned", None, True)


async def test_the_answer_to_a_start_says_where_to_send_the_guest(stack: Stack) -> None:
    async def at(place: Place) -> None:
        reserved, hold = await asked(stack, place)
        action = hold["action"]
        assert action["url"].startswith("http")
        assert action["method"] in {"GET", "POST"}
        until = datetime.fromisoformat(action["expires_at"])
        begun = datetime.fromisoformat(hold["created_at"])
        assert timedelta() < until - begun <= A_QUARTER
        assert hold["in_doubt"] == place.money(100_00)
        assert hold["operations"][0]["state"] == "sent"
        [step] = (await reserved.handle.query("plan"))["steps"]
        assert (step["kind"], step["at"]) == ("release", action["expires_at"])
        assert await booked(stack, place) == []
        await reserved.update("release")

    await everywhere(at, ASKING)


async def test_a_guest_who_passes_is_held_and_can_be_captured(stack: Stack) -> None:
    async def at(place: Place) -> None:
        reserved, hold = await asked(stack, place)
        assert await presses(hold, "pass") < TOO_LATE
        action_id = hold["action"]["action_id"]
        hold = await reserved.update("authenticated", {"action_id": action_id})
        assert (hold["state"], hold["action"]) == ("authorized", None)
        assert hold["remaining"] == place.money(100_00)
        agrees(hold, await stack.book_of(hold))
        assert await reserved.update("authenticated", {"action_id": action_id}) == hold
        assert await reserved.update("authenticated") == hold
        await reserved.update("capture", {"amount": place.money(60_00)})
        ended = await reserved.ended()
        agrees(ended, await stack.book_of(ended))
        done_once(ended, await stack.book_of(ended))

    await everywhere(at, ASKING)


async def test_a_guest_who_fails_is_declined_and_may_bring_another_card(stack: Stack) -> None:
    async def at(place: Place) -> None:
        reserved, hold = await asked(stack, place)
        assert await presses(hold, "fail") < TOO_LATE
        hold = await reserved.update("authenticated")
        assert (hold["state"], hold["action"]) == ("declined", None)
        assert await booked(stack, place) == []
        hold = await reserved.update("authorize", {"payment_method": place.card})
        assert hold["state"] == "authorized"
        await reserved.update("release")
        ended = await reserved.ended()
        agrees(ended, await stack.book_of(ended))

    await everywhere(at, ASKING)


async def test_another_card_may_ask_the_guest_again(stack: Stack) -> None:
    async def at(place: Place) -> None:
        reserved, first = await asked(stack, place)
        await presses(first, "fail")
        await reserved.update("authenticated")
        card = place.for_the_guest()["payment_method"]
        hold = await reserved.update("authorize", {"payment_method": card, "command_id": "two"})
        assert hold["state"] == "action_required"
        assert hold["action"]["action_id"] != first["action"]["action_id"]
        # What is said of the first is old news, and answers nothing about the second.
        old_news = {"action_id": first["action"]["action_id"]}
        assert await reserved.update("authenticated", old_news) == hold
        # Neither does the same word again: there is one attempt, and one page for it.
        again = {"payment_method": card, "command_id": "two"}
        assert await reserved.update("authorize", again) == hold
        await presses(hold, "pass")
        hold = await reserved.update("authenticated")
        assert hold["state"] == "authorized"
        await reserved.update("capture")
        ended = await reserved.ended()
        agrees(ended, await stack.book_of(ended))

    await everywhere(at, ASKING)


async def test_a_word_too_early_changes_nothing(stack: Stack) -> None:
    async def at(place: Place) -> None:
        reserved, before = await asked(stack, place)
        hold = await reserved.update("authenticated")
        assert (hold["state"], hold["action"]) == ("action_required", before["action"])
        refused = await reserved.refused("authenticated", {"action_id": "another's"})
        assert (refused.type, refused.detail["field"]) == ("InvalidRequest", "action_id")
        await presses(hold, "pass")
        hold = await reserved.update("authenticated")
        assert hold["state"] == "authorized"
        await reserved.update("release")
        assert await booked(stack, place) == RELEASED

    await everywhere(at, ASKING)


async def test_no_money_is_moved_while_it_is_the_guests_turn(stack: Stack) -> None:
    async def at(place: Place) -> None:
        reserved, before = await asked(stack, place)
        asked_for = {
            "adjust": {"amount": place.money(150_00)},
            "capture": {},
            "authorize": {"payment_method": place.card},
        }
        for name, told in asked_for.items():
            assert (await reserved.refused(name, told)).type == "IllegalMove"
        assert await reserved.hold() == before
        await reserved.update("release")

    await everywhere(at, ASKING)


@pytest.mark.parametrize("how", ["release", "cancel"])
async def test_what_is_called_off_in_time_is_abandoned_and_can_never_become_a_hold(
    stack: Stack, how: str
) -> None:
    async def at(place: Place) -> None:
        reserved, hold = await asked(stack, place)
        await _end(reserved, how)
        ended = await reserved.ended()
        adds_up(ended)
        assert is_abandoned(ended)
        assert await presses(hold, "pass") == TOO_LATE
        assert await booked(stack, place) == []

    await everywhere(at, ASKING)


@pytest.mark.parametrize("how", ["release", "cancel"])
async def test_what_is_called_off_too_late_is_released(stack: Stack, how: str) -> None:
    """The guest has passed, and nobody has said so: the money was held, and is not any more."""

    async def at(place: Place) -> None:
        reserved, hold = await asked(stack, place)
        await presses(hold, "pass")
        await _end(reserved, how)
        await _released(stack, place, reserved)

    await everywhere(at, ASKING)


async def _end(reserved: Reserved, how: str) -> None:
    if how == "cancel":
        await reserved.handle.cancel()
    else:
        await reserved.update("release")


async def _released(stack: Stack, place: Place, reserved: Reserved) -> None:
    ended = await reserved.ended()
    adds_up(ended)
    assert (ended["state"], ended["released"]) == ("released", place.money(100_00))
    agrees(ended, await stack.book_of(ended))
    assert await booked(stack, place) == RELEASED


# The guest's time runs out: the clocks are one for all places.

Asked = dict[Place, tuple[Reserved, Json]]


async def _all_asked(stack: Stack, **fields: object) -> Asked:
    waiting: Asked = {}

    async def at(place: Place) -> None:
        waiting[place] = await asked(stack, place, **fields)

    await everywhere(at, ASKING)
    return waiting


async def _skip(stack: Stack, waiting: Asked, duration: timedelta) -> None:
    await stack.skip(duration, *(reserved for reserved, _ in waiting.values()))


async def test_a_guest_who_never_comes_back_is_called_off(stack: Stack) -> None:
    waiting = await _all_asked(stack)
    await _skip(stack, waiting, A_QUARTER)
    for place, (reserved, hold) in waiting.items():
        assert is_abandoned(await reserved.ended())
        assert await presses(hold, "pass") == TOO_LATE
        assert await booked(stack, place) == []


async def test_a_guest_whose_time_is_over_before_the_banks_is_called_off_there(
    stack: Stack,
) -> None:
    """The bank's page would be open for long yet: our word closes it."""
    waiting = await _all_asked(stack)
    for reserved, _ in waiting.values():
        await stack.skipper.fast_forward(reserved.handle, A_QUARTER)
    for place, (reserved, hold) in waiting.items():
        assert is_abandoned(await reserved.ended())
        assert await presses(hold, "pass") == TOO_LATE
        assert await booked(stack, place) == []


async def test_a_guest_who_passes_and_is_not_heard_of_is_released(stack: Stack) -> None:
    waiting = await _all_asked(stack)
    for _, hold in waiting.values():
        await presses(hold, "pass")
    await _skip(stack, waiting, A_QUARTER)
    for place, (reserved, _) in waiting.items():
        await _released(stack, place, reserved)


async def test_a_guest_who_failed_and_is_not_heard_of_is_abandoned(stack: Stack) -> None:
    waiting = await _all_asked(stack)
    for _, hold in waiting.values():
        await presses(hold, "fail")
    await _skip(stack, waiting, A_QUARTER)
    for place, (reserved, _) in waiting.items():
        assert is_abandoned(await reserved.ended())
        assert await booked(stack, place) == []


# What must not happen.


async def test_a_merchant_with_a_card_on_file_asks_no_guest(stack: Stack) -> None:
    async def at(place: Place) -> None:
        told = {**place.for_the_guest(), "initiator": "merchant", "return_url": None}
        reserved, hold = await stack.start(**told)
        assert hold["state"] in {"authorized", "declined"}
        assert hold["action"] is None
        await reserved.update("release")

    await everywhere(at, ASKING)


async def test_a_guest_is_sent_back_to_no_other_host(stack: Stack) -> None:
    async def at(place: Place) -> None:
        elsewhere = RETURN_URL.replace("book.example", "book.example.evil.example")
        request = stack.request(**{**place.for_the_guest(), "return_url": elsewhere})
        reserved = await stack.begin(request)
        refused = await refusal(reserved.update("authorized", {"request": request}))
        assert (refused.type, refused.detail["field"]) == ("InvalidRequest", "return_url")
        with pytest.raises(WorkflowFailureError):
            await reserved.ended()
        assert await booked(stack, place) == []

    await everywhere(at, ASKING)

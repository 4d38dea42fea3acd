"""One table of scenarios, played at an account of every gateway; the bank's books are the verdict.

Real Temporal, real worker with an empty cache, real adapters, simulated banks. What an account
cannot do is asked of it all the same, and has to be refused with nothing sent.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.conformance.acts import placing
from tests.workflows.checks import adds_up, agrees, done_once
from tests.workflows.gateways import PLACES, SEVERAL, Place, everywhere
from tests.workflows.stack import Json, Reserved, Stack

DEADLINE = timedelta(days=6, hours=12, minutes=1)


def figures(hold: Json) -> tuple[str, int, int, int, int]:
    """State, captured, released, expired and remaining."""
    names = ("captured", "released", "expired", "remaining")
    captured, released, expired, remaining = (hold[name]["amount_minor"] for name in names)
    return hold["state"], captured, released, expired, remaining


def effects(book: Json) -> list[tuple[str, int]]:
    return [(effect["kind"], effect["amount_minor"]) for effect in book["effects"]]


async def settled(stack: Stack, reserved: Reserved) -> Json:
    """The view that the run ended with, held against the books."""
    ended = await reserved.ended()
    book = await stack.book_of(ended)
    adds_up(ended)
    agrees(ended, book)
    done_once(ended, book)
    assert book["state"] != "open"
    return ended


async def untouched(stack: Stack, hold: Json) -> None:
    """The bank has booked the hold and nothing else."""
    assert effects(await stack.book_of(hold)) == [("authorize", 100_00)]


async def test_a_capture_takes_all_that_is_held(stack: Stack) -> None:
    async def at(place: Place) -> None:
        reserved, hold = await stack.start(**place.request())
        assert figures(hold) == ("authorized", 0, 0, 0, 100_00)
        assert hold["expires_at"] > hold["deadline"] > hold["authorized_at"]
        assert hold["gateway_reference"] == (await stack.book_of(hold))["reference"]
        hold = await reserved.update("capture", {"command_id": "out"})
        assert figures(hold) == ("captured", 100_00, 0, 0, 0)
        assert await settled(stack, reserved) == hold

    await everywhere(at)


async def test_a_partial_capture_leaves_nothing_on_the_card(stack: Stack) -> None:
    async def at(place: Place) -> None:
        reserved, _ = await stack.start(**place.request())
        hold = await reserved.update("capture", {"amount": place.money(60_00)})
        assert figures(hold) == ("captured", 60_00, 40_00, 0, 0)
        assert await settled(stack, reserved) == hold

    await everywhere(at)


async def test_several_captures_end_with_the_final_one(stack: Stack) -> None:
    async def at(place: Place) -> None:
        reserved, _ = await stack.start(**place.request())
        first = {"amount": place.money(30_00), "final": False, "command_id": "breakfast"}
        hold = await reserved.update("capture", first)
        assert figures(hold) == ("partially_captured", 30_00, 0, 0, 70_00)
        agrees(hold, await stack.book_of(hold))
        hold = await reserved.update("capture", {**first, "command_id": "dinner"})
        assert figures(hold) == ("partially_captured", 60_00, 0, 0, 40_00)
        hold = await reserved.update("capture", {"amount": place.money(25_00)})
        assert figures(hold) == ("captured", 85_00, 15_00, 0, 0)
        assert await settled(stack, reserved) == hold

    await everywhere(at, SEVERAL)


async def test_what_was_captured_in_part_takes_no_adjust_and_no_more_than_is_left(
    stack: Stack,
) -> None:
    async def at(place: Place) -> None:
        reserved, _ = await stack.start(**place.request())
        part = {"amount": place.money(30_00), "final": False}
        before = await reserved.update("capture", part)
        card = {"payment_method": place.card}
        asked = {
            "adjust": {"amount": place.money(50_00)},
            "capture": {"amount": place.money(70_01)},
            "authorize": card,
        }
        refused = {name: await reserved.refused(name, told) for name, told in asked.items()}
        assert {each.type for each in refused.values()} == {"IllegalMove"}
        assert await reserved.hold() == before
        await reserved.update("capture", {"amount": place.money(70_00), "final": False})
        assert figures(await settled(stack, reserved)) == ("captured", 100_00, 0, 0, 0)

    await everywhere(at, SEVERAL)


async def test_a_release_after_a_partial_capture_frees_the_rest(stack: Stack) -> None:
    async def at(place: Place) -> None:
        reserved, _ = await stack.start(**place.request())
        await reserved.update("capture", {"amount": place.money(30_00), "final": False})
        hold = await reserved.update("release")
        assert figures(hold) == ("captured", 30_00, 70_00, 0, 0)
        assert await settled(stack, reserved) == hold

    await everywhere(at, SEVERAL)


async def test_a_capture_to_go_on_from_is_not_supported_where_there_is_one(stack: Stack) -> None:
    async def at(place: Place) -> None:
        reserved, hold = await stack.start(**place.request())
        part = {"amount": place.money(30_00), "final": False}
        refused = await reserved.refused("capture", part)
        assert (refused.type, refused.detail["field"]) == ("NotSupported", "final")
        await untouched(stack, hold)
        await reserved.update("release")

    await everywhere(at, [place for place in PLACES if place not in SEVERAL])


async def test_a_capture_above_the_hold_raises_it_first_or_is_refused(stack: Stack) -> None:
    async def at(place: Place) -> None:
        reserved, hold = await stack.start(**place.request())
        above = {"amount": place.money(130_00), "command_id": "minibar"}
        if place.can.raises:
            await reserved.update("capture", above)
            expected = ("captured", 130_00, 0, 0, 0)
        else:
            assert (await reserved.refused("capture", above)).type == "NotSupported"
            await untouched(stack, hold)
            await reserved.update("capture")
            expected = ("captured", 100_00, 0, 0, 0)
        assert figures(await settled(stack, reserved)) == expected

    await everywhere(at)


@pytest.mark.parametrize("total", [130_00, 70_00])
async def test_an_adjust_sets_the_total_or_is_refused(stack: Stack, total: int) -> None:
    async def at(place: Place) -> None:
        reserved, hold = await stack.start(**place.request())
        wanted = {"amount": place.money(total), "command_id": "stay"}
        if place.can.raises if total > 100_00 else place.can.lowers:
            hold = await reserved.update("adjust", wanted)
            assert figures(hold) == ("authorized", 0, 0, 0, total)
            agrees(hold, await stack.book_of(hold))
        else:
            assert (await reserved.refused("adjust", wanted)).type == "NotSupported"
            await untouched(stack, hold)
        held = hold["remaining"]["amount_minor"]
        await reserved.update("capture", {"amount": place.money(held - 20_00)})
        assert figures(await settled(stack, reserved)) == ("captured", held - 20_00, 20_00, 0, 0)

    await everywhere(at)


async def test_a_lowered_hold_is_released_to_the_last(stack: Stack) -> None:
    async def at(place: Place) -> None:
        reserved, _ = await stack.start(**place.request())
        for total in (80_00, 50_00):
            hold = await reserved.update("adjust", {"amount": place.money(total)})
            assert hold["authorized"] == hold["remaining"] == place.money(total)
        await reserved.update("release")
        ended = await reserved.ended()
        assert figures(ended) == ("released", 0, 50_00, 0, 0)
        assert (await stack.book_of(ended))["state"] == "released"

    await everywhere(at, [place for place in PLACES if place.can.lowers])


async def test_a_release_frees_all(stack: Stack) -> None:
    async def at(place: Place) -> None:
        reserved, _ = await stack.start(**place.request())
        hold = await reserved.update("release", {"reason": "cancelled"})
        assert figures(hold) == ("released", 0, 100_00, 0, 0)
        assert await settled(stack, reserved) == hold

    await everywhere(at)


async def test_a_cancelled_run_releases(stack: Stack) -> None:
    async def at(place: Place) -> None:
        reserved, _ = await stack.start(**place.request())
        await reserved.handle.cancel()
        assert figures(await settled(stack, reserved)) == ("released", 0, 100_00, 0, 0)

    await everywhere(at)


async def test_a_decline_is_an_answer_and_another_card_may_follow(stack: Stack) -> None:
    async def at(place: Place) -> None:
        await stack.fault("authorize", "decline", gateway=place.gateway)
        reserved, hold = await stack.start(**place.request())
        assert figures(hold) == ("declined", 0, 0, 0, 0)
        assert hold["operations"][0]["detail"]
        hold = await reserved.update("authorize", {"payment_method": place.card})
        assert figures(hold) == ("authorized", 0, 0, 0, 100_00)
        await reserved.update("capture")
        assert figures(await settled(stack, reserved)) == ("captured", 100_00, 0, 0, 0)

    await everywhere(at)


async def test_a_declined_capture_or_release_leaves_the_hold(stack: Stack) -> None:
    async def at(place: Place) -> None:
        reserved, before = await stack.start(**place.request())
        for operation in ("capture", "release"):
            await stack.fault(operation, "decline", gateway=place.gateway)
            refused = await reserved.refused(operation, {"command_id": f"no-{operation}"})
            assert refused.type == "Declined"
            assert refused.hold["attention"]["reason"] == f"{operation}_refused"
            assert figures(refused.hold) == ("authorized", 0, 0, 0, 100_00)
        await untouched(stack, before)
        await reserved.update("capture", {"command_id": "out"})
        assert figures(await settled(stack, reserved)) == ("captured", 100_00, 0, 0, 0)

    await everywhere(at)


async def _made_elsewhere(stack: Stack, place: Place) -> str:
    """A hold of 100.00 that this account has, and no reservation of ours has placed."""
    made = await stack.gateways[place.account].authorize(placing(place.under))
    payment = getattr(made, "payment", None)
    assert payment is not None, made
    return payment.payment_id


async def test_a_hold_made_elsewhere_is_adopted(stack: Stack) -> None:
    async def at(place: Place) -> None:
        method = {"kind": "existing_hold", "token": await _made_elsewhere(stack, place)}
        reserved, hold = await stack.start(**{**place.request(), "payment_method": method})
        assert figures(hold) == ("authorized", 0, 0, 0, 100_00)
        assert hold["payment_id"] == method["token"]
        await reserved.update("capture", {"amount": place.money(60_00)})
        assert figures(await settled(stack, reserved)) == ("captured", 60_00, 40_00, 0, 0)

    await everywhere(at)


async def test_a_hold_made_elsewhere_of_another_amount_is_a_conflict(stack: Stack) -> None:
    async def at(place: Place) -> None:
        method = {"kind": "existing_hold", "token": await _made_elsewhere(stack, place)}
        request = stack.request(**{**place.request(90_00), "payment_method": method})
        refused = await (await stack.begin(request)).refused("authorized", {"request": request})
        assert (refused.type, refused.detail["field"]) == ("Conflict", "amount")
        await untouched(stack, {"payment_id": method["token"]})

    await everywhere(at)


async def test_a_hold_that_is_closed_or_unknown_is_not_adopted(stack: Stack) -> None:
    async def at(place: Place) -> None:
        reserved, hold = await stack.start(**place.request())
        await reserved.update("capture")
        await reserved.ended()
        closed = [hold["payment_id"]] if place.profile.shows_later else []
        for token in (*closed, "no-such-payment"):
            method = {"kind": "existing_hold", "token": token}
            request = stack.request(**{**place.request(), "payment_method": method})
            refused = await (await stack.begin(request)).refused("authorized", {})
            assert (refused.type, refused.detail["field"]) == (
                "InvalidRequest",
                "payment_method.token",
            )

    await everywhere(at)


# The plan, days ahead: the bank's clock is one for all, so all places reach each hour together.

Held = dict[Place, tuple[Reserved, Json]]


async def _held(stack: Stack, places: tuple[Place, ...] = PLACES, **fields: Any) -> Held:
    held: Held = {}

    async def at(place: Place) -> None:
        amounts = {
            name: place.money(value) if isinstance(value, int) else value
            for name, value in fields.items()
        }
        held[place] = await stack.start(**{**place.request(), **amounts})

    await everywhere(at, places)
    return held


def outcomes(holds: dict[Place, Json]) -> dict[str, tuple[str, int, int, int, int]]:
    return {str(place): figures(hold) for place, hold in holds.items()}


async def _skip(stack: Stack, held: Held, duration: timedelta) -> None:
    await stack.skip(duration, *(reserved for reserved, _ in held.values()))


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ({}, ("released", 0, 100_00, 0, 0)),
        ({"on_deadline": "capture"}, ("captured", 100_00, 0, 0, 0)),
        (
            {"on_deadline": "capture", "deadline_amount": 60_00},
            ("captured", 60_00, 40_00, 0, 0),
        ),
    ],
    ids=["release", "capture", "deadline amount"],
)
async def test_the_deadline_acts_by_itself(
    stack: Stack, plan: Json, expected: tuple[str, int, int, int, int]
) -> None:
    held = await _held(stack, **plan)
    await _skip(stack, held, DEADLINE)
    ended = {place: await settled(stack, reserved) for place, (reserved, _) in held.items()}

    assert outcomes(ended) == {str(place): expected for place in held}


async def test_the_deadline_frees_the_rest_of_what_was_captured_in_part(stack: Stack) -> None:
    held = await _held(stack, SEVERAL)
    for place, (reserved, _) in held.items():
        await reserved.update("capture", {"amount": place.money(30_00), "final": False})
    await _skip(stack, held, DEADLINE)
    ended = {place: await settled(stack, reserved) for place, (reserved, _) in held.items()}

    expected = ("captured", 30_00, 70_00, 0, 0)
    assert outcomes(ended) == {str(place): expected for place in held}


async def test_a_capture_whose_rest_cannot_be_freed_is_no_refused_capture(stack: Stack) -> None:
    """Money has moved: whoever is told "declined" would take it again in another way."""
    kept = tuple(place for place in PLACES if not place.can.frees_rest)
    assert len(kept) > 1
    for place, (reserved, _) in (await _held(stack, kept)).items():
        await stack.fault("release", "decline", gateway=place.gateway)
        capture = {"amount": place.money(30_00), "command_id": "out"}
        hold = await reserved.update("capture", capture)
        assert hold["captured"] == place.money(30_00), place
        assert hold["attention"]["reason"] == "release_refused", place
        again = await reserved.update("capture", capture)
        assert again["captured"] == place.money(30_00), place


@pytest.mark.parametrize("captured", [0, 30_00])
async def test_a_hold_that_lapsed_is_expired_wherever_it_was(stack: Stack, captured: int) -> None:
    """Releases are refused from the deadline on, and so the issuer is the one to let go of it."""
    held = await _held(stack, SEVERAL if captured else PLACES, safety_margin="PT90M")
    for place, (reserved, _) in held.items():
        if captured:
            await reserved.update("capture", {"amount": place.money(captured), "final": False})
    for place in held:
        await stack.fault("release", "decline", gateway=place.gateway, times=100)
    await _skip(stack, held, timedelta(days=7) - timedelta(minutes=89))
    await _skip(stack, held, timedelta(minutes=80))
    refused = [await reserved.hold() for reserved, _ in held.values()]
    assert {hold["attention"]["reason"] for hold in refused} == {"release_refused"}
    await stack.no_more_faults()
    await _skip(stack, held, timedelta(minutes=70))
    ended = {place: await reserved.ended() for place, (reserved, _) in held.items()}
    books = {place: await stack.book_of(hold) for place, hold in ended.items()}

    state = "captured" if captured else "expired"
    expected = (state, captured, 0, 100_00 - captured, 0)
    assert outcomes(ended) == {str(place): expected for place in held}
    assert {book["state"] for book in books.values()} == {state}

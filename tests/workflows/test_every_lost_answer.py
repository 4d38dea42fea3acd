"""Lost, late and broken answers to every operation of every gateway; the books are the verdict.

Each test plays whole reservations, the gateways side by side, and every operation of a reservation
meets the fault once. Whatever a caller is told meanwhile, each effect is booked once, the run ends
equal to the books, and nothing is left on the card. Payroc's own answers are in the fault grid,
where each operation meets each fault alone.
"""

from __future__ import annotations

import pytest

from tests.workflows.checks import adds_up, agrees, done_once
from tests.workflows.gateways import BRIEF, PLACES, SEVERAL, Place, everywhere
from tests.workflows.patience import tell
from tests.workflows.stack import Json, Reserved, Stack

FAULTS: dict[str, Json] = {
    "error_before": {},
    "error_after": {},
    "drop_before": {},
    "drop_after": {},
    "throttle": {"retry_after_s": 1},
    "truncate": {},
    "garbage": {},
    "stay_pending": {"resolve_after_s": 0.8},
}
# Longer than a brief account waits for an answer; booked all the same.
LATE = {"delay_s": 1.3}
ELSEWHERE = tuple(place for place in PLACES if place.gateway != "payroc")
#: One account of each gateway.
ONE_OF_EACH = tuple({place.gateway: place for place in reversed(ELSEWHERE)}.values())


async def arm(stack: Stack, place: Place, fault: str, *operations: str, **told: object) -> None:
    for operation in operations:
        await stack.fault(operation, fault, gateway=place.gateway, **told)


async def captured(stack: Stack, reserved: Reserved, place: Place, held: int) -> None:
    """A part is captured, and what is left of the hold freed, once each."""
    await tell(reserved, "capture", {"amount": place.money(60_00), "command_id": "out"})
    ended = await reserved.ended()
    book = await stack.book_of(ended)
    check(ended, book)
    assert (ended["state"], book["captured_minor"]) == ("captured", 60_00)
    assert ended["released"] == place.money(held - 60_00)
    kinds = [effect["kind"] for effect in book["effects"]]
    assert kinds[-2:] == ["capture", "release"]


def check(ended: Json, book: Json) -> None:
    adds_up(ended)
    agrees(ended, book)
    done_once(ended, book)
    assert book["state"] != "open"
    # Where lowering gives a part back, the books keep the first total.
    assert book["authorized_minor"] in {100_00, ended["authorized"]["amount_minor"]}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_capture_whose_every_answer_is_lost_moves_money_once(
    stack: Stack, fault: str
) -> None:
    async def at(place: Place) -> None:
        # What a capture leaves is the release's to free, where the gateway does not do it.
        release = () if place.can.frees_rest else ("release",)
        operations = ("authorize", "capture", *release)
        await arm(stack, place, fault, *operations, **FAULTS[fault])
        request = stack.request(**place.request())
        reserved = await stack.begin(request)
        await tell(reserved, "authorized", {"request": request})
        await captured(stack, reserved, place, 100_00)
        assert stack.unmet(place.gateway) == []

    await everywhere(at, ONE_OF_EACH)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_release_whose_answer_is_lost_frees_once(stack: Stack, fault: str) -> None:
    async def at(place: Place) -> None:
        reserved, _ = await stack.start(**place.request())
        await arm(stack, place, fault, "release", **FAULTS[fault])
        await tell(reserved, "release", {"command_id": "out"})
        ended = await reserved.ended()
        check(ended, await stack.book_of(ended))
        assert ended["state"] == "released"
        assert stack.unmet(place.gateway) == []

    await everywhere(at, ONE_OF_EACH)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_hold_whose_lowering_is_not_answered_is_lowered_once(
    stack: Stack, fault: str
) -> None:
    async def at(place: Place) -> None:
        reserved, _ = await stack.start(**place.request())
        await arm(stack, place, fault, "adjust", **FAULTS[fault])
        await tell(reserved, "adjust", {"amount": place.money(80_00), "command_id": "shorter"})
        assert (await reserved.hold())["authorized"] == place.money(80_00)
        await captured(stack, reserved, place, 80_00)
        assert stack.unmet(place.gateway) == []

    await everywhere(at, [place for place in ELSEWHERE if place.can.lowers])


@pytest.mark.parametrize("fault", ["error_after", "drop_after", "drop_before", "stay_pending"])
async def test_of_several_captures_each_is_booked_once(stack: Stack, fault: str) -> None:
    async def at(place: Place) -> None:
        reserved, _ = await stack.start(**place.request())
        for command_id in ("one", "two"):
            await arm(stack, place, fault, "capture", **FAULTS[fault])
            part = {"amount": place.money(20_00), "final": False, "command_id": command_id}
            await tell(reserved, "capture", part)
        await arm(stack, place, fault, "release", **FAULTS[fault])
        await tell(reserved, "release", {"command_id": "out"})
        ended = await reserved.ended()
        book = await stack.book_of(ended)
        check(ended, book)
        assert (book["captured_minor"], book["released_minor"]) == (40_00, 60_00)

    await everywhere(at, SEVERAL)


@pytest.mark.parametrize("operation", ["authorize", "capture", "release"])
async def test_an_answer_that_comes_too_late_is_found(stack: Stack, operation: str) -> None:
    async def at(place: Place) -> None:
        await arm(stack, place, "delay", operation, **LATE)
        request = stack.request(**{**place.request(), "gateway": place.account + BRIEF})
        reserved = await stack.begin(request)
        await tell(reserved, "authorized", {"request": request})
        if operation == "release":
            await tell(reserved, "release", {"command_id": "out"})
            ended = await reserved.ended()
            check(ended, await stack.book_of(ended))
            assert ended["state"] == "released"
        else:
            await captured(stack, reserved, place, 100_00)
        assert stack.unmet(place.gateway) == []

    await everywhere(at, [*ONE_OF_EACH, PLACES[0]])


@pytest.mark.parametrize("fault", ["error_before", "drop_after", "garbage"])
async def test_a_look_up_that_fails_proves_nothing(stack: Stack, fault: str) -> None:
    async def at(place: Place) -> None:
        await arm(stack, place, "error_after", "authorize", "capture")
        await arm(stack, place, fault, "look_up", times=2)
        request = stack.request(**place.request())
        reserved = await stack.begin(request)
        await tell(reserved, "authorized", {"request": request})
        await captured(stack, reserved, place, 100_00)
        assert stack.unmet(place.gateway) == []

    await everywhere(at, ONE_OF_EACH)


@pytest.mark.parametrize("fault", ["error_after", "drop_after", "drop_before"])
async def test_what_holds_nothing_yet_may_be_lost(stack: Stack, fault: str) -> None:
    """Where an authorization takes two requests, the first is the bank's ``token``."""

    async def at(place: Place) -> None:
        await arm(stack, place, fault, "token")
        request = stack.request(**place.request())
        reserved = await stack.begin(request)
        await tell(reserved, "authorized", {"request": request})
        await captured(stack, reserved, place, 100_00)
        assert stack.unmet(place.gateway) == []

    await everywhere(at, [place for place in ELSEWHERE if place.gateway == "sibs"])


@pytest.mark.parametrize("seed", [2, 5])
async def test_random_weather_moves_no_more_money(stack: Stack, seed: int) -> None:
    async def at(place: Place) -> None:
        await stack.fault("*", "random", gateway=place.gateway, seed=seed, rate=0.25)
        request = stack.request(**place.request())
        reserved = await stack.begin(request)
        await tell(reserved, "authorized", {"request": request})
        while (await reserved.hold())["state"] == "declined":
            # Credentials that are refused are no guest's fault: the card is tried again.
            await tell(reserved, "authorize", {"payment_method": place.card})
        await captured(stack, reserved, place, 100_00)

    await everywhere(at, ONE_OF_EACH)

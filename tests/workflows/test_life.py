"""What a reservation does when everything works, told by the hold and by the bank's books.

Real Temporal, real worker with an empty cache, real adapter, simulated bank.
"""

from __future__ import annotations

import pytest

from tests.workflows.checks import adds_up, agrees
from tests.workflows.stack import Stack, usd


def kinds(book: dict[str, object]) -> list[tuple[str, int]]:
    effects: list[dict[str, object]] = book["effects"]  # type: ignore[assignment] - JSON
    return [(str(effect["kind"]), int(str(effect["amount_minor"]))) for effect in effects]


async def test_an_authorization_holds_the_amount_and_says_until_when(stack: Stack) -> None:
    _, hold = await stack.start(booking="B-1", property="house", description="one night")

    assert hold["state"] == "authorized"
    assert hold["authorized"] == hold["remaining"] == usd(100_00)
    assert (hold["booking"], hold["property"], hold["description"]) == ("B-1", "house", "one night")
    assert hold["expires_at"] > hold["deadline"] > hold["authorized_at"]
    assert hold["deadline_by"] == "expiry"
    assert hold["card"]["last4"] is not None
    assert hold["evidence"]["approval_code"] is not None
    assert hold["payment_id"] == (await stack.book())["payment_id"]
    assert hold["gateway_reference"] == (await stack.book())["reference"]
    agrees(hold, await stack.book())


async def test_update_with_start_answers_with_the_decided_hold(stack: Stack) -> None:
    request = stack.request()
    hold = await stack.start_with_update(request)
    again = await stack.start_with_update(request)

    assert hold["state"] == "authorized"
    assert again == hold
    assert kinds(await stack.book()) == [("authorize", 100_00)]


async def test_a_second_caller_with_another_request_is_told_of_the_conflict(stack: Stack) -> None:
    request = stack.request()
    await stack.start_with_update(request)
    reserved = stack.reserved(request)

    refused = await reserved.refused("authorized", {"request": {**request, "amount": usd(1)}})
    same = await reserved.update(
        "authorized", {"request": {**request, "operator": "desk", "initiator": "customer"}}
    )

    assert refused.type == "Conflict"
    assert same["state"] == "authorized"


@pytest.mark.parametrize(
    ("instruction", "total"),
    [
        ({"amount": usd(150_00)}, 150_00),
        ({"amount": "80.00 USD"}, 80_00),
        ({"by": "+50.00 USD"}, 150_00),
        ({"by": "-30.00 USD"}, 70_00),
    ],
)
async def test_an_adjust_sets_the_total(
    stack: Stack, instruction: dict[str, object], total: int
) -> None:
    reserved, _ = await stack.start()
    hold = await reserved.update("adjust", {**instruction, "command_id": "dinner"})

    assert hold["state"] == "authorized"
    assert hold["authorized"] == hold["remaining"] == usd(total)
    assert hold["operations"][1]["command_id"] == "dinner"
    assert hold["operations"][1]["state"] == "done"
    agrees(hold, await stack.book())


async def test_an_adjust_to_the_present_total_sends_nothing(stack: Stack) -> None:
    reserved, _ = await stack.start()
    hold = await reserved.update("adjust", {"amount": usd(100_00)})

    assert hold["operations"][1]["state"] == "done"
    assert kinds(await stack.book()) == [("authorize", 100_00)]


async def test_a_difference_that_leaves_nothing_is_refused(stack: Stack) -> None:
    reserved, _ = await stack.start()
    refused = await reserved.refused("adjust", {"by": "-100.00 USD"})

    assert (refused.type, refused.detail["field"]) == ("InvalidRequest", "by")
    assert (await reserved.hold())["authorized"] == usd(100_00)


async def test_a_declined_adjust_leaves_what_was_held(stack: Stack) -> None:
    reserved, _ = await stack.start()
    refused = await reserved.refused("adjust", {"amount": usd(150_01), "command_id": "more"})
    hold = await reserved.hold()

    assert (refused.type, refused.detail["operation_id"]) == ("Declined", "adjust/2")
    assert hold["state"] == "authorized"
    assert hold["remaining"] == usd(100_00)
    agrees(hold, await stack.book())


async def test_a_capture_takes_all_that_is_held(stack: Stack) -> None:
    reserved, _ = await stack.start()
    hold = await reserved.update("capture", {"command_id": "out", "operator": "desk"})
    ended = await reserved.ended()

    assert (hold["state"], hold["captured"]) == ("captured", usd(100_00))
    assert hold["operations"][1]["operator"] == "desk"
    assert ended == hold
    adds_up(ended)
    agrees(ended, await stack.book())


async def test_a_partial_capture_frees_the_rest(stack: Stack) -> None:
    reserved, _ = await stack.start()
    hold = await reserved.update("capture", {"amount": "60.00 USD"})

    assert (hold["state"], hold["captured"], hold["released"]) == (
        "captured",
        usd(60_00),
        usd(40_00),
    )
    agrees(hold, await stack.book())


async def test_a_capture_above_the_hold_raises_it_first(stack: Stack) -> None:
    reserved, _ = await stack.start()
    hold = await reserved.update("capture", {"amount": usd(130_00), "command_id": "minibar"})

    assert (hold["state"], hold["captured"]) == ("captured", usd(130_00))
    assert [operation["kind"] for operation in hold["operations"]] == [
        "authorize",
        "adjust",
        "capture",
    ]
    assert {operation["command_id"] for operation in hold["operations"][1:]} == {"minibar"}
    agrees(hold, await stack.book())


async def test_a_capture_whose_raise_is_declined_captures_nothing(stack: Stack) -> None:
    reserved, _ = await stack.start()
    refused = await reserved.refused("capture", {"amount": usd(130_01)})
    hold = await reserved.hold()

    assert refused.type == "Declined"
    assert (hold["state"], hold["remaining"]) == ("authorized", usd(100_00))
    assert [operation["state"] for operation in hold["operations"]] == [
        "done",
        "declined",
        "not_done",
    ]
    assert kinds(await stack.book()) == [("authorize", 100_00)]


async def test_a_capture_that_is_not_final_is_not_supported_with_one_capture(stack: Stack) -> None:
    reserved, _ = await stack.start()
    refused = await reserved.refused("capture", {"amount": usd(60_00), "final": False})

    assert (refused.type, refused.detail["field"]) == ("NotSupported", "final")
    assert kinds(await stack.book()) == [("authorize", 100_00)]


async def test_a_capture_of_all_that_remains_is_final_whatever_it_says(stack: Stack) -> None:
    reserved, _ = await stack.start()
    hold = await reserved.update("capture", {"amount": usd(100_00), "final": False})

    assert (hold["state"], hold["captured"]) == ("captured", usd(100_00))


async def test_a_declined_capture_leaves_the_hold_and_tells_a_person(stack: Stack) -> None:
    reserved, _ = await stack.start()
    await stack.fault("capture", "decline")
    refused = await reserved.refused("capture", {"command_id": "out"})
    hold = await reserved.hold()

    assert (refused.type, refused.detail["operation_id"]) == ("Declined", "capture/2")
    assert (hold["state"], hold["remaining"]) == ("authorized", usd(100_00))
    assert hold["attention"]["reason"] == "capture_refused"

    hold = await reserved.update("capture", {"command_id": "out-again"})
    assert (hold["state"], hold["attention"]) == ("captured", None)
    agrees(hold, await stack.book())


async def test_a_release_frees_all(stack: Stack) -> None:
    reserved, _ = await stack.start()
    hold = await reserved.update("release", {"reason": "cancelled"})

    assert (hold["state"], hold["released"]) == ("released", usd(100_00))
    assert await reserved.ended() == hold
    agrees(hold, await stack.book())


async def test_a_decline_is_an_answer_and_another_card_may_follow(stack: Stack) -> None:
    reserved, hold = await stack.start(amount=usd(120_00))
    assert hold["state"] == "authorized"
    await reserved.update("release")

    await stack.fault("authorize", "decline")
    reserved, hold = await stack.start()
    assert (hold["state"], hold["authorized"]) == ("declined", usd(0))
    assert hold["operations"][0]["state"] == "declined"

    other = {"kind": "stored_token", "token": "2967530000000011"}
    hold = await reserved.update("authorize", {"payment_method": other, "command_id": "second"})
    assert (hold["state"], hold["remaining"]) == ("authorized", usd(100_00))
    assert hold["operations"][1]["command_id"] == "second"


async def test_another_card_that_is_declined_too_answers_with_the_hold(stack: Stack) -> None:
    reserved, hold = await stack.start(amount=usd(49_01))
    other = {"kind": "stored_token", "token": "2967530000000011"}
    hold = await reserved.update("authorize", {"payment_method": other})

    assert hold["state"] == "declined"
    assert [operation["state"] for operation in hold["operations"]] == ["declined", "declined"]


async def test_an_approval_for_less_is_released_and_counts_as_a_decline(stack: Stack) -> None:
    await stack.fault("authorize", "approve_less", amount_minor=60_00)
    _, hold = await stack.start()

    assert (hold["state"], hold["authorized"]) == ("declined", usd(0))
    assert hold["operations"][0]["state"] == "declined"
    assert hold["payment_id"] is None
    assert kinds(await stack.book()) == [("authorize", 60_00), ("release", 60_00)]


async def test_an_approval_for_less_whose_release_is_lost_is_still_released(stack: Stack) -> None:
    await stack.fault("authorize", "approve_less", amount_minor=60_00)
    await stack.fault("release", "error_after")
    _, hold = await stack.start()

    assert hold["state"] == "declined"
    assert kinds(await stack.book()) == [("authorize", 60_00), ("release", 60_00)]


async def test_every_answer_adds_up_on_the_way(stack: Stack) -> None:
    reserved, hold = await stack.start()
    adds_up(hold)
    for instruction in ({"by": "+50.00 USD"}, {"by": "-70.00 USD"}, {"amount": usd(95_00)}):
        adds_up(await reserved.update("adjust", instruction))
    hold = await reserved.update("capture", {"amount": usd(90_00)})
    adds_up(hold)
    agrees(hold, await stack.book())


@pytest.mark.parametrize("currency", ["JPY", "KWD", "EUR"])
async def test_any_currency_is_counted_in_its_own_minor_unit(stack: Stack, currency: str) -> None:
    amount = {"amount_minor": 12_000, "currency": currency}
    reserved, hold = await stack.start(amount=amount)
    assert hold["remaining"] == amount

    hold = await reserved.update("capture")
    assert hold["captured"] == amount
    assert (await stack.book())["currency"] == currency


async def test_the_way_of_most_reservations_costs_at_most_28_events(stack: Stack) -> None:
    request = stack.request()
    await stack.start_with_update(request)
    reserved = stack.reserved(request)
    await reserved.update("capture")
    await reserved.ended()

    assert len((await reserved.history()).events) <= 28

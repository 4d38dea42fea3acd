"""Payroc's payment operations, each over real HTTP; the bank's books say what happened."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from simulator.faces import PayrocFace
from simulator.server import Simulator
from tests.simulator.payroc_client import (
    TERMINAL,
    Payroc,
    effects,
    new_key,
    order_item,
    outcome,
    payment_body,
)


async def test_a_pre_authorization_comes_back_as_a_pending_sale(payroc: Payroc) -> None:
    answer = await payroc.post("/payments", payment_body(9999))

    payment = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"].endswith(f"/payroc/v1/payments/{payment['paymentId']}")
    assert outcome(payment) == ("pending", "A", 9999)
    assert payment["transactionResult"]["type"] == "sale"
    assert len(payment["paymentId"]) == 10
    assert {"type", "cardNumber", "expiryDate", "entryMethod"} <= payment["card"].keys()
    assert "fullyReverse" in payment["supportedOperations"]
    assert payment == await payroc.read(payment)
    [hold] = await payroc.books()
    assert (hold["state"], hold["reference"], hold["currency"]) == ("open", "H1", "USD")
    assert effects(hold) == [("authorize", 9999)]


async def test_the_books_name_gateway_payment_and_key(payroc: Payroc) -> None:
    key = new_key()
    payment = (await payroc.post("/payments", payment_body(), key=key)).json()

    [hold] = await payroc.books()

    assert ("payroc", payment["paymentId"]) == (hold["gateway"], hold["payment_id"])
    [effect] = hold["effects"]
    assert key == effect["key"]
    assert effect["at"].endswith("Z")
    assert (await payroc.http.get("/admin/books?gateway=sibs")).json()["holds"] == []


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (4901, ("declined", "D", "Do Not Honor", "05")),
        (4902, ("referral", "R", "Refer to Card Issuer", "01")),
        (1403, ("declined", "D", "AVS FAILURE", "00")),
    ],
)
async def test_amounts_trigger_declines_that_are_payments(
    payroc: Payroc, amount: int, expected: tuple[str, ...]
) -> None:
    payment = await payroc.create(amount)

    result = (await payroc.read(payment))["transactionResult"]
    names = ("status", "responseCode", "responseMessage", "processorResponseCode")
    assert expected == tuple(result[name] for name in names)
    [hold] = await payroc.books()
    assert (hold["state"], hold["authorized_minor"]) == ("declined", 0)
    assert [("decline", amount)] == effects(hold)


async def test_an_adjustment_sets_the_new_total(payroc: Payroc) -> None:
    payment = await payroc.create(10000)

    up = await payroc.act(payment, "adjust", order_item(15000))
    down = await payroc.act(payment, "adjust", order_item(8000))

    assert [up.status_code, down.status_code] == [200, 200]
    assert outcome(up.json()) == ("pending", "A", 15000)
    assert down.json()["order"]["amount"] == 8000
    [hold] = await payroc.books()
    assert effects(hold) == [("authorize", 10000), ("adjust", 15000), ("adjust", 8000)]
    assert hold["authorized_minor"] == 8000


async def test_a_declined_raise_leaves_the_old_hold(payroc: Payroc) -> None:
    payment = await payroc.create(10000)

    answer = await payroc.act(payment, "adjust", order_item(15001))

    assert answer.status_code == 200
    assert outcome(answer.json()) == ("pending", "D", 10000)
    assert outcome(await payroc.read(payment)) == ("pending", "A", 10000)
    [hold] = await payroc.books()
    assert effects(hold) == [("authorize", 10000)]


async def test_an_adjustment_to_the_present_amount_moves_nothing(payroc: Payroc) -> None:
    payment = await payroc.create(10000)

    answer = await payroc.act(payment, "adjust", order_item(10000))

    assert outcome(answer.json()) == ("pending", "A", 10000)
    [hold] = await payroc.books()
    assert effects(hold) == [("authorize", 10000)]


async def test_one_call_may_adjust_several_things(payroc: Payroc) -> None:
    payment = await payroc.create(10000)
    contact = {"type": "email", "value": "guest@example.com"}
    items = [
        {"type": "order", "amount": 12000},
        {"type": "customer", "contactMethods": [contact]},
        {"type": "signature", "cardholderSignature": "a1b2"},
    ]

    answer = await payroc.act(payment, "adjust", {"adjustments": items, "operator": "desk"})
    again = await payroc.act(payment, "adjust", {"adjustments": items[2:]})

    changed = answer.json()
    assert [contact] == changed["customer"]["contactMethods"]
    assert (changed["operator"], changed["order"]["amount"]) == ("desk", 12000)
    assert again.status_code == 409


async def test_ready_is_a_capture_by_another_name(payroc: Payroc) -> None:
    payment = await payroc.create(10000)
    body = {"adjustments": [{"type": "status", "toStatus": "ready"}]}

    answer = await payroc.act(payment, "adjust", body)

    assert outcome(answer.json()) == ("ready", "A", 10000)
    [hold] = await payroc.books()
    assert effects(hold) == [("authorize", 10000), ("capture", 10000)]


@pytest.mark.parametrize("body", [{}, None])
async def test_a_capture_without_an_amount_takes_everything(payroc: Payroc, body: object) -> None:
    payment = await payroc.create(10000)

    answer = await payroc.act(payment, "capture", body)

    assert outcome(answer.json()) == ("ready", "A", 10000)
    [hold] = await payroc.books()
    assert (
        hold["state"],
        hold["captured_minor"],
        hold["released_minor"],
    ) == ("captured", 10000, 0)


async def test_a_capture_of_less_frees_the_rest(payroc: Payroc) -> None:
    payment = await payroc.create(12346)
    key = new_key()

    answer = await payroc.act(payment, "capture", {"amount": 6532}, key=key)

    assert outcome(answer.json()) == ("ready", "A", 6532)
    [hold] = await payroc.books()
    assert effects(hold)[1:] == [("capture", 6532), ("release", 5814)]
    assert [key, key] == [effect["key"] for effect in hold["effects"][1:]]


async def test_a_capture_of_more_is_refused_unless_a_margin_is_set(
    sim: Simulator, payroc: Payroc
) -> None:
    payment = await payroc.create(10000)

    refused = await payroc.act(payment, "capture", {"amount": 11500})
    sim.face(PayrocFace).rules.capture_margin_percent = 15
    beyond = await payroc.act(payment, "capture", {"amount": 11501})
    within = await payroc.act(payment, "capture", {"amount": 11500})

    assert [refused.status_code, beyond.status_code, within.status_code] == [400, 400, 200]
    [hold] = await payroc.books()
    assert effects(hold)[1:] == [("adjust", 11500), ("capture", 11500)]


async def test_a_reversal_releases_all_or_part(payroc: Payroc) -> None:
    payment = await payroc.create(10000)

    part = await payroc.act(payment, "reverse", {"amount": 3000})
    raised = await payroc.act(payment, "adjust", order_item(9000))
    more = await payroc.act(payment, "reverse", {"amount": 9100})
    rest = await payroc.act(payment, "reverse")

    assert outcome(part.json()) == ("pending", "A", 7000)
    assert outcome(raised.json()) == ("pending", "A", 9000)
    assert more.status_code == 400
    assert outcome(rest.json())[0] == "reversal"
    [hold] = await payroc.books()
    assert effects(hold)[1:] == [("release", 3000), ("adjust", 12000), ("release", 9000)]
    assert (
        hold["state"],
        hold["authorized_minor"],
        hold["released_minor"],
    ) == ("released", 12000, 12000)


async def test_an_open_batch_reverses_and_a_closed_one_refunds(payroc: Payroc) -> None:
    first, second = await payroc.create(10000), await payroc.create(20000)
    refund = {"amount": 4000, "description": "broken lamp, paid twice"}
    await payroc.act(first, "capture")
    await payroc.act(second, "capture")

    reversed_part = await payroc.act(first, "refund", refund)
    closed = await payroc.post(f"/processing-terminals/{TERMINAL}/close-batch")
    refunded = await payroc.act(second, "refund", refund)
    too_late = await payroc.act(second, "reverse")
    too_much = await payroc.act(second, "refund", refund | {"amount": 16001})

    assert outcome(reversed_part.json()) == ("ready", "A", 6000)
    assert closed.status_code == 202
    assert {"cutOffTime", "timezone"} == closed.json().keys()
    assert outcome(refunded.json())[0] == "complete"
    assert [item["amount"] for item in refunded.json()["refunds"]] == [-4000]
    assert [too_late.status_code, too_much.status_code] == [409, 400]
    assert [hold["refunded_minor"] for hold in await payroc.books()] == [4000, 4000]


async def test_a_captured_payment_reversed_in_full_shows_a_reversal(payroc: Payroc) -> None:
    payment = await payroc.create(10000)
    await payroc.act(payment, "capture", {"amount": 8000})

    answer = await payroc.act(payment, "reverse")

    assert outcome(answer.json())[0] == "reversal"
    [hold] = await payroc.books()
    assert (
        hold["state"],
        hold["captured_minor"],
        hold["refunded_minor"],
    ) == ("captured", 8000, 8000)


async def test_a_batch_leaves_pending_payments_alone(sim: Simulator, payroc: Payroc) -> None:
    # The cut-off is half an hour from now, whenever "now" is.
    cut_off = datetime.now(UTC) + timedelta(minutes=30)
    sim.face(PayrocFace).rules.batch_close_at = time(cut_off.hour, cut_off.minute)
    held, taken = await payroc.create(10000), await payroc.create(20000)
    await payroc.act(taken, "capture")
    before = outcome(await payroc.read(taken))[0]

    await payroc.advance(1800)

    assert before == "ready"
    assert [outcome(await payroc.read(payment))[0] for payment in (held, taken)] == [
        "pending",
        "complete",
    ]


@pytest.mark.parametrize("switch", [{"autoCapture": True}, {"processAsSale": True}])
async def test_a_sale_takes_the_money_at_once(payroc: Payroc, switch: dict[str, bool]) -> None:
    payment = await payroc.create(10000, **switch)

    status = "complete" if "processAsSale" in switch else "ready"
    assert status == outcome(payment)[0]
    [hold] = await payroc.books()
    assert effects(hold) == [("authorize", 10000), ("capture", 10000)]


async def test_a_terminal_without_pre_authorizations_refuses_or_runs_a_sale(
    payroc: Payroc,
) -> None:
    refused = await payroc.post("/payments", payment_body(processingTerminalId="NOPREAUTH-REFUSE"))
    pending = await payroc.create(processingTerminalId="NOPREAUTH-SALE")

    assert refused.status_code == 400
    assert refused.json()["type"].endswith("#capabilities-missing")
    assert outcome(pending)[0] == "pending"


WRONG_STATES: list[tuple[str, str, dict[str, Any]]] = [
    ("declined", "capture", {}),
    ("declined", "reverse", {}),
    ("declined", "adjust", order_item(100)),
    ("captured", "capture", {}),
    ("captured", "adjust", order_item(20000)),
    ("captured", "adjust", {"adjustments": [{"type": "status", "toStatus": "pending"}]}),
    ("released", "capture", {}),
    ("released", "reverse", {}),
    ("released", "adjust", order_item(100)),
    ("expired", "capture", {}),
    ("expired", "reverse", {}),
    ("expired", "refund", {"amount": 1, "description": "x"}),
]


@pytest.mark.parametrize(("state", "verb", "body"), WRONG_STATES)
async def test_a_call_in_the_wrong_state_is_a_conflict_and_moves_nothing(
    payroc: Payroc, state: str, verb: str, body: dict[str, Any]
) -> None:
    payment = await payroc.create(4901 if state == "declined" else 10000)
    if state == "captured":
        await payroc.act(payment, "capture")
    if state == "released":
        await payroc.act(payment, "reverse")
    if state == "expired":
        await payroc.advance(8 * 86400)
    before = await payroc.books()

    answer = await payroc.act(payment, verb, body)

    assert answer.status_code == 409
    assert answer.json()["type"].endswith("#cannot-be-modified")
    assert state == before[0]["state"]
    assert before == await payroc.books()


async def test_a_hold_expires_by_the_banks_clock(payroc: Payroc) -> None:
    payment = await payroc.create(10000)

    await payroc.advance(7 * 86400 - 60)
    before = outcome(await payroc.read(payment))[0]
    await payroc.advance(60)

    assert before == "pending"
    assert outcome(await payroc.read(payment)) == ("expired", "A", 10000)
    [hold] = await payroc.books()
    assert effects(hold) == [("authorize", 10000), ("expire", 10000)]
    assert hold["state"] == "expired"


async def test_the_life_of_holds_can_be_set_and_counts_for_open_ones(payroc: Payroc) -> None:
    await payroc.create(10000)

    answer = await payroc.http.post("/admin/clock", json={"hold_s": 60, "advance_s": 61})

    assert answer.json()["hold_s"] == 60
    assert answer.json()["now"].endswith("Z")
    assert [hold["state"] for hold in await payroc.books()] == ["expired"]

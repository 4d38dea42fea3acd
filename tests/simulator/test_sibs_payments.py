"""SIBS's payment operations, each over real HTTP; the bank's books say what happened."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from simulator.faces import SibsFace
from simulator.server import Simulator
from tests import loopback
from tests.simulator.sibs_client import (
    BEARER,
    TOKEN,
    Sibs,
    effects,
    follow_up,
    order_body,
    returned,
    token,
    told,
)

WEEK_S = 7 * 24 * 3600
CARD = "5299990000000004"


@pytest.fixture
async def sibs(sim: Simulator) -> AsyncIterator[Sibs]:
    async with loopback.client(sim.url) as http:
        yield Sibs(http)


def card(number: str = CARD) -> dict[str, object]:
    return {
        "cardInfo": {
            "PAN": number,
            "secureCode": "776",
            "validationDate": "2030-05-26T00:00:00.000Z",
            "cardholderName": "Jane Smith",
            "createToken": False,
        }
    }


def read(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.iterdir()]


async def test_an_order_holds_nothing_and_shows_no_payment_method(sibs: Sibs) -> None:
    order = await sibs.order(19.2)

    expected = {"transactionSignature", "formContext", "merchant", "amount", "execution"}
    assert expected <= order.keys()
    status = await sibs.status(order["transactionID"])
    assert (status["paymentStatus"], status["paymentType"]) == ("Pending", "AUTH")
    assert "paymentMethod" not in status
    assert "transactionSignature" not in status
    assert await sibs.books() == []


async def test_a_purchase_by_token_blocks_the_money_under_the_orders_reference(sibs: Sibs) -> None:
    order = await sibs.order(19.2)

    answer = await sibs.pay(order)

    assert told(answer) == (200, "Success")
    assert answer.json()["transactionID"] == order["transactionID"]
    assert answer.json()["merchant"]["merchantTransactionId"] == "H1"
    status = await sibs.status(order["transactionID"])
    assert (status["paymentStatus"], status["paymentMethod"]) == ("Success", "CARD")
    [hold] = await sibs.books()
    assert (hold["gateway"], hold["payment_id"]) == ("sibs", order["transactionID"])
    assert (hold["state"], hold["reference"], hold["currency"]) == ("open", "H1", "EUR")
    assert effects(hold) == [("authorize", 1920, "H1")]


@pytest.mark.parametrize("way", ["card", "token"])
async def test_a_card_is_paid_with_a_token_at_either_path(sibs: Sibs, way: str) -> None:
    order = await sibs.order()

    assert told(await sibs.pay(order, TOKEN, way)) == (200, "Success")


async def test_card_data_is_neither_shown_nor_kept(tmp_path: Path) -> None:
    data = tmp_path / "bank"
    async with (
        Simulator(data=data) as sim,
        loopback.client(sim.url) as http,
    ):
        sibs = Sibs(http)
        order = await sibs.order()
        answer = await sibs.pay(order, card(), "card")
        status = await sibs.status(order["transactionID"])
        refused = await sibs.pay(await sibs.order(), {"cardInfo": {"PAN": CARD}}, "card")

    assert (told(answer), told(refused)) == ((200, "Success"), (400, "E0101"))
    assert CARD not in f"{answer.text}{status}{refused.text}"
    kept = read(tmp_path)
    assert any(b"sibs.order" in text for text in kept)
    assert not any(CARD.encode() in text or b"Jane Smith" in text for text in kept)


async def test_only_the_orders_own_signature_pays_it(sibs: Sibs) -> None:
    order, other = await sibs.order(), await sibs.order(reference="H2")
    forged = order | {"transactionSignature": other["transactionSignature"]}
    path = f"/payments/{order['transactionID']}/token/purchase"

    assert told(await sibs.pay(forged)) == (401, "401")
    assert told(await sibs.post(path, TOKEN, BEARER)) == (401, "401")
    assert await sibs.books() == []


async def test_an_order_is_paid_once(sibs: Sibs) -> None:
    order = await sibs.order()
    await sibs.pay(order)

    again = await sibs.pay(order)

    assert told(again) == (409, "409")
    [hold] = await sibs.books()
    assert effects(hold) == [("authorize", 10000, "H1")]


async def test_a_token_may_be_one_that_the_issuer_declines(sibs: Sibs) -> None:
    order = await sibs.order()

    answer = await sibs.pay(order, token("tok-Declined-7"))

    assert (told(answer), returned(answer)) == ((200, "Declined"), "E0119")
    assert (await sibs.status(order["transactionID"]))["paymentStatus"] == "Declined"
    assert told(await sibs.act(order["transactionID"], "capture", 1, "C1")) == (409, "409")
    [hold] = await sibs.books()
    assert (hold["state"], effects(hold)) == ("declined", [("decline", 10000, "H1")])


async def test_a_purchase_order_is_captured_at_once(sibs: Sibs) -> None:
    order_id = await sibs.hold(paymentType="PURS")

    assert told(await sibs.act(order_id, "cancellation", 100, "X1")) == (409, "409")
    [hold] = await sibs.books()
    assert effects(hold) == [("authorize", 10000, "H1"), ("capture", 10000, "H1")]


async def test_several_captures_take_up_to_the_total(sibs: Sibs) -> None:
    order_id = await sibs.hold()

    first = await sibs.act(order_id, "capture", 60.5, "C1")
    too_much = await sibs.act(order_id, "capture", 39.51, "C2")
    [hold] = await sibs.books()
    assert (hold["state"], hold["captured_minor"]) == ("open", 6050)
    second = await sibs.act(order_id, "capture", 39.5, "C3")
    nothing_left = await sibs.act(order_id, "capture", 0.01, "C4")

    assert [told(first), told(second)] == [(200, "Success")] * 2
    assert [told(too_much), told(nothing_left)] == [(400, "E0101"), (409, "409")]
    ids = {order_id, first.json()["transactionID"], second.json()["transactionID"]}
    assert len(ids) == 3
    assert first.json()["amount"] == {"value": "60.5", "currency": "EUR"}
    [hold] = await sibs.books()
    assert hold["state"] == "captured"
    captured = [("capture", 6050, "C1"), ("capture", 3950, "C3")]
    assert [("authorize", 10000, "H1"), *captured] == effects(hold)


async def test_the_same_capture_sent_twice_is_carried_out_twice(sibs: Sibs, sim: Simulator) -> None:
    order_id = await sibs.hold()

    first = await sibs.act(order_id, "capture", 40, "C1")
    again = await sibs.act(order_id, "capture", 40, "C1")

    assert first.json()["transactionID"] != again.json()["transactionID"]
    assert sim.bank.carried_out == {"H1": 1, "C1": 2}


async def test_the_original_is_named_inside_the_transaction_or_beside_it(sibs: Sibs) -> None:
    order_id = await sibs.hold()
    path = f"/payments/{order_id}/capture"
    inside = follow_up(order_id, 10, "C1")
    beside = follow_up(order_id, 10, "C2")
    beside["originalTransaction"] = beside["transaction"].pop("originalTransaction")
    nowhere = follow_up(order_id, 10, "C3")
    del nowhere["transaction"]["originalTransaction"]
    wrong = inside | {"originalTransaction": {"id": "another"}}

    answers = [await sibs.post(path, body) for body in (inside, beside, nowhere, wrong)]

    assert [answer.status_code for answer in answers] == [200, 200, 400, 400]
    assert (await sibs.books())[0]["captured_minor"] == 2000


async def test_a_cancellation_frees_all_or_a_part_of_what_is_not_captured(sibs: Sibs) -> None:
    order_id = await sibs.hold()

    part = await sibs.act(order_id, "cancellation", 30, "X1")
    await sibs.act(order_id, "capture", 50, "C1")
    too_much = await sibs.act(order_id, "cancellation", 20.01, "X2")
    rest = await sibs.act(order_id, "cancellation", 20, "X3")
    nothing_left = await sibs.act(order_id, "cancellation", 1, "X4")

    assert [told(part), told(rest)] == [(200, "Success")] * 2
    assert [told(too_much), told(nothing_left)] == [(400, "E0101"), (409, "409")]
    [hold] = await sibs.books()
    assert (hold["state"], hold["captured_minor"], hold["refunded_minor"]) == ("captured", 5000, 0)
    assert effects(hold)[1:] == [
        ("release", 3000, "X1"),
        ("capture", 5000, "C1"),
        ("release", 2000, "X3"),
    ]


async def test_an_amount_in_another_currency_is_refused(sibs: Sibs) -> None:
    order_id = await sibs.hold()

    for verb in ("capture", "cancellation", "refund"):
        assert told(await sibs.act(order_id, verb, 10, "C1", "PLN")) == (400, "E0101")
    [hold] = await sibs.books()
    assert effects(hold) == [("authorize", 10000, "H1")]


@pytest.mark.parametrize("verb", ["capture", "cancellation"])
async def test_the_authorizations_status_never_tells_what_followed(sibs: Sibs, verb: str) -> None:
    order_id = await sibs.hold()
    followed = await sibs.act(order_id, verb, 100, "F1")

    status = await sibs.status(order_id)
    own = await sibs.status(followed.json()["transactionID"])

    assert (status["paymentStatus"], status["amount"]["value"]) == ("Success", 100)
    assert (own["paymentStatus"], own["merchant"]["transactionId"]) == ("Success", "F1")
    assert own["paymentType"] == verb.upper()


async def test_an_unpaid_order_that_was_cancelled_is_dead(sibs: Sibs) -> None:
    order = await sibs.order()
    order_id = order["transactionID"]

    in_part = await sibs.act(order_id, "cancellation", 50, "X1")
    whole = await sibs.act(order_id, "cancellation", 100, "X2")
    again = await sibs.act(order_id, "cancellation", 100, "X3")
    paid = await sibs.pay(order)

    assert [told(in_part), told(whole)] == [(400, "E0101"), (200, "Success")]
    assert [told(again), told(paid)] == [(409, "409"), (409, "409")]
    assert (await sibs.status(order_id))["paymentStatus"] == "Declined"
    assert await sibs.books() == []


async def test_what_was_never_held_cannot_be_captured_or_given_back(sibs: Sibs) -> None:
    order = await sibs.order()

    for verb in ("capture", "refund"):
        assert told(await sibs.act(order["transactionID"], verb, 10, "F1")) == (409, "409")
        assert (await sibs.find("F1")).status_code == 404


@pytest.mark.parametrize("captured", [0, 40])
async def test_on_a_lapsed_hold_everything_is_declined(sibs: Sibs, captured: int) -> None:
    order_id = await sibs.hold()
    if captured:
        await sibs.act(order_id, "capture", captured, "C0")
    await sibs.advance(WEEK_S)

    capture = await sibs.act(order_id, "capture", 10, "C1")
    cancellation = await sibs.act(order_id, "cancellation", 10, "X1")

    assert [told(capture), told(cancellation)] == [(200, "Declined")] * 2
    assert told(await sibs.find("C1")) == (200, "Declined")
    assert (await sibs.status(order_id))["paymentStatus"] == "Success"
    [hold] = await sibs.books()
    assert hold["captured_minor"] == captured * 100
    assert effects(hold)[-1] == ("expire", 10000 - captured * 100, None)


async def test_a_refund_gives_back_what_was_captured(sibs: Sibs) -> None:
    order_id = await sibs.hold()
    capture = (await sibs.act(order_id, "capture", 60, "C1")).json()["transactionID"]

    of_the_order = await sibs.act(order_id, "refund", 20, "R1")
    of_the_capture = await sibs.act(capture, "refund", 40, "R2")
    too_much = await sibs.act(order_id, "refund", 1, "R3")

    assert [told(of_the_order), told(of_the_capture)] == [(200, "Success")] * 2
    assert told(too_much) == (409, "409")
    assert told(await sibs.act(capture, "capture", 1, "C2")) == (409, "409")
    [hold] = await sibs.books()
    assert (hold["captured_minor"], hold["refunded_minor"]) == (6000, 6000)


async def test_every_transaction_is_found_by_its_reference(sibs: Sibs) -> None:
    order = await sibs.order(reference="O1")
    order_id = await sibs.hold(reference="H1")
    await sibs.act(order_id, "capture", 40, "C1")
    await sibs.act(order_id, "cancellation", 60, "X1")

    found = {name: (await sibs.find(name)).json() for name in ("O1", "H1", "C1", "X1")}

    assert found["O1"]["transactionID"] == order["transactionID"]
    assert found["H1"]["transactionID"] == order_id
    shown = [
        (at["paymentType"], at["paymentStatus"], at["amount"]["value"]) for at in found.values()
    ]
    assert shown == [
        ("AUTH", "Pending", 100),
        ("AUTH", "Success", 100),
        ("CAPTURE", "Success", 40),
        ("CANCELLATION", "Success", 60),
    ]
    assert told(await sibs.find("Z1")) == (404, "404")


async def test_of_several_with_one_reference_the_latest_that_moved_money_is_shown(
    sibs: Sibs,
) -> None:
    await sibs.order()
    latest = await sibs.order()
    assert (await sibs.find("H1")).json()["transactionID"] == latest["transactionID"]

    paid = await sibs.hold()
    await sibs.order()

    assert (await sibs.find("H1")).json()["transactionID"] == paid


async def test_a_gateway_that_knows_ids_alone_finds_no_reference(
    sibs: Sibs, sim: Simulator
) -> None:
    await sibs.hold()
    sim.face(SibsFace).rules.finds_references = False

    assert told(await sibs.find("H1")) == (400, "E0101")


async def test_orders_and_what_followed_outlive_the_process(tmp_path: Path) -> None:
    async def at(sim: Simulator) -> Sibs:
        return Sibs(loopback.client(sim.url))

    async with Simulator(data=tmp_path / "bank") as sim:
        before = await at(sim)
        unpaid = await before.order(reference="O1")
        held = await before.hold(reference="H1")
        await before.arm("capture", "stay_pending")
        await before.act(held, "capture", 40, "C1")
        await before.http.aclose()

    async with Simulator(data=tmp_path / "bank") as sim:
        after = await at(sim)
        assert told(await after.find("C1")) == (200, "InProcessing")
        await after.advance(60)
        assert told(await after.find("C1")) == (200, "Success")
        assert told(await after.pay(unpaid)) == (200, "Success")
        await after.http.post("/admin/reset")
        assert told(await after.find("H1")) == (404, "404")
        await after.http.aclose()

    async with Simulator(data=tmp_path / "bank") as sim:
        again = await at(sim)
        assert told(await again.find("O1")) == (404, "404")
        assert told(await again.post("/payments", order_body())) == (200, "000")
        await again.http.aclose()

"""xMoney's payment operations, each over real HTTP; the bank's books say what happened."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from simulator.faces import XmoneyFace
from simulator.server import Simulator
from tests import loopback
from tests.simulator.xmoney_client import (
    WEEK_S,
    Xmoney,
    amounts,
    effects,
    order_form,
    told,
)


@pytest.fixture
async def xmoney(sim: Simulator) -> AsyncIterator[Xmoney]:
    async with loopback.client(sim.url) as http:
        yield Xmoney(http)


async def test_an_order_in_mode_auth_is_a_hold(xmoney: Xmoney) -> None:
    ordered = await xmoney.order("99.99", ip="192.0.2.1", description="one night")

    shown = await xmoney.read(ordered)
    assert (shown["id"], shown["orderId"]) == (ordered["transactionId"], ordered["orderId"])
    assert (ordered["is3d"], ordered["isRedirect"]) == (0, False)
    assert (shown["transactionStatus"], shown["transactionType"]) == ("in-progress", "deposit")
    assert amounts(shown) == ("99.99", "99.99", "0.00")
    assert shown["components"][0]["providerAuth"].isdecimal()
    assert await xmoney.order_status(ordered) == "in-progress"
    [hold] = await xmoney.books()
    assert (hold["gateway"], hold["payment_id"]) == ("xmoney", str(ordered["transactionId"]))
    assert (hold["state"], hold["reference"], hold["currency"]) == ("open", "H1", "EUR")
    assert effects(hold) == [("authorize", 9999)]
    assert hold["effects"][0]["key"] == "H1"


async def test_a_list_may_lack_a_new_transaction_whose_order_is_there(
    sim: Simulator, xmoney: Xmoney
) -> None:
    sim.face(XmoneyFace).rules.lists_after = timedelta(minutes=1)
    ordered = await xmoney.order("100.00")

    orders = await xmoney.send("GET", "/order", query={"externalOrderId": "H1"})
    before = await xmoney.send("GET", "/transaction", query={"orderId": ordered["orderId"]})
    await xmoney.advance(60)
    after = await xmoney.send("GET", "/transaction", query={"orderId": ordered["orderId"]})

    assert [len(each.json()["data"]) for each in (orders, before, after)] == [1, 0, 1]
    assert await xmoney.status(ordered) == "in-progress"


async def test_an_order_without_a_mode_is_a_sale(xmoney: Xmoney) -> None:
    ordered = await xmoney.order("100.00", cardTransactionMode="authAndCapture")

    assert await xmoney.status(ordered) == "complete-ok"
    [hold] = await xmoney.books()
    assert effects(hold) == [("authorize", 10000), ("capture", 10000)]


async def test_a_capture_takes_a_part_once_and_frees_the_rest(xmoney: Xmoney) -> None:
    ordered = await xmoney.order("100.00")

    first = await xmoney.capture(ordered, "80")
    again = await xmoney.capture(ordered, "10")

    assert (first.status_code, first.json()) == (200, {"code": 200, "message": "Success"})
    assert told(again) == (422, 422, [None])
    assert amounts(await xmoney.read(ordered)) == ("80.00", "100.00", "0.00")
    assert await xmoney.status(ordered) == "complete-ok"
    [hold] = await xmoney.books()
    assert effects(hold) == [("authorize", 10000), ("capture", 8000), ("release", 2000)]
    key = f"{ordered['transactionId']}:capture"
    assert [effect["key"] for effect in hold["effects"][1:]] == [key, key]


async def test_a_site_may_go_on_showing_what_was_held(sim: Simulator, xmoney: Xmoney) -> None:
    sim.face(XmoneyFace).rules.amount_after_capture = "held"
    ordered = await xmoney.order("100.00")

    await xmoney.capture(ordered, "80.00")

    assert amounts(await xmoney.read(ordered)) == ("100.00", "100.00", "0.00")


@pytest.mark.parametrize("amount", ["100.01", "0", "0.00", "10.001", "-5", "1e2", "ten", ""])
async def test_a_capture_of_an_impossible_amount_takes_nothing(xmoney: Xmoney, amount: str) -> None:
    ordered = await xmoney.order("100.00")

    answer = await xmoney.capture(ordered, amount)

    assert told(answer) == (400, 400, ["amount"])
    [hold] = await xmoney.books()
    assert effects(hold) == [("authorize", 10000)]


async def test_the_verb_that_voids_a_hold_refunds_what_was_captured(xmoney: Xmoney) -> None:
    held = await xmoney.order("100.00", "H1")
    captured = await xmoney.order("100.00", "H2")
    await xmoney.capture(captured, "80.00")

    answers = [await xmoney.undo(held), await xmoney.undo(captured, reason="customer-demand")]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [await xmoney.status(held), await xmoney.status(captured)] == ["void-ok", "cancel-ok"]
    assert amounts(await xmoney.read(captured)) == ("80.00", "100.00", "80.00")
    voided, refunded = await xmoney.books()
    assert effects(voided) == [("authorize", 10000), ("release", 10000)]
    assert effects(refunded)[-1] == ("refund", 8000)
    assert (refunded["state"], refunded["refunded_minor"]) == ("captured", 8000)


async def test_money_that_has_settled_is_refunded_instead_of_cancelled(xmoney: Xmoney) -> None:
    ordered = await xmoney.order("100.00")
    await xmoney.capture(ordered, "80.00")
    await xmoney.advance(25 * 3600)

    part = await xmoney.undo(ordered, amount="30.00")
    status_then = await xmoney.status(ordered)
    rest = await xmoney.undo(ordered)
    more = await xmoney.undo(ordered)

    assert [part.status_code, rest.status_code, more.status_code] == [200, 200, 422]
    assert [status_then, await xmoney.status(ordered)] == ["complete-ok", "refund-ok"]
    [hold] = await xmoney.books()
    assert effects(hold)[-2:] == [("refund", 3000), ("refund", 5000)]


async def test_a_hold_is_voided_as_a_whole_and_once(xmoney: Xmoney) -> None:
    ordered = await xmoney.order("100.00")

    answers = [
        await xmoney.undo(ordered, amount="40.00"),
        await xmoney.undo(ordered, amount="100.00"),
        await xmoney.undo(ordered),
    ]

    assert [answer.status_code for answer in answers] == [400, 200, 422]
    assert await xmoney.order_status(ordered) == "complete-failed"
    [hold] = await xmoney.books()
    assert effects(hold) == [("authorize", 10000), ("release", 10000)]


async def test_a_hold_that_lapsed_looks_like_one_that_was_voided(xmoney: Xmoney) -> None:
    ordered = await xmoney.order("100.00")
    await xmoney.advance(WEEK_S)

    late = [await xmoney.capture(ordered, "100.00"), await xmoney.undo(ordered)]

    assert await xmoney.status(ordered) == "void-ok"
    assert [answer.status_code for answer in late] == [422, 422]
    [hold] = await xmoney.books()
    assert (hold["state"], effects(hold)[-1]) == ("expired", ("expire", 10000))


async def test_a_second_order_of_the_same_reference_is_a_second_hold(
    sim: Simulator, xmoney: Xmoney
) -> None:
    orders = [await xmoney.order("100.00", "H1"), await xmoney.order("100.00", "H1")]

    listed = await xmoney.send("GET", "/order", query={"externalOrderId": "H1"})

    ids = [order["id"] for order in listed.json()["data"]]
    assert [order["orderId"] for order in reversed(orders)] == ids
    assert len(await xmoney.books()) == 2
    assert sim.bank.carried_out["H1"] == 2


async def test_an_order_without_a_reference_is_told_from_the_others(
    sim: Simulator, xmoney: Xmoney
) -> None:
    forms = [order_form(), order_form()]
    for form in forms:
        del form["externalOrderId"]
        assert (await xmoney.send("POST", "/order", form)).status_code == 201

    assert set(sim.bank.carried_out.values()) == {1}
    assert [hold["reference"] for hold in await xmoney.books()] == ["", ""]


@pytest.mark.parametrize(
    ("currency", "amount", "minor"),
    [("JPY", "5000", 5000), ("KWD", "1.234", 1234), ("EUR", "10", 1000), ("EUR", "10.5", 1050)],
)
async def test_amounts_have_the_digits_of_their_currency(
    xmoney: Xmoney, currency: str, amount: str, minor: int
) -> None:
    ordered = await xmoney.order(amount, currency=currency)

    text = {"JPY": "5000", "KWD": "1.234"}.get(currency, f"{minor / 100:.2f}")
    assert (await xmoney.read(ordered))["amount"] == text
    order = await xmoney.send("GET", f"/order/{ordered['orderId']}")
    assert f'"amount":{text},' in order.text
    [hold] = await xmoney.books()
    assert (hold["currency"], hold["authorized_minor"]) == (currency, minor)


@pytest.mark.parametrize(
    ("currency", "amount"),
    [("JPY", "10.5"), ("KWD", "1.2345"), ("EUR", "0.001"), ("EUR", "9999999999999999")],
)
async def test_an_amount_that_a_currency_does_not_have_is_refused(
    xmoney: Xmoney, currency: str, amount: str
) -> None:
    form = order_form(amount, currency=currency)

    answer = await xmoney.send("POST", "/order", form)

    assert told(answer) == (400, 400, ["amount"])
    assert await xmoney.books() == []


@pytest.mark.parametrize(
    ("amount", "card", "reason"),
    [
        ("100.00", "700000666", "Declined by Bank"),
        ("0.02", "700000001", "Insufficient funds"),
        ("0.05", "700000001", "Declined by Bank"),
        ("0.06", "700000001", "Rejected by Processor"),
    ],
)
async def test_a_declined_order_is_created_and_its_transaction_failed(
    xmoney: Xmoney, amount: str, card: str, reason: str
) -> None:
    ordered = await xmoney.order(amount, cardId=card)

    shown = await xmoney.read(ordered)
    assert (shown["transactionStatus"], shown["failureReason"]) == ("complete-failed", reason)
    assert shown["components"][-1]["providerMessage"] == reason
    assert await xmoney.order_status(ordered) == "complete-failed"
    [hold] = await xmoney.books()
    assert (hold["state"], hold["authorized_minor"]) == ("declined", 0)


async def test_a_site_may_tell_declines_on_the_line(sim: Simulator, xmoney: Xmoney) -> None:
    sim.face(XmoneyFace).rules.declines_are_402 = True

    answer = await xmoney.send("POST", "/order", order_form(cardId="700000666"))

    assert told(answer) == (402, 402, [None])
    assert await xmoney.status(answer.json()["data"]) == "complete-failed"


async def test_a_soft_decline_comes_as_a_success_with_an_error_in_it(xmoney: Xmoney) -> None:
    answer = await xmoney.send("POST", "/order", order_form(cardId="700000839"))
    option = '{"isSoftDecline": "yes"}'
    second = await xmoney.order(reference="H2", cardId="700000839", transactionOption=option)

    assert told(answer) == (200, 402, [None])
    assert answer.json()["error"][0]["code"] == 839
    assert await xmoney.status(answer.json()["data"]) == "complete-failed"
    assert await xmoney.status(second) == "3d-pending"
    assert [hold["state"] for hold in await xmoney.books()] == ["declined"]


@pytest.mark.parametrize(
    ("amount", "later", "state"),
    [("0.04", "in-progress", "open"), ("0.03", "complete-failed", "declined")],
)
async def test_some_amounts_are_decided_a_minute_later(
    xmoney: Xmoney, amount: str, later: str, state: str
) -> None:
    ordered = await xmoney.order(amount)
    before = await xmoney.status(ordered), await xmoney.books()
    await xmoney.advance(61)

    assert before == ("uncertain", [])
    assert await xmoney.status(ordered) == later
    [hold] = await xmoney.books()
    assert hold["state"] == state


@asynccontextmanager
async def running(file: Path) -> AsyncGenerator[tuple[Simulator, Xmoney]]:
    async with (
        Simulator(data=file) as sim,
        loopback.client(sim.url) as http,
    ):
        yield sim, Xmoney(http)


def read(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_orders_cards_and_questions_outlive_a_restart(tmp_path: Path) -> None:
    number = "4111111111111111"
    details = {"cardNumber": number, "cardExpiryDate": "12/30", "saveCard": "true"}
    async with running(tmp_path / "books") as (_, before):
        held = await before.order("100.00")
        waiting = await before.order("50.00", "H2", cardId="700000333")
        form = order_form(reference="H3", **details)
        del form["cardId"]
        stored = (await before.send("POST", "/order", form)).json()["data"]

    assert number.encode() not in read(tmp_path)
    async with running(tmp_path / "books") as (sim, after):
        assert await after.status(held) == "in-progress"
        page = waiting["redirect"]["url"].rpartition("/")[2]
        await after.http.post(f"/xmoney/3ds/{page}", data={"outcome": "pass"})
        assert await after.status(waiting) == "in-progress"
        card = await after.send("GET", f"/card/{stored['cardId']}", query={"customerId": "12"})
        assert card.json()["data"]["cardNumber"] == "************1111"
        sim.reset()
        assert (await after.send("GET", "/order")).json()["data"] == []

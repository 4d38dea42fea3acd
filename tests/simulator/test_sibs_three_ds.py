"""SIBS's 3-D Secure, as a client and as the guest's browser; the bank's books say what happened."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulator.faces import SibsFace
from simulator.server import Simulator
from tests import loopback
from tests.simulator.sibs_client import Sibs, effects, order_body, token, told

ASKED = token("tok-3ds-1")
BACK = "https://hotel.example/back?stay=1"


@pytest.fixture
async def sibs(sim: Simulator) -> AsyncIterator[Sibs]:
    async with loopback.client(sim.url) as http:
        yield Sibs(http)


async def ask(sibs: Sibs, body: dict[str, Any] = ASKED) -> tuple[Any, Any]:
    """An order whose guest is asked, and the action that they are asked for."""
    order = await sibs.order()
    answer = await sibs.pay(order, body)
    assert told(answer) == (206, "Partial"), answer.text
    return order, answer.json()["actionResponse"]


async def answer(sibs: Sibs, action: Any, outcome: str) -> httpx.Response:
    """What the guest clicks."""
    return await sibs.http.post(action["data"]["url"], data={"outcome": outcome})


async def test_the_guest_is_sent_to_a_page_and_nothing_is_held(sibs: Sibs, sim: Simulator) -> None:
    order, action = await ask(sibs)

    page = await sibs.http.post(action["data"]["url"], data=action["data"]["params"])

    assert action["type"] == "THREEDS_CHALLENGE"
    assert action["data"]["url"].startswith(f"{sim.url}/sibs/3ds/{action['id']}")
    assert (page.status_code, "100 EUR" in page.text) == (200, True)
    status = await sibs.status(order["transactionID"])
    assert (status["paymentStatus"], status["actionResponse"]) == ("Partial", action)
    assert await sibs.books() == []


@pytest.mark.parametrize(
    ("outcome", "status", "kind"),
    [("pass", "Success", "authorize"), ("fail", "Declined", "decline")],
)
async def test_the_guests_answer_decides(sibs: Sibs, outcome: str, status: str, kind: str) -> None:
    order, action = await ask(sibs)

    assert (await answer(sibs, action, outcome)).status_code == 200
    assert (await answer(sibs, action, "pass")).status_code == 409

    shown = await sibs.status(order["transactionID"])
    assert (shown["paymentStatus"], "actionResponse" in shown) == (status, False)
    [hold] = await sibs.books()
    assert effects(hold) == [(kind, 10000, "H1")]


async def test_a_guest_who_does_not_come_is_a_decline(sibs: Sibs) -> None:
    order, action = await ask(sibs)
    await sibs.advance(15 * 60)

    assert (await sibs.status(order["transactionID"]))["paymentStatus"] == "Declined"
    assert (await answer(sibs, action, "pass")).status_code == 409
    [hold] = await sibs.books()
    assert effects(hold) == [("decline", 10000, "H1")]


async def test_a_refused_call_still_writes_down_that_the_guest_was_too_late(tmp_path: Path) -> None:
    async def at(sim: Simulator) -> Sibs:
        return Sibs(loopback.client(sim.url))

    async with Simulator(data=tmp_path / "bank") as sim:
        before = await at(sim)
        order, _ = await ask(before)
        await before.advance(15 * 60)
        refused = await before.act(order["transactionID"], "capture", 10, "C1")
        await before.http.aclose()

    assert told(refused) == (409, "409")
    async with Simulator(data=tmp_path / "bank") as sim:
        after = await at(sim)
        [hold] = await after.books()
        await after.http.aclose()
    assert effects(hold) == [("decline", 10000, "H1")]


@pytest.mark.parametrize("way", ["card", "token"])
async def test_the_second_purchase_call_tells_and_moves_nothing(sibs: Sibs, way: str) -> None:
    order, action = await ask(sibs)
    processed = {"id": action["id"], "type": action["type"], "executed": True}

    early = await sibs.pay(order, {"actionProcessed": processed}, way)
    await answer(sibs, action, "pass")
    late = await sibs.pay(order, ASKED | {"actionProcessed": processed}, way)
    unpaid = await sibs.order(reference="H2")
    never = await sibs.pay(unpaid, {"actionProcessed": processed}, way)

    assert [told(early), told(late)] == [(206, "Partial"), (200, "Success")]
    assert told(never) == (409, "409")
    [hold] = await sibs.books()
    assert effects(hold) == [("authorize", 10000, "H1")]


async def test_an_attempt_that_was_cancelled_cannot_be_completed(sibs: Sibs) -> None:
    order, action = await ask(sibs)

    cancelled = await sibs.act(order["transactionID"], "cancellation", 100, "X1")
    clicked = await answer(sibs, action, "pass")

    assert (told(cancelled), clicked.status_code) == ((200, "Success"), 409)
    assert (await sibs.status(order["transactionID"]))["paymentStatus"] == "Declined"
    assert await sibs.books() == []


async def test_a_cancellation_after_the_guest_was_faster_frees_the_hold(sibs: Sibs) -> None:
    order, action = await ask(sibs)
    await answer(sibs, action, "pass")

    cancelled = await sibs.act(order["transactionID"], "cancellation", 100, "X1")

    assert told(cancelled) == (200, "Success")
    [hold] = await sibs.books()
    assert effects(hold) == [("authorize", 10000, "H1"), ("release", 10000, "X1")]


async def test_a_guest_may_pass_and_the_issuer_still_decline(sibs: Sibs) -> None:
    order, action = await ask(sibs, token("tok-3ds-declined"))
    await answer(sibs, action, "pass")

    assert (await sibs.status(order["transactionID"]))["paymentStatus"] == "Declined"


async def test_a_published_test_card_is_asked(sibs: Sibs) -> None:
    order = await sibs.order()
    card = {"PAN": "4000000000000100", "validationDate": "2030-05-26T00:00:00.000Z"}

    assert told(await sibs.pay(order, {"cardInfo": card}, "card")) == (206, "Partial")


async def test_any_guest_can_be_asked_by_a_fault(sibs: Sibs) -> None:
    await sibs.arm("authorize", "require_action")
    await ask(sibs, token("tok-1"))

    assert await sibs.hold(reference="H2")


@pytest.mark.parametrize("armed", [True, False])
async def test_nobody_is_asked_when_the_merchant_pays(sibs: Sibs, *, armed: bool) -> None:
    if armed:
        await sibs.arm("authorize", "require_action")
    body = order_body() | {"merchantInitiatedTransaction": {"type": "UCOF"}}
    order = (await sibs.post("/payments", body)).json()

    assert told(await sibs.pay(order, ASKED)) == (200, "Success")


PLACES = ["order", "merchant", "transaction", "urls", "purchase", "nowhere"]


@pytest.mark.parametrize("place", PLACES)
async def test_the_guest_goes_back_to_where_the_merchant_said(sibs: Sibs, place: str) -> None:
    body = order_body()
    for part in ("merchant", "transaction"):
        body[part] |= {"redirectUrl": BACK} if place == part else {}
    body |= {"redirectUrl": BACK} if place == "order" else {}
    body |= (
        {"urls": {"returnUrl": BACK, "cancelUrl": "https://hotel.example/"}}
        if place == "urls"
        else {}
    )
    order = (await sibs.post("/payments", body)).json()
    paid = await sibs.pay(order, ASKED | ({"redirectUrl": BACK} if place == "purchase" else {}))

    clicked = await answer(sibs, paid.json()["actionResponse"], "pass")

    expected = (200, None) if place == "nowhere" else (303, BACK)
    assert expected == (clicked.status_code, clicked.headers.get("location"))


async def test_a_status_may_hide_where_the_guest_is_sent(sibs: Sibs, sim: Simulator) -> None:
    sim.face(SibsFace).rules.status_shows_action = False
    order, _ = await ask(sibs)

    status = await sibs.status(order["transactionID"])

    assert (status["paymentStatus"], "actionResponse" in status) == ("Partial", False)

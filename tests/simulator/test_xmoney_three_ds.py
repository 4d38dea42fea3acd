"""3-D Secure at xMoney: a guest who answers, fails, leaves, or is called off; over real HTTP."""

from collections.abc import AsyncIterator

import pytest

from simulator.faces import XmoneyFace
from simulator.server import Simulator
from tests import loopback
from tests.simulator.xmoney_client import BACK, Xmoney, effects, order_form

ASKED = "700000333"


@pytest.fixture
async def xmoney(sim: Simulator) -> AsyncIterator[Xmoney]:
    async with loopback.client(sim.url) as http:
        yield Xmoney(http)


async def test_nothing_is_held_until_the_guest_has_passed(sim: Simulator, xmoney: Xmoney) -> None:
    ordered = await xmoney.order("100.00", cardId=ASKED)
    before = await xmoney.status(ordered), await xmoney.order_status(ordered), await xmoney.books()

    redirect = ordered["redirect"]
    page = await xmoney.http.post(redirect["url"], data=redirect["params"])
    back = await xmoney.answer(ordered, "pass")
    again = await xmoney.answer(ordered, "fail")

    assert (ordered["is3d"], ordered["isRedirect"]) == (1, True)
    assert (redirect["formMethod"], redirect["params"]["TermsUrl"]) == ("POST", BACK)
    assert redirect["url"].startswith(f"{sim.url}/xmoney/3ds/")
    assert before == ("3d-pending", "start", [])
    assert (page.status_code, "100.00 EUR" in page.text) == (200, True)
    assert (back.status_code, back.headers["location"]) == (303, BACK)
    assert again.status_code == 409
    assert await xmoney.status(ordered) == "in-progress"
    [hold] = await xmoney.books()
    assert effects(hold) == [("authorize", 10000)]
    assert hold["effects"][0]["key"] == "H1"


async def test_a_guest_who_fails_or_leaves_is_a_decline(xmoney: Xmoney) -> None:
    failed = await xmoney.order("100.00", "H1", cardId=ASKED)
    left = await xmoney.order("100.00", "H2", cardId=ASKED)
    await xmoney.answer(failed, "fail")
    await xmoney.advance(15 * 60)

    late = await xmoney.answer(left, "pass")

    assert late.status_code == 409
    assert [await xmoney.status(failed), await xmoney.status(left)] == ["complete-failed"] * 2
    assert [hold["state"] for hold in await xmoney.books()] == ["declined", "declined"]


async def test_a_card_that_is_asked_about_may_be_declined_afterwards(xmoney: Xmoney) -> None:
    await xmoney.arm("authorize", "require_action")
    ordered = await xmoney.order("100.00", cardId="700000666")
    status_then = await xmoney.status(ordered)

    await xmoney.answer(ordered, "pass")

    assert [status_then, await xmoney.status(ordered)] == ["3d-pending", "complete-failed"]


async def test_an_order_that_waits_for_the_guest_can_be_called_off(xmoney: Xmoney) -> None:
    ordered = await xmoney.order("100.00", cardId=ASKED)

    wrong_verb = await xmoney.undo(ordered)
    off = await xmoney.cancel(ordered, terminateOrder="yes")
    late = await xmoney.answer(ordered, "pass")
    twice = await xmoney.cancel(ordered)

    statuses = [answer.status_code for answer in (wrong_verb, off, late, twice)]
    assert statuses == [422, 200, 409, 422]
    shown = await xmoney.read(ordered)
    assert (shown["transactionStatus"], shown["failureReason"]) == ("complete-failed", "Cancelled")
    assert await xmoney.books() == []


async def test_cancelling_an_order_too_late_undoes_the_payment(xmoney: Xmoney) -> None:
    passed = await xmoney.order("100.00", "H1", cardId=ASKED)
    await xmoney.answer(passed, "pass")
    captured = await xmoney.order("50.00", "H2")
    await xmoney.capture(captured, "50.00")

    answers = [await xmoney.cancel(passed), await xmoney.cancel(captured)]

    assert [answer.status_code for answer in answers] == [200, 200]
    voided, refunded = await xmoney.books()
    assert [effects(voided)[-1], effects(refunded)[-1]] == [("release", 10000), ("refund", 5000)]


async def test_a_fault_asks_about_any_card(xmoney: Xmoney) -> None:
    await xmoney.arm("authorize", "require_action")

    statuses = [await xmoney.status(await xmoney.order(reference=name)) for name in ("H1", "H2")]

    assert statuses == ["3d-pending", "in-progress"]


@pytest.mark.parametrize("order_type", ["recurring", "managed", "purchase"])
async def test_the_merchants_own_order_asks_nobody(xmoney: Xmoney, order_type: str) -> None:
    await xmoney.arm("authorize", "require_action")
    form = order_form(cardId=ASKED, orderType=order_type)
    if order_type == "purchase":
        del form["backUrl"]  # Nor browser data: nobody is there to be sent away.

    ordered = (await xmoney.send("POST", "/order", form)).json()["data"]

    assert (ordered["is3d"], "redirect" in ordered) == (0, False)
    assert await xmoney.status(ordered) == "in-progress"


async def test_a_guests_browser_is_enough_to_be_asked(xmoney: Xmoney) -> None:
    form = order_form(cardId=ASKED, threeDSecureData="e30=")
    del form["backUrl"]

    ordered = (await xmoney.send("POST", "/order", form)).json()["data"]
    passed = await xmoney.answer(ordered, "pass")

    assert passed.status_code == 200
    assert await xmoney.status(ordered) == "in-progress"


async def test_a_site_may_ask_above_an_amount(sim: Simulator, xmoney: Xmoney) -> None:
    sim.face(XmoneyFace).rules.challenge_over_major = 25

    orders = [await xmoney.order(amount, amount) for amount in ("25.00", "25.01")]

    assert [await xmoney.status(ordered) for ordered in orders] == ["in-progress", "3d-pending"]

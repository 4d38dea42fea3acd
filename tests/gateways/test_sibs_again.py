"""An authorization that may have been sent before: looked for, cleared away, and then sent once.

SIBS takes a second order under the same reference, and what was ordered can be purchased for as
long as somebody has its signature. The worst case here is a purchase that is still on its way.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest

from domain.outcome import Approved, PaymentState
from gateways.adapters.sibs import open_sibs
from gateways.adapters.sibs.bodies import reference_of_cancelled
from gateways.errors import (
    GatewayError,
    NoAnswer,
    NotSent,
    Throttled,
    Unauthorized,
    Undecided,
)
from simulator.server import Simulator
from tests import loopback
from tests.gateways.calls import authorize
from tests.gateways.sibs_site import (
    NONE,
    PAYMENT_ID,
    SITE,
    Handler,
    Sibslike,
    authorization,
    ordered,
    problem,
    sibs,
    step,
)

REFERENCE = authorize().reference
STALE_ID = "stale0order0of0before"
CANCELLED = reference_of_cancelled(REFERENCE, STALE_ID)
STALE = authorization(transactionID=STALE_ID, paymentStatus="Pending", paymentMethod=...)
FRESH = authorization(paymentStatus="Pending", paymentMethod=...)
AGAIN = [{"patient": True}, {"repeated": True}, {"look_first": True}]

LOOK = f"GET payments/status?merchantTransactionId={REFERENCE}"
LOOK_WHETHER_CANCELLED = f"GET payments/status?merchantTransactionId={CANCELLED}"
CANCEL = f"POST payments/{STALE_ID}/cancellation"
ORDER = "POST payments"
PURCHASE = f"POST payments/{PAYMENT_ID}/token/purchase"


def site(*found: object, **more: Any) -> Sibslike:
    """A SIBS that shows these under our reference, one after the other."""
    answers: dict[str, Any] = {
        "by_reference": {REFERENCE: list(found)},
        "later": step(CANCELLED, "100.00"),
        **more,
    }
    return Sibslike(**answers)


async def test_the_first_attempt_asks_for_nothing_before() -> None:
    where = site(STALE)
    assert isinstance(await sibs(where).authorize(authorize()), Approved)
    assert where.paths == [ORDER, PURCHASE]


@pytest.mark.parametrize("sent", AGAIN)
async def test_where_nothing_is_left_of_it_a_new_order_is_purchased(sent: dict[str, bool]) -> None:
    where = site(NONE, FRESH)
    assert isinstance(await sibs(where).authorize(authorize(**sent)), Approved)
    assert where.paths == [LOOK, ORDER, LOOK, PURCHASE]


@pytest.mark.parametrize("sent", AGAIN)
async def test_an_order_that_was_left_is_cancelled_before_a_new_one_is_made(
    sent: dict[str, bool],
) -> None:
    where = site(STALE, FRESH)
    assert isinstance(await sibs(where).authorize(authorize(**sent)), Approved)
    assert where.paths == [LOOK, CANCEL, ORDER, LOOK, PURCHASE]


async def test_the_cancellation_goes_by_a_reference_of_its_own_and_for_all_of_the_amount() -> None:
    where = site(STALE, FRESH)
    await sibs(where).authorize(authorize(patient=True))
    assert CANCELLED not in {REFERENCE, reference_of_cancelled(REFERENCE, PAYMENT_ID)}
    assert len(CANCELLED) == 24
    sent = where.requests[1].content.decode()
    assert f'"merchantTransactionId":"{CANCELLED}"' in sent
    assert '"amount":{"currency":"USD","value":100.00}' in sent
    assert f'"originalTransaction":{{"id":"{STALE_ID}"}}' in sent


REFUSALS = [
    problem(400, "E0101"),
    problem(400, "E0119"),
    step(CANCELLED, "100.00", paymentStatus="Declined"),
    step(CANCELLED, "100.00", paymentStatus="Error", returnStatus={"statusCode": "E0119"}),
]


@pytest.mark.parametrize("cancellation", REFUSALS)
async def test_a_documented_refusal_to_cancel_is_final_too(cancellation: object) -> None:
    where = site(STALE, FRESH, later=cancellation)
    assert isinstance(await sibs(where).authorize(authorize(patient=True)), Approved)
    assert where.paths[-1] == PURCHASE


@pytest.mark.parametrize("cancellation", REFUSALS)
async def test_but_not_of_an_order_whose_purchase_another_run_may_have_sent_just_now(
    cancellation: object,
) -> None:
    where = site(STALE, FRESH, later=cancellation)
    with pytest.raises(NotSent):
        await sibs(where).authorize(authorize(look_first=True))
    assert where.paths == [LOOK, CANCEL]


@pytest.mark.parametrize(
    ("cancellation", "error"),
    [
        (step(CANCELLED, "100.00", paymentStatus="Pending"), NotSent),
        (step(CANCELLED, "100.00", paymentStatus="Timeout"), NotSent),
        (step(CANCELLED, "100.00", paymentStatus="Error"), NotSent),
        (step(CANCELLED, "100.00", paymentStatus="Partial"), NotSent),
        (step(REFERENCE, "100.00"), NotSent),
        (step(CANCELLED, "99.00"), NotSent),
        (problem(404, "E0404"), NotSent),
        (problem(409, "E0101"), NotSent),
        (problem(500, "E0101"), NotSent),
        (httpx.Response(200, text="<html>"), NotSent),
        (httpx.Response(401), Unauthorized),
        (httpx.Response(429), Throttled),
        (httpx.ReadError("lost"), NotSent),
        (httpx.ConnectError("lost"), NotSent),
    ],
)
async def test_without_a_final_word_on_the_old_order_no_new_one_is_made(
    cancellation: object, error: type[GatewayError]
) -> None:
    where = site(STALE, FRESH, later=cancellation)
    with pytest.raises(GatewayError) as caught:
        await sibs(where).authorize(authorize(patient=True))
    assert type(caught.value) is error
    assert where.paths == [LOOK, CANCEL]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"paymentStatus": "InProcessing"},
        {"paymentStatus": "Pending"},
        {"paymentStatus": "Partial"},
        {"paymentStatus": "Declined"},
        {"paymentStatus": "Error"},
        {"paymentStatus": "Timeout", "paymentMethod": ...},
    ],
)
async def test_what_was_purchased_before_is_looked_up_and_not_sent_again(
    changes: dict[str, Any],
) -> None:
    where = site(authorization(transactionID=STALE_ID, **changes))
    with pytest.raises(Undecided) as caught:
        await sibs(where).authorize(authorize(patient=True))
    assert caught.value.payment_id == STALE_ID
    assert ORDER not in where.paths
    assert CANCEL not in where.paths


@pytest.mark.parametrize("value", ["99.99", "100.01"])
async def test_an_order_of_another_amount_is_not_ours_to_cancel(value: str) -> None:
    amount = {"value": value, "currency": "USD"}
    where = site({**STALE, "amount": amount}, FRESH)
    with pytest.raises(Undecided):
        await sibs(where).authorize(authorize(patient=True))
    assert where.paths == [LOOK]


async def test_an_order_that_an_earlier_attempt_has_cancelled_is_no_decline() -> None:
    cancelled = authorization(transactionID=STALE_ID, paymentStatus="Declined", paymentMethod=...)
    references = {REFERENCE: [cancelled, FRESH], CANCELLED: [step(CANCELLED, "100.00")]}
    where = site(by_reference=references)
    assert isinstance(await sibs(where).authorize(authorize(patient=True)), Approved)
    assert where.paths == [LOOK, LOOK_WHETHER_CANCELLED, ORDER, LOOK, PURCHASE]

    where = site(by_reference={**references, REFERENCE: [cancelled]})
    assert await sibs(where).look_up(authorize(patient=True)) is None
    declined = site(by_reference={REFERENCE: [cancelled]})
    assert await sibs(declined).look_up(authorize(patient=True)) is not None


@pytest.mark.parametrize("undecided", ["Timeout", "Error"])
@pytest.mark.parametrize("told", [{}, {"patient": True}])
async def test_nor_is_one_whose_cancellation_is_not_decided_yet(
    told: dict[str, bool], undecided: str
) -> None:
    cancelled = authorization(transactionID=STALE_ID, paymentStatus="Declined", paymentMethod=...)
    cancellation = step(CANCELLED, "100.00", paymentStatus=undecided)
    where = site(by_reference={REFERENCE: [cancelled], CANCELLED: [cancellation]})
    with pytest.raises(Undecided):
        await sibs(where).look_up(authorize(**told))
    with pytest.raises(NotSent):
        await sibs(where).authorize(authorize(patient=True))
    assert not any(path == ORDER for path in where.paths)


@pytest.mark.parametrize(
    ("found", "error"),
    [
        (NONE, NotSent),
        (STALE, NotSent),
        (authorization(merchant={}), NotSent),
        (httpx.Response(503), NotSent),
        (httpx.ReadError("lost"), NotSent),
        (httpx.Response(401), Unauthorized),
    ],
)
async def test_a_query_that_does_not_find_the_new_order_has_proven_nothing(
    found: object, error: type[GatewayError]
) -> None:
    where = site(NONE, found)
    with pytest.raises(GatewayError) as caught:
        await sibs(where).authorize(authorize(patient=True))
    assert type(caught.value) is error
    assert where.paths == [LOOK, ORDER, LOOK]


@pytest.mark.parametrize("sent", AGAIN)
async def test_without_the_query_nothing_is_sent_a_second_time(sent: dict[str, bool]) -> None:
    where = site(NONE)
    with pytest.raises(Undecided):
        await sibs(where, by_reference=False).authorize(authorize(**sent))
    assert where.requests == []


def _slow(where: Sibslike, seconds: float) -> Handler:
    async def answer(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(seconds)
        return where(request)

    return answer


async def test_all_steps_share_one_time_limit() -> None:
    # Each step alone would be in time.
    adapter = sibs(_slow(site(STALE, FRESH), 0.12), call_s_max=0.3)
    with pytest.raises(GatewayError) as caught:
        await adapter.authorize(authorize(patient=True))
    assert type(caught.value) is NotSent


async def test_a_purchase_that_comes_too_late_is_unknown_with_its_id() -> None:
    adapter = sibs(_slow(Sibslike(order=ordered()), 0.12), call_s_max=0.2)
    with pytest.raises(GatewayError) as caught:
        await adapter.authorize(authorize())
    assert vars(caught.value) == {"payment_id": PAYMENT_ID}


class Delaying(httpx.AsyncBaseTransport):
    """A network that holds the first purchase back, and tells its sender that it broke."""

    def __init__(self) -> None:
        self._network = httpx.AsyncHTTPTransport(trust_env=False)
        self.held_back: httpx.Request | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/purchase") and self.held_back is None:
            self.held_back = request
            raise httpx.ReadError("broken")
        return await self._network.handle_async_request(request)

    async def deliver(self) -> int:
        """Let it arrive after all."""
        assert self.held_back is not None
        response = await self._network.handle_async_request(self.held_back)
        await response.aread()
        return response.status_code

    async def aclose(self) -> None:
        await self._network.aclose()


@pytest.mark.parametrize("late", ["before", "after", "never"])
async def test_a_purchase_that_arrives_late_is_no_second_hold(late: str) -> None:
    network = Delaying()
    async with Simulator() as sim, loopback.client(sim.url) as door:
        site = replace(SITE, base_url=f"{sim.url}/sibs/spg/v2")
        adapter = open_sibs(site, connections=1, transport=network)
        with pytest.raises(NoAnswer):
            await adapter.authorize(authorize())

        if late == "before":
            assert await network.deliver() == 200
            with pytest.raises(Undecided):
                await adapter.authorize(authorize(patient=True))
        else:
            assert await adapter.look_up(authorize(patient=True)) is None
            assert isinstance(await adapter.authorize(authorize(patient=True)), Approved)
        if late == "after":
            assert await network.deliver() == 409

        found = await adapter.look_up(authorize(patient=True))
        await adapter.close()
        [hold] = (await door.get("/admin/books", params={"gateway": "sibs"})).json()["holds"]
    assert found is not None
    assert (found.payment_id, found.state) == (hold["payment_id"], PaymentState.OPEN)
    assert (hold["state"], hold["authorized_minor"]) == ("open", 100_00)

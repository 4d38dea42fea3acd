"""What leaves for xMoney, byte for byte and in which order; and what is never sent.

A list stands in for the network: each request takes the next answer from it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from base64 import b64decode
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from cardhold.messages import Browser
from cardhold.names import ErrorType
from domain.outcome import ActionRequired, Approved, Declined
from gateways.errors import GatewayError, NoAnswer, NotSent, Refused, Throttled, Unauthorized
from gateways.port import Named
from tests.gateways.calls import existing, named, single_use
from tests.gateways.xmoney_site import (
    BASE,
    BEARER,
    CARD,
    PAYMENT_ID,
    Line,
    authorize,
    call_off,
    created,
    follow_up,
    method,
    ok,
    order,
    page,
    problem,
    redirecting,
    transaction,
    xmoney,
)

SHOWN = f"GET /transaction/{PAYMENT_ID}"
REFERENCE = authorize().reference


def form(request: httpx.Request) -> dict[str, str]:
    return dict(parse_qsl(request.content.decode(), strict_parsing=True))


async def ordered(call: Named, **site: Any) -> dict[str, str]:
    line = Line(created(), ok(transaction()))
    await xmoney(line, **site).authorize(call)
    return form(line.requests[0])


async def test_a_hold_is_asked_for_as_a_hold_and_then_read() -> None:
    line = Line(created(), ok(transaction()))
    outcome = await xmoney(line).authorize(authorize(description="one night, é"))
    assert isinstance(outcome, Approved)
    assert line.asked == ["POST /order", SHOWN]
    assert line.requests[0].content == (
        b"amount=100.00&cardId=90210777&cardTransactionMode=auth&currency=USD&customerId=5512"
        b"&description=one+night%2C+%C3%A9&externalOrderId=" + REFERENCE.encode() + b""
        b"&orderType=purchase&siteId=1001&transactionMethod=card"
    )
    assert len(REFERENCE) <= 32
    sent = line.requests[0].headers
    assert sent["content-type"] == "application/x-www-form-urlencoded"
    assert {each.headers["authorization"] for each in line.requests} == {f"Bearer {BEARER}"}
    assert line.requests[1].content == b""


async def test_a_call_repeated_is_the_same_bytes() -> None:
    call = authorize(metadata={"b": "2"}, browser=Browser(user_agent="Mozilla", ip="2001:DB8::1"))
    assert await ordered(call) == await ordered(call)


async def test_the_guests_browser_goes_along_under_its_3d_secure_names() -> None:
    browser = Browser(
        accept_header="text/html",
        ip="192.0.2.7",
        language="pt-PT",
        user_agent="Mozilla/5.0 é",
        java_enabled=False,
        javascript_enabled=True,
        color_depth=24,
        screen_height=1080,
        screen_width=1920,
        time_zone_offset_minutes=-60,
    )
    url = "https://book.example/back?r=1"
    sent = await ordered(authorize(browser=browser, return_url=url), fallback_ip="198.51.100.1")
    assert (sent["ip"], sent["backUrl"]) == ("192.0.2.7", url)
    assert json.loads(b64decode(sent["threeDSecureData"])) == {
        "browserAcceptHeader": "text/html",
        "browserIP": "192.0.2.7",
        "browserLanguage": "pt-PT",
        "browserUserAgent": "Mozilla/5.0 é",
        "browserJavaEnabled": False,
        "browserJavaScriptEnabled": True,
        "browserColorDepth": "24",
        "browserScreenHeight": "1080",
        "browserScreenWidth": "1920",
        "browserTZ": "-60",
    }


async def test_what_of_a_browser_does_not_fit_is_left_out() -> None:
    browser = Browser(accept_header="*", language="far-too-long", user_agent="M" * 2048)
    sent = await ordered(authorize(browser=browser))
    assert json.loads(b64decode(sent["threeDSecureData"])) == {"browserUserAgent": "M" * 2048}
    assert "ip" not in sent


async def test_a_merchant_who_acts_alone_sends_nothing_of_a_guest() -> None:
    browser = Browser(ip="192.0.2.7", user_agent="Mozilla")
    alone = authorize(initiator="merchant", browser=browser, return_url="https://book.example/")
    assert not {"ip", "backUrl", "threeDSecureData"} & set(await ordered(alone))
    assert (await ordered(alone, fallback_ip="198.51.100.1"))["ip"] == "198.51.100.1"


@pytest.mark.parametrize(
    ("payment_method", "error", "named_field"),
    [
        (None, ErrorType.NOT_SUPPORTED, "stored card"),
        (existing(PAYMENT_ID), ErrorType.NOT_SUPPORTED, "stored card"),
        (single_use(), ErrorType.NOT_SUPPORTED, "stored card"),
        (method(customer_id=None), ErrorType.INVALID_REQUEST, "payment_method.customer_id"),
        (method(customer_id="12a"), ErrorType.INVALID_REQUEST, "payment_method.customer_id"),
        (method(customer_id="٣"), ErrorType.INVALID_REQUEST, "payment_method.customer_id"),
        (method("tok_1"), ErrorType.INVALID_REQUEST, "payment_method.token"),
        (method("0123"), ErrorType.INVALID_REQUEST, "payment_method.token"),
        (method("1" * 20), ErrorType.INVALID_REQUEST, "payment_method.token"),
    ],
)
async def test_what_is_no_stored_card_of_a_customer_is_refused_here(
    payment_method: object, error: ErrorType, named_field: str
) -> None:
    line = Line()
    with pytest.raises(Refused) as caught:
        await xmoney(line).authorize(authorize(payment_method=payment_method))
    assert caught.value.error is error
    assert named_field in str(caught.value)
    assert line.requests == []


async def test_an_address_that_is_none_is_refused_here_and_not_repeated() -> None:
    line = Line()
    with pytest.raises(Refused, match=r"^xmoney: browser\.ip must be an IP address$"):
        await xmoney(line).authorize(authorize(browser=Browser(ip="10.0.0.1/8")))
    assert line.requests == []


@pytest.mark.parametrize(
    ("amount_minor", "currency", "text"),
    [
        (1, "USD", "0.01"),
        (100_00, "USD", "100.00"),
        (1_234, "JPY", "1234"),
        (1_234, "KWD", "1.234"),
        (10**12, "USD", "10000000000.00"),
        (5, "KWD", "0.005"),
    ],
)
async def test_amounts_leave_with_exactly_the_currencys_digits(
    amount_minor: int, currency: str, text: str
) -> None:
    money = {"amount_minor": amount_minor, "currency": currency}
    for call in (authorize(), follow_up("capture", 1)):
        amount = call.call.amount.model_copy(update=money)
        changed = call.call.model_copy(update={"amount": amount})
        line = Line(httpx.ReadError("lost"))
        with pytest.raises(NoAnswer):
            await _verb(xmoney(line), Named(changed, call.key, call.reference))
        assert form(line.requests[0])["amount"] == text


async def _verb(adapter: Any, call: Named) -> object:
    return await getattr(adapter, call.call.kind)(call)


async def test_a_capture_names_its_amount_and_is_read_afterwards() -> None:
    line = Line(ok(), ok(transaction("complete-ok", "80.00")))
    assert isinstance(await xmoney(line).capture(follow_up("capture", 80_00)), Approved)
    assert line.asked == [f"PUT /transaction/{PAYMENT_ID}", SHOWN]
    assert line.requests[0].content == b"amount=80.00"
    assert str(line.requests[0].url) == f"{BASE}/transaction/{PAYMENT_ID}"


async def test_a_release_looks_voids_all_of_it_and_looks_again() -> None:
    line = Line(ok(transaction()), ok(), ok(transaction("void-ok")))
    assert isinstance(await xmoney(line).release(follow_up("release", 100_00)), Approved)
    assert line.asked == [SHOWN, f"DELETE /transaction/{PAYMENT_ID}", SHOWN]
    assert line.requests[1].content == b""


@pytest.mark.parametrize("status", ["3d-pending", "start"])
async def test_what_waits_for_the_guest_is_called_off_by_its_order(status: str) -> None:
    line = Line(ok(transaction(status)), ok(), ok(transaction("complete-failed")))
    assert isinstance(await xmoney(line).release(call_off()), Approved)
    assert line.asked == [SHOWN, "DELETE /order/301", SHOWN]
    assert line.requests[1].content == b"terminateOrder=yes"


STATUSES = [
    "start", "3d-pending", "complete-ok", "complete-failed", "cancel-ok", "refund-ok", "void-ok",
    "charge-back", "uncertain", "expiring", "retrying",
]  # fmt: skip


@pytest.mark.parametrize("amount", ["100.00", "80.00"])
@pytest.mark.parametrize("status", STATUSES)
async def test_a_release_deletes_nothing_but_an_open_hold(status: str, amount: str) -> None:
    line = Line(ok(transaction(status, amount)))
    try:
        await xmoney(line).release(follow_up("release", 100_00))
    except GatewayError as error:
        assert status in {"complete-ok", "cancel-ok", "refund-ok", "charge-back"}, error
    assert line.asked == [SHOWN]


@pytest.mark.parametrize(
    "status", [each for each in STATUSES if each not in {"3d-pending", "start"}]
)
async def test_an_attempt_that_does_not_wait_any_more_is_not_called_off(status: str) -> None:
    line = Line(ok(transaction(status)))
    with contextlib.suppress(GatewayError):  # what is asked is of interest here
        await xmoney(line).release(call_off())
    assert line.asked == [SHOWN]


@pytest.mark.parametrize(
    ("look", "error"),
    [
        (httpx.ReadError("lost"), NotSent),
        (httpx.ConnectError("none"), NotSent),
        (httpx.Response(500), NotSent),
        (httpx.Response(302), NotSent),
        (httpx.Response(200, text="<html>"), NotSent),
        (httpx.Response(200, text='{"code": 200, "data'), NotSent),
        (ok(transaction("in-limbo")), NotSent),
        (ok(transaction(id=70002)), NotSent),
        (ok(transaction(currency="EUR")), NotSent),
        (problem(429), Throttled),
        (problem(401), Unauthorized),
    ],
)
async def test_a_release_whose_look_fails_has_sent_nothing(
    look: Any, error: type[GatewayError]
) -> None:
    line = Line(look)
    with pytest.raises(error):
        await xmoney(line).release(follow_up("release", 100_00))
    assert line.asked == [SHOWN]


async def test_a_hold_can_be_neither_raised_nor_lowered() -> None:
    line = Line()
    for amount_minor in (50_00, 150_00):
        with pytest.raises(Refused) as caught:
            await xmoney(line).adjust(follow_up("adjust", amount_minor))
        assert caught.value.error is ErrorType.NOT_SUPPORTED
    assert line.requests == []


@pytest.mark.parametrize(
    "payment_id", ["", ".", "../order/1", "7 1", "7?a=b", "७", "07", "1" * 20, None]
)
@pytest.mark.parametrize("verb", ["capture", "release", "look_up"])
async def test_what_is_no_number_is_no_part_of_a_path(verb: str, payment_id: str | None) -> None:
    line = Line(page())
    kind = "release" if verb == "release" else "capture"
    with contextlib.suppress(GatewayError):  # what is asked is of interest here
        await getattr(xmoney(line), verb)(named(kind, payment_id=payment_id, reference="R"))
    # Without an id, a look-up asks for its reference alone.
    assert [each for each in line.asked if not each.startswith("GET /order?")] == []


async def test_a_look_up_by_reference_asks_for_the_order_and_then_for_its_payments() -> None:
    line = Line(page(order()), page(transaction()))
    found = await xmoney(line).look_up(authorize())
    assert found is not None
    assert line.asked == [
        f"GET /order?externalOrderId={REFERENCE}&perPage=100",
        "GET /transaction?orderId=301&perPage=100",
    ]


async def test_a_look_up_by_id_asks_for_the_payment_alone() -> None:
    for call in (follow_up("capture", 1), authorize(payment_id=PAYMENT_ID)):
        line = Line(ok(transaction()))
        assert await xmoney(line).look_up(call) is not None
        assert line.asked == [SHOWN]


async def test_an_order_whose_payment_is_gone_is_looked_for_by_its_reference_too() -> None:
    line = Line(problem(404), page(order()), page(transaction()))
    found = await xmoney(line).look_up(authorize(payment_id=PAYMENT_ID))
    assert found is not None
    assert len(line.asked) == 3


async def test_no_verb_takes_more_than_four_requests() -> None:
    other = transaction(id=70002, orderId=302)
    orders = page(order(), order(id=302), order(id=303))
    third = transaction(id=70003, orderId=303)
    line = Line(orders, page(transaction()), page(other), page(third))
    assert await xmoney(line).look_up(authorize()) is not None
    assert len(line.asked) == 4


async def test_the_merchant_who_is_asked_for_a_guest_calls_it_off() -> None:
    line = Line(redirecting(), ok(), ok(transaction("complete-failed")))
    outcome = await xmoney(line).authorize(authorize(initiator="merchant"))
    assert isinstance(outcome, Declined)
    assert line.asked == ["POST /order", "DELETE /order/301", SHOWN]


async def test_a_guest_who_is_asked_costs_one_request() -> None:
    line = Line(redirecting())
    assert isinstance(await xmoney(line).authorize(authorize()), ActionRequired)
    assert line.asked == ["POST /order"]


async def test_one_time_limit_holds_for_all_requests_of_a_verb() -> None:
    asked: list[str] = []

    async def slow(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        await asyncio.sleep(0.12)
        return httpx.Response(
            200, json=created() if request.method == "POST" else ok(transaction())
        )

    adapter = xmoney(slow, call_s_max=0.2)  # type: ignore[arg-type] - MockTransport awaits it
    started = asyncio.get_running_loop().time()
    with pytest.raises(NoAnswer) as caught:
        await adapter.authorize(authorize())
    assert asyncio.get_running_loop().time() - started < 0.4
    assert caught.value.payment_id == PAYMENT_ID
    assert asked == ["POST", "GET"]


async def test_the_card_is_named_in_no_path() -> None:
    line = Line(created(), ok(transaction()))
    await xmoney(line).authorize(authorize())
    assert not [each for each in line.asked if CARD in each]

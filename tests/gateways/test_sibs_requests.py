"""What leaves for SIBS: both steps of an authorization, later operations, inquiries, headers.

The adapter's whole way is walked; a function stands in for the network and keeps what came.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest

from cardhold.messages import Browser
from cardhold.money import Money
from gateways.errors import NotSent, Refused
from gateways.port import Named
from tests.gateways.calls import (
    STORED_TOKEN,
    authorize,
    existing,
    follow_up,
    named,
    single_use,
    usd,
)
from tests.gateways.sibs_site import (
    AUTH_TOKEN,
    BASE,
    CLIENT_ID,
    PAYMENT_ID,
    SIGNATURE,
    Sibslike,
    authorization,
    ordered,
    sibs,
    step,
)

REFERENCE = authorize().reference
PURCHASE = f"{BASE}/payments/{PAYMENT_ID}/token/purchase"
BROWSER = Browser(
    accept_header="text/html",
    ip="192.0.2.1",
    language="pt-PT",
    user_agent="Mozilla/5.0",
    java_enabled=False,
    javascript_enabled=True,
    color_depth=24,
    screen_height=900,
    screen_width=1440,
    time_zone_offset_minutes=-60,
)


def _in(call: Named, currency: str, amount_minor: int, **more: object) -> Named:
    """The same call in another currency."""
    money = Money(amount_minor=amount_minor, currency=currency)
    nothing = money.plus(-amount_minor)
    fields = {"amount": money, "held": nothing, "captured": nothing, **more}
    return Named(call.call.model_copy(update=fields), call.key, call.reference)


def _body(request: httpx.Request) -> Any:
    return json.loads(request.content, parse_float=Decimal)


async def test_an_order_is_an_authorization_by_card_of_exactly_the_amount() -> None:
    seen = Sibslike()
    await sibs(seen).authorize(authorize(description="one night"))
    order = seen.requests[0]
    assert (order.method, str(order.url)) == ("POST", f"{BASE}/payments")
    assert order.content.decode() == (
        '{"merchant":{"channel":"web",'
        f'"merchantTransactionId":"{REFERENCE}","terminalId":101776}},'
        '"transaction":{"amount":{"currency":"USD","value":100.00},"description":"one night",'
        '"moto":false,"paymentMethod":["CARD"],"paymentType":"AUTH",'
        '"transactionTimestamp":"2026-01-02T03:04:05.678Z"}}'
    )
    assert order.headers["authorization"] == f"Bearer {AUTH_TOKEN}"
    assert order.headers["x-ibm-client-id"] == CLIENT_ID
    assert order.headers["content-type"] == "application/json"


async def test_a_purchase_is_signed_with_the_orders_signature_and_holds_a_token_alone() -> None:
    seen = Sibslike()
    await sibs(seen).authorize(authorize())
    assert len(seen.requests) == 2
    purchase = seen.requests[1]
    assert (purchase.method, str(purchase.url)) == ("POST", PURCHASE)
    assert purchase.content.decode() == (
        f'{{"tokenInfo":{{"tokenType":"Card","value":"{STORED_TOKEN}"}}}}'
    )
    assert purchase.headers["authorization"] == f"Digest {SIGNATURE}"
    assert purchase.headers["x-ibm-client-id"] == CLIENT_ID
    assert AUTH_TOKEN not in str(purchase.headers)


async def test_the_signature_goes_to_the_purchase_and_nowhere_else() -> None:
    seen = Sibslike()
    await sibs(seen).authorize(authorize())
    order, purchase = seen.requests
    assert SIGNATURE not in f"{order.url}{order.headers}{order.content!r}"
    assert SIGNATURE not in f"{purchase.url}{purchase.content!r}"


async def test_the_guests_browser_is_described_in_text() -> None:
    seen = Sibslike()
    await sibs(seen).authorize(authorize(browser=BROWSER))
    assert _body(seen.requests[1])["info"] == {
        "deviceInfo": {
            "browserAcceptHeader": "text/html",
            "browserJavaEnabled": "false",
            "browserLanguage": "pt-PT",
            "browserColorDepth": "24",
            "browserScreenHeight": "900",
            "browserScreenWidth": "1440",
            "browserTZ": "-60",
            "browserUserAgent": "Mozilla/5.0",
            "ipAddress": "192.0.2.1",
        }
    }


async def test_the_order_says_where_the_guest_comes_back_to() -> None:
    seen = Sibslike()
    await sibs(seen).authorize(authorize(return_url="https://book.example/back"))
    assert _body(seen.requests[0])["merchant"]["redirectUrl"] == "https://book.example/back"


async def test_a_merchant_who_acts_alone_says_so_at_the_order() -> None:
    seen = Sibslike()
    await sibs(seen).authorize(authorize(initiator="merchant"))
    told = {"type": "UCOF", "amountQualifier": "DEFAULT"}
    assert _body(seen.requests[0])["merchantInitiatedTransaction"] == told


async def test_an_order_without_a_description_goes_by_its_reference() -> None:
    seen = Sibslike()
    await sibs(seen).authorize(authorize())
    assert _body(seen.requests[0])["transaction"]["description"] == REFERENCE


async def test_a_long_description_is_cut() -> None:
    seen = Sibslike()
    await sibs(seen).authorize(authorize(description="é" * 256))
    assert _body(seen.requests[0])["transaction"]["description"] == "é" * 100


@pytest.mark.parametrize(
    ("currency", "amount_minor", "written"),
    [
        ("USD", 1, b'"value":0.01}'),
        ("USD", 10**12, b'"value":10000000000.00}'),
        ("JPY", 1_234, b'"value":1234}'),
        ("KWD", 1_234, b'"value":1.234}'),
        ("EUR", 12_345_678_901, b'"value":123456789.01}'),
    ],
)
async def test_amounts_leave_as_exact_numbers_of_their_currency(
    currency: str, amount_minor: int, written: bytes
) -> None:
    amount = {"value": "0", "currency": currency}
    seen = Sibslike(order=ordered(amount=amount))
    with pytest.raises(NotSent):  # the answer is of another amount, and of no interest here
        await sibs(seen).authorize(_in(authorize(), currency, amount_minor))
    assert written in seen.requests[0].content


@pytest.mark.parametrize(
    ("verb", "amount_minor", "more", "path", "value"),
    [
        ("capture", 80_00, {}, "capture", "80.00"),
        ("capture", 20_00, {"captured": usd(80_00)}, "capture", "20.00"),
        ("release", 100_00, {}, "cancellation", "100.00"),
        ("release", 20_00, {"captured": usd(80_00)}, "cancellation", "20.00"),
        ("adjust", 60_00, {}, "cancellation", "40.00"),
    ],
)
async def test_later_operations_say_their_amount_and_what_they_are_about(
    verb: str, amount_minor: int, more: dict[str, Any], path: str, value: str
) -> None:
    call = follow_up(verb, amount_minor, payment_id=PAYMENT_ID, **more)
    answer = step(call.reference, value)
    seen = Sibslike(later=answer)
    await getattr(sibs(seen), verb)(call)
    [request] = seen.requests
    assert (request.method, str(request.url)) == ("POST", f"{BASE}/payments/{PAYMENT_ID}/{path}")
    assert request.content.decode() == (
        '{"merchant":{"channel":"web",'
        f'"merchantTransactionId":"{call.reference}","terminalId":101776}},'
        f'"transaction":{{"amount":{{"currency":"USD","value":{value}}},'
        f'"description":"{call.reference}","originalTransaction":{{"id":"{PAYMENT_ID}"}},'
        '"transactionTimestamp":"2026-01-02T03:04:05.678Z"}}'
    )
    assert request.headers["authorization"] == f"Bearer {AUTH_TOKEN}"


@pytest.mark.parametrize("amount_minor", [100_00, 150_00])
async def test_a_hold_is_not_raised(amount_minor: int) -> None:
    seen = Sibslike()
    with pytest.raises(Refused) as caught:
        await sibs(seen).adjust(follow_up("adjust", amount_minor, payment_id=PAYMENT_ID))
    assert caught.value.error == "NotSupported"
    assert seen.requests == []


@pytest.mark.parametrize("method", [None, single_use(), existing(PAYMENT_ID)])
async def test_what_is_no_stored_token_is_refused_here(method: object) -> None:
    seen = Sibslike()
    with pytest.raises(Refused):
        await sibs(seen).authorize(authorize(payment_method=method))
    assert seen.requests == []


@pytest.mark.parametrize("payment_id", [None, "", ".", "..", "..."])
async def test_a_payment_id_of_dots_is_refused_here(payment_id: str | None) -> None:
    seen = Sibslike()
    with pytest.raises(Refused):
        await sibs(seen).capture(named("capture", payment_id=payment_id))
    assert seen.requests == []


async def test_a_payment_id_stays_one_part_of_the_path() -> None:
    seen = Sibslike(later=httpx.Response(500))
    await sibs(seen).look_up(authorize(payment_method=existing("../a b?c=d#e/ü")))
    raw_path = seen.requests[0].url.raw_path
    assert raw_path == b"/sibs/spg/v2/payments/..%2Fa%20b%3Fc%3Dd%23e%2F%C3%BC/status"


async def test_an_inquiry_asks_by_id_or_by_reference_with_the_accounts_token() -> None:
    shown = authorization()
    seen = Sibslike(by_id={PAYMENT_ID: shown}, by_reference={REFERENCE: [shown]})
    adapter = sibs(seen)
    await adapter.look_up(authorize())
    await adapter.look_up(authorize(payment_id=PAYMENT_ID))
    assert seen.paths == [
        f"GET payments/status?merchantTransactionId={REFERENCE}",
        f"GET payments/{PAYMENT_ID}/status",
    ]
    for request in seen.requests:
        assert request.content == b""
        assert request.headers["authorization"] == f"Bearer {AUTH_TOKEN}"
        assert request.headers["x-ibm-client-id"] == CLIENT_ID
        assert request.headers["content-type"] == "application/json"

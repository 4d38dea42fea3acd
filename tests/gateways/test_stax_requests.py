"""What leaves for Stax, byte by byte: paths, bodies, names, amounts; and what never leaves."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from cardhold.money import Money
from cardhold.names import ErrorType
from gateways.errors import GatewayError, NoAnswer, Refused
from gateways.port import Named
from tests.gateways.calls import (
    STORED_TOKEN,
    authorize,
    existing,
    follow_up,
    named,
    single_use,
)
from tests.gateways.stax_site import (
    API_KEY,
    BASE,
    HOLD_ID,
    Seen,
    answer,
    capture,
    held_with,
    page,
    stax,
    transaction,
    voided,
)

CAPTURE = follow_up("capture", 80_05, payment_id=HOLD_ID)
RELEASE = follow_up("release", 100_00, payment_id=HOLD_ID)


async def authorized(call: Named, **more: Any) -> Seen:
    seen = Seen(answer(200, transaction()))
    await stax(seen, **more).authorize(call)
    return seen


async def test_a_hold_is_asked_for_as_a_hold_and_never_as_a_sale() -> None:
    call = authorize()
    seen = await authorized(call)
    [request] = seen.requests
    assert (request.method, str(request.url)) == ("POST", f"{BASE}/charge")
    assert request.headers["authorization"] == f"Bearer {API_KEY}"
    assert request.headers["content-type"] == "application/json"
    assert (
        request.content
        == (
            f'{{"idempotency_id":"{call.key}","is_refundable":true,'
            f'"meta":{{"reference":"{call.reference}"}},'
            f'"payment_method_id":"{STORED_TOKEN}","pre_auth":true,"total":100.00}}'
        ).encode()
    )


async def test_metadata_stands_apart_where_it_can_set_no_fee_and_no_tax() -> None:
    metadata = {"fee": "5", "tax": "9", "reference": "theirs", "funding": "elsewhere"}
    seen = await authorized(authorize(metadata=metadata, description="one night"))
    assert json.loads(seen.requests[0].content)["meta"] == {
        "reference": authorize().reference,
        "payment_note": "one night",
        "metadata": metadata,
    }


async def test_a_merchant_who_acts_alone_says_so() -> None:
    seen = await authorized(authorize(initiator="merchant"))
    meta = json.loads(seen.requests[0].content)["meta"]
    assert meta["transaction_initiation_type"] == "MIT"
    assert meta["transaction_schedule_type"] == "unscheduled"


async def test_the_customer_is_named_where_the_caller_names_one() -> None:
    method = {"kind": "stored_token", "token": STORED_TOKEN, "customer_id": "cus-1"}
    seen = await authorized(authorize(payment_method=method))
    assert json.loads(seen.requests[0].content)["customer_id"] == "cus-1"


async def test_a_call_repeated_is_the_same_bytes() -> None:
    call = authorize(metadata={"b": "2", "a": "1"}, description="é")
    first, second = await authorized(call), await authorized(call)
    assert first.requests[0].content == second.requests[0].content


@pytest.mark.parametrize(
    ("amount_minor", "currency", "on_the_wire"),
    [
        (1, "USD", b'"total":0.01}'),
        (10**12, "USD", b'"total":10000000000.00}'),
        (1_234, "JPY", b'"total":1234}'),
        (1_234, "KWD", b'"total":1.234}'),
    ],
)
async def test_an_amount_is_an_exact_number_of_its_currency(
    amount_minor: int, currency: str, on_the_wire: bytes
) -> None:
    asked = authorize()
    amount = Money(amount_minor=amount_minor, currency=currency)
    call = Named(asked.call.model_copy(update={"amount": amount}), asked.key, asked.reference)
    seen = Seen(answer(500, {}))
    with pytest.raises(GatewayError):
        await stax(seen, currency=currency).authorize(call)
    assert seen.requests[0].content.endswith(on_the_wire)


async def test_another_currency_than_the_merchants_never_leaves() -> None:
    seen = Seen(answer(200, transaction()))
    with pytest.raises(Refused) as caught:
        await stax(seen, currency="CAD").authorize(authorize())
    assert caught.value.error is ErrorType.NOT_SUPPORTED
    assert "amount.currency must be CAD" in str(caught.value)
    assert seen.requests == []


@pytest.mark.parametrize(
    ("fields", "amounts"),
    [
        (("total", "amount"), {"total": 80.05, "amount": 80.05}),
        (("total",), {"total": 80.05}),
        (("amount",), {"amount": 80.05}),
    ],
)
async def test_a_capture_gives_its_amount_under_the_names_of_the_account(
    fields: tuple[str, ...], amounts: dict[str, object]
) -> None:
    seen = Seen(answer(200, held_with(capture("80.05"))))
    await stax(seen, amount_fields=fields).capture(CAPTURE)
    assert seen.asked == [f"POST /transaction/{HOLD_ID}/capture"]
    assert json.loads(seen.requests[0].content) == {
        **amounts,
        "idempotency_id": CAPTURE.key,
        "meta": {"reference": CAPTURE.reference},
    }
    assert seen.requests[0].content.count(b"80.05") == len(fields)


async def test_a_release_is_a_void_without_a_body_and_never_a_refund() -> None:
    seen = Seen(answer(200, voided()))
    await stax(seen).release(RELEASE)
    assert seen.asked == [f"POST /transaction/{HOLD_ID}/void"]
    assert seen.requests[0].content == b""
    assert "refund" not in seen.asked[0]


async def test_a_hold_can_be_neither_raised_nor_lowered() -> None:
    seen = Seen(answer(200, transaction()))
    with pytest.raises(Refused) as caught:
        await stax(seen).adjust(follow_up("adjust", 150_00, payment_id=HOLD_ID))
    assert caught.value.error is ErrorType.NOT_SUPPORTED
    assert seen.requests == []


@pytest.mark.parametrize("method", [None, existing(HOLD_ID), single_use()])
async def test_what_is_no_stored_token_is_refused_here(method: object) -> None:
    seen = Seen(answer(200, transaction()))
    with pytest.raises(Refused):
        await stax(seen).authorize(authorize(payment_method=method))
    assert seen.requests == []


async def test_an_id_stays_one_part_of_the_path() -> None:
    seen = Seen(answer(404, {"id": ["The selected id is invalid."]}))
    await stax(seen).look_up(named("capture", payment_id="../a b?c=d#e/ü"))
    assert seen.requests[0].url.raw_path == b"/transaction/..%2Fa%20b%3Fc%3Dd%23e%2F%C3%BC"


@pytest.mark.parametrize("verb", ["capture", "release", "look_up"])
@pytest.mark.parametrize("payment_id", [None, "", ".", "..", "..."])
async def test_an_id_of_nothing_or_of_dots_is_refused_here(
    verb: str, payment_id: str | None
) -> None:
    seen = Seen(answer(200, transaction()))
    kind = "capture" if verb == "look_up" else verb
    with pytest.raises(Refused):
        await getattr(stax(seen), verb)(named(kind, payment_id=payment_id))
    assert seen.requests == []


async def test_a_list_is_asked_for_from_the_day_before_under_both_names_of_the_filter() -> None:
    seen = Seen(answer(200, page()))
    asked_at = datetime(2026, 3, 5, 2, 30, tzinfo=UTC)
    assert await stax(seen).look_up(authorize(asked_at=asked_at)) is None
    newest_first = {"page": "1", "per_page": "25", "sort": "created_at", "order": "DESC"}
    since = {"startDate": "2026-03-04 00:00:00", "start_date": "2026-03-04"}
    assert seen.asked == ["GET /transaction"] * 2
    assert [dict(request.url.params) for request in seen.requests] == [
        {**newest_first, **since},
        # Of an earlier run, however old; what it does not find is not there as far as is known.
        {**newest_first, "keywords": authorize().reference},
    ]
    assert {request.content for request in seen.requests} == {b""}


@pytest.mark.parametrize("verb", ["authorize", "capture", "release", "look_up"])
async def test_one_call_takes_no_longer_than_its_time_whatever_it_asks(verb: str) -> None:
    async def slow(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.06)
        last = int(request.url.params.get("page", "1")) + 1
        listing = page(number=last - 1, last=last)
        return answer(200, listing) if request.method == "GET" else answer(400, {"error": ["no"]})

    calls = {"authorize": authorize(), "capture": CAPTURE, "release": RELEASE}
    adapter = stax(slow, call_s_max=0.15)
    started = asyncio.get_running_loop().time()
    with pytest.raises(GatewayError):
        await getattr(adapter, verb)(calls.get(verb, authorize()))
    assert asyncio.get_running_loop().time() - started < 0.3


async def test_a_gateway_that_hangs_costs_no_more_than_the_calls_time() -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(NoAnswer):
        await stax(hang, call_s_max=0.1).capture(CAPTURE)

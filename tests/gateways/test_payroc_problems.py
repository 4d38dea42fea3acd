"""Payroc's refusals: what each says of the money, by its type and by what was asked for."""

from __future__ import annotations

import httpx
import pytest

from cardhold.names import ErrorType
from gateways.errors import GatewayError, Refused, Throttled, Unauthorized, Undecided
from tests.gateways.calls import authorize, existing, follow_up
from tests.gateways.payroc_site import PAYMENT_ID, payroc, problem, refusing

ON_CREATE = [
    (400, "bad-request", Refused),
    (400, "idempotency-key-missing", Refused),
    (400, "capabilities-missing", Refused),
    (400, "card-type-not-supported", Refused),
    (422, "bad-request", Refused),
    (404, "not-found", Refused),
    (401, "not-authorized", Unauthorized),
    (403, "forbidden", Unauthorized),
    (400, "forbidden", Unauthorized),
    (406, "not-acceptable", Undecided),
    (409, "idempotency-key-in-use", Undecided),
    (400, "idempotency-key-in-use", Undecided),
    (403, "idempotency-key-in-use", Undecided),
    (409, "resource-already-exists", Undecided),
    (409, "cannot-be-modified", Undecided),
    (413, "payload-too-large", Undecided),
    (415, "unsupported-media-type", Undecided),
    (429, "too-many-requests", Throttled),
    (400, "brand-new", Undecided),
    (500, "api-error", Undecided),
    (500, "bad-request", Undecided),
    (503, "not-authorized", Undecided),
]


@pytest.mark.parametrize(("status", "fragment", "error"), ON_CREATE)
async def test_a_refused_create_is_told_by_its_type(
    status: int, fragment: str, error: type[GatewayError]
) -> None:
    with pytest.raises(GatewayError) as caught:
        await refusing(status, fragment).authorize(authorize())
    assert type(caught.value) is error


@pytest.mark.parametrize(("status", "fragment", "on_create"), ON_CREATE)
@pytest.mark.parametrize("verb", ["adjust", "capture", "release"])
async def test_nothing_that_refuses_a_later_call_proves_that_no_money_moved(
    verb: str, status: int, fragment: str, on_create: type[GatewayError]
) -> None:
    adapter = refusing(status, fragment)
    with pytest.raises(GatewayError) as caught:
        await getattr(adapter, verb)(follow_up(verb, 100_00, payment_id=PAYMENT_ID))
    assert type(caught.value) is (Undecided if on_create is Refused else on_create)


@pytest.mark.parametrize(
    ("fragment", "told"),
    [
        ("capabilities-missing", ErrorType.NOT_SUPPORTED),
        ("card-type-not-supported", ErrorType.NOT_SUPPORTED),
        ("bad-request", None),
    ],
)
async def test_a_refusal_says_what_the_caller_is_told(
    fragment: str, told: ErrorType | None
) -> None:
    with pytest.raises(Refused) as caught:
        await refusing(400, fragment).authorize(authorize())
    assert caught.value.error == told


async def test_a_refusal_names_the_fields_and_repeats_nothing_else() -> None:
    errors = [
        {"parameter": "order.amount", "detail": "4539858876047062", "message": "s3cret"},
        {"parameter": "2967539876543210", "detail": "x"},
    ]
    with pytest.raises(Refused) as caught:
        await refusing(400, "bad-request", errors=errors).authorize(authorize())
    assert str(caught.value) == "payroc: refused (HTTP 400 bad-request: order.amount)"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(400, text="<html>"),
        httpx.Response(400, json={"type": "about:blank", "status": 400}),
        httpx.Response(400, json={"type": "https://[", "status": 400}),
        httpx.Response(404, text="no such page"),
        httpx.Response(418, json=[]),
    ],
)
async def test_a_refusal_that_is_not_payrocs_decides_nothing(answer: httpx.Response) -> None:
    with pytest.raises(Undecided):
        await payroc(lambda _: answer).authorize(authorize())


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("-7", None), ("soon", None)])
async def test_too_many_requests_says_how_long_to_wait(header: str, seconds: float | None) -> None:
    adapter = payroc(lambda _: httpx.Response(429, headers={"retry-after": header}))
    with pytest.raises(Throttled) as caught:
        await adapter.capture(follow_up("capture", 100_00, payment_id=PAYMENT_ID))
    assert caught.value.retry_after_s == seconds


async def test_only_payrocs_own_word_proves_that_a_payment_is_not_there() -> None:
    call = follow_up("capture", 100_00, payment_id=PAYMENT_ID)
    assert await refusing(404, "not-found").look_up(call) is None
    for answer in (httpx.Response(404, text="not found"), problem(400, "bad-request")):
        with pytest.raises(Undecided):
            await payroc(lambda _, answer=answer: answer).look_up(call)
    with pytest.raises(Undecided):
        await refusing(404, "not-found").look_up(authorize())
    with pytest.raises(Undecided):
        await refusing(500, "not-found").look_up(call)


@pytest.mark.parametrize(("status", "fragment"), [(404, "not-found"), (400, "bad-request")])
async def test_a_made_up_payment_id_names_no_payment(status: int, fragment: str) -> None:
    call = authorize(payment_method=existing("made-up"))
    assert await refusing(status, fragment).look_up(call) is None

"""Stax's refusals: what each says of the money, by its status, its form and what was asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from domain.outcome import Approved, Declined, PaymentState
from gateways.errors import GatewayError, Refused, Throttled, Unauthorized, Undecided
from tests.gateways.calls import authorize, existing, follow_up, usd
from tests.gateways.stax_site import (
    HOLD_ID,
    Seen,
    answer,
    answering,
    capture,
    held_with,
    stax,
    transaction,
    voided,
)

CAPTURE = follow_up("capture", 80_00, payment_id=HOLD_ID)
RELEASE = follow_up("release", 100_00, payment_id=HOLD_ID)
VOIDED_BEFORE = {"total": ["The transaction has already been voided."]}
MADE_AT = datetime(2026, 3, 5, 13, 27, 5, tzinfo=UTC)

ON_CHARGE: list[tuple[int, object, type[GatewayError]]] = [
    # The forms that the OpenAPI gives for a charge.
    (422, {"payment_method_id": ["Payment method is invalid or unauthorized."]}, Refused),
    (422, {"payment_method_id": ["The Payment Method has been deleted."]}, Refused),
    (422, {"payment_method_id": ["The Payment Method has been redacted."]}, Refused),
    (422, {"total": ["The total field is required."], "meta": ["x"]}, Refused),
    (422, {"meta.transaction_initiation_type": ["The selected … is invalid."]}, Refused),
    (422, {"authorization_error": ["your merchant account must be ACTIVE"]}, Unauthorized),
    (422, {"error": ["The transaction total does not match the sum."]}, Undecided),
    (422, {"files.0": ["The selected files.0 is invalid."]}, Undecided),
    # Of the same key with another payment, only "an error" is published.
    (422, {"idempotency_id": ["The idempotency id was used before."]}, Undecided),
    (422, {"total": ["The total differs from that of the Idempotency ID."]}, Undecided),
    (409, {"error": ["duplicate"]}, Undecided),
    (400, {"error": ["Bad Request"]}, Undecided),
    (400, {"payment_method_id": ["Payment method is invalid or unauthorized."]}, Undecided),
    (401, {"error": ["Unauthorized."]}, Unauthorized),
    (401, ["not team admin"], Unauthorized),
    (403, {}, Unauthorized),
    (404, {"error": ["Not Found"]}, Undecided),
    (422, {}, Undecided),
    (422, [], Undecided),
    (422, {"total": "one text"}, Undecided),
    (422, {"total": ["x"], "brand_new": ["x"]}, Undecided),
    (429, {"error": ["Too Many Attempts."]}, Throttled),
    (500, {"total": ["The total field is required."]}, Undecided),
    (503, {"error": ["Service Unavailable"]}, Undecided),
]


@pytest.mark.parametrize(("status", "body", "error"), ON_CHARGE)
async def test_a_refused_charge_is_told_by_the_field_that_is_wrong(
    status: int, body: object, error: type[GatewayError]
) -> None:
    with pytest.raises(GatewayError) as caught:
        await answering(status, body).authorize(authorize())
    assert type(caught.value) is error


async def test_a_refusal_names_the_fields_and_repeats_nothing_else() -> None:
    body = {"total": ["4539858876047062 is too much"], "meta": ["s3cret"]}
    with pytest.raises(Refused) as caught:
        await answering(422, body).authorize(authorize())
    assert str(caught.value) == "stax: refused (HTTP 422: meta, total)"


@pytest.mark.parametrize(
    "found",
    [
        httpx.Response(400, text="<html>"),
        httpx.Response(404, text="no such page"),
        httpx.Response(422, text='{"total": ["The total'),
        httpx.Response(422, content=b'{"total": ["a"], "total": ["b"]}'),
        httpx.Response(418, json=[]),
    ],
)
@pytest.mark.parametrize("verb", ["authorize", "capture", "release", "look_up"])
async def test_a_refusal_that_is_not_staxs_decides_nothing(
    found: httpx.Response, verb: str
) -> None:
    calls = {"authorize": authorize(), "release": RELEASE}
    with pytest.raises(Undecided):
        await getattr(stax(lambda _: found), verb)(calls.get(verb, CAPTURE))


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"error": ["Unauthorized."]}, Unauthorized),
        (403, [], Unauthorized),
        (422, {"authorization_error": ["your merchant account must be ACTIVE"]}, Unauthorized),
        (429, {}, Throttled),
        (409, {"error": ["duplicate"]}, Undecided),
        (500, {"id": ["The selected id is invalid."]}, Undecided),
    ],
)
@pytest.mark.parametrize("verb", ["capture", "release"])
async def test_a_later_call_that_was_not_looked_into_is_not_looked_up(
    verb: str, status: int, body: object, error: type[GatewayError]
) -> None:
    seen = Seen(answer(status, body))
    with pytest.raises(GatewayError) as caught:
        await getattr(stax(seen), verb)(CAPTURE if verb == "capture" else RELEASE)
    assert type(caught.value) is error
    assert len(seen.requests) == 1


REFUSALS: list[tuple[int, dict[str, list[str]]]] = [
    (400, {"error": ["The total is greater than what the pre-authorization holds."]}),
    (404, {"id": ["The selected id is invalid."]}),
    (422, {"id": ["The selected id is invalid."]}),
    (422, {"total": ["must be a number"]}),
]


@pytest.mark.parametrize(("status", "body"), REFUSALS)
async def test_a_refused_capture_is_a_decline_only_by_the_hold_that_stands_as_it_stood(
    status: int, body: object
) -> None:
    adapter = stax(Seen(answer(status, body), answer(200, transaction())))
    outcome = await adapter.capture(CAPTURE)
    assert isinstance(outcome, Declined)
    assert outcome.payment is not None
    assert (outcome.payment.state, outcome.payment.captured) == (PaymentState.OPEN, usd(0))


@pytest.mark.parametrize(("status", "body"), REFUSALS)
async def test_a_refused_void_is_a_decline_only_by_the_hold_that_stands_as_it_stood(
    status: int, body: object
) -> None:
    seen = Seen(answer(status, body), answer(200, transaction()))
    outcome = await stax(seen).release(RELEASE)
    assert seen.asked == [f"POST /transaction/{HOLD_ID}/void", f"GET /transaction/{HOLD_ID}"]
    assert isinstance(outcome, Declined)
    assert outcome.payment is not None
    assert outcome.payment.state is PaymentState.OPEN


STANDS_OTHERWISE: list[dict[str, Any]] = [
    held_with(capture()),
    held_with(capture(), is_captured=0),
    held_with(capture(success=None)),
    transaction(99),
    transaction(success=None),
    transaction(success=False),
    transaction(id="another"),
    transaction(currency="CAD"),
    transaction(meta={"reference": "ANOTHER"}),
    transaction(type="charge"),
    transaction(type="capture"),
]


@pytest.mark.parametrize("hold", STANDS_OTHERWISE)
@pytest.mark.parametrize("verb", ["capture", "release"])
async def test_a_refusal_decides_nothing_where_the_hold_stands_otherwise(
    verb: str, hold: dict[str, Any]
) -> None:
    adapter = stax(Seen(answer(422, {"total": ["x"]}), answer(200, hold)))
    with pytest.raises(Undecided):
        await getattr(adapter, verb)(CAPTURE if verb == "capture" else RELEASE)


@pytest.mark.parametrize(
    "after",
    [
        httpx.Response(500),
        httpx.Response(401),
        httpx.Response(429),
        httpx.Response(404, json={"id": ["Transaction could not be found"]}),
        httpx.ReadTimeout("s3cret"),
        httpx.ConnectError("s3cret"),
    ],
)
@pytest.mark.parametrize("verb", ["capture", "release"])
async def test_a_refusal_that_could_not_be_looked_after_decides_nothing(
    verb: str, after: httpx.Response | Exception
) -> None:
    def network(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return answer(422, {"total": ["x"]})
        if isinstance(after, Exception):
            raise after
        return after

    with pytest.raises(Undecided):
        await getattr(stax(network), verb)(CAPTURE if verb == "capture" else RELEASE)


async def test_a_hold_voided_before_is_released_and_nothing_else_is_made_of_it() -> None:
    outcome = await stax(Seen(answer(422, VOIDED_BEFORE), answer(200, voided()))).release(RELEASE)
    assert isinstance(outcome, Approved)
    assert outcome.payment.state is PaymentState.RELEASED
    with pytest.raises(Undecided):
        await stax(Seen(answer(422, VOIDED_BEFORE), answer(200, transaction()))).release(RELEASE)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("3600", 3600.0), ("-7", None), ("soon", None), ("99999999999", None)],
)
async def test_too_many_requests_says_how_long_to_wait(header: str, seconds: float | None) -> None:
    adapter = stax(lambda _: httpx.Response(429, headers={"retry-after": header}))
    with pytest.raises(Throttled) as caught:
        await adapter.capture(CAPTURE)
    assert caught.value.retry_after_s == seconds


NO_SUCH: list[tuple[int, object]] = [
    (404, {"id": ["The selected id is invalid."]}),
    (422, {"id": ["Transaction could not be found"]}),
    (400, {"id": ["The selected id is invalid."]}),
]


@pytest.mark.parametrize(("status", "body"), NO_SUCH)
async def test_only_staxs_own_word_proves_that_a_transaction_is_not_there(
    status: int, body: object
) -> None:
    assert await answering(status, body).look_up(CAPTURE) is None
    made_up = authorize(payment_method=existing("made-up"))
    assert await answering(status, body).look_up(made_up) is None
    with pytest.raises(Undecided):
        await answering(status, body).look_up(authorize())
    with pytest.raises(Undecided):
        await answering(500, body).look_up(CAPTURE)


@pytest.mark.parametrize(
    "body", [{"error": ["Not Found"]}, ["not found"], {"message": "Not Found"}, {}, {"id": "x"}]
)
async def test_a_404_of_somebody_else_proves_nothing(body: object) -> None:
    with pytest.raises(Undecided):
        await answering(404, body).look_up(CAPTURE)

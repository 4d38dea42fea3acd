"""Every error that xMoney documents, wherever it can be met: what it says of the money.

The adapter's whole way is walked; a list stands in for the network.
"""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from domain.outcome import Approved, Declined, PaymentState
from gateways.errors import (
    GatewayError,
    NoAnswer,
    NotSent,
    Refused,
    Throttled,
    Unauthorized,
    Undecided,
)
from tests.gateways.xmoney_site import (
    PAYMENT_ID,
    Line,
    authorize,
    created,
    follow_up,
    in_body,
    item,
    meeting,
    ok,
    problem,
    transaction,
    xmoney,
)

EXCEPTION = item(1500, "Exception")
# error -> what it says of the creation of an order, and of a capture, a void or a look-up
ERRORS: list[tuple[Any, type, type]] = [
    (problem(400, item(field="amount")), Refused, Undecided),
    (problem(422, item(field="cardId")), Refused, Undecided),
    (in_body(400, item()), Refused, Undecided),
    (in_body(422, item(), item()), Refused, Undecided),
    (problem(400, errors=[item()]), Refused, Undecided),
    (problem(404, EXCEPTION), Refused, Undecided),
    (in_body(404, EXCEPTION), Refused, Undecided),
    (problem(400), Undecided, Undecided),
    (problem(400, EXCEPTION), Undecided, Undecided),
    (problem(422, item(), EXCEPTION), Undecided, Undecided),
    (problem(400, item(), code=500), Undecided, Undecided),
    (problem(404, code=200), Undecided, Undecided),
    (problem(409, item()), Undecided, Undecided),
    (problem(405), Undecided, Undecided),
    (problem(408), Undecided, Undecided),
    (problem(500, item()), Undecided, Undecided),
    (problem(500, item(839, "Exception")), Undecided, Undecided),
    (problem(503), Undecided, Undecided),
    (in_body(500), Undecided, Undecided),
    (in_body(300), Undecided, Undecided),
    (in_body(0), Undecided, Undecided),
    (problem(302), Undecided, Undecided),
    (httpx.Response(400, text="<html>"), Undecided, Undecided),
    (httpx.Response(402, text="<html>"), Undecided, Undecided),
    (httpx.Response(404, text="not found"), Undecided, Undecided),
    (httpx.Response(204), Undecided, Undecided),
    (problem(401, EXCEPTION), Unauthorized, Unauthorized),
    (problem(403), Unauthorized, Unauthorized),
    (httpx.Response(401, text="?"), Unauthorized, Unauthorized),
    (in_body(401), Unauthorized, Unauthorized),
    (problem(429), Throttled, Throttled),
    (httpx.Response(429), Throttled, Throttled),
    (httpx.ConnectError("none"), NotSent, NotSent),
    (httpx.ReadError("lost"), NoAnswer, NoAnswer),
]


async def _error(awaited: Any) -> type:
    with pytest.raises(GatewayError) as caught:
        await awaited
    return type(caught.value)


@pytest.mark.parametrize(("met", "on_order", "_later"), ERRORS)
async def test_what_an_error_says_of_an_order(met: Any, on_order: type, _later: type) -> None:
    assert await _error(meeting(met).authorize(authorize())) is on_order


@pytest.mark.parametrize(("met", "_on_order", "later"), ERRORS)
async def test_what_an_error_says_of_a_capture_or_a_void(
    met: Any, _on_order: type, later: type
) -> None:
    # A no of xMoney's own is looked at: here the look decides nothing either.
    after = ok(transaction("complete-ok", "1.00"))
    assert await _error(meeting(met, after).capture(follow_up("capture", 80_00))) is later
    release = meeting(ok(transaction()), met, after).release(follow_up("release", 100_00))
    assert await _error(release) is later


@pytest.mark.parametrize(("met", "_on_order", "later"), ERRORS)
async def test_what_an_error_says_of_a_look_up(met: Any, _on_order: type, later: type) -> None:
    assert await _error(meeting(met).look_up(authorize())) is later
    call = follow_up("capture", 80_00)
    if isinstance(met, Exception) or not _says_not_found(met):
        assert await _error(meeting(met).look_up(call)) is later
    else:
        assert await meeting(met).look_up(call) is None


def _says_not_found(met: Any) -> bool:
    """HTTP and the envelope agree on it, or the envelope alone says it."""
    if not isinstance(met, httpx.Response):
        return bool(met["code"] == 404)
    return met.status_code == 404 and b'"code": 404' in met.content


DECLINES: list[tuple[Any, str]] = [
    (problem(402, item(51, "Exception", message="Insufficient funds")), "Insufficient funds"),
    (in_body(402, item(5, "Exception", message="Declined by Bank")), "Declined by Bank"),
    (in_body(402, message="Payment failed"), "Payment failed"),
    (in_body(402, message="see https://x.example/1"), "declined (402)"),
    (in_body(402, message="k3y-that-nobody-may-see"), "declined (402)"),
    (in_body(402, message="card 90210777"), "declined (402)"),
    (problem(402, item(message=None), message=None), "declined (402)"),
    (
        in_body(402, item(839, "Exception", message="Soft decline")),
        "Soft decline (soft decline: the issuer wants to see the guest)",
    ),
    (
        problem(400, item(839, "Exception", message="No SCA")),
        "No SCA (soft decline: the issuer wants to see the guest)",
    ),
    (
        in_body(839, message="No SCA"),
        "No SCA (soft decline: the issuer wants to see the guest)",
    ),
    (
        problem(422, code=839, message="No SCA"),
        "No SCA (soft decline: the issuer wants to see the guest)",
    ),
]


@pytest.mark.parametrize(("met", "detail"), DECLINES)
async def test_a_payment_that_failed_is_declined_and_not_sent_again(met: Any, detail: str) -> None:
    line = Line(met)
    outcome = await xmoney(line).authorize(authorize())
    assert outcome == Declined(detail)
    assert line.asked == ["POST /order"]


async def test_a_decline_that_names_its_payment_is_proven_by_it() -> None:
    told = in_body(402, item(5, "Exception", message="No"), data=created()["data"])
    outcome = await meeting(told, ok(transaction("complete-failed"))).authorize(authorize())
    assert isinstance(outcome, Declined)
    assert outcome.detail == "No"
    assert outcome.payment is not None
    assert (outcome.payment.payment_id, outcome.payment.state) == (
        PAYMENT_ID,
        PaymentState.DECLINED,
    )


async def test_a_decline_whose_payment_holds_money_is_no_decline() -> None:
    told = in_body(402, item(5, "Exception", message="No"), data=created()["data"])
    outcome = await meeting(told, ok(transaction())).authorize(authorize())
    assert isinstance(outcome, Approved)
    with pytest.raises(Undecided) as caught:
        await meeting(told, httpx.Response(500)).authorize(authorize())
    assert caught.value.payment_id == PAYMENT_ID


async def test_a_refusal_names_the_fields_and_repeats_nothing_else() -> None:
    items = [
        item(field="cardId", message="card 4539858876047062"),
        item(field="90210777"),
        item(field="ip"),
        item(field=None),
    ]
    with pytest.raises(Refused) as caught:
        await meeting(problem(422, *items)).authorize(authorize())
    assert str(caught.value) == "xmoney: refused (HTTP 422: cardId, ip)"


async def test_a_code_that_is_no_status_decides_nothing_and_is_not_repeated() -> None:
    with pytest.raises(Undecided) as caught:
        await meeting(in_body(4242424242424242)).authorize(authorize())
    assert "4242" not in str(caught.value)


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("-7", None), ("soon", None)])
async def test_too_many_requests_says_how_long_to_wait(header: str, seconds: float | None) -> None:
    adapter = meeting(httpx.Response(429, headers={"retry-after": header}))
    with pytest.raises(Throttled) as caught:
        await adapter.capture(follow_up("capture", 100_00))
    assert caught.value.retry_after_s == seconds


@pytest.mark.parametrize("follows", [problem(429), problem(401), httpx.ConnectError("none")])
async def test_after_something_was_sent_nothing_says_that_it_was_not(follows: Any) -> None:
    assert await _error(meeting(ok(), follows).capture(follow_up("capture", 80_00))) is Undecided
    release = meeting(ok(transaction()), ok(), follows).release(follow_up("release", 100_00))
    assert await _error(release) is Undecided
    assert await _error(meeting(created(), follows).authorize(authorize())) is Undecided


@pytest.mark.parametrize("status", [200, 201, 202])
async def test_a_success_is_one_whatever_its_number_and_the_payment_decides(status: int) -> None:
    done = httpx.Response(status, json={"code": status, "message": "Accepted"})
    shown = ok(transaction("complete-ok", "80.00"))
    assert isinstance(await meeting(done, shown).capture(follow_up("capture", 80_00)), Approved)

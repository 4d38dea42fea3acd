"""What a capture, a release or the calling off of an attempt ends in, by every status after it.

The adapter's whole way is walked, from the verb to the wire; a list stands in for the network.
"""

from __future__ import annotations

from typing import Any

import pytest

from domain.outcome import Approved, Declined, PaymentState, Pending
from gateways.errors import GatewayError, Undecided
from gateways.port import Named
from tests.gateways.calls import usd
from tests.gateways.xmoney_site import (
    PAYMENT_ID,
    Line,
    authorize,
    call_off,
    follow_up,
    in_body,
    meeting,
    ok,
    problem,
    transaction,
    xmoney,
)

OPEN, CAPTURED = PaymentState.OPEN, PaymentState.CAPTURED
CAPTURE = follow_up("capture", 80_00)
CAPTURE_ALL = follow_up("capture", 100_00)
RELEASE = follow_up("release", 100_00)


async def _verb(adapter: Any, call: Named) -> Any:
    return await getattr(adapter, call.call.kind)(call)


CAPTURES = [
    (CAPTURE, "complete-ok", "80.00", Approved),
    (CAPTURE, "complete-ok", 80, Approved),
    (CAPTURE_ALL, "complete-ok", "100.00", Approved),
    (CAPTURE, "refund-ok", "80.00", Approved),
    (CAPTURE, "complete-ok", "100.00", Undecided),
    (CAPTURE, "complete-ok", "79.99", Undecided),
    (CAPTURE, "in-progress", "90.00", Undecided),
    (CAPTURE, "void-ok", "100.00", Undecided),
    (CAPTURE, "complete-failed", "100.00", Pending),
    (CAPTURE, "uncertain", "100.00", Pending),
    (CAPTURE, "start", "100.00", Pending),
    (CAPTURE, "retrying", "100.00", Pending),
    (CAPTURE, "expiring", "100.00", Pending),
    (CAPTURE, "3d-pending", "100.00", Pending),
]


@pytest.mark.parametrize(
    ("call", "status", "amount", "ending"),
    [*CAPTURES, (CAPTURE, "in-progress", "100.00", Pending)],
)
async def test_a_capture_ends_by_what_was_taken(
    call: Named, status: str, amount: Any, ending: type
) -> None:
    assert await _ending(call, ok(), ok(transaction(status, amount))) is ending


@pytest.mark.parametrize(
    ("call", "status", "amount", "ending"),
    [*CAPTURES, (CAPTURE, "in-progress", "100.00", Declined)],
)
@pytest.mark.parametrize("no", [problem(400), problem(402), problem(422), in_body(402)])
async def test_a_refused_capture_ends_by_what_was_taken_too(
    no: Any, call: Named, status: str, amount: Any, ending: type
) -> None:
    assert await _ending(call, no, ok(transaction(status, amount))) is ending


async def _ending(call: Named, *met: Any) -> type:
    line = Line(*met)
    ended: object
    try:
        ended = await _verb(xmoney(line), call)
    except GatewayError as error:
        ended = error
    assert line.is_used_up
    return type(ended)


async def test_a_refused_capture_says_why_and_leaves_the_hold_as_it_was() -> None:
    told = in_body(402, {"code": 5, "message": "Declined by Bank", "type": "Exception"})
    outcome = await meeting(told, ok(transaction())).capture(CAPTURE)
    assert isinstance(outcome, Declined)
    assert outcome.detail == "Declined by Bank"
    assert outcome.payment is not None
    assert (outcome.payment.state, outcome.payment.authorized) == (OPEN, usd(100_00))


async def test_a_capture_shows_what_was_held_beside_what_was_taken() -> None:
    for more in ({}, {"originalAmount": "100.00"}):
        shown = ok(transaction("complete-ok", "80.00", **more))
        outcome = await meeting(ok(), shown).capture(CAPTURE)
        assert isinstance(outcome, Approved)
        assert (outcome.payment.authorized, outcome.payment.captured) == (usd(100_00), usd(80_00))


@pytest.mark.parametrize(
    ("call", "amount", "more", "captured_minor"),
    [
        (CAPTURE, "100.00", {}, 80_00),
        (CAPTURE, "100.00", {"originalAmount": "100.00"}, 80_00),
        (CAPTURE, "100.00", {"originalAmount": "120.00"}, 100_00),
        (CAPTURE, "80.00", {}, 80_00),
        (CAPTURE, "90.00", {}, 90_00),
        (follow_up("release", 50_00), "100.00", {}, 100_00),
        (RELEASE, "100.00", {}, 100_00),
        (authorize(payment_id=PAYMENT_ID), "100.00", {}, 100_00),
    ],
)
async def test_a_site_that_shows_what_was_held_is_believed_of_our_own_captures_alone(
    call: Named, amount: str, more: dict[str, Any], captured_minor: int
) -> None:
    line = Line(ok(transaction("complete-ok", amount, **more)))
    found = await xmoney(line, amount_after_capture="held").look_up(call)
    assert found is not None
    assert (found.state, found.captured) == (CAPTURED, usd(captured_minor))


async def test_more_taken_than_was_held_contradicts_itself() -> None:
    for changes in ({"originalAmount": "100.00"},):
        with pytest.raises(Undecided):
            await meeting(ok(transaction("complete-ok", "100.01", **changes))).look_up(CAPTURE)


RELEASES = [
    ("void-ok", Approved),
    ("complete-ok", Undecided),
    ("refund-ok", Undecided),
    ("cancel-ok", Undecided),
    ("charge-back", Undecided),
    ("complete-failed", Pending),
    ("uncertain", Pending),
    ("start", Pending),
    ("retrying", Pending),
    ("expiring", Pending),
]


@pytest.mark.parametrize(
    ("status", "ending"), [*RELEASES, ("in-progress", Pending), ("3d-pending", Pending)]
)
async def test_a_release_ends_by_the_void_alone(status: str, ending: type) -> None:
    assert await _ending(RELEASE, ok(transaction()), ok(), ok(transaction(status))) is ending


@pytest.mark.parametrize(
    ("status", "ending"), [*RELEASES, ("in-progress", Declined), ("3d-pending", Declined)]
)
@pytest.mark.parametrize("no", [problem(400), problem(422), in_body(402)])
async def test_a_refused_release_ends_by_the_void_too(no: Any, status: str, ending: type) -> None:
    assert await _ending(RELEASE, ok(transaction()), no, ok(transaction(status))) is ending


@pytest.mark.parametrize(
    ("status", "ending"),
    [("void-ok", Approved), ("complete-ok", Undecided), ("refund-ok", Undecided),
     ("uncertain", Pending), ("complete-failed", Pending)],
)  # fmt: skip
async def test_a_release_that_finds_no_open_hold_ends_by_what_it_finds(
    status: str, ending: type
) -> None:
    assert await _ending(RELEASE, ok(transaction(status))) is ending


@pytest.mark.parametrize(
    ("status", "ending", "authorized_minor"),
    [
        ("complete-failed", Approved, 0),
        ("void-ok", Approved, 100_00),
        ("in-progress", Undecided, None),
        ("complete-ok", Undecided, None),
        ("3d-pending", Pending, None),
        ("uncertain", Pending, None),
    ],
)
async def test_an_attempt_is_called_off_where_nothing_was_ever_held(
    status: str, ending: type, authorized_minor: int | None
) -> None:
    met = [ok(transaction("3d-pending")), ok(), ok(transaction(status))]
    assert await _ending(call_off(), *met) is ending
    if authorized_minor is not None:
        outcome = await meeting(*met).release(call_off())
        assert isinstance(outcome, Approved)
        assert outcome.payment.authorized == usd(authorized_minor)


async def test_what_the_gateway_does_not_call_off_goes_on_waiting() -> None:
    met = [ok(transaction("3d-pending")), problem(422), ok(transaction("3d-pending"))]
    assert await _ending(call_off(), *met) is Declined


async def test_an_attempt_that_has_failed_already_needs_no_calling_off() -> None:
    assert await _ending(call_off(), ok(transaction("complete-failed"))) is Approved


async def test_a_release_of_what_is_not_there_sends_nothing_and_knows_nothing() -> None:
    assert await _ending(RELEASE, problem(404)) is Undecided

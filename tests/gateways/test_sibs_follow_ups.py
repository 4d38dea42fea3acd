"""Captures, cancellations and attempts called off: how each ends, and what is held then.

The adapter's whole way is walked, from the verb to the wire; a function stands in for the
network and answers as the row says.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from domain.outcome import Approved, Payment, PaymentState
from gateways.errors import Undecided
from gateways.port import Named
from tests.gateways.calls import authorize, follow_up, usd
from tests.gateways.sibs_site import (
    PAYMENT_ID,
    STEP_ID,
    Sibslike,
    authorization,
    ending,
    sibs,
    step,
)

REFERENCE = authorize().reference
CAPTURE = follow_up("capture", 80_00, payment_id=PAYMENT_ID)
RELEASE = follow_up("release", 100_00, payment_id=PAYMENT_ID)
ADJUST = follow_up("adjust", 60_00, payment_id=PAYMENT_ID)


@pytest.mark.parametrize(
    "changes",
    [
        {"merchant": {"merchantTransactionId": "ANOTHER"}},
        {"merchant": {}},
        {"merchant": ...},
        {"amount": {"value": "80.01", "currency": "USD"}},
        {"amount": {"value": "8000", "currency": "USD"}},
        {"amount": {"value": "80", "currency": "EUR"}},
        {"amount": ...},
        {"transactionID": ...},
        {"paymentStatus": "Captured"},
        {"returnStatus": ...},
    ],
)
async def test_a_capture_that_is_not_quite_ours_decides_nothing(changes: dict[str, Any]) -> None:
    assert await ending(step(CAPTURE.reference, "80.00", **changes), CAPTURE) is Undecided


@pytest.mark.parametrize(
    ("captured_minor", "amount_minor", "state"),
    [
        (0, 80_00, PaymentState.OPEN),
        (0, 100_00, PaymentState.CAPTURED),
        (30_00, 50_00, PaymentState.OPEN),
        (30_00, 70_00, PaymentState.CAPTURED),
    ],
)
async def test_several_captures_add_up_and_the_rest_stays_held(
    captured_minor: int, amount_minor: int, state: PaymentState
) -> None:
    captured = usd(captured_minor)
    call = follow_up("capture", amount_minor, payment_id=PAYMENT_ID, captured=captured)
    answer = step(call.reference, f"{amount_minor // 100}")
    outcome = await sibs(Sibslike(later=answer)).capture(call)
    assert isinstance(outcome, Approved)
    assert outcome.payment == Payment(
        payment_id=PAYMENT_ID,
        reference=REFERENCE,
        state=state,
        authorized=usd(100_00),
        captured=usd(captured_minor + amount_minor),
        booked_at=datetime(2026, 1, 2, 3, 4, 16, 988_000, tzinfo=UTC),
        detail=f"transaction {STEP_ID}",
    )


@pytest.mark.parametrize(
    ("call", "value", "state", "authorized_minor"),
    [
        (RELEASE, "100.00", PaymentState.RELEASED, 100_00),
        (ADJUST, "40.00", PaymentState.OPEN, 60_00),
    ],
)
async def test_a_cancellation_frees_all_or_a_part(
    call: Named, value: str, state: PaymentState, authorized_minor: int
) -> None:
    adapter = sibs(Sibslike(later=step(call.reference, value)))
    verb = adapter.release if call is RELEASE else adapter.adjust
    outcome = await verb(call)
    assert isinstance(outcome, Approved)
    shown = (outcome.payment.state, outcome.payment.authorized, outcome.payment.captured)
    assert shown == (state, usd(authorized_minor), usd(0))


async def test_what_is_left_after_a_capture_is_freed_and_what_was_taken_stays_taken() -> None:
    call = follow_up("release", 20_00, payment_id=PAYMENT_ID, captured=usd(80_00))
    outcome = await sibs(Sibslike(later=step(call.reference, "20"))).release(call)
    assert isinstance(outcome, Approved)
    assert outcome.payment.state is PaymentState.CAPTURED
    assert outcome.payment.captured == usd(80_00)


OFF = follow_up("release", 100_00, payment_id=PAYMENT_ID, held_minor=0)


@pytest.mark.parametrize(
    ("itself", "state", "authorized_minor"),
    [
        ({"paymentStatus": "Partial"}, PaymentState.DECLINED, 0),
        ({"paymentStatus": "Declined"}, PaymentState.DECLINED, 0),
        ({"paymentStatus": "Pending", "paymentMethod": ...}, PaymentState.DECLINED, 0),
        ({"paymentStatus": "Success"}, PaymentState.RELEASED, 100_00),
    ],
)
async def test_calling_an_attempt_off_says_whether_the_guest_was_faster(
    itself: Mapping[str, Any], state: PaymentState, authorized_minor: int
) -> None:
    cancelled = step(OFF.reference, "100.00")
    site = Sibslike(later=cancelled, by_id={PAYMENT_ID: authorization(**itself)})
    outcome = await sibs(site).release(OFF)
    assert isinstance(outcome, Approved)
    assert (outcome.payment.state, outcome.payment.authorized, outcome.payment.action) == (
        state,
        usd(authorized_minor),
        None,
    )


@pytest.mark.parametrize(
    "itself",
    [
        authorization(paymentStatus="InProcessing"),
        authorization(paymentStatus="Error"),
        authorization(paymentType="PURS"),
        authorization(amount=...),
        httpx.Response(401),
        httpx.Response(429),
        httpx.ConnectError("gone"),
        httpx.ReadError("gone"),
    ],
)
async def test_called_off_and_not_known_what_is_never_taken_for_not_sent(itself: object) -> None:
    cancelled = step(OFF.reference, "100.00")
    site = Sibslike(later=cancelled, by_id={PAYMENT_ID: itself})
    with pytest.raises(Undecided):
        await sibs(site).release(OFF)

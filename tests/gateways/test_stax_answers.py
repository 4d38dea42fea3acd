"""Every answer that Stax documents to a charge, a capture or a void, and many that it does not.

The adapter's whole way is walked, from the verb to the wire; a function stands in for the network
and answers as the row says.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from cardhold.hold import Card, Evidence
from domain.outcome import Approved, Declined, Outcome, Payment, PaymentState, Pending
from gateways.amounts import written
from gateways.errors import GatewayError, NoAnswer, OutcomeUnknown, Undecided
from tests.gateways.calls import STORED_TOKEN, authorize, follow_up, usd
from tests.gateways.stax_site import (
    CAPTURE_ID,
    HOLD_ID,
    answering,
    capture,
    held_with,
    stax,
    transaction,
    void,
    voided,
)

OPEN, CAPTURED, RELEASED = PaymentState.OPEN, PaymentState.CAPTURED, PaymentState.RELEASED
CAPTURE = follow_up("capture", 80_00, payment_id=HOLD_ID)
RELEASE = follow_up("release", 100_00, payment_id=HOLD_ID)
SECOND = follow_up("capture", 20_00, payment_id=HOLD_ID, captured=usd(80_00))
LOST = "An error occurred during processing."


async def ended(verb: str, body: object, *, status: int = 200, **more: Any) -> Outcome | type:
    """How a verb ends, as an outcome or as the kind of its error."""
    calls = {"authorize": authorize(), "capture": CAPTURE, "release": RELEASE, "second": SECOND}
    adapter = answering(status, body, **more)
    try:
        return await getattr(adapter, "capture" if verb == "second" else verb)(calls[verb])
    except GatewayError as error:
        return type(error)


async def test_a_hold_is_read_with_all_that_it_shows() -> None:
    assert await ended("authorize", transaction()) == Approved(
        Payment(
            payment_id=HOLD_ID,
            reference=authorize().reference,
            state=OPEN,
            authorized=usd(100_00),
            captured=usd(0),
            booked_at=datetime(2026, 3, 5, 13, 27, 5, tzinfo=UTC),
            card=Card(brand="visa", last4="1111"),
            evidence=Evidence(approval_code="06782D", avs="Y", cvv="M"),
        )
    )


@pytest.mark.parametrize("total", [100, Decimal("100.0"), Decimal("100.00"), "100", "100.00"])
@pytest.mark.parametrize("flag", [0, False, None, "0", ...])
async def test_amounts_and_flags_are_read_in_every_form_that_is_published(
    total: object, flag: object
) -> None:
    body = transaction(total, is_captured=flag, is_voided=flag, success=1)
    outcome = await ended("authorize", body)
    assert isinstance(outcome, Approved)
    assert outcome.payment.authorized == usd(100_00)


@pytest.mark.parametrize(
    ("changes", "ending", "state"),
    [
        ({}, Approved, OPEN),
        ({"currency": ...}, Approved, OPEN),
        ({"idempotency_id": None}, Approved, OPEN),
        ({"idempotency_id": ...}, Approved, OPEN),
        ({"meta": []}, Approved, OPEN),
        ({"meta": {"reference": 1872}}, Approved, OPEN),
        ({"payment_method": [], "child_captures": None}, Approved, OPEN),
        ({"issuer_auth_code": 5, "avs_code": {}, "last_four": 1111}, Approved, OPEN),
        ({"type": "charge", "pre_auth": False}, Approved, CAPTURED),
        ({"success": False}, Declined, PaymentState.DECLINED),
        ({"success": 0, "message": "Do Not Honor"}, Declined, PaymentState.DECLINED),
        ({"success": False, "message": "Max attempts exceeded"}, Declined, PaymentState.DECLINED),
        ({"success": None}, Pending, PaymentState.PENDING),
        ({"success": None, "status": "PENDING", "message": "pending"}, Pending, None),
        ({"success": False, "message": LOST}, Pending, PaymentState.PENDING),
        ({"success": False, "message": "Gateway Unreachable"}, Pending, PaymentState.PENDING),
    ],
)
async def test_a_charge_ends_as_success_and_message_say(
    changes: dict[str, Any], ending: type, state: PaymentState | None
) -> None:
    outcome = await ended("authorize", transaction(**changes))
    assert type(outcome) is ending
    assert isinstance(outcome, (Approved, Declined, Pending))
    assert outcome.payment is not None
    assert outcome.payment.state is (state or PaymentState.PENDING)


async def test_a_declined_charge_is_a_400_with_the_transaction_and_says_why() -> None:
    body = transaction(success=False, message="Insufficient Funds")
    outcome = await ended("authorize", body, status=400)
    assert isinstance(outcome, Declined)
    assert outcome.detail == "Insufficient Funds"
    assert outcome.payment is not None
    assert outcome.payment.authorized == usd(0)


async def test_a_400_with_a_transaction_that_did_not_fail_decides_nothing() -> None:
    assert await ended("authorize", transaction(), status=400) is Undecided


@pytest.mark.parametrize(
    "changes",
    [
        {"total": "99.99"},
        {"total": 100_00},
        {"total": "100.001"},
        {"total": "1e2"},
        {"total": -100},
        {"total": 0},
        {"total": True},
        {"total": None},
        {"total": ...},
        {"currency": "CAD"},
        {"currency": "usd"},
        {"idempotency_id": "another"},
        {"meta": {"reference": "ANOTHER"}},
        {"meta": {}, "idempotency_id": None},
        {"payment_method_id": "another"},
        {"id": ...},
        {"id": ""},
        {"id": 7},
        {"id": "a\nb"},
        {"success": ...},
        {"success": "true"},
        {"success": 200},
        {"success": 1.0},
        {"type": ...},
        {"type": "verify"},
        {"type": "capture"},
        {"type": "void"},
        {"is_captured": -1},
        {"is_captured": "yes"},
        {"is_captured": {}},
        {"is_captured": []},
        {"is_captured": 1},
        {"is_voided": True},
        {"child_captures": {}},
        {"child_captures": [{"total": 5}]},
    ],
)
async def test_an_answer_that_is_not_quite_the_hold_decides_nothing(
    changes: dict[str, Any],
) -> None:
    assert await ended("authorize", transaction(**changes)) is Undecided


async def test_what_a_charge_may_have_become_is_told_with_its_id() -> None:
    adapter = answering(200, transaction("99.99"))
    with pytest.raises(OutcomeUnknown) as caught:
        await adapter.authorize(authorize())
    assert caught.value.payment_id == HOLD_ID
    adapter = answering(200, transaction(meta={"reference": "ANOTHER"}))
    with pytest.raises(OutcomeUnknown) as caught:
        await adapter.authorize(authorize())
    assert caught.value.payment_id is None


@pytest.mark.parametrize(
    "status", [201, 202, 204, 301, 302, 307, 308, 408, 425, 500, 502, 503, 504]
)
@pytest.mark.parametrize("verb", ["authorize", "capture", "release"])
async def test_a_status_that_the_documents_do_not_give_decides_nothing(
    status: int, verb: str
) -> None:
    assert await ended(verb, voided(), status=status) is Undecided


@pytest.mark.parametrize("verb", ["authorize", "capture", "release"])
async def test_a_body_cut_without_a_mark_is_no_answer_at_every_byte(verb: str) -> None:
    calls = {"authorize": authorize(), "capture": CAPTURE, "release": RELEASE}
    whole = written(voided()).encode()
    for cut in range(len(whole)):
        adapter = stax(lambda _, cut=cut: httpx.Response(200, stream=httpx.ByteStream(whole[:cut])))
        with pytest.raises(NoAnswer):
            await getattr(adapter, verb)(calls[verb])


@pytest.mark.parametrize(
    "body", [b" ", b"<html>", b"null", b"[]", b"{}", b'{"id":1,"id":2}', b'{"total":NaN}', b"\xff"]
)
@pytest.mark.parametrize("verb", ["authorize", "capture", "release"])
async def test_garbage_decides_nothing(body: bytes, verb: str) -> None:
    calls = {"authorize": authorize(), "capture": CAPTURE, "release": RELEASE}
    adapter = stax(lambda _: httpx.Response(200, content=body))
    with pytest.raises(Undecided):
        await getattr(adapter, verb)(calls[verb])


@pytest.mark.parametrize(
    ("body", "ending"),
    [
        (held_with(capture()), Approved),
        (held_with(capture("80.00")), Approved),
        (held_with(capture(), is_captured=True), Approved),
        (transaction(child_captures=[capture()]), Approved),
        # The example of the OpenAPI: what was captured is more than the hold's own total.
        (held_with(capture(), total=1), Approved),
        (held_with(capture("79.99")), Undecided),
        (held_with(capture(100)), Undecided),
        (held_with(capture("80.001")), Undecided),
        (held_with(capture(), capture(1, id="another")), Undecided),
        (held_with(), Undecided),
        (held_with({"id": CAPTURE_ID}), Undecided),
        (held_with(capture(total=...)), Undecided),
        (held_with(capture(success=...)), Undecided),
        (held_with(capture(success=None)), Pending),
        (held_with(capture(is_voided=True)), Undecided),
        (transaction(), Undecided),
        (transaction(child_captures=[capture(success=False)]), Declined),
        (transaction(child_captures=[capture(success=False, message=LOST)]), Pending),
        (transaction(child_captures=[capture(success=False, idempotency_id="x")]), Undecided),
        (transaction(child_captures=[capture(success=False, meta={"reference": "X"})]), Undecided),
        (held_with(capture(), id="another"), Undecided),
        (held_with(capture(), currency="CAD"), Undecided),
        (held_with(capture(), meta={"reference": "ANOTHER"}), Undecided),
        (held_with(capture(), success=False), Undecided),
        (voided(), Undecided),
        # The capture itself, as the reference's prose has it.
        (capture(), Approved),
        (capture(parent_auth={"id": HOLD_ID}, reference_id=""), Approved),
        (capture(auth_id=None, reference_id=HOLD_ID), Approved),
        (capture("79.99"), Undecided),
        (capture(auth_id="another"), Undecided),
        (capture(auth_id=None), Undecided),
        (capture(currency="CAD"), Undecided),
        (capture(idempotency_id="another"), Undecided),
        (capture(success=None), Pending),
        (capture(success=False, message="DECLINE"), Declined),
        (capture(success=False, message=LOST), Pending),
    ],
)
async def test_a_capture_ends_by_exactly_what_was_taken(body: dict[str, Any], ending: type) -> None:
    outcome = await ended("capture", body)
    assert outcome is ending or type(outcome) is ending


@pytest.mark.parametrize("body", [held_with(capture()), capture()])
@pytest.mark.parametrize(("keeps_rest", "state"), [(False, CAPTURED), (True, OPEN)])
async def test_what_a_capture_leaves_is_held_or_free_by_the_accounts_processor(
    body: dict[str, Any], *, keeps_rest: bool, state: PaymentState
) -> None:
    outcome = await ended("capture", body, keeps_rest=keeps_rest)
    assert isinstance(outcome, Approved)
    assert outcome.payment.state is state
    assert (outcome.payment.authorized, outcome.payment.captured) == (usd(100_00), usd(80_00))


async def test_where_the_rest_is_kept_the_holds_own_total_counts() -> None:
    assert await ended("capture", held_with(capture(), total=101), keeps_rest=True) is Undecided


@pytest.mark.parametrize("body", [held_with(capture(), capture(20, id="2nd")), capture(20)])
async def test_of_several_captures_the_last_takes_what_was_left(body: dict[str, Any]) -> None:
    outcome = await ended("second", body, keeps_rest=True)
    assert isinstance(outcome, Approved)
    assert (outcome.payment.state, outcome.payment.captured) == (CAPTURED, usd(100_00))


async def test_a_declined_capture_is_a_400_with_the_capture_and_leaves_the_hold() -> None:
    body = capture(success=False, message="Do Not Honor")
    outcome = await ended("capture", body, status=400)
    assert isinstance(outcome, Declined)
    assert outcome.detail == "Do Not Honor"
    assert outcome.payment is not None
    assert (outcome.payment.state, outcome.payment.captured) == (OPEN, usd(0))


@pytest.mark.parametrize(
    ("body", "ending"),
    [
        (voided(), Approved),
        (transaction(is_voided=1), Approved),
        (transaction(child_transactions=[void()]), Approved),
        (void(), Approved),
        (void(auth_id=HOLD_ID, reference_id=""), Approved),
        (void(success=None), Pending),
        (void(success=False, message="Do Not Honor"), Declined),
        (void(success=False, message=LOST), Pending),
        (void(reference_id="another"), Undecided),
        (void(currency="CAD"), Undecided),
        (transaction(child_transactions=[void(success=None)]), Pending),
        (transaction(child_transactions=[void(success=False)]), Declined),
        (transaction(child_transactions=[void(success=False, message=LOST)]), Pending),
        (transaction(), Undecided),
        (voided(id="another"), Undecided),
        (voided(currency="CAD"), Undecided),
        (held_with(capture()), Undecided),
        (held_with(capture(), is_voided=True), Undecided),
        (held_with(capture(is_voided=True), is_voided=True), Approved),
        (capture(), Undecided),
    ],
)
async def test_a_release_ends_by_the_void_alone(body: dict[str, Any], ending: type) -> None:
    outcome = await ended("release", body)
    assert outcome is ending or type(outcome) is ending


@pytest.mark.parametrize("body", [held_with(capture(), is_voided=True), void()])
async def test_the_rest_of_a_partly_captured_hold_is_freed_and_the_capture_stays(
    body: dict[str, Any],
) -> None:
    rest = follow_up("release", 20_00, payment_id=HOLD_ID, captured=usd(80_00))
    outcome = await answering(200, body, keeps_rest=True).release(rest)
    assert isinstance(outcome, Approved)
    assert (outcome.payment.state, outcome.payment.captured) == (CAPTURED, usd(80_00))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("DECLINE", "DECLINE"),
        ("x" * 100, "x" * 64),
        ("a\x00b\nc\u2028d", "abcd"),
        ("card 4539858876047062 declined", "declined"),
        (f"token {STORED_TOKEN} unknown", "declined"),
        ("", "declined"),
        (None, "declined"),
        (["DECLINE"], "declined"),
    ],
)
async def test_the_gateways_words_are_bounded_and_free_of_card_and_token(
    text: object, shown: str
) -> None:
    outcome = await ended("authorize", transaction(success=False, message=text))
    assert isinstance(outcome, Declined)
    assert outcome.detail == shown


@pytest.mark.parametrize(
    ("time", "booked_at"),
    [
        ("2026-03-05 13:27:05", datetime(2026, 3, 5, 13, 27, 5, tzinfo=UTC)),
        ("2026-03-05T13:27:05.000Z", datetime(2026, 3, 5, 13, 27, 5, tzinfo=UTC)),
        ("2026-03-05 13:27:05-05:00", datetime(2026, 3, 5, 18, 27, 5, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        (5, None),
        (None, None),
        (..., None),
    ],
)
async def test_a_time_without_a_zone_is_utc(time: object, booked_at: datetime | None) -> None:
    outcome = await ended("authorize", transaction(created_at=time))
    assert isinstance(outcome, Approved)
    assert outcome.payment.booked_at == booked_at

"""Every answer that Payroc documents, and many that it does not: which of the endings each is.

The adapter's whole way is walked, from the verb to the wire; a function stands in for the
network and answers as the row says.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from cardhold.hold import Card, Evidence
from domain.outcome import Approved, Declined, Payment, PaymentState, Pending
from gateways.errors import NoAnswer, Undecided
from tests.gateways.calls import authorize, existing, follow_up, usd
from tests.gateways.payroc_site import PAYMENT_ID, answering, payment, payroc

OPEN, CAPTURED, RELEASED = PaymentState.OPEN, PaymentState.CAPTURED, PaymentState.RELEASED
ADJUST = follow_up("adjust", 150_00, payment_id=PAYMENT_ID)
CAPTURE = follow_up("capture", 80_00, payment_id=PAYMENT_ID)
RELEASE = follow_up("release", 100_00, payment_id=PAYMENT_ID)


async def test_a_hold_is_read_with_all_that_it_shows() -> None:
    outcome = await answering(201, payment()).authorize(authorize())
    assert outcome == Approved(
        Payment(
            payment_id=PAYMENT_ID,
            reference=authorize().reference,
            state=OPEN,
            authorized=usd(100_00),
            captured=usd(0),
            booked_at=datetime(2026, 1, 2, 3, 4, 5, 250_000, tzinfo=UTC),
            expires_at=None,
            card=Card(brand="Visa Credit", last4="7062"),
            evidence=Evidence(approval_code="OK3", avs="Y", cvv="M"),
            detail="APPROVAL",
        )
    )


@pytest.mark.parametrize(
    ("changes", "ending", "state"),
    [
        ({}, Approved, OPEN),
        ({"responseCode": "P", "authorizedAmount": 40_00}, Approved, OPEN),
        ({"authorizedAmount": 40_00}, Approved, OPEN),
        ({"responseCode": "P", "authorizedAmount": 40_00, "amount": 40_00}, Approved, OPEN),
        ({"authorizedAmount": ...}, Approved, OPEN),
        ({"status": "ready"}, Approved, CAPTURED),
        ({"status": "complete"}, Approved, CAPTURED),
        ({"status": "declined", "responseCode": "D"}, Declined, PaymentState.DECLINED),
        ({"status": "referral", "responseCode": "R"}, Declined, PaymentState.DECLINED),
        ({"status": "pickup", "responseCode": "C"}, Declined, PaymentState.DECLINED),
        (
            {"status": "declined", "responseCode": "D", "authorizedAmount": 0},
            Declined,
            PaymentState.DECLINED,
        ),
        ({"status": "accepted", "responseCode": "E"}, Pending, PaymentState.PENDING),
        ({"status": "ready", "responseCode": "E"}, Pending, PaymentState.PENDING),
        ({"status": "accepted"}, Pending, PaymentState.PENDING),
        ({"status": "admin"}, Pending, PaymentState.PENDING),
        ({"status": "admin", "responseCode": "D"}, Pending, PaymentState.PENDING),
    ],
)
async def test_a_create_ends_as_code_and_status_say(
    changes: dict[str, Any], ending: type, state: PaymentState
) -> None:
    outcome = await answering(201, payment(**changes)).authorize(authorize())
    assert type(outcome) is ending
    assert outcome.payment is not None
    assert outcome.payment.state is state


async def test_an_approval_for_less_says_how_much_is_held() -> None:
    partial = payment(responseCode="P", authorizedAmount=40_00)
    outcome = await answering(201, partial).authorize(authorize())
    assert isinstance(outcome, Approved)
    assert outcome.payment.authorized == usd(40_00)


async def test_a_payment_that_was_taken_at_once_shows_what_was_taken() -> None:
    outcome = await answering(201, payment(status="ready")).authorize(authorize())
    assert isinstance(outcome, Approved)
    assert outcome.payment.captured == usd(100_00)


async def test_a_declined_create_holds_nothing_and_says_why() -> None:
    told = payment(status="declined", responseCode="D", responseMessage="Do Not Honor")
    outcome = await answering(201, told).authorize(authorize())
    assert isinstance(outcome, Declined)
    assert outcome.detail == "Do Not Honor"
    assert outcome.payment is not None
    assert outcome.payment.authorized == usd(0)


@pytest.mark.parametrize(
    "changes",
    [
        {"responseCode": "X"},
        {"status": "authorized"},
        {"status": "Pending"},
        {"orderId": "ANOTHER"},
        {"order__currency": "EUR"},
        {"order__currency": "usd"},
        {"order__currency": "XXX"},
        {"transactionResult__currency": "EUR"},
        {"authorizedAmount": 100_01},
        {"authorizedAmount": 0},
        {"authorizedAmount": -100_00},
        {"authorizedAmount": 100.0},
        {"authorizedAmount": "10000"},
        {"authorizedAmount": True},
        {"amount": 100_01},
        {"amount": 99_99},
        {"amount": 10**13},
        {"responseCode": "P", "authorizedAmount": ...},
        {"status": "reversal"},
        {"status": "expired"},
        {"responseCode": "D"},
        {"responseCode": "D", "status": "ready"},
        {"status": "declined"},
        {"paymentId": ...},
        {"paymentId": ""},
        {"paymentId": "a\nb"},
        {"paymentId": 12},
        {"order": ...},
        {"card": ...},
        {"transactionResult": ...},
        {"status": ...},
        {"responseCode": ...},
        {"orderId": ...},
        {"order__amount": ...},
        {"order__currency": ...},
        {"transactionResult": None},
        {"card": []},
    ],
)
async def test_an_answer_that_is_not_quite_a_payment_decides_nothing(
    changes: dict[str, Any],
) -> None:
    with pytest.raises(Undecided):
        await answering(201, payment(**changes)).authorize(authorize())


@pytest.mark.parametrize(
    "status", [200, 202, 204, 301, 302, 307, 308, 408, 425, 500, 502, 503, 504]
)
async def test_a_status_that_the_documents_do_not_give_decides_nothing(status: int) -> None:
    with pytest.raises(Undecided):
        await answering(status, payment()).authorize(authorize())


async def test_a_body_cut_without_a_mark_is_no_answer_at_every_byte() -> None:
    whole = json.dumps(payment()).encode()
    for cut in range(len(whole)):
        adapter = payroc(
            lambda _, cut=cut: httpx.Response(201, stream=httpx.ByteStream(whole[:cut]))
        )
        with pytest.raises(NoAnswer):
            await adapter.authorize(authorize())


@pytest.mark.parametrize(
    ("changes", "ending"),
    [
        ({"amount": 150_00, "authorizedAmount": 150_00}, Approved),
        ({"amount": 150_00, "authorizedAmount": ...}, Approved),
        ({"responseCode": "D"}, Declined),
        ({"responseCode": "R"}, Declined),
        ({"responseCode": "E", "status": "accepted"}, Pending),
        ({"responseCode": "E"}, Pending),
        ({}, Undecided),
        ({"amount": 150_00}, Undecided),
        ({"authorizedAmount": 150_00}, Undecided),
        ({"amount": 150_00, "authorizedAmount": 150_00, "responseCode": "D"}, Undecided),
        ({"responseCode": "D", "status": "declined"}, Undecided),
        ({"responseCode": "P", "authorizedAmount": 120_00}, Undecided),
        ({"amount": 150_00, "authorizedAmount": 150_00, "status": "ready"}, Undecided),
        ({"status": "reversal"}, Undecided),
        ({"status": "expired"}, Undecided),
        ({"amount": 150_00, "authorizedAmount": 150_00, "paymentId": "OTHER00000"}, Undecided),
        ({"amount": 150_00, "authorizedAmount": 150_00, "orderId": "OTHER"}, Undecided),
        ({"amount": 150_00, "authorizedAmount": 150_00, "order__currency": "EUR"}, Undecided),
    ],
)
async def test_an_adjustment_ends_by_the_total_that_is_shown(
    changes: dict[str, Any], ending: type
) -> None:
    assert await _ending(payment(**changes), "adjust") is ending


@pytest.mark.parametrize(
    ("changes", "ending"),
    [
        ({"amount": 80_00, "authorizedAmount": 80_00, "status": "ready"}, Approved),
        ({"amount": 80_00, "authorizedAmount": ..., "status": "complete"}, Approved),
        ({"responseCode": "D"}, Declined),
        ({"responseCode": "E", "status": "accepted"}, Pending),
        ({"amount": 80_00, "authorizedAmount": 80_00, "status": "admin"}, Pending),
        ({"status": "ready"}, Undecided),
        ({"amount": 79_99, "authorizedAmount": 79_99, "status": "ready"}, Undecided),
        ({"amount": 80_00, "authorizedAmount": 80_00}, Undecided),
        ({"responseCode": "D", "status": "declined"}, Undecided),
        ({"amount": 80_00, "authorizedAmount": 80_00, "responseCode": "D"}, Undecided),
        ({"responseCode": "D", "status": "expired"}, Undecided),
        ({"status": "reversal"}, Undecided),
        ({"status": "expired"}, Undecided),
        ({"amount": 80_00, "status": "ready", "paymentId": "OTHER00000"}, Undecided),
        ({"amount": 80_00, "status": "ready", "orderId": "OTHER"}, Undecided),
        ({"amount": 80_00, "status": "ready", "order__currency": "EUR"}, Undecided),
    ],
)
async def test_a_capture_ends_by_what_was_taken(changes: dict[str, Any], ending: type) -> None:
    assert await _ending(payment(**changes), "capture") is ending


@pytest.mark.parametrize(
    ("changes", "ending"),
    [
        ({"status": "reversal"}, Approved),
        ({"status": "reversal", "amount": 49_99, "authorizedAmount": 1_00}, Approved),
        ({"responseCode": "D"}, Declined),
        ({"status": "accepted", "responseCode": "E"}, Pending),
        ({}, Undecided),
        ({"status": "ready"}, Undecided),
        ({"status": "expired"}, Undecided),
        ({"status": "reversal", "paymentId": "OTHER00000"}, Undecided),
        ({"status": "reversal", "orderId": "OTHER"}, Undecided),
    ],
)
async def test_a_release_ends_by_the_reversal_alone(changes: dict[str, Any], ending: type) -> None:
    assert await _ending(payment(**changes), "release") is ending


async def _ending(body: object, verb: str) -> type:
    adapter = answering(200, body)
    try:
        match verb:
            case "adjust":
                return type(await adapter.adjust(ADJUST))
            case "capture":
                return type(await adapter.capture(CAPTURE))
            case _:
                return type(await adapter.release(RELEASE))
    except Undecided:
        return Undecided


@pytest.mark.parametrize(
    ("changes", "state", "captured_minor"),
    [
        ({}, OPEN, 0),
        ({"responseCode": "D"}, OPEN, 0),  # a declined increment is no decline of the hold
        ({"status": "ready", "amount": 80_00}, CAPTURED, 80_00),
        ({"status": "complete", "amount": 80_00}, CAPTURED, 80_00),
        ({"status": "reversal"}, RELEASED, 0),
        ({"status": "expired"}, PaymentState.EXPIRED, 0),
        ({"status": "declined", "responseCode": "D"}, PaymentState.DECLINED, 0),
        ({"status": "accepted", "responseCode": "E"}, PaymentState.PENDING, 0),
    ],
)
async def test_a_look_up_by_id_tells_where_the_payment_stands(
    changes: dict[str, Any], state: PaymentState, captured_minor: int
) -> None:
    found = await answering(200, payment(**changes)).look_up(CAPTURE)
    assert found is not None
    assert (found.state, found.captured) == (state, usd(captured_minor))


@pytest.mark.parametrize(
    "changes", [{"paymentId": "OTHER00000"}, {"orderId": "O"}, {"order__currency": "EUR"}]
)
async def test_a_look_up_that_shows_another_payment_decides_nothing(
    changes: dict[str, Any],
) -> None:
    with pytest.raises(Undecided):
        await answering(200, payment(**changes)).look_up(CAPTURE)


async def test_a_hold_made_elsewhere_is_found_by_its_id_whatever_its_order_and_currency() -> None:
    adapter = answering(
        200,
        payment(
            orderId="of a hosted page", order__currency="EUR", transactionResult__currency="EUR"
        ),
    )
    found = await adapter.look_up(authorize(payment_method=existing(PAYMENT_ID)))
    assert found is not None
    assert (found.state, found.authorized.currency, found.reference) == (
        OPEN,
        "EUR",
        "of a hosted page",
    )


def _listing(*payments: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "limit": 100,
        "count": len(payments),
        "hasMore": False,
        "data": payments,
        "links": [],
        **more,
    }


@pytest.mark.parametrize(
    ("shown", "payment_id"),
    [
        ([], None),
        ([payment(orderId="ANOTHER")], None),
        ([payment()], PAYMENT_ID),
        (
            [
                payment(
                    paymentId="DECLINED00",
                    status="declined",
                    responseCode="D",
                    dateTime="2026-01-01T00:00:00Z",
                ),
                payment(),
            ],
            PAYMENT_ID,
        ),
        (
            [
                payment(paymentId="REVERSED00", status="reversal", dateTime="2026-01-01T00:00:00Z"),
                payment(),
            ],
            PAYMENT_ID,
        ),
        (
            [payment(), payment(paymentId="EARLIER000", dateTime="2026-01-02T03:04:05Z")],
            "EARLIER000",
        ),
        ([payment(paymentId="NODATE0000", dateTime=...), payment()], PAYMENT_ID),
        (
            [
                payment(paymentId="PENDING000", status="accepted", responseCode="E"),
                payment(paymentId="REVERSED00", status="reversal"),
            ],
            "PENDING000",
        ),
        ([payment(paymentId="DECLINED00", status="declined", responseCode="D")], "DECLINED00"),
    ],
)
async def test_of_several_payments_the_one_that_holds_money_counts(
    shown: list[dict[str, Any]], payment_id: str | None
) -> None:
    found = await answering(200, _listing(*shown)).look_up(authorize())
    assert (found.payment_id if found else None) == payment_id


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": None},
        {"limit": 100, "count": 0, "data": [], "links": []},
        _listing(hasMore=None),
        _listing({"paymentId": PAYMENT_ID}),
        _listing(hasMore=True),
        _listing(
            hasMore=True,
            links=[
                {"rel": "next", "method": "get", "href": "https://evil.example/v1/payments?after=A"}
            ],
        ),
        _listing(
            hasMore=True,
            links=[
                {
                    "rel": "next",
                    "method": "get",
                    "href": "https://api.payroc.example/v1/payments?after=A",
                }
            ],
        ),
        _listing(
            hasMore=True,
            links=[
                {
                    "rel": "next",
                    "method": "get",
                    "href": "http://api.payroc.example/v1/payments?after=A",
                }
            ],
        ),
        _listing(
            hasMore=True,
            links=[
                {
                    "rel": "next",
                    "method": "get",
                    "href": "https://api.payroc.example/v1/payments/../x",
                }
            ],
        ),
    ],
)
async def test_a_list_that_cannot_be_read_to_its_end_proves_no_absence(body: object) -> None:
    asked: list[str] = []

    def api(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json=body)

    with pytest.raises(Undecided):
        await payroc(api).look_up(authorize())
    assert set(asked) == {"/v1/payments"}
    assert len(asked) in {1, 10}  # a list that names itself as its next page is left at the tenth


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("OK6", "OK6"),
        ("x" * 100, "x" * 64),
        ("a\x00b\nc\u2028d", "abcd"),
        ("card 4539858876047062 declined", None),
        ("token 2967539876543210 unknown", None),
        ("", None),
        (None, None),
    ],
)
async def test_the_gateways_words_are_bounded_and_free_of_card_and_token(
    text: str | None, shown: str | None
) -> None:
    outcome = await answering(201, payment(responseMessage=text)).authorize(authorize())
    assert isinstance(outcome, Approved)
    assert outcome.payment.detail == shown


@pytest.mark.parametrize(
    ("time", "booked_at"),
    [
        ("2024-07-02T15:30:00Z", datetime(2024, 7, 2, 15, 30, tzinfo=UTC)),
        ("2023-06-20T21:03:30.925+01:00", datetime(2023, 6, 20, 20, 3, 30, 925_000, tzinfo=UTC)),
        ("2024-07-02T15:30:00", None),
        ("yesterday", None),
        ("0001-01-01T00:00:00+23:00", None),
        (..., None),
    ],
)
async def test_a_time_counts_only_with_its_zone(time: object, booked_at: datetime | None) -> None:
    outcome = await answering(201, payment(dateTime=time)).authorize(authorize())
    assert isinstance(outcome, Approved)
    assert outcome.payment.booked_at == booked_at


async def test_a_payment_in_another_currency_under_our_reference_decides_nothing() -> None:
    other = payment(order__currency="EUR", transactionResult__currency="EUR")
    with pytest.raises(Undecided):
        await answering(200, _listing(other)).look_up(authorize())


async def test_several_live_payments_under_one_reference_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shown = _listing(payment(), payment(paymentId="SECOND0000"))
    await answering(200, shown).look_up(authorize())
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert PAYMENT_ID in record.getMessage()
    assert "SECOND0000" in record.getMessage()

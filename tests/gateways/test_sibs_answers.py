"""Every answer that SIBS documents, and many that it does not: which of the endings each is.

The adapter's whole way is walked, from the verb to the wire; a function stands in for the
network and answers as the row says.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, cast

import httpx
import pytest

from cardhold.hold import Action, Card
from cardhold.money import Money
from domain.outcome import ActionRequired, Approved, Declined, Payment, PaymentState, Pending
from gateways.errors import NoAnswer, NotSent, OutcomeUnknown, Undecided
from gateways.port import Named
from tests.gateways.calls import authorize, follow_up, usd
from tests.gateways.sibs_site import (
    PAYMENT_ID,
    SIGNATURE,
    Sibslike,
    authorization,
    challenge,
    ending,
    ordered,
    purchasing,
    sibs,
    status,
    step,
)

REFERENCE = authorize().reference
CAPTURE = follow_up("capture", 80_00, payment_id=PAYMENT_ID)
RELEASE = follow_up("release", 100_00, payment_id=PAYMENT_ID)
ADJUST = follow_up("adjust", 60_00, payment_id=PAYMENT_ID)
STATUSES = [
    "Success", "Pending", "InProcessing", "Partial", "Declined", "Timeout", "Error", ..., "Novel",
]  # fmt: skip
CODES = ["000", "E0119", "E0101", "T9999", "10.100.1234", "", "Success"]


def _ending(code: str, state: object) -> type:
    """What both layers say together of a purchase; by hand, and not by the adapter's table."""
    if code == "000":
        by_state = {
            "Success": Approved,
            "Declined": Declined,
            "Pending": Pending,
            "InProcessing": Pending,
            "Timeout": Pending,
            "Partial": ActionRequired,
        }
        return by_state.get(cast("str", state), Undecided)
    if code == "E0119" and state in {"Error", ...}:
        return Declined
    return Declined if state == "Declined" and code != "T9999" else Undecided


EVERY_PAIR = [(code, state, _ending(code, state)) for code in CODES for state in STATUSES]


async def test_a_hold_is_read_with_all_that_it_shows() -> None:
    shown = authorization(token={"maskedPAN": "************7062"})
    outcome = await purchasing(shown).authorize(authorize())
    assert outcome == Approved(
        Payment(
            payment_id=PAYMENT_ID,
            reference=REFERENCE,
            state=PaymentState.OPEN,
            authorized=usd(100_00),
            captured=usd(0),
            booked_at=datetime(2026, 1, 2, 3, 4, 6, 127_000, tzinfo=UTC),
            card=Card(last4="7062"),
            detail="Success.",
        )
    )


@pytest.mark.parametrize(("code", "state", "expected"), EVERY_PAIR)
async def test_a_purchase_ends_as_both_layers_say(code: str, state: object, expected: type) -> None:
    answer = authorization(
        returnStatus=status(code), paymentStatus=state, actionResponse=challenge()
    )
    try:
        ended: type = type(await purchasing(answer).authorize(authorize()))
    except OutcomeUnknown as error:
        ended = type(error)
        assert error.payment_id == PAYMENT_ID
    assert ended is expected


@pytest.mark.parametrize(("code", "state", "expected"), EVERY_PAIR)
@pytest.mark.parametrize("call", [CAPTURE, RELEASE, ADJUST], ids=["capture", "release", "adjust"])
async def test_a_later_operation_ends_as_both_layers_say(
    call: Named, code: str, state: object, expected: type
) -> None:
    value = {"capture": "80.00", "release": "100.00", "adjust": "40.00"}[call.call.kind]
    answer = step(call.reference, value, returnStatus=status(code), paymentStatus=state)
    # No later operation can be the guest's turn.
    assert await ending(answer, call) is (Undecided if expected is ActionRequired else expected)


@pytest.mark.parametrize("state", [PaymentState.PENDING, PaymentState.DECLINED])
async def test_what_is_not_approved_holds_nothing(state: PaymentState) -> None:
    word = {PaymentState.PENDING: "InProcessing", PaymentState.DECLINED: "Declined"}[state]
    outcome = await purchasing(authorization(paymentStatus=word)).authorize(authorize())
    assert isinstance(outcome, Pending | Declined)
    assert outcome.payment is not None
    assert (outcome.payment.state, outcome.payment.authorized) == (state, usd(0))


async def test_a_decline_says_why() -> None:
    why = status("E0119", "Do Not Honor")
    shown = authorization(returnStatus=why, paymentStatus="Declined")
    outcome = await purchasing(shown).authorize(authorize())
    assert isinstance(outcome, Declined)
    assert outcome.detail == "Do Not Honor"


async def test_an_authorization_that_was_made_a_purchase_shows_what_was_taken() -> None:
    outcome = await purchasing(authorization(paymentType="PURS")).authorize(authorize())
    assert isinstance(outcome, Approved)
    taken = (outcome.payment.state, outcome.payment.captured)
    assert taken == (PaymentState.CAPTURED, usd(100_00))


PARAMS: list[tuple[object, dict[str, str], str]] = [
    ([{"key": "creq", "value": "eyJh"}], {"creq": "eyJh"}, "POST"),
    ([{"name": "creq", "data": "eyJh"}], {"creq": "eyJh"}, "POST"),
    ({"creq": "eyJh"}, {"creq": "eyJh"}, "POST"),
    ([], {}, "GET"),
    (None, {}, "GET"),
]


@pytest.mark.parametrize("kind", ["THREEDS_METHOD", "THREEDS_CHALLENGE"])
@pytest.mark.parametrize(("params", "fields", "method"), PARAMS)
@pytest.mark.parametrize("http", [200, 206])
async def test_the_guest_is_sent_where_the_answer_says(
    http: int, params: object, fields: dict[str, str], method: str, kind: str
) -> None:
    url = "https://acs.issuer.example/challenge"
    asked = challenge(type=kind, data={"url": url, "params": params})
    shown = authorization(paymentStatus="Partial", actionResponse=asked)
    outcome = await purchasing(httpx.Response(http, json=shown)).authorize(authorize())
    assert isinstance(outcome, ActionRequired)
    assert outcome.payment.state is PaymentState.ACTION_REQUIRED
    assert (outcome.payment.authorized, outcome.payment.captured) == (usd(0), usd(0))
    assert outcome.payment.action == Action(
        action_id="act-1", url=url, method=method, fields=fields
    )


@pytest.mark.parametrize(
    "asked",
    [
        ...,
        None,
        challenge(type="DCC"),
        challenge(type="BLIK_FALLBACK"),
        challenge(id=...),
        challenge(id="a b"),
        challenge(data=...),
        challenge(data={"params": []}),
        challenge(data={"url": "javascript:alert(1)"}),
        challenge(data={"url": "https://x/\r\n"}),
        challenge(data={"url": "https://x/", "params": [{"value": "1"}]}),
        challenge(data={"url": "https://x/", "params": [{"key": "a", "value": 1}]}),
        challenge(data={"url": "https://x/", "params": "a=b"}),
        challenge(data={"url": f"https://x/?{SIGNATURE}"}),
        challenge(data={"url": "https://x/", "params": {"s": SIGNATURE}}),
        "go there",
    ],
)
async def test_what_the_guest_cannot_be_asked_is_undecided_and_to_be_looked_up(
    asked: object,
) -> None:
    shown = authorization(paymentStatus="Partial", actionResponse=asked)
    with pytest.raises(Undecided) as caught:
        await purchasing(shown).authorize(authorize())
    assert caught.value.payment_id == PAYMENT_ID


@pytest.mark.parametrize(
    "changes",
    [
        {"transactionID": "another"},
        {"transactionID": ...},
        {"transactionID": ""},
        {"transactionID": "a\nb"},
        {"transactionID": 12},
        {"merchant": {"merchantTransactionId": "ANOTHER"}},
        {"merchant": {"transactionId": "ANOTHER"}},
        {"merchant": "us"},
        {"amount": {"value": 99.99, "currency": "USD"}},
        {"amount": {"value": 100.01, "currency": "USD"}},
        {"amount": {"value": "100.001", "currency": "USD"}},
        {"amount": {"value": 100, "currency": "EUR"}},
        {"amount": {"value": 100, "currency": "usd"}},
        {"amount": {"value": 100, "currency": "XXX"}},
        {"amount": {"value": -100, "currency": "USD"}},
        {"amount": {"value": True, "currency": "USD"}},
        {"amount": {"value": "1e2", "currency": "USD"}},
        {"amount": {"value": " 100", "currency": "USD"}},
        {"amount": {"value": "１００", "currency": "USD"}},  # noqa: RUF001 - not ASCII, on purpose
        {"amount": {"value": None, "currency": "USD"}},
        {"amount": {"value": 100}},
        {"amount": 100},
        {"paymentStatus": "success"},
        {"paymentStatus": "SUCCESS"},
        {"paymentStatus": ["Success"]},
        {"paymentType": "auth"},
        {"paymentType": "CAPTURE"},
        {"returnStatus": ...},
        {"returnStatus": {}},
        {"returnStatus": "000"},
        {"returnStatus": {"statusCode": 0}},
    ],
)
async def test_a_purchase_that_is_not_quite_ours_decides_nothing(changes: dict[str, Any]) -> None:
    with pytest.raises(Undecided) as caught:
        await purchasing(authorization(**changes)).authorize(authorize())
    assert caught.value.payment_id == PAYMENT_ID


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": ...},
        {"merchant": ...},
        {"paymentType": ...},
        {"paymentMethod": ...},
        {"transactionDateTime": ...},
        {"token": "tok"},
        {"token": {"maskedPAN": None}},
        {"merchant": {"merchantTransactionId": REFERENCE}},
        {"amount": {"value": "100", "currency": "USD"}},
        {"amount": {"value": "100.000", "currency": "USD"}},
        {"unheard": "of"},
    ],
)
async def test_what_a_purchase_need_not_say_is_not_missed(changes: dict[str, Any]) -> None:
    outcome = await purchasing(authorization(**changes)).authorize(authorize())
    assert isinstance(outcome, Approved)
    assert outcome.payment.authorized == usd(100_00)


ANSWERS = {"purchase": authorization(), "capture": step(CAPTURE.reference, "80.00")}


@pytest.mark.parametrize("what", ANSWERS)
async def test_an_answer_cut_without_a_mark_is_no_answer_at_every_byte(what: str) -> None:
    whole = json.dumps(ANSWERS[what]).encode()
    for cut in range(len(whole)):

        def network(request: httpx.Request, cut: int = cut) -> httpx.Response:
            if request.url.path.endswith("/payments"):
                return httpx.Response(200, json=ordered())
            return httpx.Response(200, stream=httpx.ByteStream(whole[:cut]))

        adapter = sibs(network)
        with pytest.raises(NoAnswer) as caught:
            await (
                adapter.capture(CAPTURE) if what == "capture" else adapter.authorize(authorize())
            )
        assert caught.value.payment_id == (PAYMENT_ID if what == "purchase" else None)


async def test_an_order_cut_at_any_byte_holds_nothing() -> None:
    whole = json.dumps(ordered()).encode()
    asked: list[httpx.Request] = []
    for cut in range(len(whole)):

        def network(request: httpx.Request, cut: int = cut) -> httpx.Response:
            asked.append(request)
            return httpx.Response(200, stream=httpx.ByteStream(whole[:cut]))

        with pytest.raises(NotSent):
            await sibs(network).authorize(authorize())
    assert len(asked) == len(whole)


@pytest.mark.parametrize(
    "garbage", [b"<html>", b"[]", b"null", b'{"a":1}', b"\xff\xfe", b'{"a":1,"a":2}', b"{} {}"]
)
async def test_garbage_decides_nothing(garbage: bytes) -> None:
    answer = httpx.Response(200, content=garbage)
    with pytest.raises(Undecided) as caught:
        await purchasing(answer).authorize(authorize())
    assert caught.value.payment_id == PAYMENT_ID
    assert await ending(answer, CAPTURE) is Undecided


@pytest.mark.parametrize(
    ("currency", "amount_minor", "values"),
    [
        ("JPY", 1_234, ["1234", 1234, "1234.0"]),
        ("KWD", 1_234, ["1.234", 1.234, "1.2340"]),
        ("EUR", 12_345_678_901, ["123456789.01", 123456789.01]),
    ],
)
async def test_amounts_are_read_exactly_number_or_text(
    currency: str, amount_minor: int, values: list[object]
) -> None:
    money = Money(amount_minor=amount_minor, currency=currency)
    call = authorize()
    asked = Named(call.call.model_copy(update={"amount": money}), call.key, call.reference)
    for value in values:
        amount = {"value": value, "currency": currency}
        site = Sibslike(order=ordered(amount=amount), purchase=authorization(amount=amount))
        outcome = await sibs(site).authorize(asked)
        assert isinstance(outcome, Approved)
        assert outcome.payment.authorized == money

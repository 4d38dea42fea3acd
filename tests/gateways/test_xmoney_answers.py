"""Every status that xMoney knows, and many answers that it does not: which ending each is.

The adapter's whole way is walked, from the verb to the wire; a list stands in for the network.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from cardhold.hold import Action, Card, Evidence
from domain.outcome import ActionRequired, Approved, Declined, Payment, PaymentState, Pending
from gateways.errors import NoAnswer, OutcomeUnknown, Undecided
from gateways.port import Named
from tests.gateways.calls import usd
from tests.gateways.xmoney_site import (
    PAYMENT_ID,
    REDIRECT,
    authorize,
    created,
    follow_up,
    meeting,
    ok,
    order,
    page,
    problem,
    redirecting,
    transaction,
)

OPEN, CAPTURED = PaymentState.OPEN, PaymentState.CAPTURED
PENDING, DECLINED = PaymentState.PENDING, PaymentState.DECLINED
WAITING = PaymentState.ACTION_REQUIRED
CAPTURE = follow_up("capture", 80_00)
RELEASE = follow_up("release", 100_00)


async def test_a_hold_is_read_with_all_that_it_shows() -> None:
    outcome = await meeting(created(), ok(transaction())).authorize(authorize())
    assert outcome == Approved(
        Payment(
            payment_id=PAYMENT_ID,
            reference=authorize().reference,
            state=OPEN,
            authorized=usd(100_00),
            captured=usd(0),
            booked_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            card=Card(brand="visa", last4="7062"),
            evidence=Evidence(approval_code="A1B2C3"),
            detail="in-progress",
        )
    )


@pytest.mark.parametrize(
    ("status", "ending", "state"),
    [
        ("in-progress", Approved, OPEN),
        ("complete-ok", Approved, CAPTURED),
        ("refund-ok", Approved, CAPTURED),
        ("cancel-ok", Approved, CAPTURED),
        ("charge-back", Approved, CAPTURED),
        ("complete-failed", Declined, DECLINED),
        ("3d-pending", Pending, WAITING),
        ("start", Pending, PENDING),
        ("uncertain", Pending, PENDING),
        ("retrying", Pending, PENDING),
        ("expiring", Pending, PENDING),
    ],
)
async def test_an_order_ends_as_its_payment_says(
    status: str, ending: type, state: PaymentState
) -> None:
    outcome = await meeting(created(), ok(transaction(status))).authorize(authorize())
    assert type(outcome) is ending
    assert outcome.payment is not None
    assert outcome.payment.state is state


async def test_a_declined_order_holds_nothing_and_says_why() -> None:
    told = transaction("complete-failed", components=[{"providerMessage": "Do not honour"}])
    outcome = await meeting(created(), ok(told)).authorize(authorize())
    assert isinstance(outcome, Declined)
    assert outcome.detail == "Do not honour"
    assert outcome.payment is not None
    assert outcome.payment.authorized == usd(0)


@pytest.mark.parametrize(
    ("more", "detail"),
    [
        ({"failureReason": "Insufficient funds"}, "Insufficient funds"),
        ({"components": []}, "complete-failed"),
        ({"components": None}, "complete-failed"),
        ({"failureReason": "see https://x.example"}, "complete-failed"),
        ({"failureReason": "of card 90210777"}, "complete-failed"),
    ],
)
async def test_a_decline_is_told_in_words_alone(more: dict[str, Any], detail: str) -> None:
    told = transaction("complete-failed", **more)
    outcome = await meeting(created(), ok(told)).authorize(authorize())
    assert isinstance(outcome, Declined)
    assert outcome.detail == detail


NO_PAYMENT = [
    {"id": 70002},
    {"id": ...},
    {"id": 70001.0},
    {"id": True},
    {"id": "7e4"},
    {"currency": "EUR"},
    {"currency": "usd"},
    {"currency": "XXX"},
    {"currency": ...},
    {"externalOrderId": "ANOTHER"},
    {"transactionStatus": "authorized"},
    {"transactionStatus": "In-Progress"},
    {"transactionStatus": ...},
    {"transactionType": "gift"},
    {"amount": ...},
    {"amount": None},
    {"amount": "100.001"},
    {"amount": "-100.00"},
    {"amount": "1e2"},
    {"amount": "100,00"},
    {"amount": " 100.00"},
    {"amount": ""},
    {"amount": True},
    {"amount": ["100.00"]},
    {"amount": "10000000000000.00"},
    {"orderId": ...},
]


@pytest.mark.parametrize(
    "changes",
    [
        *NO_PAYMENT,
        {"orderId": 302},
        {"amount": "99.99"},
        {"amount": "100.01"},
        {"amount": 0},
        {"transactionStatus": "void-ok"},
    ],
)
async def test_a_new_payment_that_is_not_quite_ours_decides_nothing_and_is_named(
    changes: dict[str, Any],
) -> None:
    with pytest.raises(Undecided) as caught:
        await meeting(created(), ok(transaction(**changes))).authorize(authorize())
    assert caught.value.payment_id == PAYMENT_ID


@pytest.mark.parametrize("changes", NO_PAYMENT)
@pytest.mark.parametrize("verb", ["capture", "release", "look_up"])
async def test_a_payment_that_is_not_quite_ours_decides_nothing(
    verb: str, changes: dict[str, Any]
) -> None:
    shown = ok(transaction("complete-ok" if verb == "capture" else "void-ok", "80.00"))
    for name, value in changes.items():
        shown["data"].pop(name, None)
        shown["data"] |= {} if value is ... else {name: value}
    before = {"capture": [ok()], "release": [ok(transaction()), ok()], "look_up": []}[verb]
    call = CAPTURE if verb == "capture" else RELEASE
    with pytest.raises(Undecided):
        await getattr(meeting(*before, shown), verb)(call)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"code": 201, "message": "Created"},
        {"code": 201, "data": None},
        {"code": 201, "data": []},
        {"code": "201", "data": created()["data"]},
        {"data": created()["data"]},
        created(orderId=None),
        created(transactionId=None),
        created(transactionId="x"),
        created(transactionId=-1),
        created(transactionId=True),
        created(transactionId="1" * 20),
        httpx.Response(204),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, text="[]"),
        httpx.Response(200, content=b"\xff\xfe"),
    ],
)
async def test_an_answer_that_names_no_payment_leaves_the_order_unknown(answer: Any) -> None:
    with pytest.raises(OutcomeUnknown) as caught:
        await meeting(answer).authorize(authorize())
    assert caught.value.payment_id is None


@pytest.mark.parametrize(
    "follows",
    [
        httpx.ConnectError("none"),
        httpx.ReadError("lost"),
        httpx.Response(500),
        problem(401),
        problem(404),
        problem(429),
        problem(422),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, text='{"code": 200'),
    ],
)
async def test_an_order_that_cannot_be_read_afterwards_is_unknown_and_named(follows: Any) -> None:
    with pytest.raises(OutcomeUnknown) as caught:
        await meeting(created(), follows).authorize(authorize())
    assert caught.value.payment_id == PAYMENT_ID
    for call in (CAPTURE, RELEASE):
        before = [ok()] if call is CAPTURE else [ok(transaction()), ok()]
        with pytest.raises(OutcomeUnknown):
            await _verb(meeting(*before, follows), call)


async def _verb(adapter: Any, call: Named) -> Any:
    return await getattr(adapter, call.call.kind)(call)


WHOLE = {
    "POST": json.dumps(created()).encode(),
    "GET": json.dumps(ok(transaction())).encode(),
    "PUT": json.dumps(ok()).encode(),
    "LIST": json.dumps(page(order())).encode(),
}


def _cut(body: bytes, at: int) -> httpx.Response:
    return httpx.Response(200, stream=httpx.ByteStream(body[:at]))


async def test_an_order_cut_without_a_mark_is_no_answer_at_every_byte() -> None:
    for at in range(len(WHOLE["POST"])):
        with pytest.raises(NoAnswer):
            await meeting(_cut(WHOLE["POST"], at)).authorize(authorize())


async def test_a_reading_cut_without_a_mark_is_no_answer_at_every_byte() -> None:
    for at in range(len(WHOLE["GET"])):
        with pytest.raises(NoAnswer) as caught:
            await meeting(created(), _cut(WHOLE["GET"], at)).authorize(authorize())
        assert caught.value.payment_id == PAYMENT_ID
        with pytest.raises(NoAnswer):
            await meeting(_cut(WHOLE["GET"], at)).look_up(CAPTURE)


async def test_a_capture_or_void_cut_without_a_mark_is_no_answer_at_every_byte() -> None:
    for at in range(len(WHOLE["PUT"])):
        with pytest.raises(NoAnswer):
            await meeting(_cut(WHOLE["PUT"], at)).capture(CAPTURE)
        with pytest.raises(NoAnswer):
            await meeting(ok(transaction()), _cut(WHOLE["PUT"], at)).release(RELEASE)


async def test_a_list_cut_without_a_mark_proves_no_absence_at_any_byte() -> None:
    for at in range(len(WHOLE["LIST"])):
        with pytest.raises(NoAnswer):
            await meeting(_cut(WHOLE["LIST"], at)).look_up(authorize())


async def test_the_guest_is_sent_where_xmoney_says() -> None:
    outcome = await meeting(redirecting()).authorize(authorize())
    assert outcome == ActionRequired(
        Payment(
            payment_id=PAYMENT_ID,
            reference=authorize().reference,
            state=WAITING,
            authorized=usd(0),
            captured=usd(0),
            action=Action(
                action_id=PAYMENT_ID,
                url=REDIRECT,
                method="POST",
                fields={"PaReq": "eJx", "MD": "70001"},
            ),
        )
    )


@pytest.mark.parametrize(
    ("changes", "method", "fields"),
    [
        ({"formMethod": "get", "params": ...}, "GET", {}),
        ({"formMethod": ..., "params": []}, "POST", {}),
        ({"params": None}, "POST", {}),
        ({"params": {"a": 1, "b": ""}}, "POST", {"a": "1", "b": ""}),
    ],
)
async def test_the_guests_form_is_read_as_it_comes(
    changes: dict[str, Any], method: str, fields: dict[str, str]
) -> None:
    outcome = await meeting(redirecting(**changes)).authorize(authorize())
    assert isinstance(outcome, ActionRequired)
    assert outcome.payment.action is not None
    assert (outcome.payment.action.method, outcome.payment.action.fields) == (method, fields)


@pytest.mark.parametrize(
    "changes",
    [
        {"url": ...},
        {"url": ""},
        {"url": "http://secure.xmoney.example/acs"},
        {"url": "javascript:alert(1)"},
        {"url": "https://"},
        {"url": "https://a b.example/"},
        {"url": "https://[/"},
        {"url": "/acs20"},
        {"url": "https://x.example/" + "a" * 2048},
        {"formMethod": "PUT"},
        {"params": [["a", "b"]]},
        {"params": {"a": {"b": "c"}}},
        {"params": {"a": True}},
    ],
)
async def test_a_guest_is_sent_nowhere_that_nobody_can_be_sent_to(changes: dict[str, Any]) -> None:
    with pytest.raises(Undecided) as caught:
        await meeting(redirecting(**changes)).authorize(authorize())
    assert caught.value.payment_id == PAYMENT_ID


async def test_a_redirect_without_a_way_is_undecided_and_a_flag_alone_is_looked_at() -> None:
    with pytest.raises(Undecided):
        await meeting(created(isRedirect=True)).authorize(authorize())
    outcome = await meeting(created(is3d=1), ok(transaction())).authorize(authorize())
    assert isinstance(outcome, Approved)


@pytest.mark.parametrize(
    ("status", "ending"),
    [
        ("complete-failed", Declined),
        ("void-ok", Declined),
        ("in-progress", Approved),
        ("3d-pending", Pending),
        ("uncertain", Pending),
    ],
)
@pytest.mark.parametrize("answered", [ok(), problem(422)])
async def test_a_guest_who_is_not_there_is_not_asked(
    status: str, ending: type, answered: Any
) -> None:
    adapter = meeting(redirecting(), answered, ok(transaction(status)))
    assert type(await adapter.authorize(authorize(initiator="merchant"))) is ending


async def test_what_cannot_be_called_off_is_unknown_and_named() -> None:
    for met in (httpx.ConnectError("none"), problem(500), problem(429)):
        with pytest.raises(OutcomeUnknown) as caught:
            await meeting(redirecting(), met).authorize(authorize(initiator="merchant"))
        assert caught.value.payment_id == PAYMENT_ID

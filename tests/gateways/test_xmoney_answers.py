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
from cardhold.money import Money
from domain.outcome import (
    ActionRequired,
    Approved,
    Declined,
    Payment,
    PaymentState,
    Pending,
)
from gateways.errors import GatewayError, NoAnswer, OutcomeUnknown, Undecided
from gateways.port import Named
from tests.gateways.calls import existing, usd
from tests.gateways.xmoney_site import (
    PAYMENT_ID,
    REDIRECT,
    Line,
    authorize,
    call_off,
    created,
    follow_up,
    in_body,
    meeting,
    ok,
    order,
    page,
    problem,
    redirecting,
    transaction,
    xmoney,
)

OPEN, CAPTURED, RELEASED = PaymentState.OPEN, PaymentState.CAPTURED, PaymentState.RELEASED
PENDING, DECLINED = PaymentState.PENDING, PaymentState.DECLINED
WAITING = PaymentState.ACTION_REQUIRED
CAPTURE = follow_up("capture", 80_00)
CAPTURE_ALL = follow_up("capture", 100_00)
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


@pytest.mark.parametrize(
    ("status", "amount", "state", "authorized_minor", "captured_minor"),
    [
        ("in-progress", "100.00", OPEN, 100_00, 0),
        ("complete-ok", "80.00", CAPTURED, 100_00, 80_00),
        ("cancel-ok", "80.00", CAPTURED, 100_00, 80_00),
        ("refund-ok", "80.00", CAPTURED, 100_00, 80_00),
        ("charge-back", "80.00", CAPTURED, 100_00, 80_00),
        ("void-ok", "100.00", RELEASED, 100_00, 0),
        ("complete-failed", "100.00", PENDING, 100_00, 0),
        ("3d-pending", "100.00", WAITING, 0, 0),
        ("uncertain", "100.00", PENDING, 100_00, 0),
        ("start", "100.00", PENDING, 100_00, 0),
        ("retrying", "100.00", PENDING, 100_00, 0),
        ("expiring", "100.00", PENDING, 100_00, 0),
    ],
)
async def test_a_look_up_by_id_tells_where_the_payment_stands(
    status: str, amount: str, state: PaymentState, authorized_minor: int, captured_minor: int
) -> None:
    found = await meeting(ok(transaction(status, amount))).look_up(CAPTURE)
    assert found is not None
    assert (found.state, found.authorized, found.captured) == (
        state,
        usd(authorized_minor),
        usd(captured_minor),
    )
    assert (found.detail or "").startswith(status)


async def test_what_was_taken_back_by_somebody_is_said() -> None:
    found = await meeting(ok(transaction("refund-ok", "80.00"))).look_up(CAPTURE)
    assert found is not None
    assert found.detail == "refund-ok: what was captured was taken back at the gateway"


@pytest.mark.parametrize(
    ("currency", "shown", "minor"),
    [
        ("USD", "100.00", 100_00),
        ("USD", "100", 100_00),
        ("USD", 100, 100_00),
        ("USD", "100.000", 100_00),
        ("USD", "0.1", 10),
        ("JPY", "1234", 1_234),
        ("JPY", 1234, 1_234),
        ("JPY", "1234.00", 1_234),
        ("JPY", "12.34", None),
        ("KWD", "1.234", 1_234),
        ("KWD", "1.2", 1_200),
        ("KWD", "1.2345", None),
    ],
)
async def test_amounts_are_read_exactly_in_every_currency(
    currency: str, shown: Any, minor: int | None
) -> None:
    call = authorize(payment_method=existing(PAYMENT_ID))
    adapter = meeting(ok(transaction(amount=shown, currency=currency)))
    if minor is None:
        with pytest.raises(Undecided):
            await adapter.look_up(call)
        return
    found = await adapter.look_up(call)
    assert found is not None
    assert found.authorized == Money(amount_minor=minor, currency=currency)


@pytest.mark.parametrize("number", ["0.1", "0.30", "1234567890.12", "80.10", "4.35"])
async def test_a_number_with_a_fraction_never_becomes_a_float(number: str) -> None:
    text = json.dumps(ok(transaction(amount="@"))).replace('"@"', number)
    call = authorize(payment_method=existing(PAYMENT_ID))
    found = await meeting(httpx.Response(200, text=text)).look_up(call)
    assert found is not None
    whole, _, part = number.partition(".")
    assert found.authorized == usd(int(whole + f"{part:0<2}"))


async def test_a_hold_made_elsewhere_is_found_by_its_id_whatever_its_order_and_currency() -> None:
    shown = transaction(externalOrderId="of-a-hosted-page", currency="EUR")
    call = authorize(payment_method=existing(PAYMENT_ID))
    found = await meeting(ok(shown)).look_up(call)
    assert found is not None
    assert (found.state, str(found.authorized), found.reference) == (
        OPEN,
        "100.00 EUR",
        "of-a-hosted-page",
    )


@pytest.mark.parametrize("token", ["NOSUCH", "7/0", "", "007", "1" * 20])
async def test_a_token_that_is_no_number_names_no_hold_and_nothing_is_asked(token: str) -> None:
    line = Line()
    call = authorize(payment_method=existing(PAYMENT_ID), payment_id=token)
    assert await xmoney(line).look_up(call) is None
    assert line.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        problem(404),
        in_body(404),
        problem(400, {"code": 1, "message": "x", "type": "Validation", "field": "id"}),
        ok(transaction(transactionType="refund")),
    ],
)
async def test_a_number_that_names_no_hold_is_none(answer: Any) -> None:
    call = authorize(payment_method=existing(PAYMENT_ID))
    assert await meeting(answer).look_up(call) is None


def _other(number: int, status: str, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """An order and its payment."""
    name = {"id": number, "orderId": number, "creationDate": f"2026-01-0{number}T00:00:00Z"}
    return order(id=number), transaction(status, **{**name, **more})


@pytest.mark.parametrize(
    ("found", "payment_id"),
    [
        ([_other(1, "complete-failed"), _other(2, "in-progress")], "2"),
        ([_other(1, "void-ok"), _other(2, "in-progress")], "2"),
        ([_other(1, "in-progress"), _other(2, "in-progress")], "1"),
        ([_other(2, "in-progress"), _other(1, "in-progress")], "1"),
        ([_other(1, "in-progress", creationDate=..., creationTimestamp=...),
          _other(2, "complete-ok")], "2"),
        ([_other(1, "void-ok"), _other(2, "uncertain")], "2"),
        ([_other(1, "void-ok"), _other(2, "3d-pending")], "2"),
        ([_other(1, "3d-pending"), _other(2, "complete-ok")], "2"),
        ([_other(1, "complete-failed"), _other(2, "void-ok")], "2"),
        ([_other(1, "complete-failed")], "1"),
    ],
)  # fmt: skip
async def test_of_several_orders_the_one_that_holds_money_counts(
    found: list[tuple[dict[str, Any], dict[str, Any]]], payment_id: str
) -> None:
    orders = page(*(each for each, _ in found))
    chosen = await meeting(orders, *(page(each) for _, each in found)).look_up(authorize())
    assert chosen is not None
    assert chosen.payment_id == payment_id


async def test_several_holds_of_one_reference_are_told(caplog: pytest.LogCaptureFixture) -> None:
    one, two = _other(1, "in-progress"), _other(2, "in-progress")
    await meeting(page(one[0], two[0]), page(one[1]), page(two[1])).look_up(authorize())
    assert "several payments of one reference: 1, 2" in caplog.text


async def test_nothing_is_found_where_there_is_no_order_of_that_reference() -> None:
    assert await meeting(page()).look_up(authorize()) is None
    assert await meeting(page(order(externalOrderId="ANOTHER"))).look_up(authorize()) is None


@pytest.mark.parametrize("status", ["complete-failed", "completed-failed"])
async def test_an_order_that_failed_before_it_had_a_payment_is_none(status: str) -> None:
    found = await meeting(page(order(orderStatus=status)), page()).look_up(authorize())
    assert found is None


@pytest.mark.parametrize("status", ["start", "in-progress", "retrying", "expiring", "complete-ok"])
async def test_an_order_without_its_payment_proves_no_absence(status: str) -> None:
    for paid in (
        page(),
        page(transaction(orderId=999)),
        page(transaction(transactionType="refund")),
    ):
        with pytest.raises(Undecided):
            await meeting(page(order(orderStatus=status)), paid).look_up(authorize())


@pytest.mark.parametrize(
    "met",
    [
        [ok([])],
        [ok([order()])],
        [page(order(), total=101)],
        [page(total=1)],
        [{**page(order()), "pagination": {}}],
        [page(order(id="x"))],
        [page(order(externalOrderId=...))],
        [page(order(externalOrderId=None))],
        [page(order(orderStatus="dreaming"))],
        [page(*[order(id=number) for number in range(1, 5)])],
        [page(order()), ok([transaction()])],
        [page(order()), page(transaction(), total=2)],
        [page(order()), page(transaction("dreaming"))],
        [page(order()), page(transaction(currency="EUR"))],
        [page(order()), page(transaction(externalOrderId="ANOTHER"))],
        [{"code": 200, "data": {}, "pagination": {"totalItemCount": 0}}],
        [problem(404)],
        [problem(400)],
        [page(order()), problem(404)],
        [page(order()), problem(500)],
    ],
)
async def test_a_list_that_cannot_be_read_to_its_end_proves_no_absence(met: list[Any]) -> None:
    with pytest.raises(Undecided):
        await meeting(*met).look_up(authorize())


@pytest.mark.parametrize(
    ("changes", "booked_at"),
    [
        ({"creationDate": ...}, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ({"creationDate": "2026-01-02 03:04:05"}, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ({"creationDate": ..., "creationTimestamp": ...}, None),
        ({"creationDate": "soon", "creationTimestamp": 10**30}, None),
    ],
)
async def test_when_it_was_booked_is_known_with_its_time_zone_or_not_at_all(
    changes: dict[str, Any], booked_at: datetime | None
) -> None:
    found = await meeting(ok(transaction(**changes))).look_up(CAPTURE)
    assert found is not None
    assert found.booked_at == booked_at

"""What a look-up finds, by the payment's id and by our reference; what proves that there is none.

The adapter's whole way is walked, from the verb to the wire; a list stands in for the network.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from cardhold.money import Money
from domain.outcome import PaymentState
from gateways.errors import Undecided
from tests.gateways.calls import existing, usd
from tests.gateways.xmoney_site import (
    PAYMENT_ID,
    Line,
    authorize,
    follow_up,
    in_body,
    meeting,
    ok,
    order,
    page,
    problem,
    transaction,
    xmoney,
)

OPEN, CAPTURED, RELEASED = PaymentState.OPEN, PaymentState.CAPTURED, PaymentState.RELEASED
PENDING = PaymentState.PENDING
WAITING = PaymentState.ACTION_REQUIRED
CAPTURE = follow_up("capture", 80_00)


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

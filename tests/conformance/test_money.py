"""Amounts, exact both ways: one minor unit, the largest we count, no decimals and three.

The books are compared with what was asked for, and so is every number that was sent: read with a
parser that refuses what a float leaves behind (an exponent, or more decimals than the currency).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from urllib.parse import parse_qsl

import httpx
import pytest

from cardhold.hold import OperationKind
from cardhold.money import Money, digits_of
from domain.outcome import Approved
from gateways.accounts import KINDS
from gateways.profile import Units
from tests.conformance.acts import Act, following, placing
from tests.conformance.changes import otherwise_written
from tests.conformance.desk import Desk, do
from tests.conformance.gateways import UNDERS, Under
from tests.conformance.rules import same_money
from tests.conformance.scenes import SHAPES, Scene
from tests.conformance.wires import Heard

AMOUNTS = [
    (under, currency, minor)
    for under in UNDERS
    for currency in under.currencies
    for minor in (under.smallest_minor, 99, 1_234_56, under.largest_minor)
]
IN_DECIMALS = [
    (under, scene) for under, scene in SHAPES if KINDS[under.name].profile.units is not Units.MINOR
]


@pytest.mark.parametrize(("under", "currency", "minor"), AMOUNTS, ids=str)
async def test_books_and_requests_say_exactly_what_was_asked_for(
    desk: Desk, currency: str, minor: int
) -> None:
    amount = Money(amount_minor=minor, currency=currency)
    account, tap = desk.tapped()
    named = placing(desk.under, amount)

    placed = await do(account, named)
    assert isinstance(placed, Approved), placed
    assert placed.payment.authorized == amount
    _says(tap.heard, amount, desk.under)

    tap.heard.clear()
    capture = Act("capture", OperationKind.CAPTURE, minor)
    captured = await do(account, following(desk.under, named, placed.payment.payment_id, capture))
    assert isinstance(captured, Approved), captured
    assert captured.payment.captured == amount
    _says(tap.heard, amount, desk.under)

    hold = desk.the_hold()
    assert (hold["currency"], hold["authorized_minor"]) == (currency, minor)
    assert hold["captured_minor"] == minor


def _says(heard: Sequence[Heard], amount: Money, under: Under) -> None:
    """The amount is in what was sent, and every number of it is exact."""
    digits = digits_of(amount.currency) or 0
    in_minor_units = KINDS[under.name].profile.units is Units.MINOR
    major = f"{Decimal(amount.amount_minor).scaleb(-digits):f}"
    numbers = [number for each in heard for number in _numbers(each.request)]
    assert (str(amount.amount_minor) if in_minor_units else major) in numbers
    for number in numbers:
        assert "e" not in number.lower()
        assert len(number.partition(".")[2]) in {0, digits}


def _numbers(request: httpx.Request) -> Iterator[str]:
    """Every number of a body, as it is written there."""
    body = request.content.decode()
    if "form-urlencoded" in request.headers.get("content-type", ""):
        yield from (value for name, value in parse_qsl(body) if "amount" in name.lower())
    elif body:
        found: list[str] = []
        json.loads(body, parse_float=found.append, parse_int=found.append)
        yield from found


@pytest.mark.parametrize(("under", "scene"), IN_DECIMALS, ids=str)
async def test_an_amount_is_read_as_a_number_and_as_text(desk: Desk, scene: Scene) -> None:
    recorded = await scene.recorded(desk)
    script = [heard.but(body=otherwise_written(heard.body)) for heard in recorded.script]
    assert [heard.body for heard in script] != [heard.body for heard in recorded.script]
    ended, _ = await recorded.replayed_from(script)
    assert same_money(ended, recorded.ended)

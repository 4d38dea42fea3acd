"""What an account cannot do is refused as not supported, and not a byte of it is sent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cardhold.hold import OperationKind
from cardhold.messages import PaymentMethodKind
from cardhold.money import Money
from cardhold.names import ErrorType
from domain.outcome import Declined
from gateways.errors import GatewayError, Refused
from gateways.port import Named
from tests.conformance.acts import ACTS, Act, capabilities, following, placing
from tests.conformance.desk import Desk, do, doing, ending
from tests.conformance.gateways import UNDERS, Under

EACH = pytest.mark.parametrize("under", UNDERS, ids=str)
ADJUSTMENTS = [act for act in ACTS if act.kind is OperationKind.ADJUST]
LACKING = [
    (under, act) for under in UNDERS for act in ADJUSTMENTS if not act.fits(capabilities(under))
]
# A hold made elsewhere is looked up; none is placed on it.
UNTAKEN = [
    (under, kind)
    for under in UNDERS
    for kind in PaymentMethodKind
    if kind not in capabilities(under).payment_methods or kind is PaymentMethodKind.EXISTING_HOLD
]
ONCE = [under for under in UNDERS if capabilities(under).captures_max == 1]


async def _is_not_supported(desk: Desk, named: Named) -> None:
    account, tap = desk.tapped()
    with pytest.raises(Refused) as caught:
        await do(account, named)
    assert caught.value.error is ErrorType.NOT_SUPPORTED
    assert tap.requests == 0


@pytest.mark.parametrize(("under", "act"), LACKING, ids=str)
async def test_a_change_of_the_total_that_there_is_not(desk: Desk, act: Act) -> None:
    asked = await desk.ask(act)
    await _is_not_supported(desk, asked.named)
    assert desk.moved() == 1


@pytest.mark.parametrize(("under", "kind"), UNTAKEN, ids=str)
async def test_a_kind_of_token_that_nothing_is_held_on(desk: Desk, kind: PaymentMethodKind) -> None:
    method = desk.under.opens.model_copy(update={"kind": kind})
    await _is_not_supported(desk, placing(desk.under, method=method))
    assert desk.holds() == []


@pytest.mark.parametrize("under", [under for under in UNDERS if under.other_currency], ids=str)
async def test_a_currency_that_the_account_does_not_take(desk: Desk, under: Under) -> None:
    other = Money(amount_minor=100_00, currency=under.other_currency or "")
    await _is_not_supported(desk, placing(under, other))


@pytest.mark.parametrize("under", ONCE, ids=str)
async def test_a_second_capture_where_there_is_one_takes_nothing(desk: Desk) -> None:
    named = placing(desk.under)
    payment_id = await desk.held(named)
    first = Act("first", OperationKind.CAPTURE, 30_00, final=True)
    await desk.approved(following(desk.under, named, payment_id, first))
    second = Act("second", OperationKind.CAPTURE, 50_00, captured=30_00)
    ended = await ending(doing(following(desk.under, named, payment_id, second)), desk.adapter)
    assert isinstance(ended, GatewayError | Declined)
    assert desk.the_hold()["captured_minor"] == 30_00


@EACH
@pytest.mark.parametrize("kind", ["adjust", "capture", "release"])
@pytest.mark.parametrize("payment_id", [None, "", "..", "."])
async def test_an_operation_on_no_hold_at_all(
    desk: Desk, kind: str, payment_id: str | None
) -> None:
    act = next(act for act in ACTS if act.kind == kind)
    named = following(desk.under, placing(desk.under), "x", act)
    named = replace(named, call=named.call.model_copy(update={"payment_id": payment_id}))
    account, tap = desk.tapped()
    assert isinstance(await ending(doing(named), account), Refused)
    assert tap.requests == 0

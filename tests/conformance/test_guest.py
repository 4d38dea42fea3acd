"""The guest's turn: 3-D Secure asked, passed, failed, forgotten, and called off by the merchant.

Every account whose gateway asks; the guest is an HTTP client at the bank's page.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from cardhold.hold import Action, OperationKind
from cardhold.messages import Initiator
from domain.calls import Ending
from domain.outcome import ActionRequired, Approved, PaymentState
from domain.verdict import verdict
from gateways.accounts import KINDS
from gateways.errors import GatewayError
from gateways.port import Named
from simulator.faults import Fault
from tests.conformance.acts import HELD, Act, following, money, placing
from tests.conformance.desk import Desk, do, doing, ending
from tests.conformance.gateways import UNDERS
from tests.conformance.ladder import recovered
from tests.conformance.strikes import Strike

ASKING = pytest.mark.parametrize(
    "under", [under for under in UNDERS if KINDS[under.name].profile.asks_guest], ids=str
)
EACH_FAULT = pytest.mark.parametrize(
    "fault",
    ["error_before", "error_after", "drop_before", "drop_after", "truncate close", "garbage"],
)
LATER_S = 16 * 60
PAGE_ANSWERED = 409


def test_who_asks_the_guest_has_a_card_for_it_and_nobody_else() -> None:
    for under in UNDERS:
        asks = KINDS[under.name].profile.asks_guest
        assert asks == (under.challenged is not None) == under.meets(Fault.REQUIRE_ACTION)


async def _asked(desk: Desk) -> tuple[Named, str, Action]:
    named = placing(desk.under, method=desk.under.challenged)
    outcome = await do(desk.adapter, named)
    assert isinstance(outcome, ActionRequired), outcome
    assert outcome.payment.state is PaymentState.ACTION_REQUIRED
    assert outcome.payment.action is not None
    return named, outcome.payment.payment_id, outcome.payment.action


async def _stands(desk: Desk, named: Named, payment_id: str) -> tuple[PaymentState, Ending | None]:
    """What a look-up says, by reference and by id alike."""
    call = named.call.model_copy(update={"payment_id": payment_id})
    told: set[tuple[PaymentState, Ending | None]] = set()
    for asked in (named, replace(named, call=call)):
        looked = await desk.adapter.look_up(asked)
        assert looked is not None
        assert looked.payment_id == payment_id
        told.add((looked.state, verdict(asked.call, looked)))
    [both] = told
    return both


def _calling_off(desk: Desk, named: Named, payment_id: str) -> Named:
    call_off = following(desk.under, named, payment_id, Act("call off", OperationKind.RELEASE))
    nothing = money(desk.under, 0)
    return replace(call_off, call=call_off.call.model_copy(update={"held": nothing}))


@ASKING
async def test_nothing_is_held_while_the_guest_is_asked(desk: Desk) -> None:
    named, payment_id, _ = await _asked(desk)
    expected = (PaymentState.ACTION_REQUIRED, Ending.ACTION_REQUIRED)
    assert await _stands(desk, named, payment_id) == expected
    assert desk.moved() == 0


@ASKING
async def test_any_card_may_be_asked_for_it(desk: Desk) -> None:
    desk.arm("authorize", "require_action")
    outcome = await do(desk.adapter, placing(desk.under))
    assert isinstance(outcome, ActionRequired)
    assert not desk.disarm()


@ASKING
async def test_a_guest_who_passes_makes_it_a_hold(desk: Desk) -> None:
    named, payment_id, action = await _asked(desk)
    assert await desk.guest(action, "pass") < 400
    assert await _stands(desk, named, payment_id) == (PaymentState.OPEN, Ending.DONE)
    hold = desk.the_hold()
    assert (hold["payment_id"], hold["authorized_minor"]) == (payment_id, HELD)


@ASKING
async def test_a_guest_who_fails_is_declined(desk: Desk) -> None:
    named, payment_id, action = await _asked(desk)
    assert await desk.guest(action, "fail") < 400
    assert await _stands(desk, named, payment_id) == (PaymentState.DECLINED, Ending.DECLINED)
    assert desk.moved() == 0


@ASKING
async def test_a_guest_who_never_comes_is_declined(desk: Desk) -> None:
    named, payment_id, action = await _asked(desk)
    desk.advance(LATER_S)
    assert await _stands(desk, named, payment_id) == (PaymentState.DECLINED, Ending.DECLINED)
    assert await desk.guest(action, "pass") == PAGE_ANSWERED
    assert desk.moved() == 0


@ASKING
async def test_what_is_called_off_in_time_can_never_become_a_hold(desk: Desk) -> None:
    named, payment_id, action = await _asked(desk)
    call_off = _calling_off(desk, named, payment_id)
    before = await desk.adapter.look_up(call_off)
    assert verdict(call_off.call, before) is Ending.ABSENT

    outcome = await do(desk.adapter, call_off)

    assert isinstance(outcome, Approved), outcome
    assert outcome.payment.state is PaymentState.DECLINED
    assert outcome.payment.authorized == money(desk.under, 0)
    assert verdict(call_off.call, await desk.adapter.look_up(call_off)) is Ending.DONE
    assert await desk.guest(action, "pass") == PAGE_ANSWERED
    assert desk.moved() == 0


@ASKING
async def test_what_is_called_off_too_late_is_released(desk: Desk) -> None:
    named, payment_id, action = await _asked(desk)
    call_off = _calling_off(desk, named, payment_id)
    assert await desk.guest(action, "pass") < 400

    outcome = await do(desk.adapter, call_off)

    assert isinstance(outcome, Approved), outcome
    assert outcome.payment.state is PaymentState.RELEASED
    assert outcome.payment.authorized == money(desk.under, HELD)
    looked = await desk.adapter.look_up(call_off)
    assert looked is not None
    assert verdict(call_off.call, looked) is Ending.DONE
    assert looked.authorized == money(desk.under, HELD)
    hold = desk.the_hold()
    assert (hold["state"], hold["released_minor"]) == ("released", HELD)


@ASKING
@EACH_FAULT
async def test_no_weather_asks_a_guest_for_two_holds(desk: Desk, fault: str) -> None:
    """The ladder leads to the guest's turn, and the guest's word to one hold."""
    named = placing(desk.under, method=desk.under.challenged)
    for number in range(len(await desk.heard(doing(named)))):
        desk.simulator.reset()
        named = placing(desk.under, method=desk.under.challenged)
        account, _ = desk.tapped(Strike(desk, fault, number))
        ended = await ending(doing(named), account)
        desk.disarm()
        if isinstance(ended, GatewayError):
            assert await recovered(desk, named, ended) is Ending.ACTION_REQUIRED
        pages = await _all_that_may_be_shown(desk, named, ended)
        for action in pages:
            await desk.guest(action, "pass")
        assert desk.moved() == bool(pages)


async def _all_that_may_be_shown(desk: Desk, named: Named, ended: object) -> list[Action]:
    """Every page that the guest may be at: the first one's, and the one that is now asked for."""
    first = ended.payment.action if isinstance(ended, ActionRequired) else None
    looked = await desk.adapter.look_up(named)
    latest = looked.action if looked else None
    return [action for action in (first, latest) if action is not None]


@ASKING
@EACH_FAULT
async def test_no_weather_keeps_what_is_called_off_alive(desk: Desk, fault: str) -> None:
    named, payment_id, _ = await _asked(desk)
    for number in range(len(await desk.heard(doing(_calling_off(desk, named, payment_id))))):
        desk.simulator.reset()
        named, payment_id, action = await _asked(desk)
        call_off = _calling_off(desk, named, payment_id)
        account, _ = desk.tapped(Strike(desk, fault, number))
        ended = await ending(doing(call_off), account)
        desk.disarm()
        if isinstance(ended, GatewayError):
            assert await recovered(desk, call_off, ended) is Ending.DONE
        assert await desk.guest(action, "pass") == PAGE_ANSWERED
        assert desk.moved() == 0


@ASKING
async def test_a_merchant_with_a_card_on_file_is_never_asked(desk: Desk) -> None:
    desk.arm("authorize", "require_action")
    named = placing(desk.under, method=desk.under.challenged, initiator=Initiator.MERCHANT)
    outcome = await do(desk.adapter, named)
    assert not isinstance(outcome, ActionRequired)
    assert verdict(named.call, await desk.adapter.look_up(named)) is not Ending.ACTION_REQUIRED

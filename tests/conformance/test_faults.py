"""Everything that a network does to one request, on each request of each verb, judged by the books.

The account is opened anew for the verb, so that what it fetches first is met too. A fault is
armed just before the request with that number goes out. Whatever the verb then claims of the
money is compared with what the bank has moved; then the ladder is climbed, and the books must show
the operation exactly once.
"""

from __future__ import annotations

import asyncio

import pytest

from cardhold.hold import OperationKind
from domain.calls import Ending
from domain.outcome import Approved
from gateways.errors import (
    GatewayError,
    NoAnswer,
    NotSent,
    OutcomeUnknown,
    Throttled,
    Unauthorized,
    Undecided,
)
from tests.conformance.acts import AUTHORIZE, WAYS, Act, capabilities
from tests.conformance.desk import Desk, doing, ending, looking
from tests.conformance.gateways import UNDERS
from tests.conformance.ladder import recovered
from tests.conformance.strikes import Strike
from tests.conformance.wires import Heard

# fault -> what a call ends in whose request for money meets it. What was booked, the books say.
ON_MONEY: dict[str, type[GatewayError]] = {
    "error_before": Undecided,
    "error_after": Undecided,
    "drop_before": NoAnswer,
    "drop_after": NoAnswer,
    "throttle": Throttled,
    "truncate length": NoAnswer,
    "truncate close": NoAnswer,
    "garbage": Undecided,
    "unauthorized": Unauthorized,
}
UNMOVED = (NotSent, Throttled, Unauthorized)
EACH_FAULT = pytest.mark.parametrize("fault", ON_MONEY)
KEYED = [(under, act) for under, act in WAYS if act.kind in capabilities(under).idempotent]
# Each of these waits: one act of each kind is enough, and one account of each gateway.
ONE_OF_EACH = [
    (under, act)
    for under, act in WAYS
    if not under.about and act.name in {"authorize", "lower", "capture part", "release"}
]
TRAPS = [(under, kind) for under in UNDERS for kind in sorted(under.traps)]
# Shorter than the delay, and longer than a slow machine takes for an answer.
LIMIT_S, DELAY_S = 0.25, 0.35


async def _requests(desk: Desk, act: Act) -> list[Heard]:
    """What a verb asks for when nothing goes wrong."""
    asked = await desk.ask(act)
    return await desk.heard(doing(asked.named))


def _mover(heard: list[Heard]) -> int:
    """Which of the requests is for money."""
    [mover] = [number for number, each in enumerate(heard) if each.books]
    return mover


def _check_class(ended: object, fault: str, number: int, mover: int) -> None:
    """An error says of the money what can be known of it, and no less."""
    if number == mover:
        # A gateway may take a renewed credential for the same request.
        renewed = fault == "unauthorized" and isinstance(ended, Approved)
        assert type(ended) is ON_MONEY[fault] or renewed
    elif number < mover:
        assert isinstance(ended, (*UNMOVED, Approved))
    else:
        assert isinstance(ended, OutcomeUnknown | Approved)


def _check_id(error: OutcomeUnknown, payment_id: str, told: list[bytes]) -> None:
    """An id that the gateway told before the answer was lost is not lost with it."""
    if any(payment_id.encode() in body for body in told):
        assert error.payment_id == payment_id
    elif error.payment_id is not None:  # of what came to nothing, and was sent again
        assert any(error.payment_id.encode() in body for body in told)


@EACH_FAULT
@pytest.mark.parametrize(("under", "act"), WAYS, ids=str)
async def test_no_weather_moves_money_twice_or_hides_that_it_moved(
    desk: Desk, act: Act, fault: str
) -> None:
    heard = await _requests(desk, act)
    for number in range(len(heard)):
        desk.simulator.reset()
        asked = await desk.ask(act)
        before = desk.moved(act.kind)
        strike = Strike(desk, fault, number)
        account, tap = desk.tapped(strike)

        ended = await ending(doing(asked.named), account)

        told = [heard.body for heard in tap.heard[:number]]
        moved = desk.moved(act.kind) - before
        assert moved == 0 or isinstance(ended, OutcomeUnknown | Approved)
        assert moved == 1 or not isinstance(ended, Approved)
        if strike.met():
            _check_class(ended, fault, number, _mover(heard))
        if isinstance(ended, GatewayError):
            assert await recovered(desk, asked.named, ended) is Ending.DONE
        assert desk.moved(act.kind) == before + 1
        assert desk.the_hold()["captured_minor"] == act.total_captured
        if act is AUTHORIZE and isinstance(ended, OutcomeUnknown):
            _check_id(ended, desk.the_hold()["payment_id"], told)


@pytest.mark.parametrize(("under", "act"), WAYS, ids=str)
async def test_credentials_that_stay_refused_move_nothing(desk: Desk, act: Act) -> None:
    asked = await desk.ask(act)
    before = desk.moved()
    account, tap = desk.tapped()
    desk.arm("*", "unauthorized", times=100)

    ended = await ending(doing(asked.named), account)

    desk.disarm()
    assert isinstance(ended, Unauthorized)
    assert tap.requests
    assert desk.moved() == before
    assert await recovered(desk, asked.named, ended) is Ending.DONE


@EACH_FAULT
@pytest.mark.parametrize(("under", "act"), WAYS, ids=str)
async def test_a_look_up_that_fails_says_nothing(desk: Desk, act: Act, fault: str) -> None:
    asked = await desk.ask(act)
    await desk.approved(asked.named)
    before = desk.moved()
    heard = await desk.heard(looking(asked.named))
    for number in range(len(heard)):
        strike = Strike(desk, fault, number)
        account, _ = desk.tapped(strike)
        ended = await ending(looking(asked.named), account)
        met = strike.met()
        renewed = fault == "unauthorized" and ended == await desk.adapter.look_up(asked.named)
        if met and not renewed:
            assert isinstance(ended, OutcomeUnknown | NotSent | Throttled | Unauthorized)
    assert desk.moved() == before


@pytest.mark.parametrize(("under", "act"), ONE_OF_EACH, ids=str)
async def test_an_answer_that_comes_too_late_is_found(desk: Desk, act: Act) -> None:
    mover = _mover(await _requests(desk, act))
    desk.simulator.reset()
    asked = await desk.ask(act)
    before = desk.moved(act.kind)
    strike = Strike(desk, "delay", mover, delay_s=DELAY_S)
    account, tap = desk.tapped(strike, limit_s=LIMIT_S)

    ended = await ending(doing(asked.named), account)

    assert isinstance(ended, NoAnswer | NotSent)
    assert tap.requests <= mover + 1
    await asyncio.sleep(DELAY_S - LIMIT_S + 0.05)  # it is booked meanwhile
    assert await recovered(desk, asked.named, ended) is Ending.DONE
    assert desk.moved(act.kind) == before + 1


@pytest.mark.parametrize(("under", "kind"), TRAPS, ids=str)
async def test_where_no_key_protects_a_second_sending_does_it_twice(
    desk: Desk, kind: OperationKind
) -> None:
    """Or this list would prove nothing: the simulated gateway has to be able to do it."""
    assert kind not in desk.can.idempotent
    act = AUTHORIZE if kind is OperationKind.AUTHORIZE else _SMALL_CAPTURE
    asked = await desk.ask(act)
    for _ in range(2):
        await ending(doing(asked.named), desk.adapter)  # the second may well be seen through
    assert desk.moved(kind) == 2


_SMALL_CAPTURE = Act("capture a little", OperationKind.CAPTURE, 30_00, final=False)


@pytest.mark.parametrize(("under", "act"), KEYED, ids=str)
async def test_where_a_key_protects_a_second_sending_does_nothing(desk: Desk, act: Act) -> None:
    asked = await desk.ask(act)
    first = await desk.approved(asked.named)
    before = desk.moved()
    second = await desk.approved(asked.named)
    assert second.payment_id == first.payment_id
    assert (second.state, second.captured) == (first.state, first.captured)
    assert desk.moved() == before

"""One list for every gateway: each operation, under each fault, against the simulated bank.

The adapter is opened as a worker opens it and speaks to a real server over loopback. The
verdict is the bank's: whatever an error claims of the money is compared with the books, the
call is then made again under its own key, and the books must show that it moved once.

A new gateway joins by one entry in `GATEWAYS`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from cardhold.hold import OperationKind
from cardhold.money import Money
from domain.outcome import Approved, Declined, Outcome, PaymentState, Pending
from gateways.accounts import Account, build, read_account
from gateways.errors import (
    GatewayError,
    NoAnswer,
    NotSent,
    OutcomeUnknown,
    Throttled,
    Unauthorized,
    Undecided,
)
from gateways.port import Named
from simulator.server import Simulator
from tests.gateways.calls import authorize, existing, follow_up, usd

Ending = type[GatewayError] | type[Outcome]


@dataclass(frozen=True)
class Under:
    """A gateway under test."""

    name: str
    table: Callable[[str], dict[str, Any]]
    """Its account's settings, for a simulator at this URL."""


GATEWAYS = [
    Under(
        "payroc",
        lambda url: {
            "gateway": "payroc",
            "environment": "simulated",
            "base_url": f"{url}/payroc/v1",
            "identity_url": f"{url}/payroc",
            "api_key": "any",
            "processing_terminal_id": "1234001",
            "call_time_out": "PT1S",
        },
    )
]
MONEY = ["authorize", "adjust", "capture", "release"]
# fault -> how a call that meets it ends. Whether it was booked, the books say.
WEATHER: dict[str, type[GatewayError]] = {
    "error_before": Undecided,
    "error_after": Undecided,
    "drop_before": NoAnswer,
    "drop_after": NoAnswer,
    "throttle": Throttled,
    "truncate": NoAnswer,
    "garbage": Undecided,
}
ON_TOKEN: dict[str, type[GatewayError]] = {
    "error_before": NotSent,
    "error_after": NotSent,
    "drop_before": NotSent,
    "drop_after": NotSent,
    "throttle": Throttled,
    "unauthorized": Unauthorized,
}


class Bench:
    """One adapter, its simulated bank, and the bank's books."""

    def __init__(
        self, gateway: Under, sim: Simulator, adapter: Account, door: httpx.AsyncClient
    ) -> None:
        self._gateway = gateway
        self._sim = sim
        self.adapter = adapter
        self._door = door

    async def arm(self, operation: str, fault: str, **more: Any) -> None:
        order = {"gateway": self._gateway.name, "operation": operation, "fault": fault, **more}
        (await self._door.post("/admin/faults", json=order)).raise_for_status()

    async def advance(self, seconds: float) -> None:
        (await self._door.post("/admin/clock", json={"advance_s": seconds})).raise_for_status()

    async def holds(self) -> list[dict[str, Any]]:
        return (await self._door.get("/admin/books")).json()["holds"]

    async def moved(self, key: str) -> int:
        """How often the bank moved something for this key; what it freed by itself aside."""
        effects = [effect for hold in await self.holds() for effect in hold["effects"]]
        kinds = [effect["kind"] for effect in effects if effect["key"] == key]
        return len(kinds) - (kinds.count("release") if "capture" in kinds else 0)

    async def held(self) -> str:
        """Place a hold, and tell its id."""
        outcome = await self.adapter.authorize(authorize())
        assert isinstance(outcome, Approved)
        return outcome.payment.payment_id

    async def call(self, kind: str) -> Named:
        """What shall be done, its hold placed first where it needs one."""
        if kind == "authorize":
            return authorize()
        amounts = {"adjust": 150_00, "capture": 80_00, "release": 100_00}
        return follow_up(kind, amounts[kind], payment_id=await self.held())

    async def do(self, named: Named) -> Outcome:
        verbs = {
            OperationKind.AUTHORIZE: self.adapter.authorize,
            OperationKind.ADJUST: self.adapter.adjust,
            OperationKind.CAPTURE: self.adapter.capture,
            OperationKind.RELEASE: self.adapter.release,
        }
        return await verbs[named.call.kind](named)

    async def ending(self, named: Named) -> Ending:
        try:
            return type(await self.do(named))
        except GatewayError as error:
            return type(error)


@pytest.fixture(params=GATEWAYS, ids=lambda gateway: gateway.name)
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    gateway: Under = request.param
    async with Simulator() as sim, httpx.AsyncClient(base_url=sim.url, trust_env=False) as door:
        adapter = build(gateway.name, read_account(gateway.name, gateway.table(sim.url)))
        yield Bench(gateway, sim, adapter, door)
        await adapter.close()


@pytest.mark.parametrize("kind", MONEY)
async def test_done_is_done_and_repeating_it_moves_nothing(bench: Bench, kind: str) -> None:
    call = await bench.call(kind)
    first, second = await bench.do(call), await bench.do(call)
    assert isinstance(first, Approved)
    assert isinstance(second, Approved)
    assert first.payment.payment_id == second.payment.payment_id
    assert await bench.moved(call.key) == 1


@pytest.mark.parametrize("kind", MONEY)
@pytest.mark.parametrize("fault", WEATHER)
async def test_no_weather_moves_money_twice_or_hides_that_it_moved(
    bench: Bench, kind: str, fault: str
) -> None:
    call = await bench.call(kind)
    await bench.arm(kind, fault)

    ended = await bench.ending(call)
    moved = await bench.moved(call.key)
    assert ended is WEATHER[fault]
    assert moved == 0 or issubclass(ended, OutcomeUnknown)

    assert isinstance(await bench.do(call), Approved)
    assert await bench.moved(call.key) == 1


@pytest.mark.parametrize("kind", MONEY)
@pytest.mark.parametrize("framing", ["length", "close"])
async def test_an_answer_cut_off_is_no_answer_however_it_was_framed(
    bench: Bench, kind: str, framing: str
) -> None:
    call = await bench.call(kind)
    await bench.arm(kind, "truncate", framing=framing)
    assert await bench.ending(call) is NoAnswer


@pytest.mark.parametrize("kind", MONEY)
async def test_an_answer_that_comes_too_late_is_found_by_its_key(bench: Bench, kind: str) -> None:
    call = await bench.call(kind)
    await bench.arm(kind, "delay", delay_s=1.2)
    assert await bench.ending(call) is NoAnswer
    assert isinstance(await bench.do(call), Approved)
    assert await bench.moved(call.key) == 1


@pytest.mark.parametrize("kind", MONEY)
async def test_a_token_that_lapsed_is_renewed_without_anybody_noticing(
    bench: Bench, kind: str
) -> None:
    call = await bench.call(kind)
    await bench.arm(kind, "unauthorized")
    assert isinstance(await bench.do(call), Approved)
    assert await bench.moved(call.key) == 1


@pytest.mark.parametrize("kind", MONEY)
async def test_refused_credentials_move_nothing(bench: Bench, kind: str) -> None:
    call = await bench.call(kind)
    await bench.arm(kind, "unauthorized", times=2)
    assert await bench.ending(call) is Unauthorized
    assert await bench.moved(call.key) == 0


@pytest.mark.parametrize("fault", ON_TOKEN)
async def test_without_a_token_nothing_is_sent(bench: Bench, fault: str) -> None:
    await bench.arm("token", fault)
    assert await bench.ending(authorize()) is ON_TOKEN[fault]
    assert await bench.holds() == []
    assert isinstance(await bench.do(authorize()), Approved)


@pytest.mark.parametrize("kind", MONEY)
async def test_a_decline_moves_nothing_and_leaves_what_was_held(bench: Bench, kind: str) -> None:
    call = await bench.call(kind)
    await bench.arm(kind, "decline")
    outcome = await bench.do(call)
    [hold] = await bench.holds()
    assert isinstance(outcome, Declined)
    assert outcome.detail
    assert hold["state"] == ("declined" if kind == "authorize" else "open")
    assert hold["captured_minor"] == hold["released_minor"] == 0


async def test_an_approval_for_less_says_how_much(bench: Bench) -> None:
    await bench.arm("authorize", "approve_less", amount_minor=40_00)
    outcome = await bench.do(authorize())
    assert isinstance(outcome, Approved)
    assert outcome.payment.authorized == usd(40_00)
    [hold] = await bench.holds()
    assert hold["authorized_minor"] == 40_00


@pytest.mark.parametrize("kind", MONEY)
async def test_what_stays_pending_is_decided_by_looking(bench: Bench, kind: str) -> None:
    call = await bench.call(kind)
    await bench.arm(kind, "stay_pending", resolve_after_s=60)
    assert isinstance(await bench.do(call), Pending)
    looked = await bench.adapter.look_up(call)
    assert looked is not None
    assert looked.state is PaymentState.PENDING

    await bench.advance(61)
    looked = await bench.adapter.look_up(call)
    assert looked is not None
    assert looked.state is _after(kind)
    assert await bench.moved(call.key) == 1


@pytest.mark.parametrize("kind", MONEY)
async def test_a_look_up_shows_what_was_done(bench: Bench, kind: str) -> None:
    call = await bench.call(kind)
    outcome = await bench.do(call)
    assert isinstance(outcome, Approved)
    looked = await bench.adapter.look_up(call)
    assert looked is not None
    assert (looked.payment_id, looked.state) == (outcome.payment.payment_id, _after(kind))
    expected = {
        "authorize": (100_00, 0),
        "adjust": (150_00, 0),
        "capture": (None, 80_00),
        "release": (None, 0),
    }
    authorized_minor, captured_minor = expected[kind]
    assert looked.authorized.amount_minor == authorized_minor or authorized_minor is None
    assert looked.captured.amount_minor == captured_minor


@pytest.mark.parametrize("fault", WEATHER)
async def test_a_look_up_that_fails_never_says_that_there_is_nothing(
    bench: Bench, fault: str
) -> None:
    await bench.do(authorize())
    await bench.arm("look_up", fault)
    with pytest.raises(WEATHER[fault]):
        await bench.adapter.look_up(authorize())
    assert await bench.adapter.look_up(authorize()) is not None


async def test_nothing_is_found_where_nothing_was_sent(bench: Bench) -> None:
    assert await bench.adapter.look_up(authorize()) is None
    assert await bench.adapter.look_up(authorize(payment_method=existing("NOSUCHPAYM"))) is None


async def test_a_hold_made_elsewhere_is_found_by_its_id(bench: Bench) -> None:
    payment_id = await bench.held()
    adopted = authorize(command_id="adopted", payment_method=existing(payment_id))
    looked = await bench.adapter.look_up(adopted)
    assert looked is not None
    assert (looked.state, looked.authorized) == (PaymentState.OPEN, usd(100_00))


async def test_a_capture_frees_the_rest_and_the_books_agree(bench: Bench) -> None:
    await bench.do(await bench.call("capture"))
    [hold] = await bench.holds()
    shown = (hold["state"], hold["captured_minor"], hold["released_minor"])
    assert shown == ("captured", 80_00, 20_00)


@pytest.mark.parametrize("kind", ["adjust", "capture", "release"])
async def test_a_hold_that_lapsed_is_not_taken_for_anything_else(bench: Bench, kind: str) -> None:
    call = await bench.call(kind)
    await bench.advance(8 * 86_400)
    with pytest.raises(Undecided):
        await bench.do(call)
    looked = await bench.adapter.look_up(call)
    assert looked is not None
    assert looked.state is PaymentState.EXPIRED


@pytest.mark.parametrize("currency", ["JPY", "KWD"])
async def test_amounts_are_minor_units_in_every_currency(bench: Bench, currency: str) -> None:
    amount = Money(amount_minor=1_234, currency=currency)
    call = authorize()
    asked = Named(call.call.model_copy(update={"amount": amount}), call.key, call.reference)
    outcome = await bench.do(asked)
    assert isinstance(outcome, Approved)
    assert outcome.payment.authorized == amount
    [hold] = await bench.holds()
    assert (hold["authorized_minor"], hold["currency"]) == (1_234, currency)


def _after(kind: str) -> PaymentState:
    after = {"capture": PaymentState.CAPTURED, "release": PaymentState.RELEASED}
    return after.get(kind, PaymentState.OPEN)

"""A desk at one account: its adapter over a real connection, its bank, and the bank's books."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from cardhold.hold import Action, OperationKind
from domain.outcome import Approved, Outcome, Payment
from gateways.account import Account
from gateways.errors import GatewayError
from gateways.port import Gateway, Named
from simulator.bank import HoldRow
from simulator.server import Simulator
from tests import loopback
from tests.conformance.acts import AUTHORIZE, Act, following, placing
from tests.conformance.gateways import Under
from tests.conformance.wires import Heard, Tap, opened

#: What a verb or a look-up ends in.
Ending = Outcome | Payment | GatewayError | None
Verb = Callable[[Account], Awaitable[Ending]]


@dataclass(frozen=True)
class Asked:
    """An operation that is ready to be sent, and the hold that it is about."""

    act: Act
    named: Named


class Desk:
    """One account of the list, at a simulator of its own process.

    Args:
        under: The account.
        simulator: Running.
        network: Connections to it.
    """

    def __init__(
        self, under: Under, simulator: Simulator, network: httpx.AsyncBaseTransport
    ) -> None:
        self.under = under
        self.simulator = simulator
        self.network = network
        self.adapter = self.tapped()[0]
        self.can = self.adapter.capabilities

    # The account.

    def tapped(
        self, before: Callable[[int], None] = lambda _: None, *, limit_s: float | None = None
    ) -> tuple[Account, Tap]:
        """The account opened anew, with nothing fetched so far, and what it says on the wire.

        Args:
            before: Told the number of each request, from 0, before it goes out.
            limit_s: How long a call may take, if not as long as usual.
        """
        tap = Tap(self.network, self.booked, before)
        settings = self.under.settings(self.simulator.url)
        if limit_s is not None:
            limit = timedelta(seconds=limit_s)
            settings = settings.model_copy(update={"call_time_out": limit})
        return opened(settings, tap), tap

    async def ask(self, act: Act) -> Asked:
        """Get an operation ready: place the hold, and capture what is to be captured before."""
        named = placing(self.under)
        if act is AUTHORIZE:
            return Asked(act, named)
        payment_id = await self.held(named)
        if act.captured:
            first = Act("first", OperationKind.CAPTURE, act.captured, final=self._frees_nothing)
            await self.approved(following(self.under, named, payment_id, first))
        return Asked(act, following(self.under, named, payment_id, act))

    async def held(self, named: Named | None = None) -> str:
        """Place a hold, and tell its id."""
        payment = await self.approved(named or placing(self.under))
        return payment.payment_id

    async def approved(self, named: Named) -> Payment:
        """Carry an operation out that has to be approved."""
        outcome = await do(self.adapter, named)
        assert isinstance(outcome, Approved), outcome
        return outcome.payment

    async def heard(self, verb: Verb) -> list[Heard]:
        """Everything that one verb of the account, opened anew, asks for and is answered."""
        account, tap = self.tapped()
        await ending(verb, account)
        return tap.heard

    @property
    def _frees_nothing(self) -> bool:
        return self.can.captures_max == 1

    # The bank.

    def arm(self, operation: str, fault: str, **more: Any) -> None:
        """Let something happen to the next call of an operation."""
        head = {"gateway": self.under.name, "operation": operation, "fault": fault}
        self.simulator.faults.arm({**head, **more})

    def disarm(self) -> bool:
        """Forget what is armed; whether anything still was."""
        was_armed = bool(self.simulator.faults.shown())
        self.simulator.faults.forget()
        return was_armed

    def advance(self, seconds: float) -> None:
        """Let time pass at the bank."""
        self.simulator.bank.clock.advance(seconds)

    def holds(self) -> list[HoldRow]:
        """The books."""
        return self.simulator.bank.books(self.under.name)["holds"]

    def the_hold(self) -> HoldRow:
        """The only hold in the books."""
        [hold] = self.holds()
        return hold

    def moved(self, kind: OperationKind | None = None) -> int:
        """How often the bank moved something, or did what such an operation asks for.

        A hold is lowered by an adjustment, or by a release of a part.
        """
        counted = _COUNTED[kind] if kind else _EVERYTHING
        effects = [effect for hold in self.holds() for effect in hold["effects"]]
        return sum(effect["kind"] in counted for effect in effects)

    def booked(self) -> int:
        """How many entries the books have, declines included."""
        return sum(len(hold["effects"]) for hold in self.holds())

    async def guest(self, action: Action, outcome: str) -> int:
        """Go where the guest is sent, and press a button; the HTTP status that comes back."""
        async with loopback.client() as browser:
            page = await browser.request(action.method, action.url, data=action.fields or None)
            assert page.status_code in {200, 409}, page.text
            pressed = await browser.post(action.url, data={**action.fields, "outcome": outcome})
            return pressed.status_code


_EVERYTHING = frozenset({"authorize", "adjust", "capture", "release", "refund"})
_COUNTED = {
    OperationKind.AUTHORIZE: frozenset({"authorize"}),
    OperationKind.ADJUST: frozenset({"adjust", "release"}),
    OperationKind.CAPTURE: frozenset({"capture"}),
    OperationKind.RELEASE: frozenset({"release"}),
}


async def do(gateway: Gateway, named: Named) -> Outcome:
    """Carry an operation out."""
    verbs = {
        OperationKind.AUTHORIZE: gateway.authorize,
        OperationKind.ADJUST: gateway.adjust,
        OperationKind.CAPTURE: gateway.capture,
        OperationKind.RELEASE: gateway.release,
    }
    return await verbs[named.call.kind](named)


def doing(named: Named) -> Verb:
    """The verb that carries an operation out."""
    return lambda account: do(account, named)


def looking(named: Named) -> Verb:
    """The look-up of an operation."""
    return lambda account: account.look_up(named)


async def ending(verb: Verb, account: Account) -> Ending:
    """How a verb ends; anything but a gateway's error is a defect of the adapter."""
    try:
        return await verb(account)
    except GatewayError as error:
        return error


def payment_of(ended: Ending) -> Payment | None:
    """The payment that an ending shows, if it shows one."""
    if isinstance(ended, Payment) or ended is None:
        return ended
    return None if isinstance(ended, GatewayError) else ended.payment

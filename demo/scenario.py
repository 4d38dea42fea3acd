"""What a scenario is, and what each of them does the same way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cardhold.client import Client
from cardhold.hold import Action, Hold, HoldState
from cardhold.messages import HoldRequest, PaymentMethod
from cardhold.money import Money
from demo.books import Figures
from demo.houses import House
from demo.stack import Stage
from demo.telling import Teller

# Stand for no card: a number of this shape opens every simulated gateway, each another card.
_FIRST_CARD, _SECOND_CARD, _THIRD_CARD = (
    "296753000000000001", "296753000000000042", "296753000000000088",
)  # fmt: skip
# Whose cards they are, for the gateways that ask.
_GUEST = "4401"


class NotAsTold(Exception):
    """The story went another way than it should."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One scenario while it is played.

    Attributes:
        stage: Where it is played.
        tell: Says a line of the story.
        house: Whose guests are in it.
        name: Its reservation.
        currency: What it is played in.
    """

    stage: Stage
    tell: Teller
    house: House
    name: str
    currency: str

    @property
    def client(self) -> Client:
        """Speaks to reservations as any caller would."""
        return self.stage.client

    def money(self, amount_minor: int) -> str:
        """An amount as people and messages write it."""
        return str(Money(amount_minor=amount_minor, currency=self.currency))

    def request(self, amount_minor: int, **fields: Any) -> HoldRequest:
        """A start of this scenario's reservation."""
        return HoldRequest.model_validate(
            {
                "reservation_id": self.name,
                "gateway": self.house.account,
                "amount": {"amount_minor": amount_minor, "currency": self.currency},
                "payment_method": first_card(),
                "operator": "front desk",
                **fields,
            }
        )

    async def held(self, amount_minor: int, **fields: Any) -> Hold:
        """Place a hold, and see that it was."""
        hold = await self.client.start(self.request(amount_minor, **fields))
        expect(hold, HoldState.AUTHORIZED)
        return hold

    async def meet(self, operation: str, fault: str) -> None:
        """Let the next call of ``operation`` at this house's gateway meet ``fault``."""
        await self.stage.meet(self.house.account, operation, fault)

    async def let_pass(self, span: timedelta) -> None:
        """Let time pass at the bank, and for this reservation."""
        await self.stage.let_pass(span, self.name)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story.

    Attributes:
        title: What a hotel manager would call it; it names the row of the table.
        name: Its reservation; free of what a shell or a URL would mind.
        expected: What the bank's books should show after it.
        play: Plays it.
        suits: Whether the story makes sense at this house; it isn't missed elsewhere.
        works: Whether the house's gateway can do what the story is about.
        lack: What is said of a gateway that can't, after its name.
        abroad: It is played in the other currency of the house, if it has one.
    """

    title: str
    name: str
    expected: Callable[[House], Figures]
    play: Callable[[Scene], Awaitable[None]]
    suits: Callable[[House], bool] = lambda _: True
    works: Callable[[House], bool] = lambda _: True
    lack: str = ""
    abroad: bool = False

    def currency(self, house: House) -> str:
        """What it is played in."""
        return house.abroad if self.abroad else house.currency


def first_card() -> PaymentMethod:
    """The card that a guest pays with."""
    return _stored(_FIRST_CARD)


def second_card() -> PaymentMethod:
    """Another one of the same guest."""
    return _stored(_SECOND_CARD)


def another_guests_card() -> PaymentMethod:
    """The card of somebody who was never at the front desk."""
    return _stored(_THIRD_CARD)


def expect(hold: Hold, state: HoldState) -> None:
    """See that the hold is where the story says.

    Raises:
        NotAsTold: It is not; with the gateway's reason.
    """
    if hold.state is not state:
        why = hold.operations[-1].detail if hold.operations else None
        raise NotAsTold(f"the hold is {hold.state} ({why or 'no reason given'}), not {state}")


def action_of(hold: Hold) -> Action:
    """What the guest has to do.

    Raises:
        NotAsTold: The guest was not asked for anything.
    """
    expect(hold, HoldState.ACTION_REQUIRED)
    if hold.action is None:
        raise NotAsTold("the guest is not told where to go")
    return hold.action


def card_of(hold: Hold) -> str:
    """The card as the guest knows it; a few gateways don't say."""
    if hold.card is None:
        return "the guest's card"
    return f"{hold.card.brand or 'card'} ending {hold.card.last4 or '?'}"


def bracketed(hold: Hold) -> str:
    """The same to put behind a word for a card; empty where the gateway doesn't say."""
    return "" if hold.card is None else f" ({card_of(hold)})"


def reason_of(hold: Hold) -> str:
    """Why the last operation ended as it did, in the gateway's words, within a sentence."""
    return (hold.operations[-1].detail or "no reason given").rstrip(".")


def _stored(token: str) -> PaymentMethod:
    told = {"kind": "stored_token", "token": token, "customer_id": _GUEST}
    return PaymentMethod.model_validate(told)

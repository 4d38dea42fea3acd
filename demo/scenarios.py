"""What hotels do with card holds, each as a reservation of its own.

A scenario speaks to cardhold as any caller would and tells its story while it goes. What it
should have done to the bank's books stands beside it, and is judged elsewhere.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cardhold.hold import Hold, HoldState
from cardhold.messages import HoldRequest, PaymentMethod
from demo.books import CURRENCY, Figures
from demo.stack import Stage
from demo.telling import Teller

# Stand for no card: any well-formed token opens the simulator, each of them another card.
_FIRST_CARD, _SECOND_CARD = "2967530000000000001", "2967530000000000042"
_DAY = timedelta(days=1)
# Past the deadline, which is computed to the second.
_JUST_AFTER = timedelta(minutes=1)
# How long most issuers keep a hold.
_A_HOLDS_LIFE = timedelta(days=7)


class NotAsTold(Exception):
    """The story went another way than it should."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story.

    Attributes:
        title: What a hotel manager would call it; it names the row of the table.
        reservation_id: Its reservation; free of what a shell or a URL would mind.
        expected: What the bank's books should show after it.
        play: Plays it.
    """

    title: str
    reservation_id: str
    expected: Figures
    play: Callable[[Stage, Teller, str], Awaitable[None]]


async def _dinner(stage: Stage, tell: Teller, name: str) -> None:
    hold = await _held(stage, name, 100_00, description="one night, room 12")
    tell(f"At check-in the hotel blocks {hold.remaining} on the guest's card ({_card(hold)}).")
    hold = await stage.client.adjust(
        name, by="+50.00 USD", command_id="dinner", operator="restaurant"
    )
    tell(f"Dinner is 50.00 USD: the same hold is raised, and {hold.remaining} are blocked now.")
    hold = await stage.client.capture(name, command_id="checkout", operator="front desk")
    rest = f"{hold.remaining} stay" if hold.remaining.amount_minor else "nothing stays"
    tell(f"At checkout {hold.captured} are taken; {rest} blocked.")


async def _test_case(stage: Stage, tell: Teller, name: str) -> None:
    hold = await _held(stage, name, 123_46, description="the gateway's published test case")
    tell(f"{hold.remaining} are blocked, as in Payroc's own test case.")
    hold = await stage.client.capture(name, "65.32 USD", command_id="checkout")
    tell(f"The bill is smaller: {hold.captured} are taken, {hold.released} go back to the guest.")


async def _signal(stage: Stage, tell: Teller, name: str) -> None:
    hold = await _held(stage, name, 80_00, description="a spa day")
    tell(f"{hold.remaining} are blocked. The bill is settled by hand, with Temporal's own tool:")
    command = stage.signal_command(name, "capture")
    tell.command(command)
    await stage.typed(command)
    hold = await stage.settled(name)
    tell(f"{hold.captured} are taken; no program of the hotel's was needed.")


async def _second_card(stage: Stage, tell: Teller, name: str) -> None:
    await stage.meet("authorize", "decline")
    hold = await stage.client.start(_request(name, 90_00, description="a walk-in guest"))
    _expect(hold, HoldState.DECLINED)
    tell(f"The guest's bank says no: {hold.operations[-1].detail}. Nothing is blocked.")
    card = PaymentMethod.model_validate({"kind": "stored_token", "token": _SECOND_CARD})
    hold = await stage.client.authorize(name, card, command_id="second-card")
    _expect(hold, HoldState.AUTHORIZED)
    tell(f"The guest offers another card ({_card(hold)}): {hold.remaining} are blocked.")
    hold = await stage.client.capture(name, command_id="checkout")
    tell(f"At checkout {hold.captured} are taken, from the second card alone.")


async def _hosted_page(stage: Stage, tell: Teller, name: str) -> None:
    payment_id = await stage.hosted_page(240_00)
    tell(
        "A guest has left a deposit on the website: Payroc's hosted page blocked 240.00 USD, and"
        f" gave the hotel nothing but the payment's number, {payment_id}."
    )
    made = {"kind": "existing_hold", "token": payment_id}
    hold = await stage.client.start(_request(name, 240_00, payment_method=made))
    _expect(hold, HoldState.AUTHORIZED)
    tell(f"cardhold looks it up and keeps it from now on: {hold.remaining}, on {_card(hold)}.")
    hold = await stage.client.capture(name, command_id="arrival")
    tell(f"On arrival {hold.captured} are taken. Nothing was blocked a second time.")


async def _lost_answer(stage: Stage, tell: Teller, name: str) -> None:
    hold = await _held(stage, name, 110_00, description="one night, room 7")
    tell(
        f"{hold.remaining} are blocked. At checkout the line to the bank breaks: the money is"
        " taken, and the answer that says so is lost."
    )
    await stage.meet("capture", "drop_after")
    hold = await stage.client.capture(name, command_id="checkout")
    tell(
        f"cardhold asks again under the same name and learns what happened: {hold.captured} are"
        " taken. The bank's books below show that it was done once."
    )


async def _forgotten(stage: Stage, tell: Teller, name: str) -> None:
    hold = await _held(stage, name, 200_00, description="a deposit for the meeting room")
    deadline = _deadline(hold)
    tell(f"{hold.remaining} are blocked for a meeting room, and then everybody forgets them.")
    await stage.let_pass(6 * _DAY, name)
    hold = await stage.client.hold(name)
    if hold.attention is None:
        raise NotAsTold("nobody was warned before the deadline")
    tell(f"Six days pass. cardhold asks for a decision: {hold.attention.detail}.")
    await stage.let_pass(deadline - 6 * _DAY + _JUST_AFTER, name)
    hold = await stage.settled(name)
    tell(
        f"Nobody decides. Half a day before the bank's own time is up, {hold.released} go back:"
        " without an instruction nothing is ever charged."
    )
    await stage.let_pass_at_the_bank(_A_HOLDS_LIFE - deadline)


async def _no_show(stage: Stage, tell: Teller, name: str) -> None:
    plan = {"on_deadline": "capture", "deadline_amount": "120.00 USD"}
    hold = await _held(stage, name, 300_00, description="two nights, no-show fee one night", **plan)
    deadline = _deadline(hold)
    tell(
        f"{hold.remaining} are blocked. The booking says: if the guest never comes, the hotel"
        f" takes {hold.deadline_amount} and frees the rest."
    )
    await stage.let_pass(deadline + _JUST_AFTER, name)
    hold = await stage.settled(name)
    tell(f"Six days and a half later it does: {hold.captured} taken, {hold.released} freed.")
    await stage.let_pass_at_the_bank(_A_HOLDS_LIFE - deadline)
    tell("Day seven: the bank would have dropped the hold now. There is none left to drop.")


#: In the order in which they are played. The bank has one clock: those that move it come last.
SCENARIOS = (
    Scenario(
        "One night and a dinner",
        "hotel-dinner",
        Figures(held_minor=150_00, captured_minor=150_00, captures=1),
        _dinner,
    ),
    Scenario(
        "A smaller bill",
        "smaller-bill",
        Figures(held_minor=123_46, captured_minor=65_32, freed_minor=58_14, captures=1),
        _test_case,
    ),
    Scenario(
        "Paid by hand",
        "paid-by-hand",
        Figures(held_minor=80_00, captured_minor=80_00, captures=1),
        _signal,
    ),
    Scenario(
        "Declined, another card",
        "another-card",
        Figures(held_minor=90_00, captured_minor=90_00, captures=1),
        _second_card,
    ),
    Scenario(
        "From a hosted page",
        "hosted-page",
        Figures(held_minor=240_00, captured_minor=240_00, captures=1),
        _hosted_page,
    ),
    Scenario(
        "The bank's answer lost",
        "lost-answer",
        Figures(held_minor=110_00, captured_minor=110_00, captures=1),
        _lost_answer,
    ),
    Scenario(
        "Forgotten for a week",
        "forgotten",
        Figures(held_minor=200_00, freed_minor=200_00),
        _forgotten,
    ),
    Scenario(
        "The guest never came",
        "no-show",
        Figures(held_minor=300_00, captured_minor=120_00, freed_minor=180_00, captures=1),
        _no_show,
    ),
)


async def _held(stage: Stage, name: str, amount_minor: int, **fields: Any) -> Hold:
    hold = await stage.client.start(_request(name, amount_minor, **fields))
    _expect(hold, HoldState.AUTHORIZED)
    return hold


def _request(name: str, amount_minor: int, **fields: Any) -> HoldRequest:
    return HoldRequest.model_validate(
        {
            "reservation_id": name,
            "gateway": "payroc",
            "amount": {"amount_minor": amount_minor, "currency": CURRENCY},
            "payment_method": {"kind": "stored_token", "token": _FIRST_CARD},
            "operator": "front desk",
            **fields,
        }
    )


def _expect(hold: Hold, state: HoldState) -> None:
    if hold.state is not state:
        why = hold.operations[-1].detail if hold.operations else None
        raise NotAsTold(f"the hold is {hold.state} ({why or 'no reason given'}), not {state}")


def _card(hold: Hold) -> str:
    if hold.card is None:
        return "the bank does not say which"
    return f"{hold.card.brand or 'card'} ending {hold.card.last4 or '?'}"


def _deadline(hold: Hold) -> timedelta:
    """How long after its start the plan acts."""
    if hold.deadline is None:
        raise NotAsTold("the hold has no deadline")
    return hold.deadline - hold.created_at

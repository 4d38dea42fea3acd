"""What hotels do with card holds, each as a reservation of its own.

A scenario speaks to cardhold as any caller would and tells its story while it goes. What it
should have done to the bank's books stands beside it, and is judged elsewhere. Which ones a
gateway can play follows from what its adapter declares, and never from its name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from demo import deadlines, everyday, guests
from demo.books import Figures
from demo.houses import House
from demo.scenario import Scenario


def _figures(
    held_minor: int = 0, captured_minor: int = 0, **more: int
) -> Callable[[House], Figures]:
    figures = Figures(held_minor, captured_minor, **more)
    return lambda _: figures


def _of_the_smaller_bill(house: House) -> Figures:
    told = house.example
    freed_minor = told.held_minor - told.taken_minor
    return Figures(told.held_minor, told.taken_minor, freed_minor, captures=1)


def _of_the_whole(house: House) -> Figures:
    return Figures(house.example.whole_minor, house.example.whole_minor, captures=1)


#: In the order in which they are played. The bank has one clock: those that move it come last.
SCENARIOS = (
    Scenario(
        "One night and a dinner",
        "hotel-dinner",
        _figures(150_00, 150_00, captures=1),
        everyday.dinner,
        suits=lambda house: house.can.raises,
    ),
    Scenario(
        "A dinner on its own",
        "dinner-on-its-own",
        _figures(100_00, 100_00, captures=1),
        everyday.dinner_elsewhere,
        suits=lambda house: not house.can.raises,
    ),
    Scenario("A smaller bill", "smaller-bill", _of_the_smaller_bill, everyday.smaller_bill),
    Scenario("Paid by hand", "paid-by-hand", _of_the_whole, everyday.by_hand),
    Scenario(
        "Declined, another card",
        "another-card",
        _figures(90_00, 90_00, captures=1),
        everyday.another_card,
    ),
    Scenario(
        "From a hosted page",
        "hosted-page",
        _figures(240_00, 240_00, captures=1),
        everyday.hosted_page,
    ),
    Scenario(
        "The bank's answer lost",
        "lost-answer",
        _figures(110_00, 110_00, captures=1),
        everyday.lost_answer,
    ),
    Scenario(
        "Paid night by night",
        "night-by-night",
        _figures(300_00, 300_00, captures=3),
        everyday.in_parts,
        works=lambda house: house.takes_several,
        lack="takes one capture of a hold",
        abroad=True,
    ),
    Scenario(
        "A cheaper room",
        "cheaper-room",
        # Lowered by giving a part back: the books keep what was blocked at first.
        _figures(200_00, 150_00, freed_minor=50_00, captures=1),
        everyday.cheaper_room,
        # Where a hold can be raised too, the dinner tells it.
        suits=lambda house: not house.can.raises,
        works=lambda house: house.can.lowers,
        lack="can't lower a hold",
    ),
    Scenario(
        "The guest is asked",
        "guest-asked",
        _figures(180_00, 180_00, captures=1),
        guests.confirmed,
        works=lambda house: house.asks_guest,
        lack="has no 3-D Secure",
    ),
    Scenario(
        "The guest walks away",
        "guest-away",
        _figures(),
        guests.never_back,
        works=lambda house: house.asks_guest,
        lack="has no 3-D Secure",
    ),
    Scenario(
        "Forgotten for a week",
        "forgotten",
        _figures(200_00, freed_minor=200_00),
        deadlines.forgotten,
    ),
    Scenario(
        "The guest never came",
        "no-show",
        _figures(300_00, 120_00, freed_minor=180_00, captures=1),
        deadlines.no_show,
    ),
)


@dataclass(frozen=True, slots=True)
class Programme:
    """What is played at one house.

    Attributes:
        played: In this order.
        missed: The stories that its gateway can't play.
    """

    house: House
    played: tuple[Scenario, ...]
    missed: tuple[Scenario, ...]


def programme(house: House, scenarios: Sequence[Scenario] = SCENARIOS) -> Programme:
    """Choose what this house can play."""
    fitting = [each for each in scenarios if each.suits(house)]
    return Programme(
        house,
        played=tuple(each for each in fitting if each.works(house)),
        missed=tuple(each for each in fitting if not each.works(house)),
    )

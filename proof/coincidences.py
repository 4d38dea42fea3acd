"""What does harm only where two things come together: drawn together, since chance seldom does."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence

from proof.asks import Dice
from proof.plan import DEATH, Accident

#: What a single call meets: the hour, whose it is, and the name of it.
Mishap = tuple[float, str, str]

_AT_THE_DOOR, _BEGUN_TWICE = 0.07, 0.025
_PAGED, _NO_TRACE = 0.06, 0.03
_ASTRAY = 0.3
_NEVER_BACK = 0.3
# Of statuses that gateways have a word of their own for, those that a proxy may answer with too.
_PAGES = (402, 402, 404, 400, 409, 422)
_A_MOMENT_S = 0.001
# By then a gateway has booked what was on its way; or it is too late for an authorization as well.
_AWAY_S = (400.0, 400.0, 1200.0)
# Of the calls over which a worker dies, those below it never arrive.
_ARRIVES = 0.3


def coincidences(
    dice: Dice, keyed: Collection[str], hours: Sequence[float], adopts: str
) -> tuple[tuple[Accident, ...], tuple[Mishap, ...]]:
    """All of them.

    Args:
        dice: A stream of chance by its name.
        keyed: The operations that carry an idempotency key.
        hours: When something is asked for, the start first.
        adopts: How a hold stands that is to be taken over, if there is one.
    """
    dies, unseen = _without_a_trace(dice("without a trace"), hours)
    starts, late = _begun_twice(dice("begun twice"), keyed)
    mishaps = (
        *late,
        *_astray(dice("astray"), adopts),
        *_at_the_door(dice("at the door"), keyed),
        *_pages(dice("pages for an answer"), hours),
        *unseen,
    )
    return (*dies, *starts), mishaps


def _begun_twice(
    dice: random.Random, keyed: Collection[str]
) -> tuple[tuple[Accident, ...], tuple[Mishap, ...]]:
    """Where no key guards it: started again while it is placed, and both are on their way.

    The second is answered in time: whose answer is lost, who finds the other one in its place, and
    who is told to end within the gateway's processing time leaves the second to nobody.
    """
    if "authorize" in keyed or dice.random() >= _BEGUN_TWICE:
        return (), ()
    again = Accident(dice.choice((0.5, 3.0)), "terminate_and_start", dice.choice((0.0, 1.0)))
    first = dice.choice((5, 10, 10))
    return (again,), ((0.0, "money", f"late {first}"), (0.0, "money", "late 15"))


def _at_the_door(dice: random.Random, keyed: Collection[str]) -> tuple[Mishap, ...]:
    """Where no key guards it, the call that places the hold is late or lost.

    Often what is sent after it is not decided at once either.
    """
    if "authorize" in keyed or dice.random() >= _AT_THE_DOOR:
        return ()
    first, then = dice.choice(("late", "late", "lost")), dice.choice(("stay_pending", ""))
    return (0.0, "money", first), *(((0.0, "money", then),) if then else ())


def _pages(dice: random.Random, hours: Sequence[float]) -> tuple[Mishap, ...]:
    """Somebody on the way answers in the gateway's place, as if it were the gateway's own no."""
    if dice.random() >= _PAGED:
        return ()
    at = max(dice.choice((hours[0], dice.choice(hours))) - _A_MOMENT_S, 0.0)
    return ((at, dice.choice(("money", "money", "look")), f"garbage {dice.choice(_PAGES)}"),)


def _without_a_trace(
    dice: random.Random, hours: Sequence[float]
) -> tuple[tuple[Accident, ...], tuple[Mishap, ...]]:
    """A worker dies over a call that arrives, and whoever looks for it much later finds a page."""
    if dice.random() >= _NO_TRACE:
        return (), ()
    at, share = dice.choice(hours), _ARRIVES + (1 - _ARRIVES) * dice.random()
    death = Accident(max(at - _A_MOMENT_S, 0.0), DEATH, dice.choice(_AWAY_S), share)
    looks = dice.choice((1, 2, 2, 4))
    return (death,), ((at + 1.0, "look", "garbage 404"),) * looks


def _astray(dice: random.Random, adopts: str) -> tuple[Mishap, ...]:
    """The first look at a hold that was made elsewhere is answered with another guest's."""
    return ((0.0, "look", "misrouted"),) if adopts and dice.random() < _ASTRAY else ()


def comes_back(dice: random.Random, guest: str) -> str:
    """What the guest does; of those who pass, some close the page and never come back."""
    return "silent" if guest == "pass" and dice.random() < _NEVER_BACK else guest

"""What does harm only where two things come together: drawn together, since chance seldom does."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from proof.asks import DAY, HOUR, Dice, Instruction
from proof.plan import DEATH, Accident

#: What a single call meets: the hour, whose it is, and the name of it.
Mishap = tuple[float, str, str]
Drawn = tuple[tuple[Accident, ...], tuple[Mishap, ...]]

_NONE: Drawn = ((), ())
_A_MOMENT_S = 0.001
_AT_THE_DOOR, _BEGUN_TWICE = 0.07, 0.025
_PAGED, _NO_TRACE = 0.06, 0.03
_RESET_OVER_IT = 0.05
# A first try takes 45 s at the most, and a gateway's processing time two minutes, or five.
_RESET_AFTER_S = (0.5, 400.0)
# The last task that the run has completed, or one before it.
_LAST = (0.9999, 0.9999, 0.9, 0.8)
_ASTRAY = 0.3
_NEVER_BACK = 0.3
# Of statuses that gateways have a word of their own for, those that a proxy may answer with too.
_PAGES = (402, 402, 404, 400, 409, 422)
# By then a gateway has booked what was on its way; or it is too late for an authorization as well.
_AWAY_S = (400.0, 400.0, 1200.0)
# Of the calls over which a worker dies, those below it never arrive.
_ARRIVES = 0.3
# How many calls are refused when they are sent again, while the first is on its way; and how many,
# where soon it is too late to send it, are lost all that time.
_IN_VAIN, _IN_HASTE_IN_VAIN = 0.05, 0.3
_REFUSED_LATER: Sequence[Sequence[str]] = (
    ("late 90", "throttle 7", "revoked"),
    ("late 90", "refused", "revoked"),
    ("late 90", "lost_silent", "revoked"),
    ("unanswered", "throttle 7", "decline"),
    ("unrenewed",),
)
_LOST_ALL_THAT_TIME = ("late 90", "lost_silent", "lost_silent")
# How often what is to happen at the deadline, or is wanted in the hour before, is refused.
_REFUSED_LATE = 0.25
# In how many the gateway falls silent over an instruction, for longer than keys are relied upon.
_SILENCES, _SILENT_S = 0.1, 4.5 * DAY
# In how many a person says what is not so, beside those of the swarm.
_LIARS = 0.02
# On a busy account it is often unknown at first whether the hold was placed; it was not.
_BUSY, _NOT_PLACED = 20, 0.5


@dataclass(frozen=True)
class Occasions:
    """What there is for things to come together at.

    Attributes:
        keyed: The operations that carry an idempotency key at the account.
        life_s: How long holds live there.
        instructions: What is asked for.
        due_s: When the plan acts.
        captures: Whether it captures then.
        is_in_haste: Whether soon it is too late to authorize.
        adopts: How a hold stands that is to be taken over, if there is one.
        strangers: How many other bookings the account has.
    """

    keyed: Collection[str]
    life_s: float
    instructions: Sequence[Instruction]
    due_s: float
    captures: bool
    is_in_haste: bool
    adopts: str
    strangers: int

    @property
    def asked_at(self) -> Sequence[float]:
        """The start's hour, and that of each instruction."""
        return (0.0, *(each.at for each in self.instructions))

    @property
    def hours(self) -> Sequence[float]:
        """All hours at which a call may be made; the plan's is the last."""
        return (*self.asked_at, self.due_s)


def coincidences(dice: Dice, at: Occasions) -> Drawn:
    """All of them, each from a stream of chance of its own."""
    drawn = (
        _without_a_trace(dice("without a trace"), at),
        _begun_twice(dice("begun twice"), at),
        _reset_over_it(dice("reset over it"), at),
        _silence(dice("silence"), at),
        _liar(dice("liar")),
        ((), _astray(dice("astray"), at)),
        ((), _at_the_door(dice("at the door"), at)),
        ((), _pages(dice("pages for an answer"), at)),
        ((), _in_vain(dice("in vain"), at)),
        ((), _refused_late(dice("refused late"), at)),
        ((), _busy(dice("busy"), at)),
    )
    accidents, mishaps = zip(*drawn, strict=True)
    return sum(accidents, ()), sum(mishaps, ())


def _begun_twice(dice: random.Random, at: Occasions) -> Drawn:
    """Where no key guards it: started again while it is placed, and both are on their way.

    The second is answered in time: whose answer is lost, who finds the other one in its place, and
    who is told to end within the gateway's processing time leaves the second to nobody.
    """
    if "authorize" in at.keyed or dice.random() >= _BEGUN_TWICE:
        return _NONE
    again = Accident(dice.choice((0.5, 3.0)), "terminate_and_start", dice.choice((0.0, 1.0)))
    first = dice.choice((5, 10, 10))
    return (again,), ((0.0, "money", f"late {first}"), (0.0, "money", "late 15"))


def _without_a_trace(dice: random.Random, at: Occasions) -> Drawn:
    """A worker dies over a call that arrives, and whoever looks for it much later finds a page."""
    if dice.random() >= _NO_TRACE:
        return _NONE
    hour, share = dice.choice(at.hours), _ARRIVES + (1 - _ARRIVES) * dice.random()
    death = Accident(just_before(hour), DEATH, dice.choice(_AWAY_S), share)
    looks = dice.choice((1, 2, 2, 4))
    return (death,), ((hour + 1.0, "look", "garbage 404"),) * looks


def _reset_over_it(dice: random.Random, at: Occasions) -> Drawn:
    """What was lost is sent again, and is on its way when a reset's run takes it up there."""
    if dice.random() >= _RESET_OVER_IT:
        return _NONE
    hour = dice.choice(at.hours)
    when = hour + dice.uniform(*_RESET_AFTER_S)
    reset = Accident(when, dice.choice(("reset", "reset", "reset_alone")), share=dice.choice(_LAST))
    first, then = ("lost_silent",) * dice.choice((0, 1, 1)), f"late {dice.choice((30, 90))}"
    return (reset,), tuple((just_before(hour), "money", name) for name in (*first, then))


def _silence(dice: random.Random, at: Occasions) -> Drawn:
    """Over an instruction the gateway falls silent, until its key is dead."""
    is_keyed = "capture" in at.keyed and at.life_s > _SILENT_S
    if not at.instructions or not is_keyed or dice.random() >= _SILENCES:
        return _NONE
    hour = just_before(dice.choice(at.instructions).at)
    return (Accident(at=hour, kind="outage", lasts_s=_SILENT_S),), ()


def _liar(dice: random.Random) -> Drawn:
    """The person at the desk may have looked at another hold."""
    return ((Accident(at=0.0, kind="lie"),), ()) if dice.random() < _LIARS else _NONE


def _at_the_door(dice: random.Random, at: Occasions) -> tuple[Mishap, ...]:
    """Where no key guards it, the call that places the hold is late or lost.

    Often what is sent after it is not decided at once either.
    """
    if "authorize" in at.keyed or dice.random() >= _AT_THE_DOOR:
        return ()
    first, then = dice.choice(("late", "late", "lost")), dice.choice(("stay_pending", ""))
    return (0.0, "money", first), *(((0.0, "money", then),) if then else ())


def _pages(dice: random.Random, at: Occasions) -> tuple[Mishap, ...]:
    """Somebody on the way answers in the gateway's place, as if it were the gateway's own no."""
    if dice.random() >= _PAGED:
        return ()
    hour = just_before(dice.choice((0.0, dice.choice(at.hours))))
    return ((hour, dice.choice(("money", "money", "look")), f"garbage {dice.choice(_PAGES)}"),)


def _in_vain(dice: random.Random, at: Occasions) -> tuple[Mishap, ...]:
    """What was lost is sent again, and meets a no, or nothing, before the first has arrived."""
    if at.is_in_haste and dice.random() < _IN_HASTE_IN_VAIN:
        return tuple((0.0, "money", name) for name in _LOST_ALL_THAT_TIME)
    if dice.random() >= _IN_VAIN:
        return ()
    hour = just_before(dice.choice((0.0, dice.choice(at.hours))))
    return tuple((hour, "money", name) for name in dice.choice(_REFUSED_LATER))


def _refused_late(dice: random.Random, at: Occasions) -> tuple[Mishap, ...]:
    """The plan's capture is refused, and a release in the hour before it."""
    wanted = [each.at for each in at.instructions if each.name == "release"]
    hours = [hour for hour in wanted if 0 < at.due_s - hour < HOUR] + [at.due_s] * at.captures
    if dice.random() >= _REFUSED_LATE:
        return ()
    return tuple((just_before(hour), "money", "decline") for hour in hours)


def _astray(dice: random.Random, at: Occasions) -> tuple[Mishap, ...]:
    """The first look at a hold that was made elsewhere is answered with another guest's."""
    return ((0.0, "look", "misrouted"),) if at.adopts and dice.random() < _ASTRAY else ()


def _busy(dice: random.Random, at: Occasions) -> tuple[Mishap, ...]:
    """Among many others it is not known at first whether the hold was placed; it was not."""
    is_lost = at.strangers > _BUSY and dice.random() < _NOT_PLACED
    return ((0.0, "money", "error_before"),) if is_lost else ()


def comes_back(dice: random.Random, guest: str) -> str:
    """What the guest does; of those who pass, some close the page and never come back."""
    return "silent" if guest == "pass" and dice.random() < _NEVER_BACK else guest


def just_before(hour: float) -> float:
    """When a mishap is ready for the calls of that hour."""
    return max(hour - _A_MOMENT_S, 0.0)

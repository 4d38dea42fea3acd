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
_AT_THE_DOOR, _BEGUN_TWICE, _TWICE_IN_HASTE = 0.07, 0.025, 0.3
# How soon a hold is used that is used while another one may yet arrive.
_SOON_S = 120.0
# In how many of those where it can happen, of all that is drawn below under such a name.
_SET_BACK, _STALE, _STOOD, _REST_REFUSED, _UNHEARD = 0.12, 0.02, 0.03, 0.15, 0.03
_FORESTALLED, _BETWEEN_LOOKS, _ASKED_IN_VAIN = 0.06, 0.4, 0.4
_PAGED, _NO_TRACE = 0.06, 0.03
_RESET_OVER_IT = 0.05
# A first try takes 45 s at the most, and a gateway's processing time two minutes, or five.
_RESET_AFTER_S = (0.5, 400.0)
# The last task that the run has completed, or one before it.
_LAST = (0.9999, 0.9999, 0.9, 0.8)
_ASTRAY, _UNKNOWN_THERE = 0.3, 0.25
_NEVER_BACK, _BACK_BEFORE = 0.3, 0.25
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
        acts_alone: Whether the guest is not there, where some of them may be asked for more.
        adopts: How a hold stands that is to be taken over, if there is one.
        strangers: How many other bookings the account has.
    """

    keyed: Collection[str]
    life_s: float
    instructions: Sequence[Instruction]
    due_s: float
    captures: bool
    is_in_haste: bool
    acts_alone: bool
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
        _set_back_to_a_decline(dice("set back to a decline"), at),
        _stood_still(dice("stood still"), at),
        _liar(dice("liar")),
        ((), _astray(dice("astray"), at)),
        ((), _at_the_door(dice("at the door"), at)),
        ((), _pages(dice("pages for an answer"), at)),
        ((), _in_vain(dice("in vain"), at)),
        ((), _refused_late(dice("refused late"), at)),
        ((), _stale_word(dice("stale word"), at)),
        ((), _rest_refused(dice("rest refused"), at)),
        ((), _unheard(dice("unheard"), at)),
        ((), _forestalled(dice("forestalled"), at)),
        ((), _asked_in_vain(dice("asked in vain"), at)),
        ((), _busy(dice("busy"), at)),
    )
    accidents, mishaps = zip(*drawn, strict=True)
    return sum(accidents, ()), sum(mishaps, ())


def _begun_twice(dice: random.Random, at: Occasions) -> Drawn:
    """Where no key guards it: started again while it is placed, and both are on their way.

    The second is answered in time: whose answer is lost, who finds the other one in its place, and
    who is told to end within the gateway's processing time leaves the second to nobody.
    """
    is_soon = any(each.at < _SOON_S and each.name == "capture" for each in at.instructions)
    share = _TWICE_IN_HASTE if is_soon else _BEGUN_TWICE
    if "authorize" in at.keyed or dice.random() >= share:
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


def _set_back_to_a_decline(dice: random.Random, at: Occasions) -> Drawn:
    """Temporal's store is set back to before another card, which nobody gives again."""
    cards = [each.at for each in at.instructions if each.name == "authorize"]
    if not cards or dice.random() >= _SET_BACK:
        return _NONE
    after, share = dice.choice((5.0, 60.0, 600.0)), dice.choice((0.3, 0.5, 0.7))
    restore = Accident(cards[-1] + after, "restore", lasts_s=330.0, share=share)
    return (restore,), ((0.0, "money", "decline"),)


def _stale_word(dice: random.Random, at: Occasions) -> tuple[Mishap, ...]:
    """A first attempt leaves word that nothing was sent, a worker dies over the second.

    The third is refused, by a gateway that the second has yet to reach.
    """
    if dice.random() >= _STALE:
        return ()
    hour = just_before(dice.choice(at.hours))
    before, refusal = dice.choice((0, 1)), dice.choice(("unauthorized", "revoked", "decline"))
    names = *("lost_silent",) * before, "refused", DEATH, refusal
    return tuple((hour, "money", name) for name in names)


def _stood_still(dice: random.Random, at: Occasions) -> Drawn:
    """A process stands still between its look and what it is to send, until nobody waits for it."""
    if "authorize" in at.keyed or dice.random() >= _STOOD:
        return _NONE
    hour = dice.choice(at.hours)
    # Or until another worker has looked as well, and has sent it.
    how, lasts_s = dice.choice((("standstill", 60.0), ("frozen", 60.0), ("frozen", 400.0)))
    return (Accident(hour + 3.5, how, lasts_s),), (
        (just_before(hour), "look", "delay 10"),
        (just_before(hour), "money", "late 30"),
    )


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


def _rest_refused(dice: random.Random, at: Occasions) -> tuple[Mishap, ...]:
    """A part is captured, and what is left of the hold is not freed at once."""
    wanted = (each for each in at.instructions if each.name == "capture" and each.is_valid)
    parts = [
        each.at
        for each in wanted
        if each.body and each.body.get("final", True) and "amount" in each.body
    ]
    if not parts or dice.random() >= _REST_REFUSED:
        return ()
    hour = just_before(dice.choice(parts))
    return (hour, "money", "delay 1"), (hour, "money", dice.choice(("decline", "decline", "lost")))


def _unheard(dice: random.Random, at: Occasions) -> tuple[Mishap, ...]:
    """The gateway says no, or not yet, and nobody hears of it; often after a call that was lost."""
    if dice.random() >= _UNHEARD:
        return ()
    hour = just_before(dice.choice((0.0, dice.choice(at.hours))))
    said = dice.choice(("unheard decline", "unheard stay_pending"))
    before = ((hour, "money", "lost_silent"),) * dice.choice((0, 1))
    return *before, (hour, "money", said)


def _forestalled(dice: random.Random, at: Occasions) -> tuple[Mishap, ...]:
    """Somebody at the portal is a moment faster than what was asked for, or planned."""
    if dice.random() >= _FORESTALLED:
        return ()
    hours = [each.at for each in at.instructions if each.name in {"capture", "release"}]
    hour = just_before(dice.choice([*hours, at.due_s]))
    if dice.random() < _BETWEEN_LOOKS:
        return (hour, "look", "delay 1"), (hour, "look", "overtaken")
    return ((hour, "money", "overtaken"),)


def _asked_in_vain(dice: random.Random, at: Occasions) -> tuple[Mishap, ...]:
    """The issuer asks for a guest who is not there."""
    asks = at.acts_alone and dice.random() < _ASKED_IN_VAIN
    return ((0.0, "money", "require_action"),) if asks else ()


def _astray(dice: random.Random, at: Occasions) -> tuple[Mishap, ...]:
    """The first look at a hold made elsewhere is answered with another guest's, or refused."""
    drawn = dice.random()
    if not at.adopts or drawn >= _ASTRAY + _UNKNOWN_THERE:
        return ()
    return ((0.0, "look", "misrouted" if drawn < _ASTRAY else "revoked"),)


def _busy(dice: random.Random, at: Occasions) -> tuple[Mishap, ...]:
    """Among many others it is not known at first whether the hold was placed; it was not."""
    is_lost = at.strangers > _BUSY and dice.random() < _NOT_PLACED
    return ((0.0, "money", "error_before"),) if is_lost else ()


def comes_back(dice: random.Random, guest: str) -> str:
    """What the guest does; of those who pass, some close the page and never come back.

    And some are back a moment before the gateway has heard of it.
    """
    if guest != "pass" or (drawn := dice.random()) >= _NEVER_BACK + _BACK_BEFORE:
        return guest
    return "silent" if drawn < _NEVER_BACK else "swift"


def just_before(hour: float) -> float:
    """When a mishap is ready for the calls of that hour."""
    return max(hour - _A_MOMENT_S, 0.0)

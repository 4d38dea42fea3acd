"""What a caller starts with, and what callers ask for after it, drawn from a scenario's seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from proof.places import Place, digits_of
from proof.world.loop import BEGINNING

HOUR, DAY = 3600.0, 86400.0
Dice = Callable[[str], random.Random]

_SIGNALS = frozenset({"capture", "adjust", "release", "reschedule"})
#: What waits for its turn, and is carried out one by one.
QUEUED = frozenset({"authorize", "adjust", "capture", "release"})
_GARBAGE: tuple[Mapping[str, Any], ...] = (
    {"amuont": {"amount_minor": 1, "currency": "USD"}},
    {"amount": {"amount_minor": -5, "currency": "USD"}},
    {"amount": {"amount_minor": 1.5, "currency": "USD"}},
    {"amount": "ten"},
    {"command_id": "no blanks allowed"},
    {"reason": "4111 1111 1111 1111"},
    {"final": "yes"},
)
#: How long a hold lives at most by the schemes' rules where the guest was not there.
MERCHANTS_S = 4.75 * DAY
#: How long after its start an authorization may be sent, by the contract's default.
AUTHORIZE_WITHIN_S = 900.0
# Callers who wait for one answer before they ask for the next thing: more than two tasks take.
_APART_S = 40.0

# In how many seeds callers come one upon the other, and how many at least.
_CROWDS, _CROWD = 0.2, 4
# In how many what is said belongs together.
_STORIES = 0.1
# How many take the name of the instruction before theirs.
_NAMED_TWICE = 0.08
# How many ask again after a while, whatever they were told.
_ASKS_LATER, _LATER_S = 0.12, (60.0, 600.0, 1800.0, 2 * HOUR)
# In how many somebody starts the reservation again, with other words.
_STARTED_OTHERWISE = 0.03
_METADATA = ({"room": "12"}, {"room": "12"}, {"room": "", "floor": "2"}, {"Zimmer": "Süd 4"})
# In how many all that is wanted is that it be freed, and how long before the deadline.
_FREED_LATE, _LATE_S = 0.04, (300.0, 1500.0, 3000.0)
# In how many what is held is taken at once, and when.
_USED_AT_ONCE, _AT_ONCE_S = 0.03, (1.0, 110.0)
_PUT_OFF = 0.3
# How many of those who give a new total give the first one.
_AS_IT_IS = 0.1
# How many callers say until when an authorization may be sent.
_IN_HASTE = 0.2

# By 1 to 3 beyond a round amount, Payroc's test system is told to decline.
_CENTS = (0, *range(5, 20))


@dataclass(frozen=True)
class Instruction:
    """One message of a caller.

    Attributes:
        at: When, in seconds from the start.
        name: Of the update or signal.
        body: Its one payload; None for no payload at all.
        is_signal: Sent without waiting for an answer.
        is_valid: Garbage otherwise: nothing may come of it.
        repeats: How often it is sent again, by a caller who got no answer or is nervous.
        pause_s: How long whoever asks once more after that waits before.
    """

    at: float
    name: str
    body: Mapping[str, Any] | None
    is_signal: bool = False
    is_valid: bool = True
    repeats: int = 0
    pause_s: float = 0.2

    @property
    def asks_later(self) -> bool:
        """Whether it is asked for again so late that its turn may be another one by then."""
        return self.repeats > 1 and self.pause_s > 1

    @property
    def command_id(self) -> str | None:
        """Its own name, where it has one."""
        return None if self.body is None else self.body.get("command_id")

    def __str__(self) -> str:
        how = "signal" if self.is_signal else "update"
        return f"{how} {self.name} {dict(self.body) if self.body is not None else ''}"


class Callers:
    """Everybody who says something in one scenario.

    Args:
        place: Where.
        dice: A stream of chance by its name.
        seed: The scenario's; the reservation is named after it.
        life_s: How long the bank keeps a hold.
        window_s: How long the caller says that it lives; None for what the account says.
        orderly: Nobody speaks before the one before has been heard.
    """

    def __init__(  # noqa: PLR0913 - what a caller knows of, each by its own name
        self,
        place: Place,
        dice: Dice,
        seed: int,
        life_s: float,
        window_s: float | None,
        *,
        orderly: bool,
    ) -> None:
        self._place = place
        self._dice = dice
        self._seed = seed
        self._life_s = life_s
        self._window_s = window_s
        self._orderly = orderly
        self._amounts = 0
        self.request = self._request()
        self.due_s = deadline_s(self.request)

    def _amount(self, least: int = 10, most: int = 99) -> dict[str, Any]:
        """An amount that no other instruction of this scenario has, and that triggers nothing."""
        self._amounts += 1
        number = self._dice(f"amount {self._amounts}").randint(least, most)
        cents = self._dice(f"cents {self._amounts}").choice(_CENTS)
        minor = number * 1000 + self._amounts * 20 + 400 + cents
        return {"amount_minor": minor, "currency": self._place.currency}

    # The start.

    def _request(self) -> Mapping[str, Any]:
        dice = self._dice("request")
        place = self._place
        cards = [place.card] * 8
        cards += [place.declined] * (3 if self._orderly else 1) if place.declined else []
        cards += [place.challenged] * 2 if place.challenged else []
        request: dict[str, Any] = {
            "reservation_id": f"R{self._seed}",
            "gateway": place.account,
            "amount": self._amount(40, 60),
            "payment_method": dict(dice.choice(cards)),
            "operator": "web",
            "return_url": "https://hotel.example/back",
        }
        if dice.random() < 0.4:
            request["on_deadline"] = "capture"
            if dice.random() < 0.5:
                request["deadline_amount"] = self._amount(10, 39)
        if self._window_s is not None:
            request["hold_window"] = f"PT{int(self._window_s)}S"
        wishes = self._wishes(self._dice("wishes"))
        return {**request, **wishes, **self._haste(self._dice("haste"))}

    @staticmethod
    def _haste(dice: random.Random) -> dict[str, Any]:
        """Few say how long they would wait for the hold to be placed."""
        if dice.random() >= _IN_HASTE:
            return {}
        return {"authorize_by": instant(dice.choice((20.0, 60.0, 60.0, 300.0)))}

    def _wishes(self, dice: random.Random) -> dict[str, Any]:
        """What few callers say."""
        wishes: dict[str, Any] = {}
        if dice.random() < 0.15:
            # An hour before all is over anyway, at the latest: what comes later says nothing.
            wishes["settle_by"] = instant(dice.choice((900.0, HOUR, 0.4 * self._life_s)))
        if dice.random() < 0.15:
            wishes["safety_margin"] = dice.choice(("PT10M", "PT1H", "P2D"))
        if dice.random() < 0.15 and self._place.gateway != "payroc":
            wishes["initiator"] = "merchant"
        if dice.random() < 0.3:
            wishes |= {
                "booking": f"B{self._seed}",
                "property": "house-7",
                "description": "one night",
                "metadata": dict(self._dice("metadata").choice(_METADATA)),
            }
        return wishes

    # What comes after it.

    def instructions(self, busy_s: float) -> tuple[Instruction, ...]:
        """What is asked for within the busy time."""
        dice = self._dice("instructions")
        if self._orderly:
            return self._one_by_one(dice, busy_s)
        drawn = [self._instruction(dice, n, busy_s) for n in range(dice.choice((0, 1, 2, 2, 3, 5)))]
        if drawn and dice.random() < 0.25:
            # At one instant, or as one: the same task brings them.
            drawn = [replace(each, at=drawn[0].at) for each in drawn]
        crowd = self._dice("crowd")
        if crowd.random() < _CROWDS:
            # One after the other while the first is still being served, and several wait.
            apart = crowd.choice((0.3, 1.5, 1.5, 4.0))
            drawn = [self._wish(crowd, n, busy_s) for n in range(len(drawn), _CROWD)] + drawn
            drawn = [replace(e, at=drawn[0].at + n * apart) for n, e in enumerate(drawn)]
        drawn = self._freed_late() or self._used_at_once() or self._story(busy_s) or drawn
        last_minute = self._dice("last minute")
        if drawn and last_minute.random() < 0.25 and self.due_s < self._life_s:
            # Whoever is late: the plan acts in the very moment.
            before = last_minute.choice((60.0, 20.0, 2.0, 2.0, 0.01, 0.01, 0.01, 0.0, -0.01))
            # A new total rather than anything else: the plan overtakes it.
            adjusts = [number for number, each in enumerate(drawn) if each.name == "adjust"]
            late = last_minute.choice(adjusts or [len(drawn) - 1])
            drawn[late] = replace(drawn[late], at=max(self.due_s - before, 1.0))
        drawn = [self._asked_later(each) for each in self._named_twice(drawn)]
        drawn += self._another_start(busy_s) + self._put_off(busy_s)
        return tuple(sorted(drawn, key=lambda each: each.at))

    def _another_start(self, busy_s: float) -> list[Instruction]:
        """Somebody starts it once more, and says something else."""
        dice = self._dice("another start")
        if dice.random() >= _STARTED_OTHERWISE:
            return []
        other = dice.choice(
            ({"amount": self._amount(40, 60)}, {"payment_method": dict(self._place.other_card)})
        )
        request = {**self.request, **other}
        return [Instruction(dice.random() * busy_s, "authorized", {"request": request})]

    def _freed_late(self) -> list[Instruction]:
        """Somebody remembers it shortly before its deadline, now and then, and wants it freed."""
        dice = self._dice("freed late")
        if dice.random() >= _FREED_LATE:
            return []
        at = max(self.due_s - dice.choice(_LATE_S), 1.0)
        return [Instruction(at, "release", {"command_id": "c0"})]

    def _used_at_once(self) -> list[Instruction]:
        """What is held is taken while it is hardly placed, now and then, or a part of it."""
        dice = self._dice("used at once")
        if dice.random() >= _USED_AT_ONCE:
            return []
        body = {"command_id": "c0", **dice.choice(({}, {"amount": self._amount(10, 30)}))}
        return [Instruction(dice.uniform(*_AT_ONCE_S), "capture", body)]

    def _put_off(self, busy_s: float) -> list[Instruction]:
        """Where a part is to be taken in the end, the end alone is often changed."""
        dice = self._dice("put off")
        if "deadline_amount" not in self.request or dice.random() >= _PUT_OFF:
            return []
        at = 1.0 + dice.random() * busy_s
        body = {"command_id": "later", "settle_by": instant(at + 1800 + dice.random() * 3 * HOUR)}
        return [Instruction(at, "reschedule", body)]

    def _asked_later(self, each: Instruction) -> Instruction:
        """What was refused may be legal by then; few wait for that, and ask again."""
        dice = self._dice(f"asked later {each.at} {each.name}")
        can = each.name in QUEUED and each.is_valid and not each.is_signal
        if not can or dice.random() >= _ASKS_LATER:
            return each
        return replace(each, repeats=2, pause_s=dice.choice(_LATER_S))

    def _story(self, busy_s: float) -> list[Instruction]:
        """What belongs together, now and then: one card after another, or a stay paid by night."""
        dice = self._dice("story")
        if dice.random() >= _STORIES:
            return []
        if not self._place.several or dice.random() < 0.5:
            first, apart = dice.choice((60.0, 300.0)), dice.choice((60.0, 900.0, 1500.0))
            return [
                Instruction(
                    first + number * apart,
                    "authorize",
                    {"command_id": f"c{number}", "payment_method": dict(self._place.other_card)},
                )
                for number in range(dice.choice((1, 2)))
            ]
        nights = [
            Instruction(
                busy_s * (number + 1) / 5,
                "capture",
                {"command_id": f"c{number}", "amount": self._amount(10, 12), "final": False},
            )
            for number in range(dice.choice((2, 3)))
        ]
        out = dice.choice((["capture"], ["release"], []))
        return nights + [Instruction(busy_s, name, {"command_id": "out"}) for name in out]

    def _wish(self, dice: random.Random, number: int, busy_s: float) -> Instruction:
        """What changes the hold, and leaves something of it for whoever comes next."""
        at, place = dice.random() * busy_s, self._place
        name = dice.choice(("adjust", "capture") if place.several else ("adjust",))
        body: dict[str, Any] = {"command_id": f"c{number}", "amount": self._amount(10, 20)}
        if name == "adjust":
            body["amount"] = self._amount(*((60, 80) if place.raises else (30, 39)))
        else:
            body["final"] = False
        return Instruction(at, name, body)

    def _one_by_one(self, dice: random.Random, busy_s: float) -> tuple[Instruction, ...]:
        several = range(dice.choice((0, 1, 2, 3, 4, 5)))
        drawn = [self._instruction(dice, n, busy_s) for n in several]
        at, apart = 0.0, list[Instruction]()
        for each in sorted(self._named_twice(drawn), key=lambda each: each.at):
            at = max(each.at, at + _APART_S)
            apart.append(replace(each, at=at))
        return tuple(apart)

    def _named_twice(self, drawn: Sequence[Instruction]) -> list[Instruction]:
        """Somebody takes another's name for their own wish, now and then."""
        dice = self._dice("names")
        named = list(drawn)
        for number, each in enumerate(drawn[1:], start=1):
            other = drawn[number - 1]
            if dice.random() < _NAMED_TWICE and other.is_valid and each.is_valid:
                if each.command_id is None or other.command_id is None:
                    continue
                # A run that has forgotten the first would send the second under the same key.
                if each.name == other.name and (not self._orderly or _say_the_same(each, other)):
                    continue
                body = {**(each.body or {}), "command_id": other.command_id}
                named[number] = replace(each, body=body)
        return named

    def _instruction(self, dice: random.Random, number: int, busy_s: float) -> Instruction:
        at = dice.random() * busy_s
        names = ["capture"] * 5 + ["adjust"] * 4 + ["release"] * 2
        names += ["reschedule"] * (3 if self._orderly else 1)
        names += ["authorize", "authenticated", "acknowledge"]
        name = dice.choice(names)
        is_signal = name in _SIGNALS and dice.random() < 0.3
        repeats = dice.choice((0, 0, 0, 1, 2))
        if dice.random() < 0.08:
            if dice.random() < 0.3:
                return Instruction(at, "captrue", {}, is_signal, is_valid=False)
            return Instruction(at, name, dice.choice(_GARBAGE), is_signal, is_valid=False)
        if is_signal and name in {"capture", "release"} and dice.random() < 0.4:
            return Instruction(at, name, None, is_signal, repeats=repeats)
        body = {"command_id": f"c{number}", **self._body(dice, name, at)}
        if name == "authenticated":
            del body["command_id"]
        elif dice.random() < 0.3:
            body |= {"operator": "desk", "reason": "a wish"}
        return Instruction(at, name, body, is_signal, repeats=repeats)

    def _body(self, dice: random.Random, name: str, at: float) -> dict[str, Any]:
        match name:
            case "adjust":
                if dice.random() < 0.2:
                    return {"by": f"{dice.choice('+-')}{self._major(1320)} {self._place.currency}"}
                amount = self._amount(20, 80)
                if self._dice(f"once more {self._amounts}").random() < _AS_IT_IS:
                    amount = dict(self.request["amount"])
                return {"amount": self._written(dice, amount)}
            case "capture":
                body: dict[str, Any] = (
                    {}
                    if dice.random() < 0.3
                    else {"amount": self._written(dice, self._amount(10, 60))}
                )
                if dice.random() < (0.5 if self._place.several else 0.2):
                    body["final"] = False
                return body
            case "reschedule":
                return self._new_plan(dice, at)
            case "authorize":
                return {"payment_method": dict(self._place.other_card)}
            case _:
                return {}

    def _written(self, dice: random.Random, amount: dict[str, Any]) -> Any:
        """As an object, or as people write it."""
        if dice.random() < 0.8:
            return amount
        return f"{self._major(amount['amount_minor'])} {amount['currency']}"

    def _major(self, amount_minor: int) -> str:
        return major_of(amount_minor, self._place.digits)

    def _new_plan(self, dice: random.Random, at: float) -> dict[str, Any]:
        at = max(at, 1.0)
        return dice.choice(
            (
                {"on_deadline": "release"},
                {"settle_by": instant(at + 1800 + dice.random() * 3 * HOUR)},
                {"settle_by": instant(at + 1800 + dice.random() * 3 * HOUR)},
                {"settle_by": instant(0.5 * at)},
                {"on_deadline": "capture"},
                {"on_deadline": "capture", "deadline_amount": self._amount(10, 39)},
                {"deadline_amount": self._amount(10, 39)},
            )
        )


def deadline_s(request: Mapping[str, Any]) -> float:
    """When the plan acts by itself, if the hold is placed at once and nobody changes the plan."""
    window = seconds_of(request.get("hold_window", "P7D"))
    if request.get("initiator") == "merchant":
        window = min(window, MERCHANTS_S)
    margin = min(seconds_of(request.get("safety_margin", "PT12H")), window / 2)
    settle_by = request.get("settle_by")
    by_expiry = window - margin
    return by_expiry if settle_by is None else min(by_expiry, since_beginning(settle_by))


def minor_of(amount: Any) -> int:
    """An amount as any message may have it, in the minor unit."""
    if isinstance(amount, str):
        number, _, currency = amount.partition(" ")
        return int(Decimal(number).scaleb(digits_of(currency)))
    return int(amount["amount_minor"])


def major_of(amount_minor: int, digits: int) -> str:
    """An amount of the minor unit as people write it."""
    return format(Decimal(amount_minor).scaleb(-digits), "f")


def seconds_of(duration: str) -> float:
    """A duration of those that are drawn here: days, hours, minutes or seconds."""
    number = float(duration.strip("PTDHMS"))
    return number * {"D": DAY, "H": HOUR, "M": 60.0, "S": 1.0}[duration[-1]]


def instant(at: float) -> str:
    """An instant of the world, to the second, as JSON has it."""
    return (BEGINNING + timedelta(seconds=int(at))).strftime("%Y-%m-%dT%H:%M:%SZ")


def since_beginning(text: str) -> float:
    """The world's seconds of an instant as JSON has it."""
    return (datetime.fromisoformat(text) - BEGINNING).total_seconds()


def _say_the_same(one: Instruction, other: Instruction) -> bool:
    """Whoever says it, and why: the second is a repetition."""
    beside = {"command_id", "operator", "reason"}
    said = ({k: v for k, v in (e.body or {}).items() if k not in beside} for e in (one, other))
    return next(said) == next(said)

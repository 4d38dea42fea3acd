"""What happens in one scenario, drawn from its seed before it begins.

Every kind of chance has a stream of its own, so that a new kind of accident leaves the others of
a seed as they were. Which accidents can happen at all, and how often, is drawn too (a swarm):
most seeds know a few of them, some know none, some are brutal.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proof.places import PLACES, Place
from proof.world.temporal import Manners

HOUR, DAY = 3600.0, 86400.0

#: What the network and the gateway may do to a request, and how often beside each other.
WEATHER: Mapping[str, float] = {
    "refused": 1,
    "lost": 1,
    "lost_silent": 0.5,
    "late": 1,
    "unanswered": 2,
    "unanswered_silent": 1,
    "answer_late": 1,
    "error_before": 1,
    "error_after": 2,
    "throttle": 1,
    "unauthorized": 0.5,
    "truncate": 1,
    "garbage": 0.7,
    "delay": 1,
    "decline": 0.7,
    "approve_less": 0.7,
    "stay_pending": 1,
    "require_action": 0.5,
}
#: What happens to processes, and what operators do that they should not.
ACCIDENTS: Mapping[str, float] = {
    "kill": 2,
    "absence": 1,
    "outage": 1,
    "reset": 2,
    "reset_alone": 1,
    "cancel": 0.7,
    "terminate_and_start": 1,
    "terminate": 0.2,
    "second_cluster": 0.4,
    "restore": 0.7,
    "lie": 0.2,
    "standstill": 0.7,
    "server_away": 0.5,
}
_RATES = (0.0, 0.02, 0.08, 0.08, 0.25, 0.6)
_RETRY_AFTERS = (
    "43200",
    "0",
    "1",
    "7",
    "-1",
    "1000000000",
    "soon",
    "Mon, 07 Jan 2030 09:00:30 GMT",
)
_GARBAGE: tuple[Mapping[str, Any], ...] = (
    {"amuont": {"amount_minor": 1, "currency": "USD"}},
    {"amount": {"amount_minor": -5, "currency": "USD"}},
    {"amount": {"amount_minor": 1.5, "currency": "USD"}},
    {"amount": "ten"},
    {"command_id": "no blanks allowed"},
    {"reason": "4111 1111 1111 1111"},
    {"final": "yes"},
)


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
    """

    at: float
    name: str
    body: Mapping[str, Any] | None
    is_signal: bool = False
    is_valid: bool = True
    repeats: int = 0

    @property
    def command_id(self) -> str | None:
        """Its own name, where it has one."""
        return None if self.body is None else self.body.get("command_id")

    def __str__(self) -> str:
        how = "signal" if self.is_signal else "update"
        return f"{how} {self.name} {dict(self.body) if self.body is not None else ''}"


@dataclass(frozen=True)
class Accident:
    """Something that happens to the machinery at an hour, and how long it lasts where it does."""

    at: float
    kind: str
    lasts_s: float = 0.0
    share: float = 0.0
    """Of whatever can be chosen: which task a reset goes to, for example."""


@dataclass(frozen=True)
class Plan:
    """One scenario.

    Attributes:
        life_s: How long the bank keeps a hold.
        window_s: How long the caller says that it lives; None for what the account says.
        weather: The names of what may happen to requests.
        rate: How many of them it happens to.
        heals_at: From then on nothing goes wrong any more; None: the gateway never comes back.
        gone_at: From when on the gateway never answers, where it never comes back.
        skew_s: How far the bank's clock is off.
        guest: What the guest does when asked: ``pass``, ``fail``, ``away``.
        scripted: What happens to the first requests, one name each, in place of chance.
    """

    seed: int
    place: Place
    request: Mapping[str, Any]
    life_s: float
    window_s: float | None
    instructions: tuple[Instruction, ...]
    accidents: tuple[Accident, ...]
    weather: tuple[str, ...]
    rate: float
    heals_at: float | None
    gone_at: float
    skew_s: float
    guest: str
    manners: Manners
    retry_afters: tuple[str, ...] = _RETRY_AFTERS
    scripted: tuple[str, ...] = ()

    @property
    def known_life_s(self) -> float:
        """How long the product has to believe that a hold lives, at most."""
        return self.window_s if self.window_s is not None else 7 * DAY

    @property
    def ends_at(self) -> float:
        """When the world ends: long after everything has healed and every hold has lapsed."""
        healed = self.heals_at if self.heals_at is not None else self.gone_at
        return max(healed, 0) + max(self.life_s, self.known_life_s) + 3 * DAY

    def has(self, kind: str) -> bool:
        """Whether such an accident happens."""
        return any(accident.kind == kind for accident in self.accidents)


def draw(seed: int, gateway: str | None = None) -> Plan:
    """Draw a scenario.

    Args:
        seed: Of everything.
        gateway: At an account of this gateway; None for any.
    """
    return _Drawing(seed, gateway).plan()


class _Drawing:
    def __init__(self, seed: int, gateway: str | None) -> None:
        self._seed = seed
        places = [place for place in PLACES if gateway in {None, place.gateway, place.account}]
        self._place = self._dice("place").choice(places)
        self._amounts = 0

    def _dice(self, stream: str) -> random.Random:
        return random.Random(f"{self._seed}:{stream}")  # noqa: S311 - repeatable by design

    def plan(self) -> Plan:
        dice = self._dice("life")
        life_s = dice.choice((7 * DAY, 7 * DAY, 7 * DAY, DAY, 3 * HOUR))
        # A hold may live shorter than anybody knows.
        mistaken = dice.random() < 0.05
        window_s = None if life_s == 7 * DAY or mistaken else life_s
        busy_s = dice.choice((60.0, 0.2 * HOUR, 2 * HOUR, 0.8 * life_s))
        trouble = self._dice("trouble")
        rate = trouble.choice(_RATES)
        forever = trouble.random() < 0.04
        heals_at = None if forever else trouble.choice((0.5, 1.0, 1.0, 1.2)) * busy_s + 600
        accidents = self._accidents(busy_s, life_s)
        last = max((each.at + each.lasts_s for each in accidents), default=0.0)
        return Plan(
            seed=self._seed,
            place=self._place,
            request=self._request(window_s),
            life_s=life_s,
            window_s=window_s,
            instructions=self._instructions(busy_s),
            accidents=accidents,
            weather=self._weather(),
            rate=rate,
            heals_at=None if heals_at is None else max(heals_at, last + 60),
            gone_at=busy_s,
            skew_s=self._dice("skew").choice((0, 0, 0, 600, -600, 60)),
            guest=self._dice("guest").choice(("pass", "pass", "fail", "away")),
            manners=self._manners(),
        )

    def _amount(self, least: int = 10, most: int = 99) -> dict[str, Any]:
        """An amount that no other instruction of this scenario has, and that triggers nothing."""
        self._amounts += 1
        number = self._dice(f"amount {self._amounts}").randint(least, most)
        minor = number * 1000 + self._amounts * 20 + 400
        return {"amount_minor": minor, "currency": self._place.currency}

    def _request(self, window_s: float | None) -> Mapping[str, Any]:
        dice = self._dice("request")
        place = self._place
        cards = [place.card] * 8
        cards += [place.declined] if place.declined else []
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
        if window_s is not None:
            request["hold_window"] = f"PT{int(window_s)}S"
        return request

    def _instructions(self, busy_s: float) -> tuple[Instruction, ...]:
        dice = self._dice("instructions")
        drawn = [self._instruction(dice, n, busy_s) for n in range(dice.choice((0, 1, 2, 2, 3, 5)))]
        if drawn and dice.random() < 0.25:
            # At one instant, or as one: the same task brings them.
            at = drawn[0].at
            drawn = [Instruction(at, *_rest(each)) for each in drawn]
        return tuple(sorted(drawn, key=lambda each: each.at))

    def _instruction(self, dice: random.Random, number: int, busy_s: float) -> Instruction:
        at = dice.random() * busy_s
        names = ["capture"] * 5 + ["adjust"] * 4 + ["release"] * 2
        names += ["reschedule", "authorize", "authenticated", "acknowledge"]
        name = dice.choice(names)
        is_signal = name in _SIGNALS and dice.random() < 0.3
        repeats = dice.choice((0, 0, 0, 1, 2))
        if dice.random() < 0.08:
            if dice.random() < 0.3:
                return Instruction(at, "captrue", {}, is_signal, is_valid=False)
            return Instruction(at, name, dice.choice(_GARBAGE), is_signal, is_valid=False)
        if is_signal and name != "adjust" and dice.random() < 0.4:
            return Instruction(at, name, None, is_signal, repeats=repeats)
        body = {"command_id": f"c{number}", **self._body(dice, name)}
        if name == "authenticated":
            del body["command_id"]
        return Instruction(at, name, body, is_signal, repeats=repeats)

    def _body(self, dice: random.Random, name: str) -> dict[str, Any]:
        match name:
            case "adjust":
                if dice.random() < 0.2:
                    return {"by": f"{dice.choice('+-')}13.20 {self._place.currency}"}
                return {"amount": self._amount(20, 80)}
            case "capture":
                body: dict[str, Any] = (
                    {} if dice.random() < 0.3 else {"amount": self._amount(10, 60)}
                )
                if dice.random() < (0.5 if self._place.several else 0.1):
                    body["final"] = False
                return body
            case "reschedule":
                return dice.choice(
                    ({"on_deadline": "release"}, {"settle_by": self._in(dice, 3 * HOUR)})
                )
            case "authorize":
                return {"payment_method": dict(self._place.other_card)}
            case _:
                return {}

    def _in(self, dice: random.Random, most_s: float) -> str:
        minutes = int(dice.random() * most_s / 60) + 30
        return f"2030-01-07T{9 + minutes // 60:02d}:{minutes % 60:02d}:00Z"

    def _accidents(self, busy_s: float, life_s: float) -> tuple[Accident, ...]:
        swarm = self._dice("swarm")
        if swarm.random() < 0.3:
            return ()
        allowed = [kind for kind in ACCIDENTS if swarm.random() < 0.4]
        if not allowed:
            return ()
        dice = self._dice("accidents")
        kinds = dice.choices(
            allowed, [ACCIDENTS[kind] for kind in allowed], k=dice.choice((1, 1, 2, 3))
        )
        return tuple(
            sorted(
                (
                    Accident(
                        at=dice.random() * busy_s * dice.choice((0.01, 0.1, 1)),
                        kind=kind,
                        lasts_s=_lasting(dice, kind, life_s),
                        share=dice.random(),
                    )
                    for kind in kinds
                ),
                key=lambda each: each.at,
            )
        )

    def _weather(self) -> tuple[str, ...]:
        dice = self._dice("weather")
        few = dice.choice((0.15, 0.4, 1.0))
        return tuple(name for name in WEATHER if dice.random() < few)

    def _manners(self) -> Manners:
        dice = self._dice("manners")
        return Manners(
            task_latency_s=dice.choice((0.0, 0.02, 0.02, 3.0)),
            task_s=dice.choice((0.0, 0.0, 0.05, 1.0)),
            evicts=dice.choice((0.0, 0.1, 0.1, 0.1, 0.1, 0.3, 0.3, 1.0)),
            flags=dice.choice(((), (), (2,))),
        )


_SIGNALS = frozenset({"capture", "adjust", "release", "reschedule"})


def _rest(each: Instruction) -> tuple[Any, ...]:
    return each.name, each.body, each.is_signal, each.is_valid, each.repeats


def _lasting(dice: random.Random, kind: str, life_s: float) -> float:
    match kind:
        case "kill":
            return dice.choice((0.1, 5.0, 60.0, 600.0))
        case "standstill" | "server_away":
            return dice.choice((5.0, 40.0, 120.0))
        case "absence":
            return dice.choice((60.0, HOUR, 0.3 * life_s, 0.9 * life_s, 1.1 * life_s))
        case "outage":
            return dice.choice((60.0, HOUR, 0.3 * life_s, 0.9 * life_s, 1.1 * life_s))
        case "restore" | "second_cluster" | "terminate_and_start":
            return dice.choice((0.0, 1.0, 60.0, HOUR))
        case _:
            return 0.0

"""What happens in one scenario, drawn from its seed before it begins.

Every kind of chance has a stream of its own, so that a new kind of accident leaves the others of
a seed as they were. Which accidents can happen at all, and how often, is drawn too (a swarm):
most seeds know a few of them, some know none, some are brutal.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from proof.asks import DAY, HOUR, Callers, Instruction
from proof.coincidences import Mishap, Occasions, coincidences, comes_back, just_before
from proof.company import adopts, duplicates, rules_of, strangers, taken_for_ours
from proof.places import ABROAD, PLACES, Place
from proof.plan import DEATH, Accident, Plan
from proof.world.temporal import Manners

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
    "misrouted": 1,
    "overtaken": 0.5,
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
# Drawn beside those: somebody at the merchant's portal captures the hold, frees it, or gives money
# back.
_PORTAL_SHARE = 0.06
# And a worker dies over a call that moves money: it is on its way, and nobody will hear of it.
_DEATH_SHARE = 0.15
_RATES = (0.0, 0.02, 0.08, 0.08, 0.25, 0.6)
# How often what has met bad weather meets more of it at once.
_BURSTS = (0.0, 0.0, 0.0, 0.4, 0.8)
# How many seeds know perfect calm, where every answer can be foretold.
_CALM = 0.18
# How many seeds know bad weather while the plan acts at its hour.
_ROUGH_END, _ROUGH_THEN = 0.2, 0.8
_LAST_MINUTE_S = 70.0
# How many seeds know of mishaps: what the one call meets that an instruction leads to.
_MISHAP_SHARE = 0.4
_OF_LOOKS = 0.25
# How many are kept waiting by the call before theirs, of those who come one upon the other.
_KEPT_WAITING, _UPON_S = 0.7, 10.0
_MISHAPS: Mapping[str, tuple[str, ...]] = {
    "money": (
        "lost",
        "lost",
        "lost_silent",
        "late",
        "unanswered",
        "unanswered_silent",
        "error_before",
        "error_after",
        "stay_pending",
        "delay 15",
        "delay 15",
        "truncate",
        "refused",
        "throttle 7",
        "throttle 20",
        "unauthorized",
        "decline",
        "decline",
        "approve_less",
    ),
    "look": ("lost", "error_before", "garbage", "throttle 7", "unauthorized", "refused"),
}
# How many of those that are late are overtaken by a reset of the run, or by a new one, and when.
_RESET_SHARE, _RESET_AFTER_S = 0.4, (0.5, 5.0, 30.0)
# How many of the accounts that may take another currency do.
_ABROAD = 0.15
# Where another card is given, how often the one before was declined.
_BAD_CARDS = 0.6
# How many accidents come with an instruction, and how long after it.
_AT_A_BAD_MOMENT = 0.4
_AFTER_S = (0.0, 0.006, 0.02, 0.5, 5.0, 20.0, 90.0)


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
        self._place = self._chosen(gateway)

    def _chosen(self, gateway: str | None) -> Place:
        abroad = next((place for place in ABROAD.values() if place.account == gateway), None)
        if abroad is not None:
            return abroad
        places = [place for place in PLACES if gateway in {None, place.gateway, place.account}]
        place = self._dice("place").choice(places)
        is_abroad = self._dice("currency").random() < _ABROAD
        return ABROAD.get(place.account, place) if is_abroad else place

    def _dice(self, stream: str) -> random.Random:
        return random.Random(f"{self._seed}:{stream}")  # noqa: S311 - repeatable by design

    def plan(self) -> Plan:
        dice = self._dice("life")
        life_s = dice.choice((7 * DAY, 7 * DAY, 7 * DAY, DAY, 3 * HOUR))
        # A hold may live shorter than anybody knows.
        mistaken = dice.random() < 0.05
        window_s = None if life_s == 7 * DAY or mistaken else life_s
        calm = self._dice("calm").random() < _CALM
        busy_s = dice.choice((2 * HOUR if calm else 60.0, 0.2 * HOUR, 2 * HOUR, 0.8 * life_s))
        trouble = self._dice("trouble")
        rate = trouble.choice(_RATES)
        forever = trouble.random() < 0.04 and not calm
        heals_at = None if forever else trouble.choice((0.5, 1.0, 1.0, 1.2)) * busy_s + 600
        callers = Callers(self._place, self._dice, self._seed, life_s, window_s, orderly=calm)
        instructions = callers.instructions(busy_s)
        is_rough = self._is_rough(trouble, instructions, callers.due_s)
        if heals_at is not None and not mistaken and is_rough:
            heals_at = max(heals_at, callers.due_s + 2 * HOUR)
        weather = self._weather()
        adopted = "" if calm else adopts(self._dice("adopts"), self._place.account, self._seed)
        beside = () if calm else strangers(self._dice("strangers"), self._place.gateway, weather)
        occasions = Occasions(
            keyed=self._place.keyed,
            life_s=life_s,
            instructions=instructions,
            due_s=callers.due_s,
            captures=callers.request.get("on_deadline") == "capture",
            is_in_haste="authorize_by" in callers.request,
            acts_alone=callers.request.get("initiator") == "merchant",
            adopts=adopted,
            strangers=len(beside),
        )
        mishaps, accidents = ((), ()) if calm else self._troubles(busy_s, occasions)
        last = max((each.at + each.lasts_s for each in accidents), default=0.0)
        last = max((last, *(at for at, _, _ in mishaps)))
        return Plan(
            seed=self._seed,
            place=self._place,
            request=callers.request,
            life_s=life_s,
            window_s=window_s,
            instructions=instructions,
            accidents=accidents,
            weather=weather,
            rate=0.0 if calm else rate,
            heals_at=None if heals_at is None else max(heals_at, last + 60),
            gone_at=busy_s,
            skew_s=self._dice("skew").choice((0, 0, 0, 600, -600, 60)),
            guest=self._guest(calm=calm),
            manners=self._manners(),
            glances=self._glances(busy_s, accidents, max(heals_at or 0.0, last)),
            strangers=(*beside, *taken_for_ours(mishaps)),
            rules=rules_of(self._dice("rules"), self._place.gateway),
            duplicates_s=0.0 if calm else duplicates(self._dice("duplicates")),
            adopts=adopted,
            bursts=0.0 if calm else self._dice("bursts").choice(_BURSTS),
            mishaps=mishaps,
        )

    @staticmethod
    def _is_rough(
        trouble: random.Random, instructions: tuple[Instruction, ...], due_s: float
    ) -> bool:
        """Whether the plan acts in bad weather; where somebody speaks up late, all the more."""
        is_late = any(abs(each.at - due_s) < _LAST_MINUTE_S for each in instructions)
        return trouble.random() < (_ROUGH_THEN if is_late else _ROUGH_END)

    def _troubles(
        self, busy_s: float, at: Occasions
    ) -> tuple[tuple[Mishap, ...], tuple[Accident, ...]]:
        """All that single calls meet, that happens to the machinery, and at the portal."""
        beside, met = coincidences(self._dice, at)
        mishaps = (
            *met,
            *self._at_instructions(at.hours),
            *self._keeps_waiting(at.instructions),
            *self._bad_cards(at.instructions),
        )
        mishaps = tuple(sorted(mishaps, key=lambda each: each[0]))
        accidents = (
            *self._swarm(busy_s, at.life_s, at.hours),
            *self._portal(busy_s),
            *self._deaths(at.hours),
            *self._overtaken(mishaps),
            *beside,
        )
        return mishaps, tuple(sorted(accidents, key=lambda each: each.at))

    def _swarm(self, busy_s: float, life_s: float, hours: Sequence[float]) -> tuple[Accident, ...]:
        swarm = self._dice("swarm")
        if swarm.random() < 0.3:
            return ()
        allowed = [kind for kind in ACCIDENTS if swarm.random() < 0.4]
        if not allowed:
            return ()
        dice, moments = self._dice("accidents"), self._dice("moments")
        kinds = dice.choices(
            allowed, [ACCIDENTS[kind] for kind in allowed], k=dice.choice((1, 1, 2, 3))
        )
        drawn = [
            Accident(
                at=dice.random() * busy_s * dice.choice((0.01, 0.1, 1)),
                kind=kind,
                lasts_s=_lasting(dice, kind, life_s),
                share=dice.random(),
            )
            for kind in kinds
        ]
        # What goes wrong likes to go wrong while something is under way.
        drawn = [
            replace(each, at=moments.choice(hours) + moments.choice(_AFTER_S))
            if moments.random() < _AT_A_BAD_MOMENT
            else each
            for each in drawn
        ]
        return tuple(sorted(drawn, key=lambda each: each.at))

    def _glances(
        self, busy_s: float, accidents: tuple[Accident, ...], calm_from: float
    ) -> tuple[float, ...]:
        dice = self._dice("glances")
        after = [each.at + each.lasts_s + 2.5 * HOUR for each in accidents]
        # And where the runs have forgotten something, once all has been well for long enough.
        after += [calm_from + 2.2 * HOUR] if accidents else []
        return tuple(sorted([dice.random() * busy_s, 1.3 * busy_s + HOUR, *after]))

    def _portal(self, busy_s: float) -> tuple[Accident, ...]:
        """Somebody lays hands on the hold at the merchant's portal."""
        dice = self._dice("portal")
        if dice.random() >= _PORTAL_SHARE:
            return ()
        at = dice.random() * busy_s * dice.choice((0.1, 1, 1))
        return (Accident(at=at, kind="portal", share=dice.random()),)

    def _deaths(self, hours: Sequence[float]) -> tuple[Accident, ...]:
        """A worker dies over the first call that moves money after an instruction, or two do."""
        dice = self._dice("deaths")
        if dice.random() >= _DEATH_SHARE:
            return ()
        return tuple(
            Accident(
                at=just_before(dice.choice(hours)),
                kind=DEATH,
                # The longest is past the hour by which an authorization has to be sent.
                lasts_s=dice.choice((0.1, 5.0, 5.0, 60.0, 60.0, 1200.0)),
                share=dice.random(),
            )
            for _ in range(dice.choice((1, 1, 2)))
        )

    def _overtaken(self, mishaps: tuple[Mishap, ...]) -> tuple[Accident, ...]:
        """The run is reset, or started again, while a call of its is on its way."""
        dice = self._dice("overtaken by a reset")
        late = [at for at, _, name in mishaps if name == "late"]
        if not late or dice.random() >= _RESET_SHARE:
            return ()
        at = late[0] + dice.choice(_RESET_AFTER_S)
        kind = dice.choice(("reset", "reset", "terminate_and_start"))
        return (Accident(at=at, kind=kind, share=dice.random()),)

    def _at_instructions(self, hours: Sequence[float]) -> tuple[Mishap, ...]:
        """What happens to the very calls that an instruction leads to, often to two of them."""
        dice = self._dice("mishaps")
        if dice.random() >= _MISHAP_SHARE:
            return ()
        drawn, at = list[Mishap](), dice.choice(hours)
        for _ in range(dice.choice((1, 2, 2, 3))):
            at = at if dice.random() < 0.5 else dice.choice(hours)
            whom = "look" if dice.random() < _OF_LOOKS else "money"
            drawn.append((just_before(at), whom, dice.choice(_MISHAPS[whom])))
        return tuple(sorted(drawn, key=lambda each: each[0]))

    def _keeps_waiting(self, instructions: Sequence[Instruction]) -> tuple[Mishap, ...]:
        """Where one comes upon the other, the first often takes so long that all of them wait."""
        pairs = pairwise(each.at for each in instructions)
        upon = [first for first, second in pairs if 0 < second - first < _UPON_S]
        if not upon or self._dice("keeps waiting").random() >= _KEPT_WAITING:
            return ()
        return ((just_before(upon[0]), "money", "delay 15"),)

    def _bad_cards(self, instructions: Sequence[Instruction]) -> tuple[Mishap, ...]:
        """Where another card is given, often the first is declined, and some of the others too."""
        cards = [0.0, *(each.at for each in instructions if each.name == "authorize")]
        dice = self._dice("bad cards")
        if len(cards) == 1 or dice.random() >= _BAD_CARDS:
            return ()
        bad = cards[: dice.randint(1, len(cards))]
        return tuple((just_before(at), "money", "decline") for at in bad)

    def _guest(self, *, calm: bool) -> str:
        drawn = self._dice("guest").choice(("pass", "pass", "fail", "away"))
        return drawn if calm else comes_back(self._dice("never back"), drawn)

    def _weather(self) -> tuple[str, ...]:
        dice = self._dice("weather")
        few = dice.choice((0.08, 0.15, 0.4, 1.0))
        return tuple(name for name in WEATHER if dice.random() < few)

    def _manners(self) -> Manners:
        dice = self._dice("manners")
        return Manners(
            task_latency_s=dice.choice((0.0, 0.02, 0.02, 3.0)),
            task_s=dice.choice((0.0, 0.0, 0.05, 1.0)),
            evicts=dice.choice((0.0, 0.1, 0.1, 0.1, 0.1, 0.3, 0.3, 1.0)),
            flags=dice.choice(((), (), (2,))),
        )


def _lasting(dice: random.Random, kind: str, life_s: float) -> float:
    away = (60.0, HOUR, 0.3 * life_s, 0.9 * life_s, 1.1 * life_s)
    again = (0.0, 1.0, 60.0, HOUR)
    known: Mapping[str, tuple[float, ...]] = {
        "kill": (0.1, 5.0, 60.0, 600.0),
        "standstill": (5.0, 40.0, 120.0),
        "server_away": (5.0, 40.0, 120.0),
        "absence": away,
        "outage": away,
        # Whoever restores a store waits until nothing is on its way any more.
        "restore": (330.0, 330.0, 600.0, HOUR),
        "second_cluster": again,
        "terminate_and_start": again,
    }
    return dice.choice(known[kind]) if kind in known else 0.0

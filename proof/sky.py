"""What happens to each request of a scenario: the weather, as its plan has it.

The network's own is told to the line; what the gateway does is armed at the bank for this request.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

from proof.asks import AUTHORIZE_WITHIN_S
from proof.others import Others
from proof.plan import DEATH, Accident, Plan
from proof.witness import Witness
from proof.world.bank import Bank
from proof.world.line import Exchange, Weather
from proof.world.loop import VirtualLoop

# How what was pending is decided; where a script names it, as the script's steps expect: done.
_ENDS = ("done", "done", "declined")
_MONEY = frozenset({"authorize", "adjust", "capture", "release"})
_MOVES_NOTHING = frozenset({"token", "order"})
_VERDICTS = ("decline", "stay_pending")
# A world in which nothing is ever done shows little.
_VERDICTS_MOST = 0.35
_RATHER = (*_VERDICTS, "overtaken")
_AT_THE_DOOR = (
    "approve_less",
    "require_action",
    "late",
    "unanswered",
    "stay_pending",
    "error_before",
    "error_after",
    "throttle",
    "unauthorized",
    "garbage",
    "truncate",
)
_WELCOMES = 0.3
# "unheard decline": what the gateway says, and nobody hears of it.
_UNHEARD = "unheard "
# What becomes of the next token, where that of a request was refused.
_TOKENS = {"unrenewed": "error_before", "revoked": "unauthorized"}
_REVOKED_FOR = (0, 0, 1, 3, 8)
# Of the calls over which a worker dies: those that never leave, and those that arrive later.
_DIES_FIRST, _ARRIVES_AFTER = 0.3, 0.8
# Of one that is a mishap: when another worker is there, and how late the call arrives.
_SOON_BACK_S, _ARRIVES_LAST = 5.0, 0.95
# What a proxy may answer in the gateway's place; of credentials and haste it knows nothing.
_PAGES = (200, 200, 200, 204, 302, 400, 404, 404, 405, 408, 409, 410, 422, 502, 503)
_SHOWN = ("page", "page", "nothing")
# An outage is of every kind, or of one and the same all the while.
_WAYS = ("refused", "lost", "lost_silent", "error_before", "unauthorized")
_SILENT = ("lost", "lost_silent")
_OUTAGES = (_WAYS, _SILENT, _SILENT, ("refused",), ("error_before",), ("unauthorized",))
_REFUNDING = frozenset({"payroc", "xmoney"})


class Sky:
    """Asked once for every request.

    Attributes:
        outages: From when until when the gateway is away, in the world's seconds.
        deaths: Those that wait for a call: its worker dies over it.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - all that weather depends on
        self,
        plan: Plan,
        loop: VirtualLoop,
        bank: Bank,
        seen: Witness,
        dice: random.Random,
        others: Others,
        dies: Callable[[str, float], None],
    ) -> None:
        self._plan = plan
        self._loop = loop
        self._bank = bank
        self._seen = seen
        self._dice = dice
        self._others = others
        self._doors = random.Random(f"{plan.seed}:doors")  # noqa: S311 - repeatable by design
        self._bursts = random.Random(f"{plan.seed}:bursts in the sky")  # noqa: S311 - repeatable by design
        self._met: set[str] = set()
        self._keys_seen: set[str | None] = set()
        self._keys = random.Random(f"{plan.seed}:credentials")  # noqa: S311 - repeatable by design
        self._pages = random.Random(f"{plan.seed}:pages")  # noqa: S311 - repeatable by design
        self._revoked = 0
        self._verdicts = random.Random(f"{plan.seed}:verdicts")  # noqa: S311 - repeatable by design
        self.deaths: list[Accident] = []
        self._mishaps = list(plan.mishaps)
        self._ordered_at: list[float] = []
        self._dies = dies
        self.outages: list[tuple[float, float]] = []
        self._ways = random.Random(f"{plan.seed}:outages").choice(_OUTAGES)  # noqa: S311 - repeatable by design

    def __call__(self, exchange: Exchange) -> Weather:
        """What happens to a request: an outage, a fault of the swarm's, or nothing."""
        if exchange.operation == "order":
            self._ordered_at.append(self._loop.time())
        weather = self._fate(exchange) or self._weather(exchange)
        if not weather.name and self._is_duplicate(exchange):
            self.trouble("duplicate")
            weather = Weather("decline", armed=("decline", {}))
        self._keys_seen.add(exchange.key)
        # Bad weather lasts: what has just met some may meet more of it.
        self._met.discard(exchange.operation)
        if weather.name:
            self._met.add(exchange.operation)
        return weather

    def _is_duplicate(self, exchange: Exchange) -> bool:
        """Whether the issuer takes it for what it has just approved; the same key is no new one."""
        window_s, key = self._plan.duplicates_s, exchange.key
        if exchange.operation != "authorize" or not window_s or (key and key in self._keys_seen):
            return False
        return self._others.holds_ours_since(window_s)

    def _weather(self, exchange: Exchange) -> Weather:
        plan, now, dice = self._plan, self._loop.time(), self._dice
        if exchange.number <= len(plan.scripted):
            scripted = plan.scripted[exchange.number - 1]
            return self._named(scripted, exchange) if scripted else Weather()
        is_gone = plan.heals_at is None and now >= plan.gone_at
        if is_gone or any(since <= now < until for since, until in self.outages):
            self.trouble("outage")
            return self._named(dice.choice(self._ways), exchange)
        if plan.heals_at is not None and now >= plan.heals_at:
            return Weather()
        name = self._drawn(exchange)
        return self._named(name, exchange) if name else Weather()

    def _drawn(self, exchange: Exchange) -> str:
        plan, dice = self._plan, self._dice
        if self._revoked and plan.rate:
            self._revoked -= 1
            return "unauthorized"
        lasts = exchange.operation in self._met and self._bursts.random() < plan.bursts
        if plan.weather and (dice.random() < plan.rate or lasts):
            name = dice.choice(plan.weather)
            if name == "unauthorized":
                # Credentials that are revoked are so for more than one request, now and then.
                self._revoked = self._keys.choice(_REVOKED_FOR)
            return name
        return self._verdict(exchange) or self._welcome(exchange)

    @staticmethod
    def _moves(exchange: Exchange) -> bool:
        # Whatever it is called: a wrong turn may have another name.
        return exchange.method != "GET" and exchange.operation not in _MOVES_NOTHING

    def _fate(self, exchange: Exchange) -> Weather | None:
        """What has waited for such a call, whatever the weather, until all is well again."""
        heals_at = self._plan.heals_at
        if heals_at is not None and self._loop.time() >= heals_at:
            return None
        if self.deaths and self._moves(exchange):
            return self._death(exchange, self.deaths.pop(0))
        whom = "money" if self._moves(exchange) else exchange.operation.partition("_")[0]
        for each in self._mishaps:
            at, whose, name = each
            if whose == whom and at <= self._loop.time():
                self._mishaps.remove(each)
                if name == DEATH:
                    return self._death(exchange, Accident(at, DEATH, _SOON_BACK_S, _ARRIVES_LAST))
                weather = self._named(name.removeprefix(_UNHEARD), exchange)
                return replace(weather, unanswered=name.startswith(_UNHEARD) or weather.unanswered)
        return None

    def _death(self, exchange: Exchange, accident: Accident) -> Weather:
        """The worker dies over a call, which may be on its way by then, for a while yet."""
        self.trouble(accident.kind)
        self._loop.call_soon(self._dies, exchange.worker, accident.lasts_s)
        if accident.share < _DIES_FIRST:
            return Weather(accident.kind, lost=True, silent=True)
        # Within two minutes, the longest that a gateway takes.
        later = 40.0 + 300.0 * (accident.share - _ARRIVES_AFTER)
        return Weather(accident.kind, late_s=later if accident.share > _ARRIVES_AFTER else 0.0)

    def _later(self, late: float) -> float:
        """An order of SIBS's that is called off is dead: its purchase may come at any time.

        Where that is refused, or it is soon too late for another order, only the gateway's
        processing time is left to go by.
        """
        plan = self._plan
        if plan.place.gateway != "sibs":
            return late
        drawn = self._verdicts.choice((late, 400.0, 1000.0))
        refused = any(name == "decline" for _, _, name in plan.mishaps)
        # An order is called off by the next, where there is one.
        since = self._loop.time() - AUTHORIZE_WITHIN_S
        is_soon = sum(at > since for at in self._ordered_at) > 1 or "authorize_by" in plan.request
        # Nor where the first one of all has come so late itself, as no worker was there.
        is_soon |= len(self._ordered_at) == 1 and self._loop.time() > AUTHORIZE_WITHIN_S / 3
        return late if refused or is_soon or "decline" in plan.weather else drawn

    def _verdict(self, exchange: Exchange) -> str:
        """What becomes of what moves money, where the swarm knows of it; "" for what was asked for.

        Few requests are of that kind, and so each is asked about beside the weather of all.
        """
        known = [name for name in _RATHER if name in self._plan.weather]
        if not self._moves(exchange) or not known:
            return ""
        rate, dice = min(2 * self._plan.rate, _VERDICTS_MOST), self._verdicts
        return dice.choice(known) if dice.random() < rate else ""

    def _welcome(self, exchange: Exchange) -> str:
        """What becomes of the one request that places the hold; "" for what was asked for."""
        known = [name for name in _AT_THE_DOOR if name in self._plan.weather]
        if exchange.operation not in {"authorize", "order"} or not known or not self._plan.rate:
            return ""
        return self._doors.choice(known) if self._doors.random() < _WELCOMES else ""

    def _named(self, name: str, exchange: Exchange) -> Weather:
        dice = self._dice
        # A scripted one may say how long it takes: "late 90".
        name, _, exact = name.partition(" ")
        if name in _TOKENS:
            # Where there are tokens, the next that is asked for is not given.
            self._mishaps.insert(0, (0.0, "token", _TOKENS[name]))
            name = "unauthorized"
        self.trouble(name)
        # What is late arrives within the time that the gateway may take to process it.
        late = float(exact) if exact else dice.choice((0.5, 10.0, 30.0, 90.0))
        if name == "late" and not exact and exchange.operation == "authorize":
            late = self._later(late)
        match name:
            case "refused":
                return Weather(name, refused=True)
            case "lost" | "lost_silent":
                return Weather(name, lost=True, silent=name == "lost_silent")
            case "late":
                return Weather(name, late_s=late)
            case "unanswered" | "unanswered_silent":
                return Weather(name, unanswered=True, silent=name == "unanswered_silent")
            case "answer_late":
                return Weather(name, answer_late_s=late)
            case _:
                return self._armed(name, exchange, late, float(exact) if exact else None)

    def _misrouted(self, exchange: Exchange) -> Weather:
        """A look at one payment is answered with another guest's, where there is one."""
        instead = self._others.misrouted(exchange.path) if exchange.method == "GET" else None
        return Weather("misrouted" if instead else "", instead=instead)

    def _overtaken(self, exchange: Exchange) -> Weather:
        """Just before it arrives, somebody lays hands on the hold that it is about.

        Where one request frees a hold and gives back what was captured, nobody can be overtaken on
        the way: whoever has looked just before has done what can be done.
        """
        plan = self._plan
        refunds = plan.place.gateway in _REFUNDING and exchange.operation == "release"
        if refunds or not self._others.is_about_ours(exchange.path):
            return Weather()
        share = self._verdicts.random()
        return Weather("overtaken", before=lambda: self._others.lay_hands(share))

    def _armed(self, name: str, exchange: Exchange, late: float, exact: float | None) -> Weather:
        """A fault of the gateway's own, where it has such a thing."""
        parameters: dict[str, object] = {}
        if name in self._bank.lacks or not _can_meet(name, exchange.operation):
            return Weather()
        match name:
            case "misrouted":
                return self._misrouted(exchange)
            case "overtaken":
                return self._overtaken(exchange)
            case "throttle":
                drawn = self._header(self._dice.choice(self._plan.retry_afters))
                parameters = {"retry_after_s": drawn if exact is None else f"{exact:.0f}"}
            case "delay":
                parameters = {"delay_s": late}
            case "stay_pending":
                drawn = self._dice.choice((5.0, 60.0, 1800.0))
                ends = self._verdicts.choice(_ENDS) if exact is None else "done"
                parameters = {"resolve_after_s": drawn if exact is None else exact, "ends": ends}
            case "approve_less":
                parameters = {"amount_minor": 1000}
            case "truncate":
                parameters = {"framing": self._dice.choice(("length", "close"))}
            case "garbage":
                drawn = self._pages.choice(_PAGES) if exact is None else int(exact)
                parameters = {"status": drawn, "shows": self._pages.choice(_SHOWN)}
            case _:
                pass
        return Weather(name, armed=(name, parameters))

    def _header(self, drawn: str) -> str:
        """What a gateway says of when to come back; where a date is drawn, by its own clock."""
        word, _, seconds = drawn.partition(" ")
        if word != "in":
            return drawn
        then = self._loop.now() + timedelta(seconds=self._plan.skew_s + int(seconds))
        return format_datetime(then, usegmt=True)

    def trouble(self, name: str) -> None:
        self._seen.happened[name] += 1
        self._seen.troubled_until = self._loop.time()


def _can_meet(name: str, operation: str) -> bool:
    if name in _VERDICTS:
        return operation in _MONEY
    if name in {"approve_less", "require_action"}:
        return operation in {"authorize", "order"}
    if name in {"truncate", "garbage"}:
        return operation != "token"
    return True

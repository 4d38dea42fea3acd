"""One scenario: all that happens in it, decided before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from proof.asks import DAY, Instruction
from proof.places import Place
from proof.world.temporal import Manners

#: Those that make more than one run of a reservation, or take from one what it knew.
MANY_RUNS = (
    "reset",
    "reset_alone",
    "restore",
    "terminate",
    "terminate_and_start",
    "second_cluster",
)
#: Those in which a worker's process stands still, and goes on.
STAND_STILL = ("standstill", "frozen")
#: Those after which a worker may have heard an answer that nobody else will ever hear of.
WORKERS_HALT = ("kill", "absence", *STAND_STILL, "server_away")
#: A worker's death over one call, after which nobody has heard of the answer, ours or theirs.
DEATH = "death"
_RETRY_AFTERS = (
    "43200",
    "0",
    "1",
    "7",
    "-1",
    "1000000000",
    "soon",
    "Mon, 07 Jan 2030 09:00:30 GMT",
    # A date so many seconds from then.
    "in 100",
)


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
        bursts: How many it happens to of those that it has happened to just before.
        heals_at: From then on nothing goes wrong any more; None: the gateway never comes back.
        gone_at: From when on the gateway never answers, where it never comes back.
        skew_s: How far the bank's clock is off.
        guest: What the guest does when asked: ``pass``, ``fail``, ``away``, or ``silent``, who
            passes and is never back from their bank.
        scripted: What happens to the first requests, one name each, in place of chance.
        mishaps: What the first call after an hour meets: the hour, whether it is one that moves
            ``money`` or a ``look``, and the name of it.
        glances: When somebody looks at the hold, who wants nothing.
        strangers: When others place a hold of the same amount on the account, in seconds, and
            what becomes of it.
        rules: What the gateway does where its documents leave a choice.
        duplicates_s: For so long after a hold the issuer declines another one like it, by whatever
            key, as a duplicate; 0 where it does not.
        adopts: A hold that was made elsewhere is to be taken over: ``open``, or what is wrong with
            it; "" where the run places its own.
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
    glances: tuple[float, ...] = ()
    strangers: tuple[tuple[float, str], ...] = ()
    rules: Mapping[str, object] = field(default_factory=dict[str, object])
    duplicates_s: float = 0.0
    adopts: str = ""
    bursts: float = 0.0
    mishaps: tuple[tuple[float, str, str], ...] = ()

    @property
    def is_calm(self) -> bool:
        """Whether nothing at all may happen to anybody."""
        meets_none = not self.scripted and not self.mishaps
        return not self.accidents and (not self.rate or not self.weather) and meets_none

    @property
    def is_challenged(self) -> bool:
        """Whether the first card is one whose owner is sent to 3-D Secure."""
        return self.request["payment_method"] == self.place.challenged

    @property
    def adopts_in_vain(self) -> bool:
        """Whether the hold that is to be taken over may be gone: the start is refused for it."""
        again = self.has("terminate_and_start") or self.has("second_cluster")
        # Or it may lapse before anybody comes to it; or a run whose store was set back finds it as
        # the run before has left it.
        again |= self.has("absence") or self.has("outage") or self.has("restore")
        # Nor is anything to be taken over where another payment is shown, or somebody is quicker.
        again |= self.has("portal") or self.knows("misrouted") or self.knows("overtaken")
        return self.adopts not in {"", "open"} or (bool(self.adopts) and again)

    @property
    def known_life_s(self) -> float:
        """How long the product has to believe that a hold lives, at most."""
        return self.window_s if self.window_s is not None else 7 * DAY

    @property
    def ends_at(self) -> float:
        """When the world ends: long after everything has healed and every hold has lapsed."""
        healed = self.heals_at if self.heals_at is not None else self.gone_at
        # Nobody tells a person anything while no worker is there.
        back = max((each.at + each.lasts_s for each in self.accidents), default=0.0)
        return max(healed, back) + max(self.life_s, self.known_life_s) + 3 * DAY

    def knows(self, trouble: str) -> bool:
        """Whether a request may meet such a thing."""
        return trouble in self.weather or any(name == trouble for _, _, name in self.mishaps)

    def has(self, kind: str) -> bool:
        """Whether such an accident happens, also as what one call meets."""
        return any(accident.kind == kind for accident in self.accidents) or self.knows(kind)

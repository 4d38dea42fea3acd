"""All that was seen of one scenario, and what a violation of a law is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from proof.asks import Instruction, since_beginning
from proof.plan import Plan
from proof.world.line import Exchange

Json = Mapping[str, Any]

#: The states of a hold that is over, and of an operation that nothing can change by itself.
FINAL = frozenset({"captured", "released", "expired", "abandoned"})
DECIDED = frozenset({"done", "declined", "not_done"})
#: The gateway says that it has done nothing: with these it has not read what was asked.
UNREAD = frozenset({401, 403, 429})
#: The books' stamps and ours are rounded.
A_MOMENT_S = 0.002


@dataclass(frozen=True)
class Violation:
    """An invariant that did not hold.

    Attributes:
        law: Its letter and number.
        what: What was seen, in one sentence.
    """

    law: str
    what: str

    def __str__(self) -> str:
        return f"{self.law}: {self.what}"


@dataclass
class Told:
    """What a caller was told about one instruction.

    Attributes:
        asked_at: When it was sent.
        answer: The hold, where it was answered with one.
        error: The error's type, where it failed.
        shown: The hold that the error came with.
    """

    instruction: Instruction
    at: float
    asked_at: float = 0.0
    answer: Json | None = None
    error: str | None = None
    shown: Json | None = None

    @property
    def hold(self) -> Json | None:
        """The hold that came with it, either way."""
        return self.shown if self.answer is None else self.answer


@dataclass(frozen=True)
class Glance:
    """What somebody saw who only looked.

    Attributes:
        hold: As the query `hold` answers.
        steps: As the query `plan` answers.
    """

    at: float
    hold: Json
    steps: Sequence[Json]


@dataclass
class Witness:
    """All that was seen of one scenario.

    Attributes:
        plan: What was to happen.
        exchanges: Everything that went over the wire.
        books: The bank's holds at the end.
        sent_at: When each instruction was first sent, by its number in the plan.
        told: Every answer that a caller got.
        view: The hold at the end of the latest run; None where it shows none.
        is_open: Whether the latest run still runs.
        attentions: The reasons that a person was ever told.
        effects_at: When each effect was first seen, in the order of the books.
    """

    plan: Plan
    exchanges: Sequence[Exchange] = ()
    books: Sequence[Json] = ()
    strange: Sequence[Json] = ()
    """Those of other guests; nobody may touch them."""
    sent_at: dict[int, float] = field(default_factory=dict[int, float])
    told: list[Told] = field(default_factory=list[Told])
    gone: list[Told] = field(default_factory=list[Told])
    """Whoever asked and was told that the run had ended."""
    glances: list[Glance] = field(default_factory=list[Glance])
    view: Json | None = None
    views: Sequence[Json | None] = ()
    """The same of every cluster."""
    is_open: bool = False
    attentions: set[str] = field(default_factory=set[str])
    attributes: Sequence[tuple[float, Json]] = ()
    """The search attributes that the latest run has written, and when."""
    wedged: Sequence[str] = ()
    unheard: Sequence[str] = ()
    replays: Sequence[str] = ()
    events: int = 0
    happened: Counter[str] = field(default_factory=Counter[str])
    resolved: bool = False
    cancelled_at: float | None = None
    """When somebody cancelled the run."""
    reset_at: dict[str, float] = field(default_factory=dict[str, float])
    """The runs that a reset has made, and when."""
    restored_at: list[float] = field(default_factory=list[float])
    """When the store was set back."""
    back_at: list[float] = field(default_factory=list[float])
    """When the guest had done what they were asked for."""
    signalled: list[Instruction] = field(default_factory=list[Instruction])
    """The signals that the server has taken."""
    unanswered: int = 0
    troubled_until: float = 0.0
    """When the last thing went wrong on the wire or with a worker."""

    @property
    def made_again(self) -> Sequence[float]:
        """When a run was made that has forgotten a part of what was."""
        return *self.reset_at.values(), *self.restored_at

    @property
    def all_went_well(self) -> bool:
        """Whether nothing has gone wrong, with anybody, from the beginning to the end."""
        plan = self.plan
        return not (self.happened or plan.accidents) and plan.heals_at is not None

    @property
    def asks_the_guest(self) -> bool:
        """Whether it may have been the guest's turn."""
        return self.plan.is_challenged or bool(self.happened["require_action"])

    @property
    def over_at(self) -> float:
        """When the hold was closed, or else the world ended, in the world's seconds."""
        closed_at = self.view["closed_at"] if self.view else None
        return since_beginning(closed_at) if closed_at else self.plan.ends_at

    @property
    def was_lied_to(self) -> bool:
        """Whether a person's word has been taken that was not so."""
        return self.plan.has("lie") and self.resolved


def name_of(operation: Json) -> str:
    """What its instruction is called, without the number of a further try."""
    return str(operation["command_id"]).partition("~")[0]


def moment(text: str) -> datetime:
    """An instant as a hold tells it."""
    return datetime.fromisoformat(text)


def own(book: Json) -> list[Json]:
    """What the run has done to a hold, and nobody else."""
    return [effect for effect in book["effects"] if not effect["by_others"]]


def of_others(seen: Witness) -> list[Json]:
    """What everybody else has done to the run's holds."""
    return [effect for book in seen.books for effect in book["effects"] if effect["by_others"]]


def given_names(plan: Plan) -> Counter[str | None]:
    """How many instructions each name was given to."""
    return Counter(each.command_id for each in plan.instructions)


def valid(plan: Plan, name: str) -> list[Instruction]:
    """The instructions of a name that are well written."""
    return [each for each in plan.instructions if each.is_valid and each.name == name]

"""What the contract foretells of a life in perfect calm: each answer, each hour, each amount.

A small model of one hold, written from the published contract alone. It knows the account's
abilities from `proof.places`, and nothing of the product.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from proof.asks import (
    DAY,
    HOUR,
    MERCHANTS_S,
    Instruction,
    minor_of,
    seconds_of,
    since_beginning,
)
from proof.plan import Plan

#: How long after a decline another card may be given.
DECLINED_S = 1800.0
_FINAL = frozenset({"captured", "released", "abandoned"})
_NEVER = float("inf")
#: What nobody can foretell: a person at the desk may have been quicker.
ANY = "any answer"


@dataclass
class Foretold:
    """One hold, as the contract has it.

    Attributes:
        state: As the hold names it.
        total, captured, released: In the minor unit.
        takes: Each capture's amount, in order.
        operations: The kinds and amounts of all that was carried out, releases left out.
        refused: The names of what is kept as refused, with how often at least.
        repeated: How often more, where what came twice was not one.
        attention: Whether a person is told that the hold lapses soon; None where one at the desk
            may have acknowledged it.
        ended_at: When it was over.
        at: Until when all is told.
    """

    plan: Plan
    since: float
    state: str = "authorized"
    total: int = 0
    captured: int = 0
    released: int = 0
    takes: list[int] = field(default_factory=list[int])
    operations: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    refused: Counter[str] = field(default_factory=Counter[str])
    repeated: Counter[str] = field(default_factory=Counter[str])
    settle_by: float | None = None
    on_deadline: str = "release"
    deadline_amount: int | None = None
    warned: bool = False
    attention: bool | None = False
    ended_at: float | None = None
    declined_at: float | None = None
    lapses_at: float = _NEVER
    _names: dict[str, Instruction] = field(default_factory=dict[str, Instruction])

    def __post_init__(self) -> None:
        """Place the hold, or have it declined."""
        request = self.plan.request
        if "settle_by" in request:
            self.settle_by = since_beginning(request["settle_by"])
        self.on_deadline = request.get("on_deadline", "release")
        if "deadline_amount" in request:
            self.deadline_amount = minor_of(request["deadline_amount"])
        if request["payment_method"] == self.plan.place.declined:
            self.state, self.declined_at = "declined", self.since
        else:
            self._place(self.since)
        self.operations.append(("authorize", minor_of(request["amount"])))

    def _place(self, at: float) -> None:
        request = self.plan.request
        self.state, self.since = "authorized", at
        self.total = minor_of(request["amount"])
        self.lapses_at = at + seconds_of(request.get("hold_window", "P7D"))

    @property
    def remaining(self) -> int:
        """What is still held."""
        return self.total - self.captured - self.released

    @property
    def is_over(self) -> bool:
        """Whether nothing is held, and nothing will be."""
        return self.state in _FINAL

    # Its hours.

    @property
    def by_expiry(self) -> float:
        """The hour that the expiry sets."""
        lives = self.lapses_at - self.since
        margin = seconds_of(self.plan.request.get("safety_margin", "PT12H"))
        return self.lapses_at - min(margin, lives / 2)

    @property
    def deadline(self) -> float:
        """When the plan acts by itself."""
        return self.by_expiry if self.settle_by is None else min(self.by_expiry, self.settle_by)

    @property
    def warns_at(self) -> float:
        """When a person is told that the hold lapses; never where the caller chose the hour."""
        if self.warned or (self.settle_by is not None and self.settle_by < self.by_expiry):
            return _NEVER
        return max(self.deadline - DAY, self.since + (self.deadline - self.since) / 2)

    def next_hour(self) -> float:
        """When something happens by itself."""
        if self.is_over:
            return _NEVER
        if self.declined_at is not None:
            return self.declined_at + DECLINED_S
        return min(self.deadline, self.warns_at)

    def pass_to(self, at: float) -> None:
        """Let everything happen that has its hour by then."""
        desk_at = self.plan.heals_at or 0.0
        while (hour := self.next_hour()) <= at:
            if self.declined_at is not None:
                self._end("abandoned", hour)
            elif self.warns_at <= hour:
                self.warned = self.attention = True
            else:
                self._act(hour)
        if self.attention and at > desk_at:
            self.attention = None

    def _act(self, at: float) -> None:
        if self.on_deadline == "capture":
            own = self.deadline_amount
            self._take(self.remaining if own is None else min(own, self.remaining))
        self._free(at)

    def _take(self, amount: int) -> None:
        self.captured += amount
        self.takes.append(amount)
        self.operations.append(("capture", amount))

    def _free(self, at: float) -> None:
        self.released += self.remaining
        self._end("captured" if self.captured else "released", at)

    def _end(self, state: str, at: float) -> None:
        self.state, self.ended_at, self.attention = state, at, False

    def steps(self) -> list[tuple[str, float, int | None]]:
        """What the query `plan` shows of what is ahead, the look at the end left out."""
        if self.is_over:
            return []
        if self.declined_at is not None:
            return [("give_up", self.declined_at + DECLINED_S, None)]
        ahead: list[tuple[str, float, int | None]] = []
        if self.warns_at < _NEVER:
            ahead.append(("warn", self.warns_at, None))
        rest = self.remaining
        if self.on_deadline == "capture":
            own = self.deadline_amount
            takes = rest if own is None else min(own, rest)
            ahead.append(("capture", self.deadline, takes))
            rest -= takes
        if rest:
            ahead.append(("release", self.deadline, rest))
        return ahead

    # What is asked of it.

    def answer(self, asked: Instruction) -> str | None:
        """Carry an instruction out: the error that it meets, or None; `ANY` for either."""
        if self.attention is None and asked.name == "acknowledge" and asked.is_valid:
            return ANY
        error = self._answer(asked)
        if error is not None and (asked.is_signal or asked.name == "captrue"):
            self.refused[asked.name] += 1
            self.repeated[asked.name] += asked.repeats
        return error

    def _answer(self, asked: Instruction) -> str | None:
        if not asked.is_valid:
            return "InvalidRequest"
        name = asked.command_id
        if asked.name == "authorized":
            return "Conflict"  # it is started already, and not in these words
        if name is not None and name in self._names and asked.name != "authenticated":
            return "Conflict"
        error = self._carry_out(asked)
        if error is None and name is not None:
            self._names[name] = asked
        return error

    def _carry_out(self, asked: Instruction) -> str | None:
        match asked.name:
            case "adjust":
                error = self._adjust(asked)
            case "capture":
                error = self._capture(asked)
            case "release":
                error = None
                self._release(asked.at)
            case "authorize":
                error = self._authorize(asked)
            case "reschedule":
                error = self._reschedule(asked)
            case "acknowledge":
                error = None if self.attention else "IllegalMove"
            case _:
                return None
        if error is None:
            self.attention = False
        return error

    def _adjust(self, asked: Instruction) -> str | None:
        body = asked.body or {}
        if self.state != "authorized":
            return "IllegalMove"
        total = minor_of(body["amount"]) if "amount" in body else self.total + minor_of(body["by"])
        if not self._can_be(total):
            return "NotSupported"
        self.total = total
        self.operations.append(("adjust", total))
        return None

    def _can_be(self, total: int) -> bool:
        place = self.plan.place
        return total == self.total or (place.raises if total > self.total else place.lowers)

    def _capture(self, asked: Instruction) -> str | None:
        body = asked.body or {}
        if self.state not in {"authorized", "partially_captured"}:
            return "IllegalMove"
        if "amount" not in body and self.deadline_amount is not None:
            return "InvalidRequest"
        left = self.remaining
        amount = minor_of(body["amount"]) if "amount" in body else left
        is_last = body.get("final", True) or amount >= left
        if not is_last and not self.plan.place.several:
            return "NotSupported"
        if amount > left:
            if self.state == "partially_captured":
                return "IllegalMove"
            if not self._can_be(amount):
                return "NotSupported"
            self.total = amount
            self.operations.append(("adjust", amount))
        self._take(amount)
        if is_last:
            self._free(asked.at)
        else:
            self.state = "partially_captured"
        return None

    def _release(self, at: float) -> None:
        if self.declined_at is not None:
            self._end("abandoned", at)
        else:
            self._free(at)

    def _authorize(self, asked: Instruction) -> str | None:
        if self.state != "declined":
            return "IllegalMove"
        self.declined_at = None
        self._place(asked.at)
        self.operations.append(("authorize", self.total))
        return None

    def _reschedule(self, asked: Instruction) -> str | None:
        body = asked.body or {}
        on_deadline = body.get("on_deadline", self.on_deadline)
        settle_by = since_beginning(body["settle_by"]) if "settle_by" in body else None
        if settle_by is not None and settle_by <= asked.at:
            return "InvalidRequest"
        if "deadline_amount" in body and on_deadline != "capture":
            return "InvalidRequest"
        self.on_deadline = on_deadline
        if on_deadline != "capture":
            self.deadline_amount = None
        elif "deadline_amount" in body:
            self.deadline_amount = minor_of(body["deadline_amount"])
        self.settle_by = self.settle_by if settle_by is None else settle_by
        return None


def lives_by_rule(plan: Plan, lives: float) -> float | None:
    """How long the hold lives where a scheme's rule is shorter than what anybody says."""
    window = seconds_of(plan.request.get("hold_window", "P7D"))
    rules = [MERCHANTS_S] if plan.request.get("initiator") == "merchant" else [7 * DAY, 5 * DAY]
    return next((rule for rule in rules if rule <= window and abs(rule - lives) < HOUR), None)

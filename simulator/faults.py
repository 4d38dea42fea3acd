"""What a network or a gateway does to one request, and which request it happens to.

Faults are armed for a gateway and an operation and happen to its next calls, in the order in
which they were armed; one call meets one fault. Two kinds:

* **Weather** happens to a request, a replay included: it is broken before or after it is booked.
* **Verdicts** happen to an operation when it is booked, so that neither a replay nor an invalid
  request uses one up.

``random`` is weather drawn by seed for every call that no armed fault is waiting for.
"""

import random
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeVar, cast, get_args

# An answer cut in the middle: "length" promises the whole of it (the client sees the connection
# break), "close" promises nothing (the client sees a short body and no error).
Framing = Literal["length", "close"]
# How what was pending ends, once it is decided.
Ends = Literal["done", "declined"]
# What stands in an answer's place: a page in HTML, or nothing at all.
Shows = Literal["page", "nothing"]

T = TypeVar("T", bound=str)


class Operation(StrEnum):
    """What a caller wants of a gateway, in the words of the admin door."""

    TOKEN = "token"  # noqa: S105 - the name of an operation, no credential.
    AUTHORIZE = "authorize"
    ADJUST = "adjust"
    CAPTURE = "capture"
    RELEASE = "release"
    LOOK_UP = "look_up"


class Fault(StrEnum):
    """What can happen to a call."""

    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    THROTTLE = "throttle"
    DELAY = "delay"
    TRUNCATE = "truncate"
    GARBAGE = "garbage"
    UNAUTHORIZED = "unauthorized"
    DECLINE = "decline"
    APPROVE_LESS = "approve_less"
    STAY_PENDING = "stay_pending"
    REQUIRE_ACTION = "require_action"


ANY = "*"
RANDOM = "random"

_EVERY = frozenset(Operation)
_MONEY = frozenset({Operation.AUTHORIZE, Operation.ADJUST, Operation.CAPTURE, Operation.RELEASE})
# Which operations a fault can happen to. An answer that is no answer to "may I have a token"
# tells a client nothing that a dropped one does not, so `token` has the plain ones only.
REACH: dict[Fault, frozenset[Operation]] = {
    Fault.ERROR_BEFORE: _EVERY,
    Fault.ERROR_AFTER: _EVERY,
    Fault.DROP_BEFORE: _EVERY,
    Fault.DROP_AFTER: _EVERY,
    Fault.THROTTLE: _EVERY,
    Fault.DELAY: _EVERY,
    Fault.UNAUTHORIZED: _EVERY,
    Fault.TRUNCATE: _EVERY - {Operation.TOKEN},
    Fault.GARBAGE: _EVERY - {Operation.TOKEN},
    Fault.DECLINE: _MONEY,
    Fault.APPROVE_LESS: frozenset({Operation.AUTHORIZE}),
    Fault.STAY_PENDING: _MONEY,
    # 3-D Secure, at the gateways that have it.
    Fault.REQUIRE_ACTION: frozenset({Operation.AUTHORIZE}),
}
VERDICTS = frozenset({Fault.DECLINE, Fault.APPROVE_LESS, Fault.STAY_PENDING, Fault.REQUIRE_ACTION})
WEATHER = tuple(fault for fault in Fault if fault not in VERDICTS)
# What each fault may be told, beside `gateway`, `operation`, `fault` and `times`.
PARAMETERS: dict[Fault, tuple[str, ...]] = {
    Fault.THROTTLE: ("retry_after_s",),
    Fault.DELAY: ("delay_s",),
    Fault.TRUNCATE: ("framing",),
    Fault.GARBAGE: ("status", "shows"),
    Fault.APPROVE_LESS: ("amount_minor",),
    Fault.STAY_PENDING: ("resolve_after_s", "ends"),
}


class Unclear(ValueError):
    """A fault that was asked for cannot be understood; the text is one sentence for a person."""


@dataclass(slots=True)
class Armed:
    """One fault that waits for the next ``times`` calls of an operation.

    ``retry_after_s`` may be text: a gateway may send a date or nonsense in that header. ``ends`` is
    how what stays pending is decided after ``resolve_after_s``; declined, it never takes effect.
    ``status`` and ``shows`` are of what somebody on the way puts in the place of an answer.
    """

    gateway: str
    operation: str
    fault: Fault
    times: int = 1
    retry_after_s: float | str = 1
    delay_s: float = 1.0
    amount_minor: int = 0
    resolve_after_s: float = 60.0
    ends: Ends = "done"
    framing: Framing | None = None
    status: int = 200
    shows: Shows = "page"
    cuts: int = field(default=0, compare=False)

    def meets(self, gateway: str, operation: Operation) -> bool:
        """Whether it can happen to a call of this operation."""
        named = self.operation in (ANY, operation)
        return named and self.gateway == gateway and operation in REACH[self.fault]

    @property
    def approves(self) -> bool:
        """Whether what stays pending takes effect in the end."""
        return self.ends == "done"

    def next_framing(self) -> Framing:
        """How the next answer is cut: as told, else by turns, starting with the short body."""
        self.cuts += 1
        return self.framing or ("close" if self.cuts % 2 else "length")

    def shown(self) -> dict[str, object]:
        """The fault as the admin door lists it."""
        head = {"gateway": self.gateway, "operation": self.operation, "fault": self.fault.value}
        told = {name: getattr(self, name) for name in PARAMETERS.get(self.fault, ())}
        return {**head, "times": self.times, **told}


@dataclass(slots=True)
class Drawn:
    """Weather drawn by seed: each call meets a fault with the probability ``rate``."""

    gateway: str
    operation: str
    seed: int
    rate: float
    dice: random.Random

    def draw(self, gateway: str, operation: Operation) -> Armed | None:
        """What this call meets, if anything."""
        if self.gateway != gateway or self.operation not in (ANY, operation):
            return None
        if self.dice.random() >= self.rate:
            return None
        fault = self.dice.choice([fault for fault in WEATHER if operation in REACH[fault]])
        # Short waits: a soak test wants many calls rather than slow ones.
        return Armed(gateway, operation, fault, delay_s=0.2, framing=self.dice.choice(_FRAMINGS))

    def shown(self) -> dict[str, object]:
        """The fault as the admin door lists it."""
        head = {"gateway": self.gateway, "operation": self.operation, "fault": RANDOM}
        return {**head, "seed": self.seed, "rate": self.rate}


_FRAMINGS: tuple[Framing, ...] = get_args(Framing)
_ENDS: tuple[Ends, ...] = get_args(Ends)
_SHOWS: tuple[Shows, ...] = get_args(Shows)
_STATUSES = range(200, 600)


class Faults:
    """The faults that are armed now. ``lacks``: what cannot happen, for each gateway by name."""

    def __init__(self, lacks: Mapping[str, Collection[Fault]]) -> None:
        self._lacks = lacks
        self._armed: list[Armed] = []
        self._drawn: list[Drawn] = []

    def arm(self, wish: object) -> None:
        """Arm what the admin door was asked for.

        Raises:
            Unclear: The wish is not understood; nothing was armed.
        """
        told = dict(_table(wish))
        gateway = _one_of(told, "gateway", self._lacks)
        operation = _one_of(told, "operation", [*Operation, ANY])
        name = _one_of(told, "fault", [*Fault, RANDOM])
        if name == RANDOM:
            drawn = _drawn(gateway, operation, told)
            _nothing_left(told, name)
            self._drawn.append(drawn)
        elif name in self._lacks[gateway]:
            # Armed, it would wait for ever, and a test that counts on it would pass for nothing.
            raise Unclear(f"{name} cannot happen at {gateway}, which has no such answer.")
        else:
            armed = _armed(gateway, operation, Fault(name), told)
            _nothing_left(told, name)
            self._armed.append(armed)

    def forget(self) -> None:
        """Disarm everything."""
        self._armed.clear()
        self._drawn.clear()

    def shown(self) -> list[dict[str, object]]:
        """All that is armed, in the order in which it will happen."""
        return [fault.shown() for fault in (*self._armed, *self._drawn)]

    def weather(self, gateway: str, operation: Operation) -> Armed | None:
        """What happens to the request that has just arrived; used up by asking."""
        first = self._first(gateway, operation)
        if first is None:
            return next(self._draws(gateway, operation), None)
        return None if first.fault in VERDICTS else self._use(first)

    def verdict(self, gateway: str, operation: Operation) -> Armed | None:
        """What happens to the operation that is about to be booked; used up by asking."""
        first = self._first(gateway, operation)
        return self._use(first) if first and first.fault in VERDICTS else None

    def _first(self, gateway: str, operation: Operation) -> Armed | None:
        return next((armed for armed in self._armed if armed.meets(gateway, operation)), None)

    def _draws(self, gateway: str, operation: Operation) -> Iterator[Armed]:
        for drawn in self._drawn:
            fault = drawn.draw(gateway, operation)
            if fault is not None:
                yield fault

    def _use(self, armed: Armed) -> Armed:
        armed.times -= 1
        if armed.times == 0:
            self._armed.remove(armed)
        return armed


def _table(wish: object) -> dict[str, object]:
    if not isinstance(wish, dict):
        raise Unclear("A fault is a JSON object with gateway, operation and fault.")
    return cast("dict[str, object]", wish)


def _one_of(told: dict[str, object], name: str, known: Collection[str]) -> str:
    value = told.pop(name, None)
    if not isinstance(value, str) or value not in known:
        choice = ", ".join(sorted(known)) or "nothing"
        raise Unclear(f"{name} must be one of {choice}; it is {value!r}.")
    return str(value)


def _armed(gateway: str, operation: str, fault: Fault, told: dict[str, object]) -> Armed:
    if operation != ANY and Operation(operation) not in REACH[fault]:
        reach = ", ".join(sorted(REACH[fault]))
        raise Unclear(f"{fault} cannot happen to {operation}; it can happen to {reach}.")
    armed = Armed(gateway, operation, fault, times=_whole(told, "times", 1))
    match fault:
        case Fault.THROTTLE:
            armed.retry_after_s = _retry_after(told)
        case Fault.DELAY:
            armed.delay_s = _seconds(told, "delay_s", armed.delay_s)
        case Fault.STAY_PENDING:
            armed.resolve_after_s = _seconds(told, "resolve_after_s", armed.resolve_after_s)
            armed.ends = _choice(told, "ends", _ENDS, armed.ends)
        case Fault.APPROVE_LESS:
            armed.amount_minor = _whole(told, "amount_minor", None)
        case Fault.TRUNCATE:
            armed.framing = _framing(told)
        case Fault.GARBAGE:
            armed.status = _status(told)
            armed.shows = _choice(told, "shows", _SHOWS, armed.shows)
        case _:
            pass
    return armed


def _drawn(gateway: str, operation: str, told: dict[str, object]) -> Drawn:
    seed = told.pop("seed", 0)
    rate = told.pop("rate", None)
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise Unclear(f"seed must be a whole number; it is {seed!r}.")
    if not isinstance(rate, (int, float)) or isinstance(rate, bool) or not 0 <= rate <= 1:
        raise Unclear(f"rate must be a number from 0 to 1; it is {rate!r}.")
    # One seed, one sequence: this is no secret.
    dice = random.Random(seed)  # noqa: S311 - repeatable by design, protects nothing.
    return Drawn(gateway, operation, seed, float(rate), dice)


def _whole(told: dict[str, object], name: str, default: int | None) -> int:
    value = told.pop(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise Unclear(f"{name} must be a whole number from 1; it is {value!r}.")
    return value


def _seconds(told: dict[str, object], name: str, default: float) -> float:
    value = told.pop(name, default)
    # A day is more than anything waits for, and keeps infinity and "not a number" out.
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= _DAY_S:
        raise Unclear(f"{name} must be seconds from 0 to {_DAY_S}; it is {value!r}.")
    return float(value)


_DAY_S = 24 * 3600


def _retry_after(told: dict[str, object]) -> float | str:
    value = told.pop("retry_after_s", 1)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise Unclear(f"retry_after_s must be a number or a header's text; it is {value!r}.")
    if isinstance(value, str) and not (value.isascii() and value.isprintable()):
        raise Unclear("retry_after_s must be printable ASCII, as a header is.")
    return value


def _framing(told: dict[str, object]) -> Framing | None:
    if told.get("framing") is None:
        told.pop("framing", None)
        return None
    framing: Framing = _choice(told, "framing", _FRAMINGS)
    return framing


def _choice(
    told: dict[str, object], name: str, known: tuple[T, ...], default: T | None = None
) -> T:
    value = told.pop(name, default)
    for each in known:
        if value == each:
            return each
    raise Unclear(f"{name} must be one of {', '.join(known)}; it is {value!r}.")


def _status(told: dict[str, object]) -> int:
    value = told.pop("status", 200)
    if not isinstance(value, int) or isinstance(value, bool) or value not in _STATUSES:
        raise Unclear(f"status must be a whole number from 200 to 599; it is {value!r}.")
    return value


def _nothing_left(told: dict[str, object], fault: str) -> None:
    if told:
        raise Unclear(f"{fault} takes no {', '.join(sorted(told))}.")

"""Messages to a live reservation: of every kind, by every door, under known and unknown names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from cardhold.messages import HoldRequest, Message
from cardhold.names import SIGNAL_LOOK
from cardhold.reading import InvalidMessage
from proof.fuzz.payloads import Sent, sent
from proof.fuzz.samples import MODELS
from proof.fuzz.words import Pool
from workflows.intake import read_message

_NAME_MAX = 200
_UPDATES: dict[str, type[Message]] = {
    model.__name__.lower(): model for model in MODELS if model is not HoldRequest
}
_SIGNALS = {name: _UPDATES[name] for name in ("adjust", "capture", "release", "reschedule")}
_QUERIES = ("hold", "plan")


class Door(Enum):
    """How a message comes in."""

    UPDATE = "update"
    SIGNAL = "signal"
    QUERY = "query"


@dataclass(frozen=True, slots=True)
class Letter:
    """One message.

    Attributes:
        model: What its handler reads; None where nobody knows the name, or nothing is read.
    """

    door: Door
    name: str
    model: type[Message] | None
    payloads: Sent

    @property
    def is_wrong(self) -> bool:
        """Whether it is wrong in itself: no state makes it right."""
        if self.model is None:
            return self.name != SIGNAL_LOOK
        try:
            read_message(self.model, self.payloads.raw())
        except InvalidMessage:
            return True
        return False


def letter(pool: Pool) -> Letter:
    """A message of some kind, in some state."""
    random = pool.random
    door = random.choice((Door.UPDATE,) * 5 + (Door.SIGNAL,) * 4 + (Door.QUERY,))
    if door is Door.QUERY:
        name = random.choice((*_QUERIES, *_QUERIES, _unknown_name(pool)))
        return Letter(door, name, None, sent(random.choice(MODELS), pool))
    known = _UPDATES if door is Door.UPDATE else _SIGNALS
    name = random.choice((*known, *known, _unknown_name(pool)))
    model = known.get(name)
    return Letter(door, name, model, sent(model or random.choice(MODELS), pool))


def _unknown_name(pool: Pool) -> str:
    name = pool.random.choice((*pool.words, "captrue", "Capture", "authorise"))
    sendable = name.encode("utf-8", "replace").decode()[:_NAME_MAX]
    return "captrue" if sendable.startswith("__") or not sendable else sendable

"""Reads what callers send, whatever it is, and says in Temporal's terms what is wrong with it.

Handlers take their payloads raw: none, two, binary or broken ones included. Nothing in
here raises anything but what it says, since any other exception in a handler would stall
the reservation.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar, cast

from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from cardhold.card_data import holds_card_data
from cardhold.hold import Hold
from cardhold.messages import Message
from cardhold.names import ErrorType
from cardhold.reading import InvalidMessage, read, read_json
from domain.planner import Problem

ReadMessage = TypeVar("ReadMessage", bound=Message)

# How Temporal's SDKs mark JSON, and the absence of a value.
_JSON = frozenset({b"json/plain", b"json/protobuf"})
_NULL = b"binary/null"
_NAME_SHOWN_MAX = 64


def read_message(model: type[ReadMessage], payloads: Sequence[object]) -> ReadMessage:
    """Read the one payload of a message; none at all stands for an empty message.

    Raises:
        InvalidMessage: Naming the field and the rule.
    """
    if len(payloads) > 1:
        raise InvalidMessage(None, "must be one JSON object, or nothing")
    if not payloads:
        return read(model, None)
    payload = cast("RawValue", payloads[0]).payload
    return cast("ReadMessage", _read(model, payload.metadata.get("encoding", b""), payload.data))


# An update is read by its validator and by its handler, and an update-with-start brings the request
# twice; messages are frozen, so the second reader gets the first one's.
@lru_cache(maxsize=64)
def _read(model: type[Message], encoding: bytes, data: bytes) -> Message:
    return read(model, _value(encoding, data))


def _value(encoding: bytes, data: bytes) -> object:
    if encoding == _NULL or (encoding in _JSON and not data.strip()):
        return None
    if encoding not in _JSON:
        raise InvalidMessage(None, "must be JSON")
    return read_json(data)


def holds_a_card_number(payloads: Sequence[object]) -> bool:
    """Whether card data stands anywhere in payloads that nobody knows how to read."""
    return any(_holds_card_data(cast("RawValue", raw).payload) for raw in payloads)


def _holds_card_data(payload: Payload) -> bool:
    if holds_card_data(payload.data.decode(errors="replace")):
        return True
    try:
        return holds_card_data(read_json(payload.data))  # JSON may write a digit as an escape
    except InvalidMessage:
        return False


def shown_name(name: str) -> str:
    """A message's name as people may see it: short, printable, and never a card number."""
    if holds_card_data(name):
        return "(withheld)"
    clean = "".join(character if character.isprintable() else "?" for character in name)
    return clean[:_NAME_SHOWN_MAX]


def problem_of(error: InvalidMessage) -> Problem:
    """What is wrong with a message, as an instruction's problem."""
    return Problem(ErrorType.INVALID_REQUEST, str(error), field=error.field)


def failure(problem: Problem, hold: Hold | None) -> ApplicationError:
    """A problem as every update's caller gets it."""
    detail = {
        "field": problem.field,
        "operation_id": problem.operation_id,
        "hold": hold.model_dump(mode="json") if hold else None,
    }
    return ApplicationError(problem.message, detail, type=problem.type, non_retryable=True)

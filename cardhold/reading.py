"""Reads what comes in, and says in one sentence what is wrong with it: the field and the rule.

Neither the value nor, where it may be a card number, the name is ever repeated.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from cardhold.card_data import holds_card_data

ReadModel = TypeVar("ReadModel", bound=BaseModel)

# The largest legal message is under 100 kB, every character of it escaped; more is an accident or
# worse, and a megabyte of digits takes the card-number guard longer than a workflow task may last.
MESSAGE_BYTES_MAX = 250_000
_NAME_SHOWN_MAX = 40

_CARD_DATA = "must hold no card number and no card data: send a gateway's token"

# What pydantic calls an error -> how we say it. `{…}` are the error's own context.
_RULES = {
    "missing": "must be given",
    "extra_forbidden": "is not a field of this message",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "datetime_type": "must be an instant in UTC, such as 2026-03-01T15:00:00Z",
    "time_delta_type": "must be a duration in weeks to seconds, such as P7D or PT12H",
    "enum": "must be {expected}",
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_long": "must be at most {max_length} characters",
    "string_too_short": "must be at least {min_length} characters",
    "too_long": "must have at most {max_length} entries",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
}
_SPAN_RULE = "must be from 10 seconds to 31 days"


class InvalidMessage(ValueError):
    """A message that is wrong in itself, in any state; nothing was sent.

    Attributes:
        field: The field's path, such as ``amount.currency``; None for the message as a whole.
        rule: What the field must be, without its value.
    """

    def __init__(self, field: str | None, rule: str) -> None:
        super().__init__(f"{field or 'the message'} {rule}")
        self.field = field
        self.rule = rule


def read(model: type[ReadModel], value: object) -> ReadModel:
    """Read what JSON gave, or a caller built, as ``model``.

    Args:
        model: A message of `cardhold.messages`.
        value: An object as ``json.loads`` gives it; None stands for an empty one.

    Raises:
        InvalidMessage: Naming the first field that is wrong and its rule.
    """
    if holds_card_data(value):
        raise InvalidMessage(None, _CARD_DATA)
    try:
        return model.model_validate({} if value is None else value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InvalidMessage(*_told(first)) from None  # its text may hold the value
    except RecursionError:
        raise InvalidMessage(None, "must not be nested this deep") from None


def read_json(text: str | bytes, *, fraction: Callable[[str], object] = float) -> object:
    """Read JSON strictly: no duplicate names, no NaN, no endless numbers or nesting.

    Args:
        text: One value, and nothing behind it.
        fraction: What a number with a point or an exponent becomes.

    Raises:
        InvalidMessage: It is not JSON in UTF-8, or more of it than any message needs.
    """
    if len(text) > MESSAGE_BYTES_MAX:
        raise InvalidMessage(None, f"must be at most {MESSAGE_BYTES_MAX} bytes")
    try:
        return cast(
            "object",
            json.loads(
                text,
                object_pairs_hook=_once,
                parse_constant=_no_constant,
                parse_float=fraction,
            ),
        )
    except (ValueError, RecursionError) as error:
        if isinstance(error, InvalidMessage):
            raise
        raise InvalidMessage(None, "must be JSON") from None  # its text may hold the value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) < len(pairs):
        raise InvalidMessage(None, "must name each field once")
    return names


def _no_constant(_: str) -> NoReturn:
    raise InvalidMessage(None, "must hold no NaN and no infinity")


def _told(error: ErrorDetails) -> tuple[str | None, str]:
    context = error.get("ctx", {})
    path = [_shown(part) for part in error["loc"]]
    if error["type"] == "rule":
        return ".".join([*path, str(context["field"])]), str(context["rule"])
    rule = _RULES.get(error["type"], error["msg"])
    if "timedelta" in str(context.get("ge", context.get("le", ""))):
        rule = _SPAN_RULE
    return ".".join(path) or None, rule.format(**context) if "{" in rule else rule


def _shown(part: int | str) -> str:
    """A field's name as people may see it: printable, and not a page long."""
    text = str(part)
    clean = "".join(c if c.isprintable() else "?" for c in text[:_NAME_SHOWN_MAX])
    return clean if len(text) <= _NAME_SHOWN_MAX else clean + "…"

"""Money at the edge of gateways that count in decimals: exact both ways, and never a float."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, cast

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from cardhold.money import AMOUNT_MINOR_MAX, Money, digits_of

# Longer than any amount of ours in any currency, with a currency's most decimals (four).
_DIGITS_MAX = 20


def decimal_of(amount: Money) -> Decimal:
    """The amount in major units with exactly its currency's digits: ``10.00``, JPY ``10``."""
    return Decimal(amount.amount_minor).scaleb(-(digits_of(amount.currency) or 0))


def minor_of(amount: Decimal, currency: str) -> int | None:
    """Major units as minor ones; None for a fraction of a minor unit, or more than we count."""
    minor = amount.scaleb(digits_of(currency) or 0)
    if minor != minor.to_integral_value() or not 0 <= minor <= AMOUNT_MINOR_MAX:
        return None
    return int(minor)


def written(content: object) -> str:
    """JSON without blanks, names in order, and decimals as the numbers that they are."""
    match content:
        case Decimal():
            return format(content, "f")
        case Mapping():
            fields = cast("Mapping[str, Any]", content)
            return (
                "{" + ",".join(f"{written(n)}:{written(fields[n])}" for n in sorted(fields)) + "}"
            )
        case list() | tuple():
            items = cast("list[Any]", content)
            return "[" + ",".join(written(item) for item in items) + "]"
        case _:
            return json.dumps(content)


def _exact(value: object) -> Decimal:
    """A number, or the text of one, as gateways write amounts; a float has lost it already."""
    number = isinstance(value, (int, Decimal)) and not isinstance(value, bool)
    text = str(value) if number else value
    plain = isinstance(text, str) and text.isascii() and text.replace(".", "", 1).isdigit()
    if not plain or len(str(text)) > _DIGITS_MAX:
        raise PydanticCustomError("amount", "must be an amount")
    return Decimal(str(text))


#: An amount in major units as a gateway writes it, number or text; not negative.
WireAmount = Annotated[Decimal, BeforeValidator(_exact)]

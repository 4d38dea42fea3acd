"""Money as it crosses every border of cardhold: an integer count of minor units, and a currency."""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, Any

import iso4217
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

# One with twelve zeros: no card hold comes near it, and it stays exact in every JSON reader.
AMOUNT_MINOR_MAX = 10**12

# ASCII: without it \d takes the digits of every script, which no gateway and no person here writes.
_TEXT = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>\d{1,13})(?:\.(?P<part>\d+))? (?P<currency>[A-Z]{3})", re.ASCII
)
_OBJECT_FORM = "must be an object of 'amount_minor' and 'currency', or text such as '150.00 USD'"
_TEXT_FORM = "must be an amount as text, such as '150.00 USD'"


@cache
def digits_of(currency: str) -> int | None:
    """How many digits ISO 4217 gives the minor unit of ``currency``.

    Returns:
        0 for the yen, 2 for the euro, 3 for the Kuwaiti dinar; None for a code that
        ISO 4217 does not know or gives no minor unit (gold, testing codes).
    """
    try:
        return iso4217.Currency(currency).exponent
    except ValueError:
        return None


def _known(currency: str) -> str:
    if digits_of(currency) is None:
        raise PydanticCustomError("currency", "must be a currency code of ISO 4217, such as USD")
    return currency


Currency = Annotated[
    str, BeforeValidator(lambda code: _known(code) if isinstance(code, str) else code)
]


class Money(BaseModel):
    """An amount of one currency, counted in that currency's minor unit.

    ``Money(amount_minor=12_50, currency="EUR")`` is 12.50 euros and
    ``Money(amount_minor=500, currency="JPY")`` is 500 yen, since ISO 4217 gives
    the yen no minor unit. Never a float; a gateway that wants ``"12.50"`` formats
    it inside its own adapter. What we give out may be zero.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)

    amount_minor: Annotated[int, Field(ge=0, le=AMOUNT_MINOR_MAX)]
    currency: Currency

    def plus(self, amount_minor: int) -> Money:
        """This much more (or less) of the same currency; never below zero."""
        return Money(amount_minor=self.amount_minor + amount_minor, currency=self.currency)

    def plain(self) -> Money:
        """The amount alone, without the bounds that it came in by: so that equal amounts are."""
        return Money(amount_minor=self.amount_minor, currency=self.currency)

    def __str__(self) -> str:
        """``150.00 USD``: the text that an amount may come in as, exactly."""
        return as_text(self.amount_minor, self.currency)


class MoneyIn(Money):
    """An amount that comes in: at least one minor unit, and nothing beside its two fields."""

    model_config = ConfigDict(extra="forbid")

    amount_minor: Annotated[int, Field(ge=1, le=AMOUNT_MINOR_MAX)]


class Difference(BaseModel):
    """How much more (or, negative, less) shall be held: ``+50.00 USD``, ``-20.00 USD``."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    amount_minor: Annotated[int, Field(ge=-AMOUNT_MINOR_MAX, le=AMOUNT_MINOR_MAX)]
    currency: Currency


def as_text(amount_minor: int, currency: str) -> str:
    """Write an amount with exactly the currency's digits: ``150.00 USD``, ``500 JPY``."""
    digits = digits_of(currency) or 0
    sign = "-" if amount_minor < 0 else ""
    whole, part = divmod(abs(amount_minor), 10**digits)
    return f"{sign}{whole}.{part:0{digits}d} {currency}" if digits else f"{sign}{whole} {currency}"


def _from_text(value: Any, *, signed: bool) -> Any:
    """Turn text into the object form, so that every error names the same two fields."""
    if isinstance(value, int | float):
        raise PydanticCustomError("amount_number", _OBJECT_FORM)
    if not isinstance(value, str):
        return value
    found = _TEXT.fullmatch(value)
    if found is None or (found["sign"] and not signed):
        raise PydanticCustomError("amount_text", _TEXT_FORM)
    digits = digits_of(_known(found["currency"])) or 0
    if len(found["part"] or "") != digits:
        raise PydanticCustomError(
            "amount_digits",
            "must have exactly {digits} digits after the point, as {currency} does",
            {"digits": digits, "currency": found["currency"]},
        )
    count = int(found["whole"] + (found["part"] or ""))
    return {
        "amount_minor": -count if found["sign"] == "-" else count,
        "currency": found["currency"],
    }


def _text(value: Any) -> Any:
    return _from_text(value, signed=False)


def _signed_text(value: Any) -> Any:
    return _from_text(value, signed=True)


_AmountText = Annotated[str, StringConstraints(pattern=r"^\d{1,13}(\.\d+)? [A-Z]{3}$")]
_SignedText = Annotated[str, StringConstraints(pattern=r"^[+-]?\d{1,13}(\.\d+)? [A-Z]{3}$")]

#: An amount in a message: the object, or text such as ``"150.00 USD"``.
Amount = Annotated[MoneyIn, BeforeValidator(_text, json_schema_input_type=MoneyIn | _AmountText)]
#: A difference in a message: the object, or text such as ``"+50.00 USD"``.
By = Annotated[
    Difference, BeforeValidator(_signed_text, json_schema_input_type=Difference | _SignedText)
]

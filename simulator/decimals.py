"""Money as decimals, exactly: what the faces share that count in major units.

A double cannot hold most decimals, so numbers are read as the decimals that they spell and written
digit by digit. What each gateway's amounts look like is its face's business.
"""

import json
from decimal import Decimal
from json.encoder import encode_basestring_ascii as _quoted
from typing import cast

# ISO 4217: currencies whose minor unit is not a hundredth, by its digits.
_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
# Past any price, and few enough digits for sums of decimals to be exact.
_MINOR_MAX = 10**15
_SIGNIFICANT_MAX = 20


class Written(str):
    """Text that is JSON already, to be stored and given back as it is."""

    __slots__ = ()


def minor_of(value: Decimal, currency: str) -> int | None:
    """An amount in minor units; None if it is none: nothing, a fraction of a unit, past measure."""
    if not 0 < value <= _MINOR_MAX or len(value.as_tuple().digits) > _SIGNIFICANT_MAX:
        return None
    minor = value.scaleb(digits_of(currency))
    whole = minor == minor.to_integral_value() and minor <= _MINOR_MAX
    return int(minor) if whole else None


def major_of(amount_minor: int, currency: str) -> Decimal:
    """Minor units as major ones, with all of the currency's digits."""
    return Decimal(amount_minor).scaleb(-digits_of(currency))


def plain(value: Decimal) -> str:
    """A decimal without an exponent."""
    return format(value, "f")


def digits_of(currency: str) -> int:
    """How many digits the minor unit of a currency has."""
    return next((digits for digits, codes in _DIGITS.items() if currency in codes), 2)


def read(text: bytes) -> object:
    """Read JSON with its numbers as they are spelled.

    Raises:
        ValueError: It is no JSON; "not a number" and infinities are none.
        RecursionError: It is nested past all reason.
    """
    return json.loads(text, parse_float=Decimal, parse_constant=_no_number)


def written(content: object) -> Written:
    """JSON in which a ``Decimal`` is a number, digit by digit."""
    return Written(_spelled(content))


def _spelled(content: object) -> str:
    # A busy account's list has thousands of texts and nulls: they are asked for first.
    if isinstance(content, str):
        return content if isinstance(content, Written) else _quoted(content)
    if content is None or isinstance(content, int):
        return "null" if content is None else str(content).lower()
    if isinstance(content, Decimal):
        return plain(content)
    if isinstance(content, dict):
        fields = cast("dict[str, object]", content)
        pairs = [f"{_quoted(name)}:{_spelled(value)}" for name, value in fields.items()]
        return f"{{{','.join(pairs)}}}"
    if isinstance(content, list):
        items = cast("list[object]", content)
        return f"[{','.join([_spelled(item) for item in items])}]"
    return json.dumps(content)


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no number of JSON")

"""xMoney's money on the wire: major units, in as text or number, out as either.

Its documents call an amount "number(float)" and "a string containing an exact monetary amount", in
one table. Requests are read digit by digit whichever it is. Answers show a transaction's amounts as
text and an order's as a number, as the published client's types have it (api-sdk, read 2026), with
the currency's digits always.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import cast

# ISO 4217: currencies whose minor unit is not a hundredth.
_WHOLE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND"
_DIGITS = {
    **dict.fromkeys(_WHOLE.split(), 0),
    **dict.fromkeys(_THOUSANDTHS.split(), 3),
    **dict.fromkeys(["CLF", "UYW"], 4),
}
# 10^15 minor units: past any price, and within what the books' integers are read as elsewhere.
_MINOR_MAX = 10**15


def minor_of(text: str, currency: str) -> int | None:
    """An amount in minor units; None if it is none: nothing, a fraction of a unit, past measure."""
    value = Decimal(text)
    if not 0 < value <= _MINOR_MAX:
        return None
    minor = value.scaleb(_digits(currency))
    whole = minor == minor.to_integral_value() and minor <= _MINOR_MAX
    return int(minor) if whole else None


def value_of(amount_minor: int, currency: str) -> Decimal:
    """Minor units as major ones, with all of the currency's digits."""
    return Decimal(amount_minor).scaleb(-_digits(currency))


def text_of(amount_minor: int, currency: str) -> str:
    """The same as text."""
    return format(value_of(amount_minor, currency), "f")


def read(raw: bytes) -> object:
    """Read JSON with its numbers as they are spelled.

    Raises:
        ValueError: It is no JSON; "not a number" and infinities are none.
        RecursionError: It is nested past all reason.
    """
    return json.loads(raw, parse_float=Decimal, parse_constant=_no_number)


def written(content: object) -> str:
    """JSON in which a ``Decimal`` is a number, digit by digit."""
    match content:
        case Decimal():
            return format(content, "f")
        case Mapping():
            fields = cast("Mapping[str, object]", content)
            pairs = (f"{json.dumps(name)}: {written(value)}" for name, value in fields.items())
            return f"{{{', '.join(pairs)}}}"
        case list():
            return f"[{', '.join(written(item) for item in cast('list[object]', content))}]"
        case _:
            return json.dumps(content)


def _digits(currency: str) -> int:
    return _DIGITS.get(currency, 2)


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no number of JSON")

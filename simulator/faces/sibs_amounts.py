"""SIBS's money on the wire: JSON numbers of major units, read and written digit by digit.

SIBS documents ``amount.value`` as "Number (double)"; its samples answer some calls with the number
as text ("1"). A double cannot hold most decimals, so numbers are read as the decimals that they
spell.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import cast

# ISO 4217: currencies whose minor unit is not a hundredth, by its digits.
_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
# Past any price, and few enough digits for sums of decimals to be exact.
_MINOR_MAX = 10**15
_DIGITS_MAX = 20


def minor_of(value: Decimal, currency: str) -> int | None:
    """An amount in minor units; None if it is none: nothing, a fraction of a unit, past measure."""
    if not 0 < value <= _MINOR_MAX or len(value.as_tuple().digits) > _DIGITS_MAX:
        return None
    minor = value.scaleb(_digits_of(currency))
    whole = minor == minor.to_integral_value() and minor <= _MINOR_MAX
    return int(minor) if whole else None


def value_of(amount_minor: int, currency: str) -> Decimal:
    """Minor units as SIBS writes them: without zeros at the end, as in its samples."""
    return Decimal(amount_minor).scaleb(-_digits_of(currency)).normalize()


def plain(value: Decimal) -> str:
    """A decimal without an exponent."""
    return format(value, "f")


def read(text: bytes) -> object:
    """Read JSON with its numbers as they are spelled.

    Raises:
        ValueError: It is no JSON; "not a number" and infinities are none.
        RecursionError: It is nested past all reason.
    """
    return json.loads(text, parse_float=Decimal, parse_constant=_no_number)


def written(content: object) -> str:
    """JSON in which a ``Decimal`` is a number, digit by digit."""
    match content:
        case Decimal():
            return plain(content)
        case Mapping():
            fields = cast("Mapping[str, object]", content)
            return f"{{{', '.join(f'{json.dumps(n)}: {written(fields[n])}' for n in fields)}}}"
        case list():
            items = cast("list[object]", content)
            return f"[{', '.join(written(item) for item in items)}]"
        case _:
            return json.dumps(content)


def _digits_of(currency: str) -> int:
    return next((digits for digits, codes in _DIGITS.items() if currency in codes), 2)


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no number of JSON")

"""xMoney's money on the wire: major units, in as text or number, out as either.

Its documents call an amount "number(float)" and "a string containing an exact monetary amount", in
one table. Requests are read digit by digit whichever it is. Answers show a transaction's amounts as
text and an order's as a number, as the published client's types have it (api-sdk, read 2026), with
the currency's digits always.
"""

from decimal import Decimal

from simulator import decimals


def minor_of(text: str, currency: str) -> int | None:
    """An amount in minor units, or None; see ``decimals.minor_of``."""
    return decimals.minor_of(Decimal(text), currency)


def text_of(amount_minor: int, currency: str) -> str:
    """Minor units as text."""
    return decimals.plain(decimals.major_of(amount_minor, currency))

"""SIBS's money on the wire: JSON numbers of major units.

SIBS documents ``amount.value`` as "Number (double)"; its samples answer some calls with the number
as text ("1").
"""

from decimal import Decimal

from simulator.decimals import major_of


def value_of(amount_minor: int, currency: str) -> Decimal:
    """Minor units as SIBS writes them: without zeros at the end, as in its samples."""
    return major_of(amount_minor, currency).normalize()

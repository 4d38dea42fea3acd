"""What a kind of gateway can do, said once by its adapter.

The planner works from the part that `domain.capabilities.Capabilities` carries into each
reservation; the rest is for people: the tables in ``docs/gateways`` are drawn from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from cardhold.hold import OperationKind
from cardhold.messages import PaymentMethodKind


class Units(StrEnum):
    """How amounts travel."""

    MINOR = "integer minor units"
    DECIMAL = "decimal number"
    DECIMAL_FORM = "decimal text, form-encoded"


@dataclass(frozen=True, slots=True)
class Reference:
    """Our name for an operation at the gateway.

    Attributes:
        field: What the gateway calls it.
        length_max: In characters.
        finds: What can be looked up by it alone.
    """

    field: str
    length_max: int
    finds: frozenset[OperationKind]


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of gateway.

    Attributes:
        title: As people write its name.
        units: How amounts travel.
        reference: Our name for an operation there.
        key: Where the idempotency key goes, for people; None where there is none.
        key_life: How long a key surely lives at the gateway.
        idempotent: The operations whose key makes a second sending harmless.
        payment_methods: The kinds of token that it takes.
        asks_guest: It may send the guest through 3-D Secure.
        raises: A hold can be raised to a higher total.
        lowers: A hold can be lowered to a smaller total.
        captures_max: How many captures a hold takes; None is "several, up to the total".
        frees_rest: The last capture frees what it did not take, by itself.
        release: How the rest is freed otherwise, for people.
        shows_later: The payment itself shows later captures and releases.
        shows_expiry: The payment itself shows that it has lapsed.
        lists: It lists the holds that are open, for the sweep.
        batch_cut_off: What the daily batch changes, for people; None where it is nothing to us.
    """

    title: str
    units: Units
    reference: Reference
    payment_methods: frozenset[PaymentMethodKind]
    release: str
    key: str | None = None
    key_life: timedelta = timedelta(0)
    idempotent: frozenset[OperationKind] = frozenset()
    asks_guest: bool = False
    raises: bool = False
    lowers: bool = False
    captures_max: int | None = 1
    frees_rest: bool = False
    shows_later: bool = True
    shows_expiry: bool = True
    lists: bool = False
    batch_cut_off: str | None = None

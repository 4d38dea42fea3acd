"""What a gateway's answer says of the money: done, declined, still pending, or up to the guest.

That it did not happen, and that we don't know, are errors of the call and not answers:
see ``gateways.errors``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cardhold.fields import Instant
from cardhold.hold import Action, Card, Evidence
from cardhold.money import Money
from domain.capabilities import Fact


class PaymentState(StrEnum):
    """Where a payment stands at the gateway, in our words."""

    OPEN = "open"
    CAPTURED = "captured"
    RELEASED = "released"
    EXPIRED = "expired"
    DECLINED = "declined"
    PENDING = "pending"
    """The gateway has not decided yet."""
    ACTION_REQUIRED = "action_required"
    """Nothing is decided before the guest has done something (3-D Secure)."""


class Said(StrEnum):
    """What a gateway says of one operation, where it keeps each under a reference of ours."""

    DONE = "done"
    DECLINED = "declined"
    PENDING = "pending"
    ABSENT = "absent"
    """It knows of none such, so far."""


class Payment(Fact):
    """A payment as the gateway shows it now, its words turned into ours.

    Attributes:
        payment_id: The gateway's id of the hold.
        reference: The merchant's reference that it was sent with, as the gateway repeats it.
        authorized: The total that is, or was last, held.
        captured: What was taken so far.
        booked_at: When the gateway booked what it shows; its clock, not ours.
        expires_at: When it says that the hold lapses, if it says.
        detail: The gateway's own words on the outcome, for people.
        action: What the guest has to do, with `PaymentState.ACTION_REQUIRED`; None where the
            gateway doesn't say it again.
        said: What became of the very operation that was looked for; None where the gateway shows
            only how the payment stands. An authorization that is absent, and a payment all the
            same, is one that somebody has prepared and may yet send.
        others: What holds money, or has taken it, under the same reference: the gateway's ids.
    """

    payment_id: str
    reference: str | None = None
    state: PaymentState
    authorized: Money
    captured: Money
    booked_at: Instant | None = None
    expires_at: Instant | None = None
    card: Card | None = None
    evidence: Evidence | None = None
    detail: str | None = None
    action: Action | None = None
    said: Said | None = None
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Approved:
    """The gateway did what was asked; ``payment`` is how the hold stands after it."""

    payment: Payment


@dataclass(frozen=True, slots=True)
class Declined:
    """The issuer or the gateway said no: nothing moved, and what was held still is.

    ``detail`` is the gateway's reason, free of card data; ``payment`` what it shows, if it does.
    """

    detail: str
    payment: Payment | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """The gateway has taken it in and not decided it. Look it up."""

    payment: Payment | None = None


@dataclass(frozen=True, slots=True)
class ActionRequired:
    """The issuer wants to see the guest first: ``payment.action`` says where to send them."""

    payment: Payment


Outcome = Approved | Declined | Pending | ActionRequired

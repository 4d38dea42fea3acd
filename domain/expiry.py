"""When a hold lapses, and by when we must have acted.

The gateway's own word comes first, then the card scheme's rule, then the account's window.
A rule never lengthens what the account or the caller says: the shorter of the two counts,
since being early costs a call and being late costs the deposit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cardhold.hold import DeadlineBy, ExpirySource
from cardhold.messages import Initiator

# How long before a deadline that the expiry sets a person is warned.
WARNING = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Rule:
    """How long one scheme keeps an authorization.

    Attributes:
        brand: A word of the card's brand, in lower case, as gateways write it.
        initiator: Who started it; None for both.
        categories: The merchant categories (ISO 18245) it holds for; None for all.
        source: Who publishes it.
    """

    brand: str
    window: timedelta
    source: str
    initiator: Initiator | None = None
    categories: frozenset[int] | None = None


# Lodging (3501-3999, 7011, 7032, 7033) and rental of cars, trailers, tools, clothes and more
# (3351-3500, 7296, 7394, 7512, 7513, 7519): Visa's estimated authorizations.
LODGING_AND_RENTAL = frozenset({
    *range(3351, 4000), 7011, 7032, 7033, 7296, 7394, 7512, 7513, 7519,
})  # fmt: skip

_STRIPE = "Stripe documentation, place a hold on a payment method (2024)"
_STRIPE_EXTENDED = "Stripe documentation, extended authorizations (2024)"

# The first that fits counts, so what is special stands above what is general.
RULES = (
    Rule(
        "visa",
        # Five days at the network; the processor keeps six hours of them for settlement.
        timedelta(days=4, hours=18),
        _STRIPE,
        initiator=Initiator.MERCHANT,
    ),
    Rule("visa electron", timedelta(days=5), "Adyen documentation, authorisation validity (2024)"),
    Rule("visa", timedelta(days=30), _STRIPE_EXTENDED, categories=LODGING_AND_RENTAL),
    Rule("visa", timedelta(days=7), _STRIPE),
    Rule("maestro", timedelta(days=7), "Braintree documentation, managing authorizations (2024)"),
    Rule("master", timedelta(days=7), _STRIPE),
    Rule("amex", timedelta(days=7), _STRIPE),
    Rule("american express", timedelta(days=7), _STRIPE),
    Rule("discover", timedelta(days=7), _STRIPE),
    Rule("diners", timedelta(days=7), _STRIPE),
)


def rule_for(brand: str | None, category: str | None, initiator: Initiator) -> Rule | None:
    """The scheme's rule for a card, where it is known.

    Args:
        brand: As the gateway writes it ("Visa Credit"), or None.
        category: The merchant's four-digit category code, or None.
        initiator: Who started the authorization.
    """
    words = (brand or "").lower()
    for rule in RULES:
        if (
            rule.brand in words
            and rule.initiator in (None, initiator)
            and (rule.categories is None or _is_in(category, rule.categories))
        ):
            return rule
    return None


def _is_in(category: str | None, categories: frozenset[int]) -> bool:
    return category is not None and category.isdecimal() and int(category) in categories


@dataclass(frozen=True, slots=True)
class Expiry:
    """When a hold lapses, and who says so."""

    at: datetime
    source: ExpirySource


def expiry(
    since: datetime, gateway_says: datetime | None, rule: Rule | None, window: timedelta
) -> Expiry:
    """When a hold placed at ``since`` lapses.

    Args:
        since: When the gateway placed it at the earliest.
        gateway_says: The gateway's own word, where it gives one later than ``since``.
        rule: The scheme's rule, where the card is known.
        window: The account's window, or the caller's own.
    """
    if gateway_says is not None and gateway_says > since:
        return Expiry(gateway_says, ExpirySource.GATEWAY)
    if rule is not None and rule.window <= window:
        return Expiry(since + rule.window, ExpirySource.RULE)
    return Expiry(since + window, ExpirySource.DEFAULT)


@dataclass(frozen=True, slots=True)
class Terms:
    """Until when what must have happened.

    Attributes:
        deadline: When the plan acts by itself.
        deadline_by: What sets it.
        warn_at: When a person is told that the deadline is near; None where the caller chose it.
        give_up_capture_at: When a refused capture is given up and the hold released.
        expires_at: When the hold lapses.
    """

    deadline: datetime
    deadline_by: DeadlineBy
    warn_at: datetime | None
    give_up_capture_at: datetime
    expires_at: datetime


def terms(
    since: datetime, expires_at: datetime, margin: timedelta, settle_by: datetime | None
) -> Terms:
    """The terms of a hold that lives from ``since`` to ``expires_at``.

    The margin is cut to half the real window. The warning comes a day before the deadline, and
    for holds of less than two days half-way to it: a warning at the very start warns of nothing.
    """
    real_margin = min(margin, (expires_at - since) / 2)
    by_expiry = expires_at - real_margin
    if settle_by is not None and settle_by < by_expiry:
        deadline, by, warn_at = settle_by, DeadlineBy.SETTLE_BY, None
    else:
        deadline, by = by_expiry, DeadlineBy.EXPIRY
        warn_at = max(deadline - WARNING, since + (deadline - since) / 2)
    return Terms(deadline, by, warn_at, expires_at - real_margin / 2, expires_at)

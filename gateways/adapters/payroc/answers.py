"""Reads Payroc's payment object, and says what an answer decides. Pure; no network.

``responseCode`` decides first, then ``status`` tells the lifecycle (Payroc's own advice).
Where the two contradict each other, nothing is decided. ``type`` and ``supportedOperations``
are not read: in every published example a pre-authorization is a ``sale`` that can be captured.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from cardhold.hold import Card, Evidence
from cardhold.money import AMOUNT_MINOR_MAX, Currency, Money
from domain.findings import OpenHold
from domain.outcome import Approved, Declined, Outcome, Payment, PaymentState, Pending
from gateways.adapters.payroc.problems import NAME
from gateways.errors import Undecided
from gateways.port import Named
from gateways.shown import instant, last4, shown
from gateways.wire import WireModel

Status: TypeAlias = Literal[
    "ready", "pending", "declined", "complete", "referral", "pickup", "reversal", "admin",
    "expired", "accepted",
]  # fmt: skip
ResponseCode: TypeAlias = Literal["A", "D", "E", "P", "R", "C"]

# responseCode E: "received, will be processed later"; the statuses: result not known, under review.
_UNDECIDED_STATUSES = frozenset({"accepted", "admin"})
_LIFECYCLE: dict[Status, PaymentState] = {
    "pending": PaymentState.OPEN,
    "ready": PaymentState.CAPTURED,
    "complete": PaymentState.CAPTURED,
    "reversal": PaymentState.RELEASED,
    "expired": PaymentState.EXPIRED,
    "declined": PaymentState.DECLINED,
    "referral": PaymentState.DECLINED,
    "pickup": PaymentState.DECLINED,
    "accepted": PaymentState.PENDING,
    "admin": PaymentState.PENDING,
}
_LIVE = frozenset({PaymentState.OPEN, PaymentState.CAPTURED})
# Which of several payments under one reference is the one: what may hold money comes first.
_RANK = {
    PaymentState.OPEN: 0,
    PaymentState.CAPTURED: 0,
    PaymentState.PENDING: 1,
    PaymentState.RELEASED: 2,
    PaymentState.EXPIRED: 2,
    PaymentState.DECLINED: 3,
}
_LATEST = datetime.max.replace(tzinfo=UTC)

AmountMinor = Annotated[int, Field(ge=0, le=AMOUNT_MINOR_MAX)]


class _Order(WireModel):
    orderId: str  # noqa: N815 - Payroc's own name
    amount: AmountMinor
    currency: Currency
    dateTime: str | None = None  # noqa: N815 - Payroc's own name


class _Checks(WireModel):
    cvvResult: str | None = None  # noqa: N815 - Payroc's own name
    avsResult: str | None = None  # noqa: N815 - Payroc's own name


class _Card(WireModel):
    type: str
    cardNumber: Annotated[str, Field(repr=False)]  # noqa: N815 - Payroc's own name
    securityChecks: _Checks | None = None  # noqa: N815 - Payroc's own name


class _Result(WireModel):
    status: Status
    responseCode: ResponseCode  # noqa: N815 - Payroc's own name
    authorizedAmount: AmountMinor | None = None  # noqa: N815 - Payroc's own name
    currency: Currency | None = None
    approvalCode: str | None = None  # noqa: N815 - Payroc's own name
    responseMessage: str | None = None  # noqa: N815 - Payroc's own name


class PaymentAnswer(WireModel):
    """Payroc's payment object: what we rely on, all of it required by the OpenAPI."""

    paymentId: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,64}$")]  # noqa: N815 - Payroc's own name
    processingTerminalId: str  # noqa: N815 - Payroc's own name
    order: _Order
    card: _Card
    transactionResult: _Result  # noqa: N815 - Payroc's own name


class Link(WireModel):
    """Where another page of a list is."""

    rel: str
    href: Annotated[str, Field(max_length=2048, repr=False)]


class Page(WireModel):
    """One page of a list of payments; without its word on whether more follow, no answer."""

    data: list[PaymentAnswer]
    hasMore: bool  # noqa: N815 - Payroc's own name
    links: tuple[Link, ...] = Field(default=(), strict=False)


def created(answer: PaymentAnswer, named: Named) -> Outcome:
    """What the answer to a create says.

    Raises:
        Undecided: It is another's payment, of another amount, or contradicts itself.
    """
    asked = named.call.amount
    payment = payment_of(answer, named, reference=named.reference)
    if answer.order.currency != asked.currency:
        raise Undecided(f"{NAME}: the answer is in another currency")
    match payment.state:
        case PaymentState.DECLINED:
            return Declined(payment.detail or _words(answer), payment)
        case PaymentState.PENDING:
            return Pending(payment)
        case PaymentState.OPEN | PaymentState.CAPTURED:
            _check_amounts(answer, asked)
            return Approved(payment)
        case _:
            raise Undecided(f"{NAME}: a new payment cannot be {payment.state} already")


def adjusted(answer: PaymentAnswer, named: Named) -> Outcome:
    """What the answer to an adjustment says: approved only if it shows the new total.

    Raises:
        Undecided: It shows neither the new total, approved, nor the old one, declined.
    """
    payment = _of_known(answer, named)
    if payment.state is PaymentState.OPEN:
        if _is_declined(answer) and payment.authorized == named.call.held:
            return Declined(payment.detail or _words(answer), payment)
        shown = {payment.authorized.amount_minor, answer.order.amount}
        if answer.transactionResult.responseCode == "A" and shown == {
            named.call.amount.amount_minor
        }:
            return Approved(payment)
    return _pending_or_undecided(payment, "adjustment")


def captured(answer: PaymentAnswer, named: Named) -> Outcome:
    """What the answer to a capture says: approved only if it took exactly what was asked.

    Raises:
        Undecided: Anything else, a decline included that does not show the hold as it was.
    """
    payment = _of_known(answer, named)
    if payment.state is PaymentState.CAPTURED and payment.captured == named.call.amount:
        return Approved(payment)
    if _still_held(answer, payment, named):
        return Declined(payment.detail or _words(answer), payment)
    return _pending_or_undecided(payment, "capture")


def released(answer: PaymentAnswer, named: Named) -> Outcome:
    """What the answer to a full reversal says. The amounts that it shows are unpublished.

    Raises:
        Undecided: The payment is neither reversed nor, declined, still held.
    """
    payment = _of_known(answer, named)
    if payment.state is PaymentState.RELEASED:
        return Approved(payment)
    if _still_held(answer, payment, named):
        return Declined(payment.detail or _words(answer), payment)
    return _pending_or_undecided(payment, "reversal")


def payment_of(
    answer: PaymentAnswer, named: Named, *, reference: str | None, known: bool = False
) -> Payment:
    """The payment in our words.

    Args:
        answer: What Payroc shows.
        named: What was asked for; its token is kept out of every text.
        reference: The order id that it has to have; None where nobody knows it.
        known: It was held before: a decline in it is of a later operation, not of the hold.

    Raises:
        Undecided: It has another order id, or contradicts itself.
    """
    result, order = answer.transactionResult, answer.order
    if reference is not None and order.orderId != reference:
        raise Undecided(f"{NAME}: the answer is of another order")
    state = _state(result, known=known)
    if state is None or result.currency not in {None, order.currency}:
        raise Undecided(f"{NAME}: the answer contradicts itself")
    taken = order.amount if state is PaymentState.CAPTURED else 0
    return Payment(
        payment_id=answer.paymentId,
        reference=order.orderId,
        state=state,
        authorized=Money(amount_minor=_held_minor(answer, state), currency=order.currency),
        captured=Money(amount_minor=taken, currency=order.currency),
        booked_at=instant(order.dateTime),
        card=_card(answer.card, _token(named)),
        evidence=_evidence(answer, _token(named)),
        detail=shown(result.responseMessage, secret=_token(named)),
    )


def open_hold_of(answer: PaymentAnswer) -> OpenHold | None:
    """The hold that a payment of a list is; None where nothing is held by it.

    Raises:
        Undecided: It contradicts itself.
    """
    result, order = answer.transactionResult, answer.order
    # Nothing tells whether a decline in it is of the hold or of a later operation: it may be held.
    state = _state(result, known=True)
    if state is None or result.currency not in {None, order.currency}:
        raise Undecided(f"{NAME}: a listed payment contradicts itself")
    if state is not PaymentState.OPEN:
        return None
    return OpenHold(
        payment_id=answer.paymentId,
        reference=order.orderId,
        authorized=Money(amount_minor=_held_minor(answer, state), currency=order.currency),
        captured=Money(amount_minor=0, currency=order.currency),
        booked_at=instant(order.dateTime),
    )


def the_one(payments: Sequence[Payment]) -> Payment | None:
    """Which of the payments under one reference counts: one that holds money, the earliest."""
    return min(
        payments, key=lambda found: (_RANK[found.state], found.booked_at or _LATEST), default=None
    )


def live_count(payments: Sequence[Payment]) -> int:
    """How many of them hold money, or have taken it."""
    return sum(payment.state in _LIVE for payment in payments)


def _state(result: _Result, *, known: bool) -> PaymentState | None:
    """Where the payment stands; None where code and status contradict each other."""
    state = _LIFECYCLE[result.status]
    if result.responseCode == "E" or result.status in _UNDECIDED_STATUSES:
        return PaymentState.PENDING
    if result.responseCode in {"A", "P"}:
        return None if state is PaymentState.DECLINED else state
    if known:
        return state
    return None if state in _LIVE else PaymentState.DECLINED


def _held_minor(answer: PaymentAnswer, state: PaymentState) -> int:
    if state is PaymentState.DECLINED:
        return 0
    result = answer.transactionResult
    if state is PaymentState.OPEN and result.authorizedAmount is not None:
        return result.authorizedAmount
    return answer.order.amount


def _check_amounts(answer: PaymentAnswer, asked: Money) -> None:
    """A create may be approved for less than asked; never for more, and never for nothing."""
    result, shown = answer.transactionResult, answer.order.amount
    held = shown if result.authorizedAmount is None else result.authorizedAmount
    if not 0 < held <= asked.amount_minor or shown not in {held, asked.amount_minor}:
        raise Undecided(f"{NAME}: the answer is of another amount")
    if result.responseCode == "P" and result.authorizedAmount is None:
        raise Undecided(f"{NAME}: approved in part, and not said for how much")


def _of_known(answer: PaymentAnswer, named: Named) -> Payment:
    """The payment that was asked for, and no other."""
    if answer.paymentId != named.call.payment_id:
        raise Undecided(f"{NAME}: the answer is of another payment")
    if answer.order.currency != named.call.amount.currency:
        raise Undecided(f"{NAME}: the answer is in another currency")
    return payment_of(answer, named, reference=named.call.reference, known=True)


def _still_held(answer: PaymentAnswer, payment: Payment, named: Named) -> bool:
    """Declined, and the hold stands as it stood."""
    unchanged = payment.authorized == named.call.held
    return _is_declined(answer) and payment.state is PaymentState.OPEN and unchanged


def _is_declined(answer: PaymentAnswer) -> bool:
    return answer.transactionResult.responseCode in {"D", "R", "C"}


def _pending_or_undecided(payment: Payment, what: str) -> Pending:
    if payment.state is PaymentState.PENDING:
        return Pending(payment)
    raise Undecided(f"{NAME}: after the {what} the payment is {payment.state}, or not as asked")


def _words(answer: PaymentAnswer) -> str:
    result = answer.transactionResult
    return f"declined ({result.responseCode}, {result.status})"


def _card(card: _Card, token: str | None) -> Card:
    return Card(brand=shown(card.type, secret=token), last4=last4(card.cardNumber))


def _evidence(answer: PaymentAnswer, token: str | None) -> Evidence:
    checks = answer.card.securityChecks or _Checks()
    return Evidence(
        approval_code=shown(answer.transactionResult.approvalCode, secret=token),
        avs=shown(checks.avsResult, secret=token),
        cvv=shown(checks.cvvResult, secret=token),
    )


def _token(named: Named) -> str | None:
    method = named.call.payment_method
    return None if method is None else method.token

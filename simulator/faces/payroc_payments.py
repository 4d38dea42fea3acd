"""One payment as Payroc shows it: made of what the request said and of what the bank's books say.

Status and amounts are read from the books each time, so that the two can never disagree. Choices
where Payroc publishes nothing:

* a partial reversal leaves a payment ``pending`` (or ``ready``) with the amount that is left;
* a full reversal, an expiry and a decline keep showing the amount they were about;
* while an outcome is open (``accepted``, ``E``) the amounts are those from before;
* a declined adjustment, capture or reversal answers ``D`` once; the payment, read again, shows
  what still stands.
"""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, assert_never

from pydantic import BaseModel, Field

from simulator.clock import stamp
from simulator.faces.payroc_cards import Card
from simulator.ledger import Hold, State


class Status(StrEnum):
    """Payroc's ten statuses; ``pickup`` and ``admin`` have no trigger here."""

    READY = "ready"
    PENDING = "pending"
    DECLINED = "declined"
    COMPLETE = "complete"
    REFERRAL = "referral"
    PICKUP = "pickup"
    REVERSAL = "reversal"
    ADMIN = "admin"
    EXPIRED = "expired"
    ACCEPTED = "accepted"


class Verdict(BaseModel):
    """The codes of one answer. ``status`` is the payment's where the verdict refuses it."""

    status: Status
    code: str
    message: str
    processor_code: str | None = None


APPROVED = Verdict(status=Status.PENDING, code="A", message="APPROVAL", processor_code="00")
PARTIAL = Verdict(status=Status.PENDING, code="P", message="PARTIAL APPROVAL", processor_code="10")
UNDECIDED = Verdict(status=Status.ACCEPTED, code="E", message="RECEIVED")
DO_NOT_HONOR = Verdict(
    status=Status.DECLINED, code="D", message="Do Not Honor", processor_code="05"
)
REFERRAL = Verdict(
    status=Status.REFERRAL, code="R", message="Refer to Card Issuer", processor_code="01"
)
AVS_FAILURE = Verdict(status=Status.DECLINED, code="D", message="AVS FAILURE", processor_code="00")
# The last two digits of an amount select the answer on Payroc's test system; the rows are what
# its published functional tests expect for 4901, 4902 and 1403 (2026-02-23).
DECLINES = {1: DO_NOT_HONOR, 2: REFERRAL, 3: AVS_FAILURE}


def decline_for(amount_minor: int) -> Verdict | None:
    """The decline that an amount triggers, if any."""
    return DECLINES.get(amount_minor % 100)


class RefundOf(BaseModel):
    """A refund after the batch was closed."""

    refund_id: str
    at: datetime
    amount_minor: int


class Payment(BaseModel):
    """What Payroc keeps of a payment beside the money; ``number`` counts them from 1."""

    payment_id: str
    number: int
    terminal_id: str
    operator: str | None
    order_id: str
    description: str | None
    breakdown: dict[str, object] | None
    created_at: datetime
    requested_minor: int
    currency: str
    card: Card
    customer: dict[str, object] | None
    custom_fields: list[dict[str, object]] | None
    approval_code: str
    decline: Verdict | None = None
    partial: bool = False
    signature: str | None = None
    settles_at_once: bool = False
    batch_closed_at: datetime | None = None
    reversed_minor: int = 0
    refunds: list[RefundOf] = Field(default_factory=list[RefundOf])


class Standing(NamedTuple):
    """Where a payment stands now: the books' side of it."""

    hold: Hold | None
    undecided: bool
    settled_at: datetime | None


def status_of(payment: Payment, now: Standing) -> Status:
    """The payment's status."""
    if now.undecided or now.hold is None:
        return Status.ACCEPTED
    match now.hold.state:
        case State.OPEN:
            return Status.PENDING
        case State.DECLINED:
            return (payment.decline or DO_NOT_HONOR).status
        case State.RELEASED:
            return Status.REVERSAL
        case State.EXPIRED:
            return Status.EXPIRED
        case State.CAPTURED:
            return _status_of_captured(payment, now.hold, now.settled_at)
    assert_never(now.hold.state)


def _status_of_captured(payment: Payment, hold: Hold, settled_at: datetime | None) -> Status:
    if payment.reversed_minor == hold.figures.captured_minor:
        return Status.REVERSAL
    return Status.COMPLETE if settled_at else Status.READY


def amount_of(payment: Payment, now: Standing) -> int:
    """The payment's present amount, in minor units."""
    hold = now.hold
    if hold is None:
        return payment.requested_minor
    match hold.state:
        case State.OPEN:
            return hold.open_minor
        case State.DECLINED:
            return payment.requested_minor
        case State.RELEASED:
            return hold.figures.authorized_minor
        case State.EXPIRED:
            return hold.figures.expired_minor
        case State.CAPTURED:
            left = hold.figures.captured_minor - payment.reversed_minor
            return left or hold.figures.captured_minor
    assert_never(hold.state)


# What Payroc's examples list; it is advisory, and lists `capture` after a capture too.
_OPERATIONS: dict[Status, tuple[str, ...]] = {
    Status.PENDING: (
        "capture",
        "fullyReverse",
        "partiallyReverse",
        "incrementAuthorization",
        "setAsReady",
    ),
    Status.READY: (
        "capture",
        "fullyReverse",
        "partiallyReverse",
        "incrementAuthorization",
        "setAsPending",
    ),
    Status.COMPLETE: ("refund",),
}


def shown(payment: Payment, now: Standing, answer: Verdict | None = None) -> dict[str, object]:
    """The payment object of every answer; ``answer`` is a refusal that this one answer tells."""
    status = status_of(payment, now)
    content: dict[str, object] = {
        "paymentId": payment.payment_id,
        "processingTerminalId": payment.terminal_id,
        "order": _order(payment, now),
        "card": _card(payment),
        "supportedOperations": list(_OPERATIONS.get(status, ())),
        "transactionResult": _result(payment, now, status, answer),
    }
    optional = {
        "operator": payment.operator,
        "customer": payment.customer,
        "customFields": payment.custom_fields,
        "refunds": [_refund(payment, refund) for refund in payment.refunds],
    }
    return content | {name: value for name, value in optional.items() if value}


def _card(payment: Payment) -> dict[str, object]:
    signed = {"cardholderSignature": payment.signature} if payment.signature else {}
    return payment.card.shown() | signed


def _order(payment: Payment, now: Standing) -> dict[str, object]:
    order: dict[str, object] = {
        "orderId": payment.order_id,
        "dateTime": stamp(payment.created_at),
        "amount": payment.requested_minor if _is_partial(payment, now) else amount_of(payment, now),
        "currency": payment.currency,
    }
    optional = {"description": payment.description, "breakdown": payment.breakdown}
    return order | {name: value for name, value in optional.items() if value}


def _result(
    payment: Payment, now: Standing, status: Status, answer: Verdict | None
) -> dict[str, object]:
    verdict = answer or _verdict(payment, now, status)
    result: dict[str, object] = {
        # A pre-authorization comes back as a sale in every published example.
        "type": "sale",
        "status": status.value,
        "currency": payment.currency,
        "responseCode": verdict.code,
        "responseMessage": verdict.message,
    }
    if verdict.processor_code:
        result["processorResponseCode"] = verdict.processor_code
    if now.hold is not None:
        declined = now.hold.state is State.DECLINED
        result["authorizedAmount"] = 0 if declined else amount_of(payment, now)
        if not declined and answer is None:
            result["approvalCode"] = payment.approval_code
    return result


def _verdict(payment: Payment, now: Standing, status: Status) -> Verdict:
    if status is Status.ACCEPTED:
        return UNDECIDED
    if status in (Status.DECLINED, Status.REFERRAL):
        return payment.decline or DO_NOT_HONOR
    return PARTIAL if _is_partial(payment, now) else APPROVED


def _is_partial(payment: Payment, now: Standing) -> bool:
    """Whether the hold is still the one that was approved for less than was asked."""
    hold = now.hold
    untouched = hold is not None and hold.state is State.OPEN and len(hold.effects) == 1
    return payment.partial and untouched


def _refund(payment: Payment, refund: RefundOf) -> dict[str, object]:
    return {
        "refundId": refund.refund_id,
        "dateTime": stamp(refund.at),
        "currency": payment.currency,
        # Negative, as in the OpenAPI's example.
        "amount": -refund.amount_minor,
        "status": Status.READY.value,
        "responseCode": "A",
        "responseMessage": "APPROVAL",
    }

"""An order and its transaction as xMoney shows them: from the request, and from the bank's books.

Sources: the fields are those of the published client's types (api-sdk, read 2026) and of the API
reference (docs.xmoney.com, read 2026); the statuses' meanings are in the comments of the vendor's
shop plugin. Status and amounts are read from the books each time, so that the two cannot disagree.
Choices where nothing is published, or two sources differ:

* ``amount`` shows what was captured after a capture, what is held before; ``originalAmount`` shows
  what was asked for, always. ``Rules.amount_after_capture`` makes ``amount`` stay;
* a hold that lapsed is ``void-ok``, as one that was voided ("the pre-authorization is voided": the
  guide on pre-authorization);
* captured money that was given back whole is ``cancel-ok`` until it settled, ``refund-ok`` after;
  given back in part it stays ``complete-ok``, with the sum in ``refundedAmount``;
* ``uncertain`` ("no response from provider") is shown whatever has not been decided: an
  authorization, a capture or a void;
* a payment that was called off before anything was held is ``complete-failed``;
* an order is ``complete-failed`` when nothing was or will be taken, else it follows its
  transaction. ``charge-back``, ``expiring`` and ``retrying`` have no trigger here;
* one guide calls an authorization for a stored card ``complete-ok``: here that word is for money
  that was taken.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, NamedTuple, assert_never

from pydantic import BaseModel

from simulator.decimals import major_of
from simulator.faces.xmoney_amounts import text_of
from simulator.ledger import Effect, Hold, Kind, State


class Status(StrEnum):
    """A transaction's status."""

    START = "start"
    THREE_D_PENDING = "3d-pending"
    IN_PROGRESS = "in-progress"
    UNCERTAIN = "uncertain"
    COMPLETE_OK = "complete-ok"
    COMPLETE_FAILED = "complete-failed"
    VOID_OK = "void-ok"
    CANCEL_OK = "cancel-ok"
    REFUND_OK = "refund-ok"


class Phase(StrEnum):
    """How far a payment has come before the bank has anything in its books."""

    START = "start"
    ASKED = "asked"
    CALLED_OFF = "called_off"


@dataclass(slots=True)
class Rules:
    """How xMoney is set up; may be changed while it runs.

    ``amount_after_capture``: what ``amount`` shows then. ``challenge_over_major``: 3-D Secure for
    every guest's payment above so many major units (25 on xMoney's own test system; None asks
    nobody). ``declines_are_402``: whether a decline is an error on the line, or a created order
    whose transaction failed. ``settles_after``: until when captured money that is given back is a
    cancellation. ``lists_after``: for how long the list of transactions lacks a new one, whose
    order is listed at once.
    """

    amount_after_capture: Literal["captured", "held"] = "captured"
    challenge_over_major: int | None = None
    declines_are_402: bool = False
    settles_after: timedelta = timedelta(days=1)
    lists_after: timedelta = timedelta(0)


class Refusal(BaseModel):
    """Why a payment failed; ``code`` is the number of the error."""

    code: int
    reason: str


class CardShown(BaseModel):
    """What is kept of a card: never more than the end of its number."""

    card_id: int | None
    type: str
    last4: str
    holder_name: str | None = None
    expiry_date: str | None = None

    @property
    def masked(self) -> str:
        """The card's number as people may see it."""
        return f"************{self.last4}"


class Payment(BaseModel):
    """An order and its only transaction; ``number`` counts them from 1."""

    order_id: int
    transaction_id: int
    number: int
    customer_id: int
    site_id: int
    external_order_id: str
    order_type: str
    description: str
    currency: str
    requested_minor: int
    is_sale: bool
    back_url: str | None
    ip: str | None
    external_custom_data: str | None
    card: CardShown
    created_at: datetime
    refusal: Refusal | None = None
    phase: Phase = Phase.START

    @property
    def place(self) -> str:
        """The payment's id in the bank's books."""
        return str(self.transaction_id)

    @property
    def key(self) -> str:
        """What serves as the key of its authorization: the merchant's reference, if it has one."""
        return self.external_order_id or f"{self.transaction_id}:authorize"


class Standing(NamedTuple):
    """Where a payment stands now: the books' side of it."""

    hold: Hold | None
    undecided: bool


def status_of(payment: Payment, now: Standing, rules: Rules) -> Status:
    """The transaction's status."""
    if now.undecided:
        return Status.UNCERTAIN
    if now.hold is None:
        return _BEFORE_THE_BANK[payment.phase]
    match now.hold.state:
        case State.OPEN:
            return Status.IN_PROGRESS
        case State.DECLINED:
            return Status.COMPLETE_FAILED
        case State.RELEASED | State.EXPIRED:
            return Status.VOID_OK
        case State.CAPTURED:
            return _status_of_captured(now.hold, rules)
    assert_never(now.hold.state)


# A payment that was asked about and is not in the books waits for the guest.
_BEFORE_THE_BANK = {
    Phase.START: Status.START,
    Phase.ASKED: Status.THREE_D_PENDING,
    Phase.CALLED_OFF: Status.COMPLETE_FAILED,
}


def _status_of_captured(hold: Hold, rules: Rules) -> Status:
    captured_at, given_back = hold.captured_at, hold.figures.refunded_minor
    if captured_at is None or given_back < hold.figures.captured_minor:
        return Status.COMPLETE_OK
    in_time = hold.effects[-1].at < captured_at + rules.settles_after
    return Status.CANCEL_OK if in_time else Status.REFUND_OK


def transaction(payment: Payment, now: Standing, rules: Rules) -> dict[str, object]:
    """The transaction object."""
    status = status_of(payment, now, rules)
    content: dict[str, object] = {
        "id": payment.transaction_id,
        "siteId": payment.site_id,
        "orderId": payment.order_id,
        "customerId": payment.customer_id,
        "transactionType": "deposit",
        "transactionMethod": "card",
        "transactionStatus": status.value,
        "amount": text_of(_amount_of(payment, now, rules), payment.currency),
        "originalAmount": text_of(payment.requested_minor, payment.currency),
        "refundedAmount": text_of(_given_back(now), payment.currency),
        "currency": payment.currency,
        "description": payment.description,
        "creationDate": _moment(payment.created_at),
        "creationTimestamp": int(payment.created_at.timestamp()),
        "transactionSource": "service-call",
        "cardType": payment.card.type,
        "cardNumber": payment.card.masked,
        "components": _components(payment, now),
    }
    optional = {
        "ip": payment.ip,
        "backUrl": payment.back_url,
        "externalCustomData": payment.external_custom_data,
        "cardId": payment.card.card_id,
        "cardHolderName": payment.card.holder_name,
        "cardExpiryDate": payment.card.expiry_date,
        "failureReason": _failure(payment) if status is Status.COMPLETE_FAILED else None,
    }
    return content | {name: value for name, value in optional.items() if value is not None}


def order(payment: Payment, now: Standing, rules: Rules) -> dict[str, object]:
    """The order object."""
    content: dict[str, object] = {
        "id": payment.order_id,
        "siteId": payment.site_id,
        "customerId": payment.customer_id,
        "externalOrderId": payment.external_order_id,
        "orderType": payment.order_type,
        "orderStatus": order_status(payment, now, rules),
        "amount": major_of(payment.requested_minor, payment.currency),
        "currency": payment.currency,
        "description": payment.description,
        "createdAt": _moment(payment.created_at),
        "transactionMethod": "card",
    }
    return content


def order_status(payment: Payment, now: Standing, rules: Rules) -> str:
    """The order's status."""
    match status_of(payment, now, rules):
        case Status.START | Status.THREE_D_PENDING:
            return "start"
        case Status.IN_PROGRESS | Status.UNCERTAIN:
            return "in-progress"
        case Status.COMPLETE_OK | Status.CANCEL_OK | Status.REFUND_OK:
            return "complete-ok"
        case Status.COMPLETE_FAILED | Status.VOID_OK:
            return "complete-failed"


def _amount_of(payment: Payment, now: Standing, rules: Rules) -> int:
    captured_minor = 0 if now.hold is None else now.hold.figures.captured_minor
    if captured_minor and rules.amount_after_capture == "captured":
        return captured_minor
    return payment.requested_minor


def _given_back(now: Standing) -> int:
    return 0 if now.hold is None else now.hold.figures.refunded_minor


def _failure(payment: Payment) -> str:
    return "Cancelled" if payment.refusal is None else payment.refusal.reason


def _components(payment: Payment, now: Standing) -> list[dict[str, object]]:
    effects = [] if now.hold is None else now.hold.effects
    return [_component(payment, number, effect) for number, effect in enumerate(effects, 1)]


# What each entry of the books is called there; the words are not published.
_COMPONENT_TYPES = {
    Kind.AUTHORIZE: "auth",
    Kind.ADJUST: "auth",
    Kind.CAPTURE: "capture",
    Kind.RELEASE: "void",
    Kind.EXPIRE: "void",
    Kind.REFUND: "refund",
    Kind.DECLINE: "auth",
}


def _component(payment: Payment, number: int, effect: Effect) -> dict[str, object]:
    declined = effect.kind is Kind.DECLINE
    component: dict[str, object] = {
        "componentId": number,
        "componentType": _COMPONENT_TYPES[effect.kind],
        "componentDate": _moment(effect.at),
        "componentTimestamp": int(effect.at.timestamp()),
        "providerRc": "05" if declined else "00",
        "providerMessage": _failure(payment) if declined else "Approved",
    }
    approved = effect.kind is Kind.AUTHORIZE
    # Six digits, as issuers give; the same one for the same moment.
    code = {"providerAuth": f"{int(effect.at.timestamp() * 1000) % 1_000_000:06}"}
    return component | (code if approved else {})


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds")

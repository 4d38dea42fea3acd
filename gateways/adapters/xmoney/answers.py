"""Reads xMoney's orders and transactions, and says what they decide. Pure; no network.

The status of the transaction decides (xMoney's shop plugin explains the words). ``complete-ok``
is a capture: the guides say so of captures, and the plugin of every payment, but one guide shows
it on an authorization alone. So it is *our* capture only where we asked for one and the amount is
ours; anywhere else it is told as somebody else's, and a person looks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from cardhold.hold import Card, Evidence, OperationKind
from cardhold.money import Currency, Money
from domain.calls import Call
from domain.findings import OpenHold
from domain.outcome import Payment, PaymentState
from gateways.adapters.xmoney.problems import Envelope
from gateways.adapters.xmoney.words import NAME, words
from gateways.amounts import WireAmount, minor_of
from gateways.errors import Undecided
from gateways.port import Named
from gateways.shown import instant, last4, shown
from gateways.wire import WireModel

#: What a transaction's ``amount`` is after a capture for less than was held: unpublished.
AmountAfterCapture: TypeAlias = Literal["captured", "held"]
Status: TypeAlias = Literal[
    "start", "3d-pending", "in-progress", "complete-ok", "complete-failed", "cancel-ok",
    "refund-ok", "void-ok", "charge-back", "uncertain", "expiring", "retrying",
]  # fmt: skip
Kind: TypeAlias = Literal["deposit", "refund", "credit", "chargeback", "representment"]
OrderStatus: TypeAlias = Literal[
    "start", "in-progress", "retrying", "expiring", "complete-ok", "complete-failed",
    # As the guides spell it; the clients say "complete-failed".
    "completed-failed",
]  # fmt: skip

_LIFECYCLE: dict[Status, PaymentState] = {
    "start": PaymentState.PENDING,
    "retrying": PaymentState.PENDING,
    # "No response from the provider" (xMoney's shop plugin).
    "uncertain": PaymentState.PENDING,
    # Said of subscriptions; what it means for a hold is unpublished.
    "expiring": PaymentState.PENDING,
    "3d-pending": PaymentState.ACTION_REQUIRED,
    "in-progress": PaymentState.OPEN,
    "complete-ok": PaymentState.CAPTURED,
    # Captured, and undone afterwards by somebody else: the capture's money is what we tell.
    "cancel-ok": PaymentState.CAPTURED,
    "refund-ok": PaymentState.CAPTURED,
    "charge-back": PaymentState.CAPTURED,
    "complete-failed": PaymentState.DECLINED,
    # A void and a lapse alike: "the pre-authorization is voided" (guide).
    "void-ok": PaymentState.RELEASED,
}
_UNDONE = frozenset({"cancel-ok", "refund-ok", "charge-back"})
_ORDER_FAILED = frozenset({"complete-failed", "completed-failed"})
_NOTHING_HELD = frozenset({PaymentState.DECLINED, PaymentState.ACTION_REQUIRED})
_LIVE = frozenset({PaymentState.OPEN, PaymentState.CAPTURED})
# Which of several transactions under one reference is the one: what may hold money comes first.
_RANK = {
    PaymentState.CAPTURED: 0,
    PaymentState.OPEN: 1,
    PaymentState.ACTION_REQUIRED: 2,
    PaymentState.PENDING: 2,
    PaymentState.RELEASED: 3,
    PaymentState.EXPIRED: 3,
    PaymentState.DECLINED: 4,
}
_ID = re.compile(r"[1-9][0-9]{0,18}")
_LATEST = datetime.max.replace(tzinfo=UTC)


def is_id(text: str) -> bool:
    """Whether this may be a number of xMoney's: one that fits into 64 bits, as it writes it."""
    return _ID.fullmatch(text) is not None


def _id(value: Any) -> Any:
    """A number of xMoney's, which some of its answers may write as text."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(text, str) and is_id(text):
        return text
    raise PydanticCustomError("id", "must be a number")


def _fields(value: Any) -> Any:
    """A form's fields; PHP writes an empty object as a list, and numbers stay numbers."""
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise PydanticCustomError("fields", "must be an object")
    return {name: _plain(each) for name, each in value.items()}  # pyright: ignore[reportUnknownVariableType] - JSON, read by the next line


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Id = Annotated[str, BeforeValidator(_id)]


class _Redirect(WireModel):
    # An ACS takes kilobytes; Temporal's history takes them too, but not without an end.
    url: Annotated[str, Field(max_length=2048, repr=False)]
    formMethod: Literal["GET", "POST", "get", "post"] = "POST"  # noqa: N815 - xMoney's own name
    params: Annotated[
        dict[str, Annotated[str, Field(max_length=65_536)]],
        BeforeValidator(_fields),
        Field(default_factory=dict, max_length=32, repr=False),
    ]


class Ordered(WireModel):
    """What the creation of an order answers: nothing of the issuer's word."""

    orderId: Id  # noqa: N815 - xMoney's own name
    transactionId: Id  # noqa: N815 - xMoney's own name
    isRedirect: int | bool | None = None  # noqa: N815 - xMoney's own name
    redirect: Any = None

    @property
    def asks_guest(self) -> bool:
        """Whether the guest has to be sent to their bank first.

        ``is3d`` alone sends nobody anywhere: there the transaction tells how it stands.
        """
        return bool(self.isRedirect) or bool(self.redirect)


class RedirectAnswer(Envelope):
    """The creation of an order that asks the guest first."""

    class _Data(WireModel):
        redirect: _Redirect

    data: _Data


class OrderedAnswer(Envelope):
    """The creation of an order."""

    data: Ordered


class _Component(WireModel):
    providerMessage: str | None = None  # noqa: N815 - xMoney's own name
    providerAuth: str | None = None  # noqa: N815 - xMoney's own name


class Transaction(WireModel):
    """xMoney's transaction: what we rely on (xMoney's client, api-sdk)."""

    id: Id
    orderId: Id  # noqa: N815 - xMoney's own name
    externalOrderId: str | None = None  # noqa: N815 - xMoney's own name
    transactionType: Kind | None = None  # noqa: N815 - xMoney's own name
    transactionStatus: Status  # noqa: N815 - xMoney's own name
    amount: WireAmount
    originalAmount: WireAmount | None = None  # noqa: N815 - xMoney's own name
    currency: Currency
    creationDate: str | None = None  # noqa: N815 - xMoney's own name
    creationTimestamp: int | None = None  # noqa: N815 - xMoney's own name
    cardType: str | None = None  # noqa: N815 - xMoney's own name
    cardNumber: Annotated[str | None, Field(repr=False)] = None  # noqa: N815 - xMoney's own name
    failureReason: str | None = None  # noqa: N815 - xMoney's own name
    components: list[_Component] | None = None

    @property
    def is_payment(self) -> bool:
        """A payment of its own, and no refund or dispute of another."""
        return self.transactionType in {None, "deposit"}


class TransactionAnswer(Envelope):
    """One transaction."""

    data: Transaction


class Order(WireModel):
    """What is found by our reference."""

    id: Id
    # The list was asked for by it: an order without one is no answer.
    externalOrderId: str  # noqa: N815 - xMoney's own name
    orderStatus: OrderStatus | None = None  # noqa: N815 - xMoney's own name

    @property
    def has_failed(self) -> bool:
        """Nothing was held under it, and nothing will be."""
        return self.orderStatus in _ORDER_FAILED


class _Pages(WireModel):
    totalItemCount: int  # noqa: N815 - xMoney's own name


class OrdersAnswer(Envelope):
    """A page of orders; without its word on how many there are, no answer."""

    data: list[Order]
    pagination: _Pages


class Name(WireModel):
    """What an order is called; one that somebody else has made need have no name."""

    id: Id
    externalOrderId: str | None = None  # noqa: N815 - xMoney's own name


class NameAnswer(Envelope):
    """One order, read for its name."""

    data: Name


class TransactionsAnswer(Envelope):
    """A page of transactions; without its word on how many there are, no answer."""

    data: list[Transaction]
    pagination: _Pages


def payment_of(
    found: Transaction, named: Named, *, reference: str | None, amount_is: AmountAfterCapture
) -> Payment:
    """The transaction in our words; declined is only what was never held.

    Args:
        found: What xMoney shows.
        named: What was asked for; its token is kept out of every text.
        reference: The ``externalOrderId`` that it has to have; None where nobody knows it.
        amount_is: What ``amount`` is after a capture.

    Raises:
        Undecided: It is of another order or currency, or contradicts itself.
    """
    if found.externalOrderId and reference is not None and found.externalOrderId != reference:
        raise Undecided(f"{NAME}: the answer is of another order")
    if found.currency != named.call.amount.currency and not is_adopted(named.call):
        raise Undecided(f"{NAME}: the answer is in another currency")
    state = _state(found, named.call)
    authorized, captured = _amounts(found, named.call, state, amount_is)
    token = token_of(named)
    return Payment(
        payment_id=found.id,
        reference=found.externalOrderId or reference,
        state=state,
        authorized=authorized,
        captured=captured,
        booked_at=_booked_at(found),
        card=Card(brand=shown(found.cardType, secret=token), last4=last4(found.cardNumber)),
        evidence=_evidence(found, token),
        detail=_detail(found, token),
    )


def open_hold_of(found: Transaction, reference: str | None) -> OpenHold | None:
    """The hold that a transaction of a list is; None where nothing is held by it."""
    if _LIFECYCLE[found.transactionStatus] is not PaymentState.OPEN or not found.is_payment:
        return None
    shown = found.amount if found.originalAmount is None else found.originalAmount
    return OpenHold(
        payment_id=found.id,
        reference=reference,
        authorized=_money(shown, found.currency),
        captured=Money(amount_minor=0, currency=found.currency),
        booked_at=_booked_at(found),
    )


def the_one(payments: Sequence[Payment]) -> Payment | None:
    """Which of the payments under one reference counts, with those that count beside it.

    One from which money was taken, else one that holds money; of several the earliest, and whoever
    asks gets the same one.
    """
    ranked = sorted(payments, key=_rank)
    if not ranked:
        return None
    one, *rest = ranked
    others = tuple(payment.payment_id for payment in rest if payment.state in _LIVE)
    return one.model_copy(update={"others": others})


def _rank(found: Payment) -> tuple[int, datetime, int]:
    return _RANK[found.state], found.booked_at or _LATEST, int(found.payment_id)


def is_adopted(call: Call) -> bool:
    """Whether this looks for a hold that somebody else has made."""
    method = call.payment_method
    adopted = method is not None and method.kind == "existing_hold"
    return adopted and call.kind is OperationKind.AUTHORIZE


def token_of(named: Named) -> str | None:
    """What may be shown nowhere."""
    method = named.call.payment_method
    return None if method is None else method.token


def _state(found: Transaction, call: Call) -> PaymentState:
    state = _LIFECYCLE[found.transactionStatus]
    # Failed is said of an authorization. What it means for a hold that stood is unpublished: a
    # void, or a capture that failed with the money still held.
    was_held = call.kind is not OperationKind.AUTHORIZE and call.held.amount_minor > 0
    return PaymentState.PENDING if was_held and state is PaymentState.DECLINED else state


def _amounts(
    found: Transaction, call: Call, state: PaymentState, amount_is: AmountAfterCapture
) -> tuple[Money, Money]:
    """What was authorized, and what was captured of it."""
    amount = _money(found.amount, found.currency)
    original = found.originalAmount
    held = amount if original is None else _money(original, found.currency)
    none = Money(amount_minor=0, currency=found.currency)
    if state in _NOTHING_HELD:
        return none, none
    if state is not PaymentState.CAPTURED:
        return held, none
    if original is None and call.held.currency == found.currency:
        held = max(held, call.held, key=lambda money: money.amount_minor)
    if held.amount_minor < amount.amount_minor:
        raise Undecided(f"{NAME}: the answer contradicts itself")
    return held, _captured(found, amount, held, call, amount_is)


def _captured(
    found: Transaction, amount: Money, held: Money, call: Call, amount_is: AmountAfterCapture
) -> Money:
    """What was taken: what is shown, or what we took where a site shows what was held."""
    intended = call.kind is OperationKind.CAPTURE and found.transactionStatus == "complete-ok"
    if amount_is == "held" and intended and amount == held == call.held:
        return call.captured.plus(call.amount.amount_minor)
    return amount


def _money(amount: Decimal, currency: str) -> Money:
    minor = minor_of(amount, currency)
    if minor is None:
        raise Undecided(f"{NAME}: the answer is of an amount that its currency does not have")
    return Money(amount_minor=minor, currency=currency)


def _booked_at(found: Transaction) -> datetime | None:
    said = instant(found.creationDate)
    if said is not None or found.creationTimestamp is None:
        return said
    try:
        return datetime.fromtimestamp(found.creationTimestamp, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _evidence(found: Transaction, token: str | None) -> Evidence:
    codes = [each.providerAuth for each in found.components or [] if each.providerAuth]
    return Evidence(approval_code=shown(codes[-1] if codes else None, secret=token))


def _detail(found: Transaction, token: str | None) -> str:
    """Why it failed, in the gateway's words; of everything else, xMoney's own status."""
    status = found.transactionStatus
    if status in _UNDONE:
        return f"{status}: what was captured was taken back at the gateway"
    if status != "complete-failed":
        return status
    told = [each.providerMessage for each in found.components or []]
    said = [words(text, token) for text in (*told, found.failureReason)]
    return next((text for text in reversed(said) if text), status)

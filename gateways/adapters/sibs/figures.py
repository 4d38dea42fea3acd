"""What SIBS's answers make of a hold: outcomes, and the figures that follow. Pure; no network.

The status of an authorization says for ever how the authorization ended, so the figures of a
hold are ours: what was held and captured before, and what this operation has done to it.
"""

from __future__ import annotations

from cardhold.hold import OperationKind
from cardhold.money import Money
from domain.calls import Call
from domain.outcome import (
    ActionRequired,
    Approved,
    Declined,
    Outcome,
    Payment,
    PaymentState,
    Pending,
    Said,
)
from gateways.adapters.sibs.answers import Transaction, tellable, words
from gateways.adapters.sibs.problems import NAME
from gateways.errors import Undecided
from gateways.shown import instant


def moved(call: Call) -> Money:
    """What the operation's own transaction is of: for a lower total, the difference."""
    if call.kind is OperationKind.ADJUST:
        freed = call.held.amount_minor - call.amount.amount_minor
        # The planner asks for no total that is held already; a higher one is refused.
        return call.amount.plain().plus(max(freed, 0) - call.amount.amount_minor)
    return call.amount.plain()


def purchased(payment: Payment) -> Outcome:
    """The outcome of an authorization that stands so.

    Raises:
        Undecided: The guest is asked, and nobody says for what.
    """
    match payment.state:
        case PaymentState.OPEN | PaymentState.CAPTURED:
            return Approved(payment)
        case PaymentState.DECLINED:
            return Declined(payment.detail or "declined", payment)
        case PaymentState.ACTION_REQUIRED if payment.action is not None:
            return ActionRequired(payment)
        case PaymentState.ACTION_REQUIRED:
            raise Undecided(f"{NAME}: the guest is asked for something that is not ours to ask")
        case PaymentState.PENDING | PaymentState.RELEASED | PaymentState.EXPIRED:
            return Pending(payment)


def done(call: Call, found: Transaction, secrets: tuple[str, ...]) -> Payment:
    """How the hold stands after an operation that SIBS has carried out."""
    captured, total = call.captured.plain(), call.held.plain()
    match call.kind:
        case OperationKind.CAPTURE:
            captured = captured.plus(call.amount.amount_minor)
            whole = captured.amount_minor >= total.amount_minor
            state = PaymentState.CAPTURED if whole else PaymentState.OPEN
        case OperationKind.RELEASE:
            state = PaymentState.CAPTURED if captured.amount_minor else PaymentState.RELEASED
        case OperationKind.ADJUST | OperationKind.AUTHORIZE:
            state, total = PaymentState.OPEN, call.amount.plain()
    return Payment(
        payment_id=call.payment_id or found.transactionID,
        reference=call.reference,
        state=state,
        authorized=total,
        captured=captured,
        booked_at=instant(found.booked_at),
        # Every operation is a transaction of its own there: a refund goes by its id.
        detail=tellable(f"transaction {found.transactionID}", secrets),
    )


def unchanged(call: Call, found: Transaction, secrets: tuple[str, ...]) -> Payment:
    """The hold as it was, after an operation that SIBS has not carried out, so far at least."""
    return Payment(
        payment_id=call.payment_id or found.transactionID,
        reference=call.reference,
        state=PaymentState.OPEN,
        authorized=call.held.plain(),
        captured=call.captured.plain(),
        detail=words(found.returnStatus, secrets),
    )


def with_our_figures(call: Call, payment: Payment) -> Payment:
    """A hold's authorization, with what was held and captured since."""
    figures = {"authorized": call.held.plain(), "captured": call.captured.plain()}
    return payment.model_copy(update=figures)


def left_behind(call: Call, found: Transaction) -> Payment:
    """An order that was made for this authorization, and that nobody has purchased so far."""
    nothing = call.amount.plain().plus(-call.amount.amount_minor)
    return Payment(
        payment_id=found.transactionID,
        reference=found.reference,
        state=PaymentState.PENDING,
        authorized=nothing,
        captured=nothing,
        said=Said.ABSENT,
    )


def before_the_guest(call: Call) -> Payment:
    """An order of which nobody has purchased anything."""
    nothing = call.amount.plain().plus(-call.amount.amount_minor)
    return Payment(
        payment_id=call.payment_id or "",
        reference=call.reference,
        state=PaymentState.DECLINED,
        authorized=nothing,
        captured=nothing,
    )


def called_off(call: Call, payment: Payment | None) -> Payment:
    """How an authorization stands that a cancellation of ours has ended.

    Args:
        call: The release.
        payment: The authorization, which its cancellation does not change the status of.

    Raises:
        Undecided: It may have become a hold, and may not.
    """
    if payment is None:
        return before_the_guest(call)
    match payment.state:
        case PaymentState.OPEN:
            return payment.model_copy(update={"state": PaymentState.RELEASED})
        case PaymentState.ACTION_REQUIRED | PaymentState.DECLINED:
            off = {"state": PaymentState.DECLINED, "action": None}
            return payment.model_copy(update=off)
        case _:
            raise Undecided(f"{NAME}: called off, but the authorization is {payment.state}")

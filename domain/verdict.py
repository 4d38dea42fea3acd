"""What a payment, looked up, says of an operation that we don't know the outcome of."""

from __future__ import annotations

from cardhold.hold import OperationKind
from domain.calls import Call, Ending
from domain.capabilities import Capabilities
from domain.outcome import Payment, PaymentState, Said

# Nothing is on the card any more, whoever did it.
_GONE = frozenset({PaymentState.RELEASED, PaymentState.EXPIRED, PaymentState.DECLINED})
_BY_ITS_WORD: dict[Said, Ending | None] = {
    Said.DONE: Ending.DONE,
    Said.DECLINED: Ending.DECLINED,
    Said.PENDING: None,
    Said.ABSENT: Ending.ABSENT,
}


def verdict(call: Call, payment: Payment | None) -> Ending | None:
    """Tell an operation's ending from the payment as the gateway shows it now.

    Args:
        call: The operation, with what was held and captured before it.
        payment: What the gateway shows; None where it knows of none.

    Returns:
        ``ABSENT`` means "not so far": it is proof only once the gateway's processing time is
        over, which is the caller's to know. None means "look again": the gateway itself has
        not decided.
    """
    if payment is None:
        return Ending.ABSENT
    if payment.said is not None:
        return _BY_ITS_WORD[payment.said]
    if payment.state is PaymentState.PENDING:
        return None
    return _by_its_state(call, payment)


def may_be_adopted(call: Call, payment: Payment, can: Capabilities) -> bool:
    """Whether an earlier run may have taken over a hold made elsewhere, and gone on from there.

    It has not where the hold is still of another amount than was asked for: only an account that
    changes what is held, and shows that, can have made it so since. The currency nobody changes.
    """
    if payment.authorized.currency != call.amount.currency:
        return False
    is_whole = payment.state is PaymentState.OPEN and not payment.captured.amount_minor
    if not can.shows_later or (is_whole and not (can.raises or can.lowers)):
        return payment.state is PaymentState.OPEN and payment.authorized == call.amount
    return payment.state is not PaymentState.DECLINED


def _by_its_state(call: Call, payment: Payment) -> Ending | None:
    if payment.state is PaymentState.ACTION_REQUIRED:
        return _awaiting(call)
    match call.kind:
        case OperationKind.AUTHORIZE:
            return _authorized(payment)
        case OperationKind.ADJUST:
            return _adjusted(call, payment)
        case OperationKind.CAPTURE:
            return _captured(call, payment)
        case OperationKind.RELEASE:
            return _released(call, payment)


def _awaiting(call: Call) -> Ending | None:
    """Before the guest has acted nothing is held, and what asks for it can be called off."""
    match call.kind:
        case OperationKind.AUTHORIZE:
            return Ending.ACTION_REQUIRED
        case OperationKind.RELEASE:
            return Ending.ABSENT
        case OperationKind.ADJUST | OperationKind.CAPTURE:
            return None


def _authorized(payment: Payment) -> Ending:
    # However it went on, unless declined it was authorized: the hold's later state is not to be
    # read from its authorization.
    return Ending.DECLINED if payment.state is PaymentState.DECLINED else Ending.DONE


def _adjusted(call: Call, payment: Payment) -> Ending:
    if payment.state is not PaymentState.OPEN:
        return Ending.CHANGED
    if payment.authorized == call.amount:
        return Ending.DONE
    return Ending.ABSENT if payment.authorized == call.held else Ending.CHANGED


def _captured(call: Call, payment: Payment) -> Ending:
    wanted = call.captured.plus(call.amount.amount_minor)
    if payment.captured == wanted:
        return Ending.DONE
    untouched = payment.state is PaymentState.OPEN and payment.captured == call.captured
    return Ending.ABSENT if untouched else Ending.CHANGED


def _released(call: Call, payment: Payment) -> Ending:
    if payment.captured != call.captured:
        return Ending.CHANGED
    if payment.state in _GONE or payment.state is PaymentState.CAPTURED:
        return Ending.CHANGED if payment.state is PaymentState.EXPIRED else Ending.DONE
    return Ending.ABSENT

"""Says what an answer of Stax decides. Pure; no network.

``success`` decides, then the flags and the children tell the lifecycle. Where an answer is of
another transaction, in another currency, of another amount, or contradicts itself, nothing is
decided.
"""

from __future__ import annotations

from cardhold.hold import OperationKind
from cardhold.money import Money
from domain.outcome import Approved, Declined, Outcome, Payment, PaymentState, Pending
from gateways.adapters.stax.problems import NAME
from gateways.adapters.stax.transaction import (
    Child,
    Terms,
    Transaction,
    card_of,
    evidence_of,
    failed_captures,
    minor,
    payment_of,
    token_of,
)
from gateways.errors import Undecided
from gateways.port import Named
from gateways.shown import shown

_GONE = frozenset({PaymentState.RELEASED, PaymentState.CAPTURED})


def created(answer: Transaction, named: Named, terms: Terms) -> Outcome:
    """What the answer to a charge says.

    Raises:
        Undecided: It is another's transaction, of another amount, or contradicts itself. With its
            id where it is ours.
    """
    _check_ours(answer, named)
    asked = named.call.amount
    try:
        payment = payment_of(answer, named, terms)
    except Undecided as error:
        raise Undecided(str(error), answer.id) from None
    match payment.state:
        case PaymentState.DECLINED:
            return Declined(payment.detail or "declined", payment)
        case PaymentState.PENDING:
            return Pending(payment)
        case PaymentState.OPEN | PaymentState.CAPTURED if payment.authorized == asked:
            return Approved(payment)
        case _:
            text = f"{NAME}: a new hold is {payment.state}, or of another amount"
            raise Undecided(text, answer.id)


def captured(answer: Transaction, named: Named, terms: Terms) -> Outcome:
    """What the answer to a capture says: approved only if exactly what was asked is captured.

    It is the hold with the capture in it (OpenAPI, clients), or the capture (reference).

    Raises:
        Undecided: Anything else.
    """
    if answer.type == "capture":
        return _by_capture(answer, named, terms)
    payment = known(answer, named, terms)
    wanted = named.call.captured.plus(named.call.amount.amount_minor)
    if payment.state is PaymentState.PENDING:
        return Pending(payment)
    # What is left is reckoned from the total, where the rest is kept.
    fits = not terms.keeps_rest or payment.authorized == named.call.held
    is_taken = payment.state in {PaymentState.OPEN, PaymentState.CAPTURED}
    if is_taken and fits and payment.captured == wanted:
        return Approved(payment)
    failed = failed_captures(answer, named) or _last_failed(answer)
    if failed and _is_untouched(payment, named):
        return _failure(failed[-1], payment, named)
    raise Undecided(f"{NAME}: after the capture the hold is {payment.state}, or not as asked")


def released(answer: Transaction, named: Named, terms: Terms) -> Outcome:
    """What the answer to a void says: the hold (OpenAPI), or the void that was made of it.

    Raises:
        Undecided: The hold is neither voided, its captures as they were, nor declined to be.
    """
    if answer.type == "void":
        return _by_void(answer, named, terms)
    payment = known(answer, named, terms)
    if payment.state is PaymentState.PENDING:
        return Pending(payment)
    if payment.state in _GONE and payment.captured == named.call.captured:
        return Approved(payment)
    failed = [each for each in answer.voids() if each.success is False]
    if failed and _is_untouched(payment, named):
        return _failure(failed[-1], payment, named)
    raise Undecided(f"{NAME}: after the void the hold is {payment.state}, or not as asked")


def refused(answer: Transaction, named: Named, terms: Terms, *, voided: bool) -> Outcome:
    """What a hold that was looked at says, after Stax has refused to capture or to void it.

    Args:
        answer: The hold, as it stands after the refusal.
        named: What was refused.
        terms: The account's.
        voided: It was refused because it had been voided before.

    Returns:
        Declined where the hold stands as it stood: a 400 on a capture may be "too much",
        "expired" or "captured already", and the hold itself tells which it was not. A void's
        purpose may be reached otherwise.

    Raises:
        Undecided: It stands otherwise, or not as the refusal says.
    """
    payment = known(answer, named, terms)
    is_void = named.call.kind is OperationKind.RELEASE
    if is_void and payment.state in _GONE and payment.captured == named.call.captured:
        return Approved(payment)
    if _is_untouched(payment, named) and not voided:
        return Declined("refused, and the hold stands as it stood", payment)
    raise Undecided(f"{NAME}: refused, and the hold is {payment.state}: that decides nothing")


def known(answer: Transaction, named: Named, terms: Terms) -> Payment:
    """The hold that was asked for, and no other.

    Raises:
        Undecided: It is another, or in another currency, or contradicts itself.
    """
    call = named.call
    if answer.id != call.payment_id:
        raise Undecided(f"{NAME}: the answer is of another transaction")
    asks = call.kind is OperationKind.AUTHORIZE
    reference = call.reference or (named.reference if asks else None)
    if reference and answer.reference not in {None, reference}:
        raise Undecided(f"{NAME}: the answer is of another reservation")
    _check_currency(answer, terms)
    return payment_of(answer, named, terms)


def _check_ours(answer: Transaction, named: Named) -> None:
    """A new transaction repeats at least one of our two names for it, and contradicts neither.

    Raises:
        Undecided: It is not the one that was asked for.
    """
    key, reference = answer.idempotency_id, answer.reference
    others = key not in {None, "", named.key} or reference not in {None, named.reference}
    if others or not answer.is_of(named):
        raise Undecided(f"{NAME}: the answer is of another transaction")
    if answer.payment_method_id not in {None, "", token_of(named)}:
        raise Undecided(f"{NAME}: the answer is of another payment method", answer.id)
    if answer.currency not in {None, named.call.amount.currency}:
        raise Undecided(f"{NAME}: the answer is in another currency", answer.id)


def _check_currency(answer: Transaction, terms: Terms) -> None:
    if answer.currency not in {None, terms.currency}:
        raise Undecided(f"{NAME}: the answer is in another currency")


def _is_untouched(payment: Payment, named: Named) -> bool:
    """Whether it is held as it was before the call."""
    call = named.call
    same = payment.authorized == call.held and payment.captured == call.captured
    return same and payment.state is PaymentState.OPEN


def _by_capture(answer: Transaction, named: Named, terms: Terms) -> Outcome:
    _check_child(answer, named, terms)
    call = named.call
    if minor(answer.total, answer, terms) != call.amount.amount_minor:
        raise Undecided(f"{NAME}: the answer is of another amount")
    if answer.idempotency_id not in {None, "", named.key}:
        raise Undecided(f"{NAME}: the answer is of another capture")
    taken = call.captured.plus(call.amount.amount_minor if answer.success else 0)
    left = terms.keeps_rest and taken.amount_minor < call.held.amount_minor
    still = left or not answer.success
    payment = _after(answer, named, PaymentState.OPEN if still else PaymentState.CAPTURED, taken)
    return _outcome(answer, payment, named)


def _by_void(answer: Transaction, named: Named, terms: Terms) -> Outcome:
    _check_child(answer, named, terms)
    taken = named.call.captured
    gone = PaymentState.CAPTURED if taken.amount_minor else PaymentState.RELEASED
    payment = _after(answer, named, gone if answer.success else PaymentState.OPEN, taken)
    return _outcome(answer, payment, named)


def _check_child(answer: Transaction, named: Named, terms: Terms) -> None:
    if answer.parent_id() != named.call.payment_id:
        raise Undecided(f"{NAME}: the answer belongs to another hold")
    _check_currency(answer, terms)


def _after(answer: Transaction, named: Named, state: PaymentState, taken: Money) -> Payment:
    """The hold after a child of it, which is all that the answer shows."""
    call = named.call
    return Payment(
        payment_id=call.payment_id or answer.id,
        reference=call.reference,
        state=state,
        authorized=call.held,
        captured=taken,
        booked_at=answer.at,
        card=card_of(answer, token_of(named)),
        evidence=evidence_of(answer, token_of(named)),
    )


def _outcome(answer: Transaction, payment: Payment, named: Named) -> Outcome:
    if answer.success:
        return Approved(payment)
    if answer.success is None:
        pending = payment.model_copy(update={"state": PaymentState.PENDING})
        return Pending(pending)
    return _failure(answer, payment, named)


def _failure(child: Child, payment: Payment, named: Named) -> Outcome:
    """A capture or a void that failed; in doubt where the processor may have done it."""
    if child.is_in_doubt:
        return Pending(payment.model_copy(update={"state": PaymentState.PENDING}))
    words = shown(child.message, secret=token_of(named))
    return Declined(words or "declined", payment)


def _last_failed(answer: Transaction) -> list[Child]:
    """The newest capture, if it failed and carries no name but the hold's, which Stax may copy."""
    own = {None, answer.reference}
    return [
        each
        for each in answer.captures()[-1:]
        if each.success is False and not each.idempotency_id and each.reference in own
    ]

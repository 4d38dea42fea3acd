"""What a verb ends in, told from the transaction that was read after it. Pure; no network."""

from __future__ import annotations

from urllib.parse import urlsplit

from cardhold.hold import Action
from domain.calls import Call
from domain.outcome import Approved, Declined, Outcome, Payment, PaymentState, Pending
from gateways.adapters.xmoney.answers import RedirectAnswer
from gateways.adapters.xmoney.problems import Problem
from gateways.adapters.xmoney.words import NAME
from gateways.errors import Undecided

_NOT_YET = frozenset({PaymentState.PENDING, PaymentState.ACTION_REQUIRED})
# Declined is only what was never held: see `payment_of`.
_GONE = frozenset({PaymentState.RELEASED, PaymentState.DECLINED})
# The loopback simulator alone is spoken to in clear, and its pages are there as well.
_SECURE = "https"


def placed(payment: Payment, call: Call) -> Outcome:
    """What a new order's transaction says.

    Raises:
        Undecided: It is of another amount, or gone already.
    """
    if payment.state is PaymentState.DECLINED:
        return Declined(payment.detail or "declined", payment)
    if payment.state in _NOT_YET:
        return Pending(payment)
    held = payment.state in {PaymentState.OPEN, PaymentState.CAPTURED}
    if not held or payment.authorized != call.amount:
        raise Undecided(f"{NAME}: the new payment is {payment.state}, or of another amount")
    return Approved(payment)


def asked(
    answer: RedirectAnswer, payment_id: str, *, scheme: str, secrets: tuple[str, ...]
) -> Action:
    """What the guest has to do.

    Args:
        answer: To the new order.
        payment_id: Of the transaction that waits for them.
        scheme: How we speak to xMoney ourselves.
        secrets: What the guest must not see: our key, and the card's id.

    Raises:
        Undecided: It leads nowhere that a guest may be sent to, or tells too much.
    """
    redirect = answer.data.redirect
    texts = [redirect.url, *redirect.params, *redirect.params.values()]
    if any(secret and secret in text for secret in secrets for text in texts):
        raise Undecided(f"{NAME}: what the guest has to do can't be shown")
    try:
        parts = urlsplit(redirect.url)
        leads = bool(parts.hostname) and parts.scheme in {_SECURE, scheme}
    except ValueError:
        leads = False
    if not leads or not redirect.url.isprintable() or " " in redirect.url:
        raise Undecided(f"{NAME}: the guest is to be sent where nobody can be sent to")
    return Action(
        action_id=payment_id,
        url=redirect.url,
        method=redirect.formMethod.upper(),
        fields=redirect.params,
    )


def captured(payment: Payment, problem: Problem | None, call: Call, token: str | None) -> Outcome:
    """What the transaction says after a capture: approved only if it shows what was asked for.

    Args:
        payment: As it stands after the capture.
        problem: What the capture was refused with, if it was.
        call: What was asked for.
        token: Shown nowhere.

    Raises:
        Undecided: It shows anything else.
    """
    wanted = call.captured.plus(call.amount.amount_minor)
    if payment.state is PaymentState.CAPTURED and payment.captured == wanted:
        return Approved(payment)
    return _refused_or_pending(payment, problem, call, token)


def released(payment: Payment, problem: Problem | None, call: Call, token: str | None) -> Outcome:
    """What the transaction says after a void, or after an attempt was called off.

    Raises:
        Undecided: It is neither gone nor, refused, held as before.
    """
    if payment.state in _GONE:
        return Approved(payment)
    if problem is not None and payment.state is PaymentState.ACTION_REQUIRED:
        return Declined(problem.told(token), payment)
    return _refused_or_pending(payment, problem, call, token)


def _refused_or_pending(
    payment: Payment, problem: Problem | None, call: Call, token: str | None
) -> Outcome:
    """Refused with the hold as it stood, or taken in and not decided."""
    unchanged = payment.state is PaymentState.OPEN and payment.authorized == call.held
    if problem is not None and unchanged:
        return Declined(problem.told(token), payment)
    if payment.state in _NOT_YET or (problem is None and unchanged):
        return Pending(payment)
    raise Undecided(f"{NAME}: the payment is {payment.state}, or not as asked")

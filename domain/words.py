"""What a gateway says of an operation, without the card's token.

An adapter keeps the token of its own call out of every text. A capture, a release or a look-up is
told no token, and a gateway may repeat it there all the same: only the reservation knows it.
"""

from __future__ import annotations

from cardhold.hold import Evidence
from cardhold.messages import PaymentMethodKind
from domain.calls import Settled
from domain.outcome import Payment
from domain.record import Record

# An adapter shows no more than 64 characters (`gateways.shown`): a longer text may end in the first
# part of a token. Fewer characters than these are anybody's.
_MAYBE_CUT = 48
_PART_MIN = 6


def without_tokens(record: Record, settled: Settled) -> Settled:
    """The same ending; a text of the gateway's with a token of this reservation is left out."""
    given = [record.request.payment_method, *(entry.payment_method for entry in record.entries)]
    tokens = frozenset(
        method.token
        for method in given
        # A hold made elsewhere goes by its payment id, which is no secret.
        if method is not None and method.kind is not PaymentMethodKind.EXISTING_HOLD
    )
    payment = settled.payment and _without(settled.payment, tokens)
    update = {"detail": _shown(settled.detail, tokens), "payment": payment}
    return settled.model_copy(update=update)


def _without(payment: Payment, tokens: frozenset[str]) -> Payment:
    card, evidence = payment.card, payment.evidence
    if card is not None:
        card = card.model_copy(update={"brand": _shown(card.brand, tokens)})
    if evidence is not None:
        said = {name: _shown(text, tokens) for name, text in evidence.model_dump().items()}
        evidence = Evidence.model_validate(said)
    shown = {"detail": _shown(payment.detail, tokens), "card": card, "evidence": evidence}
    return payment.model_copy(update=shown)


def _shown(text: str | None, tokens: frozenset[str]) -> str | None:
    """A text as people may see it; None where it holds a token, or ends in a part of one."""
    holds = text is not None and any(_holds(text, token) for token in tokens)
    return None if holds else text


def _holds(text: str, token: str) -> bool:
    if token in text:
        return True
    cut = range(_PART_MIN, len(token)) if len(text) >= _MAYBE_CUT else ()
    return any(text.endswith(token[:length]) for length in cut)

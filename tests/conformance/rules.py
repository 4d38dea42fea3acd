"""What may come of an answer that is not the one that the gateway gave.

An error of ours, which knows whether money may have moved; or an outcome that says of the money
what the unchanged answer said. Nothing else: no other error, no other amount, no "declined" and no
"there is none" out of a broken answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain.outcome import Approved, Declined, Payment, PaymentState, Said
from gateways.account import AccountSettings
from gateways.errors import GatewayError, OutcomeUnknown
from tests.conformance.changes import Change
from tests.conformance.desk import Ending, Verb, ending, payment_of
from tests.conformance.gateways import Under
from tests.conformance.wires import Heard, Replay, opened

_MAY_HOLD = frozenset({PaymentState.OPEN, PaymentState.PENDING})


@dataclass(frozen=True)
class Recorded:
    """One verb as it went, with everything that was asked for and answered.

    Attributes:
        known_id: The payment that it is about, where that is known beforehand.
        settings: Of the account, as it was when it was recorded.
    """

    under: Under
    verb: Verb
    known_id: str | None
    settings: AccountSettings
    script: list[Heard]
    ended: Ending

    async def replayed(self, number: int | None = None, **changes: object) -> tuple[Ending, Replay]:
        """Play it again, with the answer to one of the requests changed."""
        script = list(self.script)
        if number is not None:
            script[number] = script[number].but(**changes)
        return await self.replayed_from(script)

    async def replayed_from(self, script: Sequence[Heard]) -> tuple[Ending, Replay]:
        """Play it again from another script."""
        replay = Replay(script)
        return await ending(self.verb, opened(self.settings, replay)), replay


def same_money(one: Ending, other: Ending) -> bool:
    """Whether two endings say the same of the money."""
    return _money(one) == _money(other)


def _money(ended: Ending) -> object:
    payment = payment_of(ended)
    if payment is None or isinstance(ended, Declined):
        return type(ended)
    # What was held is history once nothing is: the core goes by its own figures then.
    held = payment.authorized if payment.state in _MAY_HOLD else payment.authorized.currency
    return type(ended), payment.state, payment.said, held, payment.captured


def is_allowed(recorded: Recorded, change: Change, ended: Ending, replay: Replay) -> bool:
    """Whether a changed answer may end so."""
    if isinstance(ended, GatewayError):
        # After an answer to a request that moved money, nobody may say that it did not.
        return isinstance(ended, OutcomeUnknown) or not replay.has_booked
    if _is_of_another(recorded, ended):
        return False
    if same_money(recorded.ended, ended):
        return True
    if change.leaf in recorded.under.other_words:
        return not _is_more(recorded.ended, ended)
    return change.is_amount and _is_only_another_amount(recorded.ended, ended)


def _is_of_another(recorded: Recorded, ended: Ending) -> bool:
    """Whether it speaks of another payment than the one that was asked about."""
    payment = payment_of(ended)
    if recorded.known_id is None or payment is None:
        return False
    return payment.payment_id != recorded.known_id


def _is_more(original: Ending, ended: Ending) -> bool:
    """Whether it claims more than the gateway did, or something in another currency."""
    was, now = payment_of(original), payment_of(ended)
    if now is None or was is None or not isinstance(ended, Approved):
        return False
    if now.authorized.currency != was.authorized.currency:
        return True
    more = now.authorized.amount_minor > was.authorized.amount_minor
    return more or now.captured != was.captured


def _is_only_another_amount(original: Ending, ended: Ending) -> bool:
    """A look-up tells what is shown, amounts included; the core compares them with its own."""
    if not isinstance(original, Payment) or not isinstance(ended, Payment):
        return False
    was, now = original, ended
    # Whether something is left to hold follows from the amounts.
    both = {was.state, now.state}
    same_state = len(both) == 1 or both == {PaymentState.OPEN, PaymentState.CAPTURED}
    same_currency = was.authorized.currency == now.authorized.currency
    # Where the total no longer tells that it was done, its own name still does.
    same_word = now.said == was.said or (was.said is None and now.said is Said.DONE)
    return same_state and same_currency and same_word

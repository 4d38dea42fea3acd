"""Places a hold: an order, which holds nothing, and its purchase, from which on money may move.

An order can be purchased by whoever has its signature, which lives here, in one call, and
nowhere else: not in an error, a log, a payment or an action.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar

from cardhold.money import Money
from domain.calls import Call
from domain.outcome import Declined, Outcome, Said
from gateways.adapters.sibs import bodies
from gateways.adapters.sibs.answers import (
    OrderAnswer,
    Transaction,
    Word,
    authorization_of,
    check,
    is_untouched,
    said_of,
    word_of,
    words,
)
from gateways.adapters.sibs.figures import purchased
from gateways.adapters.sibs.line import ANSWERED, Line, Site, path_of
from gateways.adapters.sibs.problems import NAME, OK_CODE, declined, refusal
from gateways.errors import NotSent, OutcomeUnknown, Refused, Undecided
from gateways.port import Named
from gateways.shown import HIDDEN
from gateways.wire import Answer, read

# Both are documented for an order (Checkout 2.0.0).
_ORDERED = frozenset({HTTPStatus.OK, HTTPStatus.CREATED})

T = TypeVar("T")


def may_be_on_its_way(call: Call) -> bool:
    """Whether an earlier activity, or an earlier run, may have sent this very operation."""
    return call.repeated or call.patient or call.look_first


def known_secrets(call: Call, site: Site) -> tuple[str, ...]:
    """What no text about this call may show: nor the place where our credentials stood."""
    method = call.payment_method
    ours = (*site.secrets, HIDDEN)
    return ours if method is None else (*ours, method.token)


class Placing:
    """Places holds for one account."""

    def __init__(self, site: Site, line: Line, now: Callable[[], datetime]) -> None:
        self._site = site
        self._line = line
        self._now = now

    async def place(self, named: Named, until: float) -> Outcome:
        """Order and purchase; what an earlier attempt may have left is cleared away first."""
        paid_with = bodies.purchase(named.call, self._site.terms)
        again = may_be_on_its_way(named.call)
        if again:
            await self._clear_the_way(named, until)
        order = await _harmless(self._ordered(named, until))
        if again:
            await _harmless(self._must_be_found(named, order, until))
        return await self._purchase(named, order, paid_with, until)

    async def was_cancelled(self, named: Named, found: Transaction, until: float) -> bool:
        """Whether an order shows as declined because an attempt of ours has cancelled it.

        Raises:
            Undecided: The cancellation is there, and nobody knows yet what becomes of it.
        """
        if word_of(found) is not Word.DECLINED:
            return False
        reference = bodies.reference_of_cancelled(named.reference, found.transactionID)
        cancellation = await self._line.by_reference(reference, until)
        said = None if cancellation is None else said_of(cancellation)
        if said is Said.PENDING:
            # The order shows what it will be, before its cancellation does.
            raise Undecided(f"{NAME}: the cancellation of the order is not decided yet")
        return said is Said.DONE

    async def _ordered(self, named: Named, until: float) -> OrderAnswer:
        body = bodies.order(named, self._site.terms, self._now())
        answer = await self._line.post("/payments", body, until)
        if answer.status not in _ORDERED:
            raise refusal(answer, named.call.kind)
        order = read(OrderAnswer, answer, gateway=NAME)
        if order.returnStatus.statusCode != OK_CODE:
            raise Undecided(f"{NAME}: the order was not taken in")
        if order.transactionSignature in order.transactionID:
            raise Undecided(f"{NAME}: the order's id is not one that may be shown")
        check(order, reference=named.reference, amount=named.call.amount)
        return order

    async def _purchase(
        self, named: Named, order: OrderAnswer, body: object, until: float
    ) -> Outcome:
        signature, payment_id = order.transactionSignature, order.transactionID
        path = f"{path_of(payment_id)}/token/purchase"
        try:
            answer = await self._line.post(path, body, until, signature=signature)
            return self._read(named, answer, order)
        except OutcomeUnknown as error:
            lost = type(error)(str(error), payment_id)
        raise lost

    def _read(self, named: Named, answer: Answer, order: OrderAnswer) -> Outcome:
        call = named.call
        secrets = (order.transactionSignature, *known_secrets(call, self._site))
        if (no := declined(answer)) is not None:
            return Declined(words(no, secrets) or "declined")
        if answer.status not in ANSWERED:
            raise refusal(answer, call.kind)
        found = read(Transaction, answer, gateway=NAME)
        if found.transactionID != order.transactionID:
            raise Undecided(f"{NAME}: the answer is of another transaction")
        # No answer to a purchase is published whole: what it leaves out was checked at the order.
        check(found, reference=named.reference, amount=call.amount)
        asked = call.amount
        payment = authorization_of(found, asked=asked, currency=asked.currency, secrets=secrets)
        return purchased(payment)

    # What an earlier attempt may have left.

    async def _clear_the_way(self, named: Named, until: float) -> None:
        """See that nothing of an earlier attempt can still become a hold.

        An order that shows no purchase is cancelled, for one may be on its way to it.

        Raises:
            NotSent: It could not be seen to; nothing of this attempt can hold anything.
            Undecided: There may be a hold already, or nobody can tell.
        """
        if not self._site.look_up_by_reference:
            raise Undecided(f"{NAME}: nobody can tell whether it was sent before")
        found = await _harmless(self._line.by_reference(named.reference, until))
        if found is None or await _harmless(self.was_cancelled(named, found, until)):
            return
        check(found, reference=named.reference, amount=named.call.amount)
        if not is_untouched(found):
            raise Undecided(f"{NAME}: it was sent before", found.transactionID)
        await _harmless(self._cancel(named, found.transactionID, until))

    async def _cancel(self, named: Named, payment_id: str, until: float) -> None:
        amount: Money = named.call.amount
        reference = bodies.reference_of_cancelled(named.reference, payment_id)
        body = bodies.follow_up(payment_id, amount, reference, self._site.terms, self._now())
        answer = await self._line.post(f"{path_of(payment_id)}/cancellation", body, until)
        if answer.status in ANSWERED:
            found = read(Transaction, answer, gateway=NAME)
            check(found, reference=reference, amount=amount)
            said = said_of(found)
            if said is Said.PENDING:
                raise Undecided(f"{NAME}: the order before it is not cancelled yet")
            if said is Said.DONE:
                return
        elif declined(answer) is None:
            error = refusal(answer, named.call.kind)
            if not isinstance(error, Refused):
                raise error
        # Refused for good. Of an earlier attempt of ours a purchase would have been booked by now,
        # or never will be; another run's may have been sent just now.
        if not named.call.patient:
            raise Undecided(f"{NAME}: the order before it can't be cancelled, and may be purchased")

    async def _must_be_found(self, named: Named, order: OrderAnswer, until: float) -> None:
        """Hold the look-up that found nothing against an order that is surely there.

        Raises:
            Undecided: It finds nothing, or an older one: what it said before proves nothing.
        """
        found = await self._line.by_reference(named.reference, until)
        if found is None or found.transactionID != order.transactionID:
            raise Undecided(f"{NAME}: the look-up by reference does not find the new order")


async def _harmless(step: Awaitable[T]) -> T:
    """A step before the purchase: whatever becomes of it, nothing is held by it.

    Raises:
        NotSent: Its answer is lost, or decides nothing.
    """
    try:
        return await step
    except OutcomeUnknown as error:
        told = str(error)
    raise NotSent(f"{told}; nothing is held before the purchase, and none was sent")

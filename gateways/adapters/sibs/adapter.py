"""The five verbs at SIBS."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import httpx

from cardhold.hold import OperationKind
from cardhold.names import ErrorType
from domain.outcome import Approved, Declined, Outcome, Payment, Pending, Said
from gateways.adapter import Adapter
from gateways.adapters.sibs import bodies
from gateways.adapters.sibs.answers import (
    Transaction,
    authorization_of,
    check,
    is_untouched,
    said_of,
    words,
)
from gateways.adapters.sibs.figures import (
    before_the_guest,
    called_off,
    done,
    left_behind,
    moved,
    unchanged,
    with_our_figures,
)
from gateways.adapters.sibs.line import ANSWERED, Line, Site, path_of
from gateways.adapters.sibs.placing import Placing, known_secrets, may_be_on_its_way
from gateways.adapters.sibs.problems import NAME, declined, refusal
from gateways.clock import machine_now
from gateways.errors import GatewayError, Refused, Undecided
from gateways.port import Named
from gateways.wire import Wire, read


class Sibs(Adapter[Site]):
    """One terminal at SIBS, reached over ``wire``; requests are stamped with ``now``."""

    def __init__(self, site: Site, *, wire: Wire, now: Callable[[], datetime]) -> None:
        super().__init__(site)
        self._line = Line(site, wire)
        self._placing = Placing(site, self._line, now)
        self._now = now

    async def authorize(self, named: Named) -> Outcome:
        return await self._placing.place(named, self._site.until())

    async def adjust(self, named: Named) -> Outcome:
        if named.call.amount.amount_minor >= named.call.held.amount_minor:
            text = f"{NAME}: a hold can be lowered, and not raised"
            raise Refused(text, ErrorType.NOT_SUPPORTED)
        return await self._change(named, "cancellation", self._site.until())

    async def capture(self, named: Named) -> Outcome:
        return await self._change(named, "capture", self._site.until())

    async def release(self, named: Named) -> Outcome:
        # With its amount, always: what is left after a capture, and nothing of what was captured.
        until = self._site.until()
        outcome = await self._change(named, "cancellation", until)
        if isinstance(outcome, Approved) and not named.call.held.amount_minor:
            return Approved(await self._after_calling_off(named, until))
        return outcome

    async def look_up(self, named: Named) -> Payment | None:
        until = self._site.until()
        if named.call.kind is OperationKind.AUTHORIZE:
            return await self._authorization(named, until)
        return await self._operation(named, until)

    async def close(self) -> None:
        """Close every connection; a call under way ends without an answer."""
        await self._line.close()

    async def _change(self, named: Named, verb: str, until: float) -> Outcome:
        call, amount = named.call, moved(named.call)
        path = f"{path_of(call.payment_id)}/{verb}"
        body = bodies.follow_up(
            call.payment_id or "", amount, named.reference, self._site.terms, self._now()
        )
        answer = await self._line.post(path, body, until)
        secrets = known_secrets(call, self._site)
        if (no := declined(answer)) is not None:
            return Declined(words(no, secrets) or "declined")
        if answer.status not in ANSWERED:
            raise refusal(answer, call.kind)
        found = read(Transaction, answer, gateway=NAME)
        check(found, reference=named.reference, amount=amount, echoed=True)
        match said_of(found):
            case Said.DONE:
                return Approved(done(call, found, secrets))
            case Said.DECLINED:
                return Declined(words(found.returnStatus, secrets) or "declined")
            case Said.PENDING | Said.ABSENT:
                return Pending()

    async def _after_calling_off(self, named: Named, until: float) -> Payment:
        """How an authorization stands that was called off while it waited for the guest.

        Raises:
            Undecided: It can't be told whether the guest was faster.
        """
        try:
            return called_off(named.call, await self._itself(named, until))
        except GatewayError as error:
            wrong = str(error)
        # Whatever it was: the cancellation is done, and must not look as if it had not been sent.
        raise Undecided(f"{wrong}; it was called off, and is to be looked up")

    # Look-ups.

    async def _authorization(self, named: Named, until: float) -> Payment | None:
        call = named.call
        adopted, payment_id = call.adopts, call.known_id
        if payment_id is not None:
            found = await self._line.by_id(payment_id, until, from_outside=adopted)
        elif self._site.look_up_by_reference:
            found = await self._line.by_reference(named.reference, until)
        else:
            raise Undecided(f"{NAME}: an authorization of an unknown id can't be looked up")
        if found is None:
            return None
        if not adopted:
            check(found, reference=named.reference, amount=call.amount)
            # Found by its reference alone, it may be one that an attempt before has cleared away.
            further = payment_id is None or may_be_on_its_way(call)
            further = further and self._site.look_up_by_reference
            if further and await self._placing.was_cancelled(named, found, until):
                return None
        # Whoever may have sent it before is careful anyway; to anybody else it is news.
        if payment_id is None and is_untouched(found) and not may_be_on_its_way(call):
            return left_behind(call, found)
        return self._read(named, found)

    async def _operation(self, named: Named, until: float) -> Payment | None:
        """What became of a later operation: SIBS tells it by the operation's own reference."""
        call, found = named.call, None
        if self._site.look_up_by_reference:
            found = await self._line.by_reference(named.reference, until)
        if found is None:
            return await self._without_it(named, until)
        check(found, reference=named.reference, amount=moved(call), echoed=True)
        said, secrets = said_of(found), known_secrets(call, self._site)
        if call.held.amount_minor:
            now = (done if said is Said.DONE else unchanged)(call, found, secrets)
        else:
            itself = await self._itself(named, until)
            off = called_off(call, itself) if said is Said.DONE else None
            now = off or itself or before_the_guest(call)
        return now.model_copy(update={"said": said})

    async def _without_it(self, named: Named, until: float) -> Payment | None:
        """SIBS shows no such operation: the hold itself, where that can be believed.

        Raises:
            Undecided: It may have been sent, and SIBS can't be asked for it.
        """
        call = named.call
        if not may_be_on_its_way(call):
            payment = await self._itself(named, until)
        elif self._site.look_up_by_reference:
            reference = call.reference or await self._reference_of(call.payment_id, until)
            payment = await self._found_by_reference(named, reference, until)
        else:
            raise Undecided(f"{NAME}: what was sent can't be looked up by its reference")
        if payment is None or not call.held.amount_minor:
            return payment
        return with_our_figures(call, payment).model_copy(update={"said": Said.ABSENT})

    async def _reference_of(self, payment_id: str | None, until: float) -> str:
        """What SIBS says that a hold is called, of which we have no more than a person's word.

        Raises:
            Undecided: It does not say so.
        """
        found = await self._line.by_id(payment_id, until)
        if found is None or found.reference is None:
            raise Undecided(f"{NAME}: what was sent can't be looked up by its reference")
        return found.reference

    async def _found_by_reference(
        self, named: Named, reference: str, until: float
    ) -> Payment | None:
        """The hold itself, by the query that has just said "none": so it works.

        Where two holds were placed under the reference, the query shows one, and works as well.

        Raises:
            Undecided: It does not find what is surely there.
        """
        found = await self._line.by_reference(reference, until)
        if found is None:
            raise Undecided(f"{NAME}: the look-up by reference does not find the hold itself")
        if found.transactionID != named.call.payment_id:
            return await self._itself(named, until)
        return self._read(named, found)

    async def _itself(self, named: Named, until: float) -> Payment | None:
        """The authorization of a later operation; None where nobody has purchased it."""
        found = await self._line.by_id(named.call.payment_id, until)
        return None if found is None else self._read(named, found)

    def _read(self, named: Named, found: Transaction) -> Payment | None:
        call = named.call
        if is_untouched(found):
            return None
        secrets = known_secrets(call, self._site)
        currency = call.amount.currency
        payment = authorization_of(found, asked=None, currency=currency, secrets=secrets)
        if payment.authorized.currency != currency and not call.adopts:
            raise Undecided(f"{NAME}: the answer is in another currency", payment.payment_id)
        return payment


def open_sibs(
    site: Site,
    *,
    connections: int,
    transport: httpx.AsyncBaseTransport | None = None,
    now: Callable[[], datetime] = machine_now,
) -> Sibs:
    """Put an account together; nothing is sent before the first call."""
    return Sibs(site, wire=Wire(NAME, connections=connections, transport=transport), now=now)

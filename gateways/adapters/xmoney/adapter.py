"""The five verbs at xMoney: each says what the transaction says, read beside what it does."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode, urlsplit

import httpx
from pydantic import SecretStr

from cardhold.fields import instant_text
from cardhold.hold import OperationKind
from cardhold.messages import Initiator
from cardhold.names import ErrorType
from domain.findings import OpenHold
from domain.outcome import (
    ActionRequired,
    Declined,
    Outcome,
    Payment,
    PaymentState,
)
from gateways.adapter import Adapter, Place
from gateways.adapters.xmoney.answers import (
    AmountAfterCapture,
    NameAnswer,
    Order,
    Ordered,
    OrderedAnswer,
    OrdersAnswer,
    RedirectAnswer,
    Transaction,
    TransactionAnswer,
    TransactionsAnswer,
    is_adopted,
    is_id,
    open_hold_of,
    payment_of,
    the_one,
    token_of,
)
from gateways.adapters.xmoney.bodies import amount_text, order_form, transaction_path
from gateways.adapters.xmoney.outcomes import asked, captured, placed, released
from gateways.adapters.xmoney.problems import Problem, problem_of, refusal
from gateways.adapters.xmoney.steps import after_sending, before_sending
from gateways.adapters.xmoney.words import NAME
from gateways.errors import Refused, Undecided
from gateways.port import Listed, Named
from gateways.shown import HIDDEN
from gateways.wire import Answer, Wire, parse, read, request

_log = logging.getLogger(__name__)

_PAGE_SIZE = 100
# Orders of one reference that we look through; a look-up is one request more. A reference of ours
# names one order; more than these are somebody else's accident.
_ORDERS_MAX = 3
# Of a list of holds: each may cost a request more, for its order, within one verb's time.
_HOLDS_SIZE = 20
_WAITING = frozenset({"3d-pending", "start"})
_OPEN = "in-progress"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site(Place):
    """One account, and what opens it.

    Attributes:
        site_id: The site's profile.
        amount_after_capture: What a transaction's ``amount`` is after a capture for less.
        fallback_ip: The guest's address where a request brings none.
    """

    site_id: str
    amount_after_capture: AmountAfterCapture
    fallback_ip: str | None
    bearer: SecretStr = field(repr=False)


class XMoney(Adapter[Site]):
    """One site at xMoney, reached over ``wire``."""

    def __init__(self, site: Site, *, wire: Wire) -> None:
        super().__init__(site)
        self._wire = wire

    async def authorize(self, named: Named) -> Outcome:
        until = self._site.until()
        site = self._site
        form = order_form(named, site_id=site.site_id, fallback_ip=site.fallback_ip)
        answer = await self._send("POST", "/order", until, form=form)
        problem = problem_of(answer)
        if problem is None:
            return await self._ordered(answer, named, until)
        if not problem.is_decline:
            raise refusal(problem, creates=True)
        return await self._declined(problem, answer, named, until)

    async def adjust(self, named: Named) -> Outcome:  # noqa: ARG002 - the port's own form
        text = f"{NAME}: a hold can be neither raised nor lowered"
        raise Refused(text, ErrorType.NOT_SUPPORTED)

    async def capture(self, named: Named) -> Outcome:
        until = self._site.until()
        path = transaction_path(named.call.payment_id)
        form = {"amount": amount_text(named.call.amount)}
        problem = await self._change("PUT", path, until, form)
        payment = await self._afterwards(named, until)
        return captured(payment, problem, named.call, token_of(named))

    async def release(self, named: Named) -> Outcome:
        # The same request refunds once the hold is captured: never without a look just before it.
        until = self._site.until()
        with before_sending():
            found = await self._read(named.call.payment_id, until)
            payment = None if found is None else self._payment(found, named, named.call.reference)
        if found is None or payment is None:
            raise Undecided(f"{NAME}: there is no such payment, and nothing was sent")
        if found.transactionStatus == _OPEN:
            # Never with an amount, and without a body: all of it.
            problem = await self._change("DELETE", transaction_path(found.id), until)
        elif found.transactionStatus in _WAITING and not named.call.held.amount_minor:
            problem = await self._call_off(found.orderId, until)
        else:
            return released(payment, None, named.call, token_of(named))
        payment = await self._afterwards(named, until)
        return released(payment, problem, named.call, token_of(named))

    async def look_up(self, named: Named) -> Payment | None:
        until = self._site.until()
        known = named.call.known_id
        if known is None:
            return await self._by_reference(named, until)
        if is_adopted(named.call):
            return await self._made_elsewhere(named, known, until) if is_id(known) else None
        found = await self._read(known, until)
        if found is not None:
            return self._payment(found, named, _reference(named))
        # What the order's answer named is not there: looked for once more before we say so.
        places = named.call.kind is OperationKind.AUTHORIZE
        return await self._by_reference(named, until) if places else None

    async def open_holds(self, since: datetime, until: datetime, page: str | None = None) -> Listed:
        number, _, there_were = (page or "1").partition("/")
        time_limit = self._site.until()
        query = _in_progress(since, until, int(number))
        answer = await self._listed(f"/transaction?{urlencode(query)}", time_limit)
        shown = read(TransactionsAnswer, answer, gateway=NAME)
        total = shown.pagination.totalItemCount
        # One that is captured meanwhile leaves the list, and the next page would begin one later.
        if there_were and total != int(there_were):
            raise Undecided(f"{NAME}: the list has changed while it was read")
        found = [await self._held(each, time_limit) for each in shown.data]
        more = int(number) * _HOLDS_SIZE < total
        following = f"{int(number) + 1}/{total}" if more else None
        return Listed(tuple(held for held in found if held is not None), following)

    async def close(self) -> None:
        """Close every connection; a call under way ends without an answer."""
        await self._wire.close()

    async def _declined(
        self, problem: Problem, answer: Answer, named: Named, until: float
    ) -> Outcome:
        """Declined; where the answer names a payment, that has to say so too."""
        told = problem.told(token_of(named))
        if parse(OrderedAnswer, answer) is None:
            return Declined(told)
        outcome = await self._ordered(answer, named, until)
        return Declined(told, outcome.payment) if isinstance(outcome, Declined) else outcome

    async def _ordered(self, answer: Answer, named: Named, until: float) -> Outcome:
        """What became of an order that is there: its answer itself does not say."""
        ordered = read(OrderedAnswer, answer, gateway=NAME).data
        with after_sending(ordered.transactionId):
            if not ordered.asks_guest:
                return placed(await self._new(ordered, named, until), named.call)
            if named.call.initiator is Initiator.MERCHANT:
                return await self._nobody_is_there(ordered, named, until)
            return ActionRequired(self._waiting(answer, ordered, named))

    async def _new(self, ordered: Ordered, named: Named, until: float) -> Payment:
        found = await self._read(ordered.transactionId, until)
        if found is None or found.orderId != ordered.orderId:
            raise Undecided(f"{NAME}: the new order's payment is not there")
        return self._payment(found, named, named.reference)

    def _waiting(self, answer: Answer, ordered: Ordered, named: Named) -> Payment:
        """Nothing is held before the guest has been at their bank."""
        redirect = read(RedirectAnswer, answer, gateway=NAME)
        scheme = urlsplit(self._site.base_url).scheme
        secrets = (HIDDEN, token_of(named) or "")
        none = named.call.amount.model_copy(update={"amount_minor": 0})
        return Payment(
            payment_id=ordered.transactionId,
            reference=named.reference,
            state=PaymentState.ACTION_REQUIRED,
            authorized=none,
            captured=none,
            action=asked(redirect, ordered.transactionId, scheme=scheme, secrets=secrets),
        )

    async def _nobody_is_there(self, ordered: Ordered, named: Named, until: float) -> Outcome:
        """The merchant acts alone, and the issuer wants to see the guest: called off."""
        await self._call_off(ordered.orderId, until)
        payment = await self._new(ordered, named, until)
        if payment.state in {PaymentState.DECLINED, PaymentState.RELEASED}:
            return Declined(
                "the issuer wants to see the guest, and the merchant acts alone", payment
            )
        return placed(payment, named.call)

    async def _call_off(self, order_id: str, until: float) -> Problem | None:
        """End an order that waits for the guest."""
        form = {"terminateOrder": "yes"}
        return await self._change("DELETE", f"/order/{order_id}", until, form)

    async def _change(
        self, method: str, path: str, until: float, form: Mapping[str, str] | None = None
    ) -> Problem | None:
        """Send what may move money; a no is returned, since only a look tells what it means."""
        problem = problem_of(await self._send(method, path, until, form=form))
        if problem is not None and not problem.says_no:
            raise refusal(problem)
        return problem

    async def _afterwards(self, named: Named, until: float) -> Payment:
        """How the payment stands after something was sent."""
        payment_id = named.call.payment_id or ""
        with after_sending(payment_id):
            found = await self._read(payment_id, until)
            if found is None:
                raise Undecided(f"{NAME}: the payment is not there any more")
            return self._payment(found, named, named.call.reference)

    async def _made_elsewhere(self, named: Named, payment_id: str, until: float) -> Payment | None:
        """A hold that somebody else has placed; a refund's id, or a made-up one, names none."""
        found = await self._read(payment_id, until, made_up=True)
        if found is None or not found.is_payment:
            return None
        return self._payment(found, named, None)

    async def _read(
        self, payment_id: str | None, until: float, *, made_up: bool = False
    ) -> Transaction | None:
        """The transaction as it stands; None where xMoney itself says that there is none.

        Args:
            payment_id: Its number.
            until: When to give up.
            made_up: The number came from outside: refused for its form, it names none either.
        """
        answer = await self._send("GET", transaction_path(payment_id), until)
        problem = problem_of(answer)
        if problem is not None:
            if problem.is_not_found or (made_up and problem.is_invalid):
                return None
            raise refusal(problem)
        found = read(TransactionAnswer, answer, gateway=NAME).data
        if found.id != payment_id:
            raise Undecided(f"{NAME}: the answer is of another payment")
        return found

    async def _by_reference(self, named: Named, until: float) -> Payment | None:
        orders = await self._orders(named.reference, until)
        if len(orders) > _ORDERS_MAX:
            raise Undecided(f"{NAME}: there are too many orders of one reference")
        found = [await self._paid(order, named, until) for order in orders]
        payments = [payment for each in found for payment in each]
        one = the_one(payments)
        if one is not None and one.others:
            ids = ", ".join(payment.payment_id for payment in payments)
            _log.warning("%s shows several payments of one reference: %s", NAME, ids)
        return one

    async def _orders(self, reference: str, until: float) -> list[Order]:
        """All orders of one reference, which xMoney does not keep from being several."""
        query = {"externalOrderId": reference, "perPage": str(_PAGE_SIZE)}
        answer = await self._listed(f"/order?{urlencode(query)}", until)
        page = read(OrdersAnswer, answer, gateway=NAME)
        _must_be_all(len(page.data), page.pagination.totalItemCount)
        return [each for each in page.data if each.externalOrderId == reference]

    async def _paid(self, order: Order, named: Named, until: float) -> list[Payment]:
        """The payments of one order."""
        query = {"orderId": order.id, "perPage": str(_PAGE_SIZE)}
        answer = await self._listed(f"/transaction?{urlencode(query)}", until)
        page = read(TransactionsAnswer, answer, gateway=NAME)
        _must_be_all(len(page.data), page.pagination.totalItemCount)
        found = [each for each in page.data if each.orderId == order.id and each.is_payment]
        if not found and not order.has_failed:
            raise Undecided(f"{NAME}: an order is there, and its payment is not yet")
        return [self._payment(each, named, named.reference) for each in found]

    async def _held(self, found: Transaction, until: float) -> OpenHold | None:
        """The hold with its name, which its order has where the list does not show it."""
        held = open_hold_of(found, found.externalOrderId)
        if held is None or held.reference is not None:
            return held
        answer = await self._listed(f"/order/{found.orderId}", until)
        order = read(NameAnswer, answer, gateway=NAME).data
        if order.id != found.orderId:
            raise Undecided(f"{NAME}: the answer is of another order")
        return held.model_copy(update={"reference": order.externalOrderId})

    async def _listed(self, path: str, until: float) -> Answer:
        answer = await self._send("GET", path, until)
        problem = problem_of(answer)
        if problem is not None:
            raise refusal(problem)
        return answer

    def _payment(self, found: Transaction, named: Named, reference: str | None) -> Payment:
        amount_is = self._site.amount_after_capture
        return payment_of(found, named, reference=reference, amount_is=amount_is)

    async def _send(
        self, method: str, path: str, until: float, *, form: Mapping[str, str] | None = None
    ) -> Answer:
        headers = {"Authorization": f"Bearer {self._site.bearer.get_secret_value()}"}
        message = request(method, self._site.base_url + path, headers=headers, form=form)
        return await self._wire.send(message, until=until)


def open_xmoney(
    site: Site, *, connections: int, transport: httpx.AsyncBaseTransport | None = None
) -> XMoney:
    """Put an account together: its connections to the API."""
    return XMoney(site, wire=Wire(NAME, connections=connections, transport=transport))


def _reference(named: Named) -> str | None:
    """What the payment's order was named by us."""
    places = named.call.kind is OperationKind.AUTHORIZE
    return named.reference if places else named.call.reference


def _in_progress(since: datetime, until: datetime, number: int) -> dict[str, str]:
    """The filter for what is held; with an end, so that nothing is added while it is read."""
    return {
        "transactionStatus[]": _OPEN,
        "createdAtFrom": instant_text(since),
        "createdAtTo": instant_text(until),
        "page": str(number),
        "perPage": str(_HOLDS_SIZE),
    }


def _must_be_all(shown: int, there_are: int) -> None:
    """Orders of one reference and payments of one order are few: more pages prove no absence."""
    if shown != there_are:
        raise Undecided(f"{NAME}: the list does not show all that there is")

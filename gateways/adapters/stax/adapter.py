"""The five verbs at Stax."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from urllib.parse import quote, urlencode

import httpx
from pydantic import Field, SecretStr

from cardhold.hold import OperationKind
from cardhold.messages import Initiator, PaymentMethodKind
from cardhold.names import ErrorType
from domain.calls import Call
from domain.outcome import Outcome, Payment, PaymentState
from gateways.adapter import Adapter, Place
from gateways.adapters.stax.answers import captured, created, known, refused, released
from gateways.adapters.stax.problems import (
    NAME,
    forbids,
    refusal,
    says_no_such_id,
    says_voided_before,
)
from gateways.adapters.stax.transaction import (
    Child,
    Terms,
    Transaction,
    is_maybe_open,
    open_hold_of,
    payment_of,
)
from gateways.amounts import decimal_of
from gateways.errors import GatewayError, Refused, Undecided
from gateways.port import Listed, Named
from gateways.wire import Answer, Wire, WireModel, parse, read, request

_log = logging.getLogger(__name__)

_OK, _BAD_REQUEST = 200, 400
# Every transaction brings its customer and its card along, up to 8 KB: 25 fit into an answer.
_PAGE_SIZE = 25
# Five hundred transactions, in a fifth of the hundred requests that Stax allows a minute.
_PAGES_MAX = 20
# Where a key keeps it from being placed twice, what was charged last is enough: a busy account has
# thousands in a day, and each page is one of its hundred requests.
_PAGES_GUARDED = 4
# A stamp names no zone, and a filter may be by whole days: a day before covers both.
_LISTED_BEFORE = timedelta(days=1)
# More transactions under one name, or captures of one hold, are somebody else's accident.
_LOOKED_AT_MAX = 10
# Under which names a capture gives its amount, by the account's setting.
AMOUNT_FIELDS: Mapping[str, tuple[str, ...]] = {
    "both": ("total", "amount"),
    "total": ("total",),
    "amount": ("amount",),
}
_ON_FILE = {"transaction_initiation_type": "MIT", "transaction_schedule_type": "unscheduled"}
# What holds nothing itself, and is a hold's child ("Retrieve a list of transactions", `type`).
_LATER = ("capture", "void", "refund")
# Which of several transactions under one name is the one: what may hold money comes first.
_RANK = {
    PaymentState.OPEN: 0,
    PaymentState.CAPTURED: 0,
    PaymentState.PENDING: 1,
    PaymentState.RELEASED: 2,
}
_RANK_LAST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Site(Place):
    """One account, and what opens it.

    Attributes:
        terms: What the merchant has agreed with its processor.
        amount_fields: Under which names a capture gives its amount.
    """

    terms: Terms
    amount_fields: tuple[str, ...]
    api_key: SecretStr = field(repr=False)


class _Row(WireModel):
    """What tells in a list whose transaction it is; whatever else it is, is not read there."""

    id: str
    type: object = None
    idempotency_id: str | None = None
    meta: object = None

    def is_of(self, named: Named) -> bool:
        """Whether it was made under one of our names for this very operation.

        What was done to a hold later is listed too, and may repeat what the hold was made under.
        """
        if self.type in _LATER:
            return False
        return Child(id="-", idempotency_id=self.idempotency_id, meta=self.meta).is_of(named)


class _Page(WireModel):
    """One page of a list; without its word on whether more follow, no answer."""

    data: list[_Row]
    current_page: int
    last_page: int = Field(ge=0)


class _Holds(WireModel):
    """One page of a list of holds; without its word on whether more follow, no answer."""

    data: list[Transaction]
    current_page: int
    last_page: int = Field(ge=0)


PageOf = TypeVar("PageOf", _Page, _Holds)


class Stax(Adapter[Site]):
    """One merchant at Stax, reached over ``wire``."""

    def __init__(self, site: Site, *, wire: Wire) -> None:
        super().__init__(site)
        self._wire = wire

    async def authorize(self, named: Named) -> Outcome:
        self._check_currency(named.call)
        content = _charge(named)
        answer = await self._send("POST", "/charge", self._site.until(), content)
        return created(_told(answer, named.call.kind), named, self._site.terms)

    async def adjust(self, named: Named) -> Outcome:
        text = f"{NAME}: what {named.call.account} holds can be neither raised nor lowered"
        raise Refused(text, ErrorType.NOT_SUPPORTED)

    async def capture(self, named: Named) -> Outcome:
        # Always with its amount, under every name that is published for it: without one that it
        # understands, Stax captures everything.
        amount = decimal_of(named.call.amount)
        content = {
            **dict.fromkeys(self._site.amount_fields, amount),
            "idempotency_id": named.key,
            "meta": {"reference": named.reference},
        }
        until = self._site.until()
        answer = await self._send("POST", _path(named.call.payment_id, "/capture"), until, content)
        if _is_refused(answer):
            return await self._after_refusal(named, answer, until)
        return captured(_told(answer, named.call.kind), named, self._site.terms)

    async def release(self, named: Named) -> Outcome:
        # Never /void-or-refund: where somebody has captured meanwhile, that is a refund.
        until = self._site.until()
        answer = await self._send("POST", _path(named.call.payment_id, "/void"), until)
        if _is_refused(answer):
            return await self._after_refusal(named, answer, until)
        return released(_told(answer, named.call.kind), named, self._site.terms)

    async def look_up(self, named: Named) -> Payment | None:
        until = self._site.until()
        payment_id = named.call.known_id
        if payment_id is not None or named.call.kind is not OperationKind.AUTHORIZE:
            return await self._by_id(named, payment_id, until)
        return await self._by_name(named, until)

    async def open_holds(self, since: datetime, until: datetime, page: str | None = None) -> Listed:
        # Newest first and without an end: what is added meanwhile shows some holds twice, and
        # none is passed over. `until` could not be said in a zone that Stax reads as ours.
        del until
        number, time_limit = int(page or "1"), self._site.until()
        query = {"type": "pre_auth", "success": "1", **_from(since)}
        shown = await self._list(_Holds, number, query, time_limit)
        terms = self._site.terms
        maybe = [each for each in shown.data if is_maybe_open(each, terms)]
        whole = [await self._completed(each, time_limit) for each in maybe]
        found = (open_hold_of(each, terms) for each in whole)
        more = str(number + 1) if number < shown.last_page else None
        return Listed(tuple(held for held in found if held is not None), more)

    async def close(self) -> None:
        """Close every connection; a call under way ends without an answer."""
        await self._wire.close()

    def _check_currency(self, call: Call) -> None:
        """A charge names no currency: in another one, the number would be another amount."""
        if call.amount.currency != self._site.terms.currency:
            own = self._site.terms.currency
            text = f"{NAME}: amount.currency must be {own} on account '{call.account}'"
            raise Refused(text, ErrorType.NOT_SUPPORTED)

    async def _after_refusal(self, named: Named, answer: Answer, until: float) -> Outcome:
        """Stax refused: how the hold stands now says whether that was all.

        Raises:
            Undecided: It does not say so, or could not be looked at.
        """
        said = f"{NAME}: HTTP {answer.status} decides nothing"
        try:
            found = await self._transaction(_path(named.call.payment_id), until)
        except GatewayError as error:
            raise Undecided(f"{said}, and the look after it failed: {error}") from None
        if found is None:
            raise Undecided(said)
        return refused(found, named, self._site.terms, voided=says_voided_before(answer))

    async def _by_id(self, named: Named, payment_id: str | None, until: float) -> Payment | None:
        """One transaction; of a caller's own naming, whatever it may turn out to be."""
        call, terms = named.call, self._site.terms
        found = await self._transaction(_path(payment_id), until)
        if found is None:
            return None
        if call.adopts:
            is_hold = found.type in {"pre_auth", "charge"}
            return payment_of(found, named, terms) if is_hold else None
        of_it = call.model_copy(update={"payment_id": payment_id})
        return known(found, Named(of_it, named.key, named.reference), terms)

    async def _by_name(self, named: Named, until: float) -> Payment | None:
        """The charge that carries one of our names.

        Not by sending the charge again, though Stax would answer with the one that it has: where it
        has none, or none any more, that would place a hold.
        """
        found: list[Payment] = []
        for payment_id in (await self._listed(named, until))[:_LOOKED_AT_MAX]:
            payment = await self._by_id(named, payment_id, until)
            if payment is None:
                raise Undecided(f"{NAME}: a transaction is listed that is not there")
            found.append(payment)
        live = [payment.payment_id for payment in found if _rank(payment) == 0]
        if len(live) > 1:
            _log.warning("%s shows several holds of one key: %s", NAME, ", ".join(live))
        return min(found, key=_rank_and_age, default=None)

    async def _listed(self, named: Named, until: float) -> list[str]:
        """The ids of the transactions under our names, newest first, from page to page.

        The page after the last find is read too: a pair may stand on both sides of a page's end.

        Raises:
            Undecided: It is none of those that were looked through, and nothing else guards it.
        """
        found: list[str] = []
        for number in range(1, (_PAGES_GUARDED if named.guarded else _PAGES_MAX) + 1):
            page = await self._list(_Page, number, _since(named.call), until)
            here = [row.id for row in page.data if row.is_of(named) and row.id not in found]
            found += here
            if page.last_page <= number or (found and not here):
                return found or await self._older(named, until)
        found = found or await self._older(named, until)
        if found or named.guarded:
            return found
        raise Undecided(f"{NAME}: more was charged since than can be looked through")

    async def _older(self, named: Named, until: float) -> list[str]:
        """Of an earlier run of the reservation, however long ago: searched by our reference.

        What keywords are compared with is not published: a find is proof, and none proves nothing.
        """
        page = await self._list(_Page, 1, {"keywords": named.reference}, until)
        return [row.id for row in page.data if row.is_of(named)]

    async def _list(
        self, kind: type[PageOf], number: int, filters: Mapping[str, str], until: float
    ) -> PageOf:
        """One page of transactions, newest first."""
        query = {
            "page": number,
            "per_page": _PAGE_SIZE,
            "sort": "created_at",
            "order": "DESC",
            **filters,
        }
        answer = await self._send("GET", f"/transaction?{urlencode(query)}", until)
        if answer.status != _OK:
            raise refusal(answer, None)
        page = read(kind, answer, gateway=NAME)
        if page.current_page != number:
            raise Undecided(f"{NAME}: another page came than the one that was asked for")
        return page

    async def _transaction(self, path: str, until: float) -> Transaction | None:
        """A transaction, with what became of each of its captures."""
        answer = await self._send("GET", path, until)
        if says_no_such_id(answer):
            return None
        if answer.status != _OK:
            raise refusal(answer, None)
        found = read(Transaction, answer, gateway=NAME)
        if _path(found.id) != path:
            raise Undecided(f"{NAME}: the answer is of another transaction")
        return await self._completed(found, until)

    async def _completed(self, found: Transaction, until: float) -> Transaction:
        """The same with whole captures: some answers list no more of them than their ids."""
        partial = [each for each in found.captures() if not each.is_whole]
        if not partial or len(partial) > _LOOKED_AT_MAX:
            return found
        whole: Sequence[Child] = [each for each in found.captures() if each.is_whole]
        fetched = [await self._capture_of(found.id, each.id, until) for each in partial]
        others = [each for each in found.child_transactions or [] if each.type != "capture"]
        children = {"child_captures": [*whole, *fetched], "child_transactions": others}
        return found.model_copy(update=children)

    async def _capture_of(self, hold_id: str, capture_id: str, until: float) -> Child:
        path = _path(capture_id)
        answer = await self._send("GET", path, until)
        if answer.status != _OK:
            raise refusal(answer, None)
        found = read(Transaction, answer, gateway=NAME)
        same = found.type == "capture" and found.auth_id in {None, "", hold_id}
        if not same or found.id != capture_id:
            raise Undecided(f"{NAME}: the answer is of another capture")
        return found

    async def _send(self, method: str, path: str, until: float, content: object = None) -> Answer:
        headers = {"Authorization": f"Bearer {self._site.api_key.get_secret_value()}"}
        url = self._site.base_url + path
        return await self._wire.send(
            request(method, url, headers=headers, content=content), until=until
        )


def open_stax(
    site: Site, *, connections: int, transport: httpx.AsyncBaseTransport | None = None
) -> Stax:
    """Put an account together."""
    return Stax(site, wire=Wire(NAME, connections=connections, transport=transport))


def _charge(named: Named) -> dict[str, object]:
    """The body of a hold: never a sale.

    The caller's metadata stands apart: beside our own it could set a fee, a tax or the payout.

    Raises:
        Refused: There is no token to hold anything on.
    """
    call, method = named.call, named.call.payment_method
    if method is None or method.kind is not PaymentMethodKind.STORED_TOKEN:
        text = f"{NAME}: a hold is placed on a stored token; one made elsewhere is looked up"
        raise Refused(text, ErrorType.NOT_SUPPORTED)
    meta: dict[str, object] = {
        "reference": named.reference,
        **({"payment_note": call.description} if call.description else {}),
        **({"metadata": call.metadata} if call.metadata else {}),
        **(_ON_FILE if call.initiator is Initiator.MERCHANT else {}),
    }
    return {
        "payment_method_id": method.token,
        **({"customer_id": method.customer_id} if method.customer_id else {}),
        "total": decimal_of(call.amount),
        "pre_auth": True,
        "is_refundable": True,
        "idempotency_id": named.key,
        "meta": meta,
    }


def _told(answer: Answer, kind: OperationKind) -> Transaction:
    """The transaction that an answer tells of.

    Raises:
        GatewayError: It tells of none.
    """
    if answer.status == _BAD_REQUEST:
        failed = _failed(answer)
        if failed is not None:
            return failed
    if answer.status != _OK:
        raise refusal(answer, kind)
    return read(Transaction, answer, gateway=NAME)


def _failed(answer: Answer) -> Transaction | None:
    """A transaction that was made, and failed: Stax answers with it under a 400."""
    found = parse(Transaction, answer)
    return found if found is not None and found.success is False else None


def _is_refused(answer: Answer) -> bool:
    return forbids(answer) and _failed(answer) is None


def _since(call: Call) -> dict[str, str]:
    """From when on to look; under both names that are published for it."""
    return {} if call.asked_at is None else _from(call.asked_at)


def _from(since: datetime) -> dict[str, str]:
    day = f"{(since - _LISTED_BEFORE).astimezone(UTC):%Y-%m-%d}"
    return {"startDate": f"{day} 00:00:00", "start_date": day}


def _path(transaction_id: str | None, verb: str = "") -> str:
    # Dots alone would be read as a step up the path, whatever the quoting.
    if not transaction_id or not transaction_id.strip("."):
        raise Refused(f"{NAME}: that names no transaction", ErrorType.INVALID_REQUEST)
    return f"/transaction/{quote(transaction_id, safe='')}{verb}"


def _rank(payment: Payment) -> int:
    return _RANK.get(payment.state, _RANK_LAST)


def _rank_and_age(payment: Payment) -> tuple[int, float]:
    booked_at = payment.booked_at
    return _rank(payment), booked_at.timestamp() if booked_at else float("inf")

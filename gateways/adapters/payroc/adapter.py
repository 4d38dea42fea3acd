"""The five verbs at Payroc."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote, urlencode, urlsplit

import httpx
from pydantic import SecretStr

from cardhold.fields import instant_text
from cardhold.hold import OperationKind
from cardhold.messages import Initiator, PaymentMethodKind
from cardhold.names import ErrorType
from domain.calls import Call
from domain.outcome import Outcome, Payment
from gateways.adapter import Adapter, Place
from gateways.adapters.payroc.answers import (
    Page,
    PaymentAnswer,
    adjusted,
    captured,
    created,
    live_count,
    open_hold_of,
    payment_of,
    released,
    the_one,
)
from gateways.adapters.payroc.identity import Identity
from gateways.adapters.payroc.problems import NAME, refusal, says_none
from gateways.errors import Refused, Undecided
from gateways.port import Listed, Named
from gateways.wire import Answer, Wire, read, request

_log = logging.getLogger(__name__)

_OK, _CREATED, _REFUSED_TOKEN = 200, 201, 401
_PAGE_SIZE = 100
# An order id of ours names one payment; more pages than these are somebody else's accident.
_PAGES_MAX = 10
_TOKEN_TYPES = {
    PaymentMethodKind.STORED_TOKEN: "secureToken",
    PaymentMethodKind.SINGLE_USE_TOKEN: "singleUseToken",
}
# The guest agreed beforehand that the merchant may charge the card when something happens
# (OpenAPI: `mitAgreement` demands `standingInstructions`); the token is Payroc's own.
_ON_FILE = {"externalVault": False, "mitAgreement": "unscheduled"}
_STANDING = {"sequence": "subsequent", "processingModel": "unscheduled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site(Place):
    """One account, and what opens it.

    Attributes:
        identity_url: Where tokens are had; without a slash at the end.
        terminal, channel: What every payment is made under.
    """

    identity_url: str
    terminal: str
    channel: str
    api_key: SecretStr = field(repr=False)


class Payroc(Adapter[Site]):
    """One processing terminal at Payroc, reached over ``wire``."""

    def __init__(self, site: Site, *, wire: Wire, identity: Identity) -> None:
        super().__init__(site)
        self._wire = wire
        self._identity = identity

    async def authorize(self, named: Named) -> Outcome:
        answer = await self._post(named, "/payments", self._order(named), success=_CREATED)
        return created(answer, named)

    async def adjust(self, named: Named) -> Outcome:
        total = {"type": "order", "amount": named.call.amount.amount_minor}
        return adjusted(await self._change(named, "adjust", {"adjustments": [total]}), named)

    async def capture(self, named: Named) -> Outcome:
        # Always with its amount: without one, Payroc captures everything.
        amount = {"amount": named.call.amount.amount_minor}
        return captured(await self._change(named, "capture", amount), named)

    async def release(self, named: Named) -> Outcome:
        # Never with an amount: with one, Payroc takes that much off and the rest stays held.
        return released(await self._change(named, "reverse", {}), named)

    async def look_up(self, named: Named) -> Payment | None:
        until = self._site.until()
        payment_id = named.call.known_id
        if payment_id is not None:
            return await self._by_id(named, payment_id, until)
        return await self._by_reference(named, until)

    async def open_holds(self, since: datetime, until: datetime, page: str | None = None) -> Listed:
        path = f"/payments?{urlencode(_pending(self._site.terminal, since, until))}"
        answer = await self._send("GET", page or path, self._site.until())
        if answer.status != _OK:
            raise refusal(answer, None)
        shown = read(Page, answer, gateway=NAME)
        found = (open_hold_of(each) for each in shown.data)
        holds = tuple(held for held in found if held is not None)
        return Listed(holds, self._next_path(shown) if shown.hasMore else None)

    async def close(self) -> None:
        """Close every connection; a call under way ends without an answer."""
        await self._identity.close()
        await self._wire.close()

    def _order(self, named: Named) -> dict[str, object]:
        """The body of a create: a hold of all of the amount or nothing, and never a sale."""
        call = named.call
        on_file = call.initiator is Initiator.MERCHANT
        order: dict[str, object] = {
            "orderId": named.reference,
            "amount": call.amount.amount_minor,
            "currency": call.amount.currency,
            "acceptPartialAmount": False,
            **({"description": call.description} if call.description else {}),
            **({"standingInstructions": _STANDING} if on_file else {}),
        }
        return {
            "channel": self._site.channel,
            "processingTerminalId": self._site.terminal,
            "order": order,
            "paymentMethod": _method(call),
            "autoCapture": False,
            "processAsSale": False,
            **({"credentialOnFile": _ON_FILE} if on_file else {}),
            **_custom_fields(call),
        }

    async def _change(self, named: Named, verb: str, body: Mapping[str, object]) -> PaymentAnswer:
        return await self._post(named, f"{_path(named.call.payment_id)}/{verb}", body, success=_OK)

    async def _post(
        self, named: Named, path: str, body: Mapping[str, object], *, success: int
    ) -> PaymentAnswer:
        operator = {"operator": named.call.operator} if named.call.operator else {}
        content = {**body, **operator}
        answer = await self._send("POST", path, self._site.until(), key=named.key, content=content)
        if answer.status != success:
            raise refusal(answer, named.call.kind)
        return read(PaymentAnswer, answer, gateway=NAME)

    async def _by_id(self, named: Named, payment_id: str, until: float) -> Payment | None:
        call = named.call
        answer = await self._send("GET", _path(payment_id), until)
        if says_none(answer, adopts=call.adopts):
            return None
        if answer.status != _OK:
            raise refusal(answer, None)
        found = read(PaymentAnswer, answer, gateway=NAME)
        if found.paymentId != payment_id:
            raise Undecided(f"{NAME}: the answer is of another payment")
        if found.order.currency != call.amount.currency and not call.adopts:
            raise Undecided(f"{NAME}: the answer is in another currency")
        known = call.kind is not OperationKind.AUTHORIZE
        return payment_of(found, named, reference=call.reference, known=known)

    async def _by_reference(self, named: Named, until: float) -> Payment | None:
        found = await self._listed(named.reference, until)
        if any(each.order.currency != named.call.amount.currency for each in found):
            raise Undecided(f"{NAME}: the answer is in another currency")
        payments = [payment_of(each, named, reference=named.reference) for each in found]
        if live_count(payments) > 1:
            ids = ", ".join(payment.payment_id for payment in payments)
            _log.warning("%s shows several payments of one order: %s", NAME, ids)
        return the_one(payments)

    async def _listed(self, reference: str, until: float) -> list[PaymentAnswer]:
        """All payments of one order at this terminal, page after page."""
        terminal = self._site.terminal
        query = {"orderId": reference, "processingTerminalId": terminal, "limit": str(_PAGE_SIZE)}
        path = f"/payments?{urlencode(query)}"
        found: list[PaymentAnswer] = []
        for _ in range(_PAGES_MAX):
            answer = await self._send("GET", path, until)
            if answer.status != _OK:
                raise refusal(answer, None)
            page = read(Page, answer, gateway=NAME)
            found += [each for each in page.data if each.order.orderId == reference]
            if not page.hasMore:
                return found
            path = self._next_path(page)
        raise Undecided(f"{NAME}: the list of one order's payments does not end")

    def _next_path(self, page: Page) -> str:
        """Where the next page is: Payroc's own link, followed to Payroc alone."""
        href = next((link.href for link in page.links if link.rel == "next"), "")
        base = self._site.base_url
        # Another host would be given our token.
        if not href.startswith(f"{base}/payments?") or urlsplit(href).fragment:
            raise Undecided(f"{NAME}: the next page is not where it belongs")
        return href.removeprefix(base)

    async def _send(
        self,
        method: str,
        path: str,
        until: float,
        *,
        key: str | None = None,
        content: object = None,
    ) -> Answer:
        """Send once; once more with a new token, and the same key, where the token was refused."""
        headers = {} if key is None else {"Idempotency-Key": key}
        url = self._site.base_url + path

        async def sent(bearer: str) -> Answer:
            signed = {**headers, "Authorization": f"Bearer {bearer}"}
            message = request(method, url, headers=signed, content=content)
            return await self._wire.send(message, until=until)

        bearer = await self._identity.bearer(until=until)
        answer = await sent(bearer)
        if answer.status != _REFUSED_TOKEN:
            return answer
        return await sent(await self._identity.bearer(until=until, refused=bearer))


def open_payroc(
    site: Site, *, connections: int, transport: httpx.AsyncBaseTransport | None = None
) -> Payroc:
    """Put an account together: its connections to the API, and one to the identity service."""
    to_identity = Wire(f"{NAME} identity", connections=1, transport=transport)
    return Payroc(
        site,
        wire=Wire(NAME, connections=connections, transport=transport),
        identity=Identity(to_identity, site.identity_url, site.api_key),
    )


def _method(call: Call) -> dict[str, str]:
    """How Payroc is told of the token.

    Raises:
        Refused: There is none to hold anything on.
    """
    method = call.payment_method
    kind = None if method is None else _TOKEN_TYPES.get(method.kind)
    if method is None or kind is None:
        text = f"{NAME}: a hold is placed on a token; one made elsewhere is looked up"
        raise Refused(text, ErrorType.NOT_SUPPORTED)
    return {"type": kind, "token": method.token}


def _pending(terminal: str, since: datetime, until: datetime) -> dict[str, str]:
    """The filter for what is held: an authorization is `pending` until it is captured."""
    return {
        "processingTerminalId": terminal,
        "status": "pending",
        "dateFrom": instant_text(since),
        "dateTo": instant_text(until),
        "limit": str(_PAGE_SIZE),
    }


def _custom_fields(call: Call) -> dict[str, object]:
    """The metadata; Payroc refuses a field without a value, so those without one stay here."""
    fields = [{"name": name, "value": value} for name, value in call.metadata.items() if value]
    return {"customFields": fields} if fields else {}


def _path(payment_id: str | None) -> str:
    # Dots alone would be read as a step up the path, whatever the quoting.
    if not payment_id or not payment_id.strip("."):
        raise Refused(f"{NAME}: that names no payment", ErrorType.INVALID_REQUEST)
    return f"/payments/{quote(payment_id, safe='')}"

"""SIBS Payment Gateway's HTTP API over the bank's books.

Sources: docs.pay.sibs.com ("Pre-authorized capture", "Capture", "Cancellation", server-to-server
cards with 3-D Secure, test assets) and the SPG v2 documents on qly.docs.pay.sibs.com (status codes,
status inquiry, retries and duplicates), both read 2026. An order (``POST /payments``) holds
nothing; a purchase that is signed with the order's ``transactionSignature`` does. What SIBS does
not publish is a choice, noted in the module that makes it: ``sibs_till`` (states, amounts),
``sibs_register`` (statuses, look-ups), ``sibs_requests`` (fields), ``sibs_answers`` (codes). There
are no idempotency keys; ``merchantTransactionId`` is the key in the bank's books.

Triggers: a token that contains ``declined`` is declined, one that contains ``3ds`` and the
published test cards with a challenge (ending in 0100 or 0010) are asked for 3-D Secure, unless the
order has a ``merchantInitiatedTransaction``. SIBS uses that object for the guest's own consent to
later payments too; here it is taken for the merchant's word that no guest is there. No amount
triggers anything, as none is published.

Faults: the purchase is ``authorize``, the harmless order ``token``. A cancellation of a part of
what is held is ``adjust``, any other one ``release``. ``stay_pending`` is shown as Pending for a
purchase, InProcessing for a capture, Timeout for a cancellation. Nothing can be approved for less.

Switches: ``rules``. Not served: ``/payments/{id}/mit``, ``/recurring``, other means than cards,
webhooks, currency choice (DCC) and the 3-D Secure method call without a challenge.
"""

import base64
import hmac
from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar, cast

from aiohttp import web

from simulator import chance
from simulator.clock import stamp
from simulator.counter import Counter, in_its_words
from simulator.decimals import plain, written
from simulator.faces.sibs_amounts import value_of
from simulator.faces.sibs_answers import (
    DECLINED,
    OK,
    Problem,
    Status,
    Wording,
    answer,
    invalid,
    of_status,
    unauthorized,
)
from simulator.faces.sibs_register import GATEWAY, Order, Register, Rules, Step
from simulator.faces.sibs_requests import (
    CreateOrder,
    FollowUp,
    Purchase,
    body_of,
    check_means,
    check_order,
)
from simulator.faces.sibs_till import Ask, Till
from simulator.faults import Armed, Fault, Operation
from simulator.ground import Ground
from simulator.weather import dawdle

# Published clients and pages have these base URLs, each with /payments after it.
_BASES = (
    "",
    "/v1",
    "/v2",
    "/api/v1",
    "/api/v2",
    "/spg/v1",
    "/spg/v2",
    "/sibs/spg/v1",
    "/sibs/spg/v2",
)


# Until when SIBS's payment form may be used, as a checkout says (``expiry``). SIBS publishes no
# figure, and nothing happens to an order here when it is over.
_FORM_LIFE = timedelta(days=1)


class SibsFace:
    """Serves ``/sibs``; payments under each of the base URLs that clients have."""

    name: ClassVar[str] = GATEWAY
    lacks: ClassVar[frozenset[Fault]] = frozenset({Fault.APPROVE_LESS})

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.rules = Rules()
        self._register = Register(ground)
        self._till = Till(self._register)
        self._counter = Counter(self.name, ground.faults, Wording())

    def application(self) -> web.Application:
        """Build the routes, paths relative to ``/sibs``."""
        app = web.Application(middlewares=[in_its_words(of_status)])
        for base in _BASES:
            payment = f"{base}/payments/{{transaction_id}}"
            app.router.add_post(f"{base}/payments", self._order)
            app.router.add_get(f"{base}/payments/status", self._find, allow_head=False)
            app.router.add_get(f"{payment}/status", self._status, allow_head=False)
            app.router.add_post(f"{payment}/card/purchase", self._by_card)
            app.router.add_post(f"{payment}/token/purchase", self._by_token)
            app.router.add_post(f"{payment}/capture", self._capture)
            app.router.add_post(f"{payment}/cancellation", self._cancel)
            app.router.add_post(f"{payment}/refund", self._refund)
        self._register.challenges.routes(app)
        return app

    def reset(self) -> None:
        """Forget all transactions and challenges."""
        self._register.reset()

    # What is asked for without moving anything.

    async def _order(self, request: web.Request) -> web.StreamResponse:
        async def work(delay_s: float) -> web.Response:
            _check_bearer(request)
            body = await body_of(request, CreateOrder)
            check_order(body)
            await dawdle(delay_s)
            order = self._register.new_order(body)
            return answer(_as_ordered(order, self._shown(order)) | {"returnStatus": OK.shown()})

        return await self._counter.meet(request, Operation.TOKEN, work)

    async def _status(self, request: web.Request) -> web.StreamResponse:
        def find() -> Order | Step:
            return self._register.find(request.match_info["transaction_id"])

        return await self._look_up(request, find)

    async def _find(self, request: web.Request) -> web.StreamResponse:
        def find() -> Order | Step:
            reference = request.query.get("merchantTransactionId")
            if not reference or not self.rules.finds_references:
                raise invalid("A transaction is found by its transactionID.")
            return self._register.of_reference(reference)

        return await self._look_up(request, find)

    async def _look_up(
        self, request: web.Request, find: Callable[[], Order | Step]
    ) -> web.StreamResponse:
        async def work(delay_s: float) -> web.Response:
            _check_bearer(request)
            await dawdle(delay_s)
            shown = self._told(request, find(), shows_action=self.rules.status_shows_action)
            # The inquiry itself went well, whatever it found.
            return answer(_as_inquired(shown) | {"returnStatus": OK.shown()})

        return await self._counter.meet(request, Operation.LOOK_UP, work)

    # What moves money.

    async def _by_card(self, request: web.Request) -> web.StreamResponse:
        return await self._purchase(request, by_token=False)

    async def _by_token(self, request: web.Request) -> web.StreamResponse:
        return await self._purchase(request, by_token=True)

    async def _purchase(self, request: web.Request, *, by_token: bool) -> web.StreamResponse:
        async def work(delay_s: float) -> web.Response:
            order = self._signed(request)
            body = await body_of(request, Purchase)
            check_means(body, by_token=by_token)
            await dawdle(delay_s)
            with self._ground.store.transaction():
                self._till.purchase(order, body, self._ask(Operation.AUTHORIZE))
                shown = self._told(request, order, shows_action=True)
            return _answer(shown)

        return await self._counter.meet(request, Operation.AUTHORIZE, work)

    async def _capture(self, request: web.Request) -> web.StreamResponse:
        return await self._follow_up(request, Operation.CAPTURE, self._till.capture)

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        operation = await self._meant(request)
        return await self._follow_up(request, operation, self._till.cancel)

    async def _refund(self, request: web.Request) -> web.StreamResponse:
        def book(order: Order, body: FollowUp, _: Ask) -> Step:
            return self._till.refund(order, body)

        # The admin door has no word for a refund: no fault happens to it.
        return await self._follow_up(request, None, book)

    async def _follow_up(
        self,
        request: web.Request,
        operation: Operation | None,
        book: Callable[[Order, FollowUp, Ask], Step],
    ) -> web.StreamResponse:
        async def work(delay_s: float) -> web.Response:
            _check_bearer(request)
            body = await body_of(request, FollowUp)
            transaction_id = request.match_info["transaction_id"]
            body.check_original(transaction_id)
            await dawdle(delay_s)
            order = self._register.order_of(transaction_id, for_refund=operation is None)
            # What has lapsed by now is written down, whatever becomes of this call.
            self._register.hold(order)
            with self._ground.store.transaction():
                step = book(order, body, self._ask(operation))
                shown = self._told(request, step, shows_action=False)
            # These answers have the amount as text in SIBS's samples.
            return _answer(shown | {"amount": _amount(step, as_text=True)})

        return await self._counter.meet(request, operation, work)

    async def _meant(self, request: web.Request) -> Operation:
        """Which of our operations a cancellation is, for the faults that wait for one."""
        try:
            body = await body_of(request, FollowUp)
            order = self._register.find(request.match_info["transaction_id"])
            part = isinstance(order, Order) and self._till.frees_a_part(order, body)
        except Problem:
            return Operation.RELEASE  # It will be refused as what it is.
        return Operation.ADJUST if part else Operation.RELEASE

    def _signed(self, request: web.Request) -> Order:
        """The order that a purchase names, if it is signed with that order's signature."""
        _check_client(request)
        order = self._register.find(request.match_info["transaction_id"])
        given = _credential(request, "digest").encode()
        if not isinstance(order, Order) or not hmac.compare_digest(given, order.signature.encode()):
            raise unauthorized()
        return order

    # What is shown.

    def _told(
        self, request: web.Request, transaction: Order | Step, *, shows_action: bool
    ) -> dict[str, object]:
        status = self._register.status(transaction)
        shown = self._shown(transaction) | {"paymentStatus": status.value}
        if not isinstance(transaction, Order) or transaction.purchased:
            shown["paymentMethod"] = "CARD"
        if isinstance(transaction, Order) and transaction.token and status is Status.SUCCESS:
            shown["token"] = transaction.token.shown()
        if status is Status.PARTIAL and shows_action:
            shown["actionResponse"] = self._action(request, transaction.transaction_id)
        return shown

    def _shown(self, transaction: Order | Step) -> dict[str, object]:
        now = stamp(self._ground.bank.clock.now())
        return {
            "merchant": {
                "terminalId": transaction.terminal_id,
                "merchantTransactionId": transaction.merchant_reference,
                "merchantTransactionTimestamp": transaction.merchant_time,
            },
            "transactionTimestamp": stamp(transaction.created_at),
            "amount": _amount(transaction),
            "transactionID": transaction.transaction_id,
            "paymentType": transaction.type.value,
            "execution": {"startTime": now, "endTime": now},
        }

    def _action(self, request: web.Request, order_id: str) -> dict[str, object] | None:
        challenge = self._register.challenges.of(order_id)
        if challenge is None:
            return None
        # The form field with which EMV 3-D Secure sends a browser to the issuer's page.
        creq = written({"threeDSServerTransID": challenge.challenge_id}).encode()
        return {
            "id": challenge.challenge_id,
            "type": "THREEDS_CHALLENGE",
            "data": {
                "url": self._register.challenges.url(request, challenge),
                "params": {"creq": base64.urlsafe_b64encode(creq).decode().rstrip("=")},
            },
        }

    # How a request goes through.

    def _ask(self, operation: Operation | None) -> Ask:
        def ask() -> Armed | None:
            return self._ground.faults.verdict(self.name, operation) if operation else None

        return ask


def _answer(shown: dict[str, object]) -> web.Response:
    """Both layers of an operation's status; an answer that is the guest's turn is a 206."""
    declined = shown["paymentStatus"] == Status.DECLINED
    partial = shown["paymentStatus"] == Status.PARTIAL
    result = DECLINED if declined else OK
    return answer(shown | {"returnStatus": result.shown()}, 206 if partial else 200)


def _as_ordered(order: Order, shown: dict[str, object]) -> dict[str, object]:
    """An order in the words of a checkout, which know neither its time nor its type."""
    kept = {name: shown[name] for name in ("merchant", "amount", "transactionID", "execution")}
    return kept | {
        "transactionSignature": order.signature,
        "formContext": base64.b64encode(chance.octets(48)).decode(),
        "expiry": stamp(order.created_at + _FORM_LIFE),
        "tokenList": [],
        "paymentMethodList": ["CARD"],
    }


def _as_inquired(shown: dict[str, object]) -> dict[str, object]:
    """A transaction in the words of a status inquiry, which name two things otherwise."""
    kept = {name: value for name, value in shown.items() if name != "transactionTimestamp"}
    merchant = cast("dict[str, object]", shown["merchant"])
    # The documents of v2 name the merchant's reference so, the published clients the other way.
    reference = merchant["merchantTransactionId"]
    return kept | {
        "transactionDateTime": shown["transactionTimestamp"],
        "merchant": {
            "terminalId": merchant["terminalId"],
            "transactionId": reference,
            "merchantTransactionId": reference,
        },
    }


def _amount(transaction: Order | Step, *, as_text: bool = False) -> dict[str, object]:
    value = value_of(transaction.amount_minor, transaction.currency)
    return {"value": plain(value) if as_text else value, "currency": transaction.currency}


def _credential(request: web.Request, scheme: str) -> str:
    named, _, credential = request.headers.get("Authorization", "").partition(" ")
    return credential.strip() if named.lower() == scheme else ""


def _check_client(request: web.Request) -> None:
    # "Must be used in every call": SIBS on X-IBM-Client-Id. Any one opens the simulator.
    if not request.headers.get("X-IBM-Client-Id", "").strip():
        raise unauthorized()


def _check_bearer(request: web.Request) -> None:
    _check_client(request)
    if not _credential(request, "bearer"):
        raise unauthorized()

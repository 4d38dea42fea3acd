"""xMoney's HTTP API over the bank's books.

Sources: docs.xmoney.com (API reference; guides on pre-authorization, refunds, 3-D Secure
redirects and testing), and the published clients xmoney-node and api-sdk, all read 2026. What
they don't say is a choice, noted in the module that makes it: ``xmoney_till`` (states, what a
``DELETE`` undoes, what triggers what), ``xmoney_payments`` (statuses, amounts),
``xmoney_answers`` (errors), ``xmoney_listing``, ``xmoney_wallet``. And here:

* an order that was taken in and not yet put to the bank is ``start``; only a ``delay`` lets that be
  seen. A restart finds it failed;
* an order that was declined is a 201 like one that was not: its transaction tells. A soft decline
  is told at once (HTTP 200, code 402), and ``rules.declines_are_402`` tells the others so too;
* the redirect of 3-D Secure is a form to POST to the challenge's page, as in the guide's example;
  the page ignores the form's fields, and answers GET as well;
* not served: the hosted page, notifications, ``/order-rebill``, searches (``/order-search`` and
  the like). A 403 has no trigger.

Switches: ``rules``. Triggers: ``xmoney_till``.
"""

from collections.abc import Callable
from typing import ClassVar

from aiohttp import web

from simulator.challenges import Challenge
from simulator.counter import Counter, in_its_words
from simulator.faces.xmoney_answers import Answer, Item, Wording, of_status, refused
from simulator.faces.xmoney_listing import customer_of, orders, page, transactions
from simulator.faces.xmoney_payments import (
    Payment,
    Rules,
    Status,
    order,
    order_status,
    transaction,
)
from simulator.faces.xmoney_register import GATEWAY, Register
from simulator.faces.xmoney_requests import (
    Capture,
    ChangedCustomer,
    CreateOrder,
    NewCustomer,
    Nothing,
    Undo,
    check_credential,
    parse,
    read_fields,
)
from simulator.faces.xmoney_till import SOFTLY, Ask, Till
from simulator.faces.xmoney_wallet import Wallet
from simulator.faults import Fault, Operation
from simulator.ground import Ground
from simulator.weather import dawdle

_ORDER, _TRANSACTION = "/order/{order_id}", "/transaction/{transaction_id}"
_CUSTOMER, _CARD = "/customer/{customer_id:[0-9]{1,18}}", "/card/{card_id:[0-9]{1,18}}"


class XmoneyFace:
    """Serves ``/xmoney/order``, ``/xmoney/transaction``, ``/xmoney/customer``, ``/xmoney/card``."""

    name: ClassVar[str] = GATEWAY
    # No source knows an approval of less than was asked for.
    lacks: ClassVar[frozenset[Fault]] = frozenset({Fault.APPROVE_LESS})

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.rules = Rules()
        self._register = Register(ground.store)
        self._wallet = Wallet(ground.store, ground.bank.clock)
        self._till = Till(ground, self._register, self._wallet, self.rules)
        self._counter = Counter(self.name, ground.faults, Wording())

    def application(self) -> web.Application:
        """Build the routes, paths relative to ``/xmoney``."""
        app = web.Application(middlewares=[in_its_words(of_status)])
        router = app.router
        router.add_post("/order", self._create)
        router.add_delete(_ORDER, self._cancel)
        router.add_put(_TRANSACTION, self._capture)
        router.add_delete(_TRANSACTION, self._undo)
        router.add_get("/order", self._list_orders, allow_head=False)
        router.add_get(_ORDER, self._one_order, allow_head=False)
        router.add_get("/transaction", self._list_transactions, allow_head=False)
        router.add_get(_TRANSACTION, self._one_transaction, allow_head=False)
        router.add_post("/customer", self._enlist)
        router.add_get("/customer", self._list_customers, allow_head=False)
        router.add_get(_CUSTOMER, self._customer, allow_head=False)
        router.add_put(_CUSTOMER, self._change_customer)
        router.add_delete(_CUSTOMER, self._dismiss_customer)
        router.add_get("/card", self._list_cards, allow_head=False)
        router.add_get(_CARD, self._card, allow_head=False)
        router.add_delete(_CARD, self._delete_card)
        self._till.challenges.routes(app)
        return app

    def reset(self) -> None:
        """Forget orders, customers, cards and challenges."""
        self._register.reset()
        self._wallet.reset()
        self._till.challenges.reset()

    # What moves money.

    async def _create(self, request: web.Request) -> web.StreamResponse:
        async def work(delay_s: float) -> web.Response:
            check_credential(request)
            body = parse(CreateOrder, await read_fields(request))
            payment = self._till.enter(body)
            await dawdle(delay_s)
            challenge = self._till.authorize(payment, body, self._ask(Operation.AUTHORIZE))
            return self._created(request, payment, challenge).response()

        return await self._counter.meet(request, Operation.AUTHORIZE, work)

    async def _capture(self, request: web.Request) -> web.StreamResponse:
        async def work(delay_s: float) -> web.Response:
            check_credential(request)
            body = parse(Capture, await read_fields(request))
            await dawdle(delay_s)
            payment = self._register.transaction(request.match_info["transaction_id"])
            return self._till.capture(payment, body, self._ask(Operation.CAPTURE)).response()

        return await self._counter.meet(request, Operation.CAPTURE, work)

    async def _undo(self, request: web.Request) -> web.StreamResponse:
        async def work(delay_s: float) -> web.Response:
            check_credential(request)
            body = parse(Undo, await read_fields(request))
            await dawdle(delay_s)
            payment = self._register.transaction(request.match_info["transaction_id"])
            return self._till.undo(payment, body, self._ask(Operation.RELEASE)).response()

        return await self._counter.meet(request, Operation.RELEASE, work)

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        async def work(delay_s: float) -> web.Response:
            check_credential(request)
            body = parse(Undo, await read_fields(request))
            await dawdle(delay_s)
            payment = self._register.order(request.match_info["order_id"])
            return self._till.cancel(payment, body, self._ask(Operation.RELEASE)).response()

        return await self._counter.meet(request, Operation.RELEASE, work)

    def _created(
        self, request: web.Request, payment: Payment, challenge: Challenge | None
    ) -> Answer:
        """What the order's sender is told: the ids, and where to send the guest."""
        told: dict[str, object] = {
            "orderId": payment.order_id,
            "transactionId": payment.transaction_id,
            "is3d": int(challenge is not None),
            "isRedirect": challenge is not None,
        }
        if payment.card.card_id is not None:
            told["cardId"] = payment.card.card_id
        if challenge is not None:
            fields = {
                "PaReq": challenge.challenge_id,
                "MD": payment.place,
                "TermsUrl": payment.back_url or "",
            }
            url = self._till.challenges.url(request, challenge)
            told["redirect"] = {"url": url, "formMethod": "POST", "params": fields}
        refusal = payment.refusal
        if refusal is None or self._till.status(payment) is not Status.COMPLETE_FAILED:
            return Answer(201, told)
        if refusal == SOFTLY:
            return refused(refusal.code, refusal.reason, told)
        if self.rules.declines_are_402:
            return Answer(402, told, errors=(Item(refusal.code, refusal.reason),))
        return Answer(201, told)

    # What is looked up.

    async def _one_order(self, request: web.Request) -> web.StreamResponse:
        def read() -> Answer:
            payment = self._register.order(request.match_info["order_id"])
            return Answer(200, self._order(payment))

        return await self._look_up(request, read)

    async def _one_transaction(self, request: web.Request) -> web.StreamResponse:
        def read() -> Answer:
            payment = self._register.transaction(request.match_info["transaction_id"])
            return Answer(200, self._transaction(payment))

        return await self._look_up(request, read)

    async def _list_orders(self, request: web.Request) -> web.StreamResponse:
        def read() -> Answer:
            found = orders(request, self._register.oldest_first(), self._order_status)
            return page(request, found, self._order)

        return await self._look_up(request, read)

    async def _list_transactions(self, request: web.Request) -> web.StreamResponse:
        def read() -> Answer:
            until = self._ground.bank.clock.now() - self.rules.lists_after
            listed = (each for each in self._register.oldest_first() if each.created_at <= until)
            found = transactions(request, listed, self._till.status)
            return page(request, found, self._transaction)

        return await self._look_up(request, read)

    def _order(self, payment: Payment) -> dict[str, object]:
        return order(payment, self._till.standing(payment), self.rules)

    def _order_status(self, payment: Payment) -> str:
        return order_status(payment, self._till.standing(payment), self.rules)

    def _transaction(self, payment: Payment) -> dict[str, object]:
        return transaction(payment, self._till.standing(payment), self.rules)

    # Customers and cards.

    async def _enlist(self, request: web.Request) -> web.StreamResponse:
        async def work(delay_s: float) -> web.Response:
            check_credential(request)
            body = parse(NewCustomer, await read_fields(request))
            await dawdle(delay_s)
            return Answer(201, self._wallet.enlist(body).shown()).response()

        return await self._counter.meet(request, None, work)

    async def _list_customers(self, request: web.Request) -> web.StreamResponse:
        def read() -> Answer:
            query = request.query
            found = [
                customer
                for customer in self._wallet.customers()
                if query.get("identifier", customer.identifier) == customer.identifier
                and query.get("email", customer.email) == customer.email
            ]
            return page(request, found, lambda customer: customer.shown())

        return await self._look_up(request, read)

    async def _customer(self, request: web.Request) -> web.StreamResponse:
        def read() -> Answer:
            customer_id = int(request.match_info["customer_id"])
            return Answer(200, self._wallet.customer(customer_id).shown())

        return await self._look_up(request, read)

    async def _change_customer(self, request: web.Request) -> web.StreamResponse:
        async def work(delay_s: float) -> web.Response:
            check_credential(request)
            body = parse(ChangedCustomer, await read_fields(request))
            await dawdle(delay_s)
            customer = self._wallet.change(int(request.match_info["customer_id"]), body)
            return Answer(200, customer.shown()).response()

        return await self._counter.meet(request, None, work)

    async def _dismiss_customer(self, request: web.Request) -> web.StreamResponse:
        async def work(delay_s: float) -> web.Response:
            check_credential(request)
            parse(Nothing, await read_fields(request))
            await dawdle(delay_s)
            self._wallet.dismiss(int(request.match_info["customer_id"]))
            return Answer(200).response()

        return await self._counter.meet(request, None, work)

    async def _list_cards(self, request: web.Request) -> web.StreamResponse:
        def read() -> Answer:
            wanted = {"all": (False, True), "deleted": (True,)}
            shown = wanted.get(request.query.get("cardStatus", ""), (False,))
            cards = self._wallet.cards_of(customer_of(request))
            tokened = request.query.get("hasToken", "yes") == "yes"
            found = [card for card in cards if tokened and card.deleted in shown]
            return page(request, found, lambda card: card.shown())

        return await self._look_up(request, read)

    async def _card(self, request: web.Request) -> web.StreamResponse:
        def read() -> Answer:
            return Answer(200, self._wallet.card(int(request.match_info["card_id"])).shown())

        return await self._look_up(request, read)

    async def _delete_card(self, request: web.Request) -> web.StreamResponse:
        async def work(delay_s: float) -> web.Response:
            check_credential(request)
            parse(Nothing, await read_fields(request))
            await dawdle(delay_s)
            self._wallet.delete(int(request.match_info["card_id"]))
            return Answer(200).response()

        return await self._counter.meet(request, None, work)

    # How a request goes through.

    async def _look_up(
        self, request: web.Request, read: Callable[[], Answer]
    ) -> web.StreamResponse:
        async def work(delay_s: float) -> web.Response:
            check_credential(request)
            await dawdle(delay_s)
            return read().response()

        return await self._counter.meet(request, Operation.LOOK_UP, work)

    def _ask(self, operation: Operation) -> Ask:
        return lambda: self._ground.faults.verdict(self.name, operation)

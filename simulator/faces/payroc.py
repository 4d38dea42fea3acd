"""Payroc's HTTP API over the bank's books.

Sources: Payroc OpenAPI 1.0.294 (2026-08-20) for shapes and errors, docs.payroc.com ("Run a
pre-authorization", "Errors", "Idempotency", "Test your integration") for behaviour, Payroc's
published functional tests (2026-02-23) for the amounts that are declined. What Payroc does not
publish is a choice, noted in the module that makes it: ``payroc_till`` (states, amounts),
``payroc_payments`` (what a payment shows), ``payroc_idempotency``, ``payroc_identity``,
``payroc_listing``.

Switches: ``rules`` (margin of a capture, time of the batch, kept errors), and the terminal ids
``NOPREAUTH-REFUSE`` (a pre-authorization is a 400 ``capabilities-missing``) and
``NOPREAUTH-SALE`` (it runs as a pending sale, which looks like a hold).
"""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import ClassVar, NamedTuple, TypeVar

from aiohttp import web
from pydantic import BaseModel

from simulator.counter import Counter, in_its_words
from simulator.faces.payroc_idempotency import Idempotency, Saved, fingerprint_of, key_of
from simulator.faces.payroc_identity import Identity
from simulator.faces.payroc_listing import matching, page
from simulator.faces.payroc_payments import Payment, shown
from simulator.faces.payroc_problems import Problem, Wording, of_status
from simulator.faces.payroc_register import GATEWAY, Register, Rules
from simulator.faces.payroc_requests import (
    Adjust,
    Capture,
    CreatePayment,
    Nothing,
    Refund,
    Reverse,
    SingleUseToken,
    check_accept,
    parse,
    read_json,
)
from simulator.faces.payroc_till import Ask, Till, Told
from simulator.faces.payroc_tokens import SingleUseTokens
from simulator.faults import Fault, Operation
from simulator.ground import Ground
from simulator.weather import dawdle, json_response

B = TypeVar("B", bound=BaseModel)


class Answer(NamedTuple):
    """What was booked, in words. ``location`` is an absolute URL."""

    status: int
    content: dict[str, object]
    location: str | None = None


class Order(NamedTuple):
    """What a booking is given beside its body."""

    request: web.Request
    key: str
    ask: Ask

    @property
    def payment_id(self) -> str:
        """The payment that the path names."""
        return self.request.match_info["payment_id"]


class PayrocFace:
    """Serves ``/payroc/authorize`` and ``/payroc/v1``."""

    name: ClassVar[str] = GATEWAY
    # Nothing of Payroc's that is simulated sends the guest through 3-D Secure.
    lacks: ClassVar[frozenset[Fault]] = frozenset({Fault.REQUIRE_ACTION})

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.rules = Rules()
        clock = ground.bank.clock
        self.identity = Identity(ground.store, clock)
        self._idempotency = Idempotency(ground.store, clock, self.rules)
        self._tokens = SingleUseTokens(ground.store, clock)
        self._register = Register(ground, self.rules)
        self._till = Till(ground.bank, self._register, self._tokens, self.rules)
        self._counter = Counter(self.name, ground.faults, Wording())

    def application(self) -> web.Application:
        """Build the routes, paths relative to ``/payroc``."""
        app = web.Application(middlewares=[in_its_words(of_status)])
        payment = "/v1/payments/{payment_id}"
        terminal = "/v1/processing-terminals/{terminal_id}"
        app.router.add_post("/authorize", self._issue_token)
        app.router.add_post("/v1/payments", self._create)
        app.router.add_get("/v1/payments", self._list, allow_head=False)
        app.router.add_get(payment, self._retrieve, allow_head=False)
        app.router.add_post(f"{payment}/adjust", self._adjust)
        app.router.add_post(f"{payment}/capture", self._capture)
        app.router.add_post(f"{payment}/reverse", self._reverse)
        app.router.add_post(f"{payment}/refund", self._refund)
        app.router.add_post(f"{terminal}/close-batch", self._close_batch)
        app.router.add_post(f"{terminal}/single-use-tokens", self._make_token)
        return app

    def reset(self) -> None:
        """Forget payments, tokens for one use and saved answers; bearer tokens stay good."""
        self._register.reset()
        self._tokens.reset()
        self._idempotency.reset()

    # What is asked for without moving anything.

    async def _issue_token(self, request: web.Request) -> web.StreamResponse:
        async def work(delay_s: float) -> web.Response:
            await dawdle(delay_s)
            return self.identity.issue(request)

        return await self._counter.meet(request, Operation.TOKEN, work)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        return await self._look_up(request, self._page)

    async def _retrieve(self, request: web.Request) -> web.StreamResponse:
        return await self._look_up(request, self._one)

    def _page(self, request: web.Request) -> dict[str, object]:
        payments = self._register.newest_first(request.query.get("orderId"))
        found = matching(request, payments, self._register.standing)
        return page(request, found, find=self._register.get, show=self._shown)

    def _one(self, request: web.Request) -> dict[str, object]:
        return self._shown(self._register.find(request.match_info["payment_id"]))

    async def _look_up(
        self, request: web.Request, read: Callable[[web.Request], dict[str, object]]
    ) -> web.StreamResponse:
        async def work(delay_s: float) -> web.Response:
            self.identity.check(request)
            check_accept(request)
            await dawdle(delay_s)
            return json_response(read(request))

        return await self._counter.meet(request, Operation.LOOK_UP, work)

    # What moves money.

    async def _create(self, request: web.Request) -> web.StreamResponse:
        return await self._post(request, Operation.AUTHORIZE, CreatePayment, self._book_payment)

    async def _adjust(self, request: web.Request) -> web.StreamResponse:
        def book(body: Adjust, order: Order) -> Answer:
            return self._told(self._till.adjust(order.payment_id, body, order.key, order.ask))

        return await self._post(request, Operation.ADJUST, Adjust, book)

    async def _capture(self, request: web.Request) -> web.StreamResponse:
        def book(body: Capture, order: Order) -> Answer:
            return self._told(self._till.capture(order.payment_id, body, order.key, order.ask))

        return await self._post(request, Operation.CAPTURE, Capture, book)

    async def _reverse(self, request: web.Request) -> web.StreamResponse:
        def book(body: Reverse, order: Order) -> Answer:
            return self._told(self._till.reverse(order.payment_id, body, order.key, order.ask))

        return await self._post(request, Operation.RELEASE, Reverse, book)

    async def _refund(self, request: web.Request) -> web.StreamResponse:
        def book(body: Refund, order: Order) -> Answer:
            return self._told(self._till.refund(order.payment_id, body, order.key, order.ask))

        # The admin door has no word for a refund: no fault happens to it.
        return await self._post(request, None, Refund, book)

    async def _close_batch(self, request: web.Request) -> web.StreamResponse:
        def book(_: Nothing, order: Order) -> Answer:
            self._till.close_batch(order.request.match_info["terminal_id"])
            at = self._ground.bank.clock.now()
            return Answer(202, {"cutOffTime": f"{at:%H:%M}", "timezone": "Etc/UTC"})

        return await self._post(request, None, Nothing, book)

    async def _make_token(self, request: web.Request) -> web.StreamResponse:
        def book(body: SingleUseToken, order: Order) -> Answer:
            made = self._tokens.make(order.request.match_info["terminal_id"], body)
            return Answer(201, made, str(order.request.url.with_query(None) / str(made["token"])))

        return await self._post(request, None, SingleUseToken, book)

    def _book_payment(self, body: CreatePayment, order: Order) -> Answer:
        told = self._till.create(body, order.key, order.ask)
        place = order.request.url.with_query(None) / told.payment.payment_id
        return Answer(201, self._told(told).content, str(place))

    def _told(self, told: Told) -> Answer:
        standing = self._register.standing(told.payment)
        return Answer(200, shown(told.payment, standing, told.answer))

    def _shown(self, payment: Payment) -> dict[str, object]:
        return shown(payment, self._register.standing(payment))

    # How a request goes through.

    async def _post(
        self,
        request: web.Request,
        operation: Operation | None,
        model: type[B],
        book: Callable[[B, Order], Answer],
    ) -> web.StreamResponse:
        async def work(delay_s: float) -> web.Response:
            self.identity.check(request)
            check_accept(request)
            content = await read_json(request)
            key = key_of(request)
            fingerprint = fingerprint_of(request.path, content)
            async with self._idempotency.claim(key, fingerprint) as saved:
                # The key is taken while the gateway dawdles: a second request with it waits.
                await dawdle(delay_s)
                if saved is None:
                    order = Order(request, key, lambda: self._counter.verdict(operation))
                    return self._booked(parse(model, content), order, fingerprint, book).response()
                return saved.response()

        is_new = not self._idempotency.has(request.headers.get("Idempotency-Key", ""))
        answer = await self._counter.meet(request, operation, work)
        if self.rules.keeps_errors and is_new and answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            await self._keep(request, answer)
        return answer

    async def _keep(self, request: web.Request, failed: web.StreamResponse) -> None:
        """Answer so from now on, also where it was booked before it failed."""
        try:
            key, content = key_of(request), await read_json(request)
        except Problem:
            return  # what could not be read has no key that stands for it
        body = failed.body if isinstance(failed, web.Response) else None
        saved = Saved(
            fingerprint=fingerprint_of(request.path, content),
            at=self._ground.bank.clock.now(),
            status=failed.status,
            body=body.decode() if isinstance(body, bytes) else "",
        )
        self._idempotency.save(key, saved)

    def _booked(
        self, body: B, order: Order, fingerprint: str, book: Callable[[B, Order], Answer]
    ) -> Saved:
        """Book, and save the answer with what it tells: both or neither outlive a crash."""
        with self._ground.store.transaction():
            answer = book(body, order)
            saved = Saved(
                fingerprint=fingerprint,
                at=self._ground.bank.clock.now(),
                status=answer.status,
                body=json.dumps(answer.content),
                location=answer.location,
            )
            self._idempotency.save(order.key, saved)
        return saved

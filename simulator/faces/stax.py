"""Stax's HTTP API (formerly Fattmerchant's Omni API) over the bank's books.

Sources: Stax API reference (api-docs.staxpayments.com: "Charge a payment method", "Capture a
pre-auth transaction", "Overview", "Idempotency", read 2026); the API description of
Fattmerchant's Omni API (API Blueprint, 2020) for shapes; published clients (Fattmerchant's Python
client and iOS SDK, Hyperswitch's connector, the SDKs made from Stax's OpenAPI). Where they
contradict each other, or say nothing:

* A capture reads ``total``, as all clients send it; else ``amount``, as the reference says; else
  it takes everything. Its ``idempotency_id`` is ignored (the idempotency guide does not list
  captures): a repeat is judged by the state (``rules.capture_knows_ids``).
* It answers with the pre-authorization, which shows the capture in ``child_captures``
  (description, clients), not with the capture (reference; ``rules.capture_shows_child``).
* On ``/charge`` the same ``idempotency_id`` gives the original transaction as it is now, for 24
  hours (``rules.keeps_keys_for``), whatever the key or ``meta``; with another payment method, total
  or kind it is a 409.
* A charge that the issuer declines is a 400 with the transaction (description); so is a capture
  or a void, with the failed capture or void. What the state forbids is a 400 ``{"error": []}``.
* Unknown transactions are a 404 (reference), not a 422 (description); one voided before is a 422.
* ``/void`` frees what is still held; of a capture or sale before its batch closes it is a refund in
  the books, afterwards a 400, and of a captured hold with nothing left a 400. It undoes captured
  money at once: only a hold's release can stay pending. ``/void-or-refund`` does whatever takes
  it back. ``/refund`` waits for the batch.
* Batches close at 20:00 EST, taken for 01:00 UTC all year (``rules.batch_close_at``).
* Amounts are dollars (``rules.currency``), exact, at most 99,999,999.99.
* Outcomes that are open, lapsed holds and other shapes: ``stax_shown``; lists: ``stax_listing``.

Triggers: an API key with ``several`` in it belongs to a processor that takes several captures and
leaves the rest held until it is voided; with ``void-rest``, to one that takes a single capture and
leaves the rest; any other frees the rest with its only capture. A payment method with ``declined``
in its id, or made from one of the published failing test cards, is declined; no amounts are
published that do so. Any key and any well-formed payment method open it. Books note
``meta.reference`` (else the ``idempotency_id``), and as key the ``idempotency_id`` of the charge or
capture, else the transaction's id with the verb, as in ``<id>:void``. Making customers and payment
methods is the operation ``token``, reading them is ``look_up``; no fault happens to ``/refund``.
"""

from collections.abc import Callable
from typing import ClassVar

from aiohttp import web
from aiohttp.typedefs import Handler

from simulator.counter import Counter, in_its_words
from simulator.faces.stax_listing import customers, page, transactions
from simulator.faces.stax_methods import Wallet
from simulator.faces.stax_problems import Wording, of_status, unauthorized
from simulator.faces.stax_register import GATEWAY, Register, Rules
from simulator.faces.stax_requests import capture_of, charge_of, total_of
from simulator.faces.stax_shown import shown
from simulator.faces.stax_till import Ask, Till, Told
from simulator.faces.stax_transactions import Processor
from simulator.faces.stax_wire import read, response
from simulator.faults import Fault, Operation
from simulator.ground import Ground
from simulator.weather import dawdle

# Books one request, given its id in the path ("" if there is none), its body, its API key and how
# to ask for the verdict; gives content and status.
Book = Callable[[str, object, str, Ask], tuple[object, int]]


class StaxFace:
    """Serves ``/stax``."""

    name: ClassVar[str] = GATEWAY
    # It has no word for a part that was approved, and no 3-D Secure.
    lacks: ClassVar[frozenset[Fault]] = frozenset({Fault.APPROVE_LESS, Fault.REQUIRE_ACTION})

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.rules = Rules()
        self._wallet = Wallet(ground.store, ground.bank.clock)
        self._register = Register(ground, self.rules)
        self._till = Till(ground.bank, self._register, self._wallet)
        self._counter = Counter(self.name, ground.faults, Wording())

    def application(self) -> web.Application:
        """Build the routes, paths relative to ``/stax``."""
        app = web.Application(middlewares=[in_its_words(of_status)])
        one = "/transaction/{id}"
        app.router.add_get("/transaction", self._list, allow_head=False)
        app.router.add_get(one, self._retrieve, allow_head=False)
        app.router.add_post("/charge", self._post(Operation.AUTHORIZE, self._charge))
        app.router.add_post(f"{one}/capture", self._post(Operation.CAPTURE, self._capture))
        app.router.add_post(f"{one}/void", self._post(Operation.RELEASE, self._void))
        app.router.add_post(
            f"{one}/void-or-refund", self._post(Operation.RELEASE, self._void_or_refund)
        )
        app.router.add_post(f"{one}/refund", self._post(None, self._refund))
        app.router.add_post("/customer", self._post(Operation.TOKEN, self._add_customer))
        app.router.add_get("/customer", self._list_customers, allow_head=False)
        app.router.add_get("/customer/{id}", self._customer, allow_head=False)
        app.router.add_get("/customer/{id}/payment-method", self._methods, allow_head=False)
        app.router.add_get("/payment-method/{id}", self._method, allow_head=False)
        for path in ("/payment-method", "/payment-method/"):
            app.router.add_post(path, self._post(Operation.TOKEN, self._add_method))
        return app

    def reset(self) -> None:
        """Forget transactions, customers and payment methods."""
        self._register.reset()
        self._wallet.reset()

    # What is asked for without moving anything.

    async def _list(self, request: web.Request) -> web.StreamResponse:
        def many() -> object:
            found = transactions(request, self._register)
            listed = page(request, found, lambda one: shown(self._register, one))
            return {"net_sales": None} | listed

        return await self._look_up(request, many)

    async def _retrieve(self, request: web.Request) -> web.StreamResponse:
        def one() -> object:
            return shown(self._register, self._register.find(request.match_info["id"]))

        return await self._look_up(request, one)

    async def _list_customers(self, request: web.Request) -> web.StreamResponse:
        def many() -> object:
            return page(request, customers(request, self._wallet), lambda one: one.shown())

        return await self._look_up(request, many)

    async def _customer(self, request: web.Request) -> web.StreamResponse:
        def one() -> object:
            return self._wallet.customer(request.match_info["id"]).shown()

        return await self._look_up(request, one)

    async def _methods(self, request: web.Request) -> web.StreamResponse:
        def many() -> object:
            return [card.shown() for card in self._wallet.methods_of(request.match_info["id"])]

        return await self._look_up(request, many)

    async def _method(self, request: web.Request) -> web.StreamResponse:
        def one() -> object:
            return self._wallet.stored(request.match_info["id"]).shown()

        return await self._look_up(request, one)

    async def _look_up(
        self, request: web.Request, show: Callable[[], object]
    ) -> web.StreamResponse:
        async def work(delay_s: float) -> web.Response:
            _key_of(request)
            await dawdle(delay_s)
            return response(show())

        return await self._counter.meet(request, Operation.LOOK_UP, work)

    # What moves money, or makes what pays.

    def _charge(self, _: str, body: object, key: str, ask: Ask) -> tuple[object, int]:
        return self._told(self._till.charge(charge_of(body), _processor(key), ask))

    def _capture(self, place: str, body: object, _: str, ask: Ask) -> tuple[object, int]:
        return self._told(self._till.capture(place, capture_of(body), ask))

    def _void(self, place: str, _: object, __: str, ask: Ask) -> tuple[object, int]:
        return self._told(self._till.void(place, ask))

    def _void_or_refund(self, place: str, body: object, _: str, ask: Ask) -> tuple[object, int]:
        return self._told(self._till.void_or_refund(place, total_of(body), ask))

    def _refund(self, place: str, body: object, _: str, __: Ask) -> tuple[object, int]:
        return self._told(self._till.refund(place, total_of(body)))

    def _add_customer(self, _: str, body: object, __: str, ___: Ask) -> tuple[object, int]:
        return self._wallet.add_customer(body).shown(), 200

    def _add_method(self, _: str, body: object, __: str, ___: Ask) -> tuple[object, int]:
        return self._wallet.add_method(body).shown(), 200

    def _told(self, told: Told) -> tuple[object, int]:
        return shown(self._register, told.transaction), 400 if told.declined else 200

    # How a request goes through.

    def _post(self, operation: Operation | None, book: Book) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            async def work(delay_s: float) -> web.Response:
                key = _key_of(request)
                body = read(await request.read())
                await dawdle(delay_s)
                place = request.match_info.get("id", "")
                # All of it outlives a crash, or nothing: what moved, and how it is shown.
                with self._ground.store.transaction():
                    content, status = book(
                        place, body, key, lambda: self._counter.verdict(operation)
                    )
                return response(content, status)

            return await self._counter.meet(request, operation, work)

        return handle


def _key_of(request: web.Request) -> str:
    """The API key; any is good.

    Raises:
        Problem: 401, there is none.
    """
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise unauthorized()
    return key.strip()


def _processor(key: str) -> Processor:
    """The processor of the merchant that an API key belongs to."""
    if "several" in key:
        return Processor.SEVERAL
    return Processor.KEEPS_REST if "void-rest" in key else Processor.FREES_REST

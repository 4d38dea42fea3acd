"""Answers as xMoney's documents and clients show them; an adapter whose network is a list."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from cardhold.messages import PaymentMethod
from domain.capabilities import Capabilities
from gateways.adapters.xmoney import Site, XMoney, open_xmoney
from gateways.adapters.xmoney.answers import AmountAfterCapture
from gateways.port import Named
from tests.gateways import calls

BASE = "https://api.xmoney.example"
BEARER = "k3y-that-nobody-may-see"
CARD = "90210777"
CUSTOMER = "5512"
ORDER_ID = "301"
PAYMENT_ID = "70001"
REDIRECT = "https://secure.xmoney.example/acs20/88"

Handler = Callable[[httpx.Request], httpx.Response]
#: What one request meets: an answer, a body with its HTTP status 200, or an error of the network.
Met = httpx.Response | dict[str, Any] | Exception


def method(token: str = CARD, customer_id: str | None = CUSTOMER) -> PaymentMethod:
    fields = {"kind": "stored_token", "token": token, "customer_id": customer_id}
    return PaymentMethod.model_validate(fields)


def authorize(amount_minor: int = 100_00, **more: Any) -> Named:
    """An authorization with a card that xMoney has stored."""
    return calls.authorize(amount_minor, **({"payment_method": method()} | more))


def follow_up(kind: str, amount_minor: int, **more: Any) -> Named:
    return calls.follow_up(kind, amount_minor, payment_id=PAYMENT_ID, **more)


def call_off(**more: Any) -> Named:
    """The release of what waits for the guest: nothing is held."""
    return follow_up("release", 100_00, held_minor=0, **more)


def transaction(status: str = "in-progress", amount: Any = "100.00", **changes: Any) -> Any:
    """A transaction; a value of ``...`` takes a field out."""
    shown: dict[str, Any] = {
        "id": 70001,
        "siteId": 1001,
        "orderId": 301,
        "customerId": 5512,
        "transactionType": "deposit",
        "transactionMethod": "card",
        "transactionStatus": status,
        "amount": amount,
        "currency": "USD",
        "creationDate": "2026-01-02T05:04:05+02:00",
        "creationTimestamp": 1767323045,
        "cardType": "visa",
        "cardNumber": "************7062",
        "cardId": 90210777,
        "components": [{"componentId": 1, "componentType": "auth", "providerAuth": "A1B2C3"}],
        **changes,
    }
    return {name: value for name, value in shown.items() if value is not ...}


def order(**changes: Any) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": 301,
        "siteId": 1001,
        "customerId": 5512,
        "externalOrderId": authorize().reference,
        "orderType": "purchase",
        "orderStatus": "in-progress",
        "amount": 100,
        "currency": "USD",
        **changes,
    }
    return {name: value for name, value in shown.items() if value is not ...}


def created(**more: Any) -> dict[str, Any]:
    """The answer to an order, which says nothing of the issuer's word."""
    told = {"orderId": 301, "transactionId": 70001, "cardId": 90210777, "is3d": 0}
    return {"code": 201, "message": "Created", "data": {**told, "isRedirect": False, **more}}


def redirecting(**changes: Any) -> dict[str, Any]:
    """The answer to an order whose guest is asked first."""
    redirect = {"url": REDIRECT, "formMethod": "POST", "params": {"PaReq": "eJx", "MD": "70001"}}
    redirect = {n: v for n, v in {**redirect, **changes}.items() if v is not ...}
    return created(is3d=1, isRedirect=True, redirect=redirect)


def ok(data: Any = None) -> dict[str, Any]:
    """The answer to a capture, a void, or the reading of one thing."""
    return {"code": 200, "message": "Success", **({} if data is None else {"data": data})}


def page(*data: Any, total: int | None = None) -> dict[str, Any]:
    count = len(data) if total is None else total
    pagination = {
        "currentPageNumber": 1,
        "totalItemCount": count,
        "itemCountPerPage": 100,
        "currentItemCount": len(data),
        "pageCount": 1,
    }
    return {**ok(list(data)), "pagination": pagination}


def problem(status: int, *items: dict[str, Any], code: int | None = None, **more: Any) -> Met:
    """An error in xMoney's envelope, with an HTTP status of its own."""
    body = {"code": status if code is None else code, "message": "words for people"}
    listed = {"error": list(items)} if items else {}
    return httpx.Response(status, content=json.dumps(body | listed | more).encode())


def in_body(code: int, *items: dict[str, Any], **more: Any) -> Met:
    """An error that comes as HTTP 200."""
    return {"code": code, "message": "words for people", "error": list(items), **more}


def item(code: int = 1600, kind: str = "Validation", **more: Any) -> dict[str, Any]:
    return {"code": code, "message": "words for people", "type": kind, **more}


class Line:
    """Meets each request with the next of a list, and keeps what was asked."""

    def __init__(self, *met: Met) -> None:
        self.requests: list[httpx.Request] = []
        self._met = list(met)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        met = self._met.pop(0)
        if isinstance(met, Exception):
            raise met
        return met if isinstance(met, httpx.Response) else httpx.Response(200, json=met)

    @property
    def asked(self) -> list[str]:
        """What was asked, in order, as ``GET /transaction/70001``."""
        return [f"{each.method} {each.url.raw_path.decode()}" for each in self.requests]

    @property
    def is_used_up(self) -> bool:
        return not self._met


def xmoney(
    handler: Handler,
    *,
    call_s_max: float = 5.0,
    amount_after_capture: AmountAfterCapture = "captured",
    fallback_ip: str | None = None,
) -> XMoney:
    """An adapter for which ``handler`` is the API."""
    site = Site(
        base_url=BASE,
        site_id="1001",
        amount_after_capture=amount_after_capture,
        fallback_ip=fallback_ip,
        environment="test",
        capabilities=Capabilities(processing_time=timedelta(seconds=5)),
        call_s_max=call_s_max,
        bearer=SecretStr(BEARER),
    )
    return open_xmoney(site, connections=4, transport=httpx.MockTransport(handler))


def meeting(*met: Met) -> XMoney:
    """An adapter whose requests meet these, one after the other."""
    return xmoney(Line(*met))

"""Payroc's answers as its documents show them, and an adapter whose network is a function."""

from __future__ import annotations

import copy
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from domain.capabilities import Capabilities
from gateways.adapters.payroc import Payroc, Site, open_payroc
from tests.gateways.calls import authorize

BASE = "https://api.payroc.example/v1"
IDENTITY = "https://identity.payroc.example"
API_KEY = "k3y-that-nobody-may-see"
BEARER = "b3arer-that-nobody-may-see"
PAYMENT_ID = "M2MJOG6O2Y"
TERMINAL = "1234001"

Handler = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]


def payment(amount: int = 100_00, /, **changes: Any) -> dict[str, Any]:
    """A pre-authorization that is pending: the answer of the OpenAPI's example.

    Args:
        amount: Of the order, and authorized.
        changes: ``status``, ``responseCode``, ``authorizedAmount`` ... by their own names,
            wherever they stand; a value of ``...`` takes the field out.
    """
    shown: dict[str, Any] = {
        "paymentId": PAYMENT_ID,
        "processingTerminalId": TERMINAL,
        "order": {
            "orderId": authorize().reference,
            "dateTime": "2026-01-02T05:04:05.250+02:00",
            "amount": amount,
            "currency": "USD",
        },
        "card": {
            "type": "Visa Credit",
            "entryMethod": "keyed",
            "cardNumber": "453985******7062",
            "expiryDate": "1230",
            "securityChecks": {"avsResult": "Y", "cvvResult": "M"},
        },
        "supportedOperations": ["capture", "fullyReverse"],
        "transactionResult": {
            "type": "sale",
            "status": "pending",
            "approvalCode": "OK3",
            "authorizedAmount": amount,
            "currency": "USD",
            "responseCode": "A",
            "responseMessage": "APPROVAL",
            "processorResponseCode": "00",
        },
    }
    for name, value in changes.items():
        _put(shown, name, value)
    return shown


def _put(shown: dict[str, Any], name: str, value: Any) -> None:
    places: list[dict[str, Any]] = [
        shown,
        shown["order"],
        shown["card"],
        shown["transactionResult"],
    ]
    home, _, leaf = name.rpartition("__")
    place = shown[home] if home else next((each for each in places if leaf in each), shown)
    if value is ...:
        del place[leaf]
    else:
        place[leaf] = copy.deepcopy(value)


def problem(status: int, fragment: str, **more: Any) -> httpx.Response:
    """Payroc's error envelope."""
    body = {
        "type": f"https://docs.payroc.com/api/errors#{fragment}",
        "title": fragment,
        "status": status,
        "detail": "words for people",
    }
    media = {"content-type": "application/problem+json"}
    return httpx.Response(status, headers=media, content=json.dumps(body | more).encode())


def granted(token: str = BEARER, expires_in: int = 3600) -> httpx.Response:
    body = {"access_token": token, "expires_in": expires_in, "token_type": "Bearer", "scope": "a b"}
    return httpx.Response(200, json=body)


def payroc(handler: Handler, *, call_s_max: float = 5.0, identity: Handler | None = None) -> Payroc:
    """An adapter for which ``handler`` is the API and ``identity`` the identity service."""

    async def network(request: httpx.Request) -> httpx.Response:
        asks_token = request.url.host == "identity.payroc.example"
        found = (identity or _grant)(request) if asks_token else handler(request)
        return found if isinstance(found, httpx.Response) else await found

    site = Site(
        base_url=BASE,
        identity_url=IDENTITY,
        terminal=TERMINAL,
        channel="web",
        environment="test",
        capabilities=Capabilities(processing_time=timedelta(seconds=5)),
        call_s_max=call_s_max,
        api_key=SecretStr(API_KEY),
    )
    return open_payroc(site, connections=4, transport=httpx.MockTransport(network))


def answering(status: int, body: object) -> Payroc:
    """An adapter whose gateway answers everything with this."""
    return payroc(lambda _: httpx.Response(status, json=body))


def refusing(status: int, fragment: str, **more: Any) -> Payroc:
    """An adapter whose gateway refuses everything so."""
    return payroc(lambda _: problem(status, fragment, **more))


def _grant(_: httpx.Request) -> httpx.Response:
    return granted()

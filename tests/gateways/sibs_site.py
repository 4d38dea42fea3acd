"""SIBS's answers as its documents show them, and an adapter whose network is a function."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from domain.capabilities import Capabilities
from gateways.adapters.sibs import Sibs, Site, open_sibs
from gateways.adapters.sibs.bodies import Terms
from gateways.errors import GatewayError
from gateways.port import Named
from tests.gateways.calls import authorize

BASE = "https://api.sibs.example/sibs/spg/v2"
AUTH_TOKEN = "b3arer-that-nobody-may-see"
CLIENT_ID = "cl1ent-that-nobody-may-see"
SIGNATURE = "s1gnature-that-nobody-may-see"
PAYMENT_ID = "s2grnvtruigbitu845hh"
STEP_ID = "RW5vBMHj4RhQWFRc0GvS"
NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
TERMS = Terms(
    terminal=101776,
    channel="web",
    token_type="Card",
    amount_qualifier="DEFAULT",
    return_url_field="redirectUrl",
)

SITE = Site(
    base_url=BASE,
    terms=TERMS,
    look_up_by_reference=True,
    environment="test",
    capabilities=Capabilities(processing_time=timedelta(seconds=5)),
    call_s_max=5.0,
    auth_token=SecretStr(AUTH_TOKEN),
    client_id=SecretStr(CLIENT_ID),
)

Handler = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]


def status(code: str = "000", text: str = "Success.") -> dict[str, str]:
    """The technical layer."""
    return {"statusCode": code, "statusMsg": "Success", "statusDescription": text}


def ordered(**changes: Any) -> dict[str, Any]:
    """The answer to an order; a value of ``...`` takes the field out."""
    return _but(
        {
            "returnStatus": status(),
            "transactionID": PAYMENT_ID,
            "transactionSignature": SIGNATURE,
            "formContext": "b64",
            "amount": {"value": 100, "currency": "USD"},
            "merchant": {
                "terminalId": 101776,
                "merchantTransactionId": authorize().reference,
            },
            "paymentMethodList": ["CARD"],
            "execution": {"startTime": "2026-01-02T03:04:05.050Z", "endTime": "..."},
        },
        changes,
    )


def authorization(**changes: Any) -> dict[str, Any]:
    """A card authorization that succeeded, as the status inquiry's page shows one."""
    return _but(
        {
            "returnStatus": status(),
            "paymentStatus": "Success",
            "paymentMethod": "CARD",
            "transactionID": PAYMENT_ID,
            "transactionDateTime": "2026-01-02T04:04:06.127+01:00",
            "amount": {"currency": "USD", "value": 100.00},
            "merchant": {
                "transactionId": authorize().reference,
                "terminalId": 101776,
                "merchantName": "MERCHANT DOT COM",
            },
            "paymentType": "AUTH",
        },
        changes,
    )


def step(reference: str, value: object = "80.00", **changes: Any) -> dict[str, Any]:
    """A capture or a cancellation that succeeded, as SIBS's page on captures shows one."""
    return _but(
        {
            "merchant": {
                "terminalId": "101776",
                "merchantTransactionId": reference,
                "merchantTransactionTimestamp": "2026-01-02T03:04:05.040Z",
            },
            "transactionTimestamp": "2026-01-02T03:04:16.988Z",
            "amount": {"value": value, "currency": "USD"},
            "transactionID": STEP_ID,
            "execution": {"startTime": "...", "endTime": "..."},
            "paymentStatus": "Success",
            "returnStatus": status(),
        },
        changes,
    )


def challenge(**changes: Any) -> dict[str, Any]:
    """What the guest has to do, with the pairs of the Token API's definition."""
    asked = {
        "id": "act-1",
        "type": "THREEDS_CHALLENGE",
        "data": {
            "url": "https://acs.issuer.example/challenge",
            "params": [{"key": "creq", "value": "eyJh"}],
        },
    }
    return _but(asked, changes)


def _but(shown: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**shown, **changes}.items() if value is not ...}


def problem(http: int, code: str, text: str = "words for people") -> httpx.Response:
    """SIBS's error envelope."""
    return httpx.Response(http, json={"returnStatus": status(code, text)})


NONE = problem(404, "E0404")


class Sibslike:
    """A SIBS that answers by what is asked, and keeps what was asked.

    Args:
        order, purchase: Their answers; a body stands for HTTP 200, an exception is raised.
        later: The answer to a capture or a cancellation.
        by_id: The status of each transaction, by SIBS's id.
        by_reference: The answers to the query, by our reference: one, or one after the other.
    """

    def __init__(
        self,
        *,
        order: object = None,
        purchase: object = None,
        later: object = None,
        by_id: Mapping[str, object] | None = None,
        by_reference: Mapping[str, list[object]] | None = None,
    ) -> None:
        self.requests: list[httpx.Request] = []
        self._posts = {
            "payments": order or ordered(),
            "purchase": purchase or authorization(),
            "capture": later,
            "cancellation": later,
        }
        self._by_id = dict(by_id or {})
        self._by_reference = {ref: list(one) for ref, one in (by_reference or {}).items()}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests.append(request)
        said = self._said(request)
        if isinstance(said, Exception):
            raise said
        if isinstance(said, httpx.Response):
            return httpx.Response(said.status_code, headers=said.headers, content=said.content)
        return httpx.Response(200, json=said)

    @property
    def paths(self) -> list[str]:
        """What was asked for, in short."""
        start = len("/sibs/spg/v2/")
        return [
            f"{request.method} {request.url.raw_path.decode()[start:]}" for request in self.requests
        ]

    def _said(self, request: httpx.Request) -> object:
        *_, before, last = request.url.path.split("/")
        if request.method == "POST":
            return self._posts[last]
        reference = request.url.params.get("merchantTransactionId")
        if reference is None:
            return self._by_id.get(before, NONE)
        found = self._by_reference.get(reference, [NONE])
        return found.pop(0) if len(found) > 1 else found[0]


def sibs(handler: Handler, *, call_s_max: float = 5.0, by_reference: bool = True) -> Sibs:
    """An adapter for which ``handler`` is SIBS."""

    async def network(request: httpx.Request) -> httpx.Response:
        found = handler(request)
        return found if isinstance(found, httpx.Response) else await found

    site = replace(SITE, look_up_by_reference=by_reference, call_s_max=call_s_max)
    transport = httpx.MockTransport(network)
    return open_sibs(site, connections=4, transport=transport, now=lambda: NOW)


def purchasing(answer: object) -> Sibs:
    """An adapter whose orders are taken in and whose purchases are answered so."""
    return sibs(Sibslike(purchase=answer))


async def ending(answer: object, call: Named) -> type:
    """How a later operation ends that is answered so."""
    adapter = sibs(Sibslike(later=answer))
    verb = {"capture": adapter.capture, "release": adapter.release, "adjust": adapter.adjust}
    try:
        return type(await verb[call.call.kind](call))
    except GatewayError as error:
        return type(error)

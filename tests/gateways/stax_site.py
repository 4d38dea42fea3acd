"""Stax's answers as its documents show them, and an adapter whose network is a function."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from domain.capabilities import Capabilities
from gateways.adapters.stax import Site, Stax, open_stax
from gateways.adapters.stax.transaction import Terms
from gateways.amounts import written
from tests.gateways.calls import STORED_TOKEN, authorize

BASE = "https://apiprod.fattlabs.example"
API_KEY = "k3y-that-nobody-may-see"
HOLD_ID = "d4db6c3b-4a96-48b6-a08b-551326fada40"
CAPTURE_ID = "936e3b88-6df1-4048-9d39-00469748008f"
VOID_ID = "04497525-565c-4169-bb6d-5a4df399d255"

Handler = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]


def transaction(total: object = 100, /, **changes: Any) -> dict[str, Any]:
    """A hold: the fields of the OpenAPI's example of a pre-authorization.

    Args:
        total: As it stands on the wire.
        changes: Fields by their own names; a value of ``...`` takes the field out.
    """
    call = authorize()
    shown: dict[str, Any] = {
        "id": HOLD_ID,
        "invoice_id": "",
        "reference_id": "",
        "auth_id": None,
        "type": "pre_auth",
        "source": None,
        "merchant_id": "e7bcf7a6-ea72-4981-894d-73b41a690fa8",
        "customer_id": "3a50862a-c2d5-47ae-8f49-d42afff8ee77",
        "payment_method_id": STORED_TOKEN,
        "success": True,
        "message": None,
        "meta": {"reference": call.reference},
        "total": total,
        "method": "card",
        "pre_auth": True,
        "is_captured": 0,
        "last_four": "1111",
        "avs_code": "Y",
        "cvv_response": "M",
        "issuer_auth_code": "06782D",
        "created_at": "2026-03-05 13:27:05",
        "updated_at": "2026-03-05 13:27:19",
        "total_refunded": 0,
        "is_voided": False,
        "is_voidable": True,
        "currency": "USD",
        "idempotency_id": call.key,
        "child_captures": [],
        "child_transactions": [],
        "payment_method": {"card_type": "visa", "card_last_four": "1111", "is_default": 1},
    }
    return _changed(shown, changes)


def capture(total: object = 80, /, **changes: Any) -> dict[str, Any]:
    """A capture as a child of the hold."""
    shown: dict[str, Any] = {
        "id": CAPTURE_ID,
        "auth_id": HOLD_ID,
        "type": "capture",
        "success": True,
        "message": None,
        "meta": {},
        "total": total,
        "is_captured": 0,
        "is_voided": False,
        "created_at": "2026-03-06 10:00:00",
        "currency": "USD",
    }
    return _changed(shown, changes)


def void(**changes: Any) -> dict[str, Any]:
    """A void as a child of the hold; its own ``is_voided`` is null in Stax's example."""
    shown: dict[str, Any] = {
        "id": VOID_ID,
        "reference_id": HOLD_ID,
        "type": "void",
        "success": True,
        "message": None,
        "meta": {},
        "total": 100,
        "is_voided": None,
        "created_at": "2026-03-07 15:11:32",
    }
    return _changed(shown, changes)


def held_with(*captures: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The hold with these captures in it."""
    fields: dict[str, Any] = {"is_captured": 1, "child_captures": list(captures), **changes}
    return transaction(fields.pop("total", 100), **fields)


def voided(**changes: Any) -> dict[str, Any]:
    """The hold after a void."""
    return transaction(is_voided=True, child_transactions=[void()], **changes)


def page(*rows: dict[str, Any], number: int = 1, last: int = 1, **more: Any) -> dict[str, Any]:
    """One page of a list."""
    shown = {
        "net_sales": None,
        "total": len(rows),
        "per_page": 25,
        "current_page": number,
        "last_page": last,
        "next_page_url": None,
        "data": list(rows),
    }
    return _changed(shown, more)


def answer(status: int, body: object) -> httpx.Response:
    """An answer in JSON; decimals become exact numbers."""
    return httpx.Response(status, content=written(body).encode())


class Seen:
    """Answers in order, the last one again and again, and keeps what was asked."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    @property
    def asked(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.requests]


def stax(
    handler: Handler,
    *,
    currency: str = "USD",
    keeps_rest: bool = False,
    amount_fields: tuple[str, ...] = ("total", "amount"),
    call_s_max: float = 5.0,
) -> Stax:
    """An adapter for which ``handler`` is the network."""
    site = Site(
        base_url=BASE,
        environment="test",
        capabilities=Capabilities(processing_time=timedelta(seconds=5)),
        call_s_max=call_s_max,
        terms=Terms(currency, keeps_rest=keeps_rest),
        amount_fields=amount_fields,
        api_key=SecretStr(API_KEY),
    )
    return open_stax(site, connections=4, transport=httpx.MockTransport(handler))  # type: ignore[arg-type] - sync or async


def answering(status: int, body: object, **more: Any) -> Stax:
    """An adapter whose gateway answers everything with this."""
    return stax(lambda _: answer(status, body), **more)


def _changed(shown: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    together = {**shown, **changes}
    return {name: value for name, value in together.items() if value is not ...}

"""A client that speaks Stax's HTTP to the simulator, and what its tests send and compare."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import httpx

from simulator.server import Simulator
from tests import loopback

METHOD = "b5f8729c-93ee-4bbb-9bfe-4a71f7b0e126"
KEY = "any-key-opens-the-simulator"


def charge_body(total: object = 100, **changes: object) -> dict[str, Any]:
    """A pre-authorization; ``changes`` replace top-level fields."""
    body: dict[str, Any] = {
        "payment_method_id": METHOD,
        "total": total,
        "pre_auth": True,
        "meta": {"reference": "H1"},
    }
    return body | changes


class Stax:
    """A client of the simulated Stax with one API key."""

    def __init__(self, http: httpx.AsyncClient, key: str = KEY) -> None:
        self.http = http
        self.key = key

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", "Accept": "application/json"}

    async def post(self, path: str, body: object = None) -> httpx.Response:
        return await self.http.post(f"/stax{path}", headers=self.headers, json=body)

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.http.get(f"/stax{path}", headers=self.headers, params=query)

    async def hold(self, total: object = 100, **changes: object) -> dict[str, Any]:
        answer = await self.post("/charge", charge_body(total, **changes))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def act(
        self, transaction: dict[str, Any], verb: str, body: object = None
    ) -> httpx.Response:
        return await self.post(f"/transaction/{transaction['id']}/{verb}", body)

    async def read(self, transaction: dict[str, Any]) -> dict[str, Any]:
        answer = await self.get(f"/transaction/{transaction['id']}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def capture(self, transaction: dict[str, Any], **body: object) -> dict[str, Any]:
        """Capture, and give the capture that the answer shows last."""
        answer = await self.act(transaction, "capture", body)
        assert answer.status_code == 200, answer.text
        return answer.json()["child_captures"][-1]

    async def books(self) -> list[dict[str, Any]]:
        return (await self.http.get("/admin/books?gateway=stax")).json()["holds"]

    async def arm(self, operation: str, fault: str, **more: object) -> httpx.Response:
        wish = {"gateway": "stax", "operation": operation, "fault": fault} | more
        return await self.http.post("/admin/faults", json=wish)

    async def advance(self, seconds: float) -> None:
        answer = await self.http.post("/admin/clock", json={"advance_s": seconds})
        assert answer.status_code == 200


@asynccontextmanager
async def stax_of(sim: Simulator, key: str = KEY) -> AsyncGenerator[Stax]:
    """A client of a running simulator."""
    async with loopback.client(sim.url) as http:
        yield Stax(http, key)


def moved(hold: dict[str, Any]) -> list[tuple[str, int]]:
    """What moved, without keys and times."""
    return [(effect["kind"], effect["amount_minor"]) for effect in hold["effects"]]


def flags(transaction: dict[str, Any]) -> tuple[Any, Any, Any]:
    """``success``, ``is_captured`` and ``is_voided``."""
    return tuple(transaction[name] for name in ("success", "is_captured", "is_voided"))


def exactly(answer: httpx.Response) -> dict[str, Any]:
    """An answer with its numbers as they were written."""
    return json.loads(answer.content, parse_float=Decimal)

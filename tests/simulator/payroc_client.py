"""A client that speaks Payroc's HTTP to the simulator, and what its tests send and compare."""

import uuid
from typing import Any

import httpx

TERMINAL = "1234001"
TOKEN = "2967530000000007"


def payment_body(amount: object = 10000, **changes: object) -> dict[str, Any]:
    """A pre-authorization; ``changes`` replace top-level fields."""
    body: dict[str, Any] = {
        "channel": "web",
        "processingTerminalId": TERMINAL,
        "order": {"orderId": "H1", "amount": amount, "currency": "USD"},
        "paymentMethod": {"type": "secureToken", "token": TOKEN},
        "autoCapture": False,
        "processAsSale": False,
    }
    return body | changes


class Payroc:
    """A client of the simulated Payroc; every POST has a new key unless it is given one."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.bearer = ""

    async def log_in(self) -> None:
        answer = await self.http.post("/payroc/authorize", headers={"x-api-key": "any"})
        self.bearer = answer.json()["access_token"]

    async def post(
        self, path: str, body: object = None, *, key: str | None = None, **headers: str
    ) -> httpx.Response:
        wanted = {"Authorization": f"Bearer {self.bearer}", "Idempotency-Key": key or new_key()}
        return await self.http.post(f"/payroc/v1{path}", headers=wanted | headers, json=body)

    async def get(self, path: str, **query: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.bearer}"}
        return await self.http.get(f"/payroc/v1{path}", params=query, headers=headers)

    async def create(self, amount: object = 10000, **changes: object) -> dict[str, Any]:
        answer = await self.post("/payments", payment_body(amount, **changes))
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def read(self, payment: dict[str, Any]) -> dict[str, Any]:
        return (await self.get(f"/payments/{payment['paymentId']}")).json()

    async def act(
        self, payment: dict[str, Any], verb: str, body: object = None, *, key: str | None = None
    ) -> httpx.Response:
        return await self.post(f"/payments/{payment['paymentId']}/{verb}", body, key=key)

    async def books(self) -> list[dict[str, Any]]:
        return (await self.http.get("/admin/books")).json()["holds"]

    async def arm(self, operation: str, fault: str, **more: object) -> httpx.Response:
        wish = {"gateway": "payroc", "operation": operation, "fault": fault} | more
        return await self.http.post("/admin/faults", json=wish)

    async def advance(self, seconds: float) -> None:
        answer = await self.http.post("/admin/clock", json={"advance_s": seconds})
        assert answer.status_code == 200
        await self.log_in()  # Tokens lapse by the same clock.


def new_key() -> str:
    return str(uuid.uuid4())


def order_item(amount: object) -> dict[str, Any]:
    return {"adjustments": [{"type": "order", "amount": amount}]}


def outcome(payment: dict[str, Any]) -> tuple[str, str, int | None]:
    """Status, response code and authorized amount of a payment."""
    result = payment["transactionResult"]
    return result["status"], result["responseCode"], result.get("authorizedAmount")


def effects(hold: dict[str, Any]) -> list[tuple[str, int]]:
    """What moved, without keys and times."""
    return [(effect["kind"], effect["amount_minor"]) for effect in hold["effects"]]

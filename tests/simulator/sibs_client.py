"""A client that speaks SIBS's HTTP to the simulator, and what its tests send and compare."""

from typing import Any

import httpx

BASE = "/sibs/sibs/spg/v2"
BEARER = {"Authorization": "Bearer any", "X-IBM-Client-Id": "any"}
TOKEN = {"tokenInfo": {"value": "tok-guest-1", "tokenType": "Card"}}


def token(value: str) -> dict[str, Any]:
    return {"tokenInfo": {"value": value, "tokenType": "Card"}}


def order_body(value: object = 100, reference: str = "H1", **changes: object) -> dict[str, Any]:
    """An order for a pre-authorization; ``changes`` replace fields of its transaction."""
    transaction: dict[str, Any] = {
        "transactionTimestamp": "2026-05-26T10:00:00.000Z",
        "description": "one night",
        "moto": False,
        "paymentType": "AUTH",
        "amount": {"value": value, "currency": "EUR"},
        "paymentMethod": ["CARD"],
    }
    merchant = {"terminalId": 101776, "channel": "web", "merchantTransactionId": reference}
    return {"merchant": merchant, "transaction": transaction | changes}


def follow_up(order_id: str, value: object, reference: str, currency: str = "EUR") -> Any:
    """A capture, cancellation or refund of an order."""
    return {
        "merchant": {"terminalId": 101776, "merchantTransactionId": reference},
        "transaction": {
            "transactionTimestamp": "2026-05-27T10:00:00.000Z",
            "description": "check-out",
            "amount": {"value": value, "currency": currency},
            "originalTransaction": {"id": order_id},
        },
    }


class Sibs:
    """A client of the simulated SIBS."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def post(
        self, path: str, body: object, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        return await self.http.post(f"{BASE}{path}", json=body, headers=headers or BEARER)

    async def order(self, value: object = 100, reference: str = "H1", **more: object) -> Any:
        """An order that nobody has paid yet."""
        answer = await self.post("/payments", order_body(value, reference, **more))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def pay(self, order: Any, body: object = TOKEN, way: str = "token") -> httpx.Response:
        """Pay an order: its signature opens it."""
        signed = {"Authorization": f"Digest {order['transactionSignature']}"}
        path = f"/payments/{order['transactionID']}/{way}/purchase"
        return await self.post(path, body, BEARER | signed)

    async def hold(self, value: object = 100, reference: str = "H1", **more: object) -> str:
        """A hold; gives the authorization's id."""
        order = await self.order(value, reference, **more)
        answer = await self.pay(order)
        assert answer.json()["paymentStatus"] == "Success", answer.text
        return order["transactionID"]

    async def act(
        self, order_id: str, verb: str, value: object, reference: str, currency: str = "EUR"
    ) -> httpx.Response:
        body = follow_up(order_id, value, reference, currency)
        return await self.post(f"/payments/{order_id}/{verb}", body)

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(f"{BASE}{path}", headers=BEARER)

    async def status(self, transaction_id: str) -> Any:
        answer = await self.get(f"/payments/{transaction_id}/status")
        assert (answer.status_code, returned(answer)) == (200, "000"), answer.text
        return answer.json()

    async def find(self, reference: str) -> httpx.Response:
        return await self.get(f"/payments/status?merchantTransactionId={reference}")

    async def books(self) -> list[Any]:
        return (await self.http.get("/admin/books?gateway=sibs")).json()["holds"]

    async def arm(self, operation: str, fault: str, **more: object) -> httpx.Response:
        wish = {"gateway": "sibs", "operation": operation, "fault": fault} | more
        return await self.http.post("/admin/faults", json=wish)

    async def advance(self, seconds: float) -> None:
        answer = await self.http.post("/admin/clock", json={"advance_s": seconds})
        assert answer.status_code == 200


def returned(answer: httpx.Response) -> str:
    """The technical layer of an answer's status."""
    return answer.json()["returnStatus"]["statusCode"]


def told(answer: httpx.Response) -> tuple[int, str]:
    """HTTP status, and ``paymentStatus`` or else the technical code."""
    return answer.status_code, answer.json().get("paymentStatus") or returned(answer)


def effects(hold: Any) -> list[tuple[str, int, str | None]]:
    """What moved, and under which key."""
    return [(effect["kind"], effect["amount_minor"], effect["key"]) for effect in hold["effects"]]

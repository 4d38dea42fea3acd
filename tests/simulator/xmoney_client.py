"""A client that speaks xMoney's HTTP to the simulator, and what its tests send and compare."""

from collections.abc import Mapping
from typing import Any

import httpx

BEARER = {"Authorization": "Bearer any"}
CARD = "700000001"
BACK = "https://hotel.example/back"
WEEK_S = 7 * 24 * 3600


def order_form(amount: str = "100.00", reference: str = "H1", **changes: str) -> dict[str, str]:
    """A pre-authorization of a guest who is there; ``changes`` replace fields or add some."""
    form = {
        "siteId": "1",
        "orderType": "purchase",
        "transactionMethod": "card",
        "cardTransactionMode": "auth",
        "customerId": "12",
        "cardId": CARD,
        "amount": amount,
        "currency": "EUR",
        "externalOrderId": reference,
        "backUrl": BACK,
    }
    return form | changes


class Xmoney:
    """A client of the simulated xMoney: forms out, JSON back."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def send(
        self,
        method: str,
        path: str,
        form: dict[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        return await self.http.request(
            method, f"/xmoney{path}", data=form, params=query, headers=BEARER
        )

    async def order(self, amount: str = "100.00", reference: str = "H1", **changes: str) -> Any:
        """A new order; gives the ids, and where the guest has to go."""
        answer = await self.send("POST", "/order", order_form(amount, reference, **changes))
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]

    async def capture(self, ordered: Any, amount: str) -> httpx.Response:
        form = {"amount": amount}
        return await self.send("PUT", f"/transaction/{ordered['transactionId']}", form)

    async def undo(self, ordered: Any, **form: str) -> httpx.Response:
        return await self.send("DELETE", f"/transaction/{ordered['transactionId']}", form or None)

    async def cancel(self, ordered: Any, **form: str) -> httpx.Response:
        return await self.send("DELETE", f"/order/{ordered['orderId']}", form or None)

    async def read(self, ordered: Any) -> Any:
        answer = await self.send("GET", f"/transaction/{ordered['transactionId']}")
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def status(self, ordered: Any) -> str:
        return (await self.read(ordered))["transactionStatus"]

    async def order_status(self, ordered: Any) -> str:
        answer = await self.send("GET", f"/order/{ordered['orderId']}")
        return answer.json()["data"]["orderStatus"]

    async def answer(self, ordered: Any, outcome: str) -> httpx.Response:
        """What the guest does on the page of their bank."""
        return await self.http.post(ordered["redirect"]["url"], data={"outcome": outcome})

    async def books(self) -> list[dict[str, Any]]:
        return (await self.http.get("/admin/books?gateway=xmoney")).json()["holds"]

    async def arm(self, operation: str, fault: str, **more: object) -> httpx.Response:
        wish = {"gateway": "xmoney", "operation": operation, "fault": fault} | more
        return await self.http.post("/admin/faults", json=wish)

    async def advance(self, seconds: float) -> None:
        answer = await self.http.post("/admin/clock", json={"advance_s": seconds})
        assert answer.status_code == 200


def effects(hold: dict[str, Any]) -> list[tuple[str, int]]:
    """What moved, without keys and times."""
    return [(effect["kind"], effect["amount_minor"]) for effect in hold["effects"]]


def amounts(transaction: dict[str, Any]) -> tuple[str, str, str]:
    """What a transaction shows of its money."""
    return (
        transaction["amount"],
        transaction["originalAmount"],
        transaction["refundedAmount"],
    )


def told(answer: httpx.Response) -> tuple[int, int, list[str | None]]:
    """HTTP's status, the body's, and which fields the errors are about."""
    body = answer.json()
    return answer.status_code, body["code"], [item.get("field") for item in body.get("error", [])]

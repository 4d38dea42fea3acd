"""Somebody else at the gateway: other bookings, other systems, a clerk at the merchant's portal.

They speak the gateway's own language, on a line of their own that nothing happens to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from yarl import URL

from proof.asks import major_of
from proof.places import Place
from proof.world.bank import Bank

_AMOUNT = re.compile(r'"(\d+\.\d\d\d?)"')
_JSON = {"Content-Type": "application/json"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Portal:
    """Does what a run has not asked for.

    Args:
        bank: Where.
        place: Whose account, with whose way to speak.
    """

    def __init__(self, bank: Bank, place: Place) -> None:
        self._bank = bank
        self._place = place
        self._count = 0

    async def place_hold(
        self, amount_minor: int, reference: str, currency: str | None = None
    ) -> None:
        """Place a hold of one's own, on the card that is always approved.

        Args:
            amount_minor: How much.
            reference: What it is called.
            currency: Another one than the account's, of as many digits.
        """
        card, amount = self._place.card, self._major(amount_minor)
        currency = currency or self._place.currency
        match self._place.gateway:
            case "payroc":
                order = {"orderId": reference, "amount": amount_minor, "currency": currency}
                method = {"type": "secureToken", "token": card["token"]}
                payment = {"order": order, "paymentMethod": method, **_AT_PAYROC}
                await self._at_payroc("/payments", payment)
            case "sibs":
                ordered = await self._at_sibs(
                    "/payments", self._at(reference, amount, _AN_ORDER, currency)
                )
                path = f"/payments/{ordered['transactionID']}/token/purchase"
                paid = {"tokenInfo": {"value": card["token"], "tokenType": "Card"}}
                await self._at_sibs(path, paid, f"Digest {ordered['transactionSignature']}")
            case "stax":
                name = {"idempotency_id": reference, "meta": {"reference": reference}}
                paid = {"payment_method_id": card["token"], "total": amount, "pre_auth": True}
                await self._at_stax("/charge", {**paid, **name})
            case _:
                paid = {"cardId": card["token"], "customerId": card["customer_id"]}
                order = {"amount": amount, "externalOrderId": reference, **paid, **_AT_XMONEY}
                order["currency"] = currency
                await self._at_xmoney("POST", "/order", order)

    async def capture(self, payment_id: str, amount_minor: int) -> None:
        """Take money out of a hold."""
        amount = self._major(amount_minor)
        match self._place.gateway:
            case "payroc":
                await self._at_payroc(f"/payments/{payment_id}/capture", {"amount": amount_minor})
            case "sibs":
                await self._step(payment_id, "capture", amount)
            case "stax":
                await self._at_stax(f"/transaction/{payment_id}/capture", {"total": amount})
            case _:
                path = f"/transaction/{payment_id}"
                await self._at_xmoney("PUT", path, {"amount": amount})

    async def free(self, payment_id: str, amount_minor: int) -> None:
        """Free what is held, or give back what was captured, where it is the same button."""
        match self._place.gateway:
            case "payroc":
                await self._at_payroc(f"/payments/{payment_id}/reverse", {})
            case "sibs":
                await self._step(payment_id, "cancellation", self._major(amount_minor))
            case "stax":
                await self._at_stax(f"/transaction/{payment_id}/void-or-refund", {})
            case _:
                await self._at_xmoney("DELETE", f"/transaction/{payment_id}", {})

    def _major(self, amount_minor: int) -> str:
        return major_of(amount_minor, self._place.digits)

    def _at(
        self, reference: str, amount: str, more: Mapping[str, object], currency: str | None = None
    ) -> Mapping[str, object]:
        told = {"value": amount, "currency": currency or self._place.currency}
        return _follow_up(reference, told, more)

    async def _step(self, payment_id: str, verb: str, amount: str) -> None:
        """A later operation at SIBS."""
        self._count += 1
        of_it = {"originalTransaction": {"id": payment_id}}
        body = self._at(f"portal-{self._count}", amount, of_it)
        await self._at_sibs(f"/payments/{payment_id}/{verb}", body)

    async def _at_payroc(self, path: str, content: object) -> None:
        self._count += 1
        token = await self._ask("POST", "/authorize", {"x-api-key": "theirs"}, b"")
        key = f"00000000-0000-4000-8000-{self._count:012d}"
        headers = {"Authorization": f"Bearer {token['access_token']}", "Idempotency-Key": key}
        await self._ask("POST", f"/v1{path}", {**headers, **_JSON}, _written(content))

    async def _at_sibs(self, path: str, content: object, signed: str = "Bearer theirs") -> Any:
        headers = {"Authorization": signed, "X-IBM-Client-Id": "theirs", **_JSON}
        body = _written(content)
        return await self._ask("POST", f"/sibs/spg/v2{path}", headers, body)

    async def _at_stax(self, path: str, content: object) -> None:
        # The processor goes by the key: theirs is of the account's own kind.
        several, rest = self._place.several, self._place.table.get("rest_after_capture") == "void"
        kind = "several" if several else "void-rest" if rest else "plain"
        headers = {"Authorization": f"Bearer their-{kind}", "Accept": "application/json", **_JSON}
        await self._ask("POST", path, headers, _written(content))

    async def _at_xmoney(self, method: str, path: str, form: Mapping[str, str]) -> None:
        headers = {"Authorization": "Bearer theirs", **_FORM}
        await self._ask(method, path, headers, urlencode(form).encode())

    async def _ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Any:
        """What the gateway says; a refusal is as good as any answer."""
        url = URL(f"http://bank/{self._place.gateway}{path}")
        # What is armed still is for a request of the run's, which the gateway keeps waiting.
        self._bank.forget()
        return json.loads((await self._bank.serve(method, url, headers, body)).body or b"{}")


_AT_PAYROC: Mapping[str, object] = {
    "channel": "web",
    "processingTerminalId": "1001",
    "autoCapture": False,
    "processAsSale": False,
}
_AT_XMONEY: Mapping[str, str] = {
    "siteId": "1",
    "orderType": "purchase",
    "transactionMethod": "card",
    "cardTransactionMode": "auth",
}
_AN_ORDER: Mapping[str, object] = {"moto": False, "paymentType": "AUTH", "paymentMethod": ["CARD"]}


def _follow_up(
    reference: str, amount: Mapping[str, str], more: Mapping[str, object]
) -> Mapping[str, object]:
    """What SIBS is told of an order, and of what follows it."""
    return {
        "merchant": {"terminalId": 1001, "channel": "web", "merchantTransactionId": reference},
        "transaction": {
            "transactionTimestamp": "2030-01-07T09:00:00.000Z",
            "description": "theirs",
            "amount": amount,
            **more,
        },
    }


def _written(content: object) -> bytes:
    """JSON, in which amounts are numbers, to the digit."""
    return _AMOUNT.sub(r"\1", json.dumps(content)).encode()

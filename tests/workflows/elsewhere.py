"""Holds that somebody else has made, at the gateway itself."""

from __future__ import annotations

from tests import loopback
from tests.workflows.stack import TOKEN, Json, Stack


async def made_elsewhere(stack: Stack, amount_minor: int = 100_00) -> str:
    """A hold as a hosted page makes it: by the gateway's own API, without us."""
    url = stack.simulator.url
    order = {"orderId": "page-1", "amount": amount_minor, "currency": "USD"}
    body = {
        "channel": "web",
        "processingTerminalId": "1001",
        "order": order,
        "paymentMethod": {"type": "secureToken", "token": TOKEN},
        "autoCapture": False,
        "processAsSale": False,
    }
    async with loopback.client() as http:
        identity = await http.post(f"{url}/payroc/authorize", headers={"x-api-key": "any"})
        headers = {
            "Authorization": f"Bearer {identity.json()['access_token']}",
            "Idempotency-Key": "11111111-2222-4333-8444-555555555555",
        }
        answer = await http.post(f"{url}/payroc/v1/payments", headers=headers, json=body)
    answer.raise_for_status()
    return str(answer.json()["paymentId"])


def existing(payment_id: str) -> Json:
    return {"kind": "existing_hold", "token": payment_id}

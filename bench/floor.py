"""The floor: what somebody would write in an afternoon, and the fastest that we can hope to be.

The same messages, the same two calls to the gateway in two activities, a deadline timer. Plain
dicts and JSON; no search attributes, no checks, no look-ups, no books: whatever goes wrong here
goes wrong.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from temporalio import activity, workflow
from temporalio.common import RetryPolicy

Json = dict[str, Any]

# As cardhold waits for one call.
_CALL = timedelta(seconds=25)
_RETRY = RetryPolicy(initial_interval=timedelta(milliseconds=500))
# Half a day before a hold of seven days lapses.
_DEADLINE = timedelta(days=6, hours=12)
_HTTP_WITHIN_S = 20.0


@workflow.defn(name="Floor")
class Floor:
    """Authorizes, waits for one instruction, captures."""

    @workflow.init
    def __init__(self, request: Json) -> None:
        self._request = request
        self._payment: Json | None = None
        self._captured: Json | None = None
        self._asked = False

    @workflow.run
    async def run(self, _: Json) -> Json:
        """Hold the money, and take it when somebody says so or the deadline comes."""
        self._payment = await self._call("floor_authorize", self._request)
        try:
            await workflow.wait_condition(lambda: self._asked, timeout=_DEADLINE)
        except TimeoutError:
            self._asked = True
        call = {"payment_id": self._payment["paymentId"], "amount": self._request["amount"]}
        self._captured = await self._call("floor_capture", call)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return {"state": "captured"}

    @workflow.update
    async def authorized(self) -> Json:
        """Answer once the money is held."""
        await workflow.wait_condition(lambda: self._payment is not None)
        return {"state": "authorized", "payment": self._payment}

    @workflow.update
    async def capture(self, _: Json) -> Json:
        """Answer once the money is taken."""
        self._asked = True
        await workflow.wait_condition(lambda: self._captured is not None)
        return {"state": "captured", "payment": self._captured}

    async def _call(self, name: str, argument: Json) -> Json:
        payment: Json = await workflow.execute_activity(
            name, argument, start_to_close_timeout=_CALL, retry_policy=_RETRY
        )
        return payment


class Calls:
    """The two calls, with one token for all of them."""

    def __init__(self, http: httpx.AsyncClient, bearer: str) -> None:
        self._http = http
        self._bearer = bearer

    @activity.defn(name="floor_authorize")
    async def authorize(self, request: Json) -> Json:
        """Place a hold."""
        amount = request["amount"]
        body = {
            "channel": "web",
            "processingTerminalId": "1001",
            "order": {
                "orderId": _digest().hex()[:24],
                "amount": amount["amount_minor"],
                "currency": amount["currency"],
            },
            "paymentMethod": {"type": "secureToken", "token": request["payment_method"]["token"]},
            "autoCapture": False,
            "processAsSale": False,
        }
        return await self._post("/payroc/v1/payments", body)

    @activity.defn(name="floor_capture")
    async def capture(self, call: Json) -> Json:
        """Take the money."""
        body = {"amount": call["amount"]["amount_minor"]}
        return await self._post(f"/payroc/v1/payments/{call['payment_id']}/capture", body)

    async def _post(self, path: str, body: Json) -> Json:
        key = str(UUID(bytes=_digest()[:16], version=4))
        headers = {"Authorization": f"Bearer {self._bearer}", "Idempotency-Key": key}
        answer = await self._http.post(path, json=body, headers=headers)
        return answer.raise_for_status().json()


async def open_calls(simulator_url: str) -> Calls:
    """Log in once, and keep the connections."""
    http = httpx.AsyncClient(base_url=simulator_url, timeout=_HTTP_WITHIN_S)
    answer = await http.post("/payroc/authorize", headers={"x-api-key": "any"})
    return Calls(http, answer.raise_for_status().json()["access_token"])


def _digest() -> bytes:
    info = activity.info()
    return hashlib.sha256(f"{info.workflow_id}:{info.activity_type}".encode()).digest()

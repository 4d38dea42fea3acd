"""One operation carried to its end by the real activities, rung by rung, as the workflow does it.

`workflows.courier` climbs with Temporal's timers and retry policies; here each attempt is called by
hand, with the bank's clock moved on between two of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.declared import LOOK_UP, Failure
from activities.holds import Holds
from domain.calls import Call, Ending, Lost, Settled
from gateways.account import Account
from tests.conformance.desk import Desk
from tests.conformance.wires import opened

_ATTEMPTS_MAX = 12
_BETWEEN_S = 61.0

#: What becomes of an answer; it may raise what a network raises.
Turn = Callable[[httpx.Request, httpx.Response], httpx.Response]


class Crossed(httpx.AsyncBaseTransport):
    """A network on which the answer that moved money is turned, and a second sending meets more.

    Args:
        network: The real one.
        entries: How many entries the books have.
        first: What becomes of the answer to the request that is booked.
        again: What the same request is answered with when it comes again; None to pass it on.
    """

    def __init__(
        self,
        network: httpx.AsyncBaseTransport,
        entries: Callable[[], int],
        first: Turn,
        again: Callable[[httpx.Request], httpx.Response] | None = None,
    ) -> None:
        self._network = network
        self._entries = entries
        self._first, self._again = first, again
        self._place: tuple[str, bytes] | None = None
        self.sent_again = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass one request on, unless it is the one that has moved money before."""
        place = request.method, request.url.raw_path
        if place == self._place:
            self.sent_again += 1
            return await self._passed(request) if self._again is None else self._again(request)
        before = self._entries()
        response = await self._passed(request)
        if self._entries() == before:
            return response
        self._place = place
        return self._first(request, response)

    async def _passed(self, request: httpx.Request) -> httpx.Response:
        response = await self._network.handle_async_request(request)
        body = await response.aread()
        return httpx.Response(response.status_code, headers=response.headers, content=body)


@dataclass
class Climb:
    """An operation on its way.

    Attributes:
        failures: What each attempt failed with that told no outcome.
    """

    desk: Desk
    account: Account
    call: Call
    failures: list[str] = field(default_factory=list[str])

    async def to_the_end(self) -> Settled:
        """Climb until the outcome is known."""
        verb, call, attempt = self.call.kind.value, self.call, 1
        for _ in range(_ATTEMPTS_MAX):
            try:
                settled = await self._attempt(verb, call, attempt)
            except ApplicationError as error:
                self.failures.append(error.type or "")
                verb, call, attempt = self._next(error, verb, call, attempt)
                self.desk.advance(_BETWEEN_S)
                continue
            if verb != LOOK_UP or settled.ending is not Ending.ABSENT:
                return settled
            told = {"look_first": True, "patient": True, "payment_id": self.call.payment_id}
            verb, call, attempt = call.kind.value, call.model_copy(update=told), 1
        raise AssertionError(f"never decided: {self.failures}")

    def _next(
        self, error: ApplicationError, verb: str, call: Call, attempt: int
    ) -> tuple[str, Call, int]:
        """The same activity again, or from a word that decides nothing to a look-up."""
        if error.type != Failure.UNDECIDED or verb == LOOK_UP:
            assert not error.non_retryable
            return verb, call, attempt + 1
        told: dict[str, Any] = {"repeated": True, "patient": False, "look_first": False}
        if error.details and isinstance(error.details[0], Lost):
            told["payment_id"] = error.details[0].payment_id
        return LOOK_UP, call.model_copy(update=told), 1

    async def _attempt(self, verb: str, call: Call, attempt: int) -> Settled:
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, activity_type=verb, attempt=attempt)
        began = environment.info.started_time
        holds = Holds({call.account: self.account}, machine_clock=lambda: began)
        settled = await environment.run(getattr(holds, verb), call)
        assert isinstance(settled, Settled)
        return settled


def crossed(desk: Desk, **turns: Any) -> tuple[Account, Crossed]:
    """The account opened anew, on a network that is crossed."""
    network = Crossed(desk.network, desk.booked, **turns)
    return opened(desk.under.settings(desk.simulator.url), network), network

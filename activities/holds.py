"""The activities that move money: one gateway call each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from temporalio import activity

from activities.attempt import Attempt
from activities.declared import LOOK_UP
from cardhold.hold import OperationKind
from domain.calls import Call, Settled
from gateways.clock import machine_now
from gateways.port import Gateway


class Holds:
    """The activities of a worker, over the gateways' accounts that it is configured with.

    Args:
        gateways: Each account's adapter, by the account's name.
        look_first: Look before every sending: for the time after Temporal's store was restored
            from a backup, when workflows have forgotten what they sent.
        machine_clock: The machine's, which may be wrong: it is no more than a reason to ask
            Temporal whether an attempt is late.
    """

    def __init__(
        self,
        gateways: Mapping[str, Gateway],
        *,
        look_first: bool = False,
        machine_clock: Callable[[], datetime] = machine_now,
    ) -> None:
        self._gateways = gateways
        self._look_first = look_first
        self._machine_clock = machine_clock
        self.all: list[Callable[..., Any]] = [
            self.authorize,
            self.adjust,
            self.capture,
            self.release,
            self.look_up,
        ]

    @activity.defn(name=OperationKind.AUTHORIZE)
    async def authorize(self, call: Call) -> Settled:
        """Place a hold, or adopt one that was made elsewhere."""
        return self._as_restored(await self._attempt(call).authorize())

    @activity.defn(name=OperationKind.ADJUST)
    async def adjust(self, call: Call) -> Settled:
        """Make ``call.amount`` the total that is held."""
        return await self._attempt(call).send()

    @activity.defn(name=OperationKind.CAPTURE)
    async def capture(self, call: Call) -> Settled:
        """Take ``call.amount``."""
        return await self._attempt(call).send()

    @activity.defn(name=OperationKind.RELEASE)
    async def release(self, call: Call) -> Settled:
        """Free all that is still held."""
        return self._as_restored(await self._attempt(call).send())

    @activity.defn(name=LOOK_UP)
    async def look_up(self, call: Call) -> Settled:
        """Find out what became of an operation, without doing anything."""
        return self._as_restored(await self._attempt(call, look_first=True).look_up())

    def _as_restored(self, settled: Settled) -> Settled:
        return settled.model_copy(update={"restored": self._look_first})

    def _attempt(self, call: Call, *, look_first: bool = False) -> Attempt:
        looks = look_first or self._look_first
        return Attempt(self._gateways, call, look_first=looks, machine_clock=self._machine_clock)

"""A gateway that knows no idempotency keys: what is sent to it twice is done twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from domain.capabilities import Capabilities
from domain.outcome import Outcome, Payment
from gateways.port import Gateway, Named


class Keyless:
    """Stands before a real adapter, and gives each sending a key that was never used before."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    @property
    def capabilities(self) -> Capabilities:
        none = {"idempotent": frozenset[str](), "key_life": timedelta(0)}
        return self._gateway.capabilities.model_copy(update=none)

    @property
    def environment(self) -> str:
        return self._gateway.environment

    async def authorize(self, named: Named) -> Outcome:
        return await self._gateway.authorize(_anew(named))

    async def adjust(self, named: Named) -> Outcome:
        return await self._gateway.adjust(_anew(named))

    async def capture(self, named: Named) -> Outcome:
        return await self._gateway.capture(_anew(named))

    async def release(self, named: Named) -> Outcome:
        return await self._gateway.release(_anew(named))

    async def look_up(self, named: Named) -> Payment | None:
        return await self._gateway.look_up(named)


def _anew(named: Named) -> Named:
    return replace(named, key=str(uuid4()))

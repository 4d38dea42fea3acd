"""What every adapter has in common: one account's figures, and one time limit for a verb."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from cardhold.names import ErrorType
from domain.capabilities import Capabilities
from gateways.errors import Refused
from gateways.port import Listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one account is, with its own figures; a gateway's own `Site` adds what opens it.

    Attributes:
        base_url: Without a slash at the end.
        environment: Which of the gateway's worlds this is.
        capabilities: What this account can do.
        call_s_max: How long one verb may take, all of its requests together.
    """

    base_url: str
    environment: str
    capabilities: Capabilities
    call_s_max: float

    def until(self) -> float:
        """When a verb that begins now has to have ended, in the running loop's time."""
        return asyncio.get_running_loop().time() + self.call_s_max


PlaceOf = TypeVar("PlaceOf", bound=Place)


class Adapter(Generic[PlaceOf]):
    """One account at one gateway; the verbs are the gateway's own (`gateways.port`)."""

    def __init__(self, site: PlaceOf) -> None:
        self._site = site

    @property
    def capabilities(self) -> Capabilities:
        """What this account can do."""
        return self._site.capabilities

    @property
    def environment(self) -> str:
        """Which of the gateway's worlds this is: part of every key."""
        return self._site.environment

    async def open_holds(self, since: datetime, until: datetime, page: str | None = None) -> Listed:
        """Of a gateway without a list: never supported. See `gateways.port.Listing`."""
        del since, until, page
        raise Refused("the gateway cannot list its open holds", ErrorType.NOT_SUPPORTED)

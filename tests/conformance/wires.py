"""Networks for an adapter: one that listens, and one that plays back what was heard.

Both stand where httpx's own transport would, behind the adapter's whole code.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import httpx
import pytest

from gateways.account import Account, AccountSettings
from gateways.accounts import build


def opened(settings: AccountSettings, transport: httpx.AsyncBaseTransport) -> Account:
    """The adapter as a worker opens it, with ``transport`` for every connection that it makes."""

    def instead(**_: object) -> httpx.AsyncBaseTransport:
        return transport

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx, "AsyncHTTPTransport", instead)
        return build(settings.gateway, settings)


class Framing(StrEnum):
    """How the end of an answer is marked, or that it never comes."""

    LENGTH = "length"
    CLOSE = "close"
    BROKEN = "broken"


@dataclass(frozen=True)
class Heard:
    """One request, and what was answered.

    Attributes:
        books: The bank entered something for it: money that moved, or a decline.
    """

    request: httpx.Request
    status: int
    body: bytes
    books: bool = False
    media: str = "application/json"
    framing: Framing = Framing.LENGTH
    retry_after: str | None = None

    @property
    def place(self) -> tuple[str, str]:
        """What was asked for, and how."""
        return self.request.method, self.request.url.raw_path.decode()

    def but(self, **changes: object) -> Heard:
        """The same request, answered otherwise."""
        return replace(self, **changes)  # pyright: ignore[reportArgumentType] - by their names

    def answer(self) -> httpx.Response:
        """What the adapter gets."""
        headers = {"content-type": self.media}
        if self.retry_after is not None:
            headers["retry-after"] = self.retry_after
        if self.framing is not Framing.CLOSE:
            headers["content-length"] = str(len(self.body))
        stream = httpx.ByteStream(self.body)
        if self.framing is Framing.BROKEN:
            stream = _Breaking(self.body)
        return httpx.Response(self.status, headers=headers, stream=stream)


class _Breaking(httpx.ByteStream):
    """A body of which the rest never comes."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._begun = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._begun
        raise httpx.RemoteProtocolError("peer closed connection without sending all of the body")


class Tap(httpx.AsyncBaseTransport):
    """Passes everything on to a real network, and listens.

    Args:
        network: Where it goes; not closed with the adapter.
        entries: How many entries the books have.
        before: Told the number of each request, from 0, before it is passed on.
    """

    def __init__(
        self,
        network: httpx.AsyncBaseTransport,
        entries: Callable[[], int],
        before: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._network = network
        self._entries = entries
        self._before = before
        self.heard: list[Heard] = []
        self.requests = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass one request on."""
        self._before(self.requests)
        self.requests += 1
        entries = self._entries()
        response = await self._network.handle_async_request(request)
        body = await response.aread()
        books = self._entries() > entries
        media = response.headers.get("content-type", "")
        framing = Framing.LENGTH if "content-length" in response.headers else Framing.CLOSE
        self.heard.append(Heard(request, response.status_code, body, books, media, framing))
        return httpx.Response(
            response.status_code, headers=response.headers, stream=httpx.ByteStream(body)
        )


@dataclass
class Replay(httpx.AsyncBaseTransport):
    """Answers each request as it was answered before; one that was never made gets no answer.

    Attributes:
        script: What was heard, in order; a request that comes more often gets the last answer.
        delay_s: How long each answer takes.
    """

    script: Sequence[Heard]
    delay_s: float = 0.0
    played: list[Heard] = field(default_factory=list[Heard])

    def __post_init__(self) -> None:
        self._times: Counter[tuple[str, str]] = Counter()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer from the script."""
        place = request.method, request.url.raw_path.decode()
        known = [heard for heard in self.script if heard.place == place]
        if not known:
            raise httpx.ReadError("nobody answers here")
        heard = known[min(self._times[place], len(known) - 1)]
        self._times[place] += 1
        self.played.append(heard)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        return heard.answer()

    @property
    def has_booked(self) -> bool:
        """Whether a request was played that the bank has made an entry for."""
        return any(heard.books for heard in self.played)

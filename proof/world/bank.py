"""The bank of a world, and one gateway's face on it: requests go in, answers come out, no socket.

The face is the simulator's own, aiohttp's routing and all; only the bytes of HTTP are left out.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from itertools import cycle
from typing import Any, cast

from aiohttp import web
from aiohttp.http_parser import RawRequestMessage
from aiohttp.http_writer import HttpVersion11
from aiohttp.streams import StreamReader
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from simulator import chance
from simulator.bank import HoldRow
from simulator.faces import FACES
from simulator.server import Simulator

_BODY_MAX = 1 << 20


def _as_it_is(value: object) -> object:
    return value


# What a plan, which is JSON, says in text or seconds.
_READ: Mapping[str, Callable[[Any], object]] = {
    "batch_close_at": time.fromisoformat,
    "lists_after": lambda seconds: timedelta(seconds=seconds),
    "keeps_keys_for": lambda seconds: timedelta(seconds=seconds),
}


@dataclass(frozen=True)
class Reply:
    """What a gateway has put on the line, and how the line ended.

    Attributes:
        status: The HTTP status; 0 where there was not a byte.
        body: As much of the body as came.
        broken: The connection broke before the promised end.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    broken: bool = False


class Bank:
    """The books, the faults that wait for the next request, and one gateway's way to speak.

    Args:
        gateway: Whose face it shows.
        dice: All ids and tokens that it makes up are drawn from here.
        wall: The bank's own clock, aware; it may be wrong.
    """

    def __init__(self, gateway: str, dice: random.Random, wall: Callable[[], datetime]) -> None:
        chance.draw_from(dice)
        self._simulator = Simulator(wall=wall)
        self._wall = wall
        face = next(face for face in FACES if face.name == gateway)
        self._gateway = gateway
        self.lacks = face.lacks
        self._app = web.Application()
        self._face = self._simulator.face(face)
        self._app.add_subapp(f"/{gateway}", self._face.application())
        self._app.freeze()
        # The pages know both for credentials that are refused, and not which is for what.
        self._refusals = cycle((HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN))

    def now(self) -> datetime:
        """The hour by its own clock."""
        return self._wall()

    def live_for(self, seconds: float) -> None:
        """How long holds live."""
        self._simulator.bank.clock.live_for(seconds)

    def behave(self, rules: Mapping[str, object]) -> None:
        """Where a gateway's documents leave a choice: which one it makes, by the face's names."""
        own = cast("Any", self._face).rules
        for name, value in rules.items():
            if not hasattr(own, name):
                raise ValueError(f"{self._gateway} has no rule {name}")
            setattr(own, name, _READ.get(name, _as_it_is)(value))

    def books(self) -> list[HoldRow]:
        """Every hold as it stands now, oldest first."""
        return self._simulator.bank.books(self._gateway)["holds"]

    def arm(self, operation: str, fault: str, **parameters: object) -> None:
        """The next calls of ``operation`` meet ``fault``."""
        told = {"gateway": self._gateway, "operation": operation, "fault": fault, **parameters}
        self._simulator.faults.arm(told)

    def forget(self) -> None:
        """No fault waits any more."""
        self._simulator.faults.forget()

    async def serve(self, method: str, url: URL, headers: Mapping[str, str], body: bytes) -> Reply:
        """Let the gateway work on one request, to its end whatever the client does meanwhile."""
        wire = _Connection()
        # The application's own entrance: what aiohttp's server calls for every request.
        handle = cast("Any", self._app)._handle  # noqa: SLF001 - there is no public one
        answer = cast("web.Response", await handle(_request(method, url, headers, body, wire)))
        if wire.sent:
            return _torn(bytes(wire.sent))
        if wire.broken:
            return Reply(0, {}, b"", broken=True)
        shown = answer.body if isinstance(answer.body, bytes) else b""
        stamped = {
            **answer.headers,
            "Content-Length": str(len(shown)),
            "Date": format_datetime(self._wall(), usegmt=True),
        }
        refused = answer.status == HTTPStatus.UNAUTHORIZED
        return Reply(next(self._refusals) if refused else answer.status, stamped, shown)


class _Connection:
    """The face's end of the line: it can write on it by hand, and break it."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.broken = False
        self.transport = self
        self.ssl_context = None
        self.peername = self.sockname = ("127.0.0.1", 1)
        self.ssl = None

    def get_extra_info(self, name: str, default: object = None) -> object:
        return ("127.0.0.1", 1) if name == "peername" else default

    def pause_reading(self) -> None:
        """All has come already."""

    def resume_reading(self, *, resume_parser: bool = True) -> None:
        """All has come already."""

    def write(self, data: bytes) -> None:
        self.sent += data

    def close(self) -> None:
        self.broken = True

    abort = close


def _request(
    method: str, url: URL, headers: Mapping[str, str], body: bytes, wire: _Connection
) -> web.Request:
    loop = asyncio.get_running_loop()
    all_headers = CIMultiDict(headers)
    raw = tuple((name.encode(), value.encode()) for name, value in headers.items())
    message = RawRequestMessage(
        method=method,
        path=url.raw_path_qs,
        version=HttpVersion11,
        headers=CIMultiDictProxy(all_headers),
        raw_headers=raw,
        should_close=False,
        compression=None,
        upgrade=False,
        chunked=False,
        url=url,
    )
    protocol = cast("Any", wire)
    content = StreamReader(protocol, _BODY_MAX, loop=loop)
    content.feed_data(body)
    content.feed_eof()
    nothing = cast("Any", None)
    return web.Request(
        message, content, protocol, nothing, nothing, loop, client_max_size=_BODY_MAX
    )


def _torn(sent: bytes) -> Reply:
    """Read what the face has written by hand: a head, and a body that ends too soon."""
    head, _, body = sent.partition(b"\r\n\r\n")
    status_line, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    promised = int(headers.get("Content-Length", len(body)))
    return Reply(int(status_line.split(" ")[1]), headers, body, broken=len(body) < promised)

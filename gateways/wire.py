"""The edge: sends one request once, and says what its failure means for the money.

The only file that catches httpx's errors; what each means stands in `gateways.classifier`.
Nothing here retries: Temporal does, and two retry loops multiply. Redirects are not followed,
proxies and certificates of the environment are not trusted, TLS is always verified, cookies are
not kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import TypeVar, cast
from urllib.parse import urlencode

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from cardhold.reading import InvalidMessage, read_json
from gateways.amounts import written
from gateways.classifier import Seen, broken, trouble
from gateways.errors import GatewayError
from gateways.retry_after import retry_after_s
from gateways.shown import HIDDEN

# The largest answer we read (a full page of payments) is about 150 KB; more is an accident.
BODY_BYTES_MAX = 256 * 1024
# A connection that is not there after five seconds rarely comes; a later attempt may.
CONNECT_S_MAX = 5.0
# Shorter than the minute after which load balancers commonly drop an idle connection.
KEEP_ALIVE_S = 30.0
CONNECTIONS = 32

# Where the four gateways are shown who is asking; all of an authorization but its scheme.
_CREDENTIALS = ("authorization", "x-api-key", "x-ibm-client-id")
# A shorter one would take words out of answers that only happen to hold the same few letters.
_CREDENTIAL_LENGTH_MIN = 6

# Both write request lines and headers to their logs: at INFO URLs, at DEBUG credentials.
for _library in ("httpx", "httpcore"):
    logging.getLogger(_library).setLevel(logging.WARNING)

ReadModel = TypeVar("ReadModel", bound=BaseModel)


class WireModel(BaseModel):
    """A part of an answer: known fields strictly, unknown ones ignored, no value in errors."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that came in whole, as far as its framing tells.

    Attributes:
        status: The HTTP status, 3xx included.
        body: Decoded, at most `BODY_BYTES_MAX` bytes; never shown. What the request was signed
            with is taken out: a gateway's words on a payment are kept for years.
        framed: Its end was marked. Without a mark, a lost connection looks like an end.
        retry_after_s: What ``Retry-After`` asks for; None where it is absent or absurd.
    """

    status: int
    body: bytes = field(repr=False)
    framed: bool = True
    retry_after_s: float | None = None


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    content: object = None,
    form: Mapping[str, str] | None = None,
) -> httpx.Request:
    """Build a request whose body is the same bytes for the same content, always.

    Args:
        method: In capitals.
        url: Complete; whatever it holds of others is quoted already.
        headers: ASCII without control characters, credentials among them.
        content: What JSON can hold, and decimals, which become exact numbers.
        form: Fields of a form, in place of JSON; without either there is no body.
    """
    body = None
    all_headers = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
    if content is not None:
        all_headers["Content-Type"] = "application/json"
        # Some gateways compare a repeated key's body byte by byte.
        body = written(content).encode()
    elif form is not None:
        all_headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = urlencode(sorted(form.items())).encode()
    return httpx.Request(method, url, headers=all_headers, content=body)


class Wire:
    """A bounded number of connections to one gateway; the one used last is used next.

    Each is a transport of its own: one httpx pool searches all of its connections at every
    request, and is several times slower at thirty at once (`tests/gateways/bench_wire.py`). One
    whose exchange came to no answer begins anew: a time-out that strikes at the instant at which
    httpcore puts a connection away leaves it taken for ever (seen with 1.0.9, which guards that
    instant from anyio's cancellations and not from asyncio's own).

    Args:
        gateway: The gateway's name, for error messages.
        connections: How many requests may be under way at once.
        transport: Stands in for the network, in tests.
    """

    def __init__(
        self,
        gateway: str,
        *,
        connections: int = CONNECTIONS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._gateway = gateway
        self._is_real = transport is None
        self._lines = _lines(connections) if transport is None else [transport] * connections
        self._idle = list(self._lines)
        # Fair, where a LifoQueue lets newcomers overtake those who wait: 40 ms against 600 ms in
        # the 99th percentile of 64 under way on 32 connections.
        self._turn = asyncio.Semaphore(connections)

    async def send(self, request: httpx.Request, *, until: float) -> Answer:
        """Send ``request`` once and return whatever answer came.

        Args:
            request: As `request` builds it.
            until: When to give up, in the running loop's time (seconds): waiting for a
                connection, connecting, sending and reading included.

        Raises:
            NotSent: No byte left this process.
            NoAnswer: The connection broke, stalled or was cut after the first byte.
            Undecided: More came than we read.
        """
        await self._wait_for_turn(until)
        line, is_answered = self._idle.pop(), False
        try:
            ended = await self._exchange(line, request, until)
            is_answered = isinstance(ended, Answer)
        finally:
            try:
                if self._is_real and not is_answered:
                    await _begin_anew(line)
            finally:
                self._idle.append(line)
                self._turn.release()
        if isinstance(ended, GatewayError):
            raise ended  # outside of any handler: no error of httpx hangs on to it
        return ended

    async def close(self) -> None:
        """Close every connection; a request under way ends without an answer."""
        for line in self._lines:
            await line.aclose()

    async def _wait_for_turn(self, until: float) -> None:
        now = asyncio.get_running_loop().time()
        try:
            # Half of the time is left for the call itself, or it would be sent to be cut off.
            async with asyncio.timeout_at(now + (until - now) / 2):
                await self._turn.acquire()
                return
        except TimeoutError:
            pass
        raise trouble(self._gateway, Seen.NO_LINE_FREE)

    async def _exchange(
        self, line: httpx.AsyncBaseTransport, request: httpx.Request, until: float
    ) -> Answer | GatewayError:
        left_s = until - asyncio.get_running_loop().time()
        if left_s <= 0:
            return trouble(self._gateway, Seen.NO_TIME_LEFT)
        # httpx counts per step and restarts at every byte: only the connection is left to it, with
        # a third of the time each for its pool, TCP and TLS. `timeout_at` ends everything else.
        connect_s = min(CONNECT_S_MAX, left_s / 3)
        request.extensions["timeout"] = {"pool": connect_s, "connect": connect_s}
        try:
            async with asyncio.timeout_at(until):
                return await self._received(request, await line.handle_async_request(request))
        except Exception as error:  # noqa: BLE001 - whatever it was, it may have come after the send
            return broken(self._gateway, error)

    async def _received(
        self, request: httpx.Request, response: httpx.Response
    ) -> Answer | GatewayError:
        try:
            raw = await _raw(response)
        finally:
            await response.aclose()
        body = None if raw is None else _decoded(raw, response.headers.get("content-encoding", ""))
        if body is None or len(body) > BODY_BYTES_MAX:
            return trouble(self._gateway, Seen.TOO_MUCH)
        marks = ("content-length", "transfer-encoding")
        return Answer(
            status=response.status_code,
            body=_without_credentials(body, request),
            framed=any(mark in response.headers for mark in marks),
            retry_after_s=retry_after_s(response.headers),
        )


def read(model: type[ReadModel], answer: Answer, *, gateway: str) -> ReadModel:
    """Read a body as ``model``.

    Raises:
        NoAnswer: It ends in the middle.
        Undecided: It is something else: not JSON, or not the fields and words that we know.
    """
    found = parse(model, answer)
    if found is not None:
        return found
    if _is_cut_off(answer):
        raise trouble(gateway, Seen.CUT_OFF)
    raise trouble(f"{gateway}: HTTP {answer.status}", Seen.UNREADABLE)


def parse(model: type[ReadModel], answer: Answer) -> ReadModel | None:
    """Read a body as ``model``, fractions as decimals; None where it is anything else."""
    try:
        fields = read_json(answer.body.decode("utf-8"), fraction=Decimal)
        if b"\\ud" in answer.body.lower():
            # Half of a surrogate pair is legal as an escape, and can be written nowhere.
            # `str` writes the fractions, which are decimals.
            json.dumps(fields, ensure_ascii=False, default=str).encode()
        return model.model_validate(fields)
    except (UnicodeError, InvalidMessage, ValidationError, RecursionError):
        return None


@cache
def _trust() -> ssl.SSLContext:
    """The certificate authorities that httpx brings along; reading them takes 10 ms."""
    return httpx.create_ssl_context(verify=True, trust_env=False)


def _lines(connections: int) -> list[httpx.AsyncBaseTransport]:
    alone = httpx.Limits(max_connections=1, keepalive_expiry=KEEP_ALIVE_S)
    return [
        httpx.AsyncHTTPTransport(verify=_trust(), trust_env=False, limits=alone, retries=0)
        for _ in range(connections)
    ]


async def _begin_anew(line: httpx.AsyncBaseTransport) -> None:
    """Close what is left of a connection; the next request opens another one."""
    with contextlib.suppress(Exception):  # nobody waits for it, and an end in disorder is an end
        await line.aclose()


async def _raw(response: httpx.Response) -> bytes | None:
    raw = bytearray()
    # Not `aiter_raw`, which refuses a body that a stand-in for the network has read already.
    async for chunk in cast("httpx.AsyncByteStream", response.stream):
        raw += chunk
        if len(raw) > BODY_BYTES_MAX:
            return None
    return bytes(raw)


def _decoded(raw: bytes, coding: str) -> bytes | None:
    """Undo a coding that we did not ask for, no further than one byte past the limit."""
    if coding.strip().lower() in {"", "identity"}:
        return raw
    if coding.strip().lower() not in {"gzip", "x-gzip", "deflate"}:
        return None
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # 32: gzip or zlib, by its header
    return unpacker.decompress(raw, BODY_BYTES_MAX + 1)


def _without_credentials(body: bytes, request: httpx.Request) -> bytes:
    """The body as it came, or without what the request was signed with if that is repeated."""
    for name in _CREDENTIALS:
        credential = request.headers.get(name, "").rpartition(" ")[2].encode()
        if len(credential) >= _CREDENTIAL_LENGTH_MIN:
            body = body.replace(credential, HIDDEN.encode())
    return body


def _is_cut_off(answer: Answer) -> bool:
    """Whether the body is the beginning of a JSON object, or an unmarked nothing."""
    text = answer.body.decode("utf-8", errors="replace").strip()
    if not text:
        return not answer.framed
    return text.startswith("{") and _depth_at_end(text) > 0


def _depth_at_end(text: str) -> int:
    """How many brackets and quotes are still open."""
    depth, quoted, escaped = 0, False, False
    for character in text:
        if escaped:
            escaped = False
        elif quoted:
            escaped = character == "\\"
            quoted = character != '"'
        elif character in '{["':
            quoted = character == '"'
            depth += not quoted
        elif character in "}]":
            depth -= 1
    return depth + quoted

"""Carries a fault out on one HTTP request: what the client gets to see of it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web

from simulator.faults import Armed, Fault, Framing

# Takes the seconds that the gateway dawdles over the request before it books it; answers always,
# with the gateway's own error where it refuses.
Work = Callable[[float], Awaitable[web.Response]]

_PAGE = "<!DOCTYPE html><html><body><h1>Service temporarily unavailable</h1></body></html>"


class Wording(Protocol):
    """How a gateway words the errors that faults provoke."""

    def broken(self) -> web.Response:
        """It failed inside (a 500)."""
        ...

    def throttled(self, retry_after: str) -> web.Response:
        """It was asked too often (a 429)."""
        ...

    def unauthorized(self) -> web.Response:
        """It does not accept the credential (a 401)."""
        ...


async def carry_out(
    fault: Armed | None, request: web.Request, wording: Wording, work: Work
) -> web.StreamResponse:
    """Let ``fault`` happen to a request whose processing is ``work``."""
    if fault is None:
        return await work(0.0)
    if fault.fault is Fault.DELAY:
        return await work(fault.delay_s)
    before = _instead(fault, request, wording)
    if before is not None:
        return before
    return _afterwards(fault, request, wording, await work(0.0))


def _instead(fault: Armed, request: web.Request, wording: Wording) -> web.Response | None:
    """What the client gets for a request that is not processed, or None if it is."""
    match fault.fault:
        case Fault.ERROR_BEFORE:
            return wording.broken()
        case Fault.DROP_BEFORE:
            return _drop(request)
        case Fault.THROTTLE:
            return wording.throttled(_header(fault.retry_after_s))
        case Fault.UNAUTHORIZED:
            return wording.unauthorized()
        case _:
            return None


def _afterwards(
    fault: Armed, request: web.Request, wording: Wording, answer: web.Response
) -> web.Response:
    """What the client gets to see of the ``answer`` to a request that was processed."""
    match fault.fault:
        case Fault.ERROR_AFTER:
            return wording.broken()
        case Fault.DROP_AFTER:
            return _drop(request)
        case Fault.TRUNCATE:
            return _cut(request, answer, fault.next_framing())
        case Fault.GARBAGE:
            text = _PAGE if fault.shows == "page" else ""
            return web.Response(status=fault.status, text=text, content_type="text/html")
        case _:
            raise ValueError(f"{fault.fault} does not happen to an answer")


def _header(retry_after_s: float | str) -> str:
    # The header counts whole seconds (RFC 9110, 10.2.3); text is sent as it was armed.
    return retry_after_s if isinstance(retry_after_s, str) else f"{retry_after_s:.0f}"


def _drop(request: web.Request) -> web.Response:
    """Break the connection without a byte of an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()  # Nobody gets it; the server wants one.


def _cut(request: web.Request, answer: web.Response, framing: Framing) -> web.Response:
    """Send the head and half of the body, then close."""
    transport = request.transport
    if transport is not None:
        body = answer.body if isinstance(answer.body, bytes) else b""
        head = f"HTTP/1.1 {answer.status} {answer.reason}\r\nContent-Type: application/json\r\n"
        if framing == "length":
            head += f"Content-Length: {len(body)}\r\n"
        half = body[: len(body) // 2]
        transport.write(f"{head}Connection: close\r\n\r\n".encode() + half)
        transport.close()
    return web.Response()


async def dawdle(seconds: float) -> None:
    """Wait as the gateway does; the request goes on also when its client has gone."""
    if seconds > 0:
        await asyncio.sleep(seconds)


def json_response(content: object, status: int = 200) -> web.Response:
    """An answer in JSON."""
    return web.Response(
        body=json.dumps(content).encode(), status=status, content_type="application/json"
    )

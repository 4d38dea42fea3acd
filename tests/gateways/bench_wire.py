"""Measures the wire against plain httpx clients, by hand: ``python tests/gateways/bench_wire.py``.

A server in a process of its own answers every request at once with a payment of about a
kilobyte; requests per second and the 99th percentile are printed for several numbers of
requests under way. Not a test: the figures depend on the machine.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import sys
import time
from collections.abc import Awaitable, Callable

import httpx

from gateways.wire import Wire, request

_BODY = b'{"a":"' + b"x" * 1000 + b'"}'
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
_REQUESTS = 2000
_UNDER_WAY = (1, 16, 64)

Send = Callable[[], Awaitable[object]]


class _AtOnce(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"}") and isinstance(self._transport, asyncio.WriteTransport):
            self._transport.write(_ANSWER)


def _serve(listening: socket.socket) -> None:
    async def forever() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(_AtOnce, sock=listening)
        await server.serve_forever()

    asyncio.run(forever())


async def _measured(send: Send, under_way: int) -> tuple[float, float]:
    """Requests per second, and the 99th percentile in milliseconds."""
    took: list[float] = []

    async def one_after_another(count: int) -> None:
        for _ in range(count):
            began = time.perf_counter()
            await send()
            took.append(time.perf_counter() - began)

    began = time.perf_counter()
    each = _REQUESTS // under_way
    await asyncio.gather(*(one_after_another(each) for _ in range(under_way)))
    per_s = len(took) / (time.perf_counter() - began)
    return per_s, sorted(took)[len(took) * 99 // 100] * 1000


def _by_wire(url: str, connections: int) -> Send:
    wire = Wire("bench", connections=connections)

    async def send() -> object:
        until = asyncio.get_running_loop().time() + 20
        return await wire.send(request("POST", url, headers={}, content={"a": 1}), until=until)

    return send


def _by_one_client(url: str, connections: int) -> Send:
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    client = httpx.AsyncClient(limits=limits, trust_env=False)

    async def send() -> object:
        return await client.post(url, json={"a": 1})

    return send


def _by_many_clients(url: str, connections: int) -> Send:
    idle: asyncio.LifoQueue[httpx.AsyncClient] = asyncio.LifoQueue()
    for _ in range(connections):
        idle.put_nowait(httpx.AsyncClient(limits=httpx.Limits(max_connections=1), trust_env=False))

    async def send() -> object:
        client = await idle.get()
        try:
            return await client.post(url, json={"a": 1})
        finally:
            idle.put_nowait(client)

    return send


async def _compare(url: str) -> None:
    ways = {
        "one AsyncClient": _by_one_client,
        "32 AsyncClients": _by_many_clients,
        "wire": _by_wire,
    }
    for name, way in ways.items():
        for under_way in _UNDER_WAY:
            send = way(url, 32)
            per_s, p99_ms = await _measured(send, under_way)
            sys.stdout.write(
                f"{name:16} {under_way:3} under way: {per_s:6.0f}/s, p99 {p99_ms:6.1f} ms\n"
            )


def main() -> None:
    """Print the figures."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        server = multiprocessing.get_context("fork").Process(target=_serve, args=(listening,))
        server.start()
        try:
            asyncio.run(_compare(f"http://127.0.0.1:{port}/"))
        finally:
            server.terminate()
            server.join()


if __name__ == "__main__":
    main()

"""Servers on real sockets that behave as no proper gateway does."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable

Behave = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def served(behave: Behave) -> AsyncGenerator[str]:
    """Let every connection's request come in whole, then behave; yields the server's URL."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await behave(reader, writer)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()


def answering(raw: bytes) -> Behave:
    """Send exactly these bytes, then close."""

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    return behave


async def resetting(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Break the connection with an RST, without a word."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def dripping(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a byte every few milliseconds, for longer than anybody waits."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    for _byte in range(1000):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Never answer; ends when the client goes."""
    await reader.read()


def http(body: bytes, *headers: str, status: str = "200 OK", framed: bool = True) -> bytes:
    """An HTTP/1.1 answer; without framing its end is the connection's."""
    lines = [f"HTTP/1.1 {status}", *headers, *([f"content-length: {len(body)}"] if framed else [])]
    return "\r\n".join([*lines, "", ""]).encode() + body


def unused_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port

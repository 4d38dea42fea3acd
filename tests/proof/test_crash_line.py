"""The crash harness's line: a proxy before a real server on loopback, in every weather.

The server behind it answers each chunk with the same chunk; what arrives on either side tells
what the line has let pass.
"""

from __future__ import annotations

import asyncio
import contextlib
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import pytest

from proof.crash.line import CUTS, Line, Passage, Watch, Way, Weather
from worker.embedded import HOST

LONG = b"x" * 200


@dataclass
class Echo:
    """What stands behind a line."""

    heard: list[bytes] = field(default_factory=list[bytes])

    async def answer(self, reader: StreamReader, writer: StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(1000):
                self.heard.append(chunk)
                writer.write(chunk)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def a_line(watch: Watch | None = None) -> AsyncGenerator[tuple[Line, Echo]]:
    echo = Echo()
    server = await asyncio.start_server(echo.answer, HOST, 0)
    line = Line("a line", (lambda: watch) if watch else None)
    await line.open()
    line.leads_to(f"{HOST}:{server.sockets[0].getsockname()[1]}")
    try:
        yield line, echo
    finally:
        await line.close()
        server.close()


@contextlib.asynccontextmanager
async def a_caller(line: Line) -> AsyncGenerator[tuple[StreamReader, StreamWriter]]:
    host, _, port = line.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def heard(reader: StreamReader, within_s: float = 0.4) -> bytes | None:
    """What comes back: None for silence, nothing for an end, or a reset."""
    try:
        async with asyncio.timeout(within_s):
            return await reader.read(1000)
    except TimeoutError:
        return None
    except OSError:
        return b""


async def test_a_clear_line_passes_everything_both_ways() -> None:
    async with a_line() as (line, _), a_caller(line) as (reader, writer):
        writer.write(LONG)
        assert await heard(reader) == LONG
        assert line.change(Weather.CLEAR) == 0


EXPECTED = {
    Weather.BLACKHOLE: (False, None),
    Weather.TORN: (False, b""),
    Weather.HALF_OPEN: (False, None),
    Weather.SLOW: (True, LONG),
    Weather.NO_ANSWERS: (True, None),
    Weather.NO_REQUESTS: (False, None),
    Weather.CUT_SHORT: (True, b""),
}


@pytest.mark.parametrize("weather", CUTS)
async def test_a_cut_line_does_what_its_weather_says_and_counts_it(weather: Weather) -> None:
    arrives, comes_back = EXPECTED[weather]
    async with a_line() as (line, echo), a_caller(line) as (reader, writer):
        writer.write(b"before")
        assert await heard(reader) == b"before"
        line.change(weather)
        writer.write(LONG)
        assert await heard(reader, within_s=1.0 if comes_back else 0.4) == comes_back
        assert (len(echo.heard) > 1) is arrives
        assert line.change(Weather.CLEAR) == 1


@pytest.mark.parametrize("weather", [w for w in CUTS if w is not Weather.SLOW])
async def test_a_connection_that_has_lost_something_is_torn_and_the_next_one_is_whole(
    weather: Weather,
) -> None:
    async with a_line() as (line, _):
        async with a_caller(line) as (reader, writer):
            writer.write(b"before")
            assert await heard(reader) == b"before"
            line.change(weather)
            writer.write(LONG)
            await asyncio.sleep(0.1)
            line.change(Weather.CLEAR)
            assert await heard(reader) == b""
        async with a_caller(line) as (reader, writer):
            writer.write(LONG)
            assert await heard(reader) == LONG


async def test_nobody_is_reached_while_the_peer_is_down() -> None:
    async with a_line() as (line, _):
        line.target = None
        async with a_caller(line) as (reader, _):
            assert await heard(reader) == b""


async def test_what_reads_along_decides_what_passes_and_acts_after_it() -> None:
    acts: list[str] = []

    class Half:
        def sees(self, way: Way, chunk: bytes) -> Passage:
            if way is Way.THERE:
                return Passage(chunk)
            return Passage(chunk[: len(chunk) // 2], lambda: acts.append("struck"))

    async with a_line(Half()) as (line, echo), a_caller(line) as (reader, writer):
        writer.write(LONG)
        assert await heard(reader) == LONG[:100]
        assert echo.heard == [LONG]
        assert acts == ["struck"]

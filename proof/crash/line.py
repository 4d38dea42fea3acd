"""A TCP line that can be cut: a proxy on loopback between two processes.

What a cut line has swallowed is gone: when the weather clears, a connection that has lost a byte
is torn, as no peer would ever see the rest. Nothing is delivered late, so that what a gateway
was sent it has read within moments or never will.
"""

from __future__ import annotations

import asyncio
import contextlib
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from worker.embedded import HOST

_CHUNK = 65_536
_SLOW_S = 0.25
_CUT_AFTER_BYTES = 40


class Way(StrEnum):
    """Which way bytes go."""

    THERE = "requests"
    BACK = "answers"


class Weather(StrEnum):
    """What a line does to the bytes on it."""

    CLEAR = "clear"
    BLACKHOLE = "nothing passes"
    TORN = "connections are reset"
    HALF_OPEN = "half-open"
    SLOW = "slow"
    NO_ANSWERS = "answers are lost"
    NO_REQUESTS = "requests are lost"
    CUT_SHORT = "cut after some bytes"


#: Every way to cut a line.
CUTS = tuple(weather for weather in Weather if weather is not Weather.CLEAR)


@dataclass(frozen=True, slots=True)
class Passage:
    """What becomes of a chunk: this much passes, then this happens."""

    passes: bytes
    then: Callable[[], None] | None = None


class Watch(Protocol):
    """Reads along on one connection."""

    def sees(self, way: Way, chunk: bytes) -> Passage:
        """Say what passes of a chunk."""
        ...


@dataclass(eq=False)
class _Wire:
    """One connection: the near side called us, the far side is who it wants."""

    near: StreamWriter
    far: StreamWriter
    watch: Watch | None
    lost: set[Way] = field(default_factory=set[Way])

    def tear(self) -> None:
        """Reset both sides: whoever writes next is told so at once."""
        for writer in (self.near, self.far):
            writer.transport.abort()


class Line:
    """Listens at `address`, and passes on to `target`; None is a peer that is down.

    Args:
        name: For people.
        watch: Makes what reads along on each connection.
    """

    def __init__(self, name: str, watch: Callable[[], Watch] | None = None) -> None:
        self.name = name
        self.target: tuple[str, int] | None = None
        self._watch = watch
        self._weather = Weather.CLEAR
        self._wires: set[_Wire] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._cut: set[_Wire] = set()

    @property
    def address(self) -> str:
        """Where it listens.

        Raises:
            RuntimeError: It does not listen yet.
        """
        if self._server is None:
            raise RuntimeError(f"the line {self.name} is not open")
        return f"{HOST}:{self._server.sockets[0].getsockname()[1]}"

    @property
    def is_busy(self) -> bool:
        """Whether anybody is connected."""
        return bool(self._wires)

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._called, HOST, 0)

    async def close(self) -> None:
        """Tear what is left, and listen no more."""
        if self._server is not None:
            self._server.close()
        for wire in list(self._wires):
            wire.tear()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def leads_to(self, address: str) -> None:
        """Pass on to this address from now on."""
        host, _, port = address.rpartition(":")
        self.target = host, int(port)

    def change(self, weather: Weather) -> int:
        """Change the weather; answers with how many connections the last one has touched.

        Clear weather tears what has lost a byte.
        """
        cut, self._cut = self._cut, set()
        self._weather = weather
        for wire in list(self._wires):
            if weather is Weather.TORN or (weather is Weather.CLEAR and wire.lost):
                self._lose(wire)
                wire.tear()
            elif weather is Weather.HALF_OPEN:
                self._lose(wire)
                wire.far.transport.abort()
        return len(cut)

    def _lose(self, wire: _Wire, *ways: Way) -> None:
        self._cut.add(wire)
        wire.lost.update(ways or Way)

    def _called(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.ensure_future(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, near_reader: StreamReader, near: StreamWriter) -> None:
        try:
            if self.target is None or self._weather is Weather.TORN:
                raise ConnectionRefusedError
            far_reader, far = await asyncio.open_connection(*self.target)
        except OSError:
            near.transport.abort()
            return
        wire = _Wire(near, far, self._watch() if self._watch else None)
        self._wires.add(wire)
        try:
            there = asyncio.ensure_future(self._pump(wire, Way.THERE, near_reader, far))
            back = asyncio.ensure_future(self._pump(wire, Way.BACK, far_reader, near))
            try:
                await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
                await self._far_side_is_silent(wire, back, there)
            finally:
                there.cancel()
                back.cancel()
                await asyncio.gather(there, back, return_exceptions=True)
        finally:
            self._wires.discard(wire)
            wire.tear()

    async def _far_side_is_silent(
        self, wire: _Wire, back: asyncio.Task[None], there: asyncio.Task[None]
    ) -> None:
        """A half-open line goes on swallowing what the near side says."""
        if wire.lost and back.done() and not there.done():
            with contextlib.suppress(OSError):
                await there

    async def _pump(
        self, wire: _Wire, way: Way, reader: StreamReader, writer: StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                passage = wire.watch.sees(way, chunk) if wire.watch else Passage(chunk)
                passes = await self._through(wire, way, passage.passes)
                if passes and not writer.is_closing():
                    writer.write(passes)
                    await writer.drain()
                if passage.then is not None:
                    passage.then()

    async def _through(self, wire: _Wire, way: Way, chunk: bytes) -> bytes:
        """What the weather lets pass of a chunk."""
        lost = {Weather.BLACKHOLE, Weather.HALF_OPEN}
        lost.add(Weather.NO_ANSWERS if way is Way.BACK else Weather.NO_REQUESTS)
        if way in wire.lost or self._weather in lost:
            self._lose(wire, way)
            return b""
        if self._weather is Weather.CUT_SHORT:
            self._lose(wire)
            asyncio.get_running_loop().call_soon(wire.tear)
            return chunk[:_CUT_AFTER_BYTES]
        if self._weather is Weather.SLOW:
            self._cut.add(wire)
            await asyncio.sleep(_SLOW_S)
        return chunk

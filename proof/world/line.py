"""The network between a worker and the gateway: httpx's transport, every request on record.

Whatever can happen to a request is decided by the weather, one question for each request; what
has reached the gateway is carried out there whether or not somebody still waits for the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import httpx
from temporalio import activity
from yarl import URL

from proof.world.bank import Bank, Reply

#: How long a machine waits for bytes that never come; our own limits are far shorter.
_NEVER_S = 3600.0


@dataclass
class Exchange:
    """One request and what became of it.

    Attributes:
        number: Counted from 1 in the order of sending.
        at: When it left, in the world's seconds.
        worker: Who sent it.
        run_id: For which run.
        activity_id: Of its activity there.
        arrived_at: When the gateway began with it; None while, or if, it never did.
        status: Of the answer as it left the gateway's side.
        seen: Whether the client has the whole of it.
        seen_at: Since when; that may be after the attempt was given up.
        seen_after: The number of the last request that had left by then.
        fault: What the weather did to it.
        retry_after: For how long the gateway wants to be left alone, in its own words.
    """

    number: int
    at: float
    worker: str
    operation: str
    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    run_id: str | None = None
    activity_id: str | None = None
    arrived_at: float | None = None
    status: int | None = None
    seen: bool = False
    seen_at: float | None = None
    seen_after: int | None = None
    fault: str = ""
    retry_after: str = ""

    @property
    def own_status(self) -> int | None:
        """The status that the gateway gave; None where a page of another's stood in its place."""
        return None if self.fault == "garbage" else self.status

    @property
    def key(self) -> str | None:
        """The idempotency key in its header, where there is one."""
        return self.headers.get("idempotency-key")


@dataclass(frozen=True)
class Weather:
    """What the network does to one request; the gateway's own faults are armed at the bank.

    Attributes:
        name: For the trace.
        refused: No connection: not a byte leaves.
        lost: It never arrives, and the client sees the connection break, or nothing at all.
        silent: Of what is lost or unanswered the client hears nothing: it waits.
        late_s: It arrives so much later.
        unanswered: It arrives, and the answer is lost.
        answer_late_s: The answer comes so much later.
        instead: It is about another payment than was asked for: the id asked for, the other's.
        before: What happens at the gateway just before it arrives.
    """

    name: str = ""
    refused: bool = False
    lost: bool = False
    silent: bool = False
    late_s: float = 0.0
    unanswered: bool = False
    answer_late_s: float = 0.0
    armed: tuple[str, Mapping[str, object]] | None = None
    instead: tuple[str, str] | None = None
    before: Callable[[], Awaitable[object]] | None = None


class Forecast(Protocol):
    """Decides what happens to a request."""

    def __call__(self, exchange: Exchange) -> Weather: ...


class Network:
    """Every line of a world, and the record of all that went over them."""

    def __init__(
        self,
        bank: Bank,
        forecast: Forecast,
        operation_of: Callable[[str, str, bytes], str],
        told: Callable[[str, Exchange], None],
    ) -> None:
        self.exchanges: list[Exchange] = []
        self._bank = bank
        self._forecast = forecast
        self._operation_of = operation_of
        self._told = told
        self._under_way: set[asyncio.Task[Reply]] = set()

    def line(self, worker: str) -> Line:
        """A worker's line to the gateway."""
        return Line(self, worker)

    def begin(self, worker: str, request: httpx.Request) -> tuple[Exchange, Weather]:
        """Write a request down, and ask what will happen to it."""
        info = activity.info() if activity.in_activity() else None
        exchange = Exchange(
            number=len(self.exchanges) + 1,
            at=asyncio.get_running_loop().time(),
            worker=worker,
            operation=self._operation_of(request.method, request.url.path, request.content),
            method=request.method,
            path=request.url.raw_path.decode(),
            headers=dict(request.headers),
            body=request.content,
            run_id=info.workflow_run_id if info else None,
            activity_id=info.activity_id if info else None,
        )
        self.exchanges.append(exchange)
        weather = self._forecast(exchange)
        exchange.fault = weather.name
        self._told("sent", exchange)
        return exchange, weather

    def deliver(self, exchange: Exchange, weather: Weather) -> asyncio.Task[Reply]:
        """Bring a request to the gateway; nobody has to wait for it."""
        task = asyncio.ensure_future(self._deliver(exchange, weather))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _deliver(self, exchange: Exchange, weather: Weather) -> Reply:
        if weather.late_s:
            await asyncio.sleep(weather.late_s)
        if weather.before is not None:
            await weather.before()
        if weather.armed is not None:
            fault, parameters = weather.armed
            self._bank.arm("*", fault, **parameters)
        exchange.arrived_at = asyncio.get_running_loop().time()
        path = exchange.path.replace(*weather.instead) if weather.instead else exchange.path
        url = URL(f"http://bank{path}", encoded=True)
        reply = await self._bank.serve(exchange.method, url, exchange.headers, bytes(exchange.body))
        if weather.armed is not None:
            self._bank.forget()
        exchange.status = reply.status
        exchange.retry_after = reply.headers.get("Retry-After", "")
        self._told("booked", exchange)
        if weather.answer_late_s:
            await asyncio.sleep(weather.answer_late_s)
        return reply


class Line(httpx.AsyncBaseTransport):
    """One worker's connections. A worker that is killed hears nothing more, and says nothing."""

    def __init__(self, network: Network, worker: str) -> None:
        self._network = network
        self._worker = worker
        self._going = asyncio.Event()
        self._going.set()
        self.is_cut = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._breathe()
        exchange, weather = self._network.begin(self._worker, request)
        if weather.refused:
            raise httpx.ConnectError("refused")
        if weather.lost:
            await self._silence(weather)
        under_way = self._network.deliver(exchange, weather)
        reply = await asyncio.shield(under_way)
        await self._breathe()
        if weather.unanswered:
            await self._silence(weather)
        if reply.status == 0:
            raise httpx.RemoteProtocolError("closed without an answer")
        if not reply.broken:
            exchange.seen, exchange.seen_at = True, asyncio.get_running_loop().time()
            exchange.seen_after = len(self._network.exchanges)
        return httpx.Response(
            reply.status, headers=dict(reply.headers), stream=_Body(reply), request=request
        )

    async def _silence(self, weather: Weather) -> None:
        if weather.silent:
            await asyncio.sleep(_NEVER_S)
        raise httpx.ReadError("connection reset")

    def stand_still(self) -> None:
        """Nothing is sent or read from here on."""
        self._going.clear()

    def go_on(self) -> None:
        """What waited is sent and read."""
        self._going.set()

    async def going(self) -> None:
        """Until the process runs, if it ever does."""
        await self._breathe()

    async def _breathe(self) -> None:
        """A process that stands still goes on later; one that has been killed never does."""
        await self._going.wait()
        if self.is_cut:
            await asyncio.get_running_loop().create_future()


class _Body(httpx.AsyncByteStream):
    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._reply.body
        if self._reply.broken:
            raise httpx.RemoteProtocolError("peer closed connection without the complete body")

"""Every verb of every account as it went once against the simulators, to be played again spoilt.

Recorded over real HTTP on loopback; played back behind the adapter's whole code, where httpx's own
transport would stand.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import count

import httpx
from pydantic import SecretStr

from cardhold.hold import OperationKind
from cardhold.messages import Browser, PaymentMethod
from cardhold.money import Money
from domain.calls import Call
from domain.keys import OperationName
from domain.outcome import Approved, Outcome, Payment
from gateways.account import Account, AccountSettings
from gateways.accounts import KINDS, build, read_account
from gateways.errors import GatewayError
from gateways.port import Listed, Named
from proof.fuzz.hunt import Wrong
from simulator.server import Simulator

#: What a verb, a look-up or a list ends in.
Ending = Outcome | Payment | Listed | GatewayError | None
Verb = Callable[[Account], Awaitable[Ending]]
HELD = 100_00
# Where the simulators listen, and nothing else is.
HOST = "127.0.0.1"
_DAY = timedelta(days=1)


class Asks(Enum):
    """What of an account is asked for."""

    DO = "do"
    LOOK = "look up"
    LIST = "list"


_BROWSER = Browser(
    accept_header="text/html", ip="203.0.113.7", language="en", user_agent="Mozilla/5.0",
    java_enabled=False, javascript_enabled=True, color_depth=24, screen_height=900,
    screen_width=1440, time_zone_offset_minutes=-60,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Desk:
    """An account at a simulated gateway, with what its simulator takes for a card.

    Attributes:
        kind: Of gateway.
        declined: A card that the issuer declines, or an amount with a card that is good.
        challenged: A card that is asked for 3-D Secure, where the gateway asks.
    """

    name: str
    kind: str
    currency: str
    opens: PaymentMethod
    declined: PaymentMethod | int
    challenged: PaymentMethod | None = None
    table: Mapping[str, object] = field(default_factory=dict[str, object])

    def settings(self, url: str) -> AccountSettings:
        """Its account, pointed at the simulator at this URL."""
        named = {"gateway": self.kind, "environment": "simulated", "allowed_return_hosts": ["*"]}
        return read_account(self.name, {**named, **KINDS[self.kind].simulated(url), **self.table})


def _stored(token: str, customer_id: str | None = None) -> PaymentMethod:
    told = {"kind": "stored_token", "token": token, "customer_id": customer_id}
    return PaymentMethod.model_validate(told)


DESKS = (
    Desk("payroc", "payroc", "USD", _stored("2967539876543210"), 49_01),
    Desk("sibs", "sibs", "EUR", _stored("tok-9f8e7d6c5b4a"), _stored("tok-declined-5b4a"),
         _stored("tok-3ds-5b4a")),
    Desk("xmoney", "xmoney", "EUR", _stored("918273645", "4401"), _stored("918273666", "4401"),
         _stored("918273333", "4401")),
    Desk("stax", "stax", "USD", _stored("5e8d7c6b-1a2b-4c3d-8e9f-0a1b2c3d4e5f"),
         _stored("5e8d7c6b-declined-8e9f")),
    Desk("stax-several", "stax", "USD", _stored("5e8d7c6b-1a2b-4c3d-8e9f-0a1b2c3d4e5f"),
         _stored("5e8d7c6b-declined-8e9f"), None,
         {"api_key": SecretStr("any-key-of-several-captures"), "captures_per_hold": "several",
          "rest_after_capture": "void"}),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Heard:
    """One request, and what was answered.

    Attributes:
        books: The bank entered something for it: money that moved, or a decline.
    """

    method: str
    path: str
    status: int
    body: bytes
    books: bool
    headers: tuple[tuple[bytes, bytes], ...] = ((b"content-type", b"application/json"),)

    def answer(self) -> httpx.Response:
        """What the adapter gets."""
        marked = [*self.headers, (b"content-length", str(len(self.body)).encode())]
        return httpx.Response(self.status, headers=marked, stream=httpx.ByteStream(self.body))


@dataclass(frozen=True, slots=True)
class Recording:
    """One verb as it went.

    Attributes:
        what: For people: account and verb.
        script: Every request and its answer, in order.
        named: What was asked for.
    """

    what: str
    desk: Desk
    settings: AccountSettings
    named: Named
    asks: Asks
    script: tuple[Heard, ...]
    ended: Ending

    def __repr__(self) -> str:
        return f"<{self.what}>"

    def but(self, number: int, heard: Heard) -> tuple[Heard, ...]:
        """The script with another answer to one request."""
        return (*self.script[:number], heard, *self.script[number + 1 :])


@dataclass(slots=True)
class Replay(httpx.AsyncBaseTransport):
    """Answers each request as in the script; one that is not in it gets no answer."""

    script: Sequence[Heard]
    played: list[Heard] = field(default_factory=list[Heard])
    strays: list[str] = field(default_factory=list[str])
    _times: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer from the script; a request that comes more often gets the last answer."""
        if request.url.host != HOST:
            self.strays.append(request.url.host)
        place = request.method, request.url.raw_path.decode()
        known = [heard for heard in self.script if (heard.method, heard.path) == place]
        if not known:
            raise httpx.ReadError("nobody answers here")
        heard = known[min(self._times[place], len(known) - 1)]
        self._times[place] += 1
        self.played.append(heard)
        return heard.answer()


async def played(recording: Recording, script: Sequence[Heard]) -> tuple[Ending, list[Heard]]:
    """Play a recording from another script; with every answer that was given.

    Raises:
        Wrong: An answer leads to somewhere else than to the gateway.
    """
    replay = Replay(script)
    account = opened(recording.settings, replay)
    ended = await ending(_verb(recording.named, recording.asks), account)
    if isinstance(ended, Listed) and ended.next_page is not None:
        await ending(_verb(recording.named, recording.asks, ended.next_page), account)
    if replay.strays:
        raise Wrong(f"{recording.what} goes to {replay.strays}")
    return ended, replay.played


async def ending(verb: Verb, account: Account) -> Ending:
    """How a verb ends; an error that is no gateway's goes through."""
    try:
        return await verb(account)
    except GatewayError as error:
        return error


def opened(settings: AccountSettings, transport: httpx.AsyncBaseTransport) -> Account:
    """The account as a worker opens it, with ``transport`` for every connection that it makes."""
    with _standing_in(transport):
        return build(settings.gateway, settings)


@contextmanager
def _standing_in(transport: httpx.AsyncBaseTransport) -> Generator[None]:
    real = httpx.AsyncHTTPTransport

    def instead(**_: object) -> httpx.AsyncBaseTransport:
        return transport

    setattr(httpx, "AsyncHTTPTransport", instead)  # noqa: B010 - a class's name for a function's
    try:
        yield
    finally:
        setattr(httpx, "AsyncHTTPTransport", real)  # noqa: B010 - as it was


class _Tap(httpx.AsyncBaseTransport):
    """Passes everything on to the real network, and listens."""

    def __init__(self, network: httpx.AsyncBaseTransport, entries: Callable[[], int]) -> None:
        self._network = network
        self._entries = entries
        self.heard: list[Heard] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        entries = self._entries()
        response = await self._network.handle_async_request(request)
        body = await response.aread()
        await response.aclose()
        path = request.url.raw_path.decode()
        booked = self._entries() > entries
        self.heard.append(Heard(request.method, path, response.status_code, body, booked))
        return httpx.Response(response.status_code, headers=response.headers,
                              stream=httpx.ByteStream(body))  # fmt: skip


def recordings() -> list[Recording]:
    """Every verb of every account that it has, as it goes well, is declined, or asks the guest."""
    return asyncio.run(_recordings())


async def _recordings() -> list[Recording]:
    async with Simulator() as simulator, httpx.AsyncHTTPTransport(trust_env=False) as network:
        recorders = [_Recorder(desk, simulator, network) for desk in DESKS]
        return [each for recorder in recorders async for each in recorder.all()]


class _Recorder:
    """Records one account's verbs."""

    _numbers = count(1)

    def __init__(self, desk: Desk, simulator: Simulator, network: httpx.AsyncBaseTransport) -> None:
        self._desk = desk
        self._simulator = simulator
        self._network = network
        self._settings = desk.settings(simulator.url)
        self._can = self._settings.capabilities()

    async def all(self) -> AsyncIterator[Recording]:
        for kind in OperationKind:
            self._simulator.reset()  # short lists, and nobody else's holds in them
            named = await self._ready(kind)
            if named is not None:
                yield await self._looked(named, f"look up {kind} unsent")
                yield await self._done(named, str(kind))
                yield await self._looked(named, f"look up {kind}")
        declined = self._desk.declined
        amount, method = (declined, None) if isinstance(declined, int) else (HELD, declined)
        yield await self._done(self._placing(amount, method), "decline")
        if KINDS[self._desk.kind].profile.lists:
            held = await self._ready(OperationKind.RELEASE)
            yield await self._recorded(held or self._placing(HELD), "list", Asks.LIST)
        if self._desk.challenged is not None:
            yield await self._done(self._placing(HELD, self._desk.challenged), "ask the guest")

    async def _ready(self, kind: OperationKind) -> Named | None:
        """The operation, its hold placed; None where the account has no such."""
        placed = self._placing(HELD)
        if kind is OperationKind.AUTHORIZE:
            return placed
        if kind is OperationKind.ADJUST and not (self._can.raises or self._can.lowers):
            return None
        tap, account = self._tapped()
        outcome = await account.authorize(placed)
        if not isinstance(outcome, Approved):
            raise TypeError(f"{self._desk.name}: the hold was not placed: {outcome!r} {tap.heard}")
        amount = {OperationKind.ADJUST: 60_00, OperationKind.CAPTURE: 80_00}.get(kind, HELD)
        if kind is OperationKind.CAPTURE and not self._can.frees_rest:
            amount = 30_00
        told = {
            "kind": kind,
            "command_id": kind.value,
            "amount": self._money(amount),
            "held": placed.call.amount,
            "final": kind is not OperationKind.CAPTURE or self._can.frees_rest,
            "payment_id": outcome.payment.payment_id,
            "reference": placed.reference,
            "payment_method": None,
            "return_url": None,
            "browser": None,
        }
        return self._named(placed.call.model_copy(update=told))

    def _placing(self, amount_minor: int, method: PaymentMethod | None = None) -> Named:
        call = Call(
            account=self._desk.name,
            workflow_id=f"reservation-{next(self._numbers)}",
            kind=OperationKind.AUTHORIZE,
            command_id="start",
            amount=self._money(amount_minor),
            held=self._money(0),
            captured=self._money(0),
            asked_at=datetime.now(UTC),
            payment_method=method or self._desk.opens,
            return_url="https://book.example/back",
            browser=_BROWSER,
            description="Sea view",
            metadata={"booking": "B-7"},
        )
        return self._named(call)

    def _named(self, call: Call) -> Named:
        name = OperationName(
            self._desk.name, "simulated", call.workflow_id, call.kind.value, call.command_id
        )
        return Named(call, name.key(), name.reference())

    async def _done(self, named: Named, what: str) -> Recording:
        return await self._recorded(named, what, Asks.DO)

    async def _looked(self, named: Named, what: str) -> Recording:
        return await self._recorded(named, what, Asks.LOOK)

    async def _recorded(self, named: Named, what: str, asks: Asks) -> Recording:
        tap, account = self._tapped()
        ended = await ending(_verb(named, asks), account)
        told = f"{self._desk.name}: {what}"
        return Recording(told, self._desk, self._settings, named, asks, tuple(tap.heard), ended)

    def _tapped(self) -> tuple[_Tap, Account]:
        tap = _Tap(self._network, self._entries)
        return tap, opened(self._settings, tap)

    def _entries(self) -> int:
        return sum(len(hold["effects"]) for hold in self._simulator.bank.books()["holds"])

    def _money(self, amount_minor: int) -> Money:
        return Money(amount_minor=amount_minor, currency=self._desk.currency)


def _verb(named: Named, asks: Asks, page: str | None = None) -> Verb:
    async def verb(account: Account) -> Ending:
        match asks:
            case Asks.LOOK:
                return await account.look_up(named)
            case Asks.LIST:
                now = named.call.asked_at or datetime.now(UTC)
                return await account.open_holds(now - _DAY, now + _DAY, page)
            case Asks.DO:
                return await _done(account, named)

    return verb


async def _done(account: Account, named: Named) -> Outcome:
    match named.call.kind:
        case OperationKind.AUTHORIZE:
            return await account.authorize(named)
        case OperationKind.ADJUST:
            return await account.adjust(named)
        case OperationKind.CAPTURE:
            return await account.capture(named)
        case OperationKind.RELEASE:
            return await account.release(named)


def changed(heard: Heard, **changes: object) -> Heard:
    """The same request, answered otherwise."""
    return replace(heard, **changes)  # pyright: ignore[reportArgumentType] - by their names

"""Every adapter against servers that mean harm, on real loopback sockets, TLS included.

Each gateway's call is led as far as its money request, which then meets a server that drips,
floods, redirects or repeats. The verdict is the error's class, which server saw what, how long it
took and what the process grew to. Certificates are made on the spot; `tests.conformance` tries
thousands of wrong answers without a network.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import re
import ssl
from collections.abc import AsyncGenerator, Callable, Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest

from gateways.accounts import build
from gateways.errors import NotSent, OutcomeUnknown
from gateways.wire import (
    BODY_BYTES_MAX,
    Wire,
    _trust,  # pyright: ignore[reportPrivateUsage] - the one that every account uses
    request,
)
from tests.conformance.acts import placing
from tests.conformance.desk import Ending, doing, ending, looking
from tests.conformance.gateways import UNDERS, Under
from tests.gateways.certificates import AUTHORITY, certificate, serving
from tests.gateways.loopback import Behave, answering, http

EACH_GATEWAY = pytest.mark.parametrize("under", [u for u in UNDERS if not u.about], ids=str)
LIMIT_S = 0.4
# Far more than the limit, for a machine that has other things to do.
SOON_S = 3.0
GROWTH_BYTES_MAX = 48 * 1024 * 1024
_TOKEN = b'{"access_token": "token-of-an-hour", "expires_in": 3600, "token_type": "Bearer"}'


def _order(head: bytes) -> bytes:
    """SIBS's answer to an order, which holds nothing yet."""
    reference = re.search(rb'"merchantTransactionId":"(\w+)"', head)
    assert reference is not None
    told = {
        "transactionID": "order0000001",
        "transactionSignature": "signature-of-an-order",
        "amount": {"value": 100, "currency": "EUR"},
        "merchant": {"merchantTransactionId": reference.group(1).decode()},
        "returnStatus": {"statusCode": "000", "statusMsg": "Success"},
    }
    return json.dumps(told).encode()


class Server:
    """Polite until the money request, and then as told.

    Attributes:
        requests: The heads and bodies that came.
    """

    def __init__(self, behave: Behave, *, polite: bool = True) -> None:
        self._behave = behave
        self._polite = polite
        self.requests: list[bytes] = []

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, ssl.SSLError):
            while not writer.is_closing():
                whole = await self._request(reader)
                self.requests.append(whole)
                first = self._first_step(whole) if self._polite else None
                if first is None:
                    await self._behave(reader, writer)
                    break
                writer.write(http(first, "content-type: application/json"))
                await writer.drain()
        writer.close()

    async def _request(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        return head + (await reader.readexactly(int(length.group(1))) if length else b"")

    def _first_step(self, whole: bytes) -> bytes | None:
        line = whole.partition(b"\r\n")[0]
        if line.startswith(b"POST /payroc/authorize "):
            return _TOKEN
        return _order(whole) if line.startswith(b"POST /sibs/spg/v2/payments ") else None


@contextlib.asynccontextmanager
async def serves(server: Server, context: ssl.SSLContext | None = None) -> AsyncGenerator[str]:
    """The server's URL while it serves."""
    listening = await asyncio.start_server(server.connected, "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{port}"
    finally:
        listening.close()


async def ends_at(under: Under, url: str, *, looks: bool = False, limit_s: float = 5.0) -> Ending:
    """How a call ends there, by the adapter as a worker opens it."""
    settings = under.settings(url)
    limit = timedelta(seconds=limit_s)
    account = build(under.name, settings.model_copy(update={"call_time_out": limit}))
    try:
        named = placing(under)
        return await ending(looking(named) if looks else doing(named), account)
    finally:
        await account.close()


async def drips_its_head(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(1000):
        writer.write(b"x-%d: y\r\n" % number)
        await writer.drain()
        await asyncio.sleep(0.02)


async def drips_its_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    for _byte in range(1000):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def goes_on(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """100 Continue, again and again."""
    for _time in range(1000):
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def says_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


SLOW: dict[str, Behave] = {
    "a slow head": drips_its_head,
    "a slow body": drips_its_body,
    "continue": goes_on,
    "nothing": says_nothing,
}


@EACH_GATEWAY
@pytest.mark.parametrize("looks", [False, True], ids=["places", "looks"])
@pytest.mark.parametrize("slow", SLOW)
async def test_no_slowness_outlasts_the_limit_of_a_call(
    under: Under, slow: str, *, looks: bool
) -> None:
    server = Server(SLOW[slow])
    began = asyncio.get_running_loop().time()
    async with serves(server) as url:
        ended = await ends_at(under, url, looks=looks, limit_s=LIMIT_S)
    assert asyncio.get_running_loop().time() - began < SOON_S
    assert isinstance(ended, OutcomeUnknown)
    assert server.requests


def _flood() -> Behave:
    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"[" * 0x10000 + b"\r\n"
        for _time in range(2000):
            writer.write(chunk)
            await writer.drain()

    return behave


def _coded(coding: str, body: bytes) -> bytes:
    return http(body, f"content-encoding: {coding}", "content-type: application/json")


@cache
def _packed(size: int) -> bytes:
    return gzip.compress(b"[" + b" " * size)


# Made only when a test asks for one.
BOMBS: dict[str, Callable[[], Behave]] = {
    "a gzip bomb": lambda: answering(_coded("gzip", _packed(150_000_000))),
    "a bomb of a bomb": lambda: answering(
        _coded("gzip, gzip", gzip.compress(_packed(150_000_000)))
    ),
    "a flood": _flood,
    "a long head": lambda: answering(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 5_000_000),
    "deep nesting": lambda: answering(http(b"[" * (BODY_BYTES_MAX - 1))),
    "a deep object": lambda: answering(http(b'{"a":' * (BODY_BYTES_MAX // 6))),
    "a long number": lambda: answering(http(b'{"amount":' + b"9" * 250_000 + b"}")),
}


@EACH_GATEWAY
@pytest.mark.parametrize("bomb", BOMBS)
async def test_no_answer_makes_the_process_grow(under: Under, bomb: str) -> None:
    behave = BOMBS[bomb]()
    server = Server(behave)
    async with serves(server) as url:
        before = _peak_bytes(reset=True)
        ended = await ends_at(under, url)
        grown = _peak_bytes() - before
    assert isinstance(ended, OutcomeUnknown)
    assert server.requests
    assert grown < GROWTH_BYTES_MAX


def _peak_bytes(*, reset: bool = False) -> int:
    """The most memory that the process had since the last reset, as Linux counts it."""
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("only Linux tells what a process grew to")
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    assert found is not None
    return int(found.group(1)) * 1024


@EACH_GATEWAY
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 T", "308 P"])
async def test_no_redirect_is_followed(under: Under, status: str) -> None:
    elsewhere = Server(answering(http(b"{}")), polite=False)
    async with serves(elsewhere) as there:
        answer = http(b"", f"location: {there}/elsewhere", status=status)
        async with serves(Server(answering(answer))) as url:
            ended = await ends_at(under, url)
    assert isinstance(ended, OutcomeUnknown)
    assert elsewhere.requests == []


@EACH_GATEWAY
async def test_no_proxy_of_the_environment_is_used(
    under: Under, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Server(answering(http(b"{}")), polite=False)
    server = Server(answering(http(b"", status="503 Busy")))
    async with serves(proxy) as trap, serves(server) as url:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, trap)
            monkeypatch.setenv(name.lower(), trap)
        ended = await ends_at(under, url)
    assert isinstance(ended, OutcomeUnknown)
    assert server.requests
    assert proxy.requests == []


@EACH_GATEWAY
async def test_a_connection_closed_at_any_byte_of_the_head_is_no_answer(under: Under) -> None:
    whole = http(b"{}", "content-type: application/json", status="201 Created")
    for end in range(0, len(whole), 7):
        async with serves(Server(answering(whole[:end]))) as url:
            assert isinstance(await ends_at(under, url), OutcomeUnknown), end


@EACH_GATEWAY
async def test_a_gateway_that_is_broken_from_the_first_byte_breaks_nothing(under: Under) -> None:
    for behave in (answering(b"\x16\x03\x01\x02\0"), answering(b"HTTP/9 hello\r\n\r\n")):
        async with serves(Server(behave, polite=False)) as url:
            assert isinstance(await ends_at(under, url), NotSent | OutcomeUnknown)


async def test_what_a_request_was_signed_with_is_taken_out_of_its_answer() -> None:
    secret = "sk-live-of-nobody"
    body = f'{{"message": "key {secret} and other words"}}'.encode()
    for name in ("Authorization", "x-api-key", "X-IBM-Client-Id"):
        async with serves(Server(answering(http(body)), polite=False)) as url:
            wire = Wire("northbank", connections=1)
            until = asyncio.get_running_loop().time() + 5
            signed = request("GET", url, headers={name: f"Bearer {secret}"})
            answer = await wire.send(signed, until=until)
            await wire.close()
        assert json.loads(answer.body) == {"message": "key [credential] and other words"}


# TLS.


@pytest.fixture
def _authority_is_trusted() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction] - pytest calls it
    """Every account trusts the test's authority, beside those that it always trusts."""
    _trust.cache_clear()
    _trust().load_verify_locations(cadata=certificate(host=None, of=AUTHORITY))
    yield
    _trust.cache_clear()


WRONG = {
    "of another host": {"host": "127.0.0.2"},
    "of another name": {"host": "gateway.example"},
    "lapsed": {"begins": timedelta(days=-9), "ends": timedelta(minutes=-1)},
    "not yet good": {"begins": timedelta(hours=1), "ends": timedelta(days=9)},
    "signed by itself": {"signed_by": 2},
    "signed by a stranger": {"signed_by": 3},
}


@pytest.mark.usefixtures("_authority_is_trusted")
@EACH_GATEWAY
async def test_a_good_certificate_is_taken(under: Under, tmp_path: Path) -> None:
    server = Server(answering(http(b"", status="503 Busy")))
    async with serves(server, serving(certificate(), tmp_path)) as url:
        assert isinstance(await ends_at(under, url), OutcomeUnknown)
    assert server.requests


@pytest.mark.usefixtures("_authority_is_trusted")
@EACH_GATEWAY
@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_certificate_gets_no_request(
    under: Under, wrong: str, tmp_path: Path
) -> None:
    server = Server(answering(http(b"{}")))
    pem = certificate(**WRONG[wrong])  # type: ignore[arg-type] - by their names
    async with serves(server, serving(pem, tmp_path)) as url:
        ended = await ends_at(under, url)
    assert isinstance(ended, NotSent)
    assert server.requests == []


@EACH_GATEWAY
async def test_an_authority_that_nobody_installed_is_not_trusted(
    under: Under, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = tmp_path / "authority.pem"
    authority.write_text(certificate(host=None, of=AUTHORITY))
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    _trust.cache_clear()
    server = Server(answering(http(b"{}")))
    async with serves(server, serving(certificate(), tmp_path)) as url:
        ended = await ends_at(under, url)
    _trust.cache_clear()
    assert isinstance(ended, NotSent)
    assert server.requests == []

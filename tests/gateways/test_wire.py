"""The wire on real loopback sockets, and against every error that httpx can raise.

Servers break the connection in every way that we could think of; the error's class is the
verdict. "Not sent" is checked against what the server saw.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import itertools
import json
import tracemalloc
import zlib
from collections.abc import Iterator

import httpx
import pytest

from gateways.classifier import Means, of_error
from gateways.errors import GatewayError, NoAnswer, NotSent, OutcomeUnknown, Undecided
from gateways.wire import BODY_BYTES_MAX, Answer, Wire, WireModel, read, request
from tests.gateways.loopback import (
    answering,
    dripping,
    http,
    resetting,
    served,
    silent,
    unused_port,
)

# A call that ends by itself before it is cut short has been cut at every tick by then.
_ENDED_FIRST = 3
GOLDEN = json.dumps({"id": 'one " quote, one \\', "items": [{"amount": 1}], "note": "}"}).encode()


class Golden(WireModel):
    """What `GOLDEN` is read as."""

    id: str
    note: str


def leaves(error: type[Exception]) -> Iterator[type[Exception]]:
    below = error.__subclasses__()
    if not below:
        yield error
    for each in below:
        yield from leaves(each)


async def send(url: str, *, left_s: float = 10.0, wire: Wire | None = None) -> Answer:
    wire = wire or Wire("northbank", connections=1)
    try:
        until = asyncio.get_running_loop().time() + left_s
        return await wire.send(request("POST", url, headers={}, content={"a": 1}), until=until)
    finally:
        await wire.close()


async def fetch(raw: bytes) -> Golden:
    async with served(answering(raw)) as url:
        return read(Golden, await send(url), gateway="northbank")


@pytest.mark.parametrize("leaf", sorted(set(leaves(httpx.TransportError)), key=str))
async def test_every_transport_error_is_sorted_and_hides_its_text(leaf: type[Exception]) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise leaf("s3cret https://api.example/?key=1")

    wire = Wire("northbank", transport=httpx.MockTransport(fail))
    with pytest.raises(GatewayError) as caught:
        await send("https://api.example/v1", wire=wire)

    assert type(caught.value) is (NotSent if of_error(leaf("")) is Means.NOT_SENT else NoAnswer)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("unforeseen", [RuntimeError("s3cret"), OSError("s3cret"), ValueError("x")])
async def test_an_error_that_nobody_foresaw_leaves_the_outcome_unknown(
    unforeseen: Exception,
) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise unforeseen

    with pytest.raises(NoAnswer) as caught:
        await send("https://api.example", wire=Wire("bank", transport=httpx.MockTransport(fail)))
    assert "s3cret" not in str(caught.value)


async def test_a_closed_port_is_not_sent() -> None:
    with pytest.raises(NotSent):
        await send(f"http://127.0.0.1:{unused_port()}/")


async def test_a_server_without_tls_is_not_sent_to_in_clear() -> None:
    seen: list[bytes] = []

    async def watch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(3))
        writer.close()

    server = await asyncio.start_server(watch, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(NotSent):
        await send(f"https://127.0.0.1:{port}/")
    server.close()
    assert [data[:1] for data in seen] == [b"\x16"]  # a TLS handshake record, and no request


async def test_a_header_that_cannot_be_sent_is_not_sent_and_not_shown() -> None:
    async with served(silent) as url:
        wire = Wire("northbank", connections=1)
        bad = request("POST", url, headers={"x-api-key": "s3cret\n"})
        with pytest.raises(NotSent) as caught:
            await wire.send(bad, until=asyncio.get_running_loop().time() + 2)
        await wire.close()
    assert "s3cret" not in str(caught.value)


async def test_a_reset_connection_leaves_the_outcome_unknown() -> None:
    async with served(resetting) as url:
        with pytest.raises(NoAnswer):
            await send(url)


async def test_a_body_without_end_is_left_where_it_is_too_long() -> None:
    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" " * 65_536)
            await writer.drain()
            await asyncio.sleep(0)

    async with served(endless) as url:
        with pytest.raises(Undecided):
            await send(url, left_s=1.0)


@pytest.mark.parametrize("behave", [dripping, silent])
async def test_one_limit_counts_for_all_of_a_call(behave: object) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with served(behave) as url:  # type: ignore[arg-type] - both are behaviours
        with pytest.raises(NoAnswer):
            await send(url, left_s=0.2)
    assert loop.time() - began < 1


@pytest.mark.parametrize("framed", [True, False], ids=["content-length", "until close"])
async def test_an_answer_cut_at_any_byte_is_no_answer(*, framed: bool) -> None:
    whole = http(GOLDEN, "content-type: application/json", framed=framed)
    for cut in range(len(whole)):
        with pytest.raises(NoAnswer):
            await fetch(whole[:cut])
    assert (await fetch(whole)).note == "}"


async def test_a_chunked_answer_cut_at_any_byte_is_no_answer() -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    whole = head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(GOLDEN), GOLDEN)
    for cut in range(len(head), len(whole), 3):
        with pytest.raises(NoAnswer):
            await fetch(whole[:cut])
    assert (await fetch(whole)).note == "}"


@pytest.mark.parametrize("form", ["gzip", "deflate"])
async def test_a_coding_that_nobody_asked_for_is_read_all_the_same(form: str) -> None:
    packed = gzip.compress(GOLDEN) if form == "gzip" else zlib.compress(GOLDEN)
    assert (await fetch(http(packed, f"content-encoding: {form}"))).note == "}"
    with pytest.raises(NoAnswer):
        await fetch(http(packed[:-20], f"content-encoding: {form}"))


async def test_a_gzip_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b"[" + b" " * 100_000_000)
    assert len(bomb) < BODY_BYTES_MAX
    tracemalloc.start()
    with pytest.raises(Undecided):
        await fetch(http(bomb, "content-encoding: gzip"))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8_000_000


async def test_more_than_we_read_decides_nothing_and_frees_the_connection() -> None:
    calls = 0

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        writer.write(http(b" " * (BODY_BYTES_MAX + 1) if calls == 1 else GOLDEN))
        await writer.drain()

    async with served(flood) as url:
        wire = Wire("northbank", connections=1)
        until = asyncio.get_running_loop().time() + 5
        with pytest.raises(Undecided):
            await wire.send(request("GET", url, headers={}), until=until)
        again = await wire.send(request("GET", url, headers={}), until=until)
        await wire.close()
    assert again.status == 200


@pytest.mark.parametrize(
    "raw",
    [
        http(b"<html>maintenance</html>", "content-type: text/html"),
        http(b"<html>maintenance</html>", framed=False),
        http(b""),
        b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
        http(b"\xef\xbb\xbf" + GOLDEN),
        http(GOLDEN.decode().encode("utf-16")),
        http(b'{"id": "\xe9", "note": ""}', "content-type: application/json; charset=iso-8859-1"),
        http(b'{"id": "a", "id": "b", "note": ""}'),
        http(b'{"id": NaN, "note": ""}'),
        http(b'{"id": 1, "note": ""}'),
        http(b'{"id": "\\ud800", "note": ""}'),
        http(b'{"id": "\\ud800", "note": "", "n": 1.5}'),
        http(b'{"id": "a", "note": "", "n": ' + b"9" * 5000 + b"}"),
        http(b'{"id": "a", "note": "", "n": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
        http(b'{"id": "a", "note": ""} trailing'),
        http(b'[{"id": "a", "note": ""}]'),
        http(b"null"),
    ],
)
async def test_a_whole_answer_that_is_something_else_decides_nothing(raw: bytes) -> None:
    with pytest.raises(Undecided):
        await fetch(raw)


async def test_a_character_of_two_escapes_is_read_beside_a_fraction() -> None:
    golden = await fetch(http(b'{"id": "\\ud83c\\udf0a", "note": "", "n": 100.5}'))
    assert golden.id == "\U0001f30a"


async def test_a_redirect_is_answered_and_not_followed() -> None:
    answer = http(b"", "location: http://127.0.0.1:1/elsewhere", status="307 Temporary Redirect")
    async with served(answering(answer)) as url:
        assert (await send(url)).status == 307


async def test_a_cancelled_call_gives_its_connection_back() -> None:
    async with served(silent) as slow, served(answering(http(GOLDEN))) as quick:
        wire = Wire("northbank", connections=1)
        loop = asyncio.get_running_loop()
        late = loop.time() + 5
        call = asyncio.create_task(wire.send(request("POST", slow, headers={}), until=late))
        await asyncio.sleep(0.05)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await wire.send(request("POST", quick, headers={}), until=late)).status == 200
        await wire.close()


async def test_a_call_that_ends_at_any_tick_leaves_the_connection_of_use_to_the_next() -> None:
    async def at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof():
            writer.write(http(b"{}"))
            with contextlib.suppress(asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")

    async with served(at_once) as url:
        wire, loop = Wire("northbank", connections=1), asyncio.get_running_loop()

        def call() -> asyncio.Task[Answer]:
            asked = request("GET", url, headers={})
            return asyncio.create_task(wire.send(asked, until=loop.time() + 2))

        ended_first = 0
        for ticks in itertools.count():
            cut_short = call()
            for _ in range(ticks):
                await asyncio.sleep(0)
            ended_first += cut_short.done()
            cut_short.cancel()
            await asyncio.wait([cut_short])
            assert (await call()).status == 200, f"cut short after {ticks} ticks"
            if ended_first == _ENDED_FIRST:
                break
        await wire.close()


async def test_to_close_ends_what_is_under_way_without_an_answer() -> None:
    async with served(silent) as url:
        wire, loop = Wire("northbank", connections=8), asyncio.get_running_loop()
        calls = [
            asyncio.create_task(wire.send(request("POST", url, headers={}), until=loop.time() + 5))
            for _ in range(5)
        ]
        await asyncio.sleep(0.1)
        await wire.close()
        ended = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(each) for each in ended] == [NoAnswer] * len(calls)


async def test_without_a_free_connection_nothing_is_sent() -> None:
    async with served(silent) as url:
        wire = Wire("northbank", connections=1)
        loop = asyncio.get_running_loop()
        holds = asyncio.create_task(
            wire.send(request("POST", url, headers={}), until=loop.time() + 0.4)
        )
        await asyncio.sleep(0)
        with pytest.raises(NotSent):
            await wire.send(request("POST", url, headers={}), until=loop.time() + 0.2)
        with pytest.raises(NoAnswer):
            await holds
        await wire.close()


async def test_a_call_whose_time_is_over_is_not_sent() -> None:
    with pytest.raises(NotSent):
        await send("https://api.example", left_s=-1)


async def test_those_who_wait_for_a_connection_are_served_in_turn() -> None:
    async def slow(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.001)
        return httpx.Response(200, content=GOLDEN)

    wire = Wire("northbank", connections=2, transport=httpx.MockTransport(slow))
    until = asyncio.get_running_loop().time() + 5
    served_in: list[int] = []

    async def one(number: int) -> None:
        await wire.send(request("GET", "https://api.example", headers={}), until=until)
        served_in.append(number)

    await asyncio.gather(*(one(number) for number in range(20)))
    assert served_in == list(range(20))


def test_the_same_content_is_the_same_bytes_in_any_order() -> None:
    one = request(
        "POST", "https://api.example", headers={}, content={"a": 1, "b": {"c": "é", "d": 2}}
    )
    two = request(
        "POST", "https://api.example", headers={}, content={"b": {"d": 2, "c": "é"}, "a": 1}
    )
    assert one.content == two.content == b'{"a":1,"b":{"c":"\\u00e9","d":2}}'


def test_no_answer_and_undecided_are_both_unknown_outcomes() -> None:
    assert issubclass(NoAnswer, OutcomeUnknown)
    assert issubclass(Undecided, OutcomeUnknown)
    assert not issubclass(NotSent, OutcomeUnknown)


def test_an_answer_never_shows_its_body() -> None:
    assert "s3cret" not in repr(Answer(status=200, body=b"s3cret"))

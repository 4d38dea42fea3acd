"""What must never be taken for a failure: the bank has done it, and the answer says otherwise.

The request that moves money really moves it, and only then its answer is turned into something
else; whatever is sent again may be refused as a duplicate, as already done, or with the error that
the gateway has stored under the key. The real activities climb to the end (`climbing`), and the
books must show the operation exactly once.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import cast

import httpx
import pytest

from activities.declared import Failure
from cardhold.hold import OperationKind
from domain.calls import Ending
from gateways.amounts import written
from tests.conformance import changes
from tests.conformance.acts import WAYS, Act
from tests.conformance.climbing import Climb, Crossed, Turn, crossed
from tests.conformance.desk import Desk, doing
from tests.conformance.wires import opened

# One act of each kind; an account with something special plays what is special about it.
ACTS = frozenset({"authorize", "lower", "capture part", "release"})
WAYS_OF_EACH = [
    (under, act)
    for under, act in WAYS
    if act.name in ACTS and (not under.about or act.name == "capture part")
]
EACH_WAY = pytest.mark.parametrize(("under", "act"), WAYS_OF_EACH, ids=str)
#: What the answer to something that was done comes as, with its own body.
STATUSES = (303, 307, 400, 404, 408, 409, 410, 422, 425, 500, 503)
#: The same without a body, and with the gateway's own envelope.
OTHER_BODIES = (307, 409, 425, 500)
UNREADABLE = (b"", b"OK", b"<html>", b"{}", b'{"id": ')
UNKNOWN = {Failure.NO_ANSWER, Failure.UNDECIDED, Failure.STILL_PENDING}
# Without one of these an answer says nothing: it is the same as an answer cut off.
_NAMES = ("id", "orderId", "paymentId", "transactionID", "transactionId", "merchantTransactionId")


def _as(status: int, body: bytes | None = None) -> Turn:
    def turned(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        headers = {"location": str(request.url), "retry-after": "1"}
        content = response.content if body is None else body
        return httpx.Response(status, headers=headers, content=content)

    return turned


def _lost(request: httpx.Request, response: httpx.Response) -> httpx.Response:
    raise httpx.ReadError(f"after {request.method} and {response.status_code}")


def _always(answer: httpx.Response) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: answer


def _is_sent_again(desk: Desk, act: Act) -> bool:
    """Whether a lost answer is followed by the same key and body, and not by a look."""
    can = desk.can
    captures_repeat = can.captures_max != 1 and OperationKind.CAPTURE not in can.idempotent
    authorizes = act.kind is OperationKind.AUTHORIZE and can.finds
    looks = authorizes or act.kind is OperationKind.RELEASE or captures_repeat
    return act.kind in can.idempotent and not looks


async def _ends_done_once(desk: Desk, act: Act, what: object, **turns: object) -> Crossed:
    """Carry it out on a crossed network: it ends as done, and the books show it once."""
    desk.simulator.reset()
    asked = await desk.ask(act)
    before = desk.moved(act.kind)
    account, network = crossed(desk, **turns)
    climb = Climb(desk, account, asked.named.call)

    settled = await climb.to_the_end()

    assert settled.ending is Ending.DONE, (what, settled, climb.failures)
    assert set(climb.failures) <= UNKNOWN, what
    assert desk.moved(act.kind) == before + 1, what
    assert desk.the_hold()["captured_minor"] == act.total_captured
    return network


@EACH_WAY
async def test_no_status_makes_a_failure_of_what_was_done(desk: Desk, act: Act) -> None:
    for status in STATUSES:
        await _ends_done_once(desk, act, status, first=_as(status))
    for status in OTHER_BODIES:
        for body in (b"", json.dumps(desk.under.envelope(status)).encode()):
            await _ends_done_once(desk, act, (status, body), first=_as(status, body))


@EACH_WAY
async def test_a_success_that_nobody_can_read_is_looked_up(desk: Desk, act: Act) -> None:
    for status in (200, 204):
        for body in UNREADABLE:
            await _ends_done_once(desk, act, (status, body), first=_as(status, body))


@EACH_WAY
async def test_a_success_of_something_else_is_looked_up(desk: Desk, act: Act) -> None:
    met: set[str] = set()

    def other(field: str) -> Turn:
        def turned(_: httpx.Request, response: httpx.Response) -> httpx.Response:
            body = _with_another(response.content, field, met)
            return httpx.Response(response.status_code, content=body)

        return turned

    for field in (*_NAMES, "amount", "value", "total", "currency", "reference"):
        await _ends_done_once(desk, act, field, first=other(field))
    # xMoney's answer to a capture and to a void names nothing at all, and decides nothing.
    assert met or desk.under.name == "xmoney"


def _with_another(body: bytes, field: str, met: set[str]) -> bytes:
    """The body with each field of this name saying something else."""
    content: object = changes.read(body)
    changed = _other(content, field, met)
    return body if content is None else written(changed).encode()


def _other(value: object, field: str, met: set[str], name: str = "") -> object:
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        return {each: _other(inner, field, met, each) for each, inner in fields.items()}
    if isinstance(value, list):
        return [_other(inner, field, met) for inner in cast("list[object]", value)]
    if name != field or value is None or isinstance(value, bool):
        return value
    met.add(field)
    return f"{value}9" if field != "currency" else "XTS"


DECLINED = frozenset({OperationKind.AUTHORIZE, OperationKind.CAPTURE})


@pytest.mark.parametrize(
    ("under", "act"),
    [(under, act) for under, act in WAYS_OF_EACH if act.kind in DECLINED],
    ids=str,
)
async def test_a_decline_as_a_duplicate_is_no_decline_of_what_was_done(
    desk: Desk, act: Act
) -> None:
    other = await desk.ask(act)
    desk.arm(act.kind, "decline")
    heard = await desk.heard(doing(other.named))
    declined = [each for each in heard if each.request.method != "GET"][-1]
    desk.simulator.reset()
    asked = await desk.ask(act)
    names = {
        other.named.reference: asked.named.reference,
        other.named.call.reference: asked.named.call.reference,
        other.named.call.payment_id: asked.named.call.payment_id,
    }
    body = declined.body.decode()
    for old, new in names.items():
        body = body.replace(old, new) if old and new else body
    no = httpx.Response(declined.status, content=body.encode())
    account, network = crossed(desk, first=_lost, again=_always(no))
    climb = Climb(desk, account, asked.named.call)
    before = desk.moved(act.kind)

    settled = await climb.to_the_end()

    assert settled.ending is Ending.DONE
    assert desk.moved(act.kind) == before + 1
    # Where it was sent again, the decline was heard, and decided nothing.
    assert bool(network.sent_again) is _is_sent_again(desk, act)
    assert not network.sent_again or Failure.UNDECIDED in climb.failures


@EACH_WAY
async def test_an_error_that_comes_back_under_the_same_key_is_no_failure(
    desk: Desk, act: Act
) -> None:
    for status in (409, 422, 425, 500, 503):
        stored = httpx.Response(status, content=json.dumps(desk.under.envelope(status)).encode())
        again = _always(stored)
        network = await _ends_done_once(desk, act, status, first=_lost, again=again)
        assert bool(network.sent_again) is _is_sent_again(desk, act)


@EACH_WAY
async def test_what_was_refused_with_the_same_error_again_and_again_is_done_in_the_end(
    desk: Desk, act: Act
) -> None:
    asked = await desk.ask(act)
    before = desk.moved(act.kind)
    desk.arm(act.kind, "error_before", times=3)
    climb = Climb(desk, desk.adapter, asked.named.call)

    settled = await climb.to_the_end()

    assert settled.ending is Ending.DONE
    assert set(climb.failures) <= UNKNOWN | {Failure.NOT_SENT}
    assert climb.failures
    assert desk.moved(act.kind) == before + 1


_FRAMING = frozenset({"content-length", "transfer-encoding"})


class Rekeyed(httpx.AsyncBaseTransport):
    """A network behind which the gateway knows our keys no more."""

    def __init__(self, network: httpx.AsyncBaseTransport) -> None:
        self._network = network

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass one request on under another key."""
        key = str(uuid.uuid4())
        content: object = changes.read(await request.aread())
        body = request.content
        if isinstance(content, dict) and "idempotency_id" in content:
            fields = cast("dict[str, object]", content)
            body = written({**fields, "idempotency_id": key}).encode()
        headers = {name: text for name, text in request.headers.items() if name not in _FRAMING}
        if "idempotency-key" in headers:
            headers["idempotency-key"] = key
        other = httpx.Request(request.method, request.url, headers=headers, content=body)
        other.extensions = request.extensions
        return await self._network.handle_async_request(other)


DONE_BEFORE = frozenset({"capture all", "capture the rest", "release", "release the rest"})


@pytest.mark.parametrize(
    ("under", "act"), [(under, act) for under, act in WAYS if act.name in DONE_BEFORE], ids=str
)
async def test_already_captured_and_already_voided_are_done(desk: Desk, act: Act) -> None:
    asked = await desk.ask(act)
    await desk.approved(asked.named)
    before = desk.moved()
    account = opened(desk.under.settings(desk.simulator.url), Rekeyed(desk.network))
    again = asked.named.call.model_copy(update={"repeated": True})

    settled = await Climb(desk, account, again).to_the_end()

    assert settled.ending is Ending.DONE
    assert desk.moved() == before

"""No credential, no card's token and no card number of xMoney's answers is seen anywhere.

Every way a call can end is walked, and every log record (down to DEBUG), exception with all
that hangs on it, ``repr`` and result is searched.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from domain.outcome import Outcome, Payment
from gateways.accounts import build, read_account
from gateways.adapters.xmoney import XMoney
from gateways.errors import GatewayError
from tests.gateways.calls import existing
from tests.gateways.loopback import resetting, served, unused_port
from tests.gateways.xmoney_site import (
    BEARER,
    CARD,
    PAYMENT_ID,
    Met,
    authorize,
    created,
    follow_up,
    in_body,
    item,
    ok,
    order,
    page,
    problem,
    redirecting,
    transaction,
    xmoney,
)

CARD_NUMBER = "4539858876047062"
SECRETS = (BEARER, CARD, CARD_NUMBER)
ECHO = " ".join(SECRETS)
ECHOES: dict[str, Any] = {
    "failureReason": ECHO,
    "cardNumber": CARD_NUMBER,
    "cardType": ECHO,
    "cardHolderName": ECHO,
    "components": [{"providerMessage": ECHO, "providerAuth": ECHO}],
}
TOLD = item(5, "Exception", message=ECHO, field=CARD)

# What every request after the first one, or every request, meets.
WEATHER: dict[str, Met] = {
    "open": ok(transaction(**ECHOES)),
    "failed": ok(transaction("complete-failed", **ECHOES)),
    "void": ok(transaction("void-ok", **ECHOES)),
    "captured": ok(transaction("complete-ok", **ECHOES)),
    "listed": page(order(), order(id=302)),
    "unknown word": ok(transaction(ECHO)),
    "another order": ok(transaction(externalOrderId=ECHO)),
    "redirected": redirecting(url=f"ftp://{BEARER}@x/{CARD}", params={"a": ECHO}),
    "echo": httpx.Response(200, text=ECHO),
    "cut off": httpx.Response(200, text='{"a": "' + ECHO),
    "invalid": problem(400, item(message=ECHO, field=CARD), message=ECHO),
    "refused": problem(422, TOLD, message=ECHO),
    "declined": in_body(402, TOLD, message=ECHO),
    "soft": in_body(402, item(839, message=ECHO), message=ECHO),
    "unauthorized": problem(401, TOLD, message=ECHO),
    "throttled": httpx.Response(429, text=ECHO, headers={"retry-after": ECHO}),
    "error": httpx.Response(500, text=ECHO),
    "elsewhere": httpx.Response(307, headers={"location": f"https://x/?{BEARER}"}),
    "broken": httpx.ReadError(ECHO),
    "bad header": httpx.LocalProtocolError(f"Illegal header value b'{ECHO}'"),
    "bug": RuntimeError(ECHO),
}
FIRST: dict[str, Met | None] = {
    "at once": None,
    "after an order": created(),
    "after a look": ok(transaction()),
}
VERBS: dict[str, Callable[[XMoney], Awaitable[Outcome | Payment | None]]] = {
    "authorize": lambda adapter: adapter.authorize(authorize()),
    "alone": lambda adapter: adapter.authorize(authorize(initiator="merchant")),
    "capture": lambda adapter: adapter.capture(
        follow_up("capture", 80_00, payment_method=authorize().call.payment_method)
    ),
    "release": lambda adapter: adapter.release(
        follow_up("release", 100_00, payment_method=authorize().call.payment_method)
    ),
    "look up": lambda adapter: adapter.look_up(authorize()),
    "adopt": lambda adapter: adapter.look_up(authorize(payment_method=existing(PAYMENT_ID))),
}


def _texts(error: BaseException) -> list[str]:
    """All that a careless handler could show of an error."""
    hanging = [error, error.__cause__, error.__context__]
    shown = [
        text
        for each in hanging
        for text in (str(each), repr(each), repr(vars(each) if each else 0))
    ]
    return [*shown, "".join(traceback.format_exception(error))]


async def _walked(adapter: XMoney, verb: str) -> list[str]:
    texts = [repr(adapter), repr(vars(adapter))]
    try:
        outcome = await VERBS[verb](adapter)
        # A foreign order's name is its own; what is ours is checked against it before this.
        texts += [] if verb == "adopt" else [repr(outcome)]
    except GatewayError as error:
        texts += _texts(error)
    return texts


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.DEBUG)

    def texts() -> list[str]:
        return [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]

    return texts


def _assert_scrubbed(texts: list[str]) -> None:
    seen = [secret for secret in SECRETS for text in texts if secret in text]
    assert seen == []


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("weather", WEATHER)
async def test_no_ending_of_a_call_shows_a_secret(
    logged: Callable[[], list[str]], weather: str, first: str, verb: str
) -> None:
    before = [] if FIRST[first] is None else [FIRST[first]]

    def meets(_: httpx.Request) -> httpx.Response:
        met = before.pop(0) if before else WEATHER[weather]
        if isinstance(met, Exception):
            raise met
        return met if isinstance(met, httpx.Response) else httpx.Response(200, json=met)

    texts = await _walked(xmoney(meets), verb)
    _assert_scrubbed([*texts, *logged()])


async def test_a_real_connection_writes_nothing_to_a_log(
    logged: Callable[[], list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    async with served(resetting) as url:
        await _over(url, logged)
    await _over(f"http://127.0.0.1:{unused_port()}", logged)
    assert {record.name for record in caplog.records} <= {"asyncio"}  # no httpx, no httpcore


async def _over(url: str, logged: Callable[[], list[str]]) -> None:
    table = {"gateway": "xmoney", "base_url": url, "api_key": BEARER, "site_id": "1001"}
    adapter = build("xmoney", read_account("xmoney", table))
    assert isinstance(adapter, XMoney)
    _assert_scrubbed([*await _walked(adapter, "authorize"), *logged()])
    await adapter.close()

"""No credential and no token is seen anywhere.

Every way a call can end is walked, and every log record (down to DEBUG), exception with all
that hangs on it, ``repr`` and result is searched.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable

import httpx
import pytest

from domain.outcome import Outcome, Payment
from gateways.adapters.payroc import Payroc
from gateways.errors import GatewayError
from tests.gateways.calls import SINGLE_USE_TOKEN, STORED_TOKEN, authorize, follow_up, single_use
from tests.gateways.loopback import answering, http, resetting, served, unused_port
from tests.gateways.payroc_site import (
    API_KEY,
    BEARER,
    PAYMENT_ID,
    Handler,
    granted,
    payment,
    payroc,
    problem,
)
from tests.gateways.test_accounts import payroc_account

SECRETS = (API_KEY, BEARER, STORED_TOKEN, SINGLE_USE_TOKEN)
ECHO = " ".join(SECRETS)


def _raising(error: Exception) -> Handler:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    return fail


WEATHER: dict[str, Handler] = {
    "approved": lambda _: httpx.Response(201, json=payment(responseMessage=ECHO)),
    "declined": lambda _: httpx.Response(
        201, json=payment(status="declined", responseCode="D", responseMessage=ECHO)
    ),
    "another order": lambda _: httpx.Response(201, json=payment(orderId=ECHO)),
    "unknown word": lambda _: httpx.Response(201, json=payment(status=ECHO)),
    "echo": lambda request: httpx.Response(201, text=f"{ECHO} {request.headers}"),
    "cut off": lambda _: httpx.Response(201, text='{"a": "' + ECHO),
    "refused": lambda _: problem(
        400, "bad-request", detail=ECHO, errors=[{"parameter": STORED_TOKEN, "message": ECHO}]
    ),
    "fragment": lambda _: problem(400, ECHO),
    "unauthorized": lambda _: problem(401, "not-authorized", detail=ECHO),
    "forbidden": lambda _: problem(403, "forbidden", detail=ECHO),
    "throttled": lambda _: httpx.Response(429, text=ECHO, headers={"retry-after": ECHO}),
    "error": lambda _: httpx.Response(500, text=ECHO),
    "elsewhere": lambda _: httpx.Response(307, headers={"location": f"https://x/?{API_KEY}"}),
    "broken": _raising(httpx.ReadError(ECHO)),
    "bad header": _raising(httpx.LocalProtocolError(f"Illegal header value b'{ECHO}'")),
    "bug": _raising(RuntimeError(ECHO)),
}
IDENTITY: dict[str, Handler] = {
    "granted": lambda _: granted(),
    "bad token": lambda _: granted(f"{BEARER}\n"),
    "no token": lambda _: httpx.Response(200, json={"expires_in": ECHO, "token": BEARER}),
    "key refused": lambda _: httpx.Response(401, text=ECHO),
    "broken": _raising(httpx.ReadError(ECHO)),
}
VERBS: dict[str, Callable[[Payroc], Awaitable[Outcome | Payment | None]]] = {
    "authorize": lambda adapter: adapter.authorize(authorize()),
    "authorize once": lambda adapter: adapter.authorize(authorize(payment_method=single_use())),
    "capture": lambda adapter: adapter.capture(
        follow_up(
            "capture", 100_00, payment_id=PAYMENT_ID, payment_method=authorize().call.payment_method
        )
    ),
    "look up": lambda adapter: adapter.look_up(authorize()),
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


def _assert_scrubbed(texts: list[str]) -> None:
    seen = [secret for secret in SECRETS for text in texts if secret in text]
    assert seen == []


async def _walked(adapter: Payroc, verb: str) -> list[str]:
    texts = [repr(adapter), repr(vars(adapter))]
    try:
        outcome = await VERBS[verb](adapter)
        # What came back as the payment's own fields, its order id included, is checked above this.
        texts.append(repr(outcome))
    except GatewayError as error:
        texts += _texts(error)
    return texts


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.DEBUG)

    def texts() -> list[str]:
        return [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]

    return texts


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("weather", WEATHER)
async def test_no_ending_of_a_call_shows_a_secret(
    logged: Callable[[], list[str]], weather: str, verb: str
) -> None:
    texts = await _walked(payroc(WEATHER[weather]), verb)
    _assert_scrubbed([*texts, *logged()])


@pytest.mark.parametrize("weather", IDENTITY)
async def test_no_ending_of_the_way_to_a_token_shows_a_secret(
    logged: Callable[[], list[str]], weather: str
) -> None:
    adapter = payroc(WEATHER["unauthorized"], identity=IDENTITY[weather])
    texts = await _walked(adapter, "authorize")
    _assert_scrubbed([*texts, *logged()])


async def test_a_real_connection_writes_nothing_to_a_log(
    logged: Callable[[], list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    token = http(granted().content)
    for behave in (answering(token), resetting):
        async with served(behave) as url:
            adapter = payroc_account(url, url, api_key=API_KEY)
            texts = await _walked(adapter, "authorize")
            await adapter.close()
            _assert_scrubbed([*texts, *logged()])
    closed = f"http://127.0.0.1:{unused_port()}"
    adapter = payroc_account(closed, closed, api_key=API_KEY)
    _assert_scrubbed([*await _walked(adapter, "authorize"), *logged()])
    await adapter.close()
    assert {record.name for record in caplog.records} <= {"asyncio"}  # no httpx, no httpcore

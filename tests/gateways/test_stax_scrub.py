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
from gateways.adapters.stax import Stax
from gateways.errors import GatewayError
from tests.gateways.calls import STORED_TOKEN, authorize, existing, follow_up
from tests.gateways.stax_site import (
    API_KEY,
    HOLD_ID,
    Handler,
    answer,
    capture,
    page,
    stax,
    transaction,
)

SECRETS = (API_KEY, STORED_TOKEN)
ECHO = " ".join(SECRETS)
METHOD = authorize().call.payment_method


def _raising(error: Exception) -> Handler:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    return fail


WEATHER: dict[str, Handler] = {
    "approved": lambda _: answer(200, transaction(message=ECHO)),
    "declined": lambda _: answer(400, transaction(success=False, message=STORED_TOKEN)),
    "capture declined": lambda _: answer(400, capture(success=False, message=STORED_TOKEN)),
    "another's": lambda _: answer(200, transaction(meta={"reference": ECHO})),
    "another method": lambda _: answer(200, transaction(payment_method_id=ECHO)),
    "unknown word": lambda _: answer(200, transaction(type=ECHO)),
    "listed": lambda _: answer(200, page({"id": ECHO, "meta": {"reference": ECHO}})),
    "echo": lambda request: httpx.Response(200, text=f"{ECHO} {request.headers}"),
    "cut off": lambda _: httpx.Response(200, text='{"a": "' + ECHO),
    "refused": lambda _: answer(422, {"total": [ECHO], "payment_method_id": [ECHO]}),
    "field": lambda _: answer(422, {ECHO: [ECHO]}),
    "bad request": lambda _: answer(400, {"error": [ECHO]}),
    "not found": lambda _: answer(404, {"id": [ECHO]}),
    "unauthorized": lambda _: answer(401, [ECHO]),
    "throttled": lambda _: httpx.Response(429, text=ECHO, headers={"retry-after": ECHO}),
    "error": lambda _: httpx.Response(500, text=ECHO),
    "elsewhere": lambda _: httpx.Response(307, headers={"location": f"https://x/?{API_KEY}"}),
    "broken": _raising(httpx.ReadError(ECHO)),
    "bad header": _raising(httpx.LocalProtocolError(f"Illegal header value b'{ECHO}'")),
    "bug": _raising(RuntimeError(ECHO)),
}
VERBS: dict[str, Callable[[Stax], Awaitable[Outcome | Payment | None]]] = {
    "authorize": lambda adapter: adapter.authorize(authorize()),
    "capture": lambda adapter: adapter.capture(
        follow_up("capture", 100_00, payment_id=HOLD_ID, payment_method=METHOD)
    ),
    "release": lambda adapter: adapter.release(
        follow_up("release", 100_00, payment_id=HOLD_ID, payment_method=METHOD)
    ),
    "look up": lambda adapter: adapter.look_up(authorize()),
    "adopt": lambda adapter: adapter.look_up(authorize(payment_method=existing(STORED_TOKEN))),
    "refused here": lambda adapter: adapter.authorize(
        authorize(payment_method=existing(STORED_TOKEN))
    ),
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


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("weather", WEATHER)
async def test_no_ending_of_a_call_shows_a_secret(
    weather: str, verb: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    adapter = stax(WEATHER[weather])
    texts = [repr(adapter), repr(vars(adapter))]
    try:
        texts.append(repr(await VERBS[verb](adapter)))
    except GatewayError as error:
        texts += _texts(error)
    texts += [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]
    assert [secret for secret in SECRETS for text in texts if secret in text] == []

"""No credential, no token and no order's signature is seen anywhere.

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
from gateways.accounts import build, read_account
from gateways.adapters.sibs import Sibs
from gateways.errors import GatewayError
from tests.gateways.calls import STORED_TOKEN, authorize, follow_up
from tests.gateways.loopback import resetting, served, unused_port
from tests.gateways.sibs_site import (
    AUTH_TOKEN,
    CLIENT_ID,
    PAYMENT_ID,
    SIGNATURE,
    Sibslike,
    authorization,
    challenge,
    ordered,
    problem,
    sibs,
    status,
    step,
)

SECRETS = (AUTH_TOKEN, CLIENT_ID, SIGNATURE, STORED_TOKEN)
ECHO = " ".join(SECRETS)
CAPTURE = follow_up(
    "capture", 80_00, payment_id=PAYMENT_ID, payment_method=authorize().call.payment_method
)
WEATHER: dict[str, object] = {
    "approved": authorization(returnStatus=status("000", ECHO)),
    "declined": authorization(paymentStatus="Declined", returnStatus=status("E0119", ECHO)),
    "declined with a 400": problem(400, "E0119", ECHO),
    "the guest's turn": authorization(paymentStatus="Partial", actionResponse=challenge()),
    "the guest's turn, told too much": authorization(
        paymentStatus="Partial",
        actionResponse=challenge(
            data={"url": f"https://acs.example/?{SIGNATURE}", "params": {"creq": STORED_TOKEN}}
        ),
    ),
    "captured": step(CAPTURE.reference, returnStatus=status("000", ECHO)),
    "captured as": step(CAPTURE.reference, transactionID=AUTH_TOKEN),
    "another reference": authorization(merchant={"merchantTransactionId": ECHO}),
    "unknown word": authorization(paymentStatus=ECHO),
    "unknown code": authorization(returnStatus=status(ECHO, ECHO), paymentStatus="Declined"),
    "code of a problem": problem(400, STORED_TOKEN, ECHO),
    "echo": httpx.Response(200, text=ECHO),
    "cut off": httpx.Response(200, text='{"a": "' + ECHO),
    "refused": problem(400, "E0101", ECHO),
    "unauthorized": problem(401, ECHO, ECHO),
    "throttled": httpx.Response(429, text=ECHO, headers={"retry-after": ECHO}),
    "error": httpx.Response(500, text=ECHO),
    "elsewhere": httpx.Response(307, headers={"location": f"https://x/?{AUTH_TOKEN}"}),
    "broken": httpx.ReadError(ECHO),
    "bad header": httpx.LocalProtocolError(f"Illegal header value b'{ECHO}'"),
    "bug": RuntimeError(ECHO),
}
# With the signature alone, which nobody but the purchase itself can know to be one.
PURCHASES: dict[str, object] = {
    "declined": authorization(
        paymentStatus="Declined",
        returnStatus={
            "statusCode": "E0119",
            "statusDescription": SIGNATURE,
            "statusMsg": SIGNATURE,
        },
    ),
    "an action that is the signature": authorization(
        paymentStatus="Partial", actionResponse=challenge(id=SIGNATURE)
    ),
    "another transaction": authorization(transactionID=SIGNATURE),
}
VERBS: dict[str, Callable[[Sibs], Awaitable[Outcome | Payment | None]]] = {
    "authorize": lambda adapter: adapter.authorize(authorize()),
    "authorize again": lambda adapter: adapter.authorize(authorize(patient=True)),
    "capture": lambda adapter: adapter.capture(CAPTURE),
    "look up": lambda adapter: adapter.look_up(authorize()),
    "look up by id": lambda adapter: adapter.look_up(authorize(payment_id=PAYMENT_ID)),
    "look up a capture": lambda adapter: adapter.look_up(CAPTURE),
}
ORDERS: dict[str, object] = {
    "cut off behind the signature": httpx.Response(
        200, text='{"transactionSignature": "' + SIGNATURE + '", "transactionID"'
    ),
    "signature that fits no header": ordered(transactionSignature=f"{SIGNATURE}\n"),
    "not taken in": ordered(returnStatus=status("E0101", ECHO)),
    "another amount": ordered(amount={"value": 1, "currency": "USD"}),
    "signature as id": ordered(transactionID=SIGNATURE),
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


async def _walked(adapter: Sibs, verb: str) -> list[str]:
    texts = [repr(adapter), repr(vars(adapter))]
    try:
        texts.append(repr(await VERBS[verb](adapter)))
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
    answer = WEATHER[weather]
    references = {authorize().reference: [answer], CAPTURE.reference: [answer]}
    site = Sibslike(
        purchase=answer, later=answer, by_id={PAYMENT_ID: answer}, by_reference=references
    )
    _assert_scrubbed([*await _walked(sibs(site), verb), *logged()])
    assert site.requests


@pytest.mark.parametrize("purchase", PURCHASES)
async def test_no_ending_of_a_purchase_shows_the_orders_signature(
    logged: Callable[[], list[str]], purchase: str
) -> None:
    site = Sibslike(purchase=PURCHASES[purchase])
    _assert_scrubbed([*await _walked(sibs(site), "authorize"), *logged()])


@pytest.mark.parametrize("order", ORDERS)
async def test_no_ending_of_an_order_shows_its_signature(
    logged: Callable[[], list[str]], order: str
) -> None:
    site = Sibslike(order=ORDERS[order], purchase=httpx.Response(500))
    _assert_scrubbed([*await _walked(sibs(site), "authorize"), *logged()])


async def test_a_real_connection_writes_nothing_to_a_log(
    logged: Callable[[], list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    async def walked(url: str) -> list[str]:
        table = {"gateway": "sibs", "base_url": url, "terminal_id": "1001"}
        secrets = {"auth_token": AUTH_TOKEN, "client_id": CLIENT_ID}
        adapter = build("sibs", read_account("sibs", table | secrets))
        assert isinstance(adapter, Sibs)
        texts = await _walked(adapter, "authorize")
        await adapter.close()
        return texts

    async with served(resetting) as url:
        _assert_scrubbed([*await walked(url), *logged()])
    _assert_scrubbed([*await walked(f"http://127.0.0.1:{unused_port()}"), *logged()])
    assert {record.name for record in caplog.records} <= {"asyncio"}  # no httpx, no httpcore

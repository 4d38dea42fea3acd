"""No credential, and no signature that opens a payment, is in what Temporal keeps of a reservation.

What is secret is heard on the wire itself, between the adapters and the simulated gateways. The
card's token, which has to be in the start, is in nothing that people are shown, whoever repeats it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import httpx
import pytest

from gateways.amounts import written
from tests.conformance import changes
from tests.conformance.wires import Tap, opened
from tests.workflows.gateways import ASKING, PLACES, Place, everywhere
from tests.workflows.guests import asked, presses
from tests.workflows.stack import Json, Reserved, Stack

_SECRET_HEADERS = ("authorization", "x-api-key", "x-ibm-client-id")


def secrets_of(tap: Tap) -> set[bytes]:
    """Every word of every header that opens something."""
    headers = [heard.request.headers for heard in tap.heard]
    values = [each[name] for each in headers for name in _SECRET_HEADERS if name in each]
    return {word.encode() for value in values for word in value.split() if len(word) > 6}


async def captured(stack: Stack, place: Place) -> Reserved:
    """A reservation with an answer lost on its way; the guest is asked where guests are."""
    if place in ASKING:
        reserved, hold = await asked(stack, place)
        await presses(hold, "pass")
        await reserved.update("authenticated")
    else:
        reserved, _ = await stack.start(**place.request())
    await stack.fault("capture", "error_after", gateway=place.gateway)
    await reserved.update("capture", {"command_id": "out"})
    await reserved.ended()
    return reserved


async def test_what_opens_a_gateway_is_in_no_history(stack: Stack) -> None:
    async with httpx.AsyncHTTPTransport() as network:
        taps = {place: Tap(network, lambda: 0) for place in PLACES}
        accounts = {
            place.account: opened(place.settings(stack.simulator.url), taps[place])
            for place in PLACES
        }
        elsewhere = replace(stack.elsewhere(), gateways=accounts)

        async def at(place: Place) -> None:
            reserved = await captured(elsewhere, place)
            history = await reserved.raw_history()
            secrets = secrets_of(taps[place])
            assert secrets
            assert [secret for secret in secrets if secret in history] == []
            assert place.account.encode() in history

        async with elsewhere.worker():
            await everywhere(at)


# Where the four gateways say something in words.
_WORDS = frozenset({
    "responseMessage", "approvalCode", "statusMsg", "statusDescription", "message",
    "providerMessage", "providerAuth", "failureReason", "issuer_auth_code", "avs_code",
})  # fmt: skip


class Repeating(httpx.AsyncBaseTransport):
    """A network behind which each gateway repeats these tokens wherever it says something."""

    def __init__(self, network: httpx.AsyncBaseTransport, tokens: Sequence[str]) -> None:
        self._network = network
        self._told = f"no: {' '.join(tokens)}"
        self.repeated = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass one request on, and put the tokens into the answer."""
        response = await self._network.handle_async_request(request)
        body = await response.aread()
        said = changes.read(body)
        if isinstance(said, dict):
            body = written(self._with_token(cast("object", said))).encode()
        return httpx.Response(response.status_code, content=body)

    def _with_token(self, value: object) -> object:
        if isinstance(value, list):
            return [self._with_token(inner) for inner in cast("list[object]", value)]
        if not isinstance(value, dict):
            return value
        fields = cast("dict[str, object]", value)
        return {name: self._said(name, inner) for name, inner in fields.items()}

    def _said(self, name: str, value: object) -> object:
        if name not in _WORDS or not isinstance(value, str | None):
            return self._with_token(value)
        self.repeated += 1
        return self._told


async def test_a_token_that_a_gateway_repeats_later_on_is_shown_to_nobody(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    async with httpx.AsyncHTTPTransport() as network:
        tokens = {place: place.card["token"] for place in PLACES}
        networks = {place: Repeating(network, [tokens[place]]) for place in PLACES}
        accounts = {
            place.account: opened(place.settings(stack.simulator.url), networks[place])
            for place in PLACES
        }
        elsewhere = replace(stack.elsewhere(), gateways=accounts)

        async def at(place: Place) -> None:
            shown: list[Json] = []
            taken, _ = await elsewhere.start(**place.request())
            await elsewhere.fault("capture", "decline", gateway=place.gateway)
            no = await taken.refused("capture", {"command_id": "refused"})
            shown += [no.detail, {"message": no.message}, await taken.hold()]
            assert shown[-1]["attention"]["reason"] == "capture_refused"
            before = networks[place].repeated
            shown += [await taken.update("capture", {"command_id": "out"}), await taken.ended()]
            freed, _ = await elsewhere.start(**place.request())
            await elsewhere.fault("release", "error_after", gateway=place.gateway)
            await freed.update("release", {"command_id": "away"})
            shown.append(await freed.ended())
            assert networks[place].repeated > before
            assert [told for told in map(json.dumps, shown) if tokens[place] in told] == []

        async with elsewhere.worker():
            await everywhere(at)
    logged = [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]
    assert logged
    assert [text for text in logged for token in tokens.values() if token in text] == []

"""No credential, and no signature that opens a payment, is in what Temporal keeps of a reservation.

What is secret is heard on the wire itself, between the adapters and the simulated gateways.
"""

from __future__ import annotations

from dataclasses import replace

import httpx

from tests.conformance.wires import Tap, opened
from tests.workflows.gateways import ASKING, PLACES, Place, everywhere
from tests.workflows.guests import asked, presses
from tests.workflows.stack import Reserved, Stack

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

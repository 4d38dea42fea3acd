"""A guest at their bank's 3-D Secure page."""

from __future__ import annotations

import httpx

from tests import loopback
from tests.workflows.gateways import Place
from tests.workflows.stack import Json, Reserved, Stack

#: What the page answers to a guest who comes too late, or a second time.
TOO_LATE = 409


async def presses(hold: Json, outcome: str) -> int:
    """Go where the hold's action sends the guest, and press a button; the page's last status.

    Args:
        hold: With an action.
        outcome: ``pass`` or ``fail``.
    """
    action = hold["action"]
    async with loopback.client() as browser:
        page = await browser.request(action["method"], action["url"], data=action["fields"] or None)
        assert page.status_code in {httpx.codes.OK, TOO_LATE}, page.text
        pressed = await browser.post(action["url"], data={**action["fields"], "outcome": outcome})
    return pressed.status_code


async def asked(stack: Stack, place: Place, **fields: object) -> tuple[Reserved, Json]:
    """A reservation whose guest has been asked for 3-D Secure."""
    reserved, hold = await stack.start(**{**place.for_the_guest(), **fields})
    assert hold["state"] == "action_required"
    return reserved, hold


async def booked(stack: Stack, place: Place) -> list[str]:
    """What the bank of this gateway has booked, declines aside."""
    books = await stack.books(place.gateway)
    kinds = [effect["kind"] for book in books for effect in book["effects"]]
    return [kind for kind in kinds if kind != "decline"]

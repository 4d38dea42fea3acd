"""A reservation that is told to compare itself with its gateway, as the sweep tells it.

Somebody captures or releases at the gateway's portal (the bank is told so directly); what the
reservation then says is held against the books.
"""

from __future__ import annotations

import asyncio

import pytest

from cardhold.names import SIGNAL_LOOK
from tests.workflows.checks import adds_up, agrees
from tests.workflows.stack import Json, Reserved, Stack


async def _until_told(reserved: Reserved) -> Json:
    async with asyncio.timeout(15):
        while True:
            hold = await reserved.hold()
            if hold["attention"] is not None:
                return hold
            await asyncio.sleep(0.05)


async def test_what_differs_is_put_before_a_person_whose_word_adopts_it(stack: Stack) -> None:
    reserved, before = await stack.start()
    stack.simulator.bank.capture("payroc", before["payment_id"], amount_minor=60_00, key="portal")
    await reserved.signal(SIGNAL_LOOK)
    hold = await _until_told(reserved)
    assert hold["attention"]["reason"] == "external_change"
    assert hold["state"] == "authorized"  # until somebody has taken note of it

    ended = await reserved.update("acknowledge")
    adds_up(ended)
    agrees(ended, await stack.book())
    assert (ended["state"], ended["captured"]["amount_minor"]) == ("captured", 60_00)


@pytest.mark.parametrize("payloads", [(), ({"why": "not that"},), ("one", "two")])
async def test_where_nothing_differs_nothing_changes(
    stack: Stack, payloads: tuple[object, ...]
) -> None:
    reserved, before = await stack.start()
    await reserved.signal(SIGNAL_LOOK, *payloads)
    await reserved.update("reschedule", {"on_deadline": "release"})
    hold = await reserved.hold()

    assert (hold["attention"], hold["refused"]) == (None, [])
    assert hold["operations"] == before["operations"]
    await reserved.update("capture")
    agrees(await reserved.ended(), await stack.book())


async def test_an_instruction_does_not_wait_for_the_look(stack: Stack) -> None:
    reserved, _ = await stack.start()
    await stack.fault("look_up", "error_before", times=1000)
    await reserved.signal(SIGNAL_LOOK)
    hold = await reserved.update("capture")

    assert hold["state"] == "captured"
    agrees(hold, await stack.book())

"""What a caller who knows the contract alone found: plain JSON in, the bank's books as judge."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.workflows.checks import agrees
from tests.workflows.stack import Reserved, Stack, refusal, usd

WORD: dict[str, Any] = {
    "operation_id": "capture/2",
    "operator": "desk",
    "reason": "seen in the portal",
}


async def _lost_capture(stack: Stack) -> Reserved:
    """A capture of 60.00 that the bank carried out and nobody here knows the outcome of."""
    reserved, _ = await stack.start(gateway="hasty")
    await stack.fault("capture", "error_after")
    await stack.fault("look_up", "error_before", times=1000)
    await reserved.signal("capture", {"amount": usd(60_00), "command_id": "out"})
    async with asyncio.timeout(15):
        while True:
            if (await reserved.hold())["operations"][-1]["state"] == "unknown":
                return reserved
            await asyncio.sleep(0.05)


async def test_no_word_makes_a_capture_larger_than_what_is_held(stack: Stack) -> None:
    reserved = await _lost_capture(stack)
    done = {**WORD, "outcome": "done", "reference": "PORTAL-1"}
    refused = await reserved.refused("resolve", {**done, "amount": usd(600_00)})
    hold = await reserved.update("resolve", {**done, "amount": usd(60_00)})

    assert refused.type == "InvalidRequest"
    assert refused.detail["field"] == "amount"
    assert refused.hold["operations"][-1]["amount"] == usd(60_00)
    assert hold["state"] == "captured"
    agrees(hold, await stack.book())


async def test_an_amount_said_of_what_was_not_done_changes_nothing(stack: Stack) -> None:
    reserved = await _lost_capture(stack)
    hold = await reserved.update("resolve", {**WORD, "outcome": "not_done", "amount": usd(5_00)})

    assert hold["operations"][-1]["state"] == "not_done"
    assert hold["operations"][-1]["amount"] == usd(60_00)


@pytest.mark.parametrize("said", [{"amount": "１２０.00 USD"}, {"by": "+２0.00 USD"}])  # noqa: RUF001 - full-width digits are the point
async def test_an_amount_is_written_in_ascii_digits(stack: Stack, said: dict[str, str]) -> None:
    reserved, _ = await stack.start()
    refused = await reserved.refused("adjust", said)

    assert refused.type == "InvalidRequest"
    assert (await stack.book())["authorized_minor"] == 100_00


async def test_a_duration_is_written_in_ascii_digits(stack: Stack) -> None:
    request = stack.request(hold_window="P１D")  # noqa: RUF001 - as above
    refused = await refusal(stack.start_with_update(request, {"request": request}))

    assert refused.type == "InvalidRequest"
    assert refused.detail["field"] == "hold_window"
    assert await stack.books() == []


async def test_a_signal_sent_again_after_another_is_not_dropped_in_silence(stack: Stack) -> None:
    reserved, _ = await stack.start()
    for total in (120_00, 130_00, 120_00):
        await reserved.signal("adjust", {"amount": usd(total)})
    hold = await reserved.update("adjust", {"by": "+1.00 USD"})
    [refused] = hold["refused"]

    assert hold["authorized"] == usd(131_00)
    assert refused["name"] == "adjust"
    assert "command_id" in refused["why"]


async def test_a_button_pressed_twice_is_one_instruction_and_no_refusal(stack: Stack) -> None:
    reserved, _ = await stack.start()
    for _ in range(2):
        await reserved.signal("adjust", {"amount": usd(120_00)})
    hold = await reserved.update("adjust", {"by": "+1.00 USD"})

    assert (hold["authorized"], hold["refused_total"]) == (usd(121_00), 0)

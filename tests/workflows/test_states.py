"""Every state's row of the table: which instruction is carried out, waits, or is refused.

At a gateway without 3-D Secure that takes one capture of a hold; the rows of ``action_required``
and ``partially_captured`` are played where there is a way in, at the other gateways.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from temporalio.service import RPCError, RPCStatusCode

from tests.workflows.checks import agrees
from tests.workflows.stack import Reserved, Stack, refusal, usd

INSTRUCTIONS: dict[str, dict[str, Any]] = {
    "adjust": {"amount": usd(150_00)},
    "capture": {},
    "release": {},
    "authorize": {"payment_method": {"kind": "stored_token", "token": "2967530000000011"}},
}
DECLINES = 49_01  # the simulated issuer declines by the last two digits
# How long the gateway dawdles, while the next instruction arrives.
SLOW: dict[str, Any] = {"delay_s": 1.2}


async def released(stack: Stack) -> Reserved:
    reserved, _ = await stack.start()
    await reserved.update("release")
    return reserved


async def captured(stack: Stack) -> Reserved:
    reserved, _ = await stack.start()
    await reserved.update("capture")
    return reserved


async def abandoned(stack: Stack) -> Reserved:
    reserved, _ = await stack.start(amount=usd(DECLINES))
    await reserved.update("release")
    return reserved


async def until_met(stack: Stack) -> None:
    """Wait until the call is at the gateway, which is slower about it than we are here."""
    async with asyncio.timeout(10):
        while stack.unmet("payroc"):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("instruction", "state"),
    [("adjust", "authorized"), ("capture", "captured"), ("release", "released")],
)
async def test_an_authorized_hold_takes(stack: Stack, instruction: str, state: str) -> None:
    reserved, _ = await stack.start()
    hold = await reserved.update(instruction, INSTRUCTIONS[instruction])

    assert hold["state"] == state
    agrees(hold, await stack.book())


async def test_an_authorized_hold_takes_no_other_card(stack: Stack) -> None:
    reserved, before = await stack.start()
    refused = await reserved.refused("authorize", INSTRUCTIONS["authorize"])

    assert refused.type == "IllegalMove"
    assert refused.hold == before
    assert len(await stack.books()) == 1


@pytest.mark.parametrize("instruction", ["adjust", "capture"])
async def test_a_declined_hold_refuses(stack: Stack, instruction: str) -> None:
    reserved, _ = await stack.start(amount=usd(DECLINES))
    refused = await reserved.refused(instruction, INSTRUCTIONS[instruction])

    assert refused.type == "IllegalMove"
    assert refused.hold["state"] == "declined"


async def test_a_declined_hold_that_is_released_is_abandoned(stack: Stack) -> None:
    reserved, _ = await stack.start(amount=usd(DECLINES))
    hold = await reserved.update("release")

    assert hold["state"] == (await reserved.ended())["state"] == "abandoned"


@pytest.mark.parametrize("instruction", INSTRUCTIONS)
@pytest.mark.parametrize("final", [released, captured, abandoned])
async def test_a_run_that_has_ended_is_not_found(
    stack: Stack, final: Callable[[Stack], Awaitable[Reserved]], instruction: str
) -> None:
    reserved = await final(stack)
    await reserved.ended()
    before = await stack.books()

    with pytest.raises(RPCError) as caught:
        await reserved.update(instruction, INSTRUCTIONS[instruction])
    assert caught.value.status == RPCStatusCode.NOT_FOUND
    assert await stack.books() == before


@pytest.mark.parametrize(
    ("instruction", "state"),
    [("adjust", "authorized"), ("capture", "captured"), ("release", "released")],
)
async def test_what_arrives_while_authorizing_waits_its_turn(
    stack: Stack, instruction: str, state: str
) -> None:
    await stack.fault("authorize", "delay", **SLOW)
    reserved = await stack.begin(stack.request())
    await until_met(stack)
    hold = await reserved.update(instruction, INSTRUCTIONS[instruction])

    assert hold["state"] == state
    agrees(hold, await stack.book())


async def test_another_card_waits_for_the_decision_on_the_first(stack: Stack) -> None:
    await stack.fault("authorize", "delay", **SLOW)
    reserved = await stack.begin(stack.request(amount=usd(DECLINES)))
    await until_met(stack)
    hold = await reserved.update("authorize", INSTRUCTIONS["authorize"])

    assert [operation["state"] for operation in hold["operations"]] == ["declined", "declined"]


@pytest.mark.parametrize("under_way", ["adjust", "capture", "release"])
@pytest.mark.parametrize("instruction", ["adjust", "capture", "release", "authorize"])
async def test_what_arrives_while_an_operation_is_under_way_waits_its_turn(
    stack: Stack, under_way: str, instruction: str
) -> None:
    reserved, _ = await stack.start()
    await stack.fault(under_way, "delay", **SLOW)
    # The two adjusts shall not be the same instruction.
    first = {"amount": usd(120_00)} if under_way == "adjust" else {}
    earlier = asyncio.create_task(reserved.update(under_way, first))
    await until_met(stack)
    later = reserved.update(instruction, INSTRUCTIONS[instruction])

    if under_way != "adjust":
        refused = (await refusal(later)).type
        assert refused == "Closed"
    elif instruction == "authorize":
        assert (await refusal(later)).type == "IllegalMove"
    else:
        assert (await later)["operations"][2]["kind"] == instruction
    hold = await earlier
    assert hold["operations"][1]["state"] == "done"


@pytest.mark.parametrize("amount", [100_00, DECLINES])
async def test_a_cancelled_run_releases_and_completes_with_the_view(
    stack: Stack, amount: int
) -> None:
    reserved, before = await stack.start(amount=usd(amount))
    await reserved.handle.cancel()
    ended = await reserved.ended()

    assert ended["state"] == ("released" if before["state"] == "authorized" else "abandoned")
    assert (await stack.book())["state"] in {"released", "declined"}


@pytest.mark.parametrize(
    ("under_way", "state"),
    [
        ("authorize", "released"),
        ("adjust", "released"),
        ("capture", "captured"),
        ("release", "released"),
    ],
)
async def test_a_run_cancelled_in_the_middle_stops_nothing_and_then_releases(
    stack: Stack, under_way: str, state: str
) -> None:
    await stack.fault(under_way, "delay", **SLOW)
    reserved = await stack.begin(stack.request())
    if under_way == "authorize":
        await until_met(stack)
    else:
        await reserved.update("authorized")
        await reserved.signal(under_way, INSTRUCTIONS[under_way])
        await until_met(stack)
    await reserved.handle.cancel()
    ended = await reserved.ended()

    assert ended["state"] == state
    assert all(operation["state"] == "done" for operation in ended["operations"])
    agrees(ended, await stack.book())


async def test_a_run_cancelled_before_its_first_step_sends_nothing_or_releases_it(
    stack: Stack,
) -> None:
    elsewhere = stack.elsewhere()
    reserved = await elsewhere.begin(stack.request())
    await reserved.handle.cancel()
    async with elsewhere.worker():
        ended = await reserved.ended()

    assert ended["state"] in {"released", "abandoned"}
    assert [book["state"] for book in await stack.books()] in ([], ["released"])

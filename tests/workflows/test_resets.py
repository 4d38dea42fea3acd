"""An operator's reset to every workflow task: money has moved once, and the hold ends the same.

Temporal re-applies the signals and updates after the point of the reset, in another order than
they came in, or leaves them out where it is told to; the new run has forgotten what it sent.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from cardhold.names import WORKFLOW_TYPE
from tests.workflows.checks import A_BUG_SINCE_MENDED, adds_up, agrees, never_stalled
from tests.workflows.stack import Json, Reserved, Stack, usd

Life = Callable[[Stack], Awaitable[Reserved]]
EIGHT_DAYS_S = 8 * 24 * 3600


async def captured(stack: Stack) -> Reserved:
    """Adjusted, then a part of it captured."""
    reserved, _ = await stack.start()
    await reserved.update("adjust", {"amount": usd(150_00), "command_id": "dinner"})
    await reserved.update("capture", {"amount": usd(120_00), "command_id": "out"})
    return reserved


async def captured_with_a_signal_between(stack: Stack) -> Reserved:
    """Adjusted by an update and by a signal, then a part of it captured."""
    reserved, _ = await stack.start()
    await reserved.update("adjust", {"amount": usd(150_00), "command_id": "dinner"})
    await reserved.signal("adjust", {"by": "+10.00 USD", "command_id": "tip"})
    await reserved.update("capture", {"amount": usd(120_00), "command_id": "out"})
    return reserved


async def released(stack: Stack) -> Reserved:
    reserved, _ = await stack.start()
    await reserved.update("release", {"command_id": "cancelled"})
    return reserved


async def captured_at_the_deadline(stack: Stack) -> Reserved:
    reserved, _ = await stack.start(on_deadline="capture", hold_window="PT2H")
    await reserved.skip(timedelta(hours=1, minutes=1))
    return reserved


async def points(reserved: Reserved) -> list[int]:
    """Every event that a run can be reset to."""
    return [
        event.event_id
        for event in (await reserved.history()).events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    ]


async def reset(stack: Stack, reserved: Reserved, run_id: str, point: int, *, bare: bool) -> Json:
    """Reset a run that has ended, and wait for the end of the new one."""
    made = await stack.reset(reserved.handle.id, run_id, point, bare=bare)
    anew = stack.client.get_workflow_handle(reserved.handle.id, run_id=made)
    # A task that brings nothing is completed without our code, so a reset to a point where the run
    # only waited shows with the next message; most are closed before it arrives.
    with contextlib.suppress(RPCError):
        await anew.signal("are-you-there")
    try:
        ended = await asyncio.wait_for(anew.result(), 15)
    except TimeoutError:
        kinds = [EventType.Name(e.event_type) for e in (await anew.fetch_history()).events]
        pytest.fail(f"reset to {point}, the run has not ended: {kinds}")
    # Our worker keeps nothing between tasks: a task that did not replay would have failed.
    never_stalled(await anew.fetch_history())
    return ended


@pytest.mark.parametrize("bank_goes_on", [False, True], ids=["at once", "eight days later"])
@pytest.mark.parametrize("bare", [False, True], ids=["re-applied", "left out"])
@pytest.mark.parametrize("life", [captured, released, captured_at_the_deadline])
async def test_a_reset_to_any_task_moves_no_money_again(
    stack: Stack, life: Life, *, bare: bool, bank_goes_on: bool
) -> None:
    await reset_everywhere(stack, life, bare=bare, bank_goes_on=bank_goes_on)


async def test_a_reset_that_re_applies_a_signal_between_updates_stalls_nothing(
    stack: Stack,
) -> None:
    # The SDK tells of a re-applied signal and update in another order when it replays them.
    life = captured_with_a_signal_between
    await reset_everywhere(stack, life, bare=False, bank_goes_on=False)


async def test_a_reset_that_leaves_out_a_signal_between_updates_moves_no_money_again(
    stack: Stack,
) -> None:
    life = captured_with_a_signal_between
    await reset_everywhere(stack, life, bare=True, bank_goes_on=True)


@workflow.defn(name=WORKFLOW_TYPE)
class Broken:
    """A version of the workflow that fails at its first task."""

    @workflow.run
    async def run(self) -> None:
        """Do what no version should."""
        raise RuntimeError(A_BUG_SINCE_MENDED)


async def test_a_reset_of_a_run_whose_first_task_was_tried_twice_stalls_nothing(
    stack: Stack,
) -> None:
    elsewhere = stack.elsewhere()
    reserved = await elsewhere.begin(elsewhere.request())
    broken = Worker(
        stack.client,
        task_queue=elsewhere.task_queue,
        workflows=[Broken],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with broken, asyncio.timeout(20):
        while EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED not in await kinds_of(reserved):
            await asyncio.sleep(0.05)

    async def life(_: Stack) -> Reserved:
        await reserved.update("authorized")
        await reserved.update("capture", {"amount": usd(60_00), "command_id": "out"})
        return reserved

    async with elsewhere.worker():
        await reset_everywhere(elsewhere, life, bare=False, bank_goes_on=False)


async def kinds_of(reserved: Reserved) -> list[int]:
    return [event.event_type for event in (await reserved.history()).events]


async def reset_everywhere(stack: Stack, life: Life, *, bare: bool, bank_goes_on: bool) -> None:
    reserved = await life(stack)
    before = await reserved.ended()
    books = await stack.books()
    run_id = (await reserved.handle.describe()).run_id
    if bank_goes_on:
        await stack.bank_clock(advance_s=EIGHT_DAYS_S)

    for point in await points(reserved):
        ended = await reset(stack, reserved, run_id, point, bare=bare)
        adds_up(ended)
        assert await stack.books() == books, point
        assert _money(ended) == _money(before), point


def _money(hold: Json) -> Json:
    # Not `released`: what a capture freed is not shown by the gateway afterwards, and a run that
    # has forgotten the adjusts before it cannot know it.
    names = ("state", "captured", "expired", "remaining", "payment_id")
    return {name: hold[name] for name in names}


async def test_a_reset_of_an_open_hold_neither_authorizes_again_nor_forgets_it(
    stack: Stack,
) -> None:
    reserved, before = await stack.start()
    description = await reserved.handle.describe()
    [first, *_] = await points(reserved)
    await stack.reset(reserved.handle.id, description.run_id, first)
    hold = await reserved.update("authorized")
    assert (hold["state"], hold["payment_id"]) == ("authorized", before["payment_id"])

    hold = await reserved.update("capture")
    assert hold["captured"] == usd(100_00)
    agrees(hold, await stack.book())


async def test_a_call_that_was_pending_at_the_point_of_a_reset_is_looked_for_first(
    stack: Stack,
) -> None:
    await stack.fault("authorize", "delay", delay_s=0.8)
    reserved = await stack.begin(stack.request(gateway="keyless"))
    await asyncio.sleep(0.3)
    await reserved.signal("unheard-of")
    await reserved.update("authorized")
    await reserved.update("release")
    await reserved.ended()
    books = await stack.books()
    run_id = (await reserved.handle.describe()).run_id

    # The second task was the signal's: the authorization was under way.
    _, point, *_ = await points(reserved)
    await reset(stack, reserved, run_id, point, bare=False)
    assert await stack.books() == books

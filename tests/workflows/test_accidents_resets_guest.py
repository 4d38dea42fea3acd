"""An operator's reset in the middle of the harder lives, at the gateways without keys.

The guest's turn, another card after a decline, and answers that were lost. Wherever the run is
reset to, and whether what was said since is repeated to it or not, the books stay as they were, and
the new run ends as they say or tells a person. The two ways to reset take turns, and each gateway
has its share of the tasks.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError

from cardhold.names import SearchAttribute
from tests.workflows.checks import adds_up, agrees, never_stalled
from tests.workflows.gateways import ASKING, Place, everywhere, of
from tests.workflows.guests import asked, booked, presses
from tests.workflows.patience import tell
from tests.workflows.stack import Json, Reserved, Stack, usd
from tests.workflows.test_accidents_cancel import until_met
from tests.workflows.test_accidents_resets import reset_to, told
from tests.workflows.test_accidents_started_again import ONE_OF_EACH
from tests.workflows.test_guest import A_QUARTER
from tests.workflows.test_resets import points

Life = Callable[[Stack, Place], Awaitable[Reserved]]
KEYLESS = tuple(place for place in ONE_OF_EACH if place.gateway != "payroc")
ATTENTION = SearchAttributeKey.for_keyword(SearchAttribute.ATTENTION)
DECLINED_WAIT = timedelta(minutes=31)
OUT: Json = {"command_id": "out"}


def part(place: Place) -> Json:
    return {**OUT, "amount": place.money(60_00)}


async def passed(stack: Stack, place: Place) -> Reserved:
    """The guest passes, and a part is captured."""
    reserved, hold = await asked(stack, place)
    await presses(hold, "pass")
    await reserved.update("authenticated")
    await reserved.update("capture", part(place))
    return reserved


async def left(stack: Stack, place: Place) -> Reserved:
    """The guest never comes back."""
    reserved, _ = await asked(stack, place)
    await stack.skipper.fast_forward(reserved.handle, A_QUARTER)
    return reserved


async def called_off(stack: Stack, place: Place) -> Reserved:
    """Released before the guest has done anything."""
    reserved, _ = await asked(stack, place)
    await reserved.update("release", OUT)
    return reserved


async def another_card(stack: Stack, place: Place) -> Reserved:
    """Declined, and then held and captured on another card."""
    await stack.fault("authorize", "decline", gateway=place.gateway)
    reserved, _ = await stack.start(**place.request())
    await reserved.update("authorize", {"payment_method": place.card, "command_id": "another"})
    await reserved.update("capture", part(place))
    return reserved


def lost(operation: str) -> Life:
    async def life(stack: Stack, place: Place) -> Reserved:
        """The answer to one operation is lost; what it did is not."""
        await stack.fault(operation, "drop_after", gateway=place.gateway)
        request = stack.request(**place.request())
        reserved = await stack.begin(request)
        await tell(reserved, "authorized", {"request": request})
        if operation == "release":
            await tell(reserved, "release", OUT)
        else:
            await tell(reserved, "capture", part(place))
        return reserved

    return life


GUESTS = (passed, left, called_off)
LOST = (*map(lost, ("authorize", "capture", "release")), another_card)


async def reset(
    stack: Stack, reserved: Reserved, run_id: str, point: int, *, bare: bool
) -> Reserved:
    made = await stack.reset(reserved.handle.id, run_id, point, bare=bare)
    handle = stack.client.get_workflow_handle(reserved.handle.id, run_id=made)
    return Reserved(stack, handle)


async def settled(stack: Stack, reserved: Reserved) -> Json:
    """How a run ends, or where it waits for a person; a guest's time is let pass."""
    try:
        hold = await reserved.update("authorized")
        if hold["state"] == "action_required":
            await stack.skipper.fast_forward(reserved.handle, A_QUARTER)
    except (RPCError, WorkflowUpdateFailedError):
        pass  # it has ended, or does not know yet
    try:
        return await _ended_or_told(reserved, 4)
    except TimeoutError:
        # What cannot be looked up is a person's after a quarter of an hour.
        with contextlib.suppress(RPCError):  # it may have ended just now
            await stack.skipper.fast_forward(reserved.handle, A_QUARTER)
        return await _ended_or_told(reserved, 40)


async def _ended_or_told(reserved: Reserved, within_s: float) -> Json:
    async with asyncio.timeout(within_s):
        while True:
            now = await reserved.handle.describe()
            if now.status != WorkflowExecutionStatus.RUNNING:
                return await reserved.ended()
            if now.typed_search_attributes.get(ATTENTION):
                return await reserved.hold()
            await asyncio.sleep(0.05)


async def is_true_or_told(stack: Stack, hold: Json, before: Json) -> None:
    if hold["attention"] is not None:
        assert hold["attention"]["reason"] in {"external_change", "outcome_unknown"}
        return
    adds_up(hold)
    if hold["authorized"]["amount_minor"]:
        agrees(hold, await stack.book_of(hold))
    else:
        assert before["authorized"]["amount_minor"] == 0


async def play(stack: Stack, place: Place, lives: Iterable[Life]) -> None:
    """Live these lives in turn, and then reset them all side by side."""
    runs = [await life(stack, place) for life in lives]
    views = [await run.ended() for run in runs]
    books = await stack.books(place.gateway)

    async def at_every_point(run: Reserved, before: Json, parity: int) -> None:
        run_id = (await run.handle.describe()).run_id
        every_other = (await points(run))[parity % 2 :: 2]
        for number, point in enumerate(every_other, parity // 2):
            anew = await reset(stack, run, run_id, point, bare=number % 2 == 0)
            try:
                await is_true_or_told(stack, await settled(stack, anew), before)
                assert await stack.books(place.gateway) == books
            except BaseException as error:
                error.add_note(f"reset {number} of {run.handle.id}, {parity=}")
                raise
            never_stalled(await anew.handle.fetch_history())

    parity = KEYLESS.index(place)
    every = zip(runs, views, itertools.count(parity), strict=False)
    await asyncio.gather(*(at_every_point(*each) for each in every))


async def test_a_reset_of_what_a_guest_had_a_part_in_moves_no_money_again(stack: Stack) -> None:
    await everywhere(lambda place: play(stack, place, GUESTS), ASKING)


async def test_a_reset_of_what_was_lost_and_found_moves_no_money_again(stack: Stack) -> None:
    await everywhere(lambda place: play(stack, place, LOST), KEYLESS)


@pytest.mark.parametrize("is_given_again", [False, True], ids=["acknowledged", "given again"])
async def test_a_hold_on_another_card_is_not_given_up_before_a_person_has_looked(
    stack: Stack, *, is_given_again: bool
) -> None:
    async def at(place: Place) -> None:
        await stack.fault("authorize", "decline", gateway=place.gateway)
        reserved, _ = await stack.start(**place.request())
        *_, point = await points(reserved)
        another = {"payment_method": place.card, "command_id": "another"}
        before = await reserved.update("authorize", another)
        anew = await reset_to(stack, reserved, point)
        await anew.update("authorized")
        await stack.skipper.fast_forward(anew.handle, DECLINED_WAIT)
        hold = await anew.hold()
        assert (hold["state"], hold["attention"]["reason"]) == ("declined", "external_change")
        if not is_given_again:
            await anew.update("acknowledge")
            assert (await anew.ended())["state"] == "abandoned"
            return
        hold = await anew.update("authorize", another)
        assert (hold["state"], hold["payment_id"]) == ("authorized", before["payment_id"])
        await anew.update("release", OUT)
        ended = await anew.ended()
        adds_up(ended)
        agrees(ended, await stack.book_of(ended))
        assert await booked(stack, place) == ["authorize", "release"]

    await everywhere(at, ONE_OF_EACH)


async def test_who_asks_at_the_last_moment_leaves_no_mark_that_a_reset_cannot_replay(
    stack: Stack,
) -> None:
    """The first run had a card to give up, and went on as somebody had asked for something."""
    await stack.fault("authorize", "decline")
    reserved, _ = await stack.start()
    await stack.fault("look_up", "delay", delay_s=1.5)
    skips = asyncio.create_task(stack.skipper.fast_forward(reserved.handle, DECLINED_WAIT))
    await until_met(stack, of("payroc"))
    refused = await reserved.refused("adjust", {"amount": usd(60_00), "command_id": "shorter"})
    assert refused.type == "IllegalMove"
    await skips
    assert (await reserved.ended())["state"] == "abandoned"

    *_, last = await points(reserved)
    anew = await reset_to(stack, reserved, last)
    hold = await told(anew)
    assert hold["state"] == "declined"
    await anew.update("acknowledge")
    assert (await anew.ended())["state"] == "abandoned"
    never_stalled(await anew.history())

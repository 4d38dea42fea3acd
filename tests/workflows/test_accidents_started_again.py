"""A run is terminated, or forgotten, and its reservation started again: no second hold is placed.

As after Temporal's retention, or with a client that allows a second run of an ended one: the
second run has the same id and nothing of the first one's history. The bank's books are the verdict.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from tests.workflows.checks import adds_up, agrees
from tests.workflows.gateways import ASKING, PLACES, SEVERAL, Place, everywhere
from tests.workflows.guests import asked, booked, presses
from tests.workflows.patience import tell
from tests.workflows.stack import Json, Reserved, Stack

DEADLINE = timedelta(days=6, hours=12, minutes=1)
OUT: Json = {"command_id": "out"}
#: One account of each gateway.
ONE_OF_EACH = tuple({place.gateway: place for place in reversed(PLACES)}.values())


async def again(stack: Stack, first: Reserved, request: Json) -> Reserved:
    """The same start once more, after the first run's end, whatever that was."""
    await stack.client.start_workflow(
        "Reservation",
        args=[request],
        id=first.handle.id,
        task_queue=stack.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
    )
    second = Reserved(stack, stack.client.get_workflow_handle(first.handle.id))
    stack.opened[:] = [each for each in stack.opened if each.handle.id != first.handle.id]
    stack.opened.append(second)
    return second


async def until_told(reserved: Reserved) -> Json:
    async with asyncio.timeout(15):
        while (hold := await reserved.hold())["attention"] is None:
            await asyncio.sleep(0.05)
    return hold


def repeats_its_answer(place: Place) -> bool:
    """Whether a key that lives answers as it did the first time, whatever has happened since.

    What has happened is then seen by the next act, or by a look a quarter of an hour later.
    """
    return "authorize" in place.can.idempotent


async def captures(reserved: Reserved) -> None:
    await reserved.update("capture", OUT)


async def releases(reserved: Reserved) -> None:
    await reserved.update("release", OUT)


async def started(stack: Stack, place: Place) -> tuple[Reserved, Json, Json]:
    request = stack.request(**place.request())
    reserved = await stack.begin(request)
    return reserved, await reserved.update("authorized", {"request": request}), request


@pytest.mark.parametrize("does", [captures, releases])
async def test_what_ended_before_is_found_and_its_instruction_not_done_twice(
    stack: Stack, does: Callable[[Reserved], Awaitable[None]]
) -> None:
    async def at(place: Place) -> None:
        first, before, request = await started(stack, place)
        await does(first)
        ended = await first.ended()
        books = await stack.books(place.gateway)

        second = await again(stack, first, request)
        hold = await second.update("authorized", {"request": request})
        assert (hold["state"], hold["payment_id"]) == ("authorized", before["payment_id"])
        if not repeats_its_answer(place):
            assert (await until_told(second))["attention"]["reason"] == "external_change"
        await does(second)
        assert await stack.books(place.gateway) == books
        hold = await second.ended()
        adds_up(hold)
        agrees(hold, await stack.book_of(hold))
        assert hold["state"] == ended["state"]

    await everywhere(at)


async def test_a_person_is_told_by_the_deadline_of_what_was_captured_before(stack: Stack) -> None:
    runs: dict[Place, Reserved] = {}

    async def at(place: Place) -> None:
        first, _, request = await started(stack, place)
        await captures(first)
        await first.ended()
        runs[place] = await again(stack, first, request)
        await runs[place].update("authorized", {"request": request})

    await everywhere(at, ONE_OF_EACH)
    books = await stack.books()
    await stack.skip(DEADLINE, *runs.values())
    told = {str(place): await until_told(run) for place, run in runs.items()}
    assert {hold["attention"]["reason"] for hold in told.values()} == {"external_change"}
    assert await stack.books() == books


async def test_what_is_still_held_is_gone_on_with(stack: Stack) -> None:
    async def at(place: Place) -> None:
        first, before, request = await started(stack, place)
        await first.handle.terminate("an operator's mistake")
        second = await again(stack, first, request)
        hold = await second.update("authorized", {"request": request})
        assert hold["payment_id"] == before["payment_id"]
        await second.update("capture", {**OUT, "amount": place.money(60_00)})
        hold = await second.ended()
        assert (hold["state"], hold["captured"]) == ("captured", place.money(60_00))
        agrees(hold, await stack.book_of(hold))

    await everywhere(at)


async def test_of_a_part_that_was_captured_before_nothing_is_captured_again(stack: Stack) -> None:
    async def at(place: Place) -> None:
        first, _, request = await started(stack, place)
        part = {"amount": place.money(30_00), "final": False, "command_id": "breakfast"}
        await first.update("capture", part)
        await first.handle.terminate("an operator's mistake")
        second = await again(stack, first, request)
        await second.update("authorized", {"request": request})
        await until_told(second)
        hold = await second.update("capture", part)
        assert hold["captured"] == place.money(30_00)
        assert (await stack.book_of(hold))["captured_minor"] == 30_00
        await second.update("release", OUT)
        hold = await second.ended()
        assert (hold["state"], hold["released"]) == ("captured", place.money(70_00))
        agrees(hold, await stack.book_of(hold))

    await everywhere(at, SEVERAL)


async def test_a_lowered_hold_is_no_approval_for_less(stack: Stack) -> None:
    async def at(place: Place) -> None:
        first, _, request = await started(stack, place)
        lower = {"amount": place.money(70_00), "command_id": "shorter"}
        await first.update("adjust", lower)
        await first.handle.terminate("an operator's mistake")
        second = await again(stack, first, request)
        hold = await second.update("authorized", {"request": request})
        assert hold["state"] == "authorized"
        hold = await second.update("adjust", lower)
        assert hold["remaining"] == place.money(70_00)
        agrees(hold, await stack.book_of(hold))
        await second.update("release", OUT)

    await everywhere(at, [place for place in PLACES if place.can.lowers])


@pytest.mark.parametrize("fault", ["drop_after", "error_after"])
async def test_an_authorization_whose_answer_was_lost_is_found(stack: Stack, fault: str) -> None:
    async def at(place: Place) -> None:
        await stack.fault("authorize", fault, gateway=place.gateway)
        request = stack.request(**place.request())
        first = await stack.begin(request)
        async with asyncio.timeout(10):
            while not await booked(stack, place):
                await asyncio.sleep(0.02)
        await first.handle.terminate("an operator's mistake")
        second = await again(stack, first, request)
        await tell(second, "authorized", {"request": request})
        assert (await second.hold())["state"] == "authorized"
        assert await booked(stack, place) == ["authorize"]
        await second.update("release", OUT)

    await everywhere(at, ONE_OF_EACH)


async def test_a_guest_of_the_first_run_can_be_called_off_by_the_second(stack: Stack) -> None:
    async def at(place: Place) -> None:
        first, before = await asked(stack, place)
        request = first_request(stack, place, before)
        await first.handle.terminate("an operator's mistake")
        second = await again(stack, first, request)
        hold = await second.update("authorized", {"request": request})
        # Where the gateway does not say again where to send the guest, it is called off at once.
        assert hold["state"] in {"action_required", "declined"}
        await second.update("release", OUT)
        assert (await second.ended())["state"] == "abandoned"
        await presses(before, "pass")
        assert await booked(stack, place) == []

    await everywhere(at, ASKING)


def first_request(stack: Stack, place: Place, hold: Json) -> Json:
    """The start that this hold is of."""
    named = {"reservation_id": hold["reservation_id"]}
    return {**stack.request(**place.for_the_guest()), **named}


async def test_a_guest_who_passed_for_the_first_run_is_held_once(stack: Stack) -> None:
    async def at(place: Place) -> None:
        first, before = await asked(stack, place)
        request = first_request(stack, place, before)
        await presses(before, "pass")
        await first.handle.terminate("an operator's mistake")
        second = await again(stack, first, request)
        hold = await second.update("authorized", {"request": request})
        assert (hold["state"], hold["payment_id"]) == ("authorized", before["payment_id"])
        await second.update("release", OUT)
        assert await booked(stack, place) == ["authorize", "release"]

    await everywhere(at, ASKING)


async def test_another_card_after_a_decline_is_still_possible(stack: Stack) -> None:
    async def at(place: Place) -> None:
        await stack.fault("authorize", "decline", gateway=place.gateway)
        first, hold, request = await started(stack, place)
        assert hold["state"] == "declined"
        await first.handle.terminate("an operator's mistake")
        second = await again(stack, first, request)
        hold = await second.update("authorized", {"request": request})
        assert hold["state"] == "declined"
        other = {"payment_method": place.card, "command_id": "another"}
        hold = await second.update("authorize", other)
        assert hold["state"] == "authorized"
        assert await booked(stack, place) == ["authorize"]
        await second.update("release", OUT)

    await everywhere(at, ONE_OF_EACH)

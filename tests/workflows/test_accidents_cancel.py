"""A run is cancelled at any moment, at every gateway: what is held is freed once, and it ends well.

A cancellation is one more instruction: what is under way is carried through first, its answer lost
or not, and only then is the rest freed. The bank's books are the verdict.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from tests.workflows.checks import adds_up, agrees, done_once
from tests.workflows.gateways import ASKING, SEVERAL, Place, everywhere
from tests.workflows.guests import asked, booked, presses
from tests.workflows.stack import Json, Reserved, Stack
from tests.workflows.test_accidents_started_again import ONE_OF_EACH, again, started
from tests.workflows.test_every_lost_answer import FAULTS
from tests.workflows.test_races import flagged

SLOWLY: dict[str, Json] = {
    "delay": {"delay_s": 0.5},
    "drop_after": {},
    "error_after": {},
    "stay_pending": FAULTS["stay_pending"],
}
#: In this order no reservation's release meets a fault that was meant for another's.
INSTRUCTIONS = ("release", "capture", "adjust")
PART = 60_00
#: How an instruction may end that a cancellation was faster than.
TOO_LATE = frozenset({"Closed", "IllegalMove", "OutcomeUnknown"})


async def until_met(stack: Stack, place: Place) -> None:
    """Wait until a call has met the fault that was armed for it."""
    async with asyncio.timeout(15):
        while stack.unmet(place.gateway):
            await asyncio.sleep(0.01)


async def completed(reserved: Reserved) -> Json:
    """The view that a cancelled run ends with."""
    ended = await asyncio.wait_for(reserved.ended(), 30)
    description = await reserved.handle.describe()
    assert description.status == WorkflowExecutionStatus.COMPLETED
    adds_up(ended)
    return ended


async def freed(stack: Stack, place: Place, reserved: Reserved, captured_minor: int = 0) -> Json:
    """The run is over, nothing is left on the card, and no more was taken than this."""
    ended = await completed(reserved)
    book = await stack.book_of(ended)
    agrees(ended, book)
    done_once(ended, book)
    assert book["state"] == ended["state"] == ("captured" if captured_minor else "released")
    assert ended["captured"] == place.money(captured_minor)
    freed = [effect for effect in book["effects"] if effect["kind"] == "release"]
    lowered = ended["authorized"]["amount_minor"] < 100_00 and len(freed) > 1
    assert len(freed) == (2 if lowered else 1)
    return ended


async def answered(instruction: Awaitable[Json]) -> None:
    """An instruction is carried out, or refused as one that comes too late."""
    try:
        await asyncio.wait_for(instruction, 30)
    except WorkflowUpdateFailedError as error:
        assert isinstance(error.cause, ApplicationError)
        assert error.cause.type in TOO_LATE


def told(place: Place, instruction: str) -> Json:
    match instruction:
        case "adjust":
            return {"amount": place.money(80_00), "command_id": "shorter"}
        case "capture":
            return {"amount": place.money(PART), "command_id": "out"}
        case _:
            return {"command_id": "out"}


def instructions(place: Place) -> Iterable[str]:
    return (each for each in INSTRUCTIONS if each != "adjust" or place.can.lowers)


@pytest.mark.parametrize("fault", ["drop_after", "error_after", "stay_pending"])
async def test_what_is_under_way_is_carried_through_and_the_rest_freed(
    stack: Stack, fault: str
) -> None:
    async def at(place: Place) -> None:
        under_way: dict[str, Reserved] = {}
        for instruction in instructions(place):
            reserved, _ = await stack.start(**place.request())
            await stack.fault(instruction, fault, gateway=place.gateway, **SLOWLY[fault])
            await reserved.signal(instruction, told(place, instruction))
            await until_met(stack, place)
            await reserved.handle.cancel()
            under_way[instruction] = reserved
        await stack.fault("authorize", fault, gateway=place.gateway, **SLOWLY[fault])
        reserved = await stack.begin(stack.request(**place.request()))
        await until_met(stack, place)
        await reserved.handle.cancel()
        under_way["authorize"] = reserved
        for instruction, each in under_way.items():
            await freed(stack, place, each, PART if instruction == "capture" else 0)

    await everywhere(at, ONE_OF_EACH)


async def test_what_rests_is_freed(stack: Stack) -> None:
    async def at(place: Place) -> None:
        reserved, _ = await stack.start(**place.request())
        await reserved.handle.cancel()
        await freed(stack, place, reserved)
        if place.under.declined is None:
            return
        declined = place.under.declined.model_dump(mode="json", exclude_none=True)
        reserved, hold = await stack.start(**{**place.request(), "payment_method": declined})
        assert hold["state"] == "declined"
        await reserved.handle.cancel()
        assert (await completed(reserved))["state"] == "abandoned"

    await everywhere(at)


@pytest.mark.parametrize("fault", ["none", "drop_after"])
async def test_of_several_captures_what_was_taken_stays_taken_and_the_rest_is_freed(
    stack: Stack, fault: str
) -> None:
    async def at(place: Place) -> None:
        reserved, _ = await stack.start(**place.request())
        part = {"amount": place.money(20_00), "final": False}
        await reserved.update("capture", {**part, "command_id": "one"})
        if fault != "none":
            await stack.fault("capture", fault, gateway=place.gateway, **SLOWLY[fault])
            await reserved.signal("capture", {**part, "command_id": "two"})
            await until_met(stack, place)
        await reserved.handle.cancel()
        await freed(stack, place, reserved, 20_00 if fault == "none" else 40_00)

    await everywhere(at, SEVERAL)


@pytest.mark.parametrize("fault", ["delay", "drop_after"])
async def test_a_second_cancellation_frees_nothing_twice(stack: Stack, fault: str) -> None:
    async def at(place: Place) -> None:
        reserved, _ = await stack.start(**place.request())
        await stack.fault("release", fault, gateway=place.gateway, **SLOWLY[fault])
        await reserved.handle.cancel()
        await until_met(stack, place)
        await reserved.handle.cancel()
        await freed(stack, place, reserved)

    await everywhere(at, ONE_OF_EACH)


@pytest.mark.parametrize("flag", [False, True], ids=["flag off", "flag on"])
@pytest.mark.parametrize("waits_for", ["authorized", "capture"])
async def test_who_waits_for_an_answer_has_one_though_the_run_is_cancelled_meanwhile(
    stack: Stack, waits_for: str, *, flag: bool
) -> None:
    # With its newer logic flag the SDK tells of the cancellation each handler that waits, too.
    [payroc] = [place for place in ONE_OF_EACH if place.gateway == "payroc"]
    elsewhere = stack.elsewhere()
    async with flagged(elsewhere.worker(), flag=flag):
        request = stack.request()
        reserved = await elsewhere.begin(request)
        if waits_for == "capture":
            await reserved.update("authorized", {"request": request})
        slowly = "authorize" if waits_for == "authorized" else waits_for
        await stack.fault(slowly, "delay", delay_s=1.5)
        command = {"request": request} if waits_for == "authorized" else told(payroc, waits_for)
        waiting = asyncio.create_task(reserved.update(waits_for, command))
        await until_met(stack, payroc)
        await reserved.handle.cancel()

        hold = await asyncio.wait_for(waiting, 30)
        assert hold["operations"][-1 if waits_for == "authorized" else 1]["state"] != "unknown"
        captured = PART if waits_for == "capture" else 0
        assert hold["captured"] == payroc.money(captured)
        await freed(stack, payroc, reserved, captured)


# The guest's turn.


@pytest.mark.parametrize(
    ("fault", "passes"), [("delay", "before"), ("delay", "meanwhile"), ("drop_after", "never")]
)
async def test_a_guest_who_is_being_looked_for_is_called_off(
    stack: Stack, fault: str, passes: str
) -> None:
    async def at(place: Place) -> None:
        reserved, hold = await asked(stack, place)
        if passes == "before":
            await presses(hold, "pass")
        await stack.fault("look_up", fault, gateway=place.gateway, **SLOWLY[fault])
        back = asyncio.create_task(reserved.update("authenticated"))
        await until_met(stack, place)
        if passes == "meanwhile":
            await presses(hold, "pass")
        await reserved.handle.cancel()
        await answered(back)
        ended = await completed(reserved)
        if passes == "never":
            assert ended["state"] == "abandoned"
        else:
            assert ended["state"] == "released"
            agrees(ended, await stack.book_of(ended))
        await presses(hold, "pass")
        was_held = passes != "never"
        assert await booked(stack, place) == (["authorize", "release"] if was_held else [])

    await everywhere(at, ASKING)


@pytest.mark.parametrize("has_passed", [False, True], ids=["before the guest", "after the guest"])
@pytest.mark.parametrize("fault", ["drop_after", "error_after"])
async def test_a_cancellation_whose_calling_off_is_not_answered_leaves_nothing_held(
    stack: Stack, fault: str, *, has_passed: bool
) -> None:
    async def at(place: Place) -> None:
        reserved, hold = await asked(stack, place)
        if has_passed:
            await presses(hold, "pass")
        await stack.fault("release", fault, gateway=place.gateway)
        await reserved.handle.cancel()
        ended = await completed(reserved)
        assert ended["state"] == ("released" if has_passed else "abandoned")
        await presses(hold, "pass")
        assert await booked(stack, place) == (["authorize", "release"] if has_passed else [])

    await everywhere(at, ASKING)


# Together with others.


def together(reserved: Reserved, instruction: str, command: Json) -> asyncio.Task[None]:
    """Send an instruction that nobody takes yet; the answer comes once somebody works."""
    return asyncio.create_task(answered(reserved.update(instruction, command)))


@pytest.mark.parametrize("cancelled_first", [False, True], ids=["asked first", "cancelled first"])
async def test_an_instruction_and_a_cancellation_in_one_task_are_both_heard(
    stack: Stack, *, cancelled_first: bool
) -> None:
    """Nobody works on the queue while they arrive; whichever is first, both are answered."""
    elsewhere = stack.elsewhere()
    runs: list[tuple[Place, str, Reserved]] = []
    answers: list[asyncio.Task[None]] = []

    async def at(place: Place) -> None:
        for instruction in instructions(place):
            reserved, _ = await elsewhere.start(**place.request())
            runs.append((place, instruction, reserved))

    async with elsewhere.worker():
        await everywhere(at, ONE_OF_EACH)
    for place, instruction, reserved in runs:
        if cancelled_first:
            await reserved.handle.cancel()
        answers.append(together(reserved, instruction, told(place, instruction)))
        # It is a task of its own that sends it, and an update leaves no event before it is taken.
        await asyncio.sleep(0.05)
        if not cancelled_first:
            await reserved.handle.cancel()
    async with elsewhere.worker():
        await asyncio.gather(*answers)
        for place, _, reserved in runs:
            captured = (await reserved.ended())["captured"]["amount_minor"]
            assert captured in {0, PART}
            await freed(stack, place, reserved, captured)


@pytest.mark.parametrize("fault", ["none", "drop_after"])
async def test_what_was_cancelled_and_terminated_and_started_again_is_freed_once(
    stack: Stack, fault: str
) -> None:
    async def at(place: Place) -> None:
        first, _, request = await started(stack, place)
        if fault != "none":
            await stack.fault("release", fault, gateway=place.gateway)
        await first.handle.cancel()
        if fault != "none":
            await until_met(stack, place)
        await first.handle.terminate("an operator's mistake")
        second = await again(stack, first, request)
        await second.update("authorized", {"request": request})
        await second.handle.cancel()
        await freed(stack, place, second)
        assert await booked(stack, place) == ["authorize", "release"]

    await everywhere(at, ONE_OF_EACH)

"""The gateway's credentials are revoked before a deadline, at every gateway, and mended later.

Every call is refused, the one for a token included. The reservation's clock and the bank's are
moved together; the bank's books are the verdict.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.workflows.checks import adds_up, agrees, done_once
from tests.workflows.gateways import PLACES, Place, everywhere
from tests.workflows.stack import Reserved, Stack

ONE_OF_EACH = tuple({place.gateway: place for place in reversed(PLACES)}.values())
UNTIL_DEADLINE = timedelta(days=6, hours=12)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
FOR_EVER = 10_000


async def begun(stack: Stack, on_deadline: str) -> list[Reserved]:
    runs: list[Reserved] = []

    async def at(place: Place) -> None:
        reserved, _ = await stack.start(**place.request(), on_deadline=on_deadline)
        runs.append(reserved)

    await everywhere(at, ONE_OF_EACH)
    return runs


async def revoked(stack: Stack) -> None:
    for place in ONE_OF_EACH:
        await stack.fault("*", "unauthorized", gateway=place.gateway, times=FOR_EVER)


@pytest.mark.parametrize(
    ("on_deadline", "state"), [("capture", "captured"), ("release", "released")]
)
async def test_credentials_that_are_revoked_at_the_deadline_cost_nothing_once_they_are_mended(
    stack: Stack, on_deadline: str, state: str
) -> None:
    runs = await begun(stack, on_deadline)
    await stack.skip(UNTIL_DEADLINE - HOUR, *runs)
    await revoked(stack)
    await stack.skip(2 * HOUR, *runs)
    for run in runs:
        hold = await run.hold()
        assert hold["attention"]["reason"] == "outcome_unknown"
        assert hold["remaining"]["amount_minor"] == 100_00
    await stack.skip(5 * HOUR, *runs)

    await stack.no_more_faults()
    await stack.skip(20 * MINUTE, *runs)
    for run in runs:
        hold = await asyncio.wait_for(run.ended(), 20)
        book = await stack.book_of(hold)
        adds_up(hold)
        agrees(hold, book)
        done_once(hold, book)
        assert hold["state"] == book["state"] == state
        assert len(book["effects"]) == 2, book


async def test_an_instruction_that_met_revoked_credentials_is_done_when_they_are_mended(
    stack: Stack,
) -> None:
    runs = await begun(stack, "release")
    await revoked(stack)
    for run in runs:
        await run.signal("capture", {"command_id": "checkout"})
    await stack.skip(HOUR, *runs)
    told = [await run.hold() for run in runs]
    assert {hold["attention"]["reason"] for hold in told} == {"outcome_unknown"}

    await stack.no_more_faults()
    await stack.skip(20 * MINUTE, *runs)
    for run in runs:
        hold = await asyncio.wait_for(run.ended(), 20)
        book = await stack.book_of(hold)
        agrees(hold, book)
        done_once(hold, book)
        assert hold["state"] == "captured"

"""A gateway that is down for a week, at every gateway: how often it is asked, and what comes of it.

Every call that is made while it is down meets a fault, and the faults that are left say how many
did. The reservation's clock and the bank's are moved together.
"""

from __future__ import annotations

from datetime import timedelta

from tests.workflows.checks import adds_up, agrees, done_once
from tests.workflows.gateways import PLACES, Place, everywhere
from tests.workflows.stack import Reserved, Stack

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
#: One account of each gateway.
ONE_OF_EACH = tuple({place.gateway: place for place in reversed(PLACES)}.values())
#: What the gateway does in turn, while it is down: refuses our key, fails, breaks connections.
DOWN = ("unauthorized", "error_before", "drop_before", "error_before")
EACH_TIMES = 60
FOR_EVER = 10_000
ASKED_A_DAY = 2
# What is bounded: a month of it is to stay below 300 calls (`domain.patience`).
CALLS_MAX = 220
HISTORY_MAX = 2_000


async def goes_down(stack: Stack, place: Place) -> None:
    for fault in DOWN:
        await stack.fault("*", fault, gateway=place.gateway, times=EACH_TIMES)
    await stack.fault("*", "error_before", gateway=place.gateway, times=FOR_EVER)


def calls(stack: Stack, place: Place) -> int:
    left = sum(fault["times"] for fault in stack.unmet(place.gateway))
    return len(DOWN) * EACH_TIMES + FOR_EVER - left


async def ask(reserved: Reserved) -> None:
    """What callers do who don't believe it: read, and give the instruction once more."""
    for _ in range(ASKED_A_DAY):
        hold = await reserved.update("authorized")
        assert hold["state"] == "capturing"
    refused = await reserved.refused("capture", {"command_id": "again"})
    assert refused.type == "OutcomeUnknown"


async def test_a_week_without_the_gateway_is_few_calls_and_a_short_history(stack: Stack) -> None:
    runs: dict[Place, Reserved] = {}

    async def at(place: Place) -> None:
        runs[place], _ = await stack.start(**place.request())
        await goes_down(stack, place)
        await runs[place].signal("capture", {"command_id": "checkout"})

    await everywhere(at, ONE_OF_EACH)
    await stack.skip(HOUR, *runs.values())
    for _ in range(6):
        for run in runs.values():
            await ask(run)
        await stack.skip(DAY, *runs.values())
    await stack.skip(DAY - 2 * HOUR, *runs.values())
    made = {str(place): calls(stack, place) for place in runs}
    assert max(made.values()) < CALLS_MAX, made

    told = [(await run.hold())["attention"] for run in runs.values()]
    assert {attention["reason"] for attention in told} == {"outcome_unknown"}
    await stack.no_more_faults()
    await stack.skip(HOUR / 2, *runs.values())
    for run in runs.values():
        ended = await run.ended()
        book = await stack.book_of(ended)
        adds_up(ended)
        agrees(ended, book)
        done_once(ended, book)
        assert ended["state"] == book["state"] == "captured"
        assert len((await run.history()).events) < HISTORY_MAX

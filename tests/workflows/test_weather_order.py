"""Whose call is made first where there are more than a worker can make: what Temporal is told.

The priority stands in the history beside each activity; one is the first. Which task of several it
then hands out is Temporal's own work, and approximate.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType

from tests.workflows.patience import until_decided
from tests.workflows.stack import Reserved, Stack

UNTIL_DEADLINE = timedelta(days=6, hours=12)


async def turns(reserved: Reserved) -> list[tuple[str, int]]:
    """Each activity, and the priority that it was given."""
    scheduled = [
        event.activity_task_scheduled_event_attributes
        for event in (await reserved.history()).events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]
    return [(each.activity_type.name, each.priority.priority_key) for each in scheduled]


@pytest.mark.parametrize(("window", "turn"), [("P7D", 3), ("PT12H", 2), ("PT1H", 1)])
async def test_the_less_time_a_hold_has_left_the_sooner_is_its_turn(
    stack: Stack, window: str, turn: int
) -> None:
    reserved, _ = await stack.start(hold_window=window)
    await reserved.update("capture", {"command_id": "checkout"})
    assert await turns(reserved) == [("authorize", 3), ("capture", turn)]


async def test_the_deadlines_own_call_comes_before_what_others_wait_for(stack: Stack) -> None:
    reserved, _ = await stack.start()
    await reserved.skip(UNTIL_DEADLINE + timedelta(minutes=1))
    await reserved.ended()
    assert await turns(reserved) == [("authorize", 3), ("release", 2)]


async def test_what_nobody_waits_for_comes_after_what_somebody_waits_for(stack: Stack) -> None:
    reserved, _ = await stack.start()
    await stack.fault("capture", "error_after")
    await reserved.signal("capture", {"command_id": "checkout"})
    await until_decided(reserved)
    assert await turns(reserved) == [("authorize", 3), ("capture", 3), ("look_up", 4)]

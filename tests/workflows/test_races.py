"""A capture and the deadline in one workflow task: the person's word counts, whatever the order.

The worker is stopped while the deadline's timer fires and the capture's signal arrives, so that
the next worker finds both in its first task. The SDK has a logic flag that changes the order in
which it reports the two to the workflow; both settings are played.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.worker import Worker
from temporalio.worker._workflow_instance import (  # the flag has no public name
    _WorkflowLogicFlag,  # pyright: ignore[reportPrivateUsage] - the flag has no public name
)

from cardhold.fields import instant_text
from tests.workflows.checks import agrees
from tests.workflows.stack import Reserved, Stack, usd

SINGLE_BATCH = _WorkflowLogicFlag.PROCESS_WORKFLOW_ACTIVATION_JOBS_AS_SINGLE_BATCH
TIMER = EventType.EVENT_TYPE_TIMER_FIRED
SIGNAL = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
TASK = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED


def flagged(worker: Worker, *, flag: bool) -> Worker:
    """The worker with the SDK's logic flag set as told."""
    worker._set_default_workflow_logic_flag(  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - no public way
        SINGLE_BATCH, enabled=flag
    )
    return worker


async def order_of(reserved: Reserved) -> list[int]:
    """The deadline's timer, the signal, and the task that meets both, as the history has them."""
    kinds = [event.event_type for event in (await reserved.history()).events]
    last = max(index for index, kind in enumerate(kinds) if kind in {TIMER, SIGNAL})
    first = max(index for index, kind in enumerate(kinds[:last]) if kind in {TIMER, SIGNAL})
    assert TASK not in kinds[first:last]  # one task meets both
    return [kinds[first], kinds[last]]


@pytest.mark.parametrize("flag", [False, True], ids=["flag off", "flag on"])
@pytest.mark.parametrize("first", ["timer", "signal"])
@pytest.mark.parametrize(
    ("name", "state"), [("capture", "captured"), ("adjust", "released"), ("release", "released")]
)
async def test_an_instruction_and_the_deadline_in_one_task(
    stack: Stack, name: str, state: str, first: str, *, flag: bool
) -> None:
    elsewhere = stack.elsewhere()
    command = {"amount": usd(150_00)} if name == "adjust" else {}
    settle_by = datetime.now(UTC) + timedelta(seconds=2)
    async with flagged(elsewhere.worker(), flag=flag):
        reserved, _ = await elsewhere.start(settle_by=instant_text(settle_by))
    if first == "signal":
        await reserved.signal(name, command)
    await asyncio.sleep((settle_by - datetime.now(UTC)).total_seconds() + 0.3)
    if first == "timer":
        await reserved.signal(name, command)
    async with flagged(elsewhere.worker(), flag=flag):
        ended = await reserved.ended()

    expected = [TIMER, SIGNAL] if first == "timer" else [SIGNAL, TIMER]
    assert await order_of(reserved) == expected
    assert ended["state"] == state
    assert len(ended["operations"]) == (3 if name == "adjust" else 2)
    agrees(ended, await stack.book())

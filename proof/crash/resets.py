"""An operator's reset of ended runs, to every workflow task: no money moves again.

Temporal re-applies the messages after the point of the reset, or leaves them out where it is
told to; the new run has forgotten what it sent. Where neither the gateway nor a message can tell
it, a person is told: that person takes note of it and says again what was said before.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, ResetReapplyExcludeType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError

from cardhold.errors import CardholdError
from cardhold.hold import Hold
from cardhold.names import workflow_id
from proof.crash.caller import Caller
from proof.crash.judge import Findings
from proof.crash.plots import Stay
from proof.crash.servers import Row
from proof.crash.stack import Stack

MOVED, NOT_ENDED = "moved money after a reset", "runs not ended after a reset"

_NO_MESSAGES = (
    ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL,
    ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_UPDATE,
)
_ENDS_WITHIN_S = 40.0
_LOOK_EACH_S = 0.2


@dataclass(slots=True)
class Resets:
    """What was reset, and what came of it.

    Attributes:
        done: How many runs.
        helped: How many of them needed a person.
    """

    done: int = 0
    helped: int = 0
    findings: Findings = field(default_factory=Findings)


async def reset_everywhere(
    stack: Stack, caller: Caller, stays: Sequence[Stay], *, modes: Sequence[bool]
) -> Resets:
    """Reset each of these ended reservations to each of its workflow tasks.

    Args:
        stack: Where they are.
        caller: Who played them.
        stays: What to reset.
        modes: Whether the messages since are left out; one round for each.
    """
    resets = Resets()
    resets.findings.add(MOVED, [])
    resets.findings.add(NOT_ENDED, [])
    before = await stack.gateways.books()
    await asyncio.gather(*(_reset_one(caller, stay, modes, resets) for stay in stays))
    resets.findings.add(MOVED, _differences(before, await stack.gateways.books()))
    return resets


async def _reset_one(caller: Caller, stay: Stay, modes: Sequence[bool], resets: Resets) -> None:
    handle = caller.temporal.get_workflow_handle(workflow_id(stay.name))
    run_id = (await handle.describe()).run_id
    was = await caller.client.hold(stay.name)
    points = [
        event.event_id
        for event in (await handle.fetch_history()).events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    ]
    for bare in modes:
        for point in points:
            name = f"{stay.name}, reset to {point}{', bare' if bare else ''}"
            anew = await _reset(caller, stay, run_id, point, bare=bare)
            resets.done += 1
            try:
                async with asyncio.timeout(_ENDS_WITHIN_S):
                    resets.helped += await _ended(caller, stay, anew)
            except TimeoutError:
                resets.findings.add(NOT_ENDED, [name])
                return
            now = await caller.client.hold(stay.name)
            if _money(now) != _money(was):
                resets.findings.add(MOVED, [f"{name}: {_money(now)} instead of {_money(was)}"])


async def _reset(
    caller: Caller, stay: Stay, run_id: str, point: int, *, bare: bool
) -> WorkflowHandle[object, object]:
    id_ = workflow_id(stay.name)
    answer = await caller.temporal.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=caller.temporal.namespace,
            workflow_execution=WorkflowExecution(workflow_id=id_, run_id=run_id),
            reason="an operator's reset",
            workflow_task_finish_event_id=point,
            request_id=f"{run_id}-{point}-{bare}",
            reset_reapply_exclude_types=_NO_MESSAGES if bare else (),
        ),
        retry=True,
    )
    anew = caller.temporal.get_workflow_handle(id_, run_id=answer.run_id)
    # A task that brings nothing is completed without our code, so a reset to a point where the
    # run only waited shows with the next message; most are closed before it arrives.
    with contextlib.suppress(RPCError):
        await anew.signal("are-you-there")
    return anew


async def _ended(caller: Caller, stay: Stay, anew: WorkflowHandle[object, object]) -> bool:
    """Wait for the end of a run; whether a person had to help."""
    ending = asyncio.ensure_future(anew.result())
    helped = False
    try:
        while not ending.done():
            await asyncio.wait({ending}, timeout=_LOOK_EACH_S)
            if not ending.done():
                helped |= await _help(caller, stay)
        await ending
    finally:
        ending.cancel()
    return helped


async def _help(caller: Caller, stay: Stay) -> bool:
    """Be the person who is told: take note, and say again what was said."""
    try:
        hold = await caller.client.hold(stay.name)
        if hold.attention is None:
            return False
        await caller.client.acknowledge(stay.name, operator="desk")
    except CardholdError:
        return False  # it has just ended, or says more the next time
    await caller.repeat(stay)
    return True


def _money(hold: Hold) -> tuple[str, str, str, str | None]:
    # Not what was released: what a capture freed is not shown by every gateway afterwards, and
    # the new run has forgotten the adjusts before it.
    return (hold.state, str(hold.captured), str(hold.remaining), hold.payment_id)


def _differences(before: Sequence[Row], after: Sequence[Row]) -> list[str]:
    known = {(row["gateway"], row["payment_id"]): row for row in before}
    return [
        f"{row['payment_id']} at {row['gateway']} is not what it was"
        for row in after
        if known.get((row["gateway"], row["payment_id"])) != row
    ]

"""The sweep's schedule: is it there, does it run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.schedule.v1 import ScheduleActionResult
from temporalio.api.workflowservice.v1 import DescribeScheduleRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from worker.doctor.cluster import RPC_WITHIN, SET_UP, in_words
from worker.doctor.results import Result, Results, finding, ok
from worker.setup import SCHEDULE, SWEEP_EVERY

# One that is missed may be a restart; two are no accident.
_MISSED_MAX = 2
_Status = WorkflowExecutionStatus
_FAILED = frozenset({
    _Status.WORKFLOW_EXECUTION_STATUS_FAILED, _Status.WORKFLOW_EXECUTION_STATUS_TIMED_OUT,
    _Status.WORKFLOW_EXECUTION_STATUS_TERMINATED,
})  # fmt: skip


async def sweep(client: Client) -> Results:
    """Whether the sweep is scheduled, and has run."""
    check = "sweep"
    request = DescribeScheduleRequest(namespace=client.namespace, schedule_id=SCHEDULE)
    try:
        told = await client.workflow_service.describe_schedule(request, timeout=RPC_WITHIN)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return [finding(check, f"the schedule {SCHEDULE} is missing", SET_UP)]
    if told.schedule.state.paused:
        go_on = f"`temporal schedule toggle --unpause --schedule-id {SCHEDULE}`"
        return [finding(check, "it is paused: forgotten holds are not looked for", go_on)]
    info = told.info
    ahead = [time.ToDatetime(UTC) for time in info.future_action_times]
    every = max(SWEEP_EVERY, ahead[1] - ahead[0]) if len(ahead) > 1 else SWEEP_EVERY
    last = max(info.recent_actions, key=_ran_at, default=None)
    return [swept(last, info.create_time.ToDatetime(UTC), every, datetime.now(UTC))]


def swept(
    last: ScheduleActionResult | None, created: datetime, every: timedelta, now: datetime
) -> Result:
    """Whether the last sweep is as recent as its schedule promises, and went well.

    Args:
        last: What the schedule did last; None if it has never had to do anything.
        created: When the schedule was.
        every: How often it runs.
        now: The present.
    """
    check, read = "sweep", f"`temporal schedule describe --schedule-id {SCHEDULE}`, then its runs"
    ago = now - (_ran_at(last) if last else created)
    if ago > _MISSED_MAX * every:
        told = f"it last ran {in_words(ago)} ago" if last else "it has never run"
        return finding(check, f"{told}, and is due every {in_words(every)}", read)
    if last is None:
        return ok(check, f"scheduled {in_words(ago)} ago, and not due yet")
    if last.start_workflow_status in _FAILED:
        return finding(check, f"its run {in_words(ago)} ago did not end well", read)
    return ok(check, f"it last ran {in_words(ago)} ago")


def _ran_at(action: ScheduleActionResult) -> datetime:
    return action.actual_time.ToDatetime(UTC)

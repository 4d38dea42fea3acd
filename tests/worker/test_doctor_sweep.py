"""``cardhold doctor`` on the sweep's schedule: a real one, and runs that were missed or failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.api.enums.v1 import WorkflowExecutionStatus as Status
from temporalio.api.schedule.v1 import ScheduleActionResult
from temporalio.envconfig import ClientConnectConfig

from worker import setup
from worker.doctor.results import Verdict
from worker.doctor.sweep import sweep, swept
from worker.embedded import EmbeddedTemporal
from worker.temporal import connect

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def test_a_sweep_that_is_missing_paused_or_there_is_told_apart(
    temporal: EmbeddedTemporal,
) -> None:
    at = ClientConnectConfig(target_host=temporal.address, namespace="doctored-sweep")
    await setup.run(at)
    client = await connect(at)
    handle = client.get_schedule_handle(setup.SCHEDULE)

    [there] = await sweep(client)
    await handle.pause()
    [paused] = await sweep(client)
    await handle.delete()
    [missing] = await sweep(client)

    assert there.verdict is Verdict.OK
    assert "not due yet" in there.says
    assert paused.verdict is Verdict.FINDING
    assert "unpause" in str(paused.do)
    assert missing.verdict is Verdict.FINDING
    assert missing.do == "run `cardhold setup`"


@pytest.mark.parametrize(
    ("ago_min", "status", "verdict"),
    [
        (30, Status.WORKFLOW_EXECUTION_STATUS_COMPLETED, "ok"),
        (0, Status.WORKFLOW_EXECUTION_STATUS_RUNNING, "ok"),
        (119, Status.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED, "ok"),
        (121, Status.WORKFLOW_EXECUTION_STATUS_COMPLETED, "finding"),
        (30, Status.WORKFLOW_EXECUTION_STATUS_FAILED, "finding"),
        (30, Status.WORKFLOW_EXECUTION_STATUS_TIMED_OUT, "finding"),
    ],
)
def test_a_sweep_that_missed_its_hours_or_failed_is_found(
    ago_min: int, status: Status.ValueType, verdict: str
) -> None:
    last = ScheduleActionResult(start_workflow_status=status)
    last.actual_time.FromDatetime(NOW - timedelta(minutes=ago_min))
    assert swept(last, NOW - timedelta(days=9), HOUR, NOW).verdict == verdict


@pytest.mark.parametrize(("created_min", "verdict"), [(30, "ok"), (121, "finding")])
def test_a_sweep_that_never_ran_is_found_once_it_is_due(created_min: int, verdict: str) -> None:
    created = NOW - timedelta(minutes=created_min)
    assert swept(None, created, HOUR, NOW).verdict == verdict

"""What the crash harness reads of histories, on recorded runs and on copies that were spoilt."""

from __future__ import annotations

import json

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import WorkflowHistory

from proof.crash.histories import done_again, irreproducible, not_completed, recorded, stalled

NAME = "captured"


def spoilt(history: WorkflowHistory) -> WorkflowHistory:
    """The same run, its first activity of another kind."""
    told = json.loads(history.to_json())
    for event in told["events"]:
        scheduled = event.get("activityTaskScheduledEventAttributes")
        if scheduled:
            scheduled["activityType"]["name"] = "release"
            break
    return WorkflowHistory.from_json(history.workflow_id, told)


def with_a_failed_task(history: WorkflowHistory, cause: str) -> WorkflowHistory:
    """The same run, its last event a workflow task that failed."""
    told = json.loads(history.to_json())
    attributes = {"cause": cause, "failure": {"message": "it stumbled"}}
    last = {"eventId": "999", "eventType": "EVENT_TYPE_WORKFLOW_TASK_FAILED"}
    told["events"].append({**last, "workflowTaskFailedEventAttributes": attributes})
    return WorkflowHistory.from_json(history.workflow_id, told)


async def test_recorded_runs_replay_and_one_that_was_spoilt_does_not() -> None:
    history = recorded()[NAME]
    found = await irreproducible({"whole": history, "spoilt": spoilt(history)})
    assert [line.partition(":")[0] for line in found] == ["spoilt"]


def test_a_failed_task_is_a_stall_unless_a_reset_ended_it() -> None:
    causes = WorkflowTaskFailedCause
    reset = causes.Name(causes.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW)
    unhandled = causes.Name(causes.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE)
    history = recorded()[NAME]
    runs = {"well": history, "reset": with_a_failed_task(history, reset)}
    assert (stalled(runs), done_again(runs)) == ([], 1)
    assert stalled({"ill": with_a_failed_task(history, unhandled)}) == ["ill: it stumbled"]


def test_a_run_that_did_not_complete_is_found() -> None:
    history = recorded()[NAME]
    cut = WorkflowHistory(history.workflow_id, history.events[:-1])
    assert history.events[-1].event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED
    assert not_completed({"whole": history, "cut": cut}) == ["cut"]

"""What the crash harness reads of histories, on recorded runs and on copies that were spoilt."""

from __future__ import annotations

import json

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import WorkflowHistory

from proof.crash.histories import (
    done_again,
    irreproducible,
    is_the_sdks,
    not_completed,
    recorded,
    stalled,
)

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
    assert list(found) == ["spoilt"]


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


def a_task(*, attempt: int, after: tuple[str, ...]) -> WorkflowHistory:
    """A workflow task of this attempt, and what came of it in order."""
    kinds = ("WORKFLOW_TASK_SCHEDULED", "WORKFLOW_TASK_STARTED", "WORKFLOW_TASK_COMPLETED", *after)
    events: list[dict[str, object]] = [
        {"eventId": str(number), "eventType": f"EVENT_TYPE_{kind}"}
        for number, kind in enumerate(kinds, 1)
    ]
    events[0]["workflowTaskScheduledEventAttributes"] = {"attempt": attempt}
    events[2]["workflowTaskCompletedEventAttributes"] = {"scheduledEventId": "1"}
    return WorkflowHistory.from_json("a-run", {"events": events})


def test_only_an_update_that_came_late_to_a_task_tried_again_is_the_sdks_own_disorder() -> None:
    update, other = "WORKFLOW_EXECUTION_UPDATE_ACCEPTED", "TIMER_STARTED"
    assert is_the_sdks(a_task(attempt=2, after=(other, update)))
    assert not is_the_sdks(a_task(attempt=1, after=(other, update)))
    assert not is_the_sdks(a_task(attempt=2, after=(update, other)))
    assert not any(is_the_sdks(history) for history in recorded().values())

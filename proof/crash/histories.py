"""What Temporal has kept of the runs: read, judged and replayed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from temporalio import workflow
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import WorkflowTaskFailedEventAttributes
from temporalio.client import Client as TemporalClient
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from activities.converter import data_converter
from cardhold.names import workflow_id
from proof.crash.child import ROOT
from proof.crash.servers import quiet
from workflows.reservation import Reservation

#: The runs that earlier versions have left.
RECORDED = ROOT / "tests" / "histories"
# A task of which Temporal itself says that it has to be done again: a reset has ended it, a message
# came while the run closed, or an update was answered that had its answer already (the SDK's core,
# when a run moves to another worker; the next try goes through). All else is ours.
_DONE_AGAIN = {
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_BAD_UPDATE_WORKFLOW_EXECUTION_MESSAGE,
}


def recorded(folder: Path = RECORDED) -> dict[str, WorkflowHistory]:
    """The recorded runs by name."""
    return {path.stem: _read(path) for path in sorted(folder.glob("*.json"))}


async def kept(temporal: TemporalClient, names: Iterable[str]) -> dict[str, WorkflowHistory]:
    """The histories of these reservations."""
    return {
        name: await temporal.get_workflow_handle(workflow_id(name)).fetch_history()
        for name in names
    }


def stalled(histories: Mapping[str, WorkflowHistory]) -> list[str]:
    """The runs that our code has kept from going on: one of their workflow tasks has failed."""
    return [
        f"{name}: {failed.failure.message}"
        for name, failed in _failed_tasks(histories)
        if failed.cause not in _DONE_AGAIN
    ]


def done_again(histories: Mapping[str, WorkflowHistory]) -> int:
    """How many workflow tasks Temporal has had done again."""
    return sum(failed.cause in _DONE_AGAIN for _, failed in _failed_tasks(histories))


def _failed_tasks(
    histories: Mapping[str, WorkflowHistory],
) -> Iterator[tuple[str, WorkflowTaskFailedEventAttributes]]:
    for name, history in histories.items():
        for event in history.events:
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                yield name, event.workflow_task_failed_event_attributes


def not_completed(histories: Mapping[str, WorkflowHistory]) -> list[str]:
    """The runs that did not end as a run should."""
    completed = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED
    return [name for name, told in histories.items() if told.events[-1].event_type != completed]


async def irreproducible(histories: Mapping[str, WorkflowHistory]) -> dict[str, str]:
    """The runs that this code would not have had, and what stands against it."""
    replayer = Replayer(
        workflows=[Reservation],
        data_converter=data_converter,
        workflow_runner=UnsandboxedWorkflowRunner(),
        runtime=quiet(),
    )
    found: dict[str, str] = {}
    for name, history in histories.items():
        try:
            await replayer.replay_workflow(history)
        except workflow.NondeterminismError as error:
            found[name] = f"{name}: {error}"
    return found


def _read(path: Path) -> WorkflowHistory:
    """The id that the recorded run had is part of every key, and checked by the start."""
    text = path.read_text()
    first = WorkflowHistory.from_json("unknown", text).events[0]
    return WorkflowHistory.from_json(
        first.workflow_execution_started_event_attributes.workflow_id, text
    )


def is_the_sdks(history: WorkflowHistory) -> bool:
    """Whether the SDK has recorded this run in an order in which it does not replay it.

    A workflow task that is tried again may bring an update that was not there the first time. The
    worker then takes the update after what the task had brought before, and a replay takes it
    first (temporalio issue 1591 of its Python SDK, open in 2026; no code of a workflow's can mend
    it). Such a run goes on for as long as a worker has it in memory; after that, it takes a reset.
    """
    events = {event.event_id: event for event in history.events}
    done = scheduled = None
    for event in history.events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            done = event
            at = event.workflow_task_completed_event_attributes.scheduled_event_id
            scheduled = events.get(at)
        if event.event_type != EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
            continue
        if done is None or scheduled is None:
            continue
        was_tried = scheduled.workflow_task_scheduled_event_attributes.attempt > 1
        if was_tried and events[event.event_id - 1] is not done:
            return True
    return False

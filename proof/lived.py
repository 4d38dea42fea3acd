"""One life of a hold, in words that our Temporal's history and a real one's can both be told in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.bridge.proto.workflow_commands import WorkflowCommand

from proof.world.history import Run, Task
from proof.world.line import Exchange

Json = Mapping[str, Any]

_AMOUNTS = ("authorized", "captured", "released", "expired", "remaining", "in_doubt")

# One word for a command and for the event that it becomes.
_COMMANDS = {
    "start_timer": "timer",
    "cancel_timer": "timer called off",
    "request_cancel_activity": "activity called off",
    "upsert_workflow_search_attributes": "attributes",
    "complete_workflow_execution": "completed",
    "fail_workflow_execution": "failed",
    "cancel_workflow_execution": "cancelled",
}
_EVENTS = {
    EventType.EVENT_TYPE_TIMER_STARTED: "timer",
    EventType.EVENT_TYPE_TIMER_CANCELED: "timer called off",
    EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED: "activity called off",
    EventType.EVENT_TYPE_MARKER_RECORDED: "marker",
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: "attributes",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: "completed",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: "failed",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: "cancelled",
}


@dataclass(frozen=True)
class Lived:
    """One life of a hold, as far as all worlds have to agree about it.

    Attributes:
        state: How it ended.
        amounts: Its six amounts, in the minor unit.
        operations: Kind and state of each.
        answers: What each caller was told: a state, or an error's type.
        effects: Kind and amount of all that happened at the bank.
        calls: What was asked of the gateway, in order. Looks in a row count as one, and tokens not
            at all: how many there are depends on a machine's speed, and on its clock.
        commands: What the workflow asked of Temporal and was sent by callers, in the history's
            order.
    """

    state: str
    amounts: Mapping[str, int]
    operations: Sequence[str]
    answers: Sequence[str]
    effects: Sequence[str]
    calls: Sequence[str]
    commands: Sequence[str]


def life(
    view: Json | None,
    answers: Sequence[str],
    books: Iterable[Json],
    exchanges: Iterable[Exchange],
    commands: Sequence[str],
) -> Lived:
    """Put a life together.

    Args:
        view: The hold at its end; None where the run shows none.
        answers: As `answer` words them.
        books: The bank's.
        exchanges: All that went over the wire.
        commands: As `commands_of_run` and `commands_of_history` word them.
    """
    shown = view or {"state": "none", "operations": []}
    return Lived(
        state=shown["state"],
        amounts={name: shown[name]["amount_minor"] for name in _AMOUNTS if name in shown},
        operations=[f"{each['kind']} {each['state']}" for each in shown["operations"]],
        answers=answers,
        effects=[
            f"{effect['kind']} {effect['amount_minor']}"
            for book in books
            for effect in book["effects"]
        ],
        calls=list(_calls(exchanges)),
        commands=commands,
    )


def _calls(exchanges: Iterable[Exchange]) -> Iterator[str]:
    operations = (each.operation for each in exchanges if each.operation != "token")
    for operation, several in groupby(operations):
        if operation == "look_up":
            yield operation
        else:
            yield from several


def answer(name: str, hold: Json | None, error: str | None) -> str:
    """What a caller was told, in one line."""
    return f"{name}: {hold['state'] if hold else error}"


def commands_of_run(run: Run) -> list[str]:
    """What a run of our Temporal's asked for."""
    asked: dict[str, str] = {}
    lines: list[str] = []
    for task in run.tasks:
        for job in (job for jobs in task.activations for job in jobs):
            if job.HasField("do_update"):
                asked[job.do_update.protocol_instance_id] = job.do_update.name
            elif job.HasField("signal_workflow"):
                lines.append(f"signal {job.signal_workflow.signal_name}")
        for command in _sent(task):
            lines += _command(command, asked)
    return lines


def _sent(task: Task) -> Iterator[WorkflowCommand]:
    """A timer that one task starts and calls off never gets to a server."""
    off = {each.cancel_timer.seq for each in task.commands if each.HasField("cancel_timer")}
    begun = {each.start_timer.seq for each in task.commands if each.HasField("start_timer")}
    for command in task.commands:
        seq = command.start_timer.seq or command.cancel_timer.seq
        if seq not in off & begun:
            yield command


def _command(command: WorkflowCommand, asked: Mapping[str, str]) -> list[str]:
    match command.WhichOneof("variant"):
        case "schedule_activity":
            return [f"activity {command.schedule_activity.activity_type}"]
        case "update_response":
            response = command.update_response
            name = asked[response.protocol_instance_id]
            return [f"{'accepted' if response.HasField('accepted') else 'answered'} {name}"]
        case "set_patch_marker":
            # The SDK's core lists the patch in a search attribute beside it.
            return ["marker", "attributes"]
        case str(variant):
            return [_COMMANDS[variant]]
        case None:
            return []


def commands_of_history(events: Iterable[HistoryEvent]) -> list[str]:
    """What a run of a real server's asked for."""
    asked: dict[str, str] = {}
    return [line for event in events if (line := _event(event, asked)) is not None]


def _event(event: HistoryEvent, asked: dict[str, str]) -> str | None:
    match event.event_type:
        case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            scheduled = event.activity_task_scheduled_event_attributes
            return f"activity {scheduled.activity_type.name}"
        case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED:
            # A reset's way to ask again.
            request = event.workflow_execution_update_admitted_event_attributes.request
            asked[request.meta.update_id] = request.input.name
            return None
        case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
            accepted = event.workflow_execution_update_accepted_event_attributes
            if accepted.accepted_request.input.name:
                asked[accepted.protocol_instance_id] = accepted.accepted_request.input.name
            return f"accepted {asked[accepted.protocol_instance_id]}"
        case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
            completed = event.workflow_execution_update_completed_event_attributes
            return f"answered {asked[completed.meta.update_id]}"
        case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
            return f"signal {event.workflow_execution_signaled_event_attributes.signal_name}"
        case other:
            return _EVENTS.get(other)

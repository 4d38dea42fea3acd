"""Runs made from a part of another run's history: after a reset, or from an older copy."""

from __future__ import annotations

from collections.abc import Iterator

from temporalio.bridge.proto.workflow_activation import WorkflowActivationJob
from temporalio.bridge.proto.workflow_commands import WorkflowCommand

from proof.world.history import Answer, Run, Task


def forked(old: Run, to: int, run_id: str) -> Run:
    """A run that has lived through the first ``to`` workflow tasks of another one."""
    run = Run(old.workflow_id, run_id, old.seed, old.started_at)
    run.original_run_id = old.original_run_id
    run.init = old.init
    run.tasks = list(old.tasks[:to])
    for task in run.tasks:
        run.is_cancelled |= any(job.HasField("cancel_workflow") for job in task.activations[0])
        for command in task.commands:
            if command.HasField("update_response"):
                _recall(run, command)
    return run


def _recall(run: Run, command: WorkflowCommand) -> None:
    """What the history says of an update: a caller who comes again with its id is told that."""
    said = command.update_response
    known = run.expect(said.protocol_instance_id)
    if said.HasField("accepted"):
        run.accepted.add(said.protocol_instance_id)
    elif said.HasField("completed"):
        known.set_result(Answer(result=said.completed))
    else:
        known.set_result(Answer(failure=said.rejected))


def kept(old: Run, to: int) -> list[WorkflowActivationJob]:
    """What had arrived before task ``to``, and is in the history whatever became of the task."""
    return [job for job in old.tasks[to].activations[0] if not job.HasField("do_update")]


def arrived_later(old: Run, to: int) -> list[WorkflowActivationJob]:
    """The signals and updates from task ``to`` on, as a reset sends them again."""
    later = [
        job
        for task in old.tasks[to + 1 :]
        for activation in task.activations
        for job in activation
        if job.HasField("signal_workflow")
    ]
    # Updates are written into the history when they are accepted: at the end of their task.
    updates = [
        job
        for task in old.tasks[to:]
        for activation in task.activations
        for job in activation
        if job.HasField("do_update")
    ]
    again: list[WorkflowActivationJob] = []
    for job in updates:
        copy = WorkflowActivationJob()
        copy.CopyFrom(job)
        copy.do_update.run_validator = True
        again.append(copy)
    unseen = [job for job in old.news if job.HasField("signal_workflow")]
    return [*later, *again, *unseen]


def pending(run: Run, news: list[WorkflowActivationJob]) -> Iterator[tuple[Task, WorkflowCommand]]:
    """The timers and activities that a run still waits for, with the tasks that began them."""
    jobs = [*news, *(job for task in run.tasks for each in task.activations for job in each)]
    resolved = {job.resolve_activity.seq for job in jobs if job.HasField("resolve_activity")}
    over = {job.fire_timer.seq for job in jobs if job.HasField("fire_timer")}
    commands = [(task, command) for task in run.tasks for command in task.commands]
    over |= {each.cancel_timer.seq for _, each in commands if each.HasField("cancel_timer")}
    for task, command in commands:
        is_timer = command.HasField("start_timer") and command.start_timer.seq not in over
        is_scheduled = command.HasField("schedule_activity")
        if is_timer or (is_scheduled and command.schedule_activity.seq not in resolved):
            yield task, command

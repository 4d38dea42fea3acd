"""Jobs that core hands to a workflow, and the endings of activities: small pure functions."""

from __future__ import annotations

import random

from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import ActivityFailureInfo, CanceledFailureInfo, Failure
from temporalio.bridge.proto.activity_result import ActivityResolution, Cancellation, Success
from temporalio.bridge.proto.activity_result import Failure as FailedResult
from temporalio.bridge.proto.workflow_activation import WorkflowActivationJob
from temporalio.bridge.proto.workflow_commands import ScheduleActivity, WorkflowCommand

# Temporal's own: `temporal.api.enums.v1.RetryState`.
NON_RETRYABLE, OUT_OF_TIME, NO_MORE_ATTEMPTS, CANCELLED = 2, 3, 4, 6

_INIT, _SEED, _MESSAGE, _REST = range(4)


def _rank(job: WorkflowActivationJob) -> int:
    if job.HasField("initialize_workflow"):
        return _INIT
    if job.HasField("update_random_seed"):
        return _SEED
    if job.HasField("signal_workflow") or job.HasField("do_update"):
        return _MESSAGE
    return _REST


def interleaved(
    messages: list[WorkflowActivationJob], dice: random.Random
) -> list[WorkflowActivationJob]:
    """Signals in their order, updates in theirs, and the two mixed in any way."""
    signals = [job for job in messages if job.HasField("signal_workflow")]
    updates = [job for job in messages if job.HasField("do_update")]
    mixed: list[WorkflowActivationJob] = []
    while signals or updates:
        from_signals = bool(signals) and (not updates or dice.random() < 0.5)
        mixed.append((signals if from_signals else updates).pop(0))
    return mixed


def in_order(
    jobs: list[WorkflowActivationJob], dice: random.Random, *, shuffles: bool
) -> list[WorkflowActivationJob]:
    """Core's order: the start, the seed, messages, the rest; among each, as they came."""
    messages = [job for job in jobs if _rank(job) == _MESSAGE]
    if shuffles:
        messages = interleaved(messages, dice)
    first = [job for job in jobs if _rank(job) < _MESSAGE]
    rest = [job for job in jobs if _rank(job) > _MESSAGE]
    return [*sorted(first, key=_rank), *messages, *rest]


def kept_seed_first(
    jobs: list[WorkflowActivationJob], seed: WorkflowActivationJob
) -> list[WorkflowActivationJob]:
    """A reset's jobs: what the task has begun with before, the new seed, and all the others."""
    before = [job for job in jobs if _begins(job)]
    return [*before, seed, *(job for job in jobs if not _begins(job))]


def _begins(job: WorkflowActivationJob) -> bool:
    """The start, or the seed of a reset before this one."""
    return job.HasField("initialize_workflow") or job.HasField("update_random_seed")


def closes(command: WorkflowCommand) -> bool:
    """Whether a command ends the run."""
    return (
        command.HasField("complete_workflow_execution")
        or command.HasField("fail_workflow_execution")
        or command.HasField("cancel_workflow_execution")
    )


def activity_failure(command: ScheduleActivity, retry_state: int) -> Failure:
    """The shell that Temporal puts around an activity's failure."""
    info = ActivityFailureInfo(
        activity_id=command.activity_id,
        retry_state=retry_state,  # type: ignore[arg-type] - an enum is a number
    )
    info.activity_type.name = command.activity_type
    return Failure(message="activity error", activity_failure_info=info)


def called_off() -> ActivityResolution:
    """How core answers at once to a workflow that calls an activity off."""
    failure = activity_failure(ScheduleActivity(), CANCELLED)
    failure.cause.CopyFrom(
        Failure(message="cancelled", canceled_failure_info=CanceledFailureInfo())
    )
    return ActivityResolution(cancelled=Cancellation(failure=failure))


def done(payload: Payload) -> ActivityResolution:
    """An attempt that has ended well."""
    return ActivityResolution(completed=Success(result=payload))


def failed(failure: Failure) -> ActivityResolution:
    """An attempt that has failed."""
    return ActivityResolution(failed=FailedResult(failure=failure))

"""How a server carries activities: at least once, with retries and time-outs."""

from __future__ import annotations

import asyncio

from temporalio.api.failure.v1 import Failure, TimeoutFailureInfo
from temporalio.bridge.proto.activity_result import ActivityResolution
from temporalio.bridge.proto.activity_result import Failure as FailedResult
from temporalio.bridge.proto.workflow_activation import ResolveActivity, WorkflowActivationJob
from temporalio.bridge.proto.workflow_commands import ScheduleActivity

from proof.world.history import Activity, Attempt, Run, Worker
from proof.world.jobs import NO_MORE_ATTEMPTS, NON_RETRYABLE, OUT_OF_TIME, activity_failure
from proof.world.loop import VirtualLoop
from proof.world.pool import Pool

# A worker tries so long to tell of what it did; then the server must find out by itself.
_TELLS_FOR_S = 10.0
# Temporal's own: `temporal.api.enums.v1.TimeoutType`.
_START_TO_CLOSE, _SCHEDULE_TO_CLOSE = 1, 3


class Activities:
    """Every activity that is under way in one namespace."""

    def __init__(self, loop: VirtualLoop, pool: Pool) -> None:
        self._loop = loop
        self._pool = pool

    def schedule(self, run: Run, command: ScheduleActivity) -> None:
        """Take an activity on."""
        activity = Activity(run, command, self._loop.time())
        run.activities[command.seq] = activity
        self._pool.errands.start(self._carry(activity))

    async def _carry(self, activity: Activity) -> None:
        """Give an activity to workers until one attempt counts, or its time is over."""
        while not activity.is_over:
            worker = await self._pool.some_worker_until(activity.closes_at)
            await self._pool.presence.wait()
            if activity.is_over or activity.cancel_asked:
                return
            if worker is None:
                self._time_out(activity, _SCHEDULE_TO_CLOSE)
                return
            ended = await self._attempted(activity, worker)
            if activity.is_over or activity.cancel_asked:
                return
            if ended is not None and not ended.HasField("failed"):
                self._resolve(activity, ended)
                return
            pause = self._pause_after(activity, ended)
            if pause is None:
                return
            await asyncio.sleep(pause)

    async def _attempted(self, activity: Activity, worker: Worker) -> ActivityResolution | None:
        """Let a worker make one attempt; None where the server hears nothing of it in time."""
        activity.attempts += 1
        attempt = Attempt(activity, activity.attempts, self._loop.time())
        limit = (
            self._loop.time()
            + activity.command.start_to_close_timeout.ToTimedelta().total_seconds()
        )
        if activity.closes_at is not None:
            limit = min(limit, activity.closes_at)
        under_way = self._pool.errands.start(worker.attempt(attempt))
        await asyncio.wait([under_way], timeout=max(limit - self._loop.time(), 0))
        presence = self._pool.presence
        if under_way.done() and presence.missing_s > _TELLS_FOR_S:
            await asyncio.sleep(max(limit - self._loop.time(), 0))
        await presence.wait()
        in_time = self._loop.time() <= limit
        return under_way.result() if in_time and under_way.done() else None

    def _pause_after(self, activity: Activity, ended: ActivityResolution | None) -> float | None:
        """How long to wait before the next attempt; None where that was the last one."""
        policy = activity.command.retry_policy
        if ended is not None:
            activity.last_failure = ended.failed.failure
            info = ended.failed.failure.application_failure_info
            if info.non_retryable or info.type in policy.non_retryable_error_types:
                self._fail(activity, NON_RETRYABLE, ended.failed.failure)
                return None
        closes_at = activity.closes_at
        pause = _pause(activity, ended)
        is_last = 0 < policy.maximum_attempts <= activity.attempts
        if not is_last and (closes_at is None or self._loop.time() + pause < closes_at):
            return pause
        state = NO_MORE_ATTEMPTS if is_last else OUT_OF_TIME
        if ended is not None:
            self._fail(activity, state, ended.failed.failure)
        else:
            is_over = closes_at is not None and self._loop.time() >= closes_at
            self._time_out(activity, _SCHEDULE_TO_CLOSE if is_over else _START_TO_CLOSE, state)
        return None

    def _time_out(self, activity: Activity, kind: int, state: int = OUT_OF_TIME) -> None:
        failure = Failure(
            message="activity timeout",
            timeout_failure_info=TimeoutFailureInfo(timeout_type=kind),  # type: ignore[arg-type] - an enum is a number
        )
        if activity.last_failure is not None:
            failure.cause.CopyFrom(activity.last_failure)
        self._fail(activity, state, failure)

    def _fail(self, activity: Activity, retry_state: int, cause: Failure) -> None:
        failure = activity_failure(activity.command, retry_state)
        failure.cause.CopyFrom(cause)
        self._resolve(activity, ActivityResolution(failed=FailedResult(failure=failure)))

    def _resolve(self, activity: Activity, result: ActivityResolution) -> None:
        activity.is_over = True
        seq = activity.command.seq
        if activity.run.activities.pop(seq, None) is not None:
            job = ResolveActivity(seq=seq, result=result)
            activity.run.hear(WorkflowActivationJob(resolve_activity=job), events=2)


def _pause(activity: Activity, ended: ActivityResolution | None) -> float:
    """How long to wait before the next attempt, by the failure's own word or the policy."""
    policy = activity.command.retry_policy
    if ended is not None:
        info = ended.failed.failure.application_failure_info
        if info.HasField("next_retry_delay"):
            return info.next_retry_delay.ToTimedelta().total_seconds()
    first = policy.initial_interval.ToTimedelta().total_seconds() or 1.0
    most = policy.maximum_interval.ToTimedelta().total_seconds() or 100 * first
    factor = policy.backoff_coefficient or 2.0
    return min(first * factor ** min(activity.attempts - 1, 60), most)

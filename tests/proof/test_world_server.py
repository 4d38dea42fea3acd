"""A server's rules, each felt by one worker that does as a test says, in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.bridge.proto.activity_result import ActivityResolution
from temporalio.bridge.proto.workflow_activation import WorkflowActivationJob
from temporalio.bridge.proto.workflow_commands import (
    CompleteWorkflowExecution,
    ScheduleActivity,
    StartTimer,
    UpdateResponse,
    WorkflowCommand,
)

from proof.world import loop as worlds
from proof.world.history import Attempt, Run, Task
from proof.world.jobs import done, failed
from proof.world.temporal import Gone, Manners, NoWord, Status, Temporal

ID = "reservation-1"
Says = Callable[[str, WorkflowActivationJob], list[WorkflowCommand]]
Does = Callable[[Attempt], Awaitable[ActivityResolution]]


def _nothing(_: str, __: WorkflowActivationJob) -> list[WorkflowCommand]:
    return []


async def _at_once(_: Attempt) -> ActivityResolution:
    return done(Payload(data=b"done"))


@dataclass
class Obedient:
    """A worker without a workflow: to every job it says what the test says."""

    says: Says = _nothing
    does: Does = _at_once
    name: str = "obedient"
    is_up: bool = True
    polls: bool = True
    heard: list[list[str]] = field(default_factory=list[list[str]])
    attempts: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])

    async def going_until(self, at: float) -> bool:
        del at
        return True

    def has(self, run: Run) -> bool:
        return run.is_open

    def evict(self, run: Run) -> None:
        del run

    def work_on(self, run: Run, task: Task, jobs: list[WorkflowActivationJob]) -> list[str]:
        task.activations.append(jobs)
        self.heard.append([_named(job) for job in jobs])
        for job in jobs:
            task.commands += self.says(_named(job), job)
        del run
        return []

    def query(self, run: Run, name: str) -> Payload | None:
        del run
        return Payload(data=name.encode())

    async def attempt(self, attempt: Attempt) -> ActivityResolution:
        self.attempts.append((attempt.number, asyncio.get_running_loop().time()))
        return await self.does(attempt)


def _named(job: WorkflowActivationJob) -> str:
    if job.HasField("signal_workflow"):
        return f"signal {job.signal_workflow.signal_name}"
    if job.HasField("do_update"):
        return f"update {job.do_update.id}"
    return job.WhichOneof("variant") or ""


def _live(
    worker: Obedient, world: Callable[[Temporal], Awaitable[None]], *, task_s: float = 0.0
) -> list[str]:
    """Live in a world with one such worker; answers with its trace."""
    trace: list[str] = []
    virtual = worlds.VirtualLoop()

    async def all_of_it() -> None:
        manners = Manners(task_latency_s=0.0, task_s=task_s, evicts=0.0, shuffles=False)
        dice = random.Random("a world")  # noqa: S311 - repeatable by design
        temporal = Temporal(virtual, dice, manners, lambda word, line: trace.append(word + line))
        temporal.employ(worker)
        await world(temporal)
        temporal.stop()

    worlds.run(all_of_it(), virtual)
    assert virtual.unheard == []
    return trace


def _scheduled(*, start_to_close_s: int = 10, schedule_to_close_s: int = 0) -> WorkflowCommand:
    scheduled = ScheduleActivity(seq=1, activity_id="1", activity_type="capture")
    scheduled.start_to_close_timeout.FromSeconds(start_to_close_s)
    scheduled.schedule_to_close_timeout.FromSeconds(schedule_to_close_s)
    scheduled.retry_policy.initial_interval.FromSeconds(1)
    scheduled.retry_policy.backoff_coefficient = 2
    return WorkflowCommand(schedule_activity=scheduled)


def _timer(seconds: int) -> WorkflowCommand:
    timer = StartTimer(seq=1)
    timer.start_to_fire_timeout.FromSeconds(seconds)
    return WorkflowCommand(start_timer=timer)


def _at_start(*commands: WorkflowCommand) -> Says:
    return lambda name, _: list(commands) if name == "initialize_workflow" else []


def _answering(name: str, job: WorkflowActivationJob) -> list[WorkflowCommand]:
    """Accepts every update and answers it with its name."""
    if not job.HasField("do_update"):
        return []
    accepted = UpdateResponse(protocol_instance_id=job.do_update.id)
    accepted.accepted.SetInParent()
    answered = UpdateResponse(protocol_instance_id=job.do_update.id)
    answered.completed.data = name.encode()
    return [WorkflowCommand(update_response=each) for each in (accepted, answered)]


def _failing(*, until: int, non_retryable: bool = False) -> Does:
    async def does(attempt: Attempt) -> ActivityResolution:
        if attempt.number >= until:
            return done(Payload())
        info = ApplicationFailureInfo(non_retryable=non_retryable)
        return failed(Failure(message="no", application_failure_info=info))

    return does


def _lasting(seconds: float) -> Does:
    async def does(_: Attempt) -> ActivityResolution:
        await asyncio.sleep(seconds)
        return done(Payload())

    return does


def _resolved(worker: Obedient) -> int:
    return sum(jobs.count("resolve_activity") for jobs in worker.heard)


async def _start(temporal: Temporal) -> Run:
    run = temporal.start(ID, [])
    await asyncio.sleep(0.1)
    return run


def test_an_attempt_that_fails_is_made_again_after_a_growing_pause() -> None:
    worker = Obedient(_at_start(_scheduled()), _failing(until=4))

    async def world(temporal: Temporal) -> None:
        await _start(temporal)
        await asyncio.sleep(60)

    _live(worker, world)
    assert [(number, round(at)) for number, at in worker.attempts] == [
        (1, 0),
        (2, 1),
        (3, 3),
        (4, 7),
    ]
    assert _resolved(worker) == 1


def test_an_attempt_that_lasts_too_long_is_made_again_and_its_end_does_not_count() -> None:
    worker = Obedient(_at_start(_scheduled(start_to_close_s=10)), _lasting(15))

    async def world(temporal: Temporal) -> None:
        await _start(temporal)
        await asyncio.sleep(100)

    _live(worker, world)
    assert [(number, round(at)) for number, at in worker.attempts[:3]] == [(1, 0), (2, 11), (3, 23)]
    assert _resolved(worker) == 0


@pytest.mark.parametrize(("does", "kind"), [(_lasting(999), 2), (_failing(until=99), 0)])
def test_an_activity_whose_time_is_over_has_failed(does: Does, kind: int) -> None:
    told: list[Failure] = []

    def says(name: str, job: WorkflowActivationJob) -> list[WorkflowCommand]:
        if name == "resolve_activity":
            told.append(job.resolve_activity.result.failed.failure)
        return _at_start(_scheduled(start_to_close_s=900, schedule_to_close_s=60))(name, job)

    async def world(temporal: Temporal) -> None:
        await _start(temporal)
        await asyncio.sleep(100)

    _live(Obedient(says, does), world)
    [failure] = told
    out_of_time, schedule_to_close = 3, 3
    assert failure.activity_failure_info.retry_state == out_of_time
    is_timeout = failure.cause.timeout_failure_info.timeout_type == schedule_to_close
    assert is_timeout is (kind == 2)


def test_a_failure_that_says_so_is_not_tried_again() -> None:
    worker = Obedient(_at_start(_scheduled()), _failing(until=9, non_retryable=True))

    async def world(temporal: Temporal) -> None:
        await _start(temporal)
        await asyncio.sleep(60)

    _live(worker, world)
    assert len(worker.attempts) == _resolved(worker) == 1


def test_what_arrives_during_a_task_comes_with_the_next_one_in_its_order() -> None:
    worker = Obedient()

    async def world(temporal: Temporal) -> None:
        temporal.start(ID, [])
        while not worker.heard:
            await asyncio.sleep(0)
        temporal.signal(ID, "a", [])
        temporal.signal(ID, "b", [])
        await asyncio.sleep(60)

    _live(worker, world, task_s=5.0)
    assert worker.heard == [["initialize_workflow"], ["signal a", "signal b"]]


def test_a_run_may_not_end_before_it_has_heard_everything() -> None:
    ending = WorkflowCommand(complete_workflow_execution=CompleteWorkflowExecution())
    worker = Obedient(_at_start(ending))

    async def world(temporal: Temporal) -> None:
        run = temporal.start(ID, [])
        while not worker.heard:
            await asyncio.sleep(0)
        temporal.signal(ID, "late", [])
        await asyncio.sleep(60)
        assert run.status is Status.COMPLETED

    _live(worker, world, task_s=5.0)
    assert worker.heard == [["initialize_workflow"], ["initialize_workflow", "signal late"]]


def test_an_update_id_is_heard_once_and_answered_every_time() -> None:
    worker = Obedient(_answering)

    async def world(temporal: Temporal) -> None:
        await _start(temporal)
        answers = [await temporal.update(ID, "capture", [], "u1") for _ in range(3)]
        assert {each.result.data for each in answers if each.result} == {b"update u1"}

    _live(worker, world)
    assert worker.heard == [["initialize_workflow"], ["update u1"]]


def test_after_a_reset_what_was_sent_again_keeps_its_id_and_the_rest_is_forgotten() -> None:
    worker = Obedient(_answering)

    async def world(temporal: Temporal) -> None:
        first = await _start(temporal)
        await temporal.update(ID, "capture", [], "u1")
        temporal.signal(ID, "s", [])
        await asyncio.sleep(1)
        second = temporal.reset(ID, 1, reapply=True)
        assert second is not None
        answer = await temporal.update(ID, "capture", [], "u1")
        await asyncio.sleep(1)
        assert answer.result is not None
        assert (first.status, second.status) == (Status.TERMINATED, Status.RUNNING)
        assert second.original_run_id == first.run_id != second.run_id

    _live(worker, world)
    assert worker.heard[3:] == [["update_random_seed", "signal s", "update u1"]]


def test_an_answer_from_before_the_reset_is_known_after_it() -> None:
    worker = Obedient(_answering)

    async def world(temporal: Temporal) -> None:
        await _start(temporal)
        await temporal.update(ID, "capture", [], "u1")
        temporal.signal(ID, "s", [])
        await asyncio.sleep(1)
        temporal.reset(ID, 2, reapply=False)
        assert (await temporal.update(ID, "capture", [], "u1")).result is not None
        await asyncio.sleep(1)

    _live(worker, world)
    assert sum("update u1" in jobs for jobs in worker.heard) == 1


def test_a_store_set_back_knows_nothing_of_what_came_later_and_its_timer_rings_again() -> None:
    worker = Obedient(_at_start(_timer(30)))

    async def world(temporal: Temporal) -> None:
        run = await _start(temporal)
        await asyncio.sleep(40)
        again = temporal.set_back(ID, 1)
        assert again is not None
        assert again.run_id == run.run_id
        await asyncio.sleep(1)

    _live(worker, world)
    assert worker.heard == [["initialize_workflow"], ["fire_timer"], ["fire_timer"]]


def test_an_id_is_used_once_unless_its_retention_is_over() -> None:
    async def world(temporal: Temporal) -> None:
        first = await _start(temporal)
        assert temporal.start(ID, []) is first
        temporal.terminate(ID)
        for does in (lambda: temporal.start(ID, []), lambda: temporal.signal(ID, "s", [])):
            with pytest.raises(Gone):
                does()
        assert temporal.start(ID, [], again=True) is not first

    _live(Obedient(), world)


def test_a_server_that_is_away_rings_no_timer_and_tells_its_callers() -> None:
    worker = Obedient(_at_start(_timer(30)))

    async def world(temporal: Temporal) -> None:
        await _start(temporal)
        temporal.away(100)
        with pytest.raises(NoWord):
            temporal.signal(ID, "s", [])
        await asyncio.sleep(99)
        assert worker.heard == [["initialize_workflow"]]
        await asyncio.sleep(2)

    _live(worker, world)
    assert worker.heard == [["initialize_workflow"], ["fire_timer"]]


@pytest.mark.parametrize(("away_s", "attempts"), [(6, 1), (60, 2)])
def test_what_a_worker_cannot_tell_a_server_that_is_away_is_done_again(
    away_s: float, attempts: int
) -> None:
    worker = Obedient(_at_start(_scheduled(start_to_close_s=20)), _lasting(3))

    async def world(temporal: Temporal) -> None:
        await _start(temporal)
        temporal.away(away_s)
        await asyncio.sleep(200)

    _live(worker, world)
    assert len(worker.attempts) == attempts
    assert _resolved(worker) == 1


def test_asking_twice_for_a_cancellation_is_asking_once() -> None:
    worker = Obedient()

    async def world(temporal: Temporal) -> None:
        await _start(temporal)
        temporal.cancel(ID)
        await asyncio.sleep(1)
        temporal.cancel(ID)
        await asyncio.sleep(1)

    _live(worker, world)
    assert worker.heard == [["initialize_workflow"], ["cancel_workflow"]]

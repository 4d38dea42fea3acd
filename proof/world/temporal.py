"""What a Temporal server does for reservations, in one process and in virtual time.

Its rules, as far as a workflow or its callers can feel them: workflow tasks one at a time with
whatever has arrived, timers, activities at least once with retries and time-outs, signals,
updates with their ids, queries, cancellation, termination, reset to any workflow task, a store
set back to an older copy of itself. What it cannot show is what stands in `docs/proof.md`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import (
    ActivityFailureInfo,
    CanceledFailureInfo,
    Failure,
    TimeoutFailureInfo,
)
from temporalio.bridge.proto.activity_result import (
    ActivityResolution,
    Cancellation,
    Success,
)
from temporalio.bridge.proto.activity_result import Failure as FailedResult
from temporalio.bridge.proto.workflow_activation import (
    CancelWorkflow,
    DoUpdate,
    FireTimer,
    InitializeWorkflow,
    ResolveActivity,
    SignalWorkflow,
    UpdateRandomSeed,
    WorkflowActivationJob,
)
from temporalio.bridge.proto.workflow_commands import ScheduleActivity, WorkflowCommand

from proof.world.loop import BEGINNING, VirtualLoop

_TASK_TIME_OUT_S = 10.0
_ENOUGH, _FOR_GOOD_S = 3, 1e9
_FIRST_HISTORY_EVENTS = 1
# Temporal's own: `temporal.api.enums.v1`.
_RETRY_NON_RETRYABLE, _RETRY_TIMEOUT, _RETRY_CANCELED = 2, 3, 6
_START_TO_CLOSE, _SCHEDULE_TO_CLOSE = 1, 3


class Status(Enum):
    """Where a run stands."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    TERMINATED = "terminated"


class Gone(Exception):
    """There is no running workflow of that id any more, or there never was."""


class NoWord(Exception):
    """The server has not answered in time; what was asked may still come to pass."""


@dataclass
class Answer:
    """What an update was answered: one of the two."""

    result: Payload | None = None
    failure: Failure | None = None


@dataclass
class Task:
    """One workflow task that is part of the history.

    Attributes:
        activations: The jobs that core hands over in it, one list after another.
        at: The server's time at its start; the workflow's `now`.
        length: Events in the history by then.
        flags: The SDK's logic flags that its history asks for, from here on.
        commands: What the workflow answered.
        of: The run that lived through it; a reset hands its tasks on.
    """

    activations: list[list[WorkflowActivationJob]]
    at: float
    length: int
    flags: tuple[int, ...]
    commands: list[WorkflowCommand]
    of: str


@dataclass
class Attempt:
    """One attempt of an activity, as a worker is given it."""

    activity: Activity
    number: int
    started_at: float


class Worker(Protocol):
    """What the server hands work to."""

    name: str
    is_up: bool

    def has(self, run: Run) -> bool:
        """Whether it has the run in its cache."""
        ...

    def evict(self, run: Run) -> None:
        """Forget a run."""
        ...

    def work_on(self, run: Run, task: Task, jobs: list[WorkflowActivationJob]) -> list[str]:
        """Do one workflow task, filling it in; answers with what went wrong, if anything."""
        ...

    def query(self, run: Run, name: str) -> Payload | None:
        """Ask a run."""
        ...

    async def attempt(self, attempt: Attempt) -> ActivityResolution:
        """Make one attempt of an activity."""
        ...


class Activity:
    """A scheduled activity: attempts until one counts."""

    def __init__(self, run: Run, command: ScheduleActivity, at: float) -> None:
        self.run = run
        self.command = command
        self.scheduled_at = at
        self.heartbeat: Sequence[Payload] = ()
        self.is_over = False
        self.cancel_asked = False
        self.attempts = 0
        self.last_failure: Failure | None = None
        self.driver: asyncio.Task[None] | None = None

    @property
    def closes_at(self) -> float | None:
        """When the server gives up on all of its attempts."""
        if not self.command.HasField("schedule_to_close_timeout"):
            return None
        limit = self.command.schedule_to_close_timeout.ToTimedelta().total_seconds()
        return self.scheduled_at + limit if limit else None


class Run:
    """One run of a workflow: its history so far, and what it waits for."""

    def __init__(self, temporal: Temporal, workflow_id: str, run_id: str, seed: int) -> None:
        self.temporal = temporal
        self.workflow_id = workflow_id
        self.run_id = run_id
        self.original_run_id = run_id
        self.seed = seed
        self.started_at = temporal.loop.time()
        self.status = Status.RUNNING
        self.result: Payload | None = None
        self.failure: Failure | None = None
        self.closed = asyncio.Event()
        self.tasks: list[Task] = []
        self.events = _FIRST_HISTORY_EVENTS
        self.news: list[WorkflowActivationJob] = []
        self.has_news = asyncio.Event()
        self.activities: dict[int, Activity] = {}
        self.timers: dict[int, tuple[float, asyncio.TimerHandle]] = {}
        self.updates: dict[str, asyncio.Future[Answer]] = {}
        self.accepted: set[str] = set()
        self.init = InitializeWorkflow()
        self.driver: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether it runs."""
        return self.status is Status.RUNNING

    def hear(self, job: WorkflowActivationJob, events: int = 1) -> None:
        """Something has happened that the next workflow task brings."""
        if self.is_open:
            self.events += events
            self.news.append(job)
            self.has_news.set()


@dataclass
class Manners:
    """How this server and its workers behave; all figures drawn by seed.

    Attributes:
        task_latency_s: The longest wait before a workflow task begins.
        task_s: The longest time that a worker takes over one.
        evicts: The probability that a run is thrown out of the cache before a task.
        shuffles: Whether signals and updates of one task come in any order.
        flags: The SDK's logic flags that new tasks use.
    """

    task_latency_s: float = 0.02
    task_s: float = 0.0
    evicts: float = 0.1
    shuffles: bool = True
    flags: tuple[int, ...] = ()


class Temporal:
    """One namespace with its one task queue.

    Args:
        loop: The world's.
        dice: For latencies and orders.
        manners: How it behaves.
        told: What happens is told here, for the trace: a word and a line.
    """

    def __init__(
        self,
        loop: VirtualLoop,
        dice: random.Random,
        manners: Manners,
        told: Callable[[str, str], None],
    ) -> None:
        self.loop = loop
        self.dice = dice
        self.manners = manners
        self.told = told
        self.workers: list[Worker] = []
        self.runs: list[Run] = []
        self.wedged: list[str] = []
        """Workflow tasks that failed, with the error: nothing may ever stand here."""
        self._worker_is_up = asyncio.Event()
        self._counted = 0
        self._drivers: set[asyncio.Task[None]] = set()

    # Workers come and go.

    def employ(self, worker: Worker) -> None:
        """A worker polls from now on."""
        self.workers.append(worker)
        self._worker_is_up.set()

    def dismiss(self, worker: Worker) -> None:
        """A worker polls no more."""
        self.workers.remove(worker)
        if not self.workers:
            self._worker_is_up.clear()

    async def _some_worker(self, run: Run | None = None) -> Worker:
        while True:
            while not self.workers:
                await self._worker_is_up.wait()
            sticky = [each for each in self.workers if run is not None and each.has(run)]
            worker = sticky[0] if sticky else self.dice.choice(self.workers)
            if worker.is_up:
                return worker
            await asyncio.sleep(0.5)

    # What callers do.

    def current(self, workflow_id: str) -> Run:
        """The latest run of an id.

        Raises:
            Gone: There is none.
        """
        for run in reversed(self.runs):
            if run.workflow_id == workflow_id:
                return run
        raise Gone(workflow_id)

    def start(self, workflow_id: str, payloads: Sequence[Payload], *, again: bool = False) -> Run:
        """Start a workflow, or find the one that runs.

        Args:
            workflow_id: Its id.
            payloads: Its input.
            again: A closed run does not stand in the way (its retention is over).

        Raises:
            Gone: A run of this id has ended, and no second one is allowed.
        """
        try:
            known = self.current(workflow_id)
        except Gone:
            known = None
        if known is not None and (known.is_open or not again):
            if known.is_open:
                return known
            raise Gone(workflow_id)
        run = self._new_run(workflow_id)
        run.init = InitializeWorkflow(
            workflow_type="Reservation",
            workflow_id=workflow_id,
            arguments=payloads,
            randomness_seed=run.seed,
            first_execution_run_id=run.run_id,
            original_execution_run_id=run.run_id,
            attempt=1,
        )
        run.init.start_time.FromNanoseconds(_nanoseconds(run.started_at))
        run.news.append(WorkflowActivationJob(initialize_workflow=run.init))
        run.has_news.set()
        self._drive(run)
        return run

    def signal(self, workflow_id: str, name: str, payloads: Sequence[Payload]) -> None:
        """Send a signal.

        Raises:
            Gone: The workflow has ended.
        """
        run = self._open(workflow_id)
        job = SignalWorkflow(signal_name=name, input=payloads, identity="somebody")
        run.hear(WorkflowActivationJob(signal_workflow=job))

    def cancel(self, workflow_id: str) -> None:
        """Ask for a workflow's cancellation."""
        run = self._open(workflow_id)
        run.hear(WorkflowActivationJob(cancel_workflow=CancelWorkflow(reason="a person")))

    def terminate(self, workflow_id: str) -> None:
        """End a run without a word to it."""
        run = self._open(workflow_id)
        self._close(run, Status.TERMINATED)

    async def update(
        self, workflow_id: str, name: str, payloads: Sequence[Payload], update_id: str
    ) -> Answer:
        """Send an update and wait for its answer; a known id gets the known answer.

        Raises:
            Gone: The workflow has ended, perhaps before it could answer.
        """
        run = self._open(workflow_id)
        known = run.updates.get(update_id)
        if known is None:
            known = run.updates[update_id] = self.loop.create_future()
            self._ask(run, name, payloads, update_id)
        closed = asyncio.ensure_future(run.closed.wait())
        await asyncio.wait([known, closed], return_when=asyncio.FIRST_COMPLETED)
        closed.cancel()
        if known.done():
            return known.result()
        raise Gone(workflow_id)

    def _ask(self, run: Run, name: str, payloads: Iterable[Payload], update_id: str) -> None:
        job = DoUpdate(
            id=update_id,
            protocol_instance_id=update_id,
            name=name,
            input=payloads,
            run_validator=True,
        )
        run.hear(WorkflowActivationJob(do_update=job), events=0)

    async def query(self, workflow_id: str, name: str) -> Payload | None:
        """Ask the latest run of an id; None where it has nothing to say."""
        run = self.current(workflow_id)
        worker = await self._some_worker(run)
        return worker.query(run, name)

    # What operators do, and should not.

    def reset(self, workflow_id: str, to: int, *, reapply: bool) -> Run | None:
        """Make a new run that has forgotten everything from workflow task ``to`` on.

        Args:
            workflow_id: Whose latest run.
            to: The number of the task, from 0.
            reapply: Signals and updates from there on come again.
        """
        old = self.current(workflow_id)
        if to >= len(old.tasks):
            return None
        forgotten = old.tasks[to]
        run = self._forked(old, to, self._next_run_id())
        run.original_run_id = old.original_run_id
        run.events = forgotten.length + 1
        run.seed = self.dice.getrandbits(63)
        kept = [job for job in forgotten.activations[0] if not job.HasField("do_update")]
        arrived = kept + [job for job in self._later(old, to) if reapply]
        seed = WorkflowActivationJob(update_random_seed=UpdateRandomSeed(randomness_seed=run.seed))
        self._close(old, Status.TERMINATED)
        self._go_on(run, kept_seed_first(arrived, seed))
        return run

    def _later(self, old: Run, to: int) -> list[WorkflowActivationJob]:
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

    def set_back(self, workflow_id: str, to: int) -> Run | None:
        """The server's store is an older copy of itself: all from task ``to`` on never happened."""
        old = self.current(workflow_id)
        if to >= len(old.tasks):
            return None
        run = self._forked(old, to, old.run_id)
        run.original_run_id = old.original_run_id
        run.seed = old.seed
        run.events = old.tasks[to].length - 2
        kept = [job for job in old.tasks[to].activations[0] if not job.HasField("do_update")]
        self._close(old, Status.TERMINATED)
        self.runs.remove(old)
        for worker in self.workers:
            worker.evict(old)
        self._go_on(run, kept)
        return run

    def _forked(self, old: Run, to: int, run_id: str) -> Run:
        run = Run(self, old.workflow_id, run_id, old.seed)
        run.started_at = old.started_at
        run.init = old.init
        run.tasks = list(old.tasks[:to])
        run.accepted = {
            command.update_response.protocol_instance_id
            for task in run.tasks
            for command in task.commands
            if command.HasField("update_response") and command.update_response.HasField("accepted")
        }
        self.runs.append(run)
        return run

    def _go_on(self, run: Run, news: list[WorkflowActivationJob]) -> None:
        """Let a run that was made from another's history take up its timers and activities."""
        run.news = news
        resolved = {job.resolve_activity.seq for job in news if job.HasField("resolve_activity")}
        fired = {job.fire_timer.seq for job in news if job.HasField("fire_timer")}
        for task in run.tasks:
            for activation in task.activations:
                resolved |= {
                    job.resolve_activity.seq
                    for job in activation
                    if job.HasField("resolve_activity")
                }
                fired |= {job.fire_timer.seq for job in activation if job.HasField("fire_timer")}
            for command in task.commands:
                if command.HasField("cancel_timer"):
                    fired.add(command.cancel_timer.seq)
        for task in run.tasks:
            for command in task.commands:
                if command.HasField("start_timer") and command.start_timer.seq not in fired:
                    self._set_timer(run, command, task.at)
                scheduled = command.HasField("schedule_activity")
                if scheduled and command.schedule_activity.seq not in resolved:
                    self._schedule(run, command.schedule_activity)
        run.events += len(news)
        run.has_news.set()
        self._drive(run)

    # How a run goes on.

    def _drive(self, run: Run) -> None:
        run.driver = asyncio.ensure_future(self._serve(run))
        self._drivers.add(run.driver)
        run.driver.add_done_callback(self._drivers.discard)

    async def _serve(self, run: Run) -> None:
        while run.is_open:
            await run.has_news.wait()
            await asyncio.sleep(self.dice.random() * self.manners.task_latency_s)
            worker = await self._some_worker(run)
            if not run.is_open:
                return
            if self.dice.random() < self.manners.evicts:
                worker.evict(run)
            await self._one_task(run, worker)

    async def _one_task(self, run: Run, worker: Worker) -> None:
        jobs, run.news = run.news, []
        run.has_news.clear()
        run.events += 2
        before = run.tasks[-1].flags if run.tasks else ()
        task = Task([], self.loop.time(), run.events, before, [], run.run_id)
        wrong = worker.work_on(run, task, self._in_order(jobs))
        if wrong:
            self.wedged.append(f"{run.workflow_id}: {wrong[0]}")
            self.told("wedged", wrong[0])
            worker.evict(run)
            self._bring_again(run, jobs)
            # A real server would try for ever; one failure is as bad as a thousand.
            await asyncio.sleep(_TASK_TIME_OUT_S if len(self.wedged) < _ENOUGH else _FOR_GOOD_S)
            return
        if self.manners.task_s:
            await asyncio.sleep(self.dice.random() * self.manners.task_s)
        if not worker.is_up or not run.is_open:
            # Nobody hears of what it did: the task times out, and is done again elsewhere.
            self._bring_again(run, jobs)
            await asyncio.sleep(_TASK_TIME_OUT_S)
            return
        if run.news and any(map(_closes, task.commands)):
            # The server lets no run end that has not heard everything.
            worker.evict(run)
            self._bring_again(run, jobs)
            return
        self._accept(run, task)

    def _bring_again(self, run: Run, jobs: list[WorkflowActivationJob]) -> None:
        run.events += 1
        run.news = jobs + run.news
        run.has_news.set()

    def _in_order(self, jobs: list[WorkflowActivationJob]) -> list[WorkflowActivationJob]:
        """Core's order: the start, the seed, messages, the rest; among each, as they came."""
        messages = [job for job in jobs if _rank(job) == _MESSAGE]
        if self.manners.shuffles:
            messages = interleaved(messages, self.dice)
        first = [job for job in jobs if _rank(job) < _MESSAGE]
        rest = [job for job in jobs if _rank(job) > _MESSAGE]
        return [*sorted(first, key=_rank), *messages, *rest]

    def _accept(self, run: Run, task: Task) -> None:
        """Take a workflow task's commands into the history, and do as they say."""
        said = [each.update_response for each in task.commands if each.HasField("update_response")]
        run.accepted |= {each.protocol_instance_id for each in said if each.HasField("accepted")}
        # Turned away by the validator: nothing of it stays. A handler's failure says "rejected"
        # too, of what was accepted before.
        away = {
            each.protocol_instance_id
            for each in said
            if each.HasField("rejected") and each.protocol_instance_id not in run.accepted
        }
        for activation in task.activations:
            activation[:] = [
                job
                for job in activation
                if not (job.HasField("do_update") and job.do_update.id in away)
            ]
        answers = [command for command in task.commands if command.HasField("update_response")]
        kept = [
            command
            for command in task.commands
            if not (
                command.HasField("update_response")
                and command.update_response.protocol_instance_id in away
            )
        ]
        if any(task.activations) or kept:
            run.events += 1 + len(kept)
            task.commands = kept
            run.tasks.append(task)
        else:
            run.events -= 2  # a speculative task: no trace is left of it
        for command in answers:
            self._answer(run, command)
        for command in list(kept):
            self._obey(run, command)

    def _answer(self, run: Run, command: WorkflowCommand) -> None:
        response = command.update_response
        waiting = run.updates.get(response.protocol_instance_id)
        if waiting is None or waiting.done():
            return
        if response.HasField("rejected"):
            if response.protocol_instance_id not in run.accepted:
                del run.updates[response.protocol_instance_id]
            waiting.set_result(Answer(failure=response.rejected))
        elif response.HasField("completed"):
            waiting.set_result(Answer(result=response.completed))

    def _obey(self, run: Run, command: WorkflowCommand) -> None:
        if command.HasField("start_timer"):
            self._set_timer(run, command, self.loop.time())
        elif command.HasField("cancel_timer"):
            timer = run.timers.pop(command.cancel_timer.seq, None)
            if timer is not None:
                timer[1].cancel()
            seq = command.cancel_timer.seq
            run.news = [
                job
                for job in run.news
                if not (job.HasField("fire_timer") and job.fire_timer.seq == seq)
            ]
        elif command.HasField("schedule_activity"):
            self._schedule(run, command.schedule_activity)
        elif command.HasField("request_cancel_activity"):
            activity = run.activities.pop(command.request_cancel_activity.seq, None)
            if activity is not None:
                activity.cancel_asked = True
        elif command.HasField("complete_workflow_execution"):
            run.result = command.complete_workflow_execution.result
            self._close(run, Status.COMPLETED)
        elif command.HasField("fail_workflow_execution"):
            run.failure = command.fail_workflow_execution.failure
            self._close(run, Status.FAILED)
        elif command.HasField("cancel_workflow_execution"):
            self._close(run, Status.TERMINATED)

    def _close(self, run: Run, status: Status) -> None:
        run.status = status
        run.closed.set()
        run.has_news.set()
        for _, handle in run.timers.values():
            handle.cancel()
        for activity in run.activities.values():
            activity.is_over = True
        self.told("closed", f"{run.workflow_id} {run.run_id} {status.value}")

    # Timers and activities.

    def _set_timer(self, run: Run, command: WorkflowCommand, since: float) -> None:
        timer = command.start_timer
        at = since + timer.start_to_fire_timeout.ToNanoseconds() / 1e9

        def ring() -> None:
            run.timers.pop(timer.seq, None)
            run.hear(WorkflowActivationJob(fire_timer=FireTimer(seq=timer.seq)))

        run.timers[timer.seq] = (at, self.loop.call_at(max(at, self.loop.time()), ring))

    def _schedule(self, run: Run, command: ScheduleActivity) -> None:
        activity = Activity(run, command, self.loop.time())
        run.activities[command.seq] = activity
        activity.driver = asyncio.ensure_future(self._carry(activity))
        self._drivers.add(activity.driver)
        activity.driver.add_done_callback(self._drivers.discard)

    async def _carry(self, activity: Activity) -> None:
        """Give an activity to workers until one attempt counts, or its time is over."""
        while not activity.is_over:
            worker = await self._some_worker_until(activity.closes_at)
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

    async def _some_worker_until(self, at: float | None) -> Worker | None:
        if at is None:
            return await self._some_worker()
        try:
            async with asyncio.timeout_at(at):
                return await self._some_worker()
        except TimeoutError:
            return None

    async def _attempted(self, activity: Activity, worker: Worker) -> ActivityResolution | None:
        """Let a worker make one attempt; None where the server hears nothing of it in time."""
        activity.attempts += 1
        attempt = Attempt(activity, activity.attempts, self.loop.time())
        limit = (
            self.loop.time() + activity.command.start_to_close_timeout.ToTimedelta().total_seconds()
        )
        if activity.closes_at is not None:
            limit = min(limit, activity.closes_at)
        under_way = asyncio.ensure_future(worker.attempt(attempt))
        self._drivers.add(under_way)  # type: ignore[arg-type]
        under_way.add_done_callback(self._drivers.discard)  # type: ignore[arg-type]
        await asyncio.wait([under_way], timeout=max(limit - self.loop.time(), 0))
        if not under_way.done():
            return None
        return under_way.result()

    def _pause_after(self, activity: Activity, ended: ActivityResolution | None) -> float | None:
        """How long to wait before the next attempt; None where that was the last one."""
        if ended is not None:
            activity.last_failure = ended.failed.failure
            if ended.failed.failure.application_failure_info.non_retryable:
                self._fail(activity, _RETRY_NON_RETRYABLE, ended.failed.failure)
                return None
        policy = activity.command.retry_policy
        first = policy.initial_interval.ToTimedelta().total_seconds() or 1.0
        most = policy.maximum_interval.ToTimedelta().total_seconds() or 100 * first
        factor = policy.backoff_coefficient or 2.0
        pause = min(first * factor ** min(activity.attempts - 1, 60), most)
        if ended is not None:
            info = ended.failed.failure.application_failure_info
            if info.HasField("next_retry_delay"):
                pause = info.next_retry_delay.ToTimedelta().total_seconds()
        closes_at = activity.closes_at
        if closes_at is not None and self.loop.time() + pause >= closes_at:
            if activity.last_failure is not None and ended is not None:
                self._fail(activity, _RETRY_TIMEOUT, activity.last_failure)
            else:
                self._time_out(activity, _START_TO_CLOSE)
            return None
        return pause

    def _time_out(self, activity: Activity, kind: int) -> None:
        failure = Failure(
            message="activity timeout",
            timeout_failure_info=TimeoutFailureInfo(timeout_type=kind),  # type: ignore[arg-type]
        )
        if activity.last_failure is not None:
            failure.cause.CopyFrom(activity.last_failure)
        self._fail(activity, _RETRY_TIMEOUT, failure)

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

    # Small things.

    def _open(self, workflow_id: str) -> Run:
        run = self.current(workflow_id)
        if not run.is_open:
            raise Gone(workflow_id)
        return run

    def _new_run(self, workflow_id: str) -> Run:
        run = Run(self, workflow_id, self._next_run_id(), self.dice.getrandbits(63))
        self.runs.append(run)
        return run

    def _next_run_id(self) -> str:
        self._counted += 1
        return f"run-{self._counted}"

    def stop(self) -> None:
        """The end of the world: nothing drives anything any more."""
        for driver in list(self._drivers):
            driver.cancel()


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


def kept_seed_first(
    jobs: list[WorkflowActivationJob], seed: WorkflowActivationJob
) -> list[WorkflowActivationJob]:
    """A reset's jobs: the start if it is to come again, the new seed, and all the others."""
    starts = [job for job in jobs if job.HasField("initialize_workflow")]
    return [*starts, seed, *(job for job in jobs if not job.HasField("initialize_workflow"))]


def _closes(command: WorkflowCommand) -> bool:
    return (
        command.HasField("complete_workflow_execution")
        or command.HasField("fail_workflow_execution")
        or command.HasField("cancel_workflow_execution")
    )


def activity_failure(command: ScheduleActivity, retry_state: int) -> Failure:
    """The shell that Temporal puts around an activity's failure."""
    info = ActivityFailureInfo(
        activity_id=command.activity_id,
        retry_state=retry_state,  # type: ignore[arg-type]
    )
    info.activity_type.name = command.activity_type
    return Failure(message="activity error", activity_failure_info=info)


def called_off() -> ActivityResolution:
    """How core answers at once to a workflow that calls an activity off."""
    failure = activity_failure(ScheduleActivity(), _RETRY_CANCELED)
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


def _nanoseconds(at: float) -> int:
    return round(BEGINNING.timestamp() * 1_000_000) * 1000 + round(at * 1_000_000) * 1000

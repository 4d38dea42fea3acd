"""What a server keeps of a workflow's run, and what it and its workers hand to each other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol

from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.bridge.proto.activity_result import ActivityResolution
from temporalio.bridge.proto.workflow_activation import InitializeWorkflow, WorkflowActivationJob
from temporalio.bridge.proto.workflow_commands import ScheduleActivity, WorkflowCommand

_FIRST_HISTORY_EVENTS = 1


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
    beat: Sequence[Payload] | None = None
    """Its last heartbeat."""
    is_called_off: bool = False

    @property
    def counts(self) -> bool:
        """Whether the server still waits for it."""
        return not self.activity.is_over and self.number == self.activity.attempts


class Worker(Protocol):
    """What the server hands work to."""

    name: str
    is_up: bool

    @property
    def polls(self) -> bool:
        """Whether it is given new work: one that stands still is, while its last poll is open."""
        ...

    async def going_until(self, at: float) -> bool:
        """Wait until it does not stand still, or the hour has come; whether it goes then."""
        ...

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

    def __init__(self, workflow_id: str, run_id: str, seed: int, started_at: float) -> None:
        self.workflow_id = workflow_id
        self.run_id = run_id
        self.original_run_id = run_id
        self.seed = seed
        self.started_at = started_at
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
        self.left_waiting = 0
        """How many callers whose update it had accepted were without an answer when it ended."""
        self.is_cancelled = False
        self.answers: dict[tuple[str, int], Payload | None] = {}
        """What queries were answered, by their name and how many tasks the run had by then."""
        self.init = InitializeWorkflow()
        self.driver: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether it runs."""
        return self.status is Status.RUNNING

    def expect(self, update_id: str) -> asyncio.Future[Answer]:
        """The answer of an update, now or later."""
        if update_id not in self.updates:
            self.updates[update_id] = asyncio.get_running_loop().create_future()
        return self.updates[update_id]

    def hear(self, job: WorkflowActivationJob, events: int = 1) -> None:
        """Something has happened that the next workflow task brings."""
        if self.is_open:
            self.events += events
            self.news.append(job)
            self.has_news.set()

    def unhear(self, kind: Literal["fire_timer", "resolve_activity"], seq: int) -> None:
        """What was heard of one timer or activity, and no task has brought yet, is not told."""
        self.news = [
            job for job in self.news if not (job.HasField(kind) and getattr(job, kind).seq == seq)
        ]


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

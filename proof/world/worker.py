"""A worker of a world: the real workflow class, the real activities and adapters, no process.

Workflow tasks are fed to the SDK's own workflow instance, which `temporalio.worker` offers to
whoever brings activations. What a real worker takes from its core, the activations, is built
here; what it adds of its own, a cache and what a replay is compared with, is here too.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from temporalio import workflow
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.bridge.proto.activity_result import ActivityResolution
from temporalio.bridge.proto.workflow_activation import (
    NotifyHasPatch,
    QueryWorkflow,
    RemoveFromCache,
    ResolveActivity,
    WorkflowActivation,
    WorkflowActivationJob,
)
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.common import MetricMeter, Priority, TypedSearchAttributes
from temporalio.worker import (
    UnsandboxedWorkflowRunner,
    WorkflowInstance,
    WorkflowInstanceDetails,
)

from activities.converter import data_converter
from activities.holds import Holds
from gateways.account import AccountSettings, World
from gateways.accounts import build
from proof.world.hands import Hands, instant
from proof.world.history import Attempt, Run, Task
from proof.world.jobs import called_off
from proof.world.line import Line
from proof.world.loop import VirtualLoop
from workflows.reservation import Reservation

_RUNNER = UnsandboxedWorkflowRunner()
_CONVERTER = data_converter.payload_converter
# A server gives work to a poll that is open, and it lets none be open for longer.
_POLL_S = 60.0
# The loop may call that much before the hour that it was asked for.
_A_HAIR_S = 1e-6
_RIGHT = timedelta(0)


class SimulatedWorker:
    """Workflow tasks at once, activities beside each other.

    Args:
        name: For the trace.
        loop: The world's.
        line: Its connections to the gateway.
        accounts: The accounts that it is configured with.
        look_first: It runs after Temporal's store was restored.
        ahead: Its machine's clock.
        flags: The SDK's logic flags that new workflow tasks use.
        serves: The workflow that it runs.
    """

    def __init__(  # noqa: PLR0913 - a worker's settings, all by name.
        self,
        name: str,
        *,
        loop: VirtualLoop,
        line: Line,
        accounts: Mapping[str, AccountSettings],
        look_first: bool = False,
        ahead: timedelta = _RIGHT,
        flags: Sequence[int] = (),
        serves: type = Reservation,
    ) -> None:
        self.name = name
        self.is_up = True
        self.line = line
        self._loop = loop
        self._flags = frozenset(flags)
        # The SDK's own reading of a class's decorators: what a worker does with `workflows=[...]`.
        self._defined = workflow._Definition.must_from_class(serves)  # noqa: SLF001 - no public one

        def machine_clock() -> datetime:
            return loop.now() + ahead

        world = World(transport=line, now=machine_clock)
        gateways = {each: build(each, told, world) for each, told in accounts.items()}
        holds = Holds(gateways, look_first=look_first, machine_clock=machine_clock)
        self._hands = Hands(loop, holds)
        self._still_since, self._goes_at = loop.time(), loop.time()
        self._cache: dict[Run, WorkflowInstance] = {}

    # Its life.

    def kill(self) -> None:
        """Kill -9: nothing of it ever runs again, and what it knew is gone."""
        self.is_up = False
        self.line.is_cut = True
        self._forget_all()

    def stand_still(self, seconds: float) -> None:
        """SIGSTOP, and SIGCONT so much later: what was under way goes on then, late or not."""
        now = self._loop.time()
        if self._goes:
            self._still_since = now
        self._goes_at = max(self._goes_at, now + seconds)
        self.line.stand_still()
        self._loop.call_at(self._goes_at, self._wake)

    def _wake(self) -> None:
        if self._goes:
            self.line.go_on()

    @property
    def _goes(self) -> bool:
        """Whether no standstill is left to wait for."""
        return self._loop.time() > self._goes_at - _A_HAIR_S

    @property
    def polls(self) -> bool:
        """Whether it is given new work: one that stands still is, while its last poll is open."""
        now = self._loop.time()
        return self.is_up and (self._goes or now < self._still_since + _POLL_S)

    async def going_until(self, at: float) -> bool:
        """Wait until it does not stand still, or the hour has come; whether it goes then."""
        pause = min(self._goes_at, at) - self._loop.time()
        if pause > 0:
            await asyncio.sleep(pause)
        return self._goes

    def retire(self) -> None:
        """The end of the world."""
        self._forget_all()

    def _forget_all(self) -> None:
        for run in list(self._cache):
            self.evict(run)

    # Workflow tasks.

    def has(self, run: Run) -> bool:
        """Whether it has the run in its cache."""
        return run in self._cache

    def evict(self, run: Run) -> None:
        """Forget a run."""
        instance = self._cache.pop(run, None)
        if instance is not None:
            job = WorkflowActivationJob(remove_from_cache=RemoveFromCache(message="cache full"))
            self._activate(instance, WorkflowActivation(run_id=run.run_id, jobs=[job]))

    def work_on(self, run: Run, task: Task, jobs: list[WorkflowActivationJob]) -> list[str]:
        """Do one workflow task, filling it in; answers with what went wrong, if anything."""
        instance, wrong = self._instance_of(run, task.at)
        if wrong or instance is None:
            return wrong
        return self._do(run, instance, task, jobs)

    def replayed(self, run: Run) -> list[str]:
        """Replay a run's whole history; answers with where it differs."""
        instance, wrong = self._fresh(run, run.started_at)
        if instance is not None:
            self._cache[run] = instance
            self.evict(run)
        return wrong

    def query(self, run: Run, name: str) -> Payload | None:
        """Ask a run."""
        instance, _ = self._instance_of(run, self._loop.time())
        if instance is None:
            return None
        job = WorkflowActivationJob(query_workflow=QueryWorkflow(query_id="q", query_type=name))
        last = run.tasks[-1]
        activation = _activation(run, last, [job], is_replaying=False)
        for command in self._activate(instance, activation).successful.commands:
            if command.HasField("respond_to_query"):
                return command.respond_to_query.succeeded.response
        return None

    def _do(
        self,
        run: Run,
        instance: WorkflowInstance,
        task: Task,
        jobs: list[WorkflowActivationJob],
    ) -> list[str]:
        """Activate until nothing is left that core would answer at once."""
        ahead = jobs
        while ahead:
            task.activations.append(ahead)
            completion = self._activate(instance, _activation(run, task, ahead, is_replaying=False))
            if completion.HasField("failed"):
                return [completion.failed.failure.message]
            used = completion.successful.used_internal_flags
            task.flags = tuple(sorted({*task.flags, *used}))
            commands = list(completion.successful.commands)
            task.commands += commands
            ahead = _at_once(commands, task)
        return []

    def _instance_of(self, run: Run, at: float) -> tuple[WorkflowInstance | None, list[str]]:
        if run not in self._cache:
            instance, wrong = self._fresh(run, at)
            if instance is None:
                return None, wrong
            self._cache[run] = instance
        return self._cache[run], []

    def _fresh(self, run: Run, at: float) -> tuple[WorkflowInstance | None, list[str]]:
        """Make an instance, and replay what the run's history holds so far."""
        instance = _RUNNER.create_instance(_details(run, self._defined, self._flags, at))
        for number, task in enumerate(run.tasks):
            commands: list[WorkflowCommand] = []
            marked = _marked(task)
            for jobs in task.activations:
                again = [*marked, *_as_replayed(jobs)]
                activation = _activation(run, task, again, is_replaying=True)
                marked = []
                completion = self._activate(instance, activation)
                if completion.HasField("failed"):
                    return None, [f"replay of task {number}: {completion.failed.failure.message}"]
                commands += completion.successful.commands
            # What a run before a reset has said is compared as core does: in kind, not in detail.
            said = _said if task.of == run.run_id else _shape
            if said(commands) != said(task.commands):
                return None, [f"replay of task {number} differs: {_difference(commands, task)}"]
        return instance, []

    def _activate(self, instance: WorkflowInstance, activation: WorkflowActivation) -> Any:
        # A workflow instance is an event loop of its own, which takes the thread for itself.
        asyncio._set_running_loop(None)  # noqa: SLF001 - as asyncio's own runners do
        try:
            return instance.activate(activation)
        finally:
            asyncio._set_running_loop(self._loop)  # noqa: SLF001 - as above

    # Activities.

    async def attempt(self, attempt: Attempt) -> ActivityResolution:
        """Make one attempt of an activity."""
        await self.line.going()
        ended = await self._hands.carry_out(attempt, self._tell_beat)
        # What has ended while it stood still is told when it goes on; of a dead worker, never.
        await self.line.going()
        self._tell_beat(attempt)
        return ended

    def _tell_beat(self, attempt: Attempt) -> None:
        """A heartbeat counts for the attempt that the server waits for, and for no earlier one."""
        goes = self.is_up and self._goes
        if goes and attempt.counts and attempt.beat is not None:
            attempt.activity.heartbeat = attempt.beat


def _details(
    run: Run,
    defined: workflow._Definition,
    flags: frozenset[int],
    at: float,
) -> WorkflowInstanceDetails:
    init = run.init
    info = workflow.Info(
        attempt=1,
        continued_run_id=None,
        cron_schedule=None,
        execution_timeout=None,
        first_execution_run_id=init.first_execution_run_id,
        headers={},
        namespace="default",
        original_execution_run_id=run.original_run_id,
        parent=None,
        root=None,
        priority=Priority.default,
        raw_memo={},
        retry_policy=None,
        run_id=run.run_id,
        run_timeout=None,
        search_attributes={},
        start_time=instant(run.tasks[0].at if run.tasks else at),
        task_queue="cardhold",
        task_timeout=timedelta(seconds=10),
        typed_search_attributes=TypedSearchAttributes([]),
        workflow_id=run.workflow_id,
        workflow_start_time=instant(run.started_at),
        workflow_type="Reservation",
    )
    return WorkflowInstanceDetails(
        payload_converter_factory=lambda: _CONVERTER,
        failure_converter_class=data_converter.failure_converter_class,
        interceptor_classes=[],
        defn=defined,
        info=info,
        randomness_seed=init.randomness_seed,
        extern_functions={"__temporal_get_metric_meter": lambda: MetricMeter.noop},
        disable_eager_activity_execution=False,
        worker_level_failure_exception_types=[],
        patch_activation_callback=None,
        last_completion_result=Payloads(),
        last_failure=None,
        default_workflow_logic_flags=cast("Any", flags),
    )


def _activation(
    run: Run, task: Task, jobs: list[WorkflowActivationJob], *, is_replaying: bool
) -> WorkflowActivation:
    activation = WorkflowActivation(
        run_id=run.run_id,
        is_replaying=is_replaying,
        history_length=task.length,
        jobs=jobs,
        available_internal_flags=task.flags,
    )
    activation.timestamp.FromDatetime(instant(task.at))
    return activation


def _at_once(commands: list[WorkflowCommand], task: Task) -> list[WorkflowActivationJob]:
    """What core resolves by itself: an activity that is called off needs no server for that.

    Unless its end has come in this very task: then there is nothing left to call off.
    """
    ended = {
        job.resolve_activity.seq
        for jobs in task.activations
        for job in jobs
        if job.HasField("resolve_activity")
    }
    return [
        WorkflowActivationJob(
            resolve_activity=ResolveActivity(
                seq=command.request_cancel_activity.seq,
                result=called_off(),
            )
        )
        for command in commands
        if command.HasField("request_cancel_activity")
        and command.request_cancel_activity.seq not in ended
    ]


def _marked(task: Task) -> list[WorkflowActivationJob]:
    """The patches that the task has recorded: a replay is told of them ahead."""
    return [
        WorkflowActivationJob(
            notify_has_patch=NotifyHasPatch(patch_id=command.set_patch_marker.patch_id)
        )
        for command in task.commands
        if command.HasField("set_patch_marker")
    ]


def _as_replayed(jobs: list[WorkflowActivationJob]) -> list[WorkflowActivationJob]:
    """The same jobs as a replay brings them: what was accepted then is not judged again."""
    again: list[WorkflowActivationJob] = []
    for job in jobs:
        if job.HasField("do_update") and job.do_update.run_validator:
            copy = WorkflowActivationJob()
            copy.CopyFrom(job)
            copy.do_update.run_validator = False
            again.append(copy)
        else:
            again.append(job)
    # Of one task core tells signals and updates in another order than they were lived through.
    return sorted(again, key=_place)


def _place(job: WorkflowActivationJob) -> int:
    first = job.HasField("initialize_workflow"), job.HasField("update_random_seed")
    messages = job.HasField("signal_workflow"), job.HasField("do_update")
    return next((n for n, it_is in enumerate((*first, *messages)) if it_is), len(first) + 2)


def _said(commands: list[WorkflowCommand]) -> list[bytes]:
    """The commands to the letter, and of an answer to an update its kind.

    It tells of the rest of the task too, of which signals and updates may come in another order.
    """
    return [_words(command) for command in commands]


def _words(command: WorkflowCommand) -> bytes:
    if command.HasField("update_response"):
        return repr(_kind(command)).encode()
    if command.HasField("complete_workflow_execution"):
        hold = json.loads(command.complete_workflow_execution.result.data)
        return repr({name: hold[name] for name in hold if not name.startswith("refused")}).encode()
    return command.SerializeToString(deterministic=True)


def _shape(commands: list[WorkflowCommand]) -> list[tuple[str, ...]]:
    return [_kind(command) for command in commands]


def _kind(command: WorkflowCommand) -> tuple[str, ...]:
    """What core compares."""
    scheduled, response = command.schedule_activity, command.update_response
    return (
        command.WhichOneof("variant") or "",
        scheduled.activity_type + scheduled.activity_id,
        response.protocol_instance_id,
        response.WhichOneof("response") or "",
    )


def _difference(commands: list[WorkflowCommand], task: Task) -> str:
    """The first command that a replay has otherwise."""
    for number in range(max(len(commands), len(task.commands))):
        new = commands[number] if number < len(commands) else None
        old = task.commands[number] if number < len(task.commands) else None
        if new is None or old is None or _said([new]) != _said([old]):
            return f"command {number} is {_shown(new)}, and was {_shown(old)}"
    return "in nothing"


def _shown(command: WorkflowCommand | None) -> str:
    return "none" if command is None else " ".join(str(command).split())[:200]

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

from temporalio.api.common.v1 import Payload
from temporalio.bridge.proto.workflow_activation import (
    CancelWorkflow,
    DoUpdate,
    InitializeWorkflow,
    SignalWorkflow,
    UpdateRandomSeed,
    WorkflowActivationJob,
)

from proof.world.forks import arrived_later, forked, kept
from proof.world.history import Answer, Gone, Manners, NoWord, Run, Status, Worker
from proof.world.jobs import kept_seed_first
from proof.world.loop import BEGINNING, VirtualLoop
from proof.world.pool import Pool
from proof.world.tasks import Tasks


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
        self.runs: list[Run] = []
        self._loop = loop
        self._dice = dice
        self._pool = Pool(loop, dice)
        self._tasks = Tasks(loop, dice, manners, told, self._pool)
        self._counted = 0

    @property
    def wedged(self) -> list[str]:
        """Workflow tasks that failed, with the error: nothing may ever stand here."""
        return self._tasks.wedged

    @property
    def workers(self) -> list[Worker]:
        """Who polls."""
        return self._pool.workers

    def employ(self, worker: Worker) -> None:
        """A worker polls from now on."""
        self._pool.employ(worker)

    def dismiss(self, worker: Worker) -> None:
        """A worker polls no more."""
        self._pool.dismiss(worker)

    def away(self, seconds: float) -> None:
        """The server is gone for so long: no task, no timer, no word; what it has written stays.

        Whoever calls it meanwhile gets `NoWord`; an update that it has heard of before is answered
        when it is back.
        """
        self._pool.presence.leave(seconds)

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
            NoWord: The server is away.
        """
        self._reach()
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
        self._tasks.drive(run)
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
        """Ask for a workflow's cancellation; asking twice is asking once."""
        run = self._open(workflow_id)
        if run.is_cancelled:
            return
        run.is_cancelled = True
        run.hear(WorkflowActivationJob(cancel_workflow=CancelWorkflow(reason="a person")))

    def terminate(self, workflow_id: str) -> None:
        """End a run without a word to it."""
        run = self._open(workflow_id)
        self._tasks.close(run, Status.TERMINATED)

    async def update(
        self, workflow_id: str, name: str, payloads: Sequence[Payload], update_id: str
    ) -> Answer:
        """Send an update and wait for its answer; a known id gets the known answer.

        Raises:
            Gone: The workflow has ended, perhaps before it could answer.
            NoWord: The server is away.
        """
        self._reach()
        run = self.current(workflow_id)
        known = run.updates.get(update_id)
        if known is None:
            self._open(workflow_id)
            known = run.expect(update_id)
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
        self._reach()
        run = self.current(workflow_id)
        worker = await self._pool.some_worker(run)
        asked = name, len(run.tasks)
        if asked not in run.answers:
            # What a run says of itself changes with its tasks alone, and it is asked often.
            run.answers[asked] = worker.query(run, name)
        return run.answers[asked]

    # What operators do, and should not.

    def reset(self, workflow_id: str, to: int, *, reapply: bool) -> Run | None:
        """Make a new run that has forgotten everything from workflow task ``to`` on.

        Args:
            workflow_id: Whose latest run.
            to: The number of the task, from 0.
            reapply: Signals and updates from there on come again.
        """
        self._reach()
        old = self.current(workflow_id)
        if to >= len(old.tasks):
            return None
        run = forked(old, to, self._next_run_id())
        self.runs.append(run)
        run.events = old.tasks[to].length + 1
        run.seed = self._dice.getrandbits(63)
        arrived = kept(old, to) + (arrived_later(old, to) if reapply else [])
        seed = WorkflowActivationJob(update_random_seed=UpdateRandomSeed(randomness_seed=run.seed))
        self._tasks.close(old, Status.TERMINATED)
        self._tasks.go_on(run, kept_seed_first(arrived, seed))
        return run

    def set_back(self, workflow_id: str, to: int) -> Run | None:
        """The server's store is an older copy of itself: all from task ``to`` on never happened."""
        old = self.current(workflow_id)
        if to >= len(old.tasks):
            return None
        run = forked(old, to, old.run_id)
        self.runs.append(run)
        run.events = old.tasks[to].length - 2
        self._tasks.close(old, Status.TERMINATED)
        self.runs.remove(old)
        for worker in self.workers:
            worker.evict(old)
        self._tasks.go_on(run, kept(old, to))
        return run

    # Small things.

    def _open(self, workflow_id: str) -> Run:
        self._reach()
        run = self.current(workflow_id)
        if not run.is_open:
            raise Gone(workflow_id)
        return run

    def _reach(self) -> None:
        if not self._pool.presence.is_here:
            raise NoWord

    def _new_run(self, workflow_id: str) -> Run:
        run = Run(workflow_id, self._next_run_id(), self._dice.getrandbits(63), self._loop.time())
        self.runs.append(run)
        return run

    def _next_run_id(self) -> str:
        self._counted += 1
        return f"run-{self._counted}"

    def stop(self) -> None:
        """The end of the world: nothing drives anything any more."""
        self._pool.errands.stop()


def _nanoseconds(at: float) -> int:
    return round(BEGINNING.timestamp() * 1_000_000) * 1000 + round(at * 1_000_000) * 1000


__all__ = ["Answer", "Gone", "Manners", "NoWord", "Run", "Status", "Temporal"]

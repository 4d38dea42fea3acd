"""How a server and a worker live through a run: workflow tasks one at a time, commands obeyed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from temporalio.bridge.proto.workflow_activation import FireTimer, WorkflowActivationJob
from temporalio.bridge.proto.workflow_commands import WorkflowCommand

from proof.world.activities import Activities
from proof.world.forks import pending
from proof.world.history import Answer, Manners, Run, Status, Task, Worker
from proof.world.jobs import closes, in_order
from proof.world.loop import VirtualLoop
from proof.world.pool import Pool

_TASK_TIME_OUT_S = 10.0
_ENOUGH, _FOR_GOOD_S = 3, 1e9
# To replay all of a long life before each of its tasks costs minutes: it is done now and then.
_LONG, _SELDOM = 100, 10


class Tasks:
    """Drives every run of one namespace."""

    def __init__(
        self,
        loop: VirtualLoop,
        dice: random.Random,
        manners: Manners,
        told: Callable[[str, str], None],
        pool: Pool,
    ) -> None:
        self._loop = loop
        self._dice = dice
        self._manners = manners
        self._told = told
        self._pool = pool
        self._activities = Activities(loop, pool)
        self.wedged: list[str] = []
        """Workflow tasks that failed, with the error."""

    def drive(self, run: Run) -> None:
        """Let a run go on until it is closed."""
        self._pool.errands.start(self._serve(run))

    async def _serve(self, run: Run) -> None:
        while run.is_open:
            await run.has_news.wait()
            await asyncio.sleep(self._dice.random() * self._manners.task_latency_s)
            worker = await self._pool.some_worker(run)
            if not run.is_open:
                return
            evicts = self._dice.random() < self._manners.evicts
            if evicts and (len(run.tasks) < _LONG or len(run.tasks) % _SELDOM == 0):
                worker.evict(run)
            await self._one_task(run, worker)

    async def _one_task(self, run: Run, worker: Worker) -> None:
        jobs, run.news = run.news, []
        run.has_news.clear()
        run.events += 2
        before = run.tasks[-1].flags if run.tasks else ()
        task = Task([], self._loop.time(), run.events, before, [], run.run_id)
        wrong = worker.work_on(
            run, task, in_order(jobs, self._dice, shuffles=self._manners.shuffles)
        )
        if wrong:
            self.wedged.append(f"{run.workflow_id}: {wrong[0]}")
            self._told("wedged", wrong[0])
            worker.evict(run)
            self._bring_again(run, jobs)
            # A real server would try for ever; one failure is as bad as a thousand.
            await asyncio.sleep(_TASK_TIME_OUT_S if len(self.wedged) < _ENOUGH else _FOR_GOOD_S)
            return
        if not await self._hears(worker, task.at + _TASK_TIME_OUT_S) or not run.is_open:
            # Nobody hears of what it did: the task times out, and is done again elsewhere.
            worker.evict(run)
            self._bring_again(run, jobs)
            return
        if run.news and any(map(closes, task.commands)):
            # The server lets no run end that has not heard everything.
            worker.evict(run)
            self._bring_again(run, jobs)
            return
        self._accept(run, task)

    async def _hears(self, worker: Worker, limit: float) -> bool:
        """Wait for a worker's answer; whether it comes before the task's time is over."""
        if self._manners.task_s:
            await asyncio.sleep(self._dice.random() * self._manners.task_s)
        goes = await worker.going_until(limit)
        await self._pool.presence.wait()
        if worker.is_up and goes and self._loop.time() <= limit:
            return True
        await asyncio.sleep(max(limit - self._loop.time(), 0))
        return False

    def _bring_again(self, run: Run, jobs: list[WorkflowActivationJob]) -> None:
        run.events += 1
        run.news = jobs + run.news
        run.has_news.set()

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
            self._set_timer(run, command, self._loop.time())
        elif command.HasField("cancel_timer"):
            seq = command.cancel_timer.seq
            timer = run.timers.pop(seq, None)
            if timer is not None:
                timer[1].cancel()
            run.unhear("fire_timer", seq)
        elif command.HasField("schedule_activity"):
            self._activities.schedule(run, command.schedule_activity)
        elif command.HasField("request_cancel_activity"):
            seq = command.request_cancel_activity.seq
            activity = run.activities.pop(seq, None)
            if activity is not None:
                activity.cancel_asked = True
            # Core has told the workflow how that ended; what comes meanwhile it keeps to itself.
            run.unhear("resolve_activity", seq)
        elif command.HasField("complete_workflow_execution"):
            run.left_waiting = sum(
                1 for id_ in run.accepted if id_ in run.updates and not run.updates[id_].done()
            )
            run.result = command.complete_workflow_execution.result
            self.close(run, Status.COMPLETED)
        elif command.HasField("fail_workflow_execution"):
            run.failure = command.fail_workflow_execution.failure
            self.close(run, Status.FAILED)
        elif command.HasField("cancel_workflow_execution"):
            self.close(run, Status.TERMINATED)

    def close(self, run: Run, status: Status) -> None:
        """End a run: nothing that it waited for comes any more."""
        run.status = status
        run.closed.set()
        run.has_news.set()
        for _, handle in run.timers.values():
            handle.cancel()
        for activity in run.activities.values():
            activity.is_over = True
        self._told("closed", f"{run.workflow_id} {run.run_id} {status.value}")

    def _set_timer(self, run: Run, command: WorkflowCommand, since: float) -> None:
        timer = command.start_timer
        at = since + timer.start_to_fire_timeout.ToNanoseconds() / 1e9

        def ring() -> None:
            if not self._pool.presence.is_here:
                back_at = self._pool.presence.back_at
                run.timers[timer.seq] = (at, self._loop.call_at(back_at, ring))
                return
            run.timers.pop(timer.seq, None)
            run.hear(WorkflowActivationJob(fire_timer=FireTimer(seq=timer.seq)))

        run.timers[timer.seq] = (at, self._loop.call_at(max(at, self._loop.time()), ring))

    def go_on(self, run: Run, news: list[WorkflowActivationJob]) -> None:
        """Let a run that was made from another's history take up its timers and activities."""
        run.news = news
        run.is_cancelled |= any(job.HasField("cancel_workflow") for job in news)
        for job in news:
            if job.HasField("do_update"):
                run.expect(job.do_update.id)
        for task, command in pending(run, news):
            if command.HasField("start_timer"):
                self._set_timer(run, command, task.at)
            else:
                self._activities.schedule(run, command.schedule_activity)
        run.events += len(news)
        run.has_news.set()
        self.drive(run)

"""A worker: takes settings and Temporal's address, and keeps reservations until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncGenerator, Coroutine, Generator, Mapping
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.envconfig import ClientConnectConfig
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker

from activities.converter import data_converter
from activities.holds import Holds
from activities.sweep import Sweeps
from cardhold.names import TASK_QUEUE
from gateways import accounts
from gateways.account import Account
from worker import logs, settings, setup
from worker.cannot_start import CannotStart
from worker.settings import Settings, WorkerSettings
from worker.temporal import connect
from worker.times import check_times
from workflows.reservation import Reservation
from workflows.sweep import Sweep

logger = logging.getLogger("cardhold.worker")

# With the default of five, one poller alone waits for new starts; those that it misses are written
# to a table first. Twenty: the slowest one in a hundred authorizations took 353 ms instead of 945.
_POLLERS = PollerBehaviorAutoscaling(minimum=5, initial=20, maximum=50)
# How long a reservation waits for the worker that has it in memory, before any other may take it.
# A worker that is killed leaves its reservations waiting that long (measured: with two minutes, a
# capture at the front desk had no answer for two minutes), so it has to fit into an update's 45 s
# with room for the work. Longer would spare a burst of deadlines some replays; a person at the
# desk comes first.
_STICKY_FOR = timedelta(seconds=10)
# Workflow tasks are pure Python: more at once only wait for the one interpreter, and the SDK takes
# a task that had no turn within two seconds for a deadlock.
_WORKFLOW_TASKS_PER_CORE, _WORKFLOW_TASKS_MIN = 4, 24


async def run(
    told: Settings,
    connection: ClientConnectConfig,
    *,
    stop: asyncio.Event | None = None,
    runtime: Runtime | None = None,
) -> None:
    """Keep reservations until ``stop`` is set, or SIGTERM or SIGINT comes.

    A stopping worker takes no more work and finishes the gateway calls that are under way; what
    it cannot finish is looked up by the next worker.

    Args:
        told: The gateways' accounts and the worker's own settings.
        connection: How to reach Temporal.
        stop: Ends it; without one, the process's signals do.
        runtime: Temporal's, if the process has made one (for logs and metrics).

    Raises:
        CannotStart: Checked before anything is taken from the queue.
    """
    check_times(told)
    client = await connect(connection, data_converter=data_converter, runtime=runtime)
    if not await setup.check(client):
        logger.warning(
            "Temporal lets us not look whether the namespace %s has what `cardhold setup` creates",
            client.namespace,
        )
    async with gateways_of(told) as gateways:
        holds = Holds(gateways, look_first=told.worker.look_first)
        await _until(stop, worker_for(client, told, holds, Sweeps(gateways)))


def worker_for(
    client: Client,
    told: Settings,
    holds: Holds,
    sweeps: Sweeps | None = None,
    *,
    task_queue: str = TASK_QUEUE,
) -> Worker:
    """The worker itself, not yet running; without ``sweeps`` another one has to do those.

    No sandbox: it would re-import the workflow's modules for every reservation, at 6 to 9 ms of
    CPU a lifecycle and 65 KB of memory each (measured). What it guards against, the clock,
    randomness and I/O inside a workflow, is refused here by the import contracts and the lint of
    ``workflows/``, and shown by replaying recorded histories.
    """
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[Reservation, Sweep],
        activities=[*holds.all, *(sweeps.all if sweeps else [])],
        workflow_runner=UnsandboxedWorkflowRunner(),
        workflow_task_poller_behavior=_POLLERS,
        activity_task_poller_behavior=_POLLERS,
        max_cached_workflows=told.worker.cached_workflows,
        max_concurrent_workflow_tasks=_workflow_tasks(),
        max_concurrent_activities=_activities(told),
        sticky_queue_schedule_to_start_timeout=_STICKY_FOR,
        graceful_shutdown_timeout=told.worker.drain,
    )


@contextlib.asynccontextmanager
async def gateways_of(told: Settings) -> AsyncGenerator[Mapping[str, Account]]:
    """Every account's gateway, its connections closed at the end."""
    async with contextlib.AsyncExitStack() as open_ones:
        gateways: dict[str, Account] = {}
        for name, account in told.accounts.items():
            gateway = accounts.build(name, account)
            open_ones.push_async_callback(gateway.close)
            gateways[name] = gateway
        yield gateways


def main(*, simulators_url: str | None = None) -> int:
    """Be a worker process; answers with its exit code.

    Args:
        simulators_url: Use the built-in accounts there instead of a configuration.
    """
    try:
        told = settings.simulated(simulators_url) if simulators_url else settings.load()
        connection = settings.temporal_connection()
        secrets = told.secrets | {connection.get("api_key", "")}
        logs.configure(secrets, form=told.worker.log_format, level=told.worker.log_level)
        run_loop(run(told, connection, runtime=runtime_for(told.worker)))
    except CannotStart as refused:
        sys.stderr.write(f"{refused}\n")
        return refused.exit_code
    return 0


def run_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run ``work`` on uvloop where it is installed: 5 to 10 % less CPU (measured)."""
    try:
        from uvloop import new_event_loop  # noqa: PLC0415 - absent on Windows
    except ImportError:
        new_event_loop = None
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(work)


def runtime_for(told: WorkerSettings) -> Runtime:
    """Temporal's runtime, its own log lines sent through ours, with metrics if asked for.

    Raises:
        CannotStart: The metrics' address cannot be had.
    """
    forwarding = LogForwardingConfig(logging.getLogger("temporalio.core"))
    quiet = TelemetryFilter(core_level="WARN", other_level="ERROR")
    metrics = told.metrics and PrometheusConfig(
        told.metrics, counters_total_suffix=True, unit_suffix=True, durations_as_seconds=True
    )
    logging_config = LoggingConfig(filter=quiet, forwarding=forwarding)
    try:
        return Runtime(telemetry=TelemetryConfig(logging=logging_config, metrics=metrics or None))
    except (RuntimeError, ValueError) as error:
        raise CannotStart(f"Metrics cannot be served at {told.metrics}: {error}.") from error


@contextlib.contextmanager
def stopped_by_signals(stop: asyncio.Event) -> Generator[None]:
    """Set ``stop`` on the first SIGTERM or SIGINT; a second one does what it always does."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)

    def first() -> None:
        stop.set()
        for number in numbers:
            loop.remove_signal_handler(number)

    for number in numbers:
        loop.add_signal_handler(number, first)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _until(stop: asyncio.Event | None, worker: Worker) -> None:
    if stop is not None:
        await _run_until(stop, worker)
        return
    stop = asyncio.Event()
    with stopped_by_signals(stop):
        await _run_until(stop, worker)


async def _run_until(stop: asyncio.Event, worker: Worker) -> None:
    """Run the worker; if it fails by itself, so do we, and a supervisor starts us again."""
    running = asyncio.create_task(worker.run())
    stopping = asyncio.create_task(stop.wait())
    logger.info("ready: reservations on the task queue %s", worker.task_queue)
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            logger.info("stopping: no new work, finishing the calls under way")
            await worker.shutdown()
        await running
        logger.info("stopped")
    finally:
        stopping.cancel()


def _workflow_tasks() -> int:
    return max(_WORKFLOW_TASKS_MIN, _WORKFLOW_TASKS_PER_CORE * (os.cpu_count() or 1))


def _activities(told: Settings) -> int:
    """One call a connection: more would wait for one inside the call's own time limit.

    And one for each account's sweep, which rests between its calls and takes no turn from others.
    """
    connections = sum(account.connections for account in told.accounts.values())
    return (told.worker.activities_max or connections) + len(told.accounts)

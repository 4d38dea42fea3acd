"""The benchmark: its arithmetic on rounds made up here, and one short run of the real thing.

Nothing is asserted of speed: machines differ, and a busy one is no defect.
"""

from __future__ import annotations

import asyncio
import io
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import ActivityTaskStartedEventAttributes, HistoryEvent
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from bench import processes, report
from bench.kinds import HEADLINE, PARTS, VARIANTS, Kind
from bench.load import Order
from bench.rounds import IN_FLIGHT, SHORT, History, Measured, Results, billed, turns
from worker.embedded import EmbeddedTemporal

ROOT = Path(__file__).parents[2]
# Thirty on an idle machine; a busy one may take twice that, and is no defect.
WITHIN_S = 90
ROWS = (
    "lifecycles a second",
    "start until authorized, p50, ms",
    "start until authorized, p99, ms",
    "CPU ms a lifecycle, worker",
    "CPU ms a lifecycle, server",
    "history events a lifecycle",
    "billable actions a lifecycle",
)


@workflow.defn(name="Floor")
class Mute:
    """A floor that knows no message, so that every lifecycle fails."""

    @workflow.run
    async def run(self, _: dict[str, Any]) -> None:
        await workflow.wait_condition(lambda: False)


def round_(rate: float, worker_ms: float | None = 1.0) -> Measured:
    return Measured(
        rate=rate, p50_ms=10.0, p99_ms=20.0,
        worker_ms=worker_ms, server_ms=2.0, simulator_ms=0.5, client_ms=0.5,
    )  # fmt: skip


def results(ours: list[Measured], floor: list[Measured], **others: Measured) -> Results:
    headline = dict(zip(HEADLINE, (ours, floor), strict=True))
    rounds = {(kind, many): headline[kind] for kind in HEADLINE for many in IN_FLIGHT}
    most = max(IN_FLIGHT)
    rounds |= {(kind, most): [others.get(kind.name, round_(10.0))] for kind in VARIANTS}
    return Results(SHORT, rounds, dict.fromkeys(Kind, History(26, 7)))


def test_a_ratio_is_of_what_was_measured_side_by_side() -> None:
    # The machine grew four times slower after the first round; cardhold stayed at a half.
    told = results([round_(40.0), round_(10.0), round_(10.0)], [round_(80.0)] + [round_(20.0)] * 2)
    assert told.ratio(1, "rate") == 0.5
    assert told.figure(Kind.CARDHOLD, 1, "rate") == 10.0


async def test_a_lifecycle_that_fails_is_one_sentence_and_no_figure() -> None:
    async with EmbeddedTemporal() as server, processes.load(server.address) as load:
        worker = Worker(
            await Client.connect(server.address),
            task_queue=Kind.FLOOR.task_queue,
            workflows=[Mute],
            workflow_runner=UnsandboxedWorkflowRunner(),
        )
        async with worker:
            with pytest.raises(processes.Failed, match=r"^A round of floor failed: [^\n]+\.$"):
                await load.play(Order(Kind.FLOOR, in_flight=2, for_s=0.1))


def test_an_account_adds_up_to_the_whole() -> None:
    told = results(
        [round_(10.0, 20.0)],
        [round_(10.0, 12.0)],
        FLOOR_WITH_GATEWAY=round_(10.0, 13.5),
        NO_ATTRIBUTES=round_(10.0, 18.0),
    )
    *shares, whole = report.account(told)
    assert [share.worker_ms for share in shares] == [12.0, 1.5, 2.0, 4.5]
    assert sum(share.worker_ms or 0 for share in shares) == whole.worker_ms == 20.0


def test_what_cannot_be_measured_is_a_dash_and_no_zero() -> None:
    told = results([round_(10.0, None)], [round_(10.0, None)])
    page = io.StringIO()
    report.show(told, Console(file=page, width=100, color_system=None))
    worker = [line for line in page.getvalue().splitlines() if "CPU ms a lifecycle, worker" in line]
    assert worker
    assert all(line.split()[-3:] == ["-", "-", "-"] for line in worker)
    assert report.as_json(told)["kinds"]["floor"]["16"]["worker_ms"] is None


def test_rounds_take_turns_and_every_kind_has_its_own() -> None:
    cells = [cell for _, cell in turns(SHORT)]
    for many in IN_FLIGHT:
        order = [kind for kind, at_once in cells if at_once == many and kind in HEADLINE]
        assert order == [*HEADLINE[::-1], *HEADLINE]
    assert {kind for kind, _ in cells} == set(Kind)


@pytest.mark.parametrize(
    ("kind", "actions"),
    [
        (EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED, 1),
        (EventType.EVENT_TYPE_TIMER_STARTED, 1),
        (EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES, 1),
        (EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED, 0),
        (EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED, 0),
    ],
)
def test_actions_are_counted_as_they_are_billed(kind: EventType.ValueType, actions: int) -> None:
    assert billed(HistoryEvent(event_type=kind)) == actions


def test_an_activity_is_billed_for_each_attempt() -> None:
    started = ActivityTaskStartedEventAttributes(attempt=3)
    event = HistoryEvent(
        event_type=EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED,
        activity_task_started_event_attributes=started,
    )
    assert billed(event) == 3


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system tells no CPU time")
def test_cpu_time_is_read_of_a_process_and_of_no_other() -> None:
    before = processes.cpu_s(os.getpid())
    assert before is not None
    while (processes.cpu_s(os.getpid()) or 0.0) < before + 0.05:
        sum(range(10_000))
    assert processes.cpu_s(2**30) is None


@pytest.mark.slow
async def test_a_short_run_measures_and_prints_every_row() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "scripts/bench.py", "--short",
        cwd=ROOT, stdout=PIPE, stderr=PIPE, env={"PATH": os.environ["PATH"], "COLUMNS": "100"},
    )  # fmt: skip
    async with asyncio.timeout(WITHIN_S):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    lines = out.decode().splitlines()
    for row in ROWS:
        found = [line.split() for line in lines if line.startswith(row)]
        assert found, row
        assert all(float(ratio) > 0 for *_, ratio in found), row
    for part in PARTS:
        assert any(line.startswith(part.name) for line in lines), part.name

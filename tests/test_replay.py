"""Recorded runs of every shape replay with the code as it is.

A failure means that runs which are open now would stall after a deployment: mend the code or use
`workflow.patched`; never record anew what was released. That the method notices a change at all
is shown by a workflow that does one step in another order.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from activities.converter import data_converter
from cardhold.hold import Hold
from cardhold.names import WORKFLOW_TYPE
from tests.workflows.shapes import SHAPES
from tests.workflows.stack import replays
from workflows.reservation import Reservation

FOLDER = Path(__file__).parent / "histories"
RECORDED = sorted(path.stem for path in FOLDER.glob("*.json"))


def history_of(name: str) -> WorkflowHistory:
    return WorkflowHistory.from_json(_workflow_id(name), _text(name))


def _text(name: str) -> str:
    return (FOLDER / f"{name}.json").read_text()


def _workflow_id(name: str) -> str:
    """The id that the recorded run had: part of every key, and checked by the start."""
    events = WorkflowHistory.from_json("unknown", _text(name)).events
    return events[0].workflow_execution_started_event_attributes.workflow_id


def test_every_shape_is_recorded() -> None:
    assert set(SHAPES) <= set(RECORDED)


@pytest.mark.parametrize("name", RECORDED)
async def test_a_recorded_run_replays(name: str) -> None:
    await replays(history_of(name))


@workflow.defn(name=WORKFLOW_TYPE)
class Hasty(Reservation):
    """Sets a timer before it does what it has to."""

    @workflow.run
    async def run(self, *payloads: object) -> Hold:
        await workflow.sleep(1)
        return await super().run(*payloads)


@pytest.mark.parametrize("name", RECORDED)
async def test_a_workflow_that_does_something_else_does_not_replay(name: str) -> None:
    replayer = Replayer(
        workflows=[Hasty],
        data_converter=data_converter,
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    with pytest.raises(workflow.NondeterminismError):
        await replayer.replay_workflow(history_of(name))

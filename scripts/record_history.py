"""Play one reservation of each shape and write its history to ``tests/histories``.

``tests/test_replay.py`` replays them with the code as it is. A failure there means that runs
which are open now would stall after a deployment: mend the code, or `workflow.patched`. Record
anew only what was never released.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from temporalio.client import WorkflowFailureError  # noqa: E402 - the path comes first

from tests.workflows.shapes import SHAPES  # noqa: E402 - the path comes first
from tests.workflows.stack import Stack, running  # noqa: E402 - the path comes first
from worker.embedded import EmbeddedTemporal, Options  # noqa: E402 - the path comes first

FOLDER = ROOT / "tests" / "histories"
# All of them together take less than a minute.
WITHIN = timedelta(minutes=5)


async def _recorded(stack: Stack, shape: Callable[[Stack], Awaitable[object]]) -> str:
    """Play one shape on empty books, and give its history as JSON."""
    stack.simulator.reset()
    stack.opened.clear()
    await shape(stack)
    [reserved] = stack.opened
    with contextlib.suppress(WorkflowFailureError):  # an invalid start fails, as it has to
        await reserved.ended()
    return (await reserved.history()).to_json()


async def _record(names: list[str]) -> None:
    options = Options(time_skipping=True)
    async with EmbeddedTemporal(options) as temporal, running(temporal.address) as stack:
        for name in names:
            text = await _recorded(stack, SHAPES[name])
            (FOLDER / f"{name}.json").write_text(text + "\n")
            print(f"{name}: {len(text)} characters")


def main() -> int:
    """Record the shapes that are named, or all; answers with the exit code."""
    names = sys.argv[1:] or list(SHAPES)
    if unknown := sorted(set(names) - set(SHAPES)):
        print(f"No such shape: {', '.join(unknown)}. There are: {', '.join(SHAPES)}.")
        return 2
    FOLDER.mkdir(exist_ok=True)
    asyncio.run(asyncio.wait_for(_record(names), WITHIN.total_seconds()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

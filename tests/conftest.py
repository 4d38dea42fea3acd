"""One real Temporal server and one stack per test process, wiped clean for each test."""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncGenerator, Iterator

import pytest

# Their assertions tell what they compared, as a test's own do; said before they are imported.
pytest.register_assert_rewrite("tests.workflows.checks", "tests.workflows.stack")

from tests.workflows import checks  # noqa: E402 - see above
from tests.workflows.stack import Stack, running  # noqa: E402 - see above
from worker.embedded import EmbeddedTemporal, Options  # noqa: E402 - see above


@pytest.fixture(autouse=True, scope="module")
def _small_heap() -> None:  # pyright: ignore[reportUnusedFunction] - pytest calls it
    """What the files before have left alive is looked through once, and not ever again.

    In a process of thousands of tests that takes two seconds by the end, and a workflow that does
    not yield for so long is taken for a deadlock.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _logs_given_back() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction] - pytest calls it
    """Who changes the process's logs and leaves it at that fails here, not whoever comes after."""
    before = logging.root.level, logging.root.manager.disable
    yield
    assert (logging.root.level, logging.root.manager.disable) == before


@pytest.fixture
def own_logs(_logs_given_back: None) -> Iterator[None]:
    """For a test of a command that sets its process's logs up: they are put back behind it."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture(scope="session")
async def skipping_server() -> AsyncGenerator[EmbeddedTemporal]:
    """A Temporal server whose workflows' clocks can be moved."""
    async with EmbeddedTemporal(Options(time_skipping=True)) as server:
        yield server


@pytest.fixture(scope="session")
async def whole_stack(skipping_server: EmbeddedTemporal) -> AsyncGenerator[Stack]:
    """Temporal, a worker that replays at every task, and the simulated bank."""
    async with running(skipping_server.address) as stack:
        yield stack


@pytest.fixture
async def stack(whole_stack: Stack) -> AsyncGenerator[Stack]:
    """The stack with empty books; after the test, all that must always be true is checked."""
    whole_stack.simulator.reset()
    whole_stack.opened.clear()
    yield whole_stack
    try:
        await checks.all_is_well(whole_stack)
    finally:
        for reserved in whole_stack.opened:
            await checks.end(reserved)

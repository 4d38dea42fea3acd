"""One real Temporal server and one stack per test process, wiped clean for each test."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

# Their assertions tell what they compared, as a test's own do; said before they are imported.
pytest.register_assert_rewrite("tests.workflows.checks", "tests.workflows.stack")

from tests.workflows import checks  # noqa: E402 - see above
from tests.workflows.stack import Stack, running  # noqa: E402 - see above
from worker.embedded import EmbeddedTemporal, Options  # noqa: E402 - see above


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

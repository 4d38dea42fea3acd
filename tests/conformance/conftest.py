"""One simulator and one pool of connections for the whole list; empty books for each test."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import httpx
import pytest

# Their assertions tell what they compared, as a test's own do; said before they are imported.
pytest.register_assert_rewrite("tests.conformance.desk", "tests.conformance.rules")

from simulator.server import Simulator  # noqa: E402 - see above
from tests.conformance.desk import Desk  # noqa: E402 - see above
from tests.conformance.gateways import Under  # noqa: E402 - see above


@pytest.fixture(scope="session")
async def simulator() -> AsyncGenerator[Simulator]:
    """The simulated gateways."""
    async with Simulator() as running:
        yield running


@pytest.fixture(scope="session")
async def network() -> AsyncGenerator[httpx.AsyncBaseTransport]:
    """Real connections over loopback."""
    transport = httpx.AsyncHTTPTransport(trust_env=False)
    yield transport
    await transport.aclose()


@pytest.fixture
def desk(under: Under, simulator: Simulator, network: httpx.AsyncBaseTransport) -> Desk:
    """A desk at the account that the test is parametrized with, and nothing in the books."""
    simulator.reset()
    return Desk(under, simulator, network)

"""A simulator over loopback for each test, and a client that is logged in to its Payroc."""

from collections.abc import AsyncIterator

import pytest

from simulator.server import Simulator
from tests import loopback
from tests.simulator.payroc_client import Payroc


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


@pytest.fixture
async def payroc(sim: Simulator) -> AsyncIterator[Payroc]:
    async with loopback.client(sim.url) as http:
        client = Payroc(http)
        await client.log_in()
        yield client

"""One embedded Temporal server for all tests of the worker."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from temporalio.envconfig import ClientConnectConfig

from worker.embedded import EmbeddedTemporal


@pytest.fixture(scope="session")
async def temporal() -> AsyncGenerator[EmbeddedTemporal]:
    async with EmbeddedTemporal() as server:
        yield server


@pytest.fixture(scope="session")
def connection(temporal: EmbeddedTemporal) -> ClientConnectConfig:
    return ClientConnectConfig(target_host=temporal.address, namespace="default")

"""One real Temporal server for the client's tests, and a worker that misbehaves on purpose."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Callable
from datetime import timedelta

import pytest
from temporalio import client as temporal
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from cardhold import Client, HoldRequest
from cardhold.names import TASK_QUEUE
from tests.cardhold.misbehaving import MisbehavingReservation
from worker.embedded import EmbeddedTemporal

Request = Callable[..., HoldRequest]


@pytest.fixture(scope="session")
async def server() -> AsyncGenerator[temporal.Client]:
    """A Temporal server without a worker."""
    async with EmbeddedTemporal() as embedded:
        yield await temporal.Client.connect(embedded.address)


@pytest.fixture(scope="session")
async def misbehaving(server: temporal.Client) -> AsyncGenerator[temporal.Client]:
    """The same server with a worker that misbehaves on purpose."""
    async with Worker(
        server,
        task_queue=TASK_QUEUE,
        workflows=[MisbehavingReservation],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield server


@pytest.fixture
def client(misbehaving: temporal.Client) -> Client:
    """Our client, less patient than in production."""
    return Client(misbehaving, answer_within=timedelta(seconds=2), read_within=timedelta(seconds=2))


@pytest.fixture(scope="session")
def request_for() -> Request:
    """Makes requests, each for a reservation of its own."""
    numbers = itertools.count(1)

    def _request(**fields: object) -> HoldRequest:
        return HoldRequest.model_validate(
            {
                "reservation_id": f"RES-{next(numbers)}",
                "gateway": "payroc",
                "amount": "100.00 USD",
                "payment_method": {"kind": "stored_token", "token": "2967530112345678"},
                **fields,
            }
        )

    return _request

"""An attempt that its worker begins long after it was handed to it.

A process that stood still finds work that is another's by now. Here a worker's interceptor holds
the first attempt back for longer than its time; the server, the time-out and the second attempt
are real, and what the gateway was asked is the oracle.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.client import AsyncActivityCancelledError, Client
from temporalio.common import RawValue, RetryPolicy
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    UnsandboxedWorkflowRunner,
    Worker,
)

from activities.declared import Failure
from activities.holds import Holds
from domain.calls import Call, Ending, Settled
from domain.outcome import Approved, Outcome
from gateways.port import Named
from tests.activities.test_holds import NOW, TAKEN, Scripted, attempt, call, failure
from tests.workflows.stack import our_client
from worker.embedded import EmbeddedTemporal

_WITHIN = timedelta(seconds=1)
# Longer than an attempt's time, and not so long that the SDK's core calls it off (five more).
_STANDS_STILL_S = 2.5
OFF = timedelta(minutes=10)


@workflow.defn
class OneCapture:
    """Captures, and then waits for as long as a late attempt might take."""

    @workflow.run
    async def run(self, call: Call) -> Settled:
        settled = await workflow.execute_activity(
            "capture",
            call,
            result_type=Settled,
            start_to_close_timeout=_WITHIN,
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=100)),
        )
        await workflow.sleep(_STANDS_STILL_S)
        return settled


class StandsStill(Interceptor):
    """Holds the first attempt back before its first line."""

    def __init__(self) -> None:
        self.went_on = asyncio.Event()

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        return _HeldBack(next, self.went_on)


class _HeldBack(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, went_on: asyncio.Event) -> None:  # noqa: A002 - the SDK's name
        super().__init__(next)
        self._went_on = went_on

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        is_held_back = activity.info().attempt == 1
        if is_held_back:
            await asyncio.sleep(_STANDS_STILL_S)
        try:
            return await super().execute_activity(input)
        finally:
            if is_held_back:
                self._went_on.set()


class Patient(Scripted):
    """Captures whenever it is asked."""

    def __init__(self) -> None:
        super().__init__([])

    async def capture(self, named: Named) -> Outcome:
        self.asked.append(f"capture {named.call.command_id}")
        return Approved(TAKEN)


def _right() -> datetime:
    return datetime.now(UTC)


def _ahead() -> datetime:
    return datetime.now(UTC) + OFF


@pytest.mark.parametrize("machine_clock", [_right, _ahead])
async def test_what_temporal_no_longer_waits_for_is_not_sent(
    skipping_server: EmbeddedTemporal, machine_clock: Callable[[], datetime]
) -> None:
    client = our_client(await Client.connect(skipping_server.address))
    gateway, stands_still, name = Patient(), StandsStill(), f"late-{uuid.uuid4().hex}"
    holds = Holds({"bank": gateway}, machine_clock=machine_clock)
    async with Worker(
        client,
        task_queue=name,
        workflows=[OneCapture],
        activities=holds.all,
        workflow_runner=UnsandboxedWorkflowRunner(),
        interceptors=[stands_still],
    ):
        settled = await client.execute_workflow(OneCapture.run, call(), id=name, task_queue=name)
        async with asyncio.timeout(10):
            await stands_still.went_on.wait()

    assert settled.ending is Ending.DONE
    assert gateway.asked == ["capture c"]


class Says:
    """A client whose heartbeats all end alike."""

    def __init__(self, ends: Exception | None) -> None:
        self._ends = ends
        self.told: list[object] = []

    def get_async_activity_handle(self, *, task_token: bytes) -> Says:
        assert task_token
        return self

    async def heartbeat(self, *details: object) -> None:
        self.told.extend(details)
        if self._ends is not None:
            raise self._ends


NO_LONGER = (
    RPCError("activity already timed out", RPCStatusCode.NOT_FOUND, b""),
    RPCError("nobody is there", RPCStatusCode.UNAVAILABLE, b""),
    AsyncActivityCancelledError(),
)


@pytest.mark.parametrize("says", NO_LONGER, ids=["over", "silent", "called off"])
async def test_an_attempt_that_is_late_by_the_machines_clock_sends_nothing_unasked(
    says: Exception,
) -> None:
    gateway = Scripted([])
    failed = await failure(gateway, call(), machine_clock=NOW + OFF, server=Says(says))

    assert failed.type == Failure.NOT_SENT
    assert not failed.non_retryable
    assert gateway.asked == []


async def test_a_wrong_clock_of_the_machine_delays_nothing() -> None:
    gateway = Scripted([Approved(TAKEN)])
    settled = await attempt(gateway, call(), machine_clock=NOW + OFF, server=Says(None))

    assert settled.ending is Ending.DONE
    assert gateway.asked == ["capture"]


async def test_to_ask_leaves_what_the_attempt_before_has_left() -> None:
    server, left = Says(None), ["nothing was sent", 1]
    gateway = Scripted([Approved(TAKEN)])
    await attempt(gateway, call(), 2, told=[*left], machine_clock=NOW + OFF, server=server)

    told = [each.payload.data for each in server.told if isinstance(each, RawValue)]
    assert told == [b'"nothing was sent"', b"1"]

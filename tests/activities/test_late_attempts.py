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
from temporalio.activity import ActivityCancellationDetails
from temporalio.client import AsyncActivityCancelledError, Client
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    UnsandboxedWorkflowRunner,
    Worker,
)

from activities.declared import Failure
from activities.holds import Holds
from activities.sweep import Sweeps
from domain.calls import Call, Ending, Settled
from domain.capabilities import Capabilities
from domain.findings import SweepOf
from domain.outcome import Approved, Outcome
from gateways.port import Listed, Named
from tests.activities.test_holds import (
    KEYS,
    NO_KEYS,
    NOW,
    TAKEN,
    Scripted,
    at_noon,
    attempt,
    call,
    failure,
)
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


class Hangs(Patient):
    """Leaves its first caller without an answer for ever."""

    async def capture(self, named: Named) -> Outcome:
        answer = await super().capture(named)
        if len(self.asked) == 1:
            await asyncio.Event().wait()
        return answer


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


async def test_an_attempt_that_was_given_up_ends_in_one_line(
    skipping_server: EmbeddedTemporal, caplog: pytest.LogCaptureFixture
) -> None:
    client = our_client(await Client.connect(skipping_server.address))
    gateway, name = Hangs(), f"given-up-{uuid.uuid4().hex}"
    async with Worker(
        client,
        task_queue=name,
        workflows=[OneCapture],
        activities=Holds({"bank": gateway}).all,
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        settled = await client.execute_workflow(OneCapture.run, call(), id=name, task_queue=name)
        async with asyncio.timeout(20):
            while not any("capture" in line for line in caplog.messages):
                await asyncio.sleep(0.1)

    assert settled.ending is Ending.DONE
    assert [record.exc_info for record in caplog.records if record.exc_info] == []
    assert "Temporal has given the attempt up" in caplog.text


class CallsOff(Scripted):
    """A gateway in whose call, and in whose list, Temporal calls the attempt off."""

    def __init__(self, environment: ActivityEnvironment, why: str, can: Capabilities) -> None:
        super().__init__([], can)
        self._environment, self._why = environment, ActivityCancellationDetails(**{why: True})

    async def capture(self, named: Named) -> Outcome:
        return await self._until_called_off(named)

    async def open_holds(self, since: datetime, until: datetime, page: str | None = None) -> Listed:
        return await self._until_called_off(since, until, page)

    async def _until_called_off(self, *_of: object) -> Any:
        self._environment.cancel(self._why)
        await asyncio.Event().wait()


@pytest.mark.parametrize("why", ["timed_out", "not_found"])
@pytest.mark.parametrize(("can", "kind"), [(KEYS, "NoAnswer"), (NO_KEYS, "Undecided")])
async def test_what_was_given_up_may_have_been_sent(why: str, can: Capabilities, kind: str) -> None:
    environment = at_noon()
    holds = Holds({"bank": CallsOff(environment, why, can)}, machine_clock=lambda: NOW)
    with pytest.raises(ApplicationError, match="given the attempt up") as caught:
        await environment.run(holds.capture, call())

    assert (caught.value.type, caught.value.category) == (kind, ApplicationErrorCategory.BENIGN)


@pytest.mark.parametrize("why", ["timed_out", "not_found"])
async def test_a_comparison_that_was_given_up_is_made_anew(
    skipping_server: EmbeddedTemporal, why: str
) -> None:
    environment = at_noon(our_client(await Client.connect(skipping_server.address)))
    sweeps = Sweeps({"bank": CallsOff(environment, why, KEYS)})
    of = SweepOf(account="bank", at=NOW, quarantine=OFF)
    with pytest.raises(ApplicationError, match="given the comparison up") as caught:
        await environment.run(sweeps.compare, of)

    assert not caught.value.non_retryable
    assert caught.value.category is ApplicationErrorCategory.BENIGN


@pytest.mark.parametrize("why", ["cancel_requested", "worker_shutdown"])
async def test_what_somebody_calls_off_ends_as_called_off(why: str) -> None:
    environment = at_noon()
    holds = Holds({"bank": CallsOff(environment, why, KEYS)}, machine_clock=lambda: NOW)
    with pytest.raises(asyncio.CancelledError):
        await environment.run(holds.capture, call())


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

"""A worker's activities: real ones, at real adapters, each attempt in an environment of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self, cast

from temporalio.api.failure.v1 import Failure
from temporalio.bridge.proto.activity_result import ActivityResolution
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment

from activities.converter import data_converter
from activities.holds import Holds
from domain.calls import Call
from proof.world.history import Attempt
from proof.world.jobs import called_off, done, failed
from proof.world.loop import BEGINNING, VirtualLoop

_CONVERTER = data_converter.payload_converter
_NOTHING = ActivityEnvironment.default_info()
# Core's own watch over an attempt (`local_timeout_buffer_for_activities`): it calls off what has
# passed its time-out by that much.
_CORE_WAITS_S = 5.0
_NOT_FOUND = RPCStatusCode.NOT_FOUND


class Hands:
    """Carries activities out."""

    def __init__(self, loop: VirtualLoop, holds: Holds) -> None:
        self._loop = loop
        self._activities: dict[str, Callable[[Call], Any]] = {
            "authorize": holds.authorize,
            "adjust": holds.adjust,
            "capture": holds.capture,
            "release": holds.release,
            "look_up": holds.look_up,
        }

    async def carry_out(
        self, attempt: Attempt, beats: Callable[[Attempt], None]
    ) -> ActivityResolution:
        """Make one attempt, to whatever end it comes."""
        environment = _environment(attempt)

        def beat(*details: object) -> None:
            attempt.beat = _CONVERTER.to_payloads(details)
            beats(attempt)

        environment.on_heartbeat = beat
        command = attempt.activity.command
        limit = command.start_to_close_timeout.ToTimedelta().total_seconds()
        watch = self._loop.call_later(limit + _CORE_WAITS_S, _call_off, environment, attempt)
        try:
            return await self._ended(environment, attempt)
        finally:
            watch.cancel()

    async def _ended(
        self, environment: ActivityEnvironment, attempt: Attempt
    ) -> ActivityResolution:
        command = attempt.activity.command
        call = _CONVERTER.from_payload(command.arguments[0], Call)
        try:
            settled = await environment.run(self._activities[command.activity_type], call)
        except asyncio.CancelledError:
            if not attempt.is_called_off:
                raise
            return called_off()
        except Exception as error:  # noqa: BLE001 - as the SDK's worker: any error is a failure
            failure = Failure()
            # Nobody reads the lines of code that stand in it, and to find them costs 1 ms.
            data_converter.failure_converter.to_failure(
                error.with_traceback(None), _CONVERTER, failure
            )
            return failed(failure)
        return done(_CONVERTER.to_payload(settled))


def _call_off(environment: ActivityEnvironment, attempt: Attempt) -> None:
    attempt.is_called_off = True
    environment.cancel()


class _Server:
    """What an attempt asks Temporal itself: whether it is still waited for."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    def get_async_activity_handle(self, *, task_token: bytes) -> Self:
        """As the client's; a token is the attempt's own."""
        del task_token
        return self

    async def heartbeat(self, *details: object) -> None:
        """As the handle's."""
        if not self._attempt.counts:
            raise RPCError("invalid activityID or activity already timed out", _NOT_FOUND, b"")
        self._attempt.activity.heartbeat = _CONVERTER.to_payloads(details)


def _environment(attempt: Attempt) -> ActivityEnvironment:
    activity = attempt.activity
    command, run = activity.command, activity.run
    environment = ActivityEnvironment(client=cast("Client", _Server(attempt)))
    environment.payload_converter = _CONVERTER
    environment.info = replace(
        _NOTHING,
        activity_id=command.activity_id,
        activity_type=command.activity_type,
        attempt=attempt.number,
        heartbeat_details=_CONVERTER.from_payloads(activity.heartbeat)
        if activity.heartbeat
        else [],
        started_time=instant(attempt.started_at),
        scheduled_time=instant(activity.scheduled_at),
        start_to_close_timeout=command.start_to_close_timeout.ToTimedelta(),
        schedule_to_close_timeout=command.schedule_to_close_timeout.ToTimedelta() or None,
        workflow_id=run.workflow_id,
        workflow_run_id=run.run_id,
    )
    return environment


def instant(at: float) -> datetime:
    """A second of the world as an instant, aware."""
    return (BEGINNING + timedelta(seconds=at)).astimezone(UTC)

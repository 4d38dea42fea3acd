"""The one place where a run waits: for an outcome, an hour, a person, a cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow

from cardhold.hold import Attention
from domain.record import Record
from workflows import timing
from workflows.desk import Desk
from workflows.inbox import Inbox
from workflows.telling import warn, write_attributes, write_details


class Waiting:
    """Waits, serves meanwhile what never queues, and tells people what has changed."""

    def __init__(
        self, record: Record, inbox: Inbox, desk: Desk, cancel: Callable[[], None]
    ) -> None:
        self._record = record
        self._inbox = inbox
        self._desk = desk
        self._cancel = cancel
        self._as_of = workflow.now()
        self._alarm = _Alarm(lambda: self.now, self._look_at_the_clock)
        self._told: Attention | None = None

    @property
    def now(self) -> datetime:
        """The time for whoever asks whether it is ready: it moves when an alarm rings, or we wake.

        Not with every task: an update that is turned away leaves no trace in the history, and what
        it alone has made us look at is not looked at in a replay. It never goes back, and an alarm
        that has rung proves its hour: among killed servers the SDK's core has been seen to tell of
        a timer at the hour at which that was set, which a replay does not.
        """
        return self._as_of

    def _look_at_the_clock(self, at_least: datetime | None = None) -> None:
        self._as_of = max(self._as_of, workflow.now(), at_least or self._as_of)

    async def until(
        self, ready: Callable[[], bool], at: datetime | None = None, why: str = "until then"
    ) -> None:
        """Wait until ``ready``, or until ``at``.

        A cancellation arrives here and nowhere else: it is an instruction to release, and
        stops nothing that is under way.

        Args:
            ready: Asked again whenever something has happened; the time for it is `now`.
            at: The hour that ends the waiting, if one does.
            why: What people read beside the timer.
        """
        self._look_at_the_clock()
        while not ready() and (at is None or self.now < at):
            self._inbox.tell_the_late(self.now)
            late = self._inbox.next_late()
            if at is not None:
                self._alarm.ring_at(at, why)
            if late is not None:
                self._alarm.ring_at(late, "until the time for an answer is over")
            try:
                await workflow.wait_condition(
                    lambda: ready() or self._desk.has_work() or self._is_time(at)
                )
            except asyncio.CancelledError:
                _go_on()
                self._cancel()
            self._look_at_the_clock()
            if self._desk.serve():
                self.tell()

    async def a_moment(self, why: str) -> None:
        """Wait for one more workflow task: the SDK hands over messages before all else."""
        moment = asyncio.create_task(workflow.sleep(timing.A_MOMENT, summary=why))
        await self.until(moment.done)

    def _is_time(self, at: datetime | None) -> bool:
        """Whether an hour has come, or a new one is to be waited for."""
        late = self._inbox.next_late()
        return self._alarm.is_not_set_for(at) or self._alarm.is_not_set_for(late)

    def tell(self, *, decided: bool = False) -> None:
        """Write what has changed where people look.

        Args:
            decided: The authorization was decided, or all is over: attributes are written.
        """
        attention = self._record.attention
        if attention is not None and (
            self._told is None or attention.reason is not self._told.reason
        ):
            warn(attention)
        if decided or attention != self._told:
            write_attributes(self._record)
        self._told = attention
        write_details(self._record)


async def through_a_cancellation(ready: Callable[[], bool]) -> None:
    """Wait until ``ready``, also where the run is cancelled meanwhile: that is the run's business.

    With its newer logic flags the SDK tells of a cancellation whoever waits, handlers too.
    """
    try:
        await workflow.wait_condition(ready)
    except asyncio.CancelledError:
        _go_on()
        await workflow.wait_condition(ready)


def _go_on() -> None:
    """A cancelled run goes on: it has a hold to release."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()


class _Alarm:
    """One timer at a time; one that rings too early is worth less than cancelling it costs."""

    def __init__(self, now: Callable[[], datetime], rings: Callable[[datetime], None]) -> None:
        self._now = now
        self._rings = rings
        self._at: datetime | None = None
        self._task: asyncio.Task[None] | None = None

    def ring_at(self, instant: datetime, why: str) -> None:
        """Ring at ``instant`` at the latest."""
        if self._at is not None and self._at <= instant:
            return
        if self._task is not None:
            self._task.cancel()
        self._at = instant
        self._task = asyncio.create_task(self._ring(instant, why))

    def is_not_set_for(self, instant: datetime | None) -> bool:
        """Whether somebody who waits for ``instant`` should look again."""
        return instant is not None and (self._at is None or self._at > instant)

    async def _ring(self, instant: datetime, why: str) -> None:
        await workflow.sleep(max(instant - self._now(), timedelta(0)), summary=why)
        self._at = self._task = None
        self._rings(instant)

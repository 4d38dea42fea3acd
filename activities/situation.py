"""What one attempt of an activity knows as it begins, and what follows from that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import activity
from temporalio.client import AsyncActivityCancelledError
from temporalio.service import RPCError

from activities.beats import NOTHING_SENT, SENT, left_by
from activities.declared import LOOK_UP
from cardhold.hold import OperationKind
from domain.calls import Call, Ending, Settled
from domain.keys import OperationName
from gateways.port import Gateway, Named


class Situation:
    """Where an attempt stands: what is asked for, and what may have been sent before it.

    Attributes:
        call: What is asked for.
        gateway: Where; None if no account of that name is configured.
        named: The call, with the names that it goes by at the gateway.
        info: What Temporal says of the attempt.
        is_first: No attempt before it has sent anything. One that we know nothing of, as its
            worker has died, say, may have.
        has_sent: One before it has surely sent it, or the workflow says so.
        is_told_to_look: Before it sends anything.
    """

    def __init__(
        self,
        call: Call,
        gateway: Gateway | None,
        *,
        look_first: bool,
        machine_clock: Callable[[], datetime],
    ) -> None:
        self.call = call
        self.gateway = gateway
        self.info = activity.info()
        left = left_by(self.info)
        self.is_first = self.info.attempt == 1 or left == [NOTHING_SENT, self.info.attempt - 1]
        self.has_sent = call.sent or left == [SENT]
        self.is_told_to_look = look_first or call.look_first
        environment = gateway.environment if gateway else ""
        name = OperationName(
            call.account, environment, call.workflow_id, call.kind, call.command_id
        )
        self.named = Named(call, name.key(), name.reference())
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()
        self._machine_clock = machine_clock

    @property
    def now(self) -> datetime:
        """Now by the server's clock, which the workflow's instants are of; ours may be off."""
        return self.info.started_time + timedelta(seconds=self._clock() - self._began)

    async def is_over(self) -> bool:
        """Whether Temporal has given this attempt up: another one may be on its way already.

        A process that stands still is handed work all the while, and a clock that began with an
        attempt knows nothing of the wait before it. The machine's does, where it is right: if that
        one says so, Temporal is asked.
        """
        if self._is_over_at(self.now):
            return True
        return self._is_over_at(self._machine_clock()) and not await self._is_waited_for()

    def _is_over_at(self, now: datetime) -> bool:
        info = self.info
        ends = (
            (info.started_time, info.start_to_close_timeout),
            (info.scheduled_time, info.schedule_to_close_timeout),
        )
        return any(limit is not None and now >= since + limit for since, limit in ends)

    async def _is_waited_for(self) -> bool:
        """Whether Temporal says that it waits for this attempt; its silence is a no.

        It says so to whoever brings a heartbeat, and what the attempt before has left stays.
        """
        handle = activity.client().get_async_activity_handle(task_token=self.info.task_token)
        try:
            await handle.heartbeat(*self.info.heartbeat_details)
        except (AsyncActivityCancelledError, RPCError):
            return False
        return True

    @property
    def is_of_an_earlier_run(self) -> bool:
        """Whether a reset has dispatched this call again, which the run before may have sent."""
        return self.call.run_id not in {None, self.info.workflow_run_id}

    @property
    def may_have_been_sent(self) -> bool:
        """Whether this run may have sent it before."""
        return not self.is_first or self.call.repeated

    @property
    def is_surely_the_first(self) -> bool:
        """Whether nothing says that this operation may have been sent before, by any run."""
        looks = self.is_told_to_look or self.is_of_an_earlier_run
        return not self.may_have_been_sent and not looks

    @property
    def may_be_on_its_way(self) -> bool:
        """Whether, found absent, the run before may have sent it just now: look again, later."""
        is_later = self.call.patient and self.info.attempt > 1
        return self.is_of_an_earlier_run and not is_later

    @property
    def looks_each_time(self) -> bool:
        """Whether a further attempt looks before it sends, and its look is proof."""
        return self.info.activity_type == LOOK_UP or self.call.patient

    @property
    def tells_what_it_can(self) -> bool:
        """Whether the workflow has yet to learn what the account can do."""
        return self.call.kind is OperationKind.AUTHORIZE or self.call.learns

    def is_harmless_again(self, gateway: Gateway) -> bool:
        """Whether to send it again can do nothing twice: by its key, or by the look before it."""
        return self.call.kind in gateway.capabilities.idempotent or self.looks_each_time

    def is_guarded_by_its_key(self, gateway: Gateway) -> bool:
        """Whether its key surely lives, and a look that misses what stands does no harm.

        Not where there is a reason to look, or the look is to be proof: then it sees everything.
        """
        asked_at = self.call.asked_at
        if self.is_told_to_look or self.is_of_an_earlier_run or asked_at is None:
            return False
        until = gateway.capabilities.key_lives_until(self.call.kind, asked_at)
        return until is not None and self.now < until

    def may_stand_already(self, gateway: Gateway) -> bool:
        """Whether to go on from a run that we know nothing of could move money twice.

        A reservation whose run was terminated, and deleted or older than Temporal keeps runs, may
        be started again, long after every key has been forgotten, and by mistake it may be kept in
        two places at once; then only a look can tell.
        """
        can, kind = gateway.capabilities, self.call.kind
        return can.finds and (kind is OperationKind.AUTHORIZE or can.repeats(kind))

    def was_there(self, found: Settled) -> bool:
        """Whether it stood at the gateway before this run had sent it.

        Nobody knows what an attempt that has died has sent: it may be that one's. Of a decline
        the other is taken to be true, as the run before may hold on another card since.
        """
        if found.ending is Ending.DECLINED:
            return not self.has_sent
        return not self.may_have_been_sent

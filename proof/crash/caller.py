"""An honest caller: keeps asking until it is answered, and writes down every answer that it got.

It repeats an instruction under the same command id and no other, whatever it was told or not
told. What it has written down as acknowledged has to be there in the end.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from temporalio.client import Client as TemporalClient
from temporalio.client import (
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.service import RPCError

from cardhold.client import Client
from cardhold.errors import CardholdError, InvalidRequest, NotFound, OutcomeUnknown, Unreachable
from cardhold.hold import Hold
from cardhold.messages import Command, HoldRequest
from cardhold.money import Money
from cardhold.names import workflow_id
from cardhold.verbs import payload
from proof.crash.plots import ASKED_MINOR, DUE_AFTER, TOKEN, Line, Stay
from proof.crash.triggers import Scene, Triggers

# What each sort of acknowledgement says has been taken in for good.
TAKEN_IN, AUTHORIZED = "a start taken in", "an authorization answered"
ACCEPTED, ANSWERED = "an instruction accepted", "an instruction answered"
SIGNALLED, DUE, CLOSED = "a signal left", "a deadline due", "a hold closed"
ACKNOWLEDGED = (TAKEN_IN, AUTHORIZED, ACCEPTED, ANSWERED, SIGNALLED, CLOSED)

# Just above what an update answers within here.
_ANSWER_WITHIN = timedelta(seconds=12)
_READ_WITHIN = timedelta(seconds=3)
_PAUSE_S = (0.1, 0.6)
_ASK_AGAIN = (OutcomeUnknown, Unreachable)
_ACCEPTED_SHARE = 0.4
_TAKEN_IN_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """One answer that the caller got.

    Attributes:
        stay: Of which reservation.
        sort: What it says.
        command_id: Of which instruction, where it is of one.
    """

    stay: Stay
    sort: str
    command_id: str | None = None


@dataclass(slots=True)
class Notes:
    """What the caller has written down."""

    begun: list[Stay] = field(default_factory=list[Stay])
    acknowledged: list[Acknowledgement] = field(default_factory=list[Acknowledgement])
    ended: dict[str, Hold] = field(default_factory=dict[str, Hold])
    never_began: set[str] = field(default_factory=set[str])
    refused: list[str] = field(default_factory=list[str])
    repeats: int = 0


class Caller:
    """Plays reservations.

    Args:
        temporal: A plain client, behind a line of its own.
        triggers: Rung at every acknowledgement.
        dice: Decides how things are said.
    """

    def __init__(self, temporal: TemporalClient, triggers: Triggers, dice: random.Random) -> None:
        self.temporal = temporal
        self.client = Client(temporal, answer_within=_ANSWER_WITHIN, read_within=_READ_WITHIN)
        self.notes = Notes()
        self._triggers = triggers
        self._dice = dice

    async def play(self, stay: Stay) -> None:
        """Play one reservation to its end, however often it has to be asked for."""
        try:
            if await self.begin(stay):
                await self.go_on(stay)
        except CardholdError as error:
            self.notes.refused.append(f"{stay.name}: {error.type}, {error}")

    async def begin(self, stay: Stay) -> bool:
        """Start it; False if it never began, and now comes too late."""
        self.notes.begun.append(stay)
        has_begun = await self._start(stay)
        if not has_begun:
            self.notes.never_began.add(stay.name)
        return has_begun

    async def go_on(self, stay: Stay) -> None:
        """Say all that its plot says, and wait for the end."""
        await self.repeat(stay)
        await self.settled(stay)

    async def repeat(self, stay: Stay) -> None:
        """Say all that its plot says; to say it again under the same ids is harmless."""
        for number, line in enumerate(stay.plot.lines, 1):
            await self._say(stay, line, f"{line.kind}-{number}")

    async def settled(self, stay: Stay) -> Hold:
        """Wait until nothing is held any more."""
        while True:
            try:
                hold = await self.client.hold(stay.name)
            except _ASK_AGAIN:
                hold = None
            if hold is not None and hold.closed_at is not None:
                self.notes.ended[stay.name] = hold
                self._acknowledge(stay, CLOSED)
                return hold
            await self._pause()

    async def _start(self, stay: Stay) -> bool:
        due = datetime.now(UTC) + DUE_AFTER
        request = _request(stay, due if stay.plot.waits else None)
        wait = self._dice.random() >= _TAKEN_IN_SHARE
        while True:
            try:
                await self.client.start(request, wait=wait)
            except _ASK_AGAIN:
                self.notes.repeats += 1
            except InvalidRequest as error:
                if error.field != "settle_by":
                    raise
                return await self._began(stay)
            else:
                self._acknowledge(stay, AUTHORIZED if wait else TAKEN_IN)
                if wait:
                    break
                wait = True
                continue
            await self._pause()
        if stay.plot.waits:
            await asyncio.sleep((due - datetime.now(UTC)).total_seconds())
            self._triggers.ring(DUE, Scene(reservation_id=stay.name))
        return True

    async def _began(self, stay: Stay) -> bool:
        """Whether a start has arrived whose answer was lost, and in time."""
        while True:
            try:
                await self.client.hold(stay.name)
            except (NotFound, InvalidRequest):
                return False
            except _ASK_AGAIN:
                await self._pause()
            else:
                return True

    async def _say(self, stay: Stay, line: Line, command_id: str) -> None:
        command = line.command(command_id, stay.currency)
        if line.by_signal:
            await self._leave(stay, command)
            return
        accepted = self._dice.random() < _ACCEPTED_SHARE
        while True:
            try:
                if accepted:
                    await self._have_accepted(stay, command)
                await self.client.send(stay.name, command)
            except (*_ASK_AGAIN, RPCError, WorkflowUpdateRPCTimeoutOrCancelledError):
                self.notes.repeats += 1
                accepted = False
                await self._pause()
            except WorkflowUpdateFailedError:
                accepted = False  # refused as it arrived: the next sending says why
            except CardholdError as error:
                self.notes.refused.append(f"{stay.name}, {command_id}: {error.type}, {error}")
                return
            else:
                self._acknowledge(stay, ANSWERED, command_id)
                return

    async def _have_accepted(self, stay: Stay, command: Command) -> None:
        handle = self.temporal.get_workflow_handle(workflow_id(stay.name))
        await handle.start_update(
            command.name,
            payload(command),
            id=str(uuid4()),
            wait_for_stage=WorkflowUpdateStage.ACCEPTED,
            rpc_timeout=_READ_WITHIN,
        )
        self._acknowledge(stay, ACCEPTED, command.command_id)

    async def _leave(self, stay: Stay, command: Command) -> None:
        while True:
            try:
                await self.client.signal(stay.name, command)
            except _ASK_AGAIN:
                self.notes.repeats += 1
                await self._pause()
            else:
                self._acknowledge(stay, SIGNALLED, command.command_id)
                return

    def _acknowledge(self, stay: Stay, sort: str, command_id: str | None = None) -> None:
        self.notes.acknowledged.append(Acknowledgement(stay, sort, command_id))
        self._triggers.ring(sort, Scene(reservation_id=stay.name))

    async def _pause(self) -> None:
        await asyncio.sleep(self._dice.uniform(*_PAUSE_S))


def _request(stay: Stay, due: datetime | None) -> HoldRequest:
    amount = Money(amount_minor=ASKED_MINOR, currency=stay.currency)
    return HoldRequest.model_validate(
        {
            "reservation_id": stay.name,
            "gateway": stay.gateway,
            "amount": amount.model_dump(),
            "payment_method": TOKEN,
            "on_deadline": stay.plot.on_deadline,
            "settle_by": due,
            "description": stay.plot.name,
        }
    )

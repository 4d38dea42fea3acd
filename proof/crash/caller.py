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
from cardhold.errors import (
    CardholdError,
    Closed,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    Unreachable,
)
from cardhold.hold import Hold, HoldState
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
_NOTHING_HELD = {HoldState.DECLINED, HoldState.ABANDONED}
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
    """What the caller has written down.

    Attributes:
        begun: Every reservation that it tried to start.
        acknowledged: Every answer.
        ended: How the holds were that it saw closed.
        never_began: Their start was lost, and came too late then.
        called_off: Their gateway was killed before it asked the bank, and held nothing.
        refused: Refusals that nothing explains.
        repeats: How often it had to say something again.
    """

    begun: list[Stay] = field(default_factory=list[Stay])
    acknowledged: list[Acknowledgement] = field(default_factory=list[Acknowledgement])
    ended: dict[str, Hold] = field(default_factory=dict[str, Hold])
    never_began: set[str] = field(default_factory=set[str])
    called_off: set[str] = field(default_factory=set[str])
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
        """Start it; False if nothing is held: it came too late, or was called off."""
        self.notes.begun.append(stay)
        due = datetime.now(UTC) + DUE_AFTER
        hold = await self._started(stay, due if stay.plot.waits else None)
        if hold is None:
            self.notes.never_began.add(stay.name)
            return False
        if hold.state in _NOTHING_HELD:
            await self._give_up(stay)
            return False
        if stay.plot.waits:
            await asyncio.sleep((due - datetime.now(UTC)).total_seconds())
            self._triggers.ring(DUE, Scene(reservation_id=stay.name))
        return True

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

    async def _started(self, stay: Stay, due: datetime | None) -> Hold | None:
        """Start it, until its authorization is decided; None if it never began."""
        request = _request(stay, due)
        waits = [True] if self._dice.random() >= _TAKEN_IN_SHARE else [False, True]
        while True:
            try:
                hold = await self.client.start(request, wait=waits[0])
            except _ASK_AGAIN:
                self.notes.repeats += 1
                await self._pause()
            except InvalidRequest as error:
                if error.field != "settle_by":
                    raise
                return await self._began(stay)
            except CardholdError as error:
                if type(error) is not CardholdError:
                    raise
                self.notes.refused.append(f"{stay.name}: {error.type}, {error}")
                await self._pause()
            else:
                waited = waits.pop(0)
                self._acknowledge(stay, AUTHORIZED if waited else TAKEN_IN)
                if waited:
                    return hold

    async def _began(self, stay: Stay) -> Hold | None:
        """The hold of a start whose answer was lost, if it has arrived, and in time."""
        while True:
            try:
                return await self.client.authorized(stay.name)
            except (NotFound, InvalidRequest):
                return None
            except _ASK_AGAIN:
                await self._pause()

    async def _give_up(self, stay: Stay) -> None:
        """Nothing is held, and the guest goes elsewhere."""
        self.notes.called_off.add(stay.name)
        while True:
            try:
                await self.client.release(stay.name, command_id="elsewhere")
            except _ASK_AGAIN:
                await self._pause()
            except Closed:
                break
            else:
                break
        await self.settled(stay)

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
                if type(error) is not CardholdError:
                    return
                # Not one of the contract's: it says nothing of what was done.
                accepted = False
                await self._pause()
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

"""The contract as typed calls: every one answers with the hold, or raises `cardhold.errors`.

What goes over the wire is the plain JSON of the contract, so a Temporal client with the
default data converter will do, and so will one with a codec. Whatever Temporal says when a
run closes under a call is turned into one clear answer.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from cardhold.errors import (
    CardholdError,
    Conflict,
    InvalidRequest,
    OutcomeUnknown,
    Unreachable,
)
from cardhold.hold import DECIDED, Hold, Plan
from cardhold.listing import Filter, Page
from cardhold.messages import (
    AUTHENTICATED,
    AUTHORIZED,
    Adjust,
    Authenticated,
    Authorized,
    Capture,
    Command,
    HoldRequest,
    Message,
    Release,
    Reschedule,
)
from cardhold.names import QUERY_HOLD, QUERY_PLAN, workflow_id
from cardhold.runs import NoAnswer, RunClosed, Runs, connect
from cardhold.settled import answer_of
from cardhold.verbs import Verbs, checked, checked_id, payload

if TYPE_CHECKING:
    from temporalio.client import Client as TemporalClient

# An update answers within 45 s by contract: the rest is the network's, and a cold worker's.
ANSWER_WITHIN = timedelta(seconds=60)
# A question needs a worker and nothing else: one that takes longer is not there.
READ_WITHIN = timedelta(seconds=10)


class Client(Verbs):
    """Starts reservations, says commands to them and reads them.

    Args:
        client: A connected Temporal client, with whatever data converter.
        answer_within: How long a call waits for its answer before it is `OutcomeUnknown`.
        read_within: How long a question waits before it is `Unreachable`.
    """

    def __init__(
        self,
        client: TemporalClient,
        *,
        answer_within: timedelta = ANSWER_WITHIN,
        read_within: timedelta = READ_WITHIN,
    ) -> None:
        self._runs = Runs(client, answer_within=answer_within, read_within=read_within)

    @classmethod
    async def connect(cls, **overrides: Any) -> Self:
        """Connect as Temporal's environment configuration says, as the ``temporal`` CLI does.

        Args:
            overrides: Arguments of `temporalio.client.Client.connect` that win over it.

        Raises:
            Unreachable: Temporal does not answer there, or the configuration cannot be read.
        """
        return cls(await connect(overrides))

    async def start(self, request: HoldRequest, *, wait: bool = True) -> Hold:
        """Place a hold, or attach to the one that was placed by the same request.

        Args:
            request: Checked here before anything is sent.
            wait: Until the authorization is decided or the guest has to act; else the answer
                is the hold as it stands once a worker has taken the request in.

        Raises:
            InvalidRequest: The request is wrong; nothing was sent.
            Conflict: The reservation was started with another request.
            Closed: Its run was ended from outside; nobody keeps its hold.
            OutcomeUnknown: No answer in time; starting again with the same request is safe.
            Unreachable: Temporal refused the call; nothing was sent.
        """
        request = checked_start(request)
        try:
            hold = await self._runs.start(request, wait=wait)
        except RunClosed:
            return await self._started_before(request)
        except NoAnswer as error:
            raise await self._unknown(request.reservation_id, error) from error
        return hold or await self._started(request)

    async def authorized(self, reservation_id: str) -> Hold:
        """Wait until the authorization is decided, or the guest has to act."""
        return await self._ask(reservation_id, AUTHORIZED, Authorized())

    async def authenticated(
        self,
        reservation_id: str,
        *,
        action_id: str | None = None,
        data: Mapping[str, str] | None = None,
    ) -> Hold:
        """Say that the guest is back from 3-D Secure; harmless to repeat."""
        fields = {"action_id": action_id, "data": data}
        return await self._ask(reservation_id, AUTHENTICATED, checked(Authenticated, fields))

    async def send(self, reservation_id: str, command: Command) -> Hold:
        """Say ``command`` to the reservation and answer with the hold once it is decided.

        A command without an id gets one here, so that its re-sending on the way is safe.

        Raises:
            InvalidRequest: The command is wrong in itself; nothing was sent.
            IllegalMove: Not in this state; nothing was sent.
            NotSupported: Never on this account; nothing was sent.
            Declined: Issuer or gateway said no; what was held still is.
            Conflict: The command's id was used for something else; nothing was sent.
            OutcomeUnknown: Not decided yet; repeat it under its ``command_id`` only.
            Closed: The hold was settled before its turn came.
            NotFound: There is no such reservation.
            Unreachable: Temporal refused the call; nothing was sent.
        """
        command = _with_id(command)
        to = _run_of(reservation_id)
        try:
            return await self._runs.update(command.name, command, to=to)
        except RunClosed:
            return await self._after_closing(reservation_id, command)
        except NoAnswer as error:
            return await self._without_answer(reservation_id, command, error)

    async def signal(self, reservation_id: str, command: Command) -> None:
        """Leave ``adjust``, ``capture``, ``release`` or ``reschedule``, and wait for no answer.

        Raises:
            OutcomeUnknown: It may not have arrived; leave it again under its id.
            CardholdError: As `send`, where nobody is there to take it in.
        """
        if not isinstance(command, Adjust | Capture | Release | Reschedule):
            raise InvalidRequest(f"{command.name} is no signal: send it")
        command = _with_id(command)
        try:
            await self._runs.signal(command.name, command, to=_run_of(reservation_id))
        except RunClosed:
            await self._after_closing(reservation_id, command)
        except NoAnswer as error:
            raise await self._unknown(reservation_id, error, command.command_id) from error

    async def hold(self, reservation_id: str) -> Hold:
        """Read the hold as it is now, also after its run has closed.

        Raises:
            NotFound: There is no such reservation.
            InvalidRequest: Its start was refused; there never was a hold.
            Closed: Its run was ended from outside, and no worker can say how the hold stood.
            Unreachable: Neither Temporal nor a worker answers.
        """
        run = _run_of(reservation_id)
        with _readable(f"no worker answers for reservation {reservation_id}"):
            try:
                return await self._runs.query(QUERY_HOLD, Hold, of=run)
            except RunClosed:
                end = await self._runs.end(run)
                return end.hold or end.settled(reservation_id)

    async def plan(self, reservation_id: str) -> Plan:
        """Read what will happen if nobody intervenes; nothing, once the run has closed.

        Raises:
            NotFound, InvalidRequest, Unreachable: As `hold`.
        """
        run = _run_of(reservation_id)
        with _readable(f"no worker answers for reservation {reservation_id}"):
            try:
                return await self._runs.query(QUERY_PLAN, Plan, of=run)
            except RunClosed:
                await self._runs.end(run)
                return Plan()

    async def list(
        self, which: Filter | None = None, *, limit: int = 100, page: bytes | None = None
    ) -> Page:
        """List reservations, one request to the server for each page.

        Args:
            which: Narrows on the server; all of them where left out.
            limit: How many rows a page has at most.
            page: The ``next_page`` of the page before.

        Raises:
            Unreachable: Temporal does not answer, or refuses the question.
        """
        with _readable("Temporal does not answer"):
            return await self._runs.list(which or Filter(), limit=limit, page=page)

    async def _started(self, request: HoldRequest) -> Hold:
        """The hold of a run whose answer nobody waits for, if the same request started it."""
        hold = await self.hold(request.reservation_id)
        await self._must_have_started(request, hold)
        return hold

    async def _started_before(self, request: HoldRequest) -> Hold:
        """The answer of a run that is closed, if the same request started it."""
        name = request.reservation_id
        with _undecided(f"start {name} again"):
            end = await self._runs.end(_run_of(name))
        await self._must_have_started(request, end.hold)
        return end.settled(name)

    async def _must_have_started(self, request: HoldRequest, hold: Hold | None) -> None:
        name = request.reservation_id
        with _undecided(f"start {name} again"):
            first = await self._runs.request(_run_of(name))
        if first is not None and not first.says_the_same_as(request):
            raise Conflict(f"reservation {name} was started with another request", hold=hold)

    async def _ask(self, reservation_id: str, name: str, message: Message) -> Hold:
        """An update that a settled hold answers as well as a running one."""
        run = _run_of(reservation_id)
        try:
            return await self._runs.update(name, message, to=run)
        except RunClosed:
            with _undecided("ask again"):
                end = await self._runs.end(run)
            return end.settled(reservation_id)
        except NoAnswer as error:
            raise await self._unknown(reservation_id, error) from error

    async def _after_closing(self, reservation_id: str, command: Command) -> Hold:
        with _undecided(f"say it again under command id {command.command_id}"):
            end = await self._runs.end(_run_of(reservation_id))
        return answer_of(end.settled(reservation_id), command)

    async def _without_answer(self, reservation_id: str, command: Command, why: NoAnswer) -> Hold:
        unknown = await self._unknown(reservation_id, why, command.command_id)
        hold = unknown.hold
        of_it = [o for o in hold.operations if o.command_id == command.command_id] if hold else []
        if hold and of_it and of_it[-1].state in DECIDED:
            return answer_of(hold, command)
        unknown.operation_id = of_it[-1].operation_id if of_it else None
        raise unknown from why

    async def _unknown(
        self, reservation_id: str, why: NoAnswer, command_id: str | None = None
    ) -> OutcomeUnknown:
        """The error for a call without an answer, with the hold where that can be read."""
        hold = None
        with suppress(CardholdError):
            hold = await self.hold(reservation_id)
        again = f"command id {command_id}" if command_id else "the same request"
        return OutcomeUnknown(
            f"{why}: it may have been done; read the hold, or repeat it with {again}", hold=hold
        )


def checked_start(request: HoldRequest) -> HoldRequest:
    """The request, read again in case it was built unchecked, and not already too late.

    Raises:
        InvalidRequest: Naming the field and the rule.
    """
    request = checked(HoldRequest, payload(request))
    if request.settle_by is not None and request.settle_by <= datetime.now(UTC):
        raise InvalidRequest("settle_by must not be in the past", field="settle_by")
    return request


def _with_id(command: Command) -> Command:
    """The command, read again in case it was built unchecked, and with an id."""
    command = checked(type(command), payload(command))
    return (
        command if command.command_id else command.model_copy(update={"command_id": str(uuid4())})
    )


def _run_of(reservation_id: str) -> str:
    return workflow_id(checked_id(reservation_id))


@contextmanager
def _readable(why: str) -> Generator[None]:
    """A question: without an answer nothing is known, and nothing was done."""
    try:
        yield
    except (NoAnswer, RunClosed) as error:
        raise Unreachable(why) from error


@contextmanager
def _undecided(advice: str) -> Generator[None]:
    """The look at a run that closed under a call: unread, it leaves the call undecided."""
    try:
        yield
    except (NoAnswer, RunClosed) as error:
        raise OutcomeUnknown(f"the run is closing and cannot be read: {advice}") from error

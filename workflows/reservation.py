"""One reservation, one workflow: the messages that it takes, and the run that answers them.

One writer. Handlers read, check and append to the inbox; the run alone (`workflows.keeper`)
takes instructions from it, judges what is legal when the turn comes, and sends. Every
handler takes its payloads raw, since what Temporal cannot decode it drops or stalls on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from temporalio import workflow
from temporalio.common import RawValue

from cardhold.hold import Hold, HoldState, Plan
from cardhold.messages import (
    Acknowledge,
    Adjust,
    Authenticated,
    Authorize,
    Authorized,
    Capture,
    Command,
    HoldRequest,
    Release,
    Reschedule,
    Resolve,
)
from cardhold.names import (
    QUERY_HOLD,
    QUERY_PLAN,
    SIGNAL_LOOK,
    WORKFLOW_TYPE,
    ErrorType,
    workflow_id,
)
from cardhold.reading import InvalidMessage, read
from domain.agenda import agenda
from domain.planner import Problem, check
from domain.record import Record
from workflows.inbox import NAMELESS, Ask, Caller, still_unknown
from workflows.intake import (
    ReadMessage,
    failure,
    holds_a_card_number,
    problem_of,
    read_message,
    shown_name,
)
from workflows.keeper import Keeper
from workflows.room import must_have_room_for
from workflows.waiting import through_a_cancellation

# What never waits for its turn.
_AT_ONCE = (Reschedule, Resolve, Acknowledge)


@workflow.defn(name=WORKFLOW_TYPE)
class Reservation:
    """Holds, adjusts, captures and releases the money of one reservation."""

    @workflow.init
    def __init__(self, *payloads: object) -> None:
        self._invalid: Problem | None = None
        self._keeper: Keeper | None = None
        try:
            # Not `now`: in a run that a reset made this is still when the reservation was started.
            started_at = workflow.info().workflow_start_time
            self._keeper = Keeper(Record.of(_read_start(payloads, started_at), started_at))
        except InvalidMessage as error:
            self._invalid = problem_of(error)

    @workflow.run
    async def run(self, *_: object) -> Hold:
        """Authorize, then carry out one instruction after another until nothing is held."""
        keeper = self._keeper
        if keeper is not None:
            await keeper.keep()
            await keeper.until_answered()
            self._invalid = keeper.start_problem
        else:
            await through_a_cancellation(workflow.all_handlers_finished)
        if keeper is None or self._invalid is not None:
            problem = self._invalid or Problem(ErrorType.INVALID_REQUEST, "the start is invalid")
            raise failure(problem, None)
        return keeper.record.hold()

    # Questions.

    @workflow.query(name=QUERY_HOLD, description="The hold as it stands")
    def hold(self, *_: object) -> Hold | None:
        """Answer with the hold as it stands; None where the start was invalid."""
        return self._keeper.record.hold() if self._keeper else None

    @workflow.query(name=QUERY_PLAN, description="What happens if nobody intervenes")
    def plan(self, *_: object) -> Plan:
        """Answer with the steps ahead."""
        return Plan(steps=agenda(self._keeper.record, workflow.now()) if self._keeper else ())

    # Updates.

    @workflow.update(description="Wait until the authorization is decided")
    async def authorized(self, *payloads: object) -> Hold:
        """Answer with the hold once the authorization is decided."""
        keeper = self._running()
        request = self._read(Authorized, payloads).request
        if request and not request.says_the_same_as(keeper.record.request):
            message = "the reservation was started with another request"
            raise failure(Problem(ErrorType.CONFLICT, message), keeper.record.hold())
        await _until_decided(keeper)
        if keeper.start_problem is not None:
            raise failure(keeper.start_problem, keeper.record.hold())
        return keeper.record.hold()

    @authorized.validator
    def _check_authorized(self, *payloads: object) -> None:
        self._read(Authorized, payloads)

    @workflow.update(description="The guest is back from 3-D Secure")
    async def authenticated(self, *payloads: object) -> Hold:
        """Answer with the hold once the authorization is decided."""
        keeper = self._running()
        action_id = self._read(Authenticated, payloads).action_id
        record = keeper.record
        # Of a run that a reset has taken back to before it asked for the guest, say.
        is_ahead = record.action is None and record.life.state is HoldState.AUTHORIZING
        if action_id is not None and action_id not in record.action_ids and not is_ahead:
            message = "action_id must be of an action that this hold has asked for"
            problem = Problem(ErrorType.INVALID_REQUEST, message, field="action_id")
            raise failure(problem, record.hold())
        asked = record.action.action_id if record.action is not None else None
        if is_ahead or (asked is not None and action_id in {None, asked}):
            keeper.inbox.hear_of_the_guest(workflow.now())
        await _until_decided(keeper)
        return record.hold()

    @authenticated.validator
    def _check_authenticated(self, *payloads: object) -> None:
        self._read(Authenticated, payloads)

    @workflow.update(name="authorize", description="Try another card after a decline")
    async def _authorize(self, *payloads: object) -> Hold:
        return await self._answer_to(Authorize, payloads)

    @_authorize.validator
    def _check_authorize(self, *payloads: object) -> None:
        self._check(Authorize, payloads)

    @workflow.update(name="adjust", description="Set the total to be held, or change it by so much")
    async def _adjust(self, *payloads: object) -> Hold:
        return await self._answer_to(Adjust, payloads)

    @_adjust.validator
    def _check_adjust(self, *payloads: object) -> None:
        self._check(Adjust, payloads)

    @workflow.update(name="capture", description="Take the money: all that is held, or an amount")
    async def _capture(self, *payloads: object) -> Hold:
        return await self._answer_to(Capture, payloads)

    @_capture.validator
    def _check_capture(self, *payloads: object) -> None:
        self._check(Capture, payloads)

    @workflow.update(name="release", description="Free whatever is still held")
    async def _release(self, *payloads: object) -> Hold:
        return await self._answer_to(Release, payloads)

    @_release.validator
    def _check_release(self, *payloads: object) -> None:
        self._check(Release, payloads)

    @workflow.update(name="reschedule", description="Change when and how the plan acts")
    async def _reschedule(self, *payloads: object) -> Hold:
        return await self._answer_to(Reschedule, payloads)

    @_reschedule.validator
    def _check_reschedule(self, *payloads: object) -> None:
        self._check(Reschedule, payloads)

    @workflow.update(name="resolve", description="Say what became of an unknown operation")
    async def _resolve(self, *payloads: object) -> Hold:
        return await self._answer_to(Resolve, payloads)

    @_resolve.validator
    def _check_resolve(self, *payloads: object) -> None:
        self._check(Resolve, payloads)

    @workflow.update(name="acknowledge", description="End an attention that needs no act")
    async def _acknowledge(self, *payloads: object) -> Hold:
        return await self._answer_to(Acknowledge, payloads)

    @_acknowledge.validator
    def _check_acknowledge(self, *payloads: object) -> None:
        self._check(Acknowledge, payloads)

    @workflow.update(dynamic=True)
    async def _any_update(self, name: str, args: Sequence[RawValue]) -> Hold:
        """Refuse an update that nobody knows, and keep it in the hold."""
        del args
        keeper = self._running()
        problem = _unknown_name(name)
        keeper.record.refuse(shown_name(name), workflow.now(), problem.message)
        raise failure(problem, keeper.record.hold())

    @_any_update.validator
    def _check_any_update(self, name: str, args: Sequence[RawValue]) -> None:
        self._running()
        if holds_a_card_number(args) or shown_name(name) != name:
            raise failure(_unknown_name(name), None)  # refused without a trace

    # Signals: never raise, never drop.

    @workflow.signal(name="adjust", description="Set the total to be held, or change it by so much")
    def _adjust_signal(self, *payloads: object) -> None:
        self._take(Adjust, payloads)

    @workflow.signal(name="capture", description="Take the money: all that is held, or an amount")
    def _capture_signal(self, *payloads: object) -> None:
        self._take(Capture, payloads)

    @workflow.signal(name="release", description="Free whatever is still held")
    def _release_signal(self, *payloads: object) -> None:
        self._take(Release, payloads)

    @workflow.signal(name="reschedule", description="Change when and how the plan acts")
    def _reschedule_signal(self, *payloads: object) -> None:
        self._take(Reschedule, payloads)

    @workflow.signal(name=SIGNAL_LOOK, description="Compare with what the gateway shows")
    def _look_signal(self, *_: object) -> None:
        if self._keeper is not None:
            self._keeper.inbox.look = True

    @workflow.signal(dynamic=True)
    def _any_signal(self, name: str, args: Sequence[RawValue]) -> None:
        """Keep a signal that nobody knows under `refused`."""
        del args
        if self._keeper is not None:
            why = _unknown_name(name).message
            self._keeper.record.refuse(shown_name(name), workflow.now(), why)

    # How a message becomes an instruction.

    def _running(self) -> Keeper:
        """The keeper of a valid start.

        Raises:
            ApplicationError: InvalidRequest, what is wrong with the start.
        """
        if self._keeper is None:
            raise failure(self._invalid or Problem(ErrorType.INVALID_REQUEST, "invalid"), None)
        return self._keeper

    def _read(self, model: type[ReadMessage], payloads: Sequence[object]) -> ReadMessage:
        keeper = self._running()
        try:
            return read_message(model, payloads)
        except InvalidMessage as error:
            raise failure(problem_of(error), keeper.record.hold()) from None

    def _check(self, model: type[Command], payloads: Sequence[object]) -> None:
        """Refuse an update that is wrong in itself, or too much, before it leaves a trace."""
        keeper = self._running()
        try:
            command, command_id = self._command(keeper, model, payloads)
            if not keeper.inbox.has(command_id):
                must_have_room_for(command)
        except Problem as problem:
            raise failure(problem, keeper.record.hold()) from None

    def _command(
        self, keeper: Keeper, model: type[Command], payloads: Sequence[object]
    ) -> tuple[Command, str]:
        """The command and the name it goes by: the update's own where the caller gave none."""
        try:
            command = read_message(model, payloads)
            update = workflow.current_update_info()
            own = update.id if update else f"{NAMELESS}{command.fingerprint()[:16]}"
            if command.command_id is None:
                name = read(Release, {"command_id": own}).command_id
                command = command.model_copy(update={"command_id": name})
        except InvalidMessage as error:
            raise problem_of(error) from None
        if isinstance(command, Authorize | Adjust | Capture | Release):
            check(keeper.record, command)
        return command, command.command_id or own

    def _ask(
        self, keeper: Keeper, model: type[Command], payloads: Sequence[object], *, is_signal: bool
    ) -> Ask:
        """Append an instruction to the inbox, unless it is known already, or in vain.

        Raises:
            Problem: InvalidRequest, Conflict, OutcomeUnknown or Closed.
        """
        command, command_id = self._command(keeper, model, payloads)
        if keeper.start_problem is not None:
            raise keeper.start_problem
        ask = Ask(command, command_id, workflow.now(), is_signal)
        in_vain = _in_vain(keeper, command)
        known = keeper.inbox.known(ask, in_vain)
        if known is not None:
            return known
        if in_vain is not None:
            raise in_vain
        keeper.inbox.keep(ask)
        queue = keeper.inbox.at_once if isinstance(command, _AT_ONCE) else keeper.inbox.waiting
        queue.append(ask)
        return ask

    async def _answer_to(self, model: type[Command], payloads: Sequence[object]) -> Hold:
        """Carry an instruction out in its turn, and answer with the hold, or with what it met."""
        keeper = self._running()
        try:
            ask = self._ask(keeper, model, payloads, is_signal=False)
            if not ask.is_unknown():
                await _until_answered(keeper, ask)
            problem = ask.outcome()
        except Problem as error:
            problem = error
            if error.type is ErrorType.CONFLICT:
                # In its turn, as one that a signal of the same task has taken the name from.
                await through_a_cancellation(lambda: True)
        if problem is not None:
            raise failure(problem, keeper.record.hold())
        return keeper.record.hold()

    def _take(self, model: type[Command], payloads: Sequence[object]) -> None:
        """Take a signal: what cannot be carried out is kept in the hold, with the reason."""
        keeper = self._keeper
        if keeper is None:
            return
        try:
            ask = self._ask(keeper, model, payloads, is_signal=True)
            problem = keeper.inbox.stale(ask) or (ask.outcome() if ask.answered else None)
        except Problem as error:
            problem = error
        if problem is not None:
            keeper.record.refuse(model.name, workflow.now(), problem.message)


def _read_start(payloads: Sequence[object], started_at: datetime) -> HoldRequest:
    """Read the one argument, and hold it against the workflow it was started as.

    Raises:
        InvalidMessage: Naming the field and the rule.
    """
    request = read_message(HoldRequest, payloads)
    if workflow.info().workflow_id != workflow_id(request.reservation_id):
        raise InvalidMessage(
            "reservation_id", "must be what follows 'reservation-' in the workflow id"
        )
    if request.settle_by is not None and request.settle_by <= started_at:
        raise InvalidMessage("settle_by", "must not be in the past")
    return request


def _in_vain(keeper: Keeper, command: Command) -> Problem | None:
    """Why an instruction that nobody has heard of so far is not even kept for its turn."""
    record, unknown = keeper.record, keeper.record.unknown()
    if record.life.is_over:
        message = f"the hold is {record.life.state}: this comes too late"
        return Problem(ErrorType.CLOSED, message)
    if unknown is not None and isinstance(command, Adjust | Capture):
        return still_unknown(unknown)
    return None


def _unknown_name(name: str) -> Problem:
    shown = shown_name(name)
    return Problem(ErrorType.INVALID_REQUEST, f"'{shown}' is no message of a reservation")


async def _until_answered(keeper: Keeper, ask: Ask) -> None:
    """Wait for an answer, at most for as long as an update answers within.

    Raises:
        Problem: OutcomeUnknown: it is still under way, or still to be carried out.
    """
    if await _is_answered(keeper, ask, lambda: ask.answered):
        return
    under_way = next((entry for entry in ask.entries if not entry.is_decided), None)
    if under_way is not None:
        raise still_unknown(under_way)
    message = f"'{ask.command_id}' still waits for its turn, and will be carried out"
    raise Problem(ErrorType.OUTCOME_UNKNOWN, message)


async def _until_decided(keeper: Keeper) -> None:
    """Wait until the authorization is decided, or the time for an answer is over.

    Raises:
        ApplicationError: OutcomeUnknown.
    """
    record = keeper.record

    def decided() -> bool:
        waits = record.life.state is HoldState.ACTION_REQUIRED and not keeper.inbox.guest_is_back
        if record.action is not None and not waits:
            return False  # it is being looked at, or called off
        return record.life.state is not HoldState.AUTHORIZING or keeper.start_problem is not None

    if not await _is_answered(keeper, None, decided):
        raise failure(still_unknown(record.unknown() or record.entries[-1]), record.hold())


async def _is_answered(keeper: Keeper, ask: Ask | None, has_answer: Callable[[], bool]) -> bool:
    """Wait for an answer; False where the time for it was over first.

    The run keeps the time, and sets a timer only for what may take longer than its own
    activity: a timer costs two events, and a handler that set one or none by what else has
    arrived would do otherwise in a replay, where messages of one task come in another order.
    """
    answer_by = workflow.now() + keeper.record.capabilities.answer_within
    caller = Caller(ask, has_answer, answer_by)
    keeper.inbox.callers.append(caller)
    is_over = False
    while not is_over:
        await through_a_cancellation(lambda: has_answer() or caller.is_late)
        # What was so when it was asked need not be any more: the run goes on before a handler does.
        is_over = has_answer() or caller.is_late
    keeper.inbox.callers.remove(caller)
    return has_answer()

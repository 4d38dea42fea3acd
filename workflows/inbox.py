"""The instructions that wait for their turn, and the answers that their callers wait for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from cardhold.hold import OperationKind, OperationState
from cardhold.messages import Adjust, Authorize, Capture, Command, Instruction, Release
from cardhold.names import ErrorType
from domain.planner import Problem
from domain.record import Entry

NAMELESS = "signal-"
"""What the name of a signal without a ``command_id`` begins with; its content gives the rest."""


@dataclass(slots=True, eq=False)
class Ask:
    """One instruction, from its arrival to its answer.

    Attributes:
        entries: The operations that carry it out, once its turn has come.
        problem: Why it is not carried out, where it isn't.
        answered: Whoever waits may go: it is decided or refused.
        is_signal: Nobody waits; a refusal is kept in the hold.
    """

    command: Command
    command_id: str
    at: datetime
    is_signal: bool = False
    entries: tuple[Entry, ...] = ()
    problem: Problem | None = None
    answered: bool = False

    def instruction(self) -> Instruction:
        """The command, of those that wait for their turn."""
        match self.command:
            case Authorize() | Adjust() | Capture() | Release() as instruction:
                return instruction
            case _:
                raise AssertionError(self.command.name)  # the desk serves the others

    def is_unknown(self) -> bool:
        """Whether an operation of it was sent, and nobody knows what became of it."""
        return any(entry.state is OperationState.UNKNOWN for entry in self.entries)

    def outcome(self) -> Problem | None:
        """What the caller is told instead of the hold, as things stand now."""
        if self.problem is not None:
            return self.problem
        for entry in self.entries:
            problem = _problem_of(entry)
            if problem is not None and not self._has_captured_before(entry):
                return problem
        return None

    def _has_captured_before(self, entry: Entry) -> bool:
        """Whether only the rest could not be freed: money has moved, and the hold tells of both."""
        is_the_rest = entry.kind is OperationKind.RELEASE and entry.is_decided
        captures = (each for each in self.entries if each.kind is OperationKind.CAPTURE)
        return is_the_rest and any(each.state is OperationState.DONE for each in captures)


def _problem_of(entry: Entry) -> Problem | None:
    match entry.state:
        case OperationState.DONE:
            return None
        case OperationState.DECLINED | OperationState.NOT_DONE:
            if entry.kind is OperationKind.AUTHORIZE:
                return None  # the hold says what the issuer said
            how = "declined" if entry.state is OperationState.DECLINED else "not done"
            message = f"{entry.operation_id} was {how}: {entry.detail or 'no reason given'}"
            return Problem(ErrorType.DECLINED, message, operation_id=entry.operation_id)
        case OperationState.SENT if entry.kind is OperationKind.AUTHORIZE:
            return None  # it waits for the guest, and the hold says where to send them
        case OperationState.PLANNED | OperationState.SENT | OperationState.UNKNOWN:
            return still_unknown(entry)


def still_unknown(entry: Entry) -> Problem:
    """Somebody asks about, or against, an operation that is not decided yet."""
    message = (
        f"the outcome of {entry.operation_id} is not known yet, and the work goes on:"
        f" read the hold until the operation with command_id '{entry.command_id}' is decided"
    )
    return Problem(ErrorType.OUTCOME_UNKNOWN, message, operation_id=entry.operation_id)


def _first(queue: deque[Ask]) -> Ask:
    at = queue[0].at
    together = [ask for ask in queue if ask.at == at]
    return min(together, key=lambda ask: not ask.is_signal)


@dataclass(slots=True, eq=False)
class Caller:
    """Somebody who waits for an answer, at most until ``answer_by``.

    Attributes:
        ask: The instruction that they gave; None where they wait for the authorization.
        has_answer: Whether there is one.
        is_late: The time is over: they are told that the outcome is not known yet.
    """

    ask: Ask | None
    has_answer: Callable[[], bool]
    answer_by: datetime
    is_late: bool = False


@dataclass(slots=True)
class Inbox:
    """One queue, in order of arrival; and every instruction by its ``command_id``."""

    waiting: deque[Ask] = field(default_factory=deque[Ask])
    at_once: deque[Ask] = field(default_factory=deque[Ask])
    """What never queues behind the gateway: reschedule, resolve, acknowledge."""
    guest_is_back: bool = False
    """Somebody says so, and nobody has looked yet."""
    guest_heard_at: datetime | None = None
    """When somebody has said so last."""
    look: bool = False
    """Somebody says that the gateway shows something else than we have."""
    callers: list[Caller] = field(default_factory=list[Caller])
    first_try: Entry | None = None
    """The operation under way whose activity ends in time for those who wait for it."""
    _by_id: dict[str, Ask] = field(default_factory=dict[str, Ask])

    def hear_of_the_guest(self, now: datetime) -> None:
        """Somebody says that the guest is back."""
        self.guest_is_back, self.guest_heard_at = True, now

    def head(self) -> Ask | None:
        """The instruction whose turn is next, in order of arrival.

        What arrives in one workflow task arrives at one instant, and whether the SDK tells of its
        signals or of its updates first is not the same when a run is replayed: signals go first.
        """
        return _first(self.waiting) if self.waiting else None

    def take_at_once(self) -> Ask:
        """Take out what is to be served next of what never queues; in the same order."""
        ask = _first(self.at_once)
        self.at_once.remove(ask)
        return ask

    def take(self, ask: Ask) -> Ask:
        """Take an instruction out: its turn has come."""
        self.waiting.remove(ask)
        return ask

    def next_late(self) -> datetime | None:
        """When somebody's time will be over whom nothing else answers in time."""
        return min(
            (caller.answer_by for caller in self.callers if self._needs_a_timer(caller)),
            default=None,
        )

    def has_another_card(self) -> bool:
        """Whether somebody waits with another card, which is of use after a decline alone."""
        return any(isinstance(ask.command, Authorize) for ask in self.waiting)

    def is_overdue_before(self, entry: Entry, answer_by: datetime) -> bool:
        """Whether somebody waits for less, for the card that was declined before this one."""
        is_further = entry.kind is OperationKind.AUTHORIZE and entry.number > 1
        waits = (each.answer_by for each in self.callers if each.ask is None and not each.is_late)
        return is_further and any(at < answer_by for at in waits)

    def tell_the_late(self, now: datetime) -> None:
        """Let those go whose time is over."""
        for caller in self.callers:
            caller.is_late = caller.is_late or caller.answer_by <= now

    def _needs_a_timer(self, caller: Caller) -> bool:
        if caller.is_late or caller.has_answer():
            return False
        tried, ask = self.first_try, caller.ask
        if tried is None:
            return True
        own = tried.kind is OperationKind.AUTHORIZE if ask is None else tried in ask.entries
        return not own

    def has(self, command_id: str) -> bool:
        """Whether an instruction goes by this name already."""
        return command_id in self._by_id

    def known(self, new: Ask, in_vain: Problem | None) -> Ask | None:
        """The instruction that already goes by the name of a new one.

        Of a signal and an update with one name in one workflow task the signal counts, whichever
        the SDK tells first: a replay tells it otherwise.

        Args:
            new: An instruction that has just arrived.
            in_vain: Why it is not kept, where it isn't: then it takes nobody's name.

        Raises:
            Problem: Conflict: it is another instruction; or why it is in vain.
        """
        ask = self._by_id.get(new.command_id)
        if ask is None:
            return None
        is_queued = ask in self.waiting or ask in self.at_once
        is_first = new.is_signal and not ask.is_signal and ask.at == new.at and is_queued
        if new.command.says_the_same_as(ask.command):
            if is_first:
                ask.command, ask.is_signal = new.command, True
            return ask
        if in_vain is not None and ask.is_signal and not new.is_signal and ask.at == new.at:
            raise in_vain  # as where the SDK tells it before that signal
        message = f"command_id '{new.command_id}' was given to another instruction"
        problem = Problem(ErrorType.CONFLICT, message, field="command_id")
        if not is_first:
            raise problem
        if in_vain is not None:
            return None
        (self.at_once if ask in self.at_once else self.waiting).remove(ask)
        self.refuse(ask, problem)
        return None

    def stale(self, ask: Ask) -> Problem | None:
        """Why a signal named by its content is not carried out again, where that is not plain.

        Pressed twice, a button means one thing. But 120, then 130, then 120 again is a third
        wish, under the first one's name: it must not be dropped in silence.
        """
        latest = next(reversed(self._by_id.values()), ask)
        if latest is ask or not ask.command_id.startswith(NAMELESS):
            return None
        message = (
            "the same came before, and another instruction since:"
            " with a command_id of its own it is carried out again"
        )
        return Problem(ErrorType.CONFLICT, message, field="command_id")

    def keep(self, ask: Ask) -> None:
        """Remember an instruction by its id, so that a repeat finds it."""
        self._by_id[ask.command_id] = ask

    def refuse(self, ask: Ask, problem: Problem) -> None:
        """Answer an instruction that is not carried out; its id is free again."""
        ask.problem, ask.answered = problem, True
        self._by_id.pop(ask.command_id, None)

    def take_against_unknown(self, *commands: type[Command]) -> list[Ask]:
        """Take out the waiting instructions that make no sense before an outcome is known."""
        taken = [ask for ask in self.waiting if isinstance(ask.command, commands)]
        self.waiting = deque(ask for ask in self.waiting if ask not in taken)
        return taken

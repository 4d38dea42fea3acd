"""Carries one operation to the gateway, and finds out what became of it however long that takes.

The ladder. First the operation is sent, with retries for as long as somebody waits.
Where that ends without an outcome, the operation is unknown, and from then on:

* no answer, or one cut off: the same key and body again, while the key surely lives;
* an answer that says "later", or one that nobody understands: the payment is looked up until
  it is decided, for ever if need be;
* looked up and proven not to have happened, or no key lives: looked up and, where it surely
  did not happen, sent, again and again, each time a processing time after the last;
* a run that a reset made looks up before every sending, whatever the key.

Temporal does all retrying: a week's outage of the gateway is one activity in the history.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import cast

from pydantic import ValidationError
from temporalio import workflow
from temporalio.common import Priority, RawValue, RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from activities.declared import LOOK_UP, Failure
from cardhold.hold import OperationKind, OperationState
from cardhold.messages import PaymentMethodKind
from domain.calls import Call, Lost, Settled
from domain.capabilities import Capabilities
from domain.patience import hours_that_count, turn
from domain.record import Entry, Record
from workflows import timing
from workflows.telling import summary


class Rung(Enum):
    """What to do about an operation next."""

    SEND = "send"
    LOOK = "look"
    LOOK_AND_SEND = "look and send"


@dataclass(frozen=True, slots=True)
class _Manner:
    """How an activity is tried: see `domain.calls.Call` for the last two.

    Attributes:
        nobody_waits: For its end: it may be left for longer, the further its hour is.
    """

    retry: RetryPolicy
    within: timedelta | None = None
    nobody_waits: bool = False
    patient: bool = False
    absent_after: datetime | None = None


class Errand:
    """One activity on behalf of one operation."""

    def __init__(self, handle: workflow.ActivityHandle[Settled]) -> None:
        self._handle = handle

    def is_back(self) -> bool:
        """Whether the activity has ended."""
        return self._handle.done()

    def call_off(self) -> None:
        """Stop asking; what is on its way to the gateway may still arrive there."""
        # Nobody asks how it ended any more, which asyncio would report as a mistake.
        self._handle.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._handle.cancel()

    def settled(self) -> Settled | None:
        """How the operation ended; None where the activity could not tell."""
        return None if self._handle.exception() else self._handle.result()

    def cause(self) -> ApplicationError | None:
        """Why the activity could not tell, where a worker said so and not the server's clock."""
        error = self._handle.exception()
        cause = error.cause if isinstance(error, ActivityError) else None
        return cause if isinstance(cause, ApplicationError) else None

    def last_words(self) -> ApplicationError | None:
        """What a worker said of it last, also where the server's clock has ended it since."""
        error: BaseException | None = self._handle.exception()
        while error is not None and not isinstance(error, ApplicationError):
            error = error.__cause__
        return error


def _asking_again(loop: asyncio.AbstractEventLoop) -> Callable[[int], None]:
    """A new seed alone lets the SDK ask no waiting condition again; a step of the loop does."""

    def ask(_: int) -> None:
        loop.call_soon(lambda: None)

    return ask


class Courier:
    """Sends and looks up, for one reservation."""

    def __init__(self, record: Record) -> None:
        self._record = record
        info = workflow.info()
        # A run that a reset made has forgotten what the run before it sent, up to the reset. This
        # is known at once, but in the replayed part too: it may decide what an activity is told,
        # and nothing of what is done next.
        self.is_second_run = info.original_execution_run_id != info.run_id
        # Where the reset was made the random seed changes, and so it does again in every replay.
        # A reset to the very first task changes it before we can look: then that task's history
        # is longer than a fresh start's. So it is too where a worker failed to do the first task
        # of the run before: the marker tells the two apart, as nothing can be marked in a replay.
        self._seed = workflow.random_seed()
        workflow.register_random_seed_callback(_asking_again(asyncio.get_running_loop()))
        looks_reset = self.is_second_run and info.get_current_history_length() > _FRESH_START
        self._began_reset = looks_reset and workflow.patched(_BEGAN_RESET)
        self._errands = 0
        self._reset_at: datetime | None = None
        self._reset_seed: int | None = None

    @property
    def was_reset(self) -> bool:
        """Whether a reset lies before this point of the history."""
        return self._began_reset or workflow.random_seed() != self._seed

    @property
    def knows_the_account(self) -> bool:
        """Whether an answer has told what it can do: a person may vouch for a hold before one."""
        return self._record.capabilities != _NOTHING_KNOWN

    def first_try(self, entry: Entry, answer_by: datetime) -> Errand:
        """Send an operation, and keep at it for as long as somebody waits."""
        left = answer_by - timing.ANSWER_SLACK - workflow.now()
        within = max(left, timing.FIRST_TRY_MIN)
        return self._run(entry, entry.kind, _Manner(timing.WHILE_SOMEBODY_WAITS, within))

    def next_try(self, entry: Entry, rung: Rung, lost_at: datetime) -> Errand:
        """Go on with an operation of an unknown outcome.

        Args:
            entry: The operation.
            rung: What to do about it.
            lost_at: When it was on its way for the last time.
        """
        processing = self._record.capabilities.processing_time
        absent_after = max(lost_at + processing, self._absent_after())
        match rung:
            case Rung.SEND:
                left = self._key_lives(entry)
                manner = _Manner(timing.PATIENTLY, left, nobody_waits=True)
                return self._run(entry, entry.kind, manner)
            case Rung.LOOK:
                manner = _Manner(timing.PATIENTLY, nobody_waits=True, absent_after=absent_after)
                return self._run(entry, LOOK_UP, manner)
            case Rung.LOOK_AND_SEND:
                retry = timing.after_processing(processing)
                manner = _Manner(retry, nobody_waits=True, patient=True, absent_after=absent_after)
                return self._run(entry, entry.kind, manner)

    def inspect(self, entry: Entry) -> Errand:
        """Look at a payment that nothing is under way on.

        Not for ever where a person has vouched for the hold before any answer came: a look that
        tells nothing still tells what the account can do, once it has ended (`learn_from`).
        """
        within = None if self.knows_the_account else self._record.capabilities.look_up_for
        return self._run(entry, LOOK_UP, _Manner(timing.PATIENTLY, within, nobody_waits=True))

    def learn_from(self, entry: Entry, errand: Errand) -> None:
        """Learn of an activity that could not tell the outcome what the account can do."""
        cause = errand.cause()
        self._learn(entry, cause or errand.last_words(), is_last=cause is not None)

    def look_for_others(self, entry: Entry, within: timedelta) -> Errand:
        """Look what stands under an authorization's reference: for so long, not longer."""
        manner = _Manner(timing.PATIENTLY, within=within)
        return self._run(entry, LOOK_UP, manner, knows_id=False)

    def after_the_guest(self, entry: Entry) -> Errand:
        """Look what the guest has done; the gateway may hear of it a moment after we do."""
        settles = workflow.now() + timing.GUEST_SETTLES
        return self._run(entry, LOOK_UP, _Manner(timing.PATIENTLY, absent_after=settles))

    def rung_after(self, entry: Entry, errand: Errand) -> Rung:
        """What to do after an activity that could not tell the outcome."""
        cause = errand.cause()
        self.learn_from(entry, errand)
        entry.was_sent |= cause is not None and cause.type in _SENT
        if cause is not None and cause.type == Failure.UNDECIDED:
            return Rung.LOOK
        return Rung.SEND if self._key_lives(entry) is not None else Rung.LOOK_AND_SEND

    def pause_after(self, errand: Errand) -> timedelta:
        """How long the gateway has asked us to stay away, within bounds."""
        cause = errand.cause()
        return (cause.next_retry_delay if cause else None) or timedelta(0)

    def _learn(self, entry: Entry, cause: ApplicationError | None, *, is_last: bool) -> None:
        """An authorization without an answer still says what the account can do."""
        if cause is None or not cause.details:
            return
        # A failure's details declare no type, so our converter leaves them as they came.
        sent = cast("RawValue", cause.details[0]).payload.data
        try:
            lost = Lost.model_validate_json(sent)
        except ValidationError:
            return  # of a later version: what we assume meanwhile is the safer side
        self._record.capabilities = lost.capabilities
        if entry.kind is OperationKind.AUTHORIZE:
            entry.payment_id = lost.payment_id if is_last else entry.payment_id
            self._record.gateway_reference = lost.reference or self._record.gateway_reference

    def _key_lives(self, entry: Entry) -> timedelta | None:
        """How long the operation's key surely lives on; None where it does not."""
        if entry.sent_at is None:
            return None
        until = self._record.capabilities.key_lives_until(entry.kind, entry.sent_at)
        left = until - workflow.now() if until is not None else timedelta(0)
        return left if left > timing.CALL_START_TO_CLOSE else None

    def _run(
        self, entry: Entry, activity: str, manner: _Manner, *, knows_id: bool = True
    ) -> Errand:
        self._errands += 1
        call = self._call(entry, manner, knows_id=knows_id and activity == LOOK_UP)
        looks_too = activity != LOOK_UP and (call.look_first or self._is_guarded_by_a_look(entry))
        handle = workflow.start_activity(
            activity,
            call,
            result_type=Settled,
            activity_id=f"{entry.operation_id}.{self._errands}",
            schedule_to_close_timeout=manner.within,
            start_to_close_timeout=timing.LOOK_AND_CALL_START_TO_CLOSE
            if looks_too
            else timing.CALL_START_TO_CLOSE,
            retry_policy=manner.retry,
            summary=summary(entry) if activity == entry.kind else entry.operation_id,
            priority=Priority(priority_key=self._turn(entry, nobody_waits=manner.nobody_waits)),
        )
        return Errand(cast("workflow.ActivityHandle[Settled]", handle))

    def _turn(self, entry: Entry, *, nobody_waits: bool) -> int:
        by_plan = entry.command_id.startswith("deadline")
        at = self._record.expires_at
        left = at - workflow.now() if at is not None else None
        return turn(left, by_plan=by_plan, nobody_waits=nobody_waits)

    def _is_guarded_by_a_look(self, entry: Entry) -> bool:
        """Whether the activity looks before it sends, also where nothing tells it to."""
        if entry.kind is OperationKind.AUTHORIZE:
            return False
        return entry.kind is OperationKind.RELEASE or self._record.capabilities.repeats(entry.kind)

    def _call(self, entry: Entry, manner: _Manner, *, knows_id: bool) -> Call:
        record, request = self._record, self._record.request
        authorizes = entry.kind is OperationKind.AUTHORIZE
        again = record.cautious or self.is_second_run
        return Call(
            account=request.gateway,
            workflow_id=workflow.info().workflow_id,
            run_id=workflow.info().run_id,
            kind=entry.kind,
            command_id=entry.command_id,
            amount=entry.amount,
            held=record.ledger.money(record.ledger.authorized_minor),
            captured=record.ledger.money(record.ledger.captured_minor),
            final=entry.final,
            payment_id=_own_id(entry, knows_id=knows_id)
            if authorizes
            else entry.payment_id or record.payment_id,
            reference=None if authorizes else record.gateway_reference,
            asked_at=entry.requested_at,
            send_by=entry.send_by,
            look_first=manner.patient or again,
            again=again,
            patient=manner.patient,
            repeated=entry.state is OperationState.UNKNOWN,
            sent=entry.was_sent,
            absent_after=manner.absent_after or self._absent_after(),
            due=hours_that_count(record) if manner.nobody_waits else (),
            # A hold that a person has vouched for before any answer came.
            learns=not authorizes and not self.knows_the_account,
            payment_method=entry.payment_method,
            initiator=request.initiator,
            return_url=request.return_url if authorizes else None,
            browser=request.browser if authorizes else None,
            operator=entry.operator,
            description=request.description if authorizes else None,
            metadata=request.metadata if authorizes else {},
        )

    def _absent_after(self) -> datetime:
        """From when on "not found" is proof, whatever this run has sent: others' may arrive."""
        now, processing = workflow.now(), self._record.capabilities.processing_time
        if not self.is_second_run:
            # A run that was terminated may have sent something just before this one found its
            # hold: where keys are known too, its release beside our capture, say.
            found_at = self._record.found_at
            return max(now, found_at + processing) if found_at else now
        # Each reset's, where there was more than one.
        if self.was_reset and self._reset_seed != workflow.random_seed():
            self._reset_at, self._reset_seed = now, workflow.random_seed()
        return (self._reset_at or now) + processing


def _own_id(entry: Entry, *, knows_id: bool) -> str | None:
    """The gateway's payment id of what an authorization has become, or shall adopt.

    What was lost goes by its id only while nothing is sent any more: an attempt that looks and
    then sends would otherwise look for the one before it, and not for its own.
    """
    method = entry.payment_method
    if method is not None and method.kind is PaymentMethodKind.EXISTING_HOLD:
        return method.token
    return entry.payment_id if knows_id else None


# What only an attempt fails with that may have moved money.
_SENT = frozenset({Failure.UNDECIDED, Failure.NO_ANSWER})
_NOTHING_KNOWN = Capabilities()
# Events before a first workflow task acts: started, task scheduled, task started.
_FRESH_START = 3
_BEGAN_RESET = "began with a reset"

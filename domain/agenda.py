"""What happens next if nobody intervenes, when, and why: one list for people and for the timer."""

from __future__ import annotations

from datetime import datetime

from cardhold.hold import (
    FINAL_STATES,
    AttentionReason,
    HoldState,
    OperationKind,
    Step,
    StepKind,
)
from cardhold.messages import OnDeadline
from cardhold.money import Money
from domain.expiry import Terms
from domain.outcome import PaymentState
from domain.record import RELEASE_EVERY, RESTING, Record


def agenda(record: Record, now: datetime) -> tuple[Step, ...]:
    """The steps ahead, soonest first.

    Args:
        record: The reservation.
        now: For a look-up that is under way and has no hour of its own.
    """
    unknown = record.unknown()
    looking = () if unknown is None else (_looking(unknown.operation_id, now),)
    return tuple(sorted((*looking, *_ahead(record)), key=lambda step: step.at))


def _looking(operation_id: str, now: datetime) -> Step:
    why = f"the outcome of {operation_id} is unknown: the gateway is asked until it is known"
    return Step(at=now, kind=StepKind.LOOK_UP, why=why)


def _after_decline(record: Record) -> tuple[Step, ...]:
    if record.declined_at is None or record.has_attention(AttentionReason.EXTERNAL_CHANGE):
        return ()  # a person has yet to say that nothing is held on another card
    at = record.declined_at + record.capabilities.declined_wait
    return (Step(at=at, kind=StepKind.GIVE_UP, why="no other card was given after the decline"),)


def _at_the_guest(record: Record) -> tuple[Step, ...]:
    """An attempt that the guest leaves is called off; whatever they have passed is released."""
    asked = record.at_the_guest()
    if asked is None or record.action is None or record.action.expires_at is None:
        return ()
    again = record.release_again_at
    at, why = record.action.expires_at, "the guest has not come back from 3-D Secure"
    if again is not None:
        at, why = again, "the gateway refused to call the attempt off, and is asked hourly"
    return (Step(at=at, kind=StepKind.RELEASE, amount=asked.amount, why=why),)


def _ahead(record: Record) -> tuple[Step, ...]:
    """What has an hour of its own: by itself, and whatever is under way."""
    match record.life.state:
        case HoldState.DECLINED:
            return _after_decline(record)
        case HoldState.AUTHORIZING:
            return ()
        case HoldState.ACTION_REQUIRED:
            return _at_the_guest(record)
        case state:
            return () if state in FINAL_STATES else _while_held(record)


def _while_held(record: Record) -> tuple[Step, ...]:
    at, gone_by = record.terms, record.gone_by()
    if at is None or gone_by is None or _is_settled_elsewhere(record):
        return ()
    steps = [*_warning(record, at), *_at_deadline(record, at), _at_expiry(record, gone_by)]
    return tuple(sorted(steps, key=lambda step: step.at))


def _is_settled_elsewhere(record: Record) -> bool:
    """The gateway shows no open hold any more, and a person has yet to take note of it."""
    return record.external is not None and record.external.state is not PaymentState.OPEN


def _warning(record: Record, at: Terms) -> tuple[Step, ...]:
    if record.warned or at.warn_at is None or record.life.state not in RESTING:
        return ()
    why = f"the hold lapses at {at.expires_at:%Y-%m-%d %H:%M} UTC"
    return (Step(at=at.warn_at, kind=StepKind.WARN, why=why),)


def _at_deadline(record: Record, at: Terms) -> tuple[Step, ...]:
    """What the deadline does; after the expiry it does nothing, since a look-up comes first."""
    reason = "the caller's settle_by" if at.deadline_by == "settle_by" else "before the hold lapses"
    captures = record.plan.on_deadline is OnDeadline.CAPTURE and record.release_again_at is None
    if captures and not record.deadline_capture_tried:
        amount = deadline_amount(record)
        steps = [Step(at=at.deadline, kind=StepKind.CAPTURE, amount=amount, why=reason)]
        rest = record.ledger.remaining_minor - amount.amount_minor
        if rest:
            why = "what the deadline does not capture is freed"
            freed = record.ledger.money(rest)
            steps.append(Step(at=at.deadline, kind=StepKind.RELEASE, amount=freed, why=why))
        return tuple(steps)
    return (_release(record, at, reason),)


def _release(record: Record, at: Terms, reason: str) -> Step:
    due, why = at.deadline, reason
    tried = record.deadline_capture_tried and record.plan.on_deadline is OnDeadline.CAPTURE
    if tried and record.rest_is_due:
        why = "what the deadline does not capture is freed"
    elif tried:
        due, why = max(at.deadline, at.give_up_capture_at), "the capture was refused"
    again = record.release_again_at
    if again is not None:
        # Its own hour comes all the same where it lies between the refusal and the next try.
        due = min(due, again) if due > again - RELEASE_EVERY else again
        why = "the release was refused and is tried hourly"
    amount = record.ledger.money(record.ledger.remaining_minor)
    return Step(at=due, kind=StepKind.RELEASE, amount=amount, why=why)


def _at_expiry(record: Record, gone_by: datetime) -> Step:
    why = "a hold that has lapsed is gone at the gateway by then; one that is not is released"
    return Step(at=max(gone_by, record.release_again_at or gone_by), kind=StepKind.LOOK_UP, why=why)


def deadline_amount(record: Record) -> Money:
    """What the deadline captures: its own amount, capped at what remains, or all of it.

    Where an adjust's outcome is unknown, what remains is the lower of the two totals.
    """
    most = record.ledger.remaining_minor
    unknown = record.unknown()
    if unknown is not None and unknown.kind is OperationKind.ADJUST:
        most = min(most, unknown.amount.amount_minor)
    own = record.plan.deadline_amount
    return record.ledger.money(min(own.amount_minor, most) if own else most)


def next_step(record: Record, now: datetime) -> Step | None:
    """The step that is due, or the soonest ahead.

    Once the hold has lapsed only the look-up counts: what the deadline left undone is not
    done to a hold that may be gone.
    """
    steps = _ahead(record)
    if record.expires_at is not None and now >= record.expires_at:
        steps = tuple(step for step in steps if step.kind is StepKind.LOOK_UP)
    return steps[0] if steps else None

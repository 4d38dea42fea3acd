"""What an operation's ending does to the reservation: its money, its state, who is told."""

from __future__ import annotations

from datetime import datetime, timedelta

from cardhold.hold import (
    AttentionReason,
    HoldState,
    OperationKind,
    OperationState,
)
from domain.calls import Ending, Settled
from domain.lifecycle import Event
from domain.outcome import Payment, PaymentState, Said
from domain.record import RELEASE_EVERY, Entry, Record
from domain.words import without_tokens

# Gateways' clocks are off by minutes, not by more: an authorization that the gateway booked
# longer than this before we sent it is an earlier one, and ages from then.
CLOCK_SKEW_MAX = timedelta(minutes=15)
# No scheme keeps a hold for longer; a stamp before that is a gateway's mistake.
AGE_MAX = timedelta(days=31)
# The names that stand for a command id where the plan acted, and where a run was cancelled; a
# further try ends in "~2".
DEADLINE, CANCEL = "deadline", "cancel"
_FORGOTTEN = (
    "the hold has lapsed, and what was taken of it before the store was restored the gateway does"
    " not show: compare with its portal."
)


def settle(record: Record, entry: Entry, settled: Settled, now: datetime) -> None:
    """Let a decided operation take effect.

    Args:
        record: The reservation.
        entry: The operation, sent or unknown until now.
        settled: How it ended.
        now: When we came to know.
    """
    settled = without_tokens(record, settled)
    if settled.ending is Ending.ACTION_REQUIRED:
        _at_the_guest(record, entry, settled, now)
        return
    entry.decided_at = now
    entry.detail = settled.detail
    note_booking(entry, settled)
    entry.state = _state_of(record, entry, settled)
    _no_longer_unknown(record, entry, now)
    _heed_what_is_forgotten(record, entry, settled)
    match entry.kind:
        case OperationKind.AUTHORIZE:
            _authorized(record, entry, settled, now)
        case OperationKind.ADJUST:
            _adjusted(record, entry, settled, now)
        case OperationKind.CAPTURE:
            _captured(record, entry, settled, now)
        case OperationKind.RELEASE:
            _released(record, entry, settled, now)


def note_booking(entry: Entry, settled: Settled) -> None:
    """What an operation goes by at the gateway, and when that has booked it."""
    entry.reference = settled.reference or entry.reference
    if settled.payment is not None:
        entry.payment_id = settled.payment.payment_id
        entry.booked_at = settled.payment.booked_at


def _heed_what_is_forgotten(record: Record, entry: Entry, settled: Settled) -> None:
    """Whether another card may hold than this further one, which was given after a decline.

    Of a restored store the first answer tells how far it was set back. A run that was reset, or
    that has found the decline, may hold on what the run before it was given, unless this was it.
    """
    is_further = entry.kind is OperationKind.AUTHORIZE and entry.number > 1
    is_anew = entry.state is OperationState.DONE and not settled.found
    if settled.restored and not record.restored:
        record.restored, record.forgets_cards = True, is_further
    elif is_anew and (record.was_reset or record.found):
        record.forgets_cards |= is_further


def _no_longer_unknown(record: Record, entry: Entry, now: datetime) -> None:
    """What is decided needs no person; an adjust that the deadline has overtaken may still."""
    told, left = record.attention, record.unknown()
    is_about_it = told is not None and told.operation_id == entry.operation_id
    if left is None or is_about_it:
        record.end_attention(AttentionReason.OUTCOME_UNKNOWN)
    if left is not None and is_about_it:
        detail = f"the outcome of {left.operation_id} could not be looked up so far"
        record.raise_attention(AttentionReason.OUTCOME_UNKNOWN, now, detail, left)


def _state_of(record: Record, entry: Entry, settled: Settled) -> OperationState:
    match settled.ending:
        case Ending.DONE:
            return OperationState.DONE
        case Ending.DECLINED:
            return OperationState.DECLINED
        case Ending.NOT_DONE | Ending.ABSENT:
            return OperationState.NOT_DONE
        case Ending.CHANGED:
            # An earlier run of the same reservation may have adjusted further than this one has.
            superseded = record.was_reset and entry.kind is OperationKind.ADJUST
            return OperationState.DONE if superseded else OperationState.NOT_DONE
        case Ending.ACTION_REQUIRED:
            return OperationState.SENT


def plan_left_a_rest(record: Record) -> bool:
    """Whether the deadline's own capture is done, and what it left is still held."""
    if not record.deadline_capture_tried or record.ledger.remaining_minor <= 0:
        return False
    return any(
        entry.kind is OperationKind.CAPTURE
        and entry.state is OperationState.DONE
        and entry.given_name == DEADLINE
        for entry in record.entries
    )


def is_partial(record: Record, entry: Entry, settled: Settled) -> bool:
    """Whether an approval is for less than was asked: it is released, and counts as a decline.

    A hold that an earlier run of this reservation may have lowered since is not one.
    """
    payment = _approved_for_less(entry, settled)
    return (
        payment is not None
        and payment.state is PaymentState.OPEN
        and not (record.was_reset or settled.found)
    )


def was_given_back(record: Record, entry: Entry, settled: Settled) -> bool:
    """Whether an earlier run may have released what was approved for less than was asked.

    To that run it was a decline, after which another card may have been given. A hold that was
    lowered before it was released looks the same: whether somebody gives one tells them apart.
    """
    payment = _approved_for_less(entry, settled)
    return (
        payment is not None
        and payment.state in {PaymentState.RELEASED, PaymentState.EXPIRED}
        and (record.was_reset or settled.found)
        and not (record.restored or settled.restored)
        and payment.authorized.amount_minor > 0
        and not payment.captured.amount_minor
    )


def _approved_for_less(entry: Entry, settled: Settled) -> Payment | None:
    payment = settled.payment
    is_approved = entry.kind is OperationKind.AUTHORIZE and settled.ending is Ending.DONE
    if not is_approved or payment is None:
        return None
    return payment if payment.authorized.amount_minor < entry.amount.amount_minor else None


def _at_the_guest(record: Record, entry: Entry, settled: Settled, now: datetime) -> None:
    """Nothing is decided: the guest is asked first, if they have not been already."""
    entry.state = OperationState.SENT
    record.end_attention(AttentionReason.OUTCOME_UNKNOWN)
    payment = settled.payment
    if record.life.state is HoldState.ACTION_REQUIRED or payment is None or payment.action is None:
        return
    entry.payment_id = record.payment_id = payment.payment_id
    entry.reference = settled.reference or entry.reference
    record.gateway_reference = payment.reference or settled.reference
    record.ask_the_guest(payment.action, now)
    record.life.move(Event.REQUIRE_ACTION)


def _authorized(record: Record, entry: Entry, settled: Settled, now: datetime) -> None:
    payment = settled.payment
    record.action = None
    if settled.ending is not Ending.DONE or payment is None:
        # A reservation that is started a second time may hold on a card that came after this one.
        record.found |= settled.found and settled.ending is Ending.DECLINED
        first = entry.number == 1 and entry.send_by is not None
        too_late = first and settled.ending is Ending.ABSENT and now >= (entry.send_by or now)
        record.life.move(Event.ABANDON if too_late else Event.DECLINE)
        record.declined_at = now
        record.forget_the_attempt()
        return
    if settled.found:
        # Of a reservation that was started a second time, say: what its first run sent since, this
        # one would send again.
        record.found = record.cautious = True
        record.found_at = now
    record.ledger.authorize(entry.amount.amount_minor)
    # A person's word names the payment; what it was sent under was learned when it was lost.
    known = payment.reference or settled.reference
    record.gateway_reference = known or record.gateway_reference
    placed_at = _placed_at(payment, entry.sent_at or now, now, found=settled.found)
    record.placed(payment, placed_at)
    record.others_at = now + record.capabilities.processing_time if settled.unguarded else None
    record.life.move(Event.APPROVE)
    if payment.state is not PaymentState.OPEN or payment.authorized != entry.amount:
        record.external = payment


def _placed_at(
    payment: Payment, sent_at: datetime, now: datetime, *, found: bool = False
) -> datetime:
    """Since when it holds: one that was there before us is as old as the gateway says."""
    booked_at, skew = payment.booked_at, timedelta(0) if found else CLOCK_SKEW_MAX
    if booked_at is not None and now - AGE_MAX < booked_at < sent_at - skew:
        return booked_at
    return sent_at


def _adjusted(record: Record, entry: Entry, settled: Settled, now: datetime) -> None:
    ledger, total_minor = record.ledger, entry.amount.amount_minor
    is_done = entry.state is OperationState.DONE
    if is_done:
        # Less than was captured since, by a person's word say, it cannot have been in our books.
        ledger.authorize(max(total_minor, ledger.captured_minor))
        if total_minor < ledger.captured_minor and settled.payment is not None:
            note_external(record, settled.payment, now)
    if record.life.state is HoldState.ADJUSTING:  # a deadline may have overtaken it
        record.life.move(Event.STAND)
    elif ledger.captured_minor and not ledger.remaining_minor:
        record.life.move(Event.SETTLE)  # what it lowered the hold to, the deadline has captured
    if not is_done:
        _note_change(record, settled, now)
    elif record.external is not None or settled.ending is Ending.CHANGED:
        # What the gateway showed before is of yesterday: these are the figures to adopt.
        record.external = settled.payment


def _captured(record: Record, entry: Entry, settled: Settled, now: datetime) -> None:
    ledger, taken_minor = record.ledger, entry.amount.amount_minor
    if settled.ending is not Ending.DONE:
        _refused(record, entry, settled, now)
        return
    by_name = _by_its_name(record, settled.payment)
    if by_name is None or by_name.captured.amount_minor >= ledger.captured_minor + taken_minor:
        ledger.capture(taken_minor)
    record.end_attention(AttentionReason.CAPTURE_REFUSED)
    if by_name is not None:
        _note_what_is_beside(record, by_name, now)
    elif record.external is not None and settled.payment is not None:
        record.external = settled.payment  # what it showed before is of yesterday
    if entry.final and record.capabilities.frees_rest:
        ledger.release()
    record.life.move(Event.STAND_PARTLY if ledger.remaining_minor else Event.SETTLE)


def _note_what_is_beside(record: Record, payment: Payment, now: datetime) -> None:
    """What is taken beside a capture is others', or of instructions that a reset made us forget."""
    if payment.captured.amount_minor == record.ledger.captured_minor:
        record.external = None
    elif record.was_reset:
        record.external = payment
    else:
        note_external(record, payment, now)


def _by_its_name(record: Record, payment: Payment | None) -> Payment | None:
    """What the gateway shows where it has told a capture by its own name, and all that is taken.

    The money of an earlier run's may have been taken over before: it is not to be counted twice.
    """
    is_told = payment is not None and payment.said is Said.DONE
    return payment if is_told and record.capabilities.shows_later else None


def _called_off(
    record: Record, asked: Entry, settled: Settled, now: datetime, *, by_plan: bool
) -> None:
    """An authorization that waited for the guest was called off, unless they were faster."""
    payment = settled.payment
    if settled.ending not in {Ending.DONE, Ending.CHANGED}:
        _keep_waiting(record, settled, now)
    elif payment is None or not payment.authorized.amount_minor:
        record.forget_the_attempt()
        failed = payment is not None and _is_known_to_have_failed(record, settled, payment)
        asked.state = OperationState.DECLINED if failed else OperationState.NOT_DONE
        asked.detail = payment.detail if failed and payment else "called off before it was decided"
        asked.decided_at = now
        if (failed or record.another_stands) and by_plan:
            # A person has yet to say that nothing is held, on another card or by another run.
            record.life.move(Event.REQUIRE_ACTION)
            record.life.move(Event.DECLINE)
            record.declined_at = now
        else:
            record.life.move(Event.ABANDON)
    else:
        _was_faster(record, asked, settled, payment, now)


def _is_known_to_have_failed(record: Record, settled: Settled, payment: Payment) -> bool:
    """Whether the run before a reset may have seen it fail, and have gone on with another card."""
    return record.was_reset and settled.found and payment.state is PaymentState.DECLINED


def _keep_waiting(record: Record, settled: Settled, now: datetime) -> None:
    record.life.move(Event.REQUIRE_ACTION)
    if settled.ending in {Ending.DECLINED, Ending.NOT_DONE}:
        told = f"the gateway refused to call the attempt off: {settled.detail or 'no reason given'}"
        record.raise_attention(AttentionReason.RELEASE_REFUSED, now, told)
        record.release_again_at = now + RELEASE_EVERY
        record.guest_may_have_passed = True


def _was_faster(
    record: Record, asked: Entry, settled: Settled, payment: Payment, now: datetime
) -> None:
    """The guest had done it: the money was held, and then what the release says happened."""
    asked.state, asked.decided_at = OperationState.DONE, now
    if settled.ending is Ending.CHANGED:
        asked.booked_at = payment.booked_at  # else it may be the release's own hour
    record.action = None
    record.ledger.authorize(payment.authorized.amount_minor)
    record.placed(payment, _placed_at(payment, asked.sent_at or now, now))
    if settled.ending is Ending.DONE:
        record.ledger.release()
        record.life.move(Event.FREE)
    elif payment.state is PaymentState.EXPIRED:
        lapse(record)
    else:
        record.life.move(Event.STAND)
        note_external(record, payment, now)


def _released(record: Record, entry: Entry, settled: Settled, now: datetime) -> None:
    waiting = record.at_the_guest()
    if waiting is not None:
        by_plan = entry.given_name == DEADLINE
        _called_off(record, waiting, settled, now, by_plan=by_plan)
        return
    if settled.ending is not Ending.DONE:
        _refused(record, entry, settled, now)
        return
    record.ledger.release()
    record.life.move(_final(record, Event.FREE))


def _refused(record: Record, entry: Entry, settled: Settled, now: datetime) -> None:
    """A capture or a release did not happen; the hold stands as it was, or has gone by itself."""
    shown = settled.payment.state if settled.payment is not None else None
    if shown is PaymentState.EXPIRED or _has_surely_lapsed(record, entry, settled, now):
        if settled.restored and not record.capabilities.shows_later:
            record.raise_attention(AttentionReason.EXTERNAL_CHANGE, now, _FORGOTTEN)
        lapse(record)
        return
    record.life.move(Event.STAND_PARTLY if record.ledger.captured_minor else Event.STAND)
    _note_change(record, settled, now)
    if settled.ending is Ending.ABSENT and entry.kind is OperationKind.CAPTURE:
        # By a person's word it was never sent: the deadline's own capture is still to be tried.
        record.deadline_capture_tried &= entry.given_name != DEADLINE
    if settled.ending is Ending.ABSENT and _frees_in_any_case(record, entry):
        # By a person's word it was never sent, and nobody asks again.
        record.release_again_at = now + RELEASE_EVERY
    if settled.ending not in {Ending.DECLINED, Ending.NOT_DONE}:
        return
    told = f"the gateway refused {entry.operation_id}: {settled.detail or 'no reason given'}"
    if entry.kind is OperationKind.CAPTURE:
        record.raise_attention(AttentionReason.CAPTURE_REFUSED, now, told, entry)
    else:
        record.raise_attention(AttentionReason.RELEASE_REFUSED, now, told, entry)
        record.release_again_at = now + RELEASE_EVERY


def _frees_in_any_case(record: Record, entry: Entry) -> bool:
    """Whether it is a cancellation's, or one that the plan repeats after a refusal."""
    return entry.given_name == CANCEL or (record.frees_again and entry.given_name == DEADLINE)


def _has_surely_lapsed(record: Record, entry: Entry, settled: Settled, now: datetime) -> bool:
    """Past its time nothing is left to free; a gateway that never shows it can only say no."""
    gone_by = record.gone_by()
    is_past = gone_by is not None and now >= gone_by and not record.capabilities.shows_expiry
    said_no = settled.ending in {Ending.DECLINED, Ending.NOT_DONE}
    # By a person's word it was never carried out: what was to go before its time is tried again.
    said_no |= (
        settled.ending is Ending.ABSENT and gone_by is not None and entry.requested_at >= gone_by
    )
    return is_past and said_no and entry.kind is OperationKind.RELEASE


def _note_change(record: Record, settled: Settled, now: datetime) -> None:
    if settled.ending is Ending.CHANGED and settled.payment is not None:
        note_external(record, settled.payment, now)


def note_external(record: Record, payment: Payment, now: datetime) -> None:
    """The gateway shows what we did not do: a person has to take note of it."""
    record.external = payment
    told = f"the gateway shows {payment.state}: {payment.authorized} held, {payment.captured} taken"
    record.raise_attention(AttentionReason.EXTERNAL_CHANGE, now, told)


def lapse(record: Record) -> None:
    """The hold is gone by itself."""
    record.ledger.expire()
    record.life.move(_final(record, Event.EXPIRE))


def _final(record: Record, event: Event) -> Event:
    """What ends the hold: whatever was captured makes it captured."""
    return Event.SETTLE if record.ledger.captured_minor else event


def adopt(record: Record, payment: Payment) -> None:
    """Take the gateway's figures for ours: they are what happened to the money.

    What was captured, by whomever, decides in which of the two states the hold rests: with a part
    captured it cannot be adjusted below that part.
    """
    ledger = record.ledger
    record.external = None
    record.end_attention(AttentionReason.EXTERNAL_CHANGE)
    taken, shown = payment.captured.amount_minor, payment.authorized.amount_minor
    is_open = payment.state is PaymentState.OPEN
    ledger.captures += taken > ledger.captured_minor
    ledger.captured_minor = taken
    ledger.authorize(max(shown if is_open else ledger.authorized_minor, taken))
    if record.life.state is not (HoldState.PARTIALLY_CAPTURED if taken else HoldState.AUTHORIZED):
        record.life.move(Event.STAND_PARTLY if taken else Event.STAND)
    if payment.state is PaymentState.EXPIRED:
        lapse(record)
    elif not is_open or not ledger.remaining_minor:
        ledger.release()
        record.life.move(_final(record, Event.FREE))

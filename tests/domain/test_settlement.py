"""What an operation's ending does: the money, the state, who is told.

Each test settles one operation on a record made by legal moves; the random walk over all of them
is in ``test_settlement_walk.py``.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from cardhold.hold import AttentionReason, HoldState, OperationKind, OperationState
from cardhold.messages import Adjust, Authorize, Capture, Command, Release
from domain.calls import Ending, Settled
from domain.outcome import PaymentState, Said
from domain.record import Entry, Record
from domain.settlement import (
    adopt,
    is_partial,
    lapse,
    note_external,
    settle,
    was_given_back,
)
from tests.domain.records import (
    EVERYTHING,
    HELD,
    NOW,
    begin,
    declined,
    done,
    held,
    partly_captured,
    payment,
    send,
    starting,
    usd,
)

S, A = HoldState, AttentionReason
RAISE = Adjust.model_validate({"amount": "150.00 USD"})
PART = Capture.model_validate({"amount": "40.00 USD", "final": False})
CAPTURE, RELEASE = Capture(), Release()
LATER = NOW + timedelta(hours=1)


def money(record: Record) -> tuple[int, int, int, int, int]:
    ledger = record.ledger
    return (
        ledger.authorized_minor,
        ledger.captured_minor,
        ledger.released_minor,
        ledger.expired_minor,
        ledger.remaining_minor,
    )


def ended(record: Record, command: Command, ending: Ending, **shown: object) -> Entry:
    assert isinstance(command, Adjust | Capture | Release)
    entry = begin(record, command)[0]
    settled = Settled.model_validate({"ending": ending, "detail": "no", **shown})
    settle(record, entry, settled, LATER)
    return entry


# The authorization.


def test_an_approval_holds_the_money_and_starts_its_week() -> None:
    record = held()
    assert money(record) == (HELD, 0, 0, 0, HELD)
    assert S.AUTHORIZED is record.life.state
    assert ("M2MJOG6O2Y", "REF", NOW, NOW + timedelta(days=7)) == (
        record.payment_id,
        record.gateway_reference,
        record.authorized_at,
        record.expires_at,
    )


def test_a_persons_word_on_a_lost_authorization_keeps_the_name_that_it_was_sent_under() -> None:
    record = starting()
    record.gateway_reference = "REF"
    named = payment().model_copy(update={"reference": None})
    settle(record, record.entries[0], Settled(ending=Ending.DONE, payment=named), LATER)
    assert (record.payment_id, record.gateway_reference) == ("M2MJOG6O2Y", "REF")


@pytest.mark.parametrize("ending", [Ending.DECLINED, Ending.NOT_DONE, Ending.CHANGED])
def test_without_an_approval_nothing_is_held_and_another_card_may_be_given(ending: Ending) -> None:
    record = starting()
    settle(record, record.entries[0], Settled(ending=ending), LATER)
    assert (
        record.life.state,
        record.declined_at,
        money(record),
    ) == (S.DECLINED, LATER, (0, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("late", "state"),
    [(timedelta(microseconds=-1), S.DECLINED), (timedelta(0), S.ABANDONED)],
)
def test_what_was_not_sent_by_its_hour_is_abandoned(late: timedelta, state: HoldState) -> None:
    record = starting()
    settle(
        record, record.entries[0], Settled(ending=Ending.ABSENT), NOW + timedelta(minutes=15) + late
    )
    assert state is record.life.state


def test_a_second_card_has_no_such_hour() -> None:
    record = declined()
    card = {"kind": "stored_token", "token": "2967530000000011"}
    [entry] = begin(record, Authorize.model_validate({"payment_method": card}))
    settle(record, entry, Settled(ending=Ending.ABSENT), NOW + timedelta(days=1))
    assert S.DECLINED is record.life.state


def test_a_second_card_can_be_approved() -> None:
    record = declined()
    card = {"kind": "stored_token", "token": "2967530000000011"}
    [entry] = begin(record, Authorize.model_validate({"payment_method": card}))
    done(record, entry, payment())
    assert (record.life.state, record.ledger.remaining_minor) == (S.AUTHORIZED, HELD)


@pytest.mark.parametrize(
    ("booked_at", "since"),
    [
        (None, NOW),
        (NOW + timedelta(days=1), NOW),
        (NOW - timedelta(minutes=15), NOW),
        (NOW - timedelta(minutes=15, seconds=1), NOW - timedelta(minutes=15, seconds=1)),
        (NOW - timedelta(days=5), NOW - timedelta(days=5)),
        (NOW - timedelta(days=31), NOW),
    ],
)
def test_a_hold_ages_from_when_the_gateway_booked_it_if_that_is_plausible(
    booked_at: datetime | None, since: datetime
) -> None:
    record = starting()
    done(record, record.entries[0], payment(booked_at=booked_at))
    assert (since, since + timedelta(days=7)) == (record.authorized_at, record.expires_at)


@pytest.mark.parametrize(
    ("authorized", "state", "partial"),
    [
        (99_99, PaymentState.OPEN, True),
        (HELD, PaymentState.OPEN, False),
        (99_99, PaymentState.RELEASED, False),
    ],
)
def test_an_approval_for_less_is_told_apart(
    authorized: int, state: PaymentState, *, partial: bool
) -> None:
    record = starting()
    settled = Settled(ending=Ending.DONE, payment=payment(state, authorized))
    assert partial is is_partial(record, record.entries[0], settled)
    record.was_reset = True
    assert is_partial(record, record.entries[0], settled) is False


@pytest.mark.parametrize("state", [PaymentState.RELEASED, PaymentState.EXPIRED])
@pytest.mark.parametrize(
    ("authorized", "captured", "given_back"),
    [(99_99, 0, True), (99_99, 1, False), (HELD, 0, False), (0, 0, False)],
)
def test_what_an_earlier_run_has_given_back_is_told_apart(
    state: PaymentState, authorized: int, captured: int, *, given_back: bool
) -> None:
    record = starting()
    shown = payment(state, authorized, captured)
    settled = Settled(ending=Ending.DONE, payment=shown)
    entry = record.entries[0]
    assert was_given_back(record, entry, settled) is False
    found = settled.model_copy(update={"found": True})
    assert was_given_back(record, entry, found) is given_back
    record.was_reset = True
    assert was_given_back(record, entry, settled) is given_back
    record.restored = True
    assert was_given_back(record, entry, settled) is False


@pytest.mark.parametrize(
    "shown",
    [payment(PaymentState.CAPTURED, captured=HELD), payment(authorized=120_00)],
)
def test_an_authorization_that_shows_more_than_was_asked_is_remembered(shown: object) -> None:
    record = starting()
    settled = Settled.model_validate({"ending": Ending.DONE, "payment": shown})
    settle(record, record.entries[0], settled, NOW)
    assert (S.AUTHORIZED, shown) == (record.life.state, record.external)


# Adjust.


def test_an_adjust_changes_the_total() -> None:
    record = held()
    done(record, begin(record, RAISE)[0])
    assert (record.life.state, money(record)) == (S.AUTHORIZED, (150_00, 0, 0, 0, 150_00))


@pytest.mark.parametrize("ending", [Ending.DECLINED, Ending.NOT_DONE, Ending.ABSENT])
def test_an_adjust_that_was_not_made_leaves_all_as_it_was(ending: Ending) -> None:
    record = held()
    entry = ended(record, RAISE, ending)
    assert (record.life.state, money(record)) == (S.AUTHORIZED, (HELD, 0, 0, 0, HELD))
    assert record.attention is None
    assert entry.is_decided
    assert entry.state is not OperationState.DONE


def test_an_adjust_that_a_release_has_overtaken_moves_no_state_any_more() -> None:
    record = held()
    [adjusting] = begin(record, RAISE)
    adjusting.state = OperationState.UNKNOWN
    [releasing] = begin(record, RELEASE)
    settle(record, releasing, Settled(ending=Ending.DECLINED), NOW)
    assert S.AUTHORIZED is record.life.state

    done(record, adjusting)

    assert (record.life.state, record.ledger.remaining_minor) == (S.AUTHORIZED, 150_00)


def test_an_adjust_below_what_was_captured_meanwhile_is_told_and_owes_nothing() -> None:
    record = held()
    [adjusting] = begin(record, Adjust.model_validate({"amount": "60.00 USD"}))
    adjusting.state = OperationState.UNKNOWN
    [capturing] = begin(record, PART)
    capturing.amount = usd(80_00)
    done(record, capturing)

    shown = payment(authorized=60_00)
    done(record, adjusting, shown)

    assert (record.life.state, money(record)) == (S.CAPTURED, (80_00, 80_00, 0, 0, 0))
    assert record.has_attention(A.EXTERNAL_CHANGE)
    assert record.external == shown


def test_a_hold_can_lapse_while_an_adjust_is_unknown() -> None:
    record = held()
    [entry] = begin(record, RAISE)
    entry.state = OperationState.UNKNOWN
    lapse(record)
    assert (record.life.state, money(record)) == (S.EXPIRED, (HELD, 0, 0, HELD, 0))


def test_an_adjust_that_an_earlier_run_went_beyond_is_done_and_its_figures_are_kept() -> None:
    record = held()
    record.was_reset = True
    shown = payment(authorized=200_00)
    entry = ended(record, RAISE, Ending.CHANGED, payment=shown)
    assert (OperationState.DONE, shown) == (entry.state, record.external)

    adopt(record, shown)

    assert money(record) == (200_00, 0, 0, 0, 200_00)


def test_after_an_adjust_it_is_the_new_figures_that_are_acknowledged() -> None:
    record = held()
    note_external(record, payment(authorized=80_00), NOW)
    done(record, begin(record, RAISE)[0], payment(authorized=150_00))
    assert record.has_attention(A.EXTERNAL_CHANGE)
    assert record.external is not None

    adopt(record, record.external)

    assert money(record) == (150_00, 0, 0, 0, 150_00)


# Capture and release.


@pytest.mark.parametrize(("frees", "released"), [(True, 60_00), (False, 0)])
def test_a_last_capture_frees_the_rest_where_the_gateway_does(
    released: int, *, frees: bool
) -> None:
    record = held(EVERYTHING.model_copy(update={"frees_rest": frees}))
    done(record, begin(record, Capture.model_validate({"amount": "40.00 USD"}))[0])
    assert (HELD, 40_00, released, 0, 60_00 - released) == money(record)
    assert (S.CAPTURED if frees else S.PARTIALLY_CAPTURED) is record.life.state


def test_a_part_taken_leaves_the_rest_held_even_where_the_last_capture_frees() -> None:
    record = held(EVERYTHING.model_copy(update={"frees_rest": True}))
    done(record, begin(record, PART)[0])
    assert (record.life.state, record.ledger.remaining_minor) == (S.PARTIALLY_CAPTURED, 60_00)


@pytest.mark.parametrize(("shows", "captured"), [(True, 40_00), (False, 80_00)])
def test_a_capture_found_by_its_name_is_counted_once_where_its_money_was_taken_over(
    captured: int, *, shows: bool
) -> None:
    record = partly_captured(40_00)
    record.capabilities = EVERYTHING.model_copy(update={"shows_later": shows})
    found = payment(captured=40_00, said=Said.DONE)
    entry = ended(record, PART, Ending.DONE, payment=found)
    assert (entry.state, record.ledger.captured_minor) == (OperationState.DONE, captured)
    assert record.life.state is S.PARTIALLY_CAPTURED


def test_what_is_taken_beside_a_capture_that_is_found_by_its_name_is_not_forgotten() -> None:
    record = held()
    found = payment(captured=65_00, said=Said.DONE)
    ended(record, PART, Ending.DONE, payment=found)
    assert (record.ledger.captured_minor, record.external) == (40_00, found)
    assert record.has_attention(A.EXTERNAL_CHANGE)
    ended(record, Capture.model_validate({"amount": "25.00 USD"}), Ending.DONE, payment=found)
    assert (record.ledger.captured_minor, record.external) == (65_00, None)


def test_releasing_the_rest_ends_as_captured() -> None:
    record = partly_captured(40_00)
    done(record, begin(record, RELEASE)[0])
    assert (record.life.state, money(record)) == (S.CAPTURED, (HELD, 40_00, 60_00, 0, 0))


def test_releasing_all_ends_as_released() -> None:
    record = held()
    done(record, begin(record, RELEASE)[0])
    assert (record.life.state, money(record)) == (S.RELEASED, (HELD, 0, HELD, 0, 0))


@pytest.mark.parametrize("ending", [Ending.DECLINED, Ending.NOT_DONE])
@pytest.mark.parametrize(
    ("command", "reason"), [(CAPTURE, A.CAPTURE_REFUSED), (RELEASE, A.RELEASE_REFUSED)]
)
@pytest.mark.parametrize(("taken", "state"), [(0, S.AUTHORIZED), (40_00, S.PARTIALLY_CAPTURED)])
def test_a_refusal_moves_nothing_and_a_person_is_told(
    ending: Ending, command: Command, reason: AttentionReason, taken: int, state: HoldState
) -> None:
    record = partly_captured(taken) if taken else held()
    before = money(record)
    entry = ended(record, command, ending)
    assert (state, before) == (record.life.state, money(record))
    assert record.attention is not None
    assert (reason, entry.operation_id, LATER) == (
        record.attention.reason,
        record.attention.operation_id,
        record.attention.since,
    )
    again = LATER + timedelta(hours=1) if reason is A.RELEASE_REFUSED else None
    assert again == record.release_again_at


def test_a_capture_ends_the_attention_that_an_earlier_refusal_raised() -> None:
    record = held()
    ended(record, CAPTURE, Ending.DECLINED)
    done(record, begin(record, PART)[0])
    assert record.attention is None


@pytest.mark.parametrize("command", [CAPTURE, RELEASE])
@pytest.mark.parametrize(("taken", "state"), [(0, S.EXPIRED), (40_00, S.CAPTURED)])
def test_a_refusal_that_shows_a_lapsed_hold_ends_it(
    command: Command, taken: int, state: HoldState
) -> None:
    record = partly_captured(taken) if taken else held()
    ended(record, command, Ending.CHANGED, payment=payment(PaymentState.EXPIRED, captured=taken))
    assert (state, (HELD, taken, 0, HELD - taken, 0)) == (record.life.state, money(record))


@pytest.mark.parametrize("command", [RAISE, CAPTURE, RELEASE])
def test_what_somebody_else_did_is_told_and_nothing_is_assumed(command: Command) -> None:
    record = held()
    shown = payment(PaymentState.CAPTURED, captured=70_00)
    ended(record, command, Ending.CHANGED, payment=shown)
    assert (record.life.state, money(record)) == (S.AUTHORIZED, (HELD, 0, 0, 0, HELD))
    assert record.attention is not None
    assert (A.EXTERNAL_CHANGE, shown) == (record.attention.reason, record.external)
    assert "100.00 USD held, 70.00 USD taken" in str(record.attention.detail)


@pytest.mark.parametrize("name", ["deadline", "deadline~2"])
def test_a_deadline_capture_that_a_person_says_was_never_made_is_still_to_be_made(
    name: str,
) -> None:
    record = held(on_deadline="capture")
    record.deadline_capture_tried = True
    ended(record, Capture.model_construct(command_id=name), Ending.ABSENT)
    assert record.deadline_capture_tried is False
    assert record.attention is None


@pytest.mark.parametrize("ending", [Ending.DECLINED, Ending.NOT_DONE])
def test_a_deadline_capture_that_was_refused_is_not_tried_again(ending: Ending) -> None:
    record = held(on_deadline="capture")
    record.deadline_capture_tried = True
    ended(record, Capture(command_id="deadline"), ending)
    assert record.deadline_capture_tried is True


def test_somebodys_own_capture_does_not_bring_the_deadlines_back() -> None:
    record = held(on_deadline="capture")
    record.deadline_capture_tried = True
    ended(record, Capture(command_id="checkout"), Ending.ABSENT)
    assert record.deadline_capture_tried is True


def test_a_decided_operation_ends_the_attention_of_its_unknown_outcome() -> None:
    record = held()
    [entry] = begin(record, CAPTURE)
    entry.state = OperationState.UNKNOWN
    record.raise_attention(A.OUTCOME_UNKNOWN, NOW, "not looked up so far", entry)
    done(record, entry, payment(PaymentState.CAPTURED, captured=HELD))
    assert (record.attention, record.life.state) == (None, S.CAPTURED)


def test_of_two_unknown_outcomes_the_attention_stays_until_the_last() -> None:
    record = held()
    [adjusting] = begin(record, RAISE)
    send(record, record.add(Entry(
        number=0, kind=OperationKind.RELEASE, command_id="deadline", amount=usd(HELD), final=True,
        requested_at=NOW,
    )))  # fmt: skip
    releasing = record.entries[-1]
    adjusting.state = releasing.state = OperationState.UNKNOWN
    record.raise_attention(A.OUTCOME_UNKNOWN, NOW, "not looked up so far", adjusting)
    done(record, releasing)
    assert record.has_attention(A.OUTCOME_UNKNOWN)


# What a person acknowledges.


@pytest.mark.parametrize("taken_before", [0, 40_00])
@pytest.mark.parametrize(
    ("shown", "state", "figures"),
    [
        (payment(authorized=80_00), S.AUTHORIZED, (80_00, 0, 0, 0, 80_00)),
        (payment(captured=30_00), S.PARTIALLY_CAPTURED, (HELD, 30_00, 0, 0, 70_00)),
        (payment(captured=HELD), S.CAPTURED, (HELD, HELD, 0, 0, 0)),
        (payment(captured=130_00), S.CAPTURED, (130_00, 130_00, 0, 0, 0)),
        (
            payment(PaymentState.CAPTURED, captured=70_00),
            S.CAPTURED,
            (HELD, 70_00, 30_00, 0, 0),
        ),
        (payment(PaymentState.RELEASED), S.RELEASED, (HELD, 0, HELD, 0, 0)),
        (payment(PaymentState.DECLINED), S.RELEASED, (HELD, 0, HELD, 0, 0)),
        (payment(PaymentState.EXPIRED), S.EXPIRED, (HELD, 0, 0, HELD, 0)),
        (
            payment(PaymentState.EXPIRED, captured=30_00),
            S.CAPTURED,
            (HELD, 30_00, 0, 70_00, 0),
        ),
    ],
)
def test_the_gateways_figures_become_ours(
    shown: object, state: HoldState, figures: tuple[int, ...], taken_before: int
) -> None:
    record = partly_captured(taken_before) if taken_before else held()
    settled = Settled.model_validate({"ending": Ending.CHANGED, "payment": shown})
    assert settled.payment is not None
    note_external(record, settled.payment, NOW)

    adopt(record, settled.payment)

    assert (state, figures) == (record.life.state, money(record))
    assert (record.external, record.attention) == (None, None)


def test_a_capture_from_outside_counts_as_one() -> None:
    record = held()
    adopt(record, payment(captured=30_00))
    assert record.ledger.captures == 1


def test_what_a_person_adopts_is_what_the_gateway_showed_last() -> None:
    record = held()
    note_external(record, payment(captured=10_00), NOW)
    [entry] = begin(record, PART)
    done(record, entry, payment(captured=50_00))
    assert record.external is not None
    adopt(record, record.external)

    assert money(record) == (HELD, 50_00, 0, 0, 50_00)
    assert record.life.state is S.PARTIALLY_CAPTURED

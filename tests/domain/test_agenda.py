"""What happens if nobody intervenes: the plan in each state, and which step is the next.

Steps are compared as (kind, hour after the hold was placed, amount): a list of those is the whole
plan.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from cardhold.hold import FINAL_STATES, HoldState, OperationState, StepKind
from cardhold.messages import Adjust, Capture, OnDeadline, Release
from domain.agenda import agenda, deadline_amount, next_step
from domain.calls import Ending, Settled
from domain.outcome import PaymentState
from domain.record import Record
from domain.settlement import note_external, plan_left_a_rest, settle
from tests.domain.records import (
    HELD,
    NOW,
    begin,
    declined,
    done,
    held,
    in_state,
    partly_captured,
    payment,
    starting,
    usd,
)

K = StepKind
WEEK = 7 * 24.0
Line = tuple[StepKind, float, int | None]


def hours(moment: float) -> timedelta:
    return timedelta(hours=moment)


def plan(record: Record, at: float = 0) -> list[Line]:
    return [
        (step.kind, (step.at - NOW) / hours(1), step.amount.amount_minor if step.amount else None)
        for step in agenda(record, NOW + hours(at))
    ]


def due(record: Record, at: float) -> Line | None:
    step = next_step(record, NOW + hours(at))
    if step is None:
        return None
    return step.kind, (step.at - NOW) / hours(1), step.amount.amount_minor if step.amount else None


# A week's hold: the margin is 12 hours, the warning a day earlier, processing takes two minutes.
WARNED, DEADLINE, GIVEN_UP, GONE = WEEK - 36, WEEK - 12, WEEK - 6, WEEK + 1 / 30
REST: list[Line] = [
    (K.WARN, WARNED, None),
    (K.RELEASE, DEADLINE, HELD),
    (K.LOOK_UP, GONE, None),
]


def refuse_capture(record: Record, command_id: str = "deadline") -> None:
    record.deadline_capture_tried = True
    [entry] = begin(record, Capture(command_id=command_id))
    settle(record, entry, Settled(ending=Ending.DECLINED, detail="lost card"), NOW)


def test_a_hold_is_released_at_its_deadline_unless_somebody_says_otherwise() -> None:
    assert plan(held()) == REST


def test_a_plan_to_capture_takes_all_that_is_held() -> None:
    record = held(on_deadline="capture")
    assert [REST[0], (K.CAPTURE, DEADLINE, HELD), REST[2]] == plan(record)


def test_a_plan_with_an_amount_takes_that_much_and_frees_the_rest() -> None:
    record = held(on_deadline="capture", deadline_amount="30.00 USD")
    assert [
        REST[0],
        (K.CAPTURE, DEADLINE, 30_00),
        (K.RELEASE, DEADLINE, 70_00),
        REST[2],
    ] == plan(record)
    record.warned = True
    assert due(record, DEADLINE) == (K.CAPTURE, DEADLINE, 30_00)


@pytest.mark.parametrize(("rest_is_due", "at"), [(True, DEADLINE), (False, GIVEN_UP)])
def test_what_the_deadline_has_left_waits_for_no_hour_once_its_capture_is_done(
    *, rest_is_due: bool, at: float
) -> None:
    record = held(on_deadline="capture", deadline_amount="30.00 USD")
    assert not plan_left_a_rest(record)
    record.deadline_capture_tried = True
    [entry] = begin(record, Capture.model_validate({"amount": "30.00 USD", "final": False}))
    entry.command_id = "deadline"
    assert not plan_left_a_rest(record)
    done(record, entry)
    assert plan_left_a_rest(record)
    record.rest_is_due = rest_is_due
    assert (K.RELEASE, at, 70_00) in plan(record)


@pytest.mark.parametrize(("own", "taken"), [(59_99, 59_99), (60_00, 60_00), (80_00, 60_00)])
def test_what_the_deadline_captures_is_capped_at_what_remains(own: int, taken: int) -> None:
    record = partly_captured(40_00)
    record.plan.on_deadline = OnDeadline.CAPTURE
    record.plan.deadline_amount = usd(own)
    assert usd(taken) == deadline_amount(record)


@pytest.mark.parametrize(("total", "taken"), [(60_00, 60_00), (150_00, HELD)])
def test_while_an_adjust_is_unknown_the_deadline_captures_the_lower_total(
    total: int, taken: int
) -> None:
    record = held(on_deadline="capture")
    [entry] = begin(record, Adjust.model_validate({"amount": usd(total).model_dump()}))
    entry.state = OperationState.UNKNOWN
    assert usd(taken) == deadline_amount(record)
    assert (K.CAPTURE, DEADLINE, taken) in plan(record)


def test_a_callers_own_deadline_comes_without_a_warning() -> None:
    record = held(settle_by=NOW + hours(5))
    assert [(K.RELEASE, 5, HELD), REST[2]] == plan(record)


def test_who_was_warned_is_not_warned_again() -> None:
    record = held()
    record.warned = True
    assert REST[1:] == plan(record)


def test_a_refused_deadline_capture_is_given_up_when_half_the_margin_is_left() -> None:
    record = held(on_deadline="capture")
    refuse_capture(record)
    assert [REST[0], (K.RELEASE, GIVEN_UP, HELD), REST[2]] == plan(record)
    record.warned = True
    assert due(record, DEADLINE) == (K.RELEASE, GIVEN_UP, HELD)


def test_a_refused_release_is_tried_an_hour_later_and_so_is_the_look_after_the_expiry() -> None:
    record = held()
    record.warned = True
    [entry] = begin(record, Release(), NOW + hours(WEEK - 0.5))
    refused = Settled(ending=Ending.NOT_DONE, detail="terminal closed")
    settle(record, entry, refused, NOW + hours(WEEK - 0.5))
    assert plan(record) == [(K.RELEASE, WEEK + 0.5, HELD), (K.LOOK_UP, WEEK + 0.5, None)]


def test_after_a_refused_release_the_deadline_captures_nothing() -> None:
    record = held(on_deadline="capture")
    [entry] = begin(record, Release())
    settle(record, entry, Settled(ending=Ending.NOT_DONE, detail="terminal closed"), NOW)
    assert (K.RELEASE, 1, HELD) in plan(record)
    assert K.CAPTURE not in {kind for kind, _, _ in plan(record)}


def test_a_plan_changed_to_release_after_a_refused_capture_acts_at_the_deadline() -> None:
    record = held(on_deadline="capture")
    refuse_capture(record)
    record.plan.on_deadline = OnDeadline.RELEASE
    assert plan(record) == REST


def test_a_part_captured_leaves_the_rest_to_the_deadline() -> None:
    record = partly_captured(40_00)
    assert [REST[0], (K.RELEASE, DEADLINE, 60_00), REST[2]] == plan(record)


def test_after_a_decline_another_card_may_be_given_for_half_an_hour() -> None:
    assert plan(declined()) == [(K.GIVE_UP, 0.5, None)]


def test_an_authorization_under_way_has_no_hour_of_its_own() -> None:
    assert plan(starting()) == []


@pytest.mark.parametrize("state", sorted(FINAL_STATES))
def test_after_the_end_nothing_is_ahead(state: HoldState) -> None:
    record = in_state(state)
    assert plan(record) == []
    assert due(record, WEEK + 1) is None


@pytest.mark.parametrize("state", [HoldState.ADJUSTING, HoldState.CAPTURING, HoldState.RELEASING])
def test_while_something_is_under_way_the_deadline_stands_and_nobody_is_warned(
    state: HoldState,
) -> None:
    assert REST[1:] == plan(in_state(state))


def test_an_unknown_outcome_is_looked_up_now_and_the_deadline_stands() -> None:
    record = held()
    [entry] = begin(record, Capture())
    entry.state = OperationState.UNKNOWN
    assert [(K.LOOK_UP, 3, None), *REST[1:]] == plan(record, at=3)


def test_an_unknown_authorization_is_looked_up_and_nothing_else() -> None:
    record = starting()
    record.entries[0].state = OperationState.UNKNOWN
    assert plan(record, at=1) == [(K.LOOK_UP, 1, None)]
    assert due(record, 1) is None


def test_what_the_gateway_has_settled_by_itself_has_no_plan() -> None:
    record = held()
    note_external(record, payment(PaymentState.CAPTURED, captured=HELD), NOW)
    assert plan(record) == []


def test_a_hold_that_somebody_only_changed_keeps_its_plan() -> None:
    record = held()
    note_external(record, payment(authorized=80_00), NOW)
    assert plan(record) == REST


@pytest.mark.parametrize("at", [0, WARNED, DEADLINE, WEEK - 0.001])
def test_until_the_expiry_the_soonest_step_is_the_next(at: float) -> None:
    assert REST[0] == due(held(), at)


@pytest.mark.parametrize("at", [WEEK, GONE, WEEK + 1000])
@pytest.mark.parametrize("tried", [False, True])
def test_a_hold_that_has_lapsed_is_only_looked_at(at: float, *, tried: bool) -> None:
    record = held(on_deadline="capture")
    record.deadline_capture_tried = tried
    assert REST[2] == due(record, at)


def test_every_step_says_why() -> None:
    record = held(on_deadline="capture", deadline_amount="30.00 USD")
    why = [step.why for step in agenda(record, NOW)]
    assert why == [
        "the hold lapses at 2026-03-08 12:00 UTC",
        "before the hold lapses",
        "what the deadline does not capture is freed",
        "a hold that has lapsed is gone at the gateway by then; one that is not is released",
    ]

"""From an instruction to operations: what is sent, and every refusal by type and field.

What an account can do is switched off one capability at a time. A refused instruction leaves the
record as it was.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cardhold.hold import FINAL_STATES, HoldState, OperationKind
from cardhold.messages import Adjust, Authorize, Capture, Instruction, Release, Reschedule
from cardhold.names import ErrorType
from domain.capabilities import Capabilities
from domain.planner import Problem, check, judge, operations, reschedule
from domain.record import Entry, Record
from tests.domain.records import (
    EVERYTHING,
    HELD,
    NOW,
    asked,
    declined,
    held,
    in_state,
    partly_captured,
    usd,
)

S, T = HoldState, ErrorType
CARD = {"kind": "stored_token", "token": "2967530000000011"}
AUTHORIZE = Authorize.model_validate({"payment_method": CARD})
ADJUST = Adjust.model_validate({"amount": "150.00 USD"})
CAPTURE, RELEASE = Capture(), Release()
COMMANDS: dict[str, Instruction] = {
    "authorize": AUTHORIZE, "adjust": ADJUST, "capture": CAPTURE, "release": RELEASE,
}  # fmt: skip
# The contract's table, of the states that an instruction's turn can come in.
ALLOWED: dict[HoldState, set[str]] = {
    S.ACTION_REQUIRED: {"release"},
    S.DECLINED: {"authorize", "release"},
    S.AUTHORIZED: {"adjust", "capture", "release"},
    S.PARTIALLY_CAPTURED: {"capture", "release"},
}
TURNS = [(state, name) for state in ALLOWED for name in COMMANDS]


def adjust(**fields: Any) -> Adjust:
    return Adjust.model_validate(fields)


def capture(**fields: Any) -> Capture:
    return Capture.model_validate(fields)


def refused(record: Record, command: Instruction) -> Problem:
    before = repr(record.hold())
    with pytest.raises(Problem) as problem:
        operations(record, asked(command))
    assert before == repr(record.hold())
    return problem.value


def shown(entries: tuple[Entry, ...]) -> list[tuple[OperationKind, int, bool]]:
    return [(entry.kind, entry.amount.amount_minor, entry.final) for entry in entries]


def without(**capabilities: Any) -> Record:
    return held(EVERYTHING.model_copy(update=capabilities))


# By state.


@pytest.mark.parametrize(("state", "name"), TURNS)
def test_a_turn_is_taken_or_refused_as_the_contract_says(state: HoldState, name: str) -> None:
    record = in_state(state)
    if name in ALLOWED[state]:
        judge(record, COMMANDS[name])
        return
    problem = refused(record, COMMANDS[name])
    assert (problem.type, problem.field) == (T.ILLEGAL_MOVE, None)
    assert problem.message == f"{name} is not possible while the hold is {state}"


@pytest.mark.parametrize("state", sorted(FINAL_STATES))
@pytest.mark.parametrize("name", COMMANDS)
def test_after_the_end_everything_comes_too_late(state: HoldState, name: str) -> None:
    problem = refused(in_state(state), COMMANDS[name])
    assert problem.type == T.CLOSED
    assert state in problem.message


# What is sent.


def test_another_card_is_asked_for_the_amount_that_was_wanted() -> None:
    [entry] = operations(declined(), asked(AUTHORIZE))
    assert shown((entry,)) == [(OperationKind.AUTHORIZE, HELD, True)]
    assert AUTHORIZE.payment_method == entry.payment_method


@pytest.mark.parametrize(
    ("command", "total"),
    [
        (adjust(amount="150.00 USD"), 150_00),
        (adjust(amount="0.01 USD"), 1),
        (adjust(amount="100.00 USD"), HELD),
        (adjust(by="+50.00 USD"), 150_00),
        (adjust(by="-99.99 USD"), 1),
        (adjust(by={"amount_minor": -1, "currency": "USD"}), 99_99),
        (adjust(by={"amount_minor": 10**12 - HELD, "currency": "USD"}), 10**12),
    ],
)
def test_an_adjust_sends_the_new_total(command: Adjust, total: int) -> None:
    assert [(OperationKind.ADJUST, total, True)] == shown(operations(held(), asked(command)))


def test_a_difference_is_taken_from_what_is_held_when_its_turn_comes() -> None:
    record = held()
    record.ledger.authorize(130_00)
    [entry] = operations(record, asked(adjust(by="+50.00 USD")))
    assert usd(180_00) == entry.amount


@pytest.mark.parametrize(
    ("command", "sent"),
    [
        (capture(), [(OperationKind.CAPTURE, HELD, True)]),
        (capture(final=False), [(OperationKind.CAPTURE, HELD, True)]),
        (capture(amount="80.00 USD"), [(OperationKind.CAPTURE, 80_00, True)]),
        (capture(amount="80.00 USD", final=False), [(OperationKind.CAPTURE, 80_00, False)]),
        (capture(amount="100.00 USD", final=False), [(OperationKind.CAPTURE, HELD, True)]),
        (
            capture(amount="100.01 USD"),
            [(OperationKind.ADJUST, 100_01, True), (OperationKind.CAPTURE, 100_01, True)],
        ),
    ],
)
def test_a_capture_takes_its_amount_and_raises_the_hold_first_where_it_must(
    command: Capture, sent: list[tuple[OperationKind, int, bool]]
) -> None:
    assert sent == shown(operations(held(), asked(command)))


def test_a_second_capture_takes_what_is_left() -> None:
    assert shown(operations(partly_captured(40_00), asked(CAPTURE))) == [
        (OperationKind.CAPTURE, 60_00, True)
    ]


def test_a_release_frees_what_is_left() -> None:
    assert shown(operations(partly_captured(40_00), asked(RELEASE))) == [
        (OperationKind.RELEASE, 60_00, True)
    ]


def test_a_release_after_a_decline_sends_nothing() -> None:
    assert operations(declined(), asked(RELEASE)) == ()


def test_an_operation_remembers_who_asked_for_it_and_why() -> None:
    command = capture(command_id="checkout", operator="desk", reason="dinner")
    [entry] = operations(held(), asked(command, NOW + timedelta(hours=1)))
    assert ("checkout", "desk", "dinner", NOW + timedelta(hours=1)) == (
        entry.command_id,
        entry.operator,
        entry.reason,
        entry.requested_at,
    )


# What the account cannot do.


@pytest.mark.parametrize(
    ("lacks", "command", "field"),
    [
        ({"raises": False}, adjust(amount="100.01 USD"), "amount"),
        ({"raises": False}, adjust(by="+0.01 USD"), "amount"),
        ({"raises": False}, capture(amount="100.01 USD"), "amount"),
        ({"lowers": False}, adjust(amount="99.99 USD"), "amount"),
        ({"lowers": False}, adjust(by="-0.01 USD"), "amount"),
        ({"captures_max": 1}, capture(amount="99.99 USD", final=False), "final"),
    ],
)
def test_what_an_account_cannot_do_is_refused_and_told_of_its_field(
    lacks: dict[str, Any], command: Instruction, field: str
) -> None:
    problem = refused(without(**lacks), command)
    assert (T.NOT_SUPPORTED, field) == (problem.type, problem.field)
    assert "'payroc'" in problem.message


@pytest.mark.parametrize(
    ("lacks", "command"),
    [
        ({"raises": False}, adjust(amount="99.99 USD")),
        ({"raises": False}, adjust(amount="100.00 USD")),
        ({"raises": False, "lowers": False}, capture(amount="100.00 USD")),
        ({"raises": False, "lowers": False}, capture(amount="0.01 USD")),
        ({"lowers": False}, adjust(amount="100.01 USD")),
        ({"captures_max": 1}, capture(amount="80.00 USD")),
        ({"captures_max": 1}, capture(amount="100.00 USD", final=False)),
        ({"captures_max": 2}, capture(amount="80.00 USD", final=False)),
    ],
)
def test_what_an_account_lacks_hinders_nothing_else(
    lacks: dict[str, Any], command: Instruction
) -> None:
    assert operations(without(**lacks), asked(command))


def test_the_last_capture_that_an_account_takes_has_to_be_final() -> None:
    record = partly_captured(40_00)
    record.capabilities = Capabilities(captures_max=2)
    problem = refused(record, capture(amount="10.00 USD", final=False))
    assert (problem.type, problem.field) == (T.NOT_SUPPORTED, "final")
    assert operations(record, asked(capture(amount="10.00 USD")))


# What is wrong whatever the account.


def test_a_hold_with_a_part_captured_cannot_be_raised_any_more() -> None:
    problem = refused(partly_captured(40_00), capture(amount="60.01 USD"))
    assert (problem.type, problem.field) == (T.ILLEGAL_MOVE, "amount")
    assert "only 60.00 USD is still held" in problem.message


@pytest.mark.parametrize("by", [-HELD, -HELD - 1, 10**12 - HELD + 1])
def test_a_difference_has_to_leave_an_amount(by: int) -> None:
    problem = refused(held(), adjust(by={"amount_minor": by, "currency": "USD"}))
    assert (problem.type, problem.field) == (T.INVALID_REQUEST, "by")
    assert "100.00 USD is held" in problem.message


def test_where_the_deadline_has_an_amount_of_its_own_a_capture_has_to_say_its_own() -> None:
    record = held(on_deadline="capture", deadline_amount="30.00 USD")
    problem = refused(record, CAPTURE)
    assert (problem.type, problem.field) == (T.INVALID_REQUEST, "amount")
    assert operations(record, asked(capture(amount="100.00 USD")))


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (adjust(amount="150.00 EUR"), "amount.currency"),
        (adjust(by="+50.00 EUR"), "by.currency"),
        (capture(amount="80.00 EUR"), "amount.currency"),
    ],
)
@pytest.mark.parametrize("state", HoldState)
def test_another_currency_is_wrong_in_any_state(
    command: Instruction, field: str, state: HoldState
) -> None:
    with pytest.raises(Problem) as problem:
        check(in_state(state), command)
    assert (T.INVALID_REQUEST, field) == (problem.value.type, problem.value.field)
    assert "USD" in problem.value.message


@pytest.mark.parametrize("command", [AUTHORIZE, ADJUST, adjust(by="-1.00 USD"), CAPTURE, RELEASE])
def test_what_is_right_in_itself_passes_the_first_look(command: Instruction) -> None:
    check(held(), command)


# A new plan.


def plan_of(record: Record) -> tuple[object, ...]:
    plan = record.plan
    return plan.settle_by, plan.on_deadline, plan.deadline_amount, record.terms


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"settle_by": NOW}, "settle_by"),
        ({"settle_by": NOW - timedelta(days=1), "on_deadline": "capture"}, "settle_by"),
        ({"deadline_amount": "30.00 USD"}, "deadline_amount"),
        ({"on_deadline": "capture", "deadline_amount": "30.00 EUR"}, "deadline_amount.currency"),
    ],
)
def test_a_new_plan_that_is_wrong_changes_nothing(fields: dict[str, Any], field: str) -> None:
    record = held()
    before = plan_of(record)
    with pytest.raises(Problem) as problem:
        reschedule(record, Reschedule.model_validate(fields), NOW)
    assert (T.INVALID_REQUEST, field) == (problem.value.type, problem.value.field)
    assert before == plan_of(record)


def test_what_a_new_plan_leaves_out_stays() -> None:
    record = held(on_deadline="capture", deadline_amount="30.00 USD")
    sooner = NOW + timedelta(hours=1)
    reschedule(record, Reschedule(settle_by=sooner), NOW)
    assert (sooner, "capture", usd(30_00)) == (
        record.plan.settle_by,
        record.plan.on_deadline,
        record.plan.deadline_amount and record.plan.deadline_amount.plain(),
    )
    assert record.terms is not None
    assert sooner == record.terms.deadline


def test_a_plan_to_release_keeps_no_amount_for_later() -> None:
    record = held(on_deadline="capture", deadline_amount="30.00 USD")
    reschedule(record, Reschedule.model_validate({"on_deadline": "release"}), NOW)
    reschedule(record, Reschedule.model_validate({"on_deadline": "capture"}), NOW)
    assert record.plan.deadline_amount is None


def test_a_plan_may_be_changed_before_there_is_a_hold() -> None:
    record = declined()
    reschedule(record, Reschedule(settle_by=NOW + timedelta(hours=1)), NOW)
    assert (NOW + timedelta(hours=1), None) == (record.plan.settle_by, record.terms)

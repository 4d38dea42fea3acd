"""3-D Secure: what the guest's turn does to a hold, completed, left, called off, or too late.

Each test settles operations on a record made by legal moves, as `tests.domain.test_settlement`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from cardhold.hold import Action, AttentionReason, HoldState, OperationState, StepKind
from cardhold.messages import Adjust, Authorize, Capture, Instruction, Release
from cardhold.names import ErrorType
from domain.agenda import agenda
from domain.calls import Ending, Settled
from domain.outcome import Payment, PaymentState
from domain.planner import Problem, operations
from domain.record import RELEASE_EVERY, Entry, Record
from domain.settlement import settle
from tests.domain.records import HELD, NOW, asked, begin, payment, starting, usd

PAGE = Action(action_id="3ds-1", url="https://bank.example/3ds/1")
LATER = NOW + timedelta(minutes=3)


def at_the_guest(page: Action = PAGE, **fields: Any) -> Record:
    """A reservation whose guest has been asked to identify themselves."""
    record = starting(**fields)
    end(record, Ending.ACTION_REQUIRED, payment(PaymentState.ACTION_REQUIRED, 0, action=page), NOW)
    return record


def end(record: Record, ending: Ending, shown: Payment | None = None, at: datetime = LATER) -> None:
    settled = Settled(ending=ending, payment=shown, reference="REF")
    settle(record, record.entries[0], settled, at)


def called_off(record: Record, ending: Ending, shown: Payment | None) -> Entry:
    [entry] = begin(record, Release(), LATER)
    settle(record, entry, Settled(ending=ending, payment=shown, detail="no"), LATER)
    return entry


def test_nothing_is_held_and_the_hold_says_where_to_send_the_guest() -> None:
    hold = at_the_guest().hold()

    assert hold.state is HoldState.ACTION_REQUIRED
    assert hold.action is not None
    assert (hold.action.action_id, hold.action.url) == (PAGE.action_id, PAGE.url)
    assert (hold.authorized, hold.remaining, hold.in_doubt) == (usd(0), usd(0), usd(HELD))
    assert hold.operations[0].state is OperationState.SENT


@pytest.mark.parametrize(
    ("says", "settle_by", "minutes"), [(None, None, 15), (5, None, 5), (60, None, 15), (5, 2, 2)]
)
def test_the_guest_has_until_the_soonest_of_gateway_account_and_plan(
    says: int | None, settle_by: int | None, minutes: int
) -> None:
    ends_at = None if says is None else NOW + timedelta(minutes=says)
    plan = {} if settle_by is None else {"settle_by": NOW + timedelta(minutes=settle_by)}
    record = at_the_guest(PAGE.model_copy(update={"expires_at": ends_at}), **plan)
    [step] = agenda(record, NOW)

    assert record.action is not None
    assert record.action.expires_at == step.at == NOW + timedelta(minutes=minutes)
    assert (step.kind, step.amount) == (StepKind.RELEASE, usd(HELD))


@pytest.mark.parametrize(
    "command",
    [
        Adjust.model_validate({"amount": "150.00 USD"}),
        Capture(),
        Authorize.model_validate({"payment_method": {"kind": "stored_token", "token": "t"}}),
    ],
)
def test_nothing_else_can_be_asked_for_meanwhile(command: Instruction) -> None:
    with pytest.raises(Problem) as refused:
        operations(at_the_guest(), asked(command))
    assert refused.value.type is ErrorType.ILLEGAL_MOVE


@pytest.mark.parametrize(
    ("ending", "state", "remaining"),
    [(Ending.DONE, HoldState.AUTHORIZED, HELD), (Ending.DECLINED, HoldState.DECLINED, 0)],
)
def test_when_the_guest_is_back_the_authorization_is_decided(
    ending: Ending, state: HoldState, remaining: int
) -> None:
    record = at_the_guest()
    end(record, ending, payment())
    hold = record.hold()

    assert (hold.state, hold.action) == (state, None)
    assert (hold.remaining, hold.in_doubt) == (usd(remaining), usd(0))
    assert (hold.payment_id is None) is (state is HoldState.DECLINED)


def test_a_guest_who_has_not_done_it_is_still_awaited_and_no_longer_than_before() -> None:
    record = at_the_guest()
    before = record.hold()
    end(record, Ending.ACTION_REQUIRED, payment(PaymentState.ACTION_REQUIRED, 0))

    assert record.hold() == before


def test_an_attempt_that_is_called_off_is_abandoned() -> None:
    record = at_the_guest()
    entry = called_off(record, Ending.DONE, payment(PaymentState.DECLINED, 0))
    hold = record.hold()

    assert entry.amount == usd(HELD)
    assert (hold.state, hold.action, hold.authorized) == (HoldState.ABANDONED, None, usd(0))
    assert [operation.state for operation in hold.operations] == ["not_done", "done"]


def test_what_the_guest_passed_meanwhile_is_released_and_said_to_have_been_held() -> None:
    record = at_the_guest()
    called_off(record, Ending.DONE, payment(PaymentState.RELEASED))
    hold = record.hold()

    assert (hold.state, hold.authorized, hold.released) == (
        HoldState.RELEASED,
        usd(HELD),
        usd(HELD),
    )
    assert [operation.state for operation in hold.operations] == ["done", "done"]
    assert hold.in_doubt == usd(0)


def test_a_refusal_to_call_it_off_is_told_and_tried_hourly() -> None:
    record = at_the_guest()
    called_off(record, Ending.DECLINED, None)
    [step] = agenda(record, LATER)

    assert record.life.state is HoldState.ACTION_REQUIRED
    assert record.has_attention(AttentionReason.RELEASE_REFUSED)
    assert (step.kind, step.at) == (StepKind.RELEASE, LATER + RELEASE_EVERY)


@pytest.mark.parametrize(
    ("shown", "state"),
    [
        (payment(PaymentState.EXPIRED), HoldState.EXPIRED),
        (payment(PaymentState.OPEN, HELD, 40_00), HoldState.AUTHORIZED),
    ],
)
def test_what_became_of_it_by_another_hand_is_seen_when_it_is_called_off(
    shown: Payment, state: HoldState
) -> None:
    record = at_the_guest()
    called_off(record, Ending.CHANGED, shown)

    assert record.life.state is state
    assert record.ledger.authorized_minor == HELD
    assert record.has_attention(AttentionReason.EXTERNAL_CHANGE) is (state is HoldState.AUTHORIZED)


def test_a_persons_word_that_it_was_not_called_off_changes_nothing() -> None:
    record = at_the_guest()
    called_off(record, Ending.ABSENT, None)

    assert record.life.state is HoldState.ACTION_REQUIRED
    assert not record.has_attention(AttentionReason.RELEASE_REFUSED)


def test_past_its_time_a_refused_release_is_a_lapse_where_the_gateway_never_shows_one() -> None:
    record = starting(starting().capabilities.model_copy(update={"shows_expiry": False}))
    end(record, Ending.DONE, payment(), NOW)
    gone_by = record.gone_by()
    assert gone_by is not None
    [early] = begin(record, Release(), gone_by - timedelta(seconds=1))
    settle(record, early, Settled(ending=Ending.DECLINED), gone_by - timedelta(seconds=1))
    assert record.life.state is HoldState.AUTHORIZED

    [late] = begin(record, Release(), gone_by)
    settle(record, late, Settled(ending=Ending.DECLINED), gone_by)
    assert record.life.state is HoldState.EXPIRED
    assert record.ledger.expired_minor == HELD

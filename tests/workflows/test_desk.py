"""A person's word on an adjust: the new total, which cannot be below what was captured since."""

from __future__ import annotations

import pytest

from cardhold.hold import OperationState
from cardhold.messages import Adjust, Capture, Release, Resolve
from domain.calls import Ending, Settled
from domain.record import Record
from domain.settlement import settle
from tests.domain.records import NOW, begin, done, held
from workflows.desk import Desk
from workflows.inbox import Ask, Inbox

LESS = Adjust.model_validate({"amount": "60.00 USD"})
PART = Capture.model_validate({"amount": "60.00 USD", "final": False})


def overtaken() -> Record:
    """An adjust to 60 whose answer is lost, and since then 60 captured, and the rest not freed."""
    record = held()
    [adjusting] = begin(record, LESS)
    adjusting.state = OperationState.UNKNOWN
    done(record, begin(record, PART)[0])
    settle(record, begin(record, Release())[0], Settled(ending=Ending.DECLINED), NOW)
    return record


def says(record: Record, **word: str) -> Ask:
    """The answer to a person who says that the adjust was done."""
    fields = {"operation_id": "adjust/2", "outcome": "done", "reference": "P-1"}
    desk = {"operator": "desk", "reason": "the portal shows it", "command_id": "word"}
    ask = Ask(Resolve.model_validate({**fields, **desk, **word}), "word", NOW)
    inbox = Inbox()
    inbox.at_once.append(ask)
    desk_ = Desk(record, inbox)
    desk_.serve()
    adjusting = record.entries[1]
    settled = desk_.word_on(adjusting)
    if settled is not None:
        settle(record, adjusting, settled, NOW)
    return ask


def test_less_than_was_captured_is_refused_in_one_sentence() -> None:
    record = overtaken()
    problem = says(record, amount="40.00 USD").problem

    assert problem is not None
    assert (problem.type, problem.field) == ("InvalidRequest", "amount")
    assert problem.message == "amount must be the new total, at least what is captured, 60.00 USD"
    assert record.hold().remaining.amount_minor == 40_00


@pytest.mark.parametrize(("told", "left"), [({}, 0), ({"amount": "70.00 USD"}, 10_00)])
def test_the_total_that_they_name_is_the_hold(told: dict[str, str], left: int) -> None:
    record = overtaken()

    assert says(record, **told).problem is None
    assert record.hold().remaining.amount_minor == left

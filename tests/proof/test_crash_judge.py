"""The crash harness's judge, on books and notes made up here: it finds each wrong once it is there.

One reservation that went well is the ground; each test changes one thing in it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from cardhold.hold import Hold
from proof.crash.caller import ACCEPTED, ANSWERED, AUTHORIZED, CLOSED, Acknowledgement, Notes
from proof.crash.judge import (
    DISAGREE,
    DOUBLE,
    LOST,
    NOT_ENDED,
    OPEN,
    OTHERWISE,
    REFUSED,
    Findings,
    judge,
)
from proof.crash.plots import PLOTS, Stay

Row = dict[str, Any]
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DINNER = next(plot for plot in PLOTS if plot.name == "dinner")
STAY = Stay("R-1", "payroc", DINNER)


def usd(amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "USD"}


def effect(kind: str, amount_minor: int, key: str) -> dict[str, Any]:
    return {"kind": kind, "amount_minor": amount_minor, "key": key, "at": "2026-11-01T12:00:00Z"}


def book(**fields: Any) -> Row:
    effects = [
        effect("authorize", 120_00, "k1"), effect("adjust", 150_00, "k2"),
        effect("capture", 150_00, "k3"),
    ]  # fmt: skip
    return {
        "gateway": "payroc", "payment_id": "P-1", "reference": "REF-1", "state": "captured",
        "currency": "USD", "authorized_minor": 150_00, "captured_minor": 150_00,
        "released_minor": 0, "refunded_minor": 0, "effects": effects, **fields,
    }  # fmt: skip


def operation(kind: str, number: int, state: str = "done") -> dict[str, Any]:
    return {
        "operation_id": f"{kind}/{number}", "kind": kind, "command_id": f"{kind}-{number}",
        "amount": usd(150_00), "state": state, "requested_at": NOW,
    }  # fmt: skip


def hold(**fields: Any) -> Hold:
    none = usd(0)
    return Hold.model_validate(
        {
            "reservation_id": "R-1", "gateway": "payroc", "state": "captured",
            "authorized": usd(150_00), "captured": usd(150_00), "released": none, "expired": none,
            "remaining": none, "in_doubt": none, "payment_id": "P-1", "created_at": NOW,
            "authorized_at": NOW, "closed_at": NOW, "on_deadline": "release",
            "operations": [operation("adjust", 1), operation("capture", 2)], **fields,
        }
    )  # fmt: skip


def notes() -> Notes:
    told = [
        Acknowledgement(STAY, AUTHORIZED), Acknowledgement(STAY, ACCEPTED, "adjust-1"),
        Acknowledgement(STAY, ANSWERED, "capture-2"), Acknowledgement(STAY, CLOSED),
    ]  # fmt: skip
    return Notes(begun=[STAY], acknowledged=told, ended={"R-1": hold()})


def found(findings: Findings) -> set[str]:
    return {name for name, wrong in findings.wrong.items() if wrong}


def test_what_went_well_is_found_clean_and_every_figure_is_there() -> None:
    findings = judge([book()], notes(), {"R-1": hold()})
    assert findings.is_clean
    assert set(findings.wrong) == {DOUBLE, LOST, OTHERWISE, DISAGREE, OPEN, NOT_ENDED, REFUSED}


def twice_under_one_key(row: Row) -> list[Row]:
    row["effects"].append(effect("adjust", 150_00, "k2"))
    return [row]


def twice_under_two_keys(row: Row) -> list[Row]:
    row["effects"].append(effect("adjust", 150_00, "k9"))
    return [row]


def a_second_hold(row: Row) -> list[Row]:
    return [row, {**copy.deepcopy(row), "payment_id": "P-2", "effects": []}]


def a_hold_of_nobody(row: Row) -> list[Row]:
    return [row, {**copy.deepcopy(row), "payment_id": "P-2", "reference": "R", "effects": []}]


@pytest.mark.parametrize(
    "spoilt", [twice_under_one_key, twice_under_two_keys, a_second_hold, a_hold_of_nobody]
)
def test_a_double_effect_is_found_whatever_its_key(spoilt: Callable[[Row], list[Row]]) -> None:
    assert found(judge(spoilt(book()), notes(), {"R-1": hold()})) == {DOUBLE}


@pytest.mark.parametrize(
    "kept",
    [
        hold(operations=[operation("capture", 2)]),
        hold(operations=[operation("adjust", 1, "not_done"), operation("capture", 2)]),
        hold(closed_at=None),
        hold(authorized_at=None),
    ],
    ids=["an instruction is gone", "it came to nothing", "it is open again", "no authorization"],
)
def test_what_was_acknowledged_and_is_not_there_is_found(kept: Hold) -> None:
    assert found(judge([book()], notes(), {"R-1": kept})) == {LOST}


def test_a_reservation_that_is_gone_has_lost_all_its_acknowledgements() -> None:
    findings = judge([], notes(), {})
    assert len(findings.wrong[LOST]) == 4


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        (book(captured_minor=120_00), {OTHERWISE, DISAGREE}),
        (book(refunded_minor=1), {OTHERWISE}),
        (book(state="open"), {OPEN, DISAGREE}),
    ],
    ids=["less was taken", "something was given back", "the bank still holds"],
)
def test_books_that_say_otherwise_are_found(row: Row, wrong: set[str]) -> None:
    assert found(judge([row], notes(), {"R-1": hold()})) == wrong


def test_a_hold_that_the_bank_has_never_seen_is_found() -> None:
    assert found(judge([], notes(), {"R-1": hold()})) == {OTHERWISE}


def test_a_run_that_did_not_end_and_one_that_never_began_are_told_apart() -> None:
    told = notes()
    told.ended.clear()
    assert found(judge([book()], told, {"R-1": hold()})) == {NOT_ENDED}
    late = Notes(begun=[STAY], never_began={"R-1"})
    assert judge([], late, {}).is_clean


def test_what_a_killed_gateway_called_off_may_hold_nothing_and_must_not_hold_anything() -> None:
    told = Notes(begun=[STAY], acknowledged=[Acknowledgement(STAY, AUTHORIZED)])
    told.ended["R-1"] = nothing = hold(
        state="abandoned", authorized=usd(0), captured=usd(0), payment_id=None, operations=[]
    )
    told.called_off.add("R-1")
    assert judge([], told, {"R-1": nothing}).is_clean
    still = hold(state="abandoned", captured=usd(0), operations=[])
    open_row = book(state="released", captured_minor=0)
    assert found(judge([open_row], told, {"R-1": still})) == {OTHERWISE}


def test_a_refusal_that_nothing_explains_is_found() -> None:
    told = notes()
    told.refused.append("R-1, capture-2: Declined, no")
    assert found(judge([book()], told, {"R-1": hold()})) == {REFUSED}

"""What a sweep makes of two lists, case by case: one hold or none, one reservation or none.

Every case says how the gateway and the reservation stand, and what must come of it. `NOW` is two
hours after everything that is not said to be younger.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cardhold.hold import Hold
from cardhold.money import Money
from domain.findings import AccountReport, Counts, Finding, FindingKind, OpenHold, Step, SweepReport
from domain.sweep import Known, Rules, Run, compare, found_again, to_ask

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUARANTINE = timedelta(hours=1)
OLD, YOUNG = NOW - 2 * QUARANTINE, NOW - QUARANTINE / 2
RULES = Rules(NOW, QUARANTINE)
NAME, OTHER = "A" * 24, "B" * 24


def usd(amount_minor: int) -> Money:
    return Money(amount_minor=amount_minor, currency="USD")


def shown(amount_minor: int = 100_00, **more: Any) -> OpenHold:
    fields: dict[str, Any] = {
        "payment_id": "P1",
        "reference": NAME,
        "captured": usd(0),
        "booked_at": OLD,
        **more,
    }
    return OpenHold(authorized=usd(amount_minor), **fields)


def known(run: Run = Run.KEPT, remaining_minor: int = 100_00, **more: Any) -> Known:
    fields: dict[str, Any] = {
        "workflow_id": "reservation-RES-1",
        "reservation_id": "RES-1",
        "names": frozenset({NAME}),
        "started_at": OLD,
        "ended_at": None if run is Run.KEPT else OLD,
        "remaining": usd(remaining_minor if run is Run.KEPT else 0),
        **more,
    }
    return Known(run=run, **fields)


def said(remaining_minor: int = 100_00, *, captured_minor: int = 0, **more: Any) -> Hold:
    """What a reservation says itself."""
    return Hold.model_validate(
        {
            "reservation_id": "RES-1",
            "gateway": "payroc",
            "state": "authorized",
            "authorized": usd(remaining_minor + captured_minor),
            "captured": usd(captured_minor),
            **dict.fromkeys(("released", "expired", "in_doubt"), usd(0)),
            "remaining": usd(remaining_minor),
            "payment_id": "P1",
            "created_at": OLD,
            "on_deadline": "release",
            "operations": [operation()],
            **more,
        }
    )


def operation(at: datetime = OLD, **more: Any) -> dict[str, Any]:
    told = {"operation_id": "authorize/1", "kind": "authorize", "command_id": "start"}
    return {**told, "amount": usd(1), "state": "done", "requested_at": at, "decided_at": at, **more}


def asked(*arguments: Any, **more: Any) -> Known:
    return known(hold=said(*arguments, **more))


@dataclass(frozen=True)
class Case:
    """Two lists, and what must come of them."""

    holds: list[OpenHold]
    reservations: list[Known]
    finds: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    rules: Rules = RULES


LATE = replace(RULES, lapses_after=timedelta(minutes=90))
# Has taken over what the run of another reservation has placed.
RESCUER = replace(
    known(), workflow_id="reservation-2", reservation_id="2", names=frozenset({OTHER})
)
ATTENTION = {"reason": "external_change", "since": OLD, "operation_id": None, "detail": "changed"}
CASES = {
    "nothing anywhere": Case([], []),
    "held by both": Case([shown()], [known()], counts={"agreed": 1}),
    "held by both, and just placed": Case(
        [shown(booked_at=YOUNG)], [known()], counts={"agreed": 1}
    ),
    "adjusted since the list of reservations": Case(
        [shown(130_00)], [replace(asked(130_00), remaining=usd(100_00))], counts={"agreed": 1}
    ),
    "captured in part by both": Case(
        [shown(captured=usd(30_00))], [asked(70_00, captured_minor=30_00)], counts={"agreed": 1}
    ),
    "of nobody we know": Case([shown()], [], [("orphan", "reported")]),
    "of nobody we know yet": Case([shown(booked_at=YOUNG)], [], counts={"young": 1}),
    "of nobody, and of no date": Case([shown(booked_at=None)], [], counts={"young": 1}),
    "of nobody, and lapsed unseen": Case([shown()], [], counts={"lapsed": 1}, rules=LATE),
    "somebody else's": Case([shown(reference="order-7")], [], counts={"foreign": 1}),
    "without a name": Case([shown(reference=None)], [known(Run.SETTLED)], counts={"foreign": 1}),
    "of a run that was ended": Case([shown()], [known(Run.BROKEN)], [("abandoned", "release")]),
    "of a run that has just been ended": Case(
        [shown()], [known(Run.BROKEN, ended_at=YOUNG)], [("abandoned", "waits")]
    ),
    "of a run that was ended, booked just now": Case(
        [shown(booked_at=YOUNG)], [known(Run.BROKEN)], [("abandoned", "waits")]
    ),
    "of a run that was ended, of no date": Case(
        [shown(booked_at=None)], [known(Run.BROKEN)], [("abandoned", "reported")]
    ),
    "of a run that was ended, and lapsed unseen": Case(
        [shown()], [known(Run.BROKEN)], counts={"lapsed": 1}, rules=LATE
    ),
    "taken over by a run that was ended": Case(
        [shown(reference="order-7")],
        [replace(known(Run.BROKEN), hold=said())],
        [("abandoned", "reported")],
    ),
    "of a settled reservation": Case(
        [shown()], [known(Run.SETTLED)], [("closed_with_open_hold", "reported")]
    ),
    "of one that has just been settled": Case(
        [shown()], [known(Run.SETTLED, ended_at=YOUNG)], counts={"young": 1}
    ),
    "of a settled one, and lapsed unseen": Case(
        [shown()], [known(Run.SETTLED)], counts={"lapsed": 1}, rules=LATE
    ),
    "gone at the gateway": Case([], [asked()], [("missing_at_gateway", "look")]),
    "held, and the reservation's word is not known": Case(
        [shown()], [known(remaining_minor=0)], counts={"unasked": 1}
    ),
    "gone, and nobody could be asked": Case([], [known()], counts={"unasked": 1}),
    "gone, and a person knows": Case(
        [], [replace(asked(), hold=said(attention=ATTENTION))], counts={"busy": 1}
    ),
    "gone, by a list that is older than the attention": Case(
        [], [known(attention="external_change")], counts={"busy": 1}
    ),
    "gone, and acknowledged since": Case(
        [], [replace(asked(), attention="external_change")], [("missing_at_gateway", "look")]
    ),
    "gone, while something is under way": Case(
        [],
        [asked(operations=[operation(state="unknown", decided_at=None)])],
        counts={"busy": 1},
    ),
    "gone, just after we did something": Case(
        [], [asked(operations=[operation(NOW - timedelta(minutes=2))])], counts={"busy": 1}
    ),
    "gone, and its time is over": Case([], [asked(expires_at=NOW)], counts={"busy": 1}),
    "of another amount": Case([shown(90_00)], [asked()], [("differs", "look")]),
    "captured in part elsewhere": Case(
        [shown(130_00, captured=usd(30_00))], [asked()], [("differs", "look")]
    ),
    "of another amount, and just placed": Case(
        [shown(90_00, booked_at=YOUNG)], [asked()], counts={"young": 1}
    ),
    "held, and the reservation says nothing is": Case(
        [shown()], [asked(0)], [("differs", "look")]
    ),
    "two, of which one is beside what is kept": Case(
        [shown(), shown(payment_id="P2")], [asked()], [("differs", "look")]
    ),
    "taken over, and kept": Case([shown(reference="order-7")], [asked()], counts={"agreed": 1}),
    "of a run that was ended, and taken over by one that goes on": Case(
        [shown()], [replace(RESCUER, hold=said()), known(Run.BROKEN)], counts={"agreed": 1}
    ),
    "of a run that was ended and asked, and taken over by one that goes on": Case(
        [shown()],
        [replace(RESCUER, hold=said()), replace(known(Run.BROKEN), hold=said())],
        counts={"agreed": 1},
    ),
    "of a run that was ended, and perhaps taken over by one that cannot be asked": Case(
        [shown()], [known(Run.BROKEN), RESCUER], [("abandoned", "waits")], counts={"unasked": 1}
    ),
    "of a run that was ended, and lives longer than the rule says": Case(
        [shown()],
        [replace(known(Run.BROKEN), hold=said(expires_at=NOW + QUARANTINE))],
        [("abandoned", "release")],
        rules=LATE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_case_is_judged_as_it_has_to_be(name: str) -> None:
    case = CASES[name]
    found, counts = compare(case.holds, case.reservations, case.rules)
    assert [(each.kind.value, each.step.value) for each in found] == case.finds
    assert counts == Counts(open=len(case.holds), **case.counts)


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_released_but_what_a_broken_run_of_ours_has_named_itself(name: str) -> None:
    case = CASES[name]
    found, _ = compare(case.holds, case.reservations, case.rules)
    broken = {one.reservation_id: one for one in case.reservations if one.run is Run.BROKEN}
    for each in found:
        if each.step is Step.RELEASE:
            assert each.reference in broken[each.reservation_id or ""].names
            assert each.booked_at is not None
            assert each.booked_at <= NOW - QUARANTINE


def test_a_finding_tells_all_that_a_person_needs() -> None:
    [found], _ = compare([shown(90_00)], [asked()], RULES)
    assert found == Finding(
        kind=FindingKind.DIFFERS,
        step=Step.LOOK,
        since=NOW,
        reservation_id="RES-1",
        payment_id="P1",
        reference=NAME,
        authorized=usd(90_00),
        captured=usd(0),
        recorded=usd(100_00),
        booked_at=OLD,
    )


ELSEWHERE = shown(reference="order-7")
LOST = shown(reference=OTHER)
ASKED: dict[str, tuple[list[OpenHold], Known, bool]] = {
    "it agrees": ([shown()], known(), False),
    "its hold is not shown": ([], known(), True),
    "its hold is of another amount": ([shown(90_00)], known(), True),
    "it holds nothing": ([], known(remaining_minor=0), False),
    "it holds nothing, and a hold is lost": ([LOST], known(remaining_minor=0), True),
    "it holds nothing, and somebody else's is shown": (
        [ELSEWHERE], known(remaining_minor=0), False,
    ),
    "it holds nothing, and its hold is shown": ([shown()], known(remaining_minor=0), True),
    "it was ended, and nothing is lost": ([shown()], known(Run.BROKEN), False),
    "it was ended, and a hold is lost": ([LOST], known(Run.BROKEN), True),
    "it was ended, and may have taken one over": ([ELSEWHERE], known(Run.BROKEN), True),
    "it is settled, and a hold is lost": ([LOST], known(Run.SETTLED), True),
    "it is settled, and somebody else's is shown": ([ELSEWHERE], known(Run.SETTLED), False),
    "it was settled long before the lost one": (
        [LOST], known(Run.SETTLED, ended_at=OLD - timedelta(days=3)), False,
    ),
    "it was started long after the lost one": (
        [LOST], known(remaining_minor=0, started_at=OLD + timedelta(days=3)), False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_only_who_may_know_more_is_asked(name: str) -> None:
    holds, one, is_asked = ASKED[name]
    assert to_ask(holds, [one], RULES) == ([one] if is_asked else [])


def test_one_that_nobody_keeps_says_how_long_its_hold_lives() -> None:
    broken = known(Run.BROKEN)
    assert to_ask([shown()], [broken], LATE) == [broken]


def test_those_that_hold_money_are_asked_first() -> None:
    broken = replace(known(Run.BROKEN), workflow_id="reservation-2", names=frozenset({"C" * 24}))
    settled = replace(known(Run.SETTLED), workflow_id="reservation-3", names=frozenset({"D" * 24}))
    kept = known()
    assert to_ask([LOST], [settled, broken, kept], RULES) == [kept, broken, settled]


def finding(step: Step, *, since: datetime = NOW) -> Finding:
    [found], _ = compare([], [asked()], RULES)
    return found.model_copy(update={"step": step, "since": since})


def test_a_reservation_that_was_asked_to_look_is_not_asked_again() -> None:
    before = finding(Step.ASKED_TO_LOOK, since=OLD)
    [again] = found_again([finding(Step.LOOK)], {before.key: before})
    assert (again.step, again.since) == (Step.ASKED_TO_LOOK, OLD)


def test_one_that_could_not_be_asked_is_asked_again() -> None:
    before = finding(Step.REPORT, since=OLD)
    [again] = found_again([finding(Step.LOOK)], {before.key: before})
    assert (again.step, again.since) == (Step.LOOK, OLD)


def test_what_is_new_is_as_it_was_found() -> None:
    assert found_again([finding(Step.LOOK)], {}) == [finding(Step.LOOK)]


@pytest.mark.parametrize(
    ("step", "needs"),
    [
        (Step.REPORT, True),
        (Step.WAIT, False),
        (Step.RELEASED, False),
        (Step.NOT_RELEASED, True),
        (Step.ASKED_TO_LOOK, True),
    ],
)
def test_a_person_is_needed_for_what_does_not_mend_itself(step: Step, *, needs: bool) -> None:
    account = AccountReport(account="payroc", findings=(finding(step),))
    assert SweepReport(at=NOW, accounts=(account,)).needs_person is needs


@pytest.mark.parametrize("unfinished", [{"failed": "no answer"}, {"more": 1}])
def test_a_person_is_needed_where_not_all_was_seen(unfinished: dict[str, Any]) -> None:
    account = AccountReport(account="payroc", **unfinished)
    assert SweepReport(at=NOW, accounts=(account,)).needs_person

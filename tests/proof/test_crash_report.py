"""What a run of the crash harness tells: every figure, every finding, and what was missed."""

from __future__ import annotations

import io
import json
from dataclasses import replace

from rich.console import Console

from proof.crash.campaign import GOALS, Outcome
from proof.crash.judge import DOUBLE
from proof.crash.main import FULL, SHORT
from proof.crash.report import as_json, show
from proof.crash.storm import Tally


def outcome(**wrong: list[str]) -> Outcome:
    made = Outcome(reservations=7, effects=20)
    made.tally.kills["capture, half an answer"] = 12
    made.tally.server_kills["a signal left"] = 3
    made.tally.cuts["caller to Temporal: slow"] = 8
    made.findings.add(DOUBLE, wrong.get("double", []))
    made.findings.add(GOALS, wrong.get("goals", []))
    return made


def page(told: Outcome) -> list[str]:
    paper = io.StringIO()
    show(told, Console(file=paper, width=100, color_system=None))
    return [" ".join(line.split()) for line in paper.getvalue().splitlines()]


def test_a_clean_run_shows_what_was_done_and_each_wrong_as_a_zero() -> None:
    lines = page(outcome())
    for line in ("capture, half an answer 12", "worker kills 12", "server kills 3",
                 "cut connections 8", "reservations 7", "effects in the books 20",
                 "double effects 0", "goals missed 0"):  # fmt: skip
        assert line in lines
    assert any(line.startswith("Nothing is wrong") for line in lines)


def test_what_is_wrong_is_counted_and_told() -> None:
    told = outcome(double=["P-1 twice"], goals=["worker kills: 1 of 2"])
    lines = page(told)
    assert "2 things are wrong:" in lines
    assert {"double effects: P-1 twice", "goals missed: worker kills: 1 of 2"} <= set(lines)
    machine = json.loads(json.dumps(as_json(told)))
    assert machine["is_clean"] is False
    assert machine["findings"] == {DOUBLE: ["P-1 twice"], GOALS: ["worker kills: 1 of 2"]}
    assert machine["figures"]["worker kills"] == 12


def test_a_goal_is_missed_by_one_and_met_to_the_last() -> None:
    tally, goals = Tally(), replace(SHORT.goals, kills=2, server_kills=1, cuts=1)
    tally.kills["a"], tally.server_kills["b"], tally.cuts["c"] = 1, 1, 1
    assert tally.missed(goals) == ["worker kills: 1 of 2"]
    tally.kills["a"] = 2
    assert tally.missed(goals) == []


def test_a_full_run_does_what_was_promised() -> None:
    goals = FULL.goals
    assert goals.kills >= 200
    assert min(goals.server_kills, goals.cuts) >= 50

"""Small slices of the exhaustive scope are played whole, counted, and cut into parts."""

from __future__ import annotations

import shlex

import pytest

from proof.places import PLACES
from proof.play import play_plan
from proof.small_scope import ORDERS, Found, Piece, cover, divided, main, outcomes_of, plan, walked


@pytest.mark.parametrize("account", [place.account for place in PLACES])
def test_every_schedule_of_two_calls_keeps_the_laws(account: str) -> None:
    figures = cover(account, depth=2)
    assert figures.schedules == 5**2 * len(ORDERS)
    assert figures.found == []


def test_schedules_that_differ_after_the_last_call_are_one_and_count_as_many() -> None:
    calls = len(play_plan(plan("stax", "capture", ())).seen.exchanges)
    figures = walked(Piece("stax", "capture", depth=calls + 2, script=("",) * calls))
    assert (figures.played, figures.schedules) == (1, 5**2)


@pytest.mark.parametrize("into", [1, 4, 6])
def test_all_pieces_together_are_the_whole(into: int) -> None:
    whole = Piece("payroc", "capture", depth=2)
    head, rest = divided(whole, into)
    assert len(rest) >= into
    for piece in rest:
        head.add(walked(piece))
    assert (head.schedules, head.played) == (5**2, walked(whole).played)


@pytest.mark.parametrize(
    ("order", "state"),
    [
        ("capture", "captured"),
        ("capture-release", "captured"),
        ("release-capture", "released"),
        ("capture-deadline", "captured"),
    ],
)
def test_what_crosses_a_capture_comes_in_the_same_task(order: str, state: str) -> None:
    result = play_plan(plan("sibs", order, ()))
    [run] = result.runs
    assert result.seen.view is not None
    assert result.seen.view["state"] == state
    together = [
        [job.do_update.name or job.WhichOneof("variant") for job in task.activations[0]]
        for task in run.tasks
    ]
    awaited = [*ORDERS[order].messages, *(["fire_timer"] if ORDERS[order].meets_deadline else [])]
    assert awaited in [[each for each in task if each in awaited] for task in together]


def test_a_call_that_cannot_be_pending_is_throttled_instead() -> None:
    assert outcomes_of("look_up") == ("", "error_before", "unanswered", "late 12", "throttle")
    assert outcomes_of("capture")[-1] == "stay_pending 60"


def test_what_was_found_says_how_to_see_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    found = Found("payroc", "capture", ("", "late 12"), ("S2: twice",))
    told = str(found).partition("./scripts/simulate --small-scope ")[2]
    assert main(shlex.split(told)) == 0
    shown = capsys.readouterr().out
    assert "2 look_up" in shown
    assert "[late]" in shown

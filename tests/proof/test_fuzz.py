"""A short hunt at every door, with the same examples every time, and the command that people run.

The long hunt is ``./scripts/fuzz``, with other examples each time. The judges are judged in
``test_fuzz_judges.py``.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest
from hypothesis import strategies as st

from cardhold.messages import Capture, Message
from cardhold.reading import InvalidMessage
from domain.record import Record
from proof.fuzz.hunt import Entry, Ground, Tally, Wrong, hunt
from proof.fuzz.main import ENTRIES, examples_of, is_wrong, main
from workflows.intake import read_message

ROOT = Path(__file__).parents[2]
# Some seconds for each on two idle cores.
EXAMPLES = {
    "messages": 40, "answers": 100, "core": 100, "configuration": 60, "command-line": 40,
    "server": 5,
}  # fmt: skip


@pytest.mark.parametrize("name", ENTRIES)
def test_nothing_that_is_sent_there_wedges_or_reaches_a_gateway_by_mistake(name: str) -> None:
    tally = hunt(ENTRIES[name], EXAMPLES[name])

    assert tally.found == []
    assert not is_wrong(tally)
    assert tally.examples == EXAMPLES[name]
    assert tally.cases >= tally.examples
    assert tally.accepted > 0  # or nothing beyond the first check was ever looked at
    assert tally.refused > tally.cases // 20


def test_every_entry_has_its_share_of_a_hunt() -> None:
    assert set(EXAMPLES) == set(ENTRIES)
    assert all(examples_of(entry, 1, alone=False) == 1 for entry in ENTRIES.values())
    assert all(examples_of(entry, 70, alone=True) == 70 for entry in ENTRIES.values())


def _judging(judge: object) -> Entry:
    @contextlib.contextmanager
    def prepared() -> Generator[Ground]:
        yield Ground(st.integers(0, 10**6), judge)  # pyright: ignore[reportArgumentType] - a test's own

    return Entry("made-up", "numbers", 1_000, prepared)


def _no_large_number(number: int, tally: Tally) -> None:
    tally.cases += 1
    if number > 1_000:
        raise Wrong("it is large")


def test_what_is_found_is_told_with_the_smallest_example_and_how_to_see_it_again() -> None:
    [found] = hunt(_judging(_no_large_number), 5_000, seed=7).found

    assert "it is large" in found
    assert "example=1001" in found
    assert "./scripts/fuzz --entry made-up --examples 2000 --seed 7" in found


def test_an_error_that_nobody_thought_of_is_found_as_well() -> None:
    def judge(number: int, _: Tally) -> None:
        raise RecursionError(str(number))

    [found] = hunt(_judging(judge), 10).found
    assert found.startswith("RecursionError: ")
    assert "--fixed" in found


def test_what_is_wrong_only_once_is_told_as_that() -> None:
    seen: set[int] = set()

    def judge(number: int, _: Tally) -> None:
        if number not in seen:
            seen.add(number)
            raise Wrong("it is new")

    [found] = hunt(_judging(judge), 10).found
    assert found.startswith("it is new")
    assert "the same again was not wrong" in found


def test_a_seed_draws_the_same_again_and_another_one_something_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("proof.fuzz.hunt.ROUND", 20)

    def drawn(seed: int | None) -> list[int]:
        numbers: list[int] = []

        def judge(number: int, _: Tally) -> None:
            numbers.append(number)

        hunt(_judging(judge), 50, seed=seed)
        return numbers

    three = drawn(3)
    assert three == drawn(3)
    assert drawn(None) == drawn(None)
    assert three[20:40] == drawn(4)[:20]  # its second round has the next seed
    assert three[:20] != three[20:40]
    assert len(three) == 50


def test_a_signal_that_is_dropped_in_silence_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object) -> None: ...

    monkeypatch.setattr(Record, "refuse", nothing)

    [found] = hunt(ENTRIES["server"], 3).found
    assert "wrong signals 0 are told" in found


def test_a_call_of_the_gateway_that_came_of_a_wrong_message_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lenient(model: type[Message], payloads: Sequence[object]) -> Message:
        try:
            return read_message(model, payloads)
        except InvalidMessage:
            if model is not Capture:
                raise
            return Capture()

    monkeypatch.setattr("workflows.reservation.read_message", lenient)

    tally = hunt(ENTRIES["server"], 3)
    assert tally.found
    assert is_wrong(tally)


@pytest.mark.usefixtures("own_logs")
def test_the_command_ends_with_1_where_a_promise_does_not_hold(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(ENTRIES, "core", _judging(_no_large_number))

    assert main(["--entry", "core", "--examples", "500", "--seed", "1"]) == 1
    assert "it is large" in capsys.readouterr().out


@pytest.mark.parametrize("trouble", ["wedged", "calls"])
def test_a_count_that_has_to_be_nothing_is_wrong_by_itself(trouble: str) -> None:
    tally = Tally("server")
    assert not is_wrong(tally)
    setattr(tally, trouble, 1)
    assert is_wrong(tally)


def test_the_command_counts_what_it_has_sent() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/fuzz.py", "--entry", "core", "--examples", "10", "--fixed"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "core: 10 of 10\n")
    assert "examples" in done.stdout
    assert "core" in done.stdout

"""The simulator as CI runs it: its promises, then seeds by the thousand, and the known ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from proof.play import play
from proof.simulate import known, main, some

#: What CI plays each time; a night's run plays others.
_SEEDS = 1_000
_SAME = [(seed, None) for seed in range(1, 25)]


def test_the_same_seed_is_the_same_life() -> None:
    assert [play(seed).hash for seed in range(5)] == [play(seed).hash for seed in range(5)]


def test_what_a_process_has_played_before_and_how_it_hashes_changes_nothing() -> None:
    code = f"from proof.simulate import some;print(some({_SAME[::-1]!r}).digest)"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    other = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert other.stdout.strip() == some(_SAME).digest


def test_thousands_of_seeds_break_no_law(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--seeds", str(_SEEDS), "--jobs", "2", "--forget", "--json"])
    printed = capsys.readouterr().out
    assert code == 0, printed
    figures = json.loads(printed)
    assert figures["scenarios"] == _SEEDS
    assert len(figures["at"]) == 6
    assert {"reset", "kill", "restore", "second_cluster", "outage"} <= {
        *figures["accidents and troubles"]
    }


def test_the_seeds_that_have_shown_something_once_break_no_law(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert len(known()) > 20
    assert main(["--known", "--jobs", "2", "--forget"]) == 0, capsys.readouterr().out


def test_one_seed_alone_shows_its_trace(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "3"]) == 0
    printed = capsys.readouterr().out
    assert "sent" in printed
    assert f"trace {play(3).hash}" in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seeds", "0"], "must be a whole number from 1"),
        (["--gateway", "paypal"], "invalid choice: 'paypal'"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err

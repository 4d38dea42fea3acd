"""The simulator as CI runs it: its promises, then seeds by the thousand, and the known ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from proof import simulate
from proof.drawing import draw
from proof.known import keep, kept, read
from proof.play import play
from proof.simulate import main, some
from workflows.keeper import Keeper

#: What CI plays each time; a night's run plays others.
_SEEDS = 2_000
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


@pytest.mark.timeout(400)
def test_thousands_of_seeds_break_no_law(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--seeds", str(_SEEDS), "--jobs", "2", "--forget", "--json"])
    printed = capsys.readouterr().out
    assert code == 0, printed
    figures = json.loads(printed)
    assert figures["scenarios"] == _SEEDS
    assert len(figures["at"]) == 8
    assert {"reset", "kill", "restore", "second_cluster", "outage"} <= {
        *figures["accidents and troubles"]
    }


@pytest.mark.timeout(200)
def test_a_run_that_is_stopped_tells_what_it_has_played() -> None:
    command = [sys.executable, "-m", "scripts.simulate", "--seeds", "100000", "--jobs", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:  # noqa: S603 - ourselves
        with pytest.raises(subprocess.TimeoutExpired):
            run.communicate(timeout=4)
        run.terminate()
        printed, _ = run.communicate(timeout=60)
    assert run.returncode == 130
    played = next(line for line in printed.splitlines() if line.startswith("played"))
    count = next(line for line in printed.splitlines() if line.startswith("scenarios "))
    assert played.endswith(f"seeds 1 to {count.split()[-1].replace(',', '')}, and was stopped")


def test_what_never_ends_is_found_and_the_next_seed_is_played(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def spins(keeper: Keeper) -> None:
        while not keeper.record.life.is_over:
            pass

    with monkeypatch.context() as wrong:
        wrong.setattr(simulate, "_SCENARIO_S_MAX", 2)
        wrong.setattr(Keeper, "_turn", spins)
        spun = some([(1, None)])
    assert [each.laws for each in spun.broken] == [["L4: it does not end within 2 s of a core"]]
    assert not some([(1, None)]).broken


def test_what_has_shown_something_once_breaks_no_law(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(kept()) > 20
    assert main(["--known", "--jobs", "2"]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("seed", range(1, 30))
def test_a_scenario_that_is_kept_is_the_one_that_was_drawn(seed: int, tmp_path: Path) -> None:
    path = keep(draw(seed), "S2: twice", tmp_path)
    assert read(path).plan == draw(seed)
    assert read(path).shown == "S2: twice"


def test_what_is_kept_already_stays_as_it_is(tmp_path: Path) -> None:
    path = keep(draw(1), "S2: twice", tmp_path)
    assert keep(draw(1), "something else", tmp_path) == path
    assert read(path).shown == "S2: twice"


def test_a_plan_shows_the_trace_of_its_seed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--plan", str(keep(draw(3), "nothing", tmp_path))]) == 0
    assert f"trace {play(3).hash}" in capsys.readouterr().out


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
        (["--plan", "/nowhere.json"], "/nowhere.json holds no scenario: FileNotFoundError"),
        (["--seeds", "5", "--real"], "--real stands first, and what follows are its own options"),
        (["--defects", "--jobs", "none"], "invalid"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err

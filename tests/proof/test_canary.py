"""The simulator sees what is wrong, and the list of what it was shown cannot rot.

Each seeded defect has to fit the source as it is: its text stands once in its module, and what it
is replaced with compiles. A few of those that are found soonest are hunted here, each in a process
of its own; ``scripts/simulate --defects`` hunts all of them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from proof.canary import Hunter, hunt_all, main, put_in
from proof.defect import Defect
from proof.defects import DEFECTS

ROOT = Path(__file__).parents[2]
# What is found soonest; each in one of the first seeds.
QUICKEST = ("key_of_the_amount", "payroc_captures_without_amount")
SEEDS = 10
A_DEFECT = DEFECTS[0]
# Shown by hand, in `test_laws.py`: no seed of the first thousands has what it takes.
SHOWN_BY_HAND = {"W5"}


def _named() -> list[Defect]:
    return [defect for defect in DEFECTS if defect.name in QUICKEST]


def test_there_are_enough_defects_and_each_has_a_name_of_its_own() -> None:
    assert len(DEFECTS) >= 30
    assert len(DEFECTS) == len({defect.name for defect in DEFECTS})


def _catalogue() -> set[str]:
    """The laws that the proof's page has a row for: each by itself, with a comma, or `A1 to A8`."""
    page = (ROOT / "docs" / "proof.md").read_text(encoding="utf-8")
    laws = set[str]()
    for row in re.findall(r"^\| ([A-Z]\d[^|]*) \|", page, re.MULTILINE):
        first, _, last = row.partition(" to ")
        numbers = range(int(first[1:]), int(last[1:]) + 1) if last else ()
        laws |= {f"{row[0]}{number}" for number in numbers} or {*row.split(", ")}
    return laws


def test_every_law_is_in_the_catalogue_and_has_a_defect_that_makes_it_speak() -> None:
    judge = [*(ROOT / "proof").glob("laws*.py"), ROOT / "proof" / "oracle.py"]
    sources = "".join(path.read_text(encoding="utf-8") for path in judge)
    laws = {*re.findall(r'"([A-Z]\d{1,2})"', sources)}
    assert laws == _catalogue()
    assert laws == {law for defect in DEFECTS for law in defect.laws} | SHOWN_BY_HAND


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_fits_the_source_as_it_is(defect: Defect) -> None:
    path = ROOT / f"{defect.module.replace('.', '/')}.py"
    source = path.read_text(encoding="utf-8")
    changed = defect.put_into(source)
    assert changed != source
    compile(changed, str(path), "exec")


def test_a_text_that_stands_nowhere_or_twice_is_no_place_for_a_defect() -> None:
    for source in ("", A_DEFECT.old * 2):
        with pytest.raises(ValueError, match=A_DEFECT.name):
            A_DEFECT.put_into(source)


def test_a_defect_is_put_into_no_module_that_is_imported_already() -> None:
    in_here = Defect("late", "proof.canary", "a", "b", "it will be in time", ("L1",))
    before = [*sys.meta_path]
    with pytest.raises(RuntimeError, match="imported already"):
        put_in(in_here)
    assert before == sys.meta_path


@pytest.mark.timeout(300)
def test_the_defects_that_are_found_soonest_are_found() -> None:
    hunter = Hunter(start=1, seeds_max=SEEDS)
    finds = {find.defect.name: find for find in hunt_all(_named(), hunter, jobs=2)}
    assert set(finds) == set(QUICKEST)
    assert [name for name, find in finds.items() if find.seed is None] == []
    assert all(find.law and find.what and not find.silent for find in finds.values())


def test_a_change_that_changes_nothing_is_not_found(capsys: pytest.CaptureFixture[str]) -> None:
    # The hunt is for one seed, which without the defect breaks no law, nor does it with it.
    harmless = next(defect for defect in DEFECTS if defect.name == "stays_away_as_told")
    assert main(["--defect", harmless.name, "--seeds-max", "1", "--jobs", "1"]) == 1
    assert "NOT FOUND" in capsys.readouterr().out


def test_what_was_found_is_shown_by_the_command_that_was_printed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert main(["--show", QUICKEST[0], "--start", "1"]) == 1
    shown = capfd.readouterr().out.splitlines()
    assert any(" effect " in line for line in shown)
    assert any(line.startswith("S10: ") for line in shown)

"""Rules that no linter has, held against every file of the project.

Each rule (see `tests.tidy_rules`) is first proven on small samples: it finds every bad one, and
nothing in a good one. A rule that cannot fail would be worse than none.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tidy_rules import RULES, Rule

ROOT = Path(__file__).parents[1]
# What git leaves out is written by tools; a cache of theirs is not ours to keep tidy.
NOT_OURS = {
    ".git",
    *(line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split() if line[-1] == "/"),
}
BAD = [(rule, sample) for rule in RULES for sample in rule.bad]
GOOD = [(rule, sample) for rule in RULES for sample in rule.good]


def _ours(folder: Path) -> list[Path]:
    paths: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name not in NOT_OURS and path.suffix != ".egg-info":
            paths += _ours(path)
        elif path.is_file():
            paths.append(path)
    return paths


FILES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8", errors="replace")
    for path in _ours(ROOT)
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_project_keeps_the_rule(rule: Rule) -> None:
    broken = [
        f"{path}:{line}"
        for path, text in FILES.items()
        if rule.is_for(path)
        for line in sorted(set(rule.find(text)))
    ]
    assert not broken, f"{rule.name}; instead: {rule.instead}"


@pytest.mark.parametrize(("rule", "sample"), BAD)
def test_a_rule_finds_what_breaks_it(rule: Rule, sample: str) -> None:
    assert list(rule.find(sample))


@pytest.mark.parametrize(("rule", "sample"), GOOD)
def test_a_rule_leaves_alone_what_keeps_it(rule: Rule, sample: str) -> None:
    assert not list(rule.find(sample))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_is_for_some_files_and_has_samples_of_both_kinds(rule: Rule) -> None:
    assert any(rule.is_for(path) for path in FILES)
    assert rule.bad
    assert rule.good
    assert not any(rule.is_for(path) for path in rule.but_for)


def test_every_part_of_the_project_is_looked_at() -> None:
    assert {"pyproject.toml", "domain/keys.py", "scripts/check", "tests/test_tidy.py"} <= set(FILES)
    assert not [path for path in FILES if path.startswith((".venv/", ".git/"))]

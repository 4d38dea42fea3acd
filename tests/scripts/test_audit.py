"""The audit over copies of the lock files, with stand-ins for the program that asks a database."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SH = shutil.which("sh") or "/bin/sh"
CLEAN: dict[str, Any] = {"dependencies": [{"name": "httpx", "version": "0.28.1", "vulns": []}]}
HOLE = {"id": "CVE-2026-0001", "fix_versions": ["0.28.2"]}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "audit.py", tmp_path / "scripts")
    for lock in ("requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / lock, tmp_path)
    return tmp_path


def audit(folder: Path, *, says: str | None = None) -> tuple[int, str]:
    """The audit's exit code and words; ``says`` is what a stand-in for pip-audit prints."""
    program = folder / "pip-audit"
    if says is not None:
        (folder / "answer.json").write_text(says)
        program.write_text(f'#!{SH}\ncat "{folder}/answer.json"\nexit 1\n')
        program.chmod(0o755)
    ended = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, folder / "scripts" / "audit.py"],
        env={"PATH": "/usr/bin:/bin", "PIP_AUDIT": str(program)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert ended.stderr == ""
    return ended.returncode, ended.stdout


def test_locks_without_a_known_hole_are_clean_and_every_licence_is_listed(copy: Path) -> None:
    code, told = audit(copy, says=json.dumps(CLEAN))
    assert code == 0
    assert "requirements.lock: everything pinned by hash" in told
    assert "httpx 0.28.1: BSD" in told
    assert "unknown" not in told
    assert told.endswith("none\n")


def test_a_known_hole_is_told_with_what_mends_it(copy: Path) -> None:
    package = {"name": "httpx", "version": "0.28.1", "vulns": [HOLE]}
    code, told = audit(copy, says=json.dumps({"dependencies": [package]}))
    assert code == 1
    assert "httpx 0.28.1: CVE-2026-0001, mended in 0.28.2" in told


@pytest.mark.parametrize(
    "says",
    [None, "", "no network", "[]", "{}", '{"dependencies": [{"name": "a", "skip_reason": "b"}]}'],
)
def test_what_could_not_be_checked_is_never_called_clean(copy: Path, says: str | None) -> None:
    code, told = audit(copy, says=says)
    assert code == 3
    assert "could not be checked: " in told
    assert "none" not in told.splitlines()[-1]


@pytest.mark.parametrize(
    "line", ["httpx>=0.28\n", "httpx==0.28.1\n", "git+https://example.com/x\n"]
)
def test_a_requirement_without_a_version_and_a_hash_is_found(copy: Path, line: str) -> None:
    with (copy / "requirements.lock").open("a") as lock:
        lock.write(line)
    code, told = audit(copy, says=json.dumps(CLEAN))
    assert code == 1
    assert f"requirements.lock: {line.strip()} not pinned by hash" in told

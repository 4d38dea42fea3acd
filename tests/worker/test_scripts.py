"""The scripts of a fresh machine: plain shell, short, and safe to run twice.

They run in a copy of the folder with a Python on the PATH that records what it was asked, so that
nothing is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SH = shutil.which("sh") or "/bin/sh"
OURS = ("setup", "test", "check", "lock", "demo", "bench", "diagram", "schema")
LINES_MAX = 40
# Stands for Python: makes a venv whose own Python is itself, and records what pip is asked.
PYTHON = """#!{sh}
[ "$1" = -c ] && exit {too_old}
echo "$*" >> "{record}"
case "$*" in
  "-m venv --clear .venv")
    mkdir -p .venv/bin
    cp "$0" .venv/bin/python ;;
  *"-e .") : > .venv/bin/cardhold; chmod +x .venv/bin/cardhold ;;
  *--require-hashes*) exit {pip_fails} ;;
esac
"""


class Machine:
    """A copy of the folder, and a Python that only records."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checkout"
        self._bin = folder / "bin"
        self._record = folder / "record"
        (self.folder / "scripts").mkdir(parents=True)
        self._bin.mkdir()
        for name in OURS:
            shutil.copy(ROOT / "scripts" / name, self.folder / "scripts" / name)
        for name in ("pyproject.toml", "requirements.lock", "requirements-dev.lock"):
            shutil.copy(ROOT / name, self.folder / name)

    def add_python(self, *, too_old: bool = False, pip_fails: bool = False) -> None:
        text = PYTHON.format(
            sh=SH, record=self._record, too_old=int(too_old), pip_fails=int(pip_fails)
        )
        for name in ("python3", "python3.11", "python3.12", "python3.13", "python3.14"):
            program = self._bin / name
            program.write_text(text)
            program.chmod(0o755)

    def run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own script
            [SH, self.folder / "scripts" / name, *arguments],
            env={"PATH": f"{self._bin}:/usr/bin:/bin", "HOME": os.devnull},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def asked(self) -> list[str]:
        """What Python was asked since the last look, without pip's constant options."""
        text = self._record.read_text() if self._record.exists() else ""
        self._record.unlink(missing_ok=True)
        lines = text.replace("-m pip --disable-pip-version-check --quiet", "pip").splitlines()
        return [line for line in lines if line != "-m pip --version"]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def installs(lock: str) -> list[str]:
    return [
        f"pip install --require-hashes --only-binary :all: -r {lock}",
        "pip install --no-deps --no-build-isolation -e .",
    ]


@pytest.mark.parametrize("name", [*(f"scripts/{name}" for name in OURS), ".ci/run"])
def test_a_script_is_short_plain_posix_shell(name: str) -> None:
    script = ROOT / name
    lines = script.read_text().splitlines()
    subprocess.run([SH, "-n", script], check=True)  # noqa: S603 - our own script
    assert lines[0] == "#!/bin/sh"
    assert "set -eu" in lines
    assert len(lines) <= LINES_MAX
    assert script.stat().st_mode & 0o111


def test_a_build_machine_runs_the_tests_and_nothing_else() -> None:
    assert (ROOT / ".ci/run").read_text().splitlines()[-1] == "exec ./scripts/test"


def test_a_fresh_machine_gets_a_venv_and_what_the_lock_says(machine: Machine) -> None:
    machine.add_python()
    assert machine.run("setup").returncode == 0
    assert machine.asked == ["-m venv --clear .venv", *installs("requirements.lock")]


def test_a_second_run_does_nothing(machine: Machine) -> None:
    machine.add_python()
    machine.run("setup")
    assert machine.asked
    assert machine.run("setup").returncode == 0
    assert machine.asked == []


def test_the_tests_set_up_on_top_and_a_plain_run_takes_nothing_away(machine: Machine) -> None:
    machine.add_python()
    machine.run("setup")
    assert machine.asked
    machine.run("setup", "--dev")
    assert machine.asked == installs("requirements-dev.lock")
    machine.run("setup")
    assert machine.asked == []


def test_a_changed_lock_is_installed(machine: Machine) -> None:
    machine.add_python()
    machine.run("setup")
    assert machine.asked
    with (machine.folder / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    machine.run("setup")
    assert machine.asked == installs("requirements.lock")


def test_a_failed_installation_is_tried_again(machine: Machine) -> None:
    machine.add_python(pip_fails=True)
    assert machine.run("setup").returncode != 0
    assert machine.asked[-1] == installs("requirements.lock")[0]
    shutil.rmtree(machine.folder / ".venv")
    machine.add_python()
    assert machine.run("setup").returncode == 0
    assert machine.asked[-1] == installs("requirements.lock")[-1]


def test_without_a_usable_python_one_sentence_says_so(machine: Machine) -> None:
    machine.add_python(too_old=True)
    done = machine.run("setup")
    assert done.returncode == 2
    assert "no Python 3.11 or newer" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (machine.folder / ".venv").exists()


def test_a_check_before_the_setup_says_what_to_do(machine: Machine) -> None:
    done = machine.run("check")
    assert done.returncode == 2
    assert "./scripts/setup --dev" in done.stderr


def test_a_lock_without_uv_says_what_to_do(machine: Machine) -> None:
    done = machine.run("lock")
    assert done.returncode == 2
    assert "uv was not found" in done.stderr


@pytest.mark.parametrize("name", ["setup", "lock"])
def test_an_unknown_option_is_refused(machine: Machine, name: str) -> None:
    machine.add_python()
    assert machine.run(name, "--dry-run").returncode == 2
    assert machine.asked == []


def test_the_check_runs_every_check() -> None:
    steps = (ROOT / "scripts/check").read_text()
    for tool in ("ruff format --check", "ruff check", "basedpyright", "lint-imports", "pytest"):
        assert f"step {tool}" in steps
    for drawn in ("diagram", "schema"):
        assert f"step ./scripts/{drawn} --check" in steps


def test_the_locks_pin_every_package_by_hash() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        blocks = (ROOT / name).read_text().replace("\\\n", " ").splitlines()
        pinned = [line for line in blocks if line and not line.startswith((" ", "#"))]
        assert len(pinned) > 30
        assert all("==" in line and "--hash=sha256:" in line for line in pinned)

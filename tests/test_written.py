"""What is written for people, held against what is there: pages, links, commands, the wheel.

Prose cannot be run, but what it names can be looked for; and the drawn diagram is drawn again.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cli.main import cardhold

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "adr").glob("*.md"))
PARTS = ["## Context", "## Decision", "## Consequences", "## Enforced by"]
ONE_PAGE = 60
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
_CODE = re.compile(r"```.*?```|`[^`]+`", re.DOTALL)
_COMMAND = re.compile(r"(?:^|[`/]|exec worker )cardhold\s([a-z]+)", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_is_named_exists(page: Path) -> None:
    code = "\n".join(_CODE.findall(page.read_text(encoding="utf-8")))
    named = set(_COMMAND.findall(code))
    assert named <= set(cardhold.commands)


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_is_one_page_of_four_parts_with_a_line_to_quote(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == PARTS
    decision = text.partition(PARTS[1])[2].partition(PARTS[2])[0]
    assert decision.strip().startswith("> ")
    assert len(text.splitlines()) <= ONE_PAGE


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_what_enforces_a_decision_is_there(page: Path) -> None:
    enforced = page.read_text(encoding="utf-8").partition(PARTS[3])[2]
    named = re.findall(r"`((?:tests|workflows|gateways|scripts)/[\w./-]+)`", enforced)
    assert [name for name in named if not (ROOT / name).exists()] == []


def _written(folder: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own script
        [sys.executable, folder / "scripts" / f"{script}.py", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.mark.parametrize("script", ["diagram", "gateways"])
def test_what_is_drawn_is_what_the_code_says(script: str) -> None:
    told = _written(ROOT, script, "--check")
    assert (told.returncode, told.stdout + told.stderr) == (0, "")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The folders that the pages are made of and written to."""
    for name in ("cardhold", "domain", "gateways", "docs", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "README.md", tmp_path)
    return tmp_path


# script, what is changed by hand, a text in it, and the pages that then differ.
DRIFTS = [
    ("diagram", "README.md", "AUTHORIZED --> EXPIRED : Expire", 1),
    ("diagram", "docs/lifecycle.md", "AUTHORIZED --> EXPIRED : Expire", 1),
    ("diagram", "domain/lifecycle.py", "\n        | _.ADJUSTING.to(_.EXPIRED)", 2),
    ("gateways", "README.md", "| captures of one hold |", 1),
    ("gateways", "docs/gateways/README.md", "integer minor units", 1),
    ("gateways", "gateways/adapters/payroc/account.py", "    lowers=True,\n", 2),
]


@pytest.mark.parametrize(("script", "drifting", "gone", "pages"), DRIFTS)
def test_a_drift_of_page_or_code_is_found_and_mended(
    copy: Path, script: str, drifting: str, gone: str, pages: int
) -> None:
    path = copy / drifting
    text = path.read_text(encoding="utf-8")
    assert gone in text
    path.write_text(text.replace(gone, ""), encoding="utf-8")

    told = _written(copy, script, "--check")

    differing = [line.split()[0] for line in told.stdout.splitlines()]
    assert told.returncode == 1
    assert len(differing) == pages
    assert path.suffix == ".py" or differing == [drifting]
    assert _written(copy, script).returncode == 0
    assert _written(copy, script, "--check").returncode == 0


@pytest.mark.parametrize("script", ["diagram", "gateways"])
def test_a_readme_without_its_markers_is_not_overwritten(copy: Path, script: str) -> None:
    (copy / "README.md").write_text("# cardhold\n", encoding="utf-8")
    told = _written(copy, script)
    assert told.returncode == 1
    assert "needs the markers" in told.stderr
    assert (copy / "README.md").read_text(encoding="utf-8") == "# cardhold\n"


def test_the_wheel_holds_the_contract_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run(  # noqa: S603 - the build tool of our own environment
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=60,
    )
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    ours = {path.name for path in (ROOT / "cardhold").glob("*.py")}
    assert {name for name in names if ".dist-info/" not in name} == {
        f"cardhold/{name}" for name in ours
    }

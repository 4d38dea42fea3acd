"""How things look: the same hold on a narrow terminal, in a pipe, and without colours."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cardhold import errors
from cli.exits import ExitCode, told
from tests.cli.conftest import Command

ROOT = Path(__file__).resolve().parents[2]


def _on_a_terminal(words: list[str], environment: dict[str, str]) -> str:
    """What a terminal gets to see of ``cardhold`` with these words."""
    ours, theirs = pty.openpty()
    plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "cardhold", *words],
        cwd=ROOT, env={**plain, "TERM": "xterm", **environment},
        stdin=theirs, stdout=theirs, stderr=theirs,
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = b""
        while part := _read(ours):
            shown += part
    os.close(ours)
    assert process.returncode == 0
    return shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says so when the other end is closed
        return b""


@pytest.mark.parametrize("words", [["show"], ["list", "--limit=5"]])
@pytest.mark.parametrize("columns", ["80", "100"])
async def test_nothing_is_cut_or_wider_than_the_terminal(
    held: str, environment: dict[str, str], words: list[str], columns: str
) -> None:
    shown = await _asked(words, held, {**environment, "COLUMNS": columns})

    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown).replace("\r", "\n").splitlines()
    assert max(map(len, lines)) <= int(columns)
    assert "…" not in "".join(line for line in lines if "Visa" not in line and " …" not in line)
    assert "\x1b[32m" in shown


async def test_no_color_means_none(held: str, environment: dict[str, str]) -> None:
    shown = await _asked(["show"], held, {**environment, "NO_COLOR": "1"})

    assert not re.search(r"\x1b\[3\d", shown)


async def test_a_pipe_gets_plain_lines_without_a_spinner(command: Command, held: str) -> None:
    done = await command("show", held)

    assert "\x1b" not in done.output
    assert "─" not in done.output
    assert done.stderr == ""
    assert all(line == line.rstrip() for line in done.stdout.splitlines())


async def test_times_are_shown_in_the_readers_zone(held: str, environment: dict[str, str]) -> None:
    local = await _asked(["show"], held, {**environment, "TZ": "Asia/Tokyo"})
    utc = await _asked(["show", "--utc"], held, {**environment, "TZ": "Asia/Tokyo"})

    assert "times in JST" in local
    assert "times in UTC" in utc


async def _asked(words: list[str], held: str, environment: dict[str, str]) -> str:
    target = [held] if words[0] == "show" else []
    return await asyncio.to_thread(_on_a_terminal, [*words, *target], environment)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidRequest, ExitCode.USAGE),
        (errors.Declined, ExitCode.DECLINED),
        (errors.IllegalMove, ExitCode.NOT_POSSIBLE),
        (errors.NotSupported, ExitCode.NOT_POSSIBLE),
        (errors.Conflict, ExitCode.NOT_POSSIBLE),
        (errors.Closed, ExitCode.NOT_POSSIBLE),
        (errors.OutcomeUnknown, ExitCode.OUTCOME_UNKNOWN),
        (errors.NotFound, ExitCode.NOT_FOUND),
        (errors.Unreachable, ExitCode.UNREACHABLE),
    ],
)
def test_every_error_has_its_documented_exit_code(
    error: type[errors.CardholdError], code: ExitCode
) -> None:
    assert told(error("a sentence")) == (code, "a sentence")

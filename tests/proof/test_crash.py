"""The crash harness as a person runs it: a short run kills and cuts everything, and finds nothing.

Whoever stops it in the middle is left with nothing that runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from typing import Any

import pytest

from proof.crash.main import SHORT
from tests.proof.night import AT_NIGHT

ROOT = Path(__file__).parents[2]
# 40 on two idle cores; beside other tests it takes several times that, and is no defect.
WITHIN_S = 200
ZERO = (
    "double effects", "acknowledged but lost", "not taken as asked", "hold and books disagree",
    "holds left open", "runs not ended", "runs stalled by a failed task", "runs that do not replay",
    "moved money after a reset", "damaged databases", "defects in the workers' logs",
    "processes that ended otherwise or stayed",
)  # fmt: skip
DONE = (
    "gateway kills", "workers paused past their time", "servers paused", "resets",
    "holds resumed by a worker of other settings", "reservations", "effects in the books",
)  # fmt: skip


async def run(*arguments: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "scripts/crash.py", *arguments,
        cwd=ROOT, stdout=PIPE, stderr=PIPE, env={"PATH": os.environ["PATH"], "COLUMNS": "100"},
    )  # fmt: skip
    try:
        async with asyncio.timeout(WITHIN_S):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, out.decode(), err.decode()


@pytest.mark.timeout(WITHIN_S + 20)
async def test_a_short_run_strikes_in_every_way_and_finds_nothing_wrong() -> None:
    code, out, err = await run("--short", "--json")
    told: dict[str, Any] = json.loads(out)
    assert {name: found for name, found in told["findings"].items() if found} == {}, err
    assert set(ZERO) <= set(told["findings"])
    figures, goals = told["figures"], SHORT.goals
    assert figures["worker kills"] >= goals.kills
    assert figures["server kills"] >= goals.server_kills
    assert figures["cut connections"] >= goals.cuts
    assert all(figures[name] > 0 for name in DONE), figures
    if sys.platform == "linux":
        assert min(figures["servers' disks full"], figures["workers' disks full"]) > 0
    assert code == 0


def named_in(folder: Path) -> list[str]:
    """The processes whose command or environment names a file there."""
    found: list[str] = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            if str(folder).encode() in told:
                found.append(entry.name)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="this system lists no processes")
@AT_NIGHT
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "killed"])
async def test_a_run_that_is_stopped_in_the_middle_leaves_no_process(
    tmp_path: Path, how: signal.Signals
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "scripts/crash.py", "--keep", str(tmp_path / "kept"),
        cwd=ROOT, stdout=DEVNULL, stderr=DEVNULL, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    log = tmp_path / "kept" / "storm" / "worker-0.log"
    async with asyncio.timeout(WITHIN_S):
        while not log.exists() or "ready:" not in log.read_text():
            await asyncio.sleep(0.1)
        process.send_signal(how)
        code = await process.wait()
        while named_in(tmp_path):
            await asyncio.sleep(0.1)
    assert code == (130 if how is signal.SIGINT else -how)

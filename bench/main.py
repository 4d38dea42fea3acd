"""Measure cardhold beside the least that could do the same, on this machine, in one run."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import pstats
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench import processes, report
from bench.kinds import Kind
from bench.load import Order
from bench.processes import Failed
from bench.rounds import FULL, IN_FLIGHT, SHORT, Length, run
from worker.cannot_start import CannotStart
from worker.embedded import EmbeddedTemporal, Options

_INTERRUPTED = 130
_PROFILED_S = 15.0
_LINES = 45


def main(arguments: Sequence[str] | None = None) -> int:
    """Be ``scripts/bench``; answers with its exit code. How fast it was is no reason to fail."""
    options = _options().parse_args(arguments)
    try:
        if options.profile is None:
            _measure(SHORT if options.short else FULL, as_json=options.json)
        else:
            asyncio.run(_profile(options.profile.resolve()))
            pstats.Stats(str(options.profile)).sort_stats("tottime").print_stats(_LINES)
    except (CannotStart, Failed) as refused:
        sys.stderr.write(f"{refused}\n")
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    finally:
        # Temporal's client holds threads that may outlive the interpreter and abort it.
        gc.collect()
    return 0


def _measure(length: Length, *, as_json: bool) -> None:
    console = Console(stderr=True, highlight=False, markup=False)
    with console.status("starting") as status:
        results = asyncio.run(run(length, status.update))
    if as_json:
        sys.stdout.write(json.dumps(report.as_json(results), indent=2) + "\n")
        return
    report.show(results, Console(highlight=False, markup=False, emoji=False))


async def _profile(path: Path) -> None:
    """Run cardhold's worker under a profiler, and write what it saw to ``path``."""
    with tempfile.TemporaryDirectory(prefix="cardhold-bench-") as folder:
        options = Options(database=Path(folder) / "temporal.db")
        where = ("--profile", str(path))
        async with (
            EmbeddedTemporal(options) as server,
            processes.simulator() as (_, url),
            processes.load(server.address) as load,
            processes.worker(Kind.CARDHOLD, server.address, url, *where),
        ):
            played = await load.play(Order(Kind.CARDHOLD, max(IN_FLIGHT), _PROFILED_S))
    sys.stderr.write(f"{played.done} lifecycles under the profiler, written to {path}\n")


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="within 40 s, and rougher")
    parser.add_argument("--json", action="store_true", help="every figure, for a program")
    parser.add_argument(
        "--profile", type=Path, metavar="FILE", help="profile cardhold's worker instead"
    )
    return parser

"""Kill, stop, cut off and starve everything that runs, and let the bank's books judge."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from proof.crash import report
from proof.crash.campaign import Outcome, Plan, run
from proof.crash.storm import Goals
from worker import logs
from worker.cannot_start import CannotStart

_INTERRUPTED = 130
# Of so many server kills one at the most takes others along.
_ALONE = 3

SHORT = Plan(
    Goals(
        kills=10,
        server_kills=3,
        cuts=7,
        pauses=1,
        together=1,
        disks=1,
        calm_s=0.5,
        in_flight=10,
        workers=3,
        at_once=6,
        moment_s=4.0,
    ),
    minutes=1.5,
    heal_s=60.0,
    resets=4,
    bare=False,
)
FULL = Plan(
    Goals(
        kills=200,
        server_kills=50,
        cuts=63,  # every line in every way, three times
        pauses=10,
        together=12,
        disks=5,
        calm_s=5.0,
        in_flight=14,
        workers=4,
        at_once=3,
        moment_s=20.0,
    ),
    minutes=45.0,
    heal_s=180.0,
    resets=None,
    bare=True,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Be ``scripts/crash``; answers with its exit code: 0 if nothing is wrong, else 1."""
    options = _options().parse_args(arguments)
    logs.configure(level="ERROR")
    try:
        outcome = _run(_plan(options), options.seed, options.keep)
    except CannotStart as refused:
        sys.stderr.write(f"{refused}\n")
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    finally:
        # Temporal's client holds threads that may outlive the interpreter and abort it.
        gc.collect()
    if options.json:
        sys.stdout.write(json.dumps(report.as_json(outcome), indent=2) + "\n")
    else:
        report.show(outcome, Console(highlight=False, markup=False, emoji=False))
    return 0 if outcome.findings.is_clean else 1


def _run(plan: Plan, seed: int, keep: Path | None) -> Outcome:
    console = Console(stderr=True, highlight=False, markup=False)
    with console.status("starting") as status:
        if keep is not None:
            return asyncio.run(run(plan, seed, keep, status.update))
        with tempfile.TemporaryDirectory(prefix="cardhold-crash-") as folder:
            return asyncio.run(run(plan, seed, Path(folder), status.update))


def _plan(options: argparse.Namespace) -> Plan:
    plan = SHORT if options.short else FULL
    wished = {"kills": options.kills, "server_kills": options.server_kills, "cuts": options.cuts}
    goals = replace(plan.goals, **{name: n for name, n in wished.items() if n is not None})
    return replace(
        plan,
        goals=replace(goals, together=min(goals.together, goals.server_kills // _ALONE)),
        minutes=plan.minutes if options.minutes is None else options.minutes,
    )


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/crash", description=__doc__)
    parser.add_argument("--short", action="store_true", help="within 45 s: each kind once")
    parser.add_argument("--seed", type=int, default=1, help="of every choice (%(default)s)")
    parser.add_argument("--kills", type=int, metavar="N", help="of workers")
    parser.add_argument("--server-kills", type=int, metavar="N", help="of Temporal's server")
    parser.add_argument("--cuts", type=int, metavar="N", help="of connections")
    parser.add_argument("--minutes", type=float, metavar="M", help="call the storm off after M")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep files and logs there")
    parser.add_argument("--json", action="store_true", help="every figure, for a program")
    return parser

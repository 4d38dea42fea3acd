"""What a run has done and found: as a page for people, or as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from proof.crash.campaign import Outcome
from proof.crash.child import CAN_FILL_DISKS

_EXAMPLES_MAX = 5


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Every figure, and every finding in words."""
    tally = outcome.tally
    return {
        "is_clean": outcome.findings.is_clean,
        "figures": dict(_figures(outcome)),
        "worker_kills": dict(sorted(tally.kills.items())),
        "server_kills": dict(sorted(tally.server_kills.items())),
        "cuts": dict(sorted(tally.cuts.items())),
        "findings": outcome.findings.wrong,
    }


def show(outcome: Outcome, paper: Console) -> None:
    """Print the page."""
    tally = outcome.tally
    for title, counts in (
        ("workers killed", tally.kills),
        ("servers killed", tally.server_kills),
        ("connections cut", tally.cuts),
    ):
        paper.print(_table(title, [*sorted(counts.items()), ("in all", counts.total())]))
        paper.print()
    paper.print(_table("what was done", list(_figures(outcome))))
    paper.print()
    wrong = outcome.findings.wrong
    paper.print(_table("what was wrong", [(name, len(found)) for name, found in wrong.items()]))
    paper.print(f"\n{_verdict(outcome)}")
    for name, found in wrong.items():
        for line in found[:_EXAMPLES_MAX]:
            paper.print(f"  {name}: {line}")
    if not CAN_FILL_DISKS:
        paper.print("Disks were not filled: this system lets nobody limit another process's files.")


def _figures(outcome: Outcome) -> Iterator[tuple[str, int]]:
    tally = outcome.tally
    yield "worker kills", tally.kills.total()
    yield "server kills", tally.server_kills.total()
    yield "gateway kills", tally.gateway_kills
    yield "cut connections", tally.cuts.total()
    yield "workers paused past their time", tally.worker_pauses
    yield "servers paused", tally.server_pauses
    yield "servers' disks full", tally.disks["server"]
    yield "workers' disks full", tally.disks["worker"]
    yield "holds resumed by a worker of other settings", outcome.resumed
    yield "resets", outcome.resets.done
    yield "resets that needed a person", outcome.resets.helped
    yield "histories replayed", outcome.replayed
    yield "workflow tasks that Temporal had done again", outcome.done_again
    yield "runs that the SDK records and cannot replay", outcome.not_replayed
    yield "reservations", outcome.reservations
    yield "of them called off by a killed gateway", outcome.called_off
    yield "acknowledgements", outcome.acknowledgements
    yield "instructions repeated", outcome.repeats
    yield "effects in the books", outcome.effects


def _verdict(outcome: Outcome) -> str:
    if outcome.findings.is_clean:
        return "Nothing is wrong: every effect once, nothing acknowledged was lost, all ended."
    total = sum(map(len, outcome.findings.wrong.values()))
    return f"{total} things are wrong:"


def _table(title: str, rows: list[tuple[str, int]]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column(title)
    table.add_column("", justify="right")
    for name, number in rows:
        table.add_row(name, str(number))
    return table

"""What the rounds have shown: as a page for people, or as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.kinds import HEADLINE, PARTS, Kind
from bench.rounds import IN_FLIGHT, Measured, Results

_MOST = max(IN_FLIGHT)
_OURS, _FLOOR = HEADLINE
_CPU = {"worker_ms": "worker", "server_ms": "server"}
_FIGURES = {
    "rate": "lifecycles a second",
    "p50_ms": "start until authorized, p50, ms",
    "p99_ms": "start until authorized, p99, ms",
    "worker_ms": "CPU ms a lifecycle, worker",
    "server_ms": "CPU ms a lifecycle, server",
    "client_ms": "CPU ms a lifecycle, caller",
    "simulator_ms": "CPU ms a lifecycle, simulator",
}


@dataclass(frozen=True, slots=True)
class Share:
    """One line of the account: what a part of cardhold costs, in CPU milliseconds a lifecycle."""

    name: str
    worker_ms: float | None
    server_ms: float | None


def account(results: Results) -> list[Share]:
    """Where cardhold's CPU time goes: the floor, each part that was measured, and the rest."""
    floor = Share("the floor", *_cpu(results, Kind.FLOOR))
    parts = [
        Share(
            part.name,
            *(results.difference(part.with_, part.without, _MOST, name) for name in _CPU),
        )
        for part in PARTS
    ]
    ours = _cpu(results, Kind.CARDHOLD)
    known = [floor, *parts]
    rest = [
        _minus(total, [getattr(share, name) for share in known])
        for total, name in zip(ours, _CPU, strict=True)
    ]
    return [
        *known,
        Share("the rest: messages, rules, the page, the view", *rest),
        Share("cardhold", *ours),
    ]


def as_json(results: Results) -> dict[str, Any]:
    """Everything that was measured."""
    names = [field.name for field in dataclasses.fields(Measured)]
    return {
        "rounds": results.length.rounds,
        "round_s": results.length.for_s,
        "kinds": {
            kind.value: {
                **{
                    str(in_flight): {name: results.figure(kind, in_flight, name) for name in names}
                    for of, in_flight in results.rounds
                    if of is kind
                },
                **dataclasses.asdict(results.histories[kind]),
            }
            for kind in Kind
        },
        "ratio": {
            str(in_flight): {name: results.ratio(in_flight, name) for name in names}
            for in_flight in IN_FLIGHT
        },
        "account": [dataclasses.asdict(share) for share in account(results)],
    }


def show(results: Results, paper: Console) -> None:
    """Print the page."""
    length = results.length
    paper.print(
        f"Medians of {length.rounds} interleaved rounds of {length.for_s:g} s on this machine."
        " A lifecycle: held, then captured. The floor: the same calls from a bare hand-written"
        " workflow. Ratios: the median of cardhold over floor, round by round.\n"
    )
    paper.print(_headline(results))
    paper.print()
    paper.print(_account(account(results)))
    paper.print("\nA part's cost is a difference of two measurements: read it as a magnitude.")


def _headline(results: Results) -> Table:
    table = _table("", "in flight", str(_OURS), str(_FLOOR), "ratio")
    for name, label in _FIGURES.items():
        for in_flight in IN_FLIGHT:
            figures = [results.figure(kind, in_flight, name) for kind in HEADLINE]
            ratio = results.ratio(in_flight, name)
            table.add_row(label, str(in_flight), *map(_shown, figures), _shown(ratio, digits=2))
    for label, counts in _counts(results):
        ratio = counts[0] / counts[1]
        table.add_row(label, "", *map(str, counts), _shown(ratio, digits=2))
    return table


def _counts(results: Results) -> Iterator[tuple[str, tuple[int, int]]]:
    ours, floor = (results.histories[kind] for kind in HEADLINE)
    yield "history events a lifecycle", (ours.events, floor.events)
    yield "billable actions a lifecycle", (ours.actions, floor.actions)


def _account(shares: list[Share]) -> Table:
    table = _table(f"where the CPU goes, {_MOST} in flight, ms a lifecycle", *_CPU.values())
    for share in shares:
        table.add_row(share.name, _shown(share.worker_ms), _shown(share.server_ms))
    return table


def _table(first: str, *columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column(first)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _shown(value: float | None, *, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _cpu(results: Results, kind: Kind) -> list[float | None]:
    return [results.figure(kind, _MOST, name) for name in _CPU]


def _minus(total: float | None, parts: list[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return total - sum(known) if total is not None and len(known) == len(parts) else None

"""``cardhold list``: many reservations at a glance, in one request to the server."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable

import click
from rich.text import Text

from cardhold.hold import AttentionReason, HoldState
from cardhold.listing import Filter, Page, Row
from cardhold.money import Money
from cardhold.verbs import checked
from cli import screen
from cli.calling import WHEN, as_json, ask, in_utc, one_of

# The largest page that a server gives by default (Temporal: frontend.visibilityMaxPageSize).
_LIMIT_MAX = 1000


@click.command("list", short_help="List reservations, with totals for each currency.")
@click.option("--state", "states", type=one_of(HoldState), multiple=True, metavar="STATE",
              help=f"May be repeated: {', '.join(HoldState)}.")  # fmt: skip
@click.option("--attention", metavar="REASON", type=click.Choice(["any", *AttentionReason]),
              help=f"Those to look at: any, {', '.join(AttentionReason)}.")  # fmt: skip
@click.option("--booking", metavar="ID", help="The holds of one stay.")
@click.option("--property", metavar="ID", help="The holds of one house.")
@click.option("--gateway", metavar="NAME", help="The holds of one account.")
@click.option("--deadline-before", type=WHEN, metavar="WHEN", help="Due before then.")
@click.option("--deadline-after", type=WHEN, metavar="WHEN", help="Due then or later.")
@click.option("--running", "running", flag_value=True, default=None, type=bool,
              help="Those still kept.")  # fmt: skip
@click.option("--closed", "running", flag_value=False, type=bool, help="Those that are settled.")
@click.option("--limit", type=click.IntRange(1, _LIMIT_MAX), default=100, show_default=True)
@as_json
@in_utc
def list_reservations(
    *, limit: int, as_json: bool, utc: bool, attention: str | None, **narrow: object
) -> None:
    """List reservations, those due soonest first, with totals for each currency.

    It shows the latest started ones up to the limit. What is held is as it was authorized, or as
    attention or the end found it; what was adjusted since is in `cardhold show`.
    """
    which = checked(Filter, {**narrow, "attention": True if attention == "any" else attention})
    page = ask(lambda client: client.list(which, limit=limit), doing="listing")
    rows = sorted(_latest_runs(page.rows), key=_due)
    if as_json:
        click.echo(json.dumps([row.model_dump(mode="json") for row in rows], indent=2))
    else:
        _print(rows, utc=utc)
    if page.next_page:
        click.echo(_more(page), err=True)


def _latest_runs(rows: Iterable[Row]) -> list[Row]:
    """One row a reservation: an operator's reset leaves the run before it, terminated."""
    latest: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: row.started_at):
        latest[row.reservation_id] = row
    return list(latest.values())


def _due(row: Row) -> tuple[bool, bool, float]:
    """Those still kept first, and of those the one with the next deadline."""
    at = row.deadline.timestamp() if row.deadline else 0.0
    return row.closed_at is not None, row.deadline is None, at


def _print(rows: list[Row], *, utc: bool) -> None:
    if not rows:
        screen.put("No reservations.")
        return
    columns = ["reservation", "state", "held", "captured", "deadline", "attention", "gateway"]
    if screen.is_narrow():
        columns.remove("gateway")
    table = screen.table(*columns, right=("held", "captured"))
    for row in rows:
        cells = _cells(row, utc=utc)
        table.add_row(*(cells[name] for name in columns))
    screen.put(table)
    for line in _totals(rows):
        screen.put(line)
    screen.put(f"Times in {screen.zone(utc=utc)}.")


def _cells(row: Row, *, utc: bool) -> dict[str, str | Text]:
    return {
        "reservation": row.reservation_id,
        "state": _state(row),
        "held": str(row.remaining or ""),
        "captured": str(row.captured or ""),
        "deadline": screen.when(None if row.closed_at else row.deadline, utc=utc),
        "attention": Text((row.attention or "").replace("_", " "), style="bold yellow"),
        "gateway": row.gateway or "",
    }


def _state(row: Row) -> Text:
    """The state; or, where the run was ended from outside, that nobody keeps the hold."""
    if row.run == "Failed":
        return Text("invalid start", style="red")
    if row.run not in {"Running", "Completed"}:
        return Text(f"{row.run.lower()}!", style="bold red")
    return screen.state_text(row.state) if row.state else Text("")


def _totals(rows: Iterable[Row]) -> list[str]:
    held: dict[str, int] = defaultdict(int)
    captured: dict[str, int] = defaultdict(int)
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        if row.remaining and row.captured:
            counts[row.remaining.currency] += 1
            held[row.remaining.currency] += row.remaining.amount_minor
            captured[row.captured.currency] += row.captured.amount_minor
    return [
        f"{counts[currency]} in {currency}: held {as_money(held[currency], currency)}, "
        f"captured {as_money(captured[currency], currency)}"
        for currency in sorted(counts)
    ]


def as_money(amount_minor: int, currency: str) -> str:
    """A total as text; it may be more than any one hold may be."""
    return str(Money.model_construct(amount_minor=amount_minor, currency=currency))


def _more(page: Page) -> str:
    return f"There are more than these {len(page.rows)}: narrow the list, or raise --limit."

"""``cardhold doctor``: the health of a deployment, and what to do about each finding."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click
from rich.table import Table
from rich.text import Text

from cli import screen
from cli.exits import ExitCode

if TYPE_CHECKING:
    from worker.doctor.examine import Examination
    from worker.doctor.results import Result

_STYLES = {"ok": "green", "finding": "bold red", "cannot_look": "yellow"}
_VERDICT_WIDTH = 12


@click.command(short_help="Check the deployment, and say what to do.")
@click.option("--json", "as_json", is_flag=True, help="Print the same as JSON.")
def doctor(*, as_json: bool) -> int:
    """Check the deployment: one line for each check, and what to do about each finding.

    Looks at Temporal, at the reservations, and with CARDHOLD_CONFIG at the worker's configuration
    and its gateways, to which it sends no credential. It changes nothing. Exit code 0: nothing
    was found.
    """
    # An operator's other commands should not wait for the gateways' code to be read.
    from worker import settings  # noqa: PLC0415 - see above
    from worker.doctor.examine import examine  # noqa: PLC0415 - see above

    load = settings.load if settings.is_configured() else None
    with screen.waiting("looking"):
        found = asyncio.run(examine(settings.temporal_connection, load))
    if as_json:
        click.echo(found.model_dump_json(indent=2))
    else:
        _print(found)
    if not found.reached:
        return ExitCode.UNREACHABLE
    return ExitCode.FOUND if found.findings else ExitCode.DONE


def _print(found: Examination) -> None:
    # A grid, so that in a terminal a long line goes on beside its verdict; a pipe gets one line.
    grid = Table.grid()
    grid.add_column(no_wrap=True, width=_VERDICT_WIDTH)
    grid.add_column(overflow="fold")
    for result in found.checks:
        verdict = result.verdict.replace("_", " ")
        grid.add_row(Text(verdict, style=_STYLES.get(result.verdict, "")), _line(result))
    screen.put(grid)
    unseen = sum(result.verdict == "cannot_look" for result in found.checks)
    count = found.findings
    told = f"{count} finding{'' if count == 1 else 's'}" if count else "Nothing was found"
    screen.put(f"{told}; {unseen} could not be looked at." if unseen else f"{told}.")


def _line(result: Result) -> Text:
    do = f" → {result.do}" if result.do else ""
    return Text.assemble((f"{result.check}: ", "bold"), result.says, do)

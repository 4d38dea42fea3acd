"""The commands that run something: the set-up, a worker, the simulators, the whole stack.

What they run is imported when it is asked for: an operator's ``cardhold show`` needs neither
gateways nor simulators, and should not wait for them.
"""

# ruff: noqa: PLC0415 - see above

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import click

from cli import screen
from worker.cannot_start import CannotStart

_PORT = click.IntRange(0, 65535)
_SIMULATORS_URL = "http://127.0.0.1:8700"


@click.command(short_help="Run everything on this machine, to try and to develop.")
@click.option("--temporal-port", type=_PORT, default=7233, show_default=True)
@click.option("--ui-port", type=_PORT, default=8233, show_default=True)
@click.option("--simulators-port", type=_PORT, default=8700, show_default=True)
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
              default=Path(".cardhold"), show_default=True, help="Kept between runs.")  # fmt: skip
@click.option("--memory", is_flag=True, help="Keep nothing between runs.")
def dev(*, temporal_port: int, ui_port: int, simulators_port: int, data: Path, memory: bool) -> int:
    """Run Temporal, its UI, the simulated gateways and a worker, until Ctrl-C."""
    from worker.dev import Stack, main

    return main(
        Stack(
            temporal_port=temporal_port,
            ui_port=ui_port,
            simulators_port=simulators_port,
            data=None if memory else data,
        )
    )


@click.command(short_help="Prepare Temporal: search attributes, retention, schedule.")
@click.option("--print", "print_only", is_flag=True,
              help="Print the same as commands of the temporal CLI, and do nothing.")  # fmt: skip
def setup(*, print_only: bool) -> None:
    """Register search attributes, set the retention, schedule the sweep; may be repeated."""
    from worker import setup as steps
    from worker.settings import temporal_connection

    connection = temporal_connection()
    if print_only:
        lines = steps.commands(connection.get("namespace", "default"))
    else:
        with screen.waiting("setting up the namespace"):
            lines = asyncio.run(steps.run(connection))
    for line in lines:
        click.echo(line)


@click.command("worker", short_help="Run a worker, until SIGTERM or Ctrl-C.")
@click.option("--simulators", is_flag=True,
              help="Use the built-in accounts, pointed at the simulated gateways.")  # fmt: skip
@click.option("--simulators-url", metavar="URL", default=_SIMULATORS_URL, show_default=True,
              help="Where they are.")  # fmt: skip
def worker_command(*, simulators: bool, simulators_url: str) -> int:
    """Run a worker with the accounts of CARDHOLD_CONFIG, until SIGTERM or Ctrl-C."""
    from worker.main import main

    return main(simulators_url=simulators_url if simulators else None)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=_PORT, default=8700, show_default=True, help="0 takes a free one.")
@click.option("--data", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Keeps the books; in memory if left out.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random faults.")
@click.option("--fault-rate", type=click.FloatRange(0, 1), default=0.0, show_default=True,
              help="How often a call meets a random fault.")  # fmt: skip
def simulator(*, host: str, port: int, data: Path | None, seed: int, fault_rate: float) -> None:
    """Run the simulated gateways alone, until Ctrl-C."""
    from simulator.faults import Unclear
    from simulator.server import serve

    try:
        asyncio.run(serve(host=host, port=port, data=data, seed=seed, fault_rate=fault_rate))
    except (OSError, sqlite3.Error, Unclear) as error:
        reason = str(error).rstrip(".")
        raise CannotStart(f"the simulator cannot start: {reason}") from error

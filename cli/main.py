"""The ``cardhold`` command itself: its families, and the one place where it ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Any, NoReturn

import click

from cli.commands import acknowledge, adjust, authorize, capture, release, reschedule, resolve
from cli.doctor import doctor
from cli.exits import EPILOG, ExitCode, refuse_card_numbers, told
from cli.listing import list_reservations
from cli.reconcile import reconcile
from cli.service import dev, setup, simulator, worker_command
from cli.showing import show
from cli.starting import start


class _Cardhold(click.Group):
    """A group whose every end is an exit code and at most one sentence on stderr."""

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> NoReturn:  # pyright: ignore[reportIncompatibleMethodOverride] - click's overloads promise an Any that never comes
        words = list(sys.argv[1:] if args is None else args)
        try:
            refuse_card_numbers(words)
            ended = super().main(words, prog_name="cardhold", standalone_mode=False)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last line of defence
            code, sentence = told(error)
            click.echo(f"cardhold: {sentence}", err=True)
            sys.exit(code)
        sys.exit(ended if isinstance(ended, int) else ExitCode.DONE)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order that people meet them, not by the alphabet."""
        del ctx
        return list(self.commands)


def _version() -> str:
    try:
        return metadata.version("cardhold")
    except metadata.PackageNotFoundError:
        return "of a checkout that is not installed"


@click.group(cls=_Cardhold, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), message="%(prog)s %(version)s")
def cardhold() -> None:
    """Keep card holds safe, one Temporal workflow for each reservation.

    Temporal is found as its own CLI finds it: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
    TEMPORAL_PROFILE and their like; 127.0.0.1:7233 where nothing is set.
    """


for _command in (
    start, show, list_reservations,
    adjust, capture, release, authorize, reschedule, resolve, acknowledge,
    dev, setup, worker_command, simulator, reconcile, doctor,
):  # fmt: skip
    cardhold.add_command(_command)


def main() -> NoReturn:
    """Run the command on the process's own command line."""
    cardhold.main()

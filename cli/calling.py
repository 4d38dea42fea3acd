"""What every command that talks to reservations shares: its options, the call, its answer."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import click

from cardhold.client import Client
from cardhold.fields import instant_text
from cardhold.hold import Hold
from cardhold.verbs import checked_id
from cli import screen

AnswerT = TypeVar("AnswerT")
CommandT = TypeVar("CommandT", bound=Callable[..., Any])

_OPERATOR_LENGTH = 50

as_json = click.option("--json", "as_json", is_flag=True, help="Print the contract's JSON.")
in_utc = click.option("--utc", is_flag=True, help="Show times in UTC, not in your own zone.")


class _ReservationId(click.ParamType[str]):
    name = "reservation"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse what can be no reservation's id, before anything is connected."""
        del param, ctx
        return checked_id(str(value))


reservation = click.argument("reservation_id", metavar="RESERVATION", type=_ReservationId())


def said(command: CommandT) -> CommandT:
    """The options of every command: who says it, why, and the id that makes repeating it safe."""
    options = (
        click.option("--command-id", metavar="ID", help="Repeating it under this id is safe."),
        click.option("--operator", metavar="NAME", help="Who says so; your login by default."),
        click.option("--reason", metavar="TEXT", help="Why, for whoever reads the history."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def ask(call: Callable[[Client], Awaitable[AnswerT]], *, doing: str) -> AnswerT:
    """Connect, make one call and bring back its answer, with a spinner where people watch."""

    async def _called() -> AnswerT:
        return await call(await Client.connect())

    with screen.waiting(doing):
        return asyncio.run(_called())


def answered(hold: Hold, *, as_json: bool, utc: bool) -> None:
    """Print what a command answered."""
    if as_json:
        click.echo(hold.model_dump_json(indent=2))
    else:
        screen.print_outcome(hold, utc=utc)


def who(operator: str | None) -> str | None:
    """The operator's name: the one given, else the login of whoever runs the command."""
    if operator is not None:
        return operator
    try:
        return getpass.getuser()[:_OPERATOR_LENGTH]
    except (KeyError, OSError):  # a container's user often has no name
        return None


class When(click.ParamType[str]):
    """An instant as people type it; without a zone it is in the reader's own.

    Its errors do not repeat what was typed.
    """

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Turn ``2026-03-01 15:00`` into the contract's instant in UTC."""
        try:
            return instant_text(datetime.fromisoformat(str(value)).astimezone())
        except (ValueError, OverflowError):
            self.fail("must be a time such as '2026-03-01 15:00' or 2026-03-01T15:00Z", param, ctx)


WHEN = When()


def amount_of(words: tuple[str, ...]) -> str | None:
    """``150.00 USD`` as one argument or as two."""
    return " ".join(words) or None


def one_of(kind: type[StrEnum]) -> click.Choice[str]:
    """A choice by the contract's own words; click itself would take the names in our code."""
    return click.Choice([str(member) for member in kind])

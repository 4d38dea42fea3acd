"""How the demo tells its story: for people, in 80 columns or more, plain where nobody watches."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Sequence
from dataclasses import fields

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from demo.books import CURRENCY, Figures, Verdict, shown

# The table and every link fit; text this wide is still read with ease.
_WIDTH_MAX = 100
_INDENT = 3


class Teller:
    """Says one line after another; ``tell("...")`` is a line of the story."""

    def __init__(self, console: Console | None = None) -> None:
        self._paper = console or _paper()

    def __call__(self, line: str) -> None:
        """Tell what has just happened."""
        self._say(line, _INDENT)

    def opening(self, *, ui_url: str, simulator_url: str) -> None:
        """Say where things are, before anything happens."""
        self._say("cardhold: what happens to the money on a card", style="bold")
        self(f"the bank and its gateway, simulated: {simulator_url}/admin/books")
        self(f"Temporal, which remembers everything: {ui_url}")

    def scene(self, number: int, title: str, reservation_id: str) -> None:
        """Begin the next scenario."""
        self._paper.print()
        self._paper.print(
            Text.assemble((f"{number}. {title}", "bold"), f"  reservation {reservation_id}")
        )

    def command(self, command: Sequence[str]) -> None:
        """Show a command line as a person would type it, broken where it may be."""
        head, tail = shlex.join(command[:5]), shlex.join(command[5:])
        for line in (f"   $ {head} \\", f"       {tail}"):
            # Soft: whoever copies it wants it whole.
            self._paper.print(Text(line, style="cyan"), soft_wrap=True)

    def trouble(self, verdict: Verdict) -> None:
        """Say in one sentence what went wrong."""
        self._say(f"WRONG: {verdict.sentence()}", _INDENT, style="bold red")

    def books(self, verdicts: Sequence[Verdict]) -> None:
        """Show what the bank's books say, beside what they should."""
        self._paper.print()
        self._say(f"What the bank's books say, in {CURRENCY}", style="bold")
        if self._paper.is_terminal:
            self._paper.print(_table(verdicts, roomy=self._paper.width >= _WIDTH_MAX))
            return
        with self._paper.capture() as drawn:
            self._paper.print(_table(verdicts, roomy=False))
        for line in drawn.get().splitlines():
            # Nobody wants the blanks that a table fills its last column with.
            self._paper.print(Text(line.rstrip()))

    def ending(self, verdicts: Sequence[Verdict]) -> None:
        """Say whether everything was as it should be."""
        wrong = [verdict for verdict in verdicts if not verdict.is_right]
        self._paper.print()
        for verdict in wrong:
            self.trouble(verdict)
        if not wrong:
            line = "Every figure was read from the bank's books, and is what it should be."
            self._say(line, style="green")

    def histories(self, links: Sequence[str], *, kept: bool) -> None:
        """Say where the same stories stand in Temporal's UI."""
        self._paper.print()
        if kept:
            self._say("Their histories, step by step, in Temporal's UI:")
        else:
            self._say("To read their histories step by step in Temporal's UI, run")
            self._say("./scripts/demo --keep  and open what it then names, such as:", style="cyan")
        for link in links:
            # Soft: a link that is broken in two cannot be followed.
            self._paper.print(Text(f"   {link}"), soft_wrap=True)

    def kept(self, address: str) -> None:
        """Say that everything still runs, and how it ends."""
        self._paper.print()
        self._say(f"Everything is left running (Temporal at {address}).")
        self._say("Ctrl-C stops it, and forgets it.", style="bold")

    def _say(self, line: str, indent: int = 0, *, style: str = "") -> None:
        blanks = " " * indent
        folded = textwrap.fill(
            line, self._paper.width, initial_indent=blanks, subsequent_indent=blanks
        )
        self._paper.print(Text(folded, style=style))


def _paper() -> Console:
    console = Console(highlight=False, markup=False, emoji=False)
    width = min(console.width, _WIDTH_MAX)
    # NO_COLOR leaves rich its bold and dim; those who set it want neither.
    system = None if console.no_color else "auto"
    return Console(highlight=False, markup=False, emoji=False, width=width, color_system=system)


_COLUMNS = {
    "held_minor": "held",
    "captured_minor": "captured",
    "freed_minor": "freed",
    "lapsed_minor": "lapsed",
    "captures": "captures",
}


def _table(verdicts: Sequence[Verdict], *, roomy: bool) -> Table:
    table = Table(
        box=SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        padding=(0, 2 if roomy else 0, 0, 0),
        header_style="bold",
    )
    table.add_column("")
    for name in fields(Figures):
        table.add_column(_COLUMNS[name.name], justify="right", no_wrap=True)
    table.add_column("")
    for verdict in verdicts:
        figures = [_cell(verdict, field.name) for field in fields(Figures)]
        table.add_row(verdict.title, *figures, _judged(verdict))
    return table


def _cell(verdict: Verdict, name: str) -> Text:
    """The figure that is booked, and below it the one that was expected if that is another."""
    if verdict.booked is None:
        return Text("?", style="bold red")
    booked = shown(verdict.booked, name)
    if name not in verdict.wrong:
        return Text(booked)
    return Text(f"{booked}\nnot {shown(verdict.expected, name)}", style="bold red")


def _judged(verdict: Verdict) -> Text:
    if verdict.is_right:
        return Text("as expected", style="green")
    return Text("failed" if verdict.failure else "WRONG", style="bold red")

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

from demo.books import Figures, Verdict

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

    def opening(self, *, ui_url: str, simulator_url: str, gateways: int) -> None:
        """Say where things are, before anything happens."""
        self._say("cardhold: what happens to the money on a card", style="bold")
        theirs = "its gateway" if gateways == 1 else f"its {gateways} gateways"
        self(f"the bank and {theirs}, simulated: {simulator_url}/admin/books")
        self(f"Temporal, which remembers everything: {ui_url}")

    def house(self, gateway: str, currency: str) -> None:
        """Begin the stories of the next gateway."""
        self._paper.print()
        self._say(f"A hotel with an account at {gateway}, working in {currency}", style="bold cyan")

    def scene(self, number: int, title: str, reservation_id: str) -> None:
        """Begin the next scenario."""
        self._paper.print()
        self._paper.print(
            Text.assemble((f"{number}. {title}", "bold"), f"  reservation {reservation_id}")
        )

    def command(self, command: Sequence[str]) -> None:
        """Show a command line as a person would type it, broken where it may be."""
        options = next(
            (at for at, word in enumerate(command) if word == "--workflow-id"), len(command)
        )
        head, tail = shlex.join(command[:options]), shlex.join(command[options:])
        for line in (f"   $ {head} \\", f"       {tail}"):
            # Soft: whoever copies it wants it whole.
            self._paper.print(Text(line, style="cyan"), soft_wrap=True)

    def address(self, url: str) -> None:
        """Show where somebody is sent."""
        # Soft: a link that is broken in two cannot be followed.
        self._paper.print(Text(f"   {url}", style="cyan"), soft_wrap=True)

    def trouble(self, verdict: Verdict) -> None:
        """Say in one sentence what went wrong."""
        self._say(f"WRONG: {verdict.sentence()}", _INDENT, style="bold red")

    def books(self, verdicts: Sequence[Verdict]) -> None:
        """Show what the bank's books say, beside what they should."""
        self._paper.print()
        currencies = sorted({verdict.currency for verdict in verdicts})
        only = f", in {currencies[0]}" if len(currencies) == 1 else ""
        self._say(f"What the bank's books say{only}", style="bold")
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

    def missed(self, gateway: str, lacks: Sequence[str], stories: int) -> None:
        """Say which stories could not be played, in one line."""
        *first, last = lacks
        why = f"{', '.join(first)} and {last}" if first else last
        many = "one story was" if stories == 1 else f"{stories} stories were"
        self._say(f"{gateway} {why}: {many} left out.")

    def others(self) -> None:
        """Say how to see the other gateways."""
        self._say("The other gateways' stories:  ./scripts/demo --gateway all", style="cyan")

    def histories(self, links: Sequence[str], command: str | None) -> None:
        """Say where the same stories stand in Temporal's UI, and what to type to see them there."""
        self._paper.print()
        if command is None:
            self._say("Their histories, step by step, in Temporal's UI:")
        else:
            self._say("To read their histories step by step in Temporal's UI, run")
            self._say(f"{command}  and open what it then names, such as:", style="cyan")
        for link in links:
            # Soft: a link that is broken in two cannot be followed.
            self._paper.print(Text(f"   {link}"), soft_wrap=True)

    def waiting(self, url: str, command: Sequence[str]) -> None:
        """Say that a guest is asked who is not there, and how to be that guest."""
        self._paper.print()
        self._say("One more guest is asked, and that is you. Confirm or refuse at")
        self.address(url)
        self._say("and then let cardhold see what you did:")
        self.command(command)

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
    # Where there is only one, the heading says the currency, and the story the gateway.
    gateways = len({verdict.gateway for verdict in verdicts}) > 1
    currencies = len({verdict.currency for verdict in verdicts}) > 1
    table = _columns(gateways=gateways, currencies=currencies, roomy=roomy)
    before = ""
    for verdict in verdicts:
        is_first = verdict.gateway != before
        if before and is_first:
            table.add_section()
        before = verdict.gateway
        table.add_row(
            *([verdict.gateway if is_first else ""] if gateways else []),
            verdict.title,
            *([verdict.currency] if currencies else []),
            *(_cell(verdict, field.name) for field in fields(Figures)),
            # Short beside a gateway: all of it fits into 80 columns.
            _judged(verdict, "right" if gateways else "as expected"),
        )
    return table


def _columns(*, gateways: bool, currencies: bool, roomy: bool) -> Table:
    table = Table(
        box=SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        padding=(0, 2 if roomy else 0, 0, 0),
        header_style="bold",
    )
    if gateways:
        table.add_column("gateway", no_wrap=True)
    table.add_column("")
    if currencies:
        table.add_column("in", no_wrap=True)
    for name in fields(Figures):
        table.add_column(_COLUMNS[name.name], justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    return table


def _cell(verdict: Verdict, name: str) -> Text:
    """The figure that is booked, and below it the one that was expected if that is another."""
    if verdict.booked is None:
        return Text("?", style="bold red")
    booked = verdict.shown(verdict.booked, name)
    if name not in verdict.wrong:
        return Text(booked)
    return Text(f"{booked}\nnot {verdict.shown(verdict.expected, name)}", style="bold red")


def _judged(verdict: Verdict, praise: str) -> Text:
    if verdict.is_right:
        return Text(praise, style="green")
    return Text("failed" if verdict.failure else "WRONG", style="bold red")

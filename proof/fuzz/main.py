"""Send generated input to every door of cardhold, and judge what comes of it.

Entries: messages, answers, core, configuration, command-line, server. Ends with 0 where every
promise held and with 1 where one did not: then it says which, the input, and how to see it again.
"""

from __future__ import annotations

import argparse
import gc
import secrets
import sys
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from proof.fuzz import answers, command_line, configuration, core, live, reading
from proof.fuzz.hunt import Entry, Tally, hunt
from worker import logs
from worker.cannot_start import CannotStart

ENTRIES: dict[str, Entry] = {
    module.ENTRY.name: module.ENTRY
    for module in (reading, answers, core, configuration, command_line, live)
}
_THOUSAND = 1_000
_INTERRUPTED = 130
_COLUMNS = ("examples", "pieces", "accepted", "refused", "wedged", "calls")


def main(arguments: Sequence[str] | None = None) -> int:
    """Be ``scripts/fuzz``; answers with its exit code."""
    logs.configure(level="CRITICAL")  # what is refused a thousand times is no news
    told = _options().parse_args(arguments)
    seed = None if told.fixed else told.seed
    console = Console(highlight=False, markup=False, emoji=False)
    try:
        tallies = [_hunt(name, told.examples, told.entry, seed) for name in told.entry or ENTRIES]
    except CannotStart as refused:
        sys.stderr.write(f"{refused}\n")
        return refused.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    finally:
        # Temporal's client holds threads that may outlive the interpreter and abort it.
        gc.collect()
    console.print(table(tallies))
    if seed is not None:
        console.print(f"The same again: --seed {seed}.")
    for tally in tallies:
        for found in tally.found:
            console.print(f"\n{tally.entry}: {found}")
    return 1 if any(is_wrong(tally) for tally in tallies) else 0


def is_wrong(tally: Tally) -> bool:
    """Whether a promise did not hold."""
    return bool(tally.found or tally.wedged or tally.calls)


def examples_of(entry: Entry, examples: int, *, alone: bool) -> int:
    """How many examples an entry is given: all of them, or its share of a thousand."""
    return examples if alone else max(1, examples * entry.share // _THOUSAND)


def table(tallies: Sequence[Tally]) -> Table:
    """What was counted, an entry a line."""
    grid = Table(box=SIMPLE_HEAD, pad_edge=False)
    grid.add_column("entry", no_wrap=True)
    for name in _COLUMNS:
        grid.add_column(name, justify="right")
    for one in tallies:
        counts = (one.examples, one.cases, one.accepted, one.refused, one.wedged, one.calls)
        grid.add_row(one.entry, *(f"{count:,}" for count in counts))
    return grid


def _hunt(name: str, examples: int, chosen: Sequence[str], seed: int | None) -> Tally:
    entry = ENTRIES[name]
    count = examples_of(entry, examples, alone=bool(chosen))

    def say(tally: Tally) -> None:
        sys.stderr.write(f"{name}: {tally.examples:,} of {count:,}\n")

    return hunt(entry, count, seed=seed, say=say)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/fuzz", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--examples", type=int, default=_THOUSAND, metavar="N",
        help="so many of the quickest entry, and a share of the others; of each, with --entry",
    )  # fmt: skip
    parser.add_argument(
        "--entry", action="append", choices=list(ENTRIES), help="this one alone; may be repeated"
    )
    parser.add_argument(
        "--seed", type=int, default=secrets.randbits(32), metavar="N",
        help="draw what was drawn under this seed; a new one each time without",
    )  # fmt: skip
    parser.add_argument("--fixed", action="store_true", help="draw the same as every time, as CI")
    return parser

"""Write, or with --check compare, what each observation of a gateway call says of the money.

``docs/outcomes.md`` is written whole, from the table that the adapters themselves go by. A gateway
that joins `gateways.accounts.KINDS` is on it after the next run, with the rows of its
``problems.py``; without them the script fails.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from importlib import import_module
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from activities.declared import Failure  # noqa: E402 - the path comes first
from gateways.accounts import KINDS  # noqa: E402 - the path comes first
from gateways.classifier import (  # noqa: E402 - the path comes first
    ANSWERS,
    EVERYTHING,
    LATER,
    LOOKS,
    OPERATIONS,
    TRANSPORT,
    UNFORESEEN,
    Asked,
    Means,
    Row,
    Table,
)
from scripts.pages import table, write_or_check  # noqa: E402 - the path comes first

PAGE = ROOT / "docs" / "outcomes.md"
INTRODUCTION = """\
# What an answer, or none, says of the money

Written by `scripts/outcomes` from the table that the adapters go by: `gateways/classifier.py`, and
each adapter's `problems.py`. Don't edit it: change the table and run the script; `scripts/check`
fails on a difference.

**The default is unknown.** What stands in no line (an error that nobody thought of, a status or a
code that nobody published) may have moved money, and is looked up before anything else is sent.
Nothing on this page turns "don't know" into "failed".

A success is not here. It counts as *done*, or as *declined*, only where the answer is whole, each
word in it is one that we know, and payment, reference, amount and currency are those that were
asked for.
"""
FOLLOWS_HEAD = """\
## What each means, and what is done next

An activity that ends without an outcome fails with the type in the last column; Temporal repeats
it, or the workflow takes the next rung of its ladder (`workflows/courier.py`). What proves that
*this* attempt moved nothing says nothing of an earlier one whose answer was lost: then the
operation is looked up all the same.
"""
ANY_GATEWAY = """\
## At every gateway

"Not sent" is only what httpx raises before the first byte of a request is written, by the error's
own class. An answer that is no success is looked for in the gateway's table below; the last line
stands for all that is not in it.
"""
# A meaning that is missing here fails the script: nothing is told without what follows from it.
FOLLOWS: dict[Means, tuple[str, str]] = {
    Means.NOT_SENT: ("did not move", "sent again, under the same key"),
    Means.THROTTLED: (
        "did not move",
        "waits as long as `Retry-After` asks, one second to five minutes, and is sent again",
    ),
    Means.UNAUTHORIZED: (
        "did not move",
        (
            "the sending of an authorization that surely was not sent before is `not_done`, and "
            "another card may be given; a look and all else are tried again until somebody has "
            "mended the credentials"
        ),
    ),
    Means.REFUSED: (
        "did not move",
        "the operation is `not_done`, the reservation is again where it was, the caller is told",
    ),
    Means.DECLINED: (
        "did not move",
        "the operation is `declined`, the reservation is again where it was, the caller is told",
    ),
    Means.ABSENT: (
        "has not moved so far",
        (
            "proof once the gateway's processing time is over: then the operation may be sent; "
            "until then it is looked up again"
        ),
    ),
    Means.LOOK: (
        "is told by the hold alone",
        (
            "the hold is read at once: as it was before, the operation is `declined`; as it was to "
            "become, `done`; anything else, or no look, is undecided"
        ),
    ),
    Means.NO_ANSWER: (
        "may have moved",
        (
            "the same key and body again, for half the key's life and in the same run (an "
            "authorization is looked for before); where no key makes that harmless, as undecided"
        ),
    ),
    Means.UNDECIDED: (
        "may have moved",
        (
            "looked up until it is decided, for ever if need be; a person is told after 15 minutes "
            "(`outcome_unknown`, by account) and may `resolve` it"
        ),
    ),
}
#: What an activity fails with; the others are values that it ends with.
FAILURES: dict[Means, Failure] = {
    Means.NOT_SENT: Failure.NOT_SENT,
    Means.THROTTLED: Failure.THROTTLED,
    Means.UNAUTHORIZED: Failure.UNAUTHORIZED,
    Means.NO_ANSWER: Failure.NO_ANSWER,
    Means.UNDECIDED: Failure.UNDECIDED,
}
_ASKED: dict[frozenset[Asked], str] = {
    EVERYTHING: "anything",
    OPERATIONS: "any operation",
    LATER: "any later operation",
    LOOKS: "a look-up",
}


def table_of(gateway: str) -> Table:
    """A gateway's own table."""
    found: Table = import_module(f"gateways.adapters.{gateway}.problems").TABLE
    return found


def _follows() -> str:
    head = ["", "the money", "what is done next", "the activity fails with"]
    rows = [
        [
            f"**{means.value}**",
            *FOLLOWS[means],
            f"`{FAILURES[means]}`" if means in FAILURES else "a value",
        ]
        for means in Means
    ]
    return table([head, *rows])


def _on_the_way() -> str:
    by_meaning = sorted(TRANSPORT, key=lambda error: list(Means).index(TRANSPORT[error]))
    rows = [
        [", ".join(f"`{error.__name__}`" for error in errors), means.value]
        for means, errors in groupby(by_meaning, key=lambda error: TRANSPORT[error])
    ]
    rows.append(["any other error, whatever it is", UNFORESEEN.value])
    rows += [[str(seen), means.value] for seen, means in ANSWERS.items()]
    return table([["what is seen", "means"], *rows])


def _statuses(statuses: Collection[int]) -> str:
    """Each, and many in a row by their first and last."""
    runs: list[list[int]] = []
    for status in sorted(int(each) for each in statuses):
        if runs and runs[-1][-1] == status - 1:
            runs[-1].append(status)
        else:
            runs.append([status])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)


def _asked(row: Row) -> str:
    return _ASKED.get(row.asked) or ", ".join(each for each in Asked if each in row.asked)


def _of_gateway(name: str) -> str:
    own = table_of(name)
    head = ["asked for", "status", "the body says", "means", "told as"]
    rows = [
        [
            _asked(row),
            _statuses(row.statuses),
            row.body.told,
            row.means.value,
            f"`{row.error}`" if row.error else "",
        ]
        for row in own.rows
    ]
    source = f"Source: {own.source}. The first line that fits counts."
    title = f"## {KINDS[name].profile.title}\n"
    return "\n".join([title, source, "", table([head, *rows]), own.note, ""])


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION, FOLLOWS_HEAD, _follows(), ANY_GATEWAY, _on_the_way()]
    return "\n".join([*parts, *(_of_gateway(name) for name in KINDS)])


def main() -> int:
    """Write or compare; answers with the exit code."""
    return write_or_check("outcomes", {PAGE: page()})


if __name__ == "__main__":
    sys.exit(main())

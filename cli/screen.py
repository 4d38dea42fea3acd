"""How things look: a terminal gets colours, tables and a spinner; a pipe gets plain text."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable
from datetime import UTC, datetime

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cardhold.hold import FINAL_STATES, Action, Attention, Hold, HoldState, OperationState
from cardhold.messages import OnDeadline
from cardhold.money import Money

# A pipe has no width: nothing there may be folded or cut.
_PIPE_WIDTH = 10_000

# Under this width a list leaves out what a reader misses least.
_NARROW = 90

_STATE_STYLES = {
    HoldState.AUTHORIZED: "green",
    HoldState.PARTIALLY_CAPTURED: "green",
    HoldState.CAPTURED: "green",
    HoldState.DECLINED: "red",
    HoldState.ABANDONED: "red",
    HoldState.EXPIRED: "red",
    HoldState.ACTION_REQUIRED: "yellow",
}
_OPERATION_STYLES = {
    OperationState.DONE: "green",
    OperationState.DECLINED: "red",
    OperationState.NOT_DONE: "red",
    OperationState.UNKNOWN: "bold yellow",
}


def paper() -> Console:
    """Where results are printed, made anew so that it fits the terminal as it is now."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        return Console(highlight=False, markup=False, emoji=False, width=_PIPE_WIDTH)
    return console


def is_narrow() -> bool:
    """Whether the terminal is too narrow for everything."""
    return paper().width < _NARROW


@contextlib.contextmanager
def waiting(doing: str) -> Generator[None]:
    """A spinner on stderr while something takes long, where somebody watches."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield
        return
    with console.status(Text(f"{doing} …")):
        yield


def table(*columns: str, right: Iterable[str] = ()) -> Table:
    """An empty table; the columns named in ``right`` hold amounts."""
    console = paper()
    grid = Table(
        box=SIMPLE_HEAD if console.is_terminal else None,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1 if console.is_terminal else 2, 0, 0),
        header_style="bold",
    )
    for name in columns:
        amounts = name in right
        # An amount or an id that is broken in two is misread.
        folds = name in {"why", "who", "attention", "state"}
        grid.add_column(name, justify="right" if amounts else "left", no_wrap=not folds)
    return grid


def put(*things: object) -> None:
    """Print to stdout, without the blanks that a table fills its last column with."""
    console = paper()
    if console.is_terminal:
        console.print(*things)
        return
    with console.capture() as captured:
        console.print(*things)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def when(instant: datetime | None, *, utc: bool, year: bool = True) -> str:
    """A time in the reader's zone, to the minute."""
    if instant is None:
        return ""
    shown = instant.astimezone(UTC if utc else None)
    return shown.strftime("%Y-%m-%d %H:%M" if year else "%m-%d %H:%M")


def zone(*, utc: bool, at: datetime | None = None) -> str:
    """The name of the zone that times are shown in."""
    return (at or datetime.now(UTC)).astimezone(UTC if utc else None).strftime("%Z")


def figure(money: Money) -> str:
    """An amount without its currency, which stands above the column."""
    return str(money).rpartition(" ")[0]


def state_text(state: str) -> Text:
    """A state of a hold, in its colour; one of a later version has none."""
    styles = {str(known): style for known, style in _STATE_STYLES.items()}
    return Text(state.replace("_", " "), style=styles.get(state, ""))


def result_text(state: OperationState) -> Text:
    """A state of an operation, in its colour."""
    return Text(state.replace("_", " "), style=_OPERATION_STYLES.get(state, ""))


def print_outcome(hold: Hold, *, utc: bool) -> None:
    """Say in a few lines how the hold stands."""
    put(headline(hold))
    for line in amount_lines(hold):
        put(line)
    if ahead := deadline_line(hold, utc=utc):
        put(ahead)
    if hold.state is HoldState.DECLINED and hold.operations and hold.operations[-1].detail:
        put(f"  the issuer or the gateway says: {hold.operations[-1].detail}")
    if hold.action:
        put(action_text(hold.action, utc=utc))
    if hold.attention:
        put(attention_text(hold.attention, utc=utc))


def headline(hold: Hold) -> Text:
    """``RES-1001 authorized at payroc, Visa …7062``."""
    line = Text.assemble((hold.reservation_id, "bold"), " ", state_text(hold.state))
    line.append(f" at {hold.gateway}")
    if hold.card and (hold.card.brand or hold.card.last4):
        brand, last4 = hold.card.brand or "card", hold.card.last4
        line.append(f", {brand} …{last4}" if last4 else f", {brand}")
    return line


def amount_lines(hold: Hold) -> list[str]:
    """The six amounts, those that say something."""
    named = {
        "held": hold.remaining,
        "captured": hold.captured,
        "released": hold.released,
        "expired": hold.expired,
        "in doubt": hold.in_doubt,
    }
    said = [f"{name} {money}" for name, money in named.items() if money.amount_minor]
    return [f"  {' · '.join(said)}"] if said else ["  nothing is held"]


def deadline_line(hold: Hold, *, utc: bool) -> str | None:
    """What happens to the hold if nobody says anything, and when."""
    if hold.deadline is None or hold.state in FINAL_STATES:
        return None
    end = "released"
    if hold.on_deadline is OnDeadline.CAPTURE:
        end = f"captured, up to {hold.deadline_amount}" if hold.deadline_amount else "captured"
    at = when(hold.deadline, utc=utc)
    return f"  until {at} {zone(utc=utc, at=hold.deadline)}, then {end}"


def action_text(action: Action, *, utc: bool) -> Text:
    """What the guest has to do."""
    until = f" by {when(action.expires_at, utc=utc)}" if action.expires_at else ""
    return Text(f"  the guest has to act{until}: {action.method} {action.url}", style="yellow")


def attention_text(attention: Attention, *, utc: bool) -> Text:
    """Why a person should look."""
    about = f" ({attention.operation_id})" if attention.operation_id else ""
    since = when(attention.since, utc=utc)
    detail = f": {attention.detail}" if attention.detail else ""
    reason = attention.reason.replace("_", " ")
    return Text(f"  needs attention since {since}: {reason}{about}{detail}", style="bold yellow")

"""What was wrong in the end, told from the bank's books and from what the caller wrote down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cardhold.hold import Hold, OperationState
from proof.crash.caller import AUTHORIZED, CLOSED, TAKEN_IN, Acknowledgement, Notes
from proof.crash.plots import Stay
from proof.crash.servers import Row

DOUBLE, LOST = "double effects", "acknowledged but lost"
OTHERWISE, DISAGREE = "not taken as asked", "hold and books disagree"
OPEN, NOT_ENDED, REFUSED = "holds left open", "runs not ended", "refused without cause"


@dataclass(slots=True)
class Findings:
    """Everything that is wrong, by its name; empty where all is well."""

    wrong: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def add(self, name: str, found: Iterable[str]) -> None:
        """Note what was found under a name; nothing found is a figure too."""
        self.wrong.setdefault(name, []).extend(found)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not any(self.wrong.values())


def judge(books: Sequence[Row], notes: Notes, holds: Mapping[str, Hold]) -> Findings:
    """Hold the books against the instructions.

    Args:
        books: Of the bank, all of them, after the end.
        notes: Of the caller.
        holds: Every reservation that could be read, as it is after the end.
    """
    findings = Findings()
    rows = {(row["gateway"], row["payment_id"]): row for row in books}
    known = [stay for stay in notes.begun if stay.name in holds]
    pairs = [(stay, holds[stay.name], _row_of(holds[stay.name], rows)) for stay in known]
    findings.add(DOUBLE, [*_twice(books), *_strays(books, holds.values()), *_too_often(pairs)])
    findings.add(LOST, _lost(notes, holds))
    findings.add(OTHERWISE, _otherwise(pairs, notes.called_off))
    findings.add(DISAGREE, _disagreeing(pairs))
    findings.add(OPEN, (_named(row) for row in books if row["state"] == "open"))
    findings.add(NOT_ENDED, _not_ended(notes))
    findings.add(REFUSED, list(notes.refused))
    return findings


Pair = tuple[Stay, Hold, Row | None]


def _row_of(hold: Hold, rows: Mapping[tuple[str, str], Row]) -> Row | None:
    return rows.get((hold.gateway, hold.payment_id or ""))


def _twice(books: Sequence[Row]) -> Iterator[str]:
    """A key with two effects of one kind, or a reference with two holds."""
    effects = Counter(
        (row["gateway"], effect["key"], effect["kind"])
        for row in books
        for effect in row["effects"]
        if effect["kind"] != "expire"  # nobody asked for it: it has no key
    )
    yield from (f"{name} {times} times" for name, times in effects.items() if times > 1)
    placed = Counter(
        (row["gateway"], row["reference"]) for row in books if row["state"] != "declined"
    )
    yield from (f"{name} holds {times} times" for name, times in placed.items() if times > 1)


def _strays(books: Sequence[Row], holds: Iterable[Hold]) -> Iterator[str]:
    """A hold at the bank that no reservation knows of."""
    known = {(hold.gateway, hold.payment_id) for hold in holds}
    for row in books:
        if (row["gateway"], row["payment_id"]) not in known:
            yield f"{_named(row)} belongs to no reservation"


def _too_often(pairs: Iterable[Pair]) -> Iterator[str]:
    """More of a kind than was asked for, whatever the keys."""
    for stay, _, row in pairs:
        kinds = Counter(effect["kind"] for effect in row["effects"]) if row else Counter[str]()
        most = stay.plot.effects_max()
        for kind, times in kinds.items():
            if times > most.get(kind, 0):
                yield f"{stay.name}: {kind} {times} times"


def _lost(notes: Notes, holds: Mapping[str, Hold]) -> Iterator[str]:
    for told in notes.acknowledged:
        hold = holds.get(told.stay.name)
        holds_nothing = told.stay.name in notes.called_off
        if hold is None or not _is_kept(told, hold, holds_nothing=holds_nothing):
            yield f"{told.stay.name}: {told.sort} ({told.command_id or 'the start'})"


def _is_kept(told: Acknowledgement, hold: Hold, *, holds_nothing: bool) -> bool:
    """Whether what was acknowledged has had its effect."""
    match told.sort:
        case _ if told.sort in {TAKEN_IN, AUTHORIZED}:
            return holds_nothing or (hold.payment_id is not None and hold.authorized_at is not None)
        case _ if told.sort == CLOSED:
            return hold.closed_at is not None
        case _:
            return any(
                each.command_id == told.command_id and each.state is OperationState.DONE
                for each in hold.operations
            )


def _otherwise(pairs: Iterable[Pair], called_off: Collection[str]) -> Iterator[str]:
    for stay, _, row in pairs:
        if stay.name in called_off:
            if row is not None and row["state"] != "declined":
                yield f"{stay.name}: called off, and the bank has held"
            continue
        asked = stay.plot.captured_minor
        if row is None:
            yield f"{stay.name}: the bank knows no such hold"
        elif row["captured_minor"] != asked or row["refunded_minor"]:
            yield f"{stay.name}: {row['captured_minor']} taken, {asked} asked for"


def _disagreeing(pairs: Iterable[Pair]) -> Iterator[str]:
    for stay, hold, row in pairs:
        if row is None:
            continue
        ours, theirs = hold.captured.amount_minor, row["captured_minor"]
        if ours != theirs:
            yield f"{stay.name}: {ours} taken by the hold, {theirs} by the books"
        if hold.closed_at is not None and row["state"] == "open":
            yield f"{stay.name}: closed, and the bank still holds"


def _not_ended(notes: Notes) -> Iterator[str]:
    over = notes.ended.keys() | notes.never_began
    yield from (stay.name for stay in notes.begun if stay.name not in over)


def _named(row: Row) -> str:
    return f"{row['payment_id']} at {row['gateway']}"

"""Compares what a gateway shows as held with what the reservations say, both ways. Pure.

No reservation's name can be read from a reference at the gateway, so the names are derived the
other way: every reservation says under which references it may have placed a hold
(`domain.keys`). Nothing is judged that may be news to one of the two sides: what is younger than
the quarantine, and what a reservation is working on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from cardhold.hold import DECIDED, AttentionReason, Hold, Operation
from cardhold.money import Money
from domain.findings import Counts, Finding, FindingKind, OpenHold, Step

# What a reservation has just done may not be in the list that the gateway has just given.
SETTLED_AFTER = timedelta(minutes=5)
# A hold is booked by the gateway's clock, and by one that names no zone at some.
_CLOCKS_DIFFER = timedelta(days=1)
# A person has been told already, and the gateway is looked at by the reservation itself.
_TOLD = frozenset({AttentionReason.EXTERNAL_CHANGE, AttentionReason.OUTCOME_UNKNOWN})


class Run(StrEnum):
    """Who keeps a reservation."""

    KEPT = "kept"
    SETTLED = "settled"
    """It has ended by itself, and so with nothing held."""
    BROKEN = "broken"
    """It was ended from outside: nobody keeps its hold any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One reservation, as far as the sweep knows it.

    Attributes:
        names: The references that its own authorizations have, as far as they are known.
        remaining: What a list of reservations says that it holds: possibly not the latest.
        hold: What it says itself, once it was asked.
    """

    workflow_id: str
    reservation_id: str
    run: Run
    names: frozenset[str]
    started_at: datetime
    ended_at: datetime | None = None
    attention: str | None = None
    remaining: Money | None = None
    hold: Hold | None = None

    @property
    def holds_money(self) -> bool:
        """Whether it says that something is held."""
        left = self.hold.remaining if self.hold else self.remaining
        return self.run is Run.KEPT and left is not None and left.amount_minor > 0

    @property
    def is_told(self) -> bool:
        """Whether a person knows already, and the reservation looks at the gateway by itself."""
        if self.hold is None:
            return self.attention in _TOLD
        return self.hold.attention is not None and self.hold.attention.reason in _TOLD


@dataclass(frozen=True, slots=True)
class Rules:
    """What is judged, and when.

    Attributes:
        at: The instant that everything is judged for: before the first list was asked for.
        quarantine: How old a hold, and the end of its run, has to be.
        lapses_after: How long a hold lives where the gateway does not show that it has lapsed.
    """

    at: datetime
    quarantine: timedelta
    lapses_after: timedelta | None = None

    def is_young(self, instant: datetime | None) -> bool:
        """Whether this was within the quarantine; what has no date may have been."""
        return instant is None or instant > self.at - self.quarantine

    def is_lapsed(self, held: OpenHold, owner: Known | None) -> bool:
        """Whether nothing can be held any more, whatever the gateway shows.

        A caller may know that theirs lives longer than the scheme's rule says.
        """
        if self.lapses_after is None or held.booked_at is None:
            return False
        said = owner.hold.expires_at if owner and owner.hold else None
        return (said or held.booked_at + self.lapses_after) <= self.at


def to_ask(holds: Sequence[OpenHold], known: Sequence[Known], rules: Rules) -> list[Known]:
    """The reservations that have to say themselves how they stand.

    Those of which one side says that they hold something, and the other does not just so; those
    that nobody keeps, and whose hold may live on past the scheme's rule; and, while a hold belongs
    to nobody, those whose it may be: another card's after a decline, or one made elsewhere.
    """
    index = _Index(known)
    owned = [(held, index.owner(held)) for held in holds]
    shown = {owner.workflow_id: held for held, owner in owned if owner is not None}
    lost = [held for held, owner in owned if owner is None]
    named = [held for held in lost if held.is_named_by_us]
    kept = [one for one in known if one.run is Run.KEPT]
    unlike = [
        one
        for one in kept
        if (held := shown.get(one.workflow_id)) or one.holds_money
        if not _agrees(held, one)
    ]
    others = [one for one in known if one.workflow_id not in shown and not one.holds_money]
    broken = [one for one in others if one.run is Run.BROKEN and _may_own(one, lost)]
    rest = [one for one in others if one.run is not Run.BROKEN and _may_own(one, named)]
    late = [
        owner
        for held, owner in owned
        if owner is not None and owner.run is Run.BROKEN and rules.is_lapsed(held, owner)
    ]
    return [*unlike, *late, *broken, *rest]


def compare(
    holds: Sequence[OpenHold], known: Sequence[Known], rules: Rules
) -> tuple[list[Finding], Counts]:
    """Judge every open hold, and every reservation that says it holds something."""
    return _Comparison(_Index(known), rules).judged(holds, known)


class _Index:
    """Whose hold it is: by our own names, and by the gateway's where the reservation was asked.

    A hold whose run was ended may have been taken over by another reservation: who keeps it counts.
    """

    def __init__(self, known: Iterable[Known]) -> None:
        self._by_name: dict[str, Known] = {}
        self._by_id: dict[str, Known] = {}
        for one in sorted(known, key=lambda one: one.run is Run.KEPT):
            self._by_name.update(dict.fromkeys(one.names, one))
            self._by_id.update(dict.fromkeys(_payment_ids(one), one))

    def owner(self, held: OpenHold) -> Known | None:
        by_name = None if held.reference is None else self._by_name.get(held.reference)
        by_id = self._by_id.get(held.payment_id)
        if by_id is not None and by_id.run is Run.KEPT:
            return by_id
        return by_name or by_id


@dataclass(slots=True)
class _Comparison:
    index: _Index
    rules: Rules
    findings: list[Finding] = field(default_factory=list[Finding])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    some_may_keep_more: bool = False
    """A reservation holds what the gateway does not show by its name, and has not said what."""

    def judged(
        self, holds: Sequence[OpenHold], known: Sequence[Known]
    ) -> tuple[list[Finding], Counts]:
        shown: dict[str, list[OpenHold]] = {}
        unkept: list[tuple[OpenHold, Known | None]] = []
        for held in holds:
            owner = self.index.owner(held)
            if owner is not None and owner.run is Run.KEPT:
                shown.setdefault(owner.workflow_id, []).append(held)
            else:
                unkept.append((held, owner))
        self.some_may_keep_more = any(
            one.holds_money and one.hold is None and one.workflow_id not in shown for one in known
        )
        for held, owner in unkept:
            if self._is_to_judge(held, owner):
                self._unkept(held, owner)
        for one in known:
            if one.workflow_id in shown or one.holds_money:
                self._kept(one, shown.get(one.workflow_id, []))
        return self.findings, Counts(open=len(holds), **self.counts)

    def _is_to_judge(self, held: OpenHold, owner: Known | None) -> bool:
        if owner is None and not held.is_named_by_us:
            self._count("foreign")
        elif self.rules.is_lapsed(held, owner):
            self._count("lapsed")
        elif self.rules.is_young(held.booked_at) and (owner is None or owner.run is not Run.BROKEN):
            self._count("young")
        else:
            return True
        return False

    def _unkept(self, held: OpenHold, owner: Known | None) -> None:
        """A hold that no running reservation keeps."""
        if owner is None:
            self._find(FindingKind.ORPHAN, Step.REPORT, held)
        elif owner.run is Run.BROKEN:
            self._find(FindingKind.ABANDONED, self._step_of_abandoned(held, owner), held, owner)
        elif self.rules.is_young(owner.ended_at):
            self._count("young")
        else:
            self._find(FindingKind.CLOSED_WITH_OPEN_HOLD, Step.REPORT, held, owner)

    def _step_of_abandoned(self, held: OpenHold, owner: Known) -> Step:
        # One that was made elsewhere is somebody else's to free: it was only taken over.
        if held.reference not in owner.names or held.booked_at is None:
            return Step.REPORT
        fresh = self.rules.is_young(held.booked_at) or self.rules.is_young(owner.ended_at)
        return Step.WAIT if fresh or self.some_may_keep_more else Step.RELEASE

    def _kept(self, one: Known, shown: Sequence[OpenHold]) -> None:
        """A running reservation, and all that the gateway shows as held for it."""
        if len(shown) == 1 and _agrees(shown[0], one):
            self._count("agreed")
        elif one.is_told:
            self._count("busy")
        elif one.hold is None:
            self._count("unasked")
        elif self._is_at_work(one.hold):
            self._count("busy")
        elif any(self.rules.is_young(held.booked_at) for held in shown):
            self._count("young")
        else:
            self._differing(one, shown)

    def _differing(self, one: Known, shown: Sequence[OpenHold]) -> None:
        for held in shown:
            if not _agrees(held, one):
                self._find(FindingKind.DIFFERS, Step.LOOK, held, one)
        if not shown:
            self._find(FindingKind.MISSING_AT_GATEWAY, Step.LOOK, None, one)

    def _is_at_work(self, hold: Hold) -> bool:
        """Whether something is under way, or was just now; or the hold's time is over."""
        latest = self.rules.at - min(SETTLED_AFTER, self.rules.quarantine)
        lapses = hold.expires_at is not None and hold.expires_at <= self.rules.at
        return lapses or any(_is_fresh(each, latest) for each in hold.operations)

    def _find(
        self, kind: FindingKind, step: Step, held: OpenHold | None, owner: Known | None = None
    ) -> None:
        remaining = owner and (owner.hold.remaining if owner.hold else owner.remaining)
        self.findings.append(
            Finding(
                kind=kind,
                step=step,
                since=self.rules.at,
                reservation_id=owner.reservation_id if owner else None,
                payment_id=held.payment_id if held else _own_payment(owner),
                reference=held.reference if held else None,
                authorized=held.authorized if held else None,
                captured=held.captured if held else None,
                recorded=remaining if owner and owner.run is Run.KEPT else None,
                booked_at=held.booked_at if held else None,
            )
        )

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


def found_again(
    findings: Sequence[Finding], before: Mapping[tuple[str, str | None, str | None], Finding]
) -> list[Finding]:
    """The same findings, with the first day of those that an earlier sweep has found already.

    A reservation that was asked to look is not asked again while the finding stands.
    """
    again: list[Finding] = []
    for finding in findings:
        known = before.get(finding.key)
        if known is None:
            again.append(finding)
            continue
        asked = finding.step is Step.LOOK and known.step is Step.ASKED_TO_LOOK
        step = Step.ASKED_TO_LOOK if asked else finding.step
        again.append(finding.model_copy(update={"since": known.since, "step": step}))
    return again


def _agrees(held: OpenHold | None, one: Known) -> bool:
    """Whether gateway and reservation say the same of what is held."""
    if held is None or not one.holds_money:
        return False
    if one.hold is None:
        return held.left == one.remaining
    same_one = held.payment_id == one.hold.payment_id
    return same_one and held.left == one.hold.remaining and held.captured == one.hold.captured


def _may_own(one: Known, lost: Sequence[OpenHold]) -> bool:
    """Whether one of these, which belong to nobody, may be this reservation's."""
    return any(_may_be_of(one, held) for held in lost)


def _may_be_of(one: Known, held: OpenHold) -> bool:
    """Whether it was made while the reservation was kept."""
    if held.booked_at is None:
        return True
    late = one.ended_at is not None and held.booked_at > one.ended_at + _CLOCKS_DIFFER
    # One that was taken over may have been made long before.
    early = held.is_named_by_us and held.booked_at < one.started_at - _CLOCKS_DIFFER
    return not late and not early


def _is_fresh(operation: Operation, latest: datetime) -> bool:
    if operation.state not in DECIDED:
        return True
    return max(operation.requested_at, operation.decided_at or operation.requested_at) > latest


def _payment_ids(one: Known) -> set[str]:
    if one.hold is None:
        return set()
    own = {operation.payment_id for operation in one.hold.operations}
    return {found for found in (*own, one.hold.payment_id) if found is not None}


def _own_payment(one: Known | None) -> str | None:
    return one.hold.payment_id if one is not None and one.hold is not None else None

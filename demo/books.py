"""What a scenario should have done to the bank's books, and what it did.

The oracle is the simulated bank, which shares no code with what it judges: a scenario is judged
by every row that came into the books while it was played, whoever made it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from cardhold.money import Money

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Figures:
    """What the books say of one scenario. Amounts are in the currency's minor unit.

    Attributes:
        held_minor: What was blocked on cards in all, as last agreed.
        captured_minor: What was taken from the guest.
        freed_minor: What was given back to the card unused.
        lapsed_minor: What ran out because nobody did anything in time.
        captures: How many times money was taken.
    """

    held_minor: int = 0
    captured_minor: int = 0
    freed_minor: int = 0
    lapsed_minor: int = 0
    captures: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """One scenario, judged.

    Attributes:
        gateway: Where it was played, as people write the name.
        currency: What it was played in.
        expected: What the books should show.
        booked: What they show; None where they could not be read.
        failure: Why the scenario did not get to its end, in one sentence; None if it did.
    """

    gateway: str
    title: str
    reservation_id: str
    currency: str
    expected: Figures
    booked: Figures | None
    failure: str | None = None

    @property
    def wrong(self) -> tuple[str, ...]:
        """The names of the figures that are not what they should be."""
        if self.booked is None:
            return tuple(field.name for field in fields(Figures))
        return tuple(
            field.name
            for field in fields(Figures)
            if getattr(self.expected, field.name) != getattr(self.booked, field.name)
        )

    @property
    def is_right(self) -> bool:
        """The scenario got to its end, and every figure is what it should be."""
        return self.failure is None and not self.wrong

    def sentence(self) -> str:
        """What went wrong, in one sentence."""
        if self.failure is not None:
            return f"{self.reservation_id} failed: {self.failure}"
        return f"{self.reservation_id}: the books show {self._differences()}."

    def shown(self, figures: Figures, name: str) -> str:
        """A figure as people read it: an amount without its currency, or a plain count."""
        value: int = getattr(figures, name)
        if not name.endswith("_minor"):
            return str(value)
        return str(Money(amount_minor=value, currency=self.currency)).partition(" ")[0]

    def _differences(self) -> str:
        booked = self.booked or Figures()
        told = (
            f"{name.removesuffix('_minor')} {self.shown(booked, name)} instead of"
            f" {self.shown(self.expected, name)}"
            for name in self.wrong
        )
        return ", ".join(told)


def figures_of(rows: Iterable[Row]) -> Figures:
    """Add up rows of the books; a declined card's row holds nothing, and adds nothing."""
    total = Figures()
    for row in rows:
        effects: Sequence[Row] = row["effects"]
        total = Figures(
            held_minor=total.held_minor + row["authorized_minor"],
            captured_minor=total.captured_minor + row["captured_minor"],
            freed_minor=total.freed_minor + row["released_minor"],
            lapsed_minor=total.lapsed_minor + _sum_of("expire", effects),
            captures=total.captures + sum(effect["kind"] == "capture" for effect in effects),
        )
    return total


def new_rows(before: Sequence[Row], after: Sequence[Row]) -> list[Row]:
    """The rows that have come into the books between two looks at them."""
    known = {_name(row) for row in before}
    return [row for row in after if _name(row) not in known]


def strange(rows: Iterable[Row], gateway: str, currency: str) -> str | None:
    """What the rows of one scenario have to do with another gateway or currency, or a refund.

    Returns:
        One sentence, or None where every row is as it should be.
    """
    for row in rows:
        if row["gateway"] != gateway:
            return f"the books show a payment at {row['gateway']} instead of {gateway}."
        if row["currency"] != currency:
            return f"the books are in {row['currency']} instead of {currency}."
        if row["refunded_minor"]:
            return "the books show a refund."
    return None


def _name(row: Row) -> tuple[str, str]:
    return row["gateway"], row["payment_id"]


def _sum_of(kind: str, effects: Sequence[Row]) -> int:
    return sum(effect["amount_minor"] for effect in effects if effect["kind"] == kind)

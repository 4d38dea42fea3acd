"""What became of the money: authorized = captured + released + expired + remaining, always."""

from __future__ import annotations

from dataclasses import dataclass

from cardhold.money import Money


@dataclass(slots=True)
class Ledger:
    """One hold's money, in minor units of one currency; every move keeps the sum."""

    currency: str
    authorized_minor: int = 0
    captured_minor: int = 0
    released_minor: int = 0
    expired_minor: int = 0
    captures: int = 0

    @property
    def remaining_minor(self) -> int:
        """What is still held."""
        return (
            self.authorized_minor - self.captured_minor - self.released_minor - self.expired_minor
        )

    def money(self, amount_minor: int) -> Money:
        """An amount in this hold's currency."""
        return Money(amount_minor=amount_minor, currency=self.currency)

    def authorize(self, total_minor: int) -> None:
        """The total now held, first agreed or adjusted."""
        self.authorized_minor = total_minor

    def capture(self, amount_minor: int) -> None:
        """Taken from what remains; what goes beyond it was raised at the gateway first."""
        self.captured_minor += amount_minor
        self.captures += 1
        self.authorized_minor += max(0, -self.remaining_minor)

    def release(self) -> None:
        """All that remained is free again."""
        self.released_minor += self.remaining_minor

    def expire(self) -> None:
        """All that remained has lapsed."""
        self.expired_minor += self.remaining_minor

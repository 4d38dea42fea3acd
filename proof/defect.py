"""What a seeded defect is: a change of one place of the real source."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Defect:
    """A change of the source.

    Attributes:
        name: What it is called on the command line.
        module: Where.
        old: The text as it is.
        new: The text with the defect.
        thought: What somebody might have thought.
        laws: Those that speak when it is met, sooner or later.
        place: The account, or the gateway, that it is looked for at; None for any.
    """

    name: str
    module: str
    old: str
    new: str
    thought: str
    laws: tuple[str, ...]
    place: str | None = None

    def put_into(self, source: str) -> str:
        """The module's source with the defect in it.

        Raises:
            ValueError: The text stands there more than once, or not at all.
        """
        times = source.count(self.old)
        if times != 1:
            raise ValueError(f"{self.name}: its text stands {times} times in {self.module}")
        return source.replace(self.old, self.new)

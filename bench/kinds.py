"""What is measured: cardhold, the floor, and each with one part more or less than it has."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """One sort of worker."""

    CARDHOLD = "cardhold"
    FLOOR = "floor"
    NO_ATTRIBUTES = "cardhold-without-search-attributes"
    FLOOR_WITH_GATEWAY = "floor-with-cardhold-activities"

    @property
    def is_floor(self) -> bool:
        """Whether the floor's workflow runs."""
        return self in {Kind.FLOOR, Kind.FLOOR_WITH_GATEWAY}

    @property
    def has_attributes(self) -> bool:
        """Whether its starts carry search attributes."""
        return self is Kind.CARDHOLD

    @property
    def workflow_type(self) -> str:
        """The workflow's name."""
        match self:
            case Kind.FLOOR:
                return "Floor"
            case Kind.FLOOR_WITH_GATEWAY:
                return "FloorWithGateway"
            case Kind.CARDHOLD | Kind.NO_ATTRIBUTES:
                return "Reservation"

    @property
    def task_queue(self) -> str:
        """A queue of its own: all workers run at the same time."""
        return f"bench-{self.value}"


HEADLINE = (Kind.CARDHOLD, Kind.FLOOR)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of what cardhold does beyond the floor: ``with_`` has it, ``without`` has not."""

    name: str
    with_: Kind
    without: Kind


PARTS = (
    Part("the gateway's adapter and typed calls", Kind.FLOOR_WITH_GATEWAY, Kind.FLOOR),
    Part("search attributes", Kind.CARDHOLD, Kind.NO_ATTRIBUTES),
)
VARIANTS = tuple(kind for kind in Kind if kind not in HEADLINE)

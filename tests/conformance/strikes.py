"""One fault for one request of a verb, whatever that request is about."""

from __future__ import annotations

from tests.conformance.desk import Desk


class Strike:
    """Arms a fault for whatever the request with this number is about, and for no other."""

    def __init__(self, desk: Desk, fault: str, number: int = 0, **more: object) -> None:
        name, _, framing = fault.partition(" ")
        self._desk = desk
        self._fault, self._more = name, {**more, **({"framing": framing} if framing else {})}
        self._number = number
        self._left = False

    def __call__(self, at: int) -> None:
        if at == self._number:
            self._desk.arm("*", self._fault, **self._more)
        elif at == self._number + 1:
            self._left = self._desk.disarm()

    def met(self) -> bool:
        """Whether it happened: not everything can happen to every request."""
        return not self._desk.disarm() and not self._left

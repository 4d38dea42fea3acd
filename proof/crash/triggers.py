"""Named moments, and what waits for them.

A blow is armed for a moment and falls within the very step in which the moment comes: between
the last byte of an answer and the next thing that anybody does.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from proof.crash.child import Child


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a moment has come: at a worker, or in a reservation's life."""

    worker: Child | None = None
    reservation_id: str | None = None


#: What falls.
Blow = Callable[[Scene], None]
NOWHERE = Scene()


class Armed:
    """One blow that waits for its moment.

    Attributes:
        name: The moment.
        fell: Done as soon as it has fallen.
    """

    def __init__(self, name: str, blow: Blow) -> None:
        self.name = name
        self.fell: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._blow = blow

    def fall(self, scene: Scene) -> None:
        """Strike, once."""
        self._blow(scene)
        if not self.fell.done():
            self.fell.set_result(None)


class Triggers:
    """Everything that is armed."""

    def __init__(self) -> None:
        self._armed: dict[str, deque[Armed]] = defaultdict(deque)
        self.log: list[str] = []

    def note(self, what: str) -> None:
        """Write down what was done and when, for whoever has to find out why."""
        self.log.append(f"{datetime.now(UTC):%H:%M:%S.%f} {what}")

    def arm(self, name: str, blow: Blow) -> Armed:
        """Let ``blow`` fall when the moment comes next."""
        armed = Armed(name, blow)
        self._armed[name].append(armed)
        return armed

    def disarm(self, armed: Armed) -> None:
        """Let it fall no more; harmless if it has."""
        if armed in self._armed[armed.name]:
            self._armed[armed.name].remove(armed)

    def take(self, name: str) -> Armed | None:
        """What waits for this moment; it is the asker's to let it fall."""
        waiting = self._armed.get(name)
        return waiting.popleft() if waiting else None

    def ring(self, name: str, scene: Scene = NOWHERE) -> None:
        """The moment has come."""
        self.note(f"  {name}: {scene.reservation_id or ''}")
        armed = self.take(name)
        if armed is not None:
            armed.fall(scene)

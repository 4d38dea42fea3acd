"""Whether a server is there: while it is away nothing begins, nothing fires, nothing is heard."""

from __future__ import annotations

import asyncio

from proof.world.loop import VirtualLoop


class Presence:
    """One server's presence."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.back_at = loop.time()
        """From when on it is there (again)."""

    @property
    def is_here(self) -> bool:
        """Whether it is there now."""
        return self._loop.time() >= self.back_at

    @property
    def missing_s(self) -> float:
        """How long it will still be away."""
        return max(self.back_at - self._loop.time(), 0.0)

    def leave(self, seconds: float) -> None:
        """It is away from now on, so long at least."""
        self.back_at = max(self.back_at, self._loop.time() + seconds)

    async def wait(self) -> None:
        """Until it is there."""
        # It may have left for longer while we slept.
        while not self.is_here:  # noqa: ASYNC110 - only the clock brings it back
            await asyncio.sleep(self.missing_s)

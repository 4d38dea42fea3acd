"""The workers that poll one task queue."""

from __future__ import annotations

import asyncio
import random

from proof.world.history import Run, Worker
from proof.world.loop import Errands, VirtualLoop
from proof.world.presence import Presence

# A worker that has just come back is noticed within that time.
_LOOKS_AGAIN_S = 5.0


class Pool:
    """Workers come and go; whoever has work for one waits here."""

    def __init__(self, loop: VirtualLoop, dice: random.Random) -> None:
        self.presence = Presence(loop)
        """The server's, without which nobody is given anything."""
        self.workers: list[Worker] = []
        self.errands = Errands()
        """All that is under way for them."""
        self._dice = dice
        self._somebody = asyncio.Event()

    def employ(self, worker: Worker) -> None:
        """A worker polls from now on."""
        self.workers.append(worker)
        self._somebody.set()

    def dismiss(self, worker: Worker) -> None:
        """A worker polls no more."""
        self.workers.remove(worker)
        if not self.workers:
            self._somebody.clear()

    async def some_worker(self, run: Run | None = None) -> Worker:
        """Whoever has the run in its cache, or else anybody."""
        while True:
            await self._somebody.wait()
            await self.presence.wait()
            polling = [each for each in self.workers if each.polls]
            sticky = [each for each in polling if run is not None and each.has(run)]
            if polling:
                chosen = sticky[0] if sticky else self._dice.choice(polling)
                self._forget_elsewhere(run, chosen)
                return chosen
            if self.workers:
                await asyncio.sleep(_LOOKS_AGAIN_S)

    def _forget_elsewhere(self, run: Run | None, chosen: Worker) -> None:
        """What a frozen worker has in its cache is worth nothing once another one goes on."""
        for each in self.workers:
            if run is not None and each is not chosen and each.has(run):
                each.evict(run)

    async def some_worker_until(self, at: float | None) -> Worker | None:
        """Anybody, or None where nobody has come by then."""
        if at is None:
            return await self.some_worker()
        try:
            async with asyncio.timeout_at(at):
                return await self.some_worker()
        except TimeoutError:
            return None

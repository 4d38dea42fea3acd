"""The workers that poll one task queue."""

from __future__ import annotations

import asyncio
import random

from proof.world.history import Run, Worker
from proof.world.loop import Errands


class Pool:
    """Workers come and go; whoever has work for one waits here."""

    def __init__(self, dice: random.Random) -> None:
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
            while not self.workers:
                await self._somebody.wait()
            sticky = [each for each in self.workers if run is not None and each.has(run)]
            worker = sticky[0] if sticky else self._dice.choice(self.workers)
            if worker.is_up:
                return worker
            await asyncio.sleep(0.5)

    async def some_worker_until(self, at: float | None) -> Worker | None:
        """Anybody, or None where nobody has come by then."""
        if at is None:
            return await self.some_worker()
        try:
            async with asyncio.timeout_at(at):
                return await self.some_worker()
        except TimeoutError:
            return None

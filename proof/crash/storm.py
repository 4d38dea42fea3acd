"""The storm over one stack: who deals which blow, and how many."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field

from temporalio.client import Client as TemporalClient

from proof.crash.stack import Stack
from proof.crash.triggers import Armed, Blow, Triggers


@dataclass(frozen=True, slots=True)
class Goals:
    """How much is to be done.

    Attributes:
        kills: Of workers.
        server_kills: Of Temporal's server.
        cuts: Of connections.
        pauses: Of a worker past its activity's time, and as many of the server.
        together: Of those kills, the server and a worker at once; and with the gateways, once
            in three.
        disks: Full disks, the server's and a worker's.
        calm_s: Between two blows at the server.
        in_flight: How many reservations are played at one time.
        workers: How large the fleet is.
        at_once: How many moments have a worker's killer waiting for them.
        moment_s: A moment that does not come within this time gives its turn to the next one.
    """

    kills: int
    server_kills: int
    cuts: int
    pauses: int
    together: int
    disks: int
    calm_s: float
    in_flight: int
    workers: int
    at_once: int
    moment_s: float


@dataclass(slots=True)
class Tally:
    """What was done, by name."""

    kills: Counter[str] = field(default_factory=Counter[str])
    server_kills: Counter[str] = field(default_factory=Counter[str])
    gateway_kills: int = 0
    cuts: Counter[str] = field(default_factory=Counter[str])
    worker_pauses: int = 0
    server_pauses: int = 0
    disks: Counter[str] = field(default_factory=Counter[str])

    def missed(self, goals: Goals) -> list[str]:
        """The goals that were not reached."""
        done = {
            "worker kills": (self.kills.total(), goals.kills),
            "server kills": (self.server_kills.total(), goals.server_kills),
            "cut connections": (self.cuts.total(), goals.cuts),
        }
        return [f"{name}: {was} of {goal}" for name, (was, goal) in done.items() if was < goal]


@dataclass(frozen=True, slots=True)
class Storm:
    """What every dealer of blows works with.

    Attributes:
        stack: Under attack.
        triggers: The moments.
        temporal: Asks who had a workflow last.
        goals: How much.
        dice: Where, and for how long.
        tally: What was done.
    """

    stack: Stack
    triggers: Triggers
    temporal: TemporalClient
    goals: Goals
    dice: random.Random
    tally: Tally = field(default_factory=Tally)

    async def falls(self, moment: str, blow: Blow) -> bool:
        """Arm a blow and wait until it has fallen; False if its moment did not come."""
        armed: Armed = self.triggers.arm(moment, blow)
        try:
            async with asyncio.timeout(self.goals.moment_s):
                await armed.fell
        except TimeoutError:
            return False
        finally:
            self.triggers.disarm(armed)
        return True

    async def calm(self) -> None:
        """Let work go on for a while."""
        await asyncio.sleep(self.goals.calm_s * self.dice.uniform(0.5, 1.5))


async def side_by_side(*work: Coroutine[None, None, None]) -> None:
    """Do all of it; the first error stops the rest, and is raised as it is."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

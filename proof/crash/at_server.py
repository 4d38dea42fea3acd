"""Blows at Temporal's server: killed after acknowledgements, with others, paused, its disk full."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import cycle

from proof.crash.at_workers import kill
from proof.crash.caller import ACKNOWLEDGED, DUE
from proof.crash.child import CAN_FILL_DISKS
from proof.crash.moments import ANY_ANSWER
from proof.crash.storm import Storm
from proof.crash.triggers import Scene

MOMENTS = (*ACKNOWLEDGED, DUE, ANY_ANSWER)

_TRIES = 2
_AWAY_S = (1.0, 3.0)


async def strike(storm: Storm) -> None:
    """Deal all blows at the server, one at a time."""
    blows = _blows(storm)
    storm.dice.shuffle(blows)
    for blow in blows:
        await storm.calm()
        await blow()


def _blows(storm: Storm) -> list[Callable[[], Awaitable[None]]]:
    goals = storm.goals
    names = storm.dice.sample(MOMENTS, len(MOMENTS))
    alone = _first(names, goals.server_kills - goals.together)
    blows: list[Callable[[], Awaitable[None]]] = [
        lambda moment=moment: _kill_at(storm, moment) for moment in alone
    ]
    blows += [
        lambda number=number: _kill_together(storm, with_gateways=number % 3 == 0)
        for number in range(goals.together)
    ]
    blows += [lambda: _pause(storm)] * goals.pauses
    blows += [lambda: _fill_disk(storm)] * (goals.disks if CAN_FILL_DISKS else 0)
    return blows


async def _kill_at(storm: Storm, moment: str) -> None:
    for _ in range(_TRIES):
        if await storm.falls(moment, lambda _: _kill(storm, moment)):
            break
    else:
        _kill(storm, "at any moment")
    await storm.stack.server.revive()
    storm.triggers.note("the server is back")


def _kill(storm: Storm, moment: str) -> None:
    storm.stack.server.kill()
    storm.tally.server_kills[moment] += 1
    storm.triggers.note(f"killed the server: {moment}")


async def _kill_together(storm: Storm, *, with_gateways: bool) -> None:
    """The server and a worker; with the gateways too, the whole machine has lost its power."""
    name = "with the server and the gateways" if with_gateways else "with the server"

    def strike_all(scene: Scene) -> None:
        _kill(storm, "with a worker")
        kill(storm, scene.worker, name)
        if with_gateways:
            storm.stack.gateways.kill()
            storm.tally.gateway_kills += 1

    for _ in range(_TRIES):
        if await storm.falls(ANY_ANSWER, strike_all):
            break
    else:
        slot = storm.stack.alive(storm.dice)
        strike_all(Scene(worker=slot.child if slot else None))
    again = [storm.stack.server.revive()]
    if with_gateways:
        again.append(storm.stack.gateways.revive())
    await asyncio.gather(*again)


async def _pause(storm: Storm) -> None:
    storm.stack.server.child.pause()
    await asyncio.sleep(storm.dice.uniform(*_AWAY_S))
    storm.stack.server.child.resume()
    storm.tally.server_pauses += 1
    storm.triggers.note("the server was paused")


async def _fill_disk(storm: Storm) -> None:
    storm.stack.server.fill_disk()
    await asyncio.sleep(storm.dice.uniform(*_AWAY_S))
    storm.stack.server.free_disk()
    storm.tally.disks["server"] += 1
    storm.triggers.note("the server's disk was full")


def _first(names: Sequence[str], many: int) -> list[str]:
    """As many as wanted, each as often as any other."""
    endless = cycle(names)
    return [next(endless) for _ in range(max(many, 0))]

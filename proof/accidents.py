"""What happens to the machinery, and what operators do that they should not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, cast

from proof.plan import DEATH, Accident
from proof.world.temporal import Gone, NoWord
from proof.world.worker import SimulatedWorker

if TYPE_CHECKING:
    from proof.play import World

_STARTS_AGAIN_S = 10.0


async def _kill(world: World, accident: Accident) -> None:
    _kill_all(world)
    await asyncio.sleep(accident.lasts_s)
    world.employ(world.temporal)


def _kill_all(world: World) -> None:
    for worker in list(world.temporal.workers):
        cast("SimulatedWorker", worker).kill()
        world.temporal.dismiss(worker)


async def _death(world: World, accident: Accident) -> None:
    """The worker that next sends what moves money dies over it."""
    world.sky.deaths.append(accident)


def die(world: World, name: str, lasts_s: float) -> None:
    """A worker is killed; another one takes its place after a while."""
    for temporal in world.clusters:
        for worker in list(temporal.workers):
            if worker.name == name:
                cast("SimulatedWorker", worker).kill()
                temporal.dismiss(worker)
                world.loop.call_later(lasts_s, lambda where=temporal: world.employ(where))


async def _outage(world: World, accident: Accident) -> None:
    world.sky.outages.append((world.loop.time(), world.loop.time() + accident.lasts_s))
    await asyncio.sleep(accident.lasts_s)


async def _reset(world: World, accident: Accident) -> None:
    _do_reset(world, accident, reapply=True)


async def _reset_alone(world: World, accident: Accident) -> None:
    _do_reset(world, accident, reapply=False)


def _do_reset(world: World, accident: Accident, *, reapply: bool) -> None:
    run = world.temporal.current(world.workflow_id)
    to = int(accident.share * len(run.tasks))
    made = world.temporal.reset(world.workflow_id, to, reapply=reapply)
    if made is not None:
        world.seen.reset_at[made.run_id] = world.loop.time()


async def _cancel(world: World, accident: Accident) -> None:
    del accident
    world.temporal.cancel(world.workflow_id)
    world.seen.cancelled_at = world.loop.time()


async def _terminate(world: World, accident: Accident) -> None:
    del accident
    world.temporal.terminate(world.workflow_id)


async def _terminate_and_start(world: World, accident: Accident) -> None:
    with contextlib.suppress(Gone, NoWord):
        world.temporal.terminate(world.workflow_id)
    await asyncio.sleep(accident.lasts_s)
    # Whoever has terminated a reservation to start it again does not leave it at that.
    while not world.start(world.temporal, again=True):  # noqa: ASYNC110 - nobody tells when it is back
        await asyncio.sleep(_STARTS_AGAIN_S)


async def _second_cluster(world: World, accident: Accident) -> None:
    if len(world.clusters) > 1:
        return
    other = world.cluster("second cluster")
    world.clusters.append(other)
    world.employ(other)
    world.start(other)
    await asyncio.sleep(accident.lasts_s)


async def _restore(world: World, accident: Accident) -> None:
    """Temporal's store is restored from a copy; the workers are told to look first."""
    temporal = world.temporal
    run = temporal.current(world.workflow_id)
    if not run.tasks:
        return
    _kill_all(world)
    world.look_first = True
    temporal.set_back(world.workflow_id, int(accident.share * len(run.tasks)))
    world.seen.restored_at.append(world.loop.time())
    world.no_worker_before = world.loop.time() + accident.lasts_s
    world.employ(temporal)
    await asyncio.sleep(accident.lasts_s)


async def _standstill(world: World, accident: Accident) -> None:
    """SIGSTOP, and SIGCONT later: its attempts go on as if nothing had been."""
    _stand_still(world, accident)
    await asyncio.sleep(accident.lasts_s)


async def _frozen(world: World, accident: Accident) -> None:
    """A worker stands still, and another one does its work meanwhile."""
    _stand_still(world, accident)
    world.employ(world.temporal)
    await asyncio.sleep(accident.lasts_s)


def _stand_still(world: World, accident: Accident) -> None:
    for worker in list(world.temporal.workers):
        cast("SimulatedWorker", worker).stand_still(accident.lasts_s)


async def _server_away(world: World, accident: Accident) -> None:
    world.temporal.away(accident.lasts_s)
    await asyncio.sleep(accident.lasts_s)


async def _portal(world: World, accident: Accident) -> None:
    """Somebody takes money out of the hold, or frees it, and tells nobody."""
    world.tell("portal", await world.others.lay_hands(accident.share))


async def _lie(world: World, accident: Accident) -> None:
    """The person at the desk may say what is not so, from the start."""
    del world, accident


HAPPENS: Mapping[str, Callable[[World, Accident], Awaitable[None]]] = {
    "kill": _kill,
    "absence": _kill,
    DEATH: _death,
    "outage": _outage,
    "reset": _reset,
    "reset_alone": _reset_alone,
    "cancel": _cancel,
    "terminate": _terminate,
    "terminate_and_start": _terminate_and_start,
    "second_cluster": _second_cluster,
    "restore": _restore,
    "standstill": _standstill,
    "frozen": _frozen,
    "server_away": _server_away,
    "portal": _portal,
    "lie": _lie,
}
"""Each kind of accident by its name."""

"""Blows at workers: killed at named moments, paused past their time, left without a disk."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import cycle

from temporalio.service import RPCError

from cardhold.names import workflow_id
from proof.crash.caller import ACCEPTED, TAKEN_IN
from proof.crash.child import CAN_FILL_DISKS, Child, fill_disk, free_disk
from proof.crash.moments import ANY_ANSWER, ANY_REQUEST, POINTS, void
from proof.crash.stack import READY, STARTING
from proof.crash.storm import Storm, side_by_side
from proof.crash.triggers import Scene
from proof.crash.worker import TWO_CALLS

# Moments of a worker's own, beside those of its calls.
DRAINING = "a worker draining"
MOMENTS = (*POINTS, DRAINING, STARTING, READY, TAKEN_IN, ACCEPTED)

# From a moment until the blow that it is for; a worker is ready in a second, and replays and
# drains within a few milliseconds.
_AFTER_S = {STARTING: (0.1, 1.0), READY: (0.0, 0.15), DRAINING: (0.0, 0.1)}
# Past the longest activity, so that another attempt is under way when the first one wakes up.
_ZOMBIE_S = TWO_CALLS.total_seconds() + 0.5
_STARVED_S = (0.5, 2.0)
_REST_S = 0.1


async def strike(storm: Storm) -> None:
    """Deal all blows at workers."""
    moments = list(MOMENTS)
    storm.dice.shuffle(moments)
    endless = cycle(moments)
    killers = [_kill(storm, endless) for _ in range(storm.goals.at_once)]
    await side_by_side(*killers, _pause(storm), _starve(storm))


async def _kill(storm: Storm, moments: Iterator[str]) -> None:
    while storm.tally.kills.total() < storm.goals.kills:
        moment = next(moments)
        if moment in {TAKEN_IN, ACCEPTED}:
            await _kill_whoever_did_it(storm, moment)
        else:
            await storm.falls(
                ANY_REQUEST if moment == DRAINING else moment,
                lambda scene, moment=moment: _blow(storm, scene.worker, moment),
            )
            await asyncio.sleep(max(_AFTER_S.get(moment, (0.0,))))


def _blow(storm: Storm, worker: Child | None, moment: str) -> None:
    """Kill at once, or within the span that the moment is wide."""
    if moment not in _AFTER_S:
        kill(storm, worker, moment)
        return
    if moment == DRAINING and worker is not None:
        worker.ask_to_stop()
    after_s = storm.dice.uniform(*_AFTER_S[moment])
    pid = worker.pid if worker else None
    void(asyncio.get_running_loop().call_later(after_s, kill, storm, worker, moment, pid))


def kill(storm: Storm, worker: Child | None, moment: str, pid: int | None = None) -> None:
    """Kill a worker, and count it; one that is dead already, or another by now, is not counted."""
    is_it = worker is not None and pid in {None, worker.pid}
    if worker is not None and is_it and worker.kill():
        storm.tally.kills[moment] += 1
        storm.triggers.note(f"killed {worker.name}: {moment}")


async def _kill_whoever_did_it(storm: Storm, moment: str) -> None:
    """Kill the worker whose workflow task has just led to an acknowledgement."""
    scenes: list[Scene] = []
    if not await storm.falls(moment, scenes.append):
        return
    identity = await _last_worker(storm, scenes[0].reservation_id or "")
    slot = storm.stack.slot_of(identity) if identity else None
    if slot is not None:
        kill(storm, slot.child, moment)


async def _last_worker(storm: Storm, reservation_id: str) -> str | None:
    """Who did the latest workflow task, as Temporal has it; None if it does not say."""
    handle = storm.temporal.get_workflow_handle(workflow_id(reservation_id))
    try:
        events = (await handle.fetch_history()).events
    except RPCError:
        return None
    done = [
        event.workflow_task_completed_event_attributes.identity
        for event in events
        if event.HasField("workflow_task_completed_event_attributes")
    ]
    return done[-1] if done else None


async def _pause(storm: Storm) -> None:
    """Pause workers in the middle of a call, until another attempt of it is under way."""
    for moment in cycle((ANY_ANSWER, ANY_REQUEST)):
        if storm.tally.worker_pauses >= storm.goals.pauses:
            return
        paused: list[tuple[Child, int]] = []
        await storm.falls(moment, lambda scene, paused=paused: _stop_clock(scene.worker, paused))
        if not paused:
            continue
        await asyncio.sleep(_ZOMBIE_S)
        for worker, pid in paused:
            # Another blow may have killed it meanwhile, and another worker have taken its place.
            storm.tally.worker_pauses += worker.is_alive and worker.pid == pid
            worker.resume()
            storm.triggers.note(f"{worker.name} paused for {_ZOMBIE_S:.1f} s: {moment}")


def _stop_clock(worker: Child | None, paused: list[tuple[Child, int]]) -> None:
    if worker is not None and worker.is_alive:
        worker.pause()
        paused.append((worker, worker.pid))


async def _starve(storm: Storm) -> None:
    """A worker that cannot write its log works on."""
    while CAN_FILL_DISKS and storm.tally.disks["worker"] < storm.goals.disks:
        slot = storm.stack.alive(storm.dice)
        if slot is not None:
            pid = slot.child.pid
            fill_disk(pid)
            await asyncio.sleep(storm.dice.uniform(*_STARVED_S))
            if slot.child.is_alive and slot.child.pid == pid:
                storm.tally.disks["worker"] += 1
                free_disk(pid)
        await asyncio.sleep(_REST_S)

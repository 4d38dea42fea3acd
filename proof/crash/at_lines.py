"""Blows at the lines between the processes: every way to cut one, in each direction."""

from __future__ import annotations

import asyncio
from itertools import cycle

from proof.crash.line import CUTS, Line, Weather
from proof.crash.storm import Storm

_CUT_S = (0.6, 2.5)
_REST_S = (0.2, 1.0)
_BUSY_WITHIN_STEPS = 100
_STEP_S = 0.05


async def strike(storm: Storm) -> None:
    """Cut lines until enough connections were cut, every line in every way by turns."""
    kinds = [(which, weather) for weather in CUTS for which in _lines(storm)]
    storm.dice.shuffle(kinds)
    for which, weather in cycle(kinds):
        if storm.tally.cuts.total() >= storm.goals.cuts:
            return
        line = storm.dice.choice(_lines(storm)[which])
        await _until_busy(line)
        line.change(weather)
        try:
            await asyncio.sleep(storm.dice.uniform(*_CUT_S))
        finally:
            touched = line.change(Weather.CLEAR)
            storm.triggers.note(f"cut {line.name}, {touched} connections: {weather}")
        if touched:
            # Once, however often somebody has called again meanwhile.
            storm.tally.cuts[f"{which}: {weather}"] += 1
        await asyncio.sleep(storm.dice.uniform(*_REST_S))


def _lines(storm: Storm) -> dict[str, list[Line]]:
    slots = storm.stack.slots
    return {
        "worker to gateways": [slot.gateways for slot in slots],
        "worker to Temporal": [slot.temporal for slot in slots],
        "caller to Temporal": [storm.stack.caller],
    }


async def _until_busy(line: Line) -> None:
    for _ in range(_BUSY_WITHIN_STEPS):
        if line.is_busy:
            return
        await asyncio.sleep(_STEP_S)

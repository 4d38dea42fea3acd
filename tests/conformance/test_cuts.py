"""Answers cut off: with their length announced, without it, and in a broken stream.

Replayed from recordings without a network. However little is missing, it is no answer: never an
outcome, and after a request that moved money never an error that says that none has moved.
"""

from __future__ import annotations

import os

import pytest

from gateways.errors import GatewayError, OutcomeUnknown
from tests.conformance.desk import Desk
from tests.conformance.rules import Recorded
from tests.conformance.scenes import SHAPES, Scene
from tests.conformance.wires import Framing

# At every third byte by day and at every byte at night, and always at each of the last ones: those
# look most like an answer. Where a stream breaks is nothing that an adapter can see.
_STEP = {Framing.CLOSE: 1 if "CARDHOLD_NIGHT" in os.environ else 3, Framing.BROKEN: 97}
_LAST = 12


@pytest.mark.parametrize("framing", _STEP)
@pytest.mark.parametrize(("under", "scene"), SHAPES, ids=str)
async def test_an_answer_that_is_cut_off_is_no_answer(
    desk: Desk, scene: Scene, framing: Framing
) -> None:
    recorded = await scene.recorded(desk)
    wrong: list[str] = []
    for number, heard in enumerate(recorded.script):
        for end in _ends(len(heard.body), _STEP[framing]):
            told = await _of_the_beginning(recorded, number, end, framing)
            wrong += [f"{number} {' '.join(heard.place)} at {end}: {told}"] if told else []
    assert wrong == []


def _ends(length: int, step: int) -> list[int]:
    last = range(max(length - _LAST, 0), length) if step < _LAST else ()
    return sorted({*range(0, length, step), *last})


async def _of_the_beginning(
    recorded: Recorded, number: int, end: int, framing: Framing
) -> str | None:
    """What is wrongly made of an answer's first bytes."""
    body = recorded.script[number].body[:end]
    ended, replay = await recorded.replayed(number, body=body, framing=framing)
    unknown = isinstance(ended, OutcomeUnknown)
    unmoved = isinstance(ended, GatewayError) and not replay.has_booked
    return None if unknown or unmoved else repr(ended)

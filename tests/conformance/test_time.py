"""One limit of time for all that a verb asks: no answer, or a slow one to each of its requests.

Replayed from recordings, each answer as late as most of the limit, so that two of them are over it.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from gateways.errors import NotSent, OutcomeUnknown
from tests.conformance.desk import Desk, ending
from tests.conformance.scenes import SHAPES, Scene
from tests.conformance.wires import Replay, opened

LIMIT_S, SLOW_S, NEVER_S = 0.12, 0.09, 30.0
# Far more than the limit, for a machine that has other things to do, and far less than for ever.
SOON_S = 5.0


@pytest.mark.parametrize("delay_s", [SLOW_S, NEVER_S])
@pytest.mark.parametrize(("under", "scene"), SHAPES, ids=str)
async def test_all_requests_of_a_verb_share_one_limit(
    desk: Desk, scene: Scene, delay_s: float
) -> None:
    recorded = await scene.recorded(desk)
    if len(recorded.script) * delay_s < LIMIT_S:
        return  # it has the time
    limit = timedelta(seconds=LIMIT_S)
    settings = recorded.settings.model_copy(update={"call_time_out": limit})
    replay = Replay(recorded.script, delay_s=delay_s)
    began = asyncio.get_running_loop().time()

    ended = await ending(recorded.verb, opened(settings, replay))

    assert asyncio.get_running_loop().time() - began < SOON_S
    assert isinstance(ended, NotSent | OutcomeUnknown)
    assert isinstance(ended, OutcomeUnknown) or not replay.has_booked

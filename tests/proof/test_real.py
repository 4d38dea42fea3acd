"""A few scenarios are played on a real Temporal server too, and come out as they do on ours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proof.lived import Lived
from proof.play import play_plan
from proof.real import Compared, compare, draw
from proof.real_world import weather

_SEEDS = range(8)


async def test_a_real_server_and_ours_give_a_hold_the_same_life() -> None:
    compared = await compare(_SEEDS)
    assert [each.differences for each in compared] == [[]] * len(_SEEDS)
    # They are not equal for want of anything to compare.
    assert {"captured", "released"} <= {each.real.state for each in compared}
    assert all("activity authorize" in each.real.commands for each in compared)


async def test_another_life_is_told_from_it() -> None:
    life = Lived("captured", {"captured": 1}, ["capture done"], [], [], [], ["timer"])
    other = replace(life, commands=["timer", "timer called off"])
    plan = draw(0)
    assert Compared(plan, life, life).differences == []
    [difference] = Compared(plan, life, other).differences
    assert difference.startswith("commands:")


@pytest.mark.parametrize("seed", range(20))
def test_both_worlds_have_the_same_weather(seed: int) -> None:
    """What is scripted is done to ours by the number of the request, and here by the same name."""
    plan = draw(seed)
    exchanges = play_plan(plan).seen.exchanges
    lacks = {"payroc": {"require_action"}}.get(plan.place.gateway, {"approve_less"})
    scripted = zip(exchanges, plan.scripted, strict=False)
    assert [each.fault for each in exchanges[: len(plan.scripted)]] == [
        weather(name, each.operation, lacks).name for each, name in scripted
    ]

"""Every answer of every verb, changed in one place at a time, and what the adapter makes of it.

The verbs are recorded once against the simulator over real HTTP and then replayed without a
network, each time with one answer changed: as a whole, or in one of its values. `rules` says what
may come of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.conformance.changes import Change, bodies, leaves
from tests.conformance.desk import Desk
from tests.conformance.rules import Recorded, is_allowed, same_money
from tests.conformance.scenes import SCENES, SHAPES, Scene

Changes = Callable[[bytes], Iterator[Change]]

EACH_SHAPE = pytest.mark.parametrize(("under", "scene"), SHAPES, ids=str)
EACH_SCENE = pytest.mark.parametrize(("under", "scene"), SCENES, ids=str)


@EACH_SCENE
async def test_a_replay_ends_as_the_recording_did(desk: Desk, scene: Scene) -> None:
    recorded = await scene.recorded(desk)
    ended, replay = await recorded.replayed()
    assert same_money(ended, recorded.ended)
    assert [heard.place for heard in replay.played] == [each.place for each in recorded.script]


@EACH_SHAPE
async def test_no_value_that_is_changed_is_taken_for_an_answer(desk: Desk, scene: Scene) -> None:
    assert await _wrongly_taken(await scene.recorded(desk), leaves) == []


@EACH_SHAPE
async def test_no_body_that_is_broken_is_taken_for_an_answer(desk: Desk, scene: Scene) -> None:
    assert await _wrongly_taken(await scene.recorded(desk), bodies) == []


async def _wrongly_taken(recorded: Recorded, changes: Changes) -> list[str]:
    """The changes that came to something that they must not."""
    wrong: list[str] = []
    for number, heard in enumerate(recorded.script):
        for change in changes(heard.body):
            told = f"{number} {' '.join(heard.place)}: {change.what} -> "
            try:
                ended, replay = await recorded.replayed(number, body=change.body)
            except Exception as error:  # noqa: BLE001 - any error but a gateway's is looked for here
                wrong.append(f"{told}{error!r}")
            else:
                if not is_allowed(recorded, change, ended, replay):
                    wrong.append(f"{told}{ended!r}")
    return wrong


@EACH_SCENE
@pytest.mark.parametrize("media", ["text/html; charset=utf-8", "application/octet-stream", ""])
async def test_what_an_answer_calls_itself_changes_nothing(
    desk: Desk, scene: Scene, media: str
) -> None:
    recorded = await scene.recorded(desk)
    for number in range(len(recorded.script)):
        ended, _ = await recorded.replayed(number, media=media)
        assert same_money(ended, recorded.ended)

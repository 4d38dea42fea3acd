"""Every HTTP status that is no success, with no body and with the gateway's own envelope.

The envelope holds a code that nobody has ever published, so nothing of it can be in an adapter's
table: no such answer proves that a request for money was not carried out, but for what is refused
at the door (401, 403, 429). Replayed from recordings.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from domain.outcome import Declined, Payment
from gateways.errors import (
    NotSent,
    OutcomeUnknown,
    Refused,
    Throttled,
    Unauthorized,
    Undecided,
)
from tests.conformance.desk import Desk, Ending
from tests.conformance.rules import Recorded, same_money
from tests.conformance.scenes import SHAPES, Scene
from tests.conformance.wires import Replay

AT_THE_DOOR = {401: Unauthorized, 403: Unauthorized, 429: Throttled}
STATUSES = range(300, 600)
EACH_SCENE = pytest.mark.parametrize(("under", "scene"), SHAPES, ids=str)


@EACH_SCENE
async def test_no_empty_failure_is_taken_for_more_than_it_says(desk: Desk, scene: Scene) -> None:
    recorded = await scene.recorded(desk)
    assert await _wrongly_taken(recorded, lambda _: b"") == []


@EACH_SCENE
async def test_no_code_that_nobody_knows_is_taken_for_one_of_the_table(
    desk: Desk, scene: Scene
) -> None:
    recorded = await scene.recorded(desk)
    under = desk.under
    no = under.no if scene.name in {"authorize", "decline", "ask the guest"} else frozenset[int]()

    def body(status: int) -> bytes:
        return json.dumps(under.envelope(status)).encode()

    looks = isinstance(recorded.ended, Payment)
    assert await _wrongly_taken(recorded, body, under.none if looks else no) == []


async def _wrongly_taken(
    recorded: Recorded, body: Callable[[int], bytes], words: frozenset[int] = frozenset()
) -> list[str]:
    wrong: list[str] = []
    for number, heard in enumerate(recorded.script):
        for status in STATUSES:
            ended, replay = await recorded.replayed(number, status=status, body=body(status))
            if status in words and isinstance(ended, Declined | Refused | Payment | None):
                continue
            if not _is_right(recorded, number, status, ended, replay):
                wrong.append(f"{status} to {' '.join(heard.place)} -> {ended!r}")
    return wrong


def _is_right(recorded: Recorded, number: int, status: int, ended: Ending, replay: Replay) -> bool:
    heard = recorded.script[number]
    if replay.played[-1].place != heard.place and same_money(ended, recorded.ended):
        return True  # it has looked, and seen how it stands
    if heard.books:
        # Unread at the door, or nothing is known; the envelope may speak against the status.
        return type(ended) in {AT_THE_DOOR.get(status, Undecided), Undecided}
    if replay.has_booked:
        return isinstance(ended, OutcomeUnknown)
    return isinstance(ended, NotSent | Throttled | Unauthorized | OutcomeUnknown)


@EACH_SCENE
async def test_too_many_requests_are_told_with_the_time_to_wait(desk: Desk, scene: Scene) -> None:
    recorded = await scene.recorded(desk)
    for number in range(len(recorded.script)):
        ended, replay = await recorded.replayed(number, status=429, body=b"", retry_after="7")
        if not replay.has_booked or recorded.script[number].books:
            assert isinstance(ended, Throttled)
            assert ended.retry_after_s == 7.0

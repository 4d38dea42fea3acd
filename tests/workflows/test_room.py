"""A history that is nearly full: what is new is turned away, and what ends the hold never is."""

from __future__ import annotations

import pytest

from cardhold.messages import Adjust, Authorize, Capture
from tests.workflows.checks import agrees
from tests.workflows.stack import Stack, usd
from workflows import room

MORE = {"by": "+1.00 USD"}


async def test_a_full_history_takes_no_new_adjust_and_lets_the_hold_be_ended(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserved, _ = await stack.start()
    first = await reserved.update("adjust", {"command_id": "first", **MORE})
    monkeypatch.setattr(room, "_BYTES_MAX", {Adjust: 1_000, Authorize: 1_000})
    before = (await reserved.history()).events

    refused = await reserved.refused("adjust", {"command_id": "second", **MORE})
    assert refused.type == "IllegalMove"
    assert "history is full, and takes no further adjust" in refused.message
    assert refused.hold == first
    assert len((await reserved.history()).events) == len(before)

    # Who asks again learns what became of it, and the money can be taken.
    assert await reserved.update("adjust", {"command_id": "first", **MORE}) == first
    hold = await reserved.update("capture", {"command_id": "out"})
    assert (hold["state"], hold["captured"]) == ("captured", usd(101_00))
    agrees(hold, await stack.book_of(hold))
    await reserved.replays()


async def test_a_capture_is_turned_away_later_and_a_release_never(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserved, _ = await stack.start()
    monkeypatch.setattr(room, "_BYTES_MAX", {Adjust: 1_000, Capture: 1_000})
    assert (await reserved.refused("capture", {"command_id": "c"})).type == "IllegalMove"
    assert (await reserved.update("release", {"command_id": "r"}))["state"] == "released"

"""Lost answers while it is the guest's turn: to the question, to the look, to the calling off.

At every gateway that asks for 3-D Secure; what nobody can tell the guest any more is called off,
and the books tell whether anything was ever held.
"""

from __future__ import annotations

import pytest

from tests.workflows.checks import adds_up, agrees, done_once
from tests.workflows.gateways import ASKING, Place, everywhere
from tests.workflows.guests import TOO_LATE, asked, booked, presses
from tests.workflows.patience import tell
from tests.workflows.stack import Json, Stack

FAULTS: dict[str, Json] = {
    "error_after": {},
    "drop_before": {},
    "drop_after": {},
    "throttle": {"retry_after_s": 1},
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_guest_whom_nobody_can_send_anywhere_blocks_nothing(
    stack: Stack, fault: str
) -> None:
    """Asked again where it was surely never asked; called off where no look-up says where to go."""

    async def at(place: Place) -> None:
        await stack.fault("authorize", fault, gateway=place.gateway, **FAULTS[fault])
        request = stack.request(**place.for_the_guest())
        reserved = await stack.begin(request)
        await reserved.update("authorized", {"request": request})
        hold = await reserved.hold()
        assert (hold["state"], hold["action"] is None) in {
            ("action_required", False),
            ("declined", True),
        }
        if fault in {"drop_before", "throttle"}:
            assert hold["state"] == "action_required"
        assert await booked(stack, place) == []
        await reserved.update("release")
        ended = await reserved.ended()
        adds_up(ended)
        assert ended["state"] == "abandoned"
        if hold["action"] is not None:
            assert await presses(hold, "pass") == TOO_LATE
        assert await booked(stack, place) == []

    await everywhere(at, ASKING)


@pytest.mark.parametrize("has_passed", [False, True], ids=["before the guest", "after the guest"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_calling_off_whose_answer_is_lost_leaves_nothing_held(
    stack: Stack, fault: str, *, has_passed: bool
) -> None:
    async def at(place: Place) -> None:
        reserved, hold = await asked(stack, place)
        if has_passed:
            await presses(hold, "pass")
        await stack.fault("release", fault, gateway=place.gateway, **FAULTS[fault])
        await tell(reserved, "release", {"command_id": "off"})
        ended = await reserved.ended()
        adds_up(ended)
        assert ended["state"] == ("released" if has_passed else "abandoned")
        assert await presses(hold, "pass") == TOO_LATE
        assert await booked(stack, place) == (["authorize", "release"] if has_passed else [])
        assert stack.unmet(place.gateway) == []

    await everywhere(at, ASKING)


@pytest.mark.parametrize("fault", ["error_before", "drop_after"])
async def test_a_guest_who_is_back_is_looked_for_until_it_is_known(
    stack: Stack, fault: str
) -> None:
    async def at(place: Place) -> None:
        reserved, hold = await asked(stack, place)
        await presses(hold, "pass")
        await stack.fault("look_up", fault, gateway=place.gateway, times=2)
        hold = await reserved.update("authenticated")
        assert hold["state"] == "authorized"
        await reserved.update("capture")
        ended = await reserved.ended()
        agrees(ended, await stack.book_of(ended))
        done_once(ended, await stack.book_of(ended))

    await everywhere(at, ASKING)

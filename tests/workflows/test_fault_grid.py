"""Every fault on every operation, at accounts with and without keys; the books are the verdict.

Each cell plays a whole reservation. Whatever the fault, and whatever a caller is told meanwhile,
each effect is booked at most once, the hold ends equal to the books, and nothing is left open.
The gateway without keys does twice what it is sent twice.
"""

from __future__ import annotations

import pytest

from tests.workflows.checks import FINAL, adds_up, agrees
from tests.workflows.patience import tell
from tests.workflows.stack import Json, Stack, usd

OPERATIONS = ("authorize", "adjust", "capture", "release", "look_up")
FAULTS: dict[str, Json] = {
    "error_before": {},
    "error_after": {},
    "drop_before": {},
    "drop_after": {},
    "throttle": {"retry_after_s": 1},
    "delay": {"delay_s": 0.3},
    "truncate": {},
    "garbage": {},
    "stay_pending": {"resolve_after_s": 0.8},
}


async def play(stack: Stack, account: str, last: str) -> tuple[Json, Json]:
    """A whole reservation: authorize, adjust, then capture a part or release."""
    request = stack.request(gateway=account)
    reserved = await stack.begin(request)
    await tell(reserved, "authorized", {"request": request})
    await tell(reserved, "adjust", {"amount": usd(140_00), "command_id": "dinner"})
    await tell(reserved, last, {"command_id": "out"} | _amount(last))
    return await reserved.ended(), await stack.book()


def _amount(last: str) -> Json:
    return {"amount": usd(90_00)} if last == "capture" else {}


def cells() -> list[tuple[str, str, str]]:
    """Every fault on every operation; without keys only what may leave an end open."""
    keyed = [("payroc", operation, fault) for operation in OPERATIONS for fault in FAULTS]
    keyless = [("keyless", operation, fault) for operation in OPERATIONS[:-1] for fault in FAULTS]
    return [cell for cell in keyed if cell[1:] != ("look_up", "stay_pending")] + [
        cell for cell in keyless if cell[2] != "delay"
    ]


@pytest.mark.parametrize(("account", "operation", "fault"), cells())
async def test_under_any_fault_money_moves_once(
    stack: Stack, account: str, operation: str, fault: str
) -> None:
    last = "release" if operation == "release" else "capture"
    if operation == "look_up":
        await stack.fault("capture", "error_after")
    await stack.fault(operation, fault, **FAULTS[fault])
    ended, book = await play(stack, account, last)

    adds_up(ended)
    agrees(ended, book)
    assert ended["state"] == ("released" if last == "release" else "captured")
    assert [effect["kind"] for effect in book["effects"]] == (
        ["authorize", "adjust", "release"]
        if last == "release"
        else ["authorize", "adjust", "capture", "release"]
    )
    assert book["authorized_minor"] == 140_00


@pytest.mark.parametrize("account", ["payroc", "keyless"])
@pytest.mark.parametrize("fault", ["error_after", "drop_after", "drop_before", "garbage"])
async def test_faults_in_a_row_move_no_more_money(stack: Stack, account: str, fault: str) -> None:
    await stack.fault("*", fault, times=3)
    ended, book = await play(stack, account, "capture")

    assert ended["state"] in FINAL
    agrees(ended, book)
    assert book["captured_minor"] == 90_00


@pytest.mark.parametrize("seed", range(6))
async def test_random_weather_moves_no_more_money(stack: Stack, seed: int) -> None:
    await stack.fault("*", "random", seed=seed, rate=0.35)
    ended, book = await play(stack, "payroc" if seed % 2 else "keyless", "capture")

    assert ended["captured"] == usd(90_00)
    agrees(ended, book)

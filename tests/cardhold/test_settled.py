"""What a settled hold says of a command whose answer was lost: a table of what it may show."""

from __future__ import annotations

from typing import Any

import pytest

from cardhold.errors import CardholdError, Closed, Conflict, Declined
from cardhold.hold import Hold
from cardhold.messages import Adjust, Capture, Command, Release
from cardhold.reading import read
from cardhold.settled import answer_of

Shown = tuple[str, str, int, str]
CAPTURE = {"command_id": "c", "amount": "80.00 USD"}


def _usd(amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "USD"}


def _hold(*operations: Shown) -> Hold:
    """A settled hold; each operation is its kind, command id, amount and state."""
    return Hold.model_validate({
        "reservation_id": "RES-1", "gateway": "payroc", "state": "captured",
        "authorized": _usd(10000), "captured": _usd(8000), "released": _usd(2000),
        "expired": _usd(0), "remaining": _usd(0), "in_doubt": _usd(0), "on_deadline": "release",
        "created_at": "2026-03-01T10:00:00Z",
        "operations": [
            {"operation_id": f"{kind}/{place}", "kind": kind, "command_id": command_id,
             "amount": _usd(amount_minor), "state": state, "detail": "Do Not Honor",
             "requested_at": "2026-03-01T10:00:00Z"}
            for place, (kind, command_id, amount_minor, state) in enumerate(operations, 1)
        ],
    })  # fmt: skip


@pytest.mark.parametrize(
    ("command", "operations"),
    [
        (read(Capture, CAPTURE), [("capture", "c", 8000, "done")]),
        (read(Capture, {"command_id": "c"}), [("capture", "c", 8000, "done")]),
        (read(Capture, CAPTURE), [("adjust", "c", 8000, "done"), ("capture", "c", 8000, "done")]),
        # What it left on the card is freed under its id too.
        (read(Capture, CAPTURE), [("capture", "c", 8000, "done"), ("release", "c", 2000, "done")]),
        (read(Adjust, {"command_id": "c", "by": "+1.00 USD"}), [("adjust", "c", 10100, "done")]),
        (read(Release, {"command_id": "c"}), [("release", "c", 2000, "done")]),
    ],
)
def test_what_was_done_is_answered_with_the_hold(command: Command, operations: list[Shown]) -> None:
    hold = _hold(*operations)

    assert answer_of(hold, command) is hold


@pytest.mark.parametrize(
    ("command", "operations", "error"),
    [
        (read(Capture, CAPTURE), [], Closed),
        (read(Capture, CAPTURE), [("capture", "another", 8000, "done")], Closed),
        (read(Capture, CAPTURE), [("adjust", "c", 8000, "done")], Closed),
        (read(Capture, CAPTURE), [("capture", "c", 8000, "unknown")], Closed),
        (read(Capture, CAPTURE), [("capture", "c", 8000, "declined")], Declined),
        (read(Capture, CAPTURE), [("capture", "c", 8000, "not_done")], Declined),
        (read(Capture, CAPTURE), [("adjust", "c", 8000, "declined")], Declined),
        (read(Capture, CAPTURE), [("capture", "c", 8001, "done")], Conflict),
        (read(Release, {"command_id": "c"}), [("capture", "c", 8000, "done")], Conflict),
        (read(Adjust, {"command_id": "c", "amount": "1.00 USD"}),
         [("adjust", "c", 10100, "done")], Conflict),
    ],
)  # fmt: skip
def test_what_was_not_done_is_one_clear_error_with_the_hold(
    command: Command, operations: list[Shown], error: type[CardholdError]
) -> None:
    hold = _hold(*operations)

    with pytest.raises(error) as caught:
        answer_of(hold, command)

    assert caught.value.hold is hold

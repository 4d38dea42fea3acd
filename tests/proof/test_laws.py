"""A law that no seeded defect makes speak in time is shown what it is there to see.

For W5 a gateway has to be silent for half a week, and so does everybody who could say what became
of a call: hardly a seed has that.
"""

from __future__ import annotations

import pytest

from proof.asks import DAY
from proof.drawing import draw
from proof.laws_wire import of_the_wire
from proof.witness import Witness
from proof.world.line import Exchange

SINCE = 60.0


def _capture(number: int, at: float, operation: str = "capture") -> Exchange:
    """One that got no answer, each time under the same key and with the same body."""
    headers = {"idempotency-key": "c0ffee00-0000-4000-8000-000000000000"}
    path = "/payroc/v1/payments/P1/capture"
    body = b'{"amount":100}'
    return Exchange(number, at, "worker 1", operation, "POST", path, headers, body, arrived_at=at)


def _laws(*exchanges: Exchange) -> set[str]:
    calm = next(plan for plan in (draw(seed, "payroc") for seed in range(1, 99)) if plan.is_calm)
    return {broken.law for broken in of_the_wire(Witness(calm, exchanges))}


@pytest.mark.parametrize(("days", "broken"), [(0.1, False), (3.4, False), (3.6, True), (8, True)])
def test_w5_sees_what_is_sent_again_under_a_key_that_may_be_forgotten(
    days: float, *, broken: bool
) -> None:
    again = _capture(2, SINCE + days * DAY)
    assert ("W5" in _laws(_capture(1, SINCE), again)) is broken


def test_w5_lets_what_was_looked_up_before_go_again() -> None:
    look = _capture(2, SINCE + 4 * DAY - 1, "look_up")
    look.seen, look.status = True, 200
    assert "W5" not in _laws(_capture(1, SINCE), look, _capture(3, SINCE + 4 * DAY))

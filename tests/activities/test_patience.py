"""How long an attempt asks to be left alone: one attempt of one activity, late in an outage."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cardhold.hold import OperationKind
from domain.capabilities import Capabilities
from gateways.errors import GatewayError, NotSent, Throttled, Unauthorized, Undecided
from tests.activities.test_holds import KEYS, NOW, Scripted, call, failure

FAR = (NOW + timedelta(days=6), NOW + timedelta(days=7))
NEAR = (NOW + timedelta(hours=11), NOW + timedelta(hours=23))
LATE = 400
MINUTES = 60.0


def seconds(delay: timedelta | None) -> float | None:
    return None if delay is None else delay.total_seconds()


@pytest.mark.parametrize(
    "error",
    [NotSent("no route"), Throttled("too often", 7.0), Unauthorized("401"), Undecided("HTTP 500")],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("due", [FAR, NEAR], ids=["far", "near"])
async def test_a_gateway_that_was_long_away_is_left_alone_for_longer(
    error: GatewayError, due: tuple[object, ...]
) -> None:
    failed = await failure(Scripted([error]), call(due=due, patient=True), LATE, look_up=True)
    assert seconds(failed.next_retry_delay) == (360 if due is FAR else 15) * MINUTES


async def test_while_somebody_waits_the_retry_policy_alone_counts() -> None:
    failed = await failure(Scripted([NotSent("no route")]), call(), LATE)
    assert failed.next_retry_delay is None


async def test_the_first_hour_of_an_outage_is_the_retry_policys() -> None:
    failed = await failure(Scripted([NotSent("no route")]), call(due=FAR), 20)
    assert failed.next_retry_delay is None


async def test_what_looks_before_it_sends_is_never_tried_within_the_processing_time() -> None:
    slow = Capabilities(idempotent=frozenset(OperationKind), processing_time=timedelta(minutes=40))
    patient = call(due=NEAR, patient=True)
    slowly = await failure(Scripted([NotSent("no route")], slow), patient, LATE)
    quickly = await failure(Scripted([NotSent("no route")], KEYS), patient, LATE)
    assert seconds(slowly.next_retry_delay) == 40 * MINUTES
    assert seconds(quickly.next_retry_delay) == 15 * MINUTES

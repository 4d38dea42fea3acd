"""Outages of any length, walked through attempt by attempt as Temporal would make them.

Each attempt fails while the gateway is down; the next one comes when the pause says, or where it
says nothing, the workflow's own retry policy. No clock runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import pytest
from temporalio.common import RetryPolicy

from domain.capabilities import Capabilities
from domain.patience import CLOSE, between_rounds, hours_that_count, pause, turn
from tests.domain.records import NOW, held, starting
from workflows import timing

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# An hour of the twelve has four tries, so that a fault or two on top costs no deadline.
TRIES_AN_HOUR = 4
CALLS_A_MONTH_MAX = 300
# A first try while somebody waits: 45 seconds at half a second, doubled up to five.
FIRST_TRIES = 12


def by_policy(policy: RetryPolicy, attempt: int) -> timedelta:
    doubled = policy.initial_interval * policy.backoff_coefficient ** min(attempt - 1, 30)
    return min(doubled, policy.maximum_interval or doubled)


def attempts(
    since: datetime, due: Sequence[datetime], policy: RetryPolicy = timing.PATIENTLY
) -> Iterator[datetime]:
    now, number = since, 0
    while True:
        yield now
        number += 1
        now += pause(number, now, due) or by_policy(policy, number)


def within(start: datetime, end: datetime, *, since: datetime, due: Sequence[datetime]) -> int:
    count = 0
    for at in attempts(since, due):
        if at >= end:
            return count
        count += at >= start
    raise AssertionError("attempts never end")


@pytest.mark.parametrize("outage", [HOUR / 2, 2 * HOUR, 13 * HOUR, 3 * DAY, 6 * DAY, 25 * DAY])
@pytest.mark.parametrize("hour", range(12))
def test_one_hour_of_the_last_twelve_is_enough_whichever_it_is(
    outage: timedelta, hour: int
) -> None:
    due = NOW + 30 * DAY
    answers = due - CLOSE + hour * HOUR
    tries = within(answers, answers + HOUR, since=answers - outage, due=(due, due + CLOSE))
    assert tries >= TRIES_AN_HOUR


def test_the_hours_between_the_deadline_and_the_holds_end_count_as_well() -> None:
    deadline = NOW + 7 * DAY - CLOSE
    lapses = NOW + 7 * DAY
    for hour in range(12):
        answers = deadline + hour * HOUR
        due = (deadline, lapses)
        assert within(answers, answers + HOUR, since=NOW, due=due) >= TRIES_AN_HOUR


@pytest.mark.parametrize("key_lives", [timedelta(0), 84 * HOUR])
def test_a_month_without_an_answer_is_a_bounded_number_of_calls(key_lives: timedelta) -> None:
    month = NOW + 30 * DAY
    due = (month - CLOSE, month)
    again = within(NOW, NOW + key_lives, since=NOW, due=due)
    looked = within(NOW + key_lives, month, since=NOW + key_lives, due=due)
    assert FIRST_TRIES + again + looked <= CALLS_A_MONTH_MAX


@pytest.mark.parametrize("outage", [2 * HOUR, 8 * HOUR, DAY, 29 * HOUR])
def test_a_gateway_that_is_back_is_asked_after_a_fifth_of_the_time_that_it_was_away(
    outage: timedelta,
) -> None:
    back = NOW + outage
    asked = next(at for at in attempts(NOW, (NOW + 30 * DAY,)) if at >= back)
    assert asked - back <= outage / 5


def test_a_hold_that_has_lapsed_is_asked_for_every_six_hours_and_for_ever() -> None:
    last = [at for at, _ in zip(attempts(NOW, (NOW,)), range(5_000), strict=False)]
    assert last[-1] - last[-2] == 6 * HOUR


def test_the_first_hour_of_an_outage_is_the_retry_policys_own() -> None:
    tried = 0
    for at in attempts(NOW, (NOW + CLOSE,)):
        if at >= NOW + HOUR:
            break
        tried += 1
        assert pause(tried, at, (NOW + CLOSE,)) is None
    assert tried > TRIES_AN_HOUR


def test_the_hours_that_count_are_the_deadline_and_the_holds_end() -> None:
    record = held()
    assert record.terms is not None
    assert hours_that_count(record) == (record.terms.deadline, record.expires_at)


def test_what_may_be_held_counts_as_if_it_had_been_since_the_start() -> None:
    can = Capabilities()
    lapses = NOW + can.hold_window
    assert hours_that_count(starting()) == (lapses - can.safety_margin, lapses)


@pytest.mark.parametrize(
    ("left", "by_plan", "nobody_waits", "its_turn"),
    [
        (HOUR, True, False, 1),
        (HOUR, False, True, 1),
        (timedelta(0), False, False, 1),
        (-HOUR, True, False, 1),
        (CLOSE, True, False, 2),
        (3 * DAY, True, True, 2),
        (CLOSE, False, True, 2),
        (3 * DAY, False, False, 3),
        (None, False, False, 3),
        (3 * DAY, False, True, 4),
        (None, False, True, 4),
    ],
)
def test_the_less_time_a_hold_has_left_the_sooner_is_its_turn(
    left: timedelta | None, *, by_plan: bool, nobody_waits: bool, its_turn: int
) -> None:
    assert turn(left, by_plan=by_plan, nobody_waits=nobody_waits) == its_turn


def test_the_first_round_that_tells_nothing_is_followed_by_the_next_at_once() -> None:
    assert [between_rounds(rounds, NOW, [NOW + DAY]) for rounds in (0, 1)] == [timedelta(0)] * 2


def test_rounds_that_tell_nothing_come_less_and_less_often_up_to_every_six_hours() -> None:
    far_ahead = NOW + 400 * DAY
    pauses = [between_rounds(rounds, NOW, [far_ahead]) for rounds in range(2, 200)]
    assert pauses[:3] == [timedelta(minutes=5), timedelta(minutes=10), timedelta(minutes=20)]
    assert pauses == sorted(pauses)
    assert {*pauses[7:]} == {6 * HOUR}


@pytest.mark.parametrize(
    ("left", "waited"),
    [
        (6 * HOUR, HOUR / 4),
        (CLOSE, HOUR / 4),
        (CLOSE + HOUR, HOUR),
        (2 * DAY, 6 * HOUR),
    ],
)
def test_rounds_come_every_quarter_of_an_hour_in_the_last_twelve(
    left: timedelta, waited: timedelta
) -> None:
    assert between_rounds(100, NOW, [NOW + left]) == waited


def test_an_hour_that_is_over_hurries_no_round() -> None:
    assert between_rounds(100, NOW, [NOW - HOUR]) == 6 * HOUR

"""The server's clock as a worker knows it: an attempt that began late does not set it back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from activities.clock import ServerClock

_NINE = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)


def test_the_first_attempt_is_all_that_is_known() -> None:
    clock = ServerClock()
    clock.learn(_NINE, 50.0)
    assert clock.now(53.0) == _NINE + timedelta(seconds=3)


def test_an_attempt_that_stood_still_does_not_set_it_back() -> None:
    clock = ServerClock()
    clock.learn(_NINE, 50.0)
    clock.learn(_NINE + timedelta(seconds=1), 171.0)
    assert clock.now(171.0) == _NINE + timedelta(seconds=121)


def test_an_attempt_that_begins_at_once_corrects_one_that_did_not() -> None:
    clock = ServerClock()
    clock.learn(_NINE, 170.0)
    clock.learn(_NINE + timedelta(seconds=121), 171.0)
    assert clock.now(171.0) == _NINE + timedelta(seconds=121)


def test_what_was_learned_long_ago_is_forgotten() -> None:
    clock = ServerClock()
    clock.learn(_NINE + timedelta(hours=1), 0.0)
    for second in range(64):
        clock.learn(_NINE + timedelta(seconds=second), float(second))
    assert clock.now(64.0) == _NINE + timedelta(seconds=64)

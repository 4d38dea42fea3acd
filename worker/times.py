"""Refuses time limits that contradict each other, before they cost anybody an answer.

From the inside out, each limit has to leave room for the one inside it: a gateway call ends
within the activity that makes it, that activity within the time an update waits for its answer,
and a stopping worker waits longer than one call takes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NoReturn

from cardhold.fields import duration_text
from worker.cannot_start import CannotStart
from worker.settings import Settings
from workflows import timing

# What an activity needs besides the gateway's answer: its own start, and the answer's way back.
SLACK = timedelta(seconds=2)


def check_times(told: Settings) -> None:
    """Compare every account's limits.

    Raises:
        CannotStart: Naming the two that are in the wrong order.
    """
    for name, account in told.accounts.items():
        call = account.call_time_out
        activity = timing.CALL_START_TO_CLOSE
        if call + SLACK > activity:
            _refuse(f"The account {name}: call_time_out", call, "at most", activity - SLACK)
        if account.answer_within < activity + timing.ANSWER_SLACK:
            shortest = activity + timing.ANSWER_SLACK
            _refuse(
                f"The account {name}: answer_within", account.answer_within, "at least", shortest
            )
        if told.worker.drain < activity:
            _refuse("The table [worker]: drain", told.worker.drain, "at least", activity)


def _refuse(what: str, is_now: timedelta, rule: str, bound: timedelta) -> NoReturn:
    raise CannotStart(
        f"{what} is {duration_text(is_now)} and must be {rule} {duration_text(bound)}."
    )

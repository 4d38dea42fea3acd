"""One name for a signal and an update of one workflow task: in either order the signal counts.

A replay tells of a task's messages in another order than they were lived through; whatever they
leave in the inbox has to be the same.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cardhold.messages import Capture, Command, Release
from cardhold.names import ErrorType
from domain.planner import Problem
from workflows.inbox import Ask, Inbox

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(milliseconds=1)
IN_VAIN = Problem(ErrorType.OUTCOME_UNKNOWN, "nothing is known yet")
CAPTURE, RELEASE = Capture(command_id="one"), Release(command_id="one")


def tell(
    inbox: Inbox, command: Command, at: datetime, *, is_signal: bool, in_vain: bool = False
) -> Ask | None:
    """As a handler does; None where it is turned away."""
    ask = Ask(command, "one", at, is_signal)
    try:
        known = inbox.known(ask, IN_VAIN if in_vain else None)
    except Problem:
        return None
    if known is not None or in_vain:
        return known
    inbox.keep(ask)
    inbox.waiting.append(ask)
    return ask


def left(inbox: Inbox) -> list[tuple[Command, bool]]:
    return [(ask.command, ask.is_signal) for ask in inbox.waiting]


@pytest.mark.parametrize("signalled_first", [True, False])
@pytest.mark.parametrize("updated", [CAPTURE, RELEASE], ids=["the same", "another"])
def test_in_one_task_the_signal_counts(updated: Command, *, signalled_first: bool) -> None:
    inbox = Inbox()
    messages = [(CAPTURE, True), (updated, False)]
    for command, is_signal in messages if signalled_first else messages[::-1]:
        tell(inbox, command, NOW, is_signal=is_signal)
    assert left(inbox) == [(CAPTURE, True)]


def test_the_update_that_gives_way_is_told_of_the_conflict() -> None:
    inbox = Inbox()
    update = tell(inbox, RELEASE, NOW, is_signal=False)
    assert update is not None
    tell(inbox, CAPTURE, NOW, is_signal=True)
    assert update.answered
    assert "was given to another instruction" in str(update.outcome())


def test_a_later_signal_is_turned_away_as_before() -> None:
    inbox = Inbox()
    tell(inbox, RELEASE, NOW, is_signal=False)
    assert tell(inbox, CAPTURE, LATER, is_signal=True) is None
    assert left(inbox) == [(RELEASE, False)]


@pytest.mark.parametrize("signalled_first", [True, False])
def test_a_signal_that_is_in_vain_takes_nobodys_name(*, signalled_first: bool) -> None:
    inbox = Inbox()
    messages = [(CAPTURE, True), (RELEASE, False)]
    for command, is_signal in messages if signalled_first else messages[::-1]:
        tell(inbox, command, NOW, is_signal=is_signal, in_vain=is_signal)
    assert left(inbox) == [(RELEASE, False)]

"""How long a gateway that does not answer is left alone, and whose call is made first.

While nobody waits for the answer, the retry policies of `workflows.timing` ask again after five
minutes at most. For an outage of an hour that is right; one of a week would be two thousand calls.
So the pauses grow with the outage, a fifth more each time, up to six hours: a gateway that is back
is asked after a fifth of the time that it was away. But never past an hour that counts: in the
twelve before a deadline or the hold's end it is asked every quarter of an hour, so that one hour of
them is enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from domain.expiry import terms
from domain.record import Record

# Five minutes is where the retry policies end, and this attempt comes after an hour with them.
SOON = timedelta(minutes=5)
SOON_FOR_ATTEMPTS = 20
# Sooner than a second pushes a gateway that throttles.
RETRY_AFTER_MIN = timedelta(seconds=1)
# Thirty days without an answer come to less than 300 calls so; with an hour at most, to 800.
GROWTH = 1.2
FAR_AT_MOST = timedelta(hours=6)
# One hour's answers of the last twelve are enough to meet a deadline, whichever hour it is.
CLOSE = timedelta(hours=12)
CLOSE_AT_MOST = timedelta(minutes=15)
# Nothing but the work of the moment stands between the guest's money and the end of the hold.
LAST_HOUR = timedelta(hours=1)
# Where the growth has reached its end: 1.2 to the 24th is 79, and six hours are 72 times SOON.
_STEPS_MAX = 24
# And where doubling has: 2 to the 7th is 128.
_DOUBLINGS_MAX = 7


def pause(attempt: int, now: datetime, due: Iterable[datetime]) -> timedelta | None:
    """How long to wait after an attempt that brought no answer.

    Args:
        attempt: Its number, from 1.
        now: When it has ended.
        due: The hours that count; none where somebody waits for the end.

    Returns:
        None for as long as the retry policy says.
    """
    steps = min(attempt - SOON_FOR_ATTEMPTS, _STEPS_MAX)
    hours = [*due]
    if steps <= 0 or not hours:
        return None
    return _not_past(SOON * GROWTH**steps, now, hours)


def between_rounds(rounds: int, now: datetime, due: Iterable[datetime]) -> timedelta:
    """How long to wait once looking and sending have both told nothing, ``rounds`` times over.

    Once may be a lost answer, which the next look finds; more than once, only time or a person can
    change it.
    """
    if rounds <= 1:
        return timedelta(0)
    return _not_past(SOON * 2 ** min(rounds - 2, _DOUBLINGS_MAX), now, due)


def within_bounds(retry_after_s: float) -> timedelta:
    """The gateway's Retry-After, within what a hold can wait; it may say anything there."""
    least, most = RETRY_AFTER_MIN.total_seconds(), SOON.total_seconds()
    return timedelta(seconds=min(max(retry_after_s, least), most))


def _not_past(grown: timedelta, now: datetime, due: Iterable[datetime]) -> timedelta:
    """What a pause has grown to: not above the longest, and not past an hour that counts."""
    ahead = (_until_close(now, hour) for hour in due if now < hour)
    return min([grown, FAR_AT_MOST, *ahead])


def _until_close(now: datetime, hour: datetime) -> timedelta:
    return max(hour - CLOSE - now, CLOSE_AT_MOST)


def turn(left: timedelta | None, *, by_plan: bool, nobody_waits: bool) -> int:
    """Whose call comes first where a worker has more than it can make: 1 to 5, as Temporal counts.

    The sweep's come after all of these.

    Args:
        left: Until the hold lapses; None where nothing is known to be held.
        by_plan: It is the deadline's own.
        nobody_waits: For its end.
    """
    if left is not None and left <= LAST_HOUR:
        return 1
    if by_plan or (left is not None and left <= CLOSE):
        return 2
    return 4 if nobody_waits else 3


def hours_that_count(record: Record) -> tuple[datetime, ...]:
    """The deadline and the hold's end; what they would be, where nothing is known to be held."""
    at = record.terms
    if at is None:
        can, request = record.capabilities, record.request
        lapses = record.created_at + (request.hold_window or can.hold_window)
        margin = request.safety_margin or can.safety_margin
        at = terms(record.created_at, lapses, margin, record.plan.settle_by)
    return (at.deadline, at.expires_at)

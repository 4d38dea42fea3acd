"""The server's clock, which the workflow's instants are of, as a worker knows it."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime

# A server's clock is set now and then: what was learned long ago is forgotten.
_LATEST = 64


class ServerClock:
    """Learned from when the server says that it handed out each attempt.

    An attempt may begin long after that: a worker that stands still in between does not know. But
    none begins before, and so of the latest ones the least late tells the hour best.
    """

    def __init__(self) -> None:
        self._ahead: deque[float] = deque(maxlen=_LATEST)

    def learn(self, handed_out: datetime, seconds: float) -> None:
        """Take note of an attempt.

        Args:
            handed_out: When, by the server's clock; aware.
            seconds: Our own clock as it begins: one that is never set, in seconds.
        """
        self._ahead.append(handed_out.timestamp() - seconds)

    def now(self, seconds: float) -> datetime:
        """The server's hour, in UTC, or one before it.

        Args:
            seconds: Our own clock.

        Raises:
            ValueError: Nothing was learned yet.
        """
        return datetime.fromtimestamp(seconds + max(self._ahead), UTC)

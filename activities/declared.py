"""What workflows may know of the activities: their names, and how their failures are named."""

from __future__ import annotations

from enum import StrEnum

#: Looks an operation's payment up until it is decided. The other activities are named as the
#: operations are (``cardhold.hold.OperationKind``).
LOOK_UP = "look_up"

#: Names the accounts that a worker has.
SWEEP_ACCOUNTS = "sweep_accounts"
#: Compares what an account's gateway shows as held with what the reservations say.
SWEEP_ACCOUNT = "sweep_account"


class Failure(StrEnum):
    """The ``type`` of what an activity fails with; all but `UNDECIDED` are tried again."""

    NOT_SENT = "NotSent"
    """No byte left the worker: the money did not move."""
    THROTTLED = "Throttled"
    """The gateway refused it unread: the money did not move."""
    UNAUTHORIZED = "Unauthorized"
    """The gateway refused our credentials: the money did not move."""
    NO_ANSWER = "NoAnswer"
    """The answer was lost: the money may have moved. The same key and body go again."""
    STILL_PENDING = "StillPending"
    """Looked up, and the gateway has not decided, or could not yet have: look again."""
    UNDECIDED = "Undecided"
    """The money may have moved, and sending again is no way to find out: look it up."""

"""What an attempt of an activity and Temporal tell each other on the way.

An attempt leaves word for the next one in its heartbeat; Temporal calls off what it has given up.
"""

from __future__ import annotations

import json

from temporalio import activity
from temporalio.common import RawValue

#: What an attempt leaves for the next one, with its number, where it has surely sent nothing and
#: neither has any before it.
NOTHING_SENT = "nothing was sent"
#: The same of one that has sent it, and does not know what became of it.
SENT = "sent"


def left_by(info: activity.Info) -> list[object]:
    """What the attempt before has left, if anything."""
    return [_plain(each) for each in info.heartbeat_details]


def is_given_up() -> bool:
    """Whether Temporal has called this attempt off because it no longer waits for it.

    As after a standstill of the process. The SDK would tell it with a traceback.
    """
    told = activity.cancellation_details()
    return told is not None and (told.timed_out or told.not_found)


def _plain(left: object) -> object:
    """What an attempt has left: a heartbeat declares no type, so our converter keeps it raw."""
    return json.loads(left.payload.data) if isinstance(left, RawValue) else left

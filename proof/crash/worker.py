"""``python -m proof.crash.worker``: `cardhold worker` with its patience cut short.

Temporal learns of a killed worker when the time of its activity is over. Deployed that is 25
seconds; here it is five, so that hundreds of kills can be afforded. Everything else is the
command itself: its configuration, its checks of it, its code.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator
from datetime import timedelta

from worker.main import main
from workflows import timing

#: How long an activity of one call, and one of two, may take; and a first try at the least.
ONE_CALL = timedelta(seconds=5)
TWO_CALLS = timedelta(seconds=8)

_LIMITS = {
    "CALL_START_TO_CLOSE": ONE_CALL,
    "LOOK_AND_CALL_START_TO_CLOSE": TWO_CALLS,
    "FIRST_TRY_MIN": ONE_CALL,
}


@contextlib.contextmanager
def hurried() -> Generator[None]:
    """Cut the time limits short: for a worker before it starts, and to replay what it has done."""
    deployed = {name: getattr(timing, name) for name in _LIMITS}
    try:
        for name, limit in _LIMITS.items():
            setattr(timing, name, limit)
        yield
    finally:
        for name, limit in deployed.items():
            setattr(timing, name, limit)


if __name__ == "__main__":
    with hurried():
        sys.exit(main())

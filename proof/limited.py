"""Ends a scenario that does not end by itself."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

# What is ended may go on while it is put away: then it is ended again.
_AGAIN_S = 1.0


class Hangs(KeyboardInterrupt):
    """It takes more of a core than it may. Of a kind that no loop and no task keeps to itself."""


@contextmanager
def limited(seconds: float) -> Generator[None]:
    """End what takes longer, of a core; in a process's first thread alone, where signals arrive.

    Raises:
        Hangs: It was ended.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGVTALRM, _hang)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, _AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _hang(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise Hangs

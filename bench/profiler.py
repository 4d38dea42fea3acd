"""Measures every thread of a process: workflow tasks run in threads of their own."""

from __future__ import annotations

import cProfile
import pstats
import threading
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self


class Profiler:
    """``with Profiler(path):`` profiles this thread and all that start meanwhile.

    Writes a file for ``pstats`` at the end. It slows the process down several times; what it
    tells is where the time goes, not how much of it there is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._profiles: list[cProfile.Profile] = []

    def __enter__(self) -> Self:
        threading.setprofile(self._begin)
        self._enable()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        threading.setprofile(None)
        told = pstats.Stats(*self._profiles)
        told.dump_stats(self._path)

    def _begin(self, _: FrameType, __: str, ___: Any) -> None:
        """A thread's first event: from now on its profile gets them."""
        self._enable()

    def _enable(self) -> None:
        profile = cProfile.Profile()
        self._profiles.append(profile)
        profile.enable()

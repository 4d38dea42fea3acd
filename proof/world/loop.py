"""An event loop whose time passes only when nothing is left to do: a week takes no time at all."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

#: When every world begins; nothing depends on the day.
BEGINNING = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)

T = TypeVar("T")


class _NothingElse:
    """In place of the selector: there are no sockets, so waiting is moving the clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[object]:
        if timeout is None:
            raise Stuck("everything waits, and nothing will ever happen")
        self._loop.pass_time(timeout)
        return []


class Stuck(RuntimeError):
    """Every task waits for another one."""


class Errands:
    """Tasks that nobody awaits; the end of a world calls them off."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[Any]] = set()

    def start(self, errand: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin one."""
        task = asyncio.ensure_future(errand)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    def stop(self) -> None:
        """Call all of them off."""
        for task in list(self._under_way):
            task.cancel()


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs one world. Its clock starts at `BEGINNING` and jumps from event to event."""

    def __init__(self) -> None:
        super().__init__()
        self._passed = 0.0
        # The base class leaves the selector to its children; this is all that it asks of one.
        self._selector = _NothingElse(self)
        self.set_exception_handler(self._keep)
        self.unheard: list[str] = []
        """Errors of tasks and callbacks that nobody has awaited."""

    def time(self) -> float:
        return self._passed

    def now(self) -> datetime:
        """The true time in this world, aware."""
        return BEGINNING + timedelta(seconds=self._passed)

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        if seconds > 0:
            self._passed += seconds

    def _process_events(self, event_list: object) -> None:
        """Nothing comes from outside."""

    def _write_to_self(self) -> None:
        """There is no other thread to wake this one."""

    def _keep(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.unheard.append(f"{context.get('message')}: {error!r}")


def run(world: Coroutine[Any, Any, T], loop: VirtualLoop) -> T:
    """Run a world to its end; what is still under way then is thrown away with it."""
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(world)
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        asyncio.set_event_loop(None)
        loop.close()

"""The bank's clock: the wall clock plus an offset that tests push forward."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel

from simulator.store import Store

# Seven days: what most issuers give a hold, and what the contract takes for the default.
HOLD_S_DEFAULT = 7 * 24 * 3600.0
_KIND = "clock"


class _Setting(BaseModel):
    offset_s: float = 0.0
    hold_s: float = HOLD_S_DEFAULT


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """Write an aware instant as RFC 3339 in UTC, with milliseconds and ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class BankClock:
    """Tells the bank's time and how long holds live; both survive a restart.

    Args:
        store: Keeps them.
        wall: The wall clock, aware.
    """

    def __init__(self, store: Store, wall: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._wall = wall
        self._setting = _Setting()
        for _, json in store.load(_KIND):
            self._setting = _Setting.model_validate_json(json)

    @property
    def hold_s(self) -> float:
        """How many seconds a hold lives from its authorization; open holds included."""
        return self._setting.hold_s

    @property
    def lifetime(self) -> timedelta:
        """The same as a duration."""
        return timedelta(seconds=self._setting.hold_s)

    def now(self) -> datetime:
        """The bank's time, aware, in UTC."""
        return self._wall() + timedelta(seconds=self._setting.offset_s)

    def advance(self, seconds: float) -> None:
        """Push the clock forward; it never goes back but by ``reset``."""
        self._set(offset_s=self._setting.offset_s + seconds)

    def live_for(self, hold_s: float) -> None:
        """Set how many seconds holds live, those that are open now included."""
        self._set(hold_s=hold_s)

    def reset(self) -> None:
        """Back to the wall clock and to seven days."""
        self._setting = _Setting()
        self._store.clear(_KIND)

    def _set(self, **change: float) -> None:
        self._setting = self._setting.model_copy(update=change)
        self._store.put(_KIND, _KIND, self._setting.model_dump_json())

"""Where the simulator keeps what has to outlive a killed process.

One SQLite table of JSON records. What one request changes (a hold, a payment, the answer saved
under its idempotency key) is written in one transaction: a process killed at any moment leaves
either all of it or nothing, never a hold whose replay would be booked a second time.
"""

import sqlite3
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

# `seq` keeps the order of creation, which listings show; an upsert does not change it.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    json TEXT NOT NULL,
    UNIQUE (kind, name)
)
"""
_UPSERT = (
    "INSERT INTO record (kind, name, json) VALUES (?, ?, ?) "
    "ON CONFLICT (kind, name) DO UPDATE SET json = excluded.json"
)


class Store:
    """Keeps JSON records by kind and name, in a file or (``file=None``) in memory."""

    def __init__(self, file: Path | None = None) -> None:
        # Two seconds for the lock: long enough for a process that is just ending.
        self._db = sqlite3.connect(file or ":memory:", timeout=2, isolation_level=None)
        self._depth = 0
        # Two banks over one file would each book what the other has booked: the second one
        # is refused ("database is locked").
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        # A sync per commit: an effect that was answered survives a power cut too.
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(_SCHEMA)

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Make all writes inside one; may be nested, the outermost commits.

        A refusal raised inside must come before the first change, as the books in memory are
        not rolled back; an error after it is a defect and leaves the process to be restarted.
        """
        if self._depth == 0:
            self._db.execute("BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._leave("ROLLBACK")
            raise
        self._leave("COMMIT")

    def _leave(self, verb: str) -> None:
        self._depth -= 1
        if self._depth == 0 and self._db.in_transaction:
            self._db.execute(verb)

    def put(self, kind: str, name: str, json: str) -> None:
        """Write one record, at once unless inside a transaction."""
        self._db.execute(_UPSERT, (kind, name, json))

    def drop(self, kind: str, name: str) -> None:
        """Forget one record."""
        self._db.execute("DELETE FROM record WHERE kind = ? AND name = ?", (kind, name))

    def clear(self, kind: str) -> None:
        """Forget all records of one kind."""
        self._db.execute("DELETE FROM record WHERE kind = ?", (kind,))

    def load(self, kind: str) -> Iterator[tuple[str, str]]:
        """Give ``(name, json)`` of every record of one kind, oldest first."""
        rows = self._db.execute(
            "SELECT name, json FROM record WHERE kind = ? ORDER BY seq", (kind,)
        )
        yield from rows.fetchall()

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self._db.close()

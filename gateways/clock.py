"""This machine's clock."""

from __future__ import annotations

from datetime import UTC, datetime


def machine_now() -> datetime:
    """The hour by this machine, aware; it may be wrong, and decides nothing about money."""
    return datetime.now(UTC)

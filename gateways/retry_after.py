"""How long a gateway asks us to wait, where what it says makes sense."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from gateways.clock import machine_now

# A gateway that wants to be left alone for longer than a day has sent a number by accident.
RETRY_AFTER_S_MAX = 86_400.0


def retry_after_s(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Read ``Retry-After`` (RFC 9110 §10.2.3): seconds, or an HTTP date.

    Args:
        headers: The answer's. A date is counted from its ``Date``, the gateway's own clock.
        now: Our clock (aware), where the answer has no ``Date``.

    Returns:
        Seconds from 0 to a day; None where the header is absent, past, absurd or garbage.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        seconds = float(text)
    else:
        until = _date(text)
        if until is None:
            return None
        seconds = (until - (_date(headers.get("date", "")) or now or machine_now())).total_seconds()
    return seconds if 0 <= seconds <= RETRY_AFTER_S_MAX else None


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None

"""What of a gateway's own words may be shown, and when it says that something was."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from cardhold.card_data import holds_card_data

#: What stands in an answer in place of what its request was signed with (`gateways.wire`).
HIDDEN = "[credential]"

_SHOWN_MAX = 64
_LAST4 = re.compile(r"[0-9]{4}$")


def shown(text: str | None, *, secret: str | None = None) -> str | None:
    """The gateway's words as people may see them: short, printable, free of card and secret."""
    if not text or HIDDEN in text or holds_card_data(text) or (secret and secret in text):
        return None
    return "".join(c for c in text if c.isprintable())[:_SHOWN_MAX].strip() or None


def last4(masked: str | None) -> str | None:
    """The last four digits of a masked card number; None where it does not end in them."""
    found = _LAST4.search(masked or "")
    return found.group() if found else None


def instant(text: str | None) -> datetime | None:
    """A gateway's time in UTC; None where it does not say which time zone it is in."""
    try:
        found = datetime.fromisoformat(text or "")
        return None if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None

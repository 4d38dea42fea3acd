"""xMoney's name, and its words as people may see them."""

from __future__ import annotations

import re

from gateways.shown import shown

NAME = "xmoney"

# Keys, tokens and addresses are runs of this many characters without a blank; people's words,
# `complete-failed` and `authentication` included, are not.
_RUN = re.compile(r"\S{18}")


def words(text: str | None, secret: str | None) -> str | None:
    """What xMoney says, as people may see it; None where it holds more than words."""
    if text is None or "://" in text or _RUN.search(text):
        return None
    return shown(text, secret=secret)

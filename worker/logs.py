"""How a worker logs: plain lines for people or JSON for collectors, nothing secret in either.

No code of ours puts a credential or a card number into a log line. What a library or a bug
might put there is taken out here, a second line of defence: each finished line, its exception
included, loses every registered secret and everything that reads as a card number.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal, TextIO, cast

from temporalio import activity, workflow

from cardhold.card_data import DRAWN, is_card_number

HIDDEN = "[hidden]"
# A shorter "secret" would stain every line that happens to hold the same few letters.
_SECRET_LENGTH_MIN = 6
# What a key begins with that is the same in everybody's; some gateways are sent the rest alone.
_PREFIX = re.compile(r"^[a-z]{2}_(?:live|test)_")
# Digits, parted by single blanks or dashes as cards are printed; the separators stay out of the
# check. No `_` or `.`: log lines are full of times and versions written with those.
# Names that machines draw hold such digits by chance, and are what a line is found by.
_DIGITS = re.compile(rf"(?P<drawn>{DRAWN.pattern})|(?<![0-9])[0-9](?:[ -]?[0-9]){{12,18}}(?![0-9])")
# What Temporal's loggers add to a record, and what of it helps a person who reads the line.
_CONTEXTS = ("temporal_workflow", "temporal_activity")
_CONTEXT_NAMES = ("workflow_id", "run_id", "activity_type", "attempt")
# These tell every connection and request at INFO, and headers at DEBUG; the last two tell at DEBUG
# what an activity has answered with, payloads and all (temporalio 1.35).
_TALKATIVE = (
    "httpx", "httpcore", "h11", "aiohttp.access",
    "temporalio.worker._activity", "temporalio.worker._workflow",
)  # fmt: skip


class Redaction:
    """Takes secrets and card numbers out of text."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        told = {form for secret in secrets for form in (secret, _PREFIX.sub("", secret))}
        known = {secret for secret in told if len(secret) >= _SECRET_LENGTH_MIN}
        # The longest first: one secret may begin with another.
        ordered = sorted(known, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, text: str) -> str:
        """The text without what must not be in it."""
        if self._secrets is not None:
            text = self._secrets.sub(HIDDEN, text)
        return _DIGITS.sub(_without_card_number, text)


class PlainFormatter(logging.Formatter):
    """One line for a person: time in UTC, severity, logger, message."""

    def __init__(self, redaction: Redaction) -> None:
        super().__init__("%(at)s %(levelname)-7s %(name)s: %(message)s")
        self._redaction = redaction

    def format(self, record: logging.LogRecord) -> str:
        record.at = _instant(record)
        return self._redaction(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for a collector."""

    def __init__(self, redaction: Redaction) -> None:
        super().__init__()
        self._redaction = redaction

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": _instant(record),
            "level": record.levelname,
            "logger": record.name,
            "message": self._redaction(record.getMessage()),
            **{name: self._redaction(value) for name, value in _context(record).items()},
        }
        if record.exc_info:
            line["exception"] = self._redaction(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def configure(
    secrets: Iterable[str] = (),
    *,
    form: Literal["plain", "json"] = "plain",
    level: str = "INFO",
    stream: TextIO | None = None,
) -> None:
    """Send every logger's lines to ``stream`` (standard error), redacted."""
    redaction = Redaction(secrets)
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(redaction) if form == "json" else PlainFormatter(redaction))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Temporal would put every line's context behind it, as Python writes a dictionary.
    workflow.logger.workflow_info_on_message = False
    activity.logger.activity_info_on_message = False


def _without_card_number(found: re.Match[str]) -> str:
    text = found.group()
    if found["drawn"] is not None:
        return text
    return HIDDEN if is_card_number(re.sub(r"[^0-9]", "", text)) else text


def _instant(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _context(record: logging.LogRecord) -> dict[str, str]:
    """The reservation and the call that a record is about, where Temporal's loggers tell."""
    told: dict[str, str] = {}
    for context in _CONTEXTS:
        values = getattr(record, context, None)
        if isinstance(values, dict):
            known = cast("dict[str, object]", values)
            told |= {name: str(known[name]) for name in _CONTEXT_NAMES if name in known}
    return told

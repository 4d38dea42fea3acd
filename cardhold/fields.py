"""The kinds of field that messages are made of: instants, durations, names and text."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

# ASCII: without it \d takes the digits of every script, and RFC 3339 and ISO 8601 know ten.
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", re.ASCII)
_DURATION = re.compile(
    r"P(?=.)(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9})S)?)?",
    re.ASCII,
)
# Cc: control characters. Cs: halves of a surrogate pair, which are not UTF-8. Zl, Zp: line and
# paragraph separators, which some viewers break a line at.
_NOT_TEXT = frozenset({"Cc", "Cs", "Zl", "Zp"})


def _instant(value: Any) -> Any:
    if isinstance(value, str):
        return _instant_of(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise PydanticCustomError("instant_naive", "must be an aware instant, in UTC")
        return value.astimezone(UTC)
    return value


def _instant_of(text: str) -> datetime:
    if _INSTANT.fullmatch(text):
        # Python keeps microseconds; what is finer is cut, never rounded up past a deadline.
        whole, _, part = text[:-1].partition(".")
        try:
            return datetime.fromisoformat(f"{whole}.{part[:6] or '0':0<6}+00:00")
        except ValueError:
            pass
    raise PydanticCustomError("instant", "must be an instant in UTC, such as 2026-03-01T15:00:00Z")


def instant_text(instant: datetime) -> str:
    """Write an instant as messages carry it: RFC 3339 in UTC, with ``T`` and ``Z``."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _duration(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = _DURATION.fullmatch(value)
    if found is None:
        raise PydanticCustomError(
            "duration", "must be a duration in weeks to seconds, such as P7D or PT12H"
        )
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def duration_text(duration: timedelta) -> str:
    """Write a duration as messages carry it, in days and seconds: ``P7D``, ``PT43200S``."""
    seconds = f"T{duration.seconds}S" if duration.seconds else ""
    days = f"{duration.days}D" if duration.days or not seconds else ""
    return f"P{days}{seconds}"


def _plain(text: str) -> str:
    if any(unicodedata.category(character) in _NOT_TEXT for character in text):
        raise PydanticCustomError("control_characters", "must be free of control characters")
    return text


Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    PlainSerializer(instant_text, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": "Z$"}),
]

# The bounds of DESIGN: shorter than ten seconds no gateway answers in time; longer than 31 days
# no card scheme keeps a hold.
SPAN_MIN = timedelta(seconds=10)
SPAN_MAX = timedelta(days=31)
Span = Annotated[
    timedelta,
    BeforeValidator(_duration),
    Field(ge=SPAN_MIN, le=SPAN_MAX),
    PlainSerializer(duration_text, when_used="json"),
    WithJsonSchema({"type": "string", "format": "duration"}),
]

# A setting's duration may be shorter: a simulated gateway has booked after a few seconds.
DURATION_MIN = timedelta(seconds=1)


def _bounded(duration: timedelta) -> timedelta:
    if not DURATION_MIN <= duration <= SPAN_MAX:
        raise PydanticCustomError("duration_bounds", "must be from 1 second to 31 days")
    return duration


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    AfterValidator(_bounded),
    PlainSerializer(duration_text, when_used="json"),
    WithJsonSchema({"type": "string", "format": "duration"}),
]

_Plain = AfterValidator(_plain)
Text = Annotated[str, StringConstraints(max_length=2048), _Plain]
Operator = Annotated[str, StringConstraints(max_length=50), _Plain]
Reason = Annotated[str, StringConstraints(max_length=500), _Plain]
Description = Annotated[str, StringConstraints(max_length=256), _Plain]
Token = Annotated[str, StringConstraints(min_length=1, max_length=512), _Plain]
Label = Annotated[str, StringConstraints(min_length=1, max_length=64), _Plain]
_MetadataName = Annotated[str, StringConstraints(min_length=1, max_length=56), _Plain]
_MetadataValue = Annotated[str, StringConstraints(max_length=100), _Plain]
Metadata = Annotated[dict[_MetadataName, _MetadataValue], Field(max_length=20)]
_HTTPS = r"^https://[A-Za-z0-9.-]+(:\d+)?(/\S*)?$"
Https = Annotated[str, StringConstraints(max_length=2048, pattern=_HTTPS), _Plain]

RESERVATION_ID = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
COMMAND_ID = r"^[A-Za-z0-9_.:-]{1,64}$"
ReservationId = Annotated[str, Field(pattern=RESERVATION_ID)]
AccountName = Annotated[str, Field(pattern=RESERVATION_ID)]
CommandId = Annotated[str, Field(pattern=COMMAND_ID)]
OperationId = Annotated[str, Field(pattern=r"^(authorize|adjust|capture|release)/\d{1,6}$")]

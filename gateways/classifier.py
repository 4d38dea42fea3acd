"""What each thing that can be seen of a gateway call says of the money: one table.

Its default is "unknown": an error that nobody thought of, a status or a code that nobody listed.
`TRANSPORT` sorts what breaks on the way, `ANSWERS` what is wrong with an answer whatever the
gateway, and a `Table`, of which each adapter's ``problems.py`` has one, what that gateway alone
says. ``docs/outcomes.md`` is drawn from all three.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum

import httpx

from cardhold.hold import OperationKind
from cardhold.names import ErrorType
from gateways.errors import (
    GatewayError,
    NoAnswer,
    NotSent,
    Refused,
    Throttled,
    Unauthorized,
    Undecided,
)


class Means(Enum):
    """What is known of the money; all but the last three, it surely did not move."""

    NOT_SENT = "not sent"
    THROTTLED = "refused unread"
    UNAUTHORIZED = "credentials refused"
    REFUSED = "refused for good"
    DECLINED = "declined"
    ABSENT = "there is none"
    """Of a look-up: nothing was booked so far."""
    LOOK = "a no that the hold must bear out"
    """Refused in words that are published for no such case: how the hold stands decides."""
    NO_ANSWER = "no answer"
    UNDECIDED = "undecided"


# What httpx raises, each by its own class: one that is added to httpx, below one of these too, is
# unknown until it stands here. Without a connection there is nowhere to write to, and httpcore 1.0
# maps h11's LocalProtocolError only where it builds the request's head; every other error may have
# come after the gateway had read the request: a WriteTimeout can leave a complete small one in
# the peer's buffer.
TRANSPORT: Mapping[type[BaseException], Means] = {
    httpx.ConnectError: Means.NOT_SENT,  # a name not found, a port closed, any failure of TLS
    httpx.ConnectTimeout: Means.NOT_SENT,
    httpx.PoolTimeout: Means.NOT_SENT,
    httpx.UnsupportedProtocol: Means.NOT_SENT,
    httpx.LocalProtocolError: Means.NOT_SENT,
    httpx.ReadTimeout: Means.NO_ANSWER,
    httpx.WriteTimeout: Means.NO_ANSWER,
    httpx.ReadError: Means.NO_ANSWER,
    httpx.WriteError: Means.NO_ANSWER,
    httpx.CloseError: Means.NO_ANSWER,
    httpx.ProxyError: Means.NO_ANSWER,
    httpx.RemoteProtocolError: Means.NO_ANSWER,
    httpx.DecodingError: Means.NO_ANSWER,
    httpx.TooManyRedirects: Means.NO_ANSWER,
    httpx.HTTPStatusError: Means.NO_ANSWER,
    httpx.InvalidURL: Means.NO_ANSWER,
    httpx.CookieConflict: Means.NO_ANSWER,
    httpx.StreamConsumed: Means.NO_ANSWER,
    httpx.StreamClosed: Means.NO_ANSWER,
    httpx.ResponseNotRead: Means.NO_ANSWER,
    httpx.RequestNotRead: Means.NO_ANSWER,
    TimeoutError: Means.NO_ANSWER,  # the one limit of a whole call, however the time went by
    asyncio.CancelledError: Means.NO_ANSWER,  # goes on as what it is; the next attempt looks first
}
#: What an error means that is not in the table.
UNFORESEEN = Means.NO_ANSWER


class Seen(StrEnum):
    """What else can be seen of a call, whatever the gateway."""

    NO_LINE_FREE = "no connection was free in time"
    NO_TIME_LEFT = "no time was left to send it"
    TOO_MUCH = "more came than we read, or coded as nobody asked"
    CUT_OFF = "the body ends in the middle"
    UNREADABLE = "the body is not the JSON, the fields and the words that we know"
    LATER = 'a success that says "later": pending, in process, accepted, timed out'
    OF_ANOTHER = "a success of another payment, reference, amount or currency"
    CONTRADICTION = "a success that contradicts itself"
    NOT_LISTED = "any other answer: 3xx, 4xx (408, 409, 425 too) and 5xx, with whatever body"


ANSWERS: Mapping[Seen, Means] = {
    Seen.NO_LINE_FREE: Means.NOT_SENT,
    Seen.NO_TIME_LEFT: Means.NOT_SENT,
    Seen.TOO_MUCH: Means.UNDECIDED,
    Seen.CUT_OFF: Means.NO_ANSWER,
    Seen.UNREADABLE: Means.UNDECIDED,
    Seen.LATER: Means.UNDECIDED,
    Seen.OF_ANOTHER: Means.UNDECIDED,
    Seen.CONTRADICTION: Means.UNDECIDED,
    Seen.NOT_LISTED: Means.UNDECIDED,
}


def of_error(error: BaseException) -> Means:
    """What an error on the way says of the money."""
    return TRANSPORT.get(type(error), UNFORESEEN)


def broken(gateway: str, error: BaseException) -> GatewayError:
    """An error on the way as one of ours: its name without its text, which may hold a secret."""
    told = f"{gateway}: {type(error).__name__}"
    if of_error(error) is Means.NOT_SENT:
        return NotSent(f"{told}, nothing was sent")
    return NoAnswer(f"{told}, the answer is lost")


def trouble(gateway: str, seen: Seen) -> GatewayError:
    """What is wrong with a call, or with its answer, whatever the gateway."""
    told = f"{gateway}: {seen}"
    if ANSWERS[seen] is Means.NOT_SENT:
        return NotSent(told)
    return NoAnswer(told) if ANSWERS[seen] is Means.NO_ANSWER else Undecided(told)


class Asked(StrEnum):
    """What a refused request was for."""

    AUTHORIZE = OperationKind.AUTHORIZE.value
    ADJUST = OperationKind.ADJUST.value
    CAPTURE = OperationKind.CAPTURE.value
    RELEASE = OperationKind.RELEASE.value
    LOOK_UP = "look-up"
    ADOPT = "look-up of a caller's own id"


#: What may move money.
OPERATIONS = frozenset({Asked.AUTHORIZE, Asked.ADJUST, Asked.CAPTURE, Asked.RELEASE})
#: The same once there is a hold.
LATER = OPERATIONS - {Asked.AUTHORIZE}
LOOKS = frozenset({Asked.LOOK_UP, Asked.ADOPT})
EVERYTHING = OPERATIONS | LOOKS


def asked(kind: OperationKind | None) -> Asked:
    """The table's word for an operation; None is a look-up."""
    return Asked.LOOK_UP if kind is None else Asked(kind.value)


@dataclass(frozen=True, slots=True)
class Body:
    """What has to stand in an answer's body.

    Attributes:
        told: The same for people.
        fits: Whether these codes, or names of fields, are it.
    """

    told: str
    fits: Callable[[frozenset[str]], bool]


ANY_BODY = Body("whatever it says", lambda _: True)
NO_CODE = Body("no code of the gateway's", lambda said: not said)


def _quoted(words: Collection[str]) -> str:
    return ", ".join(f"`{word}`" for word in sorted(words))


def one_of(*words: str) -> Body:
    """One of these codes."""
    return Body(_quoted(words), lambda said: not said.isdisjoint(words))


def only(*words: str) -> Body:
    """At least one of these, and none that is not among them."""
    known = frozenset(words)
    return Body(f"only {_quoted(words)}", lambda said: bool(said) and said <= known)


def all_of(*words: str) -> Body:
    """Each of these."""
    needed = frozenset(words)
    return Body(" and ".join(f"`{word}`" for word in words), lambda said: needed <= said)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a gateway's table.

    Attributes:
        means: What it says of the money.
        statuses: HTTP's, or what a gateway's own code says in its place.
        body: What has to stand in the body beside the status.
        asked: What the request was for.
        error: What the caller is told, if it is more than "refused".
    """

    means: Means
    statuses: Collection[int]
    body: Body = ANY_BODY
    asked: frozenset[Asked] = EVERYTHING
    error: ErrorType | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """An answer that is no success, as an adapter has read it.

    Attributes:
        status: HTTP's, or what a gateway's own code says in its place.
        words: The codes, or the names of the fields, that it gives as its reason.
        told: Of the words, what may be shown to people: published ones alone.
        about: Which fields it is about, as far as they may be shown.
        retry_after_s: What ``Retry-After`` asks for.
    """

    status: int
    words: frozenset[str] = frozenset()
    told: str | None = None
    about: tuple[str, ...] = ()
    retry_after_s: float | None = None

    def __str__(self) -> str:
        """For people."""
        return f"HTTP {self.status} {self.told}" if self.told else f"HTTP {self.status}"


@dataclass(frozen=True, slots=True)
class Table:
    """What one gateway's own refusals say; of rows that fit, the first counts.

    Attributes:
        gateway: Its name.
        source: Where all of this is published.
        rows: Whatever is not in them is `Seen.NOT_LISTED`.
        note: What else decides there, for people.
    """

    gateway: str
    source: str
    rows: tuple[Row, ...]
    note: str

    def row(self, said: Said, request: Asked) -> Row | None:
        """The line for a refusal; None where it is not listed."""
        fits = (
            row
            for row in self.rows
            if said.status in row.statuses and request in row.asked and row.body.fits(said.words)
        )
        return next(fits, None)

    def means(self, said: Said, request: Asked) -> Means:
        """What a refusal says of the money."""
        row = self.row(said, request)
        return ANSWERS[Seen.NOT_LISTED] if row is None else row.means

    def failure(self, said: Said, request: Asked) -> GatewayError:
        """A refusal as an error; what only another look decides is undecided here."""
        match self.means(said, request):
            case Means.UNAUTHORIZED:
                return Unauthorized(f"{self.gateway}: our credentials were refused ({said})")
            case Means.THROTTLED:
                return Throttled(f"{self.gateway}: too many requests", said.retry_after_s)
            case Means.REFUSED:
                about = f": {', '.join(said.about)}" if said.about else ""
                row = self.row(said, request)
                error = row.error if row else None
                return Refused(f"{self.gateway}: refused ({said}{about})", error)
            case (
                Means.NOT_SENT
                | Means.DECLINED
                | Means.ABSENT
                | Means.LOOK
                | Means.NO_ANSWER
                | Means.UNDECIDED
            ):
                return Undecided(f"{self.gateway}: {said} decides nothing")

"""The moments of a gateway call, as a proxy before the gateway sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum

from proof.crash.child import Child
from proof.crash.line import Passage, Way
from proof.crash.triggers import Armed, Scene, Triggers

# What a worker does within the milliseconds after an answer differs from run to run: sometimes it
# has told Temporal, sometimes not. The request's own point is as wide.
_JUST_AFTER_S = 0.004


class Moment(StrEnum):
    """How far a call has come."""

    ASKED = "before the gateway reads"
    BOOKED = "before the answer"
    HALF = "half an answer"
    ANSWERED = "after the answer"


class Call(StrEnum):
    """What a call is for."""

    TOKEN = "token"  # noqa: S105 - the name of an operation, no credential
    AUTHORIZE = "authorize"
    ADJUST = "adjust"
    CAPTURE = "capture"
    RELEASE = "release"
    LOOK_UP = "look_up"


def name_of(moment: Moment, call: Call) -> str:
    """The moment's name: ``authorize, before the answer``."""
    return f"{call}, {moment}"


#: Every moment of every call.
POINTS = tuple(name_of(moment, call) for call in Call for moment in Moment)
#: The answer to any call has passed.
ANY_ANSWER = "a call answered"
#: A call is under way; what falls here asks the worker to stop in the middle of it.
ANY_REQUEST = "a call under way"

_BY_LAST_WORD = {
    "adjust": Call.ADJUST,
    "capture": Call.CAPTURE,
    "reverse": Call.RELEASE,
    "cancellation": Call.RELEASE,
    "void": Call.RELEASE,
}
_BY_METHOD = {"GET": Call.LOOK_UP, "PUT": Call.CAPTURE, "DELETE": Call.RELEASE}


def call_of(head: bytes) -> Call | None:
    """What the request is for that begins so; None where these bytes begin none."""
    method, _, rest = head.partition(b" ")
    target, _, version = rest.partition(b"\r\n")[0].rpartition(b" ")
    if not version.startswith(b"HTTP/") or not method.isalpha():
        return None
    path = target.decode(errors="replace").partition("?")[0]
    if path == "/payroc/authorize":
        return Call.TOKEN
    by_method = _BY_METHOD.get(method.decode())
    return by_method or _BY_LAST_WORD.get(path.rpartition("/")[2], Call.AUTHORIZE)


class Reader:
    """Reads along on one connection of one worker: HTTP/1.1, one request after the other.

    Args:
        triggers: What is armed.
        worker: Whose connection it is.
    """

    def __init__(self, triggers: Triggers, worker: Callable[[], Child]) -> None:
        self._triggers = triggers
        self._worker = worker
        self._call: Call | None = None
        self._is_answered = True

    def sees(self, way: Way, chunk: bytes) -> Passage:
        """Let what is armed for this moment fall."""
        if way is Way.THERE:
            return self._request(chunk)
        return self._answer(chunk)

    def _request(self, chunk: bytes) -> Passage:
        if not self._is_answered:
            return Passage(chunk)  # the rest of a request
        self._is_answered, self._call = False, call_of(chunk)
        armed = self._armed(Moment.ASKED)
        if armed is not None:
            return Passage(b"", lambda: armed.fall(self._scene()))
        under_way = self._triggers.take(ANY_REQUEST)
        if under_way is not None:
            return Passage(chunk, lambda: under_way.fall(self._scene()))
        return Passage(chunk)

    def _answer(self, chunk: bytes) -> Passage:
        if self._is_answered:
            return Passage(chunk)  # the rest of an answer
        self._is_answered = True
        if (armed := self._armed(Moment.BOOKED)) is not None:
            return Passage(b"", lambda: armed.fall(self._scene()))
        if (armed := self._armed(Moment.HALF)) is not None:
            return Passage(chunk[: len(chunk) // 2], self._soon(armed))
        armed = self._armed(Moment.ANSWERED) or self._triggers.take(ANY_ANSWER)
        return Passage(chunk, self._soon(armed) if armed else None)

    def _armed(self, moment: Moment) -> Armed | None:
        return self._triggers.take(name_of(moment, self._call)) if self._call else None

    def _soon(self, armed: Armed) -> Callable[[], None]:
        """A moment later, so that what has passed can be read."""
        scene, loop = self._scene(), asyncio.get_running_loop()
        return lambda: void(loop.call_later(_JUST_AFTER_S, armed.fall, scene))

    def _scene(self) -> Scene:
        return Scene(worker=self._worker())


def void(_: object) -> None:
    """Drop a value where none is wanted."""

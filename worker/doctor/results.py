"""What a check says: all is well, or what was found and what to do, or that it could not look."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from pathlib import Path

from temporalio.service import RPCError, RPCStatusCode

from cardhold.errors import CardholdError
from cardhold.hold import Given

# Whoever waits at a terminal waits this long for the slowest check; all of them run at once.
CHECK_WITHIN_S = 15.0
# A line that somebody else has written, a server's message or a workflow's id, is cut here.
_FOREIGN_MAX = 160
# Managed and locked-down clusters answer so: to look is somebody else's right.
_NO_RIGHT = frozenset({
    RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.UNIMPLEMENTED,
})  # fmt: skip


class Verdict(StrEnum):
    """How a check ended."""

    OK = "ok"
    FINDING = "finding"
    CANNOT_LOOK = "cannot_look"


class Result(Given):
    """One line of the doctor's.

    Attributes:
        check: What was looked at.
        says: What was seen.
        do: The one thing to do about it; None where there is nothing to do.
        about: The reservations that it is about, no more than a few.
    """

    check: str
    verdict: Verdict
    says: str
    do: str | None = None
    about: tuple[str, ...] = ()


Results = Sequence[Result]


def ok(check: str, says: str) -> Result:
    """All is well."""
    return Result(check=check, verdict=Verdict.OK, says=says)


def finding(check: str, says: str, do: str, about: Sequence[str] = ()) -> Result:
    """Something is wrong, and this is to be done about it."""
    return Result(check=check, verdict=Verdict.FINDING, says=says, do=do, about=tuple(about))


def cannot_look(check: str, says: str, do: str) -> Result:
    """Nothing is known, for a reason that is no fault by itself."""
    return Result(check=check, verdict=Verdict.CANNOT_LOOK, says=says, do=do)


async def looked(
    check: str, look: Callable[[], Awaitable[Results]], *, within_s: float = CHECK_WITHIN_S
) -> Results:
    """What the check says; whatever keeps it from looking is a line of its own.

    Args:
        check: Its name.
        look: Looks, and changes nothing.
        within_s: No answer by then is a finding.
    """
    try:
        async with asyncio.timeout(within_s):
            return await look()
    except RPCError as error:
        return [_unanswered(check, error)]
    except TimeoutError:
        return [_slow(check, f"there was no answer within {within_s:g} s")]
    except CardholdError as error:
        return [_slow(check, plain(str(error)))]
    except Exception as error:  # noqa: BLE001 - one broken check must not hide what the others find
        return [finding(check, f"unexpected {_where(error)}", "please report it")]


def plain(text: str) -> str:
    """Somebody else's text in one line of ours: cut, and without what a terminal would obey."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return shown if len(shown) <= _FOREIGN_MAX else f"{shown[: _FOREIGN_MAX - 2]} …"


def _unanswered(check: str, error: RPCError) -> Result:
    match error.status:
        case status if status in _NO_RIGHT:
            return cannot_look(
                check, "Temporal lets us not look", "run it with the rights to read the namespace"
            )
        case RPCStatusCode.NOT_FOUND | RPCStatusCode.INVALID_ARGUMENT:
            says = f"Temporal cannot answer that yet: {plain(error.message)}"
            return cannot_look(check, says, "run `cardhold setup`")
        case _:
            return _slow(check, f"Temporal gave no answer ({plain(error.message)})")


def _slow(check: str, says: str) -> Result:
    return finding(check, says, "see whether Temporal, its database and its visibility are well")


def _where(error: Exception) -> str:
    """Where it happened and not what was said: its text may hold what nobody should read."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"

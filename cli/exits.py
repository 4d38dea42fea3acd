"""How the command ends: a number for scripts and one sentence for people, never a traceback."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from re import fullmatch

import click

from cardhold.card_data import holds_card_data
from cardhold.errors import CardholdError
from worker.cannot_start import CannotStart


class ExitCode(IntEnum):
    """What a script may rely on; shown by ``cardhold --help``."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    DECLINED = 3
    NOT_POSSIBLE = 4
    OUTCOME_UNKNOWN = 5
    NOT_FOUND = 6
    UNREACHABLE = 7
    FOUND = 8
    INTERRUPTED = 130
    """As shells number a process that SIGINT ended: 128 and 2."""


EPILOG = """\b
Exit codes:
  0  done
  1  unexpected; please report it
  2  wrong usage, or the request is wrong in itself; nothing was sent
  3  declined: issuer or gateway said no, and what was held still is
  4  not possible now: not in this state, not on this account, settled, or a conflict
  5  outcome unknown: the work goes on; repeat it under the same --command-id only
  6  there is no such reservation
  7  Temporal, or a worker, does not answer
  8  looked, and found what somebody should see to
"""

_BY_TYPE = {
    "InvalidRequest": ExitCode.USAGE,
    "Declined": ExitCode.DECLINED,
    "IllegalMove": ExitCode.NOT_POSSIBLE,
    "NotSupported": ExitCode.NOT_POSSIBLE,
    "Conflict": ExitCode.NOT_POSSIBLE,
    "Closed": ExitCode.NOT_POSSIBLE,
    "OutcomeUnknown": ExitCode.OUTCOME_UNKNOWN,
    "NotFound": ExitCode.NOT_FOUND,
    "Unreachable": ExitCode.UNREACHABLE,
}
_CARD_NUMBER = "the command line holds a card number or card data: send a gateway's token"


def refuse_card_numbers(words: Sequence[str]) -> None:
    """Refuse a command line that holds a card number, before anything reads or repeats it.

    Raises:
        UsageError: Its text repeats nothing of the command line.
    """
    # A number typed in groups of four comes as words of their own: neighbours are joined.
    numbers = " ".join(word if fullmatch(r"[\d ./_\-]+", word) else "|" for word in words)
    named = [word.lstrip("-").partition("=")[0] for word in words if word.startswith("--")]
    if holds_card_data([*words, numbers, dict.fromkeys(named, "")]):
        raise click.UsageError(_CARD_NUMBER)


def told(error: BaseException) -> tuple[ExitCode, str]:
    """The exit code and the sentence for whatever ended the command.

    It may repeat a word that was typed: in one line, and without what a terminal would obey.
    """
    code, sentence = _told(error)
    return code, "".join(part if part.isprintable() else "?" for part in sentence)


def _told(error: BaseException) -> tuple[ExitCode, str]:
    match error:
        case CardholdError():
            return _BY_TYPE.get(error.type, ExitCode.UNEXPECTED), str(error)
        case CannotStart():
            return ExitCode(error.exit_code), str(error)
        case click.ClickException():
            return ExitCode.USAGE, error.format_message()
        case click.Abort() | KeyboardInterrupt():
            return ExitCode.INTERRUPTED, "interrupted; what was sent goes on, see `cardhold show`"
        case _:
            return ExitCode.UNEXPECTED, _unexpected(error)


def _unexpected(error: BaseException) -> str:
    """Where it happened and not what was said: its text may hold what nobody should read."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"unexpected {type(error).__name__}{where}; please report it"

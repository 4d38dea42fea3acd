"""Plays examples of one entry, as Hypothesis draws them, and counts what came of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis.errors import FlakyFailure
from hypothesis.strategies import SearchStrategy

# Hypothesis remembers all that it has drawn: a long hunt goes in rounds, each with its own seed,
# so that its memory stays flat and what it finds is found again in a minute.
ROUND = 2_000
_TOLD_MAX = 4_000
# Long words and slow servers are what is wanted here.
_UNMINDED = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)


class Wrong(AssertionError):
    """A promise that does not hold, in one sentence."""


@dataclass(slots=True)
class Tally:
    """What came of the examples of one entry.

    Attributes:
        examples: How many were drawn.
        cases: How many pieces of input they were; one example may be many messages.
        accepted, refused: How many of those were taken, and were refused in words.
        wedged: After how many a run, a process or a call stood still.
        calls: Gateway calls that invalid input has caused.
        found: What is wrong, the example with it, and how to see it again; empty if nothing is.
    """

    entry: str
    examples: int = 0
    cases: int = 0
    accepted: int = 0
    refused: int = 0
    wedged: int = 0
    calls: int = 0
    found: list[str] = field(default_factory=list[str])


Judge = Callable[[Any, Tally], None]


@dataclass(frozen=True, slots=True)
class Ground:
    """Where one entry is hunted.

    Attributes:
        examples: What is drawn.
        judge: Plays one example, counts it, and raises `Wrong` where a promise does not hold.
        shrinks: Whether a smaller example may be looked for: not where it takes a server.
    """

    examples: SearchStrategy[Any]
    judge: Judge
    shrinks: bool = True


@dataclass(frozen=True, slots=True)
class Entry:
    """One door of cardhold.

    Attributes:
        about: What is sent there, for people.
        share: How many of its examples are played for a thousand of the quickest entry's.
        prepared: Starts what the entry needs, and stops it.
    """

    name: str
    about: str
    share: int
    prepared: Callable[[], AbstractContextManager[Ground]]


def hunt(
    entry: Entry,
    examples: int,
    *,
    seed: int | None = None,
    say: Callable[[Tally], None] = lambda _: None,
) -> Tally:
    """Play so many examples of an entry; stops at the first that is wrong.

    Args:
        entry: The door.
        examples: How many to draw.
        seed: Of the first round, counted up for each; None draws the same ones every time.
        say: Told how far it is, after each round.
    """
    tally = Tally(entry.name)
    with entry.prepared() as ground:
        while tally.examples < examples and not tally.found:
            left = examples - tally.examples
            count = left if seed is None else min(ROUND, left)
            before = tally.examples
            _round(ground, tally, count, seed)
            say(tally)
            if tally.examples == before or seed is None:
                break  # nothing more to draw
            seed += 1
    return tally


def _round(ground: Ground, tally: Tally, count: int, seed: int | None) -> None:
    found: list[Exception] = []

    def played(example: Any) -> None:
        if found and not ground.shrinks:
            raise found[0]  # Hypothesis plays it again, to tell of it
        tally.examples += 1
        try:
            ground.judge(example, tally)
        except Exception as error:
            found.append(error)
            raise

    phases = (Phase.generate, Phase.shrink) if ground.shrinks else (Phase.generate,)
    told = settings(
        max_examples=count, derandomize=seed is None, database=None, deadline=None,
        suppress_health_check=_UNMINDED, phases=phases, verbosity=Verbosity.normal,
        report_multiple_bugs=False,
    )  # fmt: skip
    test = told(given(ground.examples)(played))
    if seed is not None:
        test = hypothesis.seed(seed)(test)
    try:
        test()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what was looked for
        tally.found.append(_told(_first(error), tally.entry, count, seed))


def _first(error: Exception) -> Exception:
    """What was wrong the first time, where it was not when Hypothesis tried the same again."""
    if not isinstance(error, FlakyFailure):
        return error
    first = error.exceptions[0]
    first.add_note("the same again was not wrong: it hangs on the hour")
    return first


def _told(error: Exception, entry: str, count: int, seed: int | None) -> str:
    kind = "" if isinstance(error, Wrong) else f"{type(error).__name__}: "
    notes = "\n".join(getattr(error, "__notes__", []))
    shown = f"{kind}{error}\n{notes}"
    again = f"./scripts/fuzz --entry {entry} --examples {count}"
    again += " --fixed" if seed is None else f" --seed {seed}"
    cut = shown if len(shown) <= _TOLD_MAX else f"{shown[:_TOLD_MAX]} …"
    return f"{cut}\nto see it again: {again}"

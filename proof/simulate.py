"""``./scripts/simulate``: plays seeds by the thousand, and prints what was lived through."""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from types import FrameType
from typing import cast

from proof import canary, known, real, small_scope
from proof.drawing import draw
from proof.limited import Hangs, limited
from proof.places import ABROAD, PLACES
from proof.plan import Plan
from proof.play import Result, play_plan
from proof.quiet import quiet
from proof.witness import Violation

_HERE = Path(__file__).parent.parent
_SEEDS_DEFAULT = 2_000
_CHUNK = 25
_SAYS_EVERY_S = 60.0
_SHOWN_MAX = 5
# The longest life that there is takes half a minute of a core: what takes this long never ends.
_SCENARIO_S_MAX = 180
# As a shell has it of a command that Ctrl-C has stopped.
_STOPPED = 130
# Columns: of a line, and of what a figure is called.
_WIDTH, _NAME = 100, 28
# A scenario makes many small objects that live as long as it does: looking for cycles after every
# few hundred costs a tenth of the time. What it leaves behind is put away when it is over.
_GARBAGE_AFTER = 200_000
# The collector's generations that nothing but the last scenario is in.
_YOUNG = 1

#: A scenario to play: a seed and where, or all of it.
Named = tuple[int, str | None] | Plan


@dataclass(frozen=True)
class Broken:
    """A scenario that broke laws."""

    plan: Plan
    laws: Sequence[str]


@dataclass
class Tally:
    """What some scenarios came to.

    Attributes:
        digests: Each one's seed, place and hash of its trace.
        happened: How often each accident, and each trouble on the wire, came about.
        broken: What broke a law.
    """

    scenarios: int = 0
    days: float = 0.0
    calls: int = 0
    tasks: int = 0
    effects: int = 0
    cpu_s: float = 0.0
    digests: list[str] = field(default_factory=list[str])
    happened: Counter[str] = field(default_factory=Counter[str])
    by_place: Counter[str] = field(default_factory=Counter[str])
    broken: list[Broken] = field(default_factory=list[Broken])

    def add(self, other: Tally) -> None:
        """Take the other's figures in."""
        self.scenarios += other.scenarios
        self.days += other.days
        self.calls += other.calls
        self.tasks += other.tasks
        self.effects += other.effects
        self.cpu_s += other.cpu_s
        self.digests += other.digests
        self.happened += other.happened
        self.by_place += other.by_place
        self.broken += other.broken

    def count(self, result: Result) -> None:
        """Take one scenario in."""
        account = result.plan.place.account
        self.scenarios += 1
        self.days += result.seconds / 86_400
        self.calls += len(result.seen.exchanges)
        self.tasks += sum(len(run.tasks) for run in result.runs)
        self.effects += sum(len(book["effects"]) for book in result.seen.books)
        self.digests.append(f"{result.plan.seed} {account} {result.hash}")
        self.happened += Counter(result.happened)
        self.by_place[account] += 1
        if result.violations:
            laws = [str(violation) for violation in result.violations]
            self.broken.append(Broken(result.plan, laws))

    def lose(self, plan: Plan, law: str, what: str) -> None:
        """Take a scenario in that has not come to its end."""
        self.scenarios += 1
        self.broken.append(Broken(plan, [str(Violation(law, what))]))

    @property
    def digest(self) -> str:
        """One hash of all traces, in the order of their seeds: the same for the same code."""
        return hashlib.sha256("\n".join(sorted(self.digests)).encode()).hexdigest()[:16]


def some(named: Sequence[Named]) -> Tally:
    """Play some seeds in this process."""
    tally, began = Tally(), time.process_time()
    with quiet(), _rarely_collecting():
        for each in named:
            plan = each if isinstance(each, Plan) else draw(*each)
            try:
                with limited(_SCENARIO_S_MAX):
                    tally.count(play_plan(plan))
            except Hangs:
                tally.lose(plan, "L4", f"it does not end within {_SCENARIO_S_MAX} s of a core")
            except Exception as error:  # noqa: BLE001 - a world that breaks is a find like any other
                tally.lose(plan, "L6", f"the world broke: {type(error).__name__}: {error}")
            gc.collect(_YOUNG)
        gc.collect()  # Caches keep a scenario for some time.
    tally.cpu_s = time.process_time() - began
    return tally


@contextmanager
def _rarely_collecting() -> Generator[None]:
    before = gc.get_threshold()
    gc.set_threshold(_GARBAGE_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def many(named: Iterable[Named], jobs: int) -> Iterator[Tally]:
    """Play seeds in processes of their own, and give the figures as they come."""
    source = iter(named)
    chunks = iter(lambda: list(islice(source, _CHUNK)), [])
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_begin_a_process)
    try:
        yield from pool.map(some, chunks)
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_a_process() -> None:
    """Whoever stops the command stops one process; what the others are at, they finish.

    What is there by now stays: no scenario's garbage is looked for among it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    gc.freeze()


@contextmanager
def _stoppable() -> Generator[None]:
    """Be stopped by SIGTERM as by Ctrl-C, once; in a process's first thread, where signals arrive.

    Whoever stops a command may well send both, or one twice, and the second would interrupt the
    putting away of the processes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


_OTHERS: Mapping[str, tuple[Callable[[Sequence[str]], int], str]] = {
    "--defects": (canary.main, "find every seeded defect"),
    "--small-scope": (small_scope.main, "every choice at the first calls"),
    "--real": (real.main, "compare a sample with a real server"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, print, and answer 1 where a law was broken."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for other, (run, _) in _OTHERS.items():
        if words[:1] == [other]:
            return run(words[1:])
    parser = _parser()
    told = parser.parse_args(words)
    for other in _OTHERS.keys() & {*words}:
        parser.error(f"{other} stands first, and what follows are its own options")
    if told.plan is not None:
        return _one(told.plan)
    if told.seed is not None and told.seeds is None:
        return _one(draw(told.seed, told.gateway))
    first, count = told.seed or 1, told.seeds or _SEEDS_DEFAULT
    named: Sequence[Named] = [(seed, told.gateway) for seed in range(first, first + count)]
    if told.known:
        named = [each.plan for each in known.kept()]
    # As it is now: it may change while a long run goes on with what it has loaded.
    commit, began = _commit(), time.perf_counter()
    tally, whole = _played(named, told)
    # In their order: those that a stopped run has played are the first of them.
    what = "known scenarios" if told.known else f"seeds {first} to {first + tally.scenarios - 1}"
    figures: dict[str, object] = {
        "played": what if whole else f"{what}, and was stopped",
        "commit": commit,
        **_figures(tally),
        "seconds": round(time.perf_counter() - began, 1),
    }
    _print(figures, as_json=told.json)
    if tally.broken:
        return 1
    return 0 if whole else _STOPPED


def _played(named: Sequence[Named], told: argparse.Namespace) -> tuple[Tally, bool]:
    """Play them all, and say what breaks as it comes; whether nobody has stopped it."""
    tally, began, said_at = Tally(), time.monotonic(), time.monotonic()
    try:
        with _stoppable():
            for part in many(named, told.jobs):
                tally.add(part)
                for broken in part.broken:
                    _say_broken(broken, told)
                if time.monotonic() >= said_at + _SAYS_EVERY_S:
                    said_at = time.monotonic()
                    _say_how_far(tally, len(named), said_at - began)
    except KeyboardInterrupt:
        return tally, False
    return tally, True


def _say_how_far(tally: Tally, count: int, seconds: float) -> None:
    """Say it where no figures go: a night is long."""
    far = f"{tally.scenarios:,} of {count:,} played, {len(tally.broken):,} broke a law"
    sys.stderr.write(f"{far}, {60 * tally.scenarios / seconds:,.0f} a minute\n")
    sys.stderr.flush()


def _one(plan: Plan) -> int:
    """Play one scenario and show all of it."""
    with quiet():
        result = play_plan(plan)
    for line in result.trace:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"\nseed {plan.seed} at {plan.place.account}, trace {result.hash}\n")
    for violation in result.violations:
        sys.stdout.write(f"broken: {violation}\n")
    return 1 if result.violations else 0


def _say_broken(broken: Broken, told: argparse.Namespace) -> None:
    """Say it, with the command that shows it again, and keep the scenario."""
    seed, account = broken.plan.seed, broken.plan.place.account
    for law in broken.laws[:_SHOWN_MAX]:
        sys.stdout.write(f"seed {seed} at {account}: {law}\n")
    if not told.known:
        # As it was drawn: an account may be called what its gateway is called.
        where = f" --gateway {told.gateway}" if told.gateway else ""
        sys.stdout.write(f"  replay it: ./scripts/simulate --seed {seed}{where}\n")
    if not told.forget and not told.known:
        path = known.keep(broken.plan, broken.laws[0])
        sys.stdout.write(f"  kept: ./scripts/simulate --plan {path.relative_to(_HERE)}\n")
    sys.stdout.flush()


def _figures(tally: Tally) -> Mapping[str, object]:
    an_hour = 3600 * tally.scenarios / tally.cpu_s if tally.cpu_s else 0.0
    return {
        "scenarios": tally.scenarios,
        "at": dict(sorted(tally.by_place.items())),
        "virtual days": round(tally.days),
        "gateway calls": tally.calls,
        "workflow tasks": tally.tasks,
        "effects in the books": tally.effects,
        "accidents and troubles": dict(sorted(tally.happened.items())),
        "scenarios an hour and core": round(an_hour),
        "trace": tally.digest,
        "broken laws": sum(len(each.laws) for each in tally.broken),
        "scenarios that broke one": len(tally.broken),
    }


def _print(figures: Mapping[str, object], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(f"{json.dumps(figures)}\n")
        return
    for name, value in figures.items():
        lines = textwrap.wrap(_shown(value), _WIDTH - _NAME) or [""]
        sys.stdout.write(f"{name:<{_NAME}}{lines[0]}\n")
        for line in lines[1:]:
            sys.stdout.write(f"{'':<{_NAME}}{line}\n")


def _shown(value: object) -> str:
    match value:
        case dict():
            counts = cast("dict[str, int]", value)
            return ", ".join(f"{name} {number:,}" for name, number in counts.items())
        case int():
            return f"{value:,}"
        case _:
            return str(value)


def _commit() -> str:
    """The commit, marked where the files differ from it; unknown outside of a checkout."""
    git = ["git", "-C", str(_HERE), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        ended = subprocess.run(git, capture_output=True, text=True, check=True)  # noqa: S603 - fixed
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return ended.stdout.strip()


def _parser() -> argparse.ArgumentParser:
    known_places = (*PLACES, *ABROAD.values())
    places = sorted({name for place in known_places for name in (place.account, place.gateway)})
    parser = argparse.ArgumentParser(prog="./scripts/simulate", description=__doc__)
    parser.add_argument("--seeds", type=_count, help=f"how many to play ({_SEEDS_DEFAULT})")
    parser.add_argument(
        "--seed", type=int, help="the first of them (1); alone: play this one and show its trace"
    )
    parser.add_argument("--gateway", choices=places, help="one gateway, or one account; else any")
    parser.add_argument("--jobs", type=_count, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--known", action="store_true", help="what has shown something once")
    parser.add_argument("--forget", action="store_true", help="add nothing that breaks to these")
    parser.add_argument("--plan", type=_plan, help="a file of these: play it and show its trace")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    for other, (_, what) in _OTHERS.items():
        parser.add_argument(other, action="store_true", help=f"{what}: with options of its own")
    return parser


def _plan(text: str) -> Plan:
    try:
        return known.read(Path(text)).plan
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    number = int(text) if text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError("must be a whole number from 1")
    return number

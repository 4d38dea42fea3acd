"""The two halves of a run: a storm over one stack, and an operator's hand on a calm one."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count, cycle
from pathlib import Path

from temporalio.client import Client as TemporalClient

from cardhold.errors import CardholdError
from cardhold.hold import Hold
from gateways.accounts import KINDS
from proof.crash import at_lines, at_server, at_workers, histories
from proof.crash.caller import Caller, Notes
from proof.crash.child import survivors
from proof.crash.judge import NOT_ENDED, REFUSED, Findings, judge
from proof.crash.plots import Plot, Stay, every_plot, plots_of
from proof.crash.resets import Resets, reset_everywhere
from proof.crash.servers import quiet
from proof.crash.stack import Stack, running
from proof.crash.storm import Goals, Storm, Tally, side_by_side
from proof.crash.triggers import Triggers
from proof.crash.worker import hurried

GOALS, STALLED = "goals missed", "runs stalled by a failed task"
REPLAY, DEFECTS = "runs that do not replay", "defects in the workers' logs"
PROCESSES, FILES = "processes that ended otherwise or stayed", "damaged databases"
STARTED_AGAIN = "workers that ended by themselves"

_GONE_WITHIN_S = 8.0
_STEP_S = 0.1
_CACHED = 1_000


@dataclass(frozen=True, slots=True)
class Plan:
    """How much a run does.

    Attributes:
        goals: Of the storm.
        minutes: After which the storm is called off; goals that were not reached are a finding.
        heal_s: How long reservations have to end once all is well again.
        resets: How many of the calm stack's reservations are reset; None is all of them.
        bare: They are reset once more with the messages since left out.
    """

    goals: Goals
    minutes: float
    heal_s: float
    resets: int | None
    bare: bool


@dataclass(slots=True)
class Outcome:
    """What a run did, and what was wrong."""

    tally: Tally = field(default_factory=Tally)
    resets: Resets = field(default_factory=Resets)
    reservations: int = 0
    acknowledgements: int = 0
    repeats: int = 0
    effects: int = 0
    replayed: int = 0
    done_again: int = 0
    not_replayed: int = 0
    resumed: int = 0
    called_off: int = 0
    findings: Findings = field(default_factory=Findings)

    def merge(self, findings: Findings) -> None:
        """Take findings over."""
        for name, found in findings.wrong.items():
            self.findings.add(name, found)


async def run(plan: Plan, seed: int, folder: Path, say: Callable[[str], None]) -> Outcome:
    """Play both halves side by side.

    Args:
        plan: How much.
        seed: Of every decision that is ours; when processes get their turn is not.
        folder: For everything that the processes keep.
        say: Told what is going on.

    Raises:
        CannotStart: A process did not start.
    """
    outcome = Outcome()
    told = histories.recorded()
    outcome.replayed += len(told)
    broken = await histories.irreproducible(told)
    outcome.findings.add(REPLAY, broken.values())
    # Which timers a run sets goes by its time limits: what was played with short ones is replayed
    # with short ones.
    with hurried():
        await side_by_side(
            _storm(plan, _dice(seed, "storm"), folder, outcome, say),
            _calm(plan, _dice(seed, "calm"), folder, outcome),
        )
    return outcome


def _dice(seed: int, half: str) -> random.Random:
    return random.Random(f"{seed}:{half}")  # noqa: S311 - repeatable by design, protects nothing


async def _storm(
    plan: Plan, dice: random.Random, folder: Path, outcome: Outcome, say: Callable[[str], None]
) -> None:
    """Play reservations without end while blows fall; then let all end, and judge."""
    triggers = Triggers()
    stack = Stack(
        folder / "storm",
        plan.goals.workers,
        triggers,
        cached=lambda number: 0 if number % 2 else _CACHED,
    )
    async with _judged(stack, outcome), running(stack):
        await stack.man()
        temporal = await _client(stack)
        caller = Caller(temporal, triggers, dice)
        storm = Storm(stack, triggers, temporal, plan.goals, dice)
        outcome.tally = storm.tally
        telling = asyncio.ensure_future(_tell(storm, caller.notes, say))
        try:
            await _under_fire(plan, storm, caller)
        finally:
            telling.cancel()
            (folder / "blows.txt").write_text("\n".join(triggers.log) + "\n")
        outcome.findings.add(GOALS, storm.tally.missed(plan.goals))
        await _judge(stack, caller, outcome)


async def _under_fire(plan: Plan, storm: Storm, caller: Caller) -> None:
    """Play reservations until the storm is over and all has been healed; then let them end."""
    is_over, stays = asyncio.Event(), _stays(storm.dice)
    load = [
        asyncio.ensure_future(_one_after_another(caller, stays, is_over))
        for _ in range(plan.goals.in_flight)
    ]
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(plan.minutes * 60):
                dealers = (at_workers, at_server, at_lines)
                await side_by_side(*(dealer.strike(storm) for dealer in dealers))
        await storm.stack.heal()
        is_over.set()
        await asyncio.wait(load, timeout=plan.heal_s)
    finally:
        for task in load:
            task.cancel()
        ended = await asyncio.gather(*load, return_exceptions=True)
    _reraise(ended)


async def _calm(plan: Plan, dice: random.Random, folder: Path, outcome: Outcome) -> None:
    """Holds outlive their worker and go on with one of other settings; then runs are reset."""
    stack = Stack(
        folder / "calm",
        2,
        Triggers(),
        cached=lambda number: 0 if number else _CACHED,
    )
    before, after = stack.slots
    async with _judged(stack, outcome), running(stack):
        await stack.man(before)
        caller = Caller(await _client(stack), Triggers(), dice)
        planned = _reset_stays(plan)
        begun = await asyncio.gather(*map(caller.begin, planned))
        stays = [stay for stay, has_begun in zip(planned, begun, strict=True) if has_begun]
        await before.retire()
        await stack.man(after)
        try:
            async with asyncio.timeout(plan.heal_s):
                await asyncio.gather(*map(caller.go_on, stays))
        except TimeoutError:
            outcome.findings.add(NOT_ENDED, ["on the calm stack, a hold did not end"])
            return
        outcome.resumed += sum(not stay.plot.waits for stay in stays)
        await _judge(stack, caller, outcome)
        caller.notes.refused.clear()
        modes = (False, True) if plan.bare else (False,)
        outcome.resets = await reset_everywhere(stack, caller, stays, modes=modes)
        outcome.merge(outcome.resets.findings)
        outcome.findings.add(REFUSED, caller.notes.refused)


async def _judge(stack: Stack, caller: Caller, outcome: Outcome) -> None:
    """Read everything, and hold it against each other."""
    notes, books = caller.notes, await stack.gateways.books()
    holds = await _holds(caller)
    outcome.merge(judge(books, notes, holds))
    kept = await histories.kept(caller.temporal, holds)
    ended = {name: history for name, history in kept.items() if name in notes.ended}
    outcome.findings.add(NOT_ENDED, histories.not_completed(ended))
    outcome.findings.add(STALLED, histories.stalled(kept))
    outcome.done_again += histories.done_again(kept)
    theirs = {name for name, history in kept.items() if histories.is_the_sdks(history)}
    broken = await histories.irreproducible(kept)
    outcome.findings.add(REPLAY, (line for name, line in broken.items() if name not in theirs))
    outcome.not_replayed += len(theirs & broken.keys())
    outcome.replayed += len(kept)
    if notes.called_off and not stack.gateways.was_killed:
        outcome.findings.add(REFUSED, (f"{name}: declined" for name in notes.called_off))
    outcome.called_off += len(notes.called_off)
    outcome.reservations += len(notes.begun)
    outcome.acknowledgements += len(notes.acknowledged)
    outcome.repeats += notes.repeats
    outcome.effects += sum(len(row["effects"]) for row in books)


async def _holds(caller: Caller) -> dict[str, Hold]:
    """Every reservation that can be read."""
    holds: dict[str, Hold] = {}
    for stay in caller.notes.begun:
        with contextlib.suppress(CardholdError):  # one that is missing is what is looked for
            holds[stay.name] = await caller.client.hold(stay.name)
    return holds


@contextlib.asynccontextmanager
async def _judged(stack: Stack, outcome: Outcome) -> AsyncGenerator[None]:
    """When a stack has stopped: its processes are gone, its files sound, its logs free of shame."""
    yield
    await _until_gone(stack.pids)
    left = [f"process {pid} is left" for pid in survivors(stack.pids)]
    unclean = ["a worker that was asked to stop failed"] * stack.unclean_exits
    outcome.findings.add(PROCESSES, [*left, *unclean])
    outcome.findings.add(FILES, stack.server.damage())
    outcome.findings.add(DEFECTS, stack.defects())
    ended = [f"{slot.name}, {slot.ended_by_itself} times" for slot in stack.slots]
    ended = [name for name, slot in zip(ended, stack.slots, strict=True) if slot.ended_by_itself]
    outcome.findings.add(STARTED_AGAIN, ended)


async def _until_gone(pids: set[int]) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GONE_WITHIN_S):
            while survivors(pids):  # noqa: ASYNC110 - another process's end sets no event of ours
                await asyncio.sleep(_STEP_S)


async def _client(stack: Stack) -> TemporalClient:
    """A plain client of the caller's own line."""
    return await TemporalClient.connect(
        stack.caller.address, runtime=quiet(), identity="the caller"
    )


async def _one_after_another(caller: Caller, stays: Iterator[Stay], is_over: asyncio.Event) -> None:
    for stay in stays:
        if is_over.is_set():
            return
        await caller.play(stay)


def _stays(dice: random.Random) -> Iterator[Stay]:
    """Reservations without end: every plot at every gateway by turns."""
    plots = every_plot()
    dice.shuffle(plots)
    for number, (gateway, plot) in zip(count(1), cycle(plots), strict=False):
        yield _stay(gateway, plot, f"storm-{number}")


def _reset_stays(plan: Plan) -> list[Stay]:
    """What is reset: every plot at every gateway, or a few of them at all gateways."""
    plots = every_plot()
    if plan.resets is not None:
        each = max(1, plan.resets // len(KINDS))
        # The richest plots of each gateway: the others are parts of them.
        plots = [(name, plot) for name in KINDS for plot in _richest(plots_of(name))[:each]]
    return [_stay(gateway, plot, f"calm-{n}") for n, (gateway, plot) in enumerate(plots, 1)]


def _richest(plots: list[Plot]) -> list[Plot]:
    return sorted(plots, key=lambda plot: -len(plot.lines))


def _stay(gateway: str, plot: Plot, name: str) -> Stay:
    return Stay(f"{name}-{gateway}-{plot.name.replace(' ', '-')}", gateway, plot)


async def _tell(storm: Storm, notes: Notes, say: Callable[[str], None]) -> None:
    tally = storm.tally
    while True:
        say(
            f"{tally.kills.total()} workers and {tally.server_kills.total()} servers killed,"
            f" {tally.cuts.total()} connections cut, {len(notes.ended)} reservations ended"
        )
        await asyncio.sleep(1)


def _reraise(ended: Iterable[object]) -> None:
    """An error of the load's own is no finding: the harness is wrong."""
    for error in ended:
        if isinstance(error, Exception):
            raise error

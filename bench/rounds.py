"""Plays the rounds, by turns, and takes the median of each figure.

A shared machine is faster and slower from minute to minute: what is compared is measured within
the same few seconds, again and again.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from bench import processes
from bench.kinds import HEADLINE, VARIANTS, Kind
from bench.load import Order, Round
from bench.processes import Load
from worker.embedded import EmbeddedTemporal, Options

# What a server still writes when the caller has its answer: the close record of visibility.
_SETTLE_S = 0.2
IN_FLIGHT = (1, 16)

# What Temporal Cloud bills of a history (docs.temporal.io/evaluate/cloud/actions). Attributes
# given with the start, completions and workflow tasks are not billed.
_BILLED = frozenset({
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
    EventType.EVENT_TYPE_TIMER_STARTED,
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
    EventType.EVENT_TYPE_MARKER_RECORDED,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Length:
    """How much is measured.

    Attributes:
        rounds: Of the headline: each kind, at each number in flight.
        for_s: How long one round lasts.
        account_rounds: Of the variants that the account is made of.
    """

    rounds: int
    for_s: float
    account_rounds: int


FULL = Length(rounds=7, for_s=3.0, account_rounds=7)
SHORT = Length(rounds=2, for_s=0.7, account_rounds=2)


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of one round. CPU is in milliseconds a lifecycle; None where it can't be read.

    Attributes:
        rate: Lifecycles a second.
        p50_ms, p99_ms: From the start until the hold was authorized.
    """

    rate: float
    p50_ms: float
    p99_ms: float
    worker_ms: float | None
    server_ms: float | None
    simulator_ms: float | None
    client_ms: float | None


@dataclass(frozen=True, slots=True)
class History:
    """What one lifecycle leaves on the server."""

    events: int
    actions: int


Cell = tuple[Kind, int]


@dataclass(frozen=True, slots=True)
class Results:
    """Every round of every kind, in order, and the history of one lifecycle of each."""

    length: Length
    rounds: Mapping[Cell, Sequence[Measured]]
    histories: Mapping[Kind, History]

    def figure(self, kind: Kind, in_flight: int, name: str) -> float | None:
        """The median of one figure."""
        values = [getattr(round_, name) for round_ in self.rounds[kind, in_flight]]
        known = [value for value in values if value is not None]
        return median(known) if known else None

    def ratio(self, in_flight: int, name: str) -> float | None:
        """Cardhold's figure over the floor's: the median of the pairs measured side by side."""
        pairs = self._pairs(*HEADLINE, in_flight, name)
        ratios = [ours / floor for ours, floor in pairs if floor]
        return median(ratios) if ratios else None

    def difference(self, more: Kind, less: Kind, in_flight: int, name: str) -> float | None:
        """By how much a figure differs: the median of the pairs measured side by side."""
        differences = [a - b for a, b in self._pairs(more, less, in_flight, name)]
        return median(differences) if differences else None

    def _pairs(
        self, one: Kind, other: Kind, in_flight: int, name: str
    ) -> Iterator[tuple[float, float]]:
        """A figure of two kinds, round by round, as far as both were measured."""
        both = zip(self.rounds[one, in_flight], self.rounds[other, in_flight], strict=False)
        for left, right in both:
            values = (getattr(left, name), getattr(right, name))
            if None not in values:
                yield values


class Bench:
    """Everything that runs while rounds are played."""

    def __init__(self, server: EmbeddedTemporal, simulator_pid: int, load: Load) -> None:
        self._server_pid = server.pid
        self._simulator_pid = simulator_pid
        self._load = load
        self.workers: dict[Kind, int] = {}

    async def play(self, kind: Kind, in_flight: int, for_s: float) -> tuple[Measured, Round]:
        """Play one round and measure every process meanwhile."""
        pids = (self.workers[kind], self._server_pid, self._simulator_pid, self._load.pid)
        before = [processes.cpu_s(pid) for pid in pids]
        round_ = await self._load.play(Order(kind, in_flight, for_s))
        await asyncio.sleep(_SETTLE_S)
        after = [processes.cpu_s(pid) for pid in pids]
        used = [_each(a, b, round_.done) for a, b in zip(before, after, strict=True)]
        return _measured(round_, *used), round_


async def run(length: Length, say: Callable[[str], None]) -> Results:
    """Start everything, play all rounds, stop everything.

    Args:
        length: How much to measure.
        say: Told what is going on.

    Raises:
        Failed: A lifecycle did not come to its end.
        CannotStart: A process did not start.
    """
    rounds: dict[Cell, list[Measured]] = defaultdict(list)
    samples: dict[Kind, str] = {}
    async with contextlib.AsyncExitStack() as running:
        folder = running.enter_context(tempfile.TemporaryDirectory(prefix="cardhold-bench-"))
        options = Options(database=Path(folder) / "temporal.db")
        server = await running.enter_async_context(EmbeddedTemporal(options))
        pid, url = await running.enter_async_context(processes.simulator())
        load = await running.enter_async_context(processes.load(server.address))
        bench = Bench(server, pid, load)
        workers = [processes.worker(kind, server.address, url) for kind in Kind]
        pids = await asyncio.gather(*map(running.enter_async_context, workers))
        bench.workers = dict(zip(Kind, pids, strict=True))
        say("warming up")
        for kind in Kind:
            _, first = await bench.play(kind, max(IN_FLIGHT), length.for_s / 2)
            samples[kind] = first.sample
        for number, cell in turns(length):
            kind, in_flight = cell
            say(f"{number}: {kind}, {in_flight} in flight")
            measured, _ = await bench.play(kind, in_flight, length.for_s)
            rounds[cell].append(measured)
        client = await Client.connect(server.address)
        histories = {kind: await _history(client, name) for kind, name in samples.items()}
    return Results(length, rounds, histories)


def turns(length: Length) -> list[tuple[str, Cell]]:
    """Every round to play, in order: what is compared, one right after the other."""
    turns: list[tuple[str, Cell]] = []
    most = max(IN_FLIGHT)
    for number in range(length.rounds):
        # Who goes first takes turns too: the one after it meets a warmer machine.
        kinds = HEADLINE if number % 2 else HEADLINE[::-1]
        name = f"round {number + 1} of {length.rounds}"
        turns += [(name, (kind, in_flight)) for in_flight in IN_FLIGHT for kind in kinds]
        if number < length.account_rounds:
            turns += [(name, (kind, most)) for kind in VARIANTS]
    return turns


async def _history(client: Client, name: str) -> History:
    history = await client.get_workflow_handle(name).fetch_history()
    return History(len(history.events), sum(billed(event) for event in history.events))


def billed(event: HistoryEvent) -> int:
    """How many actions Temporal Cloud bills for an event of a history."""
    if event.event_type in _BILLED:
        return 1
    if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
        return event.activity_task_started_event_attributes.attempt
    return 0


def _measured(round_: Round, *used: float | None) -> Measured:
    ordered = [1000 * seconds for seconds in round_.authorized_s]
    hundredths = quantiles(ordered, n=100, method="inclusive")
    return Measured(round_.done / round_.seconds, hundredths[49], hundredths[98], *used)


def _each(before: float | None, after: float | None, done: int) -> float | None:
    if before is None or after is None:
        return None
    return 1000 * (after - before) / done

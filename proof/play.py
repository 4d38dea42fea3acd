"""Plays one scenario; the people in it and its accidents stand beside it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from proof.accidents import HAPPENS, die
from proof.asks import HOUR, Instruction, minor_of
from proof.drawing import draw
from proof.oracle import judge
from proof.others import Others
from proof.people import People, payload
from proof.plan import Accident, Plan
from proof.sky import Sky
from proof.witness import Json, Violation, Witness
from proof.world.accounts import settings_of
from proof.world.bank import Bank
from proof.world.line import Exchange, Network
from proof.world.loop import VirtualLoop, run
from proof.world.temporal import Gone, NoWord, Run, Temporal
from proof.world.worker import SimulatedWorker

_LOOKS_EVERY_S = HOUR
# How far a machine's clock is: right mostly, or ten minutes ahead.
_CLOCKS_AHEAD = (timedelta(0), timedelta(0), timedelta(minutes=10))


@dataclass
class Result:
    """One scenario's end.

    Attributes:
        trace: Every line of what happened, with its second.
        hash: Of the trace: the same for the same seed and code.
        violations: What was wrong; nothing should be.
        seen: All that was seen.
        runs: Every run, with its history.
        seconds: How long it took in the world.
    """

    plan: Plan
    trace: list[str]
    hash: str
    violations: list[Violation]
    seen: Witness
    runs: Sequence[Run]
    seconds: float
    happened: Mapping[str, int] = field(default_factory=dict[str, int])


def play(seed: int, gateway: str | None = None) -> Result:
    """Play the scenario of a seed."""
    return play_plan(draw(seed, gateway))


def play_plan(plan: Plan) -> Result:
    """Play a scenario to its end, and judge it."""
    loop = VirtualLoop()
    world = World(plan, loop)
    seen = run(world.live(), loop)
    text = "\n".join(world.trace)
    return Result(
        plan,
        world.trace,
        hashlib.sha256(text.encode()).hexdigest()[:16],
        judge(seen),
        seen,
        world.runs(),
        loop.time(),
        dict(seen.happened),
    )


class World:
    """One life of a plan: callers, operators, a guest, a bank, and one cluster or two."""

    def __init__(self, plan: Plan, loop: VirtualLoop) -> None:
        self.plan = plan
        self.loop = loop
        self.trace: list[str] = []
        self.seen = Witness(plan)
        self.workflow_id = f"reservation-{plan.request['reservation_id']}"
        self.bank = Bank(plan.place.gateway, self._dice("bank"), self._bank_time)
        self.bank.live_for(plan.life_s)
        self.bank.behave(plan.rules)
        self.others = Others(plan, self.bank)
        dice = self._dice("weather in detail")
        self.sky = Sky(plan, loop, self.bank, self.seen, dice, self.others, self._dies)
        self._network = Network(self.bank, self.sky, self._operation, self._told_of_wire)
        self._workers = 0
        self._request = plan.request
        self.look_first = False
        self.no_worker_before = 0.0
        self._effects = 0
        self._coming = 0
        self.clusters = [self.cluster("temporal")]
        self.people = People(self)
        self._tasks: set[asyncio.Task[None]] = set()

    def _dice(self, stream: str) -> random.Random:
        return random.Random(f"{self.plan.seed}:{stream}")  # noqa: S311 - repeatable by design

    def _bank_time(self) -> datetime:
        return self.loop.now() + timedelta(seconds=self.plan.skew_s)

    @property
    def temporal(self) -> Temporal:
        return self.clusters[0]

    def tell(self, word: str, line: str) -> None:
        """Write a line of the trace."""
        self.trace.append(f"{self.loop.time():12.3f} {word:<9} {line}")

    # The whole of it.

    async def live(self) -> Witness:
        """Live through the scenario; answers with all that was seen."""
        plan = self.plan
        self.employ(self.temporal)
        minor = minor_of(plan.request["amount"])
        if plan.adopts:
            made = await self.others.elsewhere(minor, plan.adopts)
            method = {"kind": "existing_hold", "token": made}
            self._request = {**plan.request, "payment_method": method}
        for at, then in plan.strangers:
            self.later(at, lambda t=then: self.others.book(minor, t))
        self.start(self.temporal)
        for number, instruction in enumerate(plan.instructions):
            self.later(instruction.at, lambda n=number, i=instruction: self.people.instruct(n, i))
        for accident in plan.accidents:
            self.later(accident.at, lambda a=accident: self._happen(a))
        for at in plan.glances:
            self.later(at, self.people.glance)
        self.later(1.0, self.people.guest)
        self.later(0.0, self.people.person)
        await self._until_closed()
        await self._witness()
        return self.seen

    def later(self, at: float, does: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def wait() -> None:
            await asyncio.sleep(max(at - self.loop.time(), 0))
            await does()

        task = asyncio.ensure_future(wait())
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            raise cast("BaseException", task.exception())

    async def _until_closed(self) -> None:
        """Until all is settled and everybody has said what they had to say, or the world ends."""
        ends_at = self.plan.ends_at
        last = max(
            (each.at for each in (*self.plan.instructions, *self.plan.accidents)), default=0.0
        )
        while self.loop.time() < ends_at:
            if self.loop.time() > last and not self.open_runs() and not self._is_to_come():
                return
            await asyncio.sleep(min(_LOOKS_EVERY_S, ends_at - self.loop.time()) + 1)

    def _is_to_come(self) -> bool:
        return self._coming > 0

    def runs(self) -> list[Run]:
        """Every run of every cluster, open or not."""
        return [each for temporal in self.clusters for each in temporal.runs]

    def open_runs(self) -> list[Run]:
        return [each for each in self.runs() if each.is_open]

    async def _witness(self) -> None:
        seen = self.seen
        view = await self.people.view()
        seen.exchanges = self._network.exchanges
        seen.view = view
        seen.views = [view, *[await self.people.view(each) for each in self.clusters[1:]]]
        # A run that was made again may not come to know any more what it has taken over.
        shown = [*seen.views, *(each.hold for each in (*seen.told, *seen.glances))]
        self.others.ends_with({each["payment_id"] for each in shown if each})
        seen.books, seen.strange = self.others.ours(), self.others.strange()
        seen.is_open = bool(self.open_runs())
        seen.unanswered = sum(run.left_waiting for run in self.runs()) + sum(
            1 for run in self.open_runs() for waiting in run.updates.values() if not waiting.done()
        )
        seen.wedged = [wrong for each in self.clusters for wrong in each.wedged]
        seen.unheard = self.loop.unheard
        runs = self.runs()
        seen.events = max(each.events for each in runs)
        seen.attributes = _attributes(self.temporal.current(self.workflow_id))
        wrote = (told for each in runs for _, told in _attributes(each))
        # What people were told, by the search attribute that lists are made of.
        seen.attentions |= {told["CardholdAttention"] for told in wrote if _names_one(told)}
        checker = self._new_worker("checker")
        for each in runs:
            seen.replays = [*seen.replays, *checker.replayed(each)]
        for temporal in self.clusters:
            for worker in list(temporal.workers):
                cast("SimulatedWorker", worker).retire()
            temporal.stop()
        for task in list(self._tasks):
            task.cancel()
        for book in seen.books:
            self.tell("books", json.dumps(book, sort_keys=True))
        self.tell("view", json.dumps(view, sort_keys=True))

    # Temporal and its workers.

    def cluster(self, stream: str) -> Temporal:
        """Another Temporal, with chances of its own."""
        return Temporal(self.loop, self._dice(stream), self.plan.manners, self.tell)

    def _new_worker(self, name: str) -> SimulatedWorker:
        place = self.plan.place
        return SimulatedWorker(
            name,
            loop=self.loop,
            line=self._network.line(name),
            accounts={place.account: settings_of(place)},
            look_first=self.look_first,
            ahead=self._dice(f"the clock of {name}").choice(_CLOCKS_AHEAD),
            flags=self.plan.manners.flags,
        )

    def employ(self, temporal: Temporal) -> None:
        """Put another worker to work; where the store was set back, when operators let one."""
        waits_s = self.no_worker_before - self.loop.time()
        if waits_s > 0:
            self.loop.call_later(waits_s, lambda: self.employ(temporal))
            return
        self._workers += 1
        temporal.employ(self._new_worker(f"worker {self._workers}"))

    def start(self, temporal: Temporal, *, again: bool = False) -> bool:
        """Start the reservation; answers whether the server was there to hear of it."""
        try:
            temporal.start(self.workflow_id, [payload(self._request)], again=again)
        except NoWord:
            return False
        except Gone:
            return True
        self.later(self.loop.time(), lambda: self._ask_whether_authorized(temporal))
        return True

    async def _ask_whether_authorized(self, temporal: Temporal) -> None:
        await self.people.update(
            temporal, Instruction(self.loop.time(), "authorized", {}), f"authorized-{self._workers}"
        )

    # The wire.

    def _operation(self, method: str, path: str, body: bytes) -> str:
        del body
        return self.plan.place.operation(method, path)

    def _told_of_wire(self, word: str, exchange: Exchange) -> None:
        line = f"{exchange.number} {exchange.operation} {exchange.method} {exchange.path}"
        fault = f" [{exchange.fault}]" if exchange.fault else ""
        key = f" key {exchange.key}" if exchange.key else ""
        status = f" -> {exchange.status}" if word == "booked" else ""
        self.tell(word, f"{exchange.worker}: {line}{key}{fault}{status}")
        if word == "booked":
            effects = [
                f"{book['payment_id']} {effect['kind']} {effect['amount_minor']}"
                for book in self.bank.books()
                for effect in book["effects"]
            ]
            for effect in effects[self._effects :]:
                self.tell("effect", effect)
            self._effects = len(effects)

    # Accidents.

    def _dies(self, worker: str, lasts_s: float) -> None:
        self.tell("accident", f"{worker} dies over a call")
        die(self, worker, lasts_s)

    async def _happen(self, accident: Accident) -> None:
        self.tell("accident", f"{accident.kind} {accident.lasts_s:g} {accident.share:.2f}")
        self.seen.happened[accident.kind] += 1
        self._coming += 1
        try:
            with contextlib.suppress(Gone, NoWord):
                await HAPPENS[accident.kind](self, accident)
        finally:
            self._coming -= 1
            self.seen.troubled_until = self.loop.time()


def _names_one(told: Json) -> bool:
    return told.get("CardholdAttention") is not None


def _attributes(run: Run) -> list[tuple[float, Json]]:
    """What lists are made of, and from when on: what a run has written, one after another."""
    written = list[tuple[float, Json]]()
    for task in run.tasks:
        for command in task.commands:
            if command.HasField("upsert_workflow_search_attributes"):
                fields = command.upsert_workflow_search_attributes.search_attributes.indexed_fields
                told = {name: json.loads(each.data or b"null") for name, each in fields.items()}
                written.append((task.at, told))
    return written

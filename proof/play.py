"""Plays one scenario: callers, a guest, a person at the desk; the accidents stand beside it."""

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
from urllib.parse import urlencode

from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import ApplicationFailureInfo
from yarl import URL

from proof.accidents import HAPPENS
from proof.asks import minor_of
from proof.desk import word_on
from proof.laws import more
from proof.laws_books import of_the_books
from proof.laws_calm import of_calm
from proof.laws_gateways import at_the_gateway
from proof.laws_shown import of_what_is_shown
from proof.laws_told import of_what_was_told
from proof.laws_wire import of_the_wire
from proof.oracle import Glance, Json, Told, Violation, Witness, judge
from proof.others import Others
from proof.plan import HOUR, Accident, Instruction, Plan, draw
from proof.sky import Sky
from proof.world.accounts import settings_of
from proof.world.bank import Bank
from proof.world.line import Exchange, Network
from proof.world.loop import VirtualLoop, run
from proof.world.temporal import Answer, Gone, NoWord, Run, Temporal
from proof.world.worker import SimulatedWorker

# A caller's own time-out, above the 45 s in which an update answers.
_CALLER_WAITS_S = 60.0
_LOOKS_EVERY_S = HOUR
_PORTAL_SHOWS_S = 2_000.0
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


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
        [
            *judge(seen),
            *more(seen),
            *of_what_is_shown(seen),
            *of_what_was_told(seen),
            *of_the_books(seen),
            *of_calm(seen),
            *of_the_wire(seen),
            *at_the_gateway(seen),
        ],
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
        self._bank = Bank(plan.place.gateway, self._dice("bank"), self._bank_time)
        self._bank.live_for(plan.life_s)
        self._bank.behave(plan.rules)
        self.others = Others(plan, self._bank)
        dice = self._dice("weather in detail")
        self.sky = Sky(plan, loop, self._bank, self.seen, dice, self.others)
        self._network = Network(self._bank, self.sky, self._operation, self._told_of_wire)
        self._workers = 0
        self._request = plan.request
        self.look_first = False
        self._effects = 0
        self._coming = 0
        self.clusters = [self.cluster("temporal")]
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
            self._later(at, lambda t=then: self.others.book(minor, t))
        self.start(self.temporal)
        for number, instruction in enumerate(plan.instructions):
            self._later(instruction.at, lambda n=number, i=instruction: self._instruct(n, i))
        for accident in plan.accidents:
            self._later(accident.at, lambda a=accident: self._happen(a))
        for at in plan.glances:
            self._later(at, self._glance)
        self._later(1.0, self._guest)
        self._later(0.0, self._person)
        await self._until_closed()
        await self._witness()
        return self.seen

    def _later(self, at: float, does: Callable[[], Coroutine[Any, Any, None]]) -> None:
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
            if self.loop.time() > last and not self._open_runs() and not self._is_to_come():
                return
            await asyncio.sleep(min(_LOOKS_EVERY_S, ends_at - self.loop.time()) + 1)

    def _is_to_come(self) -> bool:
        return self._coming > 0

    def runs(self) -> list[Run]:
        """Every run of every cluster, open or not."""
        return [each for temporal in self.clusters for each in temporal.runs]

    def _open_runs(self) -> list[Run]:
        return [each for each in self.runs() if each.is_open]

    async def _witness(self) -> None:
        seen = self.seen
        view = await self._view()
        seen.exchanges = self._network.exchanges
        seen.view = view
        seen.views = [view, *[await self._view(each) for each in self.clusters[1:]]]
        self.others.ends_with({each["payment_id"] for each in seen.views if each})
        seen.books, seen.strange = self.others.ours(), self.others.strange()
        seen.is_open = bool(self._open_runs())
        seen.unanswered = sum(run.left_waiting for run in self.runs()) + sum(
            1 for run in self._open_runs() for waiting in run.updates.values() if not waiting.done()
        )
        seen.wedged = [wrong for each in self.clusters for wrong in each.wedged]
        seen.unheard = self.loop.unheard
        runs = self.runs()
        seen.events = max(each.events for each in runs)
        seen.attentions |= {reason for each in runs for reason in _attentions(each)}
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
            flags=self.plan.manners.flags,
        )

    def employ(self, temporal: Temporal) -> None:
        """Put another worker to work."""
        self._workers += 1
        temporal.employ(self._new_worker(f"worker {self._workers}"))

    def start(self, temporal: Temporal, *, again: bool = False) -> bool:
        """Start the reservation; answers whether the server was there to hear of it."""
        try:
            temporal.start(self.workflow_id, [_payload(self._request)], again=again)
        except NoWord:
            return False
        except Gone:
            return True
        self._later(self.loop.time(), lambda: self._ask_whether_authorized(temporal))
        return True

    async def _ask_whether_authorized(self, temporal: Temporal) -> None:
        await self._update(
            temporal, Instruction(self.loop.time(), "authorized", {}), f"authorized-{self._workers}"
        )

    # Callers.

    async def _instruct(self, number: int, instruction: Instruction) -> None:
        for turn in range(1 + instruction.repeats):
            self.seen.sent_at.setdefault(number, self.loop.time())
            if instruction.is_signal:
                self._signal(instruction)
            else:
                # A caller who repeats gives the same command another update id, or the same.
                update_id = f"u{number}" if turn < 2 else f"u{number}-{turn}"
                if instruction.repeats and turn == 0:
                    self._later(
                        self.loop.time(),
                        lambda u=update_id: self._update(self.temporal, instruction, u),
                    )
                else:
                    await self._update(self.temporal, instruction, update_id)
            await asyncio.sleep(0.2 * turn)

    def _signal(self, instruction: Instruction) -> None:
        payloads = [] if instruction.body is None else [_payload(instruction.body)]
        try:
            self.temporal.signal(self.workflow_id, instruction.name, payloads)
            self.tell("signal", str(instruction))
            self.seen.signalled.append(instruction)
        except (Gone, NoWord) as error:
            self.tell("signal", f"{instruction}: {type(error).__name__}")

    async def _update(self, temporal: Temporal, instruction: Instruction, update_id: str) -> None:
        payloads = [] if instruction.body is None else [_payload(instruction.body)]
        self.tell("update", f"{instruction}")
        asked_at = self.loop.time()
        waits = asyncio.ensure_future(
            temporal.update(self.workflow_id, instruction.name, payloads, update_id)
        )
        await asyncio.wait([waits], timeout=_CALLER_WAITS_S)
        if waits.done():
            self._ended_update(instruction, asked_at, waits)
            return
        self.tell("answer", f"{instruction.name}: none in time")
        # The caller has gone; what they would have been told is judged all the same.
        waits.add_done_callback(lambda ended: self._ended_update(instruction, asked_at, ended))

    def _ended_update(
        self, instruction: Instruction, asked_at: float, ended: asyncio.Future[Answer]
    ) -> None:
        if ended.cancelled():
            return
        error = ended.exception()
        if error is None:
            self._note(instruction, ended.result(), asked_at)
        elif isinstance(error, (Gone, NoWord)):
            self.tell("answer", f"{instruction.name}: the run has ended")
            if isinstance(error, Gone):
                self.seen.gone.append(Told(instruction, self.loop.time(), asked_at))
        else:
            raise error

    def _note(self, instruction: Instruction, answer: Answer, asked_at: float) -> None:
        told = Told(instruction, self.loop.time(), asked_at)
        if answer.failure is not None:
            info = answer.failure.application_failure_info
            told.error, told.shown = info.type, _hold_in(info)
            self.tell("answer", f"{instruction.name}: {told.error}, {answer.failure.message}")
        else:
            told.answer = json.loads(answer.result.data) if answer.result else None
            state = told.answer["state"] if told.answer else None
            self.tell("answer", f"{instruction.name}: {state}")
        self.seen.told.append(told)

    # The guest, and the person at the desk.

    async def _guest(self) -> None:
        """Does what the plan says whenever the gateway asks for the guest."""
        if self.plan.guest == "away" or not self.plan.place.challenged:
            return
        pressed: set[str] = set()
        for _ in range(30):
            view = await self._view()
            action = view and view["action"]
            if action and action["action_id"] not in pressed:
                pressed.add(action["action_id"])
                form = urlencode({**action["fields"], "outcome": self.plan.guest}).encode()
                url = URL(action["url"])
                await self._bank.serve("POST", URL(f"http://bank{url.raw_path_qs}"), _FORM, form)
                self.tell("guest", self.plan.guest)
                back = Instruction(self.loop.time(), "authenticated", {})
                await self._update(self.temporal, back, f"back-{len(pressed)}")
            await asyncio.sleep(20)

    async def _person(self) -> None:
        """Looks at what needs a person, and says what the books say."""
        heals_at = self.plan.heals_at
        if heals_at is None:
            return
        # Whatever the gateway still had to decide is decided by then, and its portal shows it.
        await asyncio.sleep(heals_at + _PORTAL_SHOWS_S)
        for turn in range(400):
            for temporal in self.clusters:
                view = await self._view(temporal)
                if view is not None and view["attention"] is not None:
                    await self._attend(temporal, view, turn)
            await asyncio.sleep(900 if turn < 20 else _LOOKS_EVERY_S)
            if not self._open_runs():
                return

    async def _attend(self, temporal: Temporal, view: Json, turn: int) -> None:
        reason = view["attention"]["reason"]
        self.seen.attentions.add(reason)
        at = self.loop.time()
        if reason == "outcome_unknown":
            lies = self.plan.has("lie") and not self.seen.resolved
            body = word_on(self.plan, self.others.ours(), view, turn, lies=lies)
            if body is not None:
                body["command_id"] += f"-{turn}"
                await self._update(temporal, Instruction(at, "resolve", body), f"resolve-{turn}")
                self.seen.resolved = True
        elif reason in {"external_change", "expiring_soon"}:
            body = {"command_id": f"seen-{turn}"}
            await self._update(
                temporal, Instruction(at, "acknowledge", body), f"acknowledge-{turn}"
            )

    async def _glance(self) -> None:
        """Somebody only looks: at the hold, and at what is ahead of it."""
        with contextlib.suppress(Gone, NoWord):
            run = self.temporal.current(self.workflow_id)
            if not run.is_open or not run.tasks or not self.temporal.workers:
                return
            hold = await self.temporal.query(self.workflow_id, "hold")
            steps = await self.temporal.query(self.workflow_id, "plan")
            shown = json.loads(hold.data) if hold else None
            if shown and steps:
                ahead = json.loads(steps.data)["steps"]
                self.seen.glances.append(Glance(self.loop.time(), shown, ahead))

    async def _view(self, temporal: Temporal | None = None) -> Json | None:
        """The hold of the latest run, as anybody may ask for it."""
        asked = temporal or self.temporal
        try:
            run = asked.current(self.workflow_id)
        except Gone:
            return None
        if run.result is not None:
            return cast("Json", json.loads(run.result.data))
        if run.failure is not None:
            self.seen.happened["refused at the start"] = 1
            return None
        if not run.tasks or not asked.workers:
            return None
        try:
            payload = await asked.query(self.workflow_id, "hold")
        except NoWord:
            return None
        return json.loads(payload.data) if payload else None

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
                for book in self._bank.books()
                for effect in book["effects"]
            ]
            for effect in effects[self._effects :]:
                self.tell("effect", effect)
            self._effects = len(effects)

    # Accidents.

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


def _hold_in(info: ApplicationFailureInfo) -> Json | None:
    """The hold that an error comes with."""
    return json.loads(info.details.payloads[0].data)["hold"] if info.details.payloads else None


def _payload(content: Mapping[str, Any]) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(dict(content)).encode())


def _attentions(run: Run) -> set[str]:
    """What people were told, by the search attribute that lists are made of."""
    reasons: set[str] = set()
    for task in run.tasks:
        for command in task.commands:
            if command.HasField("upsert_workflow_search_attributes"):
                fields = command.upsert_workflow_search_attributes.search_attributes.indexed_fields
                told = fields.get("CardholdAttention") if "CardholdAttention" in fields else None
                value = json.loads(told.data) if told is not None and told.data else None
                if isinstance(value, str):
                    reasons.add(value)
    return reasons

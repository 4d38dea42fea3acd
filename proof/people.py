"""Everybody who speaks to a reservation: callers, the guest, and a person at the desk."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import ApplicationFailureInfo
from yarl import URL

from proof.asks import HOUR, Instruction
from proof.desk import slip, word_on
from proof.witness import Glance, Json, Told
from proof.world.temporal import Answer, Gone, NoWord, Temporal

if TYPE_CHECKING:
    from proof.play import World

# A caller's own time-out, above the 45 s in which an update answers.
_CALLER_WAITS_S = 60.0
_LOOKS_EVERY_S = HOUR
# How many guests are back before they have done what they were asked for.
_HASTY = 0.3
# A guest may be back so long before the gateway hears from their bank.
_HEARS_LATER_S = 2.0
# How often a person's word is wrong in itself.
_SLIPS = 0.3
_PORTAL_SHOWS_S = 2_000.0
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class People:
    """Whoever speaks to the reservation of one world; what they are told, the witness keeps."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._plan, self._loop = world.plan, world.loop
        self._seen, self._tell = world.seen, world.tell

    # Callers.

    async def instruct(self, number: int, instruction: Instruction) -> None:
        """Say something, and again where one is nervous."""
        for turn in range(1 + instruction.repeats):
            self._seen.sent_at.setdefault(number, self._loop.time())
            if instruction.is_signal:
                self._signal(instruction)
            else:
                # A caller who repeats gives the same command another update id, or the same.
                update_id = f"u{number}" if turn < 2 else f"u{number}-{turn}"
                if instruction.repeats and turn == 0:
                    self._world.later(
                        self._loop.time(),
                        lambda u=update_id: self.update(self._world.temporal, instruction, u),
                    )
                else:
                    await self.update(self._world.temporal, instruction, update_id)
            await asyncio.sleep(instruction.pause_s * turn)

    def _signal(self, instruction: Instruction) -> None:
        payloads = [] if instruction.body is None else [payload(instruction.body)]
        try:
            self._world.temporal.signal(self._world.workflow_id, instruction.name, payloads)
            self._tell("signal", str(instruction))
            self._seen.signalled.append(instruction)
        except (Gone, NoWord) as error:
            self._tell("signal", f"{instruction}: {type(error).__name__}")

    async def update(self, temporal: Temporal, instruction: Instruction, update_id: str) -> None:
        """Ask, and wait for an answer as long as a caller does."""
        payloads = [] if instruction.body is None else [payload(instruction.body)]
        self._tell("update", f"{instruction}")
        asked_at = self._loop.time()
        waits = asyncio.ensure_future(
            temporal.update(self._world.workflow_id, instruction.name, payloads, update_id)
        )
        await asyncio.wait([waits], timeout=_CALLER_WAITS_S)
        if waits.done():
            self._ended_update(instruction, asked_at, waits)
            return
        self._tell("answer", f"{instruction.name}: none in time")
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
            self._tell("answer", f"{instruction.name}: the run has ended")
            if isinstance(error, Gone):
                self._seen.gone.append(Told(instruction, self._loop.time(), asked_at))
        else:
            raise error

    def _note(self, instruction: Instruction, answer: Answer, asked_at: float) -> None:
        told = Told(instruction, self._loop.time(), asked_at)
        if answer.failure is not None:
            info = answer.failure.application_failure_info
            told.error, told.shown = info.type, _hold_in(info)
            self._tell("answer", f"{instruction.name}: {told.error}, {answer.failure.message}")
        else:
            told.answer = json.loads(answer.result.data) if answer.result else None
            state = told.answer["state"] if told.answer else None
            self._tell("answer", f"{instruction.name}: {state}")
        self._seen.told.append(told)

    # The guest, and the person at the desk.

    async def guest(self) -> None:
        """Does what the plan says whenever the gateway asks for the guest."""
        if not self._plan.place.challenged:
            return
        pressed: set[str] = set()
        dice = random.Random(f"{self._plan.seed}:back too soon")  # noqa: S311 - repeatable by design
        hasty = dice.random() < _HASTY
        for _ in range(30):
            view = await self.view()
            action = view and view["action"]
            if action and hasty:
                # Their browser is back before they have done anything.
                hasty = False
                await self._back("too soon")
            elif action and self._plan.guest != "away" and action["action_id"] not in pressed:
                pressed.add(action["action_id"])
                if self._plan.guest == "swift":
                    heard_at = self._loop.time() + _HEARS_LATER_S
                    self._world.later(heard_at, lambda at=action: self._at_their_bank(at))
                else:
                    await self._at_their_bank(action)
                if self._plan.guest != "silent":
                    await self._back(str(len(pressed)))
            await asyncio.sleep(20)

    async def _at_their_bank(self, action: Json) -> None:
        guest = self._plan.guest
        outcome = "fail" if guest == "fail" else "pass"
        form = urlencode({**action["fields"], "outcome": outcome}).encode()
        page = URL(f"http://bank{URL(action['url']).raw_path_qs}")
        await self._world.bank.serve("POST", page, _FORM, form)
        self._tell("guest", guest)
        self._seen.back_at.append(self._loop.time())

    async def _back(self, how: str) -> None:
        back = Instruction(self._loop.time(), "authenticated", {})
        await self.update(self._world.temporal, back, f"back-{how}")

    async def person(self) -> None:
        """Looks at what needs a person, and says what the books say."""
        heals_at = self._plan.heals_at
        if heals_at is None:
            return
        # Whatever the gateway still had to decide is decided by then, and its portal shows it.
        await asyncio.sleep(heals_at + _PORTAL_SHOWS_S)
        for turn in range(400):
            for temporal in self._world.clusters:
                view = await self.view(temporal)
                if view is not None and view["attention"] is not None:
                    await self._attend(temporal, view, turn)
            await asyncio.sleep(900 if turn < 20 else _LOOKS_EVERY_S)
            if not self._world.open_runs():
                return

    async def _attend(self, temporal: Temporal, view: Json, turn: int) -> None:
        reason = view["attention"]["reason"]
        self._seen.attentions.add(reason)
        at = self._loop.time()
        if reason == "outcome_unknown":
            lies = self._plan.has("lie") and not self._seen.resolved
            body = word_on(self._plan, self._world.others.ours(), view, turn, lies=lies)
            if body is not None:
                body["command_id"] += f"-{turn}"
                await self._slip(temporal, view, body, turn)
                await self.update(temporal, Instruction(at, "resolve", body), f"resolve-{turn}")
                self._seen.resolved = True
        elif reason in {"external_change", "expiring_soon"}:
            body = {"command_id": f"seen-{turn}"}
            await self.update(temporal, Instruction(at, "acknowledge", body), f"acknowledge-{turn}")

    async def _slip(self, temporal: Temporal, view: Json, word: Json, turn: int) -> None:
        """Now and then they say it wrong before they say it right."""
        dice = random.Random(f"{self._plan.seed}:slips {turn}")  # noqa: S311 - repeatable by design
        if dice.random() < _SLIPS:
            said = {**slip(view, word, dice.random()), "command_id": f"slip-{turn}"}
            wrong = Instruction(self._loop.time(), "resolve", said, is_valid=False)
            await self.update(temporal, wrong, f"slip-{turn}")

    async def glance(self) -> None:
        """Somebody only looks: at the hold, and at what is ahead of it."""
        with contextlib.suppress(Gone, NoWord):
            run = self._world.temporal.current(self._world.workflow_id)
            if not run.is_open or not run.tasks or not self._world.temporal.workers:
                return
            hold = await self._world.temporal.query(self._world.workflow_id, "hold")
            steps = await self._world.temporal.query(self._world.workflow_id, "plan")
            shown = json.loads(hold.data) if hold else None
            if shown and steps:
                ahead = json.loads(steps.data)["steps"]
                self._seen.glances.append(Glance(self._loop.time(), shown, ahead))

    async def view(self, temporal: Temporal | None = None) -> Json | None:
        """The hold of the latest run, as anybody may ask for it."""
        asked = temporal or self._world.temporal
        try:
            run = asked.current(self._world.workflow_id)
        except Gone:
            return None
        if run.result is not None:
            return cast("Json", json.loads(run.result.data))
        if run.failure is not None:
            self._seen.happened["refused at the start"] = 1
            return None
        if not run.tasks or not asked.workers:
            return None
        try:
            payload = await asked.query(self._world.workflow_id, "hold")
        except NoWord:
            return None
        return json.loads(payload.data) if payload else None


def _hold_in(info: ApplicationFailureInfo) -> Json | None:
    """The hold that an error comes with."""
    return json.loads(info.details.payloads[0].data)["hold"] if info.details.payloads else None


def payload(content: Mapping[str, Any]) -> Payload:
    """A message's one payload, as any caller's own client makes it."""
    return Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(dict(content)).encode())

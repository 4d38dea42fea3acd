"""The entry ``core``: lives of a hold under payments that no gateway should show.

The rules alone, driven as the workflow drives them. Whatever the gateway shows of an operation or
of the hold, an instruction is carried out or refused as a `Problem`, and after every step the money
adds up, the view and the plan can be shown, and a final state holds nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from cardhold.hold import FINAL_STATES, Action, HoldState, OperationKind, OperationState
from cardhold.messages import (
    Adjust,
    Authorize,
    Capture,
    HoldRequest,
    Instruction,
    Release,
    Reschedule,
)
from cardhold.money import AMOUNT_MINOR_MAX
from cardhold.reading import InvalidMessage, read
from domain.agenda import agenda, next_step
from domain.calls import Call, Ending, Settled
from domain.capabilities import Capabilities
from domain.lifecycle import Event
from domain.outcome import Payment, PaymentState, Said
from domain.planner import Asked, Problem, check, operations, reschedule
from domain.record import RESTING, Entry, Record
from domain.settlement import adopt, is_partial, lapse, note_external, settle
from domain.verdict import verdict
from proof.fuzz.hunt import Entry as Door
from proof.fuzz.hunt import Ground, Tally, Wrong
from proof.fuzz.samples import money, request
from proof.fuzz.words import Pool, chance, pools

_NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_WALKS, _STEPS = 6, 24
_AMOUNTS = (1, 99, 60_00, 80_00, 99_99, 100_00, 100_01, 150_00, AMOUNT_MINOR_MAX)
_SHOWN_MINOR = (0, *_AMOUNTS)
# What stays undecided as long as the gateway says so; the activities never end in it.
_ASKED_AGAIN = frozenset({Ending.ABSENT})
_PAGE = Action(action_id="3ds-1", url="https://bank.example/3ds")


@contextlib.contextmanager
def prepared() -> Generator[Ground]:
    """Nothing has to run for it."""
    yield Ground(pools(), judge)


def judge(pool: Pool, tally: Tally) -> None:
    """Let a few holds live.

    Raises:
        Wrong: A rule breaks.
    """
    for _ in range(_WALKS):
        walk = Walk(pool.random, tally)
        try:
            walk.live()
        except Exception as error:
            error.add_note("\n".join(walk.told))
            raise


@dataclass(slots=True)
class Walk:
    """One hold, from its authorization to wherever it comes in some steps."""

    random: Random
    tally: Tally
    now: datetime = _NOW
    record: Record = field(init=False)
    told: list[str] = field(default_factory=list[str])

    def live(self) -> None:
        """Go through all steps; after each, what is always true is looked at."""
        self._begin()
        for _ in range(_STEPS):
            self.is_right()
            self.tally.cases += 1
            self.random.choice(_STEPS_OF_A_LIFE)(self)
        self.is_right()

    # What happens.

    def _begin(self) -> None:
        plan: dict[str, object] = {"on_deadline": "capture", "deadline_amount": money(30_00)}
        asked = read(HoldRequest, request() | (plan if chance(self.random, 0.5) else {}))
        self.record = Record.of(asked, self.now)
        self.record.capabilities = Capabilities(
            raises=chance(self.random, 0.7),
            lowers=chance(self.random, 0.7),
            captures_max=self.random.choice((None, 1, 2)),
            frees_rest=chance(self.random, 0.5),
            shows_expiry=chance(self.random, 0.5),
        )
        first = Entry(
            number=0,
            kind=OperationKind.AUTHORIZE,
            command_id="start",
            amount=asked.amount.plain(),
            final=True,
            requested_at=self.now,
            send_by=self.now + timedelta(minutes=15),
        )
        self._send(self.record.add(first))

    def instruct(self) -> None:
        """Somebody asks for something, right or wrong."""
        record, command = self.record, self._command()
        self.told.append(repr(command))
        if record.unknown() is not None or record.life.is_over:
            return
        try:
            check(record, command)
            name = command.command_id or command.name
            planned = operations(record, Asked(command, name, self.now))
        except Problem:
            self.tally.refused += 1
            return
        self.tally.accepted += 1
        entries = [record.add(entry) for entry in planned]
        if not entries:
            record.life.move(Event.RELEASE)
        for entry in entries:
            if any(not self._is_done(other) for other in entries if other.number < entry.number):
                entry.state, entry.decided_at = OperationState.NOT_DONE, self.now
            elif not self._is_held_already(entry):
                record.life.move(Event(entry.kind.value))
                self._send(entry)

    def _is_done(self, entry: Entry) -> bool:
        return entry.state is OperationState.DONE

    def _is_held_already(self, entry: Entry) -> bool:
        held = self.record.ledger.authorized_minor
        if entry.kind is not OperationKind.ADJUST or entry.amount.amount_minor != held:
            return False
        entry.state, entry.decided_at = OperationState.DONE, self.now
        return True

    def _send(self, entry: Entry) -> None:
        """Send an operation: the answer is approved as asked, declined, refused, or lost."""
        entry.state, entry.sent_at = OperationState.SENT, self.now
        match self.random.randrange(8):
            case 0 | 1:
                entry.state = OperationState.UNKNOWN
            case 2:
                self._settle(entry, Settled(ending=Ending.DECLINED, payment=self._shown()))
            case 3:
                self._settle(entry, Settled(ending=Ending.NOT_DONE, detail="refused"))
            case 4 if entry.kind is OperationKind.AUTHORIZE:
                page = self._payment(PaymentState.ACTION_REQUIRED, 0, 0, action=_PAGE)
                self._settle(entry, Settled(ending=Ending.ACTION_REQUIRED, payment=page))
            case _:
                self._settle(entry, Settled(ending=Ending.DONE, payment=self._as_asked(entry)))

    def look_up(self) -> None:
        """What nobody knows is looked up, and the gateway shows whatever it likes."""
        unknown = self.record.unknown() or self.record.at_the_guest()
        waits = self.record.life.state in {HoldState.ACTION_REQUIRED, *_UNDER_WAY}
        if unknown is None or self.record.life.is_over or not waits:
            return
        payment = self._shown() if chance(self.random, 0.9) else None
        ending = verdict(self._call(unknown), payment)
        self.told.append(f"{unknown.operation_id} is looked up: {payment!r} is {ending}")
        if ending is not None and ending not in _ASKED_AGAIN:
            self._settle(unknown, Settled(ending=ending, payment=payment))

    def _settle(self, entry: Entry, settled: Settled) -> None:
        self.told.append(f"{entry.operation_id} ends: {settled.ending} {settled.payment!r}")
        nowhere = settled.payment is None or settled.payment.action is None
        stranded = settled.ending is Ending.ACTION_REQUIRED and nowhere
        stranded = stranded and self.record.action is None
        if is_partial(self.record, entry, settled) or stranded:
            # The workflow releases what is of no use, and goes on as after a decline.
            settled = Settled(ending=Ending.DECLINED, payment=settled.payment)
        settle(self.record, entry, settled, self.now)

    def change_the_plan(self) -> None:
        """Another deadline, or another end of it."""
        plan: dict[str, Any] = {}
        if chance(self.random, 0.5):
            minutes = self.random.randint(-100, 20_000)
            plan["settle_by"] = self.now + timedelta(minutes=minutes)
        if chance(self.random, 0.5):
            plan["on_deadline"] = self.random.choice(("capture", "release"))
            if plan["on_deadline"] == "capture":
                plan["deadline_amount"] = money(self.random.choice(_AMOUNTS))
        with contextlib.suppress(Problem, InvalidMessage):
            reschedule(self.record, read(Reschedule, plan), self.now)

    def show_something_else(self) -> None:
        """The gateway shows what nobody of us did."""
        if self.record.life.state in RESTING:
            payment = self._shown()
            self.told.append(f"the gateway shows {payment!r}")
            note_external(self.record, payment, self.now)

    def acknowledge(self) -> None:
        """A person takes note of what the gateway shows."""
        if self.record.life.state in RESTING and self.record.external is not None:
            self.told.append("what it shows is adopted")
            adopt(self.record, self.record.external)

    def let_time_pass(self) -> None:
        """Hours, and at last the hold's own end."""
        self.now += timedelta(hours=self.random.choice((0, 1, 20, 100, 200)))
        late = self.record.expires_at is not None and self.now >= self.record.expires_at
        if late and self.record.life.state in RESTING:
            self.told.append("the hold has lapsed")
            lapse(self.record)

    # What is always true.

    def is_right(self) -> None:
        """The money adds up, everything can be shown, and what is final holds nothing.

        Raises:
            Wrong: It is not so.
        """
        record = self.record
        hold = record.hold()  # its models refuse an amount below zero
        parts = (hold.captured, hold.released, hold.expired, hold.remaining)
        if hold.authorized.amount_minor != sum(part.amount_minor for part in parts):
            raise Wrong(f"it does not add up: {hold.authorized} is {parts}")
        if hold.state in FINAL_STATES and hold.remaining.amount_minor:
            raise Wrong(f"{hold.state} holds {hold.remaining}")
        if record.life.state in RESTING and not hold.remaining.amount_minor:
            raise Wrong(f"{hold.state} holds nothing")
        steps = agenda(record, self.now)
        planned = sum(step.amount.amount_minor for step in steps if step.amount)
        if planned not in {0, record.ledger.remaining_minor, record.in_doubt_minor}:
            raise Wrong(f"{planned} is planned, and {record.ledger.remaining_minor} is held")
        waits_for_person = record.external is not None
        if (
            record.life.state in RESTING
            and not waits_for_person
            and not next_step(record, self.now)
        ):
            raise Wrong("money is held, and nothing is planned")

    # What is asked and shown.

    def _command(self) -> Instruction:
        amount = money(self.random.choice(_AMOUNTS), self.random.choice(("USD",) * 9 + ("EUR",)))
        difference = {**amount, "amount_minor": self.random.choice((-1, 1, -100_00, 50_00))}
        commands: tuple[tuple[type[Instruction], dict[str, Any]], ...] = (
            (Adjust, {"amount": amount}),
            (Adjust, {"by": difference}),
            (Capture, {"amount": amount, "final": chance(self.random, 0.5)}),
            (Capture, {"amount": amount}),
            (Capture, {}),
            (Release, {}),
            (Authorize, {"payment_method": {"kind": "stored_token", "token": "t"}}),
        )
        model, fields = self.random.choice(commands)
        return read(model, fields)

    def _shown(self) -> Payment:
        """A payment with any figures in any state."""
        state = self.random.choice(tuple(PaymentState))
        amounts = [self.random.choice(_SHOWN_MINOR), self.random.choice(_SHOWN_MINOR)]
        own = (self.record.ledger.authorized_minor, self.record.ledger.captured_minor)
        if chance(self.random, 0.4):
            amounts = list(own)
        said = self.random.choice((None, None, None, *Said))
        return self._payment(state, *amounts, said=said)

    def _payment(self, state: PaymentState, authorized: int, captured: int, **more: Any) -> Payment:
        ledger = self.record.ledger
        return Payment(
            payment_id="M2MJOG6O2Y",
            state=state,
            authorized=ledger.money(authorized),
            captured=ledger.money(captured),
            booked_at=self.random.choice((None, self.now, self.now - timedelta(days=400))),
            expires_at=self.random.choice((None, self.now, self.now + timedelta(days=900))),
            **more,
        )

    def _as_asked(self, entry: Entry) -> Payment:
        """What an adapter calls approved: it has held the figures against what was asked."""
        ledger, amount = self.record.ledger, entry.amount.amount_minor
        match entry.kind:
            case OperationKind.AUTHORIZE:
                held = self.random.choice((amount, amount, amount, max(1, amount - 1)))
                state = self.random.choice((PaymentState.OPEN,) * 4 + (PaymentState.CAPTURED,))
                return self._payment(state, held, 0 if state is PaymentState.OPEN else held)
            case OperationKind.ADJUST:
                return self._payment(PaymentState.OPEN, amount, ledger.captured_minor)
            case OperationKind.CAPTURE:
                taken = ledger.captured_minor + amount
                return self._payment(PaymentState.CAPTURED, ledger.authorized_minor, taken)
            case OperationKind.RELEASE:
                return self._payment(PaymentState.RELEASED, 0, ledger.captured_minor)

    def _call(self, entry: Entry) -> Call:
        ledger = self.record.ledger
        return Call(
            account="payroc",
            workflow_id="reservation-RES-1001",
            kind=entry.kind,
            command_id=entry.command_id,
            amount=entry.amount,
            held=ledger.money(ledger.authorized_minor),
            captured=ledger.money(ledger.captured_minor),
            final=entry.final,
            payment_id=self.record.payment_id,
        )


_UNDER_WAY = frozenset({
    HoldState.AUTHORIZING, HoldState.ADJUSTING, HoldState.CAPTURING, HoldState.RELEASING
})  # fmt: skip
_STEPS_OF_A_LIFE: tuple[Callable[[Walk], None], ...] = (
    *(Walk.instruct,) * 5, *(Walk.look_up,) * 4, Walk.change_the_plan, Walk.show_something_else,
    *(Walk.acknowledge,) * 2, Walk.let_time_pass,
)  # fmt: skip
ENTRY = Door("core", "payments that no gateway should show, and the rules", 500, prepared)

"""Random lives of one hold (a Hypothesis stateful machine), driven as the workflow drives it.

Any instruction may arrive at any time, any ending may come back, a person may say what became of
an unknown operation, the gateway may show what nobody of us did, and a deadline may overtake an
adjust. After every step the money adds up, the view can be shown, and a final state holds nothing.
"""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cardhold.hold import FINAL_STATES, OperationKind, OperationState
from cardhold.messages import Adjust, Authorize, Capture, Instruction, Release, Reschedule
from domain.agenda import agenda, next_step
from domain.calls import Ending, Settled
from domain.capabilities import Capabilities
from domain.lifecycle import Event
from domain.outcome import Payment, PaymentState
from domain.planner import Problem, operations, reschedule
from domain.record import RESTING, Entry, Record
from domain.settlement import adopt, is_partial, lapse, note_external, settle
from tests.domain.records import NOW, asked, payment, send, starting

AMOUNTS = st.integers(1, 500_00)
CAN = st.builds(
    Capabilities,
    raises=st.booleans(),
    lowers=st.booleans(),
    captures_max=st.sampled_from([None, 1, 2, 3]),
    frees_rest=st.booleans(),
)
CARD = {"kind": "stored_token", "token": "2967530000000011"}
NEVER_DONE = st.sampled_from([Ending.DECLINED, Ending.NOT_DONE, Ending.ABSENT])


def money(amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "USD"}


class OneHold(RuleBasedStateMachine):
    """One reservation; ``under_way`` are the operations of the instruction whose turn it is."""

    def __init__(self) -> None:
        super().__init__()
        self.record = starting()
        self.now = NOW
        self.under_way: list[Entry] = []

    @initialize(can=CAN, to_capture=st.booleans())
    def begin(self, can: Capabilities, *, to_capture: bool) -> None:
        fields = {"on_deadline": "capture", "deadline_amount": money(30_00)} if to_capture else {}
        self.record = starting(can, **fields)
        self.under_way = [self.record.entries[0]]

    # What is asked.

    def is_idle(self) -> bool:
        return not self.under_way and self.record.unknown() is None

    def ask(self, command: Instruction) -> None:
        before = repr(self.record.hold())
        try:
            planned = operations(self.record, asked(command, self.now))
        except Problem:
            assert before == repr(self.record.hold())
            return
        self.under_way = [self.record.add(entry) for entry in planned]
        if not planned:
            self.record.life.move(Event.RELEASE)
            return
        send(self.record, self.under_way[0], self.now)

    @precondition(is_idle)
    @rule(total=AMOUNTS)
    def adjust(self, total: int) -> None:
        if total != self.record.ledger.authorized_minor:  # the run sends nothing for that
            self.ask(Adjust.model_validate({"amount": money(total)}))

    @precondition(is_idle)
    @rule(amount=st.none() | AMOUNTS, final=st.booleans())
    def capture(self, amount: int | None, *, final: bool) -> None:
        fields = {"amount": money(amount)} if amount else {}
        self.ask(Capture.model_validate({**fields, "final": final}))

    @precondition(is_idle)
    @rule()
    def release(self) -> None:
        self.ask(Release())

    @precondition(is_idle)
    @rule()
    def another_card(self) -> None:
        self.ask(Authorize.model_validate({"payment_method": CARD}))

    @rule(minutes=st.integers(-5, 20_000), to_capture=st.none() | st.booleans())
    def change_the_plan(self, minutes: int, *, to_capture: bool | None) -> None:
        plan: dict[str, Any] = {"settle_by": self.now + timedelta(minutes=minutes)}
        if to_capture is not None:
            plan["on_deadline"] = "capture" if to_capture else "release"
        with contextlib.suppress(Problem):
            reschedule(self.record, Reschedule.model_validate(plan), self.now)

    # What comes back.

    def is_waiting(self) -> bool:
        return bool(self.under_way)

    def end(self, settled: Settled) -> None:
        entry, *rest = self.under_way
        if is_partial(self.record, entry, settled):
            settled = Settled(ending=Ending.DECLINED, payment=settled.payment)
        settle(self.record, entry, settled, self.now)
        self.under_way = []
        if entry.state is not OperationState.DONE:
            for undone in rest:
                undone.state = OperationState.NOT_DONE
        elif rest:
            self.under_way = rest
            send(self.record, rest[0], self.now)

    @precondition(is_waiting)
    @rule(less=st.integers(0, 3))
    def it_is_done(self, less: int) -> None:
        entry = self.under_way[0]
        asked_for = entry.amount.amount_minor
        approves = entry.kind is OperationKind.AUTHORIZE
        total = max(1, asked_for - less) if approves else asked_for
        self.end(Settled(ending=Ending.DONE, payment=payment(authorized=total)))

    @precondition(is_waiting)
    @rule(ending=NEVER_DONE)
    def it_is_not_done(self, ending: Ending) -> None:
        self.end(Settled(ending=ending))

    @precondition(lambda self: self.is_waiting() and self.record.ledger.authorized_minor > 0)
    @rule(state=st.sampled_from(PaymentState), total=AMOUNTS, taken=st.integers(0, 500_00))
    def the_gateway_shows_something_else(self, state: PaymentState, total: int, taken: int) -> None:
        if state is not PaymentState.PENDING:
            self.end(Settled(ending=Ending.CHANGED, payment=_shown(state, total, taken)))

    @precondition(is_waiting)
    @rule()
    def its_answer_is_lost(self) -> None:
        entry, *rest = self.under_way
        entry.state = OperationState.UNKNOWN
        for undone in rest:
            undone.state = OperationState.NOT_DONE
        self.under_way = [entry]

    @precondition(is_waiting)
    @rule(amount=st.none() | AMOUNTS, ending=st.sampled_from([Ending.DONE, Ending.ABSENT]))
    def a_person_says_what_became_of_it(self, amount: int | None, ending: Ending) -> None:
        entry = self.under_way[0]
        if entry.state is not OperationState.UNKNOWN:
            return
        if amount:
            entry.amount = self.record.ledger.money(amount)
        self.record.cautious = True
        shown = payment(authorized=entry.amount.amount_minor)
        self.end(Settled(ending=ending, payment=shown if ending is Ending.DONE else None))

    # What time and others do.

    @rule(hours=st.integers(1, 200))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    def an_adjust_is_unknown(self) -> bool:
        unknown = self.record.unknown()
        return unknown is not None and unknown.kind is OperationKind.ADJUST

    @precondition(an_adjust_is_unknown)
    @rule(lapsed=st.booleans(), ending=st.sampled_from([Ending.DONE, Ending.DECLINED]))
    def the_deadline_overtakes_an_adjust(self, ending: Ending, *, lapsed: bool) -> None:
        adjusting = self.under_way
        if lapsed:
            lapse(self.record)
            return
        self.ask(Release(command_id="deadline"))
        self.end(Settled(ending=ending))
        self.under_way = adjusting

    @precondition(lambda self: self.record.life.state in RESTING)
    @rule(state=st.sampled_from(PaymentState), total=AMOUNTS, taken=st.integers(0, 500_00))
    def somebody_changes_the_hold(self, state: PaymentState, total: int, taken: int) -> None:
        if state is not PaymentState.PENDING:
            note_external(self.record, _shown(state, total, taken), self.now)

    @precondition(lambda self: self.record.life.state in RESTING and self.record.external)
    @rule()
    def a_person_acknowledges(self) -> None:
        if self.record.external is not None:
            adopt(self.record, self.record.external)

    @precondition(lambda self: self.record.life.state in RESTING)
    @rule()
    def the_hold_lapses(self) -> None:
        lapse(self.record)

    # What is true after every step.

    @invariant()
    def the_money_adds_up(self) -> None:
        hold = self.record.hold()  # no part below zero, or it could not be shown
        parts = (hold.captured, hold.released, hold.expired, hold.remaining)
        assert hold.authorized.amount_minor == sum(part.amount_minor for part in parts)

    @invariant()
    def a_final_state_holds_nothing_and_is_named_for_what_happened(self) -> None:
        ledger, state = self.record.ledger, self.record.life.state
        if state not in FINAL_STATES:
            return
        assert 0 == ledger.remaining_minor
        if ledger.captured_minor:
            name = "captured"
        elif ledger.expired_minor:
            name = "expired"
        else:
            name = "released" if ledger.authorized_minor else "abandoned"
        assert name == state

    @invariant()
    def a_resting_hold_holds_something_and_has_a_step_ahead(self) -> None:
        record = self.record
        if record.life.state not in RESTING:
            return
        assert record.ledger.remaining_minor > 0
        assert (record.life.state == "partially_captured") is (record.ledger.captured_minor > 0)
        if record.external is None:
            assert next_step(record, self.now) is not None

    @invariant()
    def the_plan_can_be_shown_and_never_takes_more_than_is_held(self) -> None:
        steps = agenda(self.record, self.now)
        amounts = [step.amount.amount_minor for step in steps if step.amount]
        assert sum(amounts) in (0, self.record.ledger.remaining_minor)
        ahead: list[datetime] = [step.at for step in steps if step.kind != "look_up"]
        assert ahead == sorted(ahead)


def _shown(state: PaymentState, total: int, taken: int) -> Payment:
    """What a gateway can show: never more taken than was authorized."""
    return payment(state, authorized=max(total, taken), captured=taken)


TestOneHold = OneHold.TestCase
TestOneHold.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)

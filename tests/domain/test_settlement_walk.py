"""Random lives of one hold (a Hypothesis stateful machine), driven as the workflow drives it.

Any instruction may arrive at any time, any ending may come back, a person may say what became of
an unknown operation, the gateway may show what nobody of us did, and a deadline may overtake an
adjust. After every step the money adds up, the view can be shown, and a final state holds nothing.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cardhold.hold import FINAL_STATES, Action, HoldState, OperationKind, OperationState
from cardhold.messages import Adjust, Authorize, Capture, Instruction, Release, Reschedule
from domain.agenda import agenda, next_step
from domain.calls import Ending, Settled
from domain.capabilities import Capabilities
from domain.lifecycle import Event
from domain.outcome import Payment, PaymentState
from domain.planner import Problem, operations, reschedule
from domain.record import RESTING, Entry, Record
from domain.settlement import adopt, is_partial, lapse, note_external, settle
from tests.domain.records import HELD, NOW, asked, payment, send, starting

AMOUNTS = st.integers(1, 300_00)
CAN = st.builds(
    Capabilities,
    raises=st.booleans(),
    lowers=st.booleans(),
    captures_max=st.sampled_from([None, 1, 2, 3]),
    frees_rest=st.booleans(),
    shows_expiry=st.booleans(),
)
CARD = {"kind": "stored_token", "token": "2967530000000011"}
#: None is a lost answer: the operation stays unknown.
ENDINGS = st.sampled_from([
    Ending.DONE, Ending.DONE, Ending.DONE, Ending.DECLINED, Ending.NOT_DONE, Ending.CHANGED, None
])  # fmt: skip
UNDECIDED = {PaymentState.PENDING, PaymentState.ACTION_REQUIRED}
STATES = [PaymentState.OPEN] * 4 + sorted(set(PaymentState) - UNDECIDED)
PAGE = Action(action_id="3ds-1", url="https://bank.example/3ds")


def _shown(state: PaymentState, total: int, taken: int) -> Payment:
    """What a gateway can show: never more taken than was authorized."""
    return payment(state, max(total, taken), taken)


SHOWN = st.builds(_shown, st.sampled_from(STATES), AMOUNTS, st.just(0) | AMOUNTS)


def money(amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "USD"}


class OneHold(RuleBasedStateMachine):
    """One reservation: every rule is one instruction with its end, or what time and others do."""

    def __init__(self) -> None:
        super().__init__()
        self.record = starting()
        self.now = NOW

    @initialize(can=CAN, to_capture=st.booleans(), approved=st.integers(0, 9))
    def begin(self, can: Capabilities, approved: int, *, to_capture: bool) -> None:
        fields = {"on_deadline": "capture", "deadline_amount": money(30_00)} if to_capture else {}
        self.record = starting(can, **fields)
        match approved:
            case 0:
                self.end(self.record.entries[0], Ending.DECLINED, payment(authorized=HELD))
            case 1 | 2:
                page = payment(PaymentState.ACTION_REQUIRED, 0, action=PAGE)
                settled = Settled(ending=Ending.ACTION_REQUIRED, payment=page)
                settle(self.record, self.record.entries[0], settled, self.now)
            case _:
                self.end(self.record.entries[0], Ending.DONE, payment(authorized=HELD))

    # An instruction, and its end.

    def ask(self, command: Instruction, ending: Ending | None, shown: Payment) -> None:
        if self.record.unknown() is not None and command.command_id != "deadline":
            return  # refused, or kept for later
        before = repr(self.record.hold())
        try:
            planned = operations(self.record, asked(command, self.now))
        except Problem:
            assert before == repr(self.record.hold())
            return
        entries = [self.record.add(entry) for entry in planned]
        if not entries:
            self.record.life.move(Event.RELEASE)
        for entry in entries:
            if any(earlier.state is not OperationState.DONE for earlier in self.before(entry)):
                entry.state = OperationState.NOT_DONE
            elif not self.is_held_already(entry):
                send(self.record, entry, self.now)
                self.end(entry, ending, shown)

    def before(self, entry: Entry) -> list[Entry]:
        """The operations of the same instruction that go before this one."""
        same = [other for other in self.record.entries if other.command_id == entry.command_id]
        return [
            other for other in same if other.number == entry.number - 1 and other.kind == "adjust"
        ]

    def is_held_already(self, entry: Entry) -> bool:
        held = self.record.ledger.authorized_minor
        if entry.kind is OperationKind.ADJUST and entry.amount.amount_minor == held:
            entry.state = OperationState.DONE
            return True
        return False

    def end(self, entry: Entry, ending: Ending | None, shown: Payment) -> None:
        if ending is None:
            entry.state = OperationState.UNKNOWN
            return
        at_the_guest = entry.kind is OperationKind.RELEASE and self.record.action is not None
        if ending is Ending.DONE and entry.kind is not OperationKind.AUTHORIZE:
            nothing = at_the_guest and shown.state is not PaymentState.OPEN
            shown = payment(authorized=0 if nothing else entry.amount.amount_minor)
        settled = Settled(ending=ending, payment=shown)
        if is_partial(self.record, entry, settled):
            settled = Settled(ending=Ending.DECLINED, payment=shown)
        settle(self.record, entry, settled, self.now)
        assert entry.is_decided

    @rule(total=AMOUNTS, ending=ENDINGS, shown=SHOWN)
    def adjust(self, total: int, ending: Ending | None, shown: Payment) -> None:
        self.ask(Adjust.model_validate({"amount": money(total)}), ending, shown)

    @rule(amount=AMOUNTS, final=st.booleans(), ending=ENDINGS, shown=SHOWN)
    def capture(self, amount: int, ending: Ending | None, shown: Payment, *, final: bool) -> None:
        part = amount if final else max(1, amount // 6)
        command = Capture.model_validate({"amount": money(part), "final": final})
        self.ask(command, ending, shown)

    @rule(ending=ENDINGS, shown=SHOWN)
    def release(self, ending: Ending | None, shown: Payment) -> None:
        self.ask(Release(), ending, shown)

    @precondition(lambda self: self.record.life.state is HoldState.ACTION_REQUIRED)
    @rule(ending=st.sampled_from([Ending.DONE, Ending.DECLINED, Ending.ACTION_REQUIRED]))
    def the_guest_is_back(self, ending: Ending) -> None:
        asked_for = self.record.at_the_guest()
        assert asked_for is not None
        if ending is Ending.ACTION_REQUIRED:
            settled = Settled(ending=ending, payment=payment(PaymentState.ACTION_REQUIRED, 0))
            settle(self.record, asked_for, settled, self.now)
            assert self.record.life.state is HoldState.ACTION_REQUIRED
        else:
            self.end(asked_for, ending, payment(authorized=HELD))

    @precondition(lambda self: self.record.life.state is HoldState.DECLINED)
    @rule(ending=ENDINGS, less=st.integers(0, 1))
    def another_card(self, ending: Ending | None, less: int) -> None:
        shown = payment(authorized=HELD - less)
        self.ask(Authorize.model_validate({"payment_method": CARD}), ending, shown)

    @rule(minutes=st.integers(-5, 20_000), to_capture=st.none() | st.booleans())
    def change_the_plan(self, minutes: int, *, to_capture: bool | None) -> None:
        plan: dict[str, Any] = {"settle_by": self.now + timedelta(minutes=minutes)}
        if to_capture is not None:
            plan["on_deadline"] = "capture" if to_capture else "release"
        with contextlib.suppress(Problem):
            reschedule(self.record, Reschedule.model_validate(plan), self.now)

    # While an outcome is unknown; after the end nobody asks any more.

    def is_asking(self) -> bool:
        return self.record.unknown() is not None and not self.record.life.is_over

    @precondition(is_asking)
    @rule(ending=ENDINGS, shown=SHOWN)
    def it_is_looked_up(self, ending: Ending | None, shown: Payment) -> None:
        unknown = self.record.unknown()
        assert unknown is not None
        self.end(unknown, ending, shown)

    @precondition(is_asking)
    @rule(amount=st.none() | AMOUNTS, ending=st.sampled_from([Ending.DONE, Ending.ABSENT]))
    def a_person_says_what_became_of_it(self, amount: int | None, ending: Ending) -> None:
        unknown = self.record.unknown()
        assert unknown is not None
        unknown.amount = self.record.ledger.money(amount) if amount else unknown.amount
        self.record.was_reset = True
        self.end(unknown, ending, payment(authorized=unknown.amount.amount_minor))

    @precondition(lambda self: self.record.life.state is HoldState.ADJUSTING)
    @rule(capture=st.booleans(), ending=ENDINGS.filter(lambda ending: ending is not None))
    def the_deadline_overtakes_an_adjust(self, ending: Ending, *, capture: bool) -> None:
        shown = payment(PaymentState.EXPIRED)
        if capture:
            total = self.record.ledger.remaining_minor
            command = Capture.model_validate({"amount": money(total), "command_id": "deadline"})
            self.ask(command, ending, shown)
        else:
            self.ask(Release(command_id="deadline"), ending, shown)

    @precondition(lambda self: self.record.life.state in {*RESTING, HoldState.ADJUSTING})
    @rule(odds=st.integers(0, 4))
    def the_hold_lapses(self, odds: int) -> None:
        if not odds:
            lapse(self.record)

    # What others do.

    @precondition(lambda self: self.record.life.state in RESTING)
    @rule(shown=SHOWN)
    def somebody_changes_the_hold(self, shown: Payment) -> None:
        note_external(self.record, shown, self.now)

    @precondition(lambda self: self.record.life.state in RESTING)
    @rule(shown=SHOWN)
    def a_person_acknowledges_what_is_shown(self, shown: Payment) -> None:
        adopt(self.record, self.record.external or shown)

    @rule(hours=st.integers(1, 200))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    # What is true after every step.

    @invariant()
    def the_money_adds_up(self) -> None:
        hold = self.record.hold()  # no part below zero, or it could not be shown
        parts = (hold.captured, hold.released, hold.expired, hold.remaining)
        assert hold.authorized.amount_minor == sum(part.amount_minor for part in parts)

    @invariant()
    def a_page_for_the_guest_is_shown_while_nothing_is_decided_and_no_longer(self) -> None:
        shown, state = self.record.hold().action, self.record.life.state
        assert (shown is not None) >= (state is HoldState.ACTION_REQUIRED)
        assert shown is None or state in {HoldState.ACTION_REQUIRED, HoldState.RELEASING}

    @invariant()
    def a_final_state_holds_nothing_and_is_named_for_what_happened(self) -> None:
        ledger, state = self.record.ledger, self.record.life.state
        if state not in FINAL_STATES:
            return
        assert ledger.remaining_minor == 0
        assert state is _named_for_what_happened(self.record)

    @invariant()
    def a_resting_hold_holds_something_and_has_a_step_ahead(self) -> None:
        record = self.record
        if record.life.state not in RESTING:
            return
        assert record.ledger.remaining_minor > 0
        is_partly = record.life.state is HoldState.PARTIALLY_CAPTURED
        assert is_partly is (record.ledger.captured_minor > 0)
        if record.external is None:
            assert next_step(record, self.now) is not None

    @invariant()
    def the_plan_can_be_shown_and_never_takes_more_than_is_held(self) -> None:
        steps = agenda(self.record, self.now)
        planned = sum(step.amount.amount_minor for step in steps if step.amount)
        assert planned in (0, self.record.ledger.remaining_minor, self.record.in_doubt_minor)
        ahead = [step.at for step in steps if step.kind != "look_up"]
        assert ahead == sorted(ahead)


def _named_for_what_happened(record: Record) -> HoldState:
    if record.ledger.captured_minor:
        return HoldState.CAPTURED
    if record.ledger.expired_minor:
        return HoldState.EXPIRED
    return HoldState.RELEASED if record.ledger.authorized_minor else HoldState.ABANDONED


TestOneHold = OneHold.TestCase
TestOneHold.settings = settings(max_examples=200, stateful_step_count=20, deadline=None)

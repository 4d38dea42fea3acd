"""Reservations at any point of their life, made as the workflow makes them: move by move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cardhold.hold import Card, HoldState, OperationKind
from cardhold.messages import Capture, HoldRequest, Instruction
from cardhold.money import Money
from domain.calls import Ending, Settled
from domain.capabilities import Capabilities
from domain.lifecycle import Event, Life
from domain.outcome import Payment, PaymentState
from domain.planner import Asked, operations
from domain.record import Entry, Record
from domain.settlement import settle

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HELD = 100_00
EVERYTHING = Capabilities(raises=True, lowers=True, captures_max=None)

#: A way to each state, by legal moves alone.
WAY: dict[HoldState, tuple[Event, ...]] = {
    HoldState.AUTHORIZING: (),
    HoldState.ACTION_REQUIRED: (Event.REQUIRE_ACTION,),
    HoldState.DECLINED: (Event.DECLINE,),
    HoldState.AUTHORIZED: (Event.APPROVE,),
    HoldState.ADJUSTING: (Event.APPROVE, Event.ADJUST),
    HoldState.CAPTURING: (Event.APPROVE, Event.CAPTURE),
    HoldState.RELEASING: (Event.APPROVE, Event.RELEASE),
    HoldState.PARTIALLY_CAPTURED: (Event.APPROVE, Event.CAPTURE, Event.STAND_PARTLY),
    HoldState.CAPTURED: (Event.APPROVE, Event.CAPTURE, Event.SETTLE),
    HoldState.RELEASED: (Event.APPROVE, Event.RELEASE, Event.FREE),
    HoldState.EXPIRED: (Event.APPROVE, Event.EXPIRE),
    HoldState.ABANDONED: (Event.ABANDON,),
}


def life_in(state: HoldState) -> Life:
    life = Life()
    for event in WAY[state]:
        life.move(event)
    return life


def usd(amount_minor: int) -> Money:
    return Money(amount_minor=amount_minor, currency="USD")


def request(**fields: Any) -> HoldRequest:
    return HoldRequest.model_validate(
        {
            "reservation_id": "RES-1001",
            "gateway": "payroc",
            "amount": {"amount_minor": HELD, "currency": "USD"},
            "payment_method": {"kind": "stored_token", "token": "2967530000000003"},
            **fields,
        }
    )


def payment(
    state: PaymentState = PaymentState.OPEN, authorized: int = HELD, captured: int = 0, **more: Any
) -> Payment:
    return Payment(
        payment_id="M2MJOG6O2Y",
        state=state,
        authorized=usd(authorized),
        captured=usd(captured),
        **more,
    )


def asked(command: Instruction, at: datetime = NOW) -> Asked:
    return Asked(command, command.command_id or command.name, at)


def starting(capabilities: Capabilities = EVERYTHING, **fields: Any) -> Record:
    """A reservation whose authorization is on its way."""
    record = Record.of(request(**fields), NOW)
    record.capabilities = capabilities
    entry = record.add(
        Entry(
            number=0,
            kind=OperationKind.AUTHORIZE,
            command_id="start",
            amount=record.request.amount.plain(),
            final=True,
            requested_at=NOW,
            send_by=NOW + timedelta(minutes=15),
        )
    )
    entry.sent_at = NOW
    return record


def held(
    capabilities: Capabilities = EVERYTHING, brand: str | None = None, **fields: Any
) -> Record:
    """A reservation whose money is held, since `NOW`."""
    record = starting(capabilities, **fields)
    card = Card(brand=brand) if brand else None
    settled = Settled(ending=Ending.DONE, payment=payment(card=card), reference="REF")
    settle(record, record.entries[0], settled, NOW)
    return record


def declined(**fields: Any) -> Record:
    record = starting(**fields)
    settle(record, record.entries[0], Settled(ending=Ending.DECLINED, detail="no funds"), NOW)
    return record


def begin(record: Record, command: Instruction, at: datetime = NOW) -> tuple[Entry, ...]:
    """Let an instruction's turn come: its operations, the first of them sent."""
    entries = tuple(record.add(entry) for entry in operations(record, asked(command, at)))
    if entries:
        send(record, entries[0], at)
    return entries


def send(record: Record, entry: Entry, at: datetime = NOW) -> None:
    entry.sent_at = at
    record.life.move(Event(entry.kind.value))


def done(record: Record, entry: Entry, shown: Payment | None = None, at: datetime = NOW) -> None:
    settle(record, entry, Settled(ending=Ending.DONE, payment=shown), at)


def partly_captured(amount_minor: int = 40_00) -> Record:
    """A reservation with a part captured and the rest still held."""
    record = held()
    part = {"amount_minor": amount_minor, "currency": "USD"}
    [entry] = begin(record, Capture.model_validate({"amount": part, "final": False}))
    done(record, entry)
    return record


def in_state(state: HoldState) -> Record:
    """A reservation of which nothing but the state matters."""
    record = held() if state not in {HoldState.AUTHORIZING, HoldState.DECLINED} else starting()
    record.life = life_in(state)
    return record

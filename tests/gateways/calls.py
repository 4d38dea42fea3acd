"""Calls as an activity makes them, for the tests of every adapter."""

from __future__ import annotations

from typing import Any

from cardhold.hold import OperationKind
from cardhold.messages import PaymentMethod
from cardhold.money import Money
from domain.calls import Call
from domain.keys import OperationName
from gateways.port import Named

STORED_TOKEN = "2967539876543210"
SINGLE_USE_TOKEN = "f00d" * 32


def usd(amount_minor: int) -> Money:
    return Money(amount_minor=amount_minor, currency="USD")


def stored(token: str = STORED_TOKEN) -> PaymentMethod:
    return PaymentMethod.model_validate({"kind": "stored_token", "token": token})


def single_use(token: str = SINGLE_USE_TOKEN) -> PaymentMethod:
    return PaymentMethod.model_validate({"kind": "single_use_token", "token": token})


def existing(payment_id: str) -> PaymentMethod:
    return PaymentMethod.model_validate({"kind": "existing_hold", "token": payment_id})


def named(
    kind: str, amount_minor: int = 100_00, *, command_id: str = "start", **more: Any
) -> Named:
    """A call of ``amount_minor`` US cents under the names that it would have."""
    fields: dict[str, Any] = {"held": usd(0), "captured": usd(0), **more}
    call = Call(
        account="payroc",
        workflow_id="reservation-RES-1",
        kind=OperationKind(kind),
        command_id=command_id,
        amount=usd(amount_minor),
        **fields,
    )
    name = OperationName("payroc", "simulated", call.workflow_id, kind, command_id)
    return Named(call, name.key(), name.reference())


def authorize(amount_minor: int = 100_00, **more: Any) -> Named:
    fields: dict[str, Any] = {"payment_method": stored(), **more}
    return named("authorize", amount_minor, **fields)


def follow_up(
    kind: str, amount_minor: int, *, payment_id: str, held_minor: int = 100_00, **more: Any
) -> Named:
    """A call on the hold that `authorize` has placed."""
    fields: dict[str, Any] = {
        "command_id": kind,
        "payment_id": payment_id,
        "reference": authorize().reference,
        "held": usd(held_minor),
        **more,
    }
    return named(kind, amount_minor, **fields)

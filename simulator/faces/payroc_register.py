"""Payroc's payments beside the money: who, what for, by which card, and when they settle."""

import hashlib
import string
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from pydantic import BaseModel

from simulator import chance
from simulator.faces.payroc_cards import Card
from simulator.faces.payroc_payments import Payment, Standing
from simulator.faces.payroc_problems import NOT_FOUND, Problem
from simulator.faces.payroc_requests import (
    Adjust,
    CreatePayment,
    CustomerItem,
    OrderItem,
    SignatureItem,
    Tip,
)
from simulator.ground import Ground
from simulator.ledger import Hold, State

GATEWAY = "payroc"

_KIND = "payroc.payment"
_ID_LETTERS = string.ascii_uppercase + string.digits
# "String of exactly 10": Payroc OpenAPI, 1.0.294.
_ID_LENGTH = 10
# "Retained 7 days": Payroc's idempotency page, 2026-07-02.
RETENTION = timedelta(days=7)


@dataclass(slots=True)
class Rules:
    """How Payroc is set up; may be changed while it runs.

    ``capture_margin_percent``: by how much a capture may exceed its hold (15 is what Payroc's
    Self-Care portal allows; its API publishes nothing). ``batch_close_at``: the time of day, UTC,
    at which all batches close; None leaves them to ``close-batch``. ``keeps_errors``: whether an
    answer of 5xx is what a key stands for from then on, as it is elsewhere; nothing is published.
    ``keeps_keys_for``: how long a key is known.
    """

    capture_margin_percent: int = 0
    batch_close_at: time | None = None
    keeps_errors: bool = False
    keeps_keys_for: timedelta = RETENTION


class Register:
    """Keeps the payments, by id and by order."""

    def __init__(self, ground: Ground, rules: Rules) -> None:
        self._bank = ground.bank
        self._store = ground.store
        self._rules = rules
        self._payments: dict[str, Payment] = {}
        self._of_order: dict[str, list[Payment]] = {}
        for _, json in ground.store.load(_KIND):
            self._index(Payment.model_validate_json(json))

    def get(self, payment_id: str) -> Payment | None:
        """A payment, if there is one."""
        return self._payments.get(payment_id)

    def find(self, payment_id: str) -> Payment:
        """A payment.

        Raises:
            Problem: 404.
        """
        payment = self.get(payment_id)
        if payment is None:
            raise Problem(NOT_FOUND, extra={"resource": "payment"})
        return payment

    def newest_first(self, order_id: str | None = None) -> Iterable[Payment]:
        """All payments, or those of one order."""
        if order_id is None:
            return reversed(self._payments.values())
        return reversed(self._of_order.get(order_id, []))

    def standing(self, payment: Payment) -> Standing:
        """Where a payment stands now."""
        undecided = self._bank.is_undecided(GATEWAY, payment.payment_id)
        hold = self._bank.hold(GATEWAY, payment.payment_id)
        settled_at = None if hold is None else self._settled_at(payment, hold)
        return Standing(hold, undecided, settled_at)

    def new(self, body: CreatePayment, card: Card, key: str) -> Payment:
        """Enter a new payment; ``keep`` writes it down."""
        payment = Payment(
            payment_id=self.fresh_id(),
            number=len(self._payments) + 1,
            terminal_id=body.processing_terminal_id,
            operator=body.operator,
            order_id=body.order.order_id,
            description=body.order.description,
            breakdown=echo(body.order.breakdown) if body.order.breakdown else None,
            created_at=self._bank.clock.now(),
            requested_minor=body.order.amount,
            currency=body.order.currency,
            card=card,
            customer=echo(body.customer) if body.customer else None,
            custom_fields=[echo(field) for field in body.custom_fields or []],
            approval_code=approval_code(key),
            settles_at_once=body.process_as_sale,
        )
        self._index(payment)
        return payment

    def describe(self, payment: Payment, body: Adjust) -> None:
        """Take over what an adjustment says beside amount and status."""
        for item in body.adjustments:
            if isinstance(item, CustomerItem):
                changed = item.model_dump(by_alias=True, exclude_none=True, exclude={"type"})
                payment.customer = {**(payment.customer or {}), **changed}
            elif isinstance(item, SignatureItem):
                payment.signature = item.cardholder_signature
            elif isinstance(item, OrderItem) and item.breakdown and item.breakdown.tip:
                payment.breakdown = _tipped(payment, item.amount, item.breakdown.tip)
        self.keep(payment, body.operator)

    def keep(self, payment: Payment, operator: str | None = None) -> None:
        """Write a payment down, with its latest operator."""
        payment.operator = operator or payment.operator
        self._store.put(_KIND, payment.payment_id, payment.model_dump_json())

    def fresh_id(self) -> str:
        """An id that no payment has."""
        while True:
            fresh = "".join(chance.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
            if fresh not in self._payments:
                return fresh

    def reset(self) -> None:
        """Forget all payments."""
        self._payments.clear()
        self._of_order.clear()
        self._store.clear(_KIND)

    def _index(self, payment: Payment) -> None:
        self._payments[payment.payment_id] = payment
        self._of_order.setdefault(payment.order_id, []).append(payment)

    def _settled_at(self, payment: Payment, hold: Hold) -> datetime | None:
        captured_at = hold.captured_at
        if captured_at is None or hold.state is not State.CAPTURED:
            return None
        if payment.settles_at_once:
            return captured_at
        closed_at = payment.batch_closed_at or self._cut_off_after(captured_at)
        return closed_at if closed_at and closed_at <= self._bank.clock.now() else None

    def _cut_off_after(self, moment: datetime) -> datetime | None:
        if self._rules.batch_close_at is None:
            return None
        cut_off = datetime.combine(moment.astimezone(UTC), self._rules.batch_close_at, UTC)
        return cut_off if cut_off > moment else cut_off + timedelta(days=1)


def approval_code(key: str) -> str:
    """The issuer's approval code: one for each operation, the same for the same key."""
    return f"OK{int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) % 100000}"


def _tipped(payment: Payment, amount_minor: int, tip: Tip) -> dict[str, object]:
    """The breakdown with a tip, which is part of the new total: the rest is the subtotal."""
    before = payment.breakdown or {"subtotal": max(0, amount_minor - (tip.amount or 0))}
    return {**before, "tip": {**echo(tip), "mode": "adjusted"}}


def echo(part: BaseModel) -> dict[str, object]:
    """What a request said, as answers show it."""
    return part.model_dump(by_alias=True, exclude_none=True)

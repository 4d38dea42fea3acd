"""Payroc's operations on payments: what each one checks, and what it makes the bank do.

Choices where Payroc publishes nothing (each is a place where a client has to look):

* a call that the payment's state does not allow is a 409 ``cannot-be-modified``, and so is any
  call while an earlier outcome is open;
* a capture of more than is held, like a reversal of more, is a 400 ``bad-request``; with
  ``capture_margin_percent`` a capture may exceed the hold by that much, which raises the hold;
* a capture frees what it does not take; a captured payment can neither be captured again, nor
  adjusted in amount, nor set back to pending;
* an adjustment does not lengthen the hold's life;
* what is given back from an open batch is a ``refund`` in the bank's books, as it was captured.
"""

from collections.abc import Callable
from typing import NamedTuple

from simulator.bank import Bank, Promise, in_seconds
from simulator.faces.payroc_payments import (
    DO_NOT_HONOR,
    Payment,
    RefundOf,
    Status,
    Verdict,
    decline_for,
    status_of,
)
from simulator.faces.payroc_problems import (
    CANNOT_BE_MODIFIED,
    CAPABILITIES_MISSING,
    Item,
    Problem,
    bad_request,
)
from simulator.faces.payroc_register import GATEWAY, Register, Rules, approval_code, echo
from simulator.faces.payroc_requests import (
    Adjust,
    Capture,
    CreatePayment,
    OrderItem,
    Refund,
    Reverse,
    SignatureItem,
    StatusItem,
    check_order,
)
from simulator.faces.payroc_tokens import SingleUseTokens
from simulator.faults import Armed, Fault
from simulator.ledger import Hold, Kind, State

# A terminal without pre-authorizations either refuses them, as the error in Payroc's
# documentation says, or runs them as pending sales. No published field tells those from holds,
# and they have to be captured all the same; so any terminal but the refusing one behaves so.
TERMINAL_REFUSING = "NOPREAUTH-REFUSE"
TERMINAL_PENDING_SALE = "NOPREAUTH-SALE"

# Asks for the verdict that is armed for the operation, and uses it up.
Ask = Callable[[], Armed | None]


class Told(NamedTuple):
    """What an operation answers: the payment, and the refusal that only this answer tells."""

    payment: Payment
    answer: Verdict | None = None


class Till:
    """Checks Payroc's operations and moves the money."""

    def __init__(
        self, bank: Bank, register: Register, tokens: SingleUseTokens, rules: Rules
    ) -> None:
        self._bank = bank
        self._register = register
        self._tokens = tokens
        self._rules = rules

    def create(self, body: CreatePayment, key: str, ask: Ask) -> Told:
        """``POST /payments``.

        Raises:
            Problem: Nothing was booked. A decline is not one: it is a payment.
        """
        check_order(body)
        is_sale = body.auto_capture or body.process_as_sale
        if body.processing_terminal_id == TERMINAL_REFUSING and not is_sale:
            text = "Processing terminal does not support pre-authorizations"
            item = Item("processingTerminalId", "Capability missing", text)
            raise Problem(CAPABILITIES_MISSING, item)
        card = self._tokens.check(body.payment_method)
        payment = self._register.new(body, card, key)
        self._tokens.use_up(body.payment_method)
        self._authorize(payment, key, ask(), is_sale=is_sale)
        self._register.keep(payment)
        return Told(payment)

    def adjust(self, payment_id: str, body: Adjust, key: str, ask: Ask) -> Told:
        """``POST /payments/{id}/adjust``: all items or none.

        Raises:
            Problem: Nothing was changed.
        """
        payment = self._register.find(payment_id)
        orders = [item for item in body.adjustments if isinstance(item, OrderItem)]
        statuses = [item for item in body.adjustments if isinstance(item, StatusItem)]
        signatures = [item for item in body.adjustments if isinstance(item, SignatureItem)]
        signed_twice = len(signatures) + (payment.signature is not None) > 1
        set_back = any(item.to_status == "pending" for item in statuses)
        if (signatures and signed_twice) or set_back:
            raise Problem(CANNOT_BE_MODIFIED)
        if orders or statuses:
            amount_minor = orders[-1].amount if orders else None
            declined = self._move(payment, amount_minor, key, ask, capture=bool(statuses))
            if declined is not None:
                return Told(payment, declined)
        self._register.describe(payment, body)
        return Told(payment)

    def capture(self, payment_id: str, body: Capture, key: str, ask: Ask) -> Told:
        """``POST /payments/{id}/capture``.

        Raises:
            Problem: Nothing was captured.
        """
        payment = self._register.find(payment_id)
        hold = self._open(payment)
        amount_minor = hold.open_minor if body.amount is None else body.amount
        _within(amount_minor, hold.open_minor * (100 + self._rules.capture_margin_percent) // 100)
        verdict = ask()
        if _declines(verdict):
            return Told(payment, DO_NOT_HONOR)
        if amount_minor > hold.open_minor:
            self._set_held(hold, amount_minor, key)
        self._take(payment, amount_minor, key, verdict)
        payment.breakdown = echo(body.breakdown) if body.breakdown else payment.breakdown
        self._register.keep(payment, body.operator)
        return Told(payment)

    def reverse(self, payment_id: str, body: Reverse, key: str, ask: Ask) -> Told:
        """``POST /payments/{id}/reverse``, in an open batch only.

        Raises:
            Problem: Nothing was reversed.
        """
        payment = self._register.find(payment_id)
        told = self._take_back(payment, body.amount, key, ask)
        self._register.keep(payment, body.operator)
        return told

    def refund(self, payment_id: str, body: Refund, key: str, ask: Ask) -> Told:
        """``POST /payments/{id}/refund``: in an open batch it reverses instead.

        Raises:
            Problem: Nothing was given back.
        """
        payment = self._register.find(payment_id)
        now = self._register.standing(payment)
        if now.hold is None or status_of(payment, now) is not Status.COMPLETE:
            told = self._take_back(payment, body.amount, key, ask)
            self._register.keep(payment, body.operator)
            return told
        _within(body.amount, _not_given_back(now.hold))
        self._bank.refund(GATEWAY, payment_id, amount_minor=body.amount, key=key)
        at = self._bank.clock.now()
        refund_id = self._register.fresh_id()
        payment.refunds.append(RefundOf(refund_id=refund_id, at=at, amount_minor=body.amount))
        self._register.keep(payment, body.operator)
        return Told(payment)

    def close_batch(self, terminal_id: str) -> None:
        """Settle what the terminal has captured."""
        for payment in self._register.newest_first():
            status = status_of(payment, self._register.standing(payment))
            if payment.terminal_id == terminal_id and status is Status.READY:
                payment.batch_closed_at = self._bank.clock.now()
                self._register.keep(payment)

    def _authorize(
        self, payment: Payment, key: str, verdict: Armed | None, *, is_sale: bool
    ) -> None:
        amount_minor = payment.requested_minor
        payment.decline = decline_for(amount_minor)
        if _declines(verdict):
            payment.decline = payment.decline or DO_NOT_HONOR
        if verdict is not None and verdict.fault is Fault.APPROVE_LESS:
            payment.partial = verdict.amount_minor < amount_minor
            amount_minor = min(amount_minor, verdict.amount_minor)
        approved = payment.decline is None
        if verdict is not None and verdict.fault is Fault.STAY_PENDING:
            promise = self._promise(payment, Kind.AUTHORIZE, amount_minor, key, verdict)
            promise.approved, promise.captured = approved and verdict.approves, is_sale
            self._bank.promise(promise)
            return
        (self._bank.authorize if approved else self._bank.decline)(
            gateway=GATEWAY,
            payment_id=payment.payment_id,
            reference=payment.order_id,
            currency=payment.currency,
            amount_minor=amount_minor,
            key=key,
        )
        if approved and is_sale:
            self._take(payment, amount_minor, key, None)

    def _move(
        self, payment: Payment, amount_minor: int | None, key: str, ask: Ask, *, capture: bool
    ) -> Verdict | None:
        """Set the amount, capture it, or both; gives the refusal if the issuer says no."""
        hold = self._open(payment)
        held_minor = hold.open_minor if amount_minor is None else amount_minor
        if held_minor == hold.open_minor and not capture:
            return None  # Nothing moves.
        declined = decline_for(held_minor) if held_minor > hold.open_minor else None
        verdict = ask()
        if _declines(verdict):
            return DO_NOT_HONOR
        if verdict is not None and not capture:
            promise = self._promise(payment, Kind.ADJUST, _total(hold, held_minor), key, verdict)
            promise.approved = declined is None and verdict.approves
            self._bank.promise(promise)
            return None
        if declined is not None:
            return declined
        self._set_held(hold, held_minor, key)
        payment.approval_code = approval_code(key)
        if capture:
            self._take(payment, held_minor, key, verdict)
        return None

    def _take(self, payment: Payment, amount_minor: int, key: str, verdict: Armed | None) -> None:
        """Capture, now or when the outcome is due; what is not taken is freed."""
        if verdict is not None:
            self._bank.promise(self._promise(payment, Kind.CAPTURE, amount_minor, key, verdict))
        else:
            place = payment.payment_id
            self._bank.capture(GATEWAY, place, amount_minor=amount_minor, key=key)

    def _take_back(self, payment: Payment, amount_minor: int | None, key: str, ask: Ask) -> Told:
        now = self._register.standing(payment)
        status = status_of(payment, now)
        if now.hold is None or status not in (Status.PENDING, Status.READY):
            raise Problem(CANNOT_BE_MODIFIED)
        held = status is Status.PENDING
        left_minor = now.hold.open_minor if held else _not_given_back(now.hold)
        amount_minor = left_minor if amount_minor is None else amount_minor
        _within(amount_minor, left_minor)
        verdict = ask()
        if _declines(verdict):
            return Told(payment, DO_NOT_HONOR)
        if not held:
            # Captured money goes back at once: only a hold's release can stay undecided here.
            self._bank.refund(GATEWAY, payment.payment_id, amount_minor=amount_minor, key=key)
            payment.reversed_minor += amount_minor
        elif verdict is not None:
            self._bank.promise(self._promise(payment, Kind.RELEASE, amount_minor, key, verdict))
        else:
            self._bank.release(GATEWAY, payment.payment_id, amount_minor=amount_minor, key=key)
        return Told(payment)

    def _promise(
        self, payment: Payment, kind: Kind, amount_minor: int, key: str, verdict: Armed
    ) -> Promise:
        return Promise(
            gateway=GATEWAY,
            payment_id=payment.payment_id,
            reference=payment.order_id,
            currency=payment.currency,
            kind=kind,
            amount_minor=amount_minor,
            key=key,
            at=in_seconds(self._bank.clock, verdict.resolve_after_s),
            approved=verdict.approves,
        )

    def _set_held(self, hold: Hold, held_minor: int, key: str) -> None:
        total_minor = _total(hold, held_minor)
        self._bank.adjust(GATEWAY, hold.payment_id, total_minor=total_minor, key=key)

    def _open(self, payment: Payment) -> Hold:
        """The payment's hold, which has to be open, with no outcome outstanding."""
        now = self._register.standing(payment)
        if now.hold is None or now.undecided or now.hold.state is not State.OPEN:
            raise Problem(CANNOT_BE_MODIFIED)
        return now.hold


def _declines(verdict: Armed | None) -> bool:
    return verdict is not None and verdict.fault is Fault.DECLINE


def _within(amount_minor: int, most_minor: int) -> None:
    if not 0 < amount_minor <= most_minor:
        raise bad_request("amount", "Invalid amount", "amount is more than the payment allows")


def _total(hold: Hold, held_minor: int) -> int:
    # The bank counts what was released before to the total; Payroc shows only what is held.
    return held_minor + hold.figures.authorized_minor - hold.open_minor


def _not_given_back(hold: Hold) -> int:
    return hold.figures.captured_minor - hold.figures.refunded_minor

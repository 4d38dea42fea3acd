"""SIBS's operations on transactions: what each one checks, and what it makes the bank do.

Sources: docs.pay.sibs.com ("Pre-authorized capture", "Capture", "Cancellation", read 2026): several
captures up to the authorised total; a cancellation gives back all or a part of what is not
captured. Choices where SIBS publishes nothing:

* a repeated ``merchantTransactionId`` is not recognized: a second capture succeeds if enough is
  left (the trap that SIBS's own pages on retries warn of);
* more than is left is a 400; nothing left, not held yet, or an earlier outcome still open is a
  409; on a hold that has lapsed captures and cancellations are Declined;
* a capture never frees what it does not take;
* after 3-D Secure the money is held as soon as the guest has passed; a second purchase call with
  ``actionProcessed`` is answered with how it stands by then, and moves nothing;
* an order without a hold is cancelled as a whole, and is dead afterwards: its signature opens
  nothing any more, and its status is Declined. A pending authorization cannot be cancelled (409).
"""

from collections.abc import Callable

from simulator.bank import Promise, in_seconds
from simulator.faces.sibs_answers import Status, conflict, invalid
from simulator.faces.sibs_register import GATEWAY, Ending, Order, Register, Step, Type
from simulator.faces.sibs_requests import FollowUp, Purchase, return_url_of
from simulator.faults import Armed, Fault
from simulator.ledger import Hold, Kind, State

# Asks for the verdict that is armed for the operation, and uses it up.
Ask = Callable[[], Armed | None]

_DECLINED = Ending(outcome=Status.DECLINED)


class Till:
    """Checks SIBS's operations and moves the money."""

    def __init__(self, register: Register) -> None:
        self._bank = register.bank
        self._register = register

    def purchase(self, order: Order, body: Purchase, ask: Ask) -> None:
        """``POST /payments/{id}/card/purchase`` and ``…/token/purchase``.

        Raises:
            Problem: Nothing was booked. A decline is not one.
        """
        if order.called_off or order.purchased is (body.action_processed is None):
            raise conflict("The order cannot be paid in its current state.")
        if body.action_processed is not None:
            return
        verdict = ask()
        order.purchased = True
        order.approves = not (body.is_declined or _is(verdict, Fault.DECLINE))
        order.return_url = return_url_of(body) or order.return_url
        self._register.keep_card(order, body)
        asked = body.is_challenged or _is(verdict, Fault.REQUIRE_ACTION)
        if asked and not order.by_merchant:
            self._register.challenge(order)
        elif verdict is not None and verdict.fault is Fault.STAY_PENDING:
            self._bank.promise(self._promise_of_hold(order, verdict))
        else:
            self._register.decide(order, approved=order.approves)
        self._register.keep(order)

    def capture(self, order: Order, body: FollowUp, ask: Ask) -> Step:
        """``POST /payments/{id}/capture``.

        Raises:
            Problem: Nothing was captured. A decline is not one: it is a transaction.
        """
        amount_minor = _asked(order, body)
        hold = self._held(order)
        verdict = self._verdict(hold, amount_minor, ask)
        if verdict is None:
            key = body.merchant.merchant_transaction_id
            place = order.transaction_id
            self._bank.capture(GATEWAY, place, amount_minor=amount_minor, key=key, final=False)
            return self._register.new_step(order, Type.CAPTURE, body)
        return self._later_or_never(order, Type.CAPTURE, body, verdict)

    def cancel(self, order: Order, body: FollowUp, ask: Ask) -> Step:
        """``POST /payments/{id}/cancellation``; never a refund.

        Raises:
            Problem: Nothing was freed. A decline is not one: it is a transaction.
        """
        amount_minor = _asked(order, body)
        if self._register.hold(order) is None:
            return self._call_off(order, body, amount_minor, ask)
        hold = self._held(order)
        verdict = self._verdict(hold, amount_minor, ask)
        if verdict is None:
            key = body.merchant.merchant_transaction_id
            self._bank.release(GATEWAY, order.transaction_id, amount_minor=amount_minor, key=key)
            return self._register.new_step(order, Type.CANCELLATION, body)
        return self._later_or_never(order, Type.CANCELLATION, body, verdict)

    def refund(self, order: Order, body: FollowUp) -> Step:
        """``POST /payments/{id}/refund``.

        Raises:
            Problem: Nothing was given back.
        """
        amount_minor = _asked(order, body)
        hold = self._register.hold(order)
        left = 0 if hold is None else hold.figures.captured_minor - hold.figures.refunded_minor
        if not left:
            raise conflict("Nothing was captured that could be given back.")
        _within(amount_minor, left)
        key = body.merchant.merchant_transaction_id
        self._bank.refund(GATEWAY, order.transaction_id, amount_minor=amount_minor, key=key)
        return self._register.new_step(order, Type.REFUND, body)

    def frees_a_part(self, order: Order, body: FollowUp) -> bool:
        """Whether a cancellation would lower the hold and leave something of it."""
        hold = self._register.hold(order)
        return hold is not None and body.transaction.amount.minor < hold.open_minor

    def _verdict(self, hold: Hold, amount_minor: int, ask: Ask) -> Armed | None:
        """What happens instead of the money's moving now, if anything."""
        if hold.figures.expired_minor:
            return Armed(GATEWAY, "*", Fault.DECLINE)
        if not hold.open_minor:
            raise conflict("Nothing of the authorisation is left.")
        _within(amount_minor, hold.open_minor)
        return ask()

    def _later_or_never(self, order: Order, type_: Type, body: FollowUp, verdict: Armed) -> Step:
        if verdict.fault is Fault.DECLINE:
            return self._register.new_step(order, type_, body, _DECLINED)
        promise = self._promise(
            order,
            Kind.CAPTURE if type_ is Type.CAPTURE else Kind.RELEASE,
            body.transaction.amount.minor,
            body.merchant.merchant_transaction_id,
            verdict,
        )
        self._bank.promise(promise)
        return self._register.new_step(order, type_, body, Ending(due_at=promise.at, promised=True))

    def _call_off(self, order: Order, body: FollowUp, amount_minor: int, ask: Ask) -> Step:
        """Cancel what was never held: unpaid, or with the guest."""
        undecided = self._bank.is_undecided(GATEWAY, order.transaction_id)
        if order.called_off or undecided:
            raise conflict("The order cannot be cancelled in its current state.")
        if amount_minor != order.amount_minor:
            raise invalid("transaction.amount.value: nothing is held, so all of it or nothing.")
        verdict = ask()
        if _is(verdict, Fault.DECLINE):
            return self._register.new_step(order, Type.CANCELLATION, body, _DECLINED)
        due_at = verdict and in_seconds(self._bank.clock, verdict.resolve_after_s)
        if verdict is not None and not verdict.approves:
            # Nothing will come of it, so nothing does meanwhile: the order can still be paid.
            ending = Ending(outcome=Status.DECLINED, due_at=due_at)
            return self._register.new_step(order, Type.CANCELLATION, body, ending)
        order.called_off = True
        self._register.challenges.call_off(order.transaction_id)
        self._register.keep(order)
        return self._register.new_step(order, Type.CANCELLATION, body, Ending(due_at=due_at))

    def _held(self, order: Order) -> Hold:
        """The hold that was made of an order, with no outcome outstanding."""
        hold = self._register.hold(order)
        undecided = self._bank.is_undecided(GATEWAY, order.transaction_id)
        if hold is None or undecided or hold.state is State.DECLINED:
            raise conflict("The authorisation does not allow it in its current state.")
        return hold

    def _promise_of_hold(self, order: Order, verdict: Armed) -> Promise:
        key = order.merchant_reference
        promise = self._promise(order, Kind.AUTHORIZE, order.amount_minor, key, verdict)
        promise.approved = order.approves and verdict.approves
        promise.captured = order.type is Type.PURS
        return promise

    def _promise(
        self, order: Order, kind: Kind, amount_minor: int, key: str, verdict: Armed
    ) -> Promise:
        return Promise(
            gateway=GATEWAY,
            payment_id=order.transaction_id,
            reference=order.merchant_reference,
            currency=order.currency,
            kind=kind,
            amount_minor=amount_minor,
            key=key,
            at=in_seconds(self._bank.clock, verdict.resolve_after_s),
            approved=verdict.approves,
            final=False,
        )


def _is(verdict: Armed | None, fault: Fault) -> bool:
    return verdict is not None and verdict.fault is fault


def _asked(order: Order, body: FollowUp) -> int:
    """The amount that a call names, in the order's currency."""
    amount = body.transaction.amount
    if amount.currency != order.currency:
        raise invalid("transaction.amount.currency is not the authorisation's.")
    return amount.minor


def _within(amount_minor: int, most_minor: int) -> None:
    if amount_minor > most_minor:
        raise invalid("transaction.amount.value is more than is left.")

"""xMoney's operations: what each one checks, and what it makes the bank do.

Nothing here recognizes a repeated request, as nothing published does: a second order with the same
``externalOrderId`` is a second hold (``force``, in one client's types, is ignored). Choices where
nothing is published:

* ``DELETE /transaction`` voids what is held and, as the refund guide has it, gives back what was
  captured; a void is of the whole hold; what waits for the guest or is not decided is a 422;
* ``DELETE /order`` calls off a payment that nothing is held for yet; of any other it does what
  ``DELETE /transaction`` does, as its documented ``reason`` is that of a refund;
* a capture of more than is held is a 400, a second one a 422; what it leaves is freed at once;
* an order is the merchant's own if its ``orderType`` is ``recurring`` or ``managed``, or if it has
  neither ``backUrl`` nor ``threeDSecureData``, so that no guest could be sent away and come back.
  No published field says it. Such an order is never sent to 3-D Secure: a fault or a card that
  would ask for it leaves it as it is. Nothing is billed a second time by itself;
* a capture or a void whose outcome is open is a 202 (in the documents' table, with no use told);
  an order is a 201 all the same. A refund is never put off.

What triggers what, by the last three digits of a card (its id, or its number if it was stored
here): 666 is declined; 839 is a soft decline (error 839) unless ``transactionOption`` has
``isSoftDecline`` ``yes``, then the guest is asked; 333 asks the guest (3-D Secure). By the amount,
as on xMoney's test system (docs.xmoney.com, "Testing scenarios", read 2026): 0.02 insufficient
funds, 0.03 bank time out (``uncertain``, then failed), 0.04 pending at bank (``uncertain``, then
held), 0.05 declined by bank, 0.06 rejected by processor. The guide's 0.07 and 0.08 are faults here
(garbage, delay), and its "3-D Secure over 25.00" is ``Rules.challenge_over_major``.
"""

from collections.abc import Callable
from decimal import Decimal

from simulator.bank import Promise, in_seconds
from simulator.challenges import Challenge, Challenges
from simulator.decimals import major_of
from simulator.faces.xmoney_amounts import minor_of, text_of
from simulator.faces.xmoney_answers import (
    REFUSED_BY_BANK,
    SOFT_DECLINE,
    Answer,
    invalid,
    not_allowed,
    not_found,
    refused,
)
from simulator.faces.xmoney_payments import (
    Payment,
    Phase,
    Refusal,
    Rules,
    Standing,
    Status,
    status_of,
)
from simulator.faces.xmoney_register import GATEWAY, Register
from simulator.faces.xmoney_requests import Capture, CreateOrder, Undo
from simulator.faces.xmoney_wallet import CHALLENGED, DECLINED, SOFT_DECLINED, Wallet
from simulator.faults import Armed, Fault
from simulator.ground import Ground
from simulator.ledger import Hold, Kind, State

BY_BANK = Refusal(code=REFUSED_BY_BANK, reason="Declined by Bank")
SOFTLY = Refusal(code=SOFT_DECLINE, reason="Soft decline")
_NOT_AUTHENTICATED = Refusal(code=REFUSED_BY_BANK, reason="3D Secure authentication failed")
# Amounts of xMoney's test system, in major units of any currency that has them.
_REFUSED_AMOUNTS = {
    Decimal("0.02"): Refusal(code=51, reason="Insufficient funds"),
    Decimal("0.03"): Refusal(code=91, reason="Bank time out"),
    Decimal("0.05"): BY_BANK,
    Decimal("0.06"): Refusal(code=96, reason="Rejected by Processor"),
}
_PENDING_AMOUNTS = (Decimal("0.03"), Decimal("0.04"))
# How long such an amount stays undecided: as long as the fault of that name does.
_PENDING_S = 60.0

# Asks for the verdict that is armed for the operation, and uses it up.
Ask = Callable[[], Armed | None]


class Till:
    """Checks xMoney's operations and moves the money."""

    def __init__(self, ground: Ground, register: Register, wallet: Wallet, rules: Rules) -> None:
        self._ground = ground
        self._bank = ground.bank
        self._register = register
        self._wallet = wallet
        self._rules = rules
        self.challenges = Challenges(ground, GATEWAY, self._authenticated)

    def standing(self, payment: Payment) -> Standing:
        """Where a payment stands now."""
        self.challenges.of(payment.place)  # It may have lapsed, which decides the payment.
        undecided = self._bank.is_undecided(GATEWAY, payment.place)
        return Standing(self._bank.hold(GATEWAY, payment.place), undecided)

    def status(self, payment: Payment) -> Status:
        """The transaction's status now."""
        return status_of(payment, self.standing(payment), self._rules)

    def enter(self, body: CreateOrder) -> Payment:
        """Take an order in; nobody is asked yet.

        Raises:
            Problem: 400; there is no order.
        """
        if "credit" in (body.order_type, body.card_transaction_mode):
            raise invalid("orderType", "Credits are not simulated")
        if body.transaction_method != "card":
            raise invalid("transactionMethod", "Only cards are simulated")
        amount_minor = minor_of(body.amount, body.currency)
        if amount_minor is None:
            raise invalid("amount", "amount is not one of this currency")
        card = self._wallet.pays(body)
        with self._ground.store.transaction():
            payment = self._register.new(body, amount_minor, card, self._bank.clock.now())
            if body.card_number is not None and body.save_card in ("true", "1"):
                self._wallet.store_for(payment.customer_id, payment.order_id, card)
                self._register.keep(payment)
        return payment

    def authorize(self, payment: Payment, body: CreateOrder, ask: Ask) -> Challenge | None:
        """Ask the guest (the challenge is the answer) or the bank.

        Raises:
            Problem: The order was called off meanwhile, or forgotten; nothing is held.
        """
        if not self._register.has(payment):
            raise not_found("Order")
        if payment.phase is not Phase.START:
            raise not_allowed("The order was cancelled")
        verdict = ask()
        with self._ground.store.transaction():
            payment.phase = Phase.ASKED
            payment.refusal = self._refusal(payment, body, verdict)
            challenge = None
            if payment.refusal != SOFTLY and self._has_to_ask(payment, body, verdict):
                challenge = self._challenge(payment)
            else:
                if verdict is not None and not verdict.approves:
                    payment.refusal = payment.refusal or BY_BANK
                self._decide(payment, _pending_s(payment, verdict))
            self._register.keep(payment)
        return challenge

    def capture(self, payment: Payment, body: Capture, ask: Ask) -> Answer:
        """``PUT /transaction/{id}``: once, up to what is held; the rest is freed.

        Raises:
            Problem: Nothing was captured.
        """
        hold = self._open(payment)
        amount_minor = minor_of(body.amount, payment.currency)
        if amount_minor is None or amount_minor > hold.open_minor:
            raise invalid("amount", "amount is more than the transaction holds, or no amount")
        key = f"{payment.place}:capture"
        verdict = ask()
        if verdict is None:
            self._bank.capture(GATEWAY, payment.place, amount_minor=amount_minor, key=key)
            return Answer(200)
        return self._put_off(payment, Kind.CAPTURE, amount_minor, key, verdict)

    def undo(self, payment: Payment, body: Undo, ask: Ask) -> Answer:
        """``DELETE /transaction/{id}``: voids what is held, gives back what was captured.

        Raises:
            Problem: Nothing was undone.
        """
        now = self.standing(payment)
        if now.hold is not None and not now.undecided:
            if now.hold.state is State.OPEN:
                return self._void(payment, now.hold, body, ask)
            if now.hold.state is State.CAPTURED:
                return self._give_back(payment, now.hold, body)
        raise not_allowed("The transaction cannot be undone in its present status")

    def cancel(self, payment: Payment, body: Undo, ask: Ask) -> Answer:
        """``DELETE /order/{id}``.

        Raises:
            Problem: Nothing was cancelled.
        """
        if self.status(payment) not in (Status.START, Status.THREE_D_PENDING):
            return self.undo(payment, body, ask)
        with self._ground.store.transaction():
            self.challenges.call_off(payment.place)
            payment.phase = Phase.CALLED_OFF
            # Whatever the issuer would have said, it was not asked.
            payment.refusal = None
            self._register.keep(payment)
        return Answer(200)

    # How an authorization is decided.

    def _refusal(
        self, payment: Payment, body: CreateOrder, verdict: Armed | None
    ) -> Refusal | None:
        if verdict is not None and verdict.fault is Fault.DECLINE:
            return BY_BANK
        match payment.card.last4[-3:]:
            case ending if ending == DECLINED:
                return BY_BANK
            case ending if ending == SOFT_DECLINED and not body.insists:
                return SOFTLY
            case _:
                return _REFUSED_AMOUNTS.get(_major(payment))

    def _has_to_ask(self, payment: Payment, body: CreateOrder, verdict: Armed | None) -> bool:
        if body.is_the_merchants:
            return False
        limit = self._rules.challenge_over_major
        return (
            (verdict is not None and verdict.fault is Fault.REQUIRE_ACTION)
            or payment.card.last4[-3:] in (CHALLENGED, SOFT_DECLINED)
            or (limit is not None and _major(payment) > limit)
        )

    def _challenge(self, payment: Payment) -> Challenge:
        amount = f"{text_of(payment.requested_minor, payment.currency)} {payment.currency}"
        return self.challenges.open(payment.place, return_url=payment.back_url, amount=amount)

    def _authenticated(self, place: str, passed: bool) -> None:  # noqa: FBT001 - as `Challenges` tells it.
        payment = self._register.transaction(place)
        if not passed:
            payment.refusal = _NOT_AUTHENTICATED
        self._decide(payment, _pending_s(payment, None))
        self._register.keep(payment)

    def _decide(self, payment: Payment, pending_s: float | None) -> None:
        """Make the bank hold, decline, or think about it."""
        approved = payment.refusal is None
        if pending_s is not None:
            promise = self._promise(
                payment, Kind.AUTHORIZE, payment.requested_minor, payment.key, pending_s
            )
            promise.approved, promise.captured = approved, payment.is_sale
            self._bank.promise(promise)
            return
        (self._bank.authorize if approved else self._bank.decline)(
            gateway=GATEWAY,
            payment_id=payment.place,
            reference=payment.external_order_id,
            currency=payment.currency,
            amount_minor=payment.requested_minor,
            key=payment.key,
        )
        if approved and payment.is_sale:
            amount_minor = payment.requested_minor
            self._bank.capture(GATEWAY, payment.place, amount_minor=amount_minor, key=payment.key)

    # How a hold ends.

    def _open(self, payment: Payment) -> Hold:
        now = self.standing(payment)
        if now.hold is None or now.undecided or now.hold.state is not State.OPEN:
            raise not_allowed("The transaction is not in a status that can be captured")
        return now.hold

    def _void(self, payment: Payment, hold: Hold, body: Undo, ask: Ask) -> Answer:
        wanted = hold.open_minor if body.amount is None else minor_of(body.amount, hold.currency)
        if wanted != hold.open_minor:
            raise invalid("amount", "A hold is voided as a whole")
        key = f"{payment.place}:release"
        verdict = ask()
        if verdict is None:
            self._bank.release(GATEWAY, payment.place, key=key)
            return Answer(200)
        return self._put_off(payment, Kind.RELEASE, hold.open_minor, key, verdict)

    def _give_back(self, payment: Payment, hold: Hold, body: Undo) -> Answer:
        left_minor = hold.figures.captured_minor - hold.figures.refunded_minor
        if left_minor == 0:
            raise not_allowed("The transaction was given back already")
        amount_minor = (
            left_minor if body.amount is None else minor_of(body.amount, payment.currency)
        )
        if amount_minor is None or amount_minor > left_minor:
            raise invalid("amount", "amount is more than is left of the transaction, or no amount")
        # Every refund is a movement of its own: none is recognized as a repeated one.
        number = sum(effect.kind is Kind.REFUND for effect in hold.effects) + 1
        key = f"{payment.place}:refund:{number}"
        self._bank.refund(GATEWAY, payment.place, amount_minor=amount_minor, key=key)
        return Answer(200)

    def _put_off(
        self, payment: Payment, kind: Kind, amount_minor: int, key: str, verdict: Armed
    ) -> Answer:
        if verdict.fault is Fault.DECLINE:
            return refused(BY_BANK.code, BY_BANK.reason)
        promise = self._promise(payment, kind, amount_minor, key, verdict.resolve_after_s)
        promise.approved = verdict.approves
        self._bank.promise(promise)
        return Answer(202)

    def _promise(
        self, payment: Payment, kind: Kind, amount_minor: int, key: str, seconds: float
    ) -> Promise:
        return Promise(
            gateway=GATEWAY,
            payment_id=payment.place,
            reference=payment.external_order_id,
            currency=payment.currency,
            kind=kind,
            amount_minor=amount_minor,
            key=key,
            at=in_seconds(self._bank.clock, seconds),
        )


def _major(payment: Payment) -> Decimal:
    return major_of(payment.requested_minor, payment.currency)


def _pending_s(payment: Payment, verdict: Armed | None) -> float | None:
    """How long the bank thinks about an authorization; None if it answers at once."""
    if verdict is not None and verdict.fault is Fault.STAY_PENDING:
        return verdict.resolve_after_s
    return _PENDING_S if _major(payment) in _PENDING_AMOUNTS else None

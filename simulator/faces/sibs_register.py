"""SIBS's transactions beside the money: orders, and what followed them, each with its own id.

Choices where SIBS publishes nothing, taken so that a client has to be careful:

* the status of an authorization says how the authorization ended, for ever: captures,
  cancellations and the hold's lapse are seen in their own transactions, or not at all;
* several transactions may carry one ``merchantTransactionId``: asked by it, SIBS shows the latest
  of those that succeeded, else the latest;
* a card's ``token`` is shown by the purchase and by the status, once the payment has succeeded,
  under that name (v2 documents, clients; a table calls it ``tokenResponse``);
* while the guest is asked, the status shows the ``actionResponse`` too
  (``Rules.status_shows_action``).
"""

import string
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from simulator import chance
from simulator.challenges import Challenges, ChallengeState
from simulator.decimals import plain
from simulator.faces.sibs_amounts import value_of
from simulator.faces.sibs_answers import Status, conflict, not_found
from simulator.faces.sibs_requests import CreateOrder, FollowUp, Purchase, return_url_of
from simulator.ground import Ground
from simulator.ledger import Hold, Kind, State

GATEWAY = "sibs"

_ORDER = "sibs.order"
_STEP = "sibs.step"
# The ids of SIBS's samples are like this: "RW5vBMHj4RhQWFRc0GvS".
_ID_LETTERS = string.ascii_letters + string.digits
_ID_LENGTH = 20


class Type(StrEnum):
    """What a transaction is; ``AUTH`` and ``PURS`` are SIBS's words for orders."""

    AUTH = "AUTH"
    PURS = "PURS"
    CAPTURE = "CAPTURE"
    CANCELLATION = "CANCELLATION"
    REFUND = "REFUND"


@dataclass(slots=True)
class Rules:
    """Where SIBS's documents contradict each other or say nothing; may be changed while it runs.

    ``finds_references``: the v1 swagger has a status query by ``merchantTransactionId``, the v2
    documents call the transaction's id the only identifier (then such a query is a 400).
    ``status_shows_action``: see this module.
    """

    finds_references: bool = True
    status_shows_action: bool = True


class Transaction(BaseModel):
    """What all transactions have. ``number`` counts them in order of creation."""

    transaction_id: str
    number: int
    type: Type
    terminal_id: str
    merchant_reference: str
    amount_minor: int
    currency: str
    merchant_time: str
    created_at: datetime


class Token(BaseModel):
    """A card that was kept; never more of its number than the end. ``expires_at`` is its own."""

    value: str
    last4: str
    expires_at: str

    def shown(self) -> dict[str, object]:
        """The token as answers show it."""
        return {
            "tokenName": f"Card {self.last4}",
            "tokenType": "Card",
            "value": self.value,
            "maskedPAN": f"************{self.last4}",
            "expireDate": self.expires_at,
        }


class Order(Transaction):
    """An order; its id is also that of the hold that a purchase makes of it.

    ``approves`` is what the issuer will say; ``called_off``: cancelled before anything was held;
    ``token`` is that of the card it was paid with, if it was asked for, good once it is paid.
    """

    kind: ClassVar[str] = _ORDER

    signature: str
    by_merchant: bool
    return_url: str | None
    keeps_card: bool = False
    token: Token | None = None
    purchased: bool = False
    called_off: bool = False
    approves: bool = True


class Ending(BaseModel):
    """How a step ends. Until ``due_at`` it is shown as not decided.

    With ``promised`` the bank decides then; else ``outcome`` is how it ended.
    """

    model_config = ConfigDict(frozen=True)

    outcome: Status = Status.SUCCESS
    due_at: datetime | None = None
    promised: bool = False


DONE = Ending()


class Step(Transaction):
    """A capture, cancellation or refund."""

    kind: ClassVar[str] = _STEP

    order_id: str
    ending: Ending


# What an undecided transaction shows: each of SIBS's three words for it has its place.
_UNDECIDED = {Type.CAPTURE: Status.IN_PROCESSING, Type.CANCELLATION: Status.TIMEOUT}
_EFFECTS = {Type.CAPTURE: Kind.CAPTURE, Type.CANCELLATION: Kind.RELEASE}


class Register:
    """Keeps the transactions and says how each of them stands."""

    def __init__(self, ground: Ground) -> None:
        self.bank = ground.bank
        self._store = ground.store
        self.challenges = Challenges(ground, GATEWAY, self._answered)
        self._orders: dict[str, Order] = {}
        self._steps: dict[str, Step] = {}
        self._of_reference: dict[str, list[Order | Step]] = {}
        for _, json in ground.store.load(_ORDER):
            self._index(Order.model_validate_json(json))
        for _, json in ground.store.load(_STEP):
            self._index(Step.model_validate_json(json))

    # What is there.

    def get(self, transaction_id: str) -> Order | Step | None:
        """A transaction, if there is one."""
        return self._orders.get(transaction_id) or self._steps.get(transaction_id)

    def find(self, transaction_id: str) -> Order | Step:
        """A transaction.

        Raises:
            Problem: 404.
        """
        found = self.get(transaction_id)
        if found is None:
            raise not_found()
        return found

    def order_of(self, transaction_id: str, *, for_refund: bool = False) -> Order:
        """The order that a call is about; a refund may name one of its captures instead.

        Raises:
            Problem: 404, or 409 for what only follows an order.
        """
        found = self.find(transaction_id)
        if isinstance(found, Order):
            return found
        if not (for_refund and found.type is Type.CAPTURE):
            raise conflict("The transaction is no authorisation or purchase.")
        return self._orders[found.order_id]

    def of_reference(self, merchant_reference: str) -> Order | Step:
        """The transaction that a status query by ``merchantTransactionId`` shows.

        Raises:
            Problem: 404.
        """
        found = sorted(self._of_reference.get(merchant_reference, []), key=lambda tx: tx.number)
        done = [tx for tx in found if self.status(tx) is Status.SUCCESS]
        for transaction in reversed(done or found):
            return transaction
        raise not_found()

    def hold(self, order: Order) -> Hold | None:
        """The bank's hold behind an order; a challenge that lapsed meanwhile has declined it."""
        self.challenges.of(order.transaction_id)
        return self.bank.hold(GATEWAY, order.transaction_id)

    def status(self, transaction: Order | Step) -> Status:
        """How a transaction stands now."""
        if isinstance(transaction, Step):
            return self._status_of_step(transaction)
        return self._status_of_order(transaction)

    # What is written down.

    def new_order(self, body: CreateOrder) -> Order:
        """Enter an order; nothing is held by it."""
        order = Order(
            **self._head(body, Type(body.transaction.payment_type), None),
            signature=chance.url_token(48),
            by_merchant=body.merchant_initiated_transaction is not None,
            return_url=return_url_of(body),
            keeps_card=body.keeps_card,
        )
        self._index(order)
        self.keep(order)
        return order

    def new_step(self, order: Order, type_: Type, body: FollowUp, ending: Ending = DONE) -> Step:
        """Enter what followed an order."""
        step = Step(
            **self._head(body, type_, order),
            order_id=order.transaction_id,
            ending=ending,
        )
        self._index(step)
        self.keep(step)
        return step

    def keep(self, transaction: Order | Step) -> None:
        """Write a transaction down."""
        name = transaction.transaction_id
        self._store.put(transaction.kind, name, transaction.model_dump_json())

    def challenge(self, order: Order) -> None:
        """Ask the guest."""
        amount = f"{plain(value_of(order.amount_minor, order.currency))} {order.currency}"
        self.challenges.open(order.transaction_id, return_url=order.return_url, amount=amount)

    def keep_card(self, order: Order, body: Purchase) -> None:
        """Draw the token of a card, if order or purchase asks for one; paid by token, none."""
        card = body.card_info
        if card is not None and (order.keeps_card or card.create_token):
            # Hexadecimal digits alone spell no trigger.
            order.token = Token(
                value=chance.hex_token(16), last4=card.pan[-4:], expires_at=card.validation_date
            )

    def decide(self, order: Order, *, approved: bool) -> None:
        """Let the bank block the money, or the issuer refuse; a purchase is captured at once."""
        (self.bank.authorize if approved else self.bank.decline)(
            gateway=GATEWAY,
            payment_id=order.transaction_id,
            reference=order.merchant_reference,
            currency=order.currency,
            amount_minor=order.amount_minor,
            key=order.merchant_reference,
        )
        if approved and order.type is Type.PURS:
            amount_minor, key = order.amount_minor, order.merchant_reference
            self.bank.capture(GATEWAY, order.transaction_id, amount_minor=amount_minor, key=key)

    def reset(self) -> None:
        """Forget all transactions and challenges."""
        self._orders.clear()
        self._steps.clear()
        self._of_reference.clear()
        self._store.clear(_ORDER)
        self._store.clear(_STEP)
        self.challenges.reset()

    # How it stands.

    def _status_of_order(self, order: Order) -> Status:
        hold = self.hold(order)
        if order.called_off:
            return Status.DECLINED
        if hold is not None:
            return Status.DECLINED if hold.state is State.DECLINED else Status.SUCCESS
        challenge = self.challenges.of(order.transaction_id)
        if challenge is not None and challenge.state is ChallengeState.OPEN:
            return Status.PARTIAL
        return Status.PENDING

    def _status_of_step(self, step: Step) -> Status:
        ending = step.ending
        if ending.due_at is not None and self.bank.clock.now() < ending.due_at:
            return _UNDECIDED[step.type]
        if not ending.promised:
            return ending.outcome
        # The bank kept its promise, unless the issuer refused or the hold lapsed before.
        hold = self.bank.hold(GATEWAY, step.order_id)
        due = (_EFFECTS[step.type], step.merchant_reference, ending.due_at)
        effects = hold.effects if hold else []
        kept = any((effect.kind, effect.key, effect.at) == due for effect in effects)
        return Status.SUCCESS if kept else Status.DECLINED

    def _answered(self, order_id: str, passed: bool) -> None:  # noqa: FBT001 - as it is called.
        order = self._orders[order_id]
        self.decide(order, approved=passed and order.approves)

    # How it is kept.

    def _head(
        self, body: CreateOrder | FollowUp, type_: Type, order: Order | None
    ) -> dict[str, Any]:
        amount = body.transaction.amount
        terminal_id = body.merchant.terminal_id or (order and order.terminal_id)
        return {
            "transaction_id": "".join(chance.choice(_ID_LETTERS) for _ in range(_ID_LENGTH)),
            "number": len(self._orders) + len(self._steps),
            "type": type_,
            "terminal_id": terminal_id,
            "merchant_reference": body.merchant.merchant_transaction_id,
            "amount_minor": amount.minor,
            "currency": amount.currency,
            "merchant_time": body.transaction.transaction_timestamp,
            "created_at": self.bank.clock.now(),
        }

    def _index(self, transaction: Order | Step) -> None:
        if isinstance(transaction, Order):
            self._orders[transaction.transaction_id] = transaction
        else:
            self._steps[transaction.transaction_id] = transaction
        self._of_reference.setdefault(transaction.merchant_reference, []).append(transaction)

"""xMoney's orders beside the money, by id and by the merchant's reference."""

from collections.abc import Iterable
from datetime import datetime

from simulator import chance
from simulator.faces.xmoney_answers import not_found
from simulator.faces.xmoney_payments import CardShown, Payment, Phase
from simulator.faces.xmoney_requests import CreateOrder
from simulator.faces.xmoney_wallet import ID_MAX, ID_MIN, SITE
from simulator.store import Store

GATEWAY = "xmoney"

_KIND = "xmoney.payment"


class Register:
    """Keeps the payments: an order and its transaction are one entry with two ids."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._of_transaction: dict[int, Payment] = {}
        self._of_order: dict[int, Payment] = {}
        for _, json in store.load(_KIND):
            payment = Payment.model_validate_json(json)
            if payment.phase is Phase.START:
                # The process ended before the bank was asked: nothing was or will be held.
                payment.phase = Phase.CALLED_OFF
            self._index(payment)

    def transaction(self, transaction_id: str) -> Payment:
        """The payment of a transaction.

        Raises:
            Problem: 404.
        """
        return _found(self._of_transaction, transaction_id, "Transaction")

    def order(self, order_id: str) -> Payment:
        """The payment of an order.

        Raises:
            Problem: 404.
        """
        return _found(self._of_order, order_id, "Order")

    def has(self, payment: Payment) -> bool:
        """Whether it is still there; a reset forgets all of them."""
        return self._of_transaction.get(payment.transaction_id) is payment

    def oldest_first(self) -> Iterable[Payment]:
        """All payments."""
        return self._of_transaction.values()

    def new(self, body: CreateOrder, amount_minor: int, card: CardShown, at: datetime) -> Payment:
        """Enter a payment that nobody was asked about yet."""
        payment = Payment(
            order_id=_fresh(self._of_order),
            transaction_id=_fresh(self._of_transaction),
            number=len(self._of_transaction) + 1,
            customer_id=int(body.customer_id),
            site_id=int(body.site_id or SITE),
            external_order_id=body.external_order_id or "",
            order_type=body.order_type,
            description=body.description or "",
            currency=body.currency,
            requested_minor=amount_minor,
            is_sale=body.is_sale,
            back_url=body.back_url,
            ip=body.ip,
            external_custom_data=body.external_custom_data,
            card=card,
            created_at=at,
        )
        self._index(payment)
        self.keep(payment)
        return payment

    def keep(self, payment: Payment) -> None:
        """Write a payment down."""
        self._store.put(_KIND, payment.place, payment.model_dump_json())

    def reset(self) -> None:
        """Forget all payments."""
        self._of_transaction.clear()
        self._of_order.clear()
        self._store.clear(_KIND)

    def _index(self, payment: Payment) -> None:
        self._of_transaction[payment.transaction_id] = payment
        self._of_order[payment.order_id] = payment


def _found(payments: dict[int, Payment], text: str, what: str) -> Payment:
    payment = payments.get(int(text)) if text.isascii() and text.isdecimal() else None
    if payment is None:
        raise not_found(what)
    return payment


def _fresh(taken: dict[int, Payment]) -> int:
    while True:
        fresh = ID_MIN + chance.below(ID_MAX - ID_MIN)
        if fresh not in taken:
            return fresh

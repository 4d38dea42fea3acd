"""xMoney's customers and their stored cards: enough for a client to store a card and to find it.

A card's number comes in, its kind and its last four digits stay; the rest is never written down.
Any card id is good for a payment, also one that was never stored here, except one that was
deleted. Choices: an identifier belongs to one customer (a second one with it is a 400); a card's
id, drawn by chance, never ends in digits that trigger something.
"""

from datetime import datetime

from pydantic import BaseModel

from simulator import chance
from simulator.clock import BankClock
from simulator.faces.xmoney_answers import invalid, not_found
from simulator.faces.xmoney_payments import CardShown
from simulator.faces.xmoney_requests import ChangedCustomer, CreateOrder, NewCustomer
from simulator.store import Store

_CUSTOMER = "xmoney.customer"
_CARD = "xmoney.card"
# What ids look like is not published but "integer": nine digits are short of any card's number.
ID_MIN, ID_MAX = 100_000_000, 999_999_999
# A merchant's only site, where a request names none.
SITE = "1"
# What a card's last three digits bring about; see `xmoney_till`.
DECLINED, SOFT_DECLINED, CHALLENGED = "666", "839", "333"
_HEADS = (("34", "amex"), ("37", "amex"), ("4", "visa"), ("5", "mastercard"), ("2", "mastercard"))


class Customer(BaseModel):
    """A customer, and what else was said of them."""

    customer_id: int
    site_id: int
    identifier: str
    email: str
    told: dict[str, str]
    created_at: datetime

    def shown(self) -> dict[str, object]:
        """The customer object."""
        return {
            "id": self.customer_id,
            "siteId": self.site_id,
            "identifier": self.identifier,
            "email": self.email,
            **self.told,
            "creationDate": self.created_at.isoformat(timespec="seconds"),
            "creationTimestamp": int(self.created_at.timestamp()),
        }


class StoredCard(BaseModel):
    """A card that was stored for a customer."""

    customer_id: int
    order_id: int
    card: CardShown
    deleted: bool = False

    def shown(self) -> dict[str, object]:
        """The card object."""
        month, _, year = (self.card.expiry_date or "/").partition("/")
        return {
            "id": self.card.card_id,
            "customerId": self.customer_id,
            "type": self.card.type,
            "cardNumber": self.card.masked,
            "expiryMonth": month,
            "expiryYear": year,
            "nameOnCard": self.card.holder_name,
            "hasToken": True,
            "cardStatus": "deleted" if self.deleted else "active",
        }


class Wallet:
    """Keeps customers and cards."""

    def __init__(self, store: Store, clock: BankClock) -> None:
        self._store = store
        self._clock = clock
        customers = [Customer.model_validate_json(json) for _, json in store.load(_CUSTOMER)]
        self._customers = {customer.customer_id: customer for customer in customers}
        self._cards: dict[int, StoredCard] = {}
        for name, json in store.load(_CARD):
            self._cards[int(name)] = StoredCard.model_validate_json(json)

    def enlist(self, body: NewCustomer) -> Customer:
        """Enter a customer.

        Raises:
            Problem: 400 for an identifier that is taken.
        """
        self._check_free(body.identifier)
        customer = Customer(
            customer_id=_fresh(self._customers),
            site_id=int(body.site_id or SITE),
            identifier=body.identifier,
            email=body.email,
            told=body.told,
            created_at=self._clock.now(),
        )
        self._enter(customer)
        return customer

    def change(self, customer_id: int, body: ChangedCustomer) -> Customer:
        """Change what is said of a customer.

        Raises:
            Problem: 404, or 400 for an identifier that is taken.
        """
        customer = self.customer(customer_id)
        if body.identifier not in (None, customer.identifier):
            self._check_free(body.identifier)
        customer.identifier = body.identifier or customer.identifier
        customer.email = body.email or customer.email
        customer.told |= body.told
        self._enter(customer)
        return customer

    def dismiss(self, customer_id: int) -> None:
        """Forget a customer; payments and cards keep the number.

        Raises:
            Problem: 404.
        """
        self.customer(customer_id)
        del self._customers[customer_id]
        self._store.drop(_CUSTOMER, str(customer_id))

    def customers(self) -> list[Customer]:
        """All customers, oldest first."""
        return list(self._customers.values())

    def customer(self, customer_id: int) -> Customer:
        """A customer.

        Raises:
            Problem: 404.
        """
        customer = self._customers.get(customer_id)
        if customer is None:
            raise not_found("Customer")
        return customer

    def cards_of(self, customer_id: int) -> list[StoredCard]:
        """All cards of a customer, deleted ones included, oldest first."""
        return [card for card in self._cards.values() if card.customer_id == customer_id]

    def card(self, card_id: int) -> StoredCard:
        """A stored card.

        Raises:
            Problem: 404.
        """
        card = self._cards.get(card_id)
        if card is None or card.deleted:
            raise not_found("Card")
        return card

    def delete(self, card_id: int) -> None:
        """Make a card good for nothing more.

        Raises:
            Problem: 404.
        """
        card = self.card(card_id)
        card.deleted = True
        self._keep(card_id, card)

    def pays(self, body: CreateOrder) -> CardShown:
        """The card that an order is paid with.

        Raises:
            Problem: 400 for no card, two cards, or one that was deleted.
        """
        if (body.card_id is None) == (body.card_number is None):
            raise invalid("cardId", "Either cardId or cardNumber is needed")
        if body.card_id is not None:
            return self._on_file(int(body.card_id))
        number = body.card_number or ""
        if body.card_expiry_date is None:
            raise invalid("cardExpiryDate", "cardExpiryDate is needed with cardNumber")
        return CardShown(
            card_id=None,
            type=next((kind for head, kind in _HEADS if number.startswith(head)), "visa"),
            last4=number[-4:],
            holder_name=body.card_holder_name,
            expiry_date=body.card_expiry_date,
        )

    def store_for(self, customer_id: int, order_id: int, card: CardShown) -> None:
        """Store a card that an order was paid with; gives it its id."""
        if card.card_id is None:
            card.card_id = _fresh(self._cards)
            stored = StoredCard(customer_id=customer_id, order_id=order_id, card=card)
            self._keep(card.card_id, stored)

    def reset(self) -> None:
        """Forget customers and cards."""
        self._customers.clear()
        self._cards.clear()
        self._store.clear(_CUSTOMER)
        self._store.clear(_CARD)

    def _check_free(self, identifier: str | None) -> None:
        if any(identifier == known.identifier for known in self._customers.values()):
            raise invalid("identifier", "identifier is used by another customer")

    def _enter(self, customer: Customer) -> None:
        self._customers[customer.customer_id] = customer
        self._store.put(_CUSTOMER, str(customer.customer_id), customer.model_dump_json())

    def _on_file(self, card_id: int) -> CardShown:
        stored = self._cards.get(card_id)
        if stored is None:
            # Stored before this simulator was there.
            return CardShown(card_id=card_id, type="visa", last4=f"{card_id % 10_000:04}")
        if stored.deleted:
            raise invalid("cardId", "The card was deleted")
        return stored.card

    def _keep(self, card_id: int, card: StoredCard) -> None:
        self._cards[card_id] = card
        self._store.put(_CARD, str(card_id), card.model_dump_json())


def _fresh(taken: dict[int, Customer] | dict[int, StoredCard]) -> int:
    while True:
        fresh = ID_MIN + chance.below(ID_MAX - ID_MIN)
        if fresh not in taken and str(fresh)[-3:] not in (DECLINED, SOFT_DECLINED, CHALLENGED):
            return fresh

"""Stax's customers and payment methods (stored cards).

A card's number is looked at and forgotten: its last four digits, its brand and whether it is one
of the cards that always fail are kept. Any other well-formed id is good for a card too, the same
one each time; one with ``declined`` in it always fails.
"""

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from simulator import chance
from simulator.clock import BankClock
from simulator.faces.stax_problems import unknown_id
from simulator.faces.stax_requests import Fields
from simulator.faces.stax_wire import stamp
from simulator.store import Store

_METHOD = "stax.payment_method"
_CUSTOMER = "stax.customer"
# The cards that "trigger failure" on a test gateway: API description of Fattmerchant's Omni API,
# 2020, "Test Cards and Bank Accounts" (a Visa, a MasterCard, an American Express, a Discover).
_FAILING = ("4012888888881881", "5105105105105100", "371449635398431", "6011000990139424")
_TRIGGER = "declined"
_NUMBER = re.compile(r"[0-9]{13,19}")
_EXPIRY = re.compile(r"(0[1-9]|1[0-2])/?([0-9]{2}|[0-9]{4})")
# What a number's first digit says of its brand, in the words of the examples.
_BRANDS = {"3": "amex", "4": "visa", "5": "mastercard", "6": "discover"}
MERCHANT = "00000000-0000-4000-8000-000000000001"


class Method(BaseModel):
    """A stored card. ``expiry`` is ``MMYYYY``."""

    method_id: str
    customer_id: str
    person_name: str
    card_type: str
    last_four: str
    expiry: str
    declines: bool
    created_at: datetime

    def shown(self) -> dict[str, object]:
        """The ``payment_method`` object of answers."""
        kind, name = self.card_type.upper(), self.person_name
        return {
            "id": self.method_id,
            "customer_id": self.customer_id,
            "merchant_id": MERCHANT,
            "nickname": f"{kind}: {name} (ending in: {self.last_four})",
            "has_cvv": 1,
            "is_default": 1,
            "method": "card",
            "person_name": name,
            "card_type": self.card_type,
            "card_last_four": self.last_four,
            "card_exp": self.expiry,
            "purged_at": None,
            "deleted_at": None,
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.created_at),
        }


# What else may be said of a customer: text that is shown as it came (API description of
# Fattmerchant's Omni API, 2020; the customer of Fattmerchant's Python client, 2.0.1).
_TOLD = (
    "company", "phone", "address_1", "address_2", "address_city", "address_state", "address_zip",
    "address_country", "reference", "notes",
)  # fmt: skip


class Customer(BaseModel):
    """Somebody who pays. ``told`` is what else was said of them."""

    customer_id: str
    firstname: str
    lastname: str
    email: str
    told: dict[str, str] = {}
    created_at: datetime

    def shown(self) -> dict[str, object]:
        """The customer object."""
        return {
            "id": self.customer_id,
            "firstname": self.firstname,
            "lastname": self.lastname,
            "email": self.email,
            **{name: self.told.get(name) for name in _TOLD},
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.created_at),
            "deleted_at": None,
        }


class Wallet:
    """Keeps customers and their cards."""

    def __init__(self, store: Store, clock: BankClock) -> None:
        self._store = store
        self._clock = clock
        self._methods = {
            name: Method.model_validate_json(json) for name, json in store.load(_METHOD)
        }
        self._customers = {
            name: Customer.model_validate_json(json) for name, json in store.load(_CUSTOMER)
        }

    def add_customer(self, content: object) -> Customer:
        """``POST /customer``.

        Raises:
            Problem: 422 without a first name and an email address.
        """
        fields = Fields(content)
        customer = Customer(
            customer_id=chance.uuid(),
            firstname=fields.text("firstname"),
            lastname=fields.text("lastname"),
            email=fields.text("email"),
            told={name: text for name in _TOLD if (text := fields.text(name))},
            created_at=self._clock.now(),
        )
        if not (customer.firstname or customer.email):
            fields.refuse("firstname", "The firstname field is required without email.")
        fields.check()
        self._customers[customer.customer_id] = customer
        self._store.put(_CUSTOMER, customer.customer_id, customer.model_dump_json())
        return customer

    def add_method(self, content: object) -> Method:
        """``POST /payment-method/``; cards only.

        Raises:
            Problem: 422.
        """
        fields = Fields(content)
        if fields.text("method", required=True) != "card":
            fields.refuse("method", "The selected method is invalid.")
        customer_id = fields.text("customer_id", required=True)
        if customer_id not in self._customers:
            fields.refuse("customer_id", "The selected customer id is invalid.")
        person_name = fields.text("person_name", required=True)
        number = _matching(fields, "card_number", _NUMBER)
        expiry = _matching(fields, "card_exp", _EXPIRY)
        fields.check()
        method = Method(
            method_id=chance.uuid(),
            customer_id=customer_id,
            person_name=person_name,
            card_type=_BRANDS.get(number[0], "other"),
            last_four=number[-4:],
            expiry=expiry[:2] + ("20" + expiry[-2:]),
            declines=number in _FAILING,
            created_at=self._clock.now(),
        )
        self._methods[method.method_id] = method
        self._store.put(_METHOD, method.method_id, method.model_dump_json())
        return method

    def customer(self, customer_id: str) -> Customer:
        """A customer.

        Raises:
            Problem: 404.
        """
        known = self._customers.get(customer_id)
        if known is None:
            raise unknown_id()
        return known

    def newest_first(self) -> Iterable[Customer]:
        """All customers."""
        return reversed(self._customers.values())

    def methods_of(self, customer_id: str) -> list[Method]:
        """The cards that were stored for a customer, oldest first.

        Raises:
            Problem: 404 for an unknown customer.
        """
        known = self.customer(customer_id)
        return [card for card in self._methods.values() if card.customer_id == known.customer_id]

    def stored(self, method_id: str) -> Method:
        """A card that was stored here.

        Raises:
            Problem: 404.
        """
        known = self._methods.get(method_id)
        if known is None:
            raise unknown_id()
        return known

    def method(self, method_id: str) -> Method:
        """The card behind an id; for one that was not made here, always the same one."""
        known = self._methods.get(method_id)
        if known is not None:
            return known
        drawn = int(_digest(method_id), 16)
        return Method(
            method_id=method_id,
            customer_id=str(UUID(int=drawn, version=4)),
            person_name="Steven Smith",
            card_type="visa",
            last_four=f"{drawn % 10_000:04}",
            expiry="122030",
            declines=_TRIGGER in method_id,
            created_at=self._clock.now(),
        )

    def reset(self) -> None:
        """Forget all of them."""
        self._methods.clear()
        self._customers.clear()
        self._store.clear(_METHOD)
        self._store.clear(_CUSTOMER)


def _matching(fields: Fields, name: str, pattern: re.Pattern[str]) -> str:
    value = fields.text(name, required=True).replace(" ", "")
    if value and not pattern.fullmatch(value):
        fields.refuse(name, f"The {name.replace('_', ' ')} format is invalid.")
    return value


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]

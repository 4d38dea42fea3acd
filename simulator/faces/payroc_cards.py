"""What Payroc shows of a card: brand, masked number, expiry; never more than that is kept."""

import hashlib
from typing import NamedTuple

from pydantic import BaseModel

from simulator.faces.payroc_methods import (
    CardDetails,
    CardMethod,
    FullyEncrypted,
    Keyed,
    PartlyEncrypted,
    PaymentMethod,
    PlainText,
    SecureTokenMethod,
    SingleUseTokenMethod,
    Swiped,
)


class Card(BaseModel):
    """A card as payments show it. ``cvv_given`` decides on the security checks."""

    type: str
    first6: str
    last4: str
    expiry_date: str
    entry_method: str
    cardholder_name: str | None = None
    cvv_given: bool = False

    @property
    def masked(self) -> str:
        """The card's number as people may see it."""
        return f"{self.first6}******{self.last4}"

    def shown(self) -> dict[str, object]:
        """The ``card`` object of Payroc's answers."""
        checks = {"cvvResult": "M"} if self.cvv_given else {}
        card: dict[str, object] = {
            "type": self.type,
            "entryMethod": self.entry_method,
            "cardNumber": self.masked,
            "expiryDate": self.expiry_date,
            "securityChecks": {**checks, "avsResult": "U"},
        }
        if self.cardholder_name:
            card["cardholderName"] = self.cardholder_name
        return card


class _Brand(NamedTuple):
    type: str
    first6: str


# The numbers' heads are those of Payroc's published test cards.
_BRANDS = (
    _Brand("Visa Credit", "453985"),
    _Brand("Visa Debit", "400006"),
    _Brand("MasterCard", "500165"),
    _Brand("Discover", "601100"),
    _Brand("American Express", "340000"),
)
# What a number's first digits say of its brand.
_HEADS = (
    ("400006", "Visa Debit"),
    ("4", "Visa Credit"),
    ("34", "American Express"),
    ("37", "American Express"),
    ("35", "JCB"),
    ("36", "Diners"),
    ("6", "Discover"),
    ("5", "MasterCard"),
    ("2", "MasterCard"),
)
_EXPIRY = "1230"


def card_of(method: PaymentMethod) -> Card:
    """The card behind a payment method: the same one for the same token."""
    if isinstance(method, (SecureTokenMethod, SingleUseTokenMethod)):
        return _behind(method.token)
    if isinstance(method, CardMethod):
        return _in_hand(method.card_details)
    return _behind(method.encrypted_data, method.cardholder_name)


def _in_hand(details: CardDetails) -> Card:
    if isinstance(details, Keyed):
        return _keyed(details.keyed_data, details.cardholder_name)
    # A stripe's or a chip's data, told apart by what there is of it.
    is_swiped = isinstance(details, Swiped)
    card = _behind(details.model_dump_json(), details.cardholder_name if is_swiped else None)
    return card.model_copy(update={"entry_method": "swiped" if is_swiped else "icc"})


def _keyed(data: PlainText | PartlyEncrypted | FullyEncrypted, name: str | None) -> Card:
    if isinstance(data, FullyEncrypted):
        return _behind(data.encrypted_data, name)
    number = data.card_number if isinstance(data, PlainText) else data.masked_pan
    brand = next((brand for head, brand in _HEADS if number.startswith(head)), "Visa Credit")
    return Card(
        type=brand,
        first6=number[:6],
        last4=number[-4:],
        expiry_date=data.expiry_date or _EXPIRY,
        entry_method="keyed",
        cardholder_name=name,
        cvv_given=data.cvv is not None,
    )


def _behind(secret: str, name: str | None = None) -> Card:
    digest = hashlib.sha256(secret.encode()).digest()
    brand = _BRANDS[digest[0] % len(_BRANDS)]
    return Card(
        type=brand.type,
        first6=brand.first6,
        last4=f"{int.from_bytes(digest[1:5]) % 10000:04}",
        expiry_date=_EXPIRY,
        entry_method="keyed",
        cardholder_name=name,
    )

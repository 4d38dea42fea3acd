"""The accounts that every scenario is played at, and what their gateways' test systems react to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic import SecretStr

#: Part of every key and reference.
ENVIRONMENT = "proof"
#: How many digits the minor unit of a currency has, where they are not two.
DIGITS: Mapping[str, int] = {"JPY": 0, "KWD": 3}
#: How long an account looks up what is unknown before a person is told.
LOOK_UP_FOR_S = 900.0

_PROCESSING_S, _PROCESSING_S_AT = 120.0, {"sibs": 300.0}


@dataclass(frozen=True)
class Place:
    """One account at one gateway.

    Attributes:
        account: Its name; part of every key.
        gateway: The kind of gateway.
        currency: What it takes.
        card, other_card: Payment methods that the issuer approves.
        declined: One that it declines, where the gateway tells by the card.
        challenged: One whose owner is sent to 3-D Secure first, where the gateway does that.
        table: Settings beside the built-in ones.
        keyed: The operations that carry an idempotency key.
        several: A hold may be captured part by part.
        raises: A hold may be raised.
        lowers: A hold may be lowered.
    """

    account: str
    gateway: str
    currency: str
    card: Mapping[str, str]
    other_card: Mapping[str, str]
    declined: Mapping[str, str] | None = None
    challenged: Mapping[str, str] | None = None
    table: Mapping[str, object] = field(default_factory=dict[str, object])
    keyed: frozenset[str] = frozenset()
    several: bool = False
    raises: bool = False
    lowers: bool = False

    @property
    def digits(self) -> int:
        """How many digits the minor unit of its currency has."""
        return digits_of(self.currency)

    @property
    def processing_s(self) -> float:
        """After this long a gateway has booked what it was sent, as we take it to by default."""
        return _PROCESSING_S_AT.get(self.gateway, _PROCESSING_S)

    def operation(self, method: str, path: str) -> str:
        """What a request is for, by its method and path."""
        return _OPERATIONS[self.gateway](method, path.partition("?")[0])


def digits_of(currency: str) -> int:
    """How many digits the minor unit of a currency has."""
    return DIGITS.get(currency, 2)


def _stored(token: str, customer_id: str | None = None) -> Mapping[str, str]:
    customer = {"customer_id": customer_id} if customer_id else {}
    return {"kind": "stored_token", "token": token, **customer}


def _of_payroc(method: str, path: str) -> str:
    if path.endswith("/payroc/authorize"):
        return "token"
    if method == "GET":
        return "look_up"
    last = path.rpartition("/")[2]
    return {"payments": "authorize", "reverse": "release"}.get(last, last)


def _of_sibs(method: str, path: str) -> str:
    if method == "GET":
        return "look_up"
    last = path.rpartition("/")[2]
    return {"payments": "order", "purchase": "authorize", "cancellation": "release"}.get(last, last)


def _of_xmoney(method: str, path: str) -> str:
    del path
    return {"POST": "authorize", "PUT": "capture", "DELETE": "release"}.get(method, "look_up")


def _of_stax(method: str, path: str) -> str:
    if method == "GET":
        return "look_up"
    last = path.rpartition("/")[2]
    return {"charge": "authorize", "void": "release"}.get(last, last)


_OPERATIONS = {
    "payroc": _of_payroc,
    "sibs": _of_sibs,
    "xmoney": _of_xmoney,
    "stax": _of_stax,
}

_STAX_CARD = _stored("5e8d7c6b-1a2b-4c3d-8e9f-0a1b2c3d4e5f")
_STAX_OTHER = _stored("6f8d7c6b-1a2b-4c3d-8e9f-0a1b2c3d4e5f")

PLACES = (
    Place(
        account="payroc",
        gateway="payroc",
        currency="USD",
        card=_stored("2967539876543210"),
        other_card=_stored("2967530000000011"),
        keyed=frozenset({"authorize", "adjust", "capture", "release"}),
        raises=True,
        lowers=True,
    ),
    Place(
        account="sibs",
        gateway="sibs",
        currency="EUR",
        card=_stored("tok-9f8e7d6c5b4a"),
        other_card=_stored("tok-1f8e7d6c5b4b"),
        declined=_stored("tok-declined-5b4a"),
        challenged=_stored("tok-3ds-5b4a"),
        several=True,
        lowers=True,
    ),
    Place(
        account="xmoney",
        gateway="xmoney",
        currency="EUR",
        card=_stored("918273645", "4401"),
        other_card=_stored("918273699", "4401"),
        declined=_stored("918273666", "4401"),
        challenged=_stored("918273333", "4401"),
    ),
    Place(
        account="stax",
        gateway="stax",
        currency="USD",
        card=_STAX_CARD,
        other_card=_STAX_OTHER,
        declined=_stored("5e8d7c6b-declined-8e9f"),
        keyed=frozenset({"authorize"}),
    ),
    Place(
        account="stax-parts",
        gateway="stax",
        currency="USD",
        card=_STAX_CARD,
        other_card=_STAX_OTHER,
        table={
            "api_key": SecretStr("any-key-of-several-captures"),
            "captures_per_hold": "several",
            "rest_after_capture": "void",
        },
        keyed=frozenset({"authorize"}),
        several=True,
    ),
    Place(
        account="stax-rest",
        gateway="stax",
        currency="USD",
        card=_STAX_CARD,
        other_card=_STAX_OTHER,
        table={"api_key": SecretStr("any-key-with-void-rest"), "rest_after_capture": "void"},
        keyed=frozenset({"authorize"}),
    ),
)


def _in(account: str, currency: str) -> Place:
    place = next(place for place in PLACES if place.account == account)
    return replace(place, account=f"{account}-{currency.lower()}", currency=currency)


#: The same where another currency is taken; each stands for the account that it is named after.
ABROAD: Mapping[str, Place] = {"xmoney": _in("xmoney", "JPY"), "sibs": _in("sibs", "KWD")}

"""Payroc's single-use tokens: any well-formed one is accepted, and each of them once."""

import hashlib
from datetime import datetime, timedelta

from pydantic import BaseModel

from simulator import chance
from simulator.clock import BankClock, stamp
from simulator.faces.payroc_cards import Card, card_of
from simulator.faces.payroc_methods import PaymentMethod, SingleUseTokenMethod
from simulator.faces.payroc_problems import bad_request
from simulator.faces.payroc_requests import SingleUseToken
from simulator.store import Store

_KIND = "payroc.single_use_token"
# "Expires after 30 minutes": Payroc OpenAPI, 1.0.294. Counted only for those made here; when a
# token from elsewhere was made is not known.
_LIFE = timedelta(minutes=30)
# The OpenAPI requires a name in the answer and none in the request.
_NO_NAME = "CARDHOLDER"


class _Token(BaseModel):
    card: Card | None = None
    good_until: datetime | None = None
    used: bool = False


class SingleUseTokens:
    """Makes tokens and remembers which were used; keeps digests, not the tokens."""

    def __init__(self, store: Store, clock: BankClock) -> None:
        self._store = store
        self._clock = clock
        self._tokens = {name: _Token.model_validate_json(json) for name, json in store.load(_KIND)}

    def make(self, terminal_id: str, body: SingleUseToken) -> dict[str, object]:
        """Answer a request for a token with the ``singleUseToken`` object."""
        name = chance.hex_token(64)
        card = card_of(body.source)
        good_until = self._clock.now() + _LIFE
        self._keep(_digest(name), _Token(card=card, good_until=good_until))
        source = {
            "type": "card",
            "cardholderName": card.cardholder_name or _NO_NAME,
            "cardNumber": card.masked,
            "expiryDate": card.expiry_date,
            "cardType": card.type,
        }
        return {
            "processingTerminalId": terminal_id,
            "token": name,
            "expiresAt": stamp(good_until),
            "source": source,
        }

    def check(self, method: PaymentMethod) -> Card:
        """The card behind a payment method.

        Raises:
            Problem: 400 for a single-use token that was used or has lapsed.
        """
        if not isinstance(method, SingleUseTokenMethod):
            return card_of(method)
        token = self._tokens.get(_digest(method.token), _Token())
        lapsed = token.good_until is not None and token.good_until <= self._clock.now()
        if token.used or lapsed:
            state = "was already used" if token.used else "has expired"
            raise bad_request("token", "Invalid token", f"The single-use token {state}")
        return token.card or card_of(method)

    def use_up(self, method: PaymentMethod) -> None:
        """Make a single-use token good for nothing more; other methods stay as they are."""
        if isinstance(method, SingleUseTokenMethod):
            digest = _digest(method.token)
            token = self._tokens.get(digest, _Token())
            self._keep(digest, token.model_copy(update={"used": True}))

    def reset(self) -> None:
        """Forget all tokens."""
        self._tokens.clear()
        self._store.clear(_KIND)

    def _keep(self, digest: str, token: _Token) -> None:
        self._tokens[digest] = token
        self._store.put(_KIND, digest, token.model_dump_json())


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()

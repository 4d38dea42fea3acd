"""What must never be seen, each unmistakable: no chance and no other test writes the like.

The card numbers pass the Luhn check and are of a scheme's; no such card was ever issued.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

Json = dict[str, Any]

#: Sent through doors that leave no trace: our client, the command line, updates, queries.
UNSEEN_PAN = "4929137100918275"
#: Sent by a raw start or signal: it stays in that one event.
RAW_PAN = "5391710091827360"
#: Repeated by a gateway.
ECHOED_PAN = "4929137100916451"
UNSEEN_CVV = "cvv-9137-canary"
#: The names that card data goes by.
CARD_DATA_NAMES = ("cvv", "CVC2", "card_number", "securityCode", "track-2", "pan")

#: What each account is opened with.
API_KEYS = {
    "PAYROC_API_KEY": "payroc-key-canary-7f3a91d0",
    "SIBS_AUTH_TOKEN": "sibs-token-canary-5c2e84b1",
    "SIBS_CLIENT_ID": "sibs-client-canary-61d9f7a2",
    "STAX_API_KEY": "stax-key-canary-a83e60c4",
    "XMONEY_API_KEY": "sk_live_xmoney-key-canary-2b75e9f8",
}
#: What Temporal would be opened with, were it not on this machine.
TEMPORAL_API_KEY = "temporal-key-canary-94c1e7d3"

#: Each gateway's token of a card, and the customer's id where it takes one.
CARDS: Mapping[str, Json] = {
    "payroc": {"kind": "stored_token", "token": "2967530918271008"},
    "sibs": {"kind": "stored_token", "token": "tok-canary-9f8e7d6c"},
    "stax": {"kind": "stored_token", "token": "5e8d7c6b-ca4a-4c3d-8e9f-0a1b2c3d4e5f"},
    "xmoney": {"kind": "stored_token", "token": "9182700917", "customer_id": "4401"},
}
CURRENCIES = {"payroc": "USD", "sibs": "EUR", "stax": "USD", "xmoney": "EUR"}


def written(pan: str) -> tuple[str, ...]:
    """A card number as people and machines write it."""
    groups = [pan[at : at + 4] for at in range(0, len(pan), 4)]
    wide = "".join(chr(ord("\uff10") + int(digit)) for digit in pan)
    return (pan, " ".join(groups), "-".join(groups), wide)


def poisoned(message: Json, canary: str) -> Iterator[tuple[str, Json]]:
    """The message with the canary in each of its places: every value, a new one, and a name."""
    for path in _paths(message):
        yield "/".join(map(str, path)), _put(message, path, canary)
    yield "a field that nobody knows", {**message, "note": {"deep": [canary]}}
    yield "a field's name", {**message, canary: "x"}


def _paths(value: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict):
        for name, part in cast("Json", value).items():
            yield (*above, name)
            yield from _paths(part, (*above, name))
    elif isinstance(value, list):
        for at, part in enumerate(cast("list[Any]", value)):
            yield from _paths(part, (*above, at))


def _put(value: Any, path: tuple[str | int, ...], canary: str) -> Any:
    if not path:
        return canary
    changed = value.copy()
    changed[path[0]] = _put(changed[path[0]], path[1:], canary)
    return changed

"""Payroc's Idempotency-Key: one key, one request, one saved answer for seven days.

Published: the server compares key, URI and body; the same three get the saved answer, another
URI or body a 409; answers are kept for seven days. Chosen here, as Payroc publishes nothing:

* bodies are compared as JSON, not as bytes, and no body is the same as ``{}``;
* a request whose key is still being processed waits, and gets the same answer;
* answers of 4xx and 5xx are not saved, so that a request that failed can be sent again (those of
  5xx are by ``rules.keeps_errors``); an answer that was booked and lost on its way is saved as it
  would have been;
* after the seven days (or sooner, by ``rules.keeps_keys_for``) a key is new;
* keys belong to the whole gateway, whatever the credential or terminal.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web
from pydantic import BaseModel

from simulator.clock import BankClock
from simulator.faces.payroc_problems import KEY_IN_USE, KEY_MISSING, Problem, bad_request
from simulator.faces.payroc_register import Rules
from simulator.store import Store

_KIND = "payroc.answer"
_UUID_V4 = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE
)


class Saved(BaseModel):
    """The answer to the first request with a key. ``fingerprint`` is of its URI and body."""

    fingerprint: str
    at: datetime
    status: int
    body: str
    location: str | None = None

    def response(self) -> web.Response:
        """The answer on the wire, the same each time."""
        headers = {"Location": self.location} if self.location else None
        return web.Response(
            body=self.body.encode(),
            status=self.status,
            content_type="application/json",
            headers=headers,
        )


@dataclass(slots=True)
class _Flight:
    fingerprint: str
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


class Idempotency:
    """Saves answers by key."""

    def __init__(self, store: Store, clock: BankClock, rules: Rules) -> None:
        self._store = store
        self._clock = clock
        self._rules = rules
        self._flights: dict[str, _Flight] = {}
        self._saved = {name: Saved.model_validate_json(json) for name, json in store.load(_KIND)}

    @asynccontextmanager
    async def claim(self, key: str, fingerprint: str) -> AsyncGenerator[Saved | None]:
        """Have the key for oneself; gives the saved answer if there is one.

        Raises:
            Problem: The key belongs to another request.
        """
        flight = self._flights.setdefault(key, _Flight(fingerprint))
        if flight.fingerprint != fingerprint:
            raise Problem(KEY_IN_USE)
        flight.waiting += 1
        try:
            async with flight.turn:
                yield self._of(key, fingerprint)
        finally:
            flight.waiting -= 1
            if flight.waiting == 0:
                del self._flights[key]

    def save(self, key: str, saved: Saved) -> None:
        """Keep an answer; call it in the transaction that books what the answer tells."""
        self._saved[key] = saved
        self._store.put(_KIND, key, saved.model_dump_json())

    def has(self, key: str) -> bool:
        """Whether an answer is saved."""
        return key in self._saved

    def reset(self) -> None:
        """Forget all answers."""
        self._saved.clear()
        self._store.clear(_KIND)

    def _of(self, key: str, fingerprint: str) -> Saved | None:
        saved = self._saved.get(key)
        if saved is None or saved.at + self._rules.keeps_keys_for <= self._clock.now():
            return None
        if saved.fingerprint != fingerprint:
            raise Problem(KEY_IN_USE)
        return saved


def key_of(request: web.Request) -> str:
    """The request's Idempotency-Key.

    Raises:
        Problem: There is none, or it is not a UUID of version 4.
    """
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key:
        raise Problem(KEY_MISSING)
    if not _UUID_V4.fullmatch(key):
        raise bad_request("Idempotency-Key", "Invalid format", "It must be a UUID v4")
    return key


def fingerprint_of(path: str, body: object) -> str:
    """What is compared of a request. A digest, as a body may hold a card number."""
    canonical = json.dumps([path, body], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()

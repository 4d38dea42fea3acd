"""Payroc's identity service and the bearer tokens it gives out.

Any API key is accepted; a missing one is a 401, whose body Payroc does not publish. Several
tokens may be live at once (unpublished too). They lapse by the bank's clock.
"""

from datetime import datetime, timedelta

from aiohttp import web
from pydantic import BaseModel

from simulator import chance
from simulator.clock import BankClock
from simulator.faces.payroc_problems import NOT_AUTHORIZED, Problem
from simulator.store import Store
from simulator.weather import json_response

_KIND = "payroc.token"
# "expires_in": 3600 in Payroc's own example.
TOKEN_LIFE_S = 3600


class _Token(BaseModel):
    good_until: datetime


class Identity:
    """Gives out tokens and recognizes them."""

    def __init__(self, store: Store, clock: BankClock) -> None:
        self._store = store
        self._clock = clock
        self.life_s = TOKEN_LIFE_S
        self._tokens = {name: _Token.model_validate_json(json) for name, json in store.load(_KIND)}

    def issue(self, request: web.Request) -> web.Response:
        """Answer ``POST /authorize``.

        Raises:
            Problem: No ``x-api-key``.
        """
        if not request.headers.get("x-api-key", "").strip():
            raise Problem(NOT_AUTHORIZED)
        self._forget_lapsed()
        name = chance.url_token(32)
        token = _Token(good_until=self._clock.now() + timedelta(seconds=self.life_s))
        self._tokens[name] = token
        self._store.put(_KIND, name, token.model_dump_json())
        return json_response(
            {
                "access_token": name,
                "expires_in": self.life_s,
                "scope": "service_a service_b",
                "token_type": "Bearer",
            }
        )

    def check(self, request: web.Request) -> None:
        """Let a request with a live token pass.

        Raises:
            Problem: There is none, or it has lapsed.
        """
        scheme, _, name = request.headers.get("Authorization", "").partition(" ")
        token = self._tokens.get(name) if scheme.lower() == "bearer" else None
        if token is None or token.good_until <= self._clock.now():
            raise Problem(NOT_AUTHORIZED)

    def _forget_lapsed(self) -> None:
        now = self._clock.now()
        for name in [name for name, token in self._tokens.items() if token.good_until <= now]:
            del self._tokens[name]
            self._store.drop(_KIND, name)

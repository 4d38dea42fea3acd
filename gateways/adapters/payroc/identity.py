"""Payroc's bearer tokens: fetched once for everybody who waits, and ahead of their end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, NoReturn

from pydantic import Field, SecretStr

from gateways.adapters.payroc.problems import NAME, UNAUTHORIZED
from gateways.errors import GatewayError, NotSent, OutcomeUnknown, Throttled, Unauthorized
from gateways.wire import Answer, Wire, WireModel, read, request

# A token lives an hour (docs.payroc.com); five minutes before its end a new one is fetched beside
# the work, so that an hour's end never waits for the identity service.
RENEW_AHEAD_S = 300.0
# A request for a token that takes longer than this will be asked again by the next call.
RENEWAL_S_MAX = 15.0


class _Grant(WireModel):
    # A header cannot carry anything else, and an error about it would show the token.
    access_token: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,8192}$", repr=False)]
    expires_in: Annotated[int, Field(ge=1, le=31 * 86_400)]
    token_type: Annotated[str, Field(pattern=r"^(?i:bearer)$")]


@dataclass(frozen=True, slots=True)
class _Bearer:
    token: str = field(repr=False)
    renew_at: float
    ends_at: float


class Identity:
    """Keeps a bearer token that is good.

    Args:
        wire: To the identity service.
        url: The service's base URL.
        api_key: What a token is given for.
        clock: Monotonic, in seconds: a corrected wall clock ends no token. The loop's, if none.
    """

    def __init__(
        self,
        wire: Wire,
        url: str,
        api_key: SecretStr,
        *,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._wire = wire
        self._url = f"{url}/authorize"
        self._api_key = api_key
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._held: _Bearer | None = None
        self._renewal: asyncio.Task[_Bearer | GatewayError] | None = None

    async def bearer(self, *, until: float, refused: str | None = None) -> str:
        """A token that is good, as far as we know.

        Args:
            until: When to give up, in the loop's time.
            refused: A token that the gateway has just refused: it is not given again.

        Raises:
            NotSent: The identity service gave none in time; no call can have been made with it.
            Throttled: It asks us to wait.
            Unauthorized: It refuses our API key.
        """
        now = self._clock()
        held = self._held
        if held is not None and (held.token == refused or now >= held.ends_at):
            held = self._held = None
        if held is None:
            return (await self._renewed(until)).token
        if now >= held.renew_at:
            self._start()  # beside the work: the token at hand is still good
        return held.token

    async def close(self) -> None:
        """Give up a renewal under way."""
        if self._renewal is not None:
            self._renewal.cancel()
        await self._wire.close()

    async def _renewed(self, until: float) -> _Bearer:
        renewal = self._start()
        # Not `wait_for`: a caller that is cancelled takes nobody's token away.
        left_s = max(0.0, until - asyncio.get_running_loop().time())
        await asyncio.wait({renewal}, timeout=left_s)
        if not renewal.done() or renewal.cancelled():
            raise NotSent(f"{NAME} identity: no token came in time")
        ended = renewal.result()
        if isinstance(ended, GatewayError):
            _raise_again(ended)
        return ended

    def _start(self) -> asyncio.Task[_Bearer | GatewayError]:
        """The renewal under way, or a new one."""
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew(), name="payroc-identity")
        return self._renewal

    async def _renew(self) -> _Bearer | GatewayError:
        until = asyncio.get_running_loop().time() + RENEWAL_S_MAX
        asked_at = self._clock()
        headers = {"x-api-key": self._api_key.get_secret_value()}
        try:
            answer = await self._wire.send(request("POST", self._url, headers=headers), until=until)
            grant = _granted(answer)
        except GatewayError as error:
            return error
        ahead_s = min(RENEW_AHEAD_S, grant.expires_in / 10)
        ends_at = asked_at + grant.expires_in
        self._held = _Bearer(grant.access_token, renew_at=ends_at - ahead_s, ends_at=ends_at)
        return self._held


def _granted(answer: Answer) -> _Grant:
    if answer.status in UNAUTHORIZED:
        raise Unauthorized(f"{NAME} identity: the API key was refused (HTTP {answer.status})")
    if answer.status == 429:  # noqa: PLR2004 - HTTP's own number
        raise Throttled(f"{NAME} identity: too many requests", answer.retry_after_s)
    if answer.status != 200:  # noqa: PLR2004 - HTTP's own number
        raise NotSent(f"{NAME} identity: HTTP {answer.status} instead of a token")
    return read(_Grant, answer, gateway=f"{NAME} identity")


def _raise_again(ended: GatewayError) -> NoReturn:
    """Raise what ended a shared renewal, anew for each who waited.

    A token is no money: whatever was lost here, the call that needed it never left.
    """
    if isinstance(ended, OutcomeUnknown):
        raise NotSent(str(ended))
    if isinstance(ended, Throttled):
        raise Throttled(str(ended), ended.retry_after_s)
    raise type(ended)(str(ended))

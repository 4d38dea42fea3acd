"""A gateway that repeats what it should keep to itself: it stands before the simulators.

Whatever it passes back holds, in every field that is words for people and in fields that nobody has
heard of, the canary that it was last told. It also listens: what its callers prove who they are
with, and the signatures that are handed out, are secrets of theirs that a test can search for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, cast

import httpx
from aiohttp import web

from tests import loopback

#: Words for people, by the names that the four gateways have for them; none decides anything.
WORDS = frozenset({
    "message", "responseMessage", "statusMsg", "statusDescription", "failureReason",
    "providerMessage", "title", "detail", "description", "nickname", "person_name",
    "cardType", "card_type", "cardNumber", "maskedPAN", "last_four",
    "card_last_four", "approvalCode", "providerAuth", "issuer_auth_code", "avsResult",
    "cvvResult", "payment_note",
})  # fmt: skip
_SECRET_HEADERS = ("Authorization", "x-api-key", "X-IBM-Client-Id")
# The brand of a card, by the object that it stands in: elsewhere a type decides something.
_WORDS_INSIDE = {"card": frozenset({"type"})}
_GIVEN_OUT = re.compile(r'"(?:transactionSignature|access_token)": ?"([^"]+)"')
_HOP_BY_HOP = frozenset({"content-length", "transfer-encoding", "connection", "host", "date"})
_SECRET_LENGTH_MIN = 8

#: What to repeat in the answer to a request.
Echo = Callable[[web.Request], str]


def credential(request: web.Request) -> str:
    """What a request proves with who it is from."""
    told = [request.headers[name] for name in _SECRET_HEADERS if name in request.headers]
    return told[0].split()[-1] if told else ""


def gateway(request: web.Request) -> str:
    """Whose address was called."""
    return request.path.split("/")[1]


class Chatty:
    """A running gateway that repeats what ``echo`` says, wherever it can.

    Args:
        behind: The URL of the simulators, which do the work.

    Attributes:
        echo: None: it passes everything on as it is.
        broken: Its answers are cut off in the middle.
        secrets: What callers have proven with who they are, and what was given out for that.
        repeated: How many answers were changed.
    """

    def __init__(self, behind: str) -> None:
        self._behind = behind
        self._http = loopback.client(behind)
        self._runner: web.AppRunner | None = None
        self._port = 0
        self.echo: Echo | None = None
        self.broken = False
        self.secrets: set[str] = set()
        self.repeated = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        await self._http.aclose()

    async def _pass_on(self, request: web.Request) -> web.Response:
        self._listen(request)
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP_BY_HOP}
        answer = await self._http.request(
            request.method, request.path_qs, headers=headers, content=await request.read()
        )
        self.secrets |= set(_GIVEN_OUT.findall(answer.text))
        return self._told(answer, self.echo(request) if self.echo else "")

    def _listen(self, request: web.Request) -> None:
        for name in _SECRET_HEADERS:
            words = request.headers.get(name, "").split()
            self.secrets |= {word for word in words if len(word) >= _SECRET_LENGTH_MIN}

    def _told(self, answer: httpx.Response, echo: str) -> web.Response:
        kept = {k: v for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP}
        if not echo:
            return web.Response(status=answer.status_code, body=answer.content, headers=kept)
        self.repeated += 1
        told = {**kept, "X-Echo": echo, "Retry-After": echo}
        if self.broken:
            body = f'{{"message": "{echo}", "error": "{echo}'
            return web.Response(status=200, body=body.encode(), headers=told)
        content = _with_words(json.loads(answer.content), echo, WORDS)
        return web.Response(
            status=answer.status_code, body=json.dumps(content).encode(), headers=told
        )


def _with_words(value: Any, echo: str, words: frozenset[str]) -> Any:
    """The same answer with the echo in all of its words."""
    if isinstance(value, list):
        return [_with_words(each, echo, words) for each in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    told: dict[str, Any] = {"unheardOf": {"note": echo}}
    for name, each in cast("dict[str, Any]", value).items():
        is_word = name in words and isinstance(each, str | None)
        inside = WORDS | _WORDS_INSIDE.get(name, frozenset())
        told[name] = echo if is_word else _with_words(each, echo, inside)
    return told

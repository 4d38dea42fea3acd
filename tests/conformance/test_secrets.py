"""No credential, no token and no signature is seen anywhere.

What is secret is taken from the account's settings, from the card, and from what the adapter itself
has sent as a credential. Every verb is walked to every kind of end, by answers that echo all of it
back in each of their texts too; all that a careless handler could show is searched: the adapter,
outcomes, errors with all that hangs on them, and every log record down to DEBUG.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import httpx
import pytest
from pydantic import SecretStr

from domain.outcome import Declined
from gateways.errors import GatewayError
from tests.conformance.changes import echoing
from tests.conformance.desk import Desk, Ending, ending, payment_of
from tests.conformance.rules import Recorded
from tests.conformance.scenes import SHAPES, Scene
from tests.conformance.wires import Heard, Replay, opened

EACH_SCENE = pytest.mark.parametrize(("under", "scene"), SHAPES, ids=str)
STATUSES = (200, 201, 202, 302, 400, 401, 402, 403, 404, 409, 422, 429, 500, 503)
Logged = Callable[[], list[str]]


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Logged:
    caplog.set_level(logging.DEBUG)

    def texts() -> list[str]:
        return [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]

    return texts


@dataclass(frozen=True)
class _Secrets:
    """What was told to the gateway, and is to be told to nobody else.

    Attributes:
        credentials: The account's own, and what the gateway gave to be used in their place.
        tokens: The card's.
    """

    credentials: list[str]
    tokens: list[str]

    @property
    def all(self) -> list[str]:
        return [*self.credentials, *self.tokens]

    def seen_in(self, ended: Ending) -> list[str]:
        """What an ending shows of them. A gateway's words on a payment are searched for tokens."""
        if isinstance(ended, GatewayError):
            return _seen(self.all, _texts_of(ended))
        payment = payment_of(ended)
        words = [ended.detail] if isinstance(ended, Declined) else []
        if payment is None:
            return _seen(self.tokens, words)
        words.append(repr(payment.model_dump(exclude={"payment_id", "reference"})))
        return [*_seen(self.tokens, words), *_seen(self.all, [repr(payment.action)])]


def _secrets(recorded: Recorded) -> _Secrets:
    settings = recorded.settings
    told = [getattr(settings, name) for name in type(settings).model_fields]
    values = {secret.get_secret_value() for secret in told if isinstance(secret, SecretStr)}
    for heard in recorded.script:
        scheme, _, credential = heard.request.headers.get("authorization", "").partition(" ")
        values.add(credential or scheme)
    sent = "".join(heard.request.content.decode() for heard in recorded.script)
    under = recorded.under
    cards = [card.token for card in (under.opens, under.declined, under.challenged) if card]
    return _Secrets(sorted(values - {""}), [token for token in cards if token in sent])


def _texts_of(error: GatewayError) -> list[str]:
    """All that a careless handler could show of an error, but for the payment's own name."""
    told = {name: value for name, value in vars(error).items() if name != "payment_id"}
    hanging = [error.__cause__, error.__context__]
    frames = "".join(traceback.format_exception(error))
    return [str(error), repr(error.args), repr(told), *map(repr, hanging), frames]


def _seen(secrets: list[str], texts: list[str]) -> list[str]:
    return [text[:200] for text in texts if any(secret in text for secret in secrets)]


@EACH_SCENE
async def test_no_ending_over_a_real_connection_shows_a_secret(
    desk: Desk, scene: Scene, logged: Logged
) -> None:
    recorded = await scene.recorded(desk)
    secrets = _secrets(recorded)
    assert secrets.credentials
    account, tap = desk.tapped()
    seen = secrets.seen_in(recorded.ended)
    for fault in ("error_after", "drop_after", "garbage", "throttle", "unauthorized", "truncate"):
        desk.arm("*", fault)
        seen += secrets.seen_in(await ending(recorded.verb, account))
        desk.disarm()
    assert tap.heard
    assert seen == []
    texts = [repr(account), repr(vars(account)), repr(recorded.settings), *logged()]
    assert _seen(secrets.all, texts) == []


@EACH_SCENE
async def test_no_echo_of_a_secret_is_passed_on(desk: Desk, scene: Scene, logged: Logged) -> None:
    recorded = await scene.recorded(desk)
    secrets = _secrets(recorded)
    echo = " ".join(secrets.all)
    seen: list[str] = []
    for number, heard in enumerate(recorded.script):
        for what, changed in _echoes(heard, echo, [*secrets.all, echo]):
            ended, _ = await recorded.replayed_from(
                [*recorded.script[:number], changed, *recorded.script[number + 1 :]]
            )
            seen += [f"{number}: {what} -> {text}" for text in secrets.seen_in(ended)]
    assert seen == []
    assert _seen(secrets.all, logged()) == []


def _echoes(heard: Heard, echo: str, secrets: list[str]) -> Iterator[tuple[str, Heard]]:
    for status in STATUSES:
        for body in (echo, f'{{"error": "{echo}", "message": "{echo}"}}', f'{{"a": "{echo}'):
            answer = heard.but(status=status, body=body.encode(), retry_after=echo)
            yield f"{status} {body[:9]}", answer
    for secret in secrets:
        for change in echoing(heard.body, secret):
            yield change.what, heard.but(body=change.body)


class _Failing(Replay):
    """Answers as before up to one request, which fails with a text that tells everything."""

    def __init__(self, script: Sequence[Heard], *, at: int, error: Exception) -> None:
        super().__init__(script)
        self._at = at
        self._error = error

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if len(self.played) == self._at:
            raise self._error
        return await super().handle_async_request(request)


@EACH_SCENE
async def test_no_error_of_the_network_tells_a_secret(
    desk: Desk, scene: Scene, logged: Logged
) -> None:
    recorded = await scene.recorded(desk)
    secrets = _secrets(recorded)
    echo = " ".join(secrets.all)
    kinds = (httpx.ReadError, httpx.LocalProtocolError, httpx.ConnectTimeout, RuntimeError)
    seen: list[str] = []
    for number in range(len(recorded.script)):
        for kind in kinds:
            failing = _Failing(recorded.script, at=number, error=kind(f"header {echo}"))
            ended = await ending(recorded.verb, opened(recorded.settings, failing))
            seen += secrets.seen_in(ended)
    assert seen == []
    assert _seen(secrets.all, logged()) == []

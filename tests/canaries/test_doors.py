"""Card data at every door: our client, the command line, updates, queries; raw starts and signals.

A canary is put into every place of every message, one at a time; then all that a deployment keeps
is searched for it: events, descriptions, Temporal's database and its journal, the worker's log
at DEBUG, metrics. That it would be found is shown by a raw start, which nobody can refuse in time.
"""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from cardhold import Client
from cardhold.errors import InvalidRequest
from cardhold.messages import (
    Acknowledge,
    Adjust,
    Authenticated,
    Authorize,
    Authorized,
    Capture,
    HoldRequest,
    Message,
    Release,
    Reschedule,
    Resolve,
)
from cardhold.verbs import checked
from cli.main import cardhold
from tests.canaries.canaries import (
    CARD_DATA_NAMES,
    RAW_PAN,
    UNSEEN_CVV,
    UNSEEN_PAN,
    Json,
    poisoned,
    written,
)
from tests.canaries.deployment import Deployment, raw
from tests.canaries.kept import found

_METHOD = {"kind": "stored_token", "token": "t", "customer_id": "c"}
_SAID = {"command_id": "c-1", "operator": "desk", "reason": "dinner"}
# Every update with every field that it has.
UPDATES: dict[str, Json] = {
    "authorized": {"request": {"reservation_id": "RES-1", "description": "d", "metadata": {}}},
    "authenticated": {"action_id": "a", "data": {"x": "y"}},
    "authorize": {"payment_method": _METHOD, **_SAID},
    "adjust": {"amount": {"amount_minor": 1, "currency": "USD"}, "by": "+1.00 USD", **_SAID},
    "capture": {"amount": "1.00 USD", "final": True, **_SAID},
    "release": _SAID,
    "reschedule": {"settle_by": "2026-03-01T15:00:00Z", "on_deadline": "release", **_SAID},
    "resolve": {"operation_id": "capture/2", "outcome": "done", "reference": "r", **_SAID},
    "acknowledge": _SAID,
    "captrue": {"amount": "1.00 USD"},
}
SIGNALS = ("adjust", "capture", "release", "reschedule", "captrue")
MODELS: tuple[type[Message], ...] = (
    Authorized, Authenticated, Authorize, Adjust, Capture, Release, Reschedule, Resolve, Acknowledge
)  # fmt: skip


def all_of(message: Json) -> Iterator[tuple[str, Json]]:
    """The message with card data in each of its places, and written in every way."""
    yield from poisoned(message, UNSEEN_PAN)
    for pan in written(UNSEEN_PAN):
        yield f"a note: {pan}", {**message, "note": f"card {pan} exp 12/30"}
    for name in CARD_DATA_NAMES:
        yield name, {**message, name: UNSEEN_CVV}
        yield f"a deep {name}", {**message, "data": [{name: UNSEEN_CVV}]}


def shows(error: BaseException) -> list[str]:
    """The canaries in an error's text, in what hangs on it and in its traceback's last lines."""
    texts = [*_texts(error), *traceback.format_exception_only(error)]
    return found([UNSEEN_PAN, UNSEEN_CVV, RAW_PAN], "\n".join(texts).encode())


def _texts(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield from (str(error), repr(error), repr(vars(error)))
        error = error.__cause__ or error.__context__


async def test_an_update_with_card_data_leaves_no_trace(deployment: Deployment) -> None:
    handle, before = await deployment.held(deployment.request())
    kept_before = (await handle.fetch_history()).events

    async def refused(name: str, place: str, payload: Any) -> None:
        with pytest.raises(WorkflowUpdateFailedError) as caught:
            await handle.execute_update(name, payload)
        cause = caught.value.cause
        assert isinstance(cause, ApplicationError), (name, place)
        assert cause.type == "InvalidRequest", (name, place)
        told = f"{cause.message} {cause.details}".encode()
        assert found([UNSEEN_PAN, UNSEEN_CVV], told) == [], (name, place)

    for name, message in UPDATES.items():
        for place, payload in all_of(message):
            await refused(name, place, payload)
        for pan in written(UNSEEN_PAN):
            await refused(name, "a text", pan)
            await refused(name, "broken JSON", raw(f'{{"a": "{pan}'))
            await refused(name, "a foreign encoding", raw(pan, b"who/knows"))
    await refused(UNSEEN_PAN, "a name", {})

    assert (await handle.fetch_history()).events == kept_before
    assert await handle.query("hold") == before
    assert await deployment.seen([UNSEEN_PAN, UNSEEN_CVV]) == {}


async def test_a_query_with_card_data_leaves_no_trace(deployment: Deployment) -> None:
    handle, _ = await deployment.held(deployment.request())
    for query in ("hold", "plan"):
        plain = await handle.query(query)
        for pan in written(UNSEEN_PAN):
            assert await handle.query(query, {"card": pan, "cvv": UNSEEN_CVV}) == plain

    assert await deployment.seen([UNSEEN_PAN, UNSEEN_CVV]) == {}


def test_our_client_lets_no_card_data_through_and_repeats_none(deployment: Deployment) -> None:
    request = deployment.request()
    messages = {HoldRequest: request} | {model: UPDATES[model.__name__.lower()] for model in MODELS}
    tried = 0
    for model, message in messages.items():
        for place, payload in all_of(message):
            with pytest.raises(InvalidRequest) as caught:
                checked(model, payload)
            assert shows(caught.value) == [], (model, place)
            tried += 1
    assert tried > 200


async def test_what_was_built_unchecked_goes_no_further_than_our_client(
    deployment: Deployment,
) -> None:
    client = Client(deployment.client)
    good = HoldRequest.model_validate(deployment.request())
    for pan in written(UNSEEN_PAN):
        for name in ("description", "operator", "booking", "reservation_id", "gateway"):
            with pytest.raises(InvalidRequest) as caught:
                await client.start(good.model_copy(update={name: pan}))
            assert shows(caught.value) == [], name
        for calling in (client.capture(pan), client.capture("RES-1", reason=pan)):
            with pytest.raises(InvalidRequest) as caught:
                await calling
            assert shows(caught.value) == []

    assert await deployment.seen([UNSEEN_PAN]) == {}


async def test_a_command_line_with_card_data_is_refused_and_not_repeated(
    deployment: Deployment,
) -> None:
    environment = {"TEMPORAL_ADDRESS": deployment.address}

    async def told(*words: str, stdin: str | None = None) -> Result:
        runner = CliRunner(env=environment)
        return await asyncio.to_thread(runner.invoke, cardhold, list(words), input=stdin)

    tried = [
        [name, *(param.opts[:1] if param.param_type_name == "option" else []), pan]
        for name, command in cardhold.commands.items()
        for param in command.params
        for pan in written(UNSEEN_PAN)
    ]
    tried += [["start", "RES-1", "--cvv", UNSEEN_CVV], ["show", *written(UNSEEN_PAN)[1].split()]]
    for words in tried:
        ended = await told(*words)
        assert ended.exit_code == 2, words
        assert found([UNSEEN_PAN, UNSEEN_CVV], ended.output.encode()) == [], words
    for place, request in all_of(deployment.request()):
        ended = await told("start", "--file", "-", stdin=json.dumps(request))
        assert ended.exit_code == 2, place
        assert found([UNSEEN_PAN, UNSEEN_CVV], ended.output.encode()) == [], place

    assert len(tried) > 200
    assert await deployment.seen([UNSEEN_PAN, UNSEEN_CVV]) == {}


async def test_a_raw_signal_with_card_data_stays_in_its_one_event(deployment: Deployment) -> None:
    handle, _ = await deployment.held(deployment.request())
    sent = 0
    for name in SIGNALS:
        for pan in written(RAW_PAN):
            for payload in ({"reason": pan}, {pan: 1}, [pan], pan, raw(f'{{"a": "{pan}')):
                await handle.signal(name, payload)
                sent += 1
    hold = await handle.execute_update("release", {"command_id": "over"})

    assert hold["refused_total"] == sent
    assert found([RAW_PAN], json.dumps(hold).encode()) == []
    kinds = await deployment.kept.events_with(handle.id, RAW_PAN)
    assert kinds == ["WORKFLOW_EXECUTION_SIGNALED"] * sent
    await _stays_in_events(deployment)


async def test_a_raw_start_with_card_data_stays_in_its_one_event(deployment: Deployment) -> None:
    for place, request in poisoned(deployment.request(), RAW_PAN):
        request["reservation_id"] = str(request["reservation_id"]).replace(RAW_PAN, "x")
        name = deployment.request()["reservation_id"]
        handle = await deployment.start_as(f"reservation-{name}", request)
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
        assert getattr(caught.value.cause, "type", None) == "InvalidRequest", place
        assert shows(caught.value) == [], place
        kinds = await deployment.kept.events_with(handle.id, RAW_PAN)
        assert kinds in (["WORKFLOW_EXECUTION_STARTED"], []), place
    await _stays_in_events(deployment)


async def _stays_in_events(deployment: Deployment) -> None:
    """In Temporal's history it is, hence in its database, and nowhere else: found, if it is."""
    seen = await deployment.seen([RAW_PAN])
    histories = {where for where in seen if "events" in where}
    files = {where for where in seen if where.startswith("temporal.db")}
    assert histories
    assert files
    assert seen.keys() - histories - files == set()

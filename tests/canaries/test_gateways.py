"""What opens a gateway, and what a gateway repeats, at all four of them.

The worker is a process as in production, its log at DEBUG. The gateway before it repeats a
canary in every word of every answer, or breaks off in the middle of one; then all that a deployment
keeps is searched, for what the gateway has heard as credentials too.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateStage
from temporalio.service import RPCError

from tests.canaries.canaries import (
    API_KEYS,
    CARDS,
    CURRENCIES,
    ECHOED_PAN,
    TEMPORAL_API_KEY,
    Json,
    written,
)
from tests.canaries.chatty import Echo, credential, gateway
from tests.canaries.deployment import Deployment
from tests.canaries.kept import found

GATEWAYS = tuple(CARDS)
# The first one at least leaves a failed attempt behind.
_BROKEN_ANSWERS = 2
TOKENS = {name: card["token"] for name, card in CARDS.items()}
# Where a card's token has to be: it is what a gateway is asked with.
_WITH_TOKEN = {
    "WORKFLOW_EXECUTION_STARTED",
    "WORKFLOW_EXECUTION_UPDATE_ACCEPTED",
    "ACTIVITY_TASK_SCHEDULED",
}
# A token is in the call that places a hold; later calls are about the payment, and know no token.
_PLACING_ALONE = "the card's token"
ECHOES: dict[str, Echo] = {
    "a card number": lambda _: ECHOED_PAN,
    "a card number in groups": lambda _: written(ECHOED_PAN)[1],
    "a card number between words": lambda _: f"card {ECHOED_PAN} declined",
    _PLACING_ALONE: lambda request: TOKENS[gateway(request)],
    "the caller's credential": credential,
    "the caller's credential between words": lambda request: f"key {credential(request)} is fine",
}


async def _hold_and_capture(deployment: Deployment, name: str, what: str) -> Json:
    """A hold, an adjust that some gateways have not, and a capture of a part."""
    deployment.chatty.echo = ECHOES[what]
    handle, hold = await deployment.held(deployment.request(name))
    assert hold["state"] == "authorized", hold
    if what == _PLACING_ALONE:
        deployment.chatty.echo = None
    part = {"amount_minor": 60_00, "currency": CURRENCIES[name]}
    await _answered(handle, "adjust", {"amount": {**part, "amount_minor": 90_00}})
    hold = await _answered(handle, "capture", {"amount": part, "command_id": "out"})
    with contextlib.suppress(RPCError):  # where the rest is freed by the capture, the run is over
        await _answered(handle, "release", {"command_id": "rest"})
    return hold


async def _answered(handle: Any, name: str, payload: Json) -> Json:
    """The hold, also where the update is refused."""
    try:
        return await handle.execute_update(name, payload)
    except WorkflowUpdateFailedError as error:
        return getattr(error.cause, "details", [{}])[0].get("hold") or {}


async def _waits(handle: Any, kind: str) -> bool:
    """Whether an operation of this kind is on its way, its outcome not known."""
    operations = (await handle.query("hold"))["operations"]
    return any(each["kind"] == kind and each["state"] in {"sent", "unknown"} for each in operations)


async def _nothing_is_seen(deployment: Deployment) -> None:
    secrets = {*API_KEYS.values(), TEMPORAL_API_KEY, *deployment.chatty.secrets}
    assert await deployment.seen([*secrets, ECHOED_PAN]) == {}
    for workflow_id in deployment.started:
        kinds = await deployment.kept.events_with(workflow_id, *TOKENS.values())
        assert set(kinds) <= _WITH_TOKEN, workflow_id
    seen = await deployment.seen(TOKENS.values())
    assert [where for where in seen if "events" not in where and "temporal.db" not in where] == []
    # Nothing had to be taken out of the log: the second line of defence was not needed.
    assert b"[hidden]" not in deployment.kept.log.read_bytes()


@pytest.mark.parametrize("what", ECHOES)
async def test_nothing_that_a_gateway_repeats_is_kept(deployment: Deployment, what: str) -> None:
    before = deployment.chatty.repeated
    try:
        for name in GATEWAYS:
            hold = await _hold_and_capture(deployment, name, what)
            assert hold["captured"]["amount_minor"] == 60_00, (name, hold)
            secrets = [ECHOED_PAN, TOKENS[name], *API_KEYS.values(), *deployment.chatty.secrets]
            assert found(secrets, json.dumps(hold).encode()) == [], name
    finally:
        deployment.chatty.echo = None

    assert deployment.chatty.repeated - before > len(GATEWAYS)
    await _nothing_is_seen(deployment)


@pytest.mark.parametrize("name", GATEWAYS)
async def test_nothing_of_a_broken_answer_is_kept(deployment: Deployment, name: str) -> None:
    chatty = deployment.chatty
    handle, _ = await deployment.held(deployment.request(name))
    chatty.echo = lambda request: f"{TOKENS[name]} {ECHOED_PAN} {credential(request)}"
    chatty.broken, before = True, chatty.repeated
    try:
        update = await handle.start_update(
            "capture", {"command_id": "out"}, wait_for_stage=WorkflowUpdateStage.ACCEPTED
        )
        # Other holds' looks are broken too, so that the count alone says nothing of this one.
        async with asyncio.timeout(30):
            while chatty.repeated - before < _BROKEN_ANSWERS or not await _waits(handle, "capture"):
                await asyncio.sleep(0.05)
    finally:
        chatty.echo, chatty.broken = None, False
    assert (await update.result())["state"] == "captured"
    assert f" of {handle.id}: " in deployment.kept.log.read_text()

    await _nothing_is_seen(deployment)


async def test_the_canaries_were_where_they_would_be_found(deployment: Deployment) -> None:
    for name in GATEWAYS:
        await deployment.held(deployment.request(name))
    handle, _ = await deployment.held(deployment.request("sibs"))
    texts = await deployment.kept.texts([handle.id])
    token = TOKENS["sibs"]

    assert {*API_KEYS.values()} - {API_KEYS["XMONEY_API_KEY"]} <= deployment.chatty.secrets
    assert any(found([token], text) for where, text in texts.items() if "temporal.db" in where)
    assert found([token], texts[f"{handle.id}: events"]) == [token]
    assert found([token], texts[f"{handle.id}: events in JSON"], coded=True) == [token]
    assert b"temporal_" in texts["metrics"]
    assert b"DEBUG" in texts["the worker's log"]
    assert b"B-7" in texts[f"{handle.id}: its description"]

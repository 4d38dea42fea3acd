"""Starts: holds made elsewhere, starts that are wrong in themselves, and ones that come too late.

An invalid start answers every ``authorized`` with InvalidRequest, then the run fails with the
same, and nothing was sent.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

from cardhold.fields import instant_text
from tests.workflows.checks import agrees
from tests.workflows.elsewhere import existing, made_elsewhere
from tests.workflows.stack import Reserved, Stack, raw, refusal, usd


async def failure_of(reserved: Reserved) -> ApplicationError:
    with pytest.raises(WorkflowFailureError) as caught:
        await reserved.ended()
    cause = caught.value.cause
    assert isinstance(cause, ApplicationError)
    return cause


async def test_an_existing_hold_is_adopted_and_nothing_is_authorized(stack: Stack) -> None:
    payment_id = await made_elsewhere(stack)
    reserved, hold = await stack.start(payment_method=existing(payment_id))

    assert (hold["state"], hold["payment_id"]) == ("authorized", payment_id)
    assert hold["gateway_reference"] == "page-1"
    assert len(await stack.books()) == 1

    hold = await reserved.update("adjust", {"amount": usd(130_00)})
    hold = await reserved.update("capture", {"amount": usd(90_00)})
    agrees(hold, await stack.book())


async def test_an_existing_hold_ages_from_when_it_was_made(stack: Stack) -> None:
    payment_id = await made_elsewhere(stack)
    await stack.fault("authorize", "decline")
    reserved, hold = await stack.start()
    assert hold["state"] == "declined"
    await reserved.skip(timedelta(minutes=20))
    hold = await reserved.update("authorize", {"payment_method": existing(payment_id)})

    booked_at = datetime.fromisoformat(hold["operations"][1]["booked_at"])
    asked_at = datetime.fromisoformat(hold["operations"][1]["requested_at"])
    assert asked_at - booked_at >= timedelta(minutes=19)
    assert datetime.fromisoformat(hold["authorized_at"]) == booked_at
    assert datetime.fromisoformat(hold["expires_at"]) - booked_at == timedelta(days=7)


async def test_an_existing_hold_of_another_amount_is_a_conflict(stack: Stack) -> None:
    payment_id = await made_elsewhere(stack, 90_00)
    reserved = await stack.begin(stack.request(payment_method=existing(payment_id)))
    cause = await failure_of(reserved)

    assert (cause.type, cause.details[0]["field"]) == ("Conflict", "amount")
    assert [effect["kind"] for effect in (await stack.book())["effects"]] == ["authorize"]


@pytest.mark.parametrize("payment_id", ["NOSUCHPAYM", "no such payment", "../payments"])
async def test_an_existing_hold_that_nobody_knows_is_an_invalid_request(
    stack: Stack, payment_id: str
) -> None:
    reserved = await stack.begin(stack.request(payment_method=existing(payment_id)))
    cause = await failure_of(reserved)

    assert (cause.type, cause.details[0]["field"]) == ("InvalidRequest", "payment_method.token")


async def test_an_existing_hold_that_is_not_open_is_an_invalid_request(stack: Stack) -> None:
    payment_id = await made_elsewhere(stack)
    first, _ = await stack.start(payment_method=existing(payment_id))
    await first.update("release")
    reserved = await stack.begin(stack.request(payment_method=existing(payment_id)))
    cause = await failure_of(reserved)

    assert (cause.type, cause.details[0]["field"]) == ("InvalidRequest", "payment_method.token")


async def test_an_unknown_account_is_an_invalid_request(stack: Stack) -> None:
    request = stack.request(gateway="nobody")
    refused = await refusal(stack.start_with_update(request))
    cause = await failure_of(stack.reserved(request))

    assert (refused.type, refused.detail["field"]) == ("InvalidRequest", "gateway")
    assert cause.type == "InvalidRequest"


async def test_a_terminal_that_cannot_hold_declines_and_says_so(stack: Stack) -> None:
    reserved, hold = await stack.start(gateway="unable")

    assert hold["state"] == "declined"
    assert hold["operations"][0]["state"] == "not_done"
    assert await stack.books() == []
    await reserved.handle.cancel()
    assert (await reserved.ended())["state"] == "abandoned"


async def test_refused_credentials_are_a_technical_refusal(stack: Stack) -> None:
    await stack.fault("authorize", "unauthorized", times=2)
    _, hold = await stack.start()

    assert hold["state"] == "declined"
    assert hold["operations"][0]["state"] == "not_done"
    assert await stack.books() == []


INVALID: list[tuple[str, Any, str | None]] = [
    ("nothing", None, "reservation_id"),
    ("an unknown field", {"colour": "red"}, "colour"),
    ("a misspelled gateway", {"gateway": "no spaces allowed"}, "gateway"),
    ("no amount", {"amount": None}, "amount"),
    ("zero", {"amount": usd(0)}, "amount.amount_minor"),
    ("a float", {"amount": {"amount_minor": 1.5, "currency": "USD"}}, "amount.amount_minor"),
    ("no currency", {"amount": usd(1) | {"currency": "XXQ"}}, None),
    ("a past settle_by", {"settle_by": "2020-01-01T00:00:00Z"}, "settle_by"),
    ("a local time", {"settle_by": "2099-01-01T00:00:00+02:00"}, "settle_by"),
    ("an unknown kind", {"payment_method": {"kind": "card", "token": "t"}}, "payment_method.kind"),
    ("a short window", {"hold_window": "PT9S"}, "hold_window"),
    ("an amount of another currency",
     {"on_deadline": "capture", "deadline_amount": "10.00 EUR"}, "deadline_amount"),
    ("a deadline_amount to release", {"deadline_amount": usd(1)}, "deadline_amount"),
    ("a long description", {"description": "x" * 257}, "description"),
]  # fmt: skip


@pytest.mark.parametrize(("_name", "fields", "field"), INVALID, ids=[name for name, *_ in INVALID])
async def test_an_invalid_start_answers_with_the_field_and_then_fails(
    stack: Stack, _name: str, fields: Any, field: str | None
) -> None:
    elsewhere = stack.elsewhere()
    request = {**stack.request(), **fields} if fields else None
    id_ = f"reservation-{request['reservation_id']}" if request else f"reservation-{uuid4().hex}"
    reserved = await elsewhere.begin_raw(id_, *([request] if request else []))
    asking = asyncio.create_task(refusal(reserved.update("authorized")))
    await asyncio.sleep(0.1)
    async with elsewhere.worker():
        cause = await failure_of(reserved)
        refused = await asking

    assert refused.type == cause.type == "InvalidRequest"
    assert refused.detail == cause.details[0]
    if field is not None:
        assert refused.detail["field"] == field
    assert await stack.books() == []


@pytest.mark.parametrize(
    "payloads",
    [
        (raw(b"{"),),
        (raw(b"\xff\xfe", b"binary/plain"),),
        (raw(b"", b"binary/null"),),
        (raw(b'"text"'),),
        (raw(b"[]"),),
        (raw(b"{}", None),),
        (raw(b"{}", b"who/knows"),),
        (raw(b"{}"), raw(b"{}")),
        (raw(b'{"a": 1, "a": 2}'),),
        (raw(b"[" * 100_000),),
        (raw(b'{"description": "' + b"x" * 300_000 + b'"}'),),
    ],
    ids=["broken", "binary", "null", "text", "list", "bare", "foreign", "two", "twice", "deep",
         "oversize"],
)  # fmt: skip
async def test_whatever_a_start_carries_it_is_invalid_and_stalls_nothing(
    stack: Stack, payloads: tuple[Any, ...]
) -> None:
    reserved = await stack.begin_raw(f"reservation-{uuid4().hex}", *payloads)
    cause = await failure_of(reserved)

    assert cause.type == "InvalidRequest"
    assert await stack.books() == []


async def test_a_workflow_id_of_another_reservation_is_invalid(stack: Stack) -> None:
    reserved = await stack.begin_raw(f"reservation-{uuid4().hex}", stack.request())
    cause = await failure_of(reserved)

    assert (cause.type, cause.details[0]["field"]) == ("InvalidRequest", "reservation_id")


async def test_a_worker_that_comes_after_authorize_by_sends_nothing(stack: Stack) -> None:
    elsewhere = stack.elsewhere()
    authorize_by = datetime.now(UTC) + timedelta(seconds=1)
    reserved = await elsewhere.begin(stack.request(authorize_by=instant_text(authorize_by)))
    await asyncio.sleep(1.1)
    async with elsewhere.worker():
        ended = await reserved.ended()

    assert ended["state"] == "abandoned"
    assert ended["operations"][0]["state"] == "not_done"
    assert await stack.books() == []


async def test_a_second_start_of_an_ended_reservation_is_refused(stack: Stack) -> None:
    request = stack.request()
    await stack.start_with_update(request)
    reserved = stack.reserved(request)
    await reserved.handle.terminate("an operator's mistake")

    with pytest.raises(WorkflowAlreadyStartedError):
        await stack.begin(request)
    with pytest.raises(WorkflowAlreadyStartedError):
        await stack.start_with_update(request)
    assert [effect["kind"] for effect in (await stack.book())["effects"]] == ["authorize"]

"""A card number never enters: an update with one leaves no trace, whatever else it is.

A start or a signal of a raw client is in Temporal's history before we see it; it is refused,
nothing of it is repeated, and the gateway is not called.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowFailureError

from tests.workflows.stack import Json, Reserved, Stack, raw, usd

PAN = "4242424242424242"
# In full-width digits, as East Asian keyboards type them.
WIDE = "".join(chr(ord("\uff10") + int(digit)) for digit in PAN)
SPELLINGS = (PAN, "4242 4242 4242 4242", "4242-4242-4242-4242", WIDE)


def places(pan: str) -> dict[str, tuple[str, Json]]:
    """A card number in every field that takes text, by the update that has it."""
    method = {"kind": "stored_token", "token": pan}
    customer = {"kind": "stored_token", "token": "t", "customer_id": pan}
    resolve = {"operation_id": "capture/2", "outcome": "done", "operator": "a", "reason": "b"}
    return {
        "command_id": ("capture", {"command_id": pan.replace(" ", "-")}),
        "operator": ("capture", {"operator": pan}),
        "reason": ("release", {"reason": f"card {pan} was presented"}),
        "a token": ("authorize", {"payment_method": method}),
        "customer_id": ("authorize", {"payment_method": customer}),
        "a text amount": ("adjust", {"amount": pan}),
        "a reference": ("resolve", {**resolve, "reference": pan}),
        "3-D Secure data": ("authenticated", {"data": {"x": pan}}),
        "the name of 3-D Secure data": ("authenticated", {"data": {pan: "x"}}),
        "an unknown field": ("capture", {"note": pan}),
        "an unknown field's name": ("capture", {pan: 1}),
        "the request": ("authorized", {"request": {"description": pan}}),
        "text alone": ("capture", pan),  # type: ignore[dict-item] - wrong on purpose
        "a list": ("capture", [pan]),  # type: ignore[dict-item] - wrong on purpose
        "an unknown update": ("captrue", {"card": pan}),
    }


async def is_without(reserved: Reserved, pan: str) -> None:
    history = await reserved.raw_history()
    assert pan.encode() not in history
    assert json.dumps(pan)[1:-1].encode() not in history
    assert pan.replace(" ", "-").encode() not in history
    assert pan not in str(await reserved.hold())


@pytest.mark.parametrize("pan", SPELLINGS)
async def test_an_update_with_a_card_number_is_refused_without_a_trace(
    stack: Stack, pan: str
) -> None:
    reserved, before = await stack.start()
    for place, (name, payload) in places(pan).items():
        refused = await reserved.refused(name, payload)
        assert refused.type == "InvalidRequest", place
        assert pan not in refused.message, place
        assert pan not in str(refused.detail), place

    await is_without(reserved, pan)
    assert await reserved.hold() == before
    assert [effect["kind"] for effect in (await stack.book())["effects"]] == ["authorize"]


async def test_an_update_named_as_a_card_number_is_refused_without_a_trace(stack: Stack) -> None:
    reserved, before = await stack.start()
    refused = await reserved.refused(PAN)

    assert refused.type == "InvalidRequest"
    assert PAN not in refused.message
    await is_without(reserved, PAN)
    assert await reserved.hold() == before


async def test_an_update_id_that_is_a_card_number_is_refused_without_a_trace(stack: Stack) -> None:
    reserved, before = await stack.start()
    refused = await reserved.refused("capture", id=PAN)

    assert refused.type == "InvalidRequest"
    assert PAN not in refused.message
    await is_without(reserved, PAN)
    assert await reserved.hold() == before


@pytest.mark.parametrize("data", [f'{{"amount": {PAN}}}', f'{{"amount": "{PAN}', f'"{PAN}"', PAN])
@pytest.mark.parametrize("encoding", [b"json/plain", b"binary/plain", b"who/knows"])
async def test_raw_bytes_with_a_card_number_are_refused_without_a_trace(
    stack: Stack, data: str, encoding: bytes
) -> None:
    reserved, _ = await stack.start()
    for name in ("capture", "adjust", "captrue"):
        refused = await reserved.refused(name, raw(data.encode(), encoding))
        assert refused.type == "InvalidRequest"
        assert PAN not in refused.message

    await is_without(reserved, PAN)


@pytest.mark.parametrize("name", ["cvv", "card_number", "securityCode", "track2"])
async def test_card_data_is_known_by_its_name_too(stack: Stack, name: str) -> None:
    reserved, _ = await stack.start()
    refused = await reserved.refused("capture", {name: "123"})

    assert refused.type == "InvalidRequest"
    assert name not in refused.message


async def test_a_signal_with_a_card_number_is_kept_as_refused_and_not_repeated(
    stack: Stack,
) -> None:
    reserved, _ = await stack.start()
    signals: list[tuple[str, Any]] = [
        ("capture", {"reason": PAN}),
        ("release", {PAN: "x"}),
        ("adjust", {"amount": PAN}),
        ("reschedule", PAN),
        ("unheard-of", {"card": PAN}),
        (f"card-{PAN}", {}),
    ]
    for name, payload in signals:
        await reserved.signal(name, payload)
    hold = await reserved.update("adjust", {"by": "+1.00 USD"})

    assert hold["refused_total"] == len(signals)
    assert PAN not in str(hold)
    assert await places_of(reserved, PAN) == {EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED}
    assert len(await stack.books()) == 1


STARTS: dict[str, Json] = {
    "token": {"payment_method": {"kind": "stored_token", "token": PAN}},
    "description": {"description": f"paid with {PAN}"},
    "metadata": {"metadata": {"card": PAN}},
    "the name of metadata": {"metadata": {PAN: "card"}},
    "an unknown field": {"card": PAN},
    "the name of an unknown field": {PAN: "card"},
    "the gateway": {"gateway": PAN},
    "a number": {"amount": {"amount_minor": int(PAN), "currency": "USD"}},
    "card data by name": {"metadata": {"cvv": "123"}},
}


@pytest.mark.parametrize("place", STARTS)
async def test_a_start_with_a_card_number_fails_and_does_not_repeat_it(
    stack: Stack, place: str
) -> None:
    request = {**stack.request(), **STARTS[place]}
    reserved = await stack.begin(request)
    with pytest.raises(WorkflowFailureError) as caught:
        await reserved.ended()

    assert getattr(caught.value.cause, "type", None) == "InvalidRequest"
    assert PAN not in str(caught.value.cause)
    assert await places_of(reserved, PAN) <= {EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED}
    assert await stack.books() == []


async def test_a_stored_token_that_looks_like_a_card_number_is_taken(stack: Stack) -> None:
    _, hold = await stack.start(
        payment_method={"kind": "stored_token", "token": "2967530000000003"}
    )

    assert hold["state"] == "authorized"


async def test_the_token_stands_in_no_answer_and_no_error(stack: Stack) -> None:
    token = "2967531234567890"
    reserved, hold = await stack.start(payment_method={"kind": "stored_token", "token": token})
    refused = await reserved.refused("adjust", {"amount": usd(150_01)})
    ended = await reserved.update("capture")

    assert token not in str((hold, refused, ended))


async def places_of(reserved: Reserved, text: str) -> set[int]:
    """The kinds of event in which a text stands."""
    return {
        event.event_type
        for event in (await reserved.history()).events
        if text.encode() in event.SerializeToString()
    }

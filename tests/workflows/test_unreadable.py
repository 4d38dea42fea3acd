"""What cannot be read, or must not be, at every door: it is answered, and repeated nowhere.

A sentence stands in payloads of every encoding that a start, an update, a signal and a query can
have, encrypted-looking ones included, and in the fields of proper messages. Every failure in the
histories is then searched for it, and every event that is not the message itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowFailureError
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from activities.converter import data_converter
from tests.workflows.stack import Json, Reserved, Stack, raw

SENTENCE = "the guest of room twelve is a secret"
_TOLD = SENTENCE.encode()
UNREADABLE: dict[str, Any] = {
    "text": raw(f'"{SENTENCE}"'.encode()),
    "a list": raw(f'["{SENTENCE}"]'.encode()),
    "an unknown field": raw(f'{{"note": "{SENTENCE}"}}'.encode()),
    "a wrong value": raw(f'{{"operation_id": "{SENTENCE}", "command_id": "{SENTENCE}"}}'.encode()),
    "broken JSON": raw(f'{{"reason": "{SENTENCE}'.encode()),
    "binary": raw(b"\xff\x00" + _TOLD, b"binary/plain"),
    "encrypted": raw(b"\x01" * 12 + _TOLD, b"binary/encrypted"),
    "protobuf": raw(b"\x0a\x24" + _TOLD, b"binary/protobuf"),
    "an unknown encoding": raw(_TOLD, b"who/knows"),
    "an encoding that is no text": raw(_TOLD, b"\xff\xfe"),
    "no encoding": raw(_TOLD, None),
    "a null with data": raw(_TOLD, b"json/encrypted"),
}
UPDATES = ("adjust", "capture", "release", "authorize", "reschedule", "resolve", "acknowledge",
           "authorized", "authenticated", "captrue")  # fmt: skip
SIGNALS = ("adjust", "capture", "release", "reschedule", "captrue")


async def kinds_with_it(reserved: Reserved) -> set[int]:
    """The kinds of event in which the sentence stands."""
    events = (await reserved.history()).events
    return {event.event_type for event in events if _TOLD in event.SerializeToString()}


@pytest.mark.parametrize("what", UNREADABLE)
async def test_a_start_that_cannot_be_read_fails_and_repeats_nothing(
    stack: Stack, what: str
) -> None:
    reserved = await stack.begin_raw(
        f"reservation-{stack.request()['reservation_id']}", UNREADABLE[what]
    )
    with pytest.raises(WorkflowFailureError) as caught:
        await reserved.ended()

    cause = caught.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == "InvalidRequest"
    assert SENTENCE not in f"{cause.message} {cause.details}"
    assert await kinds_with_it(reserved) == {EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED}
    assert await stack.books() == []


async def test_an_update_that_cannot_be_read_is_refused_and_not_repeated(stack: Stack) -> None:
    reserved, before = await stack.start()
    for name in UPDATES:
        for what, payload in UNREADABLE.items():
            refused = await reserved.refused(name, payload)
            assert refused.type == "InvalidRequest", (name, what)
            assert SENTENCE not in refused.message, (name, what)
            assert SENTENCE not in str(refused.detail), (name, what)

    history = await reserved.history()
    now = await reserved.hold()
    assert {name: now[name] for name in now if not name.startswith("refused")} == {
        name: before[name] for name in before if not name.startswith("refused")
    }
    assert [_failures(event) for event in history.events if _failures(event)] == []


async def test_a_signal_that_cannot_be_read_stays_in_its_own_event(stack: Stack) -> None:
    reserved, _ = await stack.start()
    for name in SIGNALS:
        for payload in UNREADABLE.values():
            await reserved.signal(name, payload)
    hold = await reserved.update("release", {"command_id": "over"})

    assert hold["refused_total"] == len(SIGNALS) * len(UNREADABLE)
    assert SENTENCE not in str(hold)
    assert await kinds_with_it(reserved) == {EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED}


@pytest.mark.parametrize("query", ["hold", "plan"])
async def test_a_query_that_cannot_be_read_is_answered_as_any_other(
    stack: Stack, query: str
) -> None:
    reserved, _ = await stack.start()
    plain = await reserved.handle.query(query)
    for payload in UNREADABLE.values():
        assert await reserved.handle.query(query, payload) == plain


async def test_no_failure_repeats_what_a_request_says(stack: Stack) -> None:
    """Failures' own texts are what a codec leaves in clear."""
    said: Json = {"operator": SENTENCE, "description": SENTENCE, "metadata": {"note": SENTENCE}}
    reserved, _ = await stack.start(**said)
    await stack.fault("capture", "garbage")
    await reserved.update("capture", {"command_id": "out", "reason": SENTENCE})
    await reserved.ended()
    lost = await stack.begin({**stack.request(gateway="nowhere"), **said})
    with pytest.raises(WorkflowFailureError):
        await lost.ended()

    failures = [
        failure
        for each in (reserved, lost)
        for event in (await each.history()).events
        for failure in _failures(event)
    ]
    assert len(failures) >= 2
    for failure in failures:
        assert SENTENCE not in failure.message
        assert failure.stack_trace == ""


def _failures(event: HistoryEvent) -> list[Failure]:
    """The failures that an event holds, with their causes."""
    kind = event.WhichOneof("attributes")
    attributes = getattr(event, kind or "", None)
    found: list[Failure] = []
    for name in ("failure", "last_failure"):
        if attributes is not None and name in attributes.DESCRIPTOR.fields_by_name:
            found += _with_causes(getattr(attributes, name))
    return found


def _with_causes(failure: Failure) -> Iterator[Failure]:
    while failure.message or failure.HasField("cause"):
        yield failure
        failure = failure.cause


@given(
    st.lists(st.tuples(st.dictionaries(st.text(max_size=9), st.binary(max_size=9)), st.binary()))
)
def test_no_payload_makes_our_converter_raise(told: list[tuple[dict[str, bytes], bytes]]) -> None:
    payloads = [Payload(metadata=metadata, data=data) for metadata, data in told]

    values = data_converter.payload_converter.from_payloads(payloads)

    assert all(isinstance(value, RawValue) for value in values)
    assert [value.payload for value in values] == payloads

"""Messages that no client of ours would send: each ends in an answer, in ``refused``, or nowhere.

Every one is sent to an authorized hold, which must not be stalled by it: after the test no
workflow task has failed, and the hold still takes a proper instruction.
"""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.client import WorkflowQueryFailedError

from tests.workflows.stack import Reserved, Stack, raw, usd

# What none of the commands may be given, by name.
POISON: dict[str, tuple[Any, ...]] = {
    "two objects": (raw(b"{}"), raw(b"{}")),
    "broken JSON": (raw(b'{"amount": '),),
    "binary": (raw(b"\x00\xff\xfe", b"binary/plain"),),
    "binary called JSON": (raw(b"\x00\xff\xfe"),),
    "text for an object": (raw(b'"everything"'),),
    "a list": (raw(b"[1, 2]"),),
    "a number": (raw(b"1"),),
    "true": (raw(b"true"),),
    "an unknown encoding": (raw(b"{}", b"who/knows"),),
    "an encrypted payload": (raw(b"\x01\x02", b"binary/encrypted"),),
    "no encoding": (raw(b"{}", None),),
    "an encoding that is no text": (raw(b"{}", b"\xff"),),
    "NaN": (raw(b'{"amount": NaN}'),),
    "an unknown field": (raw(b'{"colour": "red"}'),),
    "a field twice": (raw(b'{"reason": "a", "reason": "b"}'),),
    "a lone surrogate": (raw(b'{"reason": "\\ud800"}'),),
    "a control character": (raw(b'{"reason": "a\\u0000b"}'),),
    "a bad command_id": (raw(b'{"command_id": "with blanks"}'),),
    "deep nesting": (raw(b'{"amount": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"),),
    "a huge number": (raw(b'{"amount": ' + b"9" * 20_000 + b"}"),),
    "too much": (raw(b'{"reason": "' + b"x" * 300_000 + b'"}'),),
}
# Nothing at all, as the Temporal UI sends it in three ways.
NOTHING: dict[str, tuple[Any, ...]] = {
    "no payload": (),
    "an empty payload": (raw(b""),),
    "a null payload": (raw(b"", b"binary/null"),),
    "null": (raw(b"null"),),
}
COMMANDS = (
    "adjust", "capture", "release", "authorize", "reschedule", "resolve", "acknowledge",
    "authorized", "authenticated",
)  # fmt: skip
SIGNALS = ("adjust", "capture", "release", "reschedule")


async def still_works(reserved: Reserved) -> None:
    hold = await reserved.update("adjust", {"by": "+1.00 USD"})
    assert (hold["state"], hold["authorized"]) == ("authorized", usd(101_00))


async def test_no_poisoned_update_is_carried_out_or_stalls_the_hold(stack: Stack) -> None:
    reserved, before = await stack.start()
    for command in COMMANDS:
        for name, payloads in POISON.items():
            refused = await reserved.refused(command, *payloads)
            assert refused.type == "InvalidRequest", (command, name)
            assert refused.hold == before, (command, name)

    await still_works(reserved)


async def test_no_poisoned_signal_is_carried_out_dropped_or_stalls_the_hold(stack: Stack) -> None:
    reserved, _ = await stack.start()
    for signal in SIGNALS:
        for payloads in POISON.values():
            await reserved.signal(signal, *payloads)
    hold = await reserved.hold()

    assert hold["refused_total"] == len(SIGNALS) * len(POISON)
    assert len(hold["refused"]) == 50
    assert all(refused["why"] and refused["at"] for refused in hold["refused"])
    await still_works(reserved)


@pytest.mark.parametrize("nothing", NOTHING)
@pytest.mark.parametrize("kind", ["update", "signal"])
@pytest.mark.parametrize(("name", "state"), [("capture", "captured"), ("release", "released")])
async def test_capture_and_release_take_no_input_at_all(
    stack: Stack, name: str, state: str, kind: str, nothing: str
) -> None:
    reserved, _ = await stack.start()
    if kind == "update":
        await reserved.update(name, *NOTHING[nothing])
    else:
        await reserved.signal(name, *NOTHING[nothing])

    assert (await reserved.ended())["state"] == state


@pytest.mark.parametrize("nothing", NOTHING)
async def test_what_needs_an_input_is_refused_without_one(stack: Stack, nothing: str) -> None:
    reserved, before = await stack.start()
    for command in ("adjust", "authorize", "reschedule", "resolve"):
        refused = await reserved.refused(command, *NOTHING[nothing])
        assert refused.type == "InvalidRequest", command
        assert refused.detail["field"] is not None, command
    for command in ("authorized", "authenticated"):
        assert await reserved.update(command, *NOTHING[nothing]) == before, command
    assert (await reserved.refused("acknowledge", *NOTHING[nothing])).type == "IllegalMove"


@pytest.mark.parametrize("query", ["hold", "plan"])
async def test_a_query_answers_whatever_it_is_asked_with(stack: Stack, query: str) -> None:
    reserved, _ = await stack.start()
    plain = await reserved.handle.query(query)
    for payloads in (*POISON.values(), *NOTHING.values()):
        assert await reserved.handle.query(query, args=list(payloads)) == plain

    await still_works(reserved)


async def test_a_query_that_nobody_knows_fails_alone(stack: Stack) -> None:
    reserved, _ = await stack.start()
    with pytest.raises(WorkflowQueryFailedError):
        await reserved.handle.query("balance")

    await still_works(reserved)


@pytest.mark.parametrize("payloads", [(), ({"amount": usd(1)},), (raw(b"\xff", b"who/knows"),)])
async def test_an_update_that_nobody_knows_is_refused_and_kept(
    stack: Stack, payloads: tuple[Any, ...]
) -> None:
    reserved, _ = await stack.start()
    refused = await reserved.refused("captrue", *payloads)
    hold = await reserved.hold()

    assert refused.type == "InvalidRequest"
    assert [kept["name"] for kept in hold["refused"]] == ["captrue"]
    assert hold["refused_total"] == 1
    await still_works(reserved)


async def test_a_signal_that_nobody_knows_is_kept(stack: Stack) -> None:
    reserved, _ = await stack.start()
    names = ["captrue", "Capture", "x" * 300, "line\nbreak", "authorize"]
    for name in names:
        await reserved.signal(name, {"amount": usd(1)})
    hold = await reserved.hold()

    assert hold["refused_total"] == len(names)
    kept = [refused["name"] for refused in hold["refused"]]
    assert kept == ["captrue", "Capture", "x" * 64, "line?break", "authorize"]
    await still_works(reserved)


async def test_refused_keeps_the_last_fifty_and_counts_them_all(stack: Stack) -> None:
    reserved, _ = await stack.start()
    for number in range(55):
        await reserved.signal(f"typo-{number}")
    hold = await reserved.hold()

    assert hold["refused_total"] == 55
    assert [refused["name"] for refused in hold["refused"]] == [
        f"typo-{number}" for number in range(5, 55)
    ]


async def test_nulls_count_as_absent(stack: Stack) -> None:
    reserved, _ = await stack.start(booking=None, settle_by=None, metadata=None)
    hold = await reserved.update(
        "capture", {"amount": None, "final": None, "command_id": None, "operator": None}
    )

    assert (hold["state"], hold["captured"]) == ("captured", usd(100_00))


@pytest.mark.parametrize("name", ["__temporal_signal", "__stack_trace", "__temporal_x"])
async def test_a_reserved_name_stalls_nothing(stack: Stack, name: str) -> None:
    reserved, _ = await stack.start()
    await reserved.signal(name, {"a": 1})

    await still_works(reserved)


async def test_other_encodings_of_json_are_read(stack: Stack) -> None:
    reserved, _ = await stack.start()
    hold = await reserved.update("adjust", raw(b'{"by": "+1.00 USD"}', b"json/protobuf"))

    assert hold["authorized"] == usd(101_00)

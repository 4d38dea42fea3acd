"""One command_id, one instruction: repeats get its answer, other content under it is a conflict.

The oracle is the bank: whatever is repeated, when and how often, money moves once.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.workflows.checks import agrees
from tests.workflows.stack import Stack, refusal, usd

DINNER = {"amount": usd(150_00), "command_id": "dinner"}


async def test_a_repeated_command_gets_the_answer_as_it_is_now(stack: Stack) -> None:
    reserved, _ = await stack.start()
    first = await reserved.update("adjust", DINNER)
    other = await reserved.update("adjust", {"by": "+10.00 USD", "command_id": "tip"})
    again = await reserved.update("adjust", {**DINNER, "operator": "desk", "reason": "asked twice"})

    assert first["authorized"] == usd(150_00)
    assert again == other
    assert [effect["kind"] for effect in (await stack.book())["effects"]] == [
        "authorize",
        "adjust",
        "adjust",
    ]


async def test_a_repeat_while_it_is_under_way_waits_for_the_same_answer(stack: Stack) -> None:
    reserved, _ = await stack.start()
    await stack.fault("adjust", "delay", delay_s=0.8)
    answers = await asyncio.gather(*(reserved.update("adjust", DINNER) for _ in range(4)))

    assert all(answer == answers[0] for answer in answers)
    assert len(answers[0]["operations"]) == 2
    agrees(answers[0], await stack.book())


async def test_a_repeat_of_a_declined_command_is_declined_again_and_not_sent(stack: Stack) -> None:
    reserved, _ = await stack.start()
    command = {"amount": usd(150_01), "command_id": "more"}
    first = await reserved.refused("adjust", command)
    again = await reserved.refused("adjust", command)

    assert first.type == again.type == "Declined"
    assert first.detail["operation_id"] == again.detail["operation_id"] == "adjust/2"
    assert len((await reserved.hold())["operations"]) == 2


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("adjust", {"amount": usd(151_00)}),
        ("adjust", {"by": "+50.00 USD"}),
        ("capture", {"amount": usd(150_00)}),
        ("release", {}),
        ("reschedule", {"on_deadline": "capture"}),
    ],
)
async def test_another_instruction_under_the_same_id_is_a_conflict(
    stack: Stack, name: str, other: dict[str, Any]
) -> None:
    reserved, _ = await stack.start()
    before = await reserved.update("adjust", DINNER)
    refused = await reserved.refused(name, {**other, "command_id": "dinner"})

    assert (refused.type, refused.detail["field"]) == ("Conflict", "command_id")
    assert await reserved.hold() == before


async def test_another_instruction_under_the_id_of_one_under_way_is_a_conflict(
    stack: Stack,
) -> None:
    reserved, _ = await stack.start()
    await stack.fault("adjust", "delay", delay_s=0.8)
    first = asyncio.create_task(reserved.update("adjust", DINNER))
    await asyncio.sleep(0.3)
    refused = await reserved.refused("adjust", {**DINNER, "amount": usd(99_00)})

    assert refused.type == "Conflict"
    assert (await first)["authorized"] == usd(150_00)


async def test_an_id_whose_instruction_was_refused_is_free_again(stack: Stack) -> None:
    reserved, _ = await stack.start()
    bad = await reserved.refused("capture", {"amount": usd(1), "final": False, "command_id": "c"})
    hold = await reserved.update("capture", {"command_id": "c"})

    assert bad.type == "NotSupported"
    assert hold["state"] == "captured"


async def test_the_update_id_serves_where_no_command_id_is_given(stack: Stack) -> None:
    reserved, _ = await stack.start()
    hold = await reserved.update("adjust", {"by": "+50.00 USD"}, id="from-the-caller")
    again = await reserved.update(
        "adjust", {"by": "+50.00 USD", "command_id": "from-the-caller"}, id="another-update"
    )

    assert hold["operations"][1]["command_id"] == "from-the-caller"
    assert again["authorized"] == usd(150_00)


async def test_an_update_id_that_cannot_serve_is_refused(stack: Stack) -> None:
    reserved, _ = await stack.start()
    refused = await reserved.refused("adjust", {"by": "+50.00 USD"}, id="with blanks in it")

    assert (refused.type, refused.detail["field"]) == ("InvalidRequest", "command_id")
    named = {"by": "+50.00 USD", "command_id": "dinner"}
    assert (await reserved.update("adjust", named, id="blanks again"))["authorized"] == usd(150_00)


async def test_a_signal_without_an_id_is_named_from_its_content(stack: Stack) -> None:
    reserved, _ = await stack.start()
    for remark in ("first", "the UI's button, pressed again"):
        await reserved.signal("adjust", {"amount": usd(150_00), "reason": remark})
    await reserved.signal("adjust", {"amount": usd(160_00)})
    hold = await reserved.update("adjust", {"by": "+1.00 USD"})

    names = [operation["command_id"] for operation in hold["operations"]]
    assert hold["authorized"] == usd(161_00)
    assert len(names) == len(set(names)) == 4
    assert all(name.startswith("signal-") for name in names[1:3])


async def test_a_signal_and_an_update_of_one_id_are_one_instruction(stack: Stack) -> None:
    reserved, _ = await stack.start()
    await reserved.signal("adjust", DINNER)
    hold = await reserved.update("adjust", DINNER)

    assert (hold["authorized"], len(hold["operations"])) == (usd(150_00), 2)


async def test_a_signal_that_is_not_allowed_is_kept_with_the_reason(stack: Stack) -> None:
    reserved, _ = await stack.start(amount=usd(49_01))
    await reserved.signal("capture")
    await reserved.signal("adjust", {"amount": usd(1), "command_id": "x"})
    hold = await reserved.hold()

    assert [refused["name"] for refused in hold["refused"]] == ["capture", "adjust"]
    assert all("declined" in refused["why"] for refused in hold["refused"])


async def test_an_error_tells_the_field_the_operation_and_the_hold(stack: Stack) -> None:
    reserved, before = await stack.start()
    wrong = await reserved.refused("adjust", {"amount": "1.00 EUR"})
    illegal = await reserved.refused("resolve", {
        "operation_id": "authorize/1", "outcome": "done", "reference": "R",
        "operator": "desk", "reason": "saw it",
    })  # fmt: skip
    nobody = await reserved.refused("resolve", {
        "operation_id": "capture/9", "outcome": "not_done", "operator": "a", "reason": "b",
    })  # fmt: skip

    assert (wrong.type, wrong.detail["field"]) == ("InvalidRequest", "amount.currency")
    assert (illegal.type, illegal.detail["operation_id"]) == ("IllegalMove", "authorize/1")
    assert (nobody.type, nobody.detail["field"]) == ("InvalidRequest", "operation_id")
    assert wrong.hold == illegal.hold == nobody.hold == before


async def test_two_captures_at_once_take_the_money_once(stack: Stack) -> None:
    reserved, _ = await stack.start()
    await stack.fault("capture", "delay", delay_s=0.5)
    answers = await asyncio.gather(
        *(reserved.update("capture", {"command_id": f"c-{number}"}) for number in range(2)),
        return_exceptions=True,
    )
    taken = [answer for answer in answers if isinstance(answer, dict)]
    [late] = [answer for answer in answers if not isinstance(answer, dict)]

    async def again() -> None:
        raise late

    assert [hold["captured"] for hold in taken] == [usd(100_00)]
    assert (await refusal(again())).type == "Closed"
    agrees(taken[0], await stack.book())


async def test_a_capture_and_a_release_at_once_do_one_of_the_two(stack: Stack) -> None:
    reserved, _ = await stack.start()
    await asyncio.gather(
        reserved.update("capture", {}), reserved.update("release", {}), return_exceptions=True
    )
    ended = await reserved.ended()

    assert ended["state"] in {"captured", "released"}
    agrees(ended, await stack.book())


async def test_updates_before_the_first_step_of_a_cold_worker_are_not_lost(stack: Stack) -> None:
    elsewhere = stack.elsewhere()
    request = stack.request()
    starting = asyncio.create_task(elsewhere.start_with_update(request))
    await asyncio.sleep(0.2)
    reserved = elsewhere.reserved(request)
    adjusting = asyncio.create_task(reserved.update("adjust", DINNER))
    await reserved.signal("adjust", {"by": "+5.00 USD", "command_id": "tip"})
    await asyncio.sleep(0.2)
    async with elsewhere.worker():
        assert (await starting)["payment_id"] is not None
        await adjusting
        hold = await reserved.update("capture", {})

    assert hold["state"] == "captured"
    assert {operation["command_id"] for operation in hold["operations"]} >= {"dinner", "tip"}
    agrees(hold, await stack.book())

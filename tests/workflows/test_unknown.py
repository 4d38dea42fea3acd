"""Outcomes that nobody knows: what is refused meanwhile, what is kept, and who ends it.

The account ``hasty`` answers within three seconds and calls for a person after two.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateStage
from temporalio.service import RPCError

from cardhold.fields import instant_text
from tests.workflows.checks import adds_up, agrees
from tests.workflows.gateways import Place
from tests.workflows.stack import Json, Reserved, Stack, usd
from tests.workflows.test_accidents_started_again import ONE_OF_EACH
from tests.workflows.test_weather_order import turns

DESK = {"operator": "desk", "reason": "seen in the gateway's portal"}
HOUR = timedelta(hours=1, seconds=1)


async def until(reserved: Reserved, operation_id: str, state: str) -> Json:
    async with asyncio.timeout(15):
        while True:
            hold = await reserved.hold()
            for operation in hold["operations"]:
                if (operation["operation_id"], operation["state"]) == (operation_id, state):
                    return hold
            await asyncio.sleep(0.05)


async def until_attention(reserved: Reserved) -> Json:
    async with asyncio.timeout(15):
        while (hold := await reserved.hold())["attention"] is None:
            await asyncio.sleep(0.1)
        return hold


async def lost(stack: Stack, operation: str, command: Json | None = None) -> Reserved:
    """A reservation whose operation's outcome is unknown, for as long as no look-up answers."""
    reserved, _ = await stack.start(gateway="hasty")
    await stack.fault(operation, "error_after")
    await stack.fault("look_up", "error_before", times=1000)
    await reserved.signal(operation, {"command_id": "lost", **(command or {})})
    await until(reserved, f"{operation}/2", "unknown")
    return reserved


@pytest.mark.parametrize("instruction", [("adjust", {"by": "+1.00 USD"}), ("capture", {})])
@pytest.mark.parametrize(
    ("unknown", "command"), [("adjust", {"amount": usd(150_00)}), ("capture", {}), ("release", {})]
)
async def test_while_an_outcome_is_unknown_adjust_and_capture_are_refused(
    stack: Stack, unknown: str, command: Json, instruction: tuple[str, Json]
) -> None:
    reserved = await lost(stack, unknown, command)
    started = monotonic()
    refused = await reserved.refused(*instruction)

    assert refused.type == "OutcomeUnknown"
    assert refused.detail["operation_id"] == f"{unknown}/2"
    assert monotonic() - started < 2


async def test_a_release_is_kept_until_the_outcome_is_known(stack: Stack) -> None:
    reserved = await lost(stack, "adjust", {"amount": usd(150_00)})
    asking = asyncio.create_task(reserved.refused("release", {"command_id": "go"}))
    refused = await asking
    assert refused.type == "OutcomeUnknown"
    await stack.no_more_faults()
    await reserved.skip(timedelta(minutes=6))
    ended = await reserved.ended()

    assert (ended["state"], ended["released"]) == ("released", usd(150_00))
    agrees(ended, await stack.book())


async def test_a_cancellation_is_kept_until_the_outcome_is_known(stack: Stack) -> None:
    reserved = await lost(stack, "adjust", {"amount": usd(150_00)})
    await reserved.handle.cancel()
    await stack.no_more_faults()
    await reserved.skip(timedelta(minutes=6))

    assert (await reserved.ended())["state"] == "released"


async def test_a_repeat_of_an_unknown_command_is_told_so_at_once(stack: Stack) -> None:
    reserved = await lost(stack, "capture")
    again = await reserved.refused("capture", {"command_id": "lost"})

    assert again.type == "OutcomeUnknown"
    await stack.no_more_faults()
    await reserved.skip(timedelta(minutes=6))
    ended = await reserved.ended()
    assert ended["captured"] == usd(100_00)
    agrees(ended, await stack.book())


async def test_a_person_is_told_when_the_look_ups_have_run_out(stack: Stack) -> None:
    reserved = await lost(stack, "capture")
    told = await until_attention(reserved)

    assert told["attention"]["reason"] == "outcome_unknown"
    assert told["attention"]["operation_id"] == "capture/2"
    assert (await reserved.refused("acknowledge")).type == "IllegalMove"


async def test_a_look_up_ends_the_attention(stack: Stack) -> None:
    reserved = await lost(stack, "adjust", {"amount": usd(150_00)})
    await until_attention(reserved)
    await stack.no_more_faults()
    await reserved.skip(timedelta(minutes=6))
    hold = await until(reserved, "adjust/2", "done")

    assert (hold["attention"], hold["authorized"]) == (None, usd(150_00))
    agrees(hold, await stack.book())


async def test_a_person_says_that_it_was_done(stack: Stack) -> None:
    reserved = await lost(stack, "capture", {"amount": usd(60_00)})
    word = {"operation_id": "capture/2", "outcome": "done", "reference": "P-1", **DESK}
    hold = await reserved.update("resolve", word)

    assert (hold["state"], hold["captured"]) == ("captured", usd(60_00))
    agrees(await reserved.ended(), await stack.book())


async def test_a_person_says_that_it_was_not_done(stack: Stack) -> None:
    reserved, _ = await stack.start(gateway="hasty")
    await stack.fault("capture", "error_before")
    await stack.fault("look_up", "error_before", times=1000)
    await reserved.signal("capture", {"command_id": "lost"})
    await until(reserved, "capture/2", "unknown")
    word = {"operation_id": "capture/2", "outcome": "not_done", **DESK}
    hold = await reserved.update("resolve", word)
    assert (hold["state"], hold["remaining"]) == ("authorized", usd(100_00))
    assert hold["operations"][1]["state"] == "not_done"
    await stack.no_more_faults()

    hold = await reserved.update("capture", {"command_id": "again"})
    assert hold["captured"] == usd(100_00)
    agrees(hold, await stack.book())


async def test_the_gateways_word_wins_over_a_persons(stack: Stack) -> None:
    reserved = await lost(stack, "capture")
    word = {"operation_id": "capture/2", "outcome": "not_done", **DESK}
    hold = await reserved.update("resolve", word)
    assert hold["state"] == "authorized"
    await stack.no_more_faults()
    await reserved.refused("release", {"command_id": "go"})
    hold = await reserved.hold()
    assert hold["attention"]["reason"] == "external_change"

    await reserved.update("acknowledge")
    ended = await reserved.ended()
    assert (ended["state"], ended["captured"]) == ("captured", usd(100_00))
    agrees(ended, await stack.book())


async def test_a_hold_that_a_person_has_vouched_for_is_captured_as_any_other(stack: Stack) -> None:
    await stack.fault("authorize", "error_after")
    reserved = await stack.begin(stack.request(gateway="hasty"))
    async with asyncio.timeout(10):
        while stack.unmet("payroc"):
            await asyncio.sleep(0.01)
    await stack.fault("look_up", "error_before", times=1000)
    await until(reserved, "authorize/1", "unknown")
    payment_id = (await stack.book())["payment_id"]
    word = {"operation_id": "authorize/1", "outcome": "done", "reference": payment_id, **DESK}
    hold = await reserved.update("resolve", word)
    assert (hold["state"], hold["payment_id"]) == ("authorized", payment_id)
    await stack.no_more_faults()

    hold = await reserved.update("capture", {"amount": usd(60_00), "command_id": "out"})
    assert (hold["state"], hold["captured"]) == ("captured", usd(60_00))
    agrees(hold, await stack.book())


@pytest.mark.parametrize("place", ONE_OF_EACH, ids=str)
async def test_a_hold_that_was_vouched_for_before_any_answer_ends_when_it_has_lapsed(
    stack: Stack, place: Place
) -> None:
    """Nobody has looked before it lapsed, and the gateway knows nothing of it."""
    await stack.fault("look_up", "error_before", gateway=place.gateway, times=1000)
    await stack.fault("token", "error_before", gateway=place.gateway, times=1000)
    reserved = await stack.begin(stack.request(**place.request()))
    await reserved.skip(timedelta(minutes=1))
    await until(reserved, "authorize/1", "unknown")
    word = {"operation_id": "authorize/1", "outcome": "done", "reference": "7700", **DESK}
    await reserved.update("resolve", word)
    await reserved.skip(timedelta(days=8))
    await stack.no_more_faults()

    async with asyncio.timeout(60):
        while (hold := await reserved.hold())["closed_at"] is None:
            attention = hold["attention"]
            if attention is not None and attention["reason"] == "outcome_unknown":
                unknown = {"operation_id": attention["operation_id"], **DESK}
                await reserved.update("resolve", {"outcome": "not_done", **unknown})
            with contextlib.suppress(RPCError):  # it may have ended just now
                await reserved.skip(timedelta(hours=2))
    assert (await reserved.ended())["state"] in {"expired", "released"}
    assert await stack.books() == []


@pytest.mark.parametrize(
    ("outcome", "captured"), [("error_after", 150_00), ("error_before", 100_00)]
)
async def test_an_unknown_adjust_does_not_delay_the_deadline(
    stack: Stack, outcome: str, captured: int
) -> None:
    reserved, _ = await stack.start(gateway="hasty", hold_window="PT10M", on_deadline="capture")
    await stack.fault("adjust", outcome)
    await stack.fault("look_up", "error_before", times=1000)
    await reserved.signal("adjust", {"amount": usd(150_00), "command_id": "lost"})
    await until(reserved, "adjust/2", "unknown")
    await reserved.skip(timedelta(minutes=5, seconds=1))
    await stack.no_more_faults()
    ended = await reserved.ended()
    book = await stack.book()

    # The lower of the two totals is taken, whatever the gateway holds.
    assert book["captured_minor"] == 100_00
    assert ended["captured"] == usd(100_00)
    assert book["authorized_minor"] == captured
    adds_up(ended)


async def test_a_word_on_what_the_deadline_has_overtaken_is_taken_beside_one_on_its_own_act(
    stack: Stack,
) -> None:
    reserved, _ = await stack.start(gateway="hasty", hold_window="PT10M")
    await stack.fault("adjust", "error_after")
    await stack.fault("look_up", "error_before", times=1000)
    await reserved.signal("adjust", {"amount": usd(150_00), "command_id": "lost"})
    await until(reserved, "adjust/2", "unknown")
    await reserved.skip(timedelta(minutes=5, seconds=1))
    await until(reserved, "release/3", "unknown")
    words = [
        {"operation_id": operation_id, "outcome": "done", "reference": "P-1", **DESK}
        for operation_id in ("adjust/2", "release/3")
    ]
    # The second one ends the hold: what has not been heard by then is too late.
    heard = WorkflowUpdateStage.ACCEPTED
    first = await reserved.handle.start_update("resolve", words[0], wait_for_stage=heard)
    await reserved.update("resolve", words[1])
    await first.result()
    ended = await reserved.ended()

    assert [operation["state"] for operation in ended["operations"]] == ["done"] * 3
    assert (ended["state"], ended["attention"]) == ("released", None)


async def test_a_reschedule_to_an_earlier_hour_counts_during_an_unknown_adjust(
    stack: Stack,
) -> None:
    reserved = await lost(stack, "adjust", {"amount": usd(150_00)})
    await until_attention(reserved)
    created_at = (await reserved.hold())["created_at"]
    settle_by = datetime.fromisoformat(created_at) + timedelta(minutes=5)
    await reserved.update("reschedule", {"settle_by": instant_text(settle_by)})
    await reserved.skip(timedelta(minutes=5, seconds=1))
    await stack.no_more_faults()  # a release looks first: with every look-up broken it has to wait

    assert (await reserved.ended())["state"] == "released"
    assert (await stack.book())["state"] == "released"


async def test_an_authorization_taken_in_and_not_decided_is_looked_up_until_it_is(
    stack: Stack,
) -> None:
    await stack.fault("authorize", "stay_pending", resolve_after_s=30)
    request = stack.request()
    reserved = await stack.begin(request)
    asking = asyncio.create_task(reserved.refused("authorized", {"request": request}))
    hold = await until(reserved, "authorize/1", "unknown")
    assert (hold["state"], hold["in_doubt"]) == ("authorizing", usd(100_00))
    assert hold["authorized"] == hold["remaining"] == usd(0)

    # Only the reservation's clock: 45 seconds on, nobody has decided yet.
    await stack.skipper.fast_forward(reserved.handle, timedelta(seconds=50))
    assert (await asking).type == "OutcomeUnknown"
    await stack.bank_clock(advance_s=60)
    await reserved.skip(timedelta(minutes=2))
    hold = await reserved.update("authorized", {"request": request})

    assert (hold["state"], hold["in_doubt"]) == ("authorized", usd(0))
    agrees(hold, await stack.book())


@pytest.mark.parametrize("operation", ["adjust", "capture"])
async def test_an_answer_comes_within_the_accounts_time(stack: Stack, operation: str) -> None:
    reserved, _ = await stack.start(gateway="hasty")
    await stack.fault(operation, "error_after")
    await stack.fault("look_up", "error_before", times=1000)
    started = monotonic()
    commands: dict[str, Any] = {"adjust": {"amount": usd(150_00)}, "capture": {}}
    refused = await reserved.refused(operation, commands[operation])

    assert refused.type == "OutcomeUnknown"
    assert refused.detail["operation_id"] == f"{operation}/2"
    assert monotonic() - started < 5


async def test_throttling_is_waited_out_and_nothing_is_unknown(stack: Stack) -> None:
    reserved, _ = await stack.start()
    await stack.fault("capture", "throttle", times=2, retry_after_s=1)
    started = monotonic()
    hold = await reserved.update("capture")

    assert hold["captured"] == usd(100_00)
    assert monotonic() - started >= 2
    agrees(hold, await stack.book())


async def test_what_was_surely_not_sent_is_sent_again_and_not_looked_up_without_a_key_too(
    stack: Stack,
) -> None:
    reserved, _ = await stack.start(gateway="keyless")
    await stack.fault("capture", "throttle", times=2, retry_after_s=1)
    hold = await reserved.update("capture")

    assert hold["captured"] == usd(100_00)
    # An attempt leaves word for the next one with its heartbeat: it has sent nothing.
    activities = [activity for activity, _ in await turns(reserved)]
    assert activities[activities.index("capture") :] == ["capture"]
    agrees(hold, await stack.book())


async def test_a_lost_authorization_that_comes_too_late_to_send_again_is_never_sent(
    stack: Stack,
) -> None:
    authorize_by = instant_text(datetime.now(UTC) + timedelta(seconds=15))
    await stack.fault("authorize", "error_before")
    reserved = await stack.begin(stack.request(authorize_by=authorize_by))
    async with asyncio.timeout(10):
        while stack.unmet("payroc"):
            await asyncio.sleep(0.01)
    # It was looked for before it was sent; from now on no look is answered.
    await stack.fault("look_up", "error_before", times=1000)
    await until(reserved, "authorize/1", "unknown")
    await reserved.skip(timedelta(seconds=20))
    await stack.no_more_faults()
    await reserved.skip(timedelta(minutes=1))
    ended = await reserved.ended()

    assert ended["state"] == "abandoned"
    assert await stack.books() == []


async def test_what_a_cancellation_was_to_free_is_freed_though_a_repeated_release_was_not_done(
    stack: Stack,
) -> None:
    """Refused once, repeated by the plan, unknown, and never sent by a person's word."""
    reserved, _ = await stack.start(gateway="hasty", on_deadline="capture")
    await stack.fault("release", "decline")
    await reserved.handle.cancel()
    await until(reserved, "release/2", "declined")
    await stack.fault("release", "error_before", times=1000)
    await stack.fault("look_up", "error_before", times=1000)
    await reserved.skip(HOUR)
    await until(reserved, "release/3", "unknown")
    await reserved.update("resolve", {"operation_id": "release/3", "outcome": "not_done", **DESK})
    await stack.no_more_faults()
    assert (await reserved.hold())["state"] == "authorized"

    await reserved.skip(HOUR)
    ended = await reserved.ended()
    assert (ended["state"], ended["captured"]) == ("released", usd(0))
    agrees(ended, await stack.book())

"""One reservation of every shape that a run can have, played to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from tests.workflows.elsewhere import existing, made_elsewhere
from tests.workflows.gateways import ASKING
from tests.workflows.guests import asked, presses
from tests.workflows.stack import Reserved, Stack, usd

JUST_AFTER_THE_DEADLINE = timedelta(days=6, hours=12, minutes=1)
OTHER_CARD = {"kind": "stored_token", "token": "2967530000000011"}


async def captured(stack: Stack) -> Reserved:
    """Authorized by update-with-start, then captured."""
    request = stack.request()
    await stack.start_with_update(request)
    reserved = stack.reserved(request)
    await reserved.update("capture", {"command_id": "out"})
    return reserved


async def adjusted_and_partly_captured(stack: Stack) -> Reserved:
    """Adjusted up and down, by update and by signal, then captured in part."""
    reserved, _ = await stack.start(booking="B-1", property="house", operator="web")
    await reserved.update("adjust", {"amount": usd(150_00), "command_id": "dinner"})
    await reserved.signal("adjust", {"by": "-20.00 USD", "command_id": "no-dessert"})
    await reserved.signal("captrue")
    await reserved.update("capture", {"amount": usd(90_00), "command_id": "out"})
    return reserved


async def captured_above_the_hold(stack: Stack) -> Reserved:
    """A capture that raises the hold first."""
    reserved, _ = await stack.start()
    await reserved.update("capture", {"amount": usd(130_00), "command_id": "minibar"})
    return reserved


async def declined_then_another_card(stack: Stack) -> Reserved:
    """Declined, authorized on another card, released."""
    await stack.fault("authorize", "decline")
    reserved, _ = await stack.start()
    await reserved.update("authorize", {"payment_method": OTHER_CARD, "command_id": "second"})
    await reserved.update("release", {"command_id": "cancelled"})
    return reserved


async def abandoned(stack: Stack) -> Reserved:
    """Declined, and no other card came."""
    await stack.fault("authorize", "decline")
    reserved, _ = await stack.start()
    await reserved.skip(timedelta(minutes=31))
    return reserved


async def released_at_the_deadline(stack: Stack) -> Reserved:
    """Warned of, then released by the plan."""
    reserved, _ = await stack.start()
    await reserved.skip(JUST_AFTER_THE_DEADLINE)
    return reserved


async def captured_at_the_deadline(stack: Stack) -> Reserved:
    """A deadline amount captured by the plan, rescheduled before."""
    reserved, _ = await stack.start(on_deadline="capture")
    await reserved.update("reschedule", {"deadline_amount": usd(60_00)})
    await reserved.skip(JUST_AFTER_THE_DEADLINE)
    return reserved


async def unknown_then_looked_up(stack: Stack) -> Reserved:
    """Every operation's answer was lost."""
    await stack.fault("authorize", "error_after")
    reserved, _ = await stack.start()
    await stack.fault("adjust", "error_before")
    await reserved.update("adjust", {"amount": usd(150_00), "command_id": "dinner"})
    await stack.fault("capture", "error_after")
    await reserved.update("capture", {"command_id": "out"})
    return reserved


async def resolved_by_a_person(stack: Stack) -> Reserved:
    """An unknown capture that a person answered for."""
    reserved, _ = await stack.start(gateway="hasty")
    await stack.fault("capture", "error_after")
    await stack.fault("look_up", "error_before", times=100)
    await reserved.signal("capture", {"command_id": "out"})
    async with asyncio.timeout(20):
        while (await reserved.hold())["attention"] is None:
            await asyncio.sleep(0.1)
    word = {"operation_id": "capture/2", "outcome": "done", "reference": "P-1"}
    await reserved.update("resolve", {**word, "operator": "desk", "reason": "seen in the portal"})
    await stack.no_more_faults()
    return reserved


async def refused_capture(stack: Stack) -> Reserved:
    """The deadline's capture was refused: released at half the margin."""
    reserved, _ = await stack.start(on_deadline="capture")
    await stack.fault("capture", "decline")
    await reserved.skip(JUST_AFTER_THE_DEADLINE)
    await reserved.skip(timedelta(hours=6, minutes=1))
    return reserved


async def cancelled(stack: Stack) -> Reserved:
    """Cancelled while it was held."""
    reserved, _ = await stack.start()
    await reserved.handle.cancel()
    return reserved


async def approved_for_less(stack: Stack) -> Reserved:
    """Approved for less than was asked, given back, and cancelled."""
    await stack.fault("authorize", "approve_less", amount_minor=60_00)
    reserved, _ = await stack.start()
    await reserved.handle.cancel()
    return reserved


async def adopted(stack: Stack) -> Reserved:
    """A hold made elsewhere, adopted and captured."""
    payment_id = await made_elsewhere(stack)
    reserved, _ = await stack.start(payment_method=existing(payment_id))
    await reserved.update("capture", {"command_id": "out"})
    return reserved


async def passed_by_the_guest(stack: Stack) -> Reserved:
    """3-D Secure passed, then captured in two parts, the rest freed."""
    [sibs] = [place for place in ASKING if place.gateway == "sibs"]
    reserved, hold = await asked(stack, sibs)
    await presses(hold, "pass")
    await reserved.update("authenticated", {"action_id": hold["action"]["action_id"]})
    part = {"amount": sibs.money(30_00), "final": False, "command_id": "breakfast"}
    await reserved.update("capture", part)
    await reserved.update("capture", {"amount": sibs.money(50_00), "command_id": "out"})
    return reserved


async def left_by_the_guest(stack: Stack) -> Reserved:
    """3-D Secure, and nobody came back: called off and abandoned."""
    [xmoney] = [place for place in ASKING if place.gateway == "xmoney"]
    reserved, _ = await asked(stack, xmoney)
    await reserved.skip(timedelta(minutes=16))
    return reserved


async def changed_at_the_portal(stack: Stack) -> Reserved:
    """Told to look, it finds a release that somebody made by hand; a person takes note of it."""
    reserved, hold = await stack.start()
    stack.simulator.bank.release("payroc", hold["payment_id"], key="by hand")
    await reserved.signal("look")
    async with asyncio.timeout(20):
        while (await reserved.hold())["attention"] is None:
            await asyncio.sleep(0.1)
    await reserved.update("acknowledge")
    return reserved


async def invalid_start(stack: Stack) -> Reserved:
    """A start without an amount."""
    return await stack.begin({**stack.request(), "amount": None})


async def unknown_account(stack: Stack) -> Reserved:
    """A start at an account that nobody has configured."""
    return await stack.begin(stack.request(gateway="nobody"))


async def reset(stack: Stack) -> Reserved:
    """A captured reservation, reset to its first task."""
    reserved = await captured(stack)
    await reserved.ended()
    run = await reserved.handle.describe()
    await stack.reset(run.id, str(run.run_id), 4)
    return reserved


SHAPES: dict[str, Callable[[Stack], Awaitable[Reserved]]] = {
    shape.__name__.replace("_", "-"): shape
    for shape in (
        captured,
        adjusted_and_partly_captured,
        captured_above_the_hold,
        declined_then_another_card,
        abandoned,
        released_at_the_deadline,
        captured_at_the_deadline,
        unknown_then_looked_up,
        resolved_by_a_person,
        refused_capture,
        cancelled,
        approved_for_less,
        adopted,
        passed_by_the_guest,
        left_by_the_guest,
        changed_at_the_portal,
        invalid_start,
        unknown_account,
        reset,
    )
}

"""An operator's reset at the gateways that keep no keys, with the messages since left out.

A gateway that shows what was done later is compared with. SIBS shows of a hold only how its
authorization ended: there a person is told, and what they ask again under the name that it had
is found. The bank's books are the verdict.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

import pytest
from temporalio.service import RPCError

from tests.workflows.checks import adds_up, agrees
from tests.workflows.gateways import PLACES, Place, everywhere, of
from tests.workflows.shapes import OTHER_CARD
from tests.workflows.stack import Json, Reserved, Stack, usd
from tests.workflows.test_resets import points, reset

DEADLINE = timedelta(days=6, hours=12, minutes=1)
SHOWN = tuple(place for place in PLACES if place.can.shows_later and place.gateway != "payroc")


async def reset_to(stack: Stack, reserved: Reserved, point: int, *, bare: bool = True) -> Reserved:
    """Reset to a point, and leave out every message since if it is to be bare; the new run."""
    run = await reserved.handle.describe()
    await stack.reset(run.id, str(run.run_id), point, bare=bare)
    anew = Reserved(stack, stack.client.get_workflow_handle(run.id))
    stack.opened[:] = [each for each in stack.opened if each.handle.id != run.id]
    stack.opened.append(anew)
    with contextlib.suppress(RPCError):
        await anew.signal("are-you-there")
    return anew


async def told(reserved: Reserved) -> Json:
    async with asyncio.timeout(15):
        while (hold := await reserved.hold())["attention"] is None:
            await asyncio.sleep(0.05)
    assert hold["attention"]["reason"] == "external_change"
    return hold


async def captured_in_parts(stack: Stack, place: Place) -> tuple[Reserved, list[Json]]:
    """30.00 and then 25.00 of 100.00, the rest freed; the run has ended."""
    reserved, _ = await stack.start(**place.request())
    asks: list[Json] = [
        {"amount": place.money(30_00), "final": False, "command_id": "breakfast"},
        {"amount": place.money(25_00), "command_id": "out"},
    ]
    for ask in asks:
        await reserved.update("capture", ask)
    await reserved.ended()
    return reserved, asks


async def test_where_nothing_shows_it_a_person_is_told_and_their_word_again_is_found(
    stack: Stack,
) -> None:
    sibs = of("sibs")
    reserved, asks = await captured_in_parts(stack, sibs)
    books = await stack.books()
    first, *_ = await points(reserved)

    anew = await reset_to(stack, reserved, first)
    hold = await told(anew)
    assert "command_id" in hold["attention"]["detail"]
    hold = await anew.update("acknowledge")
    assert hold["attention"] is None
    for ask in asks:
        await anew.update("capture", ask)
    ended = await anew.ended()
    adds_up(ended)
    agrees(ended, await stack.book())
    assert (ended["state"], ended["captured"]) == ("captured", sibs.money(55_00))
    assert await stack.books() == books


@pytest.mark.parametrize("on_deadline", ["release", "capture"])
async def test_where_nothing_shows_it_and_nobody_answers_the_deadline_moves_nothing(
    stack: Stack, on_deadline: str
) -> None:
    reserved, _ = await stack.start(**of("sibs").request(), on_deadline=on_deadline)
    await reserved.update("capture", {"amount": of("sibs").money(60_00), "command_id": "out"})
    await reserved.ended()
    books = await stack.books()
    first, *_ = await points(reserved)

    anew = await reset_to(stack, reserved, first)
    await told(anew)
    await anew.skip(DEADLINE)
    hold = await anew.hold()
    assert hold["attention"]["reason"] == "external_change"
    assert "done" not in {entry["state"] for entry in hold["operations"][1:]}
    assert await stack.books() == books


async def test_at_the_others_every_point_ends_as_the_books_say(stack: Stack) -> None:
    async def at(place: Place) -> None:
        reserved, _ = await stack.start(**place.request())
        await reserved.update("capture", {"amount": place.money(60_00), "command_id": "out"})
        before = await reserved.ended()
        book = await stack.book_of(before)
        run_id = (await reserved.handle.describe()).run_id
        for point in await points(reserved):
            ended = await reset(stack, reserved, run_id, point, bare=True)
            adds_up(ended)
            assert (ended["state"], ended["captured"]) == ("captured", place.money(60_00)), point
            assert await stack.book_of(ended) == book, point

    await everywhere(at, SHOWN)


async def test_a_hold_that_was_released_is_found_so(stack: Stack) -> None:
    async def at(place: Place) -> None:
        reserved, _ = await stack.start(**place.request())
        await reserved.update("release", {"command_id": "cancelled"})
        before = await reserved.ended()
        book = await stack.book_of(before)
        run_id = (await reserved.handle.describe()).run_id
        first, *_ = await points(reserved)
        ended = await reset(stack, reserved, run_id, first, bare=True)
        assert (ended["state"], ended["payment_id"]) == ("released", before["payment_id"])
        assert await stack.book_of(ended) == book

    await everywhere(at, SHOWN)


@pytest.mark.parametrize("bare", [False, True], ids=["re-applied", "asked for again"])
async def test_each_of_several_captures_is_found_by_its_name(stack: Stack, *, bare: bool) -> None:
    several = of("stax-several-captures")
    reserved, _ = await stack.start(**several.request())
    asks: list[Json] = [
        {"amount": several.money(amount), "final": False, "command_id": name}
        for amount, name in ((30_00, "breakfast"), (25_00, "dinner"))
    ]
    for ask in asks:
        await reserved.update("capture", ask)
    books = await stack.books()
    first, *_ = await points(reserved)

    anew = await reset_to(stack, reserved, first, bare=bare)
    async with asyncio.timeout(15):
        while (await anew.hold())["captured"] != several.money(55_00):
            await asyncio.sleep(0.05)
    for ask in asks:
        assert (await anew.update("capture", ask))["captured"] == several.money(55_00)
    hold = await anew.hold()
    assert {each["state"] for each in hold["operations"]} == {"done"}
    assert hold["attention"] is None
    assert await stack.books() == books
    ended = await anew.update("release", {"command_id": "rest"})
    adds_up(ended)
    agrees(ended, await stack.book())


async def test_a_release_that_nothing_shows_is_not_made_again(stack: Stack) -> None:
    sibs = of("sibs")
    reserved, _ = await stack.start(**sibs.request())
    await reserved.update("release", {"command_id": "cancelled"})
    before = await reserved.ended()
    books = await stack.books()
    first, *_ = await points(reserved)

    anew = await reset_to(stack, reserved, first)
    hold = await told(anew)
    assert hold["payment_id"] == before["payment_id"]
    await anew.update("release", {"command_id": "cancelled"})
    assert (await anew.ended())["state"] == "released"
    assert await stack.books() == books


async def test_a_card_that_only_the_run_before_has_held_on_is_told_of(stack: Stack) -> None:
    """The card between was refused without a trace, and is given again with the reset."""
    await stack.fault("authorize", "decline")
    reserved, _ = await stack.start()
    decided = (await points(reserved))[-1]
    card: Json = {"payment_method": OTHER_CARD}
    await stack.fault("authorize", "unauthorized", times=2)
    hold = await reserved.update("authorize", {**card, "command_id": "second"})
    assert hold["state"] == "declined"
    await stack.no_more_faults()
    await reserved.update("authorize", {**card, "command_id": "third"})

    anew = await reset_to(stack, reserved, decided, bare=False)
    hold = await told(anew)
    assert hold["state"] == "authorized"
    assert "another card" in hold["attention"]["detail"]
    assert [book["state"] for book in await stack.books()] == ["declined", "open", "open"]


async def test_an_approval_for_less_that_was_given_back_keeps_no_other_card_away(
    stack: Stack,
) -> None:
    """The decline that it was to the run before is one to the new run too."""
    await stack.fault("authorize", "approve_less", amount_minor=60_00)
    reserved, hold = await stack.start()
    assert hold["state"] == "declined"
    second = {"payment_method": OTHER_CARD, "command_id": "second"}
    held = await reserved.update("authorize", second)
    books = await stack.books()
    first, *_ = await points(reserved)

    anew = await reset_to(stack, reserved, first, bare=False)
    hold = await anew.update("authorize", second)
    assert (hold["state"], hold["payment_id"]) == ("authorized", held["payment_id"])
    assert [each["state"] for each in hold["operations"]] == ["declined", "done"]
    assert await stack.books() == books
    ended = await anew.update("release", {"command_id": "cancelled"})
    adds_up(ended)
    assert {book["state"] for book in await stack.books()} == {"released"}


async def test_a_lowered_hold_that_was_released_is_no_approval_for_less(stack: Stack) -> None:
    """Nobody gives another card: it is found as it ended."""
    reserved, _ = await stack.start()
    await reserved.update("adjust", {"amount": usd(60_00), "command_id": "shorter"})
    await reserved.update("release", {"command_id": "cancelled"})
    run_id = (await reserved.handle.describe()).run_id
    first, *_ = await points(reserved)
    ended = await reset(stack, reserved, run_id, first, bare=False)
    assert ended["state"] == "released"
    adds_up(ended)

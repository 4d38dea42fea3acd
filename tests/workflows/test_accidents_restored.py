"""Temporal's store is restored from a backup: its runs go on from what they knew then.

A real server on a file of its own. The file is copied, everything goes on, and then the copy is
put back: the gateways have seen more than any run remembers. Workers look before every sending
for as long as they are told to (`look_first`). The bank's books are the verdict.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from activities.holds import Holds
from tests.workflows import checks
from tests.workflows.checks import adds_up, agrees
from tests.workflows.gateways import PLACES, Place
from tests.workflows.patience import tell
from tests.workflows.stack import Json, Stack, a_worker, our_client
from tests.workflows.test_accidents_started_again import ONE_OF_EACH
from worker.embedded import EmbeddedTemporal, Options

Told = tuple[str, Json]
# A day is what the shortest-lived key lives at its gateway.
_LATER_S = 2 * 24 * 3600
# The write-ahead journal holds what is not in the file yet.
_FILES = ("temporal.db", "temporal.db-wal", "temporal.db-shm")


@dataclass(frozen=True, eq=False)
class Life:
    """A reservation, and what it is told after the copy was made."""

    place: Place
    request: Json
    tells: Sequence[Told]

    @property
    def takes(self) -> int:
        """What is captured in all."""
        told = [command for name, command in self.tells if name == "capture"]
        return sum(command["amount"]["amount_minor"] for command in told)


def lives(stack: Stack, place: Place) -> list[Life]:
    """One life for each kind of operation that the place has."""
    part: Json = {"amount": place.money(30_00), "command_id": "breakfast"}
    rest: Json = {"amount": place.money(25_00), "command_id": "out"}
    plans: list[list[Told]] = [[("capture", rest)], [("release", {"command_id": "out"})]]
    if place.can.captures_max != 1:
        plans.append([("capture", {**part, "final": False}), ("capture", rest)])
    if place.can.raises:
        plans.append([("adjust", {"by": f"+20.00 {place.under.currencies[0]}", **_NAMED})])
    if place.can.lowers:
        plans.append([("adjust", {"amount": place.money(70_00), **_NAMED})])
    return [Life(place, stack.request(**place.request()), tells) for tells in plans]


_NAMED: Json = {"command_id": "another-night"}


@contextlib.asynccontextmanager
async def working(stack: Stack, database: Path, *, look_first: bool) -> AsyncGenerator[Stack]:
    """A server on this file, and a worker."""
    options = Options(database=database, time_skipping=True)
    async with EmbeddedTemporal(options) as server:
        client = await Client.connect(server.address)
        skipper = TimeSkipper(client, config=TimeSkippingConfig(enabled=False))
        here = replace(stack, workers=our_client(client), skipper=skipper, opened=[])
        holds = Holds(stack.gateways, look_first=look_first)
        async with a_worker(here.workers, holds, here.task_queue, cached_workflows=100):
            yield here


def copied(folder: Path, to: Path) -> None:
    """The server's file with its journal, as it was left."""
    to.mkdir(exist_ok=True)
    for name in _FILES:
        (to / name).unlink(missing_ok=True)
        if (folder / name).exists():
            shutil.copy2(folder / name, to / name)


async def _authorized(stack: Stack, life: Life) -> None:
    reserved = await stack.begin(life.request)
    await tell(reserved, "authorized", {"request": life.request})


async def _told(stack: Stack, life: Life) -> None:
    reserved = stack.reserved(life.request)
    for name, command in life.tells:
        await tell(reserved, name, command)


async def _told_again(stack: Stack, life: Life) -> None:
    """Tell all of it once more; where the gateway shows only totals, a person takes them over."""
    reserved = stack.reserved(life.request)
    for name, command in life.tells:
        try:
            await reserved.update(name, command)
        except WorkflowUpdateFailedError as error:
            assert isinstance(error.cause, ApplicationError)
            assert error.cause.type == "Declined", (life, name, error.cause)
            hold = await reserved.hold()
            assert hold["attention"]["reason"] == "external_change"
            await reserved.update("acknowledge")
            return


async def _judged(stack: Stack, life: Life) -> None:
    reserved = stack.reserved(life.request)
    hold = await reserved.hold()
    adds_up(hold)
    agrees(hold, await stack.book_of(hold))
    assert hold["captured"] == life.place.money(life.takes), hold
    checks.never_stalled(await reserved.history())


async def test_what_is_told_again_after_the_store_was_restored_is_done_once(
    stack: Stack, tmp_path: Path
) -> None:
    live, backup = tmp_path / "live", tmp_path / "backup"
    live.mkdir()
    known = [life for place in PLACES for life in lives(stack, place)]
    # These are forgotten altogether: the copy is older than their start.
    forgotten = [life for place in PLACES for life in lives(stack, place)[:1]]

    async with working(stack, live / _FILES[0], look_first=False) as here:
        await asyncio.gather(*(_authorized(here, life) for life in known))
    copied(live, backup)
    async with working(stack, live / _FILES[0], look_first=False) as here:
        await asyncio.gather(*(_authorized(here, life) for life in forgotten))
        await asyncio.gather(*(_told(here, life) for life in [*known, *forgotten]))
    # By then a key may have died that would have made the second sending the first one.
    await stack.bank_clock(advance_s=_LATER_S)
    books = await stack.books()

    copied(backup, live)
    async with working(stack, live / _FILES[0], look_first=True) as here:
        await asyncio.gather(*(_authorized(here, life) for life in [*known, *forgotten]))
        await asyncio.gather(*(_told_again(here, life) for life in [*known, *forgotten]))
        assert await stack.books() == books
        await asyncio.gather(*(_judged(here, life) for life in [*known, *forgotten]))


async def test_a_card_that_a_restored_run_has_forgotten_is_told_of_when_another_is_given(
    stack: Stack, tmp_path: Path
) -> None:
    """The copy is of a decline; one card was taken after it, and one more after the restore."""
    live, backup = tmp_path / "live", tmp_path / "backup"
    live.mkdir()
    runs = {place: stack.request(**place.request()) for place in ONE_OF_EACH}

    async with working(stack, live / _FILES[0], look_first=False) as here:
        for place, request in runs.items():
            await stack.fault("authorize", "decline", gateway=place.gateway)
            await tell(await here.begin(request), "authorized", {"request": request})
    copied(live, backup)
    async with working(stack, live / _FILES[0], look_first=False) as here:
        for place, request in runs.items():
            await _given(here, place, request, "second")

    copied(backup, live)
    async with working(stack, live / _FILES[0], look_first=True) as here:
        for place, request in runs.items():
            hold = await _given(here, place, request, "third")
            assert (hold["state"], hold["attention"]["reason"]) == ("authorized", "external_change")
            assert "another card" in hold["attention"]["detail"]
            checks.never_stalled(await here.reserved(request).history())
    open_ones = Counter(book["gateway"] for book in await stack.books() if book["state"] == "open")
    assert set(open_ones.values()) == {2}


async def _given(stack: Stack, place: Place, request: Json, command_id: str) -> Json:
    """A card that is approved, after a decline."""
    reserved = stack.reserved(request)
    command = {"payment_method": place.card, "command_id": command_id}
    await tell(reserved, "authorize", command)
    return await reserved.hold()

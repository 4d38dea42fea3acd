"""One reservation kept twice: started again while it is on its way, or in two clusters at once.

Two clusters are two namespaces with one account: equal workflow ids, and neither run knows of the
other. A request is held on the wire until the test lets it go, so that each order of events is
what the test says. The bank's books are the verdict, once both runs have had the time to look.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field, replace

import httpx
import pytest
from temporalio.client import Client
from temporalio.envconfig import ClientConnectConfig
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from gateways.account import World
from gateways.accounts import build
from gateways.port import Gateway
from tests.workflows import checks
from tests.workflows.checks import adds_up, agrees
from tests.workflows.gateways import PLACES, SEVERAL, Place, everywhere
from tests.workflows.patience import tell
from tests.workflows.stack import Json, Reserved, Stack, our_client, refusal
from tests.workflows.test_accidents_resets import reset_to, told
from tests.workflows.test_accidents_started_again import ONE_OF_EACH, again
from tests.workflows.test_resets import points
from worker import setup
from worker.embedded import EmbeddedTemporal

OUT: Json = {"command_id": "out"}
#: Where no key says that a second authorization is the first one.
KEYLESS = [place for place in ONE_OF_EACH if "authorize" not in place.can.idempotent]
#: The requests of an authorization: how their paths end.
ORDER = {"sibs": "/payments", "xmoney": "/order", "payroc": "/payments", "stax": "/charge"}
PURCHASE = {"sibs": "/token/purchase"}
#: By then a second hold is to be looked for: the accounts book within a second.
_BOOKED_S = 2.5
#: So long a look is tried in vain that somebody waits for: the fourth try is the last.
_IN_VAIN_S = 7.6
#: And by then what is not shown may be on its way still.
_NOT_YET_BOOKED_S = 0.5


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """The network between one cluster and the gateways, which can be slow."""

    inner: httpx.AsyncBaseTransport
    ends: str | None = None
    on_its_way: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    def hold(self, ends: str | None) -> None:
        """Hold the next request whose path ends so, until it is let go."""
        self.ends = ends
        self.on_its_way.clear()
        self.let_go.clear()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        ends = self.ends
        if ends is not None and request.method == "POST" and request.url.path.endswith(ends):
            self.ends = None
            self.on_its_way.set()
            await self.let_go.wait()
        return await self.inner.handle_async_request(request)


@dataclass
class Cluster:
    """A stack of its own, and its wires to each place."""

    stack: Stack
    wires: Mapping[str, Wire]

    async def begins(self, request: Json, place: Place, ends: str | None) -> Reserved:
        """Start it; its authorization is on its way when this returns, where it is to be held."""
        self.wires[place.account].hold(ends)
        reserved = await self.stack.begin(request)
        if ends is not None:
            await self.until_on_its_way(place)
        return reserved

    async def until_on_its_way(self, place: Place) -> None:
        """Wait until what is to be held has left."""
        async with asyncio.timeout(10):
            await self.wires[place.account].on_its_way.wait()

    def lets_go(self, place: Place) -> None:
        """What was held goes on."""
        self.wires[place.account].let_go.set()


@contextlib.asynccontextmanager
async def accounts(
    url: str, *, environment: str = "simulated"
) -> AsyncGenerator[tuple[dict[str, Gateway], dict[str, Wire]]]:
    """Every place's account over a wire of its own."""
    opened: dict[str, Gateway] = {}
    wires: dict[str, Wire] = {}
    async with contextlib.AsyncExitStack() as ends:
        for place in PLACES:
            wire = Wire(await ends.enter_async_context(httpx.AsyncHTTPTransport()))
            # What is held must not be given up meanwhile, however busy the machine is.
            settings = place.settings(url, environment=environment, call_time_out="PT20S")
            account = build(place.account, settings, World(transport=wire))
            ends.push_async_callback(account.close)
            opened[place.account], wires[place.account] = account, wire
        yield opened, wires


@pytest.fixture(scope="session")
async def namespace(skipping_server: EmbeddedTemporal) -> TimeSkipper:
    """A namespace beside the first."""
    address, name = skipping_server.address, "the-other-cluster"
    await setup.run(ClientConnectConfig(target_host=address, namespace=name))
    client = await Client.connect(address, namespace=name)
    return TimeSkipper(client, config=TimeSkippingConfig(enabled=False))


@contextlib.asynccontextmanager
async def cluster(
    stack: Stack, skipper: TimeSkipper, queue: str, **options: str
) -> AsyncGenerator[Cluster]:
    """A cluster with a worker of its own, all of whose holds were judged when it ends."""
    async with accounts(stack.simulator.url, **options) as (gateways, wires):
        there = replace(
            stack,
            workers=our_client(skipper.client),
            skipper=skipper,
            gateways=gateways,
            task_queue=queue,
            opened=[],
        )
        async with there.worker():
            yield Cluster(there, wires)
            for reserved in there.opened:
                checks.never_stalled(await reserved.history())
                await reserved.replays()
                await checks.end(reserved)


@pytest.fixture
async def here(stack: Stack) -> AsyncGenerator[Cluster]:
    async with cluster(stack, stack.skipper, f"{stack.task_queue}-here") as found:
        yield found
    # A hold that was placed twice was judged by its test, and is nothing to the test's own end.
    stack.simulator.reset()


@pytest.fixture
async def there(stack: Stack, namespace: TimeSkipper) -> AsyncGenerator[Cluster]:
    async with cluster(stack, namespace, f"{stack.task_queue}-there") as found:
        yield found


async def standing(stack: Stack, place: Place) -> list[Json]:
    """The holds at this gateway from which money was taken, or may still be."""
    books = await stack.books(place.gateway)
    return [book for book in books if book["state"] == "open" or book["captured_minor"]]


async def begun_twice(
    here: Cluster, place: Place, ends: Mapping[str, str]
) -> tuple[Reserved, Json]:
    """Started again while the first run's request is held; the second one, and its start."""
    request = here.stack.request(**place.request())
    first = await here.begins(request, place, ends[place.gateway])
    await first.handle.terminate("an operator's mistake")
    return await again(here.stack, first, request), request


async def held_twice(here: Cluster, place: Place) -> tuple[Reserved, Json]:
    """The second holds, with the first one's order on the wire still; the second, and its hold."""
    second, request = await begun_twice(here, place, ORDER)
    return second, await second.update("authorized", {"request": request})


async def until_two_stand(stack: Stack, place: Place) -> None:
    """Wait until what was held on the wire has placed a hold beside the one that stands."""
    async with asyncio.timeout(5):
        while len(await standing(stack, place)) == 1:
            await asyncio.sleep(0.01)


async def until_agreed(stack: Stack, place: Place, *runs: Reserved) -> Json:
    """Wait until one hold stands and every run that holds one keeps it."""
    async with asyncio.timeout(15):
        while True:
            stand = await standing(stack, place)
            holds = [await run.hold() for run in runs]
            kept = {hold["payment_id"] for hold in holds if hold["payment_id"] is not None}
            if len(stand) == 1 and kept == {stand[0]["payment_id"]}:
                break
            await asyncio.sleep(0.1)
    for hold in holds:
        adds_up(hold)
    return stand[0]


def once_captured(books: list[Json], amount_minor: int) -> None:
    """So much was captured, in one capture, and nothing was given back."""
    captures = [each for book in books for each in book["effects"] if each["kind"] == "capture"]
    assert [each["amount_minor"] for each in captures] == [amount_minor]
    assert sum(book["refunded_minor"] for book in books) == 0
    assert "open" not in {book["state"] for book in books}


async def test_reset_while_a_capture_is_on_its_way_it_is_not_sent_again_beside_it(
    here: Cluster,
) -> None:
    """To the very task that has it sent again: the run before may have done so just now."""
    stack = here.stack

    async def at(place: Place) -> None:
        reserved, _ = await stack.start(**place.request())
        await stack.fault("capture", "drop_before", gateway=place.gateway)
        await reserved.signal("capture", {**OUT, "amount": place.money(40_00), "final": False})
        async with asyncio.timeout(10):
            while stack.unmet(place.gateway):
                await asyncio.sleep(0.01)
        here.wires[place.account].hold("/capture")
        await here.until_on_its_way(place)
        second = await reset_to(stack, reserved, (await points(reserved))[-1], bare=False)
        await asyncio.sleep(_NOT_YET_BOOKED_S)
        here.lets_go(place)
        await second.update("release", {"command_id": "rest"})
        hold = await second.ended()
        agrees(hold, await stack.book_of(hold))
        once_captured(await stack.books(place.gateway), 40_00)

    await everywhere(at, [place for place in SEVERAL if "capture" not in place.can.idempotent])


async def test_started_again_while_a_capture_is_on_its_way_it_is_not_sent_beside_it(
    here: Cluster,
) -> None:
    stack = here.stack

    async def at(place: Place) -> None:
        request = stack.request(**place.request())
        first = await stack.begin(request)
        await first.update("authorized", {"request": request})
        ask: Json = {**OUT, "amount": place.money(40_00), "final": False}
        here.wires[place.account].hold("/capture")
        await first.signal("capture", ask)
        await here.until_on_its_way(place)
        await first.handle.terminate("an operator's mistake")
        second = await again(stack, first, request)
        await second.update("authorized", {"request": request})
        await second.signal("capture", ask)
        await asyncio.sleep(_NOT_YET_BOOKED_S)
        here.lets_go(place)
        await second.update("release", {"command_id": "rest"})
        assert (await second.ended())["state"] == "captured"
        once_captured(await stack.books(place.gateway), 40_00)

    await everywhere(at, [place for place in SEVERAL if "capture" not in place.can.idempotent])


@pytest.mark.parametrize("ends", [ORDER, PURCHASE], ids=["order", "purchase"])
async def test_started_again_while_the_first_is_on_its_way_one_hold_is_left(
    here: Cluster, ends: Mapping[str, str]
) -> None:
    stack = here.stack

    async def at(place: Place) -> None:
        second, request = await begun_twice(here, place, ends)
        await tell(second, "authorized", {"request": request})
        here.lets_go(place)
        if place in KEYLESS and ends is ORDER:
            await until_two_stand(stack, place)
        book = await until_agreed(stack, place, second)
        if len(await stack.books(place.gateway)) > 1:
            hold = await second.update("acknowledge")
            assert hold["attention"] is None
        await second.update("capture", {**OUT, "amount": place.money(60_00)})
        hold = await second.ended()
        agrees(hold, await stack.book_of(hold))
        assert hold["payment_id"] == book["payment_id"]
        once_captured(await stack.books(place.gateway), 60_00)

    await everywhere(at, [place for place in ONE_OF_EACH if place.gateway in ends])


async def test_what_was_known_of_one_hold_is_not_said_of_the_one_that_takes_its_place(
    here: Cluster,
) -> None:
    stack = here.stack

    async def at(place: Place) -> None:
        second, request = await begun_twice(here, place, ORDER)
        before = await second.update("authorized", {"request": request})
        await second.handle.terminate("the same mistake")
        stack.simulator.bank.release(place.gateway, before["payment_id"], key="by hand")
        third = await again(stack, second, request)
        await tell(third, "authorized", {"request": request})
        here.lets_go(place)
        book = await until_agreed(stack, place, third)
        hold = await third.update("acknowledge")
        assert (hold["state"], hold["payment_id"]) == ("authorized", book["payment_id"])
        await third.update("release", OUT)
        agrees(await third.ended(), await stack.book_of(hold))
        assert await standing(stack, place) == []

    await everywhere(at, [place for place in KEYLESS if place.can.shows_later])


async def test_a_second_hold_is_looked_for_before_what_is_shown_is_the_end(here: Cluster) -> None:
    stack = here.stack

    async def at(place: Place) -> None:
        second, hold = await held_twice(here, place)
        await stack.fault("look_up", "error_before", gateway=place.gateway, times=100)
        third = await reset_to(stack, second, (await points(second))[-1])
        here.lets_go(place)
        await until_two_stand(stack, place)
        stack.simulator.bank.capture(
            place.gateway, hold["payment_id"], amount_minor=100_00, key="by hand"
        )
        await asyncio.sleep(_BOOKED_S)
        await stack.no_more_faults()
        assert "two holds" in (await told(third))["attention"]["detail"]
        await third.update("acknowledge")
        assert (await third.ended())["state"] == "captured"
        [book] = await standing(stack, place)
        assert book["payment_id"] == hold["payment_id"]

    await everywhere(at, [place for place in KEYLESS if place.can.shows_later])


async def test_a_look_in_vain_before_all_is_booked_puts_the_one_that_counts_not_off(
    here: Cluster,
) -> None:
    stack = here.stack

    async def at(place: Place) -> None:
        second, _ = await held_twice(here, place)
        await stack.fault("look_up", "error_before", gateway=place.gateway, times=100)
        here.lets_go(place)
        too_much = {"command_id": "too-much", "amount": place.money(900_00)}
        refused = asyncio.ensure_future(refusal(second.update("capture", too_much)))
        await asyncio.sleep(_IN_VAIN_S)
        await stack.no_more_faults()
        await refused
        await second.update("capture", {**OUT, "amount": place.money(60_00)})
        await second.ended()
        once_captured(await stack.books(place.gateway), 60_00)

    await everywhere(at, [place for place in KEYLESS if place.can.shows_later])


async def test_a_run_that_has_taken_of_its_own_hold_takes_of_no_other(here: Cluster) -> None:
    """Before the other was there; SIBS shows the newer of two holds, and that is the other one."""
    stack = here.stack

    async def at(place: Place) -> None:
        second, before = await held_twice(here, place)
        part: Json = {"amount": place.money(30_00), "final": False, "command_id": "breakfast"}
        await second.update("capture", part)
        here.lets_go(place)
        await until_two_stand(stack, place)
        hold = await told(second)
        assert "two holds" in hold["attention"]["detail"]
        assert (hold["payment_id"], hold["captured"]) == (before["payment_id"], part["amount"])
        await second.update("acknowledge")
        await second.update("capture", OUT)
        await second.ended()
        assert len(await standing(stack, place)) == 1

    await everywhere(at, [place for place in KEYLESS if place in SEVERAL])


@pytest.mark.parametrize("ends", [ORDER, PURCHASE, {}], ids=["order", "purchase", "at once"])
async def test_in_two_clusters_one_hold_is_left_and_captured_once(
    here: Cluster, there: Cluster, ends: Mapping[str, str]
) -> None:
    stack = here.stack

    async def at(place: Place) -> None:
        request = stack.request(**place.request())
        one = await here.begins(request, place, ends.get(place.gateway))
        two = await there.begins(request, place, None)
        await tell(two, "authorized", {"request": request})
        here.lets_go(place)
        await tell(one, "authorized", {"request": request})
        await until_agreed(stack, place, one, two)
        ask = {**OUT, "amount": place.money(60_00)}
        for run in (one, two):
            if (await run.hold())["state"] == "authorized":
                await run.update("capture", ask)
        once_captured(await stack.books(place.gateway), 60_00)

    await everywhere(at, [place for place in ONE_OF_EACH if not ends or place.gateway in ends])


async def test_what_one_cluster_has_captured_already_the_other_does_not_capture_again(
    here: Cluster, there: Cluster
) -> None:
    stack = here.stack

    async def at(place: Place) -> None:
        request = stack.request(**place.request())
        one = await here.begins(request, place, ORDER[place.gateway])
        two = await there.begins(request, place, None)
        await tell(two, "authorized", {"request": request})
        await two.update("capture", {**OUT, "amount": place.money(60_00)})
        here.lets_go(place)
        await tell(one, "authorized", {"request": request})
        await until_agreed(stack, place, one)
        await tell(one, "capture", {**OUT, "amount": place.money(60_00)})
        once_captured(await stack.books(place.gateway), 60_00)

    # SIBS shows of two holds the newer one, and nothing of what was taken from the other.
    await everywhere(at, [place for place in ONE_OF_EACH if place.can.shows_later])


async def test_of_parts_that_two_clusters_are_asked_for_each_is_captured_once(
    here: Cluster, there: Cluster
) -> None:
    stack = here.stack

    async def at(place: Place) -> None:
        request = stack.request(**place.request())
        runs = [await each.begins(request, place, None) for each in (here, there)]
        for run in runs:
            await tell(run, "authorized", {"request": request})
        await until_agreed(stack, place, *runs)
        part = {"amount": place.money(30_00), "final": False, "command_id": "breakfast"}
        for run in runs:
            hold = await run.update("capture", part)
            assert hold["captured"] == place.money(30_00)
        [book] = await standing(stack, place)
        assert book["captured_minor"] == 30_00

    await everywhere(at, SEVERAL)


async def test_two_environments_have_a_hold_each_and_leave_the_others_alone(
    stack: Stack, namespace: TimeSkipper
) -> None:
    async with cluster(
        stack, namespace, f"{stack.task_queue}-away", environment="rehearsal"
    ) as away:

        async def at(place: Place) -> None:
            request = stack.request(**place.request())
            one, two = await stack.begin(request), await away.stack.begin(request)
            for run in (one, two):
                await run.update("authorized", {"request": request})
            await two.update("release", OUT)
            await two.ended()
            await one.update("capture", {**OUT, "amount": place.money(60_00)})
            holds = [await one.ended(), await two.ended()]
            assert [hold["state"] for hold in holds] == ["captured", "released"]
            for hold in holds:
                agrees(hold, await stack.book_of(hold))

        await everywhere(at, ONE_OF_EACH)

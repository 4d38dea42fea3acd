"""Whole worlds: a seed means the same whatever ran before, and a worker is held to what it said."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from datetime import timedelta

import pytest
from temporalio import workflow

from proof.places import PLACES
from proof.play import play
from proof.quiet import quiet
from proof.world import loop as worlds
from proof.world.accounts import settings_of
from proof.world.bank import Bank
from proof.world.line import Network, Weather
from proof.world.temporal import Manners, Temporal
from proof.world.worker import SimulatedWorker

_SEED = 7
CHANGES = {"waits_s": 60}
"""What a careless deployment changes under a run that has begun."""


@workflow.defn(name="Reservation", sandboxed=False)
class Changing:
    """Waits, for as long as its code says today."""

    @workflow.run
    async def run(self) -> None:
        """Wait twice."""
        for _ in range(2):
            await workflow.sleep(timedelta(seconds=CHANGES["waits_s"]))


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet():
        yield


def test_a_seed_means_the_same_whatever_was_played_before() -> None:
    first = play(_SEED).hash
    for other in range(20, 24):
        play(other)
    assert play(_SEED).hash == first


def _worker(virtual: worlds.VirtualLoop, serves: type) -> SimulatedWorker:
    place = PLACES[0]
    bank = Bank(place.gateway, random.Random("bank"), virtual.now)  # noqa: S311 - repeatable
    network = Network(
        bank, lambda exchange: Weather(exchange.fault), lambda _, __, ___: "", lambda _, __: None
    )
    accounts = {place.account: settings_of(place)}
    return SimulatedWorker(
        "worker", loop=virtual, line=network.line("worker"), accounts=accounts, serves=serves
    )


@pytest.mark.parametrize("evicts", [0.0, 1.0])
def test_a_run_that_is_thrown_out_is_replayed_and_a_difference_is_found(evicts: float) -> None:
    virtual = worlds.VirtualLoop()
    CHANGES["waits_s"] = 60

    async def world() -> list[str]:
        dice = random.Random("a world")  # noqa: S311 - repeatable by design
        temporal = Temporal(virtual, dice, Manners(evicts=evicts), lambda _, __: None)
        worker = _worker(virtual, Changing)
        temporal.employ(worker)
        temporal.start("changing", [])
        await asyncio.sleep(1)
        CHANGES["waits_s"] = 61
        await asyncio.sleep(300)
        worker.retire()
        temporal.stop()
        return temporal.wedged

    wedged = worlds.run(world(), virtual)
    assert any("differs: command 0" in each for each in wedged) is (evicts == 1.0)


def test_a_worker_that_stands_still_takes_work_while_its_poll_is_open_and_goes_on_later() -> None:
    virtual = worlds.VirtualLoop()

    async def world() -> None:
        worker = _worker(virtual, Changing)
        worker.stand_still(200)
        assert worker.polls
        assert not await worker.going_until(virtual.time() + 70)
        assert not worker.polls
        await worker.line.going()
        assert virtual.time() == 200
        assert worker.polls

    worlds.run(world(), virtual)

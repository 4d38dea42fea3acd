"""The crash harness sees a worker that is wrong, and none in one that is right.

One reservation, one kill: the worker dies when the bank has booked and not yet answered. A worker
that sends again under other names holds the money twice; run as a module, this file is one.
"""

from __future__ import annotations

import asyncio
import random
import sys
from base64 import b32encode
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import Client

from domain.keys import OperationName
from proof.crash.caller import Caller
from proof.crash.judge import DOUBLE, judge
from proof.crash.moments import Call, Moment, name_of
from proof.crash.plots import PLOTS, Stay
from proof.crash.stack import Stack, running
from proof.crash.triggers import Scene, Triggers
from proof.crash.worker import hurried
from tests.proof.night import AT_NIGHT
from worker.main import main

STAY = Stay("CANARY-1", "payroc", next(plot for plot in PLOTS if plot.name == "checkout"))
BOOKED = name_of(Moment.BOOKED, Call.AUTHORIZE)
# Ten on an idle machine.
WITHIN_S = 90


def kill(scene: Scene) -> None:
    assert scene.worker is not None
    scene.worker.kill()


@AT_NIGHT
@pytest.mark.parametrize(
    ("module", "wrong"),
    [("proof.crash.worker", set[str]()), ("tests.proof.test_crash_canary", {DOUBLE})],
    ids=["a worker as it is", "a worker that forgets its names"],
)
async def test_a_second_hold_is_seen_and_none_where_there_is_none(
    tmp_path: Path, module: str, wrong: set[str]
) -> None:
    triggers = Triggers()
    stack = Stack(tmp_path, 1, triggers, cached=lambda _: 0, module=module)
    async with asyncio.timeout(WITHIN_S), running(stack):
        await stack.man()
        temporal = await Client.connect(stack.caller.address)
        caller = Caller(temporal, triggers, random.Random(1))  # noqa: S311 - repeatable
        blow = triggers.arm(BOOKED, kill)
        await caller.play(STAY)
        assert blow.fell.done()
        holds = {STAY.name: await caller.client.hold(STAY.name)}
        findings = judge(await stack.gateways.books(), caller.notes, holds)
    assert wrong <= {name for name, found in findings.wrong.items() if found}
    assert bool(wrong) is not findings.is_clean


def forget_names() -> None:
    """Draw new names for every sending, as code does that was written in a hurry."""

    def drawn_key(_: OperationName) -> str:
        return str(uuid4())

    def drawn_reference(_: OperationName) -> str:
        return b32encode(uuid4().bytes).decode()[:24]

    setattr(OperationName, OperationName.key.__name__, drawn_key)
    setattr(OperationName, OperationName.reference.__name__, drawn_reference)


if __name__ == "__main__":
    forget_names()
    with hurried():
        sys.exit(main())

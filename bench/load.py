"""``python -m bench.load``: plays lifecycles as fast as they go, and tells how long each took.

Reads one order a line (JSON) on standard input, answers with one line, ends with its input.
A caller as any: plain JSON over Temporal's own client.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any
from uuid import uuid4

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import TemporalError

from bench.kinds import Kind
from worker import logs
from worker.main import runtime_for
from worker.settings import WorkerSettings

READY, FAILED = "ready", "failed"

# What cardhold's own client gives a start; a caller who doesn't costs one more event.
_ATTRIBUTES = TypedSearchAttributes(
    [
        SearchAttributePair(SearchAttributeKey.for_keyword("CardholdState"), "authorizing"),
        SearchAttributePair(SearchAttributeKey.for_keyword("CardholdGateway"), "payroc"),
        SearchAttributePair(SearchAttributeKey.for_keyword("CardholdCurrency"), "USD"),
        SearchAttributePair(SearchAttributeKey.for_int("CardholdRemaining"), 0),
        SearchAttributePair(SearchAttributeKey.for_int("CardholdCaptured"), 0),
    ]
)


@dataclass(frozen=True, slots=True)
class Order:
    """One round: lifecycles of a kind for some seconds, some of them in flight at a time."""

    kind: Kind
    in_flight: int
    for_s: float


@dataclass(slots=True)
class Round:
    """What a round did: how long it took in all, and each start until its hold was authorized."""

    seconds: float = 0.0
    authorized_s: list[float] = field(default_factory=list[float])
    sample: str = ""

    @property
    def done(self) -> int:
        """How many lifecycles were done, from the start to the captured money."""
        return len(self.authorized_s)


async def play(client: Client, order: Order) -> Round:
    """Play one round; those in flight when the time is over are finished and counted.

    Raises:
        RuntimeError: A lifecycle ended otherwise than captured.
    """
    round_ = Round()
    names = (f"reservation-bench-{uuid4().hex[:12]}x{number}" for number in count())
    begun = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for _ in range(order.in_flight):
            group.create_task(_one_after_another(client, order, round_, names, begun))
    round_.seconds = time.monotonic() - begun
    return round_


async def _one_after_another(
    client: Client, order: Order, round_: Round, names: Iterator[str], begun: float
) -> None:
    while time.monotonic() - begun < order.for_s:
        name = next(names)
        round_.authorized_s.append(await _lifecycle(client, order.kind, name))
        round_.sample = name


async def _lifecycle(client: Client, kind: Kind, name: str) -> float:
    """From the start to the captured money; answers with the seconds until it was authorized."""
    request = _request(name)
    start = WithStartWorkflowOperation[Any, Any](
        kind.workflow_type,
        args=[request],
        id=name,
        task_queue=kind.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        search_attributes=_ATTRIBUTES if kind.has_attributes else TypedSearchAttributes.empty,
    )
    asked = [] if kind is Kind.FLOOR else [{"request": request}]
    begun = time.monotonic()
    held = await client.execute_update_with_start_workflow(
        "authorized", args=asked, start_workflow_operation=start
    )
    authorized_s = time.monotonic() - begun
    _expect(held, "authorized")
    handle = await start.workflow_handle()
    taken = await handle.execute_update("capture", args=[{"command_id": "checkout"}])
    _expect(taken, "captured")
    return authorized_s


def _request(name: str) -> dict[str, Any]:
    return {
        "reservation_id": name.removeprefix("reservation-"),
        "gateway": "payroc",
        "amount": {"amount_minor": 10000, "currency": "USD"},
        "payment_method": {"kind": "stored_token", "token": "2967530000000000001"},
    }


def _expect(answer: dict[str, Any], state: str) -> None:
    if answer["state"] != state:
        raise RuntimeError(f"a lifecycle is {answer['state']} where it should be {state}")


async def serve(address: str) -> None:
    """Carry out one order after another."""
    # Temporal's runtime writes its own log to standard output otherwise, among our answers.
    client = await Client.connect(address, runtime=runtime_for(WorkerSettings()))
    _answer({"is": READY})
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        told = json.loads(line)
        try:
            round_ = await play(client, Order(Kind(told.pop("kind")), **told))
        except* (TemporalError, RuntimeError) as failed:
            # The SDK keeps the same error in futures that nobody reads: it is told once, here.
            loop.set_exception_handler(_keep_quiet)
            error = failed.exceptions[0]
            _answer({FAILED: f"{error} {error.__cause__ or ''}".strip()})
        else:
            _answer(asdict(round_))


def _keep_quiet(_: asyncio.AbstractEventLoop, __: dict[str, Any]) -> None: ...


def _answer(content: dict[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(content)}\n")
    sys.stdout.flush()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--address", required=True, help="of Temporal")
    logs.configure(level="ERROR")
    asyncio.run(serve(parser.parse_args().address))


if __name__ == "__main__":
    main()

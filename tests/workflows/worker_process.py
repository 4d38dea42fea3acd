"""A worker as a process of its own, so that a test can kill it: address, simulators' URL, queue."""

from __future__ import annotations

import asyncio
import sys

from temporalio.client import Client

from activities.holds import Holds
from tests.workflows.stack import a_worker, accounts_at, our_client


async def main(address: str, url: str, task_queue: str) -> None:
    """Work until killed, or until whoever started us is gone."""
    client = our_client(await Client.connect(address))
    async with accounts_at(url) as gateways, a_worker(client, Holds(gateways), task_queue):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        # The test holds the other end: its end, whatever the reason, is ours.
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))

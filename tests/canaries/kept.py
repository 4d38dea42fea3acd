"""Everything that keeps what was said: Temporal's histories and database, logs, metrics.

A canary is searched as it was written, as JSON and a URL escape it, and in base64 at each of the
three places that it can begin at; a number in groups and in other digits too.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest
from temporalio.client import Client

from tests import loopback
from tests.canaries.canaries import written

_BASE64_PLACES = 3


@cache
def spellings(canary: str) -> frozenset[bytes]:
    """The ways a canary may have been written down."""
    ways = written(canary) if canary.isdigit() else (canary,)
    plain = {text for way in ways for text in (way, json.dumps(way)[1:-1], quote(way))}
    return frozenset(text.encode() for text in plain)


@cache
def in_base64(canary: str) -> frozenset[bytes]:
    """What of a canary stays the same in base64, whatever stands before and behind it."""
    return frozenset(
        base64.b64encode(b"\0" * before + text)[4 if before else 0 : -4]
        for text in spellings(canary)
        for before in range(_BASE64_PLACES)
    )


def found(canaries: Iterable[str], text: bytes, *, coded: bool = False) -> list[str]:
    """The canaries that stand in a text, in any spelling; in base64 too where it is ``coded``."""
    return [
        each
        for each in canaries
        if any(spelled in text for spelled in spellings(each))
        or (coded and any(spelled in text for spelled in in_base64(each)))
    ]


@dataclass(frozen=True)
class Kept:
    """Where a deployment keeps what it was told.

    Attributes:
        client: Plain, without a converter of ours.
        database: Temporal's file; its write-ahead journal lies beside it.
        log: What the worker has written to its standard outputs.
        metrics_url: Of the worker.
    """

    client: Client
    database: Path
    log: Path
    metrics_url: str

    async def texts(self, workflow_ids: Iterable[str]) -> dict[str, bytes]:
        """Everything of these runs, and of the whole deployment, by where it is kept."""
        texts = self.database_texts()
        texts["the worker's log"] = self.log.read_bytes()
        async with loopback.client() as http:
            texts["metrics"] = (await http.get(self.metrics_url)).content
        for told in await asyncio.gather(*map(self.history_texts, workflow_ids)):
            texts |= told
        return texts

    def database_texts(self) -> dict[str, bytes]:
        """Temporal's files as they are on the disk, the journal included."""
        files = sorted(self.database.parent.glob(f"{self.database.name}*"))
        return {file.name: file.read_bytes() for file in files}

    async def history_texts(self, workflow_id: str) -> dict[str, bytes]:
        """A run's events as they are stored and as JSON shows them, and what describes the run."""
        handle = self.client.get_workflow_handle(workflow_id)
        history = await handle.fetch_history()
        about = await self.client.workflow_service.describe_workflow_execution(
            DescribeWorkflowExecutionRequest(
                namespace=self.client.namespace,
                execution=WorkflowExecution(workflow_id=workflow_id),
            )
        )
        return {
            f"{workflow_id}: events": b"\n".join(e.SerializeToString() for e in history.events),
            f"{workflow_id}: events in JSON": history.to_json().encode(),
            f"{workflow_id}: its description": about.SerializeToString(),
        }

    async def events_with(self, workflow_id: str, *canaries: str) -> list[str]:
        """The kinds of event in which one of the canaries stands, one for each event."""
        history = await self.client.get_workflow_handle(workflow_id).fetch_history()
        return [
            EventType.Name(event.event_type).removeprefix("EVENT_TYPE_")
            for event in history.events
            if found(canaries, event.SerializeToString())
        ]

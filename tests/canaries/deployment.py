"""What the tests say to the deployment, as any caller in any language would."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import RawValue, WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from cardhold.names import TASK_QUEUE, WORKFLOW_TYPE
from tests.canaries.canaries import CARDS, CURRENCIES, Json
from tests.canaries.chatty import Chatty
from tests.canaries.kept import Kept, found

_numbers = itertools.count(1)


@dataclass
class Deployment:
    """The running whole.

    Attributes:
        started: The workflows that a test has started, to be searched with everything else.
    """

    client: Client
    address: str
    chatty: Chatty
    kept: Kept
    started: list[str] = field(default_factory=list[str])

    def request(self, gateway: str = "payroc", amount_minor: int = 100_00, **fields: Any) -> Json:
        """A start that the simulated gateway approves, with every text that one may hold."""
        return {
            "reservation_id": f"RES-{next(_numbers)}",
            "gateway": gateway,
            "amount": {"amount_minor": amount_minor, "currency": CURRENCIES[gateway]},
            "payment_method": dict(CARDS[gateway]),
            "operator": "web",
            "description": "one night",
            "metadata": {"room": "12"},
            "booking": "B-7",
            "property": "P-1",
            **fields,
        }

    async def start(self, request: Mapping[str, Any]) -> WorkflowHandle[Any, Any]:
        """Start a reservation as a raw client would, and don't wait."""
        return await self.start_as(f"reservation-{request['reservation_id']}", request)

    async def start_as(self, workflow_id: str, *payloads: Any) -> WorkflowHandle[Any, Any]:
        """Start a workflow of any name with any payloads."""
        self.started.append(workflow_id)
        return await self.client.start_workflow(
            WORKFLOW_TYPE, args=list(payloads), id=workflow_id, task_queue=TASK_QUEUE
        )

    async def held(self, request: Mapping[str, Any]) -> tuple[WorkflowHandle[Any, Any], Json]:
        """Start a reservation as our client does; its handle, and the hold."""
        name = f"reservation-{request['reservation_id']}"
        self.started.append(name)
        operation = WithStartWorkflowOperation[Any, Any](
            WORKFLOW_TYPE,
            request,
            id=name,
            task_queue=TASK_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        )
        hold = await self.client.execute_update_with_start_workflow(
            "authorized", {"request": request}, start_workflow_operation=operation
        )
        return await operation.workflow_handle(), hold

    async def seen(self, canaries: Iterable[str]) -> dict[str, list[str]]:
        """Where which of the canaries stand, in all that is kept."""
        searched = tuple(canaries)
        texts = await self.kept.texts(self.started)
        seen = {
            where: found(searched, text, coded=where.endswith("JSON"))
            for where, text in texts.items()
        }
        return {where: which for where, which in seen.items() if which}


def raw(data: str, encoding: bytes = b"json/plain") -> RawValue:
    """A payload as a broken or foreign caller may send it."""
    return RawValue(Payload(metadata={"encoding": encoding}, data=data.encode()))

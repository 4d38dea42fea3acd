"""A caller who was told that an outcome is not known yet, and waits until it is."""

from __future__ import annotations

import asyncio

from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from tests.workflows.stack import Json, Reserved


async def until_decided(reserved: Reserved) -> Json:
    """Read the hold until nothing is under way, as a caller who was told to wait does."""
    async with asyncio.timeout(20):
        while True:
            hold = await reserved.hold()
            if all(
                done["state"] in {"done", "declined", "not_done"} for done in hold["operations"]
            ):
                return hold
            await asyncio.sleep(0.1)


async def tell(reserved: Reserved, name: str, command: Json) -> None:
    """Give an instruction; an unknown outcome is one that the caller waits for."""
    try:
        await reserved.update(name, command)
    except WorkflowUpdateFailedError as error:
        assert isinstance(error.cause, ApplicationError)
        assert error.cause.type == "OutcomeUnknown"
    await until_decided(reserved)

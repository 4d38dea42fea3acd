"""What must be true of every reservation at any time, whatever a test has done to it."""

from __future__ import annotations

from collections import Counter

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import WorkflowExecutionStatus, WorkflowHistory

from tests.workflows.gateways import SEVERAL
from tests.workflows.stack import Json, Reserved, Stack

_AMOUNTS = ("authorized", "captured", "released", "expired", "remaining", "in_doubt")
_MONEY = ("authorize", "capture", "release")
# Gateways where a hold may be captured, or released, part by part.
_IN_PARTS = frozenset(place.gateway for place in SEVERAL)
FINAL = frozenset({"captured", "released", "expired", "abandoned"})


def adds_up(hold: Json) -> None:
    """Captured, released, expired and remaining add up to what was authorized."""
    minor = {name: hold[name]["amount_minor"] for name in _AMOUNTS}
    parts = minor["captured"] + minor["released"] + minor["expired"] + minor["remaining"]
    assert parts == minor["authorized"], minor
    assert all(amount >= 0 for amount in minor.values()), minor
    assert len({hold[name]["currency"] for name in _AMOUNTS}) == 1
    if hold["state"] in FINAL:
        assert minor["remaining"] == minor["in_doubt"] == 0, minor
        assert hold["closed_at"] is not None


def agrees(hold: Json, book: Json) -> None:
    """The hold says of the money what the bank's books say."""
    assert hold["payment_id"] == book["payment_id"]
    assert hold["captured"]["amount_minor"] == book["captured_minor"]
    assert book["refunded_minor"] == 0
    remaining = hold["remaining"]["amount_minor"]
    assert remaining == (_left(book) if book["state"] == "open" else 0)
    lowered = _lowered(hold, book)
    if book["state"] != "open":
        assert hold["released"]["amount_minor"] + lowered == book["released_minor"]


def _lowered(hold: Json, book: Json) -> int:
    """What an adjust has freed for good, where a hold is lowered by releasing a part of it."""
    lowered = book["authorized_minor"] - hold["authorized"]["amount_minor"]
    if not lowered:
        return 0
    freed = [e["amount_minor"] for e in book["effects"] if e["kind"] == "release"]
    assert lowered in freed, (hold["authorized"], book)
    return lowered


def _left(book: Json) -> int:
    return book["authorized_minor"] - book["captured_minor"] - book["released_minor"]


def moved_once(books: list[Json]) -> None:
    """No instruction had its effect twice.

    A capture may release the rest under its own key; for the rest a key has one effect. Where a
    hold takes one capture and is not lowered by releasing a part, no hold is captured or released
    more than once, whatever the keys.
    """
    effects = Counter(
        (effect["key"], effect["kind"])
        for book in books
        for effect in book["effects"]
        if effect["kind"] != "expire"  # nobody asked for it: it has no key
    )
    assert [name for name, times in effects.items() if times > 1] == []
    for book in books:
        kinds = Counter(effect["kind"] for effect in book["effects"])
        once = ("authorize",) if book["gateway"] in _IN_PARTS else _MONEY
        assert [kind for kind in once if kinds[kind] > 1] == []
    references = Counter(book["reference"] for book in books if book["state"] != "declined")
    assert [reference for reference, holds in references.items() if holds > 1] == []


def done_once(hold: Json, book: Json) -> None:
    """Every operation that was done had its effect, and nothing else moved money."""
    done = Counter(each["kind"] for each in hold["operations"] if each["state"] == "done")
    kinds = Counter(effect["kind"] for effect in book["effects"])
    assert (kinds["authorize"], kinds["capture"]) == (1, done["capture"]), book


async def all_is_well(stack: Stack) -> None:
    """After a test: every reservation adds up, replays, and was never stalled by a failed task."""
    moved_once(await stack.books())
    for reserved in stack.opened:
        history = await reserved.history()
        never_stalled(history)
        description = await reserved.handle.describe()
        if not was_reset(history, description.run_id):
            await reserved.replays()
        if description.status == WorkflowExecutionStatus.COMPLETED:
            adds_up(await stack.client.get_workflow_handle(reserved.handle.id).result())


async def end(reserved: Reserved) -> None:
    """End a reservation that a test has left open."""
    description = await reserved.handle.describe()
    if description.status == WorkflowExecutionStatus.RUNNING:
        await reserved.handle.terminate("the test is over")


#: What a test's own broken worker fails with, before a right one goes on.
A_BUG_SINCE_MENDED = "a bug, since mended"


def never_stalled(history: WorkflowHistory) -> None:
    """No workflow task has failed, unless a reset ended it, or a message came while it closed."""
    harmless = {
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW,
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
    }
    failures = [
        event.workflow_task_failed_event_attributes
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    ]
    messages = [failed.failure.message for failed in failures if failed.cause not in harmless]
    assert [message for message in messages if message != A_BUG_SINCE_MENDED] == []


def was_reset(history: WorkflowHistory, run_id: str) -> bool:
    """Whether a reset made the run: the SDK's replayer takes it for the run before the reset."""
    return history.run_id != run_id

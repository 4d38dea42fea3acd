"""A reservation that does on purpose what a real one does only under a race.

It speaks the contract's names over plain JSON. The start's ``description`` and a command's
``reason`` say how it shall behave.
"""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

Json = dict[str, Any]
_NOTHING = {"amount_minor": 0, "currency": "USD"}


@workflow.defn(name="Reservation")
class MisbehavingReservation:
    """Keeps one hold in memory and calls no gateway."""

    @workflow.init
    def __init__(self, request: Json) -> None:
        self._how: str = request.get("description") or ""
        self._closing = False
        self._hold: Json = {
            "reservation_id": request["reservation_id"], "gateway": request["gateway"],
            "state": "authorized", "authorized": request["amount"], "captured": _NOTHING,
            "released": _NOTHING, "expired": _NOTHING, "remaining": request["amount"],
            "in_doubt": _NOTHING, "created_at": "2026-03-01T10:00:00Z", "on_deadline": "release",
            "operations": [], "from_a_later_version": True,
        }  # fmt: skip

    @workflow.run
    async def run(self, request: Json) -> Json:
        """End with the hold once told to, without waiting for handlers."""
        del request
        if self._how == "invalid start":
            await workflow.wait_condition(workflow.all_handlers_finished)
            raise ApplicationError("gateway is not configured", type="InvalidRequest")
        if self._how != "close at once":
            await workflow.wait_condition(lambda: self._closing)
        self._hold |= {"state": "captured", "closed_at": "2026-03-02T10:00:00Z"}
        return self._hold

    @workflow.update(unfinished_policy=workflow.HandlerUnfinishedPolicy.ABANDON)
    async def authorized(self, message: Json) -> Json:
        """Answer as the start's description says."""
        del message
        if self._how == "invalid start":
            raise _error("InvalidRequest", {"field": "gateway"})
        if self._how == "never decided":
            await workflow.wait_condition(lambda: False)
        return self._hold

    @workflow.update(unfinished_policy=workflow.HandlerUnfinishedPolicy.ABANDON)
    async def capture(self, message: Json) -> Json:
        """Do as the command's reason says."""
        how = message.get("reason") or ""
        if how in {"close under it", "capture and close under it"}:
            if how.startswith("capture"):
                self._book("capture", message, "done")
            self._closing = True
            await workflow.wait_condition(lambda: False)
        if how in {"never answered", "decided but never answered"}:
            self._book("capture", message, "sent" if how.startswith("never") else "declined")
            await workflow.wait_condition(lambda: False)
        if how.startswith("fail as "):
            detail = {"field": "amount", "operation_id": "capture/2", "hold": self._hold}
            raise _error(how.removeprefix("fail as "), detail)
        if how == "answer nonsense":
            return {"state": 7}
        self._book("capture", message, "done")
        self._closing = how == "close after"
        return self._hold

    @workflow.signal
    def release(self, message: Json) -> None:
        """Close."""
        self._book("release", message, "done")
        self._closing = True

    @workflow.query
    def hold(self) -> Json:
        """Show the hold."""
        return self._hold

    @workflow.query
    def plan(self) -> Json:
        """Show one step, with a field of a later version."""
        at = "2026-03-08T03:00:00Z"
        return {"steps": [{"at": at, "kind": "release", "why": "nobody said otherwise", "new": 1}]}

    def _book(self, kind: str, message: Json, state: str) -> None:
        self._hold["operations"].append({
            "operation_id": f"{kind}/{len(self._hold['operations']) + 1}", "kind": kind,
            "command_id": message["command_id"], "state": state,
            "amount": message.get("amount") or self._hold["remaining"],
            "requested_at": "2026-03-02T10:00:00Z", "detail": "as the issuer says",
        })  # fmt: skip


def _error(kind: str, detail: Json) -> ApplicationError:
    return ApplicationError(f"as told: {kind}", detail, type=kind, non_retryable=True)

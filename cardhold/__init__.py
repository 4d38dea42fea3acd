"""The contract of cardhold, and the same contract as typed calls.

``Client`` needs the extra ``cardhold[client]``; everything else needs pydantic alone. ::

    client = await cardhold.Client.connect()
    hold = await client.start(cardhold.HoldRequest(...))
    hold = await client.capture(hold.reservation_id, command_id="checkout")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cardhold.errors import (
    CardholdError,
    Closed,
    Conflict,
    Declined,
    IllegalMove,
    InvalidRequest,
    NotFound,
    NotSupported,
    OutcomeUnknown,
    Unreachable,
)
from cardhold.hold import AttentionReason, Hold, HoldState, Operation, OperationState, Plan, Step
from cardhold.listing import Filter, Page, Row
from cardhold.messages import (
    Acknowledge,
    Adjust,
    Authenticated,
    Authorize,
    Authorized,
    Browser,
    Capture,
    HoldRequest,
    Initiator,
    OnDeadline,
    PaymentMethod,
    PaymentMethodKind,
    Release,
    Reschedule,
    Resolve,
    ResolvedOutcome,
)
from cardhold.money import Difference, Money, MoneyIn

if TYPE_CHECKING:
    from cardhold.client import Client

__all__ = [
    "Acknowledge", "Adjust", "AttentionReason", "Authenticated", "Authorize", "Authorized",
    "Browser", "Capture", "CardholdError", "Client", "Closed", "Conflict", "Declined",
    "Difference", "Filter", "Hold", "HoldRequest", "HoldState", "IllegalMove", "Initiator",
    "InvalidRequest", "Money", "MoneyIn", "NotFound", "NotSupported", "OnDeadline", "Operation",
    "OperationState", "OutcomeUnknown", "Page", "PaymentMethod", "PaymentMethodKind", "Plan",
    "Release", "Reschedule", "Resolve", "ResolvedOutcome", "Row", "Step", "Unreachable",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Load ``Client`` when it is first asked for: temporalio is an extra of this package."""
    if name == "Client":
        from cardhold.client import Client  # noqa: PLC0415 - see the docstring

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

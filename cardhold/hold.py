"""What cardhold gives out: the hold and its plan. Readers ignore fields they don't know."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from cardhold.fields import Instant
from cardhold.messages import OnDeadline
from cardhold.money import Money


class HoldState(StrEnum):
    """Where a reservation's hold stands."""

    AUTHORIZING = "authorizing"
    ACTION_REQUIRED = "action_required"
    DECLINED = "declined"
    AUTHORIZED = "authorized"
    ADJUSTING = "adjusting"
    CAPTURING = "capturing"
    RELEASING = "releasing"
    PARTIALLY_CAPTURED = "partially_captured"
    CAPTURED = "captured"
    RELEASED = "released"
    EXPIRED = "expired"
    ABANDONED = "abandoned"


#: Nothing is held any more, and nothing ever will be under this reservation.
FINAL_STATES = frozenset({
    HoldState.CAPTURED, HoldState.RELEASED, HoldState.EXPIRED, HoldState.ABANDONED,
})  # fmt: skip


class OperationKind(StrEnum):
    """What an operation does at the gateway."""

    AUTHORIZE = "authorize"
    ADJUST = "adjust"
    CAPTURE = "capture"
    RELEASE = "release"


class OperationState(StrEnum):
    """What we know of an operation; ``unknown`` is never rounded to another."""

    PLANNED = "planned"
    SENT = "sent"
    UNKNOWN = "unknown"
    DONE = "done"
    DECLINED = "declined"
    NOT_DONE = "not_done"


#: Nothing about the operation can change any more by itself.
DECIDED = frozenset({OperationState.DONE, OperationState.DECLINED, OperationState.NOT_DONE})


class AttentionReason(StrEnum):
    """Why a person should look."""

    OUTCOME_UNKNOWN = "outcome_unknown"
    CAPTURE_REFUSED = "capture_refused"
    RELEASE_REFUSED = "release_refused"
    EXPIRING_SOON = "expiring_soon"
    EXTERNAL_CHANGE = "external_change"


class ExpirySource(StrEnum):
    """Where the expiry comes from, best first."""

    GATEWAY = "gateway"
    RULE = "rule"
    DEFAULT = "default"


class DeadlineBy(StrEnum):
    """What sets the deadline: the caller's own ``settle_by``, or the hold's expiry."""

    SETTLE_BY = "settle_by"
    EXPIRY = "expiry"


class StepKind(StrEnum):
    """What a step of the plan will do."""

    WARN = "warn"
    CAPTURE = "capture"
    RELEASE = "release"
    LOOK_UP = "look_up"
    GIVE_UP = "give_up"


class Given(BaseModel):
    """What we give out: frozen, and read leniently."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Card(Given):
    """What may be shown of the card."""

    brand: str | None = None
    last4: Annotated[str, Field(pattern=r"^\d{4}$")] | None = None


class Evidence(Given):
    """What the issuer said, for a dispute."""

    approval_code: str | None = None
    avs: str | None = None
    cvv: str | None = None


class Action(Given):
    """What the guest has to do: be sent to ``url`` with ``method`` and ``fields``."""

    action_id: str
    url: str
    method: str = "GET"
    fields: dict[str, str] = Field(default_factory=dict)
    expires_at: Instant | None = None


class Attention(Given):
    """A person should look, because of ``reason``."""

    reason: AttentionReason
    since: Instant
    operation_id: str | None = None
    detail: str | None = None


class Operation(Given):
    """One instruction to the gateway, and what became of it."""

    operation_id: str
    kind: OperationKind
    command_id: str
    amount: Money
    state: OperationState
    payment_id: str | None = None
    reference: str | None = None
    requested_at: Instant
    decided_at: Instant | None = None
    booked_at: Instant | None = None
    operator: str | None = None
    reason: str | None = None
    detail: str | None = None


class Refusal(Given):
    """A message that was not carried out, and why."""

    name: str
    at: Instant
    why: str


class Hold(Given):
    """One reservation's hold, as everybody sees it.

    ``captured + released + expired + remaining`` always add up to ``authorized``;
    ``in_doubt`` stands beside them: what an undecided authorization may be blocking.
    """

    reservation_id: str
    gateway: str
    state: HoldState
    booking: str | None = None
    property: str | None = None
    description: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    authorized: Money
    captured: Money
    released: Money
    expired: Money
    remaining: Money
    in_doubt: Money
    payment_id: str | None = None
    gateway_reference: str | None = None
    card: Card | None = None
    evidence: Evidence | None = None
    created_at: Instant
    authorized_at: Instant | None = None
    expires_at: Instant | None = None
    expiry_source: ExpirySource | None = None
    deadline: Instant | None = None
    deadline_by: DeadlineBy | None = None
    settle_by: Instant | None = None
    on_deadline: OnDeadline
    deadline_amount: Money | None = None
    closed_at: Instant | None = None
    action: Action | None = None
    attention: Attention | None = None
    operations: tuple[Operation, ...] = ()
    refused: tuple[Refusal, ...] = ()
    refused_total: int = 0


class Step(Given):
    """What will happen at ``at`` if nobody intervenes."""

    at: Instant
    kind: StepKind
    amount: Money | None = None
    why: str


class Plan(Given):
    """The days ahead, soonest first."""

    steps: tuple[Step, ...] = ()

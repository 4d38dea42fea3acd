"""The names that a caller in any language relies on; none of them ever changes its meaning."""

from __future__ import annotations

from enum import StrEnum

TASK_QUEUE = "cardhold"
WORKFLOW_TYPE = "Reservation"
WORKFLOW_ID_PREFIX = "reservation-"

QUERY_HOLD = "hold"
QUERY_PLAN = "plan"
#: The signal that tells a reservation to compare itself with what its gateway shows.
SIGNAL_LOOK = "look"


def workflow_id(reservation_id: str) -> str:
    """The id of the one workflow that keeps this reservation's hold."""
    return WORKFLOW_ID_PREFIX + reservation_id


class ErrorType(StrEnum):
    """The ``type`` of every ``ApplicationError`` that an update fails with.

    Its first detail is ``{"field", "operation_id", "hold"}``.
    """

    INVALID_REQUEST = "InvalidRequest"
    """Wrong in itself, in any state; nothing was sent."""
    ILLEGAL_MOVE = "IllegalMove"
    """Not in this state; nothing was sent."""
    NOT_SUPPORTED = "NotSupported"
    """Never on this account; nothing was sent."""
    DECLINED = "Declined"
    """Issuer or gateway said no and nothing moved; what was held still is."""
    CONFLICT = "Conflict"
    """The same reservation or command id with other content; nothing was sent."""
    OUTCOME_UNKNOWN = "OutcomeUnknown"
    """Not decided yet: the money may have moved, and the work goes on."""
    CLOSED = "Closed"
    """Settled before the instruction's turn came."""


class SearchAttribute(StrEnum):
    """What reservations are listed by; ``cardhold setup`` registers them."""

    STATE = "CardholdState"
    GATEWAY = "CardholdGateway"
    ATTENTION = "CardholdAttention"
    BOOKING = "CardholdBooking"
    PROPERTY = "CardholdProperty"
    CURRENCY = "CardholdCurrency"
    REMAINING = "CardholdRemaining"
    CAPTURED = "CardholdCaptured"
    DEADLINE = "CardholdDeadline"


#: The type that Temporal registers each search attribute with, as its command line spells it.
SEARCH_ATTRIBUTE_TYPES: dict[SearchAttribute, str] = {
    SearchAttribute.STATE: "Keyword",
    SearchAttribute.GATEWAY: "Keyword",
    SearchAttribute.ATTENTION: "Keyword",
    SearchAttribute.BOOKING: "Keyword",
    SearchAttribute.PROPERTY: "Keyword",
    SearchAttribute.CURRENCY: "Keyword",
    SearchAttribute.REMAINING: "Int",
    SearchAttribute.CAPTURED: "Int",
    SearchAttribute.DEADLINE: "Datetime",
}

"""What a call of `cardhold.client` raises: one class for each error type of the contract.

* CardholdError
  - InvalidRequest   wrong in itself; nothing was sent.
  - IllegalMove      not in this state; nothing was sent.
  - NotSupported     never on this account; nothing was sent.
  - Declined         issuer or gateway said no and nothing moved; what was held still is.
  - Conflict         same reservation or command id, other content; nothing was sent.
  - OutcomeUnknown   not decided yet: the money may have moved. Read the hold, and say it
                     again under the same command id only.
  - Closed           settled before the instruction's turn came; nothing more was sent.
  - NotFound         there is no such reservation; nothing was sent.
  - Unreachable      Temporal, or a worker, gave no answer to a question; nothing was asked
                     of the money.

The last two are the client's own: no workflow raises them.
"""

from __future__ import annotations

from typing import ClassVar

from cardhold.hold import Given, Hold
from cardhold.names import ErrorType


class ErrorDetail(Given):
    """The first detail of every ``ApplicationError`` that an update fails with."""

    field: str | None = None
    operation_id: str | None = None
    hold: Hold | None = None


class CardholdError(Exception):
    """What went wrong, in one sentence, and what is known of the hold.

    Attributes:
        type: The contract's name of the error; the class's own, where it is the client's.
        field: The field that is wrong, where one is.
        operation_id: The operation that it is about, where there is one.
        hold: How the hold stood then, where it could be read.
    """

    type: ClassVar[str] = "CardholdError"

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        operation_id: str | None = None,
        hold: Hold | None = None,
    ) -> None:
        super().__init__(message)
        self.field = field
        self.operation_id = operation_id
        self.hold = hold


class InvalidRequest(CardholdError, ValueError):
    """Wrong in itself, in any state; the text names the field and the rule."""

    type = ErrorType.INVALID_REQUEST


class IllegalMove(CardholdError):
    """Not in this state; nothing was sent."""

    type = ErrorType.ILLEGAL_MOVE


class NotSupported(CardholdError):
    """Never on this account; nothing was sent."""

    type = ErrorType.NOT_SUPPORTED


class Declined(CardholdError):
    """Issuer or gateway said no and nothing moved; what was held still is."""

    type = ErrorType.DECLINED


class Conflict(CardholdError):
    """The same reservation or command id with other content; nothing was sent."""

    type = ErrorType.CONFLICT


class OutcomeUnknown(CardholdError):
    """Not decided yet: the money may have moved, and the work goes on."""

    type = ErrorType.OUTCOME_UNKNOWN


class Closed(CardholdError):
    """Settled before the instruction's turn came; ``hold`` shows how."""

    type = ErrorType.CLOSED


class NotFound(CardholdError, LookupError):
    """No reservation of this id is known; it may never have been, or be past its retention."""

    type = "NotFound"


class Unreachable(CardholdError, ConnectionError):
    """Temporal, or a worker, gave no answer to a question; nothing was asked of the money."""

    type = "Unreachable"


#: The class of each error type that a workflow answers with.
BY_TYPE: dict[str, type[CardholdError]] = {
    error.type: error
    for error in (
        InvalidRequest,
        IllegalMove,
        NotSupported,
        Declined,
        Conflict,
        OutcomeUnknown,
        Closed,
    )
}

"""What can go wrong with a gateway call, sorted by what we then know of the money.

What is which of them stands in one table: `gateways.classifier`, drawn in ``docs/outcomes.md``.

* GatewayError
  - NotSent         no byte left us: the money did not move. Send again.
  - Throttled       429, where this gateway's table says "refused unread": the money
                    did not move. Wait, send again.
  - Unauthorized    our credentials were refused, a fresh one included: the money did not
                    move. Send again once somebody has mended them.
  - Refused         status *and* body code stand in this gateway's table as "not
                    executed": the money did not move. Sending it again changes nothing.
  - OutcomeUnknown  the money may have moved.
    + NoAnswer      the answer was lost or cut off. The same key and body again, or a look-up.
    + Undecided     an answer that decides nothing: "later", any 5xx, any status, code or
                    body that the table does not list. Look it up first.

A decline is not here. It is an answer, not a failure: see ``domain.outcome``. No error's
text holds a credential, a token, a URL or anything that a gateway sent beside its own
published words.
"""

from __future__ import annotations

from cardhold.names import ErrorType


class GatewayError(Exception):
    """A call to a gateway that did not end in an answer."""


class NotSent(GatewayError):
    """No byte left this process: the money did not move. Send again."""


class Throttled(GatewayError):
    """Refused unread: the money did not move. Wait ``retry_after_s``, then send again."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unauthorized(GatewayError):
    """Our credentials were refused: the money did not move. Somebody has to mend them."""


class Refused(GatewayError):
    """Refused for good: the money did not move. ``error`` is what the caller is told, if more."""

    def __init__(self, message: str, error: ErrorType | None = None) -> None:
        super().__init__(message)
        self.error = error


class OutcomeUnknown(GatewayError):
    """The money may have moved.

    Attributes:
        payment_id: The gateway's id of what an authorization may have become, if it is known.
    """

    def __init__(self, message: str, payment_id: str | None = None) -> None:
        super().__init__(message)
        self.payment_id = payment_id


class NoAnswer(OutcomeUnknown):
    """The answer was lost or cut off: the same key and body again, or look it up."""


class Undecided(OutcomeUnknown):
    """An answer that decides nothing: look it up before anything else is sent."""

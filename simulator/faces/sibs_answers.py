"""SIBS's answers: two layers of status, and the errors.

Source: SPG documentation C.5 and C.5.1 (qly.docs.pay.sibs.com, read 2026): ``returnStatus`` is
the technical result of a call, ``paymentStatus`` that of the payment, so that "000" with Pending,
Declined or Timeout is an answer like any other. Published codes are "000", "E0101" (a 400), "E0119"
(declined) and "T9999" (a 503); where SIBS publishes none the code repeats the HTTP status, which
is a choice.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from aiohttp import web

from simulator.counter import Refusal
from simulator.decimals import written


class Status(StrEnum):
    """What ``paymentStatus`` may be. ``Partial`` is the guest's turn, never a smaller amount."""

    SUCCESS = "Success"
    PENDING = "Pending"
    IN_PROCESSING = "InProcessing"
    PARTIAL = "Partial"
    DECLINED = "Declined"
    TIMEOUT = "Timeout"


class Result(NamedTuple):
    """One ``returnStatus``."""

    code: str
    message: str
    description: str

    def shown(self) -> dict[str, object]:
        """As answers show it."""
        return {
            "statusCode": self.code,
            "statusMsg": self.message,
            "statusDescription": self.description,
        }


OK = Result("000", "Success", "Success.")
DECLINED = Result("E0119", "Declined", "The transaction was declined.")

_INVALID = "E0101"
_TEMPORARY = "T9999"


class Problem(Refusal):
    """Ends a request with one of SIBS's errors; nothing was booked."""

    def __init__(self, status: int, result: Result) -> None:
        super().__init__(result.code)
        self.status = status
        self.result = result

    def response(self) -> web.Response:
        """The answer on the wire."""
        return answer({"returnStatus": self.result.shown()}, self.status)


def invalid(description: str) -> Problem:
    """Something in the request is wrong in itself."""
    return Problem(400, Result(_INVALID, "Error", description))


def unauthorized() -> Problem:
    """A credential is missing, or not the one for this call."""
    return Problem(401, Result("401", "Error", "Unauthorized."))


def not_found() -> Problem:
    """There is no such transaction."""
    return Problem(404, Result("404", "Error", "Transaction not found."))


def conflict(description: str) -> Problem:
    """The transaction's state does not allow it."""
    return Problem(409, Result("409", "Error", description))


def of_status(status: int) -> Problem:
    """What the router refused by itself (404, 405, 413)."""
    return Problem(status, Result(str(status), "Error", "The request cannot be served."))


def answer(
    content: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """An answer in JSON, amounts digit by digit."""
    return web.Response(
        body=written(content).encode(),
        status=status,
        content_type="application/json",
        headers=headers,
    )


class Wording:
    """How SIBS words the errors that faults provoke."""

    def broken(self) -> web.Response:
        """A 503 "T9999": called temporary, and says nothing of what was booked before it."""
        result = Result(_TEMPORARY, "Error", "Temporarily unavailable.")
        return Problem(503, result).response()

    def throttled(self, retry_after: str) -> web.Response:
        """A 429; SIBS publishes no shape for it, so this is its usual envelope."""
        result = Result("429", "Error", "Too many requests.")
        headers = {"Retry-After": retry_after}
        return answer({"returnStatus": result.shown()}, 429, headers)

    def unauthorized(self) -> web.Response:
        """A 401."""
        return unauthorized().response()

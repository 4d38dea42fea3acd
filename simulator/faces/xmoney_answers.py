"""xMoney's envelope: ``{code, message, data, pagination, error}``, for answers and for errors.

Sources: docs.xmoney.com ("Errors", "Introduction", read 2026) for codes and fields; the published
clients for the envelope, and for the fact that an error may come as HTTP 200 with its code in the
body alone. Choices:

* which errors come so is not published; here it is what issuer or processor refuse (a soft
  decline, a declined capture or void): HTTP 200, ``code`` 402;
* the list of errors is named ``error`` as both published clients read it; one page of the
  documents has ``errors``;
* the numbers of errors are ours, but for 839 (soft decline) and the 51 and 5 of card networks;
* what a payment's state forbids is a 422, what the router refuses by itself a 404 or 405.
"""

from typing import NamedTuple

from aiohttp import web

from simulator.counter import Refusal
from simulator.decimals import written

# The second error's number is documented for a soft decline (api-sdk, 2025); the others are ours.
VALIDATION = 1600
SOFT_DECLINE = 839
NOT_FOUND = 1404
NOT_ALLOWED = 1422
REFUSED_BY_BANK = 5

_MESSAGES = {
    200: "Success",
    201: "Created",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Payload Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    500: "Internal Server Error",
}


class Item(NamedTuple):
    """One entry of ``error``."""

    code: int
    message: str
    type: str = "Exception"
    field: str | None = None

    def shown(self) -> dict[str, object]:
        """The entry as answers show it."""
        entry: dict[str, object] = {"code": self.code, "message": self.message, "type": self.type}
        return entry if self.field is None else entry | {"field": self.field}


class Answer(NamedTuple):
    """What was done, in words. ``http_status`` is the line's where it differs from ``code``."""

    code: int
    data: object = None
    pagination: dict[str, int] | None = None
    errors: tuple[Item, ...] = ()
    http_status: int | None = None

    def response(self) -> web.Response:
        """The answer on the wire."""
        optional = {
            "data": self.data,
            "pagination": self.pagination,
            "error": [item.shown() for item in self.errors] or None,
        }
        content = {
            "code": self.code,
            "message": _MESSAGES.get(self.code, "Error"),
            **{name: value for name, value in optional.items() if value is not None},
        }
        status = self.http_status or self.code
        return web.Response(
            body=written(content).encode(), status=status, content_type="application/json"
        )


class Problem(Refusal):
    """Ends a request with one of xMoney's errors; nothing was booked."""

    def __init__(self, code: int, *items: Item) -> None:
        super().__init__(str(code))
        self.answer = Answer(code, errors=items)

    def response(self) -> web.Response:
        """The answer on the wire."""
        return self.answer.response()


def invalid(field: str, message: str) -> Problem:
    """One field or parameter is wrong."""
    return Problem(400, Item(VALIDATION, message, "Validation", field))


def not_found(what: str) -> Problem:
    """There is no such thing."""
    return Problem(404, Item(NOT_FOUND, f"{what} not found"))


def not_allowed(message: str) -> Problem:
    """The payment's state forbids it."""
    return Problem(422, Item(NOT_ALLOWED, message))


def refused(code: int, message: str, data: object = None) -> Answer:
    """Issuer or processor said no: HTTP 200 with the code in the body alone."""
    return Answer(402, data, errors=(Item(code, message),), http_status=200)


def of_status(status: int) -> Problem:
    """The error for what the router refused by itself."""
    code = status if status in _MESSAGES else 400
    return Problem(code, Item(VALIDATION, _MESSAGES[code]))


class Wording:
    """How xMoney words the errors that faults provoke."""

    def broken(self) -> web.Response:
        """A 500."""
        return Problem(500, Item(500, "Unexpected error")).answer.response()

    def throttled(self, retry_after: str) -> web.Response:
        """A 429; xMoney publishes no limit, so this is its usual envelope."""
        answer = Problem(429, Item(429, "Too many requests")).answer.response()
        answer.headers["Retry-After"] = retry_after
        return answer

    def unauthorized(self) -> web.Response:
        """A 401."""
        return Problem(401, Item(401, "Authentication failed")).answer.response()

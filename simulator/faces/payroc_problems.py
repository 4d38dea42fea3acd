"""Payroc's error answers: ``application/problem+json``.

Titles, details and type fragments as in Payroc's OpenAPI (1.0.294, 2026-08-20) and its Errors
page. ``method-not-allowed`` is ours: Payroc publishes nothing for a wrong method.
"""

import json
from collections.abc import Mapping
from typing import NamedTuple

from aiohttp import web

from simulator.counter import Refusal


class Kind(NamedTuple):
    """One row of Payroc's table of errors."""

    status: int
    fragment: str
    title: str
    detail: str


BAD_REQUEST = Kind(
    400,
    "bad-request",
    "Bad request",
    "One or more validation errors occurred, see error section for more info",
)
KEY_MISSING = Kind(
    400,
    "idempotency-key-missing",
    "Idempotency-Key header missing",
    "An 'Idempotency-Key' must be supplied for this request",
)
CAPABILITIES_MISSING = Kind(
    400,
    "capabilities-missing",
    "Capabilities missing",
    "The terminal does not support the capability you are trying to use.",
)
NOT_AUTHORIZED = Kind(
    401, "not-authorized", "Not Authorized", "Your identity could not be verified"
)
NOT_FOUND = Kind(404, "not-found", "Not found", "Resource not found")
METHOD_NOT_ALLOWED = Kind(
    405,
    "method-not-allowed",
    "Method not allowed",
    "The resource does not support the method of this request",
)
NOT_ACCEPTABLE = Kind(
    406,
    "not-acceptable",
    "Not acceptable",
    "Resource does not support the representation requested",
)
KEY_IN_USE = Kind(
    409,
    "idempotency-key-in-use",
    "Idempotency-Key in use",
    "'Idempotency-Key' is already in use against a different request",
)
CANNOT_BE_MODIFIED = Kind(
    409,
    "cannot-be-modified",
    "Cannot be modified",
    "You cannot modify this resource in its current state",
)
TOO_LARGE = Kind(
    413, "payload-too-large", "Payload too large", "The payload submitted is too large"
)
UNSUPPORTED_MEDIA = Kind(
    415,
    "unsupported-media-type",
    "Unsupported media type",
    "You submitted a payload in an unsupported format",
)
THROTTLED = Kind(429, "too-many-requests", "Too many requests", "You sent too many requests")
API_ERROR = Kind(
    500, "api-error", "Api error", "We are unable to process your request at this time"
)

_BY_STATUS = {
    kind.status: kind
    for kind in (NOT_FOUND, METHOD_NOT_ALLOWED, TOO_LARGE, UNSUPPORTED_MEDIA, BAD_REQUEST)
}


class Item(NamedTuple):
    """One entry of a problem's ``errors``."""

    parameter: str
    detail: str
    message: str


class Problem(Refusal):
    """Ends a request with one of Payroc's errors; nothing was booked."""

    def __init__(self, kind: Kind, *items: Item, extra: Mapping[str, object] | None = None) -> None:
        super().__init__(kind.fragment)
        self.kind = kind
        self.items = items
        self.extra = extra or {}

    def response(self) -> web.Response:
        """The answer on the wire."""
        errors = [item._asdict() for item in self.items]
        return problem_response(self.kind, errors, self.extra)


def problem_response(
    kind: Kind,
    errors: list[dict[str, str]] | None = None,
    extra: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Word an error as Payroc does."""
    content: dict[str, object] = {
        "type": f"https://docs.payroc.com/api/errors#{kind.fragment}",
        "title": kind.title,
        "status": kind.status,
        "detail": kind.detail,
        **(extra or {}),
    }
    if errors:
        content["errors"] = errors
    return web.Response(
        body=json.dumps(content).encode(),
        status=kind.status,
        content_type="application/problem+json",
        headers=headers,
    )


def bad_request(parameter: str, detail: str, message: str) -> Problem:
    """One field or parameter is wrong."""
    return Problem(BAD_REQUEST, Item(parameter, detail, message))


def of_status(status: int) -> Problem:
    """The problem for what the router refused by itself."""
    return Problem(_BY_STATUS.get(status, BAD_REQUEST))


class Wording:
    """How Payroc words the errors that faults provoke."""

    def broken(self) -> web.Response:
        """A 500 ``api-error``."""
        return problem_response(API_ERROR, [{"message": "Service offline"}])

    def throttled(self, retry_after: str) -> web.Response:
        """A 429; Payroc publishes no shape for it, so this is its usual envelope."""
        return problem_response(THROTTLED, headers={"Retry-After": retry_after})

    def unauthorized(self) -> web.Response:
        """A 401 ``not-authorized``."""
        return problem_response(NOT_AUTHORIZED)

"""Stax's error answers.

Published: 422 with the texts of each field (API description of Fattmerchant's Omni API, 2020),
401 for a bad key, 404 for an unknown transaction, 409 for a duplicate, 429 with ``Retry-After``
(Stax API reference, read 2026; Fattmerchant's Python client, 2019). For the bodies of all but
422 nothing is published: ``{"error": [...]}`` stands for all of them.
"""

import json
from collections.abc import Mapping

from aiohttp import web

from simulator.counter import Refusal

# What each field did wrong; or under "error", what was refused as a whole.
Texts = Mapping[str, list[str]]


def refused(text: str) -> Texts:
    """A refusal that is no field's fault."""
    return {"error": [text]}


class Problem(Refusal):
    """Ends a request with one of Stax's errors; nothing was booked."""

    def __init__(self, status: int, texts: Texts) -> None:
        super().__init__(str(status))
        self.status = status
        self.texts = texts

    def response(self) -> web.Response:
        """The answer on the wire."""
        return _response(self.status, self.texts)


def not_possible(text: str) -> Problem:
    """400: the transaction's state does not allow it."""
    return Problem(400, refused(text))


def unknown_id() -> Problem:
    """404, as the API reference has it; the older description answers 422 with the same field."""
    return Problem(404, {"id": ["The selected id is invalid."]})


def invalid(field: str, text: str) -> Problem:
    """422: one field is wrong."""
    return Problem(422, {field: [text]})


def of_status(status: int) -> Problem:
    """The problem for what the router refused by itself."""
    texts = {404: "Not Found", 405: "Method Not Allowed", 413: "Payload Too Large"}
    return Problem(status, refused(texts.get(status, "Bad Request")))


class Wording:
    """How Stax words the errors that faults provoke."""

    def broken(self) -> web.Response:
        """A 500."""
        return _response(500, refused("Whoops, looks like something went wrong."))

    def throttled(self, retry_after: str) -> web.Response:
        """A 429."""
        headers = {"Retry-After": retry_after}
        return _response(429, refused("Too Many Attempts."), headers)

    def unauthorized(self) -> web.Response:
        """A 401."""
        return unauthorized().response()


def unauthorized() -> Problem:
    """401: no key, or one that is not good."""
    return Problem(401, refused("Unauthorized."))


def _response(status: int, texts: Texts, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        body=json.dumps(texts).encode(),
        status=status,
        content_type="application/json",
        headers=headers,
    )

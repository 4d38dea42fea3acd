"""What SIBS's technical answers say of the money: HTTP status and ``returnStatus.statusCode``.

SPG v2 page "API-level status codes", read 2026: both have to be read together.
"""

from __future__ import annotations

import re
from http import HTTPStatus

from cardhold.hold import OperationKind
from gateways.errors import GatewayError, Refused, Throttled, Unauthorized, Undecided
from gateways.wire import Answer, WireModel, parse

NAME = "sibs"

OK_CODE, INVALID_CODE, DECLINED_CODE = "000", "E0101", "E0119"
# At the door: nothing behind it has seen the request.
_UNAUTHORIZED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
# "Not executed": an invalid request. Everything else that is no success decides nothing, 409
# ("conflicts with the current state") and 404 on a later call included.
_REFUSED = frozenset({(HTTPStatus.BAD_REQUEST, INVALID_CODE)})
_DECLINED = frozenset({(HTTPStatus.BAD_REQUEST, DECLINED_CODE)})
# The published shapes, and nothing that a token or a card number fits into.
_CODE = re.compile(r"\d{3}|[ET]\d{4}|\d{2,3}(\.\d{2,4}){1,2}")


class ReturnStatus(WireModel):
    """The technical outcome of a request."""

    statusCode: str  # noqa: N815 - SIBS's own name
    statusMsg: str | None = None  # noqa: N815 - SIBS's own name
    statusDescription: str | None = None  # noqa: N815 - SIBS's own name


class _Problem(WireModel):
    returnStatus: ReturnStatus  # noqa: N815 - SIBS's own name


def code_of(answer: Answer) -> str | None:
    """The body's status code; None where the body is not one of SIBS's."""
    problem = parse(_Problem, answer)
    return None if problem is None else problem.returnStatus.statusCode


def declined(answer: Answer) -> ReturnStatus | None:
    """What a refusal that is the issuer's says; None where it is none."""
    problem = parse(_Problem, answer)
    if problem is None or (answer.status, problem.returnStatus.statusCode) not in _DECLINED:
        return None
    return problem.returnStatus


def knows_none(answer: Answer) -> bool:
    """Whether SIBS itself, and not something before it, says that there is no such transaction."""
    code = code_of(answer)
    return answer.status == HTTPStatus.NOT_FOUND and code is not None and code != OK_CODE


def is_malformed(answer: Answer) -> bool:
    """Whether SIBS says that the request makes no sense."""
    return (answer.status, code_of(answer)) in _REFUSED


def refusal(answer: Answer, kind: OperationKind | None) -> GatewayError:
    """What an answer other than a success says of the money.

    Args:
        answer: Of any status.
        kind: What was asked for; None for a look-up, which moves none.
    """
    code = code_of(answer)
    said = f"HTTP {answer.status}" + (f" {code}" if code and _CODE.fullmatch(code) else "")
    if answer.status in _UNAUTHORIZED:
        return Unauthorized(f"{NAME}: our credentials were refused ({said})")
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(f"{NAME}: too many requests", answer.retry_after_s)
    if kind is not None and (answer.status, code) in _REFUSED:
        return Refused(f"{NAME}: refused ({said})")
    return Undecided(f"{NAME}: {said} decides nothing")

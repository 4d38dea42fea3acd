"""What Payroc's refusals say of the money (OpenAPI 1.0.294: application/problem+json)."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field

from cardhold.hold import OperationKind
from cardhold.names import ErrorType
from gateways.errors import GatewayError, Refused, Throttled, Unauthorized, Undecided
from gateways.wire import Answer, WireModel, parse

NAME = "payroc"

# Our credentials were refused, at the door: nothing behind it has seen the request.
UNAUTHORIZED = frozenset({401, 403})
_TOO_MANY = 429
_UNAUTHORIZED_TYPES = frozenset({"not-authorized", "forbidden"})

# "Not executed" when a payment is *created*. On adjust, capture and reverse the answer to a call
# in the wrong state is unpublished and may be any of these, so there nothing is in the table.
_REFUSED_TYPES: dict[str, ErrorType | None] = {
    "bad-request": None,
    "idempotency-key-missing": None,
    "capabilities-missing": ErrorType.NOT_SUPPORTED,
    "card-type-not-supported": ErrorType.NOT_SUPPORTED,
    "not-found": None,
}

_FRAGMENT = re.compile(r"[a-z]{1,20}(-[a-z]{1,20}){0,4}")
# A field's path, `order.amount`: letters alone, so that no token and no number fits.
_PARAMETER = re.compile(r"[A-Za-z]{1,30}(\.[A-Za-z]{1,30}){0,4}")
_PARAMETERS_SHOWN_MAX = 5


class _Item(WireModel):
    parameter: str | None = None


class _Problem(WireModel):
    type: str
    errors: Annotated[list[_Item], Field(default_factory=list)]


def problem_type(answer: Answer) -> str | None:
    """The fragment of the problem's ``type``, whatever the HTTP status is; None for no problem.

    The OpenAPI files a problem of status 409 under a 400: the type is what is reliable.
    """
    problem = parse(_Problem, answer)
    return None if problem is None else _fragment(problem.type)


def refusal(answer: Answer, kind: OperationKind | None) -> GatewayError:
    """What an answer other than a success says of the money.

    Args:
        answer: Of any status.
        kind: What was asked for; None for a look-up, which moves none.
    """
    problem = parse(_Problem, answer)
    fragment = None if problem is None else _fragment(problem.type)
    said = f"HTTP {answer.status}" + (f" {fragment}" if fragment else "")
    if not 400 <= answer.status < 500:  # noqa: PLR2004 - HTTP's own classes
        return Undecided(f"{NAME}: {said} decides nothing")
    if fragment in _UNAUTHORIZED_TYPES or (fragment is None and answer.status in UNAUTHORIZED):
        return Unauthorized(f"{NAME}: our credentials were refused ({said})")
    if answer.status == _TOO_MANY:
        return Throttled(f"{NAME}: too many requests", answer.retry_after_s)
    if problem and fragment in _REFUSED_TYPES and kind is OperationKind.AUTHORIZE:
        text = f"{NAME}: refused ({said}{_parameters(problem)})"
        return Refused(text, _REFUSED_TYPES[fragment])
    return Undecided(f"{NAME}: {said} decides nothing")


def _fragment(uri: str) -> str | None:
    try:
        fragment = urlsplit(uri).fragment
    except ValueError:
        return None
    return fragment if _FRAGMENT.fullmatch(fragment) else None


def _parameters(problem: _Problem) -> str:
    names = [item.parameter for item in problem.errors if item.parameter]
    fit = [name for name in names if _PARAMETER.fullmatch(name)]
    return f": {', '.join(fit[:_PARAMETERS_SHOWN_MAX])}" if fit else ""

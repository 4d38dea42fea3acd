"""What Payroc's refusals say of the money: its part of the table (`gateways.classifier`)."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field

from cardhold.hold import OperationKind
from cardhold.names import ErrorType
from gateways.classifier import NO_CODE, Asked, Means, Row, Said, Table, asked, one_of
from gateways.errors import GatewayError
from gateways.wire import Answer, WireModel, parse

NAME = "payroc"

#: Our credentials were refused, at the door: nothing behind it has seen the request.
UNAUTHORIZED = frozenset({401, 403})
# A problem is told by its type, and filed under this or that status (the OpenAPI has one of 409
# under 400); what is still under way, or in conflict, proves nothing, whatever it is called.
_CLIENT_ERRORS = frozenset(range(400, 500)) - {408, 409, 425}
_CREATING = frozenset({Asked.AUTHORIZE})
_LOOKING = frozenset({Asked.LOOK_UP})
_ADOPTING = frozenset({Asked.ADOPT})

TABLE = Table(
    gateway=NAME,
    source="OpenAPI 1.0.294 (2026-08-20): application/problem+json, by the fragment of its `type`",
    rows=(
        Row(Means.UNAUTHORIZED, _CLIENT_ERRORS, one_of("not-authorized", "forbidden")),
        Row(Means.UNAUTHORIZED, UNAUTHORIZED, NO_CODE),
        Row(Means.THROTTLED, {429}),
        # "Not executed" when a payment is *created*. On adjust, capture and reverse the answer to
        # a call in the wrong state is unpublished and may be any of these: there none is listed.
        Row(
            Means.REFUSED,
            _CLIENT_ERRORS,
            one_of("bad-request", "idempotency-key-missing", "not-found"),
            _CREATING,
        ),
        Row(
            Means.REFUSED,
            _CLIENT_ERRORS,
            one_of("capabilities-missing", "card-type-not-supported"),
            _CREATING,
            ErrorType.NOT_SUPPORTED,
        ),
        Row(Means.ABSENT, {404}, one_of("not-found"), _LOOKING | _ADOPTING),
        Row(Means.ABSENT, _CLIENT_ERRORS, one_of("bad-request"), _ADOPTING),
    ),
    note=(
        "A 401 is answered with a new token and the same key, once, before it counts. A token that "
        "the identity service does not give is `not sent`: the call that needed it never left. "
        "A used key (`idempotency-key-in-use`, filed under 400 and 409) is in no row."
    ),
)

_FRAGMENT = re.compile(r"[a-z]{1,20}(-[a-z]{1,20}){0,4}")
# A field's path, `order.amount`: letters alone, so that no token and no number fits.
_PARAMETER = re.compile(r"[A-Za-z]{1,30}(\.[A-Za-z]{1,30}){0,4}")
_PARAMETERS_SHOWN_MAX = 5


class _Item(WireModel):
    parameter: str | None = None


class _Problem(WireModel):
    type: str
    errors: Annotated[list[_Item], Field(default_factory=list)]


def says_none(answer: Answer, *, adopts: bool) -> bool:
    """Whether a look-up is told that there is no such payment.

    Args:
        answer: Of any status.
        adopts: A caller has named its id, which may be malformed: that names none either.
    """
    request = Asked.ADOPT if adopts else Asked.LOOK_UP
    return TABLE.means(_said(answer), request) is Means.ABSENT


def refusal(answer: Answer, kind: OperationKind | None) -> GatewayError:
    """What an answer other than a success says of the money.

    Args:
        answer: Of any status.
        kind: What was asked for; None for a look-up, which moves none.
    """
    return TABLE.failure(_said(answer), asked(kind))


def _said(answer: Answer) -> Said:
    """The answer as the table reads it.

    The OpenAPI files a problem of status 409 under a 400: its type is what is reliable.
    """
    problem = parse(_Problem, answer)
    fragment = None if problem is None else _fragment(problem.type)
    return Said(
        status=answer.status,
        words=frozenset() if fragment is None else frozenset({fragment}),
        told=fragment,
        about=() if problem is None else _parameters(problem),
        retry_after_s=answer.retry_after_s,
    )


def _fragment(uri: str) -> str | None:
    try:
        fragment = urlsplit(uri).fragment
    except ValueError:
        return None
    return fragment if _FRAGMENT.fullmatch(fragment) else None


def _parameters(problem: _Problem) -> tuple[str, ...]:
    names = [item.parameter for item in problem.errors if item.parameter]
    fit = [name for name in names if _PARAMETER.fullmatch(name)]
    return tuple(fit[:_PARAMETERS_SHOWN_MAX])

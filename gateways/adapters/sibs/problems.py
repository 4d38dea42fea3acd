"""What SIBS's technical answers say of the money: its part of the table (`gateways.classifier`).

HTTP status and ``returnStatus.statusCode`` have to be read together.
"""

from __future__ import annotations

import re
from http import HTTPStatus

from cardhold.hold import OperationKind
from gateways.classifier import (
    LOOKS,
    OPERATIONS,
    Asked,
    Body,
    Means,
    Row,
    Said,
    Table,
    asked,
    one_of,
)
from gateways.errors import GatewayError
from gateways.wire import Answer, WireModel, parse

NAME = "sibs"

OK_CODE, INVALID_CODE, DECLINED_CODE = "000", "E0101", "E0119"
_A_NO = Body(f"a code other than `{OK_CODE}`", lambda said: bool(said - {OK_CODE}))

TABLE = Table(
    gateway=NAME,
    source='SPG v2, page "API-level status codes": HTTP status and `returnStatus.statusCode`',
    rows=(
        # At the door: nothing behind it has seen the request.
        Row(Means.UNAUTHORIZED, {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}),
        Row(Means.THROTTLED, {HTTPStatus.TOO_MANY_REQUESTS}),
        # Everything else that is no success decides nothing, 409 ("conflicts with the current
        # state") and 404 on a later call included.
        Row(Means.DECLINED, {HTTPStatus.BAD_REQUEST}, one_of(DECLINED_CODE), OPERATIONS),
        Row(Means.REFUSED, {HTTPStatus.BAD_REQUEST}, one_of(INVALID_CODE), OPERATIONS),
        Row(Means.ABSENT, {HTTPStatus.NOT_FOUND}, _A_NO, LOOKS),
        Row(Means.ABSENT, {HTTPStatus.BAD_REQUEST}, one_of(INVALID_CODE), frozenset({Asked.ADOPT})),
    ),
    note=(
        "A hold is an order, which holds nothing, and its purchase: what goes wrong with the order "
        "is `not sent`. With HTTP 200 or 206 and code `000`, `paymentStatus` decides: `Success` "
        "is done, `Declined` declined, `Partial` the guest's turn; `Pending`, `InProcessing`, "
        "`Timeout` and everything else are undecided."
    ),
)

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
    said = TABLE.means(_said(answer), Asked.CAPTURE)
    return problem.returnStatus if problem and said is Means.DECLINED else None


def knows_none(answer: Answer) -> bool:
    """Whether SIBS itself, and not something before it, says that there is no such transaction."""
    return TABLE.means(_said(answer), Asked.LOOK_UP) is Means.ABSENT


def is_malformed(answer: Answer) -> bool:
    """Whether SIBS says that the request makes no sense."""
    return TABLE.means(_said(answer), Asked.ADOPT) is Means.ABSENT


def refusal(answer: Answer, kind: OperationKind | None) -> GatewayError:
    """What an answer other than a success says of the money.

    Args:
        answer: Of any status.
        kind: What was asked for; None for a look-up, which moves none.
    """
    return TABLE.failure(_said(answer), asked(kind))


def _said(answer: Answer) -> Said:
    code = code_of(answer)
    return Said(
        status=answer.status,
        words=frozenset() if code is None else frozenset({code}),
        told=code if code and _CODE.fullmatch(code) else None,
        retry_after_s=answer.retry_after_s,
    )

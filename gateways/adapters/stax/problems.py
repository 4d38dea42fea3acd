"""What Stax's refusals say of the money.

A refusal is an object of texts by field, or a bare list of texts; there is no code. The forms are
those of the OpenAPI documents in Stax's API reference (harvested 2026-08-29), the statuses also
those of its prose and of Fattmerchant's Python client.
"""

from __future__ import annotations

from pydantic import ConfigDict, RootModel

from cardhold.hold import OperationKind
from gateways.errors import GatewayError, Refused, Throttled, Unauthorized, Undecided
from gateways.wire import Answer, parse

NAME = "stax"

# Our credentials were refused, at the door: nothing behind it has seen the request.
_UNAUTHORIZED = frozenset({401, 403})
_BAD_REQUEST, _NOT_FOUND, _UNPROCESSABLE, _TOO_MANY = 400, 404, 422, 429
# 422 on a charge: "not executed", by the field that is wrong. All are published. A key used before
# for another charge is published as "an error related to the different parameters", in no known
# form: one that speaks of idempotency decides nothing.
_NOT_EXECUTED = frozenset({
    "meta",
    "meta.transaction_initiation_type",
    "meta.transaction_schedule_type",
    "payment_method_id",
    "total",
})  # fmt: skip
# Published for a charge: "your merchant account must be ACTIVE to perform this action".
_INACTIVE = frozenset({"authorization_error"})
# Published for a look-up: "Transaction could not be found", "The selected id is invalid."
_NO_SUCH_ID = frozenset({"id"})
_VOIDED_BEFORE = "The transaction has already been voided."


class _Texts(RootModel[dict[str, list[str]]]):
    model_config = ConfigDict(frozen=True, strict=True, hide_input_in_errors=True)


def refusal(answer: Answer, kind: OperationKind | None) -> GatewayError:
    """What an answer other than a success says of the money.

    Args:
        answer: Of any status.
        kind: What was asked for; None for a look-up, which moves none.
    """
    texts = _texts(answer)
    fields = frozenset(texts)
    said = f"HTTP {answer.status}"
    inactive = answer.status == _UNPROCESSABLE and fields == _INACTIVE
    if answer.status in _UNAUTHORIZED or inactive:
        return Unauthorized(f"{NAME}: our credentials were refused ({said})")
    if answer.status == _TOO_MANY:
        return Throttled(f"{NAME}: too many requests", answer.retry_after_s)
    listed = answer.status == _UNPROCESSABLE and bool(fields) and fields <= _NOT_EXECUTED
    if kind is OperationKind.AUTHORIZE and listed and not _speaks_of_the_key(texts):
        return Refused(f"{NAME}: refused ({said}: {', '.join(sorted(fields))})")
    return Undecided(f"{NAME}: {said} decides nothing")


def says_no_such_id(answer: Answer) -> bool:
    """Whether a look-up is told, in Stax's own words, that there is no such transaction.

    The reference's prose says 404, its OpenAPI 422, and for a related transaction 400; the field
    that is named is what they share. A bare 404 may be anybody's.
    """
    statuses = {_BAD_REQUEST, _NOT_FOUND, _UNPROCESSABLE}
    return answer.status in statuses and frozenset(_texts(answer)) == _NO_SUCH_ID


def forbids(answer: Answer) -> bool:
    """Whether it refuses a later operation for what it is, or for the state of the hold."""
    is_refusal = answer.status in {_BAD_REQUEST, _NOT_FOUND, _UNPROCESSABLE}
    inactive = answer.status == _UNPROCESSABLE and frozenset(_texts(answer)) == _INACTIVE
    return is_refusal and not inactive


def says_voided_before(answer: Answer) -> bool:
    """Whether a void is refused because there was one before it."""
    return any(_VOIDED_BEFORE in texts for texts in _texts(answer).values())


def _texts(answer: Answer) -> dict[str, list[str]]:
    """The refusal's texts by field; none where it has another form."""
    found = parse(_Texts, answer)
    return {} if found is None else found.root


def _speaks_of_the_key(texts: dict[str, list[str]]) -> bool:
    return any("idempoten" in text.lower() for each in texts.values() for text in each)

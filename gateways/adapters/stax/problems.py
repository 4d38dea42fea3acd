"""What Stax's refusals say of the money: its part of the table (`gateways.classifier`).

A refusal is an object of texts by field, or a bare list of texts; there is no code. The forms are
those of the OpenAPI documents in Stax's API reference (harvested 2026-08-29), the statuses also
those of its prose and of Fattmerchant's Python client.
"""

from __future__ import annotations

from pydantic import ConfigDict, RootModel

from cardhold.hold import OperationKind
from gateways.classifier import (
    LOOKS,
    Asked,
    Means,
    Row,
    Said,
    Table,
    asked,
    only,
)
from gateways.errors import GatewayError
from gateways.wire import Answer, parse

NAME = "stax"

# A key used before for another charge is published as "an error related to the different
# parameters", in no known form: a refusal that speaks of idempotency is in no row.
_OF_THE_KEY = "a text about the key"
_BAD_REQUEST, _NOT_FOUND, _UNPROCESSABLE = 400, 404, 422

TABLE = Table(
    gateway=NAME,
    source="API reference (harvested 2026-08-29): the fields that a refusal's texts are about",
    rows=(
        # At the door: nothing behind it has seen the request.
        Row(Means.UNAUTHORIZED, {401, 403}),
        # Published for a charge: "your merchant account must be ACTIVE to perform this action".
        Row(Means.UNAUTHORIZED, {_UNPROCESSABLE}, only("authorization_error")),
        Row(Means.THROTTLED, {429}),
        # All are published: "not executed", by the field that is wrong.
        Row(
            Means.REFUSED,
            {_UNPROCESSABLE},
            only(
                "meta",
                "meta.transaction_initiation_type",
                "meta.transaction_schedule_type",
                "payment_method_id",
                "total",
            ),
            frozenset({Asked.AUTHORIZE}),
        ),
        # "Transaction could not be found", "The selected id is invalid.": 404 in the reference's
        # prose, 422 in its OpenAPI, 400 of a related transaction. A bare 404 may be anybody's.
        Row(Means.ABSENT, {_BAD_REQUEST, _NOT_FOUND, _UNPROCESSABLE}, only("id"), LOOKS),
        # A refusal for what a later operation is, or for the state of the hold.
        Row(
            Means.LOOK,
            {_BAD_REQUEST, _NOT_FOUND, _UNPROCESSABLE},
            asked=frozenset({Asked.CAPTURE, Asked.RELEASE}),
        ),
    ),
    note=(
        "A decline is a transaction with `success` false, as HTTP 200 or 400; null is undecided, "
        "and so is a failure on Stax's own way to the processor."
    ),
)
_VOIDED_BEFORE = "The transaction has already been voided."


class _Texts(RootModel[dict[str, list[str]]]):
    model_config = ConfigDict(frozen=True, strict=True, hide_input_in_errors=True)


def refusal(answer: Answer, kind: OperationKind | None) -> GatewayError:
    """What an answer other than a success says of the money.

    Args:
        answer: Of any status.
        kind: What was asked for; None for a look-up, which moves none.
    """
    return TABLE.failure(_said(answer), asked(kind))


def says_no_such_id(answer: Answer) -> bool:
    """Whether a look-up is told, in Stax's own words, that there is no such transaction."""
    return TABLE.means(_said(answer), Asked.LOOK_UP) is Means.ABSENT


def forbids(answer: Answer) -> bool:
    """Whether it refuses a later operation for what it is, or for the state of the hold."""
    return TABLE.means(_said(answer), Asked.CAPTURE) is Means.LOOK


def says_voided_before(answer: Answer) -> bool:
    """Whether a void is refused because there was one before it."""
    return any(_VOIDED_BEFORE in texts for texts in _texts(answer).values())


def _said(answer: Answer) -> Said:
    texts = _texts(answer)
    fields = frozenset(texts)
    return Said(
        status=answer.status,
        words=fields | {_OF_THE_KEY} if _speaks_of_the_key(texts) else fields,
        about=tuple(sorted(fields)),
        retry_after_s=answer.retry_after_s,
    )


def _texts(answer: Answer) -> dict[str, list[str]]:
    """The refusal's texts by field; none where it has another form."""
    found = parse(_Texts, answer)
    return {} if found is None else found.root


def _speaks_of_the_key(texts: dict[str, list[str]]) -> bool:
    return any("idempoten" in text.lower() for each in texts.values() for text in each)

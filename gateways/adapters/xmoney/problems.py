"""What xMoney's refusals say of the money: its part of the table (`gateways.classifier`).

Every answer is an envelope (API reference 1.0: ``code``, ``message``, ``data``, ``error[]``). An
error may come as HTTP 200 with a ``code`` of 400 or more, as xMoney's own client expects; where
HTTP itself says 4xx, the ``code`` has to say the same, or nothing is decided.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from gateways.adapters.xmoney.words import NAME, words
from gateways.classifier import (
    LATER,
    LOOKS,
    Asked,
    Means,
    Row,
    Said,
    Table,
    all_of,
    one_of,
)
from gateways.errors import GatewayError
from gateways.wire import Answer, WireModel, parse, read

# 202 is in the table of the page "Errors", with no use told: the transaction says what it is worth.
_SUCCESS = frozenset({200, 201, 202})
_NOT_FOUND, _PAYMENT_FAILED = 404, 402
_INVALID = frozenset({400, 422})
# The issuer wants to see the guest (Strong Customer Authentication): a decline that another
# request with `transactionOption.isSoftDecline` may turn; we send none (docs/gateways/xmoney.md).
_SOFT_DECLINE = 839
_CREATING, _ADOPTING = frozenset({Asked.AUTHORIZE}), frozenset({Asked.ADOPT})
# The words of the table: of the whole body, of all of its errors, of any of them.
_AGREED, _VALIDATION, _SOFT = "the same code as HTTP", "Validation errors alone", "839"
_NO_TO_IT = {*_INVALID, _PAYMENT_FAILED, _SOFT_DECLINE}

TABLE = Table(
    gateway=NAME,
    source="API reference 1.0, page *Errors*: the body's `code`, with HTTP's where that fails too",
    rows=(
        # At the door: nothing behind it has seen the request.
        Row(Means.UNAUTHORIZED, {401, 403}),
        Row(Means.THROTTLED, {429}),
        # The payment failed: the issuer, or xMoney for it, said no.
        Row(Means.DECLINED, _NO_TO_IT, one_of(_SOFT), _CREATING),
        Row(Means.DECLINED, {_PAYMENT_FAILED}, one_of(_AGREED), _CREATING),
        # Refused for its fields, or for a customer or a card that is none: nothing was done.
        Row(Means.REFUSED, _INVALID, all_of(_AGREED, _VALIDATION), _CREATING),
        Row(Means.REFUSED, {_NOT_FOUND}, one_of(_AGREED), _CREATING),
        # A no to a later request; whether nothing moved, only a look tells.
        Row(Means.LOOK, _NO_TO_IT, one_of(_SOFT), LATER),
        Row(Means.LOOK, {*_INVALID, _PAYMENT_FAILED}, one_of(_AGREED), LATER),
        Row(Means.ABSENT, {_NOT_FOUND}, one_of(_AGREED), LOOKS),
        Row(Means.ABSENT, _INVALID, all_of(_AGREED, _VALIDATION), _ADOPTING),
    ),
    note=(
        "No answer to an order, a capture or a void says anything of the money: after each the "
        "transaction is read, and it decides. Before a void it is read too, since the same request "
        "refunds what is captured; where that look fails, it is `not sent`."
    ),
)
# A field's name, `cardId`: letters alone, so that no token and no number fits.
_FIELD = re.compile(r"[A-Za-z]{1,30}")
_FIELDS_SHOWN_MAX = 5


class _Item(WireModel):
    code: int | None = None
    message: str | None = None
    type: str | None = None
    field: str | None = None


class Envelope(WireModel):
    """What every answer of xMoney's begins with: a status as HTTP's, and nothing longer."""

    code: Annotated[int, Field(ge=100, le=999)]
    message: str | None = None
    error: list[_Item] | None = None
    # So named on the page "Errors"; the reference and both clients say `error`.
    errors: list[_Item] | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """An answer that is no success.

    Attributes:
        status: What it comes as: HTTP's status, or the body's code where HTTP says success.
        agreed: The body is xMoney's, and says the same as HTTP does.
        codes: All that the body says, of the whole and of its parts.
        items: What it is about, as far as it is said.
        retry_after_s: What ``Retry-After`` asks for.
    """

    status: int
    agreed: bool
    codes: frozenset[int]
    message: str | None
    items: tuple[_Item, ...]
    retry_after_s: float | None

    @property
    def is_not_found(self) -> bool:
        """There is no such thing, by xMoney's own word."""
        return TABLE.means(self.said, Asked.LOOK_UP) is Means.ABSENT

    @property
    def is_invalid(self) -> bool:
        """A look-up is refused for the form of its id: that is none either."""
        return TABLE.means(self.said, Asked.ADOPT) is Means.ABSENT

    @property
    def is_decline(self) -> bool:
        """The payment failed: the issuer, or xMoney for it, said no."""
        return TABLE.means(self.said, Asked.AUTHORIZE) is Means.DECLINED

    @property
    def is_soft(self) -> bool:
        """The issuer wants to see the guest first."""
        return _SOFT_DECLINE in self.codes

    @property
    def says_no(self) -> bool:
        """A no of xMoney's own to a later request; whether nothing moved, only a look tells."""
        return TABLE.means(self.said, Asked.CAPTURE) is Means.LOOK

    @property
    def said(self) -> Said:
        """The same as the table reads it."""
        of_fields = {item.type for item in self.items} == {"Validation"}
        words = {_AGREED: self.agreed, _VALIDATION: of_fields, _SOFT: self.is_soft}
        return Said(
            status=self.status,
            words=frozenset(word for word, holds in words.items() if holds),
            about=_fields(self),
            retry_after_s=self.retry_after_s,
        )

    def told(self, secret: str | None) -> str:
        """The reason, for people."""
        item = next((each.message for each in self.items if each.message), None)
        soft = " (soft decline: the issuer wants to see the guest)" if self.is_soft else ""
        reason = words(item, secret) or words(self.message, secret) or f"declined ({self.status})"
        return reason + soft


def problem_of(answer: Answer) -> Problem | None:
    """What is wrong with an answer; None for a success.

    Raises:
        NoAnswer: HTTP says success, and the body ends in the middle.
        Undecided: HTTP says success, and the body is something else.
    """
    if answer.status not in _SUCCESS:
        body = parse(Envelope, answer)
        agreed = body is not None and body.code == answer.status
        return _problem(answer, answer.status, body, agreed=agreed)
    body = read(Envelope, answer, gateway=NAME)
    return None if body.code in _SUCCESS else _problem(answer, body.code, body, agreed=True)


def refusal(problem: Problem, *, creates: bool = False) -> GatewayError:
    """What a problem says of the money, where it is neither a decline nor to be looked at.

    Args:
        problem: Of any status.
        creates: It answers the creation of an order, whose refusals alone are listed.
    """
    return TABLE.failure(problem.said, Asked.AUTHORIZE if creates else Asked.LOOK_UP)


def _problem(answer: Answer, status: int, body: Envelope | None, *, agreed: bool) -> Problem:
    items = () if body is None else (*(body.error or ()), *(body.errors or ()))
    said = {item.code for item in items if item.code is not None}
    return Problem(
        status=status,
        agreed=agreed,
        codes=frozenset(said if body is None else said | {body.code}),
        message=None if body is None else body.message,
        items=items,
        retry_after_s=answer.retry_after_s,
    )


def _fields(problem: Problem) -> tuple[str, ...]:
    names = [item.field for item in problem.items if item.field]
    fit = [name for name in names if _FIELD.fullmatch(name)]
    return tuple(fit[:_FIELDS_SHOWN_MAX])

"""What xMoney's refusals say of the money.

Every answer is an envelope (API reference 1.0: ``code``, ``message``, ``data``, ``error[]``). An
error may come as HTTP 200 with a ``code`` of 400 or more, as xMoney's own client expects; where
HTTP itself says 4xx, the ``code`` has to say the same, or nothing is decided.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateways.adapters.xmoney.words import NAME, words
from gateways.errors import GatewayError, Refused, Throttled, Unauthorized, Undecided
from gateways.wire import Answer, WireModel, parse, read

# 202 is in the table of the page "Errors", with no use told: the transaction says what it is worth.
_SUCCESS = frozenset({200, 201, 202})
_UNAUTHORIZED = frozenset({401, 403})
_NOT_FOUND, _TOO_MANY, _PAYMENT_FAILED = 404, 429, 402
_INVALID = frozenset({400, 422})
# The issuer wants to see the guest (Strong Customer Authentication): a decline that another
# request with `transactionOption.isSoftDecline` may turn; we send none (docs/gateways/xmoney.md).
_SOFT_DECLINE = 839
# A field's name, `cardId`: letters alone, so that no token and no number fits.
_FIELD = re.compile(r"[A-Za-z]{1,30}")
_FIELDS_SHOWN_MAX = 5


class _Item(WireModel):
    code: int | None = None
    message: str | None = None
    type: str | None = None
    field: str | None = None


class Envelope(WireModel):
    """What every answer of xMoney's begins with."""

    code: int
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
        return self.agreed and self.status == _NOT_FOUND

    @property
    def is_invalid(self) -> bool:
        """Refused for its fields, before anything was done with it."""
        kinds = {item.type for item in self.items}
        return self.agreed and self.status in _INVALID and kinds == {"Validation"}

    @property
    def is_decline(self) -> bool:
        """The payment failed: the issuer, or xMoney for it, said no."""
        soft = self.status in {*_INVALID, _PAYMENT_FAILED, _SOFT_DECLINE} and self.is_soft
        return soft or (self.agreed and self.status == _PAYMENT_FAILED)

    @property
    def is_soft(self) -> bool:
        """The issuer wants to see the guest first."""
        return _SOFT_DECLINE in self.codes

    @property
    def says_no(self) -> bool:
        """A no of xMoney's own to a later request; whether nothing moved, only a look tells."""
        return self.is_decline or (self.agreed and self.status in _INVALID)

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
    said = f"HTTP {problem.status}"
    if problem.status in _UNAUTHORIZED:
        return Unauthorized(f"{NAME}: our credentials were refused ({said})")
    if problem.status == _TOO_MANY:
        return Throttled(f"{NAME}: too many requests", problem.retry_after_s)
    if creates and (problem.is_invalid or problem.is_not_found):
        return Refused(f"{NAME}: refused ({said}{_fields(problem)})")
    return Undecided(f"{NAME}: {said} decides nothing")


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


def _fields(problem: Problem) -> str:
    names = [item.field for item in problem.items if item.field]
    fit = [name for name in names if _FIELD.fullmatch(name)]
    return f": {', '.join(fit[:_FIELDS_SHOWN_MAX])}" if fit else ""

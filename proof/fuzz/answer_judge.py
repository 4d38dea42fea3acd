"""What may come of an answer that is not the one that the gateway gave.

Written from the contract and the gateways' documents, not from the adapters: an error that knows
whether money may have moved, or an outcome that the answer bears out. Garbage decides nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from cardhold.hold import OperationKind
from domain.outcome import (
    ActionRequired,
    Approved,
    Declined,
    Outcome,
    Payment,
    PaymentState,
    Pending,
)
from gateways.errors import GatewayError, NotSent, OutcomeUnknown, Refused, Throttled, Unauthorized
from gateways.port import Listed
from proof.fuzz.hunt import Wrong
from proof.fuzz.recordings import Asks, Ending, Heard, Recording
from proof.fuzz.words import digits_of, numbers_in

# "Refused at the door", by the status alone.
_AT_THE_DOOR = frozenset({401, 403, 429})
# What a gateway may file "there is none" under; a list without ours is a 200.
_NONE_STATUSES = frozenset({200, 206, 400, 404, 422})
_SUCCESSES, _CLIENT_ERRORS = range(200, 300), range(400, 500)
_DAY_S = 86_400
_HEADER_SHOWN, _BODY_SHOWN = 60, 2_000
_MAY_HOLD = frozenset({PaymentState.OPEN, PaymentState.PENDING})
# How each gateway says no: an answer in which nothing of it stands cannot be a decline.
_NO: Mapping[str, re.Pattern[str]] = {
    "payroc": re.compile(r'"(declined|referral|pickup|D|R|C)"'),
    "sibs": re.compile(r'"(Declined|E0119)"'),
    "xmoney": re.compile(r'"(complete-failed|completed-failed|void-ok|cancel-ok)"|"code": ?"?4'),
    "stax": re.compile(r'"success": ?"?(false|0)|"is_voided"'),
}


@dataclass(frozen=True, slots=True)
class Swapped:
    """A name that an answer repeats was another's throughout.

    Attributes:
        what: ``reference``, ``payment_id``, ``currency`` or ``amount``.
        stood: Whether it stood in the answer at all.
    """

    what: str
    stood: bool


@dataclass(frozen=True, slots=True)
class Spoilt:
    """A recording with one answer that is another one.

    Attributes:
        number: Which of its requests is answered so.
        content: The body as it is meant; None where its coding may make something else of it.
    """

    recording: Recording
    number: int
    answer: Heard
    content: bytes | None
    swapped: Swapped | None

    @property
    def script(self) -> tuple[Heard, ...]:
        """What is played."""
        return self.recording.but(self.number, self.answer)

    @property
    def is_garbage(self) -> bool:
        """Whether the body is none that any gateway could send."""
        return self.content is not None and not _is_json_object(self.content)

    @property
    def is_last(self) -> bool:
        """Whether no other answer could have told the outcome after it."""
        return self.number == len(self.recording.script) - 1

    def __repr__(self) -> str:
        place = f"{self.answer.method} {self.answer.path}: {self.answer.status}"
        headers = {name: value[:_HEADER_SHOWN] for name, value in self.answer.headers}
        body = self.answer.body
        more = f" + {len(body) - _BODY_SHOWN} bytes" if len(body) > _BODY_SHOWN else ""
        return f"<{self.recording.what}, {place} {headers} {body[:_BODY_SHOWN]!r}{more}>"


def is_right(spoilt: Spoilt, ended: Ending, given: Sequence[Heard]) -> None:
    """Hold an ending to the contract.

    Args:
        spoilt: What was played.
        ended: How the verb ended.
        given: Every answer that it got, in order.

    Raises:
        Wrong: It says more than anybody can know.
    """
    wrong = _wrong(spoilt, ended, given)
    if wrong is not None:
        raise Wrong(f"{spoilt.recording.what}: {wrong}; it ended in {ended!r}")


def _wrong(spoilt: Spoilt, ended: Ending, given: Sequence[Heard]) -> str | None:
    if isinstance(ended, GatewayError):
        return _wrong_error(spoilt, ended, given)
    if _kind_of(ended) is not spoilt.recording.asks:
        return "it is the ending of something else"
    if spoilt.answer in given and spoilt.is_garbage and spoilt.is_last:
        return "garbage was read as an answer"
    if spoilt.answer not in given or spoilt.is_garbage:
        same = _same(ended, spoilt.recording.ended)
        return None if same else "it is another ending, and no answer says so"
    return _wrong_ending(spoilt, ended)


def _kind_of(ended: Outcome | Payment | Listed | None) -> Asks:
    if isinstance(ended, Listed):
        return Asks.LIST
    return Asks.LOOK if isinstance(ended, Payment | None) else Asks.DO


def _wrong_ending(spoilt: Spoilt, ended: Outcome | Payment | Listed | None) -> str | None:
    match ended:
        case Listed():
            said, payment = _wrong_list(spoilt, ended), None
        case None:
            said, payment = _wrong_absence(spoilt), None
        case Payment():
            said, payment = None, ended
        case Approved(payment=payment):
            said = _wrong_approval(spoilt, payment)
        case Declined(payment=payment):
            said = _wrong_decline(spoilt)
        case ActionRequired(payment=payment):
            said = _wrong_page(payment)
        case Pending(payment=payment):
            said = None
    return said or (_wrong_payment(spoilt, payment) if payment else None)


def _wrong_error(spoilt: Spoilt, error: GatewayError, given: Sequence[Heard]) -> str | None:
    if numbers_in(digits_of(str(error))):
        return "an error holds a card number"
    if isinstance(error, Throttled) and not 0 <= (error.retry_after_s or 0) <= _DAY_S:
        return f"it asks to wait for {error.retry_after_s} s"
    denies = any(heard.books for heard in given) and not isinstance(error, OutcomeUnknown)
    return _wrong_denial(spoilt, error, given) if denies else None


def _wrong_denial(spoilt: Spoilt, error: GatewayError, given: Sequence[Heard]) -> str | None:
    """The bank has made an entry, and the error says that no money has moved."""
    is_said = spoilt.answer in given and spoilt.answer.books
    if isinstance(error, NotSent) or not is_said:
        return "money has moved, and it is denied"
    status = spoilt.answer.status
    at_the_door = isinstance(error, Unauthorized | Throttled) and status in _AT_THE_DOOR
    is_a_no = status in _CLIENT_ERRORS and not spoilt.is_garbage
    by_a_word = isinstance(error, Refused | Unauthorized) and is_a_no
    return None if at_the_door or by_a_word else "refused, and by no word of the gateway's"


def _wrong_absence(spoilt: Spoilt) -> str | None:
    if spoilt.recording.ended is None or spoilt.answer.status in _NONE_STATUSES:
        return None
    return f"HTTP {spoilt.answer.status} was read as 'there is none'"


def _wrong_list(spoilt: Spoilt, listed: Listed) -> str | None:
    if spoilt.answer.status not in _SUCCESSES:
        return f"HTTP {spoilt.answer.status} was read as a list"
    for hold in listed.holds:
        if hold.captured.currency != hold.authorized.currency:
            return "a hold is listed in two currencies"
        if hold.captured.amount_minor > hold.authorized.amount_minor:
            return "a hold is listed of which more was taken than held"
        if not hold.payment_id.isprintable():
            return "a hold is listed under a name that cannot be shown"
    return None


def _wrong_payment(spoilt: Spoilt, payment: Payment) -> str | None:
    call = spoilt.recording.named.call
    known = call.known_id
    if known is not None and payment.payment_id != known:
        return "it is another payment"
    if payment.authorized.currency != call.amount.currency:
        return "it is in another currency"
    if payment.captured.currency != payment.authorized.currency:
        return "it is in two currencies"
    told = f"{payment.detail} {payment.evidence} {payment.card}"
    if any(numbers_in(digits_of(part)) for part in told.split("'")):
        return "it shows a card number"
    if payment.detail is not None and not payment.detail.isprintable():
        return "its detail cannot be shown"
    return _wrong_swap(spoilt, payment)


def _wrong_swap(spoilt: Spoilt, payment: Payment) -> str | None:
    """Whether an answer about something else was taken for ours."""
    swapped = spoilt.swapped
    if swapped is None or not swapped.stood or not spoilt.is_last:
        return None  # another answer to the verb may have told it
    call = spoilt.recording.named.call
    match swapped.what:
        case "reference":
            is_ours = payment.reference in {
                None,
                call.reference or spoilt.recording.named.reference,
            }
            return "the answer names another reference" if is_ours else None
        case "amount" if spoilt.recording.asks is not Asks.LOOK:
            shown = payment.captured if call.kind is OperationKind.CAPTURE else payment.authorized
            return "the answer names another amount" if shown == call.amount else None
        case "amount":
            return None
        case other:
            return f"the answer names another {other}"


def _wrong_approval(spoilt: Spoilt, payment: Payment) -> str | None:
    call = spoilt.recording.named.call
    match call.kind:
        case OperationKind.AUTHORIZE:
            fits = 0 < payment.authorized.amount_minor <= call.amount.amount_minor
        case OperationKind.ADJUST:
            fits = payment.authorized == call.amount
        case OperationKind.CAPTURE:
            fits = payment.captured == call.captured.plus(call.amount.amount_minor)
        case OperationKind.RELEASE:
            fits = payment.state is not PaymentState.OPEN
    return None if fits else "approved, and not as asked"


def _wrong_decline(spoilt: Spoilt) -> str | None:
    if isinstance(spoilt.recording.ended, Declined):
        return None
    text = (spoilt.content or spoilt.answer.body).decode("utf-8", "replace")
    if spoilt.content is not None and not _NO[spoilt.recording.desk.kind].search(text):
        return "declined, and no word of it in the answer"
    status = spoilt.answer.status
    is_read = status in _SUCCESSES or status in _CLIENT_ERRORS
    return None if is_read else f"HTTP {status} was read as a decline"


def _wrong_page(payment: Payment) -> str | None:
    action = payment.action
    if action is None:
        return "the guest is asked, and not told where"
    leads = action.url.startswith(("https://", "http://127.0.0.1:"))
    return None if leads and action.url.isprintable() else "the guest is sent nowhere"


def _same(one: Ending, other: Ending) -> bool:
    return _money(one) == _money(other)


def _money(ended: Ending) -> object:
    if isinstance(ended, Listed):
        return [(hold.payment_id, hold.authorized, hold.captured) for hold in ended.holds]
    payment = ended if isinstance(ended, Payment) else getattr(ended, "payment", None)
    if not isinstance(payment, Payment) or isinstance(ended, Declined):
        return type(ended)
    # What was held is history once nothing is: the core goes by its own figures then.
    held = payment.authorized if payment.state in _MAY_HOLD else payment.authorized.currency
    return type(ended), payment.state, payment.said, held, payment.captured


def _is_json_object(content: bytes) -> bool:
    try:
        value = cast("object", json.loads(content.decode("utf-8")))
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict | list)

"""Stax's transaction object, and the payment that it shows. Pure; no network.

The hold is a transaction of type ``pre_auth``; captures, voids and refunds are its children.
Flags are booleans, 0 and 1 or null, as the published examples mix them; amounts are numbers or
text. A stamp names no time zone and is read as UTC: Stax's merchants are west of it, so that a
hold looks a few hours older than it is, and never younger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias, cast

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from cardhold.hold import Card, Evidence, OperationKind
from cardhold.money import Currency, Money
from domain.findings import OpenHold
from domain.outcome import Payment, PaymentState, Said
from gateways.adapters.stax.problems import NAME
from gateways.amounts import WireAmount, minor_of
from gateways.errors import Undecided
from gateways.port import Named
from gateways.shown import instant, last4, shown
from gateways.wire import WireModel

Type: TypeAlias = Literal["pre_auth", "charge", "capture", "void", "refund", "credit"]

# `is_captured` is a small number in Hyperswitch's connector: more than one may be a count.
_FLAG_MAX = 127
# "The platform lost connection to the gateway", "The payment gateway is currently unavailable"
# (Payment Decline Codes): what became of it behind Stax, nobody has said.
_IN_DOUBT = frozenset({"an error occurred during processing", "gateway unreachable"})


def _flag(value: object) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and 0 <= value <= _FLAG_MAX:
        return bool(value)
    if isinstance(value, str) and value in {"0", "1"}:
        return value == "1"
    raise PydanticCustomError("flag", "must be a flag")


def _words(value: object) -> str | None:
    """What is only shown to people, in whatever form it comes."""
    return value if isinstance(value, str) else None


def _object(value: object) -> object:
    """An object; PHP writes an empty one as a list."""
    return cast("object", value) if isinstance(value, Mapping) else None


def _taken(value: object) -> object:
    """A child's amount; those of what gives money back may be negative, and are not read."""
    return None if str(value).startswith("-") else value


Flag = Annotated[bool | None, BeforeValidator(_flag)]
Words = Annotated[str | None, BeforeValidator(_words)]
TransactionId = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,64}$")]


@dataclass(frozen=True, slots=True)
class Terms:
    """What an account's merchant has agreed with its processor.

    Attributes:
        currency: The one that Stax counts in.
        keeps_rest: What a capture leaves is still held, until it is voided.
    """

    currency: str
    keeps_rest: bool


class _Method(WireModel):
    card_type: Words = None
    card_last_four: Words = None


class Child(WireModel):
    """A transaction as its hold lists it; some listings hold no more of it than its id."""

    id: TransactionId
    type: Type | None = None
    success: Flag = None
    total: Annotated[WireAmount | None, BeforeValidator(_taken)] = None
    is_voided: Flag = None
    message: Words = None
    idempotency_id: str | None = None
    meta: object = None
    created_at: Words = None

    @property
    def is_whole(self) -> bool:
        """Whether it says what became of it, and for how much."""
        return self.total is not None and "success" in self.model_fields_set

    @property
    def is_in_doubt(self) -> bool:
        """Whether it failed on Stax's way to the processor, which may have done it."""
        words = (self.message or "").strip().rstrip(".").lower()
        return self.success is False and words in _IN_DOUBT

    @property
    def reference(self) -> str | None:
        """Our reference, where its metadata holds one."""
        fields = cast("Mapping[str, object]", _object(self.meta) or {})
        found = fields.get("reference")
        return found if isinstance(found, str) else None

    @property
    def at(self) -> datetime | None:
        """When it was made."""
        return instant(self.created_at) or instant(f"{self.created_at}Z")

    def is_of(self, named: Named) -> bool:
        """Whether it was made under our names for this very operation."""
        return self.idempotency_id == named.key or self.reference == named.reference


class Transaction(Child):
    """What Stax answers with, as far as we rely on it."""

    type: Type  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues] - required here, and frozen
    success: Flag  # pyright: ignore[reportGeneralTypeIssues] - required here
    total: WireAmount  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues] - required here, and frozen
    currency: Currency | None = None
    is_captured: Flag = None
    auth_id: str | None = None
    reference_id: str | None = None
    payment_method_id: str | None = None
    child_captures: list[Child] | None = None
    child_transactions: list[Child] | None = None
    last_four: Words = None
    issuer_auth_code: Words = None
    avs_code: Words = None
    avs_response: Words = None
    cvv_response: Words = None
    payment_method: Annotated[_Method | None, BeforeValidator(_object)] = None

    def captures(self) -> list[Child]:
        """Its captures, each once; listed twice, the one that says more."""
        listed = [each for each in self.child_transactions or [] if each.type == "capture"]
        own = [each for each in self.child_captures or [] if each.type in {None, "capture"}]
        found: dict[str, Child] = {}
        for each in (*own, *listed):
            if each.id not in found or each.is_whole:
                found[each.id] = each
        return list(found.values())

    def voids(self) -> list[Child]:
        """The attempts to void it."""
        return [each for each in self.child_transactions or [] if each.type == "void"]

    def parent_id(self) -> str | None:
        """The hold that a capture or a void belongs to."""
        return self.auth_id or self.reference_id


def payment_of(answer: Transaction, named: Named, terms: Terms) -> Payment:
    """The payment in our words.

    Args:
        answer: A hold, or a sale that it was turned into.
        named: What was asked for; its token is kept out of every text.
        terms: The account's.

    Raises:
        Undecided: It is something else, or does not say how much of it was captured.
    """
    captured_minor, state = _captured_minor(answer, terms), _state(answer, named, terms)
    held_minor = 0 if state is PaymentState.DECLINED else minor(answer.total, answer, terms)
    currency = answer.currency or terms.currency
    failed = failed_captures(answer, named)
    words = answer.message or (failed[-1].message if failed else None)
    payment = Payment(
        payment_id=answer.id,
        reference=answer.reference,
        state=state,
        authorized=Money(amount_minor=max(held_minor, captured_minor), currency=currency),
        captured=Money(amount_minor=captured_minor, currency=currency),
        booked_at=_booked_at(answer, named),
        card=card_of(answer, token_of(named)),
        evidence=evidence_of(answer, token_of(named)),
        detail=shown(words, secret=token_of(named)),
    )
    return payment.model_copy(update={"said": _said(answer, named, terms, payment)})


def is_maybe_open(answer: Transaction, terms: Terms) -> bool:
    """Whether a transaction of a list may be an open hold, as far as it shows without its parts."""
    taken = bool(answer.is_captured) or bool(answer.captures())
    placed = answer.type == "pre_auth" and answer.success is True and not answer.is_voided
    return placed and (terms.keeps_rest or not taken)


def open_hold_of(answer: Transaction, terms: Terms) -> OpenHold | None:
    """The hold that a transaction with all of its parts is; None where nothing is held by it.

    Raises:
        Undecided: It contradicts itself, or does not say how much of it was captured.
    """
    captured_minor = _captured_minor(answer, terms)
    if _of_hold(answer, terms) is not PaymentState.OPEN:
        return None
    currency = answer.currency or terms.currency
    return OpenHold(
        payment_id=answer.id,
        reference=answer.reference,
        authorized=Money(amount_minor=minor(answer.total, answer, terms), currency=currency),
        captured=Money(amount_minor=captured_minor, currency=currency),
        booked_at=answer.at,
    )


def failed_captures(answer: Transaction, named: Named) -> list[Child]:
    """Of this very capture, what failed, where Stax keeps our names with it."""
    return [each for each in _captures_of(answer, named) if each.success is False]


def _captures_of(answer: Transaction, named: Named) -> list[Child]:
    if named.call.kind is not OperationKind.CAPTURE:
        return []
    return [each for each in answer.captures() if each.is_of(named)]


def minor(amount: Decimal, answer: Transaction, terms: Terms) -> int:
    """An amount in minor units.

    Raises:
        Undecided: It is a fraction of one, or more than we count.
    """
    found = minor_of(amount, answer.currency or terms.currency)
    if found is None:
        raise Undecided(f"{NAME}: the answer is of an amount that cannot be")
    return found


def card_of(answer: Transaction, token: str | None) -> Card:
    """The card, as far as it is shown; the token is kept out of it."""
    method = answer.payment_method or _Method()
    digits = last4(answer.last_four) or last4(method.card_last_four)
    return Card(brand=shown(method.card_type, secret=token), last4=digits)


def token_of(named: Named) -> str | None:
    """The token that no text may hold."""
    method = named.call.payment_method
    return None if method is None else method.token


def _captured_minor(answer: Transaction, terms: Terms) -> int:
    """What was captured and not undone since."""
    if answer.type == "charge":
        taken = answer.success is True and not answer.is_voided
        return minor(answer.total, answer, terms) if taken else 0
    captures = answer.captures()
    if not all(each.is_whole for each in captures) or (answer.is_captured and not captures):
        raise Undecided(f"{NAME}: captured, and not said for how much")
    taken = [each for each in captures if each.success and not each.is_voided]
    return sum(minor(each.total or Decimal(0), answer, terms) for each in taken)


def _state(answer: Transaction, named: Named, terms: Terms) -> PaymentState:
    if answer.type not in {"pre_auth", "charge"}:
        raise Undecided(f"{NAME}: the answer is of a {answer.type}, which holds nothing")
    if answer.success is False:
        unsure = answer.is_in_doubt and named.call.kind is OperationKind.AUTHORIZE
        return PaymentState.PENDING if unsure else PaymentState.DECLINED
    steps = (answer, *answer.captures(), *answer.voids())
    if any(each.success is None and "success" in each.model_fields_set for each in steps):
        return PaymentState.PENDING
    if answer.type == "charge":
        return PaymentState.RELEASED if answer.is_voided else PaymentState.CAPTURED
    return _of_hold(answer, terms)


def _of_hold(answer: Transaction, terms: Terms) -> PaymentState:
    captured_minor = _captured_minor(answer, terms)
    is_voided = bool(answer.is_voided) or any(each.success for each in answer.voids())
    if captured_minor:
        left = minor(answer.total, answer, terms) > captured_minor
        keeps = terms.keeps_rest and left and not is_voided
        return PaymentState.OPEN if keeps else PaymentState.CAPTURED
    if is_voided:
        return PaymentState.RELEASED
    if any(each.success for each in answer.captures()):
        # Captured, and the capture voided: what a processor keeps of the rest is held still.
        return PaymentState.OPEN if terms.keeps_rest else PaymentState.RELEASED
    if answer.is_captured:
        raise Undecided(f"{NAME}: the answer contradicts itself")
    return PaymentState.OPEN


def _said(answer: Transaction, named: Named, terms: Terms, payment: Payment) -> Said | None:
    """What became of this very capture, where what is taken in all does not tell it.

    A run that has forgotten it may have taken its money over, as an earlier run's, and under its
    own name it is done all the same. Of what failed, or is of another amount, it counts only that
    no more is taken than we know of: under one name nothing is taken twice.
    """
    call, own = named.call, _captures_of(answer, named)
    if payment.captured == call.captured.plus(call.amount.amount_minor):
        return None
    taken = [each.total for each in own if each.success and not each.is_voided and each.total]
    if call.amount.amount_minor in {minor(total, answer, terms) for total in taken}:
        return Said.DONE
    untouched = payment.state is PaymentState.OPEN and payment.captured == call.captured
    if not untouched or not (taken or any(each.success is False for each in own)):
        return None
    return Said.PENDING if any(each.is_in_doubt for each in own) else Said.DECLINED


def _booked_at(answer: Transaction, named: Named) -> datetime | None:
    """When the hold was made, from which its age counts; later, what was last done to it."""
    done = [] if named.call.kind is OperationKind.AUTHORIZE else answer.captures() + answer.voids()
    found = [each.at for each in (answer, *done) if each.success and each.at is not None]
    return max(found, default=answer.at)


def evidence_of(answer: Transaction, token: str | None) -> Evidence:
    """The issuer's code, and what it said of address and card code; without the token."""
    return Evidence(
        approval_code=shown(answer.issuer_auth_code, secret=token),
        avs=shown(answer.avs_code or answer.avs_response, secret=token),
        cvv=shown(answer.cvv_response, secret=token),
    )

"""Reads SIBS's transactions, and says what they decide. Pure; no network.

Two layers (SPG v2, "API-level status codes"): ``returnStatus.statusCode`` is the technical result
of a request, ``paymentStatus`` the business result of the transaction, so "000" with "Declined"
or "Timeout" is an ordinary answer. Where the layers contradict each other nothing is decided.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Literal, TypeAlias, cast

from pydantic import BeforeValidator, Field

from cardhold.hold import Action, Card
from cardhold.money import Currency, Money
from domain.outcome import Payment, PaymentState, Said
from gateways.adapters.sibs.problems import DECLINED_CODE, NAME, OK_CODE, ReturnStatus
from gateways.amounts import WireAmount, minor_of
from gateways.errors import Undecided
from gateways.shown import instant, last4, shown
from gateways.wire import WireModel

Status: TypeAlias = Literal[
    "Success", "Pending", "InProcessing", "Partial", "Declined", "Timeout", "Error",
]  # fmt: skip


class Word(Enum):
    """What a transaction's two layers say together."""

    DONE = "done"
    DECLINED = "declined"
    PENDING = "pending"
    ASKING = "asking"
    """It is the guest's turn."""


# With the code for "processed". `Error` is "declined by an external system" on one page and "a
# technical failure occurred" on another, so it decides nothing by itself.
_WORDS: dict[Status | None, Word] = {
    "Success": Word.DONE,
    "Declined": Word.DECLINED,
    "Pending": Word.PENDING,
    "InProcessing": Word.PENDING,
    "Timeout": Word.PENDING,
    "Partial": Word.ASKING,
}
_SAID = {Word.DONE: Said.DONE, Word.DECLINED: Said.DECLINED, Word.PENDING: Said.PENDING}
# An authorization, and a purchase that somebody's setting made of one; each is taken at its word.
_TYPES = frozenset({None, "AUTH", "PURS"})
_HOLDS = frozenset({PaymentState.OPEN, PaymentState.CAPTURED})
# 3-D Secure. DCC, a choice of currency, would be another amount than was asked for.
_FOR_THE_GUEST = frozenset({"THREEDS_METHOD", "THREEDS_CHALLENGE"})


def _object(value: object) -> object:
    """An object, or nothing: for a part that is only shown, and whose shape pages differ on."""
    return cast("object", value) if isinstance(value, dict) else None


class _Amount(WireModel):
    value: WireAmount
    currency: Currency


class _Merchant(WireModel):
    # Answers to operations have the one, the status and the notices the other.
    merchantTransactionId: str | None = None  # noqa: N815 - SIBS's own name
    transactionId: str | None = None  # noqa: N815 - SIBS's own name


class _Execution(WireModel):
    endTime: str | None = None  # noqa: N815 - SIBS's own name


class _Token(WireModel):
    maskedPAN: Annotated[str | None, Field(repr=False)] = None  # noqa: N815 - SIBS's own name


def _fields(params: object) -> object:
    """Fields by name, from a list of pairs or from an object: what is published has both."""
    if not isinstance(params, list):
        return {} if params is None else params
    fields: dict[object, object] = {}
    for each in cast("list[object]", params):
        pair = cast("dict[str, object]", each) if isinstance(each, dict) else {}
        fields[pair.get("key", pair.get("name"))] = pair.get("value", pair.get("data"))
    return fields


class _ActionData(WireModel):
    url: Annotated[str, Field(pattern=r"^https?://[\x21-\x7e]{1,2000}$", repr=False)]
    params: Annotated[dict[str, str], BeforeValidator(_fields)] = Field(
        default_factory=dict, repr=False
    )


class ActionAnswer(WireModel):
    """What the guest has to do."""

    id: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,128}$")]
    type: str
    data: _ActionData


class OrderAnswer(WireModel):
    """An order that was taken in, and what it is purchased with."""

    returnStatus: ReturnStatus  # noqa: N815 - SIBS's own name
    transactionID: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,64}$")]  # noqa: N815 - SIBS's own name
    # A header cannot carry anything else, and an error about it would show it.
    transactionSignature: Annotated[  # noqa: N815 - SIBS's own name
        str, Field(pattern=r"^[\x21-\x7e]{1,8192}$", repr=False)
    ]
    amount: _Amount | None = None
    merchant: _Merchant | None = None


class Transaction(WireModel):
    """A transaction: the answer to a purchase, a capture, a cancellation or a status inquiry."""

    returnStatus: ReturnStatus  # noqa: N815 - SIBS's own name
    transactionID: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,64}$")]  # noqa: N815 - SIBS's own name
    paymentStatus: Status | None = None  # noqa: N815 - SIBS's own name
    paymentType: str | None = None  # noqa: N815 - SIBS's own name
    paymentMethod: object = Field(default=None, repr=False)  # noqa: N815 - SIBS's own name
    amount: _Amount | None = None
    merchant: _Merchant | None = None
    transactionDateTime: str | None = None  # noqa: N815 - SIBS's own name
    transactionTimestamp: str | None = None  # noqa: N815 - SIBS's own name
    execution: _Execution | None = None
    token: Annotated[_Token | None, BeforeValidator(_object)] = None
    tokenResponse: Annotated[_Token | None, BeforeValidator(_object)] = None  # noqa: N815 - SIBS's own name
    actionResponse: ActionAnswer | None = None  # noqa: N815 - SIBS's own name

    @property
    def reference(self) -> str | None:
        """The merchant's reference, as it is repeated."""
        merchant = self.merchant or _Merchant()
        return merchant.merchantTransactionId or merchant.transactionId

    @property
    def booked_at(self) -> str | None:
        """When SIBS booked it, in its own words."""
        ended = self.execution.endTime if self.execution else None
        return self.transactionDateTime or self.transactionTimestamp or ended


def word_of(found: Transaction) -> Word | None:
    """What both layers say together; None where that decides nothing."""
    code, status = found.returnStatus.statusCode, found.paymentStatus
    if code == OK_CODE:
        return _WORDS.get(status)
    if code == DECLINED_CODE:
        return Word.DECLINED if status in {"Declined", "Error", None} else None
    # The issuer's own reason beside its word; but `T…` is a temporary failure of SIBS's.
    return Word.DECLINED if status == "Declined" and not code.startswith("T") else None


def is_untouched(found: Transaction) -> bool:
    """Whether it is an order that no purchase ever came for.

    Such a one shows `Pending` like a purchase that is not decided, but no method of payment.
    """
    pending = found.returnStatus.statusCode == OK_CODE and found.paymentStatus == "Pending"
    return pending and found.paymentMethod is None


def said_of(found: Transaction) -> Said:
    """What became of a capture or a cancellation that was looked for.

    Raises:
        Undecided: It contradicts itself, or says what neither can be.
    """
    word = word_of(found)
    if word is None or word is Word.ASKING:
        raise Undecided(f"{NAME}: the status of the operation decides nothing")
    return _SAID[word]


def check(
    found: Transaction | OrderAnswer,
    *,
    reference: str | None,
    amount: Money | None,
    echoed: bool = False,
) -> None:
    """Hold an answer against what was asked for.

    Args:
        found: What came.
        reference: The merchant's reference that it has to repeat; None where nobody knows it.
        amount: The amount that it has to be of; None where any will do.
        echoed: Both have to be there, and not only not to be others.

    Raises:
        Undecided: It is of something else, or does not say of what.
    """
    merchant = found.merchant or _Merchant()
    told = merchant.merchantTransactionId or merchant.transactionId
    if reference is not None and told != reference and (echoed or told is not None):
        raise Undecided(f"{NAME}: the answer is of another reference")
    if amount is None or (found.amount is None and not echoed):
        return
    if found.amount is None or _money(found.amount) != amount.plain():
        raise Undecided(f"{NAME}: the answer is of another amount")


def authorization_of(
    found: Transaction, *, asked: Money | None, currency: str, secrets: tuple[str, ...]
) -> Payment:
    """An authorization in our words.

    Args:
        found: Its status, or the answer to its purchase.
        asked: What it is of, where the answer need not repeat what was ordered.
        currency: Of what is shown where nothing is held.
        secrets: What no text may show.

    Raises:
        Undecided: It contradicts itself, is of another kind, or does not say what it holds.
    """
    word = word_of(found)
    if word is None or found.paymentType not in _TYPES:
        raise Undecided(f"{NAME}: the status decides nothing", found.transactionID)
    state = _state(found, word)
    amount = asked if found.amount is None else _money(found.amount)
    if amount is None and (found.amount is not None or state in _HOLDS):
        raise Undecided(f"{NAME}: it is not said how much is held", found.transactionID)
    amount = amount or Money(amount_minor=0, currency=currency)
    nothing = amount.plus(-amount.amount_minor)
    return Payment(
        payment_id=found.transactionID,
        reference=found.reference,
        state=state,
        authorized=amount.plain() if state in _HOLDS else nothing,
        captured=amount.plain() if state is PaymentState.CAPTURED else nothing,
        booked_at=instant(found.booked_at),
        card=_card(found),
        detail=words(found.returnStatus, secrets),
        action=_action(found.actionResponse, secrets) if word is Word.ASKING else None,
    )


def words(status: ReturnStatus, secrets: tuple[str, ...]) -> str | None:
    """SIBS's own words as people may see them."""
    return tellable(status.statusDescription, secrets) or tellable(status.statusMsg, secrets)


def tellable(text: str | None, secrets: tuple[str, ...]) -> str | None:
    """A text as people may see it; None where it holds what nobody may."""
    if not text or any(secret in text for secret in secrets):
        return None
    return shown(text)


def _state(found: Transaction, word: Word) -> PaymentState:
    match word:
        case Word.DONE:
            purchase = found.paymentType == "PURS"
            return PaymentState.CAPTURED if purchase else PaymentState.OPEN
        case Word.DECLINED:
            return PaymentState.DECLINED
        case Word.PENDING:
            return PaymentState.PENDING
        case Word.ASKING:
            return PaymentState.ACTION_REQUIRED


def _money(amount: _Amount) -> Money | None:
    minor = minor_of(amount.value, amount.currency)
    return None if minor is None else Money(amount_minor=minor, currency=amount.currency)


def _card(found: Transaction) -> Card | None:
    token = found.token or found.tokenResponse
    digits = last4(token.maskedPAN) if token else None
    return Card(last4=digits) if digits else None


def _action(asked: ActionAnswer | None, secrets: tuple[str, ...]) -> Action | None:
    """Where the guest has to be sent; None where that is not said, or not for the guest.

    Raises:
        Undecided: It holds what nobody may see.
    """
    if asked is None or asked.type not in _FOR_THE_GUEST:
        return None
    fields = asked.data.params
    texts = [asked.id, asked.data.url, *fields, *fields.values()]
    if any(secret in text for secret in secrets for text in texts):
        raise Undecided(f"{NAME}: what the guest has to do can't be shown")
    # EMV 3-D Secure posts its fields; without any there is nothing to post.
    method = "POST" if fields else "GET"
    return Action(action_id=asked.id, url=asked.data.url, method=method, fields=fields)

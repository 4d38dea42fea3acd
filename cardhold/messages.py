"""What callers send: the start and the commands. Strict, and free of card numbers.

Unknown fields are refused, ``null`` counts as absent, and whatever is wrong is
named by its field and its rule (`cardhold.refusal`). What cardhold gives out is in
`cardhold.hold`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from cardhold.fields import (
    AccountName,
    CommandId,
    Description,
    Https,
    Instant,
    Label,
    Metadata,
    OperationId,
    Operator,
    Reason,
    ReservationId,
    Span,
    Text,
    Token,
)
from cardhold.money import Amount, By


class PaymentMethodKind(StrEnum):
    """What the token of a payment method stands for."""

    STORED_TOKEN = "stored_token"  # noqa: S105 - a kind of token, not one
    SINGLE_USE_TOKEN = "single_use_token"  # noqa: S105 - a kind of token, not one
    EXISTING_HOLD = "existing_hold"
    """A hold made elsewhere: the token is the gateway's own payment id."""


class Initiator(StrEnum):
    """Who is acting: the guest, or the merchant with a card on file."""

    CUSTOMER = "customer"
    MERCHANT = "merchant"


class OnDeadline(StrEnum):
    """What happens at the deadline when nobody has said anything."""

    RELEASE = "release"
    CAPTURE = "capture"


class ResolvedOutcome(StrEnum):
    """A person's word on an operation that nobody could look up."""

    DONE = "done"
    NOT_DONE = "not_done"


class Message(BaseModel):
    """What comes in: frozen, strict, and without a field that we don't know."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", hide_input_in_errors=True, use_enum_values=False
    )

    #: Fields that say nothing of the money: two messages that differ in these alone are the same.
    remarks: ClassVar[frozenset[str]] = frozenset({"operator", "reason", "description", "metadata"})

    @model_validator(mode="before")
    @classmethod
    def null_counts_as_absent(cls, data: Any) -> Any:
        """Drop what is ``null``, as JSON writers of many languages send it for "not given"."""
        if not isinstance(data, Mapping):
            return data
        fields = cast("Mapping[Any, Any]", data)
        return {name: value for name, value in fields.items() if value is not None}

    def says_the_same_as(self, other: Message) -> bool:
        """Whether both say the same of the money, whatever their remarks."""
        if type(self) is not type(other):
            return False
        return self == other or self.fingerprint() == other.fingerprint()

    def fingerprint(self) -> str:
        """What this message says of the money, as a digest; equal for equal instructions."""
        content = self.model_dump(mode="json", exclude={*self.remarks, "command_id"})
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


class PaymentMethod(Message):
    """What the amount shall be held on. ``token`` is a gateway's token, never a card number."""

    kind: PaymentMethodKind = Field(strict=False)
    token: Token
    customer_id: Label | None = None


class Browser(Message):
    """The guest's browser, for gateways that send the guest through 3-D Secure (EMV 3DS names)."""

    accept_header: Text | None = None
    ip: Label | None = None
    language: Label | None = None
    user_agent: Text | None = None
    java_enabled: bool | None = None
    javascript_enabled: bool | None = None
    color_depth: int | None = Field(default=None, ge=1, le=48)
    screen_height: int | None = Field(default=None, ge=1, le=100_000)
    screen_width: int | None = Field(default=None, ge=1, le=100_000)
    time_zone_offset_minutes: int | None = Field(default=None, ge=-900, le=900)


class HoldRequest(Message):
    """The one argument of the ``Reservation`` workflow: what to hold, where, and until when.

    Amounts are in the currency's minor unit; instants are aware UTC; durations are
    10 seconds to 31 days.
    """

    reservation_id: ReservationId
    gateway: AccountName
    amount: Amount
    payment_method: PaymentMethod
    initiator: Initiator = Field(default=Initiator.CUSTOMER, strict=False)
    return_url: Https | None = None
    browser: Browser | None = None
    on_deadline: OnDeadline = Field(default=OnDeadline.RELEASE, strict=False)
    deadline_amount: Amount | None = None
    settle_by: Instant | None = None
    hold_window: Span | None = None
    safety_margin: Span | None = None
    authorize_by: Instant | None = None
    booking: Label | None = None
    property: Label | None = None
    operator: Operator | None = None
    description: Description | None = None
    metadata: Metadata = Field(default_factory=dict)

    @model_validator(mode="after")
    def deadline_amount_fits(self) -> Self:
        """A deadline's amount is of the hold's currency, and only a capture has one."""
        _check_deadline_amount(self.deadline_amount, self.on_deadline)
        if self.deadline_amount and self.deadline_amount.currency != self.amount.currency:
            raise _wrong("deadline_amount", "must be in the hold's currency")
        return self


class Command(Message):
    """What every command carries besides its own fields."""

    name: ClassVar[str]

    command_id: CommandId | None = None
    operator: Operator | None = None
    reason: Reason | None = None


class Authorize(Command):
    """Another card after a decline."""

    name = "authorize"

    payment_method: PaymentMethod


class Adjust(Command):
    """The new total to be held, or a difference from what is held when its turn comes."""

    name = "adjust"

    amount: Amount | None = None
    by: By | None = None

    @model_validator(mode="after")
    def exactly_one(self) -> Self:
        """The total or the difference, not both and not neither."""
        if (self.amount is None) == (self.by is None):
            raise _wrong("amount", "must be given, or 'by', and not both")
        if self.by and self.by.amount_minor == 0:
            raise _wrong("by", "must be more or less than zero")
        return self


class Capture(Command):
    """Take the money: ``amount``, or all that is held. Above the hold it is raised first."""

    name = "capture"

    amount: Amount | None = None
    final: bool = True


class Release(Command):
    """Free whatever is still held."""

    name = "release"


class Reschedule(Command):
    """Change the plan; what is absent stays as it is."""

    name = "reschedule"

    settle_by: Instant | None = None
    on_deadline: OnDeadline | None = Field(default=None, strict=False)
    deadline_amount: Amount | None = None

    @model_validator(mode="after")
    def changes_something(self) -> Self:
        """At least one of the three is given, and they agree with each other."""
        if self.settle_by is None and self.on_deadline is None and self.deadline_amount is None:
            raise _wrong("settle_by", "must be given, or 'on_deadline' or 'deadline_amount'")
        if self.on_deadline is OnDeadline.RELEASE:
            _check_deadline_amount(self.deadline_amount, self.on_deadline)
        return self


class Resolve(Command):
    """A person's word on an operation in ``unknown``: it was done, or it was not."""

    name = "resolve"

    operation_id: OperationId
    outcome: ResolvedOutcome = Field(strict=False)
    reference: Label | None = None
    amount: Amount | None = None

    @model_validator(mode="after")
    def is_answered_for(self) -> Self:
        """Somebody answers for the word, and what was done can be found again."""
        for field, text in (("operator", self.operator), ("reason", self.reason)):
            if text is None or not text.strip():
                raise _wrong(field, "must be given")
        if self.outcome is ResolvedOutcome.DONE and self.reference is None:
            raise _wrong("reference", "must be given with the outcome 'done'")
        return self


class Acknowledge(Command):
    """End an attention that needs no act."""

    name = "acknowledge"


class Authorized(Message):
    """Wait until the authorization is decided; ``request`` is what the caller meant to start."""

    name: ClassVar[str] = "authorized"

    request: HoldRequest | None = None


class Authenticated(Message):
    """The guest is back from 3-D Secure."""

    name: ClassVar[str] = "authenticated"

    action_id: Label | None = None
    data: dict[Text, Text] | None = Field(default=None, max_length=20)


#: The commands that ``run`` takes from the inbox, one at a time.
Instruction = Authorize | Adjust | Capture | Release

AUTHORIZED: Literal["authorized"] = "authorized"
AUTHENTICATED: Literal["authenticated"] = "authenticated"


def _check_deadline_amount(amount: object, on_deadline: OnDeadline) -> None:
    if amount is not None and on_deadline is not OnDeadline.CAPTURE:
        raise _wrong("deadline_amount", "must come with on_deadline 'capture'")


def _wrong(field: str, rule: str) -> PydanticCustomError:
    """A rule that spans fields, told of the field that a caller would change."""
    return PydanticCustomError("rule", "{rule}", {"rule": rule, "field": field})

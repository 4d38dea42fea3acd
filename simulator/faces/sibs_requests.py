"""The bodies that SIBS's payment operations take.

Sources: docs.pay.sibs.com ("Pre-authorized capture", "Capture", "Cancellation", read 2026) for
the fields; its swagger puts ``originalTransaction`` into ``transaction``, its tables beside it:
both are taken. Tables say ``transactionTimeStamp``, samples ``transactionTimestamp``: likewise.
Unknown fields are ignored. Card data is checked for its shape, and forgotten but for what a token
shows of it.

Choices: ``redirectUrl`` (or ``returnUrl``, ``shopURL``), at the top or in ``merchant``,
``transaction`` or ``info`` of order or purchase, or in an order's ``urls`` (as pysibs 0.9.0 sends
it), is where the guest goes back to after 3-D Secure: SIBS publishes the name for its form alone.
A card is also paid with a token at ``card/purchase``, as published clients do it.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, TypeVar

from aiohttp import web
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from simulator.decimals import minor_of, read
from simulator.faces.sibs_answers import invalid

# The published test cards that are asked for 3-D Secure with a challenge end so.
_CHALLENGED_CARDS = ("0100", "0010")


def _terminal(value: object) -> object:
    # "Max10NumericText" in the tables, a JSON number in the samples.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _number(value: object) -> object:
    if not isinstance(value, (int, Decimal)) or isinstance(value, bool):
        raise PydanticCustomError("number", "must be a number")
    return Decimal(value)


def _instant(value: str) -> str:
    datetime.fromisoformat(value)
    return value


_Text = Annotated[str, Field(min_length=1, max_length=512)]
_Terminal = Annotated[str, BeforeValidator(_terminal), Field(pattern=r"^[0-9]{1,10}$")]
_Instant = Annotated[str, AfterValidator(_instant)]
_Url = Annotated[str, Field(max_length=2048, pattern=r"^https?://[\x21-\x7e]+$")]


class _Part(BaseModel):
    """What every body and every part of one shares: SIBS's names, strict types."""

    model_config = ConfigDict(
        strict=True, extra="ignore", alias_generator=to_camel, hide_input_in_errors=True
    )


class _Place(_Part):
    """A part that may say where the guest goes back to."""

    return_url: Annotated[
        _Url | None, Field(validation_alias=AliasChoices("redirectUrl", "returnUrl", "shopURL"))
    ] = None


class _Amount(_Part):
    value: Annotated[Decimal, BeforeValidator(_number)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]

    @property
    def minor(self) -> int:
        """In minor units.

        Raises:
            Problem: 400.
        """
        minor = minor_of(self.value, self.currency)
        if minor is None:
            raise invalid("transaction.amount.value is no amount of its currency.")
        return minor


class _Merchant(_Place):
    terminal_id: _Terminal | None = None
    channel: str | None = None
    merchant_transaction_id: _Text


class _Original(_Part):
    id: _Text


class _TokenisationRequest(_Part):
    tokenise_card: bool = False


class _Tokenisation(_Part):
    tokenisation_request: _TokenisationRequest | None = None

    @property
    def is_asked_for(self) -> bool:
        asked = self.tokenisation_request
        return asked is not None and asked.tokenise_card


class _Transaction(_Place):
    transaction_timestamp: Annotated[
        _Instant,
        Field(validation_alias=AliasChoices("transactionTimestamp", "transactionTimeStamp")),
    ]
    description: _Text
    amount: _Amount
    original_transaction: _Original | None = None


class _OrderTransaction(_Transaction):
    payment_type: Literal["AUTH", "PURS"]
    payment_method: list[str] | None = None
    tokenisation: _Tokenisation | None = None


class _ByMerchant(_Part):
    type: Literal["UCOF", "RCRR"]


class CreateOrder(_Place):
    """``POST /payments``: an order, which a purchase then pays."""

    merchant: _Merchant
    transaction: _OrderTransaction
    info: _Place | None = None
    urls: _Place | None = None
    merchant_initiated_transaction: _ByMerchant | None = None
    tokenisation: _Tokenisation | None = None

    @property
    def keeps_card(self) -> bool:
        """Whether a token is wanted: asked at the top (SIBS) or in ``transaction`` (pysibs)."""
        places = (self.tokenisation, self.transaction.tokenisation)
        return any(place is not None and place.is_asked_for for place in places)


class _Card(_Part):
    pan: Annotated[str, Field(alias="PAN", pattern=r"^[0-9]{12,40}$")]
    validation_date: _Instant
    secure_code: Annotated[str, Field(max_length=40)] | None = None
    cardholder_name: str | None = None
    create_token: bool = False


class _Token(_Part):
    value: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,512}$")]
    token_type: str | None = None


class _Processed(_Part):
    id: str
    type: str
    executed: bool


class Purchase(_Place):
    """``POST /payments/{id}/card/purchase`` and ``…/token/purchase``."""

    card_info: _Card | None = None
    token_info: _Token | None = None
    action_processed: _Processed | None = None
    info: _Place | None = None

    @property
    def is_challenged(self) -> bool:
        """Whether this card's holder is asked to authenticate."""
        if self.token_info:
            return "3ds" in self.token_info.value.lower()
        return self.card_info is not None and self.card_info.pan.endswith(_CHALLENGED_CARDS)

    @property
    def is_declined(self) -> bool:
        """Whether the issuer says no to this card."""
        return self.token_info is not None and "declined" in self.token_info.value.lower()


class FollowUp(_Part):
    """``POST /payments/{id}/capture``, ``…/cancellation`` and ``…/refund``."""

    merchant: _Merchant
    transaction: _Transaction
    original_transaction: _Original | None = None

    def check_original(self, transaction_id: str) -> None:
        """It has to name the transaction that the path names.

        Raises:
            Problem: 400.
        """
        named = [
            part.id
            for part in (self.transaction.original_transaction, self.original_transaction)
            if part is not None
        ]
        if not named or set(named) != {transaction_id}:
            raise invalid("originalTransaction.id is missing, or another one than the path's.")


B = TypeVar("B", bound=BaseModel)


async def body_of(request: web.Request, model: type[B]) -> B:
    """Read a request's body.

    Raises:
        Problem: 400.
    """
    if request.content_type != "application/json":
        raise invalid("Content-Type must be application/json.")
    try:
        content = read(await request.read())
    except (ValueError, RecursionError):
        raise invalid("The body is not JSON.") from None
    try:
        return model.model_validate(content)
    except ValidationError as error:
        # Places and rules only: a value might be a card's.
        wrong = [f"{'.'.join(map(str, item['loc']))}: {item['type']}" for item in error.errors()]
        raise invalid(f"Invalid: {', '.join(wrong)}.") from None


def check_order(body: CreateOrder) -> None:
    """What the fields' own rules cannot say of an order.

    Raises:
        Problem: 400.
    """
    if body.merchant.terminal_id is None:
        raise invalid("merchant.terminalId is missing.")
    methods = body.transaction.payment_method
    if methods is not None and "CARD" not in methods:
        raise invalid("transaction.paymentMethod: this terminal takes CARD only.")


def check_means(body: Purchase, *, by_token: bool) -> None:
    """A purchase is paid by card or by token; after 3-D Secure it need not say it again.

    Raises:
        Problem: 400.
    """
    given = [part for part in (body.card_info, body.token_info) if part is not None]
    again = body.action_processed is not None
    if len(given) > 1 or not (given or again) or (by_token and body.card_info is not None):
        raise invalid("One of cardInfo and tokenInfo is needed, as the path says.")


def return_url_of(body: CreateOrder | Purchase) -> str | None:
    """Where the guest goes back to, if the request says so anywhere."""
    parts: list[_Place | None] = [body, body.info]
    if isinstance(body, CreateOrder):
        parts += [body.merchant, body.transaction, body.urls]
    return next((part.return_url for part in parts if part and part.return_url), None)

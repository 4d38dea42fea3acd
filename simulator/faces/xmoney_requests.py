"""What xMoney's operations take: form-encoded as its documents have it, or JSON.

The documents know ``application/x-www-form-urlencoded`` alone; the published Node client sends
JSON to the same paths. Both are read into the same fields, all of them text, as a form has nothing
else. Unknown fields are ignored; no error ever repeats a value.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal, TypeVar, cast
from urllib.parse import parse_qsl

from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from simulator.decimals import read, written
from simulator.faces.xmoney_answers import VALIDATION, Item, Problem, invalid

_Json = dict[str, object]
_Amount = Annotated[str, Field(pattern=r"^[0-9]{1,16}(\.[0-9]{1,8})?$")]
# Ids are integers of unpublished length; 18 digits are what 64 bits hold of any.
_Id = Annotated[str, Field(pattern=r"^[0-9]{1,18}$")]
_Identifier = Annotated[str, Field(pattern=r"^[0-9a-zA-Z_@.-]{1,92}$")]
_Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
_Reason = Literal[
    "fraud-confirm",
    "highly-suspicious",
    "duplicated-transaction",
    "customer-demand",
    "test-transaction",
    "card-expired",
]


def _option(text: str) -> str:
    try:
        read(text.encode())
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    return text


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", alias_generator=to_camel, hide_input_in_errors=True)


class CreateOrder(_Body):
    """``POST /order``."""

    amount: _Amount
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    order_type: Literal["purchase", "recurring", "managed", "credit"]
    customer_id: _Id
    site_id: _Id | None = None
    description: Annotated[str, Field(max_length=65535)] | None = None
    external_order_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_\-\.]{0,32}$")] | None = None
    back_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    transaction_method: Literal["card", "wallet"] = "card"
    card_transaction_mode: Literal["auth", "authAndCapture", "credit"] = "authAndCapture"
    card_id: _Id | None = None
    card_number: Annotated[str, Field(pattern=r"^[0-9]{12,19}$")] | None = None
    card_expiry_date: Annotated[str, Field(pattern=r"^[0-9]{2}/([0-9]{2}){1,2}$")] | None = None
    card_cvv: Annotated[str, Field(pattern=r"^[0-9]{3,4}$")] | None = None
    card_holder_name: Annotated[str, Field(max_length=128)] | None = None
    # A form has no boolean; the clients send these words.
    save_card: Literal["true", "false", "1", "0"] = "false"
    ip: str | None = None
    three_d_secure_data: str | None = Field(default=None, alias="threeDSecureData")
    transaction_option: Annotated[str, AfterValidator(_option)] | None = None
    external_custom_data: str | None = None

    @property
    def is_the_merchants(self) -> bool:
        """Whether the merchant charges a card on file, with no guest to ask."""
        nobody_is_there = self.back_url is None and self.three_d_secure_data is None
        return self.order_type in ("recurring", "managed") or nobody_is_there

    @property
    def is_sale(self) -> bool:
        """Whether it is captured at once."""
        return self.card_transaction_mode == "authAndCapture"

    @property
    def insists(self) -> bool:
        """Whether it is the documented second try after a soft decline."""
        told = read((self.transaction_option or "{}").encode())
        return isinstance(told, dict) and cast("_Json", told).get("isSoftDecline") == "yes"


class Capture(_Body):
    """``PUT /transaction/{id}``."""

    amount: _Amount


class Undo(_Body):
    """``DELETE /transaction/{id}`` and ``DELETE /order/{id}``."""

    reason: _Reason | None = None
    message: str | None = None
    amount: _Amount | None = None
    terminate_order: Literal["yes", "no"] | None = None


class _Person(_Body):
    first_name: str | None = None
    last_name: str | None = None
    country: str | None = None
    state: str | None = None
    city: str | None = None
    zip_code: str | None = None
    address: str | None = None
    phone: str | None = None

    @property
    def told(self) -> dict[str, str]:
        """What is said of the customer beside what names them, in xMoney's words."""
        named = {"identifier", "email", "site_id"}
        return self.model_dump(by_alias=True, exclude_none=True, exclude=named)


class NewCustomer(_Person):
    """``POST /customer``."""

    identifier: _Identifier
    email: _Email
    site_id: _Id | None = None


class ChangedCustomer(_Person):
    """``PUT /customer/{id}``; what is left out stays."""

    identifier: _Identifier | None = None
    email: _Email | None = None


class Nothing(_Body):
    """A body without fields."""


B = TypeVar("B", bound=BaseModel)


def check_credential(request: web.Request) -> None:
    """Let a request pass that brings a bearer token, whichever it is.

    Raises:
        Problem: 401.
    """
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Problem(401, Item(401, "Authentication failed"))


async def read_fields(request: web.Request) -> dict[str, str]:
    """The body's fields as text; no body has none.

    Raises:
        Problem: 415 for another content type, 400 for what cannot be read.
    """
    raw = await request.read()
    if not raw:
        return {}
    try:
        match request.content_type:
            case "application/x-www-form-urlencoded":
                return _form(raw)
            case "application/json":
                return _json(raw)
            case _:
                raise Problem(415, Item(VALIDATION, "Content type not supported"))
    except (ValueError, RecursionError) as error:
        raise invalid("body", "The body cannot be read") from error


def parse(model: type[B], fields: Mapping[str, str]) -> B:
    """Read a body's fields.

    Raises:
        Problem: 400 with an entry for each wrong field, never with its value.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        items = [
            Item(VALIDATION, f"Invalid {e['loc'][0]}: {e['msg']}", "Validation", str(e["loc"][0]))
            for e in error.errors(include_input=False, include_url=False)
        ]
        raise Problem(400, *items) from None


def _form(raw: bytes) -> dict[str, str]:
    return dict(parse_qsl(raw.decode(), strict_parsing=True))


def _json(raw: bytes) -> dict[str, str]:
    body = read(raw)
    if not isinstance(body, dict):
        raise ValueError("the body is no object")  # noqa: TRY004 - caught as what cannot be read.
    fields = cast("_Json", body)
    return {name: _text(value) for name, value in fields.items() if value is not None}


def _text(value: object) -> str:
    match value:
        case str():
            return value
        case Decimal():
            return format(value, "f")
        case _:
            return written(value)  # A number, a boolean, an object in the words of JSON.

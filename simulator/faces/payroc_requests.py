"""The bodies that Payroc's payment operations take, as its OpenAPI describes them.

Source: Payroc OpenAPI, 1.0.294, 2026-08-20. Unknown fields are ignored, as Payroc does. Types
are strict: an amount is an integer in the currency's lowest denomination, neither a decimal, a
text nor a boolean.
"""

import json
from typing import Annotated, Literal, TypeVar, cast

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from simulator.faces.payroc_problems import (
    BAD_REQUEST,
    NOT_ACCEPTABLE,
    UNSUPPORTED_MEDIA,
    Item,
    Problem,
    bad_request,
)

# ISO 4217 alphabetic codes, the funds and metals codes included.
_CURRENCIES = """\
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN
    BWP BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB
    EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY
    KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR
    MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB
    RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD
    TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XAG XAU XBA XBB XBC XBD XCD XDR XOF
    XPD XPF XPT XSU XTS XUA XXX YER ZAR ZMW ZWG"""
# The OpenAPI says int64 and no more; nothing and less than nothing cannot be held or taken.
_Amount = Annotated[int, Field(ge=1, le=2**63 - 1)]
_Operator = Annotated[str, Field(max_length=50)]
_Terminal = Annotated[str, Field(min_length=4, max_length=50)]
_Json = dict[str, object]


class _Part(BaseModel):
    model_config = ConfigDict(
        strict=True, extra="ignore", alias_generator=to_camel, hide_input_in_errors=True
    )


class _StandingInstructions(_Part):
    sequence: Literal["first", "subsequent"]
    processing_model: Literal["unscheduled", "recurring", "installment"]


class Order(_Part):
    """What the payment is for."""

    order_id: Annotated[str, Field(min_length=1, max_length=24)]
    amount: _Amount
    currency: Annotated[str, Field(min_length=3, max_length=3)]
    description: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    accept_partial_amount: bool = False
    breakdown: _Json | None = None
    standing_instructions: _StandingInstructions | None = None


class _Address(_Part):
    address1: str
    address2: str | None = None
    address3: str | None = None
    city: str
    state: str
    country: Annotated[str, Field(min_length=2, max_length=2)]
    postal_code: Annotated[str, Field(max_length=10)]


class _Shipping(_Part):
    recipient_name: str | None = None
    address: _Address | None = None


class _Contact(_Part):
    type: Literal["email", "phone", "mobile", "fax"]
    value: str


class Customer(_Part):
    """Who pays."""

    first_name: Annotated[str, Field(max_length=60)] | None = None
    last_name: Annotated[str, Field(max_length=60)] | None = None
    billing_address: _Address | None = None
    shipping_address: _Shipping | None = None
    contact_methods: list[_Contact] | None = None
    notification_language: Literal["en", "fr"] | None = None


class _IpAddress(_Part):
    type: Literal["ipv4", "ipv6"]
    value: str


class PlainText(_Part):
    """A card number typed in, as Payroc's own client may send it."""

    data_format: Literal["plainText"]
    card_number: Annotated[str, Field(pattern=r"^[0-9]{12,19}$")]
    expiry_date: Annotated[str, Field(pattern=r"^[0-9]{4}$")]
    cvv: Annotated[str, Field(pattern=r"^[0-9]{3,4}$")] | None = None


class Encrypted(_Part):
    """A card number encrypted by a device; the simulator only tells one from another."""

    data_format: Literal["partiallyEncrypted", "fullyEncrypted"]
    encrypted_data: str


class _CardEntry(_Part):
    cardholder_name: str | None = None


class Keyed(_CardEntry):
    """A card typed in."""

    entry_method: Literal["keyed"]
    keyed_data: Annotated[PlainText | Encrypted, Field(discriminator="data_format")]


class Presented(_CardEntry):
    """A card read by a device; its data is opaque here."""

    entry_method: Literal["raw", "icc", "swiped"]
    device: _Json
    raw_data: str | None = None
    icc_data: str | None = None
    swiped_data: _Json | None = None


class CardMethod(_Part):
    """Payment by card data."""

    type: Literal["card"]
    account_type: Literal["checking", "savings"] | None = None
    card_details: Annotated[Keyed | Presented, Field(discriminator="entry_method")]


class SecureTokenMethod(_Part):
    """Payment by a stored token."""

    type: Literal["secureToken"]
    token: Annotated[str, Field(pattern=r"^[0-9]{12,19}$")]


class SingleUseTokenMethod(_Part):
    """Payment by a token of the hosted fields."""

    type: Literal["singleUseToken"]
    token: Annotated[str, Field(min_length=128, max_length=128)]


class WalletMethod(_Part):
    """Payment by a wallet."""

    type: Literal["digitalWallet"]
    service_provider: Literal["apple", "google"]
    encrypted_data: Annotated[str, Field(min_length=128, max_length=20480)]
    cardholder_name: str | None = None


PaymentMethod = CardMethod | SecureTokenMethod | SingleUseTokenMethod | WalletMethod


class _CredentialOnFile(_Part):
    external_vault: bool = False
    tokenize: bool | None = None
    secure_token_id: Annotated[str, Field(max_length=200)] | None = None
    mit_agreement: Literal["unscheduled", "recurring", "installment"] | None = None


class _ThreeDSecure(_Part):
    service_provider: Literal["gateway", "thirdParty"]
    mpi_reference: Annotated[str, Field(max_length=20)] | None = None
    eci: Literal["fullyAuthenticated", "authAttempted"] | None = None


class CustomField(_Part):
    """Echoed back."""

    name: Annotated[str, Field(min_length=1, max_length=56)]
    value: Annotated[str, Field(min_length=1, max_length=100)]


class CreatePayment(_Part):
    """``POST /payments``: a sale, or with ``autoCapture`` false a pre-authorization."""

    channel: Literal["pos", "web", "moto"]
    processing_terminal_id: _Terminal
    operator: _Operator | None = None
    order: Order
    customer: Customer | None = None
    ip_address: _IpAddress | None = None
    payment_method: Annotated[PaymentMethod, Field(discriminator="type")]
    three_d_secure: _ThreeDSecure | None = Field(default=None, alias="threeDSecure")
    credential_on_file: _CredentialOnFile | None = None
    offline_processing: _Json | None = None
    auto_capture: bool = True
    process_as_sale: bool = False
    custom_fields: list[CustomField] | None = None


class OrderItem(_Part):
    """``amount`` is the new total, not a difference."""

    type: Literal["order"]
    amount: _Amount
    breakdown: _Json | None = None


class StatusItem(_Part):
    """``ready`` captures what is pending."""

    type: Literal["status"]
    to_status: Literal["ready", "pending"]


class CustomerItem(_Part):
    """Other details of the customer."""

    type: Literal["customer"]
    shipping_address: _Shipping | None = None
    contact_methods: list[_Contact] | None = None


class SignatureItem(_Part):
    """Cannot be changed once set."""

    type: Literal["signature"]
    cardholder_signature: Annotated[str, Field(min_length=1)]


_AdjustItem = Annotated[
    OrderItem | StatusItem | CustomerItem | SignatureItem, Field(discriminator="type")
]


class Adjust(_Part):
    """``POST /payments/{id}/adjust``; several items in one call are carried out together."""

    operator: _Operator | None = None
    adjustments: Annotated[list[_AdjustItem], Field(min_length=1)]


class Capture(_Part):
    """``POST /payments/{id}/capture``; no amount captures the total."""

    processing_terminal_id: _Terminal | None = None
    operator: _Operator | None = None
    amount: _Amount | None = None
    breakdown: _Json | None = None


class Reverse(_Part):
    """``POST /payments/{id}/reverse``; ``amount`` is what to take off, none is all."""

    operator: _Operator | None = None
    amount: _Amount | None = None


class Refund(_Part):
    """``POST /payments/{id}/refund``."""

    operator: _Operator | None = None
    amount: _Amount
    description: Annotated[str, Field(min_length=1, max_length=100)]


class Nothing(_Part):
    """A body without fields."""


class SingleUseToken(_Part):
    """``POST /processing-terminals/{id}/single-use-tokens``."""

    channel: Literal["pos", "web", "moto"]
    operator: _Operator | None = None
    payment_method: CardMethod


B = TypeVar("B", bound=BaseModel)


def check_accept(request: web.Request) -> None:
    """Let a request pass that can read JSON.

    Raises:
        Problem: 406.
    """
    kinds = [
        part.partition(";")[0].strip() for part in request.headers.get("Accept", "").split(",")
    ]
    if not {"", "*/*", "application/*", "application/json"}.intersection(kinds):
        raise Problem(NOT_ACCEPTABLE)


async def read_json(request: web.Request) -> _Json:
    """The body as a JSON object; no body is an empty one.

    Raises:
        Problem: 415 for another content type, 400 for what is no JSON object.
    """
    raw = await request.read()
    if not raw:
        return {}
    if request.content_type != "application/json":
        raise Problem(UNSUPPORTED_MEDIA)
    try:
        body: object = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise bad_request("body", "Invalid format", "The body is not valid JSON") from error
    if not isinstance(body, dict):
        raise bad_request("body", "Invalid format", "The body must be an object")
    return cast("_Json", body)


def parse(model: type[B], body: _Json) -> B:
    """Read a body.

    Raises:
        Problem: 400 with an item for each wrong field, never with its value.
    """
    try:
        # As JSON: strict reading of a dict would want the parts as models already.
        return model.model_validate_json(json.dumps(body))
    except ValidationError as error:
        items = [_item(e["loc"], e["type"], e["msg"]) for e in error.errors(include_input=False)]
        raise Problem(BAD_REQUEST, *items) from None


def check_order(body: CreatePayment) -> None:
    """Let an order pass whose currency exists and whose agreement has its instructions.

    Raises:
        Problem: 400.
    """
    if body.order.currency not in _CURRENCIES.split():
        raise bad_request("currency", "Invalid format", "currency must be an ISO 4217 code")
    credential = body.credential_on_file
    agreed = credential is not None and credential.mit_agreement is not None
    if agreed and body.order.standing_instructions is None:
        raise bad_request(
            "standingInstructions",
            "Required field not populated",
            "The 'standingInstructions' field is required with mitAgreement",
        )


def _item(place: tuple[int | str, ...], kind: str, text: str) -> Item:
    name = next((str(part) for part in reversed(place) if isinstance(part, str)), "body")
    if kind == "missing":
        return Item(name, "Required field not populated", f"The '{name}' field is required")
    return Item(name, "Invalid format", f"{name}: {text}")


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")

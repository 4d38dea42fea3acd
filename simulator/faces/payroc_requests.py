"""The bodies that Payroc's payment operations take, as its OpenAPI describes them.

Source: Payroc OpenAPI, 1.0.294, 2026-08-20. Unknown fields are ignored, as Payroc does. Types
are strict: an amount is an integer in the currency's lowest denomination, neither a decimal, a
text nor a boolean.
"""

import json
from typing import Annotated, Literal, TypeVar, cast

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from simulator.faces.payroc_methods import CardMethod, Part, PaymentMethod
from simulator.faces.payroc_problems import (
    BAD_REQUEST,
    NOT_ACCEPTABLE,
    UNSUPPORTED_MEDIA,
    Item,
    Problem,
    bad_request,
)

# The currencies of Payroc's own list: ISO 4217 codes, some long withdrawn, some new ones missing.
_CURRENCIES = """\
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN
    BWP BYR BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN
    ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD
    JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LTL LVL LYD MAD MDL MGA MKD MMK
    MNT MOP MRO MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN
    PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLL SOS SRD SSP STD STN SVC SYP SZL THB TJS
    TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN USS UYI UYU UZS VEF VES VND VUV WST XAF XCD XOF XPF
    YER ZAR ZMW ZWL"""
# The OpenAPI says int64 and no more; nothing and less than nothing cannot be held or taken.
_Amount = Annotated[int, Field(ge=1, le=2**63 - 1)]
_Operator = Annotated[str, Field(max_length=50)]
_Terminal = Annotated[str, Field(min_length=4, max_length=50)]
_Json = dict[str, object]


class _StandingInstructions(Part):
    sequence: Literal["first", "subsequent"]
    processing_model: Literal["unscheduled", "recurring", "installment"]


class Tip(Part):
    """A tip; ``amount`` is in minor units."""

    type: Literal["percentage", "fixedAmount"]
    amount: _Amount | None = None
    percentage: Annotated[float, Field(gt=0, le=100)] | None = None


class Breakdown(Part):
    """What a total is made of; what is not checked here is echoed as it came."""

    model_config = ConfigDict(extra="allow")

    subtotal: Annotated[int, Field(ge=0, le=2**63 - 1)]
    tip: Tip | None = None


class TipOnly(Part):
    """What an adjustment may say of the breakdown: no subtotal, the tip alone."""

    tip: Tip | None = None


class Order(Part):
    """What the payment is for."""

    order_id: Annotated[str, Field(min_length=1, max_length=24)]
    amount: _Amount
    currency: Annotated[str, Field(min_length=3, max_length=3)]
    description: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    accept_partial_amount: bool = False
    breakdown: Breakdown | None = None
    standing_instructions: _StandingInstructions | None = None


_Line = Annotated[str, Field(max_length=150)]
_Place = Annotated[str, Field(max_length=50)]


class _Address(Part):
    address1: _Line
    address2: _Line | None = None
    address3: _Line | None = None
    city: _Place
    state: _Place
    country: Annotated[str, Field(min_length=2, max_length=2)]
    postal_code: Annotated[str, Field(max_length=10)]


class _Shipping(Part):
    recipient_name: str | None = None
    address: _Address | None = None


class _Contact(Part):
    type: Literal["email", "phone", "mobile", "fax"]
    value: Annotated[str, Field(max_length=50)]


class Customer(Part):
    """Who pays."""

    first_name: Annotated[str, Field(max_length=60)] | None = None
    last_name: Annotated[str, Field(max_length=60)] | None = None
    date_of_birth: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")] | None = None
    reference_number: str | None = None
    billing_address: _Address | None = None
    shipping_address: _Shipping | None = None
    contact_methods: list[_Contact] | None = None
    notification_language: Literal["en", "fr"] | None = None


class _IpAddress(Part):
    type: Literal["ipv4", "ipv6"]
    value: str


class _CredentialOnFile(Part):
    external_vault: bool = False
    tokenize: bool | None = None
    secure_token_id: Annotated[str, Field(max_length=200)] | None = None
    mit_agreement: Literal["unscheduled", "recurring", "installment"] | None = None


class _ThreeDSecure(Part):
    service_provider: Literal["gateway", "thirdParty"]
    mpi_reference: Annotated[str, Field(max_length=20)] | None = None
    # The third is the second's name in the earlier OpenAPI and in Payroc's published client.
    eci: Literal["fullyAuthenticated", "authAttempted", "attemptedAuthentication"] | None = None


class CustomField(Part):
    """Echoed back."""

    name: Annotated[str, Field(min_length=1, max_length=56)]
    value: Annotated[str, Field(min_length=1, max_length=100)]


class CreatePayment(Part):
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


class OrderItem(Part):
    """``amount`` is the new total, not a difference."""

    type: Literal["order"]
    amount: _Amount
    breakdown: TipOnly | None = None


class StatusItem(Part):
    """``ready`` captures what is pending."""

    type: Literal["status"]
    to_status: Literal["ready", "pending"]


class CustomerItem(Part):
    """Other details of the customer."""

    type: Literal["customer"]
    shipping_address: _Shipping | None = None
    contact_methods: list[_Contact] | None = None


class SignatureItem(Part):
    """Cannot be changed once set."""

    type: Literal["signature"]
    cardholder_signature: Annotated[str, Field(min_length=1)]


_AdjustItem = Annotated[
    OrderItem | StatusItem | CustomerItem | SignatureItem, Field(discriminator="type")
]


class Adjust(Part):
    """``POST /payments/{id}/adjust``; several items in one call are carried out together."""

    operator: _Operator | None = None
    adjustments: Annotated[list[_AdjustItem], Field(min_length=1)]


class Capture(Part):
    """``POST /payments/{id}/capture``; no amount captures the total."""

    processing_terminal_id: _Terminal | None = None
    operator: _Operator | None = None
    amount: _Amount | None = None
    breakdown: Breakdown | None = None


class Reverse(Part):
    """``POST /payments/{id}/reverse``; ``amount`` is what to take off, none is all."""

    operator: _Operator | None = None
    amount: _Amount | None = None


class Refund(Part):
    """``POST /payments/{id}/refund``."""

    operator: _Operator | None = None
    amount: _Amount
    description: Annotated[str, Field(min_length=1, max_length=100)]


class Nothing(Part):
    """A body without fields."""


class SingleUseToken(Part):
    """``POST /processing-terminals/{id}/single-use-tokens``; bank accounts are not taken here."""

    channel: Literal["pos", "web", "moto"]
    operator: _Operator | None = None
    source: CardMethod


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
        raise bad_request("currency", "Invalid format", "currency must be one that Payroc takes")
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

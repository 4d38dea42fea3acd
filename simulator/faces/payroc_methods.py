"""How a payment is paid, as Payroc's OpenAPI describes it: cards, tokens and wallets.

A card's data is opaque here, and only told apart from another's; the device that read it has to
be named where the OpenAPI requires it.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

_Name = Annotated[str, Field(max_length=50)]
_Expiry = Annotated[str, Field(pattern=r"^[0-9]{4}$")]
_Cvv = Annotated[str, Field(pattern=r"^[0-9]{3,4}$")]
_Opaque = Annotated[str, Field(min_length=1)]


class Part(BaseModel):
    """What every body and every part of one shares: Payroc's names, strict types."""

    model_config = ConfigDict(
        strict=True, extra="ignore", alias_generator=to_camel, hide_input_in_errors=True
    )


class _Device(Part):
    model: str
    serial_number: Annotated[str, Field(min_length=1, max_length=64)]


class _EncryptingDevice(_Device):
    data_ksn: Annotated[str, Field(min_length=20, max_length=20)]


class PlainText(Part):
    """A card number typed in, as Payroc's own client may send it."""

    data_format: Literal["plainText"]
    device: _Device | None = None
    card_number: Annotated[str, Field(pattern=r"^[0-9]{12,19}$")]
    expiry_date: _Expiry | None = None
    cvv: _Cvv | None = None


class PartlyEncrypted(Part):
    """A card number encrypted by a device that shows its head and its tail."""

    data_format: Literal["partiallyEncrypted"]
    device: _EncryptingDevice
    encrypted_pan: _Opaque
    masked_pan: Annotated[str, Field(pattern=r"^[0-9]{6}.{2,9}[0-9]{4}$")]
    expiry_date: _Expiry
    cvv: _Cvv | None = None


class FullyEncrypted(Part):
    """A card number encrypted by a device."""

    data_format: Literal["fullyEncrypted"]
    device: _EncryptingDevice
    encrypted_data: _Opaque


class Keyed(Part):
    """A card typed in."""

    entry_method: Literal["keyed"]
    cardholder_name: _Name | None = None
    keyed_data: Annotated[
        PlainText | PartlyEncrypted | FullyEncrypted, Field(discriminator="data_format")
    ]


class Raw(Part):
    """A card read by a device that does not encrypt."""

    entry_method: Literal["raw"]
    device: _Device
    raw_data: _Opaque


class Chip(Part):
    """A card whose chip was read."""

    entry_method: Literal["icc"]
    device: _EncryptingDevice
    icc_data: _Opaque


class _EncryptedStripe(Part):
    data_format: Literal["encrypted"]
    device: _EncryptingDevice
    encrypted_data: _Opaque


class _PlainStripe(Part):
    data_format: Literal["plainText"]
    device: _Device
    track_data: Annotated[str, Field(min_length=16, max_length=256)]


class Swiped(Part):
    """A card whose stripe was read."""

    entry_method: Literal["swiped"]
    cardholder_name: _Name | None = None
    swiped_data: Annotated[_EncryptedStripe | _PlainStripe, Field(discriminator="data_format")]


CardDetails = Keyed | Raw | Chip | Swiped


class CardMethod(Part):
    """Payment by card data."""

    type: Literal["card"]
    account_type: Literal["checking", "savings"] | None = None
    card_details: Annotated[CardDetails, Field(discriminator="entry_method")]


class SecureTokenMethod(Part):
    """Payment by a stored token."""

    type: Literal["secureToken"]
    token: Annotated[str, Field(pattern=r"^[0-9]{12,19}$")]


class SingleUseTokenMethod(Part):
    """Payment by a token of the hosted fields."""

    type: Literal["singleUseToken"]
    token: Annotated[str, Field(min_length=128, max_length=128)]


class WalletMethod(Part):
    """Payment by a wallet."""

    type: Literal["digitalWallet"]
    service_provider: Literal["apple", "google"]
    encrypted_data: Annotated[str, Field(min_length=128, max_length=20480)]
    cardholder_name: _Name | None = None


PaymentMethod = CardMethod | SecureTokenMethod | SingleUseTokenMethod | WalletMethod

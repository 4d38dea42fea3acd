"""An account at xMoney: how it is configured, what it can do, how it is opened."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from cardhold.hold import OperationKind
from cardhold.messages import PaymentMethodKind
from gateways.account import AccountSettings, HeaderSecret, Kind, Url, World
from gateways.adapters.xmoney.adapter import Site, XMoney, open_xmoney
from gateways.adapters.xmoney.answers import AmountAfterCapture
from gateways.profile import Profile, Reference, Units

PROFILE = Profile(
    title="xMoney",
    units=Units.DECIMAL_FORM,
    # 32 characters of ^[A-Za-z0-9_\-\.]*$ (API reference 1.0); ours have 24.
    reference=Reference("externalOrderId", 32, frozenset({OperationKind.AUTHORIZE})),
    payment_methods=frozenset({PaymentMethodKind.STORED_TOKEN, PaymentMethodKind.EXISTING_HOLD}),
    asks_guest=True,
    captures_max=1,
    frees_rest=True,
    lists=True,
    release="`DELETE /transaction/{id}`, after a look that shows it open",
)

# A secret key is shown as `sk_test_<key>` or `sk_live_<key>`.
_PREFIXES = ("sk_test_", "sk_live_")


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise PydanticCustomError("ip", "must be an IP address, such as 192.0.2.1") from None


def _whole(secret: SecretStr) -> SecretStr:
    if secret.get_secret_value() in _PREFIXES:
        raise PydanticCustomError("secret", "must go on after its prefix")
    return secret


class XMoneyAccount(AccountSettings):
    """One site of a merchant at xMoney.

    Attributes:
        base_url: Of the API: ``https://api.xmoney.com``, or ``https://api-stage.xmoney.com``.
        api_key: The secret key, with or without its prefix.
        strip_key_prefix: The bearer token is the key without ``sk_live_`` or ``sk_test_``
            (xMoney's Node client; its other client sends it whole).
        site_id: The site's profile.
        amount_after_capture: What a transaction's ``amount`` is after a capture for less.
        fallback_ip: What is sent as the guest's address where the request brings none.
    """

    profile: ClassVar[Profile] = PROFILE

    gateway: Literal["xmoney"]  # pyright: ignore[reportIncompatibleVariableOverride] - narrowed, and frozen
    base_url: Url
    api_key: Annotated[HeaderSecret, AfterValidator(_whole)]
    strip_key_prefix: bool = True
    site_id: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,9}$")]
    amount_after_capture: AmountAfterCapture = "captured"
    fallback_ip: Annotated[str, AfterValidator(_address)] | None = None

    def bearer(self) -> SecretStr:
        """What opens the API."""
        key = self.api_key.get_secret_value()
        if self.strip_key_prefix and key.startswith(_PREFIXES):
            key = key[len(_PREFIXES[0]) :]
        return SecretStr(key)


def _open(settings: XMoneyAccount, world: World) -> XMoney:
    site = Site(
        base_url=settings.base_url,
        site_id=settings.site_id,
        amount_after_capture=settings.amount_after_capture,
        fallback_ip=settings.fallback_ip,
        environment=settings.environment,
        capabilities=settings.capabilities(),
        call_s_max=settings.call_time_out.total_seconds(),
        bearer=settings.bearer(),
    )
    return open_xmoney(site, connections=settings.connections, transport=world.transport)


def _simulated(url: str) -> dict[str, object]:
    return {
        "base_url": f"{url}/xmoney",
        "api_key": SecretStr("any-key-opens-the-simulator"),
        "site_id": "1001",
        "fallback_ip": "127.0.0.1",
    }


KIND = Kind(XMoneyAccount, _open, _simulated)

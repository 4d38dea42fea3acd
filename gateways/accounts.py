"""The accounts we hold cards on: what a configuration may say of one, and how it is opened.

A new gateway is one settings model, one adapter and one line in `KINDS`. Secrets arrive
here resolved: where they come from is the worker's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated, Any, Literal, Protocol
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints
from pydantic_core import PydanticCustomError

from cardhold.fields import Duration, Span
from cardhold.reading import InvalidMessage, read
from domain.capabilities import HOLD_WINDOW, SAFETY_MARGIN, Capabilities
from gateways.adapters.payroc import Site, open_payroc
from gateways.port import Gateway
from gateways.wire import CONNECTIONS

_HEADER_MIN, _HEADER_MAX = "\x21", "\x7e"


def _url(text: str) -> str:
    """An absolute URL to append paths to; in clear only to this machine."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    printable = text.isascii() and text.isprintable() and " " not in text
    if not (host and plain and printable and port != 0):
        raise PydanticCustomError("url", "must be a URL of a host, such as https://api.example.com")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise PydanticCustomError("url_scheme", "must begin with https://, except on this machine")
    return text.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _header_value(secret: SecretStr) -> SecretStr:
    """A secret that fits into a header; httpx would show another one in its error."""
    text = secret.get_secret_value()
    if not text or any(not _HEADER_MIN <= character <= _HEADER_MAX for character in text):
        raise PydanticCustomError("secret", "must be printable ASCII without blanks, and not empty")
    return secret


Url = Annotated[str, StringConstraints(max_length=512), AfterValidator(_url)]
HeaderSecret = Annotated[SecretStr, AfterValidator(_header_value)]
Host = Annotated[
    str, StringConstraints(max_length=253, pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$")
]


class AccountSettings(BaseModel):
    """What every account may say, whatever its gateway. Durations are ISO 8601 text.

    Attributes:
        gateway: The kind of gateway, a name of `KINDS`.
        environment: Which of the gateway's worlds this is; part of every idempotency key.
        hold_window, safety_margin, answer_within, look_up_for, declined_wait, processing_time,
            merchant_category: See `domain.capabilities.Capabilities`.
        call_time_out: How long one call to the gateway may take, its credentials included.
        connections: How many calls may be under way at once.
        allowed_return_hosts: Where guests may be sent back to after 3-D Secure.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    gateway: str
    environment: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")] = "production"
    hold_window: Span = HOLD_WINDOW
    safety_margin: Span = SAFETY_MARGIN
    answer_within: Duration = timedelta(seconds=45)
    look_up_for: Duration = timedelta(minutes=15)
    declined_wait: Duration = timedelta(minutes=30)
    processing_time: Duration = timedelta(minutes=2)
    call_time_out: Duration = timedelta(seconds=20)
    merchant_category: Annotated[str, Field(pattern=r"^\d{4}$")] | None = None
    connections: Annotated[int, Field(ge=1, le=512)] = CONNECTIONS
    allowed_return_hosts: tuple[Host, ...] = Field(default=(), strict=False)

    def capabilities(self) -> Capabilities:
        """The account's own figures; its adapter adds what the gateway can do."""
        return Capabilities(
            processing_time=self.processing_time,
            hold_window=self.hold_window,
            safety_margin=self.safety_margin,
            answer_within=self.answer_within,
            look_up_for=self.look_up_for,
            declined_wait=self.declined_wait,
            merchant_category=self.merchant_category,
        )


class PayrocAccount(AccountSettings):
    """One processing terminal at Payroc (OpenAPI 1.0.294: lengths and channels)."""

    gateway: Literal["payroc"]  # pyright: ignore[reportIncompatibleVariableOverride] - narrowed, and frozen
    base_url: Url
    identity_url: Url
    api_key: HeaderSecret
    processing_terminal_id: Annotated[str, Field(min_length=4, max_length=50)]
    channel: Literal["pos", "web", "moto"] = "web"


class Account(Gateway, Protocol):
    """A gateway's adapter with the connections that it keeps."""

    async def close(self) -> None:
        """Close every connection; a call under way ends without an answer."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of gateway: what its accounts are configured with, and what opens one."""

    settings: type[AccountSettings]
    open: Callable[[Any], Account]


def _open_payroc(settings: PayrocAccount) -> Account:
    site = Site(
        base_url=settings.base_url,
        identity_url=settings.identity_url,
        terminal=settings.processing_terminal_id,
        channel=settings.channel,
        environment=settings.environment,
        capabilities=settings.capabilities(),
        call_s_max=settings.call_time_out.total_seconds(),
        api_key=settings.api_key,
    )
    return open_payroc(site, connections=settings.connections)


#: Every gateway that we speak to.
KINDS: dict[str, Kind] = {
    "payroc": Kind(PayrocAccount, _open_payroc),
}


def read_account(name: str, table: Mapping[str, object]) -> AccountSettings:
    """Read one account's table, its secrets resolved.

    Args:
        name: The account's name, for messages.
        table: As TOML gives it.

    Raises:
        InvalidAccount: Naming the account, the field and its rule, and no value.
    """
    kind = table.get("gateway")
    if not isinstance(kind, str) or kind not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise InvalidAccount(name, f"gateway must be one of: {known}")
    try:
        return read(KINDS[kind].settings, table)
    except InvalidMessage as error:
        wrong = str(error)
    raise InvalidAccount(name, wrong)


def build(name: str, settings: AccountSettings) -> Account:
    """Open an account; nothing is sent before the first call.

    Raises:
        InvalidAccount: Its gateway is none of ours.
    """
    if settings.gateway not in KINDS:
        raise InvalidAccount(name, "gateway is not one that we speak to")
    return KINDS[settings.gateway].open(settings)


class InvalidAccount(ValueError):
    """An account that cannot be used as it is configured; one sentence, and no secret in it."""

    def __init__(self, name: str, wrong: str) -> None:
        super().__init__(f"account '{name}': {wrong}")

"""What every account may say of itself, and what a kind of gateway has to bring along.

Secrets arrive here resolved: where they come from is the worker's business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Annotated, Any, ClassVar, Literal, Protocol
from urllib.parse import urlsplit

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints
from pydantic_core import PydanticCustomError

from cardhold.fields import Duration, Span
from domain.capabilities import HOLD_WINDOW, SAFETY_MARGIN, Capabilities
from gateways.clock import machine_now
from gateways.port import Gateway, Listing
from gateways.profile import Profile
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
        profile: What the gateway can do; of the kind, not of the account.
        gateway: The kind of gateway, a name of `gateways.accounts.KINDS`.
        environment: Which of the gateway's worlds this is; part of every idempotency key.
        hold_window, safety_margin, answer_within, look_up_for, declined_wait, action_wait,
            processing_time, merchant_category: See `domain.capabilities.Capabilities`.
        call_time_out: How long one call to the gateway may take, its credentials included.
        connections: How many calls may be under way at once.
        allowed_return_hosts: Where guests may be sent back to after 3-D Secure; ``*`` is
            anywhere, and for simulated accounts only.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    profile: ClassVar[Profile]

    gateway: str
    environment: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")] = "production"
    hold_window: Span = HOLD_WINDOW
    safety_margin: Span = SAFETY_MARGIN
    answer_within: Duration = timedelta(seconds=45)
    look_up_for: Duration = timedelta(minutes=15)
    declined_wait: Duration = timedelta(minutes=30)
    action_wait: Duration = timedelta(minutes=15)
    processing_time: Duration = timedelta(minutes=2)
    call_time_out: Duration = timedelta(seconds=20)
    merchant_category: Annotated[str, Field(pattern=r"^\d{4}$")] | None = None
    connections: Annotated[int, Field(ge=1, le=512)] = CONNECTIONS
    allowed_return_hosts: tuple[Host | Literal["*"], ...] = Field(default=(), strict=False)

    def capabilities(self) -> Capabilities:
        """What the gateway can do, with the account's own figures."""
        can = self.profile
        return Capabilities(
            payment_methods=can.payment_methods,
            idempotent=can.idempotent,
            key_life=can.key_life,
            raises=can.raises,
            lowers=can.lowers,
            captures_max=can.captures_max,
            frees_rest=can.frees_rest,
            shows_later=can.shows_later,
            shows_expiry=can.shows_expiry,
            processing_time=self.processing_time,
            hold_window=self.hold_window,
            safety_margin=self.safety_margin,
            answer_within=self.answer_within,
            look_up_for=self.look_up_for,
            declined_wait=self.declined_wait,
            action_wait=self.action_wait,
            merchant_category=self.merchant_category,
            return_hosts=frozenset(self.allowed_return_hosts),
        )


class Account(Gateway, Listing, Protocol):
    """A gateway's adapter with the connections that it keeps."""

    async def close(self) -> None:
        """Close every connection; a call under way ends without an answer."""
        ...


@dataclass(frozen=True, slots=True)
class World:
    """What an adapter takes from the world around it.

    Attributes:
        transport: Stands in for the network; None for the real one.
        now: The wall clock, aware; what is measured here goes by the running loop's.
    """

    transport: httpx.AsyncBaseTransport | None = None
    now: Callable[[], datetime] = machine_now


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of gateway.

    Attributes:
        settings: What its accounts are configured with.
        open: Opens one; nothing is sent before the first call.
        simulated: The built-in account's table, for simulators at this URL.
    """

    settings: type[AccountSettings]
    open: Callable[[Any, World], Account]
    simulated: Callable[[str], dict[str, object]]

    @property
    def profile(self) -> Profile:
        """What such a gateway can do."""
        return self.settings.profile

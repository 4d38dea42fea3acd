"""An account at Payroc: how it is configured, what it can do, how it is opened."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field, SecretStr

from cardhold.hold import OperationKind
from cardhold.messages import PaymentMethodKind
from gateways.account import AccountSettings, HeaderSecret, Kind, Url, World
from gateways.adapters.payroc.adapter import Payroc, Site, open_payroc
from gateways.profile import Profile, Reference, Units

PROFILE = Profile(
    title="Payroc",
    units=Units.MINOR,
    reference=Reference("order.orderId", 24, frozenset({OperationKind.AUTHORIZE})),
    key="`Idempotency-Key` header, a UUID v4",
    # Payroc keeps the answer to a key for seven days (docs.payroc.com, idempotency).
    key_life=timedelta(days=7),
    idempotent=frozenset(OperationKind),
    payment_methods=frozenset(PaymentMethodKind),
    raises=True,
    lowers=True,
    captures_max=1,
    frees_rest=True,
    lists=True,
    release="reverse, without an amount",
    batch_cut_off="a reversal after it would be a refund",
)


class PayrocAccount(AccountSettings):
    """One processing terminal at Payroc (OpenAPI 1.0.294: lengths and channels)."""

    profile: ClassVar[Profile] = PROFILE

    gateway: Literal["payroc"]  # pyright: ignore[reportIncompatibleVariableOverride] - narrowed, and frozen
    base_url: Url
    identity_url: Url
    api_key: HeaderSecret
    processing_terminal_id: Annotated[str, Field(min_length=4, max_length=50)]
    channel: Literal["pos", "web", "moto"] = "web"


def _open(settings: PayrocAccount, world: World) -> Payroc:
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
    return open_payroc(site, connections=settings.connections, transport=world.transport)


def _simulated(url: str) -> dict[str, object]:
    return {
        "base_url": f"{url}/payroc/v1",
        "identity_url": f"{url}/payroc",
        "api_key": SecretStr("any-key-opens-the-simulator"),
        "processing_terminal_id": "1001",
    }


KIND = Kind(PayrocAccount, _open, _simulated)

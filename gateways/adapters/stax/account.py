"""An account at Stax: how it is configured, what it can do, how it is opened."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from cardhold.fields import Duration
from cardhold.hold import OperationKind
from cardhold.messages import PaymentMethodKind
from cardhold.money import Currency
from domain.capabilities import Capabilities
from gateways.account import AccountSettings, HeaderSecret, Kind, Url, World
from gateways.adapters.stax.adapter import AMOUNT_FIELDS, Site, Stax, open_stax
from gateways.adapters.stax.answers import Terms
from gateways.profile import Profile, Reference, Units

# Stax does not say how long it remembers an `idempotency_id`. An hour is short for any store of
# keys, and half of it outlasts every wait for a guest.
IDEMPOTENCY_LIFE = timedelta(hours=1)

PROFILE = Profile(
    title="Stax",
    units=Units.DECIMAL,
    reference=Reference("meta.reference", 24, frozenset({OperationKind.AUTHORIZE})),
    key="`idempotency_id` in the body of the charge",
    key_life=IDEMPOTENCY_LIFE,
    idempotent=frozenset({OperationKind.AUTHORIZE}),
    payment_methods=frozenset({PaymentMethodKind.STORED_TOKEN, PaymentMethodKind.EXISTING_HOLD}),
    captures_max=1,
    frees_rest=True,
    lists=True,
    release="void, of all that is held",
    shows_expiry=False,
    batch_cut_off="around 20:00 EST; a capture voided before it is undone, and refunded after it",
)


class StaxAccount(AccountSettings):
    """One merchant at Stax.

    Attributes:
        base_url: Of the API; Stax has one host, and the key says whether it is a sandbox's. Give a
            sandbox's account an `environment` of its own.
        currency: The one that the merchant's account is in: a charge names none.
        capture_amount_fields: Under which names a capture gives its amount.
        captures_per_hold: How many captures the merchant's processor takes of a hold.
        rest_after_capture: What becomes of the rest: the processor frees it, or it has to be
            voided. Several captures leave a rest that has to be voided.
        idempotency_life: How long Stax surely remembers an ``idempotency_id``; half is used.
    """

    profile: ClassVar[Profile] = PROFILE

    gateway: Literal["stax"]  # pyright: ignore[reportIncompatibleVariableOverride] - narrowed, and frozen
    base_url: Url
    api_key: HeaderSecret
    currency: Currency = "USD"
    capture_amount_fields: Literal["both", "total", "amount"] = "both"
    captures_per_hold: Literal["one", "several"] = "one"
    rest_after_capture: Annotated[Literal["freed", "void"], Field(validate_default=True)] = "freed"
    idempotency_life: Duration = IDEMPOTENCY_LIFE

    @field_validator("rest_after_capture")
    @classmethod
    def _several_leave_a_rest(cls, rest: str, info: ValidationInfo) -> str:
        if info.data.get("captures_per_hold") == "several" and rest != "void":
            rule = "must be 'void' where captures_per_hold is 'several': a rest is left to be freed"
            raise PydanticCustomError("rest_after_capture", rule)
        return rest

    def capabilities(self) -> Capabilities:
        """What the merchant's processor can do."""
        its_own = {
            "key_life": self.idempotency_life,
            "captures_max": 1 if self.captures_per_hold == "one" else None,
            "frees_rest": self.rest_after_capture == "freed",
        }
        return super().capabilities().model_copy(update=its_own)


def _open(settings: StaxAccount, world: World) -> Stax:
    keeps_rest = settings.rest_after_capture == "void"
    site = Site(
        base_url=settings.base_url,
        environment=settings.environment,
        capabilities=settings.capabilities(),
        call_s_max=settings.call_time_out.total_seconds(),
        terms=Terms(settings.currency, keeps_rest=keeps_rest),
        amount_fields=AMOUNT_FIELDS[settings.capture_amount_fields],
        api_key=settings.api_key,
    )
    return open_stax(site, connections=settings.connections, transport=world.transport)


def _simulated(url: str) -> dict[str, object]:
    return {
        "base_url": f"{url}/stax",
        "api_key": SecretStr("any-key-opens-the-simulator"),
    }


KIND = Kind(StaxAccount, _open, _simulated)

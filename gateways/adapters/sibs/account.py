"""An account at SIBS: how it is configured, what it can do, how it is opened."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field, SecretStr

from cardhold.fields import Duration
from cardhold.hold import OperationKind
from cardhold.messages import PaymentMethodKind
from domain.capabilities import Capabilities
from gateways.account import AccountSettings, HeaderSecret, Kind, Url, World
from gateways.adapters.sibs.adapter import Sibs, open_sibs
from gateways.adapters.sibs.bodies import Terms
from gateways.adapters.sibs.line import Site
from gateways.adapters.sibs.problems import NAME
from gateways.profile import Profile, Reference, Units

PROFILE = Profile(
    title="SIBS",
    units=Units.DECIMAL,
    reference=Reference("merchant.merchantTransactionId", 24, frozenset(OperationKind)),
    # A token for one use is not among what the Token API takes (Token 2.0.0).
    payment_methods=frozenset({PaymentMethodKind.STORED_TOKEN, PaymentMethodKind.EXISTING_HOLD}),
    asks_guest=True,
    raises=False,
    lowers=True,
    captures_max=None,
    frees_rest=False,
    release="cancellation, with the amount",
    shows_later=False,
    shows_expiry=False,
)


class SibsAccount(AccountSettings):
    """One terminal at SIBS.

    Attributes:
        auth_token: The static bearer token of the Backoffice.
        client_id: What onboarding gave for ``X-IBM-Client-Id``.
        terminal_id: Up to ten digits; sent as a number.
        look_up_by_reference: Whether ``GET /payments/status?merchantTransactionId=`` is served.
            The v1 definition has it; a page on v2 says that the transaction id alone is. Without it
            nothing keeps a reservation that is started a second time from a second hold.
        token_type: What stored tokens are, in SIBS's word.
        amount_qualifier: How the merchant's own authorizations say what their amount is.
        return_url_field: What an order's ``merchant`` calls the URL that the guest comes back to
            after 3-D Secure: ``redirectUrl`` is the form's own name for it, ``shopURL`` one of an
            older page; ``none`` sends none.
        processing_time: Longer than elsewhere: a purchase may be ``InProcessing`` for minutes.
    """

    profile: ClassVar[Profile] = PROFILE

    gateway: Literal["sibs"]  # pyright: ignore[reportIncompatibleVariableOverride] - narrowed, and frozen
    base_url: Url
    auth_token: HeaderSecret
    client_id: HeaderSecret
    terminal_id: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,9}$")]
    channel: Annotated[str, Field(pattern=r"^[a-z]{1,20}$")] = "web"
    look_up_by_reference: bool = True
    token_type: Annotated[str, Field(pattern=r"^[A-Za-z]{1,20}$")] = "Card"  # noqa: S105 - a kind of token, not one
    amount_qualifier: Literal["DEFAULT", "ESTIMATED", "ACTUAL"] = "DEFAULT"
    return_url_field: Literal["redirectUrl", "shopURL", "none"] = "redirectUrl"
    processing_time: Duration = timedelta(minutes=5)

    def capabilities(self) -> Capabilities:
        """What the terminal can do."""
        its_own = {"finds": self.look_up_by_reference}
        return super().capabilities().model_copy(update=its_own)


def _open(settings: SibsAccount, world: World) -> Sibs:
    field = settings.return_url_field
    terms = Terms(
        terminal=int(settings.terminal_id),
        channel=settings.channel,
        token_type=settings.token_type,
        amount_qualifier=settings.amount_qualifier,
        return_url_field=None if field == "none" else field,
    )
    site = Site(
        base_url=settings.base_url,
        terms=terms,
        look_up_by_reference=settings.look_up_by_reference,
        environment=settings.environment,
        capabilities=settings.capabilities(),
        call_s_max=settings.call_time_out.total_seconds(),
        auth_token=settings.auth_token,
        client_id=settings.client_id,
    )
    return open_sibs(
        site, connections=settings.connections, transport=world.transport, now=world.now
    )


def _simulated(url: str) -> dict[str, object]:
    return {
        "base_url": f"{url}/{NAME}/spg/v2",
        "auth_token": SecretStr("any-key-opens-the-simulator"),
        "client_id": SecretStr("any-key-opens-the-simulator"),
        "terminal_id": "1001",
    }


KIND = Kind(SibsAccount, _open, _simulated)

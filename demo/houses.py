"""The hotels of the demo: each has an account at one gateway, and can what that gateway can.

What a gateway can do is asked of its adapter. Beside it stands here, by the gateway's name, what
no adapter declares: in which currency such a hotel would work, and with which figures the
gateway's own documents explain a capture. A gateway that is not named here plays with the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.capabilities import Capabilities
from gateways.account import AccountSettings
from gateways.accounts import KINDS
from worker.cannot_start import CannotStart

#: Whose stories are told when nobody says which, and the word for those of every gateway.
DEFAULT, ALL = "payroc", "all"


@dataclass(frozen=True, slots=True)
class Example:
    """How a gateway's documents explain a capture. Amounts are in the currency's minor unit.

    Attributes:
        held_minor: The hold of a partial capture.
        taken_minor: What is taken of it.
        whole_minor: The hold of which everything is taken.
        part, whole: Where the figures are from, for people; empty where they are made up.
    """

    held_minor: int = 120_00
    taken_minor: int = 75_50
    whole_minor: int = 80_00
    part: str = ""
    whole: str = ""


@dataclass(frozen=True, slots=True)
class _Place:
    currency: str = "USD"
    abroad: str | None = None
    example: Example = field(default_factory=Example)


_PLACES: Mapping[str, _Place] = {
    # Payroc's functional tests (payroc-sdk-dotnet, 2026-02-23).
    "payroc": _Place(example=Example(123_46, 65_32, part=", as in Payroc's own test case")),
    # The examples of docs.pay.sibs.com are in Polish money too ("Pre-authorized capture", 2026).
    "sibs": _Place("EUR", abroad="PLN"),
    # "Pre-Authorization and Capture" (docs.xmoney.com, 2026): 5 of 10 EUR, and 10 of 10.
    "xmoney": _Place(
        "EUR",
        example=Example(
            10_00,
            5_00,
            10_00,
            part=", as in xMoney's own example of a partial capture",
            whole=", as in xMoney's own example of a full capture",
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class House:
    """A hotel.

    Attributes:
        account: Its account, named as the gateway is.
        title: The gateway, as people write its name.
        can: What the account can do.
        asks_guest: The gateway may send the guest through 3-D Secure.
        currency: What it works in.
        abroad: Another currency that its account takes, or the same.
        example: The figures of the gateway's documents.
    """

    account: str
    title: str
    can: Capabilities
    asks_guest: bool
    currency: str
    abroad: str
    example: Example

    @property
    def takes_several(self) -> bool:
        """A hold may be captured more than once."""
        return self.can.captures_max != 1


def chosen(name: str) -> list[str]:
    """The gateways that ``--gateway`` asks for.

    Raises:
        CannotStart: There is none of that name.
    """
    if name == ALL:
        return list(KINDS)
    if name in KINDS:
        return [name]
    known = ", ".join(sorted(KINDS))
    raise CannotStart(f"No gateway is called {name!r}: say one of {known}, or {ALL}.")


def house(name: str, account: AccountSettings) -> House:
    """The hotel with this account."""
    place = _PLACES.get(account.gateway, _Place())
    return House(
        account=name,
        title=account.profile.title,
        can=account.capabilities(),
        asks_guest=account.profile.asks_guest,
        currency=place.currency,
        abroad=place.abroad or place.currency,
        example=place.example,
    )

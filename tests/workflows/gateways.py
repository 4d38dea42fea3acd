"""An account of every kind of gateway in the tests' stack, and a way to play at all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

from cardhold.messages import PaymentMethod
from domain.capabilities import Capabilities
from gateways.account import AccountSettings
from gateways.accounts import KINDS
from gateways.profile import Profile
from tests.conformance.acts import BROWSER, RETURN_URL
from tests.conformance.gateways import UNDERS, Under

Json = dict[str, Any]

# Shorter than the built-in ones', so that a look-up is proof after a second.
_FIGURES = {"processing_time": "PT1S", "call_time_out": "PT5S"}
#: The end of a brief account's name: it gives up on a call after a second.
BRIEF = "-brief"
#: The end of a hasty account's name: its first try lasts no longer than a try ever must.
HASTY = "-hasty"
#: The only host, beside a simulator's own, that a guest may be sent back to.
RETURN_HOST = "book.example"
_HASTY = {"call_time_out": "PT5S", "answer_within": "PT3S"}
_NEVER_CALLED = "http://127.0.0.1:1"


@dataclass(frozen=True, eq=False)
class Place:
    """One account, as a test needs to know it.

    Attributes:
        account: Its name in the stack.
        under: What opens, declines and challenges there.
    """

    account: str
    under: Under

    def __str__(self) -> str:
        return self.account

    @property
    def gateway(self) -> str:
        """The simulated gateway that it is at."""
        return self.under.name

    @cached_property
    def can(self) -> Capabilities:
        """What the account can do."""
        return self.settings(_NEVER_CALLED).capabilities()

    @property
    def profile(self) -> Profile:
        """What its kind of gateway can do."""
        return KINDS[self.gateway].profile

    def settings(self, url: str, **more: str) -> AccountSettings:
        """Its settings, at the simulator at ``url``."""
        told = {**_FIGURES, "allowed_return_hosts": [RETURN_HOST], **more}
        return self.under.settings(url, **told)

    def money(self, amount_minor: int) -> Json:
        """An amount of the account's currency."""
        return {"amount_minor": amount_minor, "currency": self.under.currencies[0]}

    def request(self, amount_minor: int = 100_00) -> Json:
        """The fields of a start that the simulated gateway approves."""
        return {
            "gateway": self.account,
            "amount": self.money(amount_minor),
            "payment_method": as_json(self.under.opens),
        }

    def for_the_guest(self) -> Json:
        """The fields of a start that sends the guest to 3-D Secure."""
        assert self.under.challenged is not None
        return {
            **self.request(),
            "payment_method": as_json(self.under.challenged),
            "return_url": RETURN_URL,
            "browser": BROWSER.model_dump(mode="json"),
        }

    @property
    def card(self) -> Json:
        """The payment method that the simulated gateway approves."""
        return as_json(self.under.opens)


def as_json(method: PaymentMethod) -> Json:
    """A payment method as a caller writes it."""
    return method.model_dump(mode="json", exclude_none=True)


def _account(under: Under) -> str:
    return "-".join([under.name, *under.about.split()])


#: One place for each account of the conformance list.
PLACES = tuple(Place(_account(under), under) for under in UNDERS)
#: Where a hold takes several captures.
SEVERAL = tuple(place for place in PLACES if place.can.captures_max != 1)
#: Where the guest may be sent to 3-D Secure.
ASKING = tuple(place for place in PLACES if place.profile.asks_guest)


def of(gateway_or_account: str) -> Place:
    """The place of that account."""
    return next(place for place in PLACES if place.account == gateway_or_account)


async def everywhere(
    scenario: Callable[[Place], Awaitable[None]], places: Iterable[Place] = PLACES
) -> None:
    """Play a scenario at every place: gateways side by side, the accounts of one in turn.

    The books and the faults of two gateways have nothing to do with each other.
    """
    lanes = [list(lane) for _, lane in groupby(places, key=lambda place: place.gateway)]
    ended = await asyncio.gather(
        *(_one_after_another(scenario, lane) for lane in lanes), return_exceptions=True
    )
    failures = [error for error in ended if isinstance(error, BaseException)]
    if failures:
        raise BaseExceptionGroup("not everywhere", failures)


async def _one_after_another(
    scenario: Callable[[Place], Awaitable[None]], places: Iterable[Place]
) -> None:
    for place in places:
        try:
            await scenario(place)
        except BaseException as error:
            error.add_note(f"at {place}")
            raise


def all_settings(url: str) -> Mapping[str, AccountSettings]:
    """Every place's account, its brief twin and its hasty one, at the simulator at ``url``."""
    twins = {"": {}, BRIEF: {"call_time_out": "PT1S"}, HASTY: _HASTY}
    return {
        place.account + end: place.settings(url, **told)
        for end, told in twins.items()
        for place in PLACES
    }

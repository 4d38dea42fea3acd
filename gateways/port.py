"""What every gateway's adapter offers: five verbs, what it can do, and a list where it has one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.calls import Call
from domain.capabilities import Capabilities
from domain.findings import OpenHold
from domain.outcome import Outcome, Payment


@dataclass(frozen=True, slots=True)
class Named:
    """A call with the two names that its sender has derived for it (`domain.keys`).

    Attributes:
        call: What to do.
        key: The idempotency key.
        reference: The merchant's reference of this operation, at most 24 characters.
        guarded: The key surely lives, so that to send what stands already does nothing twice: a
            look that finds nothing need not have seen everything.
    """

    call: Call
    key: str
    reference: str
    guarded: bool = False


class Gateway(Protocol):
    """One account at one gateway. Every verb is one call, sent once; nothing here retries.

    All verbs raise `gateways.errors.GatewayError` and nothing else, however broken the
    answer is; cancelling one leaves the outcome unknown.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this account can do."""
        ...

    @property
    def environment(self) -> str:
        """Which of the gateway's worlds this is (production, test): part of every key."""
        ...

    async def authorize(self, named: Named) -> Outcome:
        """Place a hold of ``call.amount`` on ``call.payment_method``."""
        ...

    async def adjust(self, named: Named) -> Outcome:
        """Make ``call.amount`` the total that ``call.payment_id`` holds."""
        ...

    async def capture(self, named: Named) -> Outcome:
        """Take ``call.amount`` from ``call.payment_id``."""
        ...

    async def release(self, named: Named) -> Outcome:
        """Free all that ``call.payment_id`` still holds."""
        ...

    async def look_up(self, named: Named) -> Payment | None:
        """How the payment stands now: by ``call.payment_id``, else by ``reference``.

        Returns:
            The payment, or None where the gateway knows of none.
        """
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of what a gateway shows as held.

    Attributes:
        holds: Those of its payments that are open.
        next_page: Asks for the next page; None where this was the last.
    """

    holds: tuple[OpenHold, ...]
    next_page: str | None


class Listing(Protocol):
    """What an account shows as held, for the sweep."""

    @property
    def capabilities(self) -> Capabilities:
        """What this account can do."""
        ...

    @property
    def environment(self) -> str:
        """Which of the gateway's worlds this is: part of every key."""
        ...

    async def open_holds(self, since: datetime, until: datetime, page: str | None = None) -> Listed:
        """One page of the holds that were made in this time and are open now.

        All pages together are all of them, or one of the pages fails: a list that has changed
        under its reader is never passed off as whole. A hold may be on two pages.

        Args:
            since: The same for every page.
            until: The same for every page; where a gateway takes no end, later ones come too.
            page: None for the first one, else what the page before has told.

        Raises:
            GatewayError: `Refused` as NotSupported where the gateway has no such list.
        """
        ...

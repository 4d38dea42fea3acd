"""What every gateway's adapter offers: five verbs, and what it can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from domain.calls import Call
from domain.capabilities import Capabilities
from domain.outcome import Outcome, Payment


@dataclass(frozen=True, slots=True)
class Named:
    """A call with the two names that its sender has derived for it (`domain.keys`).

    Attributes:
        call: What to do.
        key: The idempotency key.
        reference: The merchant's reference of this operation, at most 24 characters.
    """

    call: Call
    key: str
    reference: str


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

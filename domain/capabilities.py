"""What a gateway can do on one account, as its adapter declares it.

The answer to the authorization carries it, and a reservation plans from that recorded
copy for its whole life: a deployment that changes a capability changes no hold that
is already placed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from cardhold.hold import OperationKind
from cardhold.messages import PaymentMethodKind

# Card schemes keep an ordinary online authorization for seven days (Stripe and Checkout.com
# documentation, 2024); half a day before it lapses leaves room for an outage of the gateway.
HOLD_WINDOW = timedelta(days=7)
SAFETY_MARGIN = timedelta(hours=12)
#: In `Capabilities.return_hosts`: wherever the caller says.
ANY_HOST = "*"


class Fact(BaseModel):
    """What we give out to ourselves, and read leniently: a later version may add fields."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Capabilities(Fact):
    """What the planner needs to know of a gateway, and nothing of its name.

    Attributes:
        payment_methods: The kinds of token that the account takes.
        idempotent: The operations whose key makes a second sending harmless.
        key_life: How long such a key lives at the gateway.
        raises: A hold can be raised to a higher total.
        lowers: A hold can be lowered to a smaller total.
        captures_max: How many captures a hold takes; None is "several, up to the total".
        frees_rest: The last capture frees what it did not take, by itself.
        processing_time: After this long the gateway has surely booked, or never will, what it
            was sent: from then on "not found" is proof.
        hold_window: How long a hold lives where neither gateway nor rule says.
        safety_margin: How long before the expiry the deadline is.
        answer_within: How long an update waits for its answer.
        look_up_for: How long an outcome may stay unknown before a person is told.
        declined_wait: How long after a decline another card may be given.
        shows_later: The payment itself shows what was done to it later; otherwise only the
            operations' own references tell.
        shows_expiry: The payment itself shows that it has lapsed; otherwise it is gone when its
            time is over and the gateway refuses to release it.
        finds: An authorization whose answer was lost can be found by our reference.
        action_wait: How long the guest has for 3-D Secure, where the gateway sets no end.
        return_hosts: Where a guest may be sent back to afterwards; ``*`` is anywhere.
        merchant_category: The merchant's category code (ISO 18245), for the expiry rules.
    """

    payment_methods: frozenset[PaymentMethodKind] = frozenset(PaymentMethodKind)
    idempotent: frozenset[OperationKind] = frozenset()
    key_life: timedelta = timedelta(0)
    raises: bool = False
    lowers: bool = False
    captures_max: int | None = 1
    frees_rest: bool = False
    processing_time: timedelta = timedelta(minutes=2)
    hold_window: timedelta = HOLD_WINDOW
    safety_margin: timedelta = SAFETY_MARGIN
    answer_within: timedelta = timedelta(seconds=45)
    look_up_for: timedelta = timedelta(minutes=15)
    declined_wait: timedelta = timedelta(minutes=30)
    merchant_category: str | None = None
    shows_later: bool = True
    shows_expiry: bool = True
    finds: bool = True
    action_wait: timedelta = timedelta(minutes=15)
    return_hosts: frozenset[str] = frozenset()

    def key_lives_until(self, kind: OperationKind, since: datetime) -> datetime | None:
        """Until when a key first sent at ``since`` is relied upon; None where there is none.

        For half of its life: nobody says when exactly a gateway forgets it.
        """
        return since + self.key_life / 2 if kind in self.idempotent else None

    def repeats(self, kind: OperationKind) -> bool:
        """Whether a second one of what follows an authorization would be carried out again.

        It is where no key tells that it is the same one, and a hold takes several captures: where
        it takes one, the second is refused, and so is what would lower it afterwards.
        """
        keyless = self.idempotent.isdisjoint({kind, OperationKind.CAPTURE})
        return keyless and self.captures_max != 1

    def lets_return_to(self, url: str | None) -> bool:
        """Whether a guest may be sent back there; without a URL nobody is."""
        if url is None or ANY_HOST in self.return_hosts:
            return True
        parts = urlsplit(url)
        return not self.return_hosts.isdisjoint({parts.netloc.lower(), parts.hostname or ""})

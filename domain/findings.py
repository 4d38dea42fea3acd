"""What a sweep speaks of: the gateway's open holds, what it finds of them, and its report."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from cardhold.fields import Instant
from cardhold.money import Money
from domain.capabilities import Fact
from domain.keys import is_reference


class OpenHold(Fact):
    """A hold that the gateway shows as open.

    Attributes:
        reference: Our name for it, or somebody else's; None where there is none.
        captured: What was taken of it so far; it is open for the rest.
        booked_at: When it was made, by the gateway's clock; None where it doesn't say.
    """

    payment_id: str
    reference: str | None = None
    authorized: Money
    captured: Money
    booked_at: Instant | None = None

    @property
    def left(self) -> Money:
        """What is still blocked on the card."""
        return self.authorized.plus(-self.captured.amount_minor)

    @property
    def is_named_by_us(self) -> bool:
        """Whether its reference has the shape of ours."""
        return self.reference is not None and is_reference(self.reference)


class FindingKind(StrEnum):
    """What does not agree."""

    ORPHAN = "orphan"
    """A hold under a name of our shape, and no reservation of it is known here."""
    ABANDONED = "abandoned"
    """Its reservation's run was ended from outside."""
    CLOSED_WITH_OPEN_HOLD = "closed_with_open_hold"
    """Its reservation has ended by itself, and the gateway shows it as open."""
    MISSING_AT_GATEWAY = "missing_at_gateway"
    """A reservation holds it, and the gateway does not show it as open."""
    DIFFERS = "differs"
    """The gateway shows other figures than its reservation, or a hold beside the one it keeps."""


class Step(StrEnum):
    """What is done about a finding, and then: what came of it."""

    REPORT = "reported"
    WAIT = "waits"
    RELEASE = "release"
    LOOK = "look"
    RELEASED = "released"
    NOT_RELEASED = "not_released"
    ASKED_TO_LOOK = "asked_to_look"


class Finding(Fact):
    """One thing that does not agree.

    Attributes:
        authorized, captured: As the gateway shows them; None where it shows no such hold.
        recorded: What the reservation says is held.
        since: When a sweep first found it.
    """

    kind: FindingKind
    step: Step
    since: Instant
    reservation_id: str | None = None
    payment_id: str | None = None
    reference: str | None = None
    authorized: Money | None = None
    captured: Money | None = None
    recorded: Money | None = None
    booked_at: Instant | None = None
    detail: str | None = None

    @property
    def key(self) -> tuple[str, str | None, str | None]:
        """What makes it the same finding in two sweeps."""
        return self.kind, self.reservation_id, self.payment_id

    @property
    def needs_person(self) -> bool:
        """Whether somebody has to look: what is released, or will be, needs nobody."""
        return self.step not in {Step.RELEASED, Step.WAIT, Step.RELEASE}


class Counts(Fact):
    """How many holds, or reservations, were nothing to speak of, and why.

    Attributes:
        open: Holds that the gateway shows as open.
        agreed: Of both sides, with the same figures.
        foreign: Named by somebody else: never touched.
        young: Younger than the quarantine: judged by a later sweep.
        lapsed: Older than a hold can be, at a gateway that does not show that it has lapsed.
        busy: Their reservation is at work on them, or a person has been told.
        unasked: Their reservation could not be asked.
    """

    open: int = 0
    agreed: int = 0
    foreign: int = 0
    young: int = 0
    lapsed: int = 0
    busy: int = 0
    unasked: int = 0


class SweepOf(Fact):
    """What the comparison of one account is asked for.

    Attributes:
        at: The instant that everything is judged for.
        quarantine: How old a hold, and the end of its run, has to be.
    """

    account: str
    at: Instant
    quarantine: timedelta


class AccountReport(Fact):
    """What a sweep found of one account.

    Attributes:
        lists: Whether the gateway has a list to compare with.
        failed: Why nothing could be compared; None where it was.
        findings: The first of them.
        more: How many findings there are beside.
    """

    account: str
    lists: bool = True
    failed: str | None = None
    counts: Counts = Counts()
    findings: tuple[Finding, ...] = ()
    more: int = 0

    @property
    def needs_person(self) -> bool:
        """Whether somebody has to look."""
        unfinished = self.failed is not None or self.more > 0
        return unfinished or any(finding.needs_person for finding in self.findings)


class SweepReport(Fact):
    """What a sweep found."""

    at: Instant
    accounts: tuple[AccountReport, ...] = ()

    @property
    def needs_person(self) -> bool:
        """Whether somebody has to look."""
        return any(account.needs_person for account in self.accounts)

"""One hold as the bank knows it: its figures, and every entry that made them.

All amounts are integers in the minor unit of the hold's currency. At any moment

    authorized = captured + released + expired + open

and the figures are what the entries, replayed from the first one, add up to. Both are checked
after every entry.
"""

from datetime import datetime
from enum import StrEnum
from typing import assert_never

from pydantic import BaseModel, ConfigDict, Field


class Kind(StrEnum):
    """What an entry in the books says happened."""

    AUTHORIZE = "authorize"
    ADJUST = "adjust"
    CAPTURE = "capture"
    RELEASE = "release"
    REFUND = "refund"
    EXPIRE = "expire"
    DECLINE = "decline"


class State(StrEnum):
    """Where a hold stands; all but ``OPEN`` are final."""

    OPEN = "open"
    CAPTURED = "captured"
    RELEASED = "released"
    EXPIRED = "expired"
    DECLINED = "declined"


class BooksDoNotBalance(AssertionError):
    """The bank's own books are wrong: a defect of the simulator, never of its caller."""


class Effect(BaseModel):
    """One time that a hold or money really moved.

    ``amount_minor`` is what moved; for ``adjust`` it is the new total authorized, and for
    ``decline`` what was asked for. ``key`` is the idempotency key (or the reference that serves
    as one) of the request behind it; an expiry has none.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    amount_minor: int
    key: str | None
    at: datetime


class Figures(BaseModel):
    """The amounts of one hold, in minor units."""

    authorized_minor: int = 0
    captured_minor: int = 0
    released_minor: int = 0
    expired_minor: int = 0
    refunded_minor: int = 0
    open_minor: int = 0

    def enter(self, kind: Kind, amount_minor: int) -> None:
        """Move the figures as one entry does."""
        match kind:
            case Kind.AUTHORIZE:
                self.authorized_minor += amount_minor
                self.open_minor += amount_minor
            case Kind.ADJUST:
                self.open_minor += amount_minor - self.authorized_minor
                self.authorized_minor = amount_minor
            case Kind.CAPTURE:
                self.open_minor -= amount_minor
                self.captured_minor += amount_minor
            case Kind.RELEASE:
                self.open_minor -= amount_minor
                self.released_minor += amount_minor
            case Kind.EXPIRE:
                self.open_minor -= amount_minor
                self.expired_minor += amount_minor
            case Kind.REFUND:
                self.refunded_minor += amount_minor
            case Kind.DECLINE:
                pass
            case _:
                assert_never(kind)


class Hold(BaseModel):
    """One hold, or one that the issuer declined."""

    gateway: str
    payment_id: str
    reference: str
    currency: str
    state: State = State.OPEN
    figures: Figures = Field(default_factory=Figures)
    effects: list[Effect] = Field(default_factory=list[Effect])

    @property
    def opened_at(self) -> datetime:
        """When the bank authorized or declined it; its life is counted from here."""
        return self.effects[0].at

    @property
    def open_minor(self) -> int:
        """What is still blocked on the card."""
        return self.figures.open_minor

    @property
    def captured_at(self) -> datetime | None:
        """When money was last taken."""
        times = [effect.at for effect in self.effects if effect.kind is Kind.CAPTURE]
        return times[-1] if times else None

    def enter(self, kind: Kind, amount_minor: int, key: str | None, at: datetime) -> None:
        """Write one entry, move the figures and the state, and check that they balance.

        Raises:
            BooksDoNotBalance: The entry is impossible; the bank should have refused it.
        """
        if amount_minor <= 0:
            raise BooksDoNotBalance(f"an entry of {amount_minor} is no movement")
        self.effects.append(Effect(kind=kind, amount_minor=amount_minor, key=key, at=at))
        self.figures.enter(kind, amount_minor)
        self.state = self._state_after(kind)
        self._check()

    def _state_after(self, kind: Kind) -> State:
        if kind is Kind.DECLINE:
            return State.DECLINED
        if self.figures.open_minor > 0:
            return State.OPEN
        if self.figures.captured_minor > 0:
            return State.CAPTURED
        return State.EXPIRED if self.figures.expired_minor > 0 else State.RELEASED

    def _check(self) -> None:
        replayed = Figures()
        for effect in self.effects:
            replayed.enter(effect.kind, effect.amount_minor)
        now = self.figures
        spent = now.captured_minor + now.released_minor + now.expired_minor
        sound = (
            replayed == now
            and now.authorized_minor == spent + now.open_minor
            and min(now.model_dump().values()) >= 0
            and now.refunded_minor <= now.captured_minor
            and (now.open_minor > 0) == (self.state is State.OPEN)
        )
        if not sound:
            raise BooksDoNotBalance(f"{self.gateway}/{self.payment_id}: {self.figures!r}")

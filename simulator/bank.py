"""The true books behind every simulated gateway. No HTTP in it.

The bank does what it is told, once each time it is told: recognizing a replay is the gateway's
business, and whether it did can be read here (``carried_out``). Time passes lazily: a hold that
lapsed, or an outcome that became known, is entered, stamped with the moment it happened, as soon
as somebody looks.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypedDict

from pydantic import BaseModel

from simulator.clock import BankClock, stamp
from simulator.ledger import Hold, Kind, State
from simulator.store import Store

_HOLD = "hold"
_PROMISE = "promise"


class EffectRow(TypedDict):
    """One entry as ``GET /admin/books`` shows it; see ``Effect`` for its meaning."""

    kind: str
    amount_minor: int
    key: str | None
    at: str


class HoldRow(TypedDict):
    """One hold as ``GET /admin/books`` shows it. ``reference`` is the merchant's, as received."""

    gateway: str
    payment_id: str
    reference: str
    state: str
    currency: str
    authorized_minor: int
    captured_minor: int
    released_minor: int
    refunded_minor: int
    effects: list[EffectRow]


class Books(TypedDict):
    """The answer of ``GET /admin/books``."""

    holds: list[HoldRow]


class NotPossible(Exception):
    """The bank was asked for what it cannot do; nothing moved."""


class Promise(BaseModel):
    """An operation whose outcome will be known, and takes effect, only ``at`` a later moment.

    ``amount_minor`` has the meaning of the entry it becomes (``Effect``). With ``approved`` false
    an authorization becomes a declined hold and anything else comes to nothing, as it does when
    the hold is no longer open by then. A ``final`` capture frees the
    rest; a ``captured`` authorization is a sale, captured as soon as it is approved.
    """

    gateway: str
    payment_id: str
    reference: str
    currency: str
    kind: Kind
    amount_minor: int
    key: str
    at: datetime
    approved: bool = True
    final: bool = True
    captured: bool = False


class Bank:
    """Authorizes, adjusts, captures, releases and refunds; the oracle of every test."""

    def __init__(self, store: Store, clock: BankClock) -> None:
        self._store = store
        self.clock = clock
        self._holds: dict[tuple[str, str], Hold] = {}
        self._promises: dict[tuple[str, str], Promise] = {}
        for _, json in store.load(_HOLD):
            hold = Hold.model_validate_json(json)
            self._holds[hold.gateway, hold.payment_id] = hold
        for _, json in store.load(_PROMISE):
            promise = Promise.model_validate_json(json)
            self._promises[promise.gateway, promise.payment_id] = promise

    # What moves holds and money.

    def authorize(  # noqa: PLR0913 - the six facts that a hold consists of, all by name.
        self,
        *,
        gateway: str,
        payment_id: str,
        reference: str,
        currency: str,
        amount_minor: int,
        key: str,
    ) -> Hold:
        """Block ``amount_minor`` on the card."""
        hold = self._new(gateway, payment_id, reference, currency)
        return self._enter(hold, Kind.AUTHORIZE, amount_minor, key)

    def decline(  # noqa: PLR0913 - as `authorize`.
        self,
        *,
        gateway: str,
        payment_id: str,
        reference: str,
        currency: str,
        amount_minor: int,
        key: str,
    ) -> Hold:
        """Note an authorization of ``amount_minor`` that the issuer refused; nothing is blocked."""
        hold = self._new(gateway, payment_id, reference, currency)
        return self._enter(hold, Kind.DECLINE, amount_minor, key)

    def adjust(self, gateway: str, payment_id: str, *, total_minor: int, key: str) -> Hold:
        """Make ``total_minor`` the total authorized, what was captured or released included.

        Raises:
            NotPossible: The hold is not open, or nothing would be left open.
        """
        hold = self._open(gateway, payment_id)
        if total_minor <= hold.figures.authorized_minor - hold.open_minor:
            raise NotPossible("a hold cannot be lowered to what was captured or released")
        if total_minor == hold.figures.authorized_minor:
            return hold  # Nothing moves, so nothing is entered.
        return self._enter(hold, Kind.ADJUST, total_minor, key)

    def capture(
        self, gateway: str, payment_id: str, *, amount_minor: int, key: str, final: bool = True
    ) -> Hold:
        """Take ``amount_minor``; a final capture frees the rest under the same key.

        Raises:
            NotPossible: The hold is not open, or holds less than that.
        """
        hold = self._open(gateway, payment_id)
        self._within(amount_minor, hold.open_minor)
        with self._store.transaction():
            self._enter(hold, Kind.CAPTURE, amount_minor, key)
            if final and hold.open_minor > 0:
                self._enter(hold, Kind.RELEASE, hold.open_minor, key)
        return hold

    def release(
        self, gateway: str, payment_id: str, *, key: str, amount_minor: int | None = None
    ) -> Hold:
        """Free ``amount_minor`` of what is blocked, or all of it.

        Raises:
            NotPossible: The hold is not open, or holds less than that.
        """
        hold = self._open(gateway, payment_id)
        amount_minor = hold.open_minor if amount_minor is None else amount_minor
        self._within(amount_minor, hold.open_minor)
        return self._enter(hold, Kind.RELEASE, amount_minor, key)

    def refund(self, gateway: str, payment_id: str, *, amount_minor: int, key: str) -> Hold:
        """Give captured money back.

        Raises:
            NotPossible: That much was not captured, or was given back already.
        """
        hold = self.hold(gateway, payment_id)
        if hold is None:
            raise NotPossible(f"{gateway} has no payment {payment_id}")
        self._within(amount_minor, hold.figures.captured_minor - hold.figures.refunded_minor)
        return self._enter(hold, Kind.REFUND, amount_minor, key)

    def promise(self, promise: Promise) -> None:
        """Take on an operation whose outcome is known later; one at a time for each payment.

        Raises:
            NotPossible: Another outcome of this payment is still open.
        """
        if self.is_undecided(promise.gateway, promise.payment_id):
            raise NotPossible(f"an operation on {promise.payment_id} is not decided yet")
        self._promises[promise.gateway, promise.payment_id] = promise
        self._store.put(_PROMISE, _name(promise), promise.model_dump_json())

    # What shows the books.

    def hold(self, gateway: str, payment_id: str) -> Hold | None:
        """One hold as it stands now, or None if the bank has none of that id (yet)."""
        self._catch_up(gateway, payment_id)
        return self._holds.get((gateway, payment_id))

    def is_undecided(self, gateway: str, payment_id: str) -> bool:
        """Whether an operation on this payment still waits for its outcome."""
        self._catch_up(gateway, payment_id)
        return (gateway, payment_id) in self._promises

    def holds(self, gateway: str | None = None) -> list[Hold]:
        """All holds as they stand now, oldest first."""
        for place in [*self._holds, *self._promises]:
            self._catch_up(*place)
        return [hold for hold in self._holds.values() if gateway in (None, hold.gateway)]

    def books(self, gateway: str | None = None) -> Books:
        """The books in the shape that ``GET /admin/books`` shows."""
        return {"holds": [_row(hold) for hold in self.holds(gateway)]}

    @property
    def carried_out(self) -> Mapping[str, int]:
        """How often money or a hold moved for each key; anything above 1 is a double booking.

        One request may make several entries of different kinds (a capture and the release of
        the rest), never two of the same kind.
        """
        entries = Counter(
            (effect.key, effect.kind)
            for hold in self.holds()
            for effect in hold.effects
            if effect.key is not None and effect.kind is not Kind.DECLINE
        )
        counts: dict[str, int] = {}
        for (key, _), count in entries.items():
            counts[key] = max(count, counts.get(key, 0))
        return counts

    def reset(self) -> None:
        """Empty the books and set the clock back."""
        with self._store.transaction():
            self._store.clear(_HOLD)
            self._store.clear(_PROMISE)
            self.clock.reset()
        self._holds.clear()
        self._promises.clear()

    # How entries are made.

    def _new(self, gateway: str, payment_id: str, reference: str, currency: str) -> Hold:
        if (gateway, payment_id) in self._holds:
            raise NotPossible(f"{gateway} has a payment {payment_id} already")
        return Hold(gateway=gateway, payment_id=payment_id, reference=reference, currency=currency)

    def _open(self, gateway: str, payment_id: str) -> Hold:
        hold = self.hold(gateway, payment_id)
        if hold is None or hold.state is not State.OPEN:
            raise NotPossible(f"{gateway} has no open hold {payment_id}")
        return hold

    @staticmethod
    def _within(amount_minor: int, most_minor: int) -> None:
        if not 0 < amount_minor <= most_minor:
            raise NotPossible(f"{amount_minor} is not between 1 and {most_minor}")

    def _enter(
        self, hold: Hold, kind: Kind, amount_minor: int, key: str | None, at: datetime | None = None
    ) -> Hold:
        hold.enter(kind, amount_minor, key, at or self.clock.now())
        self._holds[hold.gateway, hold.payment_id] = hold
        self._store.put(_HOLD, _name(hold), hold.model_dump_json())
        return hold

    # How time passes.

    def _catch_up(self, gateway: str, payment_id: str) -> None:
        now = self.clock.now()
        promise = self._promises.get((gateway, payment_id))
        if promise is not None and promise.at <= now:
            self._expire(gateway, payment_id, promise.at)
            self._keep(promise)
        self._expire(gateway, payment_id, now)

    def _expire(self, gateway: str, payment_id: str, now: datetime) -> None:
        hold = self._holds.get((gateway, payment_id))
        if hold is None or hold.state is not State.OPEN:
            return
        lapsed_at = hold.opened_at + self.clock.lifetime
        if lapsed_at <= now:
            # A life that was shortened afterwards may end before the hold's last entry.
            at = max(lapsed_at, hold.effects[-1].at)
            self._enter(hold, Kind.EXPIRE, hold.open_minor, None, at)

    def _keep(self, promise: Promise) -> None:
        with self._store.transaction():
            del self._promises[promise.gateway, promise.payment_id]
            self._store.drop(_PROMISE, _name(promise))
            if promise.kind is Kind.AUTHORIZE:
                self._keep_authorization(promise)
            elif promise.approved:
                self._keep_later_step(promise)

    def _keep_authorization(self, promise: Promise) -> None:
        hold = self._new(promise.gateway, promise.payment_id, promise.reference, promise.currency)
        kind = Kind.AUTHORIZE if promise.approved else Kind.DECLINE
        self._enter(hold, kind, promise.amount_minor, promise.key, promise.at)
        if promise.approved and promise.captured:
            self._enter(hold, Kind.CAPTURE, promise.amount_minor, promise.key, promise.at)

    def _keep_later_step(self, promise: Promise) -> None:
        hold = self._holds[promise.gateway, promise.payment_id]
        if hold.state is not State.OPEN:
            return  # It lapsed first.
        self._enter(hold, promise.kind, promise.amount_minor, promise.key, promise.at)
        if promise.kind is Kind.CAPTURE and promise.final and hold.open_minor > 0:
            self._enter(hold, Kind.RELEASE, hold.open_minor, promise.key, promise.at)


def in_seconds(clock: BankClock, seconds: float) -> datetime:
    """The moment ``seconds`` from now by the bank's clock."""
    return clock.now() + timedelta(seconds=seconds)


def _name(entry: Hold | Promise) -> str:
    return f"{entry.gateway}/{entry.payment_id}"


def _row(hold: Hold) -> HoldRow:
    figures = hold.figures
    return {
        "gateway": hold.gateway,
        "payment_id": hold.payment_id,
        "reference": hold.reference,
        "state": hold.state.value,
        "currency": hold.currency,
        "authorized_minor": figures.authorized_minor,
        "captured_minor": figures.captured_minor,
        "released_minor": figures.released_minor,
        "refunded_minor": figures.refunded_minor,
        "effects": [
            {
                "kind": effect.kind.value,
                "amount_minor": effect.amount_minor,
                "key": effect.key,
                "at": stamp(effect.at),
            }
            for effect in hold.effects
        ],
    }

"""The books balance whatever is done to them.

Method: Hypothesis drives a bank through random operations and a moving clock; after each step the
entries that the admin door would show are added up here, by other code than the bank's.
"""

from datetime import UTC, datetime

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from simulator.bank import Bank, HoldRow, NotPossible, Promise, in_seconds
from simulator.clock import BankClock
from simulator.ledger import Kind
from simulator.store import Store

AMOUNTS = st.integers(min_value=1, max_value=20_000)
NUMBERS = st.integers(min_value=0, max_value=10)


def bank() -> Bank:
    store = Store()
    return Bank(store, BankClock(store))


def authorized(books: Bank, amount_minor: int = 10_000, payment_id: str = "P1") -> None:
    books.authorize(
        gateway="g",
        payment_id=payment_id,
        reference="R",
        currency="USD",
        amount_minor=amount_minor,
        key=f"auth-{payment_id}",
    )


class AnyLife(RuleBasedStateMachine):
    """Random operations on a handful of holds."""

    def __init__(self) -> None:
        super().__init__()
        self.bank = bank()
        self.count = 0
        self.keys = 0

    def key(self) -> str:
        self.keys += 1
        return f"key-{self.keys}"

    def some(self, number: int) -> str:
        return f"P{number % self.count}"

    @rule(amount=AMOUNTS, declined=st.booleans())
    def authorize(self, amount: int, *, declined: bool) -> None:
        book = self.bank.decline if declined else self.bank.authorize
        name = f"P{self.count}"
        key = self.key()
        book(
            gateway="g",
            payment_id=name,
            reference="R",
            currency="EUR",
            amount_minor=amount,
            key=key,
        )
        self.count += 1

    @precondition(lambda self: self.count > 0)
    @rule(
        number=NUMBERS,
        amount=AMOUNTS,
        final=st.booleans(),
        move=st.sampled_from(["adjust", "capture", "release", "release_all", "refund"]),
    )
    def move(self, number: int, amount: int, move: str, *, final: bool) -> None:
        name, key, books = self.some(number), self.key(), self.bank
        before = books.books()
        try:
            match move:
                case "adjust":
                    books.adjust("g", name, total_minor=amount, key=key)
                case "capture":
                    books.capture("g", name, amount_minor=amount, key=key, final=final)
                case "release":
                    books.release("g", name, amount_minor=amount, key=key)
                case "release_all":
                    books.release("g", name, key=key)
                case _:
                    books.refund("g", name, amount_minor=amount, key=key)
        except NotPossible:
            assert before == books.books()

    @precondition(lambda self: self.count > 0)
    @rule(
        number=NUMBERS,
        seconds=st.integers(1, 10 * 86400),
        kind=st.sampled_from([Kind.CAPTURE, Kind.RELEASE]),
        approved=st.booleans(),
    )
    def later(self, number: int, seconds: int, kind: Kind, *, approved: bool) -> None:
        name = self.some(number)
        hold = self.bank.hold("g", name)
        if hold is None or hold.open_minor == 0 or self.bank.is_undecided("g", name):
            return
        promise = Promise(
            gateway="g",
            payment_id=name,
            reference="R",
            currency="EUR",
            kind=kind,
            amount_minor=1,
            key=self.key(),
            at=in_seconds(self.bank.clock, seconds),
            approved=approved,
        )
        self.bank.promise(promise)

    @rule(seconds=st.integers(0, 5 * 86400))
    def wait(self, seconds: int) -> None:
        self.bank.clock.advance(seconds)

    @rule(seconds=st.integers(3600, 20 * 86400))
    def live_for(self, seconds: int) -> None:
        self.bank.clock.live_for(seconds)

    @invariant()
    def entries_add_up(self) -> None:
        for row in self.bank.books()["holds"]:
            check(row)

    @invariant()
    def nothing_moved_twice_for_a_key(self) -> None:
        assert set(self.bank.carried_out.values()) <= {1}


def check(row: HoldRow) -> None:
    """Add one hold's entries up and compare with the figures beside them."""
    sums = dict.fromkeys(Kind, 0)
    total = 0
    for effect in row["effects"]:
        sums[Kind(effect["kind"])] += effect["amount_minor"]
        if effect["kind"] in ("authorize", "adjust"):
            total = effect["amount_minor"]
    spent = sums[Kind.CAPTURE] + sums[Kind.RELEASE] + sums[Kind.EXPIRE]
    shown = [
        row["authorized_minor"],
        row["captured_minor"],
        row["released_minor"],
        row["refunded_minor"],
    ]
    assert [total, sums[Kind.CAPTURE], sums[Kind.RELEASE], sums[Kind.REFUND]] == shown
    assert sums[Kind.REFUND] <= sums[Kind.CAPTURE]
    assert (row["state"] == "open") == (total > spent)
    assert total >= spent
    times = [effect["at"] for effect in row["effects"]]
    assert sorted(times) == times


AnyLife.TestCase.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)
TestAnyLife = AnyLife.TestCase


def test_a_last_capture_frees_the_rest_under_its_own_key() -> None:
    books = bank()
    authorized(books)

    hold = books.capture("g", "P1", amount_minor=6_000, key="cap")

    last = [(effect.kind, effect.amount_minor, effect.key) for effect in hold.effects[1:]]
    assert last == [(Kind.CAPTURE, 6_000, "cap"), (Kind.RELEASE, 4_000, "cap")]
    assert books.carried_out == {"auth-P1": 1, "cap": 1}


def test_a_second_hold_under_one_key_is_counted() -> None:
    books = bank()
    authorized(books, payment_id="P1")
    books.authorize(
        gateway="g",
        payment_id="P2",
        reference="R",
        currency="USD",
        amount_minor=1,
        key="auth-P1",
    )

    assert books.carried_out == {"auth-P1": 2}


def test_several_captures_leave_the_hold_open_until_the_last() -> None:
    books = bank()
    authorized(books)

    books.capture("g", "P1", amount_minor=3_000, key="one", final=False)
    states = [books.books()["holds"][0]["state"]]
    books.capture("g", "P1", amount_minor=2_000, key="two", final=True)
    states.append(books.books()["holds"][0]["state"])

    assert states == ["open", "captured"]


def test_an_expiry_is_stamped_with_the_moment_it_happened() -> None:
    books = bank()
    authorized(books)
    opened_at = datetime.now(UTC)
    books.clock.advance(30 * 86400)

    [row] = books.books()["holds"]

    expired_at = datetime.fromisoformat(row["effects"][-1]["at"])
    assert row["state"] == "expired"
    assert pytest.approx((expired_at - opened_at).total_seconds(), abs=5) == 7 * 86400


def test_a_capture_that_was_promised_after_the_expiry_comes_to_nothing() -> None:
    books = bank()
    authorized(books)
    promise = Promise(
        gateway="g",
        payment_id="P1",
        reference="R",
        currency="USD",
        kind=Kind.CAPTURE,
        amount_minor=10_000,
        key="late",
        at=in_seconds(books.clock, 8 * 86400),
    )
    books.promise(promise)
    books.clock.advance(9 * 86400)

    [row] = books.books()["holds"]

    assert (row["state"], row["captured_minor"]) == ("expired", 0)


def test_an_impossible_move_changes_nothing() -> None:
    books = bank()
    authorized(books)
    before = books.books()

    with pytest.raises(NotPossible):
        books.capture("g", "P1", amount_minor=10_001, key="too much")

    assert before == books.books()

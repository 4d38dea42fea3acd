"""The money adds up after every move, whatever the moves and the amounts (Hypothesis)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cardhold.money import AMOUNT_MINOR_MAX
from domain.ledger import Ledger

AMOUNTS = st.integers(1, AMOUNT_MINOR_MAX // 100)
MOVES = st.lists(st.tuples(st.sampled_from(["raise", "capture", "release", "expire"]), AMOUNTS))


def _sum(ledger: Ledger) -> int:
    return (
        ledger.captured_minor
        + ledger.released_minor
        + ledger.expired_minor
        + ledger.remaining_minor
    )


@given(AMOUNTS, MOVES)
def test_every_move_keeps_the_sum_and_leaves_nothing_below_zero(
    amount: int, moves: list[tuple[str, int]]
) -> None:
    ledger = Ledger("USD")
    ledger.authorize(amount)
    for move, by in moves:
        match move:
            case "raise":
                ledger.authorize(ledger.authorized_minor + by)
            case "capture":
                ledger.capture(by)
            case "release":
                ledger.release()
            case _:
                ledger.expire()
        assert ledger.authorized_minor == _sum(ledger)
        assert ledger.remaining_minor >= 0
        assert min(ledger.captured_minor, ledger.released_minor, ledger.expired_minor) >= 0


@given(AMOUNTS, AMOUNTS)
def test_a_capture_takes_what_it_says_and_raises_what_it_must(held: int, taken: int) -> None:
    ledger = Ledger("USD")
    ledger.authorize(held)
    ledger.capture(taken)
    assert (taken, max(held, taken), max(0, held - taken), 1) == (
        ledger.captured_minor,
        ledger.authorized_minor,
        ledger.remaining_minor,
        ledger.captures,
    )


@given(AMOUNTS, st.lists(AMOUNTS, max_size=4))
def test_released_and_expired_are_exactly_what_was_left(held: int, taken: list[int]) -> None:
    released, expired = Ledger("USD"), Ledger("USD")
    for ledger in (released, expired):
        ledger.authorize(held)
        for amount in taken:
            ledger.capture(amount)
    left = released.remaining_minor
    released.release()
    expired.expire()
    assert (left, 0, 0) == (
        released.released_minor,
        released.expired_minor,
        released.remaining_minor,
    )
    assert (0, left, 0) == (expired.released_minor, expired.expired_minor, expired.remaining_minor)


def test_lowering_lowers_what_is_authorized() -> None:
    ledger = Ledger("USD")
    ledger.authorize(100_00)
    ledger.authorize(60_00)
    assert (
        ledger.authorized_minor,
        ledger.remaining_minor,
        ledger.released_minor,
    ) == (60_00, 60_00, 0)


def test_amounts_are_in_the_holds_own_currency() -> None:
    assert str(Ledger("KWD").money(1_500)) == "1.500 KWD"

"""When a hold lapses and by when we must have acted: each rule with its source, each boundary."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardhold.hold import DeadlineBy, ExpirySource
from cardhold.messages import Initiator
from domain.expiry import LODGING_AND_RENTAL, RULES, WARNING, expiry, rule_for, terms
from tests.domain.records import NOW

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
GUEST, MERCHANT = Initiator.CUSTOMER, Initiator.MERCHANT
STRIPE = "Stripe documentation, place a hold on a payment method (2024)"
EXTENDED = "Stripe documentation, extended authorizations (2024)"
ADYEN = "Adyen documentation, authorisation validity (2024)"
BRAINTREE = "Braintree documentation, managing authorizations (2024)"

CARDS = [
    ("Visa", None, GUEST, 7 * DAY, STRIPE),
    ("VISA Credit", "5411", GUEST, 7 * DAY, STRIPE),
    ("Visa", "7011", GUEST, 30 * DAY, EXTENDED),
    ("Visa", "3501", GUEST, 30 * DAY, EXTENDED),
    ("Visa", "7512", GUEST, 30 * DAY, EXTENDED),
    ("Visa", None, MERCHANT, 4 * DAY + 18 * HOUR, STRIPE),
    ("Visa", "7011", MERCHANT, 4 * DAY + 18 * HOUR, STRIPE),
    ("Visa Electron", "7011", GUEST, 5 * DAY, ADYEN),
    ("Visa Electron", None, MERCHANT, 4 * DAY + 18 * HOUR, STRIPE),
    ("Maestro", None, GUEST, 7 * DAY, BRAINTREE),
    ("MasterCard", None, GUEST, 7 * DAY, STRIPE),
    ("mastercard", "7011", MERCHANT, 7 * DAY, STRIPE),
    ("Amex", None, GUEST, 7 * DAY, STRIPE),
    ("American Express", None, GUEST, 7 * DAY, STRIPE),
    ("Discover", None, GUEST, 7 * DAY, STRIPE),
    ("Diners Club", None, GUEST, 7 * DAY, STRIPE),
]


@pytest.mark.parametrize(("brand", "category", "initiator", "window", "source"), CARDS)
def test_a_card_is_kept_for_as_long_as_its_scheme_says(
    brand: str, category: str | None, initiator: Initiator, window: timedelta, source: str
) -> None:
    rule = rule_for(brand, category, initiator)
    assert rule is not None
    assert (window, source) == (rule.window, rule.source)


def test_every_rule_is_reached_by_one_of_these_cards() -> None:
    reached = {rule_for(brand, category, initiator) for brand, category, initiator, *_ in CARDS}
    assert set(RULES) == reached


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_names_who_publishes_it_and_when(rule: object) -> None:
    assert str(getattr(rule, "source", "")).endswith("(2024)")


@pytest.mark.parametrize("brand", [None, "", "UnionPay", "Carte Bancaire"])
def test_an_unknown_brand_has_no_rule(brand: str | None) -> None:
    assert rule_for(brand, "7011", GUEST) is None


@pytest.mark.parametrize("category", [None, "", "70x1", "5411", "3350", "4000", "7010"])
def test_other_merchants_get_no_long_hold(category: str | None) -> None:
    rule = rule_for("Visa", category, GUEST)
    assert rule is not None
    assert rule.window == 7 * DAY


def test_lodging_and_rental_end_where_the_scheme_ends_them() -> None:
    assert {3351, 3500, 3501, 3999, 7011, 7033} <= LODGING_AND_RENTAL
    assert not {3350, 4000, 7010, 7012, 7514} & LODGING_AND_RENTAL


def test_the_gateways_own_word_comes_first() -> None:
    says = NOW + 40 * DAY
    lapses = expiry(NOW, says, rule_for("Visa", None, GUEST), 7 * DAY)
    assert (says, ExpirySource.GATEWAY) == (lapses.at, lapses.source)


@pytest.mark.parametrize("says", [NOW, NOW - DAY])
def test_a_gateways_word_that_lies_in_the_past_is_no_word(says: datetime) -> None:
    lapses = expiry(NOW, says, None, 7 * DAY)
    assert (lapses.at, lapses.source) == (NOW + 7 * DAY, ExpirySource.DEFAULT)


@pytest.mark.parametrize(
    ("window", "at", "source"),
    [
        (31 * DAY, 7 * DAY, ExpirySource.RULE),
        (7 * DAY, 7 * DAY, ExpirySource.RULE),
        (7 * DAY - timedelta(seconds=1), 7 * DAY - timedelta(seconds=1), ExpirySource.DEFAULT),
        (timedelta(seconds=10), timedelta(seconds=10), ExpirySource.DEFAULT),
    ],
)
def test_of_rule_and_window_the_shorter_counts(
    window: timedelta, at: timedelta, source: ExpirySource
) -> None:
    lapses = expiry(NOW, None, rule_for("Visa", None, GUEST), window)
    assert (NOW + at, source) == (lapses.at, lapses.source)


def test_a_week_is_decided_half_a_day_early_and_told_a_day_before_that() -> None:
    at = terms(NOW, NOW + 7 * DAY, 12 * HOUR, None)
    assert (at.deadline, at.deadline_by) == (NOW + 7 * DAY - 12 * HOUR, DeadlineBy.EXPIRY)
    assert at.deadline - WARNING == at.warn_at
    assert at.give_up_capture_at == NOW + 7 * DAY - 6 * HOUR
    assert at.expires_at == NOW + 7 * DAY


@pytest.mark.parametrize("life", [timedelta(seconds=10), HOUR, 24 * HOUR - timedelta(seconds=1)])
def test_a_margin_is_cut_to_half_of_the_real_window(life: timedelta) -> None:
    at = terms(NOW, NOW + life, 12 * HOUR, None)
    assert (NOW + life / 2, NOW + life * 3 / 4) == (at.deadline, at.give_up_capture_at)


def test_a_margin_of_exactly_half_is_kept() -> None:
    assert terms(NOW, NOW + DAY, 12 * HOUR, None).deadline == NOW + 12 * HOUR


@pytest.mark.parametrize("early", [timedelta(microseconds=1), DAY, 6 * DAY])
def test_a_callers_own_deadline_counts_if_it_is_earlier_and_warns_of_nothing(
    early: timedelta,
) -> None:
    settle_by = NOW + 7 * DAY - 12 * HOUR - early
    at = terms(NOW, NOW + 7 * DAY, 12 * HOUR, settle_by)
    assert (settle_by, DeadlineBy.SETTLE_BY, None) == (at.deadline, at.deadline_by, at.warn_at)
    assert at.give_up_capture_at == NOW + 7 * DAY - 6 * HOUR


@pytest.mark.parametrize("late", [timedelta(0), timedelta(microseconds=1), 30 * DAY])
def test_a_callers_own_deadline_never_outlives_the_hold(late: timedelta) -> None:
    by_expiry = NOW + 7 * DAY - 12 * HOUR
    at = terms(NOW, NOW + 7 * DAY, 12 * HOUR, by_expiry + late)
    assert (by_expiry, DeadlineBy.EXPIRY) == (at.deadline, at.deadline_by)


@pytest.mark.parametrize(
    ("life", "warned_before"), [(10 * DAY, DAY), (2 * DAY + 12 * HOUR, DAY), (36 * HOUR, 12 * HOUR)]
)
def test_a_short_hold_is_warned_of_half_way(life: timedelta, warned_before: timedelta) -> None:
    at = terms(NOW, NOW + life, 12 * HOUR, None)
    assert at.deadline - warned_before == at.warn_at


SPANS = st.timedeltas(timedelta(seconds=10), 31 * DAY)


@given(SPANS, SPANS, st.none() | st.timedeltas(timedelta(seconds=-10), 40 * DAY))
def test_the_hours_of_a_hold_are_always_in_order(
    life: timedelta, margin: timedelta, settle_in: timedelta | None
) -> None:
    settle_by = None if settle_in is None else NOW + settle_in
    at = terms(NOW, NOW + life, margin, settle_by)
    assert at.deadline <= at.give_up_capture_at <= at.expires_at
    assert settle_by is None or at.deadline <= settle_by or at.deadline_by is DeadlineBy.EXPIRY
    assert at.warn_at is None or NOW <= at.warn_at <= at.deadline

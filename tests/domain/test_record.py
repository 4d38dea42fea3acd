"""What a reservation shows: numbers of operations, attentions by urgency, refusals, doubt."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest

from cardhold.hold import AttentionReason, OperationState
from cardhold.messages import Capture
from domain.capabilities import Capabilities
from tests.domain.records import (
    EVERYTHING,
    HELD,
    NOW,
    begin,
    declined,
    held,
    partly_captured,
    starting,
)

A = AttentionReason
URGENT = [
    A.OUTCOME_UNKNOWN, A.EXTERNAL_CHANGE, A.RELEASE_REFUSED, A.CAPTURE_REFUSED, A.EXPIRING_SOON,
]  # fmt: skip


def test_operations_are_numbered_in_order_whatever_they_are() -> None:
    record = partly_captured()
    begin(record, Capture())
    assert [operation.operation_id for operation in record.hold().operations] == [
        "authorize/1",
        "capture/2",
        "capture/3",
    ]
    assert record.entry("capture/3") is record.entries[2]
    assert record.entry("release/3") is None


@pytest.mark.parametrize("order", list(permutations(URGENT, 2)))
def test_the_most_urgent_attention_is_shown_and_the_other_waits(
    order: tuple[AttentionReason, AttentionReason],
) -> None:
    record = held()
    for reason in order:
        record.raise_attention(reason, NOW, f"because of {reason}")
    first, second = sorted(order, key=URGENT.index)
    for reason in (first, second):
        assert record.attention is not None
        assert (reason, f"because of {reason}") == (
            record.attention.reason,
            record.attention.detail,
        )
        record.end_attention(reason)
    assert record.attention is None


def test_an_attention_that_stands_keeps_its_hour_and_takes_the_newest_words() -> None:
    record = held()
    record.raise_attention(A.RELEASE_REFUSED, NOW, "first")
    record.raise_attention(A.RELEASE_REFUSED, NOW + timedelta(hours=1), "second")
    assert record.attention is not None
    assert (record.attention.since, record.attention.detail) == (NOW, "second")


def test_the_last_fifty_refusals_are_kept_and_all_are_counted() -> None:
    record = held()
    for number in range(60):
        record.refuse("capture", NOW, f"number {number}")
    hold = record.hold()
    assert (hold.refused_total, len(hold.refused)) == (60, 50)
    assert (hold.refused[0].why, hold.refused[-1].why) == ("number 10", "number 59")


@pytest.mark.parametrize("state", OperationState)
def test_only_an_undecided_authorization_that_was_sent_is_in_doubt(state: OperationState) -> None:
    record = starting()
    record.entries[0].state = state
    in_doubt = state in {OperationState.SENT, OperationState.UNKNOWN}
    assert (HELD if in_doubt else 0) == record.hold().in_doubt.amount_minor


def test_an_unknown_capture_puts_no_authorization_in_doubt() -> None:
    record = held()
    [entry] = begin(record, Capture())
    entry.state = OperationState.UNKNOWN
    assert record.hold().in_doubt.amount_minor == 0
    assert entry is record.unknown()


def test_before_it_is_placed_a_hold_has_neither_expiry_nor_deadline() -> None:
    for record in (starting(), declined()):
        hold = record.hold()
        assert (
            hold.authorized_at,
            hold.expires_at,
            hold.deadline,
            record.gone_by(),
        ) == (None, None, None, None)


@pytest.mark.parametrize(
    ("fields", "source", "days"),
    [
        ({}, "rule", 7),
        ({"hold_window": "P3D"}, "default", 3),
        ({"hold_window": "P9D"}, "rule", 7),
    ],
)
def test_a_callers_window_counts_where_it_is_the_shorter(
    fields: dict[str, str], source: str, days: int
) -> None:
    hold = held(EVERYTHING, "Visa", **fields).hold()
    assert (source, NOW + timedelta(days=days)) == (hold.expiry_source, hold.expires_at)


def test_the_merchants_own_category_decides_how_long_a_hold_lives() -> None:
    can = Capabilities(merchant_category="7011", hold_window=timedelta(days=31))
    assert NOW + timedelta(days=30) == held(can, brand="Visa Credit").hold().expires_at
    assert NOW + timedelta(days=4, hours=18) == (
        held(can, brand="Visa Credit", initiator="merchant").hold().expires_at
    )


@pytest.mark.parametrize(
    ("fields", "hours"), [({}, 12), ({"safety_margin": "PT1H"}, 1), ({"safety_margin": "P31D"}, 84)]
)
def test_a_callers_margin_replaces_the_accounts(fields: dict[str, str], hours: int) -> None:
    assert NOW + timedelta(days=7, hours=-hours) == held(EVERYTHING, None, **fields).hold().deadline


def test_a_lapsed_hold_is_surely_gone_a_processing_time_after_its_expiry() -> None:
    record = held(Capabilities(processing_time=timedelta(minutes=9)))
    assert NOW + timedelta(days=7, minutes=9) == record.gone_by()

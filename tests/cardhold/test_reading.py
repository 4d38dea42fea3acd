"""What is said of a message that cannot be read: the field and the rule, never the value."""

from __future__ import annotations

import json

import pytest

from cardhold.messages import Adjust, Capture, HoldRequest
from cardhold.reading import MESSAGE_BYTES_MAX, InvalidMessage, read, read_json

SECRET = "s3cret-value"


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ({"amount": SECRET}, "amount must be an amount as text, such as '150.00 USD'"),
        ({"amount": {"amount_minor": 1}}, "amount.currency must be given"),
        ({"amount": {"amount_minor": SECRET, "currency": "USD"}},
         "amount.amount_minor must be a whole number"),
        ({"amount": "1.0 USD"}, "amount must have exactly 2 digits after the point, as USD does"),
        ({"final": SECRET}, "final must be true or false"),
        ({"operator": SECRET * 9}, "operator must be at most 50 characters"),
        ({"reason": "a\x07" + SECRET}, "reason must be free of control characters"),
        ({"reasons": SECRET}, "reasons is not a field of this message"),
    ],
)  # fmt: skip
def test_one_sentence_names_the_field_and_the_rule(message: object, sentence: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        read(Capture, message)

    assert str(caught.value) == sentence
    assert SECRET not in repr(caught.value.__cause__)


def test_a_duration_out_of_bounds_is_told_in_words() -> None:
    with pytest.raises(InvalidMessage, match="must be from 10 seconds to 31 days"):
        read(HoldRequest, {
            "reservation_id": "R", "gateway": "g", "amount": "1.00 USD", "hold_window": "P32D",
            "payment_method": {"kind": "stored_token", "token": "t"},
        })  # fmt: skip


def test_a_name_that_nobody_knows_is_shown_short_and_printable() -> None:
    with pytest.raises(InvalidMessage) as caught:
        read(Capture, {"x\x1b[31m" + "y" * 100: 1})

    assert caught.value.field is not None
    assert caught.value.field.isprintable()
    assert len(caught.value.field) <= 41


def test_a_number_that_cannot_be_written_down_is_refused_as_any_other() -> None:
    with pytest.raises(InvalidMessage, match=r"amount\.amount_minor must be 1000000000000 or less"):
        read(Capture, {"amount": {"amount_minor": 10**5000, "currency": "USD"}})


def test_absence_of_a_message_is_an_empty_one() -> None:
    assert read(Capture, None) == Capture()


def test_a_message_nested_without_end_is_refused() -> None:
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(InvalidMessage):
        read(Adjust, {"amount": deep})


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "nul", "{'a': 1}", b"\xff\xfe", '{"a": NaN}', '{"a": Infinity}',
        '{"a": 1, "a": 2}', '{"a": {"b": 1, "b": 1}}', "[" * 100_000, "1" * 5000,
        " " * (MESSAGE_BYTES_MAX + 1),
    ],
)  # fmt: skip
def test_what_is_not_strict_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(InvalidMessage):
        read_json(text)


def test_json_comes_back_as_it_is() -> None:
    value = {"a": [1, "ä", None, True, {"b": -5}]}

    assert read_json(json.dumps(value)) == value
    assert read_json(json.dumps(value).encode()) == value

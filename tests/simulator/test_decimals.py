"""What the faces that count in major units share: exact decimals, in and out.

Method: the functions alone. Expected figures follow from ISO 4217's digits, not from our table.
"""

import json
from decimal import Decimal

import pytest

from simulator.decimals import Written, major_of, minor_of, plain, read, written


@pytest.mark.parametrize(
    ("major", "currency", "minor"),
    [
        ("10", "EUR", 1000),
        ("0.29", "EUR", 29),
        ("19.200", "EUR", 1920),
        ("1E+2", "USD", 10000),
        ("1500", "JPY", 1500),
        ("1.234", "KWD", 1234),
        ("1.2345", "CLF", 12345),
    ],
)
def test_amounts_go_through_both_ways_without_a_loss(major: str, currency: str, minor: int) -> None:
    assert minor_of(Decimal(major), currency) == minor
    assert major_of(minor, currency) == Decimal(major)


@pytest.mark.parametrize(
    ("major", "currency"),
    [
        ("0", "EUR"),
        ("-1", "EUR"),
        ("0.001", "EUR"),
        ("1.5", "JPY"),
        ("1E+16", "JPY"),
        ("1E+400", "EUR"),
        ("1E-400", "EUR"),
        ("10000000000000.01", "EUR"),
        ("1." + "0" * 30, "EUR"),
    ],
)
def test_what_is_no_amount_is_none(major: str, currency: str) -> None:
    assert minor_of(Decimal(major), currency) is None


@pytest.mark.parametrize(("minor", "text"), [(1, "0.01"), (10, "0.10"), (10_000, "100.00")])
def test_major_units_have_all_digits_and_no_exponent(minor: int, text: str) -> None:
    assert plain(major_of(minor, "EUR")) == text


def test_json_keeps_numbers_as_they_are_spelled() -> None:
    text = '{"a":0.1,"b":[1.10,100.00,{"c":null}],"d":"\\u00e9","e":true}'

    assert written(read(text.encode())) == text


def test_text_that_is_json_already_is_left_alone() -> None:
    assert json.loads(written({"meta": Written('{"tax":2}')})) == {"meta": {"tax": 2}}


@pytest.mark.parametrize("text", [b"NaN", b"[Infinity]", b"-Infinity", b"{"])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each JSON error is a ValueError of its own.
        read(text)

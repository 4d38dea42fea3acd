"""Card numbers are refused wherever they stand, and never repeated.

Hypothesis draws Luhn-valid numbers of the schemes, ways to write them and places to hide them;
an independent Luhn check completes the numbers.
"""

from __future__ import annotations

import json
import random
import time
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardhold.card_data import holds_card_data
from cardhold.messages import Authenticated, Capture, HoldRequest
from cardhold.reading import InvalidMessage, read

_SCHEMES = st.sampled_from([("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16),
                            ("34", 15), ("37", 15)])  # fmt: skip
_TEXT = st.text(st.characters(exclude_categories=["Nd", "Cs"]), max_size=12)


def _with_check_digit(body: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value // 10 + value % 10
    return body + str(-total % 10)


@st.composite
def card_numbers(draw: st.DrawFn) -> str:
    prefix, length = draw(_SCHEMES)
    missing = length - len(prefix) - 1
    rest = draw(st.text("0123456789", min_size=missing, max_size=missing))
    return _with_check_digit(prefix + rest)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, str]:
    """A number, and a way to write it: in groups, in other digits, beside other words."""
    number = draw(card_numbers())
    separator = draw(
        st.sampled_from(
            [
                "",
                " ",
                "-",
                ".",
                "/",
                "_",
                "\u2013",
                "\u00a0",
                "  ",
                " - ",
                "\t",
                "\r\n",
                "\u200b",
                "\u00ad",
            ]
        )
    )
    shown = separator.join(number[at : at + 4] for at in range(0, len(number), 4))
    if draw(st.booleans()):
        shown = shown.translate({ord("0") + n: 0xFF10 + n for n in range(10)})
    beside = draw(st.sampled_from(["", " 12/28", " cvv", " 7"]))
    return number, draw(_TEXT) + shown + beside + draw(_TEXT)


def _places(text: str) -> list[dict[str, object]]:
    return [
        {"description": text},
        {"metadata": {"note": text}},
        {"metadata": {text: "note"}},
        {text: 1},
        {"payment_method": {"kind": "stored_token", "token": text}},
        {"browser": {"user_agent": text}},
        {"unheard_of": [{"deep": [text]}]},
    ]


@given(written())
def test_a_card_number_is_refused_wherever_it_stands_and_never_repeated(
    card: tuple[str, str],
) -> None:
    number, text = card

    for message in _places(text):
        with pytest.raises(InvalidMessage) as caught:
            read(HoldRequest, message)

        assert caught.value.field is None
        assert not any(part in str(caught.value) for part in (number, text, number[-4:]))


@given(card_numbers())
def test_a_card_number_as_a_json_number_is_found(number: str) -> None:
    assert holds_card_data(json.loads(f'{{"token": {number}}}'))


@given(st.text("0123456789", min_size=10, max_size=10))
def test_a_stored_token_of_payroc_is_none(rest: str) -> None:
    assert not holds_card_data({"token": "296753" + rest})


@given(card_numbers(), st.integers(0, 9))
def test_a_number_that_fails_the_luhn_check_is_none(number: str, digit: int) -> None:
    other = number[:-1] + str(digit)

    assert holds_card_data(other) == (other == number)


@pytest.mark.parametrize(
    "name",
    ["cvv", "CVC", "card_number", "cardNumber", "PAN", "track-2", "Card Verification Value"],
)
def test_a_field_named_for_card_data_is_refused_whatever_its_value(name: str) -> None:
    with pytest.raises(InvalidMessage, match="card data"):
        read(Authenticated, {"data": {name: "x"}})


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T15:00:00Z", "RES-20260301-0042", "M2MJOG6O2Y", "150.00 USD",
        "4b9a6c72-78a8-4fc0-901a-e333c995d971", "+49 30 901820", "12345678901234567890",
    ],
)  # fmt: skip
def test_what_bookings_are_full_of_is_no_card_number(text: str) -> None:
    assert not holds_card_data({"reason": text})


def test_a_message_full_of_digits_costs_less_than_a_workflow_task_may_last() -> None:
    began = time.process_time()

    with pytest.raises(InvalidMessage):
        read(Capture, {"reason": "1 " * 120_000})

    assert time.process_time() - began < 1.5


def test_names_that_machines_draw_are_no_card_numbers() -> None:
    draw = random.Random(20)  # noqa: S311 - names, not secrets
    for _ in range(20_000):
        drawn = f"{draw.getrandbits(128):032x}"
        names = (drawn, str(UUID(drawn)), f"order-{UUID(drawn)}-7")
        assert [name for name in names if holds_card_data(name)] == []


@pytest.mark.parametrize("text", ["42424242-4242-4242-0000-000000000000", "4242 - 4242\n42424242"])
def test_a_card_number_in_the_shape_of_something_else_is_found(text: str) -> None:
    assert holds_card_data(text)


@pytest.mark.parametrize(
    "text",
    ["a4111111111111111", "4111111111111111f x", "e 4111 1111 1111 1111", "4000 0000 0000 0002A"],
)
def test_a_letter_beside_a_card_number_hides_nothing(text: str) -> None:
    assert holds_card_data(text)

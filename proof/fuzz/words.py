"""Text and numbers that somebody will send one day: hostile, broken, endless, or a card's."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random

from hypothesis import strategies as st

#: Stands in values that nobody may repeat.
CANARY = "qx7canary0secret"

# First digits and lengths of card schemes' numbers (ISO/IEC 7812, as the schemes publish them).
_SCHEMES = (
    ("4", 16), ("4", 13), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("34", 15),
    ("37", 15), ("6011", 16), ("65", 16), ("3528", 16), ("36", 14), ("62", 19), ("50", 18),
    ("9792", 16), ("2200", 16),
)  # fmt: skip
_GROUP = 4

_NASTY = (
    "", " ", "\t", "\n", "\x00", "a\x00b", "a\r\nb", "\x1b[31mred\x1b[0m", "\u2028", "\u202e",
    "\ufeff", "\ud800", "\udfff\ud800", "\U0010ffff", "ﬀ", "İ", "ß", "é", "e\u0301", "\u200b",
    "null", "true", "None", "NaN", "[]", "{}", "0", "-1", "1e3", "0x10", "١٢٣", "\uff11\uff12", "²",
    "' OR '1'='1", "'; DROP TABLE holds; --", "\\", '"', "`id`", "$(id)", "${env}", "%s%n", "%00",
    "{0.__class__}", "{", "}", "{ge}", "../../etc/passwd", "<script>alert(1)</script>",
    "http://example.com", "https://", "https://127.0.0.1:1/x", "javascript:alert(1)", "//x",
    "2026-03-01", "2026-03-01T15:00:00", "2026-02-30T00:00:00Z", "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z", "2026-03-01T24:00:00Z", "2026-03-01T15:00:60Z",
    "P", "PT", "P1M", "P7D", "PT0S", "-P1D", "P999999D", "PT1.5H", "P999999W",
    "1.00 USD", "1 USD", "1.000 USD", "-1.00 USD", "+1.00 USD", "1.00USD", "1,00 USD", "100 JPY",
    "1.0 JPY", "1.000 KWD", "9999999999999.00 USD", "0.00 USD", "1.00 XXX", "1.00 usd", "1e2 USD",
    "authorize/1", "capture/2", "capture/0", "capture/9999999", "../capture/2", "~", "a~2",
    "signal-0123", "deadline", "start", "cancel", "reservation-RES-1", ".", "..", "-", "--help",
)  # fmt: skip
_LONG = ("x" * 65, "y" * 257, "z" * 513, "ä" * 2049, "w" * 60_000, "7" * 5_000, "[" * 400)


def _luhn_digit(digits: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 if place % 2 else 2)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


@st.composite
def cards(draw: st.DrawFn) -> str:
    """The digits of a card number that some scheme could have given out."""
    prefix, length = draw(st.sampled_from(_SCHEMES))
    rest = draw(st.integers(0, 10 ** (length - len(prefix) - 1) - 1))
    digits = f"{prefix}{rest:0{length - len(prefix) - 1}d}"
    return digits + _luhn_digit(digits)


def _parted(mark: str) -> Callable[[str], str]:
    def spelt(digits: str) -> str:
        groups = (digits[at : at + _GROUP] for at in range(0, len(digits), _GROUP))
        return mark.join(groups)

    return spelt


def _in_script(zero: str) -> Callable[[str], str]:
    return lambda digits: "".join(chr(ord(zero) + int(digit)) for digit in digits)


#: The ways in which people and machines write a card number.
SPELLINGS: tuple[Callable[[str], str], ...] = (
    str, _parted(" "), _parted("-"), _parted("."), _parted(" - "), _parted("\u00a0"),
    _parted("\u2013"), _parted("\u200b"), _parted("_"), _in_script("\uff10"), _in_script("\u0660"),
    lambda digits: f"paid with {digits}, thanks", lambda digits: f"{digits} 12/28",
)  # fmt: skip


def spelt_cards() -> st.SearchStrategy[str]:
    """A card number as somebody may have written it."""

    def spelt(digits: str, spell: Callable[[str], str]) -> str:
        return spell(digits)

    return st.builds(spelt, cards(), st.sampled_from(SPELLINGS))


def words() -> st.SearchStrategy[str]:
    """Text for any place that takes some."""
    return st.one_of(
        st.sampled_from(_NASTY),
        st.sampled_from(_NASTY),
        st.text(max_size=40),
        st.sampled_from(_LONG),
        spelt_cards(),
        st.just(CANARY),
    )


def literals() -> st.SearchStrategy[str]:
    """Numbers as JSON text may hold them, or nearly."""
    fixed = (
        "0", "-0", "1", "-1", "1.0", "1e3", "1E400", "-1e-400", "0.1", "100.5", "1000000000000",
        "1000000000001", "9223372036854775808", "9" * 400, "1" * 5_000, "NaN", "Infinity",
        "-Infinity", "01", "0x10", "1_000", "+1", ".5", "5.", "1e", "--1", "4242424242424242",
        "4242424242424242.0", "true", "false", "null", "nul", "undefined", "'a'",
    )  # fmt: skip
    return st.one_of(st.sampled_from(fixed), st.integers().map(str), st.floats().map(repr))


@dataclass(frozen=True, slots=True)
class Pool:
    """What a few pieces of input are made from: words that Hypothesis has drawn, and chance.

    A draw of Hypothesis's costs more than what is drawn for: one has to last for several pieces.
    """

    seed: int
    words: tuple[str, ...]
    numbers: tuple[str, ...]
    random: Random = field(repr=False)


def pools() -> st.SearchStrategy[Pool]:
    """Words and numbers, and a chance that takes the same course when an example is repeated."""

    def pool(seed: int, some: list[str], numbers: list[str]) -> Pool:
        return Pool(seed, tuple(some), tuple(numbers), Random(seed))  # noqa: S311 - of no secret

    some = st.lists(words(), min_size=2, max_size=6)
    numbers = st.lists(literals(), min_size=1, max_size=4)
    return st.builds(pool, st.integers(0, 2**32 - 1), some, numbers)


def chance(random: Random, share: float) -> bool:
    """Whether it happens, as it does this often."""
    return random.random() < share


def digits_of(text: str) -> str:
    """Nothing but the digits of a text, of whatever script, as ours."""
    return "".join(
        str(unicodedata.decimal(c)) for c in text if unicodedata.decimal(c, None) is not None
    )


def repeats(told: str, planted: Iterable[str]) -> bool:
    """Whether a card number stands in what people are told, however it is spelt there."""
    digits = digits_of(told)
    return any(card in digits for card in planted)


_CARD_LIKE = re.compile(r"(?<!\d)\d{13,19}(?!\d)")


def numbers_in(text: str) -> set[str]:
    """The card numbers in a text that are written without a break; found without the product."""
    found = (run.group() for run in _CARD_LIKE.finditer(text) if run.group().isascii())
    return {run for run in found if _luhn_digit(run[:-1]) == run[-1] and _has_prefix(run)}


def _has_prefix(digits: str) -> bool:
    return any(digits.startswith(prefix) and len(digits) == length for prefix, length in _SCHEMES)

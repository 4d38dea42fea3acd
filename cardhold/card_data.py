"""Keeps card numbers out: tokens only.

A card number is 13 to 19 digits, written with or without separators, that pass the
Luhn check and begin as a card scheme's numbers do (ISO/IEC 7812). A gateway's stored
token may look like one and isn't: Payroc's begin with 296753, which no scheme issues
(payroc.com API reference, secure tokens). Whoever finds one says so without repeating
it, nor the name it stood under, which may be the number itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

# Digits that may be parted by blanks, dots, slashes, dashes or underscores, as people type and
# machines line up: up to three, such as " - ".
_RUN = re.compile(r"(?<!\d)\d(?:[ ./_\-]{0,3}\d){12,}")
_LENGTH_MIN, _LENGTH_MAX = 13, 19
# A number that is longer is no card's; one of 5000 digits Python refuses to write down.
_TOO_LONG = 10**_LENGTH_MAX
# First digits of the schemes that issue cards (ISO/IEC 7812 registrations, as the schemes publish
# them): Visa 4; Mastercard 51-55 and 2221-2720; Amex 34, 37; Discover and UnionPay 60, 62, 64, 65;
# JCB 3528-3589; Diners 30, 36, 38, 39; Maestro 50, 56-59, 61, 63, 66-69; Mir 2200-2204; Troy 9792.
_PREFIXES = re.compile(
    r"4|5[0-9]|6[0-9]|3[4-9]|30|35(2[89]|[3-8])|"
    r"22(0[0-4]|2[1-9]|[3-9])|2[3-6]|27([01]|20)|9792"
)
#: Names that machines draw, as whole words: UUIDs, and hexadecimal object ids and digests of their
#: usual lengths. By chance one in some hundreds holds a run of digits. Each has a letter: without
#: one it is a number in a disguise.
DRAWN = re.compile(
    r"(?<![0-9A-Za-z])(?:(?=[0-9-]*[A-Fa-f])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    r"|(?=[0-9]*[A-Fa-f])(?:[0-9A-Fa-f]{64}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{32}|[0-9A-Fa-f]{24}))"
    r"(?![0-9A-Za-z])"
)
# A digit's character -> that of its double's digits added up, as Luhn doubles every second one.
_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")
_CARD_DATA_NAMES = frozenset({
    "pan", "cardnumber", "cvv", "cvv2", "cvc", "cvc2", "cid", "securitycode", "cardcvv",
    "track1", "track2", "track3", "trackdata", "magstripe", "pinblock", "primaryaccountnumber",
    "cvn", "csc", "cardsecuritycode", "cardverificationcode", "cardverificationvalue",
    "cardno", "ccnumber", "creditcardnumber", "debitcardnumber",
})  # fmt: skip


def is_card_number(digits: str) -> bool:
    """Whether a run of digits alone is a card number's."""
    return (
        _LENGTH_MIN <= len(digits) <= _LENGTH_MAX
        and _PREFIXES.match(digits) is not None
        and _luhn(digits)
    )


def holds_card_data(value: object) -> bool:
    """Whether any text inside ``value``, names included, holds a card number or names card data.

    Args:
        value: What JSON can hold: objects, lists, text, numbers, nested.
    """
    return any(_text_holds(text) for text in _texts(value)) or any(
        _plain_name(name) in _CARD_DATA_NAMES for name in _names(value)
    )


def _text_holds(text: str) -> bool:
    folded = DRAWN.sub("x", _folded(text))
    return any(_run_holds(run.group()) for run in _RUN.finditer(folded))


def _folded(text: str) -> str:
    return "".join(map(_plain_character, text))


def _plain_character(character: str) -> str:
    """Every script's digits, blanks and dashes as ours, since to a person they are the same.

    One character each, and nothing else: NFKC would glue the 1 of a fraction to the number
    before it. What nobody sees, such as a blank of no width, parts nothing.
    """
    if character.isascii():
        return " " if character in "\t\n\r\v\f" else character
    match unicodedata.category(character):
        case "Nd":
            return str(unicodedata.decimal(character))
        case "Zs" | "Zl" | "Zp":
            return " "
        case "Cf":
            return ""
        case "Pd":
            return "-"
        case _:
            return character


def _run_holds(run: str) -> bool:
    """Whether some neighbouring groups of the run make a card number together.

    Not the run as a whole: an expiry date or a room's number often stands beside the number.
    """
    groups = re.split(r"\D", run)
    return any(map(is_card_number, _joined(groups)))


def _joined(groups: Sequence[str]) -> Iterator[str]:
    """Every joining of neighbours that is no longer than a card number."""
    for first in range(len(groups)):
        digits = ""
        for group in groups[first : first + _LENGTH_MAX]:
            digits += group
            if len(digits) > _LENGTH_MAX:
                break
            yield digits


def _luhn(digits: str) -> bool:
    # Bytes and a table, since a message may be all digits and a workflow has no time to lose.
    values = digits.encode()
    doubled = values[-2::-2].translate(_DOUBLED)
    return (sum(values[-1::-2]) + sum(doubled) - ord("0") * len(values)) % 10 == 0


def _texts(value: object) -> Iterator[str]:
    for part in _parts(value):
        if isinstance(part, str):
            yield part
        elif isinstance(part, int) and not isinstance(part, bool) and abs(part) < _TOO_LONG:
            yield str(part)


def _names(value: object) -> Iterator[str]:
    for part in _parts(value):
        if isinstance(part, Mapping):
            mapping = cast("Mapping[object, object]", part)
            yield from (name for name in mapping if isinstance(name, str))


def _parts(value: object) -> Iterator[object]:
    """Every value inside ``value``, without recursion: what comes in may be nested deep."""
    waiting: list[object] = [value]
    while waiting:
        part = waiting.pop()
        yield part
        if isinstance(part, Mapping):
            mapping = cast("Mapping[object, object]", part)
            waiting.extend(mapping.keys())
            waiting.extend(mapping.values())
        elif isinstance(part, Sequence) and not isinstance(part, str | bytes):
            waiting.extend(cast("Sequence[object]", part))


def _plain_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())

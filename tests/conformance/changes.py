"""What can be wrong with an answer that was right: one change at a time, as many as there are."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from gateways.amounts import written

Path = tuple[str | int, ...]
_GONE = object()
_NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)
# As deep as a parser's recursion can be led; no answer of a gateway's is deeper than ten.
_DEEP = 10_000
# More than is ever read, by a little (`gateways.wire.BODY_BYTES_MAX`).
_HUGE = 300_000


@dataclass(frozen=True)
class Change:
    """One answer's body, changed.

    Attributes:
        what: For people: the place, and what stands there now.
        leaf: The place, ``*`` for every index, with ``=null``, ``=gone`` or ``=other`` behind it
            where it became something of another kind; empty for the body as a whole.
        is_amount: A number became another number of the same kind.
    """

    what: str
    body: bytes
    leaf: str = ""
    is_amount: bool = False


def read(body: bytes) -> Any:
    """A body with its numbers as they were written; None where it is no JSON."""
    try:
        return json.loads(body, parse_float=Decimal)
    except ValueError:
        return None


def bodies(body: bytes) -> Iterator[Change]:
    """A body that is not what a gateway would send, as a whole."""
    yield Change("nothing", b"")
    yield Change("blanks", b" \r\n ")
    yield Change(
        "a page", b"<!DOCTYPE html><html><body>Sign in to the hotel's network</body></html>"
    )
    yield Change("another encoding", body.decode().encode("utf-16"))
    yield Change("a list", b"[" + body + b"]")
    yield Change("text", json.dumps(body.decode()).encode())
    for word in (b"null", b"true", b"0", b'""', b"[]", b"{}", b"NaN"):
        yield Change(word.decode(), word)
    yield Change("something behind it", body + b"{}")
    yield Change("it twice", body + body)
    yield Change("deep nesting", b"[" * _DEEP + b"]" * _DEEP)
    yield Change("a deep field", b'{"deep":' * _DEEP + b"1" + b"}" * _DEEP)
    yield Change("a huge body", body[:-1] + b', "x": "' + b"x" * _HUGE + b'"}')
    yield Change("NaN in a field", body[:-1] + b', "x": NaN}')
    yield Change("bytes that are no text", body.replace(b'"', b'"\xff', 1))
    content = read(body)
    if isinstance(content, dict):
        for name in cast("dict[str, Any]", content):
            first = json.dumps(name).encode() + b":1,"
            yield Change(f"{name} twice", b"{" + first + body.lstrip()[1:], name)


def leaves(body: bytes) -> Iterator[Change]:
    """Every value in a body changed in turn: into another of its kind, of another kind, away."""
    content = read(body)
    for path in _paths(content):
        value = _at(content, path)
        for other, is_amount in _others(value):
            if other is _GONE and isinstance(path[-1], int):
                continue  # a shorter list is a whole answer
            place = ".".join("*" if isinstance(step, int) else step for step in path)
            told = "gone" if other is _GONE else written(other)
            place += _kind_of_change(value, other)
            changed = _put(content, path, other)
            what = f"{'.'.join(map(str, path))}: {told}"
            yield Change(what, written(changed).encode(), place, is_amount)


def echoing(body: bytes, secret: str) -> Iterator[Change]:
    """Every text in a body replaced by a secret, or with it behind; amounts are no text."""
    content = read(body)
    for path in _paths(content):
        value = _at(content, path)
        is_text = isinstance(value, str) and not _NUMBER.fullmatch(value)
        for other in (secret, f"{value} {secret}") if is_text else ():
            place = ".".join(map(str, path))
            yield Change(place, written(_put(content, path, other)).encode(), place)


_AMOUNT = re.compile(r"(?i)(amount|total|value)$")


def otherwise_written(body: bytes) -> bytes:
    """The same amounts, each as text where it was a number, and as a number where it was text."""
    return written(_otherwise(read(body))).encode()


def _otherwise(value: Any, name: str = "") -> Any:
    match value:
        case dict():
            fields = cast("dict[str, Any]", value).items()
            return {name: _otherwise(inner, name) for name, inner in fields}
        case list():
            return [_otherwise(inner, name) for inner in cast("list[Any]", value)]
        case int() | Decimal() if _AMOUNT.search(name) and not isinstance(value, bool):
            return str(value)
        case str() if _AMOUNT.search(name) and _NUMBER.fullmatch(value):
            return Decimal(value)
        case _:
            return value


def _paths(value: Any, path: Path = ()) -> Iterator[Path]:
    if path:
        yield path
    if isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            yield from _paths(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(cast("list[Any]", value)):
            yield from _paths(inner, (*path, index))


def _others(value: Any) -> Iterator[tuple[Any, bool]]:
    """What may stand in the place of ``value``; and whether that is only another amount."""
    yield _GONE, False
    yield None, False
    match value:
        case bool():
            yield not value, False
            yield "yes", False
        case int() | Decimal():
            yield value + 1, True
            yield value - 1, True
            yield str(value), False
            yield {}, False
        case str():
            yield f"{value}x", False
            yield "", False
            is_number = bool(_NUMBER.fullmatch(value))
            yield 7, is_number
            if is_number:
                yield str(Decimal(value) + 1), True
                yield Decimal(value), False
        case dict():
            yield {}, False
            yield [], False
        case list():
            yield {}, False
            yield "x", False
        case _:
            yield "x", False
            yield 1, False


def _kind_of_change(value: Any, other: Any) -> str:
    if other is _GONE:
        return "=gone"
    if other is None:
        return "=null"
    return "" if type(other) is type(value) else "=other"


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _put(content: Any, path: Path, other: Any) -> Any:
    changed = copy.deepcopy(content)
    home = _at(changed, path[:-1])
    if other is _GONE:
        del home[path[-1]]
    else:
        home[path[-1]] = other
    return changed

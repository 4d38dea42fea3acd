"""JSON that may be wrong: a tree that can hold what no parser gives, and ways to spoil one."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeAlias, cast

from proof.fuzz.words import chance


@dataclass(frozen=True, slots=True)
class Literal:
    """Text that is written as it is: a number that no float can be, or something that is none."""

    text: str


@dataclass(slots=True)
class Fields:
    """An object in order, in which a name may stand twice."""

    pairs: list[tuple[str, Node]]


@dataclass(frozen=True, slots=True)
class Deep:
    """Nesting that a generator should not build, and a parser has to survive."""

    levels: int
    is_list: bool


Node: TypeAlias = "str | int | bool | Literal | Deep | Fields | list[Node] | None"
_LEVELS = (30, 300, 1_200, 9_000)


def tree(value: object) -> Node:
    """What JSON gave, or could give, as a tree of our own: to be spoilt without harm to others."""
    match value:
        case Mapping():
            fields = cast("Mapping[str, object]", value)
            return Fields([(name, tree(part)) for name, part in fields.items()])
        case list() | tuple():
            return [tree(part) for part in cast("Sequence[object]", value)]
        case str() | bool() | int() | None:
            return value
        case _:
            return Literal(str(value))


def written(node: Node, *, escaped: bool = True) -> str:
    """The tree as JSON text; unescaped, it may hold what is no UTF-8."""
    match node:
        case Literal():
            return node.text
        case Deep():
            opening, closing = ("[", "]") if node.is_list else ('{"a":', "}")
            return f"{opening * node.levels}1{closing * node.levels}"
        case Fields():
            named = (f"{json.dumps(name, ensure_ascii=escaped)}: {written(part, escaped=escaped)}"
                     for name, part in node.pairs)  # fmt: skip
            return f"{{{', '.join(named)}}}"
        case list():
            return f"[{', '.join(written(part, escaped=escaped) for part in node)}]"
        case _:
            return json.dumps(node, ensure_ascii=escaped)


@dataclass(slots=True)
class _Place:
    """Where a value stands, so that something else can be put there."""

    home: Fields | list[Node]
    at: int

    @property
    def value(self) -> Node:
        return self.home.pairs[self.at][1] if isinstance(self.home, Fields) else self.home[self.at]

    def put(self, node: Node) -> None:
        if isinstance(self.home, Fields):
            self.home.pairs[self.at] = (self.home.pairs[self.at][0], node)
        else:
            self.home[self.at] = node


def _places(node: Node) -> list[_Place]:
    found: list[_Place] = []
    waiting = [node]
    while waiting:
        home = waiting.pop()
        if isinstance(home, Fields | list):
            count = len(home.pairs) if isinstance(home, Fields) else len(home)
            inside = [_Place(home, at) for at in range(count)]
            found += inside
            waiting += [place.value for place in inside]
    return found


@dataclass(frozen=True, slots=True)
class Spoiler:
    """What trees are spoilt with.

    Attributes:
        random: Decides where, and how.
        words: Texts to put somewhere.
        literals: Numbers, or nearly, to put somewhere.
        parts: Values out of other trees, which mean something at another place.
    """

    random: Random
    words: Sequence[str]
    literals: Sequence[str]
    parts: Sequence[Node] = ()

    def spoilt(self, node: Node, times: int) -> Node:
        """The tree with so many changes; some of them may leave it as right as it was."""
        root: list[Node] = [node]
        for _ in range(times):
            places = _places(root[0])
            if places and chance(self.random, 0.97):
                self._change(self.random.choice(places))
            else:
                self._change(_Place(root, 0))
        return root[0]

    def _change(self, place: _Place) -> None:
        self.random.choice(_CHANGES)(self, place)

    def drop(self, place: _Place) -> None:
        """Leave it out."""
        if isinstance(place.home, Fields):
            del place.home.pairs[place.at]
        elif len(place.home) > 1:
            del place.home[place.at]
        else:
            place.put(None)

    def null(self, place: _Place) -> None:
        """Nothing in its place."""
        place.put(None)

    def rename(self, place: _Place) -> None:
        """The same under another name."""
        if isinstance(place.home, Fields):
            name, value = place.home.pairs[place.at]
            others = (
                name.upper(),
                f"{name} ",
                f"{name}s",
                name[:-1],
                self.random.choice(self.words),
            )
            place.home.pairs[place.at] = (self.random.choice(others), value)

    def repeat(self, place: _Place) -> None:
        """The same name, or the same entry, once more."""
        if isinstance(place.home, Fields):
            name, value = place.home.pairs[place.at]
            again = self.random.choice((copy.deepcopy(value), None, "x"))
            place.home.pairs.insert(self.random.randint(0, len(place.home.pairs)), (name, again))
        else:
            place.home.append(copy.deepcopy(place.value))

    def add(self, place: _Place) -> None:
        """A field or an entry that nobody asked for."""
        value = self._something()
        if isinstance(place.home, Fields):
            names = ("note", "pan", "cvv", "amount", "command_id", "__proto__", *self.words)
            place.home.pairs.append((self.random.choice(names), value))
        else:
            place.home.append(value)

    def replace(self, place: _Place) -> None:
        """Something else in its place."""
        place.put(self._something())

    def say(self, place: _Place) -> None:
        """Some text in its place, or behind it."""
        word, value = self.random.choice(self.words), place.value
        if isinstance(value, str) and chance(self.random, 0.5):
            word = value + word
        place.put(word)

    def count(self, place: _Place) -> None:
        """A number in its place; where there is one, often one that is near it."""
        value = place.value
        near = isinstance(value, int) and not isinstance(value, bool)
        if near and chance(self.random, 0.6):
            change = self.random.choice(_NEAR)
            place.put(change(cast("int", value)))
        else:
            place.put(Literal(self.random.choice(self.literals)))

    def wrap(self, place: _Place) -> None:
        """The same, one step further in."""
        value = place.value
        twice: Node = [value, copy.deepcopy(value)]
        inside: tuple[Node, ...] = ([value], Fields([("value", value)]), twice, Fields([]))
        place.put(self.random.choice(inside))

    def dig(self, place: _Place) -> None:
        """A pit in its place."""
        place.put(Deep(self.random.choice(_LEVELS), chance(self.random, 0.5)))

    def _something(self) -> Node:
        plain: tuple[Node, ...] = (
            True, False, None, 0, 1, -1, 10**12, 10**12 + 1, "", "x", [], Fields([]), [None],
            self.random.choice(self.words), Literal(self.random.choice(self.literals)),
        )  # fmt: skip
        if self.parts and chance(self.random, 0.5):
            # A copy: a part that were put into itself would have no end.
            return copy.deepcopy(self.random.choice(self.parts))
        return self.random.choice(plain)


_NEAR: tuple[Callable[[int], Node], ...] = (
    lambda value: value + 1,
    lambda value: value - 1,
    lambda value: -value,
    lambda value: value * 100,
    lambda value: Literal(f"{value}.0"),
    lambda value: Literal(f"{value}e0"),
    str,
    bool,
)
_CHANGES: tuple[Callable[[Spoiler, _Place], None], ...] = (
    Spoiler.drop, Spoiler.null, Spoiler.rename, Spoiler.repeat, Spoiler.add, Spoiler.replace,
    Spoiler.replace, Spoiler.say, Spoiler.say, Spoiler.count, Spoiler.count, Spoiler.wrap,
    Spoiler.dig,
)  # fmt: skip

"""What others do at a gateway, against each face; and the laws that watch it, on spoilt witnesses.

A life is played as its plan has it, and breaks no law; then one thing that was seen is changed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from proof.drawing import draw
from proof.laws_gateways import at_the_gateway
from proof.others import Others
from proof.places import PLACES, Place
from proof.plan import Plan
from proof.play import Result, play_plan
from proof.quiet import quiet
from proof.witness import Witness
from proof.world.bank import Bank
from proof.world.loop import BEGINNING

_AMOUNT = 42_420


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet():
        yield


def _others(place: Place) -> Others:
    bank = Bank(place.gateway, random.Random("bank"), lambda: BEGINNING)  # noqa: S311 - repeatable
    return Others(_plan(place), bank)


def _plan(place: Place, **changes: Any) -> Plan:
    """A plan at a place, in which nothing happens but what is named."""
    drawn = draw(1, place.account)
    request = {**drawn.request, "payment_method": dict(place.card)}
    calm: dict[str, Any] = {
        "instructions": (),
        "accidents": (),
        "weather": (),
        "strangers": (),
        "rules": {},
        "adopts": "",
        "heals_at": 0.0,
        "skew_s": 0.0,
    }
    return replace(drawn, **{**calm, "request": request, **changes})


def _effects(book: Any) -> list[tuple[str, bool]]:
    return [(effect["kind"], effect["by_others"]) for effect in book["effects"]]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.account)
@pytest.mark.parametrize(
    ("share", "kinds"), [(0.1, {"capture"}), (0.5, {"capture"}), (0.9, {"release"})]
)
def test_what_somebody_does_at_the_portal_is_marked_as_theirs(
    place: Place, share: float, kinds: set[str]
) -> None:
    async def lay_hands() -> list[Any]:
        others = _others(place)
        await others.elsewhere(_AMOUNT, "open")
        await others.lay_hands(share)
        return list(others.ours())

    [book] = asyncio.run(lay_hands())
    first, *later = _effects(book)
    assert first == ("authorize", False)
    assert later
    assert all(by_others for _, by_others in later)
    assert kinds <= {kind for kind, _ in later}


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.account)
def test_a_second_hold_is_a_duplicate_while_the_first_one_is_young(place: Place) -> None:
    hours = [BEGINNING]

    async def held() -> list[bool]:
        bank = Bank(place.gateway, random.Random("bank"), lambda: hours[-1])  # noqa: S311 - repeatable
        others = Others(_plan(place), bank)
        told = [others.holds_ours_since(300.0)]
        await others.elsewhere(_AMOUNT, "open")
        for minutes in (4, 6):
            hours.append(BEGINNING + timedelta(minutes=minutes))
            told.append(others.holds_ours_since(300.0))
        return told

    assert asyncio.run(held()) == [False, True, False]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.account)
def test_a_strangers_hold_is_none_of_ours(place: Place) -> None:
    async def book() -> tuple[list[Any], list[Any]]:
        others = _others(place)
        await others.book(_AMOUNT, "captured")
        await others.elsewhere(_AMOUNT, "open")
        others.ends_with({"of another payment"})
        return list(others.ours()), list(others.strange())

    ours, strange = asyncio.run(book())
    assert ours == []
    assert [each["captured_minor"] > 0 for each in strange] == [True, False]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.account)
@pytest.mark.parametrize("how", ["open", "more", "unknown"])
def test_a_hold_made_elsewhere_is_taken_over_or_told_of(place: Place, how: str) -> None:
    result = play_plan(_plan(place, adopts=how))
    assert not result.violations
    [told] = [each for each in result.seen.told if each.instruction.name == "authorized"]
    assert (told.error is None) == (how == "open")


def _stray(seen: Witness) -> None:
    effect = {"kind": "capture", "amount_minor": 1, "by_others": False}
    seen.strange = [{"payment_id": "theirs", "reference": "another", "effects": [effect]}]


def _shown_as_ours(seen: Witness) -> None:
    [book] = seen.books
    seen.strange = [{**book, "reference": "another"}]


def _taken_by_others(seen: Witness) -> None:
    [book] = seen.books
    effect = {**book["effects"][0], "kind": "capture", "amount_minor": 1, "by_others": True}
    seen.books = [{**book, "effects": [*book["effects"], effect]}]


def _no_effect(seen: Witness) -> None:
    [book] = seen.books
    seen.books = [{**book, "effects": book["effects"][:1]}]


def _never_freed(seen: Witness) -> None:
    [book] = seen.books
    seen.books = [{**book, "released_minor": 0}]


def _never_held(seen: Witness) -> None:
    seen.books = []


@pytest.mark.parametrize(
    ("spoil", "law"),
    [
        (_stray, "G1"),
        (_shown_as_ours, "G1"),
        (_taken_by_others, "G2"),
        (_no_effect, "G3"),
        (_never_freed, "G4"),
        (_never_held, "G5"),
    ],
)
def test_what_is_wrong_at_the_gateway_breaks_its_law(
    spoil: Callable[[Witness], None], law: str
) -> None:
    result = _released()
    assert not result.violations
    spoil(result.seen)
    assert law in {each.law for each in at_the_gateway(result.seen)}


def _released() -> Result:
    """A hold at Payroc that its deadline frees."""
    plan = _plan(PLACES[0])
    request = {name: told for name, told in plan.request.items() if name != "on_deadline"}
    request.pop("deadline_amount", None)
    return play_plan(replace(plan, request=request))

"""Laws of perfect calm: where nothing has happened, all comes as the contract foretells it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from proof.asks import Instruction, since_beginning
from proof.foretold import ANY, Foretold, lives_by_rule
from proof.witness import Glance, Told, Violation, Witness

Json = Mapping[str, Any]

# What one instruction takes at the most where tasks come late and take long.
_TAKES_S = 30.0
_SEND_S = 20.0
#: Calls of one operation at the most: looks before and after, and the token.
_CALLS = 9


def of_calm(seen: Witness) -> Iterable[Violation]:
    """Every law of these that was broken."""
    if seen.plan.adopts:
        return  # the model knows holds that the run has placed
    view = seen.view
    if view is None or not _is_calm(seen):
        return
    first = view["operations"][0]["decided_at"] if view["operations"] else None
    if first is None or since_beginning(first) > _SEND_S:
        yield Violation("C1", f"the authorization was decided at {first}, in perfect calm")
        return
    model = Foretold(seen.plan, since_beginning(view["authorized_at"] or first))
    if view["authorized_at"] and model.declined_at is not None:
        model.since = model.declined_at = since_beginning(first)
    _by_rule(model, view)
    known = yield from _as_foretold(seen, model)
    if known:
        yield from _ends_as_foretold(seen, view, model)


def _is_calm(seen: Witness) -> bool:
    plan = seen.plan
    # A list that lacks what is new is no calm.
    lacks = "lists_after" in plan.rules
    if lacks or not seen.all_went_well or plan.known_life_s > plan.life_s:
        return False
    if plan.scripted or plan.is_challenged:
        return False
    # A card that is given when the hour is past is held, and freed at once.
    asked = [plan.request, *(each.body or {} for each in plan.instructions)]
    dues = [since_beginning(each["settle_by"]) for each in asked if each.get("settle_by")]
    given = [each.at for each in plan.instructions if each.name == "authorize"]
    if any(at >= due - _TAKES_S for at in given for due in dues):
        return False
    hours = [each.at for each in plan.instructions]
    return all(later - at >= _TAKES_S for at, later in pairwise([0.0, *hours]))


def _by_rule(model: Foretold, view: Json) -> None:
    """A card's scheme may have a shorter rule than anybody's wish: V4 judges whether it has."""
    if view["expires_at"] is None or model.declined_at is not None:
        return
    lapses, placed = since_beginning(view["expires_at"]), since_beginning(view["authorized_at"])
    lives = lives_by_rule(model.plan, lapses - placed)
    if lives is not None:
        model.lapses_at = model.since + lives


def _as_foretold(seen: Witness, model: Foretold) -> Generator[Violation, None, bool]:
    """Live through it side by side; whether the end can be told too."""
    asked: list[Instruction | Glance] = [*seen.plan.instructions, *seen.glances]
    was_declined = model.declined_at is not None
    # While the authorization, or anything else, is under way, either may be shown.
    hours = [0.0, *(each.at for each in seen.plan.instructions)]
    for each in sorted(asked, key=lambda one: one.at):
        model.pass_to(each.at - _TAKES_S)
        if _is_near(each.at, model.next_hour()):
            return False
        model.pass_to(each.at)
        if isinstance(each, Glance):
            if not any(abs(each.at - at) < _TAKES_S for at in hours):
                yield from _glanced(model, each)
            continue
        if model.is_over:
            continue
        error = model.answer(each)
        yield from _answered(seen, model, each, error)
        if was_declined and model.declined_at is None:
            was_declined = False
            if seen.view is not None and seen.view["authorized_at"]:
                model.since = since_beginning(seen.view["authorized_at"])
                _by_rule(model, seen.view)
    return True


def _is_near(at: float, hour: float) -> bool:
    return abs(at - hour) < _TAKES_S


def _changed_at(seen: Witness, asked: Instruction) -> float:
    """When another instruction has come off since this one was given."""
    others = (told for told in seen.told if told.instruction is not asked and told.error is None)
    return min((told.at for told in others if told.asked_at > asked.at), default=float("inf"))


def _answered(
    seen: Witness, model: Foretold, asked: Instruction, error: str | None
) -> Iterator[Violation]:
    if asked.is_signal:
        return
    answers = [told for told in seen.told if told.instruction is asked]
    if not answers:
        yield Violation("C1", f"{asked} was not answered, in perfect calm")
    # A refusal keeps no name: asked once more, it is judged by what is then.
    until = float("inf") if error is None else _changed_at(seen, asked)
    for told in answers:
        if told.asked_at > until:
            continue
        if error not in {told.error, ANY}:
            yield Violation("C1", f"{asked} was {told.error}, and by the contract {error}")
        elif told.at - told.asked_at > _TAKES_S:
            yield Violation("C1", f"{asked} took {told.at - told.asked_at:.0f} s, in perfect calm")
        elif told.hold is not None and asked.is_valid and not asked.asks_later:
            yield from _shows(model, told, told.hold)


def _shows(model: Foretold, told: Told, hold: Json) -> Iterator[Violation]:
    for name, amount in _amounts(model).items():
        if hold[name]["amount_minor"] != amount:
            said = hold[name]["amount_minor"]
            yield Violation("C2", f"after {told.instruction} {name} is {said}, and not {amount}")
    if hold["state"] != model.state:
        yield Violation("C2", f"after {told.instruction} it is {hold['state']}, not {model.state}")
    if model.next_hour() <= told.at:
        return  # the new plan's warning was due already, and may be told in the same answer
    if model.attention is not None and (hold["attention"] is not None) != model.attention:
        yield Violation("C2", f"after {told.instruction} the attention is {hold['attention']}")


def _amounts(model: Foretold) -> dict[str, int]:
    return {
        "authorized": model.total,
        "captured": model.captured,
        "released": model.released,
        "remaining": model.remaining,
        "expired": 0,
        "in_doubt": 0,
    }


def _glanced(model: Foretold, glance: Glance) -> Iterator[Violation]:
    """Whoever only looks sees the same, and what is ahead."""
    for name, amount in _amounts(model).items():
        if glance.hold[name]["amount_minor"] != amount:
            said = glance.hold[name]["amount_minor"]
            yield Violation("C2", f"at {glance.at:.0f} s {name} is {said}, and not {amount}")
    told = glance.hold["attention"] is not None
    if model.attention is not None and told != model.attention:
        yield Violation("C2", f"at {glance.at:.0f} s the attention is {glance.hold['attention']}")
    shown = [
        (
            each["kind"],
            since_beginning(each["at"]),
            each["amount"] and each["amount"]["amount_minor"],
        )
        for each in glance.steps
        if each["kind"] != "look_up"
    ]
    foretold = model.steps()
    same = len(shown) == len(foretold) and all(
        kind == other and abs(at - hour) < _SEND_S and (amount or None) == (whole or None)
        for (kind, at, amount), (other, hour, whole) in zip(shown, foretold, strict=True)
    )
    if not same:
        yield Violation("C4", f"at {glance.at:.0f} s the plan is {shown}, and not {foretold}")


def _ends_as_foretold(seen: Witness, view: Json, model: Foretold) -> Iterator[Violation]:
    model.pass_to(float("1e12"))
    if view["state"] != model.state or view["closed_at"] is None or model.ended_at is None:
        yield Violation("C3", f"it ends as {view['state']}, and by the contract as {model.state}")
        return
    late = since_beginning(view["closed_at"]) - model.ended_at
    if not -1 < late < _TAKES_S:
        yield Violation("C3", f"it ended {late:.0f} s after its hour, in perfect calm")
    for name, amount in _amounts(model).items():
        if view[name]["amount_minor"] != amount:
            said = view[name]["amount_minor"]
            yield Violation("C3", f"at its end {name} is {said}, and not {amount}")
    done = [
        (each["kind"], each["amount"]["amount_minor"])
        for each in view["operations"]
        if each["kind"] != "release"
    ]
    if done != model.operations:
        yield Violation("C3", f"its operations are {done}, and by the contract {model.operations}")
    takes = [
        effect["amount_minor"]
        for book in seen.books
        for effect in book["effects"]
        if effect["kind"] == "capture"
    ]
    if takes != model.takes:
        yield Violation("C3", f"the bank has captured {takes}, and by the contract {model.takes}")
    refused = Counter(each["name"] for each in view["refused"])
    if not model.refused <= refused <= model.refused + model.repeated:
        yield Violation("C3", f"refused are {dict(refused)}, and not {dict(model.refused)}")
    # A list that shows a hold an hour late is asked more often.
    if "lists_after" not in seen.plan.rules and len(seen.exchanges) > _CALLS * (
        1 + len(view["operations"])
    ):
        yield Violation("C5", f"{len(seen.exchanges)} calls for {len(view['operations'])}")

"""Laws of the keys, of what each request says, and of how many there are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from proof.laws_books import figures_around, is_anothers
from proof.names import derived_key
from proof.plan import MANY_RUNS, Plan
from proof.witness import Json, Violation, Witness
from proof.world.line import Exchange

# What is tried again is numbered from the second try on; more of one name would be a storm. Whoever
# calls it not done has it tried once more, hundreds of times.
_TRIES_MAX = 420
# Each gateway's captures name their amount: Payroc's in the minor unit, the others' in the major.
_AMOUNT = re.compile(rb'(?:value|amount)"?[=:] ?"?([0-9.]+)')
_KEY_IN_BODY = re.compile(rb'"idempotency_id": ?"([^"]+)"')
#: More than this for one hold is a storm: a month without a gateway stays far below.
_CALLS_MAX = 900
_CALLS_A_WORD = 60
# A refused release is asked for each hour, as if for the first time: so are its looks.
_CALLS_A_REFUSAL = 20


def of_the_keys(seen: Witness) -> Iterable[Violation]:
    """Every law of these that was broken."""
    plan, place = seen.plan, seen.plan.place
    bodies: dict[str, bytes] = {}
    another = _may_go_with_another_body(plan)
    named = bool(place.keyed) and not _has_nameless(plan)
    keys = _keys(plan) if named else set[str]()
    for exchange in seen.exchanges:
        key = _key_of(exchange)
        if key is not None and exchange.operation not in another:
            if bodies.setdefault(key, exchange.body) != exchange.body:
                yield Violation("S10", f"key {key} was sent with another body")
            if named and key not in keys and key not in _keys(plan, again=True):
                yield Violation(
                    "S10", f"{exchange.operation} went under {key}, which is no key of ours"
                )
        if key is None and exchange.operation in place.keyed:
            yield Violation("S10", f"{exchange.operation} was sent without its key")
        if exchange.operation == "capture" and not _has_an_amount(exchange):
            yield Violation("S6", "a capture was sent without an amount")
        if not exchange.path.startswith(f"/{place.gateway}/"):
            yield Violation("X5", f"a request went to {exchange.path}")
    yield from _within_what_is_held(seen)
    # Each word of a person's that something was not done makes the plan try it once more.
    words = sum(1 for told in seen.told if told.instruction.name == "resolve")
    at_most = _CALLS_MAX * max(len(seen.views), 1) + _CALLS_A_WORD * words
    shown = [view for view in (seen.view, *seen.views) if view is not None]
    at_most += _CALLS_A_REFUSAL * max(map(_refused_releases, shown), default=0)
    if len(seen.exchanges) > at_most and not seen.was_lied_to:
        yield Violation("L7", f"{len(seen.exchanges)} calls for one hold")


def _within_what_is_held(seen: Witness) -> Iterator[Violation]:
    """No capture asks for more than is held: that this bank says no says nothing of another."""
    unsure = any(seen.plan.has(kind) for kind in (*MANY_RUNS, "lie")) or seen.resolved
    if unsure or is_anothers(seen.plan):
        return  # nobody here knows all that was done to it
    known: set[tuple[str, bytes]] = set()
    for each in seen.exchanges:
        amount = _AMOUNT.search(each.body) if each.operation == "capture" else None
        if amount is None or (each.path, amount[1]) in known:
            continue  # what was lost is asked again, and may have been done
        known.add((each.path, amount[1]))
        digits = 0 if seen.plan.place.gateway == "payroc" else seen.plan.place.digits
        asked = int(Decimal(amount[1].decode()).scaleb(digits))
        around = figures_around(seen, each.at)
        most = max(held for _, held, _ in around)
        if asked > most and not any(lapsed for _, _, lapsed in around):
            yield Violation("S4", f"at {each.at:.0f} s {asked} were to be taken of {most}")


def _refused_releases(view: Json) -> int:
    refused = {"declined", "not_done"}
    return sum(1 for e in view["operations"] if e["kind"] == "release" and e["state"] in refused)


def _has_an_amount(exchange: Exchange) -> bool:
    """Each gateway's captures name their amount, in one word or another."""
    return b"mount" in exchange.body or b"total" in exchange.body


def _key_of(exchange: Exchange) -> str | None:
    """Its idempotency key: in the header, or in the body where the gateway wants it there."""
    in_body = _KEY_IN_BODY.search(exchange.body)
    return exchange.key or (in_body[1].decode() if in_body else None)


def _keys(plan: Plan, *, again: bool = False) -> set[str]:
    """Every key of the plan's, or of what is tried again under a name that is numbered."""
    names = {each.command_id for each in plan.instructions if each.command_id}
    names |= {"start", "cancel", "deadline"}
    numbered = {f"{name}~{number}" for name in names for number in range(2, _TRIES_MAX)}
    return {
        derived_key(plan.place, f"reservation-{plan.request['reservation_id']}", kind, name)
        for kind in ("authorize", "adjust", "capture", "release")
        for name in (numbered if again else names)
    }


def _may_go_with_another_body(plan: Plan) -> frozenset[str]:
    """An adjust "by" so much, given to a run that has forgotten it, is another total by now.

    So is what is left to a further run that has heard of no adjust, or of no other plan, or has
    seen more or less of what others captured. The key keeps each from being carried out again.
    """
    forgets = any(plan.has(kind) for kind in MANY_RUNS)
    relative = forgets and any("by" in (each.body or {}) for each in plan.instructions)
    others = plan.has("portal") or plan.knows("overtaken")
    unheard = any(each.name in {"adjust", "reschedule"} for each in plan.instructions)
    apart = forgets and (others or unheard)
    return frozenset({"adjust"} if relative else ()) | frozenset({"capture"} if apart else ())


def _has_nameless(plan: Plan) -> bool:
    """A signal without a name of its own is named by its content, or an update by its id."""
    return any(
        each.command_id is None and each.name in {"adjust", "capture", "release", "authorize"}
        for each in plan.instructions
    )

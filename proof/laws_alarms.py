"""Laws of what people are called for: each attention has its cause, and its hour.

A person who is told that others have moved money excuses much of what a hold says afterwards: so
nobody is told that for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from proof.asks import AUTHORIZE_WITHIN_S, DAY, since_beginning
from proof.laws_books import unknown_adjusts
from proof.laws_shown import all_shown
from proof.places import LOOK_UP_FOR_S
from proof.plan import MANY_RUNS
from proof.witness import A_MOMENT_S, DECIDED, FINAL, UNREAD, Violation, Witness, name_of
from proof.world.line import Exchange

Json = Mapping[str, Any]

_UNDER_WAY = frozenset({"planned", "sent", "unknown"})
#: What is under way in each state that is none of rest.
_DOES: Mapping[str, str] = {
    "authorizing": "authorize",
    "adjusting": "adjust",
    "capturing": "capture",
    "releasing": "release",
}
_REFUSED: Mapping[str, str] = {"capture_refused": "capture", "release_refused": "release"}
_NOT_DONE = frozenset({"declined", "not_done"})
# What the gateway refuses of its own accord; with two of these it has not read what was asked.
_REFUSED_FROM, _SERVER_ERRORS = 400, 500
_UNAUTHORIZED = 401
# The hours that a hold tells are to the second.
_ABOUT_S = 1.0


def of_the_alarms(seen: Witness) -> Iterable[Violation]:
    """Every law of these that was broken, by the first hold that breaks it."""
    said: set[tuple[str, str]] = set()
    alone = not any(seen.plan.has(kind) for kind in (*MANY_RUNS, "lie"))
    for at, hold in all_shown(seen):
        found = [*_of_its_state(hold)]
        if hold["attention"] is not None and alone:
            found += _of_its_cause(hold, hold["attention"])
        for law, what in found:
            if (law, what) not in said:
                said.add((law, what))
                yield Violation(law, f"at {at:.0f} s {what}")
    yield from _in_calm(seen)
    if alone and seen.view is not None:
        yield from _declined_by_nobody(seen, seen.view)
        yield from _refused_by_nobody(seen, seen.view)
        yield from _given_up_by_nobody(seen, seen.view)
    if alone and "external_change" in seen.attentions and not _was_changed(seen):
        yield Violation("N1", "somebody was told of others' doings, and others have done nothing")


def _in_calm(seen: Witness) -> Iterator[Violation]:
    """Where nothing has gone wrong nobody is needed: a guest who stays away is nothing wrong."""
    plan = seen.plan
    lacks = "lists_after" in plan.rules or plan.known_life_s > plan.life_s
    if not seen.all_went_well or plan.adopts or lacks:
        return
    called = seen.attentions - {"expiring_soon"}
    if called:
        yield Violation("N3", f"nothing has gone wrong, and somebody was told {sorted(called)}")


def _of_its_state(hold: Json) -> Iterator[tuple[str, str]]:
    """A state that is none of rest has what it is named after under way."""
    kind = _DOES.get(hold["state"])
    under_way = {each["kind"] for each in hold["operations"] if each["state"] in _UNDER_WAY}
    if kind is not None and kind not in under_way and hold["operations"]:
        yield "V13", f"it is {hold['state']}, and no {kind} is under way"


def _of_its_cause(hold: Json, attention: Json) -> Iterator[tuple[str, str]]:
    if hold["closed_at"] is not None:
        yield "N1", f"all is over, and {attention['reason']} stands"
    reason, since = attention["reason"], since_beginning(attention["since"])
    operations = hold["operations"]
    if reason in _REFUSED:
        kind = _REFUSED[reason]
        ended = [e["state"] for e in operations if e["kind"] == kind and e["state"] in DECIDED]
        if not ended or ended[-1] == "done":
            yield "N1", f"somebody is told {reason}, and each {kind} was {ended}"
    elif reason == "expiring_soon":
        if hold["deadline_by"] != "expiry":
            yield "N1", "somebody was told of the expiry before an hour that the caller chose"
        later = [e for e in operations if since_beginning(e["requested_at"]) > since + _ABOUT_S]
        if later:
            yield "N1", f"told of the expiry still, and {later[0]['operation_id']} came after it"
        placed, due = since_beginning(hold["authorized_at"]), since_beginning(hold["deadline"])
        warns_at = max(due - DAY, placed + (due - placed) / 2)
        if since < warns_at - _ABOUT_S:
            yield "N1", f"somebody was told of the expiry at {attention['since']}, which is early"
    elif reason == "outcome_unknown":
        yield from _of_the_unknown(hold, since)


def _of_the_unknown(hold: Json, since: float) -> Iterator[tuple[str, str]]:
    unknown = [each for each in hold["operations"] if each["state"] not in DECIDED]
    lapsed = hold["expires_at"] and since >= since_beginning(hold["expires_at"])
    if not unknown:
        if not lapsed and hold["state"] not in FINAL:
            yield "N1", "somebody was told that an outcome is unknown, and none is"
        return
    asked_at = min(since_beginning(each["requested_at"]) for each in unknown)
    hours = [since_beginning(hold[name]) for name in ("deadline", "expires_at") if hold[name]]
    is_early = since < asked_at + LOOK_UP_FOR_S - _ABOUT_S
    if is_early and not any(hour <= since + _ABOUT_S for hour in hours):
        yield "N1", f"after {since - asked_at:.0f} s somebody was told of what is unknown"


def _declined_by_nobody(seen: Witness, view: Json) -> Iterator[Violation]:
    """No card is called declined that nobody has declined, and that holds what was asked for."""
    said = [e for e in view["operations"] if (e["kind"], e["state"]) == ("authorize", "declined")]
    effects = [[effect["kind"] for effect in book["effects"]] for book in seen.books]
    # What the guest was asked for in vain, or is less than was asked for, is given back.
    ended = [kinds for kinds in effects if kinds[0] == "decline" or kinds[-1] != "authorize"]
    # An order that was called off reads as declined, at SIBS, also to a run that has forgotten so.
    released = [each for each in view["operations"] if each["kind"] == "release"]
    if any(seen.plan.has(kind) for kind in MANY_RUNS):
        released = [each for each in seen.exchanges if each.operation == "release"]
    called_off = len(released)
    if len(said) > len(ended) + called_off and not seen.resolved:
        yield Violation("N2", f"{said[-1]['operation_id']} is declined, and by nobody")


def _refused_by_nobody(seen: Witness, view: Json) -> Iterator[Violation]:
    """What was lost is found, or sent again: nothing is called refused that nobody has refused."""
    if seen.resolved or _was_changed(seen) or seen.plan.has("cancel"):
        return
    undone = set[str]()
    for each in view["operations"]:
        since, until = each["requested_at"], each["decided_at"]
        name = name_of(each)
        # What was to follow what is not done is not sent.
        follows = name in undone
        undone |= set() if each["state"] == "done" else {name}
        if each["state"] not in _NOT_DONE or until is None:
            continue
        if each["kind"] == "authorize" or follows:
            continue
        first, last = since_beginning(since) - A_MOMENT_S, since_beginning(until) + A_MOMENT_S
        # A hold is lowered, at some gateways, by freeing a part of it.
        sent_as = {each["kind"], "release"} if each["kind"] == "adjust" else {each["kind"]}
        its = [e for e in seen.exchanges if e.operation in sent_as and first <= e.at <= last]
        was_declined = [e.fault for e in its] == ["decline"] and its[0].seen
        # What asks for more than is left, as a total is unknown, the gateway refuses as wrong.
        if each["state"] == "not_done" and was_declined and not any(unknown_adjusts(view, each)):
            yield Violation("N2", f"{each['operation_id']} was declined, and is not_done")
        if not any(map(_is_refusal, its)):
            yield Violation("N2", f"{each['operation_id']} is {each['state']}, by nobody's word")


def _given_up_by_nobody(seen: Witness, view: Json) -> Iterator[Violation]:
    """A card that is given up before its time was refused by somebody, or called off."""
    if seen.resolved or seen.plan.adopts or "authorize_by" in seen.plan.request:
        return
    for number, each in enumerate(view["operations"]):
        is_over = (each["kind"], each["state"]) == ("authorize", "not_done")
        called_off = any(e["kind"] == "release" for e in view["operations"][number + 1 :])
        if not is_over or called_off or each["decided_at"] is None:
            continue
        since, until = since_beginning(each["requested_at"]), since_beginning(each["decided_at"])
        its = [e for e in seen.exchanges if since - A_MOMENT_S <= e.at <= until + A_MOMENT_S]
        if until < since + AUTHORIZE_WITHIN_S - _ABOUT_S and not _was_refused(seen, its):
            yield Violation("N2", f"{each['operation_id']} was given up, and refused by nobody")


def _was_refused(seen: Witness, its: Iterable[Exchange]) -> bool:
    """Whether anything was refused: of a token alone nobody knows whether another one would be."""
    told = [(e.operation, e.status) for e in its if e.status is not None]
    refused = [each for each in told if _REFUSED_FROM <= each[1] < _SERVER_ERRORS]
    renews = any(each.operation == "token" for each in seen.exchanges)
    return bool(refused) and not (renews and refused == [("authorize", _UNAUTHORIZED)])


def _is_refusal(each: Exchange) -> bool:
    status = each.own_status
    of_its_own = status is not None and _REFUSED_FROM <= status < _SERVER_ERRORS
    return each.fault in {"decline", "stay_pending"} or (of_its_own and status not in UNREAD)


def _was_changed(seen: Witness) -> bool:
    """Whether the gateway may show what the run has not done."""
    if seen.resolved or seen.plan.adopts or seen.happened["approve_less"]:
        return True
    # A run that has found a decline cannot tell whether a run before it was given another card.
    operations: Iterable[Json] = seen.view["operations"] if seen.view is not None else ()
    if any((each["kind"], each["state"]) == ("authorize", "declined") for each in operations):
        return True
    return any(e["by_others"] or e["kind"] == "expire" for b in seen.books for e in b["effects"])

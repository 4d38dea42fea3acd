"""Laws that hold what was shown against the bank's books of that moment, and the plan against it.

Each is asserted in one run's life; where somebody else may have moved money, or a person has given
their word, it is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from proof.asks import HOUR, deadline_s, seconds_of, since_beginning
from proof.laws_shown import all_shown
from proof.laws_told import own_operations
from proof.plan import DEATH, MANY_RUNS, WORKERS_HALT, Accident, Plan
from proof.witness import (
    A_MOMENT_S,
    DECIDED,
    Violation,
    Witness,
    given_names,
    moment,
    name_of,
    of_others,
)
from proof.world.loop import BEGINNING

Json = Mapping[str, Any]

# While one of these stands, a person has been told that the hold may say something else.
_NOT_SURE = frozenset({"outcome_unknown", "external_change"})
_RESTS = frozenset({"authorized", "partially_captured"})
_HOURLY = timedelta(minutes=55)
# What several tasks take that come late and are slow, one after the other.
_AT_ONCE = timedelta(minutes=2)
_A_TURN = timedelta(seconds=15)
_CLOCKS_DIFFER = timedelta(seconds=1)
# Of a hold that is found and is younger, its gateway's clock may be all that is off.
_TAKEN_FOR_NEW_S = 900.0


def of_the_books(seen: Witness) -> Iterable[Violation]:
    """Every law of these that was broken."""
    if seen.view is not None:
        yield from _plan_of(seen, seen.view)
        yield from _no_younger(seen, seen.view)
    yield from _remembers(seen)
    if any(seen.plan.has(kind) for kind in (*MANY_RUNS, "lie")) or seen.resolved:
        return
    yield from _as_the_books(seen)
    if seen.view is not None:
        yield from _first_come(seen, seen.view)
        yield from _at_its_hour(seen, seen.view)
        yield from _when_it_is_due(seen, seen.view)
        yield from _given_up_too_late(seen, seen.view)
        yield from _forgotten(seen, seen.view)
        yield from _takes_what_was_to_be_freed(seen.view)


#: What the books say of all holds: taken, open, and lapsed.
Figures = tuple[int, int, int]


def figures_around(seen: Witness, at: float) -> list[Figures]:
    """What the books say just before an hour of the world's, in its very moment, and after it."""
    before: Figures = (0, 0, 0)
    around: list[Figures] = []
    for each, figures in _figures(seen):
        if each <= at - A_MOMENT_S:
            before = figures
        elif each <= at + A_MOMENT_S:
            around.append(figures)
    return [before, *around]


def _figures(seen: Witness) -> Iterator[tuple[float, Figures]]:
    """What the books say from each hour on at which something has moved."""
    moved = [(since_beginning(e["at"]), book, e) for book in seen.books for e in book["effects"]]
    taken = lapsed = 0
    held = dict.fromkeys((book["payment_id"] for book in seen.books), 0)
    out = dict(held)
    for at, book, effect in sorted(moved, key=lambda each: each[0]):
        amount, which = effect["amount_minor"], book["payment_id"]
        match effect["kind"]:
            case "authorize" | "adjust":
                held[which] = amount
            case "capture":
                taken, out[which] = taken + amount, out[which] + amount
            case "release":
                out[which] += amount
            case "expire":
                lapsed, out[which] = lapsed + amount, out[which] + amount
            case _:
                pass
        yield at - seen.plan.skew_s, (taken, sum(held.values()) - sum(out.values()), lapsed)


def _as_the_books(seen: Witness) -> Iterator[Violation]:
    """Whatever is shown, and decided, is what the books say."""
    if "external_change" in seen.attentions or is_anothers(seen.plan):
        return
    for at, hold in all_shown(seen):
        attention = hold["attention"]
        if attention is not None and attention["reason"] in _NOT_SURE:
            continue
        if any(each["state"] not in DECIDED for each in hold["operations"]):
            continue
        if not hold["operations"]:
            continue  # the authorization is yet to be sent
        yield from _differs(seen, at, hold)


def _remembers(seen: Witness) -> Iterator[Violation]:
    """A run that was made again, and has forgotten, learns in calm how things stand.

    Or a person is told: where the gateway shows nothing of what came after a hold, always.
    """
    # Of a store that was set back only the workers know.
    unknown = ("restore", "second_cluster", "terminate_and_start", "lie")
    if any(seen.plan.has(kind) for kind in unknown):
        return
    if is_anothers(seen.plan) or _holds_on_a_card_unheard_of(seen):
        return
    if not seen.made_again or seen.resolved:
        return
    # There the gateway has no figures to adopt: whoever was told knows better than the hold.
    if seen.plan.place.gateway == "sibs" and "external_change" in seen.attentions:
        return
    for glance in seen.glances:
        hold = glance.hold
        since = max(seen.made_again, default=0.0)
        is_calm = seen.troubled_until < glance.at - 2 * HOUR and glance.at > since + 2 * HOUR
        decided = all(each["state"] in DECIDED for each in hold["operations"])
        if is_calm and decided and hold["attention"] is None:
            yield from _differs(seen, glance.at, hold)
            yield from _has_not_looked(seen, glance.at, hold)
            if seen.plan.place.gateway == "sibs" and seen.reset_at and hold["state"] in _RESTS:
                what = "a run was made again, its gateway shows nothing since, and nobody was told"
                yield Violation("R4", f"at {glance.at:.0f} s {what}")


def _has_not_looked(seen: Witness, at: float, hold: Json) -> Iterator[Violation]:
    """Where the gateway shows what came after a hold, a run that was made again looks."""
    if seen.plan.place.gateway == "sibs" or hold["state"] not in _RESTS or not seen.reset_at:
        return
    run_id, made_at = list(seen.reset_at.items())[-1]
    looks = (e for e in seen.exchanges if e.operation == "look_up" and e.run_id == run_id)
    if not any(made_at <= each.at <= at for each in looks):
        yield Violation("R4", f"at {at:.0f} s a run that was made again has not looked since")


def _holds_on_a_card_unheard_of(seen: Witness) -> bool:
    """Whether a card was given that a run made again has forgotten, and holds on another one.

    By a refusal that has left something at the gateway it knows enough to tell a person.
    """
    gave = any(each.name == "authorize" for each in seen.plan.instructions)
    shown = any(book["state"] == "declined" for book in seen.books)
    was_told = "external_change" in seen.attentions
    return gave and len(seen.books) > 1 and (was_told or not shown)


def is_anothers(plan: Plan) -> bool:
    """Whether somebody else has a hand in the hold, which a run learns of when it next looks."""
    return plan.has("portal") or plan.knows("overtaken") or plan.adopts_in_vain


def _differs(seen: Witness, at: float, hold: Json) -> Iterator[Violation]:
    """What may happen in the very moment of an answer is not in it yet."""
    around = figures_around(seen, at)
    taken, held, lapsed = around[-1]
    said = hold["captured"]["amount_minor"], hold["remaining"]["amount_minor"]
    if said[0] not in {each[0] for each in around}:
        yield Violation("R4", f"at {at:.0f} s {taken} were captured, and shown were {said[0]}")
    # What has lapsed is noticed later; what is over is over. Of a scheme's shorter rule the bank's
    # clock knows nothing.
    lapsed_by_rule = hold["state"] == "expired" and hold["expiry_source"] == "rule"
    if said[1] not in {each[1] for each in around} and not lapsed and not lapsed_by_rule:
        yield Violation("R4", f"at {at:.0f} s {held} were held, and shown were {said[1]}")


def _first_come(seen: Witness, view: Json) -> Iterator[Violation]:
    """Whoever came before the deadline is served before it."""
    if view["deadline"] is None or any(i.name == "reschedule" for i in seen.plan.instructions):
        return
    due, given = since_beginning(view["deadline"]), given_names(seen.plan)
    names = [each["operation_id"] for each in view["operations"]]
    by_plan = [
        names.index(each["operation_id"])
        for each in view["operations"]
        # Before its hour the plan only repeats a release that was refused.
        if name_of(each) == "deadline" and since_beginning(each["requested_at"]) >= due - A_MOMENT_S
    ]
    if not by_plan:
        return
    for number, asked in enumerate(seen.plan.instructions):
        at = seen.sent_at.get(number)
        if at is None or at >= due - A_MOMENT_S or not asked.is_valid:
            continue
        if asked.command_id is None or given[asked.command_id] > 1 or asked.asks_later:
            continue
        own = [names.index(each["operation_id"]) for each in own_operations(asked, view)]
        errors = {told.error for told in seen.told if told.instruction is asked}
        closed = (
            not own and errors == {"Closed"} and view["operations"][-1]["command_id"] != "cancel"
        )
        if own and min(own) > by_plan[0]:
            yield Violation("X4", f"{asked} came before the deadline, which was served first")
        ended_by = name_of(view["operations"][-1])
        if closed and ended_by == "deadline":
            yield Violation("X4", f"{asked} came before the deadline, and was closed by it")


def _plan_of(seen: Witness, view: Json) -> Iterator[Violation]:
    """What the plan does by itself, whatever has happened."""
    by_plan = [e for e in view["operations"] if name_of(e) == "deadline"]
    captures = [each for each in by_plan if each["kind"] == "capture"]
    releases = [each for each in by_plan if each["kind"] == "release"]
    # A person may say of another run's capture what that one knew to be held.
    others = seen.made_again or seen.plan.has("second_cluster")
    for each in [] if seen.resolved and others else captures:
        for adjust in unknown_adjusts(view, each):
            if each["amount"]["amount_minor"] > adjust["amount"]["amount_minor"]:
                what = (
                    f"{each['amount']['amount_minor']} while {adjust['operation_id']} was unknown"
                )
                yield Violation("P1", f"the deadline captures {what}")
    if seen.cancelled_at is not None and not any(seen.plan.has(kind) for kind in MANY_RUNS):
        since = seen.cancelled_at + _AT_ONCE.total_seconds()
        if any(since_beginning(each["requested_at"]) > since for each in captures):
            yield Violation("P7", "the plan captures what a cancellation was to free")
    refused = [each for each in captures if each["state"] in {"declined", "not_done"}]
    if len(captures) > 1 and refused and refused[0] is not captures[-1] and not seen.resolved:
        yield Violation("P2", "the deadline's capture was refused, and tried again")
    yield from _pushed(seen, view)
    if refused and releases and view["on_deadline"] == "capture" and not seen.resolved:
        yield from _given_up_too_soon(seen, view, refused[0], releases)


def _pushed(seen: Witness, view: Json) -> Iterator[Violation]:
    """A release that the gateway has refused is asked for again hourly, whoever wanted it."""
    tries: dict[str, list[Json]] = {}
    # A second hold, of a run beside this one, is freed as often as it is seen.
    again, kept = any(map(seen.plan.has, MANY_RUNS)), {None, view["payment_id"]}
    cards = {name_of(e) for e in view["operations"] if e["kind"] == "authorize"}
    for each in view["operations"]:
        beside = each["payment_id"] not in kept or name_of(each) in cards
        if each["kind"] == "release" and not (again and beside):
            tries.setdefault(name_of(each), []).append(each)
    if seen.cancelled_at is not None and of_others(seen):
        return  # what others leave of a hold that was to be freed is freed as soon as it is seen
    for first, second in (pair for same in tries.values() for pair in pairwise(same)):
        apart = moment(second["requested_at"]) - moment(first["requested_at"])
        # The hour of a refused capture's end comes all the same, and the lapse's.
        if (
            apart < _HOURLY
            and first["state"] == "declined"
            and not _comes_an_hour(seen, view, second)
        ):
            yield Violation("P3", f"a refused release was tried again after {apart}")


def _comes_an_hour(seen: Witness, view: Json, operation: Json) -> bool:
    asked_at = moment(operation["requested_at"])
    hours = [view["deadline"], view["expires_at"]]
    near = [abs(asked_at - moment(hour)) < timedelta(hours=1.2) for hour in hours if hour]
    moved = any(each.name == "reschedule" for each in seen.plan.instructions)
    return (
        any(near)
        or moved
        or _give_up_at(seen, view) is None
        or abs(asked_at - (_give_up_at(seen, view) or asked_at)) < timedelta(hours=1.2)
    )


def _give_up_at(seen: Witness, view: Json) -> datetime | None:
    """When a refused capture is given up: half the margin before the hold lapses."""
    if view["expires_at"] is None or view["authorized_at"] is None:
        return None
    since, lapses = moment(view["authorized_at"]), moment(view["expires_at"])
    margin = timedelta(seconds=seconds_of(seen.plan.request.get("safety_margin", "PT12H")))
    return lapses - min(margin, (lapses - since) / 2) / 2


def _given_up_too_soon(
    seen: Witness, view: Json, refused: Json, releases: list[Json]
) -> Iterator[Violation]:
    after = [e for e in releases if e["requested_at"] > refused["requested_at"]]
    gives_up = _give_up_at(seen, view)
    if not after or gives_up is None or any(i.name == "reschedule" for i in seen.plan.instructions):
        return
    # A refused release is asked for again each hour under the plan's name, whoever wanted it.
    if any(e["kind"] == "release" and e not in releases for e in view["operations"]):
        return
    if moment(after[0]["requested_at"]) < gives_up - timedelta(seconds=1):
        yield Violation("P4", "a refused capture was given up before its time")


def _given_up_too_late(seen: Witness, view: Json) -> Iterator[Violation]:
    """Until half of the margin is left a person may act; then the hold is released."""
    gives_up, closed_at = _give_up_at(seen, view), view["closed_at"]
    captures = [
        each
        for each in view["operations"]
        if each["kind"] == "capture" and name_of(each) == "deadline"
    ]
    if not captures or captures[0]["state"] not in {"declined", "not_done"} or not closed_at:
        return
    # What others have done is waited with until a person has taken note of it.
    if gives_up is None or "external_change" in seen.attentions:
        return
    if any(each.name == "reschedule" for each in seen.plan.instructions):
        return
    if any(seen.plan.has(kind) for kind in (*WORKERS_HALT, DEATH)):
        return
    refused = captures[0]
    by = max(gives_up, moment(refused["decided_at"])) + _AT_ONCE
    after = [e["requested_at"] for e in view["operations"][view["operations"].index(refused) + 1 :]]
    if not any(moment(at) <= by for at in (*after, closed_at)):
        yield Violation("P4", f"a refused capture was not given up at {gives_up}")


def _forgotten(seen: Witness, view: Json) -> Iterator[Violation]:
    """A release of a hold that the gateway has refused is asked for again within the hour."""
    lapses, placed = view["expires_at"], view["authorized_at"]
    if any(seen.plan.has(kind) for kind in (*WORKERS_HALT, DEATH)) or not lapses or not placed:
        return
    if "external_change" in seen.attentions:
        return  # a person has to take note of it first
    over_at = BEGINNING + timedelta(seconds=seen.over_at)
    operations = view["operations"]
    for number, each in enumerate(operations):
        refused = (each["kind"], each["state"]) == ("release", "declined")
        if not refused or moment(each["requested_at"]) < moment(placed):
            continue
        due = moment(each["decided_at"]) + timedelta(hours=1)
        following = operations[number + 1 :]
        for other in following:
            # What somebody else wants meanwhile is carried out first.
            if moment(other["requested_at"]) <= due + _AT_ONCE and other["kind"] != "release":
                due = max(due, moment(other["decided_at"]) if other["decided_at"] else over_at)
        by = min(due + _AT_ONCE, over_at)
        # Once the hold has lapsed a look comes first.
        if by >= moment(lapses) or by >= over_at:
            continue
        hours = [moment(e["requested_at"]) for e in following if e["kind"] == "release"]
        if not any(hour <= by for hour in hours):
            yield Violation(
                "P8", f"{each['operation_id']} was refused, and not tried again by {by}"
            )


def _takes_what_was_to_be_freed(view: Json) -> Iterator[Violation]:
    """Where somebody wanted it freed and the gateway refused, the plan asks again, and no more."""
    for before, each in pairwise(view["operations"]):
        refused = (before["kind"], before["state"]) == ("release", "declined")
        if refused and (each["kind"], name_of(each)) == ("capture", "deadline"):
            what = f"{each['operation_id']} takes what {before['operation_id']} was to free"
            yield Violation("P9", f"by its plan {what}")


def unknown_adjusts(view: Json, operation: Json) -> Iterator[Json]:
    """The adjusts whose outcome nobody knew when an operation was asked for."""
    for each in view["operations"]:
        if each["operation_id"] == operation["operation_id"]:
            return
        is_open = each["decided_at"] is None or moment(each["decided_at"]) > moment(
            operation["requested_at"]
        )
        if each["kind"] == "adjust" and is_open:
            yield each


def _when_it_is_due(seen: Witness, view: Json) -> Iterator[Violation]:
    """The plan acts at its hour, whatever the gateway does, unless money is on its way already."""
    if view["deadline"] is None or view["authorized_at"] is None:
        return
    # A hold may be placed when its hour is past already.
    placed = [e["decided_at"] for e in view["operations"] if e["kind"] == "authorize"]
    due = max(moment(at) for at in (view["deadline"], *placed) if at)
    of_plan = [each for each in view["operations"] if name_of(each) == "deadline"]
    early = [each for each in of_plan if moment(each["requested_at"]) < due - _CLOCKS_DIFFER]
    # Before its hour the plan only repeats a release that was refused.
    by_plan = [moment(each["requested_at"]) for each in of_plan if each not in early]
    if not by_plan or any(each["kind"] == "capture" for each in early):
        return  # something else has ended it, or it is a new hour after a capture that was refused
    due_s = since_beginning(view["deadline"]) - _AT_ONCE.total_seconds()
    if any(each.name == "reschedule" and each.at > due_s for each in seen.plan.instructions):
        return  # the hour that is shown was past when somebody wished for it
    if seen.plan.has(DEATH):
        return  # it comes whenever the call comes that it is over
    if any(_halts(each, due_s, due_s + 2 * HOUR) for each in seen.plan.accidents):
        return
    for each in view["operations"]:
        since, until = each["requested_at"], each["decided_at"]
        under_way = until is None or moment(until) > due - _AT_ONCE
        # What came before its hour goes first, and its turn may come a moment after.
        if each["kind"] != "adjust" and moment(since) <= due + _AT_ONCE and under_way:
            return
    late = min(by_plan) - due
    if late > _A_TURN:
        yield Violation("P6", f"at its deadline the plan waited for {late}")


def _halts(accident: Accident, since: float, until: float) -> bool:
    """Whether no worker may be there for a part of that time."""
    over_at = accident.at + accident.lasts_s + HOUR
    return accident.kind in WORKERS_HALT and accident.at < until and over_at > since


def _at_its_hour(seen: Witness, view: Json) -> Iterator[Violation]:
    """The plan does nothing before the hour that was shown."""
    hours = [since_beginning(hold["deadline"]) for _, hold in all_shown(seen) if hold["deadline"]]
    # Before anybody has seen one it may have been put off.
    if hours:
        hours.append(deadline_s(seen.plan.request))
    for each in view["operations"]:
        if each["kind"] == "release" and each["state"] in {"declined", "not_done"}:
            return  # it is tried again each hour, whoever asked for it
        is_by_plan = name_of(each) == "deadline"
        guest = view["authorized_at"] is None or seen.plan.is_challenged
        if is_by_plan and not guest and hours:
            early = min(hours) - since_beginning(each["requested_at"])
            if early > 1 and view["state"] != "abandoned" and not seen.happened["require_action"]:
                yield Violation(
                    "P5", f"{each['operation_id']} came {early / HOUR:.1f} h before its hour"
                )


def _no_younger(seen: Witness, view: Json) -> Iterator[Violation]:
    """A hold is taken to begin when it was placed, or before: later would be to lose it.

    One that was there before its run is as old as its gateway says, by a clock that may be fast;
    what was placed a few minutes before is taken to be new.
    """
    if view["authorized_at"] is None or seen.resolved:
        return
    is_found = seen.plan.adopts or any(seen.plan.has(kind) for kind in MANY_RUNS)
    fast_s = max(seen.plan.skew_s, 0.0) + _TAKEN_FOR_NEW_S if is_found else 0.0
    for book in seen.books:
        placed = next((e for e in book["effects"] if e["kind"] == "authorize"), None)
        if placed is None or book["payment_id"] != view["payment_id"]:
            continue
        at = since_beginning(placed["at"]) - seen.plan.skew_s
        younger = since_beginning(view["authorized_at"]) - at
        if younger > fast_s + _CLOCKS_DIFFER.total_seconds():
            yield Violation("V6", f"the hold is taken to be {younger:.0f} s younger than it is")

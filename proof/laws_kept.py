"""Laws of what is kept beside the money: whose word it was, under which name, and since when.

They need what was shown, and what was asked for; no books but for the names that those know.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from proof.asks import Instruction, minor_of, since_beginning
from proof.laws_shown import all_shown
from proof.names import derived_reference
from proof.places import LOOK_UP_FOR_S
from proof.plan import DEATH, MANY_RUNS, STAND_STILL, WORKERS_HALT
from proof.witness import A_MOMENT_S, DECIDED, FINAL, Told, Violation, Witness, name_of

Json = Mapping[str, Any]

_UNDECIDED = frozenset({"sent", "unknown"})
# Some gateways tell no fractions of a second.
_SECONDS_ARE_CUT = 1.0
_REFUSED_KEPT = 50
# What a slow worker's next tasks take, with a call between them.
_SOON_S = 120.0
# By then the first try is over, for which somebody has waited.
_FIRST_TRY_S = 60.0
# And a workflow task comes to its end within this.
_TASKS_S = 20.0
# How long a declined hold waits for a card.
_DECLINED_S = 1_800.0
_WAITS_OPEN = frozenset({"authorized", "partially_captured"})
#: In these states a total was agreed, by one of these.
_AGREED = _WAITS_OPEN | frozenset({"captured", "released", "expired"})
_AGREES = frozenset({"authorize", "adjust"})


def of_what_is_kept(seen: Witness) -> Iterable[Violation]:
    """Every law of these that was broken, by the first hold that breaks it."""
    yield from _of_the_lists(seen)
    yield from _waited_for_a_card(seen)
    said: set[tuple[str, str]] = set()
    alone = not any(seen.plan.has(kind) for kind in (*MANY_RUNS, "lie"))
    awake = alone and not any(seen.plan.has(kind) for kind in (*WORKERS_HALT, DEATH, "restore"))
    words = _words(seen)
    noted = [told.at for told in seen.told if told.instruction.name == "acknowledge"]
    for at, hold in all_shown(seen):
        found = [*_of_its_times(at, hold), *_of_its_kept(hold), *_of_its_names(seen, hold)]
        if alone:
            found += [*_of_its_bookings(seen, hold), *_of_the_gateways_hours(seen, at, hold)]
            found += [*_of_whose_word(seen, hold, words), *_of_its_total(seen, hold)]
        if awake and not seen.resolved and at < float("inf"):
            found += [*_of_its_hours(at, hold, noted), *_of_who_is_told(at, hold)]
        for law, what in found:
            if (law, what) not in said:
                said.add((law, what))
                yield Violation(law, f"at {at:.0f} s {what}")


def _of_the_lists(seen: Witness) -> Iterator[Violation]:
    """Whoever lists reservations sees each as it stands: its attention always, all at its end."""
    view = seen.view
    if any(seen.plan.has(kind) for kind in (*MANY_RUNS, "terminate")) or view is None:
        return
    # A query is answered out of what a task has brought whose own answer is not there yet.
    stood_still = [each for each in seen.plan.accidents if each.kind in STAND_STILL]
    for glance in seen.glances:
        listed = _listed(seen, glance.at).get("CardholdAttention")
        attention = glance.hold["attention"]
        # What has begun ends the warning of an expiry, and the plan's release what others' doing
        # had to be told of; the lists hear of it with its outcome.
        begun = [each for each in glance.hold["operations"] if each["state"] not in DECIDED]
        if begun and listed == "expiring_soon":
            continue
        by_plan = any((e["kind"], e["command_id"]) == ("release", "deadline") for e in begun)
        if by_plan and listed == "external_change":
            continue
        if any(each.at <= glance.at < each.at + each.lasts_s for each in stood_still):
            continue
        if listed != (attention and attention["reason"]):
            yield Violation("V12", f"at {glance.at:.0f} s {listed} is listed, and not {attention}")
    yield from _of_what_was_open(seen, view)
    if view["closed_at"] is None or seen.is_open:
        return
    listed = _listed(seen, float("inf"))
    for name, wanted in _wanted(view).items():
        if listed.get(name) != wanted:
            yield Violation("V12", f"at its end {name} is {listed.get(name)}, and not {wanted}")


def _listed(seen: Witness, at: float) -> dict[str, Any]:
    listed: dict[str, Any] = {}
    for written_at, told in seen.attributes:
        if written_at <= at:
            listed |= told
    return listed


def _of_what_was_open(seen: Witness, view: Json) -> Iterator[Violation]:
    """What stays open past its time, or past the deadline, is listed as somebody's to look at."""
    halts = any(seen.plan.has(kind) for kind in (*WORKERS_HALT, DEATH, "lie"))
    if halts or seen.resolved:
        return
    new_plan = any(each.name == "reschedule" for each in seen.plan.instructions)
    due = since_beginning(view["deadline"]) if view["deadline"] and not new_plan else None
    since = 0.0
    for each in view["operations"]:
        since = max(since, since_beginning(each["requested_at"]), *_given_back_since(view, each))
        until = since_beginning(each["decided_at"]) if each["decided_at"] else seen.over_at
        told_by = since + LOOK_UP_FOR_S
        # Before a hold stands no plan is due for it.
        if due is not None and since < due and each["kind"] != "authorize":
            told_by = min(told_by, max(due, since + _FIRST_TRY_S))
        told_by += _SOON_S
        # An unknown adjust does not delay the plan, of whose own operation a person is told.
        other = each["kind"] == "adjust" or (each["kind"] == "authorize" and seen.asks_the_guest)
        if not other and told_by < until and not _listed(seen, told_by).get("CardholdAttention"):
            what = f"{each['operation_id']} was open from {since:.0f} to {until:.0f} s"
            yield Violation("L9", f"{what}, and nobody was told by {told_by:.0f} s")
        since = max(since, until)


def _wanted(view: Json) -> dict[str, Any]:
    return {
        "CardholdState": view["state"],
        "CardholdGateway": view["gateway"],
        "CardholdAttention": None,
        "CardholdBooking": view["booking"],
        "CardholdProperty": view["property"],
        "CardholdCurrency": view["authorized"]["currency"],
        "CardholdRemaining": 0,
        "CardholdCaptured": view["captured"]["amount_minor"],
    }


def _of_its_times(at: float, hold: Json) -> Iterator[tuple[str, str]]:
    """Nothing is said to have happened later than it is told."""
    names = ("created_at", "authorized_at", "closed_at")
    told = [(name, hold[name]) for name in names]
    for each in hold["operations"]:
        told += [(f"{each['operation_id']} {n}", each[n]) for n in ("requested_at", "decided_at")]
    attention = hold["attention"]
    if attention is not None:
        told.append(("attention", attention["since"]))
    told += [("refused", each["at"]) for each in hold["refused"]]
    for name, hour in told:
        if hour is not None and since_beginning(hour) > at + A_MOMENT_S:
            yield "V7", f"{name} is {hour}, which is to come"
    doubt = sum(
        each["amount"]["amount_minor"]
        for each in hold["operations"]
        if each["kind"] == "authorize" and each["state"] in _UNDECIDED
    )
    if hold["in_doubt"]["amount_minor"] != doubt:
        yield "V8", f"{hold['in_doubt']['amount_minor']} are in doubt, and not {doubt}"


def _of_its_kept(hold: Json) -> Iterator[tuple[str, str]]:
    kept, total = hold["refused"], hold["refused_total"]
    if len(kept) != min(total, _REFUSED_KEPT):
        yield "V9", f"of {total} that were refused {len(kept)} are kept"
    if not all(each["why"] for each in kept):
        yield "V9", "something was refused, and nobody says why"
    if hold["attention"] is not None and not hold["attention"]["detail"]:
        yield "V9", "somebody is to look, and is not told at what"


def _of_its_names(seen: Witness, hold: Json) -> Iterator[tuple[str, str]]:
    """What the gateway's portal finds things by is what they were sent under."""
    plan = seen.plan
    if seen.resolved or plan.adopts:
        return
    workflow_id = f"reservation-{plan.request['reservation_id']}"
    for each in hold["operations"]:
        reference = each["reference"]
        if reference is None:
            continue
        if reference != derived_reference(
            plan.place, workflow_id, each["kind"], each["command_id"]
        ):
            yield "V10", f"{each['operation_id']} is said to go by {reference}"
    if hold["state"] in _WAITS_OPEN and not any(
        each["reference"] == hold["gateway_reference"]
        for each in hold["operations"]
        if each["kind"] == "authorize"
    ):
        yield "V10", f"the hold is said to go by {hold['gateway_reference']}, and no card does"


def _words(seen: Witness) -> Mapping[str, Instruction]:
    """Whose instruction goes by a name, where it is one's alone."""
    named = [each for each in seen.plan.instructions if each.command_id and each.is_valid]
    times = Counter(each.command_id for each in named)
    return {each.command_id or "": each for each in named if times[each.command_id] == 1}


def _of_whose_word(
    seen: Witness, hold: Json, words: Mapping[str, Instruction]
) -> Iterator[tuple[str, str]]:
    """An operation is said to be asked for by whoever did, when they did, and for as much."""
    for each in hold["operations"]:
        name = name_of(each)
        asked = words.get(name)
        if asked is None:
            if name in {"deadline", "cancel"} and each["operator"] is not None:
                yield "V11", f"{each['operation_id']} is said to be {each['operator']}'s"
            continue
        body = asked.body or {}
        for field in ("operator", "reason"):
            if each[field] != body.get(field):
                yield "V11", f"the {field} of {each['operation_id']} is {each[field]}"
        if since_beginning(each["requested_at"]) < asked.at - A_MOMENT_S:
            yield "V11", f"{each['operation_id']} was asked for at {each['requested_at']}"
        named = each["kind"] == asked.name and "amount" in body and not seen.resolved
        if named and each["amount"]["amount_minor"] != minor_of(body["amount"]):
            yield "V11", f"{each['operation_id']} is of {each['amount']}"


def _of_its_hours(at: float, hold: Json, noted: Sequence[float]) -> Iterator[tuple[str, str]]:
    """What stands still past its hour, with nothing under way, has a person told."""
    resting = all(each["state"] in DECIDED for each in hold["operations"])
    if hold["attention"] is not None:
        return
    due = None if _was_tried_in_vain(hold) else hold["deadline"]
    if hold["state"] in _WAITS_OPEN and resting and due and at > since_beginning(due) + _SOON_S:
        decided = max(since_beginning(each["decided_at"]) for each in hold["operations"])
        if at > decided + _SOON_S:
            yield "X7", f"{hold['state']}, past its deadline, and nobody was told"
    if hold["state"] == "declined" and resting:
        decided = max(since_beginning(each["decided_at"]) for each in hold["operations"])
        given_up = decided + _DECLINED_S
        # Once a person has taken note of something, it goes on from there.
        given_up = max([given_up, *(note for note in noted if note <= at)])
        if at > given_up + _SOON_S:
            yield "X7", "declined, and waits for another card for ever"
    ends_at = hold["action"] and hold["action"]["expires_at"]
    waits = hold["state"] == "action_required" and ends_at
    if waits and at > since_beginning(ends_at) + _SOON_S:
        yield "X7", "it is still the guest's turn, after their time"


def _waited_for_a_card(seen: Witness) -> Iterator[Violation]:
    """After each decline another card may be given for as long as after the first."""
    view = seen.view
    if view is None or view["state"] != "abandoned" or not view["operations"]:
        return
    asked_for = any(each.name == "release" for each in seen.plan.instructions)
    if asked_for or seen.resolved or any(map(seen.plan.has, (*MANY_RUNS, "cancel", "lie"))):
        return
    last = view["operations"][-1]
    if (last["kind"], last["state"]) != ("authorize", "declined"):
        return
    waited = since_beginning(view["closed_at"]) - since_beginning(last["decided_at"])
    if waited < _DECLINED_S - A_MOMENT_S:
        yield Violation("X9", f"{waited:.0f} s after the last decline no card was waited for")


def _of_its_total(seen: Witness, hold: Json) -> Iterator[tuple[str, str]]:
    """What is said to be agreed is what was done last of all that agrees on a total.

    What others take or free changes nothing of that; after an adjust, once a person has taken note
    of what they did, it is what the gateway shows.
    """
    adjusted = any(each["kind"] == "adjust" for each in hold["operations"])
    taken_over = adjusted and "external_change" in seen.attentions
    if seen.resolved or seen.plan.adopts or taken_over or hold["state"] not in _AGREED:
        return
    agreed = [e for e in hold["operations"] if e["kind"] in _AGREES and e["state"] == "done"]
    # Several may be decided in one task, one after the other.
    by_hour = sorted(agreed, key=lambda each: since_beginning(each["decided_at"]))
    total = by_hour[-1] if by_hour else None
    said = hold["authorized"]["amount_minor"]
    if total is not None and said != total["amount"]["amount_minor"]:
        yield "V15", f"{said} are said to be agreed, and {total['operation_id']} is of another"


def _of_its_bookings(seen: Witness, hold: Json) -> Iterator[tuple[str, str]]:
    """What is done says when the gateway has booked it, and what is known there its name there."""
    if seen.resolved:
        return
    total: int | None = None
    for each in hold["operations"]:
        known = each["payment_id"] is not None and each["state"] in DECIDED
        if known and each["reference"] is None and not seen.plan.adopts:
            yield "V16", f"{each['operation_id']} is {each['payment_id']}, and goes by no name"
        is_done, amount = each["state"] == "done", each["amount"]["amount_minor"]
        # A total that is held already is not sent.
        is_sent = (each["kind"], amount) != ("adjust", total) and not _was_faster(hold, each)
        if is_done and each["booked_at"] is None and is_sent:
            yield "V16", f"{each['operation_id']} is done, and nobody says when it was booked"
        if is_done and each["kind"] in _AGREES:
            total = amount


def _of_the_gateways_hours(seen: Witness, at: float, hold: Json) -> Iterator[tuple[str, str]]:
    """The hour of a booking is the gateway's, whose clock is off by minutes, not by a zone."""
    if seen.plan.adopts or not hold["operations"]:
        return
    off = abs(seen.plan.skew_s) + _SECONDS_ARE_CUT
    # Some show one hour for all that a payment has met.
    asked_at = since_beginning(hold["operations"][0]["requested_at"])
    for each in hold["operations"]:
        if each["booked_at"] is None:
            continue
        hour = since_beginning(each["booked_at"])
        if not asked_at - off <= hour <= at + off:
            yield "V17", f"{each['operation_id']} is said to be booked at {hour:.0f} s"


def _was_faster(hold: Json, operation: Json) -> bool:
    """Whether the guest had passed before a release called them off: that one alone has an hour."""
    releases = (e for e in hold["operations"] if e["kind"] == "release" and e["state"] == "done")
    at_once = any(each["decided_at"] == operation["decided_at"] for each in releases)
    return operation["kind"] == "authorize" and at_once


def _was_tried_in_vain(hold: Json) -> bool:
    """After a refused capture of its own the plan waits, for half of the margin."""
    tried = (e for e in hold["operations"] if name_of(e) == "deadline")
    return any(each["kind"] == "capture" and each["state"] != "done" for each in tried)


def _given_back_since(hold: Json, operation: Json) -> Iterator[float]:
    yield 0.0
    for each in hold["operations"]:
        if (each["kind"], each["command_id"]) == ("release", operation["command_id"]):
            yield since_beginning(each["requested_at"])


def _of_who_is_told(at: float, hold: Json) -> Iterator[tuple[str, str]]:
    """Of what nobody could look up in its time a person is told, and of what was refused."""
    if hold["state"] in FINAL:
        return
    if hold["attention"] is not None:
        return
    since = 0.0
    for each in hold["operations"]:
        since = max(since, since_beginning(each["requested_at"]))
        # What was of no use is given back before it is called declined.
        since = max(since, *_given_back_since(hold, each))
        if each["state"] == "unknown" and at > since + LOOK_UP_FOR_S + _SOON_S:
            yield "L9", f"{each['operation_id']} is unknown, and nobody was told"
        since = max(since, since_beginning(each["decided_at"] or each["requested_at"]))
    for last in hold["operations"][-1:]:
        refused = last["state"] == "declined" and last["kind"] in {"capture", "release"}
        if refused and hold["state"] in _WAITS_OPEN:
            yield "L9", f"{last['operation_id']} was refused, and nobody was told"


def as_vouched(seen: Witness, told: Told, hold: Json) -> Iterator[tuple[str, str]]:
    """A person's word is taken as it was given, but where a look has come with it in one task."""
    since = told.asked_at - _TASKS_S
    looks = (each.at for each in seen.exchanges if each.operation == "look_up")
    if any(since <= at <= told.at for at in looks):
        return
    word = told.instruction.body or {}
    named = word["operation_id"]
    operation = next((e for e in hold["operations"] if e["operation_id"] == named), None)
    if operation is None or operation["state"] != word["outcome"]:
        yield "A13", f"{named} is {operation and operation['state']}, not {word['outcome']}"
    elif "amount" in word and operation["amount"]["amount_minor"] != minor_of(word["amount"]):
        yield "A13", f"{named} is of {operation['amount']}, and they said {word['amount']}"
    elif "reference" in word and operation["reference"] != word["reference"]:
        yield "A13", f"{named} goes by {operation['reference']}, not {word['reference']}"

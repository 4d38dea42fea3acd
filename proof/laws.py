"""Laws beside the books: what came first, what was due, what was dropped, and what was of no use.

Each is asserted only where nothing else explains what it sees: in a life without resets, restores
and second runs, and mostly in calm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from proof.asks import AUTHORIZE_WITHIN_S, HOUR, QUEUED, since_beginning
from proof.names import derived_key, derived_reference
from proof.plan import DEATH, MANY_RUNS, STAND_STILL, WORKERS_HALT
from proof.witness import DECIDED, Violation, Witness, given_names, of_others, own

Json = Mapping[str, Any]

# What is sent in time may be on its way for as long.
_A_CALL_S = 60
# An update answers within 45 seconds; a worker may be slow to say so.
_ANSWERED_WITHIN_S = 60.0
# A gateway that says "later" is asked again within minutes; it has five of them, and a call.
_COMES_BACK_S = 900.0
# What nobody can tell is asked for less and less often, up to every six hours.
_PAUSES_GROW_AFTER = 15
_TOO_MANY_REQUESTS = 429


def more(seen: Witness) -> Iterable[Violation]:
    """Every law of these that was broken."""
    if any(seen.plan.has(kind) for kind in (*MANY_RUNS, "lie")):
        return
    yield from _sent_in_time(seen)
    yield from _asked_again(seen)
    yield from _heard(seen)
    yield from _over_when_too_late(seen)
    yield from _answered_in_order(seen)
    yield from _all_or_nothing(seen)
    yield from _rest_is_free(seen)
    yield from _of_use(seen)
    yield from _asked_whom(seen)
    if seen.view is not None:
        yield from _in_order(seen, seen.view)
        yield from _ended_before_their_turn(seen, seen.view)
        yield from _nothing_dropped(seen, seen.view)
        yield from _done_in_time(seen, seen.view)
        yield from _says_what_was_held(seen, seen.view)
        yield from _said_not_done(seen, seen.view)


def _sent_in_time(seen: Witness) -> Iterable[Violation]:
    """A worker that comes back late blocks nobody's card."""
    gave = any(each.name == "authorize" for each in seen.plan.instructions)
    # A worker may stand still between its last check and the socket.
    if gave or any(map(seen.plan.has, STAND_STILL)):
        return
    by = seen.plan.request.get("authorize_by")
    latest = (AUTHORIZE_WITHIN_S if by is None else since_beginning(by)) + _A_CALL_S
    for exchange in seen.exchanges:
        if exchange.operation == "authorize" and exchange.at > latest:
            yield Violation("X6", f"an authorization was sent after {exchange.at / 60:.0f} minutes")


def _over_when_too_late(seen: Witness) -> Iterable[Violation]:
    """What was never sent, and may not be any more, is over: no card is waited for."""
    view, by = seen.view, seen.plan.request.get("authorize_by")
    if view is None or not view["operations"] or seen.plan.adopts:
        return
    first = view["operations"][0]
    due = AUTHORIZE_WITHIN_S if by is None else since_beginning(by)
    sent = any(each.operation in {"authorize", "order"} for each in seen.exchanges)
    if first["state"] != "not_done" or sent or since_beginning(first["decided_at"]) < due:
        return
    over_at = view["closed_at"] and since_beginning(view["closed_at"])
    decided_at = since_beginning(first["decided_at"])
    if view["state"] != "abandoned" or over_at is None or over_at > decided_at + _A_CALL_S:
        yield Violation("X8", f"it was never sent, and is {view['state']} at {over_at}")


def _asked_again(seen: Witness) -> Iterable[Violation]:
    """A gateway that says "later" is asked again within minutes while an outcome is open."""
    calls = [each for each in seen.exchanges if each.operation != "token"]
    for number, each in enumerate(calls):
        if each.status != _TOO_MANY_REQUESTS or not each.seen:
            continue
        following = calls[number + 1].at if number + 1 < len(calls) else float("inf")
        gap, due = following - each.at, each.at + _COMES_BACK_S
        since = _is_open_since(seen, each.at, due) if following > due else None
        tries = sum(1 for e in seen.exchanges if since is not None and since <= e.at <= each.at)
        if since is None or tries > _PAUSES_GROW_AFTER:
            continue
        yield Violation("L8", f"after a 429 the gateway was left alone for {gap / HOUR:.1f} h")


def _is_open_since(seen: Witness, at: float, until: float) -> float | None:
    """Since when an operation was under way, all that time, that somebody could go on with."""
    if seen.view is None or any(seen.plan.has(kind) for kind in (*WORKERS_HALT, DEATH)):
        return None
    closed_at = seen.view["closed_at"]
    if closed_at is not None and since_beginning(closed_at) <= until:
        return None
    # While it is the guest's turn nobody else has anything to do.
    guest = seen.asks_the_guest or seen.happened["stay_pending"]
    hours = (
        since_beginning(each["requested_at"])
        for each in seen.view["operations"]
        if each["decided_at"] is None or since_beginning(each["decided_at"]) > until
        if each["kind"] != "authorize" or not guest
    )
    return min((hour for hour in hours if hour <= at), default=None)


def _all_or_nothing(seen: Witness) -> Iterable[Violation]:
    """What was approved for less than was asked is given back, and nothing is taken out of it."""
    asked = seen.plan.request["amount"]["amount_minor"]
    for book in seen.books:
        placed = next((e for e in book["effects"] if e["kind"] == "authorize"), None)
        taken = any(effect["kind"] == "capture" for effect in own(book))
        if placed and placed["amount_minor"] < asked and taken:
            yield Violation("S7", f"money was taken out of {placed['amount_minor']} of {asked}")


def _heard(seen: Witness) -> Iterable[Violation]:
    """While a worker is there an update is answered within its time, whatever the gateway does."""
    if seen.plan.accidents:
        return
    for told in seen.told:
        waited = told.at - told.asked_at
        if waited > _ANSWERED_WITHIN_S:
            yield Violation("L5", f"{told.instruction} was answered after {waited:.0f} s")


def _rest_is_free(seen: Witness) -> Iterable[Violation]:
    """After the last capture nothing is held; whoever is told that it is done may rely on it."""
    for told in seen.told:
        answer = told.answer
        if answer is None or told.instruction.name != "capture" or answer["attention"]:
            continue
        is_final = (told.instruction.body or {}).get("final", True)
        rest = answer["remaining"]["amount_minor"]
        if is_final and rest and all(each["state"] in DECIDED for each in answer["operations"]):
            yield Violation("S8", f"{rest} is still held after the last capture")


def _of_use(seen: Witness) -> Iterable[Violation]:
    """Where nothing ever went wrong, a good card is charged with what was asked for."""
    plan = seen.plan
    quiet = not seen.happened and plan.heals_at is not None
    if not quiet or plan.accidents or plan.request["payment_method"] != plan.place.card:
        return
    asked = plan.request["amount"]["amount_minor"]
    placed = [
        effect["amount_minor"]
        for book in seen.books
        for effect in book["effects"]
        if effect["kind"] == "authorize"
    ]
    if placed != [asked]:
        yield Violation("U1", f"{asked} were asked for in perfect calm, and held were {placed}")
    lapsed = any(effect["kind"] == "expire" for book in seen.books for effect in book["effects"])
    for told in seen.told:
        # What was gone before its time is no longer there to be captured, or freed.
        if told.error == "Declined" and not lapsed:
            yield Violation("U1", f"{told.instruction} was declined, and nobody had declined it")


def _asked_whom(seen: Witness) -> Iterable[Violation]:
    """A guest who has to pass 3-D Secure first is asked, where nothing goes wrong; if they can be.

    Where the merchant acts alone nobody is there to ask.
    """
    plan = seen.plan
    if not seen.all_went_well or plan.adopts:
        return
    if not plan.is_challenged:
        return
    is_there = plan.request.get("initiator", "customer") == "customer"
    for told in seen.told:
        if told.instruction.name != "authorized" or told.answer is None:
            continue
        asked = told.answer["state"] == "action_required"
        if asked != is_there:
            whom = "is there" if is_there else "is not there"
            yield Violation("U2", f"the guest {whom}, and the hold is {told.answer['state']}")


def _in_order(seen: Witness, view: Json) -> Iterable[Violation]:
    """What came first is carried out first."""
    # One name for two instructions is refused to the second.
    given = given_names(seen.plan)
    names = [(each["kind"], each["command_id"]) for each in view["operations"]]
    # What was refused, and asked again, has the turn of the last asking.
    again = [told.instruction for told in seen.told if told.error and told.instruction.repeats]
    sent = [
        (seen.sent_at[number], each)
        for number, each in enumerate(seen.plan.instructions)
        if number in seen.sent_at and (each.name, each.command_id) in names
        if each.name in QUEUED and given[each.command_id] == 1
        if each not in again and not each.asks_later
    ]
    for (at, first), (later, second) in pairwise(sorted(sent, key=lambda pair: pair[0])):
        # In one workflow task, signals come before updates.
        apart = later - at >= 1 and not (second.is_signal and not first.is_signal)
        turn, next_turn = (names.index((e.name, e.command_id)) for e in (first, second))
        if apart and turn > next_turn:
            yield Violation("X4", f"{second} was carried out before {first}")


def _answered_in_order(seen: Witness) -> Iterable[Violation]:
    """Whose turn comes later is not served first: what came before has its answer by then."""
    given = given_names(seen.plan)
    served = [
        each
        for each in seen.told
        if each.instruction.name in QUEUED and given[each.instruction.command_id] == 1
    ]
    # Who asks again has kept their turn.
    came = {each.command_id: seen.sent_at.get(n) for n, each in enumerate(seen.plan.instructions)}
    for first in served:
        if first.error == "OutcomeUnknown":
            continue
        for second in served:
            # One that is refused at once, as wrong or too late, has not had its turn.
            had_its_turn = second.error in {None, "Declined", "IllegalMove", "NotSupported"}
            came_at = came[second.instruction.command_id] or second.asked_at
            if had_its_turn and came_at - first.asked_at >= 1 and second.at < first.at:
                what = f"{second.instruction} was answered before {first.instruction}"
                yield Violation("X4", f"{what}, which came first")


def _ended_before_their_turn(seen: Witness, view: Json) -> Iterable[Violation]:
    """Whoever came first is not told that it is over, by whoever came after them."""
    if seen.plan.accidents or not view["operations"]:
        return
    given, last = given_names(seen.plan), view["operations"][-1]
    ends = {
        seen.sent_at[number]
        for number, each in enumerate(seen.plan.instructions)
        if number in seen.sent_at and given[each.command_id] == 1
        # In one workflow task, signals come before updates.
        if not each.is_signal
        if (each.name, each.command_id) == (last["kind"], last["command_id"])
    }
    for told in seen.told:
        waited = told.error == "Closed" and told.instruction.name in QUEUED
        if waited and any(told.asked_at + 1 <= at <= told.at for at in ends):
            what = f"{told.instruction} was closed by {last['operation_id']}"
            yield Violation("X4", f"{what}, which came after it")


def _nothing_dropped(seen: Witness, view: Json) -> Iterable[Violation]:
    """A signal is carried out, or kept with the reason why not."""
    refused = {each["name"] for each in view["refused"]}
    names = {each["command_id"] for each in view["operations"]}
    for each in seen.signalled:
        carried_out = each.is_valid and (each.command_id or "") in {"", *names}
        leaves_none = each.is_valid and each.name in {"release", "reschedule"}
        if not carried_out and not leaves_none and each.name not in refused:
            yield Violation("X3", f"{each} was dropped")


def _done_in_time(seen: Witness, view: Json) -> Iterable[Violation]:
    """A plan, or a cancellation, is followed at its hour, unless something is in the way."""
    # Everybody is told that an expiry is near: that alone excuses nothing.
    if view["closed_at"] is None or seen.attentions - {"expiring_soon"}:
        return
    closed_at = since_beginning(view["closed_at"])
    due = [("its deadline", since_beginning(view["deadline"]))] if view["deadline"] else []
    due += [("it was cancelled", seen.cancelled_at)] if seen.cancelled_at is not None else []
    for what, at in due:
        late = closed_at - max(at, seen.troubled_until)
        if late > 2 * HOUR:
            yield Violation("L3", f"closed {late / HOUR:.1f} h after {what}")


def _says_what_was_held(seen: Witness, view: Json) -> Iterable[Violation]:
    """What the hold says was agreed is what the gateway has agreed to, where that shows one."""
    told = seen.resolved or "external_change" in seen.attentions
    if told or not seen.plan.place.raises or not view["authorized"]["amount_minor"]:
        return
    # A deadline does not wait for an adjust that nobody knows the outcome of: a person is told.
    if any(e["kind"] == "adjust" and e["state"] not in DECIDED for e in view["operations"]):
        return
    said = view["authorized"]["amount_minor"]
    # Of an adjust that the deadline has overtaken it says itself that nobody knows.
    may_be = {each["amount"]["amount_minor"] for each in _undecided(view, "adjust")}
    for book in seen.books:
        its = book["payment_id"] == view["payment_id"]
        if its and book["authorized_minor"] not in {said, *may_be}:
            yield Violation("R2", f"{book['authorized_minor']} were held, and the hold says {said}")


def _undecided(view: Json, kind: str) -> Iterable[Json]:
    return (e for e in view["operations"] if e["kind"] == kind and e["state"] not in DECIDED)


def _said_not_done(seen: Witness, view: Json) -> Iterable[Violation]:
    """Nothing has happened under the name of what the hold says did not happen."""
    # After what others did, the gateway shows no more whether ours was done before it.
    if seen.resolved or of_others(seen):
        return
    plan = seen.plan
    workflow_id = f"reservation-{plan.request['reservation_id']}"
    for each in view["operations"]:
        if each["state"] not in {"declined", "not_done"} or each["kind"] == "authorize":
            continue
        its = plan.place, workflow_id, each["kind"], each["command_id"]
        names = {derived_key(*its), derived_reference(*its)}
        for book in seen.books:
            if any(e["key"] in names and e["kind"] == each["kind"] for e in book["effects"]):
                yield Violation("R3", f"{each['operation_id']} is {each['state']}, and took effect")

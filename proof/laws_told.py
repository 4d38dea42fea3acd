"""Laws for each answer that a caller gets, whatever has happened meanwhile.

An answer has to fit the hold that comes with it, the instruction, and the account: what is legal in
which state, what an account can do, and what an error may be given for is the contract's to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from proof.asks import Instruction, minor_of, since_beginning
from proof.laws_kept import as_vouched
from proof.laws_shown import all_shown
from proof.names import derived_key, derived_reference
from proof.plan import DEATH, MANY_RUNS, WORKERS_HALT
from proof.witness import DECIDED, FINAL, UNREAD, Told, Violation, Witness, given_names, name_of
from proof.world.line import Exchange

Json = Mapping[str, Any]

_MOVES_MONEY = frozenset({"adjust", "capture", "release", "authorize"})
#: Where each instruction is legal, of the states in which one is judged.
_LEGAL_IN: Mapping[str, frozenset[str]] = {
    "adjust": frozenset({"authorized"}),
    "capture": frozenset({"authorized", "partially_captured"}),
    "authorize": frozenset({"declined"}),
}
#: Nothing has happened, and nothing will, to whoever was told one of these.
_FOR_GOOD = frozenset({"IllegalMove", "NotSupported", "Closed", "InvalidRequest", "Declined"})
# An update is answered after 45 seconds at the latest, and not much sooner without a reason.
_IN_VAIN_S = 39.0
# What a gateway has not heard of, or not read, is sent again for as long as somebody waits.
_UNREAD_FOR_S = 15.0
# Whose books say which instruction an effect is of.
_KEEPS_NAMES = frozenset({"payroc", "sibs"})
# Whoever waits in vain for their own wish waits for no longer.
_LONG_S = 60.0
_REFUSED = 400
# A first try goes on for longer than this while nothing has been sent.
_AT_ONCE_S = 8.0
# By then the first try of an operation is over, and what is not decided is unknown.
_FIRST_TRY_S, _TASKS_S = 60.0, 20.0
# A caller who has waited for so long was heard before the run's last task.
_HEARD_AFTER_S = 15.0


def of_what_was_told(seen: Witness) -> Iterable[Violation]:
    """Every law of these that was broken."""
    for told in seen.told:
        if told.instruction.is_valid and told.hold is not None:
            what = told.error or "answered"
            for law, why in _fits(seen, told, told.hold):
                yield Violation(law, f"{told.instruction} was {what} at {told.at:.0f} s: {why}")
    yield from _never_answered(seen)
    if not seen.attentions:
        yield from _nothing_to_acknowledge(seen)
    if any(seen.plan.has(kind) for kind in (*MANY_RUNS, "lie")):
        return
    if not seen.plan.accidents:
        yield from _unknown_for_a_reason(seen)
    yield from _stays_so(seen)
    yield from _goes_by_anothers_name(seen)
    yield from _no_is_no(seen)
    yield from _never_less(seen)
    yield from _keeps_its_hour(seen)
    if seen.view is not None and not any(seen.plan.has(kind) for kind in (*WORKERS_HALT, DEATH)):
        yield from _not_meanwhile(seen, seen.view)


def _fits(seen: Witness, told: Told, hold: Json) -> Iterator[tuple[str, str]]:
    match told.error:
        case None:
            yield from _well(seen, told, hold)
        case "IllegalMove":
            yield from _illegal(told, hold)
        case "NotSupported":
            yield from _not_supported(seen, told, hold)
        case "OutcomeUnknown":
            yield from _unknown(told, hold)
        case _:
            yield from _has_a_reason(seen, told, hold)


def _has_a_reason(seen: Witness, told: Told, hold: Json) -> Iterator[tuple[str, str]]:
    ended = {each["state"] for each in own_operations(told.instruction, hold)}
    # The hold that is shown is the one at the task's end: another plan may have come in the task.
    what = told.instruction.name
    wrong = is_wrong(told.instruction, hold, told.at) or _comes_with_another_plan(seen, told)
    if told.error == "Declined" and not ended & {"declined", "not_done"}:
        yield "A3", f"its operations are {sorted(ended)}"
    for each in own_operations(told.instruction, hold):
        if told.error == "Declined" and (each["kind"], each["state"]) == (what, "done"):
            yield "A3", f"{each['operation_id']} is done"
    if told.error == "Closed" and hold["state"] not in FINAL and not seen.plan.adopts_in_vain:
        yield "A5", f"the hold is {hold['state']}"
    is_in_conflict = _is_named_twice(seen, told.instruction) or _starts_otherwise(seen, told)
    if told.error == "Conflict" and not is_in_conflict:
        yield "A6", "nobody else goes by this name"
    if told.error == "InvalidRequest" and not wrong and not seen.plan.adopts_in_vain:
        yield "A7", "nothing is wrong with it"


def _comes_with_another_plan(seen: Witness, told: Told) -> bool:
    if told.instruction.name not in {"reschedule", "capture"}:
        return False
    others = [
        number
        for number, each in enumerate(seen.plan.instructions)
        if each.name == "reschedule" and each is not told.instruction
    ]
    return any(told.asked_at <= seen.sent_at.get(each, -1.0) <= told.at for each in others)


def _starts_otherwise(seen: Witness, told: Told) -> bool:
    """Whether it is another start of the reservation, and not in the words of the first."""
    start = (told.instruction.body or {}).get("request")
    return told.instruction.name == "authorized" and start not in (None, seen.plan.request)


def own_operations(asked: Instruction, hold: Json) -> list[Json]:
    """The operations that go by an instruction's name."""
    name = asked.command_id
    return [each for each in hold["operations"] if name_of(each) == name]


def _well(seen: Witness, told: Told, hold: Json) -> Iterator[tuple[str, str]]:
    match told.instruction.name:
        case "adjust" | "capture":
            yield from _done(told.instruction, hold)
        case "release" if hold["state"] not in FINAL:
            yield "A1", f"the hold is {hold['state']}"
        case "authorized" if _starts_otherwise(seen, told):
            yield "A17", "the start says something else than the reservation's own"
        case "authorize" | "authorized" | "authenticated":
            own = own_operations(told.instruction, hold)
            placed = own or [each for each in hold["operations"] if each["kind"] == "authorize"]
            if not placed or (placed[-1]["state"] not in DECIDED and hold["action"] is None):
                yield "A1", "the authorization is not decided"
        case "reschedule":
            yield from _new_plan(seen, told, hold)
        case "resolve":
            yield from as_vouched(seen, told, hold)
        case _:
            pass


def _done(asked: Instruction, hold: Json) -> Iterator[tuple[str, str]]:
    body, own = asked.body or {}, own_operations(asked, hold)
    done = [each for each in own if each["kind"] == asked.name and each["state"] == "done"]
    if not done and asked.command_id is not None:
        yield "A1", "no operation of it is done"
    elif "amount" in body and done[0]["amount"]["amount_minor"] != minor_of(body["amount"]):
        yield "A1", f"what was done is {done[0]['amount']}"
    for each in own:
        if each["state"] not in DECIDED:
            yield "A1", f"{each['operation_id']} is {each['state']}"


def _new_plan(seen: Witness, told: Told, hold: Json) -> Iterator[tuple[str, str]]:
    body = told.instruction.body or {}
    if sum(1 for each in seen.plan.instructions if each.name == "reschedule") > 1:
        return  # the hold that comes with a repeated answer may be another's already
    if is_wrong(told.instruction, hold, told.asked_at):
        yield "A7", "it was wrong in itself"
    if "settle_by" in body and hold["settle_by"] != body["settle_by"]:
        yield "A1", f"settle_by is {hold['settle_by']}"
    if "on_deadline" in body and hold["on_deadline"] != body["on_deadline"]:
        yield "A1", f"on_deadline is {hold['on_deadline']}"
    amount = body.get("deadline_amount")
    if amount is not None and hold["deadline_amount"] != amount:
        yield "A1", f"deadline_amount is {hold['deadline_amount']}"


def _illegal(told: Told, hold: Json) -> Iterator[tuple[str, str]]:
    asked, body, state = told.instruction, told.instruction.body or {}, hold["state"]
    if asked.name in {"release", "reschedule", "authorized", "authenticated"}:
        yield "A2", f"no state forbids it, and the hold is {state}"
    if state not in _LEGAL_IN.get(asked.name, ()):
        return
    amount = minor_of(body["amount"]) if "amount" in body else 0
    too_much = state == "partially_captured" and amount > hold["remaining"]["amount_minor"]
    if not too_much:
        yield "A2", f"the hold is {state}"


def _not_supported(seen: Witness, told: Told, hold: Json) -> Iterator[tuple[str, str]]:
    asked, body, place = told.instruction, told.instruction.body or {}, seen.plan.place
    held, left = hold["authorized"]["amount_minor"], hold["remaining"]["amount_minor"]
    amount = minor_of(body["amount"]) if "amount" in body else None
    match asked.name:
        case "adjust":
            total = held + (1 if "+" in body.get("by", "") else -1) if amount is None else amount
            can = total == held or (place.raises if total > held else place.lowers)
            if can:
                yield "A4", f"{held} are held, and the account can change that to {total}"
        case "capture":
            takes = left if amount is None else amount
            is_last = body.get("final", True) or takes >= left
            if place.raises if takes > left else (is_last or place.several):
                yield "A4", f"{left} are held, and the account can capture {takes}"
        case _:
            yield "A4", "every account can do that"


def _unknown(told: Told, hold: Json) -> Iterator[tuple[str, str]]:
    if any(each["state"] not in DECIDED for each in hold["operations"]):
        return
    if hold["state"] in FINAL:
        yield "A8", f"everything is decided, and the hold is {hold['state']}"
    elif told.at - told.asked_at < _IN_VAIN_S:
        yield "A8", "everything is decided"


def _is_soon_sent_again(each: Exchange) -> bool:
    soon = each.retry_after.isdigit() and int(each.retry_after) < _UNREAD_FOR_S
    return each.fault == "refused" or (each.fault == "throttle" and soon)


def _is_quick(seen: Witness) -> bool:
    manners = seen.plan.manners
    return manners.task_latency_s < 1 and manners.task_s < 1


def _is_no(each: Exchange) -> bool:
    """Whether the gateway has refused it of its own accord, for whatever that means."""
    status = each.own_status
    return each.operation != "look_up" and status is not None and status >= _REFUSED


def _unknown_for_a_reason(seen: Witness) -> Iterator[Violation]:
    """Nobody is told at once that an outcome is unknown where the gateway has answered it all."""
    for told in seen.told:
        if told.error != "OutcomeUnknown" or told.hold is None:
            continue
        undecided = [each for each in told.hold["operations"] if each["state"] not in DECIDED]
        own = undecided and undecided[0]["command_id"] == told.instruction.command_id
        patience = _LONG_S if own and _is_quick(seen) else _IN_VAIN_S
        if not undecided or told.at - told.asked_at > patience:
            continue
        asked_at = since_beginning(undecided[0]["requested_at"])
        since = min(asked_at, told.asked_at) - 0.01
        its = [each for each in seen.exchanges if since <= each.at <= told.at]
        met = [each for each in its if each.fault or _is_no(each)]
        # What is told by a look alone, after it was sent, is lost with that look.
        sent = [each.at for each in its if each.operation != "look_up" and each.seen]
        unread = [
            each.at
            for each in met
            if _is_soon_sent_again(each)
            and not (each.operation == "look_up" and any(at <= each.at for at in sent))
        ]
        unsent = undecided[0]["kind"] != "authorize" and _was_only_looked_for(its, told.at - since)
        heard = len(unread) == len(met) and (not met or unread[-1] - unread[0] < _UNREAD_FOR_S)
        if heard or unsent:
            what = undecided[0]["operation_id"]
            yield Violation("A12", f"{told.instruction}: {what} is unknown, and was never lost")


def _was_only_looked_for(its: Iterable[Exchange], seconds: float) -> bool:
    """Whether nothing but looks has left at once, of which the gateway has turned none away."""
    looks = all(each.operation == "look_up" and each.status not in UNREAD for each in its)
    return looks and seconds < _AT_ONCE_S


def _is_named_twice(seen: Witness, asked: Instruction) -> bool:
    if asked.name == "authorized":
        return True  # of a start with another request
    others = [
        each
        for each in seen.plan.instructions
        if each is not asked and each.command_id == asked.command_id
    ]
    return asked.command_id is not None and bool(others)


def is_wrong(asked: Instruction, hold: Json, at: float) -> bool:
    """Whether an instruction, well written as it is, contradicts the hold, or the clock."""
    body = asked.body or {}
    match asked.name:
        case "adjust" if str(body.get("by", "")).startswith("-"):
            return minor_of(body["by"]) + hold["authorized"]["amount_minor"] < 1
        case "capture":
            return "amount" not in body and hold["deadline_amount"] is not None
        case "reschedule":
            is_late = "settle_by" in body and since_beginning(body["settle_by"]) <= at
            on_deadline = body.get("on_deadline", hold["on_deadline"])
            return is_late or ("deadline_amount" in body and on_deadline != "capture")
        case _:
            return False


def _never_answered(seen: Witness) -> Iterator[Violation]:
    """Whoever was heard while the run went on has an answer from it."""
    if any(seen.plan.has(kind) for kind in MANY_RUNS):
        return
    for gone in seen.gone:
        waited = gone.at - gone.asked_at
        if waited > _HEARD_AFTER_S:
            yield Violation("L5", f"{gone.instruction} waited {waited:.0f} s, and the run ended")


def _stays_so(seen: Witness) -> Iterator[Violation]:
    """What was done once is done: whoever asks again under the same name is told the same."""
    answers: dict[str, list[Told]] = {}
    for told in seen.told:
        name = told.instruction.command_id
        if name is not None and told.instruction.name in _MOVES_MONEY:
            answers.setdefault(f"{told.instruction.name} {name}", []).append(told)
    for same in answers.values():
        done = next((each for each in same if each.error is None), None)
        for each in same:
            is_after = done is not None and each.at > done.at and each.asked_at > done.at
            if is_after and each.error not in {None, "Conflict"}:
                yield Violation("A9", f"{each.instruction} was done, and later {each.error}")


def _nothing_to_acknowledge(seen: Witness) -> Iterator[Violation]:
    """Where nobody was ever told of anything there is nothing to take note of."""
    for told in seen.told:
        if told.instruction.name == "acknowledge" and told.error is None:
            yield Violation("A2", f"{told.instruction} was answered, and nobody had been told")


def _goes_by_anothers_name(seen: Witness) -> Iterator[Violation]:
    """Who takes the name of what was done is told so, and nothing else."""
    done = [each for each in seen.told if each.error is None and each.instruction.command_id]
    for second in seen.told:
        asked = second.instruction
        for first in done:
            same = first.instruction.command_id == asked.command_id and asked.is_valid
            is_after = same and first.instruction is not asked and first.at < second.asked_at
            if is_after and second.error not in {"Conflict", "InvalidRequest"}:
                told = second.error or "answered"
                yield Violation("A6", f"{asked} was {told}, under the name of {first.instruction}")


def _no_is_no(seen: Witness) -> Iterator[Violation]:
    """What was refused for good under a name has not taken effect, and will not."""
    if any(book["refunded_minor"] for book in seen.books):
        return  # somebody has given it back before anybody looked: then it looks as if never taken
    workflow_id = f"reservation-{seen.plan.request['reservation_id']}"
    others_took = any(e["by_others"] and e["kind"] == "capture" for e in _effects(seen))
    for number, asked in enumerate(seen.plan.instructions):
        if not _is_refused_for_good(seen, number, asked) or seen.resolved:
            continue
        if "external_change" in seen.attentions and (asked.name == "adjust" or others_took):
            # Once somebody has taken of the hold, no gateway shows what its total was, nor who
            # has taken which part of what is gone.
            continue
        name = asked.command_id or ""
        its = seen.plan.place, workflow_id, asked.name, name
        names = {derived_key(*its), derived_reference(*its)}
        amount = minor_of(asked.body["amount"]) if asked.body and "amount" in asked.body else None
        for effect in _effects(seen):
            if effect["by_others"]:
                continue
            is_its = effect["key"] in names and effect["kind"] == asked.name
            alike = asked.name == effect["kind"] == "capture" and effect["amount_minor"] == amount
            # Where the books keep names, another instruction may have been of the same amount.
            if is_its or (alike and seen.plan.place.gateway not in _KEEPS_NAMES):
                yield Violation("A10", f"{asked} was refused, and took effect")


def _is_refused_for_good(seen: Witness, number: int, asked: Instruction) -> bool:
    if asked.is_signal or not asked.is_valid or asked.command_id is None:
        return False
    if asked.name not in {"adjust", "capture"} or number not in seen.sent_at:
        return False
    if any(e.command_id == asked.command_id for e in seen.plan.instructions if e is not asked):
        return False
    told = [each.error for each in seen.told if each.instruction is asked]
    return len(told) == 1 + asked.repeats and all(error in _FOR_GOOD for error in told)


def _effects(seen: Witness) -> Sequence[Json]:
    return [effect for book in seen.books for effect in book["effects"]]


def _never_less(seen: Witness) -> Iterator[Violation]:
    """What was taken, or is free again, is never less afterwards, unless somebody was told why."""
    if "external_change" in seen.attentions or seen.resolved:
        return
    before = {"captured": 0, "gone": 0}
    before_at = 0.0
    for at, hold in all_shown(seen):
        now = {
            "captured": hold["captured"]["amount_minor"],
            "gone": hold["released"]["amount_minor"] + hold["expired"]["amount_minor"],
        }
        for name, amount in now.items():
            if amount < before[name] and at > before_at:
                yield Violation("A11", f"{name} was {before[name]}, and at {at:.0f} s {amount}")
        before, before_at = now, at


def _keeps_its_hour(seen: Witness) -> Iterator[Violation]:
    """The hour that somebody has named stands until somebody names another."""
    named = [
        told.at
        for told in seen.told
        if told.instruction.name == "reschedule"
        and told.error is None
        and "settle_by" in (told.instruction.body or {})
    ]
    since = 0.0 if "settle_by" in seen.plan.request else min(named, default=float("inf"))
    shown = [(told.asked_at, told.hold) for told in seen.told]
    shown += [(glance.at, glance.hold) for glance in seen.glances]
    shown.append((float("inf"), seen.view))
    for at, hold in shown:
        if since < at and hold is not None and hold["settle_by"] is None:
            yield Violation("A16", f"at {at:.0f} s the hour is gone that was named at {since:.0f}")


def _not_meanwhile(seen: Witness, view: Json) -> Iterator[Violation]:
    """What is to be adjusted or captured while an outcome is unknown is refused, and not kept."""
    given = given_names(seen.plan)
    for number, asked in enumerate(seen.plan.instructions):
        came = seen.sent_at.get(number)
        # Who asks again, once the outcome is known, is heard.
        once = given[asked.command_id] == 1 and not asked.repeats and asked.command_id is not None
        if asked.name not in {"adjust", "capture"} or came is None or not once:
            continue
        own = own_operations(asked, view)
        if not own:
            continue
        turn = since_beginning(own[0]["requested_at"])
        for other in view["operations"]:
            since, until = since_beginning(other["requested_at"]), other["decided_at"]
            unknown_at = max(since + _FIRST_TRY_S, came)
            if other in own or until is None or turn < since_beginning(until):
                continue
            if other["kind"] == "authorize" and seen.asks_the_guest:
                continue  # while it is the guest's turn, or is looked at, it is not unknown
            if since_beginning(until) > unknown_at + _TASKS_S:
                what = f"{asked} was carried out, and {other['operation_id']} was unknown"
                yield Violation("A15", f"{what} while it waited")

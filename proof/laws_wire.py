"""Laws of the wire: what is sent again, after what, and what is looked up before it is sent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from email.utils import parsedate_to_datetime
from itertools import pairwise

from proof.asks import DAY, HOUR, since_beginning
from proof.plan import DEATH, MANY_RUNS, STAND_STILL, WORKERS_HALT, Plan
from proof.witness import A_MOMENT_S, UNREAD, Json, Violation, Witness, name_of, of_others
from proof.world.line import Exchange
from proof.world.loop import BEGINNING

# What goes out under one name: the operation, where to, with what body, under which key.
_What = tuple[str, str, bytes, str | None]

_MONEY = frozenset({"authorize", "adjust", "capture", "release"})
# What belongs to the call that follows it.
_BESIDE = frozenset({"token", "order"})
_SERVER_ERRORS, _UNAUTHORIZED = 500, 401
_REFUSED_TWICE = 2
# What was on its way when a run was made again, or ended, is over by then.
_ON_ITS_WAY_S = 180.0
_A_TICK_S = 1e-6
# How long before a call the look that guards it may have been.
_BESIDE_IT_S = 45.0
#: Half of how long a gateway's keys live.
_KEY_S = 3.5 * DAY
# The first try has so long, at least and at most: of an answer in that very instant the server may
# not hear.
_FIRST_TRY_S, _AT_ONCE_S, _JUST_THEN_S = (10.0, 40.0), 0.001, 5.0
# After these nobody can say who knew of what was lost: two run beside each other, or go on late.
_STRANGE = (*STAND_STILL, "second_cluster", "terminate_and_start", "terminate", "restore")
# A list is one look, however many pages it has.
_FURTHER = re.compile(r"[?&]page=(?!1\b)")
# When an order was given at SIBS, by its clock.
_STAMP = re.compile(rb'"transactionTimestamp": ?"[^"]*"')
# What is looked up before it is sent, whatever its key.
_GUARDED = frozenset({"authorize", "release"})
# After the loss, the next attempt of the same: a time-out, and a pause.
_NEXT_S = 40.0
# At SIBS a look shows a hold as it was placed.
_SHOWS_NOTHING_LATER = frozenset({"sibs"})
_OK, _CREATED = 200, 201
# An answer there says that it was heard, and a look what it has done.
_ANSWERS_IN_PART = frozenset({"xmoney"})
# Nobody leaves a gateway alone for longer than this, whatever it says.
_LEFT_ALONE_S = 300
# Dates are told to the second.
_ROUNDED_S = 1.5
# How long before an hour that counts a gateway is asked so often that one hour of it is enough.
_CLOSE_S, _AN_HOUR_S = 12 * HOUR, 1.05 * HOUR
# Of our attempts, whose time-outs are 20 s each; 60 in a minute would be one each second.
_A_MINUTE_S, _CALLS_A_MINUTE = 60.0, 60


def of_the_wire(seen: Witness) -> Iterable[Violation]:
    """Every law of these that was broken."""
    yield from _not_after_the_end(seen)
    yield from _storms(seen)
    yield from _looked_before(seen)
    yield from _seen_done(seen)
    yield from _looked_for_the_guest(seen)
    yield from _with_another_token(seen)
    if any(seen.plan.has(kind) for kind in _STRANGE):
        return
    halts = any(seen.plan.has(kind) for kind in (*MANY_RUNS, *WORKERS_HALT))
    if not halts and seen.view is not None and not seen.resolved:
        yield from _often_enough(seen, seen.view)
    yield from _not_blindly_again(seen, heard=not halts)
    if not halts:
        yield from _as_asked(seen)
    if not halts and seen.view is not None and not seen.resolved:
        yield from _told_by_its_answer(seen, seen.view)
        yield from _looked_beside_it(seen, seen.view)


def _not_after_the_end(seen: Witness) -> Iterator[Violation]:
    """A closed run has nothing more to say to the gateway."""
    view = seen.view
    if view is None or seen.is_open or view["closed_at"] is None or seen.plan.has("second_cluster"):
        return
    closed_at = since_beginning(view["closed_at"])
    # A process that was frozen goes on with a look, and sends nothing after it.
    looks = {"look_up", "token"} if seen.plan.has("frozen") else set[str]()
    for each in seen.exchanges:
        if each.operation not in looks and each.at > closed_at + _ON_ITS_WAY_S:
            late = each.at - closed_at
            yield Violation("W1", f"{each.operation} was sent {late:.0f} s after the end")


def _often_enough(seen: Witness, view: Json) -> Iterator[Violation]:
    """One hour's answers of the twelve before a deadline, or an expiry, are enough to meet it."""
    if seen.plan.has(DEATH) or not view["deadline"] or not view["expires_at"]:
        return
    if any(each.name == "reschedule" for each in seen.plan.instructions):
        return
    hours = since_beginning(view["deadline"]), since_beginning(view["expires_at"])
    for each in view["operations"]:
        if each["kind"] == "authorize":
            continue  # nothing is known to be held yet
        since = since_beginning(each["requested_at"])
        until = since_beginning(each["decided_at"]) if each["decided_at"] else seen.over_at
        for hour in hours:
            first, last = max(since, hour - _CLOSE_S), min(until, hour)
            asked = [e.at for e in seen.exchanges if first < e.at < last]
            gap = max((b - a for a, b in pairwise([first, *asked, last])), default=0.0)
            if gap > _AN_HOUR_S:
                what = f"{each['operation_id']}, {hour - last:.0f} s before {hour:.0f}"
                yield Violation("W12", f"for {gap:.0f} s nobody has asked for {what}")


def _storms(seen: Witness) -> Iterator[Violation]:
    hours = [each.at for each in seen.exchanges if not _FURTHER.search(each.path)]
    runs = 1 + len(seen.plan.accidents)
    for first, last in zip(hours, hours[_CALLS_A_MINUTE * runs :], strict=False):
        if last - first < _A_MINUTE_S:
            yield Violation("W2", f"{_CALLS_A_MINUTE * runs} calls within {last - first:.0f} s")
            return


def _looked_before(seen: Witness) -> Iterator[Violation]:
    """What may stand already is looked up first, by whoever is about to send it."""
    careful = _careful_from(seen)
    for number, each in enumerate(seen.exchanges):
        if each.operation not in _MONEY or _is_guarded(seen, number):
            continue
        why = _why_guarded(seen.plan, each)
        if why is None and (each.run_id in seen.reset_at or any(at < each.at for at in careful)):
            why = "the run has been made again, or a person has had their word"
        if why is not None:
            yield Violation("W3", f"{each.operation} was sent without a look: {why}")


def _why_guarded(plan: Plan, each: Exchange) -> str | None:
    if each.operation == "release":
        return "somebody may have captured it meanwhile"
    if each.operation == "authorize":
        return "a run before this one may have placed it"
    if plan.place.several:
        return "the account would do it twice"
    return None


def _careful_from(seen: Witness) -> list[float]:
    """From when on nothing is sent without a look."""
    # A cluster beside the restored one has workers of its own, whom nobody has told.
    restored = [] if seen.plan.has("second_cluster") else seen.restored_at
    words = [
        told.at + 1.0
        for told in seen.told
        if told.instruction.name == "resolve" and told.error is None
    ]
    return restored if seen.plan.accidents else words


def _is_guarded(seen: Witness, number: int) -> bool:
    """Whether the same worker has just looked, and was answered."""
    this = seen.exchanges[number]
    for before in reversed(seen.exchanges[:number]):
        if before.worker != this.worker or before.operation in _BESIDE:
            continue
        if _has_told(before):
            return True
        again = before.operation == this.operation and before.status in UNREAD and before.seen
        # Sent once more with fresh credentials; or by an attempt that nobody waits for any more.
        if not again and before.at < this.at - _BESIDE_IT_S:
            return False
    return False


def _has_told(look: Exchange) -> bool:
    """Whether somebody has looked, and was neither turned away at the door nor told of trouble."""
    status = look.status or _SERVER_ERRORS
    told = look.seen and status not in UNREAD and status < _SERVER_ERRORS
    return look.operation == "look_up" and told


def _seen_done(seen: Witness) -> Iterator[Violation]:
    """What the look before it has shown to be gone is not released once more."""
    if seen.plan.place.gateway in _SHOWS_NOTHING_LATER:
        return
    looks: dict[str, Exchange] = {}
    for each in seen.exchanges:
        if each.operation == "look_up" and each.status == _OK and each.seen:
            looks[each.worker] = each
        if each.operation != "release" or each.worker not in looks:
            continue
        look = looks[each.worker]
        if look.fault or look.path.rpartition("/")[2] not in each.path:
            continue
        gone = next((at for book, at in _gone_at(seen) if book in each.path), None)
        if gone is not None and gone < look.at:
            yield Violation("W9", f"a release was sent at {each.at:.0f} s, and seen done before")


def _looked_for_the_guest(seen: Witness) -> Iterator[Violation]:
    """Whoever is back from their bank is not sent there again before somebody has looked."""
    for told in seen.told:
        answer = told.answer
        if told.instruction.name != "authenticated" or answer is None:
            continue
        if answer["state"] != "action_required" or not told.instruction.is_valid:
            continue
        if since_beginning(answer["action"]["expires_at"]) <= told.at:
            continue  # their time is over: they are sent nowhere any more
        looks = (e for e in seen.exchanges if e.operation in {"look_up", "release"})
        # One look serves all who are back while it is under way; what it tells, a task hears of.
        until = told.at - min(seen.plan.manners.task_latency_s, _A_TICK_S)
        if not any(told.asked_at <= (each.seen_at or 0.0) <= until for each in looks):
            yield Violation("A14", f"at {told.at:.0f} s the guest was back, and nobody has looked")


def _with_another_token(seen: Witness) -> Iterator[Violation]:
    """A token that the gateway has refused again and again is not shown to it once more."""
    renews = any(each.operation == "token" for each in seen.exchanges)
    refused: dict[tuple[str, str | None], list[Exchange]] = {}
    for each in seen.exchanges if renews else ():
        before = refused.setdefault((each.worker, each.headers.get("authorization")), [])
        # Of the second refusal in one attempt nobody is told: it is the next attempt's first.
        if sum((e.seen_after or each.number) < each.number for e in before) >= _REFUSED_TWICE:
            yield Violation("W13", f"{each.operation} came with a token that was refused twice")
        if each.operation != "token" and each.status == _UNAUTHORIZED and each.seen:
            before.append(each)


def _gone_at(seen: Witness) -> Iterator[tuple[str, float]]:
    """When nothing was held any more of each hold, and nothing has been taken out of it."""
    for book in seen.books:
        last = book["effects"][-1]
        if last["kind"] == "release" and not book["captured_minor"] and book["state"] != "open":
            yield book["payment_id"], since_beginning(last["at"]) - seen.plan.skew_s + A_MOMENT_S


def _not_blindly_again(seen: Witness, *, heard: bool) -> Iterator[Violation]:
    """After an answer that leaves it open, or without a key, nothing is sent before a look.

    Args:
        seen: All that was seen.
        heard: Whoever sends it again knows what was answered. Of what was lost everybody knows as
            much.
    """
    last: dict[_What, Exchange] = {}
    first: dict[_What, float] = {}
    looked_at, looked_as, beside_since = -1.0, 0, None
    for each in seen.exchanges:
        if each.operation in _BESIDE:
            beside_since = each.at if beside_since is None else beside_since
            continue
        began, beside_since = each.at if beside_since is None else beside_since, None
        if _has_told(each):
            looked_at, looked_as = each.at, each.number
        if each.operation not in _MONEY:
            continue
        what = _what(each)
        before, since = last.get(what), first.setdefault(what, began)
        last[what] = each
        if before is None or _has_surely_done_nothing(before):
            continue
        if heard or (_was_lost(seen, before) and _is_the_latest(seen, each)):
            # One that came before in the same instant has told nothing of it.
            told_at = looked_at if looked_as > before.number else -1.0
            yield from _again(seen, before, each, since, told_at)


def _what(each: Exchange) -> _What:
    """What goes out under one name, whenever; to call an order off again does nothing twice."""
    body = _STAMP.sub(b"", each.body) if each.operation == "capture" else each.body
    return each.operation, each.path, body, each.key


def _was_lost(seen: Witness, before: Exchange) -> bool:
    return not before.seen and before.operation not in seen.plan.place.keyed


def _is_the_latest(seen: Witness, each: Exchange) -> bool:
    """Whether it is the last run's: an attempt of one that was reset does not know of it."""
    return not seen.reset_at or each.run_id == list(seen.reset_at)[-1]


def _as_asked(seen: Witness) -> Iterator[Violation]:
    """A gateway that wants to be left alone is; under a live key what was lost is sent again."""
    last: dict[_What, Exchange] = {}
    for each in seen.exchanges:
        if each.operation not in _MONEY:
            continue
        what = _what(each)
        before = last.get(what)
        last[what] = each
        if before is None:
            continue
        if _is_too_soon(before, each.at, seen.plan.skew_s):
            pause, asked = each.at - before.at, before.retry_after
            yield Violation("W7", f"{each.operation} came {pause:.0f} s after a 429 for {asked}")
    yield from _looked_in_vain(seen)
    yield from _looked_too_soon(seen)


def _looked_too_soon(seen: Witness) -> Iterator[Violation]:
    """Nor is it looked up sooner, while nothing else has come."""
    # An hour that comes, or somebody who does, is not put off by what a gateway wants.
    comes = [told.asked_at for told in seen.told]
    comes += [each.at for each in seen.plan.instructions]
    comes += [each.at for each in seen.plan.accidents]
    hours = [each["requested_at"] for each in (seen.view or {}).get("operations", ())]
    comes += [since_beginning(hour) for hour in hours]
    calls = [each for each in seen.exchanges if each.operation not in _BESIDE]
    for before, each in pairwise(calls):
        if before.operation not in _MONEY or each.operation != "look_up":
            continue
        alone = not any(before.at < at <= each.at + A_MOMENT_S for at in comes)
        if before.status in UNREAD and alone and _is_too_soon(before, each.at, seen.plan.skew_s):
            pause, asked = each.at - before.at, before.retry_after
            yield Violation("W7", f"a look came {pause:.0f} s after a 429 for {asked}")


def _looked_in_vain(seen: Witness) -> Iterator[Violation]:
    """What was lost for the first time under a live key is sent again as it was, unlooked."""
    first: set[_What] = set()
    for each in seen.exchanges:
        what = _what(each)
        if each.operation not in _MONEY or what in first:
            continue
        first.add(what)
        # Whatever else meets with trouble next may tell more.
        after = [e for e in seen.exchanges[each.number :][:6] if e.operation != "token" or e.fault]
        looks = bool(after) and after[0].operation == "look_up"
        frees = len(after) > 1 and after[1].operation == "release"
        if looks and not frees and _may_go_again(seen, each, after[0].at):
            yield Violation("W8", f"{each.operation} was looked up, and its key was alive")


def _told_by_its_answer(seen: Witness, view: Json) -> Iterator[Violation]:
    """What the gateway has answered at once, and in full, needs no look to be decided."""
    if seen.plan.place.gateway in _ANSWERS_IN_PART or seen.asks_the_guest:
        return
    for each in view["operations"]:
        if each["state"] != "done" or each["kind"] not in _MONEY:
            continue
        since, until = since_beginning(each["requested_at"]), since_beginning(each["decided_at"])
        its = [e for e in seen.exchanges if since <= e.at < until - A_MOMENT_S]
        # At SIBS an order that nobody has paid is called off like a hold, under its own name.
        name = (each["payment_id"] or "") if each["kind"] == "release" else ""
        sent = [n for n, e in enumerate(its) if e.operation == each["kind"] and name in e.path]
        # What was kept waiting before may have been answered in the moment it was given up.
        if len(sent) != 1 or any(e.fault for e in its[: sent[0]]):
            continue
        if not _is_told_in_full(its[sent[0]]):
            continue
        if any(e.operation == "look_up" for e in its[sent[0] + 1 :]):
            yield Violation("W14", f"{each['operation_id']} was answered, and then looked up")


def _looked_beside_it(seen: Witness, view: Json) -> Iterator[Violation]:
    """Where no key guards a hold, no money is asked for before a look at what is beside it."""
    held = [e for e in view["operations"] if (e["kind"], e["state"]) == ("authorize", "done")]
    is_guarded = "authorize" in seen.plan.place.keyed or seen.plan.adopts
    if is_guarded or not held or not held[-1]["reference"]:
        return
    since = since_beginning(held[-1]["decided_at"]) - A_MOMENT_S
    looks = [
        each.at
        for each in seen.exchanges
        if each.operation == "look_up" and held[-1]["reference"] in each.path and each.at >= since
    ]
    by_plan = {each["operation_id"] for each in view["operations"] if name_of(each) == "deadline"}
    for each in seen.exchanges:
        whose = (each.activity_id or "").rpartition(".")[0]
        if each.operation != "capture" or whose in by_plan:
            continue
        if not any(at <= each.at for at in looks):
            yield Violation("W15", f"{whose} was sent, and nobody has looked for a second hold")


def _is_told_in_full(each: Exchange) -> bool:
    return each.seen and not each.fault and each.status in {_OK, _CREATED}


def _is_too_soon(before: Exchange, at: float, skew_s: float) -> bool:
    asked = _asked_for_s(before, skew_s) if before.seen else None
    # What a gateway says beyond a day it has said by accident.
    makes_sense = asked is not None and 0 <= asked <= DAY
    return makes_sense and at - before.at < min(asked or 0.0, _LEFT_ALONE_S) - _ROUNDED_S


def _asked_for_s(before: Exchange, skew_s: float) -> float | None:
    """For how long a gateway wants to be left alone: seconds, or a date by its own clock."""
    if before.retry_after.isdigit():
        return float(before.retry_after)
    try:
        until = parsedate_to_datetime(before.retry_after)
    except ValueError:
        return None
    return (until - BEGINNING).total_seconds() - skew_s - before.at


def _may_go_again(seen: Witness, before: Exchange, at: float) -> bool:
    """Whether what was lost may be sent again under its key, unlooked."""
    keyed = before.operation in seen.plan.place.keyed - _GUARDED
    lost = not before.seen and before.fault != "refused"
    # An answer that is cut off is none; of a refusal the status is enough.
    lost |= before.fault == "truncate" and before.status in {_OK, _CREATED}
    undisturbed = not seen.plan.accidents and not seen.resolved
    return keyed and lost and undisturbed and at - before.at < _NEXT_S


def _has_surely_done_nothing(before: Exchange) -> bool:
    # A decline is an answer: whoever asks again does so in another instruction.
    return before.fault in {"refused", "decline"} or (before.seen and before.status in UNREAD)


def _again(
    seen: Witness, before: Exchange, each: Exchange, since: float, looked_at: float
) -> Iterator[Violation]:
    """The same once more, after the last time may have been carried out."""
    place = seen.plan.place
    keyed = each.operation in place.keyed
    # What comes to an attempt that was given up tells the next one nothing.
    seen_at = each.at + 1 if before.seen_at is None else before.seen_at
    given_up = (seen_at - since - limit for limit in _FIRST_TRY_S)
    just_then = any(-_AT_ONCE_S < late < _JUST_THEN_S for late in given_up)
    # Nor does what comes in the moment in which both have left, once a token was there for both.
    heard = (before.seen_after or each.number) < each.number and not just_then
    # A body that ends too soon may look whole where nobody has said how long it is.
    whole = heard and before.fault != "truncate"
    if looked_at < before.at:
        if whole or not keyed:
            how = f"after {before.status}" if whole else "without an answer"
            yield Violation("W4", f"{each.operation} was sent again {how}, and no look between")
        elif each.at - since > _KEY_S:
            yield Violation("W5", f"{each.operation} was sent again under a key that is dead")
        return
    is_soon = looked_at < before.at + 0.95 * place.processing_s
    if is_soon and not keyed and not heard and not _may_go_at_once(seen, each):
        waited = looked_at - before.at
        yield Violation("W6", f"{each.operation} was sent again {waited:.0f} s after a loss")


def _may_go_at_once(seen: Witness, each: Exchange) -> bool:
    """Whether others have taken of it before: what was lost is told as not done, and asked anew."""
    return any(
        since_beginning(effect["at"]) - seen.plan.skew_s < each.at + A_MOMENT_S
        for effect in of_others(seen)
    )

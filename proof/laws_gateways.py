"""Laws of what happens at the gateway: to others, by others, and what is said of it.

Each is asserted only where the run can know: in a life without resets, restores and second runs,
without a person whose word was taken, and where the gateway shows what became of a hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from proof.asks import since_beginning
from proof.excuses import was_vouched_for
from proof.laws_shown import all_shown
from proof.names import ELSEWHERE, derived_key, derived_reference
from proof.plan import DEATH, MANY_RUNS, WORKERS_HALT
from proof.witness import A_MOMENT_S, DECIDED, Violation, Witness, name_of, of_others
from proof.world.line import Exchange

Json = Mapping[str, Any]

# What an operation does to the books, where the books keep its name; a hold is lowered at SIBS by
# freeing a part of it.
_EFFECTS: Mapping[str, Mapping[str, str]] = {
    "payroc": {"adjust": "adjust", "capture": "capture", "release": "release"},
    "sibs": {"adjust": "release", "capture": "capture", "release": "release"},
    "stax": {"capture": "capture"},
}

# By then a gateway has booked all that was on its way to it, and has been asked.
_BOOKED_S = 900.0
# A look that tells nothing is followed by another after twice the time.
_LATER = 3
# With these an answer comes, if late.
_TELLS = frozenset({"", "late", "answer_late", "delay"})
# Of another amount, or currency, or none at all: whatever comes, no run may go on with it.
_NEVER_TAKEN_OVER = frozenset({"more", "abroad", "unknown"})
# What is done to a hold once there is one.
_LATER_ON, _NOT_FOUND = frozenset({"adjust", "capture", "release"}), 404
# All that becomes of a hold that nobody touches.
_PLACED_AND_LAPSED = 2


def at_the_gateway(seen: Witness) -> Iterable[Violation]:
    """Every law of these that was broken."""
    yield from _of_strangers(seen)
    yield from _taken_over(seen)
    if seen.view is not None:
        yield from _told_of_what_it_has_not_done(seen, seen.view)
    knows = not seen.resolved and not any(seen.plan.has(kind) for kind in (*MANY_RUNS, "lie"))
    if knows:
        yield from _sent_to_what_there_is(seen)
        yield from _on_top_of_others(seen)
    if knows and seen.view is not None:
        yield from _never_held(seen, seen.view)
        yield from _told_of_others(seen, seen.view)
        yield from _said_done(seen, seen.view)
        yield from _moved_as_said(seen, seen.view)
        yield from _stands_alone(seen, seen.view)
        yield from _figures(seen, seen.view)
    # What others have undone is told in the gateway's words, and those have no history.
    if knows and not of_others(seen):
        yield from _said_too_soon(seen)


def _said_too_soon(seen: Witness) -> Iterable[Violation]:
    """Whoever is told that money is held, was taken or is free may rely on it from then on."""
    for told in seen.told:
        if told.answer is None:
            continue
        by_then = [
            effect
            for book in seen.books
            for effect in book["effects"]
            if since_beginning(effect["at"]) - seen.plan.skew_s <= told.at + A_MOMENT_S
        ]
        booked = Counter[str]()
        for effect in by_then:
            booked[effect["kind"]] += effect["amount_minor"]
        # What was freed or has lapsed is one to whoever waits for it.
        gone = booked["release"] + booked["expire"]
        said = {name: told.answer[name]["amount_minor"] for name in _TOLD}
        if said["captured"] > booked["capture"]:
            yield Violation("G5", f"{said['captured']} were said to be taken before they were")
        if said["released"] > gone:
            yield Violation("G5", f"{said['released']} were said to be free before they were")
        if said["authorized"] and not booked["authorize"]:
            yield Violation("G5", f"{said['authorized']} were said to be held before they were")


_TOLD = ("authorized", "captured", "released")


def _of_strangers(seen: Witness) -> Iterable[Violation]:
    """Whose hold it is not, nothing is done to."""
    for book in seen.strange:
        for number, effect in enumerate(book["effects"]):
            placing = {"authorize"} if number else {"authorize", "decline"}
            if not effect["by_others"] and effect["kind"] not in {*placing, "expire"}:
                said = f"{effect['kind']} of {effect['amount_minor']}"
                yield Violation("G1", f"another guest's hold has seen a {said}")
    yield from _shown_for_ours(seen)


def _shown_for_ours(seen: Witness) -> Iterable[Violation]:
    """Nor is it ever shown as the reservation's own."""
    theirs = {book["payment_id"] for book in seen.strange if book["reference"] != ELSEWHERE}
    for at, hold in all_shown(seen):
        named = {hold["payment_id"], *(each["payment_id"] for each in hold["operations"])}
        if named & theirs and not seen.was_lied_to:
            yield Violation("G1", f"at {at:.0f} s another guest's payment is shown for ours")
            return


def _taken_over(seen: Witness) -> Iterable[Violation]:
    """For a hold that was made elsewhere none is placed; and a right one is taken over."""
    plan = seen.plan
    if not plan.adopts:
        return
    gave = any(each.name == "authorize" for each in plan.instructions)
    for exchange in seen.exchanges:
        if exchange.operation in {"authorize", "order"} and not gave:
            yield Violation("G6", "a hold was placed beside the one to be taken over")
    view = seen.view
    is_left = view is not None and view["closed_at"] and not view["authorized"]["amount_minor"]
    if is_left and _was_free_to_take(seen):
        yield Violation("G6", "a hold made elsewhere, open, was left as it was")
    yield from _taken_over_for_another(seen)
    # SIBS does not show what became of a hold.
    hides = plan.place.gateway == "sibs" and plan.adopts in {"captured", "freed"}
    if not seen.all_went_well or hides:
        return
    for told in seen.told:
        if told.instruction.name == "authorized" and not told.instruction.body:
            taken = told.answer is not None and told.answer["authorized"]["amount_minor"] > 0
            if taken != (plan.adopts == "open"):
                said = told.error or (told.answer or {}).get("state")
                yield Violation("G6", f"a hold made elsewhere, {plan.adopts}, is told as {said}")


def _taken_over_for_another(seen: Witness) -> Iterable[Violation]:
    """A hold of another amount is no run's to go on with; nor, ever, one of another currency.

    A run before this one may have changed its amount, as far as can be known.
    """
    plan = seen.plan
    if plan.adopts not in _NEVER_TAKEN_OVER or was_vouched_for(seen):
        return
    again = any(plan.has(kind) for kind in MANY_RUNS)
    abroad = {
        book["payment_id"]
        for book in (*seen.books, *seen.strange)
        if book["currency"] != plan.place.currency
    }
    for _, hold in all_shown(seen):
        taken = hold["authorized"]["amount_minor"] and hold["payment_id"]
        if taken and (taken in abroad or not again):
            yield Violation("G6", f"a hold made elsewhere, {plan.adopts}, was taken over")
            return


def _was_free_to_take(seen: Witness) -> bool:
    """Whether a hold made elsewhere stayed open, and nobody else had a hand in it."""
    effects = [effect for book in seen.books for effect in book["effects"]]
    by_others = any(e["by_others"] and e["kind"] != "authorize" for e in effects)
    lapsed = any(effect["kind"] == "expire" for effect in effects)
    return not (seen.plan.adopts_in_vain or seen.resolved or by_others or lapsed)


def _told_of_others(seen: Witness, view: Json) -> Iterable[Violation]:
    """Where somebody else has taken money, a person is told before the hold is closed."""
    # What was given back as well is nothing to tell.
    shows = seen.plan.place.gateway != "sibs"
    shows = shows and not any(book["refunded_minor"] for book in seen.books)
    if not shows or view["closed_at"] is None or "external_change" in seen.attentions:
        return
    # Just what was to be taken, and taken, at once or in parts: nothing shows by whom.
    ours = {
        each["amount"]["amount_minor"]
        for each in view["operations"]
        if each["kind"] == "capture" and each["state"] == "done"
    }
    taken = [e for e in of_others(seen) if e["kind"] == "capture" and e["at"] < view["closed_at"]]
    if sum(effect["amount_minor"] for effect in taken) in ours:
        return
    for effect in taken:
        minor = effect["amount_minor"]
        if minor not in ours:
            yield Violation("G2", f"others took {minor}, and nobody was told")


def _told_of_what_it_has_not_done(seen: Witness, view: Json) -> Iterable[Violation]:
    """What is said to be taken or free by no operation of the hold's own, a person was told of.

    A run that a reset has made takes over in silence what was done before it.
    """
    silent = ("reset", "reset_alone", "restore", "lie")
    told = "external_change" in seen.attentions or seen.resolved
    if told or any(seen.plan.has(kind) for kind in silent):
        return
    done = [each for each in view["operations"] if each["state"] == "done"]
    ours = sum(each["amount"]["amount_minor"] for each in done if each["kind"] == "capture")
    taken, freed = (view[name]["amount_minor"] for name in ("captured", "released"))
    if taken > ours:
        yield Violation("G2", f"{taken} were taken, {ours} of it by us, and nobody was told")
    if freed and not any(each["kind"] in {"capture", "release"} for each in done):
        yield Violation("G2", f"{freed} were freed, not by us, and nobody was told")


def _never_held(seen: Witness, view: Json) -> Iterable[Violation]:
    """What is called abandoned has never been held, but for what was of no use and given back."""
    if view["state"] != "abandoned" or seen.plan.adopts:
        return
    asked = seen.plan.request["amount"]["amount_minor"]
    for book in seen.books:
        placed = next((e for e in book["effects"] if e["kind"] == "authorize"), None)
        if placed is not None and placed["amount_minor"] == asked:
            yield Violation("G7", f"{book['payment_id']} was held, and the end is abandoned")


def _sent_to_what_there_is(seen: Witness) -> Iterable[Violation]:
    """Nothing is asked to be done to what the gateway knows nothing of."""
    for each in seen.exchanges:
        if each.operation in _LATER_ON and each.own_status == _NOT_FOUND:
            yield Violation("G8", f"{each.operation} was sent to {each.path}, and there is none")


def _on_top_of_others(seen: Witness) -> Iterable[Violation]:
    """Nothing is captured where the look just before is the first to show that others have."""
    if seen.plan.place.gateway == "sibs":
        return  # it shows nothing of what came after a hold
    others = of_others(seen)
    if any(each["kind"] == "refund" for each in others):
        return  # what they have taken and given back is shown as if it never was
    taken = (each for each in others if each["kind"] == "capture")
    hours = [since_beginning(each["at"]) - seen.plan.skew_s for each in taken]
    for each in seen.exchanges if hours else ():
        if each.operation != "capture":
            continue
        earlier = seen.exchanges[: each.number - 1]
        looks = [e for e in earlier if e.operation == "look_up" and each.path.startswith(e.path)]
        # What another activity saw, a person is told of: what was asked for goes on meanwhile.
        own = [e for e in looks if (e.run_id, e.activity_id) == (each.run_id, each.activity_id)]
        guards = [e.at for e in own if e.at > each.at - A_MOMENT_S and e.seen and not e.fault]
        before = max((e.at for e in looks if e.at <= each.at - A_MOMENT_S), default=0.0)
        if guards and any(before < at < guards[0] - A_MOMENT_S for at in hours):
            what = f"at {each.at:.0f} s a capture was sent"
            yield Violation("G9", f"{what}, and the look before it has shown one of others'")


def _said_done(seen: Witness, view: Json) -> Iterable[Violation]:
    """What the hold says was done has taken effect under its name, where the books keep names."""
    plan = seen.plan
    effects = _EFFECTS.get(plan.place.gateway, {})
    if "external_change" in seen.attentions or of_others(seen):
        return
    workflow_id = f"reservation-{plan.request['reservation_id']}"
    booked = {(e["key"], e["kind"]) for book in seen.books for e in book["effects"]}
    placed = {b["payment_id"] for b in seen.books for e in b["effects"] if e["kind"] == "authorize"}
    asked = plan.request["amount"]["amount_minor"]
    # What was approved for less, and lapsed before it could be given back, is given back.
    lapsed = {
        book["payment_id"]
        for book in seen.books
        if book["state"] == "expired" and book["authorized_minor"] < asked
    }
    # Another card may have been given after it.
    never_held = {
        each["command_id"]
        for each in view["operations"]
        if (each["kind"], each["state"]) == ("authorize", "declined")
        and each["payment_id"] not in placed
    }
    for each in view["operations"]:
        kind = each["kind"]
        # What the guest was never back for holds nothing, and calling it off frees nothing.
        off = each["payment_id"] not in placed and name_of(each) in never_held
        off |= each["payment_id"] in lapsed
        holds = kind != "release" or (view["authorized"]["amount_minor"] and not off)
        if each["state"] != "done" or kind not in effects or not holds:
            continue
        its = plan.place, workflow_id, kind, each["command_id"]
        names = derived_key(*its), derived_reference(*its)
        if kind == "adjust" and _was_the_total(view, each):
            if any(_goes_by(exchange, names) for exchange in seen.exchanges):
                yield Violation("W11", f"{each['operation_id']} was sent, of what is held already")
            continue
        if not any((name, effects[kind]) in booked for name in names):
            yield Violation("G3", f"{each['operation_id']} is done, and has had no effect")


def _moved_as_said(seen: Witness, view: Json) -> Iterable[Violation]:
    """What was taken or freed under a name is as much as the hold says of it."""
    plan = seen.plan
    effects = _EFFECTS.get(plan.place.gateway, {})
    if "external_change" in seen.attentions or of_others(seen):
        return
    # What is left of a hold nobody can say while it is not known how much that was changed to.
    adjusts = (each for each in view["operations"] if each["kind"] == "adjust")
    if not all(each["state"] in DECIDED for each in adjusts):
        return
    booked = Counter[tuple[str | None, str]]()
    for effect in (effect for book in seen.books for effect in book["effects"]):
        booked[effect["key"], effect["kind"]] += effect["amount_minor"]
    workflow_id = f"reservation-{plan.request['reservation_id']}"
    for each in view["operations"]:
        kind, said = each["kind"], each["amount"]["amount_minor"]
        if each["state"] != "done" or kind not in effects or kind == "adjust":
            continue
        its = plan.place, workflow_id, kind, each["command_id"]
        for name in (derived_key(*its), derived_reference(*its)):
            moved = booked[name, effects[kind]]
            if moved not in {0, said}:
                yield Violation("G3", f"{each['operation_id']} is of {said}, and moved {moved}")


def _stands_alone(seen: Witness, view: Json) -> Iterable[Violation]:
    """Where no key keeps a hold from being placed twice, it is looked for once all is booked."""
    plan = seen.plan
    if "authorize" in plan.place.keyed or plan.adopts or any(map(plan.has, (*WORKERS_HALT, DEATH))):
        return
    placed = [e for e in view["operations"] if (e["kind"], e["state"]) == ("authorize", "done")]
    if not placed:
        return
    since = since_beginning(placed[-1]["decided_at"])
    # What has waited for the authorization may come in the same instant.
    following = view["operations"][view["operations"].index(placed[-1]) + 1 :]
    ends = [*(each["requested_at"] for each in following), view["closed_at"]]
    until = min((since_beginning(at) for at in ends if at), default=since)
    # Where the gateway does not answer it is looked for later, and later again.
    met = [each.at for each in seen.exchanges if each.fault and since < each.at < until]
    if until < since + _BOOKED_S + _LATER * (max(met, default=since) - since):
        return
    workflow_id = f"reservation-{plan.request['reservation_id']}"
    name = derived_reference(plan.place, workflow_id, "authorize", placed[-1]["command_id"])
    looks = [e for e in seen.exchanges if e.operation == "look_up" and name in e.path]
    # One in haste, before something is taken, may have come before the other hold was booked.
    since += plan.place.processing_s - A_MOMENT_S
    if not any(since <= each.at <= until and each.seen and each.fault in _TELLS for each in looks):
        yield Violation("W10", "nobody has looked whether the hold stands alone")


def _goes_by(exchange: Exchange, names: Collection[str]) -> bool:
    if exchange.operation not in {"adjust", "release"}:
        return False
    return exchange.key in names or any(name.encode() in exchange.body for name in names)


def _was_the_total(view: Json, adjust: Json) -> bool:
    """Whether just as much was held already, by what was done last before it."""
    totals = list[int]()
    for each in view["operations"]:
        if each["operation_id"] == adjust["operation_id"]:
            break
        if each["kind"] in {"authorize", "adjust"} and each["state"] == "done":
            totals.append(each["amount"]["amount_minor"])
    return totals[-1:] == [adjust["amount"]["amount_minor"]]


def _figures(seen: Witness, view: Json) -> Iterable[Violation]:
    """What a closed hold says of its money is what the books say."""
    told = "external_change" in seen.attentions
    if view["closed_at"] is None or told or of_others(seen):
        return
    # xMoney has one word for what was voided and for what has lapsed.
    tells = seen.plan.place.gateway != "xmoney"
    expired = (e for book in seen.books for e in book["effects"] if e["kind"] == "expire")
    lapsed = 0 if tells else sum(effect["amount_minor"] for effect in expired)
    # To lower a hold is to free a part of it here, and a smaller total there.
    said = view["authorized"]["amount_minor"] - view["released"]["amount_minor"]
    asked = seen.plan.request["amount"]["amount_minor"]
    booked = sum(
        book["authorized_minor"] - book["released_minor"]
        for book in seen.books
        if not _lapsed_unused(book, asked)
    )
    # Of an adjust that the end has overtaken it says itself that nobody knows.
    may_be = {
        said - view["authorized"]["amount_minor"] + each["amount"]["amount_minor"]
        for each in view["operations"]
        if each["kind"] == "adjust" and each["state"] not in DECIDED
    }
    if not {said, *may_be} & {booked, booked - lapsed}:
        yield Violation("G4", f"{booked} were taken or lapsed, and the hold says {said}")


def _lapsed_unused(book: Json, asked: int) -> bool:
    """Whether it was approved for less than was asked, and has lapsed before it was given back."""
    first, last = book["effects"][0], book["effects"][-1]
    is_less = first["kind"] == "authorize" and first["amount_minor"] < asked
    return is_less and len(book["effects"]) == _PLACED_AND_LAPSED and last["kind"] == "expire"

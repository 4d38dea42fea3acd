"""Says what is wrong with a scenario, from the bank's books, the wire and what callers were told.

It shares nothing with the product: it reads JSON, and derives keys by the published rule itself.
What it asserts is named after the letters of its catalogue in `docs/proof.md`. Here stand the laws
of the books and of the end; the others have files of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations

from proof.asks import HOUR, deadline_s, minor_of, seconds_of, since_beginning
from proof.excuses import (
    is_about_gone,
    is_left_to_a_person,
    is_out_of_sight,
    is_split_over_two_cards,
    took_over_what_it_cannot_read,
    was_told_of_another_card,
)
from proof.laws import more
from proof.laws_alarms import of_the_alarms
from proof.laws_books import of_the_books
from proof.laws_calm import of_calm
from proof.laws_gateways import at_the_gateway
from proof.laws_kept import of_what_is_kept
from proof.laws_keys import of_the_keys
from proof.laws_shown import of_what_is_shown
from proof.laws_told import of_what_was_told
from proof.laws_wire import of_the_wire
from proof.plan import MANY_RUNS, Plan
from proof.witness import FINAL, Json, Violation, Witness, of_others, own, valid

_PARTS = ("captured", "released", "expired", "remaining")
# A hold that is found ages from the gateway's stamp, whose clock may be off.
_CLOCKS_DIFFER_S = 900.0
# How long a request may be on its way, or be worked at.
_ON_ITS_WAY_S = 120.0
#: What an update may fail with; anything else is no answer.
ERRORS = frozenset(
    {
        "InvalidRequest",
        "IllegalMove",
        "NotSupported",
        "Declined",
        "Conflict",
        "OutcomeUnknown",
        "Closed",
    }
)
EVENTS_MAX = 2_000
# What the gateway refuses, or a person calls not done, is tried again every hour.
_EVENTS_AN_OPERATION = 30


def judge(seen: Witness) -> list[Violation]:
    """Every law that was broken."""
    return [
        *_money(seen),
        *of_the_keys(seen),
        *_answers(seen),
        *_end(seen),
        *_machinery(seen),
        *more(seen),
        *of_what_is_shown(seen),
        *of_what_was_told(seen),
        *of_the_books(seen),
        *of_calm(seen),
        *of_the_wire(seen),
        *at_the_gateway(seen),
        *of_what_is_kept(seen),
        *of_the_alarms(seen),
    ]


# S: what the books may show.


def _money(seen: Witness) -> Iterable[Violation]:
    plan = seen.plan
    if is_split_over_two_cards(seen):
        return
    ours = [book for book in seen.books if book["state"] != "declined"]
    yield from _twice(ours, seen)
    captures = [
        (book, effect) for book in ours for effect in own(book) if effect["kind"] == "capture"
    ]
    yield from _captures_wanted(plan, captures, seen)
    for book in ours:
        refunds = [effect for effect in own(book) if effect["kind"] == "refund"]
        if not all(_was_on_its_way(seen, book, effect) for effect in refunds):
            yield Violation("S5", f"{book['payment_id']} was refunded, which nobody asked for")
        authorizes = {e["key"] for e in book["effects"] if e["kind"] == "authorize"}
        if any(e["kind"] == "capture" and e["key"] in authorizes for e in book["effects"]):
            yield Violation("S6", f"{book['payment_id']} was captured by its own authorization")
        yield from _releases_wanted(plan, book, seen)


def _was_on_its_way(seen: Witness, book: Json, refund: Json) -> bool:
    """Whether others took money while the release was on its way that has given it back.

    Where one request frees a hold and gives back what was captured, nothing can prevent that.
    Another cluster is one of them: its plan may differ, and its hour is the same.
    """
    clusters = seen.plan.has("second_cluster")
    taken = [
        since_beginning(effect["at"])
        for effect in book["effects"]
        if effect["by_others"] or clusters
        if effect["kind"] == "capture" and effect["at"] <= refund["at"]
    ]
    taken_at = max(taken, default=0.0) - seen.plan.skew_s
    since = since_beginning(refund["at"]) - seen.plan.skew_s - _ON_ITS_WAY_S
    return any(
        each.operation == "release"
        and book["payment_id"] in each.path
        and since < each.at <= taken_at
        for each in seen.exchanges
        if each.seen_at is None or each.seen_at >= taken_at
    )


def _twice(ours: Sequence[Json], seen: Witness) -> Iterable[Violation]:
    effects = Counter(
        (effect["key"], effect["kind"])
        for book in ours
        for effect in own(book)
        if effect["key"] is not None
    )
    for (key, kind), times in effects.items():
        if times > 1 and not _may_be_twice(seen, kind):
            yield Violation("S2", f"{kind} under {key} took effect {times} times")
    # One authorization for the start, and one for each further card that was given.
    cards = 1 + sum(1 for each in seen.plan.instructions if each.name == "authorize")
    if len(ours) > cards and not _may_be_twice(seen, "authorize"):
        yield Violation("S2", f"{len(ours)} holds were placed where {cards} were asked for")
    taken = [book for book in ours if any(e["kind"] == "capture" for e in own(book))]
    if len(taken) > 1:
        yield Violation("S3", f"money was taken out of {len(taken)} holds of one reservation")


def _may_be_twice(seen: Witness, kind: str) -> bool:
    """Of a capture two clusters alone know nothing: a run started again waits for what is late."""
    if kind == "authorize":
        return _was_restarted_unseen(seen) or _was_freed_before_it_was_listed(seen)
    return seen.plan.has("second_cluster") and kind not in seen.plan.place.keyed


def _was_restarted_unseen(seen: Witness) -> bool:
    """Two runs that know nothing of each other, at a gateway that knows no keys.

    There a second hold can be placed while the first is on its way; it has to be freed again.
    """
    both = seen.plan.has("second_cluster") or seen.plan.has("terminate_and_start")
    return both and "authorize" not in seen.plan.place.keyed


def _was_freed_before_it_was_listed(seen: Witness) -> bool:
    """A hold that somebody has freed while the gateway's list lacked it has never been there."""
    freed = any(effect["kind"] == "release" for effect in of_others(seen))
    return freed and "lists_after" in seen.plan.rules


def _captures_wanted(
    plan: Plan, captures: Sequence[tuple[Json, Json]], seen: Witness
) -> Iterable[Violation]:
    """Every capture is somebody's instruction, and no instruction is carried out twice."""
    named = Counter(
        minor_of(each.body["amount"])
        for each in valid(plan, "capture")
        if each.body is not None and "amount" in each.body
    )
    of_all = sum(
        1 for each in valid(plan, "capture") if each.body is None or "amount" not in each.body
    )
    plans = [plan.request, *(each.body or {} for each in valid(plan, "reschedule"))]
    by_plan = 1 if any(each.get("on_deadline") == "capture" for each in plans) else 0
    for book, effect in captures:
        amount = effect["amount_minor"]
        if named[amount] > 0:
            named[amount] -= 1
        elif of_all > 0:
            of_all -= 1
        elif by_plan > 0 and _is_about_due(plan, book, effect):
            by_plan -= 1
        elif not _is_the_other_clusters(seen, book, effect):
            yield Violation("S5", f"a capture of {amount} that no instruction explains")


def _is_the_other_clusters(seen: Witness, book: Json, effect: Json) -> bool:
    """Whether two clusters had sent the same before either could be found, where no key is known.

    They come at one instant, the plan's; each has looked, and has found nothing.
    """
    if not seen.plan.has("second_cluster") or "capture" in seen.plan.place.keyed:
        return False
    at = since_beginning(effect["at"])
    return any(
        (each["kind"], each["key"]) == ("capture", effect["key"])
        and abs(since_beginning(each["at"]) - at) < _ON_ITS_WAY_S
        for each in own(book)
        if each is not effect
    )


def _is_about_due(plan: Plan, book: Json, effect: Json) -> bool:
    """Whether a deadline may have come by then."""
    if any("settle_by" in (each.body or {}) for each in valid(plan, "reschedule")):
        return True
    placed = since_beginning(book["effects"][0]["at"])
    done = since_beginning(effect["at"]) - plan.skew_s
    due = min(deadline_s(plan.request), placed + plan.life_s)
    return done >= 0.9 * due - _CLOCKS_DIFFER_S


def _releases_wanted(plan: Plan, book: Json, seen: Witness) -> Iterable[Violation]:
    """Nothing is freed that nobody wanted freed, before its deadline."""
    if any(plan.has(kind) for kind in ("cancel", "second_cluster", "terminate_and_start")):
        return
    names = {each.name for each in plan.instructions if each.is_valid}
    if names & {"release", "capture", "adjust"} or plan.guest not in {"pass", "swift"}:
        return
    if seen.happened["approve_less"] or seen.happened["require_action"] or seen.resolved:
        return
    # A run that has forgotten that the guest was back waits for them in vain.
    if plan.is_challenged and any(plan.has(kind) for kind in ("reset", "reset_alone", "restore")):
        return
    if plan.is_challenged and _their_time_was_over(seen):
        return
    for effect in own(book):
        if effect["kind"] == "release" and not _is_about_due(plan, book, effect):
            yield Violation("S9", f"{effect['amount_minor']} was freed without a reason")


def _their_time_was_over(seen: Witness) -> bool:
    """Whether no look had told of what the guest has done, when their time was over."""
    operations: Sequence[Json] = seen.view["operations"] if seen.view is not None else ()
    placed = [each["decided_at"] for each in operations if each["kind"] == "authorize"]
    off = [each["requested_at"] for each in operations if each["kind"] == "release"]
    if not off or not placed or (placed[0] is not None and placed[0] < off[0]):
        return False
    over = since_beginning(off[0])
    return not any(
        each.operation == "look_up" and each.seen and not each.fault
        for each in seen.exchanges
        if min(seen.back_at, default=over) <= each.at < over
    )


# L5: what callers are told.


def _answers(seen: Witness) -> Iterable[Violation]:
    for told in seen.told:
        if told.error is not None and told.error not in ERRORS:
            yield Violation("L5", f"{told.instruction} was answered with {told.error}")
        if not told.instruction.is_valid and told.error is None:
            yield Violation("X3", f"{told.instruction} was taken for valid")
        if told.answer is not None:
            yield from _adds_up(told.answer)
    if seen.unanswered:
        yield Violation("L5", f"{seen.unanswered} updates were never answered")


def _adds_up(view: Json) -> Iterable[Violation]:
    minor = {name: view[name]["amount_minor"] for name in ("authorized", *_PARTS, "in_doubt")}
    if sum(minor[name] for name in _PARTS) != minor["authorized"] or min(minor.values()) < 0:
        yield Violation("S1", f"the hold does not add up: {minor}")


# L, R: how it ends.


def _end(seen: Witness) -> Iterable[Violation]:
    view, plan = seen.view, seen.plan
    open_ones = [
        book
        for book in seen.books
        if book["state"] == "open" and not is_about_gone(seen, book)
        if not (is_left_to_a_person(seen, book) or is_out_of_sight(seen, book))
    ]
    forgotten = plan.has("terminate")
    if view is None:
        if not forgotten and not seen.happened["refused at the start"]:
            yield Violation("L4", "there is no hold to show at the end")
        return
    yield from _adds_up(view)
    if forgotten:
        return
    if seen.is_open:
        # Whoever was told of a hold that is not there asks for ever, and people all the while.
        excused = seen.was_lied_to or took_over_what_it_cannot_read(seen)
        if plan.heals_at is not None and not excused:
            yield Violation("L4", f"still {view['state']} long after everything has healed")
        elif not seen.attentions:
            yield Violation("L2", "the gateway never came back, and nobody was told")
        return
    if open_ones and not _is_on_another_card(seen) and not seen.was_lied_to:
        yield Violation("L1", f"closed as {view['state']}, and {len(open_ones)} holds are open")
    if view["state"] not in FINAL:
        yield Violation("L1", f"closed in state {view['state']}")
    if view["remaining"]["amount_minor"] or view["in_doubt"]["amount_minor"]:
        yield Violation("S1", "a closed hold says that something is still held")
    yield from _agrees(seen, view)
    yield from _lapsed(seen)


def _figures(books: Sequence[Json]) -> set[int]:
    """What may be shown as taken: where money was given back, a capture may look like none."""
    effects = [effect for book in books for effect in book["effects"]]
    taken = [each["amount_minor"] for each in effects if each["kind"] == "capture"]
    refunded = sum(book["refunded_minor"] for book in books)
    some = {sum(chosen) for n in range(len(taken)) for chosen in combinations(taken, n)}
    return {sum(taken), sum(taken) - refunded, *(some if refunded else ())}


def _agrees(seen: Witness, view: Json) -> Iterable[Violation]:
    """The hold says at its end what the books say, unless a person was told that it may not."""
    if is_split_over_two_cards(seen):
        return
    # Of two clusters one may have ended before the other has gone on.
    said = [each["captured"]["amount_minor"] for each in (view, *seen.views) if each]
    # Who has had their word on a hold that others have taken from has looked at the portal.
    vouched = seen.plan.has("lie") or (seen.resolved and seen.plan.has("portal"))
    in_sight = [book for book in seen.books if not is_out_of_sight(seen, book)]
    figures = _figures(seen.books) | _figures(in_sight)
    if not figures & {*said} and not _was_told_of_it(seen) and not vouched:
        taken = sum(book["captured_minor"] for book in seen.books)
        yield Violation("R1", f"{taken} were captured, and the hold says {said[0]}")
    unknown = [each for each in view["operations"] if each["state"] in {"sent", "unknown"}]
    if unknown and not seen.attentions:
        yield Violation(
            "L2", f"{unknown[0]['operation_id']} was never decided, and nobody was told"
        )


def _is_on_another_card(seen: Witness) -> bool:
    """Whether a run before this one may hold on a card that this one knows nothing of."""
    return is_split_over_two_cards(seen) or was_told_of_another_card(seen)


def _lapsed(seen: Witness) -> Iterable[Violation]:
    """A hold lapses only where something stood in the way, or somebody was told."""
    plan = seen.plan
    # Everybody is told that an expiry is near: that alone excuses nothing.
    told = seen.attentions - {"expiring_soon"}
    if plan.known_life_s > plan.life_s or told or plan.has("lie"):
        return
    # What is found ages by the gateway's clock: where that is fast, a margin no wider is no margin.
    margin_s = seconds_of(plan.request.get("safety_margin", "PT12H"))
    if margin_s <= plan.skew_s and any(plan.has(kind) for kind in MANY_RUNS):
        return
    kept = seen.view and seen.view["payment_id"]
    for book in seen.books:
        lapses = [effect for effect in book["effects"] if effect["kind"] == "expire"]
        if not lapses or is_out_of_sight(seen, book):
            continue
        if book["payment_id"] != kept and _is_on_another_card(seen):
            continue
        for effect in lapses:
            at = since_beginning(effect["at"])
            calm_s = at - plan.skew_s - seen.troubled_until
            if calm_s > max(HOUR, 0.5 * plan.life_s):
                yield Violation(
                    "L3", f"{effect['amount_minor']} lapsed after {calm_s / HOUR:.1f} h of calm"
                )


def _was_told_of_it(seen: Witness) -> bool:
    """Whether a person was told that somebody else has moved money.

    SIBS shows nothing of what came after a hold: there an instruction that cannot be carried out is
    all that can tell, and where there is none, nothing can.
    """
    shows_nothing = seen.plan.place.gateway == "sibs"
    nobody_could = shows_nothing and bool(seen.attentions or of_others(seen))
    return "external_change" in seen.attentions or nobody_could


# L6, D: the machinery.


def _machinery(seen: Witness) -> Iterable[Violation]:
    for wedge in seen.wedged[:1]:
        yield Violation("L6", f"a workflow task failed: {wedge}")
    for error in seen.unheard[:1]:
        yield Violation("L6", f"an error that nobody heard: {error}")
    for difference in seen.replays[:1]:
        yield Violation("D1", difference)
    # Of two clusters' runs, that with the most of both.
    shown = [view for view in (seen.view, *seen.views) if view is not None]
    operations = max((len(view["operations"]) for view in shown), default=0)
    if seen.events > EVENTS_MAX + _EVENTS_AN_OPERATION * operations and not seen.was_lied_to:
        yield Violation("L7", f"{seen.events} events of history")

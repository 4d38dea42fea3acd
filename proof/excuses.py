"""What may stand at the end all the same: holds that no run could have known of, or could free.

Each of these is a gap that ``docs/proof.md`` names, or that a person was told of.
"""

from __future__ import annotations

from collections.abc import Collection

from proof.asks import since_beginning
from proof.plan import MANY_RUNS
from proof.witness import Json, Witness

# The books count in milliseconds.
_ROUNDED_S = 0.001


def is_split_over_two_cards(seen: Witness) -> bool:
    """Two clusters of which one was given another card: they share not even the reference."""
    gave = any(each.name == "authorize" for each in seen.plan.instructions)
    return gave and seen.plan.has("second_cluster")


def is_about_gone(seen: Witness, book: Json) -> bool:
    """Whether the bank's own clock is all that keeps it: the run has seen it lapse."""
    if seen.view is None or not seen.view["expired"]["amount_minor"]:
        return False
    lapses = since_beginning(book["effects"][0]["at"]) - seen.plan.skew_s + seen.plan.life_s
    if seen.view["expiry_source"] == "rule":
        # The bank's own is the account's; of a scheme's shorter rule it knows nothing.
        lapses = min(lapses, since_beginning(seen.view["expires_at"]))
    # A hold is taken to age from when it was asked for; the gateway may have heard of it later.
    placed = [each for each in seen.exchanges if each.operation == "authorize"]
    late = max((each.arrived_at - each.at for each in placed if each.arrived_at), default=0.0)
    return lapses <= since_beginning(seen.view["closed_at"]) + abs(seen.plan.skew_s) + late


def is_left_to_a_person(seen: Witness, book: Json) -> bool:
    """Whether it is a second hold that the gateway would not free, and a person was told of it."""
    view = seen.view
    if view is None or "external_change" not in seen.attentions:
        return False
    second = book["payment_id"] != view["payment_id"]
    return second and any(
        each["kind"] == "release" and each["state"] in {"declined", "not_done"}
        for each in view["operations"]
        if each["payment_id"] == book["payment_id"]
    )


def is_out_of_sight(seen: Witness, book: Json) -> bool:
    """Whether another run has placed it, and this one never looks for what is beside its own.

    Where no key guards it, what two runs have placed is seen once the gateway has booked it: not
    where all was freed or taken before, or each look had failed by then, or where the card was
    declined to this run, or called off while the guest was to decide, and another one given, or it
    was released or cancelled. Nor does a key show it where this run's credentials were refused, nor
    is it looked for where a person has said which payment it is.
    """
    view = seen.view
    if view is None or not any(seen.plan.has(kind) for kind in MANY_RUNS):
        return False
    if view["state"] == "abandoned":
        return _is_beside_a_refusal(seen, view, book)
    if (
        not (view["authorized_at"] and view["closed_at"])
        or view["payment_id"] == book["payment_id"]
    ):
        return False
    return "authorize" not in seen.plan.place.keyed and _is_beside_a_hold(seen, view, book)


def _is_beside_a_refusal(seen: Witness, view: Json, book: Json) -> bool:
    place, cards = seen.plan.place, _decided(view, {"authorize"})
    tried = {(each["reference"], each["state"]) for each in cards}
    # Where the guest was to decide, what is called off before they have is not done.
    called_off = (book["reference"], "not_done") in tried
    if called_off and any(each.fault == "unauthorized" for each in seen.exchanges):
        return True
    refused = called_off or (book["reference"], "declined") in tried
    if "authorize" in place.keyed or not refused:
        return False
    looked_from = since_beginning(cards[-1]["decided_at"]) + place.processing_s
    is_brief = since_beginning(view["closed_at"]) < looked_from
    # Of what is held by nobody a release frees nothing, and looks for nothing.
    let_go = seen.plan.has("cancel") or any(e.name == "release" for e in seen.plan.instructions)
    return is_brief or let_go or book["reference"] != cards[-1]["reference"]


def _is_beside_a_hold(seen: Witness, view: Json, book: Json) -> bool:
    cards = _decided(view, {"authorize"})
    if (book["reference"], "declined") in {(each["reference"], each["state"]) for each in cards}:
        return True
    known = (each["decided_at"] for each in cards if each["state"] == "done")
    from_s = since_beginning(max([*known, view["authorized_at"]])) + seen.plan.place.processing_s
    # What ended it was begun then; until it was over there was no time to look.
    last = (e for e in _decided(view, {"capture", "release"}) if e["state"] == "done")
    ended = max((each["requested_at"] for each in last), default=view["closed_at"])
    looks = _looks_for(seen, book["reference"], from_s)
    in_vain = bool(looks) and not any(looks)
    return since_beginning(ended) < from_s or in_vain or was_vouched_for(seen)


def _looks_for(seen: Witness, reference: str, from_s: float) -> list[bool]:
    """Of each look at what stands under a reference, since then, whether all of it was answered."""
    looks = list[bool]()
    whose: set[tuple[str | None, str | None]] = set()
    for each in seen.exchanges:
        if each.operation != "look_up" or each.at < from_s:
            continue
        is_well = each.seen and not each.fault
        if reference in each.path:
            looks.append(is_well)
            whose.add((each.run_id, each.activity_id))
        elif (each.run_id, each.activity_id) in whose:
            looks[-1] &= is_well
    return looks


def _decided(view: Json, kinds: Collection[str]) -> list[Json]:
    decided = (each for each in view["operations"] if each["decided_at"])
    return [each for each in decided if each["kind"] in kinds]


def was_vouched_for(seen: Witness) -> bool:
    """Whether a person has said what became of an authorization."""
    words = (
        told.instruction.body or {} for told in seen.told if told.instruction.name == "resolve"
    )
    return any(str(word.get("operation_id")).startswith("authorize") for word in words)


def was_told_of_another_card(seen: Witness) -> bool:
    """Whether a person was told that a run before this one may hold all the same.

    Where the first card's refusal has left nothing at the gateway, nobody can know of the other;
    nor where the store was set back to that refusal, after which nothing was asked and answered.
    """
    gave = any(each.name == "authorize" for each in seen.plan.instructions)
    # Or it holds on the very card that was refused to this run.
    was_refused = seen.view is not None and seen.view["state"] == "abandoned"
    again = any(seen.plan.has(kind) for kind in MANY_RUNS)
    # A refusal beside a hold of its name tells nothing of further cards, nor one of another name.
    names = {each["reference"] for each in seen.view["operations"]} if seen.view else set[str]()
    names -= {book["reference"] for book in seen.books if book["state"] != "declined"}
    shown = any(
        book["state"] == "declined" and book["reference"] in names and not _is_its_own(seen, book)
        for book in seen.books
    )
    back_at = min(seen.restored_at, default=0.0)
    # A look may take more than one request: its last one has to be answered too.
    since = [e.seen and not e.fault for e in seen.exchanges if e.at > back_at]
    asked = not seen.restored_at or (bool(since) and since[-1])
    # That a guest has failed meanwhile is what a store that was set back to their turn expects.
    asked &= not (seen.restored_at and seen.plan.is_challenged)
    could_know = shown and asked
    was_told = (gave or was_refused) and "external_change" in seen.attentions
    return again and (was_told or (gave and not could_know))


def _is_its_own(seen: Witness, book: Json) -> bool:
    """Whether the card was declined to this very run, which then tells it of none before it."""
    if seen.view is None or seen.reset_at or seen.restored_at:
        return False
    declined_at = since_beginning(book["effects"][0]["at"]) - seen.plan.skew_s
    return declined_at + _ROUNDED_S >= since_beginning(seen.view["created_at"])


def took_over_what_it_cannot_read(seen: Witness) -> bool:
    """Whether a hold in another currency was taken over on another payment's word.

    No look tells the run anything of it any more: all that is left is that a person is told.
    """
    misled = seen.plan.adopts == "abroad" and seen.happened["misrouted"] > 0
    return misled and bool(seen.attentions)

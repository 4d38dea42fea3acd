"""Laws for each hold that anybody is shown, whatever has happened: what it may say at all.

They need no more than the hold itself, the request that it was started with, and the account.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from proof.asks import DAY, MERCHANTS_S, minor_of, seconds_of, since_beginning
from proof.witness import DECIDED, FINAL, Violation, Witness, moment

Json = Mapping[str, Any]

_ECHOED = ("reservation_id", "gateway", "booking", "property", "description")
_UNDER_WAY = frozenset({"planned", "sent", "unknown"})
_KINDS = frozenset({"authorize", "adjust", "capture", "release"})
# The deadline overtakes an adjust, and what an authorization brought may have to be given back.
_WAITED_FOR = frozenset({"capture", "release"})
# A capture above the hold takes nothing where its raise has not come off, or nobody knows.
_NOT_RAISED, _SENT = (
    frozenset({"unknown", "declined", "not_done"}),
    frozenset({"sent", "unknown", "done"}),
)
_REASONS = frozenset(
    {
        "outcome_unknown",
        "capture_refused",
        "release_refused",
        "expiring_soon",
        "external_change",
    }
)
#: Where each state's amounts are more than nothing, and where nothing.
_AMOUNTS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "authorizing": (frozenset(), frozenset({"authorized"})),
    "action_required": (frozenset(), frozenset({"authorized"})),
    "declined": (frozenset(), frozenset({"authorized"})),
    "authorized": (frozenset({"remaining"}), frozenset({"captured", "expired"})),
    "adjusting": (frozenset({"remaining"}), frozenset({"captured", "expired"})),
    "capturing": (frozenset({"remaining"}), frozenset({"expired"})),
    "partially_captured": (frozenset({"captured", "remaining"}), frozenset({"expired"})),
    "captured": (frozenset({"captured"}), frozenset({"remaining", "in_doubt"})),
    "released": (frozenset({"released"}), frozenset({"captured", "remaining", "in_doubt"})),
    "expired": (frozenset({"expired"}), frozenset({"captured", "remaining", "in_doubt"})),
    "abandoned": (frozenset(), frozenset({"authorized", "remaining", "in_doubt"})),
}
_HELD = frozenset({"authorized", "adjusting", "capturing", "partially_captured"})
#: The hours that the rules of the schemes know, and the account's own window.
_RULES_S = (MERCHANTS_S, 5 * DAY, 7 * DAY, 30 * DAY)
_SHOWS_CARDS = frozenset({"payroc", "stax", "xmoney"})
# What the issuer is said to have found of address and card code, where anybody says so.
_CHECKS: Mapping[str, tuple[str | None, str | None]] = {"payroc": ("U", None)}
_CLOCKS_DIFFER = timedelta(seconds=1)


def of_what_is_shown(seen: Witness) -> Iterable[Violation]:
    """Every law of these that was broken, by the first hold that breaks it."""
    told: set[str] = set()
    for at, hold in all_shown(seen):
        for law, what in (
            *_of_one(seen, hold),
            *_of_its_operations(hold),
            *_of_its_plan(seen, hold),
            *_of_its_guest(seen, hold),
        ):
            if what not in told:
                told.add(what)
                yield Violation(law, f"at {at:.0f} s {what}")


def all_shown(seen: Witness) -> Iterator[tuple[float, Json]]:
    """Every hold that was shown, by answers, errors and queries, and when."""
    shown = [(told.at, told.hold) for told in seen.told if told.hold is not None]
    shown += [(glance.at, glance.hold) for glance in seen.glances]
    yield from sorted(shown, key=lambda pair: pair[0])
    if seen.view is not None:
        yield float("inf"), seen.view


def _of_one(seen: Witness, hold: Json) -> Iterator[tuple[str, str]]:
    request = seen.plan.request
    for name in _ECHOED:
        if hold[name] != request.get(name):
            yield "V1", f"{name} is {hold[name]!r}, and was asked for as {request.get(name)!r}"
    if hold["metadata"] != request.get("metadata", {}):
        yield "V1", "the metadata is another's"
    yield from _of_its_amounts(seen, hold)
    yield from _of_its_state(seen, hold)
    yield from _of_its_card(seen, hold)
    yield from _of_its_attention(hold)


def _of_its_amounts(seen: Witness, hold: Json) -> Iterator[tuple[str, str]]:
    state = hold["state"]
    if state not in _AMOUNTS and state != "releasing":
        yield "V2", f"{state} is no state"
    more, nothing = _AMOUNTS.get(state, (frozenset(), frozenset()))
    for name in sorted(more):
        if not hold[name]["amount_minor"]:
            yield "V2", f"{state}, and {name} is nothing"
    for name in sorted(nothing):
        if hold[name]["amount_minor"]:
            yield "V2", f"{state}, and {name} is {hold[name]['amount_minor']}"
    currencies = {hold[name]["currency"] for name in ("authorized", "captured", "remaining")}
    if currencies != {seen.plan.place.currency}:
        yield "V2", "the currency is another one"


def _of_its_state(seen: Witness, hold: Json) -> Iterator[tuple[str, str]]:
    state = hold["state"]
    if hold["closed_at"] is not None and state not in FINAL and not seen.plan.adopts_in_vain:
        yield "V2", f"closed, and {state}"
    if hold["action"] is not None and state not in {"action_required", "releasing"}:
        yield "V2", f"an action is asked for while {state}"
    if state == "action_required" and hold["action"] is None:
        yield "V2", "the guest has to act, and nobody says where"
    for name in ("payment_id", "gateway_reference", "authorized_at", "expires_at", "deadline"):
        # A person's word names the payment, and not what the gateway's portal finds it by.
        vouched = seen.resolved and name == "gateway_reference"
        if state in _HELD and hold[name] is None and not vouched:
            yield "V2", f"{state}, without {name}"


def _of_its_card(seen: Witness, hold: Json) -> Iterator[tuple[str, str]]:
    """Of a hold that stands people are shown the card, where its gateway shows one."""
    if hold["state"] not in _HELD or seen.plan.place.gateway not in _SHOWS_CARDS or seen.resolved:
        return
    card, said = hold["card"], hold["evidence"]
    if card is None or not card["brand"] or not str(card["last4"]).isdigit():
        yield "V14", f"{hold['state']}, and the card is {hold['card']}"
    checks = _CHECKS.get(seen.plan.place.gateway, (None, None))
    if said is None or not said["approval_code"] or (said["avs"], said["cvv"]) != checks:
        yield "V14", f"{hold['state']}, and what the issuer has said is {said}"


def _of_its_attention(hold: Json) -> Iterator[tuple[str, str]]:
    attention = hold["attention"]
    if attention is None:
        return
    if attention["reason"] not in _REASONS:
        yield "V2", f"{attention['reason']} is no reason for attention"
    about = attention["operation_id"]
    if about is not None:
        states = {each["operation_id"]: each["state"] for each in hold["operations"]}
        if about not in states:
            yield "V2", f"attention for {about}, which is no operation"
        elif attention["reason"] == "outcome_unknown" and states[about] in DECIDED:
            yield "V2", f"{about} is {states[about]}, and said to be unknown"


def _of_its_operations(hold: Json) -> Iterator[tuple[str, str]]:
    operations = hold["operations"]
    numbers = [f"{each['kind']}/{at}" for at, each in enumerate(operations, start=1)]
    if [each["operation_id"] for each in operations] != numbers:
        yield "V3", "the operations are not numbered one by one"
    names = [(each["kind"], each["command_id"]) for each in operations]
    for kind, name in {each for each in names if names.count(each) > 1}:
        yield "V3", f"two operations of the kind {kind} go by the name {name}"
    for each in operations:
        what = each["operation_id"]
        if each["kind"] not in _KINDS or each["state"] not in DECIDED | _UNDER_WAY:
            yield "V3", f"{what} is {each['state']}"
        if (each["decided_at"] is not None) != (each["state"] in DECIDED):
            yield "V3", f"{what} is {each['state']}, and decided at {each['decided_at']}"
        if each["decided_at"] and moment(each["decided_at"]) < moment(each["requested_at"]):
            yield "V3", f"{what} was decided before it was asked for"
    raises = {e["command_id"]: e for e in operations if e["kind"] == "adjust"}
    for each in operations:
        raised = raises.get(each["command_id"]) if each["kind"] == "capture" else None
        if raised and raised["state"] in _NOT_RAISED and each["state"] in _SENT:
            what = f"{each['operation_id']} is {each['state']}"
            yield "V3", f"{what}, and {raised['operation_id']} before it {raised['state']}"
    unknown = [each for each in operations if each["state"] == "unknown"]
    first = next((each for each in unknown[:-1] if each["kind"] in _WAITED_FOR), None)
    if first is not None:
        what = f"{unknown[-1]['operation_id']} was sent while {first['operation_id']} was unknown"
        yield "V3", what


def _of_its_plan(seen: Witness, hold: Json) -> Iterator[tuple[str, str]]:
    if hold["expires_at"] is None or hold["authorized_at"] is None or hold["deadline"] is None:
        return
    request = seen.plan.request
    since, lapses = moment(hold["authorized_at"]), moment(hold["expires_at"])
    window = seconds_of(request.get("hold_window", "P7D"))
    lives = (lapses - since).total_seconds()
    match hold["expiry_source"]:
        case "default":
            if abs(lives - window) > 1:
                yield "V4", f"a hold of {window:.0f} s is said to lapse after {lives:.0f} s"
        case "rule":
            if lives > window + 1 or min(abs(lives - each) for each in _RULES_S) > 1:
                yield "V4", f"by a rule that nobody knows it lapses after {lives:.0f} s"
        case other:
            if other != "gateway":
                yield "V4", f"{other} is no source of an expiry"
    brand = str(hold["card"] and hold["card"]["brand"])
    if "visa" in brand.lower() and request.get("initiator") == "merchant" and lives > MERCHANTS_S:
        yield "V4", f"a card on file is said to hold {lives:.0f} s, against its scheme's rule"
    margin = timedelta(seconds=seconds_of(request.get("safety_margin", "PT12H")))
    by_expiry = lapses - min(margin, (lapses - since) / 2)
    settle_by = hold["settle_by"]
    deadline = min(by_expiry, moment(settle_by)) if settle_by else by_expiry
    by_caller = deadline != by_expiry
    if abs(moment(hold["deadline"]) - deadline) > _CLOCKS_DIFFER:
        yield "V4", f"the deadline is {hold['deadline']}, and by the contract {deadline}"
    if hold["deadline_by"] != ("settle_by" if by_caller else "expiry"):
        yield "V4", f"the deadline is said to be set by {hold['deadline_by']}"
    yield from _of_its_wishes(seen, hold)


def _of_its_guest(seen: Witness, hold: Json) -> Iterator[tuple[str, str]]:
    if seen.plan.request.get("initiator") == "merchant" and hold["state"] == "action_required":
        yield "V18", "a guest who is not there is asked to do something"


def _of_its_wishes(seen: Witness, hold: Json) -> Iterator[tuple[str, str]]:
    """What the plan says is what somebody has asked for."""
    asked = [seen.plan.request]
    asked += [i.body for i in seen.plan.instructions if i.name == "reschedule" and i.body]
    dues = {since_beginning(each["settle_by"]) for each in asked if each.get("settle_by")}
    settle_by = hold["settle_by"]
    if settle_by is not None and since_beginning(settle_by) not in dues:
        yield "V5", f"settle_by is {settle_by}, which nobody has asked for"
    if settle_by is None and seen.plan.request.get("settle_by"):
        yield "V5", "settle_by was given, and is gone"
    amounts = {minor_of(each["deadline_amount"]) for each in asked if each.get("deadline_amount")}
    amount = hold["deadline_amount"]
    if amount is not None and (
        amount["amount_minor"] not in amounts or hold["on_deadline"] != "capture"
    ):
        yield "V5", f"at the deadline {hold['on_deadline']} {amount}, which nobody has asked for"
    is_kept = not any({"on_deadline", "deadline_amount"} & each.keys() for each in asked[1:])
    if amount is None and is_kept and seen.plan.request.get("deadline_amount"):
        yield "V5", "deadline_amount was given, and is gone"
    ends = {each.get("on_deadline") for each in asked} | {asked[0].get("on_deadline", "release")}
    if hold["on_deadline"] not in ends:
        yield "V5", f"on_deadline is {hold['on_deadline']}, which nobody has asked for"

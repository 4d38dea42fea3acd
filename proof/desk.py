"""A person at the desk, who looks at the gateway's portal and says what it shows."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from proof.names import derived_key, derived_reference
from proof.plan import Plan
from proof.witness import Json, own

# How many of those who have a slip say too much, name no operation of the hold, or no reference.
_TOO_MUCH, _NO_SUCH, _NO_REFERENCE = 0.6, 0.3, 0.8
# How many name the amount too.
_AMOUNTS = 0.4


def word_on(
    plan: Plan, books: Sequence[Json], view: Json, turn: int, *, lies: bool
) -> dict[str, Any] | None:
    """What to say of an operation that nobody could look up; None where there is none.

    Args:
        plan: The scenario.
        books: What the portal shows.
        view: The hold, with an attention.
        turn: How often they have looked so far.
        lies: The opposite is said.
    """
    unknown = [each for each in view["operations"] if each["state"] == "unknown"]
    if not unknown:
        return None
    # The attention names one; whoever has had their word on it looks at the others too.
    operation = unknown[turn % len(unknown)]
    done = _was_done(plan, books, view, operation) != lies
    head = {
        "operation_id": operation["operation_id"],
        "outcome": "done" if done else "not_done",
        "operator": "desk",
        "reason": "looked at the portal",
        "command_id": f"word-{operation['operation_id'].replace('/', '-')}",
    }
    if not done:
        return head
    said = {**head, "reference": _reference(plan, books, operation)}
    amount = _amount(plan, books, view, operation)
    if lies and operation["kind"] == "capture":
        # Whoever says what is not so may as well say it of another amount.
        amount = {**amount, "amount_minor": max(1, amount["amount_minor"] // 2)}
    names_it = _names_amounts(plan) or amount != operation["amount"]
    return {**said, "amount": amount} if names_it else said


def _names_amounts(plan: Plan) -> bool:
    dice = random.Random(f"{plan.seed}:a person's words")  # noqa: S311 - repeatable by design
    return dice.random() < _AMOUNTS


def _amount(plan: Plan, books: Sequence[Json], view: Json, operation: Json) -> Mapping[str, Any]:
    """How much it was: what the books have of a capture under its name, else what was asked for."""
    names, asked = _names(plan, operation), operation["amount"]
    taken = sum(
        effect["amount_minor"]
        for book in books
        if operation["kind"] == "capture" and book["payment_id"] == view["payment_id"]
        for effect in book["effects"]
        if effect["kind"] == "capture" and effect["key"] in names
    )
    return {**asked, "amount_minor": taken} if taken else asked


def slip(view: Json, word: Mapping[str, Any], which: float) -> dict[str, Any]:
    """The same word with a slip in it, for which it has to be refused.

    Args:
        view: The hold.
        word: What they meant to say.
        which: Says what, of all the slips.
    """
    said = dict(word)
    is_capture = word["operation_id"].startswith("capture/") and word["outcome"] == "done"
    if is_capture and which < _TOO_MUCH:
        left = view["remaining"]
        return {**said, "amount": {**left, "amount_minor": left["amount_minor"] + 1}}
    if which < _NO_SUCH:
        return {**said, "operation_id": f"capture/{len(view['operations']) + 9}"}
    del said["reference" if "reference" in said and which < _NO_REFERENCE else "operator"]
    return said


def _was_done(plan: Plan, books: Sequence[Json], view: Json, operation: Json) -> bool:
    if operation["kind"] == "authorize":
        return _placed(plan, books, operation) is not None
    book = next((each for each in books if each["payment_id"] == view["payment_id"]), None)
    if book is None:
        return False
    match operation["kind"]:
        case "capture":
            return _was_captured(plan, book, view, operation)
        case "release":
            # What somebody else has captured was not freed, where the run can learn of it.
            taken = book["captured_minor"] > view["captured"]["amount_minor"]
            shows = plan.place.gateway != "sibs"
            return book["state"] != "open" and not (taken and shows)
        case _:
            total = operation["amount"]["amount_minor"]
            left = book["authorized_minor"] - book["captured_minor"] - book["released_minor"]
            return total in (book["authorized_minor"], left)


def _was_captured(plan: Plan, book: Json, view: Json, operation: Json) -> bool:
    """By the operation's own name, where the books keep it; else by what was taken."""
    if plan.place.gateway not in {"payroc", "sibs"}:
        taken = {e["amount_minor"] for e in own(book) if e["kind"] == "capture"}
        further = book["captured_minor"] > view["captured"]["amount_minor"]
        return further and operation["amount"]["amount_minor"] in taken
    known = {effect["key"] for effect in book["effects"] if effect["kind"] == "capture"}
    return not known.isdisjoint(_names(plan, operation))


def _placed(plan: Plan, books: Sequence[Json], operation: Json) -> str | None:
    """The payment id of the hold that an authorization has placed, or taken over."""
    names = _names(plan, operation)
    if plan.adopts:
        asked = operation["amount"]["amount_minor"]
        made = [each for each in books if each["reference"] not in names]
        fits = (e for e in made if e["authorized_minor"] == asked and _may_be_taken_over(e))
        return next((each["payment_id"] for each in fits), None)
    return next(
        (b["payment_id"] for b in books if b["reference"] in names and b["state"] != "declined"),
        None,
    )


def _may_be_taken_over(book: Json) -> bool:
    """Whether it is open, or a run of the reservation has gone on with it before."""
    return book["state"] == "open" or any(e["kind"] == "capture" for e in own(book))


def _reference(plan: Plan, books: Sequence[Json], operation: Json) -> str:
    placed = _placed(plan, books, operation) if operation["kind"] == "authorize" else None
    return placed or "found in the books"


def _names(plan: Plan, operation: Json) -> set[str]:
    workflow_id = f"reservation-{plan.request['reservation_id']}"
    named: Mapping[str, Any] = operation
    return {
        derive(plan.place, workflow_id, named["kind"], named["command_id"])
        for derive in (derived_key, derived_reference)
    }

"""Seeded defects of the plan: what is done at its hour, and for how long somebody is waited for."""

from __future__ import annotations

from proof.defect import Defect

_AGENDA = "domain.agenda"
_PLANNER = "domain.planner"
_RECORD = "domain.record"
_SETTLEMENT = "domain.settlement"

OF_THE_PLAN = (
    Defect(
        "amount_of_the_plan_stays",
        _PLANNER,
        "plan.deadline_amount = command.deadline_amount or kept",
        "plan.deadline_amount = kept or command.deadline_amount",
        "what was given once is not overwritten",
        ("A1",),
    ),
    Defect(
        "new_plan_forgets_the_hour",
        _PLANNER,
        "plan.settle_by = command.settle_by or plan.settle_by",
        "plan.settle_by = command.settle_by",
        "a new plan takes the place of the old one",
        ("V5", "A16"),
    ),
    Defect(
        "unknown_total_overlooked",
        _AGENDA,
        "most = min(most, unknown.amount.amount_minor)",
        "most = min(most, record.ledger.authorized_minor)",
        "the total that was agreed counts until another one is",
        ("P1",),
        place="payroc",
    ),
    Defect(
        "refused_release_pushed",
        _RECORD,
        "RELEASE_EVERY = timedelta(hours=1)",
        "RELEASE_EVERY = timedelta(minutes=10)",
        "the sooner it is asked for again, the sooner the money is free",
        ("P3",),
    ),
    Defect(
        "refused_capture_given_up_at_once",
        _AGENDA,
        "due, why = max(at.deadline, at.give_up_capture_at), ",
        "due, why = at.deadline, ",
        "the capture was refused, so nothing is left to wait for",
        ("P4",),
    ),
    Defect(
        "plan_acts_an_hour_early",
        _AGENDA,
        "due, why = at.deadline, reason",
        "due, why = at.deadline - RELEASE_EVERY, reason",
        "where the release is refused, time has to be left for another try",
        ("P5",),
    ),
    Defect(
        "refused_release_waits_for_the_deadline",
        _AGENDA,
        "due = min(due, again) if due > again - RELEASE_EVERY else again",
        "due = max(due, again)",
        "the plan frees it at its hour anyway",
        ("P8",),
        place="sibs",
    ),
    Defect(
        "plan_captures_after_a_refused_release",
        _AGENDA,
        "record.plan.on_deadline is OnDeadline.CAPTURE and record.release_again_at is None",
        "record.plan.on_deadline is OnDeadline.CAPTURE",
        "the release was refused, so the plan stands as it was",
        ("P9",),
    ),
    Defect(
        "guest_may_be_late",
        _AGENDA,
        "at, why = record.action.expires_at, ",
        "at, why = record.action.expires_at + RELEASE_EVERY, ",
        "a guest who is a little late is let through",
        ("X7",),
    ),
    Defect(
        "never_sent_is_declined",
        _SETTLEMENT,
        "record.life.move(Event.ABANDON if too_late else Event.DECLINE)",
        "record.life.move(Event.DECLINE)",
        "nothing is held, so another card may be given",
        ("X8",),
    ),
    Defect(
        "wait_from_the_first_decline",
        _SETTLEMENT,
        "Event.DECLINE)\n        record.declined_at = now\n        record.forget_the_attempt()",
        "Event.DECLINE)\n        record.declined_at = record.declined_at or now\n"
        "        record.forget_the_attempt()",
        "half an hour for another card is half an hour",
        ("X9",),
    ),
)

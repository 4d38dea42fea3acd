"""Seeded defects of the hold that people are shown."""

from __future__ import annotations

from proof.defect import Defect

_CARRIER = "workflows.carrier"
_KEEPER = "workflows.keeper"
_LEDGER = "domain.ledger"
_RECORD = "domain.record"
_SETTLEMENT = "domain.settlement"
_SHOWN = "gateways.shown"
_TELLING = "workflows.telling"

OF_WHAT_IS_SHOWN = (
    Defect(
        "booking_made_up",
        _RECORD,
        "booking=request.booking,",
        "booking=request.booking or request.reservation_id,",
        "whoever names no booking means the reservation",
        ("V1",),
    ),
    Defect(
        "lapsed_is_still_there",
        _LEDGER,
        "self.authorized_minor - self.captured_minor - self.released_minor - self.expired_minor\n",
        "self.authorized_minor - self.captured_minor - self.released_minor\n",
        "what was neither taken nor given back remains",
        ("S1",),
    ),
    Defect(
        "part_captured_forgotten_when_refused",
        _SETTLEMENT,
        "record.life.move(Event.STAND_PARTLY if record.ledger.captured_minor else Event.STAND)",
        "record.life.move(Event.STAND)",
        "what was refused has changed nothing, so the hold is authorized",
        ("V2",),
    ),
    Defect(
        "captured_is_the_last_capture",
        _LEDGER,
        "self.captured_minor += amount_minor",
        "self.captured_minor = amount_minor",
        "what a capture has taken is what is captured",
        ("A11",),
        place="sibs",
    ),
    Defect(
        "total_never_less",
        _SETTLEMENT,
        "ledger.authorize(max(total_minor, ledger.captured_minor))",
        "ledger.authorize(max(total_minor, ledger.authorized_minor))",
        "what is held can only grow",
        ("V15",),
        place="payroc",
    ),
    Defect(
        "booked_once",
        _SETTLEMENT,
        "        entry.booked_at = settled.payment.booked_at\n",
        "        if entry.kind is OperationKind.AUTHORIZE:\n"
        "            entry.booked_at = settled.payment.booked_at\n",
        "a payment is booked once, when it is made",
        ("V16",),
    ),
    Defect(
        "age_by_the_gateways_clock",
        _SETTLEMENT,
        "        return booked_at\n    return sent_at",
        "        return booked_at\n    return booked_at or sent_at",
        "the gateway knows best when it placed the hold",
        ("V7",),
    ),
    Defect(
        "over_since_the_decline",
        _KEEPER,
        "record.closed_at = workflow.now()",
        "record.closed_at = record.declined_at or workflow.now()",
        "what was declined has been over since",
        ("W1",),
    ),
    Defect(
        "sent_is_not_in_doubt",
        _RECORD,
        "            and entry.state in (OperationState.SENT, OperationState.UNKNOWN)\n",
        "            and entry.state is OperationState.UNKNOWN\n",
        "what has just been sent will be answered in a moment",
        ("V8",),
    ),
    Defect(
        "same_refusal_kept_once",
        _RECORD,
        "        self._refused.append(Refusal(name=name, at=now, why=why))\n",
        "        if all(each.why != why for each in self._refused):\n"
        "            self._refused.append(Refusal(name=name, at=now, why=why))\n",
        "the same reason twice tells nobody more",
        ("V9",),
    ),
    Defect(
        "rest_freed_by_nobody",
        _CARRIER,
        "operator=for_.operator,",
        "operator=None,",
        "nobody has asked for what follows from another operation",
        ("V11",),
    ),
    Defect(
        "ended_attention_stays_listed",
        _TELLING,
        "        if known.get(key) != value\n",
        "        if value is not None and known.get(key) != value\n",
        "what is nothing needs not be written",
        ("V12",),
    ),
    Defect(
        "adjusting_after_a_declined_adjust",
        _SETTLEMENT,
        "    if record.life.state is HoldState.ADJUSTING:",
        "    if is_done and record.life.state is HoldState.ADJUSTING:",
        "an adjust that was declined changes nothing",
        ("V13",),
        place="payroc",
    ),
    Defect(
        "last_four_of_four",
        _SHOWN,
        "_LAST4.search(",
        "_LAST4.fullmatch(",
        "four digits are four digits",
        ("V14",),
    ),
)

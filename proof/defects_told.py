"""Seeded defects of what callers are told, and of whose turn it is."""

from __future__ import annotations

from proof.defect import Defect

_CARRIER = "workflows.carrier"
_DESK = "workflows.desk"
_INBOX = "workflows.inbox"
_KEEPER = "workflows.keeper"
_LIFECYCLE = "domain.lifecycle"
_OTHERS = "workflows.others"
_PLANNER = "domain.planner"
_RESERVATION = "workflows.reservation"
_WAITING = "workflows.waiting"

OF_WHAT_IS_TOLD = (
    Defect(
        "known_by_the_name_alone",
        _INBOX,
        "if new.command.says_the_same_as(ask.command):",
        "if new.command_id == ask.command_id:",
        "the same name is the same instruction",
        ("A1",),
    ),
    Defect(
        "answered_name_is_used_up",
        _INBOX,
        "if new.command.says_the_same_as(ask.command):",
        "if new.command.says_the_same_as(ask.command) and not ask.answered:",
        "a name that has had its answer is used up",
        ("A6",),
    ),
    Defect(
        "adjust_goes_before_a_capture",
        _INBOX,
        "        return _first(self.waiting) if self.waiting else None\n",
        "        totals = deque(ask for ask in self.waiting if isinstance(ask.command, Adjust))\n"
        "        return _first(totals or self.waiting) if self.waiting else None\n",
        "what is held is settled before anything is taken of it",
        ("X4",),
    ),
    Defect(
        "whatever_comes_waits",
        _RESERVATION,
        "    if unknown is not None and isinstance(command, Adjust | Capture):\n"
        "        return still_unknown(unknown)\n",
        "    del unknown\n",
        "what comes meanwhile waits for its turn",
        ("A15",),
    ),
    Defect(
        "late_is_declined",
        _RESERVATION,
        "        raise still_unknown(under_way)\n",
        "        raise Problem(ErrorType.DECLINED, still_unknown(under_way).message)\n",
        "whoever has waited for so long in vain is told no",
        ("A3",),
    ),
    Defect(
        "declined_is_over",
        _PLANNER,
        "    if state in FINAL_STATES:\n",
        "    if state in {*FINAL_STATES, HoldState.DECLINED}:\n",
        "a hold that was declined is over",
        ("A5",),
    ),
    Defect(
        "taken_from_once",
        _LIFECYCLE,
        "        | _.PARTIALLY_CAPTURED.to(_.CAPTURING)\n",
        "",
        "a hold is captured once",
        ("A2",),
    ),
    Defect(
        "changed_by_more_alone",
        _PLANNER,
        "if not 1 <= total <= AMOUNT_MINOR_MAX:",
        "if not 1 <= command.by.amount_minor <= AMOUNT_MINOR_MAX:",
        "an amount is at least one, and so is the amount of a change",
        ("A7",),
    ),
    Defect(
        "acknowledged_for_nothing",
        _DESK,
        'raise Problem(ErrorType.ILLEGAL_MOVE, f"there is nothing to acknowledge: {stands}")',
        "del stands",
        "who takes note of nothing does no harm",
        ("A2",),
    ),
    Defect(
        "resolved_as_declined",
        _DESK,
        "return Settled(ending=Ending.ABSENT, detail=detail)",
        "return Settled(ending=Ending.DECLINED, detail=detail)",
        "what was not done was declined",
        ("A13",),
    ),
    Defect(
        "guest_back_without_a_name",
        _RESERVATION,
        "if is_ahead or (asked is not None and action_id in {None, asked}):",
        "if is_ahead or (asked is not None and action_id == asked):",
        "whoever is back says from where",
        ("A14",),
    ),
    Defect(
        "cancelled_only_at_rest",
        _KEEPER,
        "        self.inbox.waiting.append(self._cancelled)\n",
        "        if self.record.life.state in RESTING:\n"
        "            self.inbox.waiting.append(self._cancelled)\n",
        "a cancellation stops nothing that is under way",
        ("P7",),
    ),
    Defect(
        "not_told_in_a_replay",
        _WAITING,
        "if decided or attention != self._told:",
        "if (decided or attention != self._told) and not workflow.unsafe.is_replaying():",
        "what was written once is not written again in a replay",
        ("D1",),
    ),
    Defect(
        "nobody_told_of_the_first_call",
        _CARRIER,
        "        hours = [terms.deadline, terms.give_up_capture_at] if terms else []\n",
        "        if terms is None:\n            return None\n"
        "        hours = [terms.deadline, terms.give_up_capture_at]\n",
        "before there is a hold there is no hour by which anybody has to know",
        ("L2",),
    ),
    Defect(
        "used_before_a_look",
        _OTHERS,
        "return self._waiting.now >= at or (self._is_before_a_capture() and not self._has_looked)",
        "return self._waiting.now >= at",
        "at its hour all will be seen",
        ("W15",),
    ),
    Defect(
        "any_start_is_the_same",
        _RESERVATION,
        "if request and not request.says_the_same_as(keeper.record.request):",
        "if request and request.gateway != keeper.record.request.gateway:",
        "the reservation is known, so it is the same one",
        ("A17",),
    ),
)

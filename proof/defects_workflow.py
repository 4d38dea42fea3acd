"""Seeded defects of the workflow and of the rules that it goes by."""

from __future__ import annotations

from proof.defect import Defect

_AGENDA, _EXPIRY, _PLANNER = "domain.agenda", "domain.expiry", "domain.planner"
_RECORD, _SETTLEMENT, _VERDICT = "domain.record", "domain.settlement", "domain.verdict"
_CARRIER, _DESK, _INBOX = "workflows.carrier", "workflows.desk", "workflows.inbox"
_KEEPER, _OTHERS = "workflows.keeper", "workflows.others"
_COMPARISON = "workflows.comparison"
_RESERVATION, _WAITING = "workflows.reservation", "workflows.waiting"

IN_WORKFLOW = (
    Defect(
        "nobody_told_of_the_unknown",
        _CARRIER,
        "if self._record.has_attention(AttentionReason.OUTCOME_UNKNOWN) or sent_at is None:",
        "if True:",
        "the look-ups will find it some day",
    ),
    Defect(
        "unknown_adjust_delays",
        _CARRIER,
        '"""An unknown adjust does not delay what the plan does at its hour."""\n',
        '"""Nothing overtakes what is under way."""\n        return False\n',
        "first things first",
        place="payroc",
    ),
    Defect(
        "partial_approval_not_given_back",
        _CARRIER,
        'why = f"approved for {settled.payment.authorized} only, which was released"\n'
        "                settled = await self._give_back(entry, settled.payment, why)",
        'why = "approved for less"\n'
        "                settled = Settled(ending=Ending.DECLINED, detail=why)",
        "it counts as a decline, and a decline holds nothing",
        place="payroc",
    ),
    Defect(
        "rest_not_freed",
        _KEEPER,
        "return captured and self.record.ledger.remaining_minor > 0",
        "return False",
        "the gateway frees what a capture leaves",
        place="stax-rest",
    ),
    Defect(
        "deadline_goes_first",
        _KEEPER,
        "if ask is not None and ask.at <= self._due_since:",
        "if ask is not None and ask.at < self._due_since and False:",
        "the timer has fired, so it is the deadline's turn",
    ),
    Defect(
        "new_plan_not_awaited",
        _KEEPER,
        "return next_step(self.record, self._waiting.now) != step",
        "return False",
        "the timer is set, and a deadline does not change",
    ),
    Defect(
        "cancel_swallowed",
        _KEEPER,
        "        self.inbox.waiting.append(self._cancelled)\n",
        "",
        "a cancelled run must not stop, so the cancellation is caught",
    ),
    Defect(
        "cancel_let_through",
        _WAITING,
        "                _go_on()\n                self._cancel()",
        "                raise",
        "a cancellation must not be swallowed",
    ),
    Defect(
        "deadline_capture_for_ever",
        _KEEPER,
        "self.record.deadline_capture_tried = True",
        "self.record.deadline_capture_tried = False",
        "a refused capture is tried again",
    ),
    Defect(
        "earlier_run_not_compared",
        _COMPARISON,
        "return (is_told_to or self._has_yet_to_look()) and state in RESTING",
        "return is_told_to and state in RESTING",
        "what this run has is what there is",
        place="payroc",
    ),
    Defect(
        "closed_with_callers_waiting",
        _KEEPER,
        "for ask in (*self.inbox.waiting, *self.inbox.at_once):",
        "for ask in self.inbox.at_once:",
        "after the end nobody waits any more",
    ),
    Defect(
        "signal_raises",
        _RESERVATION,
        "        except Problem as error:\n            problem = error\n"
        "        if problem is not None:\n            keeper.record.refuse(",
        "        except InvalidMessage:\n            problem = None\n"
        "        if problem is not None:\n            keeper.record.refuse(",
        "a signal has the same errors as an update",
    ),
    Defect(
        "refused_signal_dropped",
        _DESK,
        "        if ask.is_signal:\n",
        "        if ask.is_signal and not ask.answered:\n",
        "nobody waits for a signal's answer",
    ),
    Defect(
        "misspelled_signal_dropped",
        _RESERVATION,
        "self._keeper.record.refuse(shown_name(name), workflow.now(), why)",
        "del why",
        "what nobody knows is nobody's business",
    ),
    Defect(
        "last_come_first_served",
        _INBOX,
        "at = queue[0].at",
        "at = queue[-1].at",
        "the newest word counts",
        place="sibs",
    ),
    Defect(
        "answers_without_a_time_limit",
        _RESERVATION,
        "lambda: has_answer() or caller.is_late",
        "has_answer",
        "an update is answered when there is an answer",
    ),
    Defect(
        "naive_time",
        _WAITING,
        "while not ready() and (at is None or self.now < at):",
        "while not ready() and (at is None or self.now.replace(tzinfo=None) < at):",
        "all of our times are UTC, so the zone is noise",
    ),
    Defect(
        "second_hold_not_looked_for",
        _OTHERS,
        "return self._record.others_at if self._record.life.state in RESTING else None",
        "return None",
        "one workflow per reservation, one hold per workflow",
        place="sibs",
    ),
    Defect(
        "persons_word_not_heard",
        _DESK,
        '"""What a person has said of this operation, if somebody has."""\n',
        '"""Nothing counts but the gateway."""\n        return None\n',
        "the look-up will tell it anyway",
    ),
)

IN_DOMAIN = (
    Defect(
        "no_margin",
        _EXPIRY,
        "real_margin = min(margin, (expires_at - since) / 2)",
        "real_margin = timedelta(0)",
        "the hold can be used until it lapses",
    ),
    Defect(
        "margin_not_cut",
        _EXPIRY,
        "real_margin = min(margin, (expires_at - since) / 2)",
        "real_margin = margin",
        "twelve hours are twelve hours",
    ),
    Defect(
        "age_from_the_answer",
        _SETTLEMENT,
        "        return booked_at\n    return sent_at",
        "        return booked_at\n    return now",
        "a hold begins when we know of it",
    ),
    Defect(
        "callers_window_ignored",
        _RECORD,
        "window = request.hold_window or self.capabilities.hold_window",
        "window = self.capabilities.hold_window",
        "how long a hold lives is the account's to say",
    ),
    Defect(
        "partial_approval_is_full",
        _SETTLEMENT,
        "and payment.authorized.amount_minor < entry.amount.amount_minor",
        "and payment.authorized.amount_minor < 1",
        "approved is approved",
        place="payroc",
    ),
    Defect(
        "declined_total_counts",
        _SETTLEMENT,
        "    is_done = entry.state is OperationState.DONE\n    if is_done:\n",
        "    is_done = entry.state is not OperationState.SENT\n    if is_done:\n",
        "the adjustment has an ending, so the total is the new one",
        place="payroc",
    ),
    Defect(
        "any_capture_is_ours",
        _VERDICT,
        "    if payment.captured == wanted:\n",
        "    if payment.captured.amount_minor:\n",
        "it is captured, so our capture worked",
    ),
    Defect(
        "pending_is_absent",
        _VERDICT,
        "    if payment.state is PaymentState.PENDING:\n        return None",
        "    if payment.state is PaymentState.PENDING:\n        return Ending.ABSENT",
        "what is not approved so far is not there",
        place="xmoney",
    ),
    Defect(
        "rest_thought_held",
        _SETTLEMENT,
        "    if entry.final and record.capabilities.frees_rest:\n",
        "    if entry.final and not record.capabilities.frees_rest:\n",
        "a condition is easily turned round",
    ),
    Defect(
        "capture_above_the_hold",
        _PLANNER,
        "return (_entry(OperationKind.ADJUST, amount, asked), capture)",
        "return (capture,)",
        "the gateway raises the hold by itself",
        place="payroc",
    ),
    Defect(
        "final_when_all_is_taken_forgotten",
        _PLANNER,
        "final = command.final or amount.amount_minor >= remaining",
        "final = command.final",
        "the caller says whether it is the last capture",
    ),
    Defect(
        "deadline_takes_what_is_not_there",
        _AGENDA,
        "most = min(most, unknown.amount.amount_minor)",
        "most = max(most, unknown.amount.amount_minor)",
        "the new total will come",
        place="payroc",
    ),
)

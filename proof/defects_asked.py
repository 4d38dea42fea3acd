"""Seeded defects of what is asked of a gateway: how often, after what, and for whose hold."""

from __future__ import annotations

from proof.defect import Defect

_ADAPTERS = "gateways.adapters"
_ATTEMPT = "activities.attempt"
_CARRIER = "workflows.carrier"
_COURIER = "workflows.courier"
_OTHERS = "workflows.others"
_PATIENCE = "domain.patience"
_TIMING = "workflows.timing"
_VERDICT = "domain.verdict"

OF_WHAT_IS_ASKED = (
    Defect(
        "retries_at_once",
        _TIMING,
        "initial_interval=timedelta(milliseconds=500),\n    backoff_coefficient=2,",
        "initial_interval=timedelta(milliseconds=50),\n    backoff_coefficient=1,",
        "somebody waits, so every second counts",
        ("W2",),
    ),
    Defect(
        "retry_after_in_minutes",
        _PATIENCE,
        "return timedelta(seconds=min(max(retry_after_s, least), most))",
        "return timedelta(minutes=min(max(retry_after_s, least), most))",
        "whoever asks to be left alone means minutes",
        ("L8",),
    ),
    Defect(
        "pause_until_the_hour",
        _PATIENCE,
        "return max(hour - CLOSE - now, CLOSE_AT_MOST)",
        "return max(hour - now, CLOSE_AT_MOST)",
        "a pause that ends at the hour is not past it",
        ("W12",),
    ),
    Defect(
        "look_does_not_wait",
        _COURIER,
        "return (cause.next_retry_delay if cause else None) or timedelta(0)",
        "return timedelta(0)",
        "what comes next is another request, and that one was not turned away",
        ("W7",),
    ),
    Defect(
        "looked_up_before_every_retry",
        _ATTEMPT,
        "looks = situation.is_told_to_look or releases or situation.is_of_an_earlier_run",
        "looks = situation.is_told_to_look or releases or situation.may_have_been_sent",
        "what may have been sent is looked up, key or no key",
        ("W8",),
        place="payroc",
    ),
    Defect(
        "looks_for_others_for_ever",
        _OTHERS,
        "            record.others_at = None\n",
        "            record.others_at += timedelta(hours=1)\n",
        "a second hold may be placed at any time",
        ("C5",),
        place="xmoney",
    ),
    Defect(
        "same_total_is_sent",
        _CARRIER,
        "            entry.amount.amount_minor == ledger.authorized_minor\n",
        "            entry.amount.amount_minor == ledger.captured_minor\n",
        "the gateway says itself what an adjust to the same total comes to",
        ("W11",),
        place="payroc",
    ),
    Defect(
        "released_once_more",
        _VERDICT,
        "_GONE = frozenset({PaymentState.RELEASED, PaymentState.EXPIRED, PaymentState.DECLINED})",
        "_GONE = frozenset({PaymentState.EXPIRED, PaymentState.DECLINED})",
        "a second release does no harm, and makes sure",
        ("W9",),
        place="payroc",
    ),
    Defect(
        "taken_is_gone",
        _VERDICT,
        "    if payment.captured != call.captured:\n"
        "        return Ending.CHANGED\n"
        "    if payment.state in _GONE",
        "    if payment.state in _GONE",
        "what was captured need not be freed any more",
        ("G2",),
    ),
    Defect(
        "greater_hold_will_do",
        _ATTEMPT,
        "if payment.authorized != self._call.amount:",
        "if payment.authorized.amount_minor < self._call.amount.amount_minor:",
        "a hold of more covers what was asked for",
        ("G6",),
    ),
    Defect(
        "payroc_answer_of_whomever",
        f"{_ADAPTERS}.payroc.adapter",
        "        if found.paymentId != payment_id:\n"
        '            raise Undecided(f"{NAME}: the answer is of another payment")\n',
        "",
        "it was asked for by its id, so it has that one",
        ("G1",),
        place="payroc",
    ),
    Defect(
        "refused_token_again",
        f"{_ADAPTERS}.payroc.identity",
        "if held is not None and (held.token == refused or now >= held.ends_at):",
        "if held is not None and now >= held.ends_at:",
        "a token is good for as long as it was given for",
        ("W13",),
        place="payroc",
    ),
    Defect(
        "payroc_amount_of_the_order",
        f"{_ADAPTERS}.payroc.answers",
        "    if state is PaymentState.OPEN and result.authorizedAmount is not None:\n"
        "        return result.authorizedAmount\n",
        "",
        "what is held is the order's amount",
        ("S7",),
        place="payroc",
    ),
    Defect(
        "sibs_nobody_without_a_browser",
        f"{_ADAPTERS}.sibs.bodies",
        "            if call.initiator is Initiator.MERCHANT\n",
        "            if call.browser is None\n",
        "where no browser is told of nobody is there to be asked",
        ("U2",),
        place="sibs",
    ),
    Defect(
        "sibs_asks_whoever_owns_the_card",
        f"{_ADAPTERS}.sibs.bodies",
        "            if call.initiator is Initiator.MERCHANT\n",
        "            if call.payment_method is None\n",
        "a card belongs to somebody, who can be asked",
        ("V18",),
        place="sibs",
    ),
    Defect(
        "xmoney_ends_the_payment",
        f"{_ADAPTERS}.xmoney.adapter",
        "problem = await self._call_off(found.orderId, until)",
        "problem = await self._call_off(found.id, until)",
        "an order and its payment go by one number",
        ("G8",),
        place="xmoney",
    ),
    Defect(
        "stax_times_of_its_office",
        f"{_ADAPTERS}.stax.transaction",
        'instant(f"{self.created_at}Z")',
        'instant(f"{self.created_at}-05:00")',
        "a stamp without a zone is of the gateway's own office, which is in Florida",
        ("V17",),
        place="stax",
    ),
    Defect(
        "stax_address_joined",
        f"{_ADAPTERS}.stax.adapter",
        "url = self._site.base_url + path",
        "url = str(httpx.URL(self._site.base_url).join(path))",
        "addresses are joined, and not glued together",
        ("X5",),
        place="stax",
    ),
    Defect(
        "open_is_untouched",
        _VERDICT,
        "untouched = payment.state is PaymentState.OPEN and payment.captured == call.captured",
        "untouched = payment.state is PaymentState.OPEN",
        "an open hold is as it was",
        ("G9",),
        place="stax-parts",
    ),
)

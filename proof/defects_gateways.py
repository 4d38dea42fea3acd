"""Seeded defects of the edge and of the four adapters."""

from __future__ import annotations

from proof.defect import Defect

_AMOUNTS, _CLASSIFIER, _WIRE = "gateways.amounts", "gateways.classifier", "gateways.wire"
_PATIENCE = "domain.patience"
_ADAPTERS = "gateways.adapters"

_AT_THE_EDGE = (
    Defect(
        "sent_twice_by_the_wire",
        _WIRE,
        "            return broken(self._gateway, error)\n",
        "            if isinstance(error, httpx.TransportError):\n"
        "                again = await line.handle_async_request(request)\n"
        "                return await self._received(request, again)\n"
        "            return broken(self._gateway, error)\n",
        "one retry of a broken connection does no harm",
        ("S2",),
        place="xmoney",
    ),
    Defect(
        "time_out_is_not_sent",
        _CLASSIFIER,
        "    TimeoutError: Means.NO_ANSWER,",
        "    TimeoutError: Means.NOT_SENT,",
        "after twenty seconds a request is given up, on both ends",
        ("S2",),
        place="xmoney",
    ),
    Defect(
        "server_error_is_refused",
        _CLASSIFIER,
        'return Undecided(f"{self.gateway}: {said} decides nothing")',
        'return Refused(f"{self.gateway}: {said}")',
        "what is no success is a failure",
        ("L1",),
        place="stax",
    ),
    Defect(
        "money_by_floats",
        _AMOUNTS,
        "return Decimal(amount.amount_minor).scaleb(-(digits_of(amount.currency) or 0))",
        "return Decimal(amount.amount_minor / 10 ** (digits_of(amount.currency) or 0))",
        "a Decimal is exact, whatever it is made of",
        ("U1",),
        place="stax",
    ),
    Defect(
        "money_read_by_floats",
        _AMOUNTS,
        "    return int(minor)\n",
        "    return int(float(amount) * 10 ** (digits_of(currency) or 0))\n",
        "times a hundred, and the rest is noise",
        ("C1",),
        place="sibs",
    ),
    Defect(
        "yen_with_cents",
        _AMOUNTS,
        "minor = amount.scaleb(digits_of(currency) or 0)",
        "minor = amount.scaleb(1)",
        "the digits were mixed up",
        ("A12",),
    ),
    Defect(
        "stays_away_as_told",
        _PATIENCE,
        "min(max(retry_after_s, least), most)",
        "max(retry_after_s, least)",
        "the gateway knows how long it will be away",
        ("L8",),
    ),
)

_AT_PAYROC = (
    Defect(
        "payroc_captures_without_amount",
        f"{_ADAPTERS}.payroc.adapter",
        'return captured(await self._change(named, "capture", amount), named)',
        'return captured(await self._change(named, "capture", {}), named)',
        "the hold has an amount already",
        ("S6", "R3"),
        place="payroc",
    ),
    Defect(
        "payroc_sells",
        f"{_ADAPTERS}.payroc.adapter",
        '"autoCapture": False,',
        '"autoCapture": True,',
        "the examples have it so",
        ("S6", "C2", "C4"),
        place="payroc",
    ),
    Defect(
        "payroc_later_is_approved",
        f"{_ADAPTERS}.payroc.answers",
        'if result.responseCode == "E" or result.status in _UNDECIDED_STATUSES:\n'
        "        return PaymentState.PENDING",
        'if result.responseCode == "E" or result.status in _UNDECIDED_STATUSES:\n'
        "        return PaymentState.OPEN",
        "received is as good as approved",
        ("G5",),
        place="payroc",
    ),
    Defect(
        "payroc_declined_total_is_agreed",
        f"{_ADAPTERS}.payroc.answers",
        "            return Declined(payment.detail or _words(answer), payment)\n        shown =",
        "            return Approved(payment)\n        shown =",
        "HTTP 200 means that it worked",
        ("R2",),
        place="payroc",
    ),
)

_AT_SIBS = (
    Defect(
        "sibs_frees_the_new_total",
        f"{_ADAPTERS}.sibs.figures",
        "return call.amount.plain().plus(max(freed, 0) - call.amount.amount_minor)",
        "return call.amount.plain().plus(0 * freed)",
        "the amount of an adjustment is its amount",
        ("R4",),
        place="sibs",
    ),
    Defect(
        "sibs_time_out_is_declined",
        f"{_ADAPTERS}.sibs.answers",
        '"Timeout": Word.PENDING,',
        '"Timeout": Word.DECLINED,',
        "a time-out at the bank means no",
        ("N2",),
        place="sibs",
    ),
    Defect(
        "sibs_orders_again",
        f"{_ADAPTERS}.sibs.placing",
        "        if again:\n            await self._clear_the_way(named, until)\n",
        "",
        "an order that is not purchased holds nothing",
        ("L1",),
        place="sibs",
    ),
    Defect(
        "sibs_in_process_is_done",
        f"{_ADAPTERS}.sibs.answers",
        '"InProcessing": Word.PENDING,',
        '"InProcessing": Word.DONE,',
        "what is in process will be done",
        ("R4",),
        place="sibs",
    ),
    Defect(
        "sibs_look_up_believed",
        f"{_ADAPTERS}.sibs.adapter",
        '        return with_our_figures(call, payment).model_copy(update={"said": Said.ABSENT})',
        '        return with_our_figures(call, payment).model_copy(update={"said": Said.DECLINED})',
        "an operation that SIBS does not show was declined",
        ("C3", "N3"),
        place="sibs",
    ),
)

_AT_STAX = (
    Defect(
        "stax_captures_without_amount",
        f"{_ADAPTERS}.stax.adapter",
        "            **dict.fromkeys(self._site.amount_fields, amount),\n",
        '            **dict.fromkeys(("value",), amount),\n',
        "the field is called value elsewhere",
        ("S6", "A10"),
        place="stax",
    ),
    Defect(
        "stax_voids_or_refunds",
        f"{_ADAPTERS}.stax.adapter",
        '_path(named.call.payment_id, "/void")',
        '_path(named.call.payment_id, "/void-or-refund")',
        "it takes the money back whatever has happened",
        ("S5",),
        place="stax",
    ),
    Defect(
        "stax_hold_of_whomever",
        f"{_ADAPTERS}.stax.adapter",
        "if row.is_of(named) and row.id not in found]",
        "if row.id not in found]",
        "the newest charge is ours",
        ("U1",),
        place="stax",
    ),
    Defect(
        "stax_rest_is_gone",
        f"{_ADAPTERS}.stax.transaction",
        "keeps = terms.keeps_rest and left and not is_voided",
        "keeps = False",
        "what is captured is captured",
        ("L1", "G4"),
        place="stax-rest",
    ),
    Defect(
        "stax_failed_capture_counts",
        f"{_ADAPTERS}.stax.transaction",
        "taken = [each for each in captures if each.success and not each.is_voided]",
        "taken = [each for each in captures if not each.is_voided]",
        "a capture that is listed was made",
        ("N1",),
        place="stax",
    ),
    Defect(
        "stax_part_is_the_whole",
        f"{_ADAPTERS}.stax.answers",
        "    wanted = named.call.captured.plus(named.call.amount.amount_minor)\n",
        "    wanted = named.call.amount.plain()\n",
        "what is captured is what was asked for",
        ("W14",),
        place="stax-parts",
    ),
)

_AT_XMONEY = (
    Defect(
        "xmoney_sells",
        f"{_ADAPTERS}.xmoney.bodies",
        '"cardTransactionMode": "auth",',
        '"cardTransactionMode": "authAndCapture",',
        "it is what the shop plugin sends",
        ("S6",),
        place="xmoney",
    ),
    Defect(
        "xmoney_deletes_without_a_look",
        f"{_ADAPTERS}.xmoney.adapter",
        "        if found.transactionStatus == _OPEN:\n",
        '        if found.transactionStatus in {_OPEN, "complete-ok"}:\n',
        "a release takes back whatever there is",
        ("S5",),
        place="xmoney",
    ),
    Defect(
        "xmoney_uncertain_is_declined",
        f"{_ADAPTERS}.xmoney.answers",
        '"uncertain": PaymentState.PENDING,',
        '"uncertain": PaymentState.DECLINED,',
        "without the provider's word there is no money",
        ("L1",),
        place="xmoney",
    ),
    Defect(
        "xmoney_order_without_payment",
        f"{_ADAPTERS}.xmoney.adapter",
        "        if not found and not order.has_failed:\n",
        "        if not found and order.has_failed is None:\n",
        "an order without a payment holds nothing",
        ("S2",),
        place="xmoney",
    ),
    Defect(
        "xmoney_takes_the_answer_for_the_money",
        f"{_ADAPTERS}.xmoney.outcomes",
        "    if payment.state is PaymentState.CAPTURED and payment.captured == wanted:\n",
        "    if problem is None or payment.captured == wanted:\n",
        "HTTP 200 means done",
        ("G5",),
        place="xmoney",
    ),
    Defect(
        "xmoney_captures_in_minor_units",
        f"{_ADAPTERS}.xmoney.bodies",
        '    return format(decimal_of(amount), "f")\n',
        "    return str(amount.amount_minor)\n",
        "every other gateway counts in cents",
        ("N1",),
        place="xmoney",
    ),
)

#: All of them.
AT_GATEWAYS = (*_AT_THE_EDGE, *_AT_PAYROC, *_AT_SIBS, *_AT_STAX, *_AT_XMONEY)

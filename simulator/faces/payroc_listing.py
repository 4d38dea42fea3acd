"""``GET /payments``: filters, cursors and pages.

Newest first (unpublished). A cursor is a paymentId, as in the OpenAPI's example, and stays good
when its payment no longer passes the filter. ``tipMode`` and ``tender`` are understood; tips are
echoed, and not found by their mode, and all payments are by credit or debit card.
"""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime

from aiohttp import web

from simulator.faces.payroc_payments import Payment, Standing, Status, status_of
from simulator.faces.payroc_problems import bad_request

_LIMIT_DEFAULT = 10
_LIMIT_MAX = 100
_SMALL_NUMBER = re.compile(r"[1-9][0-9]{0,2}")
_TYPES = ("sale", "preAuthorization", "preAuthorizationCompletion")
_TIP_MODES = ("noTip", "prompted", "adjusted")

Test = Callable[[Payment], bool]
Look = Callable[[Payment], Standing]
Find = Callable[[str], Payment | None]
Show = Callable[[Payment], dict[str, object]]


def matching(request: web.Request, payments: Iterable[Payment], look: Look) -> list[Payment]:
    """The payments that pass every filter, in the order given.

    Raises:
        Problem: 400 for a filter that cannot be read.
    """
    tests = [*_plain(request), *_dates(request), *_standing(request, look)]
    return [payment for payment in payments if all(test(payment) for test in tests)]


def page(
    request: web.Request, found: list[Payment], *, find: Find, show: Show
) -> dict[str, object]:
    """One page of what was found, with links to its neighbours.

    Raises:
        Problem: 400 for a limit or a cursor that cannot be used.
    """
    limit = _limit(request)
    start = _start(request, found, limit, find)
    chosen = found[start : start + limit]
    links: list[dict[str, str]] = []
    if start + limit < len(found) and chosen:
        links.append(_link(request, "next", "after", chosen[-1]))
    if start > 0 and chosen:
        links.append(_link(request, "previous", "before", chosen[0]))
    return {
        "limit": limit,
        "count": len(chosen),
        "hasMore": start + limit < len(found),
        "data": [show(payment) for payment in chosen],
        "links": links,
    }


def _plain(request: web.Request) -> Iterable[Test]:
    query = request.query
    fields: dict[str, Callable[[Payment], str | None]] = {
        "orderId": lambda payment: payment.order_id,
        "processingTerminalId": lambda payment: payment.terminal_id,
        "operator": lambda payment: payment.operator,
        "cardholderName": lambda payment: payment.card.cardholder_name,
        "first6": lambda payment: payment.card.first6,
        "last4": lambda payment: payment.card.last4,
        "paymentLinkId": lambda _: None,
    }
    for name, of in fields.items():
        if name in query:
            yield _same(of, query[name])
    if "tender" in query:
        tender = _word(query["tender"], "tender", ("ebt", "creditDebit"))
        yield lambda _: tender == "creditDebit"
    for name, known, ours in (("tipMode", _TIP_MODES, "noTip"), ("type", _TYPES, "sale")):
        if name in query:
            words = [_word(word, name, known) for word in query.getall(name)]
            yield _among(ours, words)


def _same(of: Callable[[Payment], str | None], wanted: str) -> Test:
    return lambda payment: of(payment) == wanted


def _among(ours: str, words: list[str]) -> Test:
    return lambda _: ours in words


def _dates(request: web.Request) -> Iterable[Test]:
    query = request.query
    if "dateFrom" in query:
        since = _moment(query["dateFrom"], "dateFrom")
        yield lambda payment: payment.created_at >= since
    if "dateTo" in query:
        until = _moment(query["dateTo"], "dateTo")
        yield lambda payment: payment.created_at <= until


def _standing(request: web.Request, look: Look) -> Iterable[Test]:
    query = request.query
    if "status" in query:
        known = [status.value for status in Status]
        words = {_word(word, "status", known) for word in query.getall("status")}
        yield lambda payment: status_of(payment, look(payment)) in words
    if "settlementState" in query:
        state = _word(query["settlementState"], "settlementState", ("settled", "unsettled"))
        yield lambda payment: (look(payment).settled_at is not None) == (state == "settled")
    if "settlementDate" in query:
        day = _day(query["settlementDate"])
        yield lambda payment: _settled_on(look(payment), day)


def _settled_on(standing: Standing, day: date) -> bool:
    return standing.settled_at is not None and standing.settled_at.date() == day


def _word(value: str, name: str, known: Iterable[str]) -> str:
    if value not in known:
        raise bad_request(name, "Invalid format", f"{name} must be one of {', '.join(known)}")
    return value


def _moment(value: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise bad_request(name, "Invalid format", f"{name} must be an ISO 8601 date") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _day(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise bad_request(
            "settlementDate", "Invalid format", "settlementDate must be YYYY-MM-DD"
        ) from error


def _limit(request: web.Request) -> int:
    query = request.query
    text = query.get("limit", str(_LIMIT_DEFAULT))
    if _SMALL_NUMBER.fullmatch(text) is None or int(text) > _LIMIT_MAX:
        raise bad_request("limit", "Invalid format", f"limit must be from 1 to {_LIMIT_MAX}")
    return int(text)


def _start(request: web.Request, found: list[Payment], limit: int, find: Find) -> int:
    query = request.query
    if "before" in query and "after" in query:
        raise bad_request("before", "Invalid format", "Send before or after, not both")
    if "after" in query:
        number = _number(query["after"], "after", find)
        return sum(payment.number >= number for payment in found)
    if "before" in query:
        number = _number(query["before"], "before", find)
        return max(0, sum(payment.number > number for payment in found) - limit)
    return 0


def _number(cursor: str, name: str, find: Find) -> int:
    payment = find(cursor)
    if payment is None:
        raise bad_request(name, "Invalid format", f"{name} is not a payment")
    return payment.number


def _link(request: web.Request, rel: str, direction: str, payment: Payment) -> dict[str, str]:
    kept = {"before", "after"}
    pairs = [(name, value) for name, value in request.query.items() if name not in kept]
    target = request.url.with_query([*pairs, (direction, payment.payment_id)])
    return {"rel": rel, "method": "get", "href": str(target)}

"""xMoney's lists: filters and pages.

Newest first unless ``reverseSorting`` is 0, a hundred on a page unless ``perPage`` says so (docs:
API reference, "List all cards", read 2026; taken for the other lists too). Arrays come as repeated
fields, with or without brackets, as the published clients send them. Choices: a page past the last
one is empty; a documented filter that is not simulated is a 400,
as a list that ignored it would tell more than was asked; unknown parameters are ignored.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

from aiohttp import web

from simulator.decimals import major_of
from simulator.faces.xmoney_answers import Answer, invalid
from simulator.faces.xmoney_payments import Payment

T = TypeVar("T")
Test = Callable[[Payment], bool]
StatusOf = Callable[[Payment], str]

_PER_PAGE, _PER_PAGE_MAX = 100, 1000
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_ID = re.compile(r"[0-9]{1,18}")
_AMOUNT = re.compile(r"[0-9]{1,16}(\.[0-9]{1,8})?")
_WORDS = {"0": False, "false": False, "1": True, "true": True}
_STATUSES = (
    "start", "3d-pending", "in-progress", "uncertain", "complete-ok", "complete-failed",
    "void-ok", "cancel-ok", "refund-ok", "charge-back",
)  # fmt: skip
_TYPES = ("deposit", "refund", "credit", "chargeback", "representment")
_NOT_SIMULATED = (
    "searchId", "email", "dateType", "source", "country", "state", "reason", "tag", "greaterThanId",
    "cardProvider", "cardType", "cardNumber", "cardHolderName", "walletProvider",
)  # fmt: skip


def orders(request: web.Request, payments: Iterable[Payment], status_of: StatusOf) -> list[Payment]:
    """The orders that pass every filter, in the order given.

    Raises:
        Problem: 400 for a filter that cannot be read.
    """
    query = request.query
    tests = list(_shared(request))
    if "externalOrderId" in query:
        tests.append(lambda payment: payment.external_order_id == query["externalOrderId"])
    if "orderType" in query:
        tests.append(lambda payment: payment.order_type == query["orderType"])
    if "orderStatus" in query:
        tests.append(lambda payment: status_of(payment) == query["orderStatus"])
    return _passing(payments, tests)


def transactions(
    request: web.Request, payments: Iterable[Payment], status_of: StatusOf
) -> list[Payment]:
    """The transactions that pass every filter, in the order given.

    Raises:
        Problem: 400 for a filter that cannot be read.
    """
    query = request.query
    tests = list(_shared(request))
    if "orderId" in query:
        order_id = _id(query["orderId"], "orderId")
        tests.append(lambda payment: payment.order_id == order_id)
    if "currency" in query:
        tests.append(lambda payment: payment.currency == query["currency"])
    if "transactionMethod" in query:
        tests.append(lambda _: query["transactionMethod"] == "card")
    types = _words(request, "transactionType", _TYPES)
    if types:
        tests.append(lambda _: "deposit" in types)
    statuses = _words(request, "transactionStatus", _STATUSES)
    if statuses:
        tests.append(lambda payment: status_of(payment) in statuses)
    return _passing(payments, [*tests, *_amounts(request)])


def page(request: web.Request, found: Sequence[T], show: Callable[[T], object]) -> Answer:
    """One page of what was found, oldest first in ``found``.

    Raises:
        Problem: 400 for a page or an order that cannot be read.
    """
    query = request.query
    number = _count(query.get("page", "1"), "page")
    per_page = _count(query.get("perPage", str(_PER_PAGE)), "perPage")
    if per_page > _PER_PAGE_MAX:
        raise invalid("perPage", f"perPage must be {_PER_PAGE_MAX} or less")
    word = query.get("reverseSorting", "1")
    if word not in _WORDS:
        raise invalid("reverseSorting", "reverseSorting must be 0 or 1")
    sorted_as_asked = found[::-1] if _WORDS[word] else found
    chosen = sorted_as_asked[(number - 1) * per_page : number * per_page]
    pagination = {
        "currentPageNumber": number,
        "totalItemCount": len(found),
        "itemCountPerPage": per_page,
        "currentItemCount": len(chosen),
        "pageCount": -(-len(found) // per_page),
    }
    return Answer(200, [show(one) for one in chosen], pagination)


def customer_of(request: web.Request) -> int:
    """The customer whose cards are asked for.

    Raises:
        Problem: 400 if none is named.
    """
    return _id(request.query.get("customerId", ""), "customerId")


def _passing(payments: Iterable[Payment], tests: Sequence[Test]) -> list[Payment]:
    return [payment for payment in payments if all(test(payment) for test in tests)]


def _shared(request: web.Request) -> Iterable[Test]:
    query = request.query
    for name in _NOT_SIMULATED:
        if name in query or f"{name}[]" in query:
            raise invalid(name, f"The simulator has no filter {name}")
    if "customerId" in query:
        customer_id = _id(query["customerId"], "customerId")
        yield lambda payment: payment.customer_id == customer_id
    if "createdAtFrom" in query:
        since = _moment(query["createdAtFrom"], "createdAtFrom")
        yield lambda payment: payment.created_at >= since
    if "createdAtTo" in query:
        until = _moment(query["createdAtTo"], "createdAtTo")
        yield lambda payment: payment.created_at <= until


def _amounts(request: web.Request) -> Iterable[Test]:
    query = request.query
    if "amountFrom" in query:
        least = _amount(query["amountFrom"], "amountFrom")
        yield lambda payment: major_of(payment.requested_minor, payment.currency) >= least
    if "amountTo" in query:
        most = _amount(query["amountTo"], "amountTo")
        yield lambda payment: major_of(payment.requested_minor, payment.currency) <= most


def _amount(text: str, name: str) -> Decimal:
    if _AMOUNT.fullmatch(text) is None:
        raise invalid(name, f"{name} must be an amount")
    return Decimal(text)


def _words(request: web.Request, name: str, known: Sequence[str]) -> list[str]:
    words = [*request.query.getall(name, []), *request.query.getall(f"{name}[]", [])]
    if any(word not in known for word in words):
        raise invalid(name, f"{name} must be one of {', '.join(known)}")
    return words


def _id(text: str, name: str) -> int:
    if _ID.fullmatch(text) is None:
        raise invalid(name, f"{name} must be an integer")
    return int(text)


def _count(text: str, name: str) -> int:
    if _NUMBER.fullmatch(text) is None:
        raise invalid(name, f"{name} must be a whole number from 1")
    return int(text)


def _moment(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid(name, f"{name} must be an ISO 8601 date") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

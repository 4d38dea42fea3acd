"""``GET /transaction`` and ``GET /customer``: filters and pages, newest first.

A page's fields are those of the API description of Fattmerchant's Omni API (2020). Two
generations of filters are published, and both are understood: ``startDate`` with a time of day
and ``keywords[]``, ``start_date`` (a date) and ``keywords``. Choices: an end without a time of
day is midnight, the beginning of that day; times are UTC, and whole seconds, as what is shown;
keywords are looked for in ids, last four digits and ``meta`` (of customers: id, names and address),
not in ``idempotency_id``; captures, voids and refunds are listed beside what they belong to.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from aiohttp import web

from simulator.faces.stax_methods import Customer, Wallet
from simulator.faces.stax_problems import invalid
from simulator.faces.stax_register import Register
from simulator.faces.stax_transactions import Transaction, Type

_PER_PAGE = 50
_PER_PAGE_MAX = 200
_DIGITS_MAX = 9
_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ")
_FLAGS = {"1": True, "true": True, "0": False, "false": False}

T = TypeVar("T")
Test = Callable[[Transaction], bool]


def transactions(request: web.Request, register: Register) -> list[Transaction]:
    """The transactions that pass every filter.

    Raises:
        Problem: 422 for a filter that cannot be read.
    """
    tests = list(_tests(request, register))
    return [one for one in register.newest_first() if all(test(one) for test in tests)]


def customers(request: web.Request, wallet: Wallet) -> list[Customer]:
    """The customers that every keyword fits."""
    words = list(_keywords(request))
    return [one for one in wallet.newest_first() if all(word in _known_of(one) for word in words)]


def page(
    request: web.Request, found: Sequence[T], show: Callable[[T], object]
) -> dict[str, object]:
    """One page of what was found.

    Raises:
        Problem: 422 for a page that cannot be read.
    """
    number = _whole(request, "page", 1, most=10**_DIGITS_MAX)
    size = _whole(request, "per_page", _PER_PAGE, most=_PER_PAGE_MAX)
    start = (number - 1) * size
    chosen = found[start : start + size]
    last = max(1, -(-len(found) // size))
    return {
        "total": len(found),
        "per_page": size,
        "current_page": number,
        "last_page": last,
        "next_page_url": _link(request, number + 1) if number < last else None,
        "prev_page_url": _link(request, number - 1) if number > 1 else None,
        "from": start + 1 if chosen else None,
        "to": start + len(chosen) if chosen else None,
        "data": [show(one) for one in chosen],
    }


def _tests(request: web.Request, register: Register) -> Iterator[Test]:
    query = request.query
    if "type" in query:
        wanted = query["type"].replace(" ", "_")
        if wanted not in [*Type, "credit"]:
            raise invalid("type", "The selected type is invalid.")
        yield lambda one: one.type.value == wanted
    if "success" in query:
        good = _flag(request, "success")
        yield lambda one: register.success(one) is good
    if "customer_id" in query:
        yield lambda one: one.method.customer_id == query["customer_id"]
    for word in _keywords(request):
        yield _mentions(word)
    yield from _dates(request)


def _keywords(request: web.Request) -> Iterator[str]:
    for name in ("keywords", "keywords[]"):
        yield from (word.lower() for word in request.query.getall(name, []))


def _known_of(customer: Customer) -> str:
    names = (customer.firstname, customer.lastname, customer.told.get("company", ""))
    return "\n".join((customer.customer_id, *names, customer.email)).lower()


def _dates(request: web.Request) -> Iterable[Test]:
    start = _moment(request, "start_date", "startDate")
    end = _moment(request, "end_date", "endDate")
    if start is not None:
        yield lambda one: _second(one) >= start
    if end is not None:
        yield lambda one: _second(one) <= end


def _second(transaction: Transaction) -> datetime:
    return transaction.created_at.replace(microsecond=0)


def _mentions(word: str) -> Test:
    def test(one: Transaction) -> bool:
        ids = (one.transaction_id, one.method.customer_id, one.method.method_id)
        return any(word in text.lower() for text in (*ids, one.method.last_four, one.meta))

    return test


def _moment(request: web.Request, *names: str) -> datetime | None:
    for name in names:
        value = request.query.get(name)
        if value is not None:
            return _parsed(name, value)
    return None


def _parsed(name: str, value: str) -> datetime:
    for form in _FORMATS:
        try:
            return datetime.strptime(value, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    words = name.replace("_", " ").replace("D", " d")
    raise invalid(name, f"The {words} does not match the format Y-m-d G:i:s.")


def _flag(request: web.Request, name: str) -> bool:
    value = request.query[name]
    if value not in _FLAGS:
        raise invalid(name, f"The {name} field must be true or false.")
    return _FLAGS[value]


def _whole(request: web.Request, name: str, default: int, *, most: int) -> int:
    value = request.query.get(name)
    if value is None:
        return default
    number = int(value) if value.isascii() and value.isdigit() and len(value) <= _DIGITS_MAX else 0
    if not 1 <= number <= most:
        raise invalid(name, f"The {name.replace('_', ' ')} must be between 1 and {most}.")
    return number


def _link(request: web.Request, number: int) -> str:
    return str(request.url.update_query(page=str(number)))

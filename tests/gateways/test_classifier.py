"""The whole table, line by line: what each observation says of the money.

What httpx can raise is asked of httpx itself, so that an error which it gains is found here; what
must never prove anything is tried on every gateway's table, with every code that the table knows.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from importlib import import_module
from itertools import combinations_with_replacement

import httpx
import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.declared import Failure
from activities.holds import Holds
from cardhold.hold import OperationKind
from domain.calls import Ending
from domain.capabilities import Capabilities
from domain.outcome import Declined, Outcome, Payment
from gateways.accounts import KINDS
from gateways.classifier import (
    ANSWERS,
    EVERYTHING,
    OPERATIONS,
    TRANSPORT,
    Asked,
    Means,
    Row,
    Said,
    Seen,
    Table,
    broken,
    of_error,
    trouble,
)
from gateways.errors import (
    GatewayError,
    NoAnswer,
    NotSent,
    OutcomeUnknown,
    Refused,
    Throttled,
    Unauthorized,
    Undecided,
)
from gateways.port import Named
from scripts.outcomes import FAILURES, FOLLOWS, table_of
from tests.gateways.calls import follow_up

TABLES: list[Table] = [table_of(name) for name in KINDS]
EACH_TABLE = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.gateway)
#: What no gateway's word is to be taken from: it was redirected, is still busy, or failed itself.
NEVER_PROOF = (*range(100, 400), 408, 409, 425, *range(500, 600))
ERRORS: dict[Means, type[GatewayError]] = {
    Means.NOT_SENT: NotSent,
    Means.THROTTLED: Throttled,
    Means.UNAUTHORIZED: Unauthorized,
    Means.REFUSED: Refused,
    Means.NO_ANSWER: NoAnswer,
    Means.UNDECIDED: Undecided,
}


def errors_of_httpx() -> set[type[Exception]]:
    """Every error that httpx has, and that nothing is derived from."""
    named = [getattr(httpx, name) for name in dir(httpx)]
    errors = {each for each in named if isinstance(each, type) and issubclass(each, Exception)}
    known = set(errors)
    while errors:
        errors = {below for each in errors for below in each.__subclasses__()} - known
        known |= errors
    return {each for each in known if each.__module__.startswith("httpx")} - {
        base for each in known for base in each.__mro__[1:]
    }


def words_of(table: Table) -> list[frozenset[str]]:
    """Bodies that a table listens to: none of its words, each alone, each two, and all."""
    told = [row.body.told for row in table.rows]
    words = sorted({word for text in told for word in text.split("`")[1::2]})
    some = [frozenset(pair) for pair in combinations_with_replacement(words, 2)]
    return [frozenset[str](), *some, frozenset(words)]


def test_every_error_that_httpx_can_raise_stands_in_the_table() -> None:
    assert {error.__name__ for error in errors_of_httpx() if error not in TRANSPORT} == set()


def test_only_errors_from_before_the_first_byte_count_as_not_sent() -> None:
    assert {error.__name__ for error, means in TRANSPORT.items() if means is Means.NOT_SENT} == {
        "ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol",
        "LocalProtocolError",
    }  # fmt: skip
    assert set(TRANSPORT.values()) == {Means.NOT_SENT, Means.NO_ANSWER}


class ConnectErrorOfTomorrow(httpx.ConnectError):
    """What a later httpx may derive from an error that we know."""


@pytest.mark.parametrize(
    "unforeseen",
    [
        RuntimeError("s3cret"),
        OSError("s3cret"),
        ssl.SSLError("s3cret"),
        zlib.error("s3cret"),
        MemoryError("s3cret"),
        KeyError("s3cret"),
        asyncio.CancelledError("s3cret"),
        ExceptionGroup("s3cret", [httpx.ConnectError("s3cret")]),
        ConnectErrorOfTomorrow("s3cret"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_error_that_nobody_thought_of_leaves_the_outcome_unknown(
    unforeseen: BaseException,
) -> None:
    assert of_error(unforeseen) is Means.NO_ANSWER
    assert type(broken("northbank", unforeseen)) is NoAnswer
    assert "s3cret" not in str(broken("northbank", unforeseen))


@pytest.mark.parametrize("seen", Seen)
def test_every_trouble_with_an_answer_is_the_error_that_its_line_says(seen: Seen) -> None:
    error = trouble("northbank", seen)
    assert type(error) is ERRORS[ANSWERS[seen]]
    # What came at all, or part of it, was asked for.
    unsent = seen in {Seen.NO_LINE_FREE, Seen.NO_TIME_LEFT}
    assert isinstance(error, OutcomeUnknown) is not unsent


@EACH_TABLE
@pytest.mark.parametrize("request_", Asked)
def test_no_redirect_no_conflict_no_too_early_and_no_5xx_proves_anything(
    table: Table, request_: Asked
) -> None:
    proven = [
        (status, words)
        for status in NEVER_PROOF
        for words in words_of(table)
        if table.means(Said(status, words), request_) is not Means.UNDECIDED
    ]
    assert proven == []


@EACH_TABLE
def test_a_code_that_nobody_has_published_refuses_nothing(table: Table) -> None:
    at_the_door = {401: Means.UNAUTHORIZED, 403: Means.UNAUTHORIZED, 429: Means.THROTTLED}
    for status in range(300, 600):
        may_say = {Means.UNDECIDED, Means.LOOK, at_the_door.get(status, Means.UNDECIDED)}
        said = Said(status, frozenset({"never published"}))
        assert {table.means(said, each) for each in OPERATIONS} <= may_say


@EACH_TABLE
@pytest.mark.parametrize("request_", Asked)
def test_an_error_is_of_the_class_that_its_line_says_and_else_undecided(
    table: Table, request_: Asked
) -> None:
    for status in range(300, 600):
        for words in words_of(table):
            said = Said(status, words, retry_after_s=7.0)
            error = table.failure(said, request_)
            assert type(error) is ERRORS.get(table.means(said, request_), Undecided)
            assert not isinstance(error, Throttled) or error.retry_after_s == 7.0


@EACH_TABLE
def test_every_line_can_be_met(table: Table) -> None:
    met = {
        table.rows.index(row)
        for request in EVERYTHING
        for status in {status for row in table.rows for status in row.statuses}
        for words in words_of(table)
        if (row := table.row(Said(status, words), request)) is not None
    }
    assert met == set(range(len(table.rows)))


@EACH_TABLE
def test_a_look_up_never_refuses_and_an_operation_never_ends_in_none(table: Table) -> None:
    def of(*wanted: Means) -> list[Row]:
        return [row for row in table.rows if row.means in wanted]

    assert all(row.asked <= OPERATIONS for row in of(Means.REFUSED, Means.DECLINED, Means.LOOK))
    assert all(row.asked.isdisjoint(OPERATIONS) for row in of(Means.ABSENT))


def test_every_gateway_has_its_table_under_its_own_name() -> None:
    assert [table.gateway for table in TABLES] == list(KINDS)
    modules = [import_module(f"gateways.adapters.{name}.problems") for name in KINDS]
    assert [module.NAME for module in modules] == list(KINDS)


class Failing:
    """A gateway of which every verb ends in the same."""

    environment = "test"
    capabilities = Capabilities(idempotent=frozenset(OperationKind))

    def __init__(self, ends: GatewayError | Outcome) -> None:
        self._ends = ends

    async def capture(self, named: Named) -> Outcome:
        assert named.call.kind is OperationKind.CAPTURE
        if isinstance(self._ends, GatewayError):
            raise self._ends
        return self._ends

    authorize = adjust = release = capture

    async def look_up(self, named: Named) -> Payment | None:
        raise AssertionError(f"nobody looks for {named.reference} before a first capture")


_BEGAN = ActivityEnvironment.default_info().started_time


def _after(ends: GatewayError | Outcome) -> tuple[Holds, Named]:
    named = follow_up("capture", 80_00, payment_id="P1")
    return Holds({named.call.account: Failing(ends)}, machine_clock=lambda: _BEGAN), named


@pytest.mark.parametrize("means", FAILURES, ids=lambda means: means.name)
async def test_an_activity_fails_with_what_the_page_says(means: Means) -> None:
    holds, named = _after(ERRORS[means]("northbank: told"))
    with pytest.raises(ApplicationError) as caught:
        await ActivityEnvironment().run(holds.capture, named.call)

    assert caught.value.type == FAILURES[means]
    # Undecided is what Temporal may not repeat; the workflow looks instead.
    assert caught.value.non_retryable is (FAILURES[means] is Failure.UNDECIDED)


async def test_a_refusal_and_a_decline_are_values_that_an_activity_ends_with() -> None:
    holds, named = _after(Refused("northbank: told"))
    assert (await ActivityEnvironment().run(holds.capture, named.call)).ending is Ending.NOT_DONE
    holds, named = _after(Declined("no"))
    assert (await ActivityEnvironment().run(holds.capture, named.call)).ending is Ending.DECLINED
    assert Means.REFUSED not in FAILURES
    assert Means.DECLINED not in FAILURES


def test_of_every_meaning_the_page_says_what_follows() -> None:
    assert set(FOLLOWS) == set(Means)

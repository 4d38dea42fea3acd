"""Lists what an account's gateway shows as held, and compares it with the reservations.

It reads and moves nothing: what is to be done about a finding is the workflow's. Every list is
read to its end or the attempt fails, and Temporal begins anew; half a list proves nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.service import RPCError, RPCStatusCode

from activities.beats import is_given_up
from activities.declared import SWEEP_ACCOUNT, SWEEP_ACCOUNTS, Failure
from cardhold.errors import CardholdError
from cardhold.fields import Instant, instant_text
from cardhold.hold import Hold, OperationKind
from cardhold.listing import Filter, Row
from cardhold.names import QUERY_HOLD, ErrorType, workflow_id
from cardhold.runs import NoAnswer, RunClosed, Runs
from domain.findings import AccountReport, Finding, OpenHold, Step, SweepOf
from domain.keys import OperationName
from domain.patience import within_bounds
from domain.sweep import Known, Rules, Run, compare, to_ask
from gateways.errors import GatewayError, Refused, Throttled, Unauthorized
from gateways.port import Listed, Listing

# A hold may live 31 days (`hold_window`), and clocks and zones differ by less than a day.
WINDOW = timedelta(days=32)
# The first reservation's own card has this name; it is known without asking.
_FIRST = "start"
_ROWS_PAGE = 1000
# Twenty thousand open holds at the page sizes of our gateways, and more than any account had.
_PAGES_MAX = 1000
# Each may cost a worker a replay: 500 are some seconds. Those beyond are counted as not asked.
_ASKED_MAX = 500
# A finding is half a kilobyte, and a payload of Temporal's two megabytes at the most.
_FINDINGS_MAX = 200
_READ_WITHIN = timedelta(seconds=10)
# For a gateway that is busy and does not say for how long.
_AWAY_S = 10.0
# Well under the heartbeat's time-out (`workflows.timing`).
_BEAT_S = 5.0


class Sweeps:
    """The activities of the sweep, over the accounts that a worker is configured with.

    Args:
        accounts: By their names.
        pause_s: Between two pages of a gateway's list (seconds): deadlines share its limits.
    """

    def __init__(self, accounts: Mapping[str, Listing], *, pause_s: float = 1.0) -> None:
        self._accounts = accounts
        self._pause_s = pause_s
        self.all: list[Callable[..., Any]] = [self.accounts, self.compare]

    @activity.defn(name=SWEEP_ACCOUNTS)
    async def accounts(self) -> list[str]:
        """The accounts' names."""
        return sorted(self._accounts)

    @activity.defn(name=SWEEP_ACCOUNT)
    async def compare(self, of: SweepOf) -> AccountReport:
        """Compare one account's open holds with its reservations, both ways."""
        listing = self._accounts.get(of.account)
        if listing is None:
            return AccountReport(account=of.account, failed="it is no account of the worker's")
        try:
            return await _Comparison(listing, of, self._pause_s).report()
        except Refused as error:
            lists = error.error is not ErrorType.NOT_SUPPORTED
            return AccountReport(
                account=of.account, lists=lists, failed=str(error) if lists else None
            )
        except Unauthorized as error:
            return AccountReport(account=of.account, failed=str(error))
        except GatewayError as error:
            raise _failed(
                str(error), Failure.UNDECIDED
            ) from None  # its cause may hold a credential
        except (CardholdError, NoAnswer) as error:
            raise _failed(f"Temporal: {error}", Failure.NOT_SENT) from None
        except asyncio.CancelledError:
            if not is_given_up():
                raise
            raise _failed("Temporal has given the comparison up", Failure.NOT_SENT) from None


class _Closed(Filter):
    """The reservations that are kept, and those that have ended lately."""

    since: Instant

    def query(self) -> str:
        ended = f"(CloseTime IS NULL OR CloseTime >= '{instant_text(self.since)}')"
        return f"{super().query()} AND {ended}"


class _Comparison:
    """One account, compared once."""

    def __init__(self, listing: Listing, of: SweepOf, pause_s: float) -> None:
        self._listing, self._of, self._pause_s = listing, of, pause_s
        # Not the worker's own converter, which leaves payloads raw.
        config = activity.client().config()
        config["data_converter"] = DataConverter.default
        self._client = Client(**config)
        self._runs = Runs(self._client, answer_within=_READ_WITHIN, read_within=_READ_WITHIN)

    async def report(self) -> AccountReport:
        # The gateway is asked first: one without a list costs nothing more. A reservation that
        # changes in between is found to have changed just now, and is not judged.
        holds = await self._open_holds()
        can = self._listing.capabilities
        lapses_after = None if can.shows_expiry else can.hold_window
        rules = Rules(self._of.at, self._of.quarantine, lapses_after)
        known = await self._asked(holds, await self._known(), rules)
        findings, counts = compare(holds, known, rules)
        first = [await self._checked(finding) for finding in findings[:_FINDINGS_MAX]]
        return AccountReport(
            account=self._of.account,
            counts=counts,
            findings=tuple(first),
            more=len(findings) - len(first),
        )

    async def _checked(self, finding: Finding) -> Finding:
        """The finding; what would be released waits where its run turns out to be kept."""
        if finding.step is not Step.RELEASE or finding.reservation_id is None:
            return finding
        sure = await self._is_broken(workflow_id(finding.reservation_id))
        return finding if sure else finding.model_copy(update={"step": Step.WAIT})

    async def _open_holds(self) -> list[OpenHold]:
        """All that the gateway shows as held, each once."""
        found: dict[str, OpenHold] = {}
        page: str | None = None
        for _ in range(_PAGES_MAX):
            listed = await self._page(page)
            found.update({held.payment_id: held for held in listed.holds})
            page = listed.next_page
            if page is None:
                return list(found.values())
            await _rest(self._pause_s)
        raise _failed("the gateway's list does not end", Failure.UNDECIDED)

    async def _page(self, page: str | None) -> Listed:
        """One page, asked for again for as long as the gateway wants to be left alone."""
        at = self._of.at
        while True:
            activity.heartbeat()
            try:
                return await self._listing.open_holds(at - WINDOW, at, page)
            except Throttled as error:
                await _rest(_away_s(error.retry_after_s))

    async def _known(self) -> list[Known]:
        """Every reservation of the account that is kept, or has ended lately; each once."""
        latest: dict[str, Row] = {}
        async for row in self._rows():
            before = latest.get(row.reservation_id)
            if before is None or _order(before) < _order(row):
                latest[row.reservation_id] = row
        return [self._read(row) for row in latest.values()]

    async def _rows(self) -> AsyncGenerator[Row]:
        which = _Closed(gateway=self._of.account, since=self._of.at - WINDOW)
        page: bytes | None = None
        while True:
            activity.heartbeat()
            answer = await self._runs.list(which, limit=_ROWS_PAGE, page=page)
            for row in answer.rows:
                yield row
            page = answer.next_page
            if page is None:
                return

    def _read(self, row: Row) -> Known:
        id_ = workflow_id(row.reservation_id)
        return Known(
            workflow_id=id_,
            reservation_id=row.reservation_id,
            run=_run(row),
            names=frozenset({self._name(id_, _FIRST)}),
            started_at=row.started_at,
            ended_at=row.closed_at,
            attention=row.attention,
            remaining=row.remaining,
        )

    def _name(self, id_: str, command_id: str) -> str:
        environment = self._listing.environment
        kind = OperationKind.AUTHORIZE
        return OperationName(self._of.account, environment, id_, kind, command_id).reference()

    async def _asked(
        self, holds: Sequence[OpenHold], known: Sequence[Known], rules: Rules
    ) -> list[Known]:
        """The same, with what those say themselves that have to be asked."""
        asked = {one.workflow_id: one for one in known}
        for one in to_ask(holds, known, rules)[:_ASKED_MAX]:
            activity.heartbeat()
            asked[one.workflow_id] = await self._told(one)
        return list(asked.values())

    async def _told(self, one: Known) -> Known:
        """The reservation with what it says itself; unchanged where it cannot say it."""
        try:
            return await self._ask(one)
        except RunClosed:
            return replace(one, run=Run.SETTLED, ended_at=self._of.at)
        except (CardholdError, NoAnswer):
            return one

    async def _ask(self, one: Known) -> Known:
        if one.run is Run.KEPT:
            hold: Hold | None = await self._runs.query(QUERY_HOLD, Hold, of=one.workflow_id)
        else:
            hold = (await self._runs.end(one.workflow_id)).hold
        if hold is None:
            return one
        placed = [each for each in hold.operations if each.kind is OperationKind.AUTHORIZE]
        names = {self._name(one.workflow_id, each.command_id) for each in placed}
        return replace(one, hold=hold, names=one.names | names)

    async def _is_broken(self, id_: str) -> bool:
        """Whether its latest run has been ended from outside, by the server's own word.

        A list of runs is told late: an operator's reset, a minute ago, keeps the hold again.
        """
        execution = WorkflowExecution(workflow_id=id_)
        request = DescribeWorkflowExecutionRequest(
            namespace=self._client.namespace, execution=execution
        )
        try:
            answer = await self._client.workflow_service.describe_workflow_execution(
                request, retry=True, timeout=_READ_WITHIN
            )
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise NoAnswer(error.message) from error
        info = answer.workflow_execution_info
        settled = WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED
        return info.HasField("close_time") and info.status != settled


def _order(row: Row) -> tuple[bool, datetime]:
    """Which of the runs of one reservation counts: the one that goes on, else the latest."""
    return row.closed_at is None, row.started_at


def _run(row: Row) -> Run:
    if row.closed_at is None:
        return Run.KEPT
    return Run.SETTLED if row.run == "Completed" else Run.BROKEN


def _away_s(retry_after_s: float | None) -> float:
    """How long the gateway wants to be left alone, within what a sweep can wait."""
    away = within_bounds(_AWAY_S if retry_after_s is None else retry_after_s)
    return away.total_seconds()


async def _rest(pause_s: float) -> None:
    """Leave the gateway alone for so long, and let Temporal know that we live."""
    until = asyncio.get_running_loop().time() + pause_s
    while (left_s := until - asyncio.get_running_loop().time()) > 0:
        activity.heartbeat()
        await asyncio.sleep(min(left_s, _BEAT_S))


def _failed(message: str, kind: Failure) -> ApplicationError:
    return ApplicationError(message, type=kind, category=ApplicationErrorCategory.BENIGN)

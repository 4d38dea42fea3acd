"""``cardhold reconcile``: what the gateways hold, against the reservations, both ways."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import click
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.service import RPCError

from cardhold.errors import CardholdError, Unreachable
from cardhold.names import TASK_QUEUE
from cardhold.runs import connect
from cardhold.verbs import checked, payload
from cli import screen
from cli.calling import as_json, in_utc
from cli.exits import ExitCode
from domain.findings import AccountReport, Counts, Finding, FindingKind, Step, SweepReport
from workflows.sweep import SWEEP, SweepRequest

# Somebody watches: a gateway that does not answer is told after this long, not after the hourly
# sweep's three quarters of an hour.
_PATIENCE = "PT2M"
_ENDS_WITHIN = timedelta(minutes=10)
# A worker takes a new workflow within a second; one that is not there takes none for ever.
_TAKEN_WITHIN_S = 20.0
_STEP_S = 0.2
# Started, its first task scheduled; the third event is a worker's.
_UNTAKEN_EVENTS = 2
_COLUMNS = ("reservation", "payment", "gateway holds", "recorded", "since", "why")
_WHAT = {
    FindingKind.ORPHAN: "a hold of cardhold's, and no reservation here knows it",
    FindingKind.ABANDONED: "its reservation's run was ended from outside: nobody keeps it",
    FindingKind.CLOSED_WITH_OPEN_HOLD: "its reservation is settled, the gateway still holds it",
    FindingKind.MISSING_AT_GATEWAY: "the gateway does not hold it any more",
    FindingKind.DIFFERS: "gateway and reservation say other figures",
}
_NEXT = {
    Step.REPORT: "look at it in the gateway's portal",
    Step.WAIT: "freed by a later sweep",
    Step.RELEASE: "freed by a later sweep",
    Step.LOOK: "look at it in the gateway's portal",
    Step.RELEASED: "freed now",
    Step.NOT_RELEASED: "it could not be freed, look at it in the gateway's portal",
    Step.ASKED_TO_LOOK: "the reservation looks for itself, see `cardhold show`",
}
_COUNTED = {
    "agreed": "agree with their reservation",
    "young": "too new to be judged",
    "busy": "being worked on, or told of already",
    "foreign": "made by somebody else",
    "lapsed": "older than a hold lives",
    "unasked": "not compared, since their reservation did not answer",
}


@click.command(short_help="Compare what the gateways hold with the reservations.")
@click.option("--account", "accounts", multiple=True, metavar="NAME",
              help="This account alone; may be repeated.")  # fmt: skip
@as_json
@in_utc
def reconcile(*, accounts: tuple[str, ...], as_json: bool, utc: bool) -> int:
    """Compare what the gateways hold with the reservations, both ways, now.

    It does what the sweep does by itself every hour: a hold whose reservation's run was ended from
    outside is freed once it is an hour old, a reservation whose hold stands otherwise at the
    gateway looks for itself, and all else is only told. Exit code 8: somebody has to look.
    """
    request = checked(SweepRequest, {"accounts": list(accounts), "patience": _PATIENCE})
    with screen.waiting("comparing"):
        report = asyncio.run(_swept(request))
    if as_json:
        click.echo(report.model_dump_json(indent=2))
    else:
        print_report(report, utc=utc)
    return ExitCode.FOUND if report.needs_person else ExitCode.DONE


def print_report(report: SweepReport, *, utc: bool) -> None:
    """Say what was found, account by account, and at the end whether somebody has to look."""
    for account in report.accounts:
        screen.put(_headline(account))
        if account.findings:
            _print_findings(account, utc=utc)
    count = sum(each.needs_person for account in report.accounts for each in account.findings)
    if count:
        screen.put(f"{count} to look at.")
    elif report.needs_person:
        screen.put("Not everything could be compared.")
    else:
        screen.put("Nothing to look at.")


async def _swept(request: SweepRequest) -> SweepReport:
    """Start a sweep and wait for its report.

    Raises:
        Unreachable: Temporal, or a worker, does not answer.
        CardholdError: The sweep failed.
    """
    client = await connect({})
    try:
        async with asyncio.timeout(_ENDS_WITHIN.total_seconds()):
            handle = await started(client, request)
            return SweepReport.model_validate(await handle.result())
    except TimeoutError:
        limit = _ENDS_WITHIN.total_seconds() / 60
        raise Unreachable(f"the sweep has not ended within {limit:.0f} minutes") from None
    except RPCError as error:
        raise Unreachable(f"Temporal says: {error.message}") from error
    except WorkflowFailureError as error:
        raise CardholdError("the sweep was ended before it had a report") from error


async def started(
    client: Client, request: SweepRequest, *, taken_within_s: float = _TAKEN_WITHIN_S
) -> WorkflowHandle[Any, Any]:
    """Start a sweep that a worker takes.

    Raises:
        Unreachable: None has taken it in time; it is ended, so that none does later.
    """
    handle: WorkflowHandle[Any, Any] = await client.start_workflow(
        SWEEP,
        payload(request),
        id=f"cardhold-sweep-by-hand-{uuid4()}",
        task_queue=TASK_QUEUE,
        execution_timeout=_ENDS_WITHIN,
    )
    try:
        async with asyncio.timeout(taken_within_s):
            while (await handle.describe()).history_length <= _UNTAKEN_EVENTS:  # noqa: ASYNC110 - the server's state, which sets no event of ours
                await asyncio.sleep(_STEP_S)
    except TimeoutError:
        await handle.terminate("no worker took it")
        raise Unreachable(f"no worker takes anything from the queue {TASK_QUEUE}") from None
    return handle


def _headline(account: AccountReport) -> str:
    if not account.lists:
        return f"{account.account}: its gateway cannot list what it holds, nothing was compared"
    if account.failed is not None:
        return f"{account.account}: not compared, {account.failed}"
    more = f"; {account.more} more findings are not shown" if account.more else ""
    return f"{account.account}: {_counted(account.counts)}{more}"


def _counted(counts: Counts) -> str:
    numbers = counts.model_dump()
    parts = [f"{numbers[name]} {words}" for name, words in _COUNTED.items() if numbers[name]]
    shown = f"{counts.open} held at the gateway"
    return f"{shown} ({', '.join(parts)})" if parts else shown


def _print_findings(account: AccountReport, *, utc: bool) -> None:
    table = screen.table(*_COLUMNS, right=("gateway holds", "recorded"))
    for finding in account.findings:
        table.add_row(
            finding.reservation_id or "",
            finding.payment_id or "",
            _left(finding),
            str(finding.recorded or ""),
            screen.when(finding.booked_at or finding.since, utc=utc, year=False),
            _why(finding),
        )
    screen.put(table)


def _left(finding: Finding) -> str:
    if finding.authorized is None or finding.captured is None:
        return "nothing"
    return str(finding.authorized.plus(-finding.captured.amount_minor))


def _why(finding: Finding) -> str:
    detail = f" ({finding.detail})" if finding.detail else ""
    return f"{_WHAT[finding.kind]}: {_NEXT[finding.step]}{detail}"

"""Now and then: compares every account's open holds with the reservations, and acts on little.

What is provably ours and kept by nobody is released, after a quarantine; a reservation whose hold
stands otherwise at the gateway is asked to look for itself; all else is told. A gateway's list
alone never moves money: a release looks at the payment itself before it is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field
from temporalio import workflow
from temporalio.common import Priority
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

from activities.declared import SWEEP_ACCOUNT, SWEEP_ACCOUNTS
from cardhold.fields import AccountName, Duration
from cardhold.hold import OperationKind
from cardhold.messages import Message
from cardhold.names import SIGNAL_LOOK, ErrorType, workflow_id
from cardhold.reading import InvalidMessage
from domain.calls import Call, Ending, Settled
from domain.findings import AccountReport, Finding, Step, SweepOf, SweepReport
from domain.sweep import found_again
from workflows import timing
from workflows.intake import read_message

SWEEP = "Sweep"
#: The command id of a release by the sweep: its name at the gateway is made of it.
BY_SWEEP = "sweep"

QUARANTINE = timedelta(hours=1)
# An hourly sweep that has not come through by then leaves the account to the next one.
PATIENCE = timedelta(minutes=45)
_ACCOUNTS_MAX = 100
# A person's mistake abandons some; more at once is something that a person should see first.
_RELEASES_MAX = 25
# Deadlines have 1 and all else of a reservation 3.
_LAST = Priority(priority_key=5)


class SweepRequest(Message):
    """What a sweep is started with; nothing at all is the scheduled one.

    Attributes:
        accounts: Those to compare; none is all that the worker has.
        quarantine: How old an abandoned hold, and its run's end, has to be to be released.
        patience: How long to go on asking a gateway that does not answer.
    """

    accounts: Annotated[tuple[AccountName, ...], Field(strict=False, max_length=_ACCOUNTS_MAX)] = ()
    quarantine: Duration = QUARANTINE
    patience: Duration = PATIENCE


@workflow.defn(name=SWEEP)
class Sweep:
    """One sweep over all accounts."""

    @workflow.run
    async def run(self, *payloads: object) -> SweepReport:
        """Compare each account, act on what is found, and end with the report."""
        request = _read(payloads)
        before = _last_report()
        names = request.accounts or await _accounts(request.patience)
        reports = await asyncio.gather(*(_swept(name, request, before) for name in names))
        return SweepReport(at=workflow.now(), accounts=tuple(reports))


def _read(payloads: Sequence[object]) -> SweepRequest:
    try:
        return read_message(SweepRequest, payloads)
    except InvalidMessage as error:
        message, kind = str(error), ErrorType.INVALID_REQUEST
    raise ApplicationError(message, type=kind, non_retryable=True)


def _last_report() -> SweepReport | None:
    """What the schedule's sweep before this one has found, where there was one."""
    if not workflow.has_last_completion_result():
        return None
    return workflow.get_last_completion_result(SweepReport)


async def _accounts(patience: timedelta) -> Sequence[str]:
    return await workflow.execute_activity(
        SWEEP_ACCOUNTS,
        result_type=list[str],
        start_to_close_timeout=timing.CALL_START_TO_CLOSE,
        schedule_to_close_timeout=patience,
        retry_policy=timing.PATIENTLY,
        priority=_LAST,
    )


async def _swept(account: str, request: SweepRequest, before: SweepReport | None) -> AccountReport:
    """One account, compared and acted upon."""
    report = await _compared(account, request)
    earlier = {
        finding.key: finding
        for swept in (before.accounts if before else ())
        for finding in swept.findings
        if swept.account == account
    }
    findings = found_again(report.findings, earlier)
    releases = 0
    for number, finding in enumerate(findings):
        match finding.step:
            case Step.RELEASE if releases < _RELEASES_MAX:
                releases += 1
                findings[number] = await _released(account, finding)
            case Step.RELEASE:
                findings[number] = finding.model_copy(update={"step": Step.WAIT})
            case Step.LOOK:
                findings[number] = await _asked_to_look(finding)
            case _:
                pass
    _tell(account, [each for each in findings if _is_news(each, earlier.get(each.key))])
    if report.failed is not None:
        workflow.logger.warning("the sweep of %s failed: %s", account, report.failed)
    return report.model_copy(update={"findings": tuple(findings)})


async def _compared(account: str, request: SweepRequest) -> AccountReport:
    asked = SweepOf(account=account, at=workflow.now(), quarantine=request.quarantine)
    try:
        return await workflow.execute_activity(
            SWEEP_ACCOUNT,
            asked,
            result_type=AccountReport,
            start_to_close_timeout=request.patience,
            schedule_to_close_timeout=request.patience,
            heartbeat_timeout=timing.SWEEP_HEARTBEAT,
            retry_policy=timing.PATIENTLY,
            priority=_LAST,
        )
    except ActivityError as error:
        return AccountReport(account=account, failed=_why(error))


def _why(error: ActivityError) -> str:
    """Why nothing could be compared: what the last attempt said, if it could."""
    cause: BaseException | None = error.cause
    while cause is not None and not isinstance(cause, ApplicationError):
        cause = cause.__cause__
    return cause.message if cause is not None else "no answer came in time"


async def _released(account: str, finding: Finding) -> Finding:
    """Free a hold that nobody keeps; the activity looks first, and never refunds."""
    try:
        settled = await workflow.execute_activity(
            OperationKind.RELEASE,
            _release(account, finding),
            result_type=Settled,
            start_to_close_timeout=timing.LOOK_AND_CALL_START_TO_CLOSE,
            schedule_to_close_timeout=timing.SWEEP_RELEASES_FOR,
            retry_policy=timing.PATIENTLY,
            priority=_LAST,
            summary=f"{finding.payment_id} of {finding.reservation_id}",
        )
    except ActivityError as error:
        update: dict[str, Any] = {"step": Step.NOT_RELEASED, "detail": _why(error)}
    else:
        done = settled.ending is Ending.DONE
        step = Step.RELEASED if done else Step.NOT_RELEASED
        update = {"step": step, "detail": settled.detail or str(settled.ending)}
    return finding.model_copy(update=update)


def _release(account: str, finding: Finding) -> Call:
    held, captured = finding.authorized, finding.captured
    if held is None or captured is None or finding.reservation_id is None:
        raise AssertionError("only a hold that the gateway shows is released")
    return Call(
        account=account,
        workflow_id=workflow_id(finding.reservation_id),
        kind=OperationKind.RELEASE,
        command_id=BY_SWEEP,
        amount=held.plus(-captured.amount_minor),
        held=held,
        captured=captured,
        payment_id=finding.payment_id,
        reference=finding.reference,
        asked_at=workflow.now(),
        look_first=True,
        operator=BY_SWEEP,
    )


async def _asked_to_look(finding: Finding) -> Finding:
    """Let the reservation look for itself: it alone judges, and raises `external_change`."""
    handle = workflow.get_external_workflow_handle(workflow_id(finding.reservation_id or ""))
    try:
        await handle.signal(SIGNAL_LOOK)
    except FailureError:
        return finding.model_copy(update={"step": Step.REPORT, "detail": "it has just ended"})
    return finding.model_copy(update={"step": Step.ASKED_TO_LOOK})


def _is_news(finding: Finding, before: Finding | None) -> bool:
    return before is None or before.step is not finding.step


def _tell(account: str, findings: Sequence[Finding]) -> None:
    """Tell people, once for each finding: a line in the log, one more in the metric."""
    counter = workflow.metric_meter().create_counter(
        "cardhold_sweep_findings", "What gateways and reservations do not agree on", "1"
    )
    for finding in findings:
        workflow.logger.warning(
            "the sweep of %s found %s: reservation %s, payment %s, %s",
            account,
            finding.kind,
            finding.reservation_id or "none",
            finding.payment_id or "none",
            finding.step,
        )
        counter.add(1, {"account": account, "kind": finding.kind.value})

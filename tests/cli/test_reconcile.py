"""``cardhold reconcile`` on the real stack, and its table for every kind of finding."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from temporalio.client import Client
from temporalio.envconfig import ClientConnectConfig

from cardhold.errors import Unreachable
from cardhold.money import Money
from cli.exits import ExitCode
from cli.main import cardhold
from cli.reconcile import print_report, started
from domain.findings import AccountReport, Counts, Finding, FindingKind, Step, SweepReport
from tests import loopback
from tests.cli.conftest import Command
from worker import setup
from workflows.sweep import SweepRequest

Fault = Callable[..., Awaitable[None]]
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def usd(amount_minor: int) -> Money:
    return Money(amount_minor=amount_minor, currency="USD")


async def test_where_nothing_is_wrong_it_says_so_for_each_account(
    command: Command, held: str
) -> None:
    told = await command("reconcile")

    lines = told.output.splitlines()
    assert held
    assert [line.partition(":")[0] for line in lines[:-1]] == ["payroc", "sibs", "stax", "xmoney"]
    assert "held at the gateway" in lines[0]
    assert lines[1] == "sibs: its gateway cannot list what it holds, nothing was compared"
    assert lines[-1] == "Nothing to look at."
    assert told.exit_code == ExitCode.DONE


async def test_an_abandoned_hold_is_shown_and_waits_out_its_quarantine(
    command: Command, held: str, stack: tuple[str, str]
) -> None:
    client = await Client.connect(stack[0])
    await client.get_workflow_handle(f"reservation-{held}").terminate("as nobody should")

    told = await command("reconcile", "--account", "payroc")
    [account] = json.loads((await command("reconcile", "--account=payroc", "--json")).stdout)[
        "accounts"
    ]

    [line] = [line for line in told.output.splitlines() if line.startswith(held)]
    assert "100.00 USD" in line
    assert "its reservation's run was ended from outside" in line
    assert line.endswith("freed by a later sweep")
    [found] = [each for each in account["findings"] if each["reservation_id"] == held]
    assert (found["kind"], found["step"]) == ("abandoned", "waits")
    assert told.exit_code == ExitCode.DONE


async def test_a_gateway_that_cannot_be_asked_needs_a_person(
    command: Command, fault: Fault, stack: tuple[str, str]
) -> None:
    await fault("look_up", "unauthorized", times=1000)
    told = await command("reconcile", "--account", "payroc")
    async with loopback.client(stack[1]) as admin:
        (await admin.delete("/admin/faults")).raise_for_status()

    assert told.output.startswith("payroc: not compared, payroc: our credentials were refused")
    assert told.exit_code == ExitCode.FOUND


async def test_an_account_that_nobody_has_is_told(command: Command) -> None:
    told = await command("reconcile", "--account", "elsewhere")
    assert told.output.splitlines()[0] == (
        "elsewhere: not compared, it is no account of the worker's"
    )
    assert told.exit_code == ExitCode.FOUND


async def test_an_account_that_none_can_be_called_is_refused_before_anything(
    command: Command,
) -> None:
    told = await command("reconcile", "--account", "no name")
    assert told.exit_code == ExitCode.USAGE
    assert "accounts.0 must match" in told.output


def test_without_temporal_it_ends_with_the_code_for_that() -> None:
    runner = CliRunner(env={"TEMPORAL_ADDRESS": "127.0.0.1:1"})
    told = runner.invoke(cardhold, ["reconcile"])
    assert told.exit_code == ExitCode.UNREACHABLE


async def test_without_a_worker_it_says_so_and_leaves_nothing_behind(
    stack: tuple[str, str],
) -> None:
    await setup.run(ClientConnectConfig(target_host=stack[0], namespace="unmanned"))
    client = await Client.connect(stack[0], namespace="unmanned")

    with pytest.raises(Unreachable, match="no worker takes anything from the queue cardhold"):
        await started(client, SweepRequest(), taken_within_s=0.5)

    ended = "WorkflowType = 'Sweep' AND ExecutionStatus = 'Terminated'"
    async with asyncio.timeout(15):
        while not (await client.count_workflows(ended)).count:
            await asyncio.sleep(0.05)


FOUND = {
    (FindingKind.ORPHAN, Step.REPORT): "look at it in the gateway's portal",
    (FindingKind.ABANDONED, Step.RELEASED): "freed now (voided)",
    (FindingKind.ABANDONED, Step.NOT_RELEASED): "it could not be freed",
    (FindingKind.CLOSED_WITH_OPEN_HOLD, Step.REPORT): "its reservation is settled",
    (FindingKind.MISSING_AT_GATEWAY, Step.ASKED_TO_LOOK): "nothing  100.00 USD",
    (FindingKind.DIFFERS, Step.ASKED_TO_LOOK): "90.00 USD  100.00 USD",
}


def finding(kind: FindingKind, step: Step) -> Finding:
    shown = kind is not FindingKind.MISSING_AT_GATEWAY
    return Finding(
        kind=kind,
        step=step,
        since=AT,
        reservation_id="RES-1",
        payment_id="P1",
        authorized=usd(120_00) if shown else None,
        captured=usd(30_00) if shown else None,
        recorded=usd(100_00),
        detail="voided" if step is Step.RELEASED else None,
    )


@pytest.mark.parametrize("found", FOUND, ids="/".join)
def test_each_finding_is_one_line_that_says_what_to_do(
    found: tuple[FindingKind, Step], capsys: pytest.CaptureFixture[str]
) -> None:
    account = AccountReport(account="payroc", findings=(finding(*found),))
    print_report(SweepReport(at=AT, accounts=(account,)), utc=True)
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("RES-1")]
    assert FOUND[found] in line
    assert "03-01 12:00" in line


def test_what_was_not_judged_is_counted_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    counts = Counts(open=6, agreed=3, young=1, foreign=2)
    account = AccountReport(account="payroc", counts=counts, more=4)
    print_report(SweepReport(at=AT, accounts=(account,)), utc=True)
    first, last = capsys.readouterr().out.splitlines()
    assert last == "Not everything could be compared."
    assert first == (
        "payroc: 6 held at the gateway (3 agree with their reservation, 1 too new to be judged, "
        "2 made by somebody else); 4 more findings are not shown"
    )

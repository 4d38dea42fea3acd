"""The command in an operator's hands: real stack, real messages, the documented exit codes."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest

from cardhold import Hold, Plan
from cli.exits import ExitCode
from tests.cli.conftest import TOKEN, Command

Fault = Callable[..., Awaitable[None]]


async def test_a_hold_is_placed_raised_and_captured(command: Command, held: str) -> None:
    raised = await command("adjust", held, "150.00", "USD", "--reason", "dinner")
    captured = await command("capture", held, "120.50 USD")

    assert "held 150.00 USD" in raised.output
    assert "captured 120.50 USD · released 29.50 USD" in captured.output
    assert (raised.exit_code, captured.exit_code) == (0, 0)


async def test_the_timeline_shows_what_each_operation_did_to_the_money(
    command: Command, held: str
) -> None:
    await command("adjust", held, "--by", "+50.00 USD", "--operator", "desk", "--reason", "dinner")
    await command("capture", held, "120.50 USD", "--operator", "desk")

    shown = await command("show", held)

    cells = [line.split() for line in shown.output.splitlines()]
    amounts = [row[2:6] for row in cells if len(row) > 5 and row[4] in {"done", "declined"}]
    assert amounts == [
        ["authorize", "100.00", "done", "100.00"],
        ["adjust", "150.00", "done", "150.00"],
        ["capture", "120.50", "done", "29.50"],
        ["freed", "29.50", "done", "0.00"],
    ]
    assert "desk" in shown.output
    assert "Nothing is planned." in shown.output


async def test_the_days_ahead_are_shown_while_something_is_held(
    command: Command, held: str
) -> None:
    shown = await command("show", held)

    assert "If nobody intervenes (USD, times in UTC)" in shown.output
    assert any("release" in line and "100.00" in line for line in shown.output.splitlines())


async def test_json_is_exactly_the_contract(command: Command, held: str) -> None:
    hold = await command("show", held, "--json")
    plan = await command("show", held, "--plan", "--json")

    assert set(json.loads(hold.stdout)) == set(Hold.model_fields)
    assert Hold.model_validate_json(hold.stdout).reservation_id == held
    assert Plan.model_validate_json(plan.stdout).steps


async def test_a_request_in_json_starts_the_same_hold(
    command: Command, name: Callable[[], str]
) -> None:
    request = {
        "reservation_id": name(), "gateway": "payroc", "amount": "7 JPY",
        "payment_method": {"kind": "stored_token", "token": TOKEN}, "booking": None,
    }  # fmt: skip

    for _ in range(2):
        done = await command("start", "--file", "-", "--json", stdin=json.dumps(request))
        assert done.exit_code == 0, done.output
        assert Hold.model_validate_json(done.stdout).remaining.amount_minor == 7

    other = await command("start", "--file", "-", "--booking", "B", stdin=json.dumps(request))
    assert other.exit_code == ExitCode.NOT_POSSIBLE


async def test_a_decline_is_exit_3_and_says_what_is_still_held(
    command: Command, held: str, fault: Fault
) -> None:
    await fault("adjust", "decline")

    refused = await command("adjust", held, "150.00 USD")

    assert refused.exit_code == ExitCode.DECLINED
    assert refused.stdout == ""
    assert (await command("show", held)).stdout.count("held 100.00 USD") == 1


async def test_a_declined_start_is_exit_3_and_another_card_mends_it(
    command: Command, name: Callable[[], str], fault: Fault
) -> None:
    await fault("authorize", "decline")
    reservation = name()

    declined = await command("start", reservation, "9.00 USD", "--gateway=payroc", "--token", TOKEN)
    mended = await command("authorize", reservation, "--token", "2967530112345679")

    assert (declined.exit_code, mended.exit_code) == (ExitCode.DECLINED, ExitCode.DONE)
    assert "the issuer or the gateway says" in declined.output
    assert "held 9.00 USD" in mended.output


async def test_the_plan_is_changed_and_shown(command: Command, held: str) -> None:
    done = await command(
        "reschedule", held, "--on-deadline", "capture", "--deadline-amount", "80.00 USD"
    )

    assert "then captured, up to 80.00 USD" in done.output
    assert (await command("release", held)).output.count("released 100.00 USD") == 1


async def test_what_is_not_possible_now_is_exit_4(command: Command, held: str) -> None:
    await command("release", held)

    for words in (["capture", held], ["acknowledge", held]):
        done = await command(*words)
        assert done.exit_code == ExitCode.NOT_POSSIBLE
        assert "settled" in done.stderr


async def test_resolving_what_is_not_unknown_is_refused_in_a_sentence(
    command: Command, held: str
) -> None:
    done = await command("resolve", held, "authorize/1", "not_done", "--reason", "seen in portal")

    assert done.exit_code == ExitCode.NOT_POSSIBLE
    assert done.stderr.startswith("cardhold: ")
    assert len(done.stderr.splitlines()) == 1


async def test_a_list_narrows_and_adds_up_for_each_currency(
    command: Command, name: Callable[[], str]
) -> None:
    for amount in ("10.00 USD", "2.50 USD", "7 JPY"):
        await command(
            "start", name(), amount, "--gateway=payroc", "--token", TOKEN, "--property=villa"
        )
        await command("start", name(), amount, "--gateway=payroc", "--token", TOKEN)

    listed = await _listed_with(command, "2 in USD: held 12.50 USD, captured 0.00 USD")

    assert "1 in JPY: held 7 JPY, captured 0 JPY" in listed
    rows = json.loads((await command("list", "--property=villa", "--json")).stdout)
    assert {row["property"] for row in rows} == {"villa"}
    limited = await command("list", "--property=villa", "--limit=1")
    assert "There are more than these 1" in limited.stderr


async def _listed_with(command: Command, line: str) -> str:
    """The list, once visibility, which lags, shows this line."""
    for _ in range(50):
        listed = (await command("list", "--property=villa", "--state=authorized")).output
        if line in listed:
            return listed
    raise AssertionError(f"never listed: {line}")


@pytest.mark.parametrize("verb", ["show", "capture", "release", "acknowledge"])
async def test_a_reservation_that_is_not_there_is_exit_6(command: Command, verb: str) -> None:
    done = await command(verb, "RES-none")

    assert done.exit_code == ExitCode.NOT_FOUND
    assert done.stderr == "cardhold: there is no reservation RES-none\n"

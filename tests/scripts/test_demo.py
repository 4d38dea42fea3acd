"""The demo: it judges by the bank's books alone, and says so when they are wrong.

Single scenarios are played on the real stack with an expectation that cannot come true, so that
the judge is seen to refuse; the whole demo is run as a person runs it.
"""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from asyncio.subprocess import PIPE
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from demo.books import Figures, Verdict, figures_of, new_rows
from demo.main import run
from demo.scenarios import SCENARIOS, Scenario
from demo.stack import Stage
from demo.telling import Teller

ROOT = Path(__file__).parents[2]
DINNER = SCENARIOS[0]
WITHIN_S = 60


def row(payment_id: str, *effects: tuple[str, int], **figures: int) -> dict[str, Any]:
    amounts = {"authorized_minor": 0, "captured_minor": 0, "released_minor": 0, **figures}
    told = [{"kind": kind, "amount_minor": amount} for kind, amount in effects]
    return {"payment_id": payment_id, **amounts, "effects": told}


def paper(width: int = 80) -> tuple[Teller, io.StringIO]:
    page = io.StringIO()
    return Teller(Console(file=page, width=width, color_system=None)), page


def verdict(expected: Figures, booked: Figures, failure: str | None = None) -> Verdict:
    return Verdict("A stay", "a-stay", expected, booked, failure)


def test_the_figures_are_those_of_the_books_and_not_of_the_story() -> None:
    declined = row("A", ("decline", 9000))
    taken = row(
        "B", ("authorize", 9000), ("capture", 5000), ("release", 4000),
        authorized_minor=9000, captured_minor=5000, released_minor=4000,
    )  # fmt: skip
    lapsed = row("C", ("authorize", 700), ("expire", 700), authorized_minor=700)
    assert figures_of([declined, taken, lapsed]) == Figures(
        held_minor=9700, captured_minor=5000, freed_minor=4000, lapsed_minor=700, captures=1
    )


def test_a_second_hold_that_nobody_told_of_is_counted() -> None:
    before = [row("A", authorized_minor=100)]
    after = [*before, row("B", authorized_minor=200), row("C", authorized_minor=200)]
    assert figures_of(new_rows(before, after)).held_minor == 400


@pytest.mark.parametrize("name", Figures.__dataclass_fields__)
def test_each_figure_that_is_off_by_one_is_wrong(name: str) -> None:
    right = Figures(15000, 15000, 0, 0, 1)
    off = replace(right, **{name: getattr(right, name) + 1})
    assert verdict(right, right).is_right
    assert verdict(right, off).wrong == (name,)
    assert not verdict(right, off).is_right


def test_a_scenario_that_failed_is_not_right_whatever_the_figures() -> None:
    figures = Figures(held_minor=100)
    assert not verdict(figures, figures, "the bank burnt down.").is_right


@pytest.mark.parametrize("width", [80, 100])
def test_a_wrong_figure_stands_above_the_one_that_was_expected(width: int) -> None:
    tell, page = paper(width)
    wrong = verdict(Figures(captured_minor=15000), Figures(captured_minor=30000))
    tell.books([wrong])
    tell.ending([wrong])
    lines = page.getvalue().splitlines()
    assert any("300.00" in line and "WRONG" in line for line in lines)
    assert any("not 150.00" in line for line in lines)
    assert "a-stay: the books show captured 300.00 instead of 150.00." in " ".join(lines)
    assert all(len(line) <= width for line in lines)


async def test_a_wrong_figure_or_a_failed_scenario_ends_the_demo_with_a_failure() -> None:
    async def breaks(stage: Stage, tell: Teller, name: str) -> None:
        tell("It begins.")
        raise RuntimeError(f"no room for {name} at {stage.simulator_url[:4]}")

    expects_twice = replace(DINNER, expected=replace(DINNER.expected, captures=2))
    fails = Scenario("A broken one", "broken", Figures(), breaks)
    tell, page = paper()
    code = await run(scenarios=(expects_twice, fails, SCENARIOS[1]), tell=tell)
    told = page.getvalue()
    assert code == 1
    assert "hotel-dinner: the books show captures 1 instead of 2." in told
    assert "broken failed: no room for broken at http." in told
    assert told.count("as expected") == 1  # the others are still played


async def test_the_whole_demo_is_right_plain_and_stops_by_itself() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "scripts/demo.py",
        cwd=ROOT, stdout=PIPE, stderr=PIPE, env={"PATH": os.environ["PATH"], "COLUMNS": "80"},
    )  # fmt: skip
    async with asyncio.timeout(WITHIN_S):
        out, err = await process.communicate()
    told = out.decode()
    assert process.returncode == 0, told + err.decode()
    assert err == b""
    assert "\x1b" not in told
    assert all(len(line) <= 80 for line in told.splitlines())
    assert told.count("as expected") == len(SCENARIOS)
    for scenario in SCENARIOS:
        assert f"/workflows/reservation-{scenario.reservation_id}\n" in told


async def test_a_kept_demo_stays_until_it_is_stopped() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "scripts/demo.py", "--keep",
        cwd=ROOT, stdout=PIPE, stderr=PIPE, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(WITHIN_S):
        told = (await process.stdout.readuntil(b"Ctrl-C stops it")).decode()
        address = told.rpartition("Temporal at ")[2].partition(")")[0]
        host, _, port = address.partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.close()
        process.send_signal(signal.SIGINT)
        await process.communicate()
    assert process.returncode == 0
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await asyncio.open_connection(host, int(port))

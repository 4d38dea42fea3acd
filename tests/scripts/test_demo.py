"""The demo: it judges by the bank's books alone, and says so when they are wrong.

Single scenarios are played on the real stack with an expectation that cannot come true, so that
the judge is seen to refuse; what a gateway plays is chosen for houses made up here and for the
built-in accounts; the whole demo is run as a person runs it.
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

from demo.books import Figures, Verdict, figures_of, new_rows, strange
from demo.houses import ALL, DEFAULT, Example, House, chosen, house
from demo.main import main, run
from demo.scenario import Scenario, Scene
from demo.scenarios import SCENARIOS, Programme, programme
from demo.telling import Teller
from domain.capabilities import Capabilities
from worker.cannot_start import CannotStart
from worker.settings import simulated

ROOT = Path(__file__).parents[2]
DINNER, SMALLER_BILL = (
    next(each for each in SCENARIOS if each.name == name)
    for name in ("hotel-dinner", "smaller-bill")
)
# The whole demo at every gateway takes 25 on an idle machine.
WITHIN_S = 100
HOUSES = [house(*account) for account in simulated("http://127.0.0.1:8700").accounts.items()]


def row(payment_id: str, *effects: tuple[str, int], **figures: int) -> dict[str, Any]:
    amounts = {"authorized_minor": 0, "captured_minor": 0, "released_minor": 0, **figures}
    told = [{"kind": kind, "amount_minor": amount} for kind, amount in effects]
    head = {"gateway": "northbank", "payment_id": payment_id, "currency": "EUR"}
    return {**head, "refunded_minor": 0, **amounts, "effects": told}


def paper(width: int = 80) -> tuple[Teller, io.StringIO]:
    page = io.StringIO()
    return Teller(Console(file=page, width=width, color_system=None)), page


def verdict(expected: Figures, booked: Figures, failure: str | None = None) -> Verdict:
    return Verdict("Northbank", "A stay", "a-stay", "USD", expected, booked, failure)


def northbank(*, asks_guest: bool = False, **can: Any) -> House:
    capabilities = Capabilities(**can)
    return House("northbank", "Northbank", capabilities, asks_guest, "EUR", "PLN", Example())


def names(scenarios: tuple[Scenario, ...]) -> set[str]:
    return {each.name for each in scenarios}


def here(gateway: str) -> Programme:
    return next(programme(each) for each in HOUSES if each.account == gateway)


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


def test_a_payment_of_the_same_number_at_another_gateway_is_another_one() -> None:
    before = [row("A")]
    after = [*before, {**row("A", authorized_minor=300), "gateway": "southbank"}]
    assert figures_of(new_rows(before, after)).held_minor == 300


@pytest.mark.parametrize(
    ("off", "sentence"),
    [
        ({"gateway": "southbank"}, "a payment at southbank instead of northbank"),
        ({"currency": "USD"}, "in USD instead of EUR"),
        ({"refunded_minor": 1}, "a refund"),
    ],
)
def test_what_no_figure_shows_is_seen_too(off: dict[str, Any], sentence: str) -> None:
    right = row("A", authorized_minor=300)
    assert strange([right], "northbank", "EUR") is None
    assert sentence in str(strange([right, {**right, **off}], "northbank", "EUR"))


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


@pytest.mark.parametrize("width", [80, 100])
def test_the_books_of_several_gateways_are_one_table_that_fits(width: int) -> None:
    tell, page = paper(width)
    figures = Figures(300_00, 300_00, 300_00, 0, 3)
    judged = [
        replace(
            verdict(figures, figures),
            gateway=each.title, currency=scenario.currency(each), title=scenario.title,
        )
        for each in HOUSES for scenario in programme(each).played
    ]  # fmt: skip
    tell.books(judged)
    told = [line for line in page.getvalue().splitlines() if line.endswith("3 right")]
    assert [line.split()[0] for line in told if line[0] != " "] == [one.title for one in HOUSES]
    assert len(told) == len(judged)  # no title is broken in two
    assert all(scenario.title in page.getvalue() for scenario in SCENARIOS)


def test_a_house_plays_what_its_gateway_can_and_misses_what_it_lacks() -> None:
    poor, rich = (
        programme(northbank()),
        programme(northbank(raises=True, lowers=True, captures_max=None, asks_guest=True)),
    )
    assert names(poor.missed) == {"night-by-night", "cheaper-room", "guest-asked", "guest-away"}
    assert all(scenario.lack for scenario in poor.missed)
    assert "dinner-on-its-own" in names(poor.played)
    assert rich.missed == ()
    assert {"hotel-dinner", "night-by-night", "guest-asked"} < names(rich.played)
    assert "dinner-on-its-own" not in names(rich.played)


def test_every_story_is_played_at_some_gateway_and_some_at_each() -> None:
    played = [programme(each).played for each in HOUSES]
    assert set().union(*map(names, played)) == names(SCENARIOS)
    assert all(len(each) >= 8 for each in played)


def test_the_default_tells_its_eight_stories() -> None:
    assert [each.name for each in here(DEFAULT).played] == [
        "hotel-dinner", "smaller-bill", "paid-by-hand", "another-card", "hosted-page",
        "lost-answer", "forgotten", "no-show",
    ]  # fmt: skip


@pytest.mark.usefixtures("own_logs")
def test_a_gateway_that_nobody_knows_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CannotStart, match=r"^No gateway is called 'northbank': say one of "):
        chosen("northbank")
    assert main(["--gateway", "northbank"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.endswith(f"or {ALL}.\n")


async def test_a_wrong_figure_or_a_failed_scenario_ends_the_demo_with_a_failure() -> None:
    async def breaks(scene: Scene) -> None:
        scene.tell("It begins.")
        raise RuntimeError(f"no room for {scene.name} at {scene.stage.simulator_url[:4]}")

    def once_more(each: House) -> Figures:
        return replace(DINNER.expected(each), captures=2)

    expects_twice = replace(DINNER, expected=once_more)
    fails = Scenario("A broken one", "broken", lambda _: Figures(), breaks)
    tell, page = paper()
    code = await run(scenarios=(expects_twice, fails, SMALLER_BILL), tell=tell)
    told = page.getvalue()
    assert code == 1
    assert "hotel-dinner: the books show captures 1 instead of 2." in told
    assert "broken failed: no room for broken at http." in told
    assert told.count("as expected") == 1  # the others are still played


async def test_every_gateways_stories_are_right_plain_and_stop_by_themselves() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "scripts/demo.py", "--gateway", ALL,
        cwd=ROOT, stdout=PIPE, stderr=PIPE, env={"PATH": os.environ["PATH"], "COLUMNS": "80"},
    )  # fmt: skip
    async with asyncio.timeout(WITHIN_S):
        out, err = await process.communicate()
    told = out.decode()
    assert process.returncode == 0, told + err.decode()
    assert err == b""
    assert "\x1b" not in told
    assert all(len(line) <= 80 for line in told.splitlines())
    for each in HOUSES:
        for scenario in programme(each).played:
            assert f"reservation {each.account}-{scenario.name}\n" in told
    lines = told.splitlines()
    assert sum(line.endswith(" right") for line in lines) == sum(
        len(programme(each).played) for each in HOUSES
    )
    assert "every figure was read" in told.lower()


async def test_a_kept_demo_is_right_and_stays_until_it_is_stopped() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "scripts/demo.py", "--keep",
        cwd=ROOT, stdout=PIPE, stderr=PIPE, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(WITHIN_S):
        told = (await process.stdout.readuntil(b"Ctrl-C stops it")).decode()
        assert told.count("as expected") == len(here(DEFAULT).played)
        for scenario in here(DEFAULT).played:
            assert f"/workflows/reservation-{scenario.name}\n" in told
        address = told.rpartition("Temporal at ")[2].partition(")")[0]
        host, _, port = address.partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.close()
        process.send_signal(signal.SIGINT)
        await process.communicate()
    assert process.returncode == 0
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await asyncio.open_connection(host, int(port))

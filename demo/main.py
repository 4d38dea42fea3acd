"""Plays every scenario and judges each by the bank's books."""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
from collections.abc import Sequence

from demo.books import Figures, Verdict, figures_of, new_rows
from demo.scenarios import SCENARIOS, Scenario
from demo.stack import Stage, running
from demo.telling import Teller
from worker import logs
from worker.cannot_start import CannotStart
from worker.main import stopped_by_signals

# The slowest takes three seconds on an idle machine; an update answers within 45 s.
_SCENARIO_WITHIN_S = 60.0
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Be ``scripts/demo``; answers with its exit code: 0 if every figure is right, else 1."""
    keep: bool = _options().parse_args(arguments).keep
    # A call whose answer is lost is part of the story: its traceback is not.
    logs.configure(level="ERROR")
    try:
        return asyncio.run(run(keep=keep))
    except CannotStart as refused:
        sys.stderr.write(f"{refused}\n")
        return refused.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    finally:
        # Temporal's client holds threads that may outlive the interpreter and abort it.
        gc.collect()


async def run(
    *, keep: bool = False, scenarios: Sequence[Scenario] = SCENARIOS, tell: Teller | None = None
) -> int:
    """Start a stack, play on it, tell the outcome.

    Args:
        keep: Leave the stack running until Ctrl-C.
        scenarios: What to play.
        tell: Where to tell it.

    Returns:
        The exit code.

    Raises:
        CannotStart: A part of the stack cannot start.
    """
    tell = tell or Teller()
    async with running() as stage:
        tell.opening(ui_url=stage.ui_url, simulator_url=stage.simulator_url)
        verdicts: list[Verdict] = []
        for number, scenario in enumerate(scenarios, 1):
            tell.scene(number, scenario.title, scenario.reservation_id)
            verdict = await judge(stage, scenario, tell)
            if not verdict.is_right:
                tell.trouble(verdict)
            verdicts.append(verdict)
        tell.books(verdicts)
        tell.ending(verdicts)
        tell.histories([stage.link(each.reservation_id) for each in scenarios], kept=keep)
        if keep:
            await _until_stopped(stage, tell)
    return 0 if all(verdict.is_right for verdict in verdicts) else 1


async def judge(stage: Stage, scenario: Scenario, tell: Teller) -> Verdict:
    """Play one scenario, and hold what it added to the bank's books against what it should."""
    before = await stage.books()
    failure = await _played(stage, scenario, tell)
    booked: Figures = figures_of(new_rows(before, await stage.books()))
    return Verdict(scenario.title, scenario.reservation_id, scenario.expected, booked, failure)


async def _played(stage: Stage, scenario: Scenario, tell: Teller) -> str | None:
    """Why the scenario did not get to its end, in one sentence; None if it did."""
    try:
        async with asyncio.timeout(_SCENARIO_WITHIN_S):
            await scenario.play(stage, tell, scenario.reservation_id)
    except TimeoutError:
        return f"it was not done within {_SCENARIO_WITHIN_S:.0f} s."
    except Exception as error:  # noqa: BLE001 - whatever it was, the other scenarios are still played
        return f"{str(error) or type(error).__name__}."
    finally:
        await stage.clear_the_air()
    return None


async def _until_stopped(stage: Stage, tell: Teller) -> None:
    stop = asyncio.Event()
    with stopped_by_signals(stop):
        tell.kept(stage.address)
        await stop.wait()


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything running until Ctrl-C")
    return parser

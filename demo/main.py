"""Plays every scenario that a gateway can play, and judges each by the bank's books."""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
from collections.abc import AsyncGenerator, Sequence
from typing import NoReturn

from demo import guests
from demo.books import Figures, Verdict, figures_of, new_rows, strange
from demo.houses import ALL, DEFAULT, chosen, house
from demo.scenario import Scenario, Scene
from demo.scenarios import SCENARIOS, Programme, programme
from demo.stack import Stage, running
from demo.telling import Teller
from worker import logs
from worker.cannot_start import CannotStart
from worker.main import stopped_by_signals

# The slowest takes three seconds on an idle machine; an update answers within 45 s.
_SCENARIO_WITHIN_S = 60.0
_INTERRUPTED = 130
# For whoever reads a demo that was kept. Nobody judges what that person does.
_YOURS = Scenario("You are asked", "your-turn", lambda _: Figures(), guests.yours)


def main(arguments: Sequence[str] | None = None) -> int:
    """Be ``scripts/demo``; answers with its exit code: 0 if every figure is right, else 1."""
    # A call whose answer is lost is part of the story: its traceback is not.
    logs.configure(level="ERROR")
    try:
        told = _options().parse_args(arguments)
        return asyncio.run(run(chosen(told.gateway), keep=told.keep))
    except CannotStart as refused:
        sys.stderr.write(f"{refused}\n")
        return refused.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    finally:
        # Temporal's client holds threads that may outlive the interpreter and abort it.
        gc.collect()


async def run(
    gateways: Sequence[str] = (DEFAULT,),
    *,
    keep: bool = False,
    scenarios: Sequence[Scenario] = SCENARIOS,
    tell: Teller | None = None,
) -> int:
    """Start a stack, play on it, tell the outcome.

    Args:
        gateways: Whose stories to play, one gateway after the other.
        keep: Leave the stack running until Ctrl-C.
        scenarios: What to play, where the gateway can.
        tell: Where to tell it.

    Returns:
        The exit code.

    Raises:
        CannotStart: A part of the stack cannot start.
    """
    tell = tell or Teller()
    async with running() as stage:
        tell.opening(ui_url=stage.ui_url, simulator_url=stage.simulator_url, gateways=len(gateways))
        programmes = [programme(house(each, stage.accounts[each]), scenarios) for each in gateways]
        verdicts = [verdict async for verdict in _played_at(stage, programmes, tell)]
        _tell_the_end(stage, programmes, verdicts, keep=keep, tell=tell)
        if keep:
            await _keep(stage, programmes, tell)
    return 0 if all(verdict.is_right for verdict in verdicts) else 1


async def judge(scene: Scene, scenario: Scenario) -> Verdict:
    """Play one scenario, and hold what it added to the bank's books against what it should."""
    before = await scene.stage.books()
    failure = await _failure(scene, scenario)
    rows = new_rows(before, await scene.stage.books())
    return Verdict(
        gateway=scene.house.title,
        title=scenario.title,
        reservation_id=scene.name,
        currency=scene.currency,
        expected=scenario.expected(scene.house),
        booked=figures_of(rows),
        failure=failure or strange(rows, scene.house.account, scene.currency),
    )


async def _played_at(
    stage: Stage, programmes: Sequence[Programme], tell: Teller
) -> AsyncGenerator[Verdict]:
    several = len(programmes) > 1
    for each in programmes:
        if several:
            tell.house(each.house.title, each.house.currency)
        for number, scenario in enumerate(each.played, 1):
            name = f"{each.house.account}-{scenario.name}" if several else scenario.name
            tell.scene(number, scenario.title, name)
            scene = Scene(stage, tell, each.house, name, scenario.currency(each.house))
            verdict = await judge(scene, scenario)
            if not verdict.is_right:
                tell.trouble(verdict)
            yield verdict


async def _failure(scene: Scene, scenario: Scenario) -> str | None:
    """Why the scenario did not get to its end, in one sentence; None if it did."""
    try:
        async with asyncio.timeout(_SCENARIO_WITHIN_S):
            await scenario.play(scene)
    except TimeoutError:
        return f"it was not done within {_SCENARIO_WITHIN_S:.0f} s."
    except Exception as error:  # noqa: BLE001 - whatever it was, the other scenarios are still played
        return f"{str(error) or type(error).__name__}."
    finally:
        await scene.stage.clear_the_air()
    return None


def _tell_the_end(
    stage: Stage,
    programmes: Sequence[Programme],
    verdicts: Sequence[Verdict],
    *,
    keep: bool,
    tell: Teller,
) -> None:
    tell.books(verdicts)
    tell.ending(verdicts)
    for each in programmes:
        if each.missed:
            lacks = dict.fromkeys(scenario.lack for scenario in each.missed)
            tell.missed(each.house.title, list(lacks), len(each.missed))
    several = len(programmes) > 1
    if not several:
        tell.others()
    links = [stage.links] if several else [stage.link(one.reservation_id) for one in verdicts]
    played = ALL if several else programmes[0].house.account
    option = "" if played == DEFAULT else f" --gateway {played}"
    tell.histories(links, None if keep else f"./scripts/demo{option} --keep")


async def _keep(stage: Stage, programmes: Sequence[Programme], tell: Teller) -> None:
    """Leave everything running, and a guest to be for whoever wants to be one."""
    asking = [each.house for each in programmes if each.house.asks_guest]
    if asking:
        scene = Scene(stage, tell, asking[0], _YOURS.name, asking[0].currency)
        failure = await _failure(scene, _YOURS)
        if failure is not None:
            tell(failure)
    stop = asyncio.Event()
    with stopped_by_signals(stop):
        tell.kept(stage.address)
        await stop.wait()


class _Options(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """What is wrong with the command line, in one sentence."""
        raise CannotStart(f"{self.prog}: {message}; --help lists what there is.")


def _options() -> argparse.ArgumentParser:
    parser = _Options(prog="scripts/demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything running until Ctrl-C")
    parser.add_argument(
        "--gateway",
        default=DEFAULT,
        metavar="NAME",
        help=f"whose stories to play, or {ALL} for every gateway's (default: {DEFAULT})",
    )
    return parser

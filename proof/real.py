"""The same scenario on a real Temporal server and on ours: the evidence that ours is like it.

Both worlds have the same product, the same bank and the same line to it. Here Temporal's own
server and its own core take the place of `proof.world.temporal`, and time is real, but for the
hours that nothing happens in, which are skipped. Faults are told by the number of the request
rather than by the hour, and messages are sent one after another, so that nothing of what is
compared depends on how fast a machine is.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta

from proof.asks import DAY, Instruction
from proof.lived import Lived, answer, commands_of_run, life
from proof.places import PLACES, Place
from proof.plan import Accident, Plan
from proof.play import Result, play_plan
from proof.real_world import APART_S, SETTLES_AFTER_S, RealWorld, real_worlds, utc
from proof.world.loop import BEGINNING
from proof.world.temporal import Manners

#: How many scenarios, where nobody says otherwise.
SEEDS = 60
_TOGETHER = 16

# Short enough that real look-ups take seconds. None of them falls on another's multiple, so that
# a second more or less changes nothing.
_HASTY = {"processing_time": "PT2S", "call_time_out": "PT15S", "answer_within": "PT40S"}
#: What may happen to a request without changing how many of them there will be by a second's delay.
_FAULTS = (
    "refused",
    "lost",
    "unanswered",
    "error_before",
    "error_after",
    "throttle",
    "garbage",
    "unauthorized",
    "decline",
    "approve_less",
    "stay_pending 5",
)
_DISTURBED, _RATE = 7, 0.3


@dataclass(frozen=True)
class Compared:
    """One scenario in both worlds."""

    plan: Plan
    ours: Lived
    real: Lived

    @property
    def differences(self) -> list[str]:
        """What the two say differently."""
        return [
            f"{each.name}:\n    ours {getattr(self.ours, each.name)}"
            f"\n    real {getattr(self.real, each.name)}"
            for each in fields(Lived)
            if getattr(self.ours, each.name) != getattr(self.real, each.name)
        ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare a sample of seeds, print the figures; answers with 1 if any differs."""
    parser = argparse.ArgumentParser(prog="./scripts/simulate --real", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    told = parser.parse_args(arguments)
    since = time.monotonic()
    compared = asyncio.run(compare(range(told.seed, told.seed + told.seeds)))
    different = [each for each in compared if each.differences]
    for each in different:
        _say(f"seed {each.plan.seed} at {each.plan.place.account}: {each.plan.scripted}")
        _say("  " + "\n  ".join(each.differences))
    equal = len(compared) - len(different)
    figures = f"{len(compared)} compared, {equal} equal, {len(different)} different"
    _say(f"{figures}, {time.monotonic() - since:.0f} s")
    return 1 if different else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def compare(seeds: Sequence[int]) -> list[Compared]:
    """Play the scenarios of some seeds in both worlds."""
    plans = [draw(seed) for seed in seeds]
    # Ours first: their virtual time wants the thread for itself.
    ours = await asyncio.to_thread(lambda: [_of_ours(play_plan(plan)) for plan in plans])
    async with real_worlds(plans) as worlds:
        turns = asyncio.Semaphore(_TOGETHER)
        real = await asyncio.gather(*(_in_turn(world, turns) for world in worlds))
    return [
        Compared(plan, _comparable(plan, one), _comparable(plan, other))
        for plan, one, other in zip(plans, ours, real, strict=True)
    ]


def _comparable(plan: Plan, lived: Lived) -> Lived:
    """All of a life that does not hang on a clock that a reset turns back.

    A real server's reset forgets the hours that were skipped too: an update that waited at the
    task gone back to has lost its patience in ours, and has not there. Answers, timers
    and what people are told are left out of the commands then; what a caller was told is compared
    all the same.
    """
    if not plan.has("reset"):
        return lived
    patience = ("answered", "timer", "attributes")
    commands = [line for line in lived.commands if not line.startswith(patience)]
    return replace(lived, commands=commands)


async def _in_turn(world: RealWorld, turns: asyncio.Semaphore) -> Lived:
    async with turns:
        return await world.live()


def _of_ours(result: Result) -> Lived:
    run = result.runs[-1]
    seen = result.seen
    answers = [answer(told.instruction.name, told.answer, told.error) for told in seen.told]
    return life(seen.view, answers, seen.books, seen.exchanges, commands_of_run(run))


# What is played.


def draw(seed: int) -> Plan:
    """A scenario whose outcome is the same on a slow machine and on a fast one."""
    dice = random.Random(f"{seed}:real")  # noqa: S311 - repeatable by design
    place = dice.choice(PLACES)
    place = replace(place, account=f"{place.account}-{seed}", table={**place.table, **_HASTY})
    cards = [place.card] * 6 + ([place.declined] if place.declined else [])
    request: dict[str, object] = {
        "reservation_id": f"REAL-{seed}",
        "gateway": place.account,
        "amount": {"amount_minor": 50_400, "currency": place.currency},
        "payment_method": dict(dice.choice(cards)),
        "operator": "web",
        "on_deadline": dice.choice(("release", "capture")),
        "settle_by": utc(BEGINNING + timedelta(seconds=SETTLES_AFTER_S)),
    }
    names = [dice.choice(_NAMES) for _ in range(dice.choice((0, 1, 1, 2, 3)))]
    return Plan(
        seed=seed,
        place=place,
        request=request,
        life_s=7 * DAY,
        window_s=None,
        instructions=tuple(
            _instruction(dice, number, name, place) for number, name in enumerate(names)
        ),
        accidents=_accidents(random.Random(f"{seed}:accidents"), len(names)),  # noqa: S311 - as above
        weather=(),
        rate=0.0,
        heals_at=0.0,
        gone_at=0.0,
        skew_s=0.0,
        guest="away",
        manners=Manners(task_latency_s=0.002, evicts=0.0, shuffles=False),
        retry_afters=("1",),
        scripted=tuple(
            dice.choice(_FAULTS) if dice.random() < _RATE else "" for _ in range(_DISTURBED)
        ),
    )


def _accidents(dice: random.Random, messages: int) -> tuple[Accident, ...]:
    """In some an operator cancels the run in the end, or resets it to any of its tasks."""
    if dice.random() < 0.5:
        return ()
    kind = dice.choice(("reset", "cancel"))
    return (Accident(APART_S * (messages + 1), kind, share=dice.random()),)


_NAMES = ("capture", "capture", "adjust", "release", "authorize")


def _instruction(dice: random.Random, number: int, name: str, place: Place) -> Instruction:
    amount = {"amount_minor": dice.randint(100, 700) * 100 + number, "currency": place.currency}
    body: dict[str, object] = {"command_id": f"c{number}"}
    match name:
        case "adjust":
            body["amount"] = amount
        case "capture":
            body |= dice.choice(({}, {"amount": amount}, {"amount": amount, "final": False}))
        case "authorize":
            body["payment_method"] = dict(place.other_card)
        case _:
            pass
    is_signal = name != "authorize" and dice.random() < 0.25
    return Instruction(APART_S * (number + 1), name, body, is_signal)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # the activities warn of what is done to them here
    sys.exit(main())

"""Write, or with --check compare, what is drawn from the state machine.

``docs/lifecycle.md`` is written whole; in ``README.md`` the diagram stands between two markers.
A move that is added to `domain.lifecycle` is in both after the next run, and nowhere else to be
kept up by hand.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cardhold.hold import FINAL_STATES, HoldState  # noqa: E402 - the path comes first
from domain.lifecycle import Event, HoldMachine  # noqa: E402 - the path comes first
from scripts.pages import between, table, write_or_check  # noqa: E402 - the path comes first

PAGE, README = ROOT / "docs" / "lifecycle.md", ROOT / "README.md"
INSTRUCTIONS = (Event.AUTHORIZE, Event.ADJUST, Event.CAPTURE, Event.RELEASE)
BUSY = {HoldState.AUTHORIZING, HoldState.ADJUSTING, HoldState.CAPTURING, HoldState.RELEASING}
# A state that is missing here fails the script: nothing is drawn without its one line.
MEANING = {
    HoldState.AUTHORIZING: "The issuer is being asked; nothing is held yet, as far as we know.",
    HoldState.ACTION_REQUIRED: "The guest has to act (3-D Secure) before the issuer decides.",
    HoldState.DECLINED: "The issuer or the gateway said no. Another card may be given for a while.",
    HoldState.AUTHORIZED: "The money is held. Nothing is under way.",
    HoldState.ADJUSTING: "A new total is on its way to the gateway.",
    HoldState.CAPTURING: "A capture is on its way to the gateway.",
    HoldState.RELEASING: "A release, or a cancellation, is on its way to the gateway.",
    HoldState.PARTIALLY_CAPTURED: "A part was captured, and the rest is still held.",
    HoldState.CAPTURED: "Final: something was captured, and nothing is held any more.",
    HoldState.RELEASED: "Final: nothing was captured, and all of it was freed.",
    HoldState.EXPIRED: "Final: nothing was captured, and the hold lapsed.",
    HoldState.ABANDONED: "Final: nothing was ever held, and nothing will be.",
}
INTRODUCTION = """\
# The life of a hold

Written by `scripts/diagram` from `domain/lifecycle.py`, the only place that says which move is
legal. Don't edit it: change the machine and run the script. `scripts/check` fails on a difference.
"""
ASKED = """\
## What somebody asks

While an operation is under way an instruction waits, and is judged when its turn comes. The two
moves out of `adjusting` are the deadline's: an adjust of unknown outcome does not delay it.
"""
ANSWERED = """\
## What the gateway, a person or time says

These are no instructions: they tell how an operation ended, or what happened without one.
"""

Moves = dict[tuple[HoldState, Event], HoldState]


def moves() -> Moves:
    """Every legal move, as the machine itself tells."""
    return {
        (HoldState(state.value), Event(transition.event)): HoldState(transition.target.value)
        for state in HoldMachine.states
        for transition in state.transitions
        if transition.target is not None
    }


def diagram() -> str:
    """The state diagram, as GitHub draws it."""
    return f"```mermaid\n{format(HoldMachine, 'mermaid').strip()}\n```\n"


def led_by(legal: Moves, events: tuple[Event, ...]) -> str:
    """Where each event leads from each state, as a table."""
    rows = [["state", *(f"`{event}`" for event in events)]]
    rows += [[f"`{state}`", *(_cell(legal, state, event) for event in events)] for state in MEANING]
    return table(rows)


def _cell(legal: Moves, state: HoldState, event: Event) -> str:
    target = legal.get((state, event))
    if target is not None:
        return f"→ `{target}`"
    if event not in INSTRUCTIONS:
        return ""
    if state in FINAL_STATES:
        return "Closed"
    return "waits" if state in BUSY else "IllegalMove"


def page() -> str:
    """The whole page."""
    legal = moves()
    meanings = "".join(f"- `{state}`: {MEANING[state]}\n" for state in HoldState)
    others = tuple(event for event in Event if event not in INSTRUCTIONS)
    asked, answered = led_by(legal, INSTRUCTIONS), led_by(legal, others)
    parts = [INTRODUCTION, diagram(), "## The states\n", meanings, ASKED, asked, ANSWERED, answered]
    return "\n".join(parts)


def main() -> int:
    """Write or compare; answers with the exit code."""
    return write_or_check(
        "diagram", {PAGE: page(), README: between(README, "lifecycle", diagram())}
    )


if __name__ == "__main__":
    sys.exit(main())

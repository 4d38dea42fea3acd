"""Scenarios that have shown something once, each in a file of its own: replayed for ever.

What is kept is the plan and not its seed alone: a later change of what a seed draws leaves it as it
is. The seed goes with it, as it feeds whatever is drawn while the plan is played.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from proof.asks import Instruction
from proof.places import ABROAD, PLACES
from proof.plan import Accident, Plan
from proof.world.temporal import Manners

#: Where they are.
FOLDER = Path(__file__).with_name("known")
_BY_ACCOUNT = {place.account: place for place in (*PLACES, *ABROAD.values())}


@dataclass(frozen=True)
class Known:
    """One of them.

    Attributes:
        shown: What it has shown.
    """

    plan: Plan
    shown: str


def keep(plan: Plan, shown: str, folder: Path = FOLDER) -> Path:
    """Write a scenario down, or leave the file as it is; answers with the file."""
    path = folder / f"{plan.place.account}-{plan.seed}.json"
    if not path.exists():
        content = {"shown": shown, **asdict(plan), "place": plan.place.account}
        folder.mkdir(exist_ok=True)
        path.write_text(f"{json.dumps(content, indent=1)}\n", encoding="utf-8")
    return path


def kept(folder: Path = FOLDER) -> list[Known]:
    """All of them, by the names of their files."""
    return [read(path) for path in sorted(folder.glob("*.json"))]


def read(path: Path) -> Known:
    """One of them; what has been added to plans since has its default there.

    Raises:
        ValueError: The file holds no scenario.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Known(_plan(content), content["shown"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no scenario: {type(error).__name__} {error}") from error


def _plan(content: Mapping[str, Any]) -> Plan:
    fields: dict[str, Any] = {name: told for name, told in content.items() if name != "shown"}
    lists = ("weather", "retry_afters", "scripted", "glances")
    fields |= {name: tuple(fields.get(name, ())) for name in lists}
    fields["strangers"] = tuple(tuple(each) for each in fields.get("strangers", ()))
    fields["mishaps"] = tuple(tuple(each) for each in fields.get("mishaps", ()))
    fields["place"] = _BY_ACCOUNT[fields["place"]]
    fields["instructions"] = tuple(Instruction(**each) for each in fields["instructions"])
    fields["accidents"] = tuple(Accident(**each) for each in fields["accidents"])
    manners: dict[str, Any] = {**fields["manners"], "flags": tuple(fields["manners"]["flags"])}
    fields["manners"] = Manners(**manners)
    return Plan(**fields)

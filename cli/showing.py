"""``cardhold show``: what happened to a hold, operation by operation, and the days ahead."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import click

from cardhold.client import Client
from cardhold.hold import Hold, Operation, OperationKind, OperationState, Plan
from cardhold.money import Money
from cli import screen
from cli.calling import as_json, ask, in_utc, reservation

_PAST = ("when", "what", "amount", "result", "held", "who", "why")
_AHEAD = ("when", "what", "amount", "why")


@click.command(short_help="Show what happened to a hold, and what will.")
@reservation
@click.option("--plan", "plan_only", is_flag=True, help="The days ahead alone.")
@as_json
@in_utc
def show(reservation_id: str, *, plan_only: bool, as_json: bool, utc: bool) -> None:
    """Show what happened to a reservation's hold, and what will if nobody intervenes.

    With --json: the hold, or with --plan its plan, exactly as the contract has them.
    """
    hold, plan = ask(
        lambda client: _hold_and_plan(client, reservation_id), doing=f"reading {reservation_id}"
    )
    if as_json:
        click.echo((plan if plan_only else hold).model_dump_json(indent=2))
        return
    if not plan_only:
        screen.print_outcome(hold, utc=utc)
        _print_facts(hold)
        _print_past(hold, utc=utc)
        _print_refused(hold, utc=utc)
    _print_ahead(hold, plan, utc=utc)


async def _hold_and_plan(client: Client, reservation_id: str) -> tuple[Hold, Plan]:
    # The hold first: where there is none, its own error says so, and only once.
    hold = await client.hold(reservation_id)
    return hold, await client.plan(reservation_id)


def _print_facts(hold: Hold) -> None:
    evidence = hold.evidence.model_dump(exclude_none=True) if hold.evidence else {}
    lines: tuple[dict[str, str | None], ...] = (
        {"for": hold.description},
        {"booking": hold.booking, "property": hold.property, **hold.metadata},
        {"payment": hold.payment_id, "at the gateway": hold.gateway_reference},
        {name.replace("_", " "): text for name, text in evidence.items()},
    )
    for facts in lines:
        if said := [f"{name} {text}" for name, text in facts.items() if text]:
            screen.put(f"  {' · '.join(said)}")


def _print_past(hold: Hold, *, utc: bool) -> None:
    if not hold.operations:
        return
    first = hold.operations[0].requested_at
    screen.put(f"\nSo far ({hold.authorized.currency}, times in {screen.zone(utc=utc, at=first)})")
    table = screen.table(*_PAST, right=("amount", "held"))
    for row in _past(hold):
        table.add_row(
            screen.when(row.at, utc=utc, year=False), row.what, screen.figure(row.amount),
            screen.result_text(row.result), screen.figure(row.held) if row.held else "",
            row.who, row.why,
        )  # fmt: skip
    screen.put(table)


class _Line:
    """One line of the timeline; ``held`` is what is held after it, where it changed that."""

    def __init__(self, operation: Operation, held: Money | None) -> None:
        self.at: datetime = operation.decided_at or operation.requested_at
        self.what: str = operation.kind
        self.amount = operation.amount
        self.result = operation.state
        self.held = held
        self.who = operation.operator or ""
        self.why = " · ".join(text for text in (operation.reason, operation.detail) if text)


def _past(hold: Hold) -> Iterator[_Line]:
    """The operations in order, and after them what no operation of ours freed."""
    held = hold.authorized.model_copy(update={"amount_minor": 0})
    for operation in hold.operations:
        if operation.state is OperationState.DONE:
            held = _after(operation, held)
            yield _Line(operation, held)
        else:
            yield _Line(operation, None)
    freed_minor = held.amount_minor - hold.remaining.amount_minor
    if freed_minor > 0:
        yield _freed(hold, freed_minor)


def _after(operation: Operation, held: Money) -> Money:
    """What is held once ``operation`` is done: an adjust says the new total, others a part."""
    match operation.kind:
        case OperationKind.AUTHORIZE | OperationKind.ADJUST:
            return operation.amount
        case OperationKind.CAPTURE | OperationKind.RELEASE:
            left_minor = max(0, held.amount_minor - operation.amount.amount_minor)
            return held.model_copy(update={"amount_minor": left_minor})


def _freed(hold: Hold, freed_minor: int) -> _Line:
    """What lapsed, or what the gateway freed by itself with the last capture."""
    last = hold.operations[-1]
    line = _Line(last, hold.remaining)
    lapsed = hold.expired.amount_minor > 0
    line.at = hold.closed_at or line.at
    line.what = "expiry" if lapsed else "freed"
    line.amount = hold.authorized.model_copy(update={"amount_minor": freed_minor})
    line.result, line.who = OperationState.DONE, ""
    line.why = "the hold lapsed" if lapsed else "the rest, after the last capture"
    return line


def _print_refused(hold: Hold, *, utc: bool) -> None:
    if not hold.refused:
        return
    older = hold.refused_total - len(hold.refused)
    more = f", and {older} before these" if older > 0 else ""
    screen.put(f"\nNot carried out: {len(hold.refused)}{more}")
    table = screen.table("when", "what", "why")
    for refusal in hold.refused:
        table.add_row(screen.when(refusal.at, utc=utc, year=False), refusal.name, refusal.why)
    screen.put(table)


def _print_ahead(hold: Hold, plan: Plan, *, utc: bool) -> None:
    if not plan.steps:
        screen.put("\nNothing is planned.")
        return
    zone = screen.zone(utc=utc, at=plan.steps[0].at)
    screen.put(f"\nIf nobody intervenes ({hold.authorized.currency}, times in {zone})")
    table = screen.table(*_AHEAD, right=("amount",))
    for step in plan.steps:
        table.add_row(
            screen.when(step.at, utc=utc, year=False),
            step.kind.replace("_", " "),
            screen.figure(step.amount) if step.amount else "",
            step.why,
        )
    screen.put(table)

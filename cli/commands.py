"""The commands that a reservation is told: one click command for each message."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from cardhold.hold import Hold, HoldState
from cardhold.messages import (
    Acknowledge,
    Adjust,
    Authorize,
    Capture,
    Command,
    OnDeadline,
    PaymentMethodKind,
    Release,
    Reschedule,
    Resolve,
    ResolvedOutcome,
)
from cardhold.verbs import checked
from cli.calling import (
    WHEN,
    amount_of,
    answered,
    as_json,
    ask,
    in_utc,
    one_of,
    reservation,
    said,
    who,
)
from cli.exits import ExitCode

Said = Any  # what `said` and the two flags pass on, untouched, to `_send`


@click.command()
@reservation
@click.option("--token", required=True, metavar="TOKEN", help="The gateway's token of the card.")
@click.option("--kind", type=one_of(PaymentMethodKind), default="stored_token",
              show_default=True, help="What the token stands for.")  # fmt: skip
@click.option("--customer", "customer_id", metavar="ID", help="The gateway's customer, if any.")
@said
@as_json
@in_utc
def authorize(
    reservation_id: str, token: str, kind: str, customer_id: str | None, **options: Said
) -> None:
    """Try another card after a decline. A gateway's token, never a card number."""
    method = {"kind": kind, "token": token, "customer_id": customer_id}
    hold = _send(Authorize, reservation_id, {"payment_method": method}, **options)
    if hold.state in {HoldState.DECLINED, HoldState.ABANDONED}:
        sys.exit(ExitCode.DECLINED)


@click.command(short_help="Hold another amount in total.")
@reservation
@click.argument("amount", nargs=-1, metavar="[AMOUNT]")
@click.option("--by", metavar="DIFFERENCE", help="Instead: so much more or less, '+50.00 USD'.")
@said
@as_json
@in_utc
def adjust(reservation_id: str, amount: tuple[str, ...], by: str | None, **options: Said) -> None:
    """Hold AMOUNT in total, such as 150.00 USD, from now on."""
    _send(Adjust, reservation_id, {"amount": amount_of(amount), "by": by}, **options)


@click.command(short_help="Take an amount, or all that is held.")
@reservation
@click.argument("amount", nargs=-1, metavar="[AMOUNT]")
@click.option("--final/--not-final", default=True, show_default=True,
              help="Whether what is left is freed.")  # fmt: skip
@said
@as_json
@in_utc
def capture(reservation_id: str, amount: tuple[str, ...], *, final: bool, **options: Said) -> None:
    """Take AMOUNT, such as 120.50 USD, or all that is held."""
    _send(Capture, reservation_id, {"amount": amount_of(amount), "final": final}, **options)


@click.command()
@reservation
@said
@as_json
@in_utc
def release(reservation_id: str, **options: Said) -> None:
    """Free whatever is still held."""
    _send(Release, reservation_id, {}, **options)


@click.command(short_help="Change what happens at the deadline, and when.")
@reservation
@click.option("--settle-by", type=WHEN, metavar="WHEN", help="The new deadline.")
@click.option("--on-deadline", type=one_of(OnDeadline), help="What happens then.")
@click.option("--deadline-amount", metavar="AMOUNT", help="What a capture then takes.")
@said
@as_json
@in_utc
def reschedule(
    reservation_id: str,
    settle_by: str | None,
    on_deadline: str | None,
    deadline_amount: str | None,
    **options: Said,
) -> None:
    """Change what happens at the deadline, and when; what is left out stays."""
    plan = {
        "settle_by": settle_by, "on_deadline": on_deadline, "deadline_amount": deadline_amount
    }  # fmt: skip
    _send(Reschedule, reservation_id, plan, **options)


@click.command(short_help="Say what became of an operation that is unknown.")
@reservation
@click.argument("operation_id", metavar="OPERATION")
@click.argument("outcome", type=one_of(ResolvedOutcome))
@click.option("--reference", metavar="TEXT", help="Where the gateway shows it; needed with 'done'.")
@click.option(
    "--amount",
    metavar="AMOUNT",
    help="What a capture took, or an adjust's new total, if not what was asked.",
)
@said
@as_json
@in_utc
def resolve(
    reservation_id: str,
    operation_id: str,
    outcome: str,
    reference: str | None,
    amount: str | None,
    **options: Said,
) -> None:
    """Say what became of OPERATION (such as capture/2), which nobody could look up."""
    word = {
        "operation_id": operation_id, "outcome": outcome, "reference": reference, "amount": amount
    }  # fmt: skip
    _send(Resolve, reservation_id, word, **options)


@click.command()
@reservation
@said
@as_json
@in_utc
def acknowledge(reservation_id: str, **options: Said) -> None:
    """End an attention that needs no act."""
    _send(Acknowledge, reservation_id, {}, **options)


def _send(
    kind: type[Command],
    reservation_id: str,
    fields: Mapping[str, object],
    **options: Said,
) -> Hold:
    as_json, utc = options.pop("as_json"), options.pop("utc")
    operator = who(options.pop("operator"))
    command = checked(kind, {**fields, **options, "operator": operator})
    hold = ask(
        lambda client: client.send(reservation_id, command),
        doing=f"{kind.name} {reservation_id}",
    )
    answered(hold, as_json=as_json, utc=utc)
    return hold

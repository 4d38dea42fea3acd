"""``cardhold start``: place a hold, from options or from a request in JSON."""

from __future__ import annotations

import sys
from typing import IO, Any

import click

from cardhold.client import checked_start
from cardhold.errors import InvalidRequest
from cardhold.hold import HoldState
from cardhold.messages import HoldRequest, Initiator, OnDeadline, PaymentMethodKind
from cardhold.reading import InvalidMessage, read_json
from cardhold.verbs import checked
from cli.calling import WHEN, amount_of, answered, as_json, ask, in_utc, one_of, who
from cli.exits import ExitCode

_METHOD = ("kind", "token", "customer_id")


@click.command(short_help="Place a hold for a reservation.")
@click.argument("reservation_id", metavar="[RESERVATION]", required=False)
@click.argument("amount", nargs=-1, metavar="[AMOUNT]")
@click.option("--file", type=click.File("rb"), metavar="FILE",
              help="A request in JSON, '-' for standard input; options win over it.")  # fmt: skip
@click.option("--gateway", metavar="NAME", help="The configured account.")
@click.option("--token", metavar="TOKEN", help="The gateway's token of the card.")
@click.option("--kind", type=one_of(PaymentMethodKind),
              help="What the token stands for; stored_token by default.")  # fmt: skip
@click.option("--customer", "customer_id", metavar="ID", help="The gateway's customer, if any.")
@click.option("--initiator", type=one_of(Initiator), help="Who acts; customer by default.")
@click.option("--return-url", metavar="URL", help="Where the guest returns to from 3-D Secure.")
@click.option("--on-deadline", type=one_of(OnDeadline), help="'release' by default.")
@click.option("--deadline-amount", metavar="AMOUNT", help="What a capture then takes.")
@click.option("--settle-by", type=WHEN, metavar="WHEN", help="An earlier deadline of your own.")
@click.option("--authorize-by", type=WHEN, metavar="WHEN", help="Not sent by then: never sent.")
@click.option("--hold-window", metavar="DURATION", help="How long a hold lives, such as P7D.")
@click.option("--safety-margin", metavar="DURATION", help="How long before that we act: PT12H.")
@click.option("--booking", metavar="ID", help="Joins the holds of one stay.")
@click.option("--property", metavar="ID", help="Joins the holds of one house.")
@click.option("--description", metavar="TEXT", help="What it is for.")
@click.option("--metadata", multiple=True, metavar="NAME=VALUE", help="May be repeated.")
@click.option("--operator", metavar="NAME", help="Who says so; your login by default.")
@click.option("--wait/--no-wait", default=True, show_default=True,
              help="For the issuer's decision.")  # fmt: skip
@as_json
@in_utc
def start(*, as_json: bool, utc: bool, wait: bool, **given: Any) -> None:
    """Place a hold of AMOUNT, such as 100.00 USD, for RESERVATION.

    Starting again with the same request is safe: it answers with the hold that is there.
    A gateway's token, never a card number.
    """
    request = _request(**given)
    hold = ask(
        lambda client: client.start(request, wait=wait), doing=f"start {request.reservation_id}"
    )
    answered(hold, as_json=as_json, utc=utc)
    if hold.state in {HoldState.DECLINED, HoldState.ABANDONED}:
        sys.exit(ExitCode.DECLINED)


def _request(
    *,
    file: IO[bytes] | None,
    amount: tuple[str, ...],
    metadata: tuple[str, ...],
    operator: str | None,
    **given: str | None,
) -> HoldRequest:
    fields = _read(file) if file else {}
    method = {name: given.pop(name) for name in _METHOD}
    if method["token"]:
        fields["payment_method"] = {**method, "kind": method["kind"] or "stored_token"}
    elif method["kind"] or method["customer_id"]:
        raise click.UsageError("--kind and --customer need --token")
    if operator or not fields.get("operator"):
        fields["operator"] = who(operator)
    if metadata:
        fields["metadata"] = dict(map(_pair, metadata))
    options = {**given, "amount": amount_of(amount)}
    fields |= {name: value for name, value in options.items() if value is not None}
    return checked_start(checked(HoldRequest, fields))


def _read(file: IO[bytes]) -> dict[str, object]:
    try:
        value = read_json(file.read())
    except InvalidMessage as error:
        raise InvalidRequest(str(error), field=error.field) from None
    if not isinstance(value, dict):
        raise InvalidRequest("the request must be a JSON object")
    return {str(name): part for name, part in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - JSON of any shape; `checked` reads it


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError("--metadata must be NAME=VALUE")
    return name, value

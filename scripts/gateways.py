"""Write, or with --check compare, what each gateway can do, from what its adapter declares.

``docs/gateways/README.md`` is written whole; in ``README.md`` the short table stands between two
markers. A gateway that joins `gateways.accounts.KINDS` is in both after the next run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cardhold.hold import OperationKind  # noqa: E402 - the path comes first
from cardhold.messages import PaymentMethodKind  # noqa: E402 - the path comes first
from gateways.account import Kind  # noqa: E402 - the path comes first
from gateways.accounts import KINDS  # noqa: E402 - the path comes first
from scripts.pages import between, table, write_or_check  # noqa: E402 - the path comes first

PAGE, README = ROOT / "docs" / "gateways" / "README.md", ROOT / "README.md"
INTRODUCTION = """\
# What each gateway can do

Written by `scripts/gateways` from what the adapters declare (`gateways/adapters/*/account.py`),
which is also all that the planner goes by. Don't edit it: change the declaration and run the
script; `scripts/check` fails on a difference. An account may differ where its gateway's merchants
do: the page of each gateway says in what. To add one: [adding-one.md](adding-one.md).
"""
Row = tuple[str, Callable[[Kind], str]]


def _yes(can: bool) -> str:  # noqa: FBT001 - one fact, one cell
    return "yes" if can else "no"


def _names(kinds: frozenset[OperationKind] | frozenset[PaymentMethodKind]) -> str:
    order = [*OperationKind, *PaymentMethodKind]
    return ", ".join(f"`{kind}`" for kind in sorted(kinds, key=order.index)) or "none"


def _span(span: timedelta) -> str:
    days, rest = divmod(int(span.total_seconds()), 86_400)
    hours, minutes = divmod(rest // 60, 60)
    parts = ((days, "day"), (hours, "hour"), (minutes, "minute"))
    return " ".join(f"{count} {unit}{'s' * (count > 1)}" for count, unit in parts if count)


def _key(kind: Kind) -> str:
    profile = kind.profile
    if profile.key is None:
        return "none: always looked up"
    return f"{profile.key}; lives {_span(profile.key_life)}"


def _captures(kind: Kind) -> str:
    most = kind.profile.captures_max
    return {None: "several, up to the total", 1: "one"}.get(most, str(most))


def _rest(kind: Kind) -> str:
    return "freed by the capture" if kind.profile.frees_rest else "freed by a release of ours"


def _processing_time(kind: Kind) -> str:
    default: timedelta = kind.settings.model_fields["processing_time"].default
    return _span(default)


SHORT: tuple[Row, ...] = (
    ("raise a hold", lambda kind: _yes(kind.profile.raises)),
    ("lower a hold", lambda kind: _yes(kind.profile.lowers)),
    ("captures of one hold", _captures),
    ("the rest after the last capture", _rest),
    ("3-D Secure (`action_required`)", lambda kind: _yes(kind.profile.asks_guest)),
    ("payment methods", lambda kind: _names(kind.profile.payment_methods)),
)
LONG: tuple[Row, ...] = (
    *SHORT,
    ("amounts on the wire", lambda kind: kind.profile.units),
    ("idempotency key", _key),
    ("… makes harmless", lambda kind: _names(kind.profile.idempotent)),
    (
        "our reference",
        lambda kind: f"`{kind.profile.reference.field}`, {kind.profile.reference.length_max} long",
    ),
    ("… finds", lambda kind: _names(kind.profile.reference.finds)),
    (
        "the payment shows later captures and releases",
        lambda kind: _yes(kind.profile.shows_later),
    ),
    ("… and that it lapsed", lambda kind: _yes(kind.profile.shows_expiry)),
    ("lists its open holds, for the sweep", lambda kind: _yes(kind.profile.lists)),
    ("release", lambda kind: kind.profile.release),
    ("daily batch", lambda kind: kind.profile.batch_cut_off or "nothing to us"),
    ('"not found" is proof after', _processing_time),
)


def _links(kind_name: str, kind: Kind, folder: str) -> str:
    return f"[{kind.profile.title}]({folder}{kind_name}.md)"


def drawn(rows: tuple[Row, ...], folder: str) -> str:
    """The table of these facts, one column for each gateway."""
    head = ["", *(_links(name, kind, folder) for name, kind in KINDS.items())]
    return table([head, *([said, *(tell(kind) for kind in KINDS.values())] for said, tell in rows)])


def main() -> int:
    """Write or compare; answers with the exit code."""
    page = f"{INTRODUCTION}\n{drawn(LONG, '')}"
    return write_or_check(
        "gateways",
        {PAGE: page, README: between(README, "gateways", drawn(SHORT, "docs/gateways/"))},
    )


if __name__ == "__main__":
    sys.exit(main())

"""What the reservations under attack are about: every gateway's instructions, and how they end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from cardhold.hold import OperationKind
from cardhold.messages import Adjust, Capture, Command, OnDeadline, PaymentMethod, Release
from cardhold.money import Money
from cardhold.verbs import checked
from gateways.accounts import KINDS
from gateways.profile import Profile

# Stands for no card; opens every simulated gateway.
TOKEN = PaymentMethod.model_validate(
    {"kind": "stored_token", "token": "296753000000000001", "customer_id": "4401"}
)
# What such a hotel works in, where it isn't dollars: a Stax account has one currency.
_CURRENCIES = {"sibs": "EUR", "xmoney": "EUR"}
ASKED_MINOR = 120_00
#: How long after its start a reservation with a deadline of its own is due.
DUE_AFTER = timedelta(seconds=7)


@dataclass(frozen=True, slots=True)
class Line:
    """One instruction of a plot. Amounts are in the minor unit of the gateway's currency.

    Attributes:
        kind: What is asked for.
        amount_minor: Of an adjust, the new total; of a capture, what is taken.
        final: Of a capture: what is left is freed.
        by_signal: It is left as a signal.
    """

    kind: OperationKind
    amount_minor: int | None = None
    final: bool = True
    by_signal: bool = False

    def command(self, command_id: str, currency: str) -> Command:
        """The message."""
        told: dict[str, object] = {"command_id": command_id, "operator": "desk"}
        if self.amount_minor is not None:
            told["amount"] = Money(amount_minor=self.amount_minor, currency=currency)
        match self.kind:
            case OperationKind.ADJUST:
                return checked(Adjust, told)
            case OperationKind.CAPTURE:
                return checked(Capture, {**told, "final": self.final})
            case OperationKind.RELEASE:
                return checked(Release, told)
            case OperationKind.AUTHORIZE:
                raise ValueError("another card is no part of any plot")


@dataclass(frozen=True, slots=True)
class Plot:
    """One sort of reservation.

    Attributes:
        name: For people.
        captured_minor: What the guest pays in the end.
        lines: What is asked for, in order.
        on_deadline: What the plan does; the plot waits for it where there is nothing to say.
        needs: What its gateway has to be able to do.
    """

    name: str
    captured_minor: int
    lines: tuple[Line, ...] = ()
    on_deadline: OnDeadline = OnDeadline.RELEASE
    needs: frozenset[str] = field(default_factory=frozenset[str])

    @property
    def waits(self) -> bool:
        """Whether its end is the deadline's."""
        return not self.lines

    def effects_max(self) -> Mapping[str, int]:
        """How often each thing may happen to its money: once for each instruction, and the rest."""
        asked = Counter(line.kind for line in self.lines)
        captures = asked[OperationKind.CAPTURE] or int(self.on_deadline is OnDeadline.CAPTURE)
        above = sum((line.amount_minor or 0) > ASKED_MINOR for line in self.lines)
        adjusts = asked[OperationKind.ADJUST] or above
        # A gateway that lowers by a partial release, and one that frees no rest: a release each.
        releases = 1 + asked[OperationKind.ADJUST]
        return {"authorize": 1, "adjust": adjusts, "capture": captures, "release": releases}


_ADJUST, _CAPTURE, _RELEASE = OperationKind.ADJUST, OperationKind.CAPTURE, OperationKind.RELEASE
PLOTS = (
    Plot("checkout", 80_00, (Line(_CAPTURE, 80_00),)),
    Plot("cancelled", 0, (Line(_RELEASE),)),
    Plot("dinner", 150_00, (Line(_ADJUST, 150_00), Line(_CAPTURE)), needs=frozenset({"raises"})),
    Plot(
        "cheaper room",
        70_00,
        (Line(_ADJUST, 90_00), Line(_CAPTURE, 70_00)),
        needs=frozenset({"lowers"}),
    ),
    Plot("minibar", 130_00, (Line(_CAPTURE, 130_00),), needs=frozenset({"raises"})),
    Plot(
        "night by night",
        80_00,
        (Line(_CAPTURE, 30_00, final=False), Line(_CAPTURE, 50_00)),
        needs=frozenset({"several captures"}),
    ),
    Plot("by hand", 100_00, (Line(_CAPTURE, 100_00, by_signal=True),)),
    Plot("no-show", 120_00, on_deadline=OnDeadline.CAPTURE),
    Plot("never came", 0),
)


@dataclass(frozen=True, slots=True)
class Stay:
    """One reservation of a plot, at a gateway."""

    name: str
    gateway: str
    plot: Plot

    @property
    def currency(self) -> str:
        """What it is in."""
        return currency_of(self.gateway)


def currency_of(gateway: str) -> str:
    """What the account at this gateway works in."""
    return _CURRENCIES.get(gateway, "USD")


def plots_of(gateway: str) -> list[Plot]:
    """What can be played at this gateway."""
    can = _abilities(KINDS[gateway].profile)
    return [plot for plot in PLOTS if plot.needs <= can]


def every_plot() -> list[tuple[str, Plot]]:
    """Every plot at every gateway that can play it; neighbours are of different gateways."""
    lists = [[(gateway, plot) for plot in plots_of(gateway)] for gateway in KINDS]
    longest = max(map(len, lists))
    return [each[number] for number in range(longest) for each in lists if number < len(each)]


def _abilities(can: Profile) -> set[str]:
    told = {"raises": can.raises, "lowers": can.lowers, "several captures": can.captures_max != 1}
    return {name for name, is_so in told.items() if is_so}

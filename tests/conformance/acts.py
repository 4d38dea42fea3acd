"""What is asked of a gateway: every operation, in each of the shapes that a plan can give it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count

from cardhold.hold import OperationKind
from cardhold.messages import Browser, Initiator, PaymentMethod
from cardhold.money import Money
from domain.calls import Call
from domain.capabilities import Capabilities
from domain.keys import OperationName
from domain.outcome import PaymentState
from gateways.port import Named
from tests.conformance.gateways import UNDERS, Under

HELD = 100_00
RETURN_URL = "https://book.example/back"
BROWSER = Browser(
    accept_header="text/html",
    ip="203.0.113.7",
    language="en",
    user_agent="Mozilla/5.0",
    java_enabled=False,
    javascript_enabled=True,
    color_depth=24,
    screen_height=900,
    screen_width=1440,
    time_zone_offset_minutes=-60,
)
_reservations = count(1)


@dataclass(frozen=True)
class Act:
    """An operation on a hold of 100.00, or the placing of it.

    Attributes:
        amount_minor: What is asked for.
        captured: What was captured before.
        final: With a capture: nothing shall be left after it.
    """

    name: str
    kind: OperationKind
    amount_minor: int = HELD
    captured: int = 0
    final: bool = True

    def __str__(self) -> str:
        return self.name

    @property
    def total_captured(self) -> int:
        """What is captured after it."""
        return self.captured + (self.amount_minor if self.kind is OperationKind.CAPTURE else 0)

    def fits(self, can: Capabilities) -> bool:
        """Whether an account that can do this much has it."""
        if self.kind is OperationKind.ADJUST:
            return can.raises if self.amount_minor > HELD else can.lowers
        if self.name == "release what is left":
            return can.captures_max == 1 and not can.frees_rest
        return can.captures_max != 1 or (self.final and not self.captured)

    def state(self, can: Capabilities) -> PaymentState:
        """Where the payment stands once it is done."""
        match self.kind:
            case OperationKind.AUTHORIZE | OperationKind.ADJUST:
                return PaymentState.OPEN
            case OperationKind.RELEASE:
                return PaymentState.CAPTURED if self.captured else PaymentState.RELEASED
            case OperationKind.CAPTURE:
                gone = self.total_captured == HELD or (can.frees_rest and self.final)
                return PaymentState.CAPTURED if gone else PaymentState.OPEN


_ADJUST, _CAPTURE, _RELEASE = OperationKind.ADJUST, OperationKind.CAPTURE, OperationKind.RELEASE
ACTS = (
    Act("authorize", OperationKind.AUTHORIZE),
    Act("raise", _ADJUST, 150_00),
    Act("lower", _ADJUST, 60_00),
    Act("capture all", _CAPTURE),
    Act("capture part", _CAPTURE, 80_00),
    Act("capture and go on", _CAPTURE, 30_00, final=False),
    Act("capture again", _CAPTURE, 50_00, captured=30_00),
    Act("capture the rest", _CAPTURE, 70_00, captured=30_00),
    Act("release", _RELEASE),
    Act("release the rest", _RELEASE, 70_00, captured=30_00),
    Act("release what is left", _RELEASE, 20_00, captured=80_00),
)
AUTHORIZE = ACTS[0]


def capabilities(under: Under) -> Capabilities:
    """What the account says that it can do."""
    return under.settings("http://127.0.0.1:1").capabilities()


#: Every account with every act that it has.
WAYS = [(under, act) for under in UNDERS for act in ACTS if act.fits(capabilities(under))]
#: The same without the placing.
LATER_WAYS = [(under, act) for under, act in WAYS if act is not AUTHORIZE]


def money(under: Under, amount_minor: int, currency: str | None = None) -> Money:
    """An amount of the account's currency."""
    return Money(amount_minor=amount_minor, currency=currency or under.currencies[0])


def reservation() -> str:
    """The workflow id of a reservation that nobody has seen before."""
    return f"reservation-{next(_reservations)}"


def placing(
    under: Under,
    amount: Money | None = None,
    *,
    method: PaymentMethod | None = None,
    initiator: Initiator = Initiator.CUSTOMER,
) -> Named:
    """The placing of a hold on a new reservation, with everything that a caller may give."""
    amount = amount or money(under, HELD)
    call = Call(
        account=under.name,
        workflow_id=reservation(),
        kind=OperationKind.AUTHORIZE,
        command_id="start",
        amount=amount,
        held=money(under, 0, amount.currency),
        captured=money(under, 0, amount.currency),
        asked_at=datetime.now(UTC),
        payment_method=method or under.opens,
        initiator=initiator,
        return_url=RETURN_URL,
        browser=BROWSER,
        description="Sea view",
        metadata={"booking": "B-7"},
    )
    return renamed(under, call)


def following(under: Under, placed: Named, payment_id: str, act: Act) -> Named:
    """A later operation on the hold that ``placed`` has placed as ``payment_id``."""
    currency = placed.call.amount.currency
    command_id = f"{act.kind} {act.captured}"
    told = {
        "kind": act.kind,
        "command_id": command_id.replace(" ", "-"),
        "amount": money(under, act.amount_minor, currency),
        "held": placed.call.amount,
        "captured": money(under, act.captured, currency),
        "final": act.final,
        "payment_id": payment_id,
        "reference": placed.reference,
        "payment_method": None,
        "return_url": None,
        "browser": None,
        "asked_at": datetime.now(UTC),
    }
    return renamed(under, placed.call.model_copy(update=told))


def again(named: Named, payment_id: str | None) -> Named:
    """The same operation as it is sent after a look-up has proven that it was not done."""
    told: dict[str, object] = {"patient": True, "look_first": True, "repeated": True}
    if payment_id is not None:
        told["payment_id"] = payment_id
    return replace(named, call=named.call.model_copy(update=told))


def renamed(under: Under, call: Call) -> Named:
    name = OperationName(
        under.name, "simulated", call.workflow_id, call.kind.value, call.command_id
    )
    return Named(call, name.key(), name.reference())

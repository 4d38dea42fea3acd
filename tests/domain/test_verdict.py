"""What a looked-up payment says of an operation: every kind, every payment state, the amounts.

Expectations are words per payment state in one row for each case; a state that the row leaves
out would fail the test, so nothing is decided by accident.
"""

from __future__ import annotations

import pytest

from cardhold.hold import OperationKind
from domain.calls import Call, Ending
from domain.outcome import PaymentState, Said
from domain.verdict import verdict
from tests.domain.records import payment, usd

K, P, E = OperationKind, PaymentState, Ending
#: open, captured, released, expired, declined; a pending payment never says anything.
SHOWN = (P.OPEN, P.CAPTURED, P.RELEASED, P.EXPIRED, P.DECLINED)
Row = tuple[Ending, Ending, Ending, Ending, Ending]
DONE, ABSENT, CHANGED, DECLINED = E.DONE, E.ABSENT, E.CHANGED, E.DECLINED

# kind, amount asked, (authorized, captured) as shown; before it: 100.00 held, 20.00 captured.
CASES: list[tuple[OperationKind, int, tuple[int, int], Row]] = [
    # An authorization was made unless it was declined, whatever happened to the hold since.
    (K.AUTHORIZE, 100_00, (100_00, 0), (DONE, DONE, DONE, DONE, DECLINED)),
    (K.AUTHORIZE, 100_00, (60_00, 0), (DONE, DONE, DONE, DONE, DECLINED)),
    # An adjust is in the total of an open hold, or it isn't, or somebody else was there.
    (K.ADJUST, 150_00, (150_00, 20_00), (DONE, CHANGED, CHANGED, CHANGED, CHANGED)),
    (K.ADJUST, 150_00, (100_00, 20_00), (ABSENT, CHANGED, CHANGED, CHANGED, CHANGED)),
    (K.ADJUST, 150_00, (149_99, 20_00), (CHANGED, CHANGED, CHANGED, CHANGED, CHANGED)),
    # A capture is in the sum taken. Only an open hold, untouched, says that it did not happen.
    (K.CAPTURE, 50_00, (100_00, 70_00), (DONE, DONE, DONE, DONE, DONE)),
    (K.CAPTURE, 50_00, (100_00, 20_00), (ABSENT, CHANGED, CHANGED, CHANGED, CHANGED)),
    (K.CAPTURE, 50_00, (100_00, 69_99), (CHANGED, CHANGED, CHANGED, CHANGED, CHANGED)),
    (K.CAPTURE, 50_00, (100_00, 0), (CHANGED, CHANGED, CHANGED, CHANGED, CHANGED)),
    # A release leaves nothing open; what lapsed by itself was not released by us.
    (K.RELEASE, 80_00, (100_00, 20_00), (ABSENT, DONE, DONE, CHANGED, DONE)),
    (K.RELEASE, 80_00, (100_00, 100_00), (CHANGED, CHANGED, CHANGED, CHANGED, CHANGED)),
    (K.RELEASE, 80_00, (100_00, 0), (CHANGED, CHANGED, CHANGED, CHANGED, CHANGED)),
]
FLAT = [
    (kind, amount, figures, state, ending)
    for kind, amount, figures, row in CASES
    for state, ending in zip(SHOWN, row, strict=True)
]


def _call(kind: OperationKind, amount_minor: int = 100_00) -> Call:
    first = kind is OperationKind.AUTHORIZE
    return Call(
        account="payroc",
        workflow_id="reservation-RES-1001",
        kind=kind,
        command_id="checkout",
        amount=usd(amount_minor),
        held=usd(0 if first else 100_00),
        captured=usd(0 if first else 20_00),
    )


@pytest.mark.parametrize(("kind", "amount", "figures", "state", "ending"), FLAT)
def test_a_payment_tells_what_became_of_an_operation(
    kind: OperationKind,
    amount: int,
    figures: tuple[int, int],
    state: PaymentState,
    ending: Ending,
) -> None:
    authorized, captured = figures
    assert ending is verdict(_call(kind, amount), payment(state, authorized, captured))


def test_every_kind_meets_every_state_in_this_table() -> None:
    assert {case[0] for case in CASES} == set(OperationKind)
    assert {*SHOWN, P.PENDING, P.ACTION_REQUIRED} == set(PaymentState)


@pytest.mark.parametrize("kind", OperationKind)
def test_no_payment_is_no_operation_so_far(kind: OperationKind) -> None:
    assert Ending.ABSENT is verdict(_call(kind), None)


@pytest.mark.parametrize("kind", OperationKind)
@pytest.mark.parametrize("figures", [(0, 0), (100_00, 20_00), (150_00, 70_00)])
def test_a_pending_payment_is_never_rounded(kind: OperationKind, figures: tuple[int, int]) -> None:
    assert verdict(_call(kind), payment(P.PENDING, *figures)) is None


@pytest.mark.parametrize(
    ("kind", "ending"),
    [(K.AUTHORIZE, E.ACTION_REQUIRED), (K.RELEASE, ABSENT), (K.ADJUST, None), (K.CAPTURE, None)],
)
def test_before_the_guest_has_acted_nothing_is_decided_and_it_can_be_called_off(
    kind: OperationKind, ending: Ending | None
) -> None:
    assert verdict(_call(kind), payment(P.ACTION_REQUIRED, 0, 0)) is ending


@pytest.mark.parametrize("kind", OperationKind)
@pytest.mark.parametrize("state", PaymentState)
@pytest.mark.parametrize(
    ("said", "ending"),
    [(Said.DONE, DONE), (Said.DECLINED, DECLINED), (Said.ABSENT, ABSENT), (Said.PENDING, None)],
)
def test_a_word_on_the_operation_itself_counts_before_how_the_payment_stands(
    kind: OperationKind, state: PaymentState, said: Said, ending: Ending | None
) -> None:
    shown = payment(state, 100_00, 20_00).model_copy(update={"said": said})
    assert verdict(_call(kind), shown) is ending

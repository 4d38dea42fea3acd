"""What SIBS's inquiries say of each operation, and when their "none" is believed.

An operation is told by its own reference; the authorization's status says how the authorization
ended, and nothing of what came later.
"""

from __future__ import annotations

from typing import Any

import pytest

from cardhold.money import Money
from domain.calls import Ending
from domain.outcome import Payment, PaymentState, Said
from domain.verdict import verdict
from gateways.errors import Undecided
from gateways.port import Named
from tests.gateways.calls import authorize, existing, follow_up, usd
from tests.gateways.sibs_site import (
    NONE,
    PAYMENT_ID,
    STEP_ID,
    Sibslike,
    authorization,
    challenge,
    sibs,
    status,
    step,
)

REFERENCE = authorize().reference
CAPTURE = follow_up("capture", 80_00, payment_id=PAYMENT_ID)
RELEASE = follow_up("release", 100_00, payment_id=PAYMENT_ID)
REST = follow_up("release", 20_00, payment_id=PAYMENT_ID, captured=usd(80_00))
ADJUST = follow_up("adjust", 60_00, payment_id=PAYMENT_ID)
OFF = follow_up("release", 100_00, payment_id=PAYMENT_ID, held_minor=0)
HERE = {PAYMENT_ID: authorization()}


def value(call: Named) -> str:
    """What the operation's own transaction is of."""
    return "40.00" if call is ADJUST else f"{call.call.amount.amount_minor // 100}"


def again(call: Named, **more: Any) -> Named:
    """The same call, after an attempt whose answer was lost."""
    fields = {"repeated": True, **more}
    return Named(call.call.model_copy(update=fields), call.key, call.reference)


def site(call: Named, *found: object, **more: Any) -> Sibslike:
    """A SIBS that shows this under the operation's reference, and the authorization."""
    references: dict[str, Any] = {call.reference: list(found) or [NONE]}
    answers: dict[str, Any] = {
        "by_reference": {**references, REFERENCE: [HERE[PAYMENT_ID]]},
        **more,
    }
    return Sibslike(by_id=HERE, **answers)


@pytest.mark.parametrize(
    ("changes", "state", "said"),
    [
        ({}, PaymentState.OPEN, Ending.DONE),
        ({"paymentType": "PURS"}, PaymentState.CAPTURED, Ending.DONE),
        ({"paymentStatus": "Declined"}, PaymentState.DECLINED, Ending.DECLINED),
        ({"paymentStatus": "InProcessing"}, PaymentState.PENDING, None),
        ({"paymentStatus": "Timeout"}, PaymentState.PENDING, None),
        ({"paymentStatus": "Pending"}, PaymentState.PENDING, None),
        ({"paymentStatus": "Partial"}, PaymentState.ACTION_REQUIRED, Ending.ACTION_REQUIRED),
        (
            {"paymentStatus": "Partial", "actionResponse": challenge()},
            PaymentState.ACTION_REQUIRED,
            Ending.ACTION_REQUIRED,
        ),
    ],
)
@pytest.mark.parametrize("payment_id", [None, PAYMENT_ID])
async def test_an_authorization_is_found_by_reference_or_id(
    payment_id: str | None, changes: dict[str, Any], state: PaymentState, said: Ending | None
) -> None:
    shown = authorization(**changes)
    where = Sibslike(by_id={PAYMENT_ID: shown}, by_reference={REFERENCE: [shown]})
    call = authorize(payment_id=payment_id)
    looked = await sibs(where).look_up(call)
    assert looked is not None
    assert (looked.payment_id, looked.state, looked.said) == (PAYMENT_ID, state, None)
    assert verdict(call.call, looked) is said
    assert (looked.action is not None) == ("actionResponse" in changes)
    # What is declined may be an order that was cleared away: that has a reference of its own.
    looks_further = payment_id is None and state is PaymentState.DECLINED
    assert len(where.requests) == 1 + looks_further


@pytest.mark.parametrize("told", [{"payment_id": PAYMENT_ID}, {"patient": True}])
async def test_an_order_that_nobody_purchased_is_nothing(told: dict[str, Any]) -> None:
    shown = authorization(paymentStatus="Pending", paymentMethod=...)
    where = Sibslike(by_id={PAYMENT_ID: shown}, by_reference={REFERENCE: [shown]})
    assert await sibs(where).look_up(authorize(**told)) is None


async def test_an_order_that_somebody_else_is_about_to_purchase_is_told() -> None:
    shown = authorization(paymentStatus="Pending", paymentMethod=...)
    looked = await sibs(Sibslike(by_reference={REFERENCE: [shown]})).look_up(authorize())
    assert looked is not None
    assert (looked.payment_id, looked.said) == (PAYMENT_ID, Said.ABSENT)
    assert verdict(authorize().call, looked) is Ending.ABSENT


@pytest.mark.parametrize(
    "changes",
    [
        {"paymentStatus": "Error"},
        {"paymentStatus": ...},
        {"paymentStatus": "Novel"},
        {"returnStatus": status("T9999")},
        {"returnStatus": status("T9999"), "paymentStatus": "Pending", "paymentMethod": ...},
        {"paymentType": "CAPTURE"},
        {"paymentType": "REFUND"},
        {"amount": ...},
        {"amount": {"value": 99, "currency": "USD"}},
        {"amount": {"value": 100, "currency": "EUR"}},
        {"merchant": {"transactionId": "ANOTHER"}},
    ],
)
@pytest.mark.parametrize("payment_id", [None, PAYMENT_ID])
async def test_a_status_that_is_not_quite_ours_decides_nothing(
    payment_id: str | None, changes: dict[str, Any]
) -> None:
    shown = authorization(**changes)
    where = Sibslike(by_id={PAYMENT_ID: shown}, by_reference={REFERENCE: [shown]})
    with pytest.raises(Undecided):
        await sibs(where).look_up(authorize(payment_id=payment_id))


async def test_an_answer_that_repeats_no_reference_was_not_found_by_it() -> None:
    for merchant in ({}, {"terminalId": 101776}, None):
        where = Sibslike(by_reference={REFERENCE: [authorization(merchant=merchant)]})
        with pytest.raises(Undecided):
            await sibs(where).look_up(authorize())


async def test_the_status_of_another_transaction_is_not_taken_for_ours() -> None:
    where = Sibslike(by_id={PAYMENT_ID: authorization(transactionID="another")})
    with pytest.raises(Undecided):
        await sibs(where).look_up(authorize(payment_id=PAYMENT_ID))


async def test_without_the_query_an_authorization_is_looked_up_by_its_id_alone() -> None:
    where = Sibslike(by_id=HERE)
    adapter = sibs(where, by_reference=False)
    assert await adapter.look_up(authorize(payment_id=PAYMENT_ID)) is not None
    with pytest.raises(Undecided):
        await adapter.look_up(authorize())
    assert len(where.requests) == 1


async def test_a_hold_made_elsewhere_is_read_whatever_its_reference_amount_and_age() -> None:
    eur = {"value": "7.00", "currency": "EUR"}
    theirs = authorization(merchant={"transactionId": "THEIRS"}, amount=eur)
    call = authorize(payment_method=existing(PAYMENT_ID))
    looked = await sibs(Sibslike(by_id={PAYMENT_ID: theirs})).look_up(call)
    assert looked is not None
    assert (looked.reference, looked.state) == ("THEIRS", PaymentState.OPEN)
    assert looked.authorized == Money(amount_minor=7_00, currency="EUR")
    assert looked.booked_at is not None


async def test_a_hold_made_elsewhere_is_not_adopted_without_its_amount() -> None:
    call = authorize(payment_method=existing(PAYMENT_ID))
    with pytest.raises(Undecided):
        await sibs(Sibslike(by_id={PAYMENT_ID: authorization(amount=...)})).look_up(call)


@pytest.mark.parametrize(
    ("call", "state", "authorized_minor", "captured_minor"),
    [
        (CAPTURE, PaymentState.OPEN, 100_00, 80_00),
        (RELEASE, PaymentState.RELEASED, 100_00, 0),
        (REST, PaymentState.CAPTURED, 100_00, 80_00),
        (ADJUST, PaymentState.OPEN, 60_00, 0),
    ],
    ids=["capture", "release", "rest", "adjust"],
)
async def test_a_later_operation_that_was_done_is_told_by_its_own_reference(
    call: Named, state: PaymentState, authorized_minor: int, captured_minor: int
) -> None:
    where = site(call, step(call.reference, value(call)))
    looked = await sibs(where).look_up(again(call))
    assert looked is not None
    assert looked.said is Said.DONE
    assert verdict(call.call, looked) is Ending.DONE
    assert (looked.payment_id, looked.state) == (PAYMENT_ID, state)
    assert (looked.authorized, looked.captured) == (usd(authorized_minor), usd(captured_minor))
    assert looked.detail == f"transaction {STEP_ID}"
    assert where.paths == [f"GET payments/status?merchantTransactionId={call.reference}"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("Declined", Said.DECLINED),
        ("Pending", Said.PENDING),
        ("InProcessing", Said.PENDING),
        ("Timeout", Said.PENDING),
    ],
)
@pytest.mark.parametrize("call", [CAPTURE, RELEASE, REST, ADJUST])
async def test_a_later_operation_that_was_not_done_leaves_the_hold_as_it_was(
    call: Named, word: str, said: Said
) -> None:
    shown = step(call.reference, value(call), paymentStatus=word)
    looked = await sibs(site(call, shown)).look_up(again(call))
    assert looked is not None
    assert (looked.said, looked.state) == (said, PaymentState.OPEN)
    assert (looked.authorized, looked.captured) == (call.call.held, call.call.captured)


@pytest.mark.parametrize(
    "changes",
    [
        {"paymentStatus": "Error"},
        {"paymentStatus": "Partial"},
        {"paymentStatus": ...},
        {"amount": {"value": "80.01", "currency": "USD"}},
        {"amount": {"value": "80.00", "currency": "EUR"}},
        {"amount": ...},
        {"merchant": {"merchantTransactionId": "ANOTHER"}},
        {"merchant": ...},
    ],
)
async def test_an_operations_status_that_is_not_quite_ours_decides_nothing(
    changes: dict[str, Any],
) -> None:
    shown = step(CAPTURE.reference, "80.00", **changes)
    with pytest.raises(Undecided):
        await sibs(site(CAPTURE, shown)).look_up(again(CAPTURE))


@pytest.mark.parametrize("call", [CAPTURE, RELEASE, REST, ADJUST])
async def test_before_it_was_ever_sent_the_hold_itself_is_looked_at(call: Named) -> None:
    where = site(call)
    looked = await sibs(where).look_up(call)
    assert looked is not None
    assert (looked.said, looked.state) == (Said.ABSENT, PaymentState.OPEN)
    assert (looked.authorized, looked.captured) == (call.call.held, call.call.captured)
    assert where.paths[-1] == f"GET payments/{PAYMENT_ID}/status"


@pytest.mark.parametrize("call", [CAPTURE, RELEASE, OFF])
async def test_a_hold_in_another_currency_is_not_ours(call: Named) -> None:
    eur = {"value": 100, "currency": "EUR"}
    with pytest.raises(Undecided):
        await sibs(Sibslike(by_id={PAYMENT_ID: authorization(amount=eur)})).look_up(call)


@pytest.mark.parametrize("sent", [{"repeated": True}, {"patient": True}, {"look_first": True}])
async def test_none_is_believed_of_a_query_that_finds_the_hold_itself(sent: dict[str, Any]) -> None:
    call = again(CAPTURE, **{"repeated": False, **sent})
    where = site(CAPTURE)
    looked = await sibs(where).look_up(call)
    assert looked is not None
    assert looked.said is Said.ABSENT
    assert where.paths == [
        f"GET payments/status?merchantTransactionId={CAPTURE.reference}",
        f"GET payments/status?merchantTransactionId={REFERENCE}",
    ]


@pytest.mark.parametrize("call", [CAPTURE, RELEASE, OFF])
async def test_none_is_not_believed_of_a_query_that_does_not_find_the_hold_itself(
    call: Named,
) -> None:
    where = site(call, by_reference={REFERENCE: [NONE]})
    with pytest.raises(Undecided):
        await sibs(where).look_up(again(call))


@pytest.mark.parametrize("call", [CAPTURE, RELEASE])
async def test_none_is_believed_where_the_query_shows_a_second_hold_of_the_reference(
    call: Named,
) -> None:
    where = site(call, by_reference={REFERENCE: [authorization(transactionID="another")]})
    looked = await sibs(where).look_up(again(call))
    assert looked is not None
    assert (looked.payment_id, looked.said) == (PAYMENT_ID, Said.ABSENT)


async def test_a_reference_that_nobody_knows_is_the_one_that_sibs_shows() -> None:
    where = site(CAPTURE)
    looked = await sibs(where).look_up(again(CAPTURE, reference=None))
    assert looked is not None
    assert looked.said is Said.ABSENT
    assert where.paths == [
        f"GET payments/status?merchantTransactionId={CAPTURE.reference}",
        f"GET payments/{PAYMENT_ID}/status",
        f"GET payments/status?merchantTransactionId={REFERENCE}",
    ]


@pytest.mark.parametrize("itself", [authorization(merchant=...), NONE])
async def test_none_is_not_believed_where_nobody_knows_the_holds_reference(itself: Any) -> None:
    where = Sibslike(by_id={PAYMENT_ID: itself}, by_reference={CAPTURE.reference: [NONE]})
    with pytest.raises(Undecided):
        await sibs(where).look_up(again(CAPTURE, reference=None))


@pytest.mark.parametrize("call", [CAPTURE, RELEASE, REST, ADJUST, OFF])
async def test_without_the_query_what_may_have_been_sent_is_for_a_person(call: Named) -> None:
    where = Sibslike(by_id=HERE)
    adapter = sibs(where, by_reference=False)
    with pytest.raises(Undecided):
        await adapter.look_up(again(call))
    assert where.requests == []
    looked = await adapter.look_up(call)
    assert looked is not None
    assert verdict(call.call, looked) is Ending.ABSENT


@pytest.mark.parametrize(
    ("itself", "authorized_minor", "ending"),
    [
        ({"paymentStatus": "Partial"}, 0, Ending.ABSENT),
        ({"paymentStatus": "Declined"}, 0, Ending.DONE),
        ({"paymentStatus": "InProcessing"}, 0, None),
        ({}, 100_00, Ending.ABSENT),
    ],
)
async def test_before_an_attempt_is_called_off_its_own_status_decides(
    itself: dict[str, Any], authorized_minor: int, ending: Ending | None
) -> None:
    shown = authorization(**itself)
    where = Sibslike(by_id={PAYMENT_ID: shown}, by_reference={REFERENCE: [shown]})
    for call in (OFF, again(OFF)):
        looked = await sibs(where).look_up(call)
        assert looked is not None
        assert (looked.said, looked.authorized) == (None, usd(authorized_minor))
        assert verdict(call.call, looked) is ending


@pytest.mark.parametrize(
    ("itself", "state", "authorized_minor"),
    [
        ({"paymentStatus": "Partial"}, PaymentState.DECLINED, 0),
        ({"paymentStatus": "Declined"}, PaymentState.DECLINED, 0),
        ({"paymentStatus": "Pending", "paymentMethod": ...}, PaymentState.DECLINED, 0),
        ({}, PaymentState.RELEASED, 100_00),
    ],
)
async def test_an_attempt_that_was_called_off_is_told_with_what_it_was(
    itself: dict[str, Any], state: PaymentState, authorized_minor: int
) -> None:
    where = Sibslike(
        by_id={PAYMENT_ID: authorization(**itself)},
        by_reference={OFF.reference: [step(OFF.reference, "100.00")]},
    )
    looked = await sibs(where).look_up(again(OFF))
    assert looked is not None
    assert (looked.said, looked.state) == (Said.DONE, state)
    assert looked.authorized == usd(authorized_minor)


@pytest.mark.parametrize(("word", "said"), [("Declined", Said.DECLINED), ("Timeout", Said.PENDING)])
async def test_an_attempt_that_could_not_be_called_off_stands_as_it_is(
    word: str, said: Said
) -> None:
    cancelled = step(OFF.reference, "100.00", paymentStatus=word)
    where = Sibslike(
        by_id={PAYMENT_ID: authorization(paymentStatus="Partial")},
        by_reference={OFF.reference: [cancelled]},
    )
    looked = await sibs(where).look_up(again(OFF))
    assert looked is not None
    assert (looked.said, looked.state) == (said, PaymentState.ACTION_REQUIRED)


async def test_a_look_up_has_no_effect() -> None:
    for call in (authorize(), CAPTURE, RELEASE, REST, ADJUST, OFF):
        where = site(call)
        looked: Payment | None = await sibs(where).look_up(call)
        assert looked is None or looked.payment_id == PAYMENT_ID
        assert {request.method for request in where.requests} == {"GET"}

"""How each operation ends, what a look-up says of it afterwards, and what the bank has done.

Every account of `gateways`, every act that it has; real HTTP, and the bank's books to judge by.
"""

from __future__ import annotations

import pytest

from cardhold.hold import OperationKind
from cardhold.messages import PaymentMethod
from domain.calls import Ending
from domain.outcome import Approved, Declined, PaymentState, Pending, Said
from domain.verdict import verdict
from gateways.accounts import KINDS
from gateways.errors import Refused, Undecided
from simulator.faults import Fault
from tests.conformance.acts import (
    AUTHORIZE,
    HELD,
    LATER_WAYS,
    WAYS,
    Act,
    following,
    money,
    placing,
    renamed,
)
from tests.conformance.desk import Desk, do, doing, ending, looking
from tests.conformance.gateways import UNDERS
from tests.conformance.ladder import looked_first

EACH = pytest.mark.parametrize("under", UNDERS, ids=str)
EACH_WAY = pytest.mark.parametrize(("under", "act"), WAYS, ids=str)
EACH_LATER_WAY = pytest.mark.parametrize(("under", "act"), LATER_WAYS, ids=str)
GETTING_LESS = [under for under in UNDERS if under.meets(Fault.APPROVE_LESS)]
DECLINING = [(under, act) for under, act in WAYS if under.meets(Fault.DECLINE)]
DAWDLING = [(under, act) for under, act in WAYS if under.meets(Fault.STAY_PENDING)]
EIGHT_DAYS_S = 8 * 86_400


def test_every_kind_of_gateway_is_on_the_list() -> None:
    assert {under.name for under in UNDERS} == set(KINDS)


@EACH_WAY
async def test_done_is_told_as_it_stands_in_the_books(desk: Desk, act: Act) -> None:
    asked = await desk.ask(act)
    before = desk.moved(act.kind)

    payment = await desk.approved(asked.named)

    hold = desk.the_hold()
    assert payment.state is act.state(desk.can)
    assert payment.payment_id == hold["payment_id"]
    assert payment.captured == money(desk.under, act.total_captured)
    assert hold["captured_minor"] == act.total_captured
    still = money(desk.under, hold["authorized_minor"] - hold["released_minor"])
    assert payment.state is not PaymentState.OPEN or payment.authorized == still
    assert desk.moved(act.kind) == before + 1


@EACH_WAY
async def test_a_look_up_finds_what_was_done(desk: Desk, act: Act) -> None:
    asked = await desk.ask(act)
    done = await desk.approved(asked.named)

    looked = await desk.adapter.look_up(asked.named)

    assert looked is not None
    assert verdict(asked.named.call, looked) is Ending.DONE
    assert looked.payment_id == done.payment_id
    assert (looked.state, looked.captured) == (done.state, done.captured)


@EACH_LATER_WAY
async def test_a_look_up_before_it_was_sent_says_that_it_was_not_done(desk: Desk, act: Act) -> None:
    asked = await desk.ask(act)
    before = desk.moved()
    looked = await desk.adapter.look_up(asked.named)
    assert looked is not None
    assert verdict(asked.named.call, looked) is Ending.ABSENT
    assert desk.moved() == before


@EACH
async def test_nothing_is_found_where_nothing_was_sent(desk: Desk) -> None:
    assert await desk.adapter.look_up(placing(desk.under)) is None


@EACH
async def test_a_hold_is_found_by_its_reference_and_by_its_id(desk: Desk) -> None:
    await desk.held()  # another one, not to be taken for it
    named = placing(desk.under)
    payment_id = await desk.held(named)
    by_reference = await desk.adapter.look_up(named)
    call = named.call.model_copy(update={"payment_id": payment_id})
    by_id = await desk.adapter.look_up(type(named)(call, named.key, named.reference))
    assert by_reference is not None
    assert by_reference == by_id
    assert by_reference.payment_id == payment_id
    assert by_reference.authorized == money(desk.under, HELD)


@EACH
async def test_a_hold_is_found_by_its_reference_however_long_ago_it_was_placed(desk: Desk) -> None:
    named = placing(desk.under)
    desk.simulator.bank.clock.live_for(2 * EIGHT_DAYS_S)
    payment_id = await desk.held(named)
    desk.advance(EIGHT_DAYS_S)
    later = named.call.model_copy(update={"asked_at": desk.simulator.bank.clock.now()})
    looked = await desk.adapter.look_up(type(named)(later, named.key, named.reference))
    assert looked is not None
    assert (looked.payment_id, looked.state) == (payment_id, PaymentState.OPEN)


def _existing(payment_id: str) -> PaymentMethod:
    return PaymentMethod.model_validate({"kind": "existing_hold", "token": payment_id})


@EACH
async def test_a_hold_made_elsewhere_is_found_by_its_id(desk: Desk) -> None:
    adopted = placing(desk.under, method=_existing(await desk.held()))
    looked = await desk.adapter.look_up(adopted)
    assert looked is not None
    assert (looked.state, looked.authorized) == (PaymentState.OPEN, money(desk.under, HELD))
    assert desk.moved() == 1


@EACH
@pytest.mark.parametrize("made_up", ["NOSUCHPAYM", "4711", "../x", "0b9dbd7c-18c2-4a1c-9c3c-5e5f"])
async def test_an_id_that_somebody_made_up_names_no_hold(desk: Desk, made_up: str) -> None:
    await desk.held()
    looked = await ending(looking(placing(desk.under, method=_existing(made_up))), desk.adapter)
    assert looked is None or isinstance(looked, Refused)


@pytest.mark.parametrize(("under", "act"), DECLINING, ids=str)
async def test_a_decline_moves_nothing_and_leaves_what_was_held(desk: Desk, act: Act) -> None:
    asked = await desk.ask(act)
    before = desk.moved()
    desk.arm(act.kind, "decline")

    outcome = await do(desk.adapter, asked.named)

    assert not desk.disarm()
    assert desk.moved() == before
    assert isinstance(outcome, Declined)
    assert outcome.detail
    assert desk.the_hold()["state"] == ("declined" if act is AUTHORIZE else "open")
    _is_not_done(
        asked.named.call.kind, verdict(asked.named.call, await desk.adapter.look_up(asked.named))
    )


def _is_not_done(kind: OperationKind, word: Ending | None) -> None:
    if kind is OperationKind.AUTHORIZE:
        assert word is Ending.DECLINED
    else:
        assert word in {Ending.DECLINED, Ending.ABSENT}


@EACH
async def test_a_card_or_an_amount_that_is_declined_holds_nothing(desk: Desk) -> None:
    under = desk.under
    amount = money(under, under.declined_minor or HELD)
    named = placing(under, amount, method=under.declined)
    outcome = await do(desk.adapter, named)
    assert isinstance(outcome, Declined)
    assert outcome.detail
    assert desk.the_hold()["state"] == "declined"
    assert desk.moved() == 0
    assert verdict(named.call, await desk.adapter.look_up(named)) is Ending.DECLINED


@pytest.mark.parametrize("under", GETTING_LESS, ids=str)
async def test_an_approval_for_less_says_how_much(desk: Desk) -> None:
    named = placing(desk.under)
    desk.arm("authorize", "approve_less", amount_minor=40_00)
    payment = await desk.approved(named)
    assert payment.authorized == money(desk.under, 40_00)
    assert desk.the_hold()["authorized_minor"] == 40_00
    looked = await desk.adapter.look_up(named)
    assert looked is not None
    assert looked.authorized == money(desk.under, 40_00)


@pytest.mark.parametrize(("under", "act"), DAWDLING, ids=str)
async def test_what_stays_pending_is_decided_by_looking(desk: Desk, act: Act) -> None:
    asked = await desk.ask(act)
    before = desk.moved(act.kind)
    desk.arm(act.kind, "stay_pending", resolve_after_s=60)

    ended = await ending(doing(asked.named), desk.adapter)

    assert isinstance(ended, Pending | Undecided)
    looked = await desk.adapter.look_up(asked.named)
    assert looked is not None
    assert looked.state is PaymentState.PENDING or looked.said is Said.PENDING
    assert verdict(asked.named.call, looked) is None
    assert desk.moved(act.kind) == before

    desk.advance(61)
    assert await looked_first(desk, asked.named) is Ending.DONE
    assert desk.moved(act.kind) == before + 1
    assert desk.the_hold()["captured_minor"] == act.total_captured


@pytest.mark.parametrize("under", [u for u in UNDERS if u.meets(Fault.STAY_PENDING)], ids=str)
async def test_what_stays_pending_may_be_declined(desk: Desk) -> None:
    under = desk.under
    amount = money(under, under.declined_minor or HELD)
    named = placing(under, amount, method=under.declined)
    desk.arm("authorize", "stay_pending", resolve_after_s=60)
    ended = await ending(doing(named), desk.adapter)
    assert isinstance(ended, Pending | Undecided)
    assert verdict(named.call, await desk.adapter.look_up(named)) is None
    desk.advance(61)
    assert await looked_first(desk, named) is Ending.DECLINED
    assert desk.moved() == 0


@EACH_LATER_WAY
async def test_a_hold_that_lapsed_is_not_taken_for_anything_else(desk: Desk, act: Act) -> None:
    asked = await desk.ask(act)
    desk.advance(EIGHT_DAYS_S)
    before = desk.moved()

    ended = await ending(doing(asked.named), desk.adapter)

    assert desk.moved() == before
    looked = await desk.adapter.look_up(asked.named)
    assert looked is not None
    gone = desk.under.lapsed is PaymentState.RELEASED and act.kind is OperationKind.RELEASE
    assert gone or isinstance(ended, Undecided | Declined | Refused)
    assert gone or verdict(asked.named.call, looked) is not Ending.DONE
    assert not desk.can.shows_expiry or looked.state is desk.under.lapsed


@EACH
async def test_what_a_final_capture_leaves_is_freed_or_known_to_be_held(desk: Desk) -> None:
    [part] = [act for under, act in WAYS if under is desk.under and act.name == "capture part"]
    asked = await desk.ask(part)
    assert isinstance(await do(desk.adapter, asked.named), Approved)
    hold = desk.the_hold()
    freed = (hold["state"], hold["released_minor"])
    assert freed == (("captured", 20_00) if desk.can.frees_rest else ("open", 0))


@pytest.mark.parametrize("under", [u for u in UNDERS if KINDS[u.name].profile.shows_later], ids=str)
async def test_what_was_released_elsewhere_is_not_there_to_be_released(desk: Desk) -> None:
    placed = placing(desk.under)
    payment_id = await desk.held(placed)
    ours = following(desk.under, placed, payment_id, Act("release", OperationKind.RELEASE))
    theirs = ours.call.model_copy(update={"command_id": "portal"})
    await desk.approved(renamed(desk.under, theirs))

    looked = await desk.adapter.look_up(ours)

    assert looked is not None
    assert looked.state is PaymentState.RELEASED
    assert verdict(ours.call, looked) is Ending.DONE

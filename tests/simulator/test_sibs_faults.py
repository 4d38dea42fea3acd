"""Each fault at SIBS, over a real connection: what the client sees, and what the bank did."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from simulator.server import Simulator
from tests import loopback
from tests.simulator.sibs_client import Sibs, effects, order_body, returned, told

# What a client does, and the operation that the admin door knows it by.
STEPS = [("capture", "capture"), ("cancellation", "release")]


@pytest.fixture
async def sibs(sim: Simulator) -> AsyncIterator[Sibs]:
    async with loopback.client(sim.url) as http:
        yield Sibs(http)


@pytest.mark.parametrize(
    ("fault", "expected", "held"),
    [
        ("error_before", (503, "T9999"), 0),
        ("error_after", (503, "T9999"), 1),
        ("throttle", (429, "429"), 0),
        ("unauthorized", (401, "401"), 0),
        ("decline", (200, "Declined"), 1),
    ],
)
async def test_a_fault_happens_to_the_purchase_once(
    sibs: Sibs, fault: str, expected: tuple[int, str], held: int
) -> None:
    order = await sibs.order()
    await sibs.arm("authorize", fault)

    answer = await sibs.pay(order)

    assert told(answer) == expected
    assert len(await sibs.books()) == held
    assert await sibs.hold(reference="H2")


async def test_a_lost_order_holds_nothing_and_leaves_the_purchase_alone(sibs: Sibs) -> None:
    await sibs.arm("token", "error_after")

    assert told(await sibs.post("/payments", order_body())) == (503, "T9999")
    assert told(await sibs.find("H1")) == (200, "Pending")
    assert await sibs.books() == []


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "truncate", "garbage"])
@pytest.mark.parametrize(("verb", "operation"), STEPS)
async def test_a_step_whose_answer_is_lost_is_found_by_its_reference(
    sibs: Sibs, verb: str, operation: str, fault: str
) -> None:
    order_id = await sibs.hold()
    await sibs.arm(operation, fault)

    try:
        answer = await sibs.act(order_id, verb, 100, "F1")
    except (httpx.ReadError, httpx.RemoteProtocolError):
        answer = None
    else:
        with pytest.raises(ValueError, match=r".+"):
            answer.json()

    assert (answer is None) == fault.startswith("drop")
    found = await sibs.find("F1")
    moved = len((await sibs.books())[0]["effects"]) - 1
    expected = ((404, "404"), 0) if fault == "drop_before" else ((200, "Success"), 1)
    assert expected == (told(found), moved)


@pytest.mark.parametrize(
    ("verb", "operation", "word", "kind"),
    [
        ("capture", "capture", "InProcessing", "capture"),
        ("cancellation", "release", "Timeout", "release"),
    ],
)
async def test_an_undecided_step_shows_its_word_until_it_is_known(
    sibs: Sibs, verb: str, operation: str, word: str, kind: str
) -> None:
    order_id = await sibs.hold()
    await sibs.arm(operation, "stay_pending", resolve_after_s=30)

    answer = await sibs.act(order_id, verb, 100, "F1")
    meanwhile = await sibs.act(order_id, verb, 100, "F2")
    assert [told(answer), told(await sibs.find("F1"))] == [(200, word)] * 2
    assert (told(meanwhile), len((await sibs.books())[0]["effects"])) == ((409, "409"), 1)
    await sibs.advance(30)

    assert told(await sibs.find("F1")) == (200, "Success")
    [hold] = await sibs.books()
    assert effects(hold)[1:] == [(kind, 10000, "F1")]


@pytest.mark.parametrize(("verb", "operation"), STEPS)
async def test_an_undecided_step_may_end_declined(sibs: Sibs, verb: str, operation: str) -> None:
    order_id = await sibs.hold()
    await sibs.arm(operation, "stay_pending", resolve_after_s=30, ends="declined")
    await sibs.act(order_id, verb, 100, "F1")

    await sibs.advance(30)

    assert told(await sibs.find("F1")) == (200, "Declined")
    assert effects((await sibs.books())[0]) == [("authorize", 10000, "H1")]


async def test_an_undecided_purchase_may_end_declined(sibs: Sibs) -> None:
    order = await sibs.order()
    await sibs.arm("authorize", "stay_pending", resolve_after_s=30, ends="declined")
    assert told(await sibs.pay(order)) == (200, "Pending")

    await sibs.advance(30)

    assert (await sibs.status(order["transactionID"]))["paymentStatus"] == "Declined"
    assert [effect[0] for effect in effects((await sibs.books())[0])] == ["decline"]


async def test_an_unpaid_order_whose_cancellation_ends_declined_can_be_paid(sibs: Sibs) -> None:
    order = await sibs.order()
    await sibs.arm("release", "stay_pending", resolve_after_s=30, ends="declined")
    answer = await sibs.act(order["transactionID"], "cancellation", 100, "X1")

    await sibs.advance(30)

    assert told(answer) == (200, "Timeout")
    assert told(await sibs.find("X1")) == (200, "Declined")
    assert told(await sibs.pay(order)) == (200, "Success")


async def test_an_undecided_capture_comes_to_nothing_if_the_hold_lapses_first(sibs: Sibs) -> None:
    order_id = await sibs.hold()
    await sibs.http.post("/admin/clock", json={"hold_s": 20})
    await sibs.arm("capture", "stay_pending", resolve_after_s=30)
    await sibs.act(order_id, "capture", 100, "C1")

    await sibs.advance(30)

    assert told(await sibs.find("C1")) == (200, "Declined")
    assert (await sibs.books())[0]["state"] == "expired"


async def test_what_an_earlier_capture_took_does_not_speak_for_a_later_one(sibs: Sibs) -> None:
    order_id = await sibs.hold()
    await sibs.http.post("/admin/clock", json={"hold_s": 20})
    first = await sibs.act(order_id, "capture", 40, "C1")
    await sibs.arm("capture", "stay_pending", resolve_after_s=30)
    second = await sibs.act(order_id, "capture", 40, "C1")

    await sibs.advance(30)

    ids = [answer.json()["transactionID"] for answer in (first, second)]
    words = [(await sibs.status(each))["paymentStatus"] for each in ids]
    assert words == ["Success", "Declined"]
    assert (await sibs.find("C1")).json()["transactionID"] == ids[0]


async def test_an_undecided_purchase_is_pending_and_cannot_be_cancelled(sibs: Sibs) -> None:
    order = await sibs.order()
    order_id = order["transactionID"]
    await sibs.arm("authorize", "stay_pending", resolve_after_s=30)

    assert told(await sibs.pay(order)) == (200, "Pending")
    status = await sibs.status(order_id)
    assert (status["paymentStatus"], status["paymentMethod"]) == ("Pending", "CARD")
    assert told(await sibs.act(order_id, "cancellation", 100, "X1")) == (409, "409")
    assert await sibs.books() == []
    await sibs.advance(30)

    assert (await sibs.status(order_id))["paymentStatus"] == "Success"
    [hold] = await sibs.books()
    assert effects(hold) == [("authorize", 10000, "H1")]


async def test_an_unpaid_order_is_dead_while_its_cancellation_is_not_known(sibs: Sibs) -> None:
    order = await sibs.order()
    await sibs.arm("release", "stay_pending", resolve_after_s=30)

    answer = await sibs.act(order["transactionID"], "cancellation", 100, "X1")

    assert (told(answer), told(await sibs.pay(order))) == ((200, "Timeout"), (409, "409"))
    await sibs.advance(30)
    assert told(await sibs.find("X1")) == (200, "Success")


@pytest.mark.parametrize(("verb", "operation"), STEPS)
async def test_a_declined_step_moves_nothing(sibs: Sibs, verb: str, operation: str) -> None:
    order_id = await sibs.hold()
    await sibs.arm(operation, "decline")

    declined = await sibs.act(order_id, verb, 100, "F1")

    assert (told(declined), returned(declined)) == ((200, "Declined"), "E0119")
    assert told(await sibs.find("F1")) == (200, "Declined")
    assert told(await sibs.act(order_id, verb, 100, "F2")) == (200, "Success")


async def test_a_declined_cancellation_leaves_the_order_payable(sibs: Sibs) -> None:
    order = await sibs.order()
    await sibs.arm("release", "decline")

    assert told(await sibs.act(order["transactionID"], "cancellation", 100, "X1")) == (
        200,
        "Declined",
    )
    assert told(await sibs.pay(order)) == (200, "Success")


async def test_a_cancellation_of_a_part_meets_the_faults_of_an_adjustment(sibs: Sibs) -> None:
    order_id = await sibs.hold()
    await sibs.arm("adjust", "decline")
    await sibs.arm("release", "error_before")

    part = await sibs.act(order_id, "cancellation", 20, "X1")
    whole = await sibs.act(order_id, "cancellation", 100, "X2")

    assert [told(part), told(whole)] == [(200, "Declined"), (503, "T9999")]


async def test_a_fault_happens_to_a_look_up_too(sibs: Sibs) -> None:
    order_id = await sibs.hold()
    await sibs.arm("look_up", "error_after", times=2)

    by_id = await sibs.get(f"/payments/{order_id}/status")
    by_reference = await sibs.find("H1")

    assert [told(by_id), told(by_reference)] == [(503, "T9999")] * 2
    assert told(await sibs.find("H1")) == (200, "Success")


async def test_nothing_can_be_approved_for_less(sibs: Sibs) -> None:
    refused = await sibs.arm("authorize", "approve_less", amount_minor=500)

    assert refused.status_code == 400


async def test_two_purchases_at_once_hold_once(sibs: Sibs) -> None:
    order = await sibs.order()
    await sibs.arm("authorize", "delay", delay_s=0.1)

    slow, quick = await asyncio.gather(sibs.pay(order), sibs.pay(order))

    assert sorted([told(slow), told(quick)]) == [(200, "Success"), (409, "409")]
    assert len(await sibs.books()) == 1

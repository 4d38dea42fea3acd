"""Stax's operations, each over real HTTP; the bank's books say what happened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from simulator.faces import StaxFace
from simulator.server import Simulator
from tests.simulator.stax_client import METHOD, Stax, charge_body, flags, moved, stax_of

DAY_S = 86400


@pytest.fixture
async def stax(sim: Simulator) -> AsyncIterator[Stax]:
    never(sim)
    async with stax_of(sim) as client:
        yield client


def never(sim: Simulator) -> None:
    """Let no batch close: the tests that want one say when."""
    sim.face(StaxFace).rules.batch_close_at = None


def in_half_an_hour(sim: Simulator) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=30)
    sim.face(StaxFace).rules.batch_close_at = time(soon.hour, soon.minute)


async def test_a_pre_authorization_holds_and_takes_nothing(stax: Stax) -> None:
    held = await stax.hold(123.45, idempotency_id="k1")

    assert (held["type"], held["pre_auth"], held["total"]) == ("pre_auth", True, 123.45)
    assert flags(held) == (True, 0, False)
    assert (held["is_voidable"], held["child_captures"], held["child_transactions"]) == (
        True,
        [],
        [],
    )
    assert held == await stax.read(held)
    [hold] = await stax.books()
    assert (hold["gateway"], hold["payment_id"], hold["reference"]) == ("stax", held["id"], "H1")
    assert (hold["state"], hold["currency"], hold["effects"][0]["key"]) == ("open", "USD", "k1")
    assert moved(hold) == [("authorize", 12345)]


async def test_without_pre_auth_it_is_a_sale(stax: Stax) -> None:
    body = charge_body(50)
    del body["pre_auth"]

    sold = (await stax.post("/charge", body)).json()

    assert (sold["type"], sold["pre_auth"], sold["is_captured"]) == ("charge", False, 0)
    [hold] = await stax.books()
    assert moved(hold) == [("authorize", 5000), ("capture", 5000)]


async def test_a_capture_answers_with_its_pre_authorization_and_frees_the_rest(stax: Stax) -> None:
    held = await stax.hold(100)

    answer = await stax.act(held, "capture", {"total": 64.5, "idempotency_id": "c1"})

    shown = answer.json()
    [child] = shown["child_captures"]
    assert (answer.status_code, shown["id"], shown["total"]) == (200, held["id"], 100)
    assert flags(shown) == (True, 1, False)
    assert (child["type"], child["total"], child["auth_id"]) == ("capture", 64.5, held["id"])
    assert (child["success"], child["is_voidable"], child["pre_auth"]) == (True, True, False)
    assert shown["is_voidable"] is False
    [hold] = await stax.books()
    assert (hold["state"], moved(hold)[1:]) == ("captured", [("capture", 6450), ("release", 3550)])
    assert [effect["key"] for effect in hold["effects"][1:]] == ["c1", "c1"]


async def test_a_capture_can_be_read_by_itself(stax: Stax) -> None:
    held = await stax.hold(100)
    child = await stax.capture(held, total=64.5)

    alone = await stax.read(child)

    assert (alone["id"], alone["total"], alone["auth_id"]) == (child["id"], 64.5, held["id"])
    assert (alone["parent_auth"]["id"], alone["parent_auth"]["is_captured"]) == (held["id"], 1)


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        ({"total": 30, "amount": 40}, 3000),
        ({"amount": 40}, 4000),
        ({"total": None, "amount": 40}, 4000),
        ({"amount_minor": 4000}, 10000),
        ({}, 10000),
        (None, 10000),
    ],
)
async def test_a_capture_reads_total_then_amount_and_else_takes_everything(
    stax: Stax, body: object, taken: int
) -> None:
    held = await stax.hold(100)

    await stax.act(held, "capture", body)

    [hold] = await stax.books()
    assert taken == hold["captured_minor"]


async def test_a_repeated_capture_is_judged_by_the_state_whatever_its_id(stax: Stax) -> None:
    held = await stax.hold(100)
    body = {"total": 60, "idempotency_id": "c1"}
    first = await stax.act(held, "capture", body)

    again = await stax.act(held, "capture", body)

    assert [first.status_code, again.status_code] == [200, 400]
    assert "already been captured" in again.json()["error"][0]
    assert first.json()["child_captures"][0]["idempotency_id"] is None
    assert len((await stax.read(held))["child_captures"]) == 1


async def test_a_switch_makes_captures_know_their_ids(sim: Simulator, stax: Stax) -> None:
    sim.face(StaxFace).rules.capture_knows_ids = True
    held, other = await stax.hold(100), await stax.hold(100)
    body = {"total": 60, "idempotency_id": "c1"}
    first = await stax.act(held, "capture", body)

    again = await stax.act(held, "capture", body)
    elsewhere = await stax.act(other, "capture", body)
    changed = await stax.act(held, "capture", body | {"total": 61})

    assert first.json() == again.json()
    assert first.json()["child_captures"][0]["idempotency_id"] == "c1"
    assert [elsewhere.status_code, changed.status_code] == [409, 409]
    assert [hold["captured_minor"] for hold in await stax.books()] == [6000, 0]


async def test_a_switch_makes_a_capture_answer_with_itself(sim: Simulator, stax: Stax) -> None:
    sim.face(StaxFace).rules.capture_shows_child = True
    held = await stax.hold(100)

    shown = (await stax.act(held, "capture", {"total": 60})).json()

    assert (shown["type"], shown["auth_id"], shown["total"]) == ("capture", held["id"], 60)


async def test_a_void_frees_the_hold(stax: Stax) -> None:
    held = await stax.hold(100)

    answer = await stax.act(held, "void")

    shown = answer.json()
    [child] = shown["child_transactions"]
    assert (answer.status_code, flags(shown)) == (200, (True, 0, True))
    assert (child["type"], child["reference_id"], child["is_voided"]) == ("void", held["id"], None)
    [hold] = await stax.books()
    assert (hold["state"], moved(hold)[1:]) == ("released", [("release", 10000)])
    assert hold["effects"][1]["key"] == f"{held['id']}:void"


async def test_a_second_void_is_refused_by_its_field(stax: Stax) -> None:
    held = await stax.hold(100)
    await stax.act(held, "void")

    again = await stax.act(held, "void")

    assert again.status_code == 422
    assert again.json() == {"total": ["The transaction has already been voided."]}
    [hold] = await stax.books()
    assert len(hold["effects"]) == 2


REFUSALS: list[tuple[str, str, dict[str, Any], int]] = [
    ("captured", "capture", {"total": 1}, 400),
    ("captured", "void", {}, 400),
    ("voided", "capture", {"total": 1}, 400),
    ("expired", "capture", {"total": 1}, 400),
    ("expired", "void", {}, 400),
    ("expired", "void-or-refund", {}, 400),
    ("declined", "capture", {"total": 1}, 400),
    ("declined", "void", {}, 400),
    ("open", "capture", {"total": 100.01}, 400),
    ("open", "capture", {"total": 0}, 422),
    ("open", "refund", {}, 422),
    ("open", "void-or-refund", {"total": 1}, 422),
]


@pytest.mark.parametrize(("state", "verb", "body", "status"), REFUSALS)
async def test_what_the_state_forbids_is_refused_and_moves_nothing(
    stax: Stax, state: str, verb: str, body: dict[str, Any], status: int
) -> None:
    method = "card-declined-1" if state == "declined" else METHOD
    held = (await stax.post("/charge", charge_body(100, payment_method_id=method))).json()
    if state == "captured":
        await stax.act(held, "capture", {"total": 80})
    if state == "voided":
        await stax.act(held, "void")
    if state == "expired":
        await stax.advance(8 * DAY_S)
    before = await stax.books()

    answer = await stax.act(held, verb, body)

    assert status == answer.status_code
    assert all(texts and isinstance(texts, list) for texts in answer.json().values())
    assert before == await stax.books()


@pytest.mark.parametrize("verb", ["capture", "void", "void-or-refund", "refund"])
async def test_a_transaction_that_does_not_exist_is_a_404(stax: Stax, verb: str) -> None:
    unknown = {"id": "6f49149d-69a1-48e6-bec5-d63eb5816118"}

    assert (await stax.act(unknown, verb)).status_code == 404
    assert (await stax.get(f"/transaction/{unknown['id']}")).status_code == 404


async def test_what_is_no_pre_authorization_cannot_be_captured(stax: Stax) -> None:
    sold = await stax.hold(100, pre_auth=False)
    child = await stax.capture(await stax.hold(100))

    answers = [await stax.act(one, "capture", {"total": 1}) for one in (sold, child)]

    assert [answer.status_code for answer in answers] == [404, 404]


async def test_a_lapsed_hold_looks_as_it_did_before(stax: Stax) -> None:
    held = await stax.hold(100)

    await stax.advance(8 * DAY_S)

    assert held == await stax.read(held)
    [hold] = await stax.books()
    assert (hold["state"], moved(hold)[1:]) == ("expired", [("expire", 10000)])


async def test_several_captures_leave_the_rest_until_it_is_voided(sim: Simulator) -> None:
    never(sim)
    async with stax_of(sim, key="several-captures") as stax:
        held = await stax.hold(100)
        await stax.capture(held, total=30)
        await stax.capture(held, total=20)
        too_much = await stax.act(held, "capture", {"total": 50.01})
        between = await stax.read(held)

        freed = (await stax.act(held, "void")).json()

        assert too_much.status_code == 400
        assert (flags(between), between["is_voidable"]) == ((True, 1, False), True)
        assert [child["total"] for child in freed["child_captures"]] == [30, 20]
        assert [child["total"] for child in freed["child_transactions"]] == [50]
        assert flags(freed) == (True, 1, True)
        [hold] = await stax.books()
        assert moved(hold)[1:] == [("capture", 3000), ("capture", 2000), ("release", 5000)]
        assert hold["state"] == "captured"


async def test_a_processor_may_leave_the_rest_of_its_only_capture(sim: Simulator) -> None:
    never(sim)
    async with stax_of(sim, key="void-rest") as stax:
        held = await stax.hold(100)
        await stax.capture(held, total=30)

        second = await stax.act(held, "capture", {"total": 20})
        [between] = await stax.books()
        freed = await stax.act(held, "void")

        assert (second.status_code, freed.status_code) == (400, 200)
        assert (between["state"], between["captured_minor"]) == ("open", 3000)
        [hold] = await stax.books()
        assert moved(hold)[1:] == [("capture", 3000), ("release", 7000)]


async def test_a_rest_that_nobody_voids_lapses(sim: Simulator) -> None:
    async with stax_of(sim, key="void-rest") as stax:
        held = await stax.hold(100)
        await stax.capture(held, total=30)

        await stax.advance(8 * DAY_S)

        assert (await stax.act(held, "void")).status_code == 400
        [hold] = await stax.books()
        assert moved(hold)[1:] == [("capture", 3000), ("expire", 7000)]


async def test_the_void_of_a_capture_gives_it_back_until_the_batch_closes(
    sim: Simulator, stax: Stax
) -> None:
    in_half_an_hour(sim)
    first, second = await stax.hold(100), await stax.hold(200)
    early, late = await stax.capture(first, total=80), await stax.capture(second)
    undone = await stax.act(early, "void")
    too_early = await stax.act(late, "refund", {"total": 1})

    await stax.advance(1800)
    too_late = await stax.act(late, "void")
    refunded = await stax.act(late, "refund", {"total": 50})
    too_much = await stax.act(late, "refund", {"total": 150.01})

    assert (undone.status_code, flags(undone.json())) == (200, (True, 0, True))
    assert (too_early.status_code, list(too_early.json())) == (422, ["created_at"])
    assert (too_late.status_code, too_much.status_code) == (400, 422)
    assert refunded.json()["total_refunded"] == 50
    assert [child["type"] for child in refunded.json()["child_transactions"]] == ["refund"]
    assert refunded.json()["batched_at"] is not None
    assert [hold["refunded_minor"] for hold in await stax.books()] == [8000, 5000]


@pytest.mark.parametrize("batched", [False, True])
async def test_void_or_refund_of_a_captured_hold_gives_the_money_back(
    sim: Simulator, stax: Stax, *, batched: bool
) -> None:
    in_half_an_hour(sim)
    held = await stax.hold(100)
    await stax.capture(held, total=80)
    if batched:
        await stax.advance(1800)

    answer = await stax.act(held, "void-or-refund")

    assert answer.status_code == 200
    [hold] = await stax.books()
    assert (hold["state"], hold["refunded_minor"]) == ("captured", 8000)


async def test_void_or_refund_of_an_open_hold_frees_it(stax: Stax) -> None:
    held = await stax.hold(100)

    answer = await stax.act(held, "void-or-refund", {"total": 100})

    assert flags(answer.json()) == (True, 0, True)
    [hold] = await stax.books()
    assert moved(hold)[1:] == [("release", 10000)]


async def test_batches_close_at_eight_in_the_evening_eastern_standard_time(sim: Simulator) -> None:
    assert sim.face(StaxFace).rules.batch_close_at == time(1, 0)


@pytest.mark.parametrize("method", ["tok-declined", "declined"])
async def test_a_declined_charge_is_a_400_with_the_transaction(stax: Stax, method: str) -> None:
    answer = await stax.post("/charge", charge_body(100, payment_method_id=method))

    shown = answer.json()
    assert (answer.status_code, flags(shown)) == (400, (False, 0, False))
    assert (shown["message"], shown["total"]) == ("Do Not Honor", 100)
    assert shown == await stax.read(shown)
    [hold] = await stax.books()
    assert (hold["state"], moved(hold)) == ("declined", [("decline", 10000)])


async def test_everything_is_there_again_after_a_restart(tmp_path: Path) -> None:
    data = tmp_path / "bank.sqlite"
    async with Simulator(data=data) as sim, stax_of(sim, "several") as stax:
        held = await stax.hold(100, idempotency_id="k1")
        await stax.capture(held, total=30)
        before = await stax.read(held)

    async with Simulator(data=data) as sim, stax_of(sim, "several") as stax:
        after = await stax.read(held)
        replay = await stax.hold(100, idempotency_id="k1")
        await stax.http.post("/admin/reset")
        forgotten = await stax.get(f"/transaction/{held['id']}")

    assert before == after == replay
    assert forgotten.status_code == 404

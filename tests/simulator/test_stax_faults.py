"""Faults at Stax, met over a real connection; the books and a look-up tell what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from simulator.faces import FACES
from simulator.server import Simulator
from tests.simulator.stax_client import Stax, charge_body, flags, moved, stax_of

BODY = charge_body(100, idempotency_id="k1")


@pytest.fixture
async def stax(sim: Simulator) -> AsyncIterator[Stax]:
    async with stax_of(sim) as client:
        yield client


@pytest.mark.parametrize(
    ("fault", "status", "booked"),
    [
        ("error_before", 500, 0),
        ("error_after", 500, 1),
        ("throttle", 429, 0),
        ("unauthorized", 401, 0),
        ("garbage", 200, 1),
    ],
)
async def test_a_fault_happens_once_and_a_repeated_charge_tells_the_truth(
    stax: Stax, fault: str, status: int, booked: int
) -> None:
    await stax.arm("authorize", fault)

    first = await stax.post("/charge", BODY)
    holds = len(await stax.books())
    again = await stax.post("/charge", BODY)

    assert (status, booked) == (first.status_code, holds)
    assert flags(again.json()) == (True, 0, False)
    assert len(await stax.books()) == 1


@pytest.mark.parametrize(("verb", "kind"), [("capture", "capture"), ("void", "release")])
async def test_an_answer_that_was_lost_can_be_looked_up(stax: Stax, verb: str, kind: str) -> None:
    held = await stax.hold(100)
    await stax.arm(kind, "drop_after")

    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await stax.act(held, verb)

    shown = await stax.read(held)
    assert (shown["is_captured"], shown["is_voided"]) == (verb == "capture", verb == "void")
    [hold] = await stax.books()
    assert moved(hold)[1:] == [(kind, 10000)]


async def test_a_throttled_call_is_told_when_to_come_back(stax: Stax) -> None:
    await stax.arm("look_up", "throttle", retry_after_s=3600)

    answer = await stax.get("/transaction")

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3600")
    assert list(answer.json()) == ["error"]


async def test_two_charges_with_one_id_at_the_same_time_are_one(stax: Stax) -> None:
    await stax.arm("authorize", "delay", delay_s=0.2)

    first, second = await asyncio.gather(stax.post("/charge", BODY), stax.post("/charge", BODY))

    assert first.json()["id"] == second.json()["id"]
    assert len(await stax.books()) == 1


async def test_making_a_card_is_the_operation_token(stax: Stax) -> None:
    await stax.arm("token", "error_before")

    refused = await stax.post("/customer", {"firstname": "Ada"})
    made = await stax.post("/customer", {"firstname": "Ada"})

    assert [refused.status_code, made.status_code] == [500, 200]


@pytest.mark.parametrize(
    ("operation", "verb", "children"),
    [("capture", "capture", "child_captures"), ("release", "void", "child_transactions")],
)
async def test_a_declined_step_is_a_400_with_what_failed_and_leaves_the_hold(
    stax: Stax, operation: str, verb: str, children: str
) -> None:
    held = await stax.hold(100)
    await stax.arm(operation, "decline")

    answer = await stax.act(held, verb)

    failed, shown = answer.json(), await stax.read(held)
    assert (answer.status_code, failed["success"], failed["type"]) == (400, False, verb)
    assert failed["message"] == "Do Not Honor"
    assert [failed["id"]] == [child["id"] for child in shown[children]]
    assert flags(shown) == (True, 0, False)
    [hold] = await stax.books()
    assert (hold["state"], len(hold["effects"])) == ("open", 1)
    assert (await stax.act(held, verb)).status_code == 200


async def test_a_declined_void_of_a_capture_leaves_it_taken(stax: Stax) -> None:
    taken = await stax.capture(await stax.hold(100))
    await stax.arm("release", "decline")

    answer = await stax.act(taken, "void")

    assert (answer.status_code, answer.json()["success"]) == (400, False)
    assert (await stax.read(taken))["is_voided"] is False
    [hold] = await stax.books()
    assert hold["refunded_minor"] == 0


async def test_an_authorization_stays_pending_until_it_is_decided(stax: Stax) -> None:
    await stax.arm("authorize", "stay_pending", resolve_after_s=3600)
    waiting = await stax.hold(100, idempotency_id="k1")
    early = await stax.act(waiting, "capture", {"total": 1})
    repeated = await stax.hold(100, idempotency_id="k1")
    books = await stax.books()

    await stax.advance(3600)

    assert (waiting["success"], waiting["message"], waiting["status"]) == (
        None,
        "pending",
        "PENDING",
    )
    assert (waiting["is_voidable"], early.status_code, books) == (False, 400, [])
    assert waiting == repeated
    decided = await stax.read(waiting)
    assert flags(decided) == (True, 0, False)
    assert "status" not in decided
    [hold] = await stax.books()
    assert moved(hold) == [("authorize", 10000)]


async def test_a_pending_authorization_may_end_declined(stax: Stax) -> None:
    await stax.arm("authorize", "stay_pending", resolve_after_s=60)
    waiting = await stax.hold(100, payment_method_id="declined")

    await stax.advance(60)

    assert waiting["success"] is None
    assert flags(await stax.read(waiting)) == (False, 0, False)
    [hold] = await stax.books()
    assert moved(hold) == [("decline", 10000)]


async def test_a_pending_authorization_is_declined_where_the_fault_says_so(stax: Stax) -> None:
    await stax.arm("authorize", "stay_pending", resolve_after_s=60, ends="declined")
    waiting = await stax.hold(100)

    await stax.advance(60)

    assert waiting["success"] is None
    assert flags(await stax.read(waiting)) == (False, 0, False)
    [hold] = await stax.books()
    assert moved(hold) == [("decline", 10000)]


@pytest.mark.parametrize(("operation", "verb"), [("capture", "capture"), ("release", "void")])
async def test_a_pending_step_may_end_declined(stax: Stax, operation: str, verb: str) -> None:
    held = await stax.hold(100)
    await stax.arm(operation, "stay_pending", resolve_after_s=60, ends="declined")
    pending = await stax.act(held, verb)

    await stax.advance(60)

    assert pending.status_code == 200
    decided = await stax.read(held)
    assert flags(decided) == (True, 0, False)
    [child] = decided["child_captures"] + decided["child_transactions"]
    assert child["success"] is False
    assert moved((await stax.books())[0]) == [("authorize", 10000)]


async def test_a_pending_sale_is_taken_when_it_is_decided(stax: Stax) -> None:
    await stax.arm("authorize", "stay_pending", resolve_after_s=60)
    waiting = await stax.hold(100, pre_auth=False)

    await stax.advance(60)

    assert (await stax.read(waiting))["success"] is True
    [hold] = await stax.books()
    assert moved(hold) == [("authorize", 10000), ("capture", 10000)]


STEPS: list[tuple[str, str, dict[str, Any], str, tuple[Any, ...], list[tuple[str, int]]]] = [
    (
        "capture",
        "capture",
        {"total": 80},
        "child_captures",
        (True, 1, False),
        [("capture", 8000), ("release", 2000)],
    ),
    ("release", "void", {}, "child_transactions", (True, 0, True), [("release", 10000)]),
]


@pytest.mark.parametrize(("operation", "verb", "body", "children", "after", "effects"), STEPS)
async def test_a_step_stays_pending_until_it_is_decided(  # noqa: PLR0913, PLR0917 - one row.
    stax: Stax,
    operation: str,
    verb: str,
    body: dict[str, Any],
    children: str,
    after: tuple[Any, ...],
    effects: list[tuple[str, int]],
) -> None:
    held = await stax.hold(100)
    await stax.arm(operation, "stay_pending", resolve_after_s=3600)

    answer = await stax.act(held, verb, body)
    again = await stax.act(held, verb, body)
    await stax.advance(3600)

    [child] = answer.json()[children]
    assert (answer.status_code, flags(answer.json())) == (200, (True, 0, False))
    assert (child["success"], child["status"], again.status_code) == (None, "PENDING", 400)
    decided = await stax.read(held)
    assert after == flags(decided)
    assert [one["success"] for one in decided[children]] == [True]
    [hold] = await stax.books()
    assert effects == moved(hold)[1:]


@pytest.mark.parametrize(("operation", "verb"), [("capture", "capture"), ("release", "void")])
async def test_a_pending_step_comes_to_nothing_when_the_hold_lapses_first(
    stax: Stax, operation: str, verb: str
) -> None:
    await stax.http.post("/admin/clock", json={"hold_s": 600})
    held = await stax.hold(100)
    await stax.arm(operation, "stay_pending", resolve_after_s=3600)
    pending = await stax.act(held, verb)

    await stax.advance(3600)

    assert pending.status_code == 200
    decided = await stax.read(held)
    assert flags(decided) == (True, 0, False)
    [child] = decided["child_captures"] + decided["child_transactions"]
    assert child["success"] is False
    [hold] = await stax.books()
    assert moved(hold)[1:] == [("expire", 10000)]


# What cannot happen at a gateway.


@pytest.mark.parametrize("operation", ["authorize", "*"])
@pytest.mark.parametrize(
    ("gateway", "fault", "more"),
    [
        ("stax", "require_action", {}),
        ("stax", "approve_less", {"amount_minor": 1}),
        ("payroc", "require_action", {}),
    ],
)
async def test_a_fault_that_a_gateway_cannot_show_is_refused_in_one_sentence(
    stax: Stax, operation: str, gateway: str, fault: str, more: dict[str, int]
) -> None:
    wish = {"gateway": gateway, "operation": operation, "fault": fault} | more

    answer = await stax.http.post("/admin/faults", json=wish)

    assert answer.status_code == 400
    sentence = f"{fault} cannot happen at {gateway}, which has no such answer."
    assert answer.json() == {"error": sentence}
    assert (await stax.http.delete("/admin/faults")).json() == {"faults": []}


async def test_every_fault_can_be_armed_where_it_can_happen(sim: Simulator, stax: Stax) -> None:
    more = {"approve_less": {"amount_minor": 1}}
    faults = ["decline", "approve_less", "stay_pending", "require_action"]
    for face in FACES:
        for fault in faults:
            wish = {"gateway": face.name, "operation": "authorize", "fault": fault}
            answer = await stax.http.post("/admin/faults", json=wish | more.get(fault, {}))
            assert (400 if fault in face.lacks else 200) == answer.status_code, wish
    armed = len(sim.faults.shown())
    assert armed == sum(len(faults) - len(face.lacks) for face in FACES)

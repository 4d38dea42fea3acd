"""Each fault, met over a real connection: what the client sees, and what the bank did."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from simulator.server import Simulator
from tests import loopback
from tests.simulator.payroc_client import (
    Payroc,
    effects,
    new_key,
    order_item,
    outcome,
    payment_body,
)


async def send(payroc: Payroc, key: str) -> httpx.Response:
    return await payroc.post("/payments", payment_body(), key=key)


@pytest.mark.parametrize(
    ("fault", "status", "booked"),
    [
        ("error_before", 500, 0),
        ("error_after", 500, 1),
        ("throttle", 429, 0),
        ("unauthorized", 401, 0),
        ("garbage", 200, 1),
        ("delay", 201, 1),
    ],
)
async def test_a_fault_happens_once_and_the_replay_tells_the_truth(
    payroc: Payroc, fault: str, status: int, booked: int
) -> None:
    key = new_key()
    more = {"delay_s": 0.05} if fault == "delay" else {}
    await payroc.arm("authorize", fault, **more)

    first = await send(payroc, key)
    holds = len(await payroc.books())
    second = await send(payroc, key)

    assert (status, booked) == (first.status_code, holds)
    assert outcome(second.json()) == ("pending", "A", 10000)
    assert len(await payroc.books()) == 1


@pytest.mark.parametrize(("fault", "booked"), [("drop_before", 0), ("drop_after", 1)])
async def test_a_dropped_connection_gives_no_answer(
    payroc: Payroc, fault: str, booked: int
) -> None:
    key = new_key()
    await payroc.arm("authorize", fault)

    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await send(payroc, key)

    assert booked == len(await payroc.books())
    assert (await send(payroc, key)).status_code == 201
    assert len(await payroc.books()) == 1


async def test_a_truncated_answer_is_a_short_body_or_a_broken_one(payroc: Payroc) -> None:
    await payroc.arm("authorize", "truncate", times=2)

    short = await send(payroc, new_key())
    with pytest.raises(httpx.RemoteProtocolError):
        await send(payroc, new_key())

    assert short.status_code == 201
    with pytest.raises(json.JSONDecodeError):
        short.json()
    assert len(await payroc.books()) == 2


@pytest.mark.parametrize("shows", ["page", "nothing"])
async def test_what_stands_in_the_place_of_an_answer_has_a_status_of_its_own(
    payroc: Payroc, shows: str
) -> None:
    await payroc.arm("authorize", "garbage", status=404, shows=shows)

    answer = await send(payroc, new_key())

    assert answer.status_code == 404
    assert answer.text.startswith("<!DOCTYPE html>") == (shows == "page")
    assert len(await payroc.books()) == 1


@pytest.mark.parametrize("framing", ["close", "length"])
async def test_the_framing_of_a_truncated_answer_can_be_chosen(
    payroc: Payroc, framing: str
) -> None:
    await payroc.arm("look_up", "truncate", framing=framing)

    try:
        seen = (await payroc.get("/payments")).status_code
    except httpx.RemoteProtocolError:
        seen = "broken"

    assert {"close": 200, "length": "broken"}[framing] == seen


async def test_a_throttled_call_is_told_when_to_come_back(payroc: Payroc) -> None:
    await payroc.arm("look_up", "throttle", retry_after_s=7)
    await payroc.arm("look_up", "throttle", retry_after_s="Fri, 31 Dec 1999 23:59:59 GMT")

    answers = [await payroc.get("/payments") for _ in range(3)]

    assert [answer.headers.get("retry-after") for answer in answers] == [
        "7",
        "Fri, 31 Dec 1999 23:59:59 GMT",
        None,
    ]


async def test_a_delayed_request_is_booked_also_when_its_client_has_gone(payroc: Payroc) -> None:
    await payroc.arm("authorize", "delay", delay_s=0.3)

    with pytest.raises(httpx.ReadTimeout):
        await payroc.http.post(
            "/payroc/v1/payments",
            json=payment_body(),
            headers={"Authorization": f"Bearer {payroc.bearer}", "Idempotency-Key": new_key()},
            timeout=0.1,
        )
    before = len(await payroc.books())
    await asyncio.sleep(0.4)

    assert [before, len(await payroc.books())] == [0, 1]


async def test_a_declined_authorization_is_a_payment(payroc: Payroc) -> None:
    await payroc.arm("authorize", "decline")

    payment = await payroc.create(10000)

    assert outcome(await payroc.read(payment))[:2] == ("declined", "D")
    [hold] = await payroc.books()
    assert effects(hold) == [("decline", 10000)]


@pytest.mark.parametrize(
    ("operation", "verb", "body"),
    [
        ("adjust", "adjust", order_item(15000)),
        ("capture", "capture", {}),
        ("release", "reverse", {}),
    ],
)
async def test_a_declined_step_moves_nothing(
    payroc: Payroc, operation: str, verb: str, body: dict[str, Any]
) -> None:
    payment = await payroc.create(10000)
    await payroc.arm(operation, "decline")

    answer = await payroc.act(payment, verb, body)

    assert answer.status_code == 200
    assert outcome(answer.json()) == ("pending", "D", 10000)
    assert outcome(await payroc.read(payment)) == ("pending", "A", 10000)
    [hold] = await payroc.books()
    assert effects(hold) == [("authorize", 10000)]


async def test_an_approval_for_less_says_so(payroc: Payroc) -> None:
    await payroc.arm("authorize", "approve_less", amount_minor=4000)

    payment = await payroc.create(10000)

    assert outcome(payment) == ("pending", "P", 4000)
    assert payment["order"]["amount"] == 10000
    [hold] = await payroc.books()
    assert effects(hold) == [("authorize", 4000)]


async def test_a_hold_for_less_is_an_ordinary_one_once_it_was_adjusted(payroc: Payroc) -> None:
    await payroc.arm("authorize", "approve_less", amount_minor=4000)
    payment = await payroc.create(10000)

    answer = await payroc.act(payment, "adjust", order_item(5000))

    assert outcome(answer.json()) == ("pending", "A", 5000)
    assert answer.json()["order"]["amount"] == 5000


async def test_a_sale_that_stays_pending_is_captured_when_it_is_decided(payroc: Payroc) -> None:
    await payroc.arm("authorize", "stay_pending", resolve_after_s=600)
    payment = await payroc.create(10000, autoCapture=True)

    await payroc.advance(600)

    assert outcome(await payroc.read(payment)) == ("ready", "A", 10000)
    [hold] = await payroc.books()
    assert effects(hold) == [("authorize", 10000), ("capture", 10000)]


@pytest.mark.parametrize(
    ("amount", "truth", "booked"),
    [
        (10000, ("pending", "A", 10000), ("authorize", 10000)),
        (10001, ("declined", "D", 0), ("decline", 10001)),
    ],
)
async def test_an_authorization_that_stays_pending_is_booked_when_it_is_decided(
    payroc: Payroc, amount: int, truth: tuple[str, str, int], booked: tuple[str, int]
) -> None:
    await payroc.arm("authorize", "stay_pending", resolve_after_s=600)

    payment = await payroc.create(amount)
    undecided = await payroc.read(payment)
    before = await payroc.books()
    await payroc.advance(600)

    assert ("accepted", "E", None) == outcome(payment) == outcome(undecided)
    assert before == []
    assert truth == outcome(await payroc.read(payment))
    [hold] = await payroc.books()
    assert [booked] == effects(hold)


@pytest.mark.parametrize(
    ("operation", "verb", "body", "status", "moved"),
    [
        ("adjust", "adjust", order_item(15000), "pending", [("adjust", 15000)]),
        ("adjust", "adjust", order_item(15001), "pending", []),
        ("capture", "capture", {"amount": 6000}, "ready", [("capture", 6000), ("release", 4000)]),
        ("release", "reverse", {}, "reversal", [("release", 10000)]),
    ],
)
async def test_a_step_that_stays_pending_takes_effect_when_it_is_decided(  # noqa: PLR0913, PLR0917 - one row of a table.
    payroc: Payroc,
    operation: str,
    verb: str,
    body: dict[str, Any],
    status: str,
    moved: list[tuple[str, int]],
) -> None:
    payment = await payroc.create(10000)
    await payroc.arm(operation, "stay_pending", resolve_after_s=600)

    answer = await payroc.act(payment, verb, body)
    meanwhile = await payroc.act(payment, "capture")
    before = effects((await payroc.books())[0])
    await payroc.advance(600)

    assert outcome(answer.json())[:2] == ("accepted", "E")
    assert meanwhile.status_code == 409
    assert before == [("authorize", 10000)]
    assert status == outcome(await payroc.read(payment))[0]
    [hold] = await payroc.books()
    assert moved == effects(hold)[1:]


@pytest.mark.parametrize(
    ("operation", "verb", "body"),
    [
        ("adjust", "adjust", order_item(15000)),
        ("capture", "capture", {"amount": 6000}),
        ("release", "reverse", {}),
    ],
)
async def test_a_step_that_stays_pending_may_end_declined(
    payroc: Payroc, operation: str, verb: str, body: dict[str, Any]
) -> None:
    payment = await payroc.create(10000)
    await payroc.arm(operation, "stay_pending", resolve_after_s=600, ends="declined")

    answer = await payroc.act(payment, verb, body)
    await payroc.advance(600)

    assert outcome(answer.json())[:2] == ("accepted", "E")
    assert outcome(await payroc.read(payment)) == ("pending", "A", 10000)
    [hold] = await payroc.books()
    assert effects(hold) == [("authorize", 10000)]


async def test_an_authorization_that_stays_pending_may_end_declined(payroc: Payroc) -> None:
    await payroc.arm("authorize", "stay_pending", resolve_after_s=600, ends="declined")

    payment = await payroc.create(10000)
    await payroc.advance(600)

    assert outcome(payment)[:2] == ("accepted", "E")
    assert outcome(await payroc.read(payment))[:2] == ("declined", "D")
    [hold] = await payroc.books()
    assert effects(hold) == [("decline", 10000)]


async def test_a_verdict_waits_for_an_operation_that_is_booked(payroc: Payroc) -> None:
    key = new_key()
    await send(payroc, key)
    await payroc.arm("authorize", "decline")

    replay = await send(payroc, key)
    invalid = await payroc.post("/payments", payment_body(0))
    fresh = await payroc.create(10000)

    assert outcome(replay.json())[0] == "pending"
    assert invalid.status_code == 400
    assert outcome(fresh)[0] == "declined"


async def test_faults_happen_in_order_to_their_own_operation(payroc: Payroc) -> None:
    await payroc.arm("capture", "error_before")
    await payroc.arm("authorize", "error_before", times=2)
    await payroc.arm("*", "throttle")

    statuses = [(await send(payroc, new_key())).status_code for _ in range(4)]

    assert statuses == [500, 500, 429, 201]
    armed = (await payroc.arm("token", "error_before")).json()["faults"]
    assert [(f["operation"], f["times"]) for f in armed] == [("capture", 1), ("token", 1)]


@pytest.mark.parametrize("fault", ["error_before", "throttle", "unauthorized"])
async def test_the_identity_service_has_weather_too(payroc: Payroc, fault: str) -> None:
    await payroc.arm("token", fault)
    headers = {"x-api-key": "any"}

    refused = await payroc.http.post("/payroc/authorize", headers=headers)
    given = await payroc.http.post("/payroc/authorize", headers=headers)

    assert {"error_before": 500, "throttle": 429, "unauthorized": 401}[fault] == (
        refused.status_code
    )
    assert given.status_code == 200


async def test_random_weather_is_the_same_for_the_same_seed(payroc: Payroc) -> None:
    async def draw() -> list[str]:
        await payroc.http.delete("/admin/faults")
        await payroc.arm("look_up", "random", seed=7, rate=0.5)
        return [await seen(payroc) for _ in range(20)]

    first, second = await draw(), await draw()

    assert first == second
    assert len(set(first)) > 2


async def seen(payroc: Payroc) -> str:
    try:
        answer = await payroc.get("/payments")
    except httpx.TransportError as error:
        return type(error).__name__
    return f"{answer.status_code} {len(answer.content)}"


@pytest.mark.parametrize("seed", range(3))
async def test_a_client_that_repeats_its_key_moves_money_once_in_any_weather(
    sim: Simulator, payroc: Payroc, seed: int
) -> None:
    await payroc.arm("*", "random", seed=seed, rate=0.4)

    for amount in range(10000, 10500, 100):
        payment = await insist(payroc, "/payments", payment_body(amount))
        place = f"/payments/{payment['paymentId']}"
        await insist(payroc, f"{place}/adjust", order_item(amount + 50))
        await insist(payroc, f"{place}/capture", {"amount": amount})

    assert list(sim.bank.carried_out.values()) == [1] * 15
    assert [hold["captured_minor"] for hold in sim.bank.books()["holds"]] == [
        10000,
        10100,
        10200,
        10300,
        10400,
    ]


async def insist(payroc: Payroc, path: str, body: object) -> dict[str, Any]:
    """Send the same request under the same key until it is answered in full."""
    key = new_key()
    for _ in range(50):
        try:
            answer = await payroc.post(path, body, key=key)
            if answer.status_code in (200, 201):
                return answer.json()
        except (httpx.TransportError, json.JSONDecodeError):
            continue
    raise AssertionError(f"{path} was not answered")


async def test_random_weather_can_come_with_the_start() -> None:
    async with (
        Simulator(seed=1, fault_rate=1) as stormy,
        loopback.client(stormy.url) as http,
    ):
        shown = (await http.post("/admin/faults", json={**TYPO, "operation": "token"})).json()
        armed = await http.post("/admin/faults", json={**TYPO, "fault": "delay"})

    assert "error" in shown
    assert "random" in [fault["fault"] for fault in armed.json()["faults"]]


TYPO = {"gateway": "payroc", "operation": "capture", "fault": "explode"}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({}, "fault"),
        ({"fault": "decline", "gateway": "bank"}, "gateway"),
        ({"fault": "decline", "operation": "refund"}, "operation"),
        ({"fault": "decline", "operation": "look_up"}, "look_up"),
        ({"fault": "truncate", "operation": "token"}, "token"),
        ({"fault": "approve_less", "operation": "authorize"}, "amount_minor"),
        ({"fault": "approve_less", "operation": "capture", "amount_minor": 1}, "capture"),
        ({"fault": "decline", "times": 0}, "times"),
        ({"fault": "decline", "times": True}, "times"),
        ({"fault": "decline", "delay_s": 1}, "delay_s"),
        ({"fault": "delay", "delay_s": -1}, "delay_s"),
        ({"fault": "delay", "delay_s": "1"}, "delay_s"),
        ({"fault": "truncate", "framing": "chunked"}, "framing"),
        ({"fault": "garbage", "status": 99}, "status"),
        ({"fault": "garbage", "shows": "a picture"}, "shows"),
        ({"fault": "stay_pending", "ends": "well"}, "ends"),
        ({"fault": "throttle", "retry_after_s": None}, "retry_after_s"),
        ({"fault": "throttle", "retry_after_s": "a\r\nb"}, "retry_after_s"),
        ({"fault": "random", "rate": 2}, "rate"),
        ({"fault": "random", "rate": 1, "seed": "x"}, "seed"),
        ({"fault": "random", "rate": 1, "times": 2}, "times"),
    ],
)
async def test_a_fault_that_is_not_understood_is_refused_in_one_sentence(
    payroc: Payroc, change: dict[str, Any], named: str
) -> None:
    answer = await payroc.http.post("/admin/faults", json=TYPO | change)

    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert named in answer.json()["error"]
    assert answer.json()["error"].endswith(".")
    assert outcome(await payroc.create())[0] == "pending"

"""Payroc's identity, idempotency, listing and errors over real HTTP."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from simulator.faces.payroc import PayrocFace
from simulator.server import Simulator
from tests.simulator.payroc_client import (
    Payroc,
    effects,
    new_key,
    order_item,
    outcome,
    payment_body,
)


async def test_a_token_needs_an_api_key(payroc: Payroc) -> None:
    missing = await payroc.http.post("/payroc/authorize")
    given = await payroc.http.post("/payroc/authorize", headers={"x-api-key": "k"})

    assert missing.status_code == 401
    assert (given.json()["expires_in"], given.json()["token_type"]) == (3600, "Bearer")


async def test_tokens_lapse_by_the_banks_clock_and_several_may_be_live(payroc: Payroc) -> None:
    first = payroc.bearer
    await payroc.http.post("/admin/clock", json={"advance_s": 1800})
    await payroc.log_in()
    second = payroc.bearer

    payroc.bearer = first
    both_live = (await payroc.get("/payments")).status_code
    await payroc.http.post("/admin/clock", json={"advance_s": 1801})
    lapsed = await payroc.get("/payments")
    payroc.bearer = second
    still_live = (await payroc.get("/payments")).status_code

    assert [both_live, lapsed.status_code, still_live] == [200, 401, 200]
    assert lapsed.json()["type"].endswith("#not-authorized")


async def test_the_same_request_with_the_same_key_is_booked_once(payroc: Payroc) -> None:
    key = new_key()
    body = payment_body()

    first = await payroc.post("/payments", body, key=key)
    again = await payroc.post("/payments", dict(reversed(body.items())), key=key)

    assert [first.status_code, again.status_code] == [201, 201]
    assert (first.json(), first.headers["location"]) == (again.json(), again.headers["location"])
    assert len(await payroc.books()) == 1


async def test_a_replay_tells_what_the_first_answer_told(payroc: Payroc) -> None:
    payment = await payroc.create(10000)
    key = new_key()
    first = await payroc.act(payment, "adjust", order_item(15000), key=key)
    await payroc.act(payment, "reverse")

    again = await payroc.act(payment, "adjust", order_item(15000), key=key)

    assert first.json() == again.json()
    assert outcome(await payroc.read(payment))[0] == "reversal"


async def test_a_key_belongs_to_one_uri_and_body(payroc: Payroc) -> None:
    key = new_key()
    payment = (await payroc.post("/payments", payment_body(), key=key)).json()

    other_body = await payroc.post("/payments", payment_body(9998), key=key)
    other_uri = await payroc.act(payment, "capture", {}, key=key)

    assert [other_body.status_code, other_uri.status_code] == [409, 409]
    assert other_body.json()["type"].endswith("#idempotency-key-in-use")
    [hold] = await payroc.books()
    assert effects(hold) == [("authorize", 10000)]


@pytest.mark.parametrize("days", [7, 3.5])
async def test_a_key_is_new_after_seven_days_or_as_long_as_set(
    sim: Simulator, payroc: Payroc, days: float
) -> None:
    assert sim.face(PayrocFace).rules.keeps_keys_for == timedelta(days=7)
    sim.face(PayrocFace).rules.keeps_keys_for = timedelta(days=days)
    key = new_key()
    await payroc.post("/payments", payment_body(), key=key)

    await payroc.advance(int(days * 86400) - 60)
    await payroc.post("/payments", payment_body(), key=key)
    kept = len(await payroc.books())
    await payroc.advance(60)
    await payroc.post("/payments", payment_body(), key=key)

    assert [kept, len(await payroc.books())] == [1, 2]


async def test_requests_with_one_key_at_once_are_booked_once(payroc: Payroc) -> None:
    key = new_key()
    await payroc.arm("authorize", "delay", delay_s=0.2)

    calls = [payroc.post("/payments", payment_body(), key=key) for _ in range(5)]
    answers = await asyncio.gather(*calls)

    assert {201} == {answer.status_code for answer in answers}
    assert len({answer.json()["paymentId"] for answer in answers}) == 1
    assert len(await payroc.books()) == 1


@pytest.mark.parametrize(("fault", "booked"), [("error_before", 0), ("error_after", 1)])
@pytest.mark.parametrize("keeps", [False, True])
async def test_a_key_stands_for_a_failure_only_where_failures_are_kept(
    sim: Simulator, payroc: Payroc, fault: str, booked: int, *, keeps: bool
) -> None:
    sim.face(PayrocFace).rules.keeps_errors = keeps
    key = new_key()
    await payroc.arm("authorize", fault)

    failed = await payroc.post("/payments", payment_body(), key=key)
    again = await payroc.post("/payments", payment_body(), key=key)
    anew = await payroc.post("/payments", payment_body(), key=new_key())

    assert [failed.status_code, again.status_code] == [500, 500 if keeps else 201]
    assert not keeps or failed.json() == again.json()
    assert anew.status_code == 201
    assert len(await payroc.books()) == (booked if keeps else 1) + 1


async def test_a_request_that_cannot_be_read_keeps_no_failure(
    sim: Simulator, payroc: Payroc
) -> None:
    sim.face(PayrocFace).rules.keeps_errors = True
    await payroc.arm("authorize", "error_before")

    failed = await payroc.post("/payments", payment_body(), key="no key")

    assert (failed.status_code, await payroc.books()) == (500, [])


async def test_an_invalid_request_does_not_use_its_key_up(payroc: Payroc) -> None:
    key = new_key()
    invalid = await payroc.post("/payments", payment_body("100"), key=key)

    corrected = await payroc.post("/payments", payment_body(100), key=key)

    assert [invalid.status_code, corrected.status_code] == [400, 201]


@pytest.mark.parametrize(
    ("key", "fragment"),
    [
        (None, "idempotency-key-missing"),
        ("not-a-uuid", "bad-request"),
        ("2d931510-d99f-194a-8c67-87feb05e1594", "bad-request"),  # A UUID of version 1.
    ],
)
async def test_a_key_has_to_be_a_uuid_v4(payroc: Payroc, key: str | None, fragment: str) -> None:
    headers = {"Authorization": f"Bearer {payroc.bearer}"}
    if key is not None:
        headers["Idempotency-Key"] = key

    answer = await payroc.http.post("/payroc/v1/payments", json=payment_body(), headers=headers)

    assert answer.status_code == 400
    assert answer.json()["type"].endswith(f"#{fragment}")
    assert await payroc.books() == []


def order(**changes: object) -> dict[str, Any]:
    return {"order": {"orderId": "H1", "amount": 10000, "currency": "USD"} | changes}


FIRST = {"sequence": "first", "processingModel": "unscheduled"}


def token(**changes: object) -> dict[str, Any]:
    return {"paymentMethod": {"type": "secureToken", "token": "296753000000"} | changes}


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        (order(amount=100.5), "amount"),
        (order(amount="100"), "amount"),
        (order(amount=True), "amount"),
        (order(amount=0), "amount"),
        (order(amount=2**63), "amount"),
        (order(currency="usd"), "currency"),
        (order(orderId=""), "orderId"),
        (order(orderId="x" * 25), "orderId"),
        (order(description="x" * 257), "description"),
        ({"order": {"amount": 1, "currency": "USD"}}, "orderId"),
        ({"credentialOnFile": {"mitAgreement": "unscheduled"}}, "standingInstructions"),
        (order(standingInstructions={**FIRST, "sequence": "third"}), "sequence"),
        ({"channel": "phone"}, "channel"),
        ({"processingTerminalId": "123"}, "processingTerminalId"),
        ({"operator": "x" * 51}, "operator"),
        ({"autoCapture": "false"}, "autoCapture"),
        ({"customFields": [{"name": "x" * 57, "value": "y"}]}, "name"),
        ({"customer": {"firstName": "x" * 61}}, "firstName"),
        (token(token="12345678901"), "token"),
        (token(token="12345678901234567890"), "token"),
        (token(token="29675300000x"), "token"),
        (token(type="singleUseToken", token="x" * 127), "token"),
        (token(type="cash"), "paymentMethod"),
    ],
)
async def test_a_body_is_checked_as_the_openapi_describes_it(
    payroc: Payroc, changes: dict[str, Any], parameter: str
) -> None:
    answer = await payroc.post("/payments", payment_body(**changes))

    problem = answer.json()
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert (
        problem["type"],
        problem["title"],
        problem["status"],
    ) == ("https://docs.payroc.com/api/errors#bad-request", "Bad request", 400)
    assert [parameter] == [item["parameter"] for item in problem["errors"]]
    assert await payroc.books() == []


async def test_unknown_fields_are_ignored(payroc: Payroc) -> None:
    payment = await payroc.create(favouriteColour="blue")

    assert outcome(payment)[0] == "pending"


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"amount": NaN}', b"\xff"])
async def test_a_body_that_is_no_json_object_is_a_400(payroc: Payroc, content: bytes) -> None:
    headers = {
        "Authorization": f"Bearer {payroc.bearer}",
        "Idempotency-Key": new_key(),
        "Content-Type": "application/json",
    }

    answer = await payroc.http.post("/payroc/v1/payments", content=content, headers=headers)

    assert answer.status_code == 400
    assert answer.json()["type"].endswith("#bad-request")


async def test_the_other_refusals_are_problems_too(payroc: Payroc) -> None:
    headers = {"Authorization": f"Bearer {payroc.bearer}"}
    http = payroc.http
    answers = {
        401: await http.get("/payroc/v1/payments"),
        404: await payroc.get("/payments/NOSUCHPAY1"),
        405: await http.put("/payroc/v1/payments", headers=headers),
        406: await http.get("/payroc/v1/payments", headers=headers | {"Accept": "text/html"}),
        415: await http.post(
            "/payroc/v1/payments",
            content=b"<a/>",
            headers=headers | {"Idempotency-Key": new_key(), "Content-Type": "text/xml"},
        ),
    }
    elsewhere = await payroc.get("/nothing-here")

    for status, answer in answers.items():
        assert status == answer.status_code == answer.json()["status"]
        assert answer.headers["content-type"] == "application/problem+json"
        assert {"type", "title", "detail"} <= answer.json().keys()
    assert answers[404].json()["resource"] == "payment"
    assert elsewhere.json()["status"] == 404


async def test_gateways_that_are_not_here_yet_are_not_found(payroc: Payroc) -> None:
    for name in ("sibs", "xmoney", "stax"):
        assert (await payroc.http.get(f"/{name}/anything")).status_code == 404


async def test_pages_follow_links_to_the_end_and_back(payroc: Payroc) -> None:
    ids = [(await payroc.create(100 * n + 50))["paymentId"] for n in range(1, 6)]
    headers = {"Authorization": f"Bearer {payroc.bearer}"}

    pages = [(await payroc.get("/payments", limit=2)).json()]
    while pages[-1]["hasMore"]:
        links = {link["rel"]: link for link in pages[-1]["links"]}
        assert links["next"]["href"].startswith("http://127.0.0.1:")
        pages.append((await payroc.http.get(links["next"]["href"], headers=headers)).json())
    back = {link["rel"]: link["href"] for link in pages[-1]["links"]}["previous"]
    previous = (await payroc.http.get(back, headers=headers)).json()

    assert ids[::-1] == [payment["paymentId"] for page in pages for payment in page["data"]]
    assert [page["count"] for page in pages] == [2, 2, 1]
    assert pages[1]["data"] == previous["data"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 3),
        ({"orderId": "two"}, 1),
        ({"orderId": "none"}, 0),
        ({"status": ["ready", "declined"]}, 2),
        ({"status": "pending"}, 1),
        ({"type": "sale"}, 3),
        ({"type": "preAuthorization"}, 0),
        ({"processingTerminalId": "1234001"}, 3),
        ({"operator": "desk"}, 1),
        ({"first6": "000000"}, 0),
        ({"tender": "ebt"}, 0),
        ({"tipMode": "noTip"}, 3),
        ({"settlementState": "settled"}, 0),
        ({"settlementDate": "2001-01-01"}, 0),
        ({"dateFrom": "2001-01-01T00:00:00Z"}, 3),
        ({"dateTo": "2001-01-01"}, 0),
        ({"paymentLinkId": "ABCDEFGHIJ"}, 0),
    ],
)
async def test_the_list_can_be_filtered(payroc: Payroc, query: dict[str, Any], count: int) -> None:
    await payroc.create(10000)
    await payroc.create(4901, **order(orderId="two", amount=4901))
    taken = await payroc.create(20000)
    await payroc.act(taken, "capture", {"operator": "desk"})

    answer = await payroc.get("/payments", **query)

    assert count == len(answer.json()["data"]) == answer.json()["count"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "9" * 5000}, "limit"),
        ({"status": "happy"}, "status"),
        ({"dateFrom": "yesterday"}, "dateFrom"),
        ({"settlementDate": "20"}, "settlementDate"),
        ({"after": "NOSUCHPAY1"}, "after"),
        ({"after": "A", "before": "B"}, "before"),
    ],
)
async def test_a_filter_that_cannot_be_read_is_a_400(
    payroc: Payroc, query: dict[str, Any], parameter: str
) -> None:
    answer = await payroc.get("/payments", **query)

    assert answer.status_code == 400
    assert [parameter] == [item["parameter"] for item in answer.json()["errors"]]


async def test_a_card_is_shown_masked_and_the_same_for_the_same_token(payroc: Payroc) -> None:
    keyed = {"dataFormat": "plainText", "cardNumber": "4539858876047062", "expiryDate": "1230"}
    details = {"entryMethod": "keyed", "keyedData": keyed | {"cvv": "123"}}
    card = {"type": "card", "cardDetails": details | {"cardholderName": "A Guest"}}

    typed = await payroc.create(paymentMethod=card)
    first, second = await payroc.create(), await payroc.create()

    assert typed["card"]["cardNumber"] == "453985******7062"
    assert typed["card"]["securityChecks"]["cvvResult"] == "M"
    assert first["card"] == second["card"]
    assert "4539858876047062" not in str(await payroc.read(typed))


async def test_a_single_use_token_is_good_once(payroc: Payroc) -> None:
    method = {"type": "singleUseToken", "token": "a" * 128}
    key = new_key()

    first = await payroc.post("/payments", payment_body(paymentMethod=method), key=key)
    replay = await payroc.post("/payments", payment_body(paymentMethod=method), key=key)
    second = await payroc.post("/payments", payment_body(paymentMethod=method))

    assert [first.status_code, replay.status_code, second.status_code] == [201, 201, 400]
    assert len(await payroc.books()) == 1


async def test_answers_are_dated_by_the_banks_clock(payroc: Payroc) -> None:
    before = await payroc.get("/payments")
    await payroc.advance(2 * 86400)
    after = await payroc.get("/payments")

    assert isinstance(after, httpx.Response)
    assert before.headers["date"] != after.headers["date"]

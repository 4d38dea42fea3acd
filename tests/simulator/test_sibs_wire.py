"""SIBS's wire: addresses, credentials, amounts digit by digit, and refusals.

Bodies are sent and read as text where a number's digits matter.
"""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from simulator.server import Simulator
from tests import loopback
from tests.simulator.sibs_client import (
    BASE,
    BEARER,
    TOKEN,
    Sibs,
    follow_up,
    order_body,
    returned,
    told,
)

BASES = ("", "/v1", "/v2", "/spg/v1", "/spg/v2", "/sibs/spg/v2", "/api/v1")


@pytest.fixture
async def sibs(sim: Simulator) -> AsyncIterator[Sibs]:
    async with loopback.client(sim.url) as http:
        yield Sibs(http)


async def spelled(sibs: Sibs, value: str, currency: str = "EUR") -> httpx.Response:
    """Order an amount that is spelled so."""
    body = order_body(0, amount={"value": 0, "currency": currency})
    text = json.dumps(body).replace('"value": 0', f'"value": {value}')
    headers = BEARER | {"Content-Type": "application/json"}
    return await sibs.http.post(f"{BASE}/payments", content=text, headers=headers)


@pytest.mark.parametrize("base", BASES)
async def test_every_published_base_url_serves_the_same(sibs: Sibs, base: str) -> None:
    made = await sibs.http.post(f"/sibs{base}/payments", json=order_body(), headers=BEARER)

    assert made.status_code == 200
    path = f"/payments/{made.json()['transactionID']}/status"
    here = await sibs.http.get(f"/sibs{base}{path}", headers=BEARER)
    assert (here.status_code, (await sibs.get(path)).status_code) == (200, 200)


async def test_an_order_answers_in_the_words_of_a_checkout_alone(sibs: Sibs) -> None:
    """Clients made from SIBS's swagger refuse a word that a checkout does not know."""
    order = await sibs.order()

    assert set(order) == {
        "amount",
        "execution",
        "expiry",
        "formContext",
        "merchant",
        "paymentMethodList",
        "returnStatus",
        "tokenList",
        "transactionID",
        "transactionSignature",
    }
    assert order["tokenList"] == []
    life = datetime.fromisoformat(order["expiry"]) - datetime.now(UTC)
    assert timedelta(hours=23) < life <= timedelta(days=1)


async def test_a_status_names_the_merchants_reference_both_ways(sibs: Sibs) -> None:
    """One name is that of the documents, the other that of published clients."""
    order_id = await sibs.hold(reference="H7")

    merchant = (await sibs.status(order_id))["merchant"]

    assert merchant == {
        "terminalId": "101776",
        "transactionId": "H7",
        "merchantTransactionId": "H7",
    }


@pytest.mark.parametrize("name", ["Authorization", "X-IBM-Client-Id"])
async def test_without_a_credential_nothing_is_served(sibs: Sibs, name: str) -> None:
    order_id = await sibs.hold()
    headers = {other: value for other, value in BEARER.items() if other != name}
    body = follow_up(order_id, 10, "F1")
    paths = [f"/payments/{order_id}/{verb}" for verb in ("capture", "cancellation", "refund")]

    answers = [
        await sibs.http.post(f"{BASE}/payments", json=order_body(), headers=headers),
        await sibs.http.post(
            f"{BASE}/payments/{order_id}/token/purchase", json=TOKEN, headers=headers
        ),
        await sibs.http.get(f"{BASE}/payments/{order_id}/status", headers=headers),
        await sibs.http.get(f"{BASE}/payments/status", headers=headers),
        *[await sibs.http.post(f"{BASE}{path}", json=body, headers=headers) for path in paths],
    ]

    assert [(answer.status_code, returned(answer)) for answer in answers] == [(401, "401")] * 7
    assert len((await sibs.books())[0]["effects"]) == 1


@pytest.mark.parametrize(
    ("value", "currency", "minor", "shown"),
    [
        ("10", "EUR", 1000, "10"),
        ("10.00", "EUR", 1000, "10"),
        ("19.20", "EUR", 1920, "19.2"),
        ("0.29", "EUR", 29, "0.29"),
        ("1e2", "EUR", 10000, "100"),
        ("1.234", "KWD", 1234, "1.234"),
        ("1500", "JPY", 1500, "1500"),
        ("9007199254740.993", "KWD", 9007199254740993, None),
        ("90071992547409.93", "PLN", 9007199254740993, None),
    ],
)
async def test_amounts_are_read_and_written_digit_by_digit(
    sibs: Sibs, value: str, currency: str, minor: int, shown: str | None
) -> None:
    made = await spelled(sibs, value, currency)
    if shown is None:
        # More than the books count, however exactly it is spelled.
        assert (told(made), minor > 10**15) == ((400, "E0101"), True)
        return
    order = made.json()
    await sibs.pay(order)

    captured = await sibs.act(order["transactionID"], "capture", json.loads(value), "C1", currency)

    assert f'"amount":{{"value":{shown},"currency":"{currency}"}}' in made.text
    assert captured.json()["amount"] == {"value": shown, "currency": currency}
    [hold] = await sibs.books()
    assert (hold["authorized_minor"], hold["captured_minor"]) == (minor, minor)


@pytest.mark.parametrize(
    "value",
    ['"10"', "0", "-1", "0.001", "true", "null", "NaN", "1e400", "1e-400", "{}", "1." + "0" * 40],
)
async def test_what_is_no_amount_is_refused(sibs: Sibs, value: str) -> None:
    assert told(await spelled(sibs, value)) == (400, "E0101")


async def test_a_fraction_of_a_yen_is_no_amount(sibs: Sibs) -> None:
    assert told(await spelled(sibs, "10.5", "JPY")) == (400, "E0101")


def without(body: dict[str, Any], path: str) -> dict[str, Any]:
    part, _, name = path.rpartition(".")
    copy = json.loads(json.dumps(body))
    del (copy[part] if part else copy)[name]
    return copy


@pytest.mark.parametrize(
    "path",
    [
        "merchant",
        "merchant.terminalId",
        "merchant.merchantTransactionId",
        "transaction",
        "transaction.transactionTimestamp",
        "transaction.description",
        "transaction.paymentType",
        "transaction.amount",
    ],
)
async def test_an_order_without_a_mandatory_field_is_refused(sibs: Sibs, path: str) -> None:
    answer = await sibs.post("/payments", without(order_body(), path))

    assert told(answer) == (400, "E0101")
    assert path.rpartition(".")[2] in answer.json()["returnStatus"]["statusDescription"]


@pytest.mark.parametrize(
    "changes",
    [
        {"paymentType": "SALE"},
        {"paymentMethod": ["MBWAY"]},
        {"transactionTimestamp": "yesterday"},
        {"amount": {"value": 1, "currency": "euro"}},
    ],
)
async def test_an_order_with_a_wrong_field_is_refused(sibs: Sibs, changes: dict[str, Any]) -> None:
    assert told(await sibs.post("/payments", order_body(**changes))) == (400, "E0101")


@pytest.mark.parametrize("path", ["merchant.merchantTransactionId", "transaction.amount"])
@pytest.mark.parametrize("verb", ["capture", "cancellation", "refund"])
async def test_a_step_without_a_mandatory_field_is_refused(
    sibs: Sibs, verb: str, path: str
) -> None:
    order_id = await sibs.hold()

    answer = await sibs.post(
        f"/payments/{order_id}/{verb}", without(follow_up(order_id, 10, "F1"), path)
    )

    assert told(answer) == (400, "E0101")


@pytest.mark.parametrize(
    "body",
    [{}, {"tokenInfo": {"value": ""}}, {"tokenInfo": {"value": "to ken"}}, {"cardInfo": {}}],
)
async def test_a_purchase_needs_a_means_of_payment(sibs: Sibs, body: dict[str, object]) -> None:
    order = await sibs.order()

    assert told(await sibs.pay(order, body)) == (400, "E0101")
    assert await sibs.books() == []


@pytest.mark.parametrize("content", ["", "no json", "[]", "[" * 100_000])
async def test_a_body_that_is_no_object_is_refused(sibs: Sibs, content: str) -> None:
    headers = BEARER | {"Content-Type": "application/json"}

    answer = await sibs.http.post(f"{BASE}/payments", content=content, headers=headers)

    assert told(answer) == (400, "E0101")


async def test_what_the_router_refuses_has_the_gateways_shape_too(sibs: Sibs) -> None:
    unknown = await sibs.get("/payments/none/status")
    elsewhere = await sibs.get("/nowhere")
    method = await sibs.http.put(f"{BASE}/payments", headers=BEARER)
    large = await sibs.post("/payments", {"padding": "x" * 1_100_000})

    answers = [unknown, elsewhere, method, large]
    assert [told(answer) for answer in answers] == [
        (404, "404"),
        (404, "404"),
        (405, "405"),
        (413, "413"),
    ]


@pytest.mark.parametrize("verb", ["capture", "cancellation", "refund"])
async def test_a_step_of_an_unknown_order_is_not_found(sibs: Sibs, verb: str) -> None:
    assert told(await sibs.act("none", verb, 10, "F1")) == (404, "404")

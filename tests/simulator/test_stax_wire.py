"""Stax's wire over real HTTP: keys, amounts, refusals, repeated charges, cards and lists."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulator.faces.stax import StaxFace
from simulator.server import Simulator
from tests.simulator.stax_client import METHOD, Stax, charge_body, exactly, stax_of

STAMP = "%Y-%m-%d %H:%M:%S"
# The published test cards; the second one always fails.
VISA, FAILING_VISA = "4111111111111111", "4012888888881881"


@pytest.fixture
async def stax(sim: Simulator) -> AsyncIterator[Stax]:
    async with stax_of(sim) as client:
        yield client


@pytest.mark.parametrize("header", [None, "Bearer", "Basic abc", "any-key"])
async def test_a_request_without_a_key_is_a_401(stax: Stax, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}

    charged = await stax.http.post("/stax/charge", headers=headers, json=charge_body())
    listed = await stax.http.get("/stax/transaction", headers=headers)

    assert [charged.status_code, listed.status_code] == [401, 401]
    assert await stax.books() == []


@pytest.mark.parametrize(
    ("sent", "minor", "shown"),
    [
        ("100", 10000, "100"),
        ("100.00", 10000, "100"),
        ("0.01", 1, "0.01"),
        ("0.1", 10, "0.1"),
        ("1.15", 115, "1.15"),
        ("8.165e1", 8165, "81.65"),
        ("99999999.99", 9999999999, "99999999.99"),
        ('"12.50"', 1250, "12.5"),
    ],
)
async def test_amounts_are_exact_both_ways(stax: Stax, sent: str, minor: int, shown: str) -> None:
    body = f'{{"payment_method_id":"{METHOD}","pre_auth":true,"meta":{{}},"total":{sent}}}'

    answer = await stax.http.post("/stax/charge", headers=stax.headers, content=body)

    assert f'"total":{shown},' in answer.text
    assert Decimal(shown) == exactly(answer)["total"]
    [hold] = await stax.books()
    assert minor == hold["authorized_minor"]


@pytest.mark.parametrize(
    "total",
    [
        *("0", "-1", "0.001", "1.234", "true", "[]", "null", "1e300", "100000000"),
        *('"1,00"', '"1e2"', '""', '"-1"', '"' + "9" * 40 + '"'),
        "1.00000000000000000000000000001",
    ],
)
async def test_an_amount_that_is_none_is_a_422(stax: Stax, total: str) -> None:
    body = f'{{"payment_method_id":"{METHOD}","pre_auth":true,"meta":{{}},"total":{total}}}'

    answer = await stax.http.post("/stax/charge", headers=stax.headers, content=body)

    assert answer.status_code == 422
    assert list(answer.json()) == ["total"]
    assert await stax.books() == []


async def test_all_fields_that_are_wrong_are_named_at_once(stax: Stax) -> None:
    answer = await stax.post("/charge", {"pre_auth": "yes", "idempotency_id": "x" * 256})

    assert answer.status_code == 422
    assert answer.json() == {
        "meta": ["The meta field is required."],
        "payment_method_id": ["The payment method id field is required."],
        "total": ["The total field is required."],
        "pre_auth": ["The pre auth field must be true or false."],
        "idempotency_id": ["The idempotency id may not be greater than 255 characters."],
    }


@pytest.mark.parametrize("set_", [True, 1, "1", "true"])
@pytest.mark.parametrize("unset", [False, 0, "0", "false", None])
async def test_flags_are_read_as_php_reads_them(stax: Stax, set_: object, unset: object) -> None:
    held = await stax.hold(1, pre_auth=set_)
    sold = await stax.hold(1, pre_auth=unset)

    assert [held["type"], sold["type"]] == ["pre_auth", "charge"]


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000, b'{"total": NaN}', b"[]", b"7"])
async def test_a_body_that_is_no_json_object_is_a_400(stax: Stax, content: bytes) -> None:
    answer = await stax.http.post("/stax/charge", headers=stax.headers, content=content)

    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]


async def test_meta_nested_without_an_end_is_refused(stax: Stax) -> None:
    meta = '{"a":' * 700 + "1" + "}" * 700
    body = f'{{"payment_method_id":"{METHOD}","total":1,"meta":{meta}}}'

    answer = await stax.http.post("/stax/charge", headers=stax.headers, content=body)

    assert answer.status_code in (200, 400, 422)
    assert (await stax.get("/transaction")).status_code == 200


async def test_meta_comes_back_as_it_was_sent(stax: Stax) -> None:
    meta = {"reference": "H1", "tax": 0.1, "lineItems": [{"price": "2.00", "n": None}], "ä": True}

    held = await stax.hold(100, meta=meta)
    taken = await stax.capture(held, total=1, meta={"reference": "C1"})

    assert meta == (await stax.read(held))["meta"]
    assert taken["meta"] == {"reference": "C1"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/stax/nothing", 404), ("DELETE", "/stax/charge", 405), ("GET", "/stax/charge", 405)],
)
async def test_what_the_router_refuses_is_worded_as_the_rest(
    stax: Stax, method: str, path: str, status: int
) -> None:
    answer = await stax.http.request(method, path, headers=stax.headers)

    assert status == answer.status_code
    assert list(answer.json()) == ["error"]


# Repeated charges.


async def test_a_repeated_charge_gets_the_original_as_it_is_now(stax: Stax) -> None:
    first = await stax.hold(100, idempotency_id="k1")
    await stax.act(first, "void")

    again = await stax.hold(100, idempotency_id="k1", meta={"reference": "other"})

    assert first["id"] == again["id"]
    assert (again["is_voided"], again["meta"]) == (True, {"reference": "H1"})
    assert len(await stax.books()) == 1


@pytest.mark.parametrize(
    "change", [{"total": 101}, {"payment_method_id": "other"}, {"pre_auth": False}]
)
async def test_a_repeat_with_other_payment_information_is_an_error(
    stax: Stax, change: dict[str, Any]
) -> None:
    await stax.hold(100, idempotency_id="k1")

    answer = await stax.post("/charge", charge_body(100, idempotency_id="k1") | change)

    assert (answer.status_code, list(answer.json())) == (409, ["error"])
    assert len(await stax.books()) == 1


async def test_a_repeated_decline_stays_declined(stax: Stax) -> None:
    body = charge_body(100, idempotency_id="k1", payment_method_id="declined")
    first = await stax.post("/charge", body)

    again = await stax.post("/charge", body)

    assert [first.status_code, again.status_code] == [400, 400]
    assert first.json() == again.json()
    assert len(await stax.books()) == 1


async def test_charges_without_an_id_are_each_their_own(stax: Stax) -> None:
    first, second = await stax.hold(100), await stax.hold(100)

    assert first["id"] != second["id"]
    assert first["idempotency_id"] is None


@pytest.mark.parametrize(("hours", "holds", "kept"), [(23, 1, 24), (24, 2, 24), (2, 2, 2)])
async def test_an_id_is_known_for_a_day_or_as_long_as_set(
    sim: Simulator, stax: Stax, hours: int, holds: int, kept: int
) -> None:
    assert sim.face(StaxFace).rules.keeps_keys_for == timedelta(hours=24)
    sim.face(StaxFace).rules.keeps_keys_for = timedelta(hours=kept)
    await stax.hold(100, idempotency_id="k1")
    await stax.advance(hours * 3600)

    await stax.hold(100, idempotency_id="k1")

    assert holds == len(await stax.books())


# Customers and cards.


async def customer(stax: Stax) -> str:
    answer = await stax.post("/customer", {"firstname": "Ada", "email": "ada@example.com"})
    assert answer.status_code == 200
    return str(answer.json()["id"])


def card_body(customer_id: str, number: str = VISA) -> dict[str, Any]:
    card = {"card_number": number, "card_exp": "0427", "card_cvv": "123"}
    named = {"method": "card", "person_name": "Ada Example", "customer_id": customer_id}
    return named | card


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


@pytest.mark.parametrize("path", ["/payment-method", "/payment-method/"])
async def test_a_card_is_kept_without_its_number(tmp_path: Path, path: str) -> None:
    data = tmp_path / "bank.sqlite"
    async with Simulator(data=data) as sim, stax_of(sim) as stax:
        answer = await stax.post(path, card_body(await customer(stax)))
        held = await stax.hold(100, payment_method_id=answer.json()["id"])

    assert (answer.json()["card_type"], answer.json()["card_last_four"]) == ("visa", "1111")
    assert (answer.json()["card_exp"], held["last_four"]) == ("042027", "1111")
    assert held["payment_method"] == answer.json()
    assert VISA not in answer.text
    stored = everything_in(tmp_path)
    assert b"1111" in stored
    assert VISA.encode() not in stored


async def test_the_published_failing_cards_are_declined(stax: Stax) -> None:
    body = card_body(await customer(stax), FAILING_VISA)
    method = (await stax.post("/payment-method/", body)).json()

    answer = await stax.post("/charge", charge_body(100, payment_method_id=method["id"]))

    assert (answer.status_code, answer.json()["success"]) == (400, False)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"method": "bank"}, "method"),
        ({"customer_id": "nobody"}, "customer_id"),
        ({"person_name": ""}, "person_name"),
        ({"card_number": "12"}, "card_number"),
        ({"card_exp": "1327"}, "card_exp"),
    ],
)
async def test_a_card_that_cannot_be_kept_is_a_422_without_its_number(
    stax: Stax, change: dict[str, Any], field: str
) -> None:
    answer = await stax.post("/payment-method/", card_body(await customer(stax)) | change)

    assert (answer.status_code, list(answer.json())) == (422, [field])
    assert VISA not in answer.text


async def test_a_customer_needs_a_name_or_an_address(stax: Stax) -> None:
    assert (await stax.post("/customer", {"lastname": "Example"})).status_code == 422


@pytest.mark.parametrize("method", ["two words", "", 7, None])
async def test_a_payment_method_that_is_none_is_a_422(stax: Stax, method: object) -> None:
    answer = await stax.post("/charge", charge_body(100, payment_method_id=method))

    assert (answer.status_code, list(answer.json())) == (422, ["payment_method_id"])


async def test_the_same_unknown_payment_method_is_the_same_card(stax: Stax) -> None:
    first, second = await stax.hold(100), await stax.hold(100)

    assert first["last_four"] == second["last_four"]
    assert re.fullmatch(r"[0-9]{4}", first["last_four"])
    assert first["customer_id"] == second["customer_id"]


# Lists.


async def listed(stax: Stax, **query: object) -> list[str]:
    answer = await stax.get("/transaction", **query)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["data"]]


async def test_a_list_is_newest_first_and_shows_children_too(stax: Stax) -> None:
    first, second = await stax.hold(1), await stax.hold(2)
    child = await stax.capture(first)

    answer = (await stax.get("/transaction")).json()

    assert [one["id"] for one in answer["data"]] == [child["id"], second["id"], first["id"]]
    assert (answer["total"], answer["per_page"], answer["last_page"]) == (3, 50, 1)
    assert answer["data"][2]["child_captures"][0]["id"] == child["id"]


async def test_pages_lead_through_the_whole_list(stax: Stax) -> None:
    made = [(await stax.hold(total))["id"] for total in range(1, 6)]
    answer = (await stax.get("/transaction", per_page=2)).json()
    seen = [one["id"] for one in answer["data"]]
    while answer["next_page_url"]:
        answer = (await stax.http.get(answer["next_page_url"], headers=stax.headers)).json()
        seen += [one["id"] for one in answer["data"]]

    assert made[::-1] == seen
    assert (answer["current_page"], answer["from"], answer["to"]) == (3, 5, 5)
    assert "page=2" in answer["prev_page_url"]
    assert await listed(stax, page=4, per_page=2) == []


async def test_a_list_is_filtered_by_what_is_documented(stax: Stax) -> None:
    held = await stax.hold(1, meta={"reference": "RES-77"}, idempotency_id="k1")
    failed = (await stax.post("/charge", charge_body(2, payment_method_id="declined"))).json()
    child = await stax.capture(held)

    assert [child["id"]] == await listed(stax, type="capture")
    assert [failed["id"], held["id"]] == await listed(stax, type="pre auth")
    assert [failed["id"]] == await listed(stax, success="false")
    assert [child["id"], held["id"]] == await listed(stax, success=1)
    assert [child["id"], held["id"]] == await listed(stax, keywords="res-77")
    assert [failed["id"]] == await listed(stax, **{"keywords[]": ["decl", failed["id"][:8]]})
    assert await listed(stax, keywords="k1-is-no-keyword") == []
    assert [failed["id"]] == await listed(stax, customer_id=failed["customer_id"])


@pytest.mark.parametrize(("since", "until"), [("start_date", "end_date"), ("startDate", "endDate")])
async def test_a_list_is_bounded_by_dates(stax: Stax, since: str, until: str) -> None:
    held = await stax.hold(1)
    at = datetime.strptime(held["created_at"], STAMP).replace(tzinfo=UTC)
    later, today = at + timedelta(seconds=1), f"{at:%Y-%m-%d}"

    assert [held["id"]] == await listed(stax, **{since: f"{at:{STAMP}}", until: f"{at:{STAMP}}"})
    assert await listed(stax, **{since: f"{later:{STAMP}}"}) == []
    assert [held["id"]] == await listed(stax, **{since: today})
    # An end without a time of day is the beginning of its day.
    midnight = at.hour == at.minute == at.second == 0
    assert ([held["id"]] if midnight else []) == await listed(stax, **{until: today})


@pytest.mark.parametrize(
    "query",
    [
        {"page": 0},
        {"per_page": 201},
        {"page": "x"},
        {"page": "9" * 30},
        {"type": "sale"},
        {"success": "yes"},
        {"start_date": "yesterday"},
        {"endDate": "2026-13-01"},
    ],
)
async def test_a_filter_that_cannot_be_read_is_a_422(stax: Stax, query: dict[str, Any]) -> None:
    answer = await stax.get("/transaction", **query)

    assert answer.status_code == 422
    assert list(query) == list(answer.json())


async def test_stamps_have_no_zone_and_follow_the_banks_clock(stax: Stax) -> None:
    await stax.advance(86400)

    held = await stax.hold(1)

    at = datetime.strptime(held["created_at"], STAMP).replace(tzinfo=UTC)
    assert abs(at - datetime.now(UTC) - timedelta(days=1)) < timedelta(minutes=1)


async def test_a_key_is_in_no_answer(sim: Simulator) -> None:
    async with stax_of(sim, key="a-secret-key") as stax:
        answers: list[httpx.Response] = [
            await stax.post("/charge", charge_body()),
            await stax.post("/charge", {}),
            await stax.get("/transaction"),
            await stax.get("/transaction/nothing"),
        ]

    assert all("a-secret-key" not in answer.text + str(answer.headers) for answer in answers)

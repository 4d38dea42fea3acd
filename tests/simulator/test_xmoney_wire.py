"""xMoney's envelope, lists, customers and cards over real HTTP, in forms and in JSON."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulator.server import Simulator
from tests import loopback
from tests.simulator.xmoney_client import (
    BEARER,
    Xmoney,
    effects,
    order_form,
    told,
)

NUMBER = "4111111111111111"


@pytest.fixture
async def xmoney(sim: Simulator) -> AsyncIterator[Xmoney]:
    async with loopback.client(sim.url) as http:
        yield Xmoney(http)


class Sdk:
    """Does as the vendor's Node client: JSON, numbers for amounts, ``code`` before ``data``."""

    def __init__(self, url: str, secret_key: str) -> None:
        headers = {
            "Authorization": f"Bearer {secret_key.removeprefix('sk_test_')}",
            "Accept": "application/json",
        }
        self.http = httpx.AsyncClient(
            base_url=f"{url}/xmoney", headers=headers, trust_env=False, timeout=5
        )

    async def ask(
        self, method: str, path: str, body: object = None, query: dict[str, Any] | None = None
    ) -> Any:
        answer = await self.http.request(method, path, json=body, params=query)
        answer.raise_for_status()
        content = answer.json()
        if content["code"] >= 400:
            raise PermissionError(content["error"][0]["message"])
        return content if "pagination" in content else content.get("data")

    async def everything(self, path: str, query: dict[str, Any]) -> list[Any]:
        """Page after page, as the client's pager does it."""
        found: list[Any] = []
        page = 1
        while True:
            content = await self.ask("GET", path, query=query | {"page": page})
            found += content["data"]
            if content["pagination"]["currentPageNumber"] >= content["pagination"]["pageCount"]:
                return found
            page += 1


async def test_the_vendors_client_stores_a_card_and_takes_a_deposit(
    sim: Simulator, xmoney: Xmoney
) -> None:
    sdk = Sdk(sim.url, "sk_test_abc")
    async with sdk.http:
        guest = {"identifier": "guest-1", "email": "guest@example.com", "firstName": "Jane"}
        customer = await sdk.ask("POST", "/customer", guest)
        card = {"cardNumber": NUMBER, "cardExpiryDate": "12/30", "cardCvv": "123"}
        sale = {"amount": 1, "currency": "EUR", "orderType": "purchase", "saveCard": True}
        first = await sdk.ask("POST", "/order", {**sale, **card, "customerId": customer["id"]})
        cards = await sdk.everything("/card", {"customerId": customer["id"], "hasToken": "yes"})
        hold = {
            "amount": 10.1,
            "currency": "EUR",
            "orderType": "purchase",
            "cardTransactionMode": "auth",
            "customerId": customer["id"],
            "cardId": cards[0]["id"],
            "externalOrderId": "deposit-1",
            "transactionOption": None,
        }
        ordered = await sdk.ask("POST", "/order", hold)
        await sdk.ask("PUT", f"/transaction/{ordered['transactionId']}", {"amount": 4.07})
        statuses = ["complete-ok", "complete-failed"]
        paid = await sdk.everything(
            "/transaction", {"transactionStatus[]": statuses, "reverseSorting": "false"}
        )
        shown = await sdk.ask("GET", f"/customer/{customer['id']}")

    assert [one["id"] for one in cards] == [first["cardId"]]
    assert (shown["firstName"], shown["identifier"]) == ("Jane", "guest-1")
    assert [one["amount"] for one in paid] == ["1.00", "4.07"]
    assert paid[1]["cardNumber"] == "************1111"
    _, deposit = await xmoney.books()
    assert effects(deposit) == [("authorize", 1010), ("capture", 407), ("release", 603)]


async def test_a_request_without_a_credential_is_turned_away(xmoney: Xmoney) -> None:
    wrong: list[dict[str, str]] = [
        {},
        {"Authorization": "Basic any"},
        {"Authorization": "Bearer"},
    ]

    answers = [
        await xmoney.http.post("/xmoney/order", data=order_form(), headers=headers)
        for headers in wrong
    ]

    assert [told(answer)[:2] for answer in answers] == [(401, 401)] * 3
    assert await xmoney.books() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("currency", "euro"),
        ("orderType", "deposit"),
        ("orderType", "credit"),
        ("customerId", "guest-1"),
        ("cardId", "tok_1"),
        ("externalOrderId", "x" * 33),
        ("externalOrderId", "a/b"),
        ("transactionMethod", "wallet"),
        ("cardTransactionMode", "hold"),
        ("backUrl", "javascript:1"),
        ("transactionOption", "{"),
        ("amount", "1,50"),
    ],
)
async def test_a_field_that_is_wrong_is_named_without_its_value(
    xmoney: Xmoney, field: str, value: str
) -> None:
    answer = await xmoney.send("POST", "/order", order_form(**{field: value}))

    assert told(answer) == (400, 400, [field])
    assert answer.json()["error"][0]["type"] == "Validation"
    # Short values are parts of words.
    assert len(value) < 3 or value not in answer.text.replace(f'"{field}"', "")
    assert await xmoney.books() == []


@pytest.mark.parametrize("field", ["amount", "currency", "orderType", "customerId", "cardId"])
async def test_a_field_that_is_missing_is_named(xmoney: Xmoney, field: str) -> None:
    form = order_form()
    del form[field]

    assert told(await xmoney.send("POST", "/order", form)) == (400, 400, [field])
    form[field] = ""
    assert told(await xmoney.send("POST", "/order", form)) == (400, 400, [field])


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{", 400),
        ("application/json", b"[]", 400),
        ("application/json", b'{"amount": NaN}', 400),
        ("application/json", b"[" * 100_000, 400),
        ("application/x-www-form-urlencoded", b"amount", 400),
        ("application/x-www-form-urlencoded", b"amount=\xff", 400),
        ("text/plain", b"amount=1", 415),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(
    xmoney: Xmoney, kind: str, body: bytes, status: int
) -> None:
    headers = BEARER | {"Content-Type": kind}

    answer = await xmoney.http.post("/xmoney/order", content=body, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (status, status)


@pytest.mark.parametrize("path", ["/order/1", "/order/x", "/transaction/1", "/nothing", "/card/1"])
async def test_what_is_not_there_is_a_404_in_xmoneys_words(xmoney: Xmoney, path: str) -> None:
    answer = await xmoney.send("GET", path)

    assert told(answer)[:2] == (404, 404)


async def test_a_method_that_is_not_served_is_worded_too(xmoney: Xmoney) -> None:
    assert told(await xmoney.send("PATCH", "/order"))[:2] == (405, 405)


async def test_lists_come_in_pages_newest_first(xmoney: Xmoney) -> None:
    orders = [await xmoney.order(f"{n}.00", f"H{n}") for n in (1, 2, 3)]

    newest = (await xmoney.send("GET", "/transaction", query={"perPage": 2})).json()
    oldest = (
        await xmoney.send(
            "GET", "/transaction", query={"reverseSorting": 0, "page": 2, "perPage": 2}
        )
    ).json()
    beyond = (await xmoney.send("GET", "/transaction", query={"page": 9})).json()

    ids = [ordered["transactionId"] for ordered in orders]
    assert [one["id"] for one in newest["data"]] == [ids[2], ids[1]]
    assert newest["pagination"] == {
        "currentPageNumber": 1,
        "totalItemCount": 3,
        "itemCountPerPage": 2,
        "currentItemCount": 2,
        "pageCount": 2,
    }
    assert [one["id"] for one in oldest["data"]] == [ids[2]]
    assert (beyond["data"], beyond["pagination"]["totalItemCount"]) == ([], 3)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"customerId": "12"}, ["H1", "H3"]),
        ({"currency": "JPY"}, ["H2"]),
        ({"transactionStatus": "void-ok"}, ["H3"]),
        ({"transactionStatus[]": ["void-ok", "in-progress"]}, ["H1", "H2", "H3"]),
        ({"transactionType": "refund"}, []),
        ({"transactionMethod": "wallet"}, []),
        ({"amountFrom": "30", "amountTo": "3000"}, ["H2", "H3"]),
        ({"createdAtTo": "2001-01-01T00:00:00+00:00"}, []),
        ({"createdAtFrom": "2001-01-01"}, ["H1", "H2", "H3"]),
        ({"unheardOf": "1"}, ["H1", "H2", "H3"]),
    ],
)
async def test_transactions_are_found_by_what_they_show(
    xmoney: Xmoney, query: Any, expected: list[str]
) -> None:
    orders = {
        "H1": await xmoney.order("10.00", "H1"),
        "H2": await xmoney.order("2000", "H2", currency="JPY", customerId="13"),
        "H3": await xmoney.order("30.00", "H3"),
    }
    await xmoney.undo(orders["H3"])

    answer = await xmoney.send("GET", "/transaction", query={"reverseSorting": 0, **query})

    names = {ordered["transactionId"]: name for name, ordered in orders.items()}
    assert [names[one["id"]] for one in answer.json()["data"]] == expected


async def test_orders_lead_to_their_transactions(xmoney: Xmoney) -> None:
    ordered = await xmoney.order("10.00", "H1")
    await xmoney.order("10.00", "H2")

    orders = await xmoney.send(
        "GET", "/order", query={"externalOrderId": "H1", "orderStatus": "in-progress"}
    )
    order_id = orders.json()["data"][0]["id"]
    paid = await xmoney.send("GET", "/transaction", query={"orderId": order_id})
    none = await xmoney.send("GET", "/order", query={"externalOrderId": "H9"})

    assert [ordered["transactionId"]] == [one["id"] for one in paid.json()["data"]]
    assert (none.status_code, none.json()["data"]) == (200, [])
    assert none.json()["pagination"]["pageCount"] == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("orderId", "H1"),
        ("page", "0"),
        ("perPage", "1001"),
        ("reverseSorting", "2"),
        ("transactionStatus", "held"),
        ("amountFrom", "x"),
        ("createdAtFrom", "yesterday"),
        ("email", "guest@example.com"),
    ],
)
async def test_a_filter_that_cannot_be_read_is_refused(
    xmoney: Xmoney, name: str, value: str
) -> None:
    assert told(await xmoney.send("GET", "/transaction", query={name: value})) == (400, 400, [name])


async def test_a_card_that_was_deleted_pays_for_nothing_more(xmoney: Xmoney) -> None:
    form = order_form(cardNumber=NUMBER, cardExpiryDate="12/2030", saveCard="1")
    del form["cardId"]
    ordered = (await xmoney.send("POST", "/order", form)).json()["data"]
    card_id = str(ordered["cardId"])

    deleted = await xmoney.send("DELETE", f"/card/{card_id}")
    listed = [
        (await xmoney.send("GET", "/card", query={"customerId": "12", **query})).json()["data"]
        for query in ({}, {"cardStatus": "all"}, {"cardStatus": "all", "hasToken": "no"})
    ]
    used = await xmoney.send("POST", "/order", order_form(cardId=card_id))

    assert deleted.status_code == 200
    assert [len(cards) for cards in listed] == [0, 1, 0]
    assert listed[1][0]["cardStatus"] == "deleted"
    assert told(used) == (400, 400, ["cardId"])


async def test_a_card_that_is_not_to_be_stored_is_not(xmoney: Xmoney) -> None:
    form = order_form(cardNumber=NUMBER, cardExpiryDate="12/30")
    both = await xmoney.send("POST", "/order", form)
    del form["cardId"]
    once = await xmoney.send("POST", "/order", form)
    del form["cardExpiryDate"]
    undated = await xmoney.send("POST", "/order", form)

    assert told(both) == (400, 400, ["cardId"])
    assert (once.status_code, "cardId" in once.json()["data"]) == (201, False)
    assert told(undated) == (400, 400, ["cardExpiryDate"])
    cards = await xmoney.send("GET", "/card", query={"customerId": "12"})
    assert cards.json()["data"] == []
    assert NUMBER not in (await xmoney.send("GET", "/transaction")).text


async def test_an_identifier_belongs_to_one_customer(xmoney: Xmoney) -> None:
    form = {"identifier": "guest-1", "email": "guest@example.com"}
    first = await xmoney.send("POST", "/customer", form)
    again = await xmoney.send("POST", "/customer", form)
    found = await xmoney.send("GET", "/customer", query={"identifier": "guest-1"})
    none = await xmoney.send("GET", "/customer", query={"identifier": "guest-2"})

    assert [first.status_code, again.status_code] == [201, 400]
    assert [one["id"] for one in found.json()["data"]] == [first.json()["data"]["id"]]
    assert none.json()["data"] == []
    assert (await xmoney.send("GET", "/customer/1")).status_code == 404


async def test_a_customer_is_shown_changed_and_forgotten(xmoney: Xmoney) -> None:
    form = {"identifier": "guest-1", "email": "guest@example.com", "city": "Lisbon", "siteId": "7"}
    made = (await xmoney.send("POST", "/customer", form)).json()["data"]
    place = f"/customer/{made['id']}"
    await xmoney.send("POST", "/customer", form | {"identifier": "guest-2"})

    changed = await xmoney.send("PUT", place, {"lastName": "Smith", "email": "smith@example.com"})
    taken = await xmoney.send("PUT", place, {"identifier": "guest-2"})
    kept = await xmoney.send("PUT", place, {"identifier": "guest-1"})
    gone = await xmoney.send("DELETE", place)

    assert (made["siteId"], made["city"]) == (7, "Lisbon")
    stamp = datetime.fromisoformat(made["creationDate"])
    assert int(stamp.timestamp()) == made["creationTimestamp"]
    assert changed.json()["data"] == made | {"lastName": "Smith", "email": "smith@example.com"}
    assert [taken.status_code, kept.status_code, gone.status_code] == [400, 200, 200]
    assert (await xmoney.send("GET", place)).status_code == 404
    assert (await xmoney.send("DELETE", place)).status_code == 404


async def test_customers_survive_a_restart(tmp_path: Path) -> None:
    async with (
        Simulator(data=tmp_path / "bank") as sim,
        loopback.client(sim.url) as http,
    ):
        form = {"identifier": "guest-1", "email": "guest@example.com", "phone": "5550100"}
        made = (await Xmoney(http).send("POST", "/customer", form)).json()["data"]

    async with (
        Simulator(data=tmp_path / "bank") as sim,
        loopback.client(sim.url) as http,
    ):
        assert (await Xmoney(http).send("GET", f"/customer/{made['id']}")).json()["data"] == made

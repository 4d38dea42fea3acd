"""Stax's customers and stored cards, read back as published clients read them.

Method: over HTTP, with what was stored in the same test; the bank's books have no part in it.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from simulator.server import Simulator
from tests import loopback
from tests.simulator.stax_client import Stax

ADA: dict[str, Any] = {
    "firstname": "Ada",
    "lastname": "Example",
    "company": "Example Ltd",
    "email": "ada@example.com",
    "phone": "5550100",
    "address_1": "1 Main Street",
    "address_city": "Orlando",
    "reference": "guest-7",
    "files": [],
    "allow_invoice_credit_card_payments": True,
}
VISA: dict[str, Any] = {
    "method": "card",
    "person_name": "Ada Example",
    "card_number": "4111111111111111",
    "card_exp": "0435",
    "card_cvv": "123",
}


@pytest.fixture
async def stax(sim: Simulator) -> AsyncIterator[Stax]:
    async with loopback.client(sim.url) as http:
        yield Stax(http)


async def stored(stax: Stax, path: str, body: dict[str, Any]) -> Any:
    answer = await stax.post(path, body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_customer_is_read_as_it_was_made(stax: Stax) -> None:
    made = await stored(stax, "/customer", ADA)

    read = (await stax.get(f"/customer/{made['id']}")).json()

    assert read == made
    told = {name: value for name, value in ADA.items() if isinstance(value, str)}
    assert told == {name: read[name] for name in told}
    assert read["notes"] is None


async def test_customers_are_listed_newest_first_and_found_by_a_keyword(stax: Stax) -> None:
    first = await stored(stax, "/customer", ADA)
    second = await stored(stax, "/customer", {"firstname": "Bob", "email": "bob@example.com"})

    everybody = (await stax.get("/customer", per_page=1)).json()
    found = (await stax.get("/customer", keywords="example ltd")).json()

    assert (everybody["total"], everybody["data"]) == (2, [second])
    assert everybody["next_page_url"].endswith("/stax/customer?per_page=1&page=2")
    assert found["data"] == [first]
    assert "net_sales" not in everybody


async def test_a_customers_cards_are_theirs_alone(stax: Stax) -> None:
    ada = await stored(stax, "/customer", ADA)
    bob = await stored(stax, "/customer", {"firstname": "Bob"})
    card = await stored(stax, "/payment-method/", VISA | {"customer_id": ada["id"]})

    assert (await stax.get(f"/customer/{ada['id']}/payment-method")).json() == [card]
    assert (await stax.get(f"/customer/{bob['id']}/payment-method")).json() == []
    assert (await stax.get(f"/payment-method/{card['id']}")).json() == card


@pytest.mark.parametrize(
    "path", ["/customer/nobody", "/customer/nobody/payment-method", "/payment-method/none"]
)
async def test_what_was_never_stored_is_a_404(stax: Stax, path: str) -> None:
    answer = await stax.get(path)

    assert (answer.status_code, answer.json()) == (404, {"id": ["The selected id is invalid."]})


async def test_customers_and_cards_survive_a_restart(tmp_path: Path) -> None:
    async with (
        Simulator(data=tmp_path / "bank") as sim,
        loopback.client(sim.url) as http,
    ):
        ada = await stored(Stax(http), "/customer", ADA)
        card = await stored(Stax(http), "/payment-method", VISA | {"customer_id": ada["id"]})

    async with (
        Simulator(data=tmp_path / "bank") as sim,
        loopback.client(sim.url) as http,
    ):
        again = Stax(http)
        assert (await again.get(f"/customer/{ada['id']}")).json() == ada
        assert (await again.get(f"/customer/{ada['id']}/payment-method")).json() == [card]

"""SIBS keeps a card: asked for with an order or a purchase, and good for later holds by its token.

Method: over HTTP as a client, and by the bank's books where money is held.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from simulator.server import Simulator
from tests import loopback
from tests.simulator.sibs_client import Sibs, effects, order_body, token

NUMBER = "5236410030000927"
CARD: dict[str, Any] = {
    "PAN": NUMBER,
    "secureCode": "776",
    "validationDate": "2035-05-26T00:00:00.000Z",
    "cardholderName": "Jane Smith",
    "createToken": False,
}
WISH = {"tokenisation": {"tokenisationRequest": {"tokeniseCard": True}}}


@pytest.fixture
async def sibs(sim: Simulator) -> AsyncIterator[Sibs]:
    async with loopback.client(sim.url) as http:
        yield Sibs(http)


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def paid(sibs: Sibs, body: dict[str, Any], **changes: object) -> tuple[Any, Any]:
    """An order paid by card, and what the purchase said."""
    order = (await sibs.post("/payments", body)).json()
    answer = await sibs.pay(order, {"cardInfo": CARD | changes}, way="card")
    assert answer.status_code in (200, 206), answer.text
    return order, answer.json()


@pytest.mark.parametrize("place", ["top", "transaction", "purchase"])
async def test_a_kept_card_pays_again_by_its_token(sibs: Sibs, place: str) -> None:
    body = order_body()
    body |= WISH if place == "top" else {}
    body["transaction"] |= WISH if place == "transaction" else {}

    order, said = await paid(sibs, body, createToken=place == "purchase")

    kept = said["token"]
    assert kept["maskedPAN"] == "************0927"
    assert (kept["tokenType"], kept["expireDate"]) == ("Card", CARD["validationDate"])
    assert (await sibs.status(order["transactionID"]))["token"] == kept
    again = await sibs.order(reference="H2")
    await sibs.pay(again, token(kept["value"]))
    _, hold = await sibs.books()
    assert effects(hold) == [("authorize", 10000, "H2")]


async def test_nobody_asked_so_no_card_is_kept(sibs: Sibs) -> None:
    order, said = await paid(sibs, order_body())

    assert "token" not in said
    assert "token" not in await sibs.status(order["transactionID"])


async def test_a_card_is_kept_only_once_its_payment_succeeded(sibs: Sibs) -> None:
    await sibs.arm("authorize", "decline")
    declined, refused = await paid(sibs, order_body() | WISH)
    asked, action = await paid(sibs, order_body(reference="H2") | WISH, PAN=f"{NUMBER[:-4]}0100")
    waiting = await sibs.status(asked["transactionID"])
    await sibs.http.post(action["actionResponse"]["data"]["url"], data={"outcome": "pass"})

    assert ["token" in refused, "token" in action, "token" in waiting] == [False] * 3
    assert "token" not in await sibs.status(declined["transactionID"])
    assert (await sibs.status(asked["transactionID"]))["token"]["maskedPAN"].endswith("0100")


async def test_a_token_outlives_a_restart_and_the_number_is_nowhere(tmp_path: Path) -> None:
    async with (
        Simulator(data=tmp_path / "bank") as sim,
        loopback.client(sim.url) as http,
    ):
        order, said = await paid(Sibs(http), order_body() | WISH)

    kept = everything_in(tmp_path)
    assert said["token"]["value"].encode() in kept
    assert NUMBER.encode() not in kept
    async with (
        Simulator(data=tmp_path / "bank") as sim,
        loopback.client(sim.url) as http,
    ):
        assert (await Sibs(http).status(order["transactionID"]))["token"] == said["token"]

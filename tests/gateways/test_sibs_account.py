"""What a configuration may say of an account at SIBS, and what it makes of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cardhold.hold import OperationKind
from cardhold.messages import PaymentMethodKind
from domain.outcome import Approved, PaymentState
from gateways.accounts import KINDS, InvalidAccount, build, read_account
from simulator.server import Simulator
from tests import loopback
from tests.gateways.calls import authorize

TABLE: dict[str, Any] = {
    "gateway": "sibs",
    "base_url": "https://api.sibs.example/sibs/spg/v2/",
    "auth_token": "s3cret",
    "client_id": "s3cret-too",
    "terminal_id": "101776",
}


def test_the_least_that_an_account_says_is_enough() -> None:
    account = read_account("desk", TABLE)
    assert account.processing_time == timedelta(minutes=5)
    assert vars(account)["look_up_by_reference"] is True
    assert vars(account)["channel"] == "web"


def test_what_sibs_can_do_and_what_it_cannot() -> None:
    can = build("desk", read_account("desk", TABLE)).capabilities
    assert can.payment_methods == {
        PaymentMethodKind.STORED_TOKEN,
        PaymentMethodKind.EXISTING_HOLD,
    }
    assert (can.raises, can.lowers, can.captures_max, can.frees_rest) == (False, True, None, False)
    assert (can.idempotent, can.key_life, can.shows_later) == (frozenset(), timedelta(0), False)
    assert can.processing_time == timedelta(minutes=5)
    assert can.finds
    blind = read_account("desk", {**TABLE, "look_up_by_reference": False})
    assert not build("desk", blind).capabilities.finds
    assert KINDS["sibs"].profile.asks_guest
    assert KINDS["sibs"].profile.reference.finds == frozenset(OperationKind)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"base_url": "http://api.sibs.example"}, "base_url"),
        ({"auth_token": ""}, "auth_token"),
        ({"auth_token": "s3cret\n"}, "auth_token"),
        ({"client_id": "s3cret é"}, "client_id"),
        ({"client_id": None}, "client_id"),
        ({"terminal_id": 101776}, "terminal_id"),
        ({"terminal_id": "0101776"}, "terminal_id"),
        ({"terminal_id": "10177600000"}, "terminal_id"),
        ({"terminal_id": "s3cret"}, "terminal_id"),
        ({"channel": "Web!"}, "channel"),
        ({"look_up_by_reference": "no"}, "look_up_by_reference"),
        ({"token_type": ""}, "token_type"),
        ({"amount_qualifier": "estimated"}, "amount_qualifier"),
        ({"return_url_field": "anywhere"}, "return_url_field"),
        ({"api_key": "s3cret"}, "api_key"),
    ],
)
def test_a_wrong_account_is_refused_by_field_and_without_its_value(
    changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidAccount) as caught:
        read_account("desk", TABLE | changes)
    assert str(caught.value).startswith(f"account 'desk': {named}")
    assert "s3cret" not in str(caught.value)


def test_a_secret_is_shown_by_no_form_of_an_account() -> None:
    account = read_account("desk", TABLE)
    for text in (repr(account), str(account), account.model_dump_json(), repr(vars(account))):
        assert "s3cret" not in text


async def test_the_built_in_account_opens_the_simulator() -> None:
    async with Simulator() as sim, loopback.client(sim.url) as door:
        table = {"gateway": "sibs", "environment": "simulated"}
        adapter = build("sibs", read_account("sibs", table | KINDS["sibs"].simulated(sim.url)))
        outcome = await adapter.authorize(authorize())
        await adapter.close()
        [hold] = (await door.get("/admin/books", params={"gateway": "sibs"})).json()["holds"]
    assert isinstance(outcome, Approved)
    assert outcome.payment.state is PaymentState.OPEN
    assert (hold["payment_id"], hold["authorized_minor"]) == (outcome.payment.payment_id, 100_00)
    assert hold["reference"] == authorize().reference

"""What a configuration may say of an account.

Every wrong value is refused in one sentence that names the field and never the value.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest
from pydantic import SecretStr

from cardhold.hold import OperationKind
from gateways.accounts import KINDS, InvalidAccount, build, read_account
from gateways.adapters.payroc import Payroc

TABLE: dict[str, Any] = {
    "gateway": "payroc",
    "base_url": "https://api.payroc.example/v1",
    "identity_url": "https://identity.payroc.example/",
    "api_key": "s3cret",
    "processing_terminal_id": "1234001",
}


def payroc_account(base_url: str, identity_url: str, **more: Any) -> Payroc:
    """An adapter opened as the worker opens it."""
    table = TABLE | {"base_url": base_url, "identity_url": identity_url} | more
    return cast("Payroc", build("payroc", read_account("payroc", table)))


def test_the_least_that_an_account_says_is_enough() -> None:
    account = read_account("payroc", TABLE)
    assert account.environment == "production"
    assert account.call_time_out == timedelta(seconds=20)
    assert account.capabilities().hold_window == timedelta(days=7)


def test_an_accounts_figures_and_its_gateways_powers_come_together() -> None:
    told = {
        "environment": "simulated",
        "hold_window": "P5D",
        "safety_margin": "PT6H",
        "answer_within": "PT30S",
        "look_up_for": "PT5M",
        "declined_wait": "PT10M",
        "processing_time": "PT5S",
        "call_time_out": "PT8S",
        "merchant_category": "7011",
        "connections": 4,
        "allowed_return_hosts": ["book.example"],
        "channel": "moto",
    }
    adapter = build("desk", read_account("desk", TABLE | told))
    can = adapter.capabilities
    assert adapter.environment == "simulated"
    assert (can.hold_window, can.safety_margin) == (timedelta(days=5), timedelta(hours=6))
    assert (can.answer_within, can.processing_time) == (timedelta(seconds=30), timedelta(seconds=5))
    assert (can.look_up_for, can.declined_wait) == (timedelta(minutes=5), timedelta(minutes=10))
    assert can.merchant_category == "7011"
    assert (can.raises, can.lowers, can.captures_max, can.frees_rest) == (True, True, 1, True)
    assert can.idempotent == frozenset(OperationKind)
    assert can.key_life == timedelta(days=7)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"gateway": "unheard-of"}, "gateway"),
        ({"gateway": None}, "gateway"),
        ({"base_url": "http://api.payroc.example/v1"}, "base_url"),
        ({"base_url": "ftp://127.0.0.1/"}, "base_url"),
        ({"base_url": "https://user:pass@api.payroc.example"}, "base_url"),
        ({"base_url": "https://api.payroc.example/?a=b"}, "base_url"),
        ({"base_url": "https://api.payroc.example/#a"}, "base_url"),
        ({"base_url": "https:///v1"}, "base_url"),
        ({"base_url": "https://api.payroc.example:99999/"}, "base_url"),
        ({"base_url": "https://api.payroc.example/a b"}, "base_url"),
        ({"base_url": "https://api.payroc.example:0/"}, "base_url"),
        ({"base_url": "not a URL"}, "base_url"),
        ({"identity_url": "http://10.0.0.1"}, "identity_url"),
        ({"identity_url": "http://127.0.0.1.evil.example"}, "identity_url"),
        ({"api_key": ""}, "api_key"),
        ({"api_key": "s3cret\n"}, "api_key"),
        ({"api_key": "s3cret é"}, "api_key"),
        ({"api_key": 5}, "api_key"),
        ({"processing_terminal_id": "123"}, "processing_terminal_id"),
        ({"channel": "fax"}, "channel"),
        ({"environment": "Prod!"}, "environment"),
        ({"hold_window": "7 days"}, "hold_window"),
        ({"hold_window": "PT1S"}, "hold_window"),
        ({"processing_time": "P32D"}, "processing_time"),
        ({"call_time_out": 20}, "call_time_out"),
        ({"call_time_out": "PT0S"}, "call_time_out"),
        ({"merchant_category": "hotel"}, "merchant_category"),
        ({"connections": 0}, "connections"),
        ({"connections": True}, "connections"),
        ({"allowed_return_hosts": ["https://book.example"]}, "allowed_return_hosts"),
        ({"allowed_return_hosts": "book.example"}, "allowed_return_hosts"),
        ({"unheard_of": 1}, "unheard_of"),
    ],
)
def test_a_wrong_account_is_refused_by_field_and_without_its_value(
    changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidAccount) as caught:
        read_account("desk", TABLE | changes)
    assert str(caught.value).startswith(f"account 'desk': {named}")
    assert "s3cret" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("host", ["127.0.0.1:8700", "localhost:8700", "[::1]:8700"])
def test_this_machine_may_be_spoken_to_in_clear(host: str) -> None:
    account = read_account("desk", TABLE | {"base_url": f"http://{host}/payroc/v1/"})
    assert vars(account)["base_url"] == f"http://{host}/payroc/v1"


def test_a_key_is_shown_by_no_form_of_an_account() -> None:
    account = read_account("desk", TABLE | {"api_key": SecretStr("s3cret")})
    assert (
        "s3cret" not in f"{account!r} {account} {account.model_dump()} {account.model_dump_json()}"
    )


def test_a_gateway_is_registered_under_the_name_that_its_accounts_use() -> None:
    for name, kind in KINDS.items():
        assert kind.settings.model_fields["gateway"].annotation is not None
        with pytest.raises(InvalidAccount):
            read_account("desk", {"gateway": name})

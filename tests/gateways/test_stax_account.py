"""What a configuration may say of a Stax account, and what the account then can do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cardhold.hold import OperationKind
from cardhold.messages import PaymentMethodKind
from gateways.accounts import KINDS, InvalidAccount, build, read_account

TABLE: dict[str, Any] = {
    "gateway": "stax",
    "base_url": "https://apiprod.fattlabs.example/",
    "api_key": "s3cret",
}


def test_the_least_that_an_account_says_is_one_capture_that_frees_the_rest() -> None:
    can = read_account("desk", TABLE).capabilities()
    assert (can.captures_max, can.frees_rest) == (1, True)
    assert (can.raises, can.lowers) == (False, False)
    assert (can.shows_later, can.shows_expiry) == (True, False)
    assert can.idempotent == {OperationKind.AUTHORIZE}
    assert can.key_life == timedelta(hours=1)
    assert can.payment_methods == {
        PaymentMethodKind.STORED_TOKEN,
        PaymentMethodKind.EXISTING_HOLD,
    }


@pytest.mark.parametrize(
    ("captures", "rest", "captures_max", "frees_rest"),
    [("one", "freed", 1, True), ("one", "void", 1, False), ("several", "void", None, False)],
)
def test_a_processors_captures_and_rest_are_the_accounts_to_say(
    captures: str, rest: str, captures_max: int | None, *, frees_rest: bool
) -> None:
    table = TABLE | {"captures_per_hold": captures, "rest_after_capture": rest}
    adapter = build("desk", read_account("desk", table))
    can = adapter.capabilities
    assert (can.captures_max, can.frees_rest) == (captures_max, frees_rest)


def test_how_long_a_key_lives_is_the_accounts_to_say() -> None:
    account = read_account("desk", TABLE | {"idempotency_life": "PT10M"})
    assert account.capabilities().key_life == timedelta(minutes=10)


@pytest.mark.parametrize("more", [{}, {"rest_after_capture": "freed"}])
def test_several_captures_that_leave_nothing_are_refused_in_one_sentence(
    more: dict[str, str],
) -> None:
    with pytest.raises(InvalidAccount) as caught:
        read_account("desk", TABLE | {"captures_per_hold": "several"} | more)
    assert str(caught.value) == (
        "account 'desk': rest_after_capture must be 'void' where captures_per_hold is 'several':"
        " a rest is left to be freed"
    )


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"base_url": "http://apiprod.fattlabs.example"}, "base_url"),
        ({"base_url": None}, "base_url"),
        ({"api_key": "s3cret\n"}, "api_key"),
        ({"api_key": ""}, "api_key"),
        ({"currency": "usd"}, "currency"),
        ({"currency": "dollars"}, "currency"),
        ({"capture_amount_fields": "sum"}, "capture_amount_fields"),
        ({"captures_per_hold": "2"}, "captures_per_hold"),
        ({"rest_after_capture": "kept"}, "rest_after_capture"),
        ({"idempotency_life": "1 hour"}, "idempotency_life"),
        ({"idempotency_life": "PT0S"}, "idempotency_life"),
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


def test_a_key_is_shown_by_no_form_of_an_account() -> None:
    account = read_account("desk", TABLE)
    shown = f"{account!r} {account} {account.model_dump()} {account.model_dump_json()}"
    assert "s3cret" not in shown


def test_the_simulated_account_is_complete() -> None:
    table = KINDS["stax"].simulated("http://127.0.0.1:8700")
    account = read_account("stax", {"gateway": "stax", **table})
    assert vars(account)["base_url"] == "http://127.0.0.1:8700/stax"

"""What a configuration may say of an account at xMoney, and what is made of it.

Every wrong value is refused in one sentence that names the field and never the value.
"""

from __future__ import annotations

from typing import Any

import pytest

from cardhold.messages import PaymentMethodKind
from gateways.accounts import KINDS, InvalidAccount, build, read_account
from gateways.adapters.xmoney import XMoney, XMoneyAccount

TABLE: dict[str, Any] = {
    "gateway": "xmoney",
    "base_url": "https://api.xmoney.example/",
    "api_key": "sk_test_s3cret",
    "site_id": "10077",
}


def account(**more: Any) -> XMoneyAccount:
    settings = read_account("desk", TABLE | more)
    assert isinstance(settings, XMoneyAccount)
    return settings


def test_the_least_that_an_account_says_is_enough() -> None:
    settings = account()
    assert settings.base_url == "https://api.xmoney.example"
    assert settings.amount_after_capture == "captured"
    assert settings.fallback_ip is None
    assert isinstance(build("desk", settings), XMoney)


def test_what_xmoney_can_do_is_declared() -> None:
    can = account().capabilities()
    assert can.payment_methods == {PaymentMethodKind.STORED_TOKEN, PaymentMethodKind.EXISTING_HOLD}
    assert can.idempotent == frozenset()
    assert (can.raises, can.lowers, can.captures_max, can.frees_rest) == (False, False, 1, True)
    assert can.shows_later
    assert KINDS["xmoney"].profile.asks_guest


@pytest.mark.parametrize(
    ("key", "strip", "bearer"),
    [
        ("sk_test_s3cret", True, "s3cret"),
        ("sk_live_s3cret", True, "s3cret"),
        ("s3cret", True, "s3cret"),
        ("sk_test_sk_live_x", True, "sk_live_x"),
        ("sk_test_s3cret", False, "sk_test_s3cret"),
    ],
)
def test_the_bearer_is_the_key_without_its_prefix(key: str, strip: bool, bearer: str) -> None:  # noqa: FBT001 - a column
    settings = account(api_key=key, strip_key_prefix=strip)
    assert settings.bearer().get_secret_value() == bearer


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"base_url": "http://api.xmoney.example"}, "base_url"),
        ({"api_key": ""}, "api_key"),
        ({"api_key": "sk_test_"}, "api_key"),
        ({"api_key": "sk_live_"}, "api_key"),
        ({"api_key": "sk_test_s3cret\n"}, "api_key"),
        ({"site_id": "s3cret"}, "site_id"),
        ({"site_id": "0"}, "site_id"),
        ({"site_id": 10077}, "site_id"),
        ({"amount_after_capture": "s3cret"}, "amount_after_capture"),
        ({"fallback_ip": "s3cret"}, "fallback_ip"),
        ({"fallback_ip": "10.0.0.0/8"}, "fallback_ip"),
        ({"strip_key_prefix": "yes"}, "strip_key_prefix"),
        ({"terminal_id": "1"}, "terminal_id"),
    ],
)
def test_a_wrong_account_is_refused_by_field_and_without_its_value(
    changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidAccount) as caught:
        account(**changes)
    assert str(caught.value).startswith(f"account 'desk': {named}")
    assert "s3cret" not in str(caught.value)


def test_a_key_is_shown_by_no_form_of_an_account_or_its_adapter() -> None:
    settings = account()
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    adapter = build("desk", settings)
    assert "s3cret" not in shown + repr(adapter) + repr(vars(adapter))

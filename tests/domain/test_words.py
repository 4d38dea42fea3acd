"""A token that a gateway repeats where its adapter was told none: left out, whatever the text."""

from __future__ import annotations

import pytest

from cardhold.hold import Card, Evidence, OperationState
from cardhold.messages import Authorize, Capture
from domain.calls import Ending, Settled
from domain.record import Record
from domain.settlement import settle
from domain.words import without_tokens
from tests.domain.records import NOW, begin, declined, held, payment, starting

TOKEN = "2967530000000003"
OTHER = "5e8d7c6b-1a2b-4c3d-8e9f-0a1b2c3d4e5f"
LONG = "Do not honor, said the issuer of the card behind"


def shown(text: str, record: Record | None = None) -> str | None:
    """What is left of a text."""
    settled = Settled(ending=Ending.DECLINED, detail=text)
    return without_tokens(record or held(), settled).detail


@pytest.mark.parametrize(
    "text",
    [TOKEN, f"token {TOKEN} is not honoured", f"x{TOKEN}x", f"{LONG} {TOKEN}"[:64], TOKEN * 3],
)
def test_a_text_with_the_token_or_with_the_part_before_a_cut_is_left_out(text: str) -> None:
    assert shown(text) is None


@pytest.mark.parametrize(
    "text", ["Do not honor", "Approved", LONG, "card ending in 0003", "of 29675", "2967530", ""]
)
def test_a_text_without_it_is_shown_as_it_is(text: str) -> None:
    assert shown(text) == text


def test_every_card_that_was_ever_given_counts() -> None:
    record = declined()
    card = {"kind": "stored_token", "token": OTHER}
    begin(record, Authorize.model_validate({"payment_method": card}))
    assert shown(f"declined: {TOKEN}", record) is None
    assert shown(f"declined: {OTHER}", record) is None


def test_the_payment_id_of_a_hold_made_elsewhere_is_no_secret() -> None:
    record = starting(payment_method={"kind": "existing_hold", "token": "M2MJOG6O2Y"})
    assert shown("M2MJOG6O2Y is captured", record) == "M2MJOG6O2Y is captured"


def test_what_is_shown_of_the_payment_is_searched_too() -> None:
    evidence = Evidence(approval_code=f"A {TOKEN}", avs="Y", cvv=TOKEN)
    said = {"detail": f"{TOKEN}!", "card": Card(brand=TOKEN, last4="0003"), "evidence": evidence}
    told = payment().model_copy(update=said)
    settled = without_tokens(held(), Settled(ending=Ending.DONE, payment=told))
    assert settled.payment is not None
    assert settled.payment.model_copy(update=said) == told
    assert settled.payment.detail is None
    assert settled.payment.card == Card(last4="0003")
    assert settled.payment.evidence == Evidence(avs="Y")


def test_neither_the_operation_nor_the_attention_tells_it() -> None:
    record = held()
    [capture] = begin(record, Capture())
    settle(record, capture, Settled(ending=Ending.DECLINED, detail=f"no funds on {TOKEN}"), NOW)
    assert capture.state is OperationState.DECLINED
    assert capture.detail is None
    assert record.attention is not None
    assert record.attention.detail == "the gateway refused capture/2: no reason given"

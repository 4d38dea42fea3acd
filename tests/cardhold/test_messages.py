"""The bounds of every message, from the contract's own words.

One table: a field, the last value that is taken and the first that is refused on each side.
What is refused is named by field and rule, and its value is never repeated.
"""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from cardhold.messages import (
    Acknowledge,
    Adjust,
    Authenticated,
    Authorize,
    Authorized,
    Capture,
    Command,
    HoldRequest,
    Release,
    Reschedule,
    Resolve,
)
from cardhold.reading import InvalidMessage, read

Json = dict[str, Any]
METHOD: Json = {"kind": "stored_token", "token": "2967530112345678"}
START: Json = {
    "reservation_id": "RES-1001", "gateway": "payroc", "amount": "100.00 USD",
    "payment_method": METHOD,
}  # fmt: skip
WORD: Json = {"operation_id": "capture/2", "outcome": "not_done", "operator": "o", "reason": "r"}
COMMANDS: dict[type[Command], Json] = {
    Authorize: {"payment_method": METHOD},
    Adjust: {"amount": "1.00 USD"},
    Capture: {},
    Release: {},
    Reschedule: {"on_deadline": "capture"},
    Resolve: WORD,
    Acknowledge: {},
}


def _money(amount_minor: object, currency: object = "USD") -> Json:
    return {"amount_minor": amount_minor, "currency": currency}


Case = tuple[type[BaseModel], Json, str, object]
TAKEN: list[Case] = [
    (HoldRequest, START, "reservation_id", "a" * 64),
    (HoldRequest, START, "reservation_id", "A.b_c-1"),
    (HoldRequest, START, "amount", _money(1)),
    (HoldRequest, START, "amount", _money(10**12)),
    (HoldRequest, START, "amount", "7 JPY"),
    (HoldRequest, START, "amount", "1.234 KWD"),
    (HoldRequest, START, "amount", "10000000000.00 USD"),
    (HoldRequest, START, "initiator", "merchant"),
    (HoldRequest, START, "on_deadline", "capture"),
    (HoldRequest, START, "return_url", "https://guest.example:8443/back?x=1"),
    (HoldRequest, START, "settle_by", "2026-03-01T15:00:00.123456789Z"),
    (HoldRequest, START, "hold_window", "PT10S"),
    (HoldRequest, START, "hold_window", "P31D"),
    (HoldRequest, START, "safety_margin", "P1WT1H1M1S"),
    (HoldRequest, START, "booking", "b" * 64),
    (HoldRequest, START, "property", "p" * 64),
    (HoldRequest, START, "operator", "o" * 50),
    (HoldRequest, START, "description", "d" * 256),
    (HoldRequest, START, "metadata", {f"{n:056}x"[1:]: "v" * 100 for n in range(20)}),
    (HoldRequest, START, "payment_method", {**METHOD, "token": "t" * 512}),
    (HoldRequest, START, "payment_method", {**METHOD, "kind": "existing_hold"}),
    (HoldRequest, START, "browser", {"screen_width": 1}),
    *((kind, fields, "command_id", "A_b.c:d-1" + "x" * 55) for kind, fields in COMMANDS.items()),
    *((kind, fields, "operator", "o" * 50) for kind, fields in COMMANDS.items()),
    *((kind, fields, "reason", "r" * 500) for kind, fields in COMMANDS.items()),
    (Adjust, {}, "by", "+50.00 USD"),
    (Adjust, {}, "by", "-50.00 USD"),
    (Adjust, {}, "by", _money(-1)),
    (Capture, {}, "final", False),
    (Resolve, {**WORD, "outcome": "done"}, "reference", "r" * 64),
    (Authorized, {}, "request", START),
    (Authenticated, {}, "data", {"cres": "x" * 2048}),
]

REFUSED: list[Case] = [
    *((HoldRequest, START, name, None) for name in START),
    (HoldRequest, START, "reservation_id", "a" * 65),
    (HoldRequest, START, "reservation_id", "-a"),
    (HoldRequest, START, "reservation_id", "a b"),
    (HoldRequest, START, "reservation_id", "a\n"),
    (HoldRequest, START, "reservation_id", "ä"),
    (HoldRequest, START, "gateway", ""),
    (HoldRequest, START, "amount", _money(0)),
    (HoldRequest, START, "amount", _money(10**12 + 1)),
    (HoldRequest, START, "amount", _money(100.0)),
    (HoldRequest, START, "amount", _money("100")),
    (HoldRequest, START, "amount", _money(True)),
    (HoldRequest, START, "amount", _money(1, "usd")),
    (HoldRequest, START, "amount", _money(1, "XAU")),
    (HoldRequest, START, "amount", {**_money(1), "more": 1}),
    (HoldRequest, START, "amount", 100),
    (HoldRequest, START, "amount", 100.5),
    (HoldRequest, START, "amount", "100 USD"),
    (HoldRequest, START, "amount", "7.00 JPY"),
    (HoldRequest, START, "amount", "1.00 KWD"),
    (HoldRequest, START, "amount", "+1.00 USD"),
    (HoldRequest, START, "amount", "0.00 USD"),
    (HoldRequest, START, "amount", "1,00 USD"),
    (HoldRequest, START, "initiator", "nobody"),
    (HoldRequest, START, "on_deadline", "refund"),
    (HoldRequest, START, "deadline_amount", "1.00 USD"),
    (HoldRequest, {**START, "on_deadline": "capture"}, "deadline_amount", "1.00 EUR"),
    (HoldRequest, START, "return_url", "http://guest.example/back"),
    (HoldRequest, START, "return_url", "https://user@guest.example/"),
    (HoldRequest, START, "settle_by", "2026-03-01T15:00:00"),
    (HoldRequest, START, "settle_by", "2026-03-01T15:00:00+01:00"),
    (HoldRequest, START, "settle_by", "2026-03-01 15:00:00Z"),
    (HoldRequest, START, "settle_by", "2026-02-30T15:00:00Z"),
    (HoldRequest, START, "settle_by", 1772377200),
    (HoldRequest, START, "hold_window", "PT9S"),
    (HoldRequest, START, "hold_window", "P31DT1S"),
    (HoldRequest, START, "hold_window", "P1M"),
    (HoldRequest, START, "hold_window", "-P1D"),
    (HoldRequest, START, "hold_window", "P"),
    (HoldRequest, START, "hold_window", "PT1.5H"),
    (HoldRequest, START, "booking", "b" * 65),
    (HoldRequest, START, "property", ""),
    (HoldRequest, START, "operator", "o" * 51),
    (HoldRequest, START, "description", "d" * 257),
    (HoldRequest, START, "description", "a\nb"),
    (HoldRequest, START, "description", "a\x00b"),
    (HoldRequest, START, "description", "a\u2028b"),
    (HoldRequest, START, "metadata", {str(n): "" for n in range(21)}),
    (HoldRequest, START, "metadata", {"n" * 57: ""}),
    (HoldRequest, START, "metadata", {"n": "v" * 101}),
    (HoldRequest, START, "metadata", {"n": 1}),
    (HoldRequest, START, "payment_method", {**METHOD, "token": "t" * 513}),
    (HoldRequest, START, "payment_method", {**METHOD, "token": ""}),
    (HoldRequest, START, "payment_method", {**METHOD, "kind": "card"}),
    (HoldRequest, START, "browser", {"screen_width": 0}),
    (HoldRequest, START, "amout", 1),
    *((kind, fields, "command_id", "x" * 65) for kind, fields in COMMANDS.items()),
    *((kind, fields, "command_id", "a b") for kind, fields in COMMANDS.items()),
    *((kind, fields, "operator", "o" * 51) for kind, fields in COMMANDS.items()),
    *((kind, fields, "reason", "r" * 501) for kind, fields in COMMANDS.items()),
    *((kind, fields, "unheard_of", 1) for kind, fields in COMMANDS.items()),
    (Authorize, {}, "payment_method", None),
    (Adjust, {}, "amount", None),
    (Adjust, {"by": "+1.00 USD"}, "amount", "1.00 USD"),
    (Adjust, {}, "by", "+0.00 USD"),
    (Adjust, {}, "by", _money(10**12 + 1)),
    (Capture, {}, "amount", "-1.00 USD"),
    (Capture, {}, "final", "yes"),
    (Reschedule, {}, "settle_by", None),
    (Reschedule, {"on_deadline": "release"}, "deadline_amount", "1.00 USD"),
    (Resolve, WORD, "operation_id", "refund/1"),
    (Resolve, WORD, "outcome", "maybe"),
    (Resolve, WORD, "operator", None),
    (Resolve, WORD, "reason", " "),
    (Resolve, {**WORD, "outcome": "done"}, "reference", None),
    (Authorized, {}, "request", {}),
    (Authenticated, {}, "data", {"cres": 1}),
]


@pytest.mark.parametrize(("kind", "fields", "field", "value"), TAKEN)
def test_a_value_on_the_bound_is_taken_and_comes_back(
    kind: type[BaseModel], fields: Json, field: str, value: object
) -> None:
    message = read(kind, {**fields, field: value})

    again = read(kind, message.model_dump(mode="json", exclude_none=True))
    assert again == message


@pytest.mark.parametrize(("kind", "fields", "field", "value"), REFUSED)
def test_a_value_beyond_the_bound_is_refused_by_its_field(
    kind: type[BaseModel], fields: Json, field: str, value: object
) -> None:
    with pytest.raises(InvalidMessage) as caught:
        read(kind, {**fields, field: value})

    assert caught.value.field is not None
    assert caught.value.field.split(".")[0] == field
    assert str(caught.value) == f"{caught.value.field} {caught.value.rule}"


@pytest.mark.parametrize("kind", [HoldRequest, *COMMANDS, Authorized, Authenticated])
def test_null_counts_as_absent_in_every_field_that_may_be_absent(kind: type[BaseModel]) -> None:
    needed: dict[type[BaseModel], Json] = {HoldRequest: START, **COMMANDS}
    fields = needed.get(kind, {})
    optional = {name: None for name in kind.model_fields if name not in fields}

    assert read(kind, {**optional, **fields}) == read(kind, fields)


@pytest.mark.parametrize("value", [[], "release", 7, True, [{}]])
def test_a_message_that_is_no_object_is_refused_as_a_whole(value: object) -> None:
    with pytest.raises(InvalidMessage, match=r"^the message must be an object$"):
        read(Release, value)


def test_two_starts_are_the_same_whatever_their_remarks_and_spelling() -> None:
    plain = read(HoldRequest, START)
    remarked = read(HoldRequest, {
        **START, "amount": _money(10000), "initiator": "customer",
        "operator": "web", "description": "d", "metadata": {"a": "b"},
    })  # fmt: skip

    assert plain.fingerprint() == remarked.fingerprint()
    assert plain.fingerprint() != read(HoldRequest, {**START, "booking": "B"}).fingerprint()


def test_two_commands_are_the_same_whatever_their_id() -> None:
    one = read(Capture, {"amount": "1.00 USD", "command_id": "a", "reason": "r"})
    other = read(Capture, {"amount": _money(100), "command_id": "b"})

    assert one.fingerprint() == other.fingerprint()
    assert one.fingerprint() != read(Capture, {"amount": "1.01 USD"}).fingerprint()

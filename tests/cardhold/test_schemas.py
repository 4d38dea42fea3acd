"""The schemas in git say what the models say.

Examples of the contract and wrong neighbours of each go through both; where a schema cannot
express a rule, only the model is asked.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError

from cardhold import hold, messages
from cardhold.errors import ErrorDetail
from cardhold.reading import InvalidMessage, read

ROOT = Path(__file__).resolve().parents[2]
Json = dict[str, Any]

START: Json = {
    "reservation_id": "RES-1001", "gateway": "payroc",
    "amount": {"amount_minor": 10000, "currency": "USD"},
    "payment_method": {"kind": "stored_token", "token": "2967530112345678", "customer_id": None},
    "initiator": "customer", "return_url": None, "browser": None,
    "on_deadline": "release", "deadline_amount": None, "settle_by": None,
    "hold_window": None, "safety_margin": None, "authorize_by": None,
    "booking": None, "property": None, "operator": "web",
    "description": "one night, room 12", "metadata": {},
}  # fmt: skip
_USD = {"amount_minor": 15000, "currency": "USD"}
_NONE = {"amount_minor": 0, "currency": "USD"}
HOLD: Json = {
    "reservation_id": "RES-1001", "gateway": "payroc", "state": "authorized", "booking": None,
    "property": None, "description": "one night", "metadata": {},
    "authorized": _USD, "captured": _NONE, "released": _NONE, "expired": _NONE,
    "remaining": _USD, "in_doubt": _NONE,
    "payment_id": "M2MJOG6O2Y", "gateway_reference": "RES-1001",
    "card": {"brand": "Visa", "last4": "7062"},
    "evidence": {"approval_code": "OK3", "avs": "Y", "cvv": "M"},
    "created_at": "2026-03-01T10:00:00Z", "authorized_at": "2026-03-01T10:00:01Z",
    "expires_at": "2026-03-08T10:00:00Z", "expiry_source": "gateway",
    "deadline": "2026-03-07T22:00:00Z", "deadline_by": "expiry",
    "settle_by": None, "on_deadline": "release", "deadline_amount": None, "closed_at": None,
    "action": None, "attention": None,
    "operations": [{
        "operation_id": "adjust/2", "kind": "adjust", "command_id": "dinner", "amount": _USD,
        "state": "done", "payment_id": "M2MJOG6O2Y", "reference": "A" * 24,
        "requested_at": "2026-03-01T20:00:00Z", "decided_at": "2026-03-01T20:00:01Z",
        "booked_at": "2026-03-01T20:00:01Z", "operator": "desk", "reason": "dinner",
        "detail": "OK6",
    }],
    "refused": [{"name": "capture", "at": "2026-03-01T20:00:00Z", "why": "not an object"}],
    "refused_total": 1,
}  # fmt: skip
_STEP = {"at": "2026-03-07T22:00:00Z", "kind": "release", "amount": _USD, "why": "nobody spoke"}

VALID: list[tuple[type[BaseModel], Json]] = [
    (messages.HoldRequest, START),
    (messages.HoldRequest, {**START, "amount": "150.00 USD", "metadata": None, "initiator": None}),
    (messages.HoldRequest, {**START, "hold_window": "P7D", "settle_by": "2026-03-01T15:00:00Z"}),
    (messages.Authorize, {"payment_method": START["payment_method"], "command_id": "c:1"}),
    (messages.Adjust, {"by": "+50.00 USD", "command_id": None}),
    (messages.Adjust, {"amount": _USD}),
    (messages.Capture, {}),
    (messages.Capture, {"amount": "7 JPY", "final": False, "operator": "desk"}),
    (messages.Release, {"reason": "no show"}),
    (messages.Reschedule, {"on_deadline": "capture", "deadline_amount": "1.00 USD"}),
    (messages.Resolve, {"operation_id": "capture/2", "outcome": "done", "reference": "R",
                        "operator": "o", "reason": "r"}),
    (messages.Acknowledge, {}),
    (messages.Authorized, {"request": START}),
    (messages.Authenticated, {"action_id": "a", "data": {"cres": "x"}}),
    (hold.Hold, HOLD),
    (hold.Hold, {**HOLD, "from_a_later_version": [1]}),
    (hold.Plan, {"steps": [_STEP, {**_STEP, "amount": None}]}),
    (ErrorDetail, {"field": "amount", "operation_id": None, "hold": HOLD}),
]  # fmt: skip

INVALID: list[tuple[type[BaseModel], Json]] = [
    (messages.HoldRequest, {**START, "unheard_of": 1}),
    (messages.HoldRequest, {name: START[name] for name in START if name != "gateway"}),
    (messages.HoldRequest, {**START, "reservation_id": "a b"}),
    (messages.HoldRequest, {**START, "amount": {"amount_minor": 0, "currency": "USD"}}),
    (messages.HoldRequest, {**START, "amount": 100}),
    (messages.HoldRequest, {**START, "amount": "100"}),
    (messages.HoldRequest, {**START, "on_deadline": "refund"}),
    (messages.HoldRequest, {**START, "operator": "o" * 51}),
    (messages.HoldRequest, {**START, "metadata": {str(n): "" for n in range(21)}}),
    (messages.HoldRequest, {**START, "settle_by": "2026-03-01T15:00:00+01:00"}),
    (messages.Authorize, {}),
    (messages.Adjust, {"by": 5}),
    (messages.Capture, {"final": "yes"}),
    (messages.Capture, {"amount": None, "amonut": "1.00 USD"}),
    (messages.Release, {"command_id": "a b"}),
    (messages.Reschedule, {"on_deadline": "later"}),
    (messages.Resolve, {"operation_id": "refund/1", "outcome": "done"}),
    (messages.Acknowledge, {"reason": "r" * 501}),
    (messages.Authorized, {"request": {}}),
    (messages.Authenticated, {"data": {"cres": 1}}),
    (hold.Hold, {**HOLD, "state": "refunded"}),
    (hold.Hold, {**HOLD, "remaining": {"amount_minor": -1, "currency": "USD"}}),
    (hold.Plan, {"steps": [{**_STEP, "kind": "refund"}]}),
    (ErrorDetail, {"field": 7}),
]


def _read(kind: type[BaseModel], message: Json) -> BaseModel:
    """As its readers do: what comes in through the guard, what we give out leniently."""
    return (
        read(kind, message) if issubclass(kind, messages.Message) else kind.model_validate(message)
    )


def _schema(kind: type[BaseModel]) -> Draft202012Validator:
    schema = json.loads((ROOT / "schemas" / f"{kind.__name__}.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize(("kind", "message"), VALID)
def test_an_example_of_the_contract_passes_schema_and_model(
    kind: type[BaseModel], message: Json
) -> None:
    assert [error.message for error in _schema(kind).iter_errors(message)] == []  # pyright: ignore[reportUnknownMemberType] - jsonschema's stubs
    _read(kind, message)


@pytest.mark.parametrize(("kind", "message"), INVALID)
def test_a_wrong_neighbour_fails_schema_and_model(kind: type[BaseModel], message: Json) -> None:
    assert not _schema(kind).is_valid(message)
    with pytest.raises((InvalidMessage, ValidationError)):
        _read(kind, message)


@pytest.mark.parametrize(("kind", "message"), VALID)
def test_what_a_model_writes_passes_its_schema(kind: type[BaseModel], message: Json) -> None:
    written = _read(kind, message).model_dump(mode="json")

    assert _schema(kind).is_valid(written)


def test_the_schemas_in_git_are_what_the_models_give() -> None:
    script = [sys.executable, str(ROOT / "scripts" / "schema.py"), "--check"]

    done = subprocess.run(script, capture_output=True, text=True, check=False)  # noqa: S603 - our own script

    assert (done.returncode, done.stdout) == (0, "")

"""Right messages of every kind, with everything in them that they may have: what is spoilt."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from cardhold.messages import (
    Acknowledge,
    Adjust,
    Authenticated,
    Authorize,
    Authorized,
    Capture,
    HoldRequest,
    Message,
    Release,
    Reschedule,
    Resolve,
)
from proof.fuzz.words import chance

Json = dict[str, Any]

#: A token that the simulated Payroc opens a hold on; no card number, though it looks like one.
TOKEN = "2967530000000003"  # noqa: S105 - opens nothing but a simulator
_METHOD = {"kind": "stored_token", "token": TOKEN}
_BROWSER = {
    "accept_header": "text/html", "ip": "203.0.113.7", "language": "en", "user_agent": "Mozilla",
    "java_enabled": False, "javascript_enabled": True, "color_depth": 24, "screen_height": 900,
    "screen_width": 1440, "time_zone_offset_minutes": -60,
}  # fmt: skip
_SAID = {"command_id": "dinner", "operator": "desk", "reason": "dinner, room 12"}
_SAID_OFTEN = 0.7
_FAR = "2199-03-01T15:00:00Z"


def money(amount_minor: int, currency: str = "USD") -> Json:
    """An amount in its object form."""
    return {"amount_minor": amount_minor, "currency": currency}


def request(reservation_id: str = "RES-1001") -> Json:
    """The least that a start has to say."""
    return {
        "reservation_id": reservation_id,
        "gateway": "payroc",
        "amount": money(100_00),
        "payment_method": dict(_METHOD),
    }


#: What a start may say beside that.
EXTRAS: Json = {
    "initiator": "merchant",
    "return_url": "https://book.example/back",
    "browser": _BROWSER,
    "on_deadline": "capture",
    "deadline_amount": "30.00 USD",
    "settle_by": _FAR,
    "hold_window": "P7D",
    "safety_margin": "PT12H",
    "authorize_by": _FAR,
    "booking": "B-7",
    "property": "P-1",
    "operator": "web",
    "description": "one night, room 12",
    "metadata": {"channel": "web", "room": "12"},
}

#: Every message, as complete as it can be.
SAMPLES: Mapping[type[Message], tuple[Json, ...]] = {
    HoldRequest: (request(), request() | EXTRAS),
    Authorized: ({}, {"request": request()}, {"request": request() | EXTRAS}),
    Authenticated: ({}, {"action_id": "3ds-1", "data": {"cres": "abc", "x": "y"}}),
    Authorize: ({"payment_method": dict(_METHOD)}, {"payment_method": dict(_METHOD)} | _SAID),
    Adjust: ({"by": "+1.00 USD"}, {"amount": money(150_00)} | _SAID, {"amount": "120.00 USD"}),
    Capture: ({}, {"amount": money(80_00), "final": False} | _SAID, {"amount": "80.00 USD"}),
    Release: ({}, dict(_SAID)),
    Reschedule: (
        {"settle_by": _FAR} | _SAID,
        {"on_deadline": "capture", "deadline_amount": money(30_00)},
    ),
    Resolve: (
        {"operation_id": "capture/2", "outcome": "done", "reference": "M1"} | _SAID,
        {"operation_id": "adjust/2", "outcome": "not_done", "amount": "1.00 USD"} | _SAID,
    ),
    Acknowledge: ({}, dict(_SAID)),
}
MODELS: tuple[type[Message], ...] = tuple(SAMPLES)


def sample(model: type[Message], random: Random) -> Json:
    """A right message: one of the above, with some of what it need not say left out."""
    whole = random.choice(SAMPLES[model])
    if model is not HoldRequest:
        return dict(whole)
    said = {name for name in whole if name not in EXTRAS or chance(random, _SAID_OFTEN)}
    return {name: part for name, part in whole.items() if name in said}

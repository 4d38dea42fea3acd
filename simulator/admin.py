"""The door to the truth: shows the books, steers the faults and the clock. Loopback only."""

import ipaddress
import json
from collections.abc import Callable
from typing import cast

from aiohttp import web
from aiohttp.typedefs import Handler

from simulator.bank import Bank
from simulator.clock import stamp
from simulator.faults import Faults, Unclear
from simulator.weather import json_response

# Ten years: further than any hold lives, and within what a date can tell.
_ADVANCE_S_MAX = 10 * 366 * 24 * 3600


class Admin:
    """Serves ``/admin``."""

    def __init__(self, bank: Bank, faults: Faults, reset: Callable[[], None]) -> None:
        self._bank = bank
        self._faults = faults
        self._reset_all = reset

    def application(self) -> web.Application:
        """Build the routes, paths relative to ``/admin``."""
        app = web.Application(middlewares=[_loopback_only])
        app.router.add_get("/books", self._books, allow_head=False)
        app.router.add_post("/faults", self._arm)
        app.router.add_delete("/faults", self._forget)
        app.router.add_post("/clock", self._clock)
        app.router.add_post("/reset", self._reset)
        return app

    async def _books(self, request: web.Request) -> web.Response:
        return json_response(self._bank.books(request.query.get("gateway")))

    async def _arm(self, request: web.Request) -> web.Response:
        self._faults.arm(await _body(request))
        return json_response({"faults": self._faults.shown()})

    async def _forget(self, _: web.Request) -> web.Response:
        self._faults.forget()
        return json_response({"faults": []})

    async def _clock(self, request: web.Request) -> web.Response:
        wish = await _body(request)
        if not isinstance(wish, dict):
            raise Unclear("The clock takes a JSON object with advance_s, hold_s or both.")
        told = cast("dict[str, object]", wish)
        unknown = set(told) - {"advance_s", "hold_s"}
        if unknown:
            raise Unclear(f"The clock takes advance_s and hold_s, no {', '.join(sorted(unknown))}.")
        advance_s = _seconds(told, "advance_s", least=0)
        hold_s = _seconds(told, "hold_s", least=1)
        clock = self._bank.clock
        if hold_s is not None:
            clock.live_for(hold_s)
        if advance_s is not None:
            clock.advance(advance_s)
        return json_response({"now": stamp(clock.now()), "hold_s": clock.hold_s})

    async def _reset(self, _: web.Request) -> web.Response:
        self._reset_all()
        return json_response(self._bank.books())


def _seconds(told: dict[str, object], name: str, least: float) -> float | None:
    value = told.get(name)
    if value is None:
        return None
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not least <= float(cast("float", value)) <= _ADVANCE_S_MAX:
        raise Unclear(f"{name} must be seconds from {least} to {_ADVANCE_S_MAX}; it is {value!r}.")
    return float(cast("float", value))


async def _body(request: web.Request) -> object:
    try:
        return json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError) as error:
        raise Unclear("The body is not JSON.") from error


@web.middleware
async def _loopback_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    if not _is_loopback(request.remote):
        return json_response({"error": "The admin door answers on loopback only."}, 403)
    try:
        return await handler(request)
    except Unclear as unclear:
        return json_response({"error": str(unclear)}, 400)
    except web.HTTPException as refusal:
        return json_response({"error": f"{request.path}: {refusal.reason}."}, refusal.status)


def _is_loopback(remote: str | None) -> bool:
    if remote is None:
        return False
    address = ipaddress.ip_address(remote.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback

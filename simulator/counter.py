"""How a request goes through a gateway's face: the weather first, then its work, in its words."""

from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from simulator.faults import Armed, Faults, Operation
from simulator.weather import Wording, Work, carry_out


class Refusal(Exception):
    """Ends a request with one of the gateway's own errors; nothing was booked."""

    def response(self) -> web.Response:
        """The answer on the wire."""
        raise NotImplementedError


class Counter:
    """Where one gateway's requests arrive.

    Args:
        gateway: Whose they are.
        faults: What may happen to them.
        wording: How this gateway words the errors that faults provoke.
    """

    def __init__(self, gateway: str, faults: Faults, wording: Wording) -> None:
        self._gateway = gateway
        self._faults = faults
        self._wording = wording

    def verdict(self, operation: Operation | None) -> Armed | None:
        """What the issuer has been told to say to this operation; None for an ordinary answer."""
        return self._faults.verdict(self._gateway, operation) if operation else None

    async def meet(
        self, request: web.Request, operation: Operation | None, work: Work
    ) -> web.StreamResponse:
        """Let the weather happen to a request; a fault after booking follows a refusal too.

        Args:
            request: What has arrived.
            operation: What it is for the admin door; None where the door has no word for it.
            work: Books it and answers, or raises a `Refusal`.
        """

        async def answered(delay_s: float) -> web.Response:
            try:
                return await work(delay_s)
            except Refusal as refusal:
                return refusal.response()

        fault = self._faults.weather(self._gateway, operation) if operation else None
        return await carry_out(fault, request, self._wording, answered)


def in_its_words(of_status: Callable[[int], Refusal]) -> Middleware:
    """Word what the router refuses by itself (404, 405, 413) as the gateway does."""

    @web.middleware
    async def worded(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as refusal:
            return of_status(refusal.status).response()

    return worded

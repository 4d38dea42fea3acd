"""JSON as Stax writes it: amounts are numbers of dollars, read and written exactly, never a float.

Times of day have no zone in Stax's examples (``2018-03-05 13:27:05``); here they are UTC.
"""

from datetime import UTC, datetime
from decimal import Decimal

from aiohttp import web

from simulator import decimals
from simulator.faces.stax_problems import Problem, refused

# Stax counts in dollars; two digits, as its published amounts have.
DIGITS = 2


def read(body: bytes) -> object:
    """A request's body, with numbers as they were written; nothing is an empty object.

    Raises:
        Problem: 400 for what is no JSON.
    """
    try:
        return decimals.read(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise Problem(400, refused("The request body is not valid JSON.")) from error


def response(content: object, status: int = 200) -> web.Response:
    """An answer in JSON."""
    body = decimals.written(content).encode()
    return web.Response(body=body, status=status, content_type="application/json")


def dollars(amount_minor: int) -> Decimal:
    """An amount as the examples show it: ``10``, ``0.01``, ``12.5``."""
    exact = Decimal(amount_minor).scaleb(-DIGITS)
    return exact.quantize(Decimal(1)) if exact == exact.to_integral_value() else exact.normalize()


def stamp(moment: datetime) -> str:
    """A moment without its zone."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"

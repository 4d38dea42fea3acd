"""The gateways from here: is each reached, and does its clock agree with ours.

One connection and one ``HEAD /`` for each address, with no credential and no account's name. Any
answer will do; what a gateway says to it means nothing.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

from worker.doctor.cluster import CLOCK_MAX, SYNCHRONIZE
from worker.doctor.results import Result, Results, cannot_look, finding, ok

# As long as a call waits for its connection (`gateways.wire`); then as long again for an answer.
_STEP_S = 5.0
_AT_ONCE = 32
_HEAD_BYTES_MAX = 16 * 1024
# No answer, one that is no HTTP or too long, or a date that is none.
_NO_TIME = (OSError, EOFError, asyncio.LimitOverrunError, ValueError, OverflowError)


@dataclass(frozen=True, slots=True)
class Reached:
    """What one address answered.

    Attributes:
        problem: Why it is not reached; None if it is.
        ahead: How far its clock is ahead of ours; None if it did not tell its time.
    """

    problem: str | None = None
    ahead: timedelta | None = None


async def gateways(origins: Mapping[str, Sequence[str]]) -> Results:
    """Whether every gateway is reached, and whether its clock is ours.

    Args:
        origins: Scheme and host of each address, with the accounts that call it.
    """
    turn = asyncio.Semaphore(_AT_ONCE)

    async def _tried(origin: str) -> Reached:
        async with turn:
            return await reached(origin)

    answers = await asyncio.gather(*map(_tried, origins))
    by_origin = dict(zip(origins, answers, strict=True))
    lines = [_line(origin, origins[origin], found) for origin, found in by_origin.items()]
    ahead = {
        urlsplit(origin).netloc: found.ahead
        for origin, found in by_origin.items()
        if found.ahead is not None
    }
    return [*lines, clock(ahead)]


async def reached(origin: str, *, step_s: float = _STEP_S) -> Reached:
    """Connect, ask for the time, and close.

    Args:
        origin: Scheme and host.
        step_s: How long connecting may take, and then the answer.
    """
    try:
        async with asyncio.timeout(step_s):
            reader, writer = await _connected(origin)
    except (OSError, UnicodeError) as error:
        return Reached(problem=_why(error))
    try:
        async with asyncio.timeout(step_s):
            return Reached(ahead=await _time_told(reader, writer, urlsplit(origin).netloc))
    except _NO_TIME:  # it is reached: what it answers is its own affair
        return Reached()
    finally:
        writer.transport.abort()


def clock(ahead: Mapping[str, timedelta]) -> Result:
    """Whether our clock agrees with everybody's who told theirs."""
    if not ahead:
        says = "no gateway told its time"
        return cannot_look("clock", says, "see for yourself that this machine's is right (NTP)")
    far = {name: by for name, by in ahead.items() if abs(by) > CLOCK_MAX}
    if not far:
        return ok("clock", f"within {CLOCK_MAX.seconds} s of {', '.join(ahead)}")
    said = [
        f"{abs(by).total_seconds():.0f} s {'behind' if by > timedelta(0) else 'ahead of'} {name}"
        for name, by in far.items()
    ]
    says = f"this machine's clock is {', '.join(said)}"
    return finding("clock", says, SYNCHRONIZE)


async def _connected(origin: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(origin)
    is_tls = parts.scheme == "https"
    # The certificate authorities of the calls themselves, not this machine's own.
    trust = httpx.create_ssl_context(verify=True, trust_env=False) if is_tls else None
    return await asyncio.open_connection(
        parts.hostname, parts.port or (443 if is_tls else 80), ssl=trust, limit=_HEAD_BYTES_MAX
    )


async def _time_told(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str
) -> timedelta | None:
    asked = datetime.now(UTC)
    writer.write(f"HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("ascii"))
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    middle = asked + (datetime.now(UTC) - asked) / 2
    told = next((line for line in head.split("\r\n") if line.lower().startswith("date:")), None)
    if told is None:
        return None
    stamp = parsedate_to_datetime(told.partition(":")[2].strip())
    # HTTP's dates are all in UTC; one that says "-0000" comes without a zone.
    return (stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)) - middle


def _line(origin: str, accounts: Sequence[str], found: Reached) -> Result:
    host = urlsplit(origin).netloc
    check = f"gateway {host}"
    who = ", ".join(accounts)
    if found.problem is None:
        return ok(check, f"reached, for {who}")
    return finding(
        check,
        f"not reached, for {who}: {found.problem}",
        "check the account's URLs, and this machine's DNS, firewall and routes",
    )


def _why(error: OSError | UnicodeError) -> str:
    """In our words: what a library says may hold anything."""
    match error:
        case TimeoutError():
            return "no answer in time"
        case socket.gaierror() | UnicodeError():
            return "its name is not known"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not accepted ({error.verify_message})"
        case ssl.SSLError():
            return "what answers there speaks no TLS that we accept"
        case ConnectionRefusedError():
            return "nobody listens there"
        case _:
            return error.strerror or type(error).__name__

"""The entry ``answers``: what a gateway may send, right answers spoilt in a few places among it.

Every verb of every account is recorded once; then one of its answers is another one: its values
changed, dropped, doubled or taken from other answers, its bytes torn, its status and headers at
random. `proof.fuzz.answer_judge` says what may come of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gzip
import json
import re
import zlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from time import process_time

from cardhold.hold import OperationKind
from domain.calls import Call
from gateways.errors import GatewayError
from proof.fuzz.answer_judge import Spoilt, Swapped, is_right
from proof.fuzz.hunt import Entry, Ground, Tally, Wrong
from proof.fuzz.recordings import Heard, Recording, changed, played, recordings
from proof.fuzz.trees import Fields, Node, Spoiler, tree, written
from proof.fuzz.words import Pool, chance, pools

_STATUSES = (
    100, 200, 201, 202, 204, 206, 299, 301, 302, 304, 307, 400, 401, 402, 403, 404, 405, 408, 409,
    410, 413, 415, 418, 422, 423, 425, 426, 428, 429, 451, 499, 500, 501, 502, 503, 504, 520, 599,
)  # fmt: skip
#: Words that gateways have for what became of a payment: each is right somewhere, and wrong here.
WORDS: Mapping[str, tuple[str, ...]] = {
    "payroc": ("ready", "pending", "declined", "complete", "referral", "pickup", "reversal",
               "admin", "expired", "accepted", "A", "D", "E", "P", "R", "C", "voided", "PENDING"),
    "sibs": ("Success", "Pending", "InProcessing", "Partial", "Declined", "Timeout", "Error", "000",
             "E0101", "E0119", "E9999", "404", "AUTH", "CAPT", "CANC", "PURS", "success"),
    "xmoney": ("start", "3d-pending", "in-progress", "complete-ok", "complete-failed", "cancel-ok",
               "refund-ok", "void-ok", "charge-back", "uncertain", "expiring", "retrying", "auth",
               "capture", "void", "deposit", "refund", "00", "05"),
    "stax": ("pre_auth", "charge", "capture", "void", "refund", "credit", "Gateway Unreachable.",
             "approved", "1", "0"),
}  # fmt: skip
_ANSWER_S_MAX = 1.0
_CURRENCY = 3  # letters
# How often status and headers stay as they were, and how often a body is coded where they don't.
_SAME, _CODED = 0.85, 0.4


# How many answers are made of the words of one example.
_BATCH = 24


@contextlib.contextmanager
def prepared() -> Generator[Ground]:
    """The simulators run while the recordings are made, and no longer."""
    runner = asyncio.Runner()
    known = [recording for recording in recordings() if recording.script]

    def judged(pool: Pool, tally: Tally) -> None:
        for _ in range(_BATCH):
            runner.run(judge(spoilt(known, pool), tally))

    try:
        yield Ground(pools(), judged)
    finally:
        runner.close()


async def judge(example: Spoilt, tally: Tally) -> None:
    """Play an answer, and hold what comes of it to the contract.

    Raises:
        Wrong: It says more than anybody can know, is no gateway's error, or takes too long.
    """
    tally.cases += 1
    began = process_time()
    try:
        ended, given = await played(example.recording, example.script)
        is_right(example, ended, given)
    except Exception as error:
        error.add_note(repr(example))
        raise
    took_s = process_time() - began
    if took_s > _ANSWER_S_MAX:
        tally.wedged += 1
        raise Wrong(f"{example!r} takes {took_s:.1f} s of CPU")
    tally.refused += isinstance(ended, GatewayError)
    tally.accepted += not isinstance(ended, GatewayError)


def spoilt(known: Sequence[Recording], pool: Pool) -> Spoilt:
    """A recording with one of its answers changed."""
    random = pool.random
    recording = random.choice(known)
    number = random.randrange(len(recording.script))
    heard = recording.script[number]
    kind = recording.desk.kind
    others = [other.body for each in known if each.desk.kind == kind for other in each.script]
    body, swapped = random.choice(_WAYS)(_Pot(pool, recording, heard, others))
    status = heard.status if chance(random, _SAME) else random.choice(_STATUSES)
    named, coded = _headers(random)
    answer = changed(heard, body=coded(body), status=status, headers=named)
    return Spoilt(recording, number, answer, body if coded is _plainly else None, swapped)


@dataclass(frozen=True, slots=True)
class _Pot:
    """What a changed body is made from."""

    pool: Pool
    recording: Recording
    heard: Heard
    others: Sequence[bytes]

    @property
    def random(self) -> Random:
        return self.pool.random

    def spoilt(self, node: Node, times: int) -> bytes:
        """Spoil it with hostile words, the gateway's own, and parts of its other answers."""
        own = self.random.sample(WORDS[self.recording.desk.kind], 3)
        other = tree(_read(self.random.choice(self.others)))
        said = (*self.pool.words, *own)
        spoiler = Spoiler(self.random, said, self.pool.numbers, _parts(other))
        return written(spoiler.spoilt(node, times)).encode("utf-8", "surrogatepass")


Made = tuple[bytes, Swapped | None]


def _changed(pot: _Pot) -> Made:
    return pot.spoilt(tree(_read(pot.heard.body)), pot.random.randint(1, 5)), None


def _of_another(pot: _Pot) -> Made:
    return pot.spoilt(tree(_read(pot.random.choice(pot.others))), pot.random.randint(0, 2)), None


def _swapped(pot: _Pot) -> Made:
    """One of the names or amounts that an answer repeats, another's wherever it stands."""
    named, call = pot.recording.named, pot.recording.named.call
    names: dict[str, str] = {
        "reference": call.reference or named.reference,
        "currency": call.amount.currency,
    }
    if call.payment_id is not None:
        names["payment_id"] = call.payment_id
    whats = [*names, "amount"] if _says_amount(call) else list(names)
    what = pot.random.choice(whats)
    text = pot.heard.body.decode()
    if what == "amount":
        minor = call.amount.amount_minor
        forms = (str(minor),) if pot.recording.desk.kind == "payroc" else _major(minor)
        now = text
        for form in forms:
            now = re.sub(rf"(?<![\d.]){re.escape(form)}(?![\d.])", _another_number(form), now)
    else:
        now = text.replace(names[what], _another_name(names[what]))
    return now.encode(), Swapped(what, now != text)


def _says_amount(call: Call) -> bool:
    return call.kind is not OperationKind.RELEASE


def _major(amount_minor: int) -> tuple[str, ...]:
    whole = str(amount_minor // 100)
    return f"{whole}.00", f"{whole}.0", whole


def _another_number(form: str) -> str:
    """As long, and less."""
    whole, point, part = form.partition(".")
    return f"{int(whole) - 1}{point}{part}"


def _another_name(name: str) -> str:
    """As long, and well-formed."""
    return "CHF" if len(name) == _CURRENCY else name[:-1] + ("2" if name[-1] != "2" else "3")


def _with_a_card(pot: _Pot) -> Made:
    """A card number in every text that people are shown."""
    card = pot.random.choice(pot.pool.words)
    body = pot.heard.body.decode()
    for text in ("APPROVAL", "Do Not Honor", "Success.", "Approved", "Declined by Bank", "visa"):
        body = body.replace(json.dumps(text), json.dumps(card))
    return body.encode(), None


def _torn(pot: _Pot) -> Made:
    body, random = pot.heard.body, pot.random
    at = random.randint(0, len(body))
    ways = (
        lambda: body[:at],
        lambda: body[at:],
        lambda: body[:at] + bytes([random.randrange(256)]) + body[at + 1 :],
        lambda: body[:at] + b"\x00" + body[at:],
        lambda: b"\xef\xbb\xbf" + body,
        lambda: body.decode().encode(random.choice(("utf-16", "utf-32", "utf-7"))),
        lambda: body + random.choice((b"{}", b"x", b"\x00", body, b"\n\n")),
        lambda: b"<html><body>" + body + b"</body></html>",
        lambda: json.dumps(body.decode()).encode(),
        lambda: b"[" * 9_000 + body + b"]" * 9_000,
        lambda: body + b" " * random.choice((10, 250_000, 300_000)),
    )
    return random.choice(ways)(), None


def _anything(pot: _Pot) -> Made:
    text = pot.random.choice((*pot.pool.words, *pot.pool.numbers))
    some = (pot.random.randbytes(pot.random.randrange(120)), text.encode("utf-8", "surrogatepass"))
    return pot.random.choice(some), None


_WAYS: tuple[Callable[[_Pot], Made], ...] = (
    *(_changed,) * 10, *(_of_another,) * 3, *(_swapped,) * 2, _with_a_card, *(_torn,) * 3,
    _anything,
)  # fmt: skip


def _plainly(body: bytes) -> bytes:
    return body


@functools.cache
def _bomb() -> bytes:
    return gzip.compress(b" " * 20_000_000)


def _inflated(body: bytes) -> bytes:
    """The body behind twenty megabytes of blanks: gzip goes on from one member to the next."""
    return _bomb() + gzip.compress(body)


Coding = Callable[[bytes], bytes]
_CODINGS: tuple[tuple[bytes, Coding], ...] = (
    (b"identity", _plainly), (b"gzip", gzip.compress), (b"deflate", zlib.compress),
    (b"gzip", lambda body: body), (b"br", lambda body: body), (b"gzip, gzip", gzip.compress),
    (b"gzip", lambda body: gzip.compress(body)[:-4]), (b"gzip", _inflated),
    (b"\xff", lambda body: body),
)  # fmt: skip
_TYPES = (
    b"application/json",
    b"text/html",
    b"application/problem+json",
    b"",
    b"\xff\x00",
    b"x" * 5_000,
)
_RETRIES = (
    b"0", b"1", b"-1", b"1e9", b"99999999999999999999", b"NaN", b"abc", b"",
    b"Fri, 31 Dec 9999 23:59:59 GMT", b"Thu, 01 Jan 1970 00:00:00 GMT", b"Mon, 00 Jan 2026",
    b"\xff", b"7",
    b"Tue, 15 Nov 1994 08:12:31 +9999", b"1 Jan 0001 00:00 -2359",
)  # fmt: skip


def _headers(random: Random) -> tuple[tuple[tuple[bytes, bytes], ...], Coding]:
    if chance(random, _SAME):
        return ((b"content-type", b"application/json"),), _plainly
    coding, coded = random.choice(_CODINGS) if chance(random, _CODED) else (b"", _plainly)
    named = [
        (b"content-type", random.choice(_TYPES)),
        (b"retry-after", random.choice(_RETRIES)),
        (b"date", random.choice(_RETRIES)),
        (b"location", b"https://elsewhere.example/"),
        (b"set-cookie", b"a=b"),
    ]
    return (*named, *([(b"content-encoding", coding)] if coding else [])), coded


def _read(body: bytes) -> object:
    try:
        return json.loads(body, parse_float=Decimal)
    except ValueError:
        return None


def _parts(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Fields):
        return tuple(part for _, part in node.pairs) or (None,)
    return (node,)


ENTRY = Entry("answers", "answers of every gateway to every verb", 1_000, prepared)

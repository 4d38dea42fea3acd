"""What arrives at a handler: none or several payloads, of any encoding and any content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue

from cardhold.messages import Message
from proof.fuzz.samples import MODELS, sample
from proof.fuzz.trees import Node, Spoiler, tree, written
from proof.fuzz.words import Pool, chance

#: As Temporal's SDKs mark JSON, and everything else that somebody may write there.
ENCODINGS: tuple[bytes | None, ...] = (
    *(b"json/plain",) * 12, b"json/protobuf", b"binary/null", b"binary/plain", b"binary/protobuf",
    b"binary/encrypted", b"json/encrypted", b"JSON/PLAIN", b"json/plain ", b"who/knows", b"",
    b"\xff\xfe", None,
)  # fmt: skip
_CHANGES = (0, 1, 1, 1, 2, 2, 3, 4)
_KINDS = 20
_PAYLOADS = (1,) * 16 + (0, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class Sent:
    """The payloads of one message, each its encoding and its bytes."""

    payloads: tuple[tuple[bytes | None, bytes], ...]

    def raw(self) -> list[RawValue]:
        """The payloads as a handler of ours gets them, and as a client sends them."""
        return [
            RawValue(Payload(metadata={} if coding is None else {"encoding": coding}, data=content))
            for coding, content in self.payloads
        ]

    @property
    def content(self) -> bytes:
        """All that was sent, to look for what must not be in anything that is told."""
        return b"\n".join(content for _, content in self.payloads)

    def __repr__(self) -> str:
        shown = (f"({coding!r}, {_short(content)})" for coding, content in self.payloads)
        return f"Sent(({', '.join(shown)},))"


def _short(content: bytes, most: int = 400) -> str:
    if len(content) <= most:
        return repr(content)
    return f"{content[:most]!r} + {len(content) - most} bytes"


def text_of(model: type[Message], pool: Pool) -> str:
    """JSON of a message, right or spoilt in a few places."""
    random = pool.random
    node = tree(sample(model, random))
    parts = tuple(_parts(random))
    node = Spoiler(random, pool.words, pool.numbers, parts).spoilt(node, random.choice(_CHANGES))
    return written(node, escaped=chance(random, 0.5))


def _parts(random: Random) -> list[Node]:
    """Parts of other messages, which mean something, but not here."""
    other = sample(random.choice(MODELS), random)
    return [tree(part) for part in other.values()] or [None]


def content_of(model: type[Message], pool: Pool) -> bytes:
    """The bytes of one payload."""
    random = pool.random
    kind = random.randrange(_KINDS)
    if kind == 0:
        return random.randbytes(random.randrange(200))
    if kind == 1:
        return random.choice((*pool.words, *pool.numbers)).encode("utf-8", "surrogatepass")
    content = text_of(model, pool).encode("utf-8", "surrogatepass")
    return _TORN[kind](content, random) if kind in _TORN else content


def _cut(content: bytes, random: Random) -> bytes:
    return content[: random.randint(0, len(content))]


def _flipped(content: bytes, random: Random) -> bytes:
    if not content:
        return b"\x00"
    at = random.randrange(len(content))
    return content[:at] + bytes([content[at] ^ (1 << random.randrange(8))]) + content[at + 1 :]


def _blown_up(content: bytes, random: Random) -> bytes:
    return content + b" " * random.choice((1, 1_000, 249_000, 300_000))


# Which of the twenty kinds of content are torn, and how.
_TORN: dict[int, Callable[[bytes, Random], bytes]] = {
    2: _cut,
    3: _flipped,
    4: lambda content, _: b"\xef\xbb\xbf" + content,
    5: lambda content, _: content.decode("utf-8", "replace").encode("utf-16"),
    6: lambda content, random: content + random.choice((b"x", b"{}", b"\x00", b",", content)),
    7: _blown_up,
}


def sent(model: type[Message], pool: Pool) -> Sent:
    """The payloads of a message that its handler reads as ``model``."""
    random = pool.random
    count = random.choice(_PAYLOADS)
    return Sent(tuple((random.choice(ENCODINGS), content_of(model, pool)) for _ in range(count)))

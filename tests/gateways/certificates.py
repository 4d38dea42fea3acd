"""Certificates made on the spot: an authority of a test's own, and what it signs.

Written out by hand (RFC 5280, RFC 8017), since nothing that is installed can make one. The keys are
drawn from a fixed seed and open nothing.
"""

from __future__ import annotations

import base64
import hashlib
import random
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

_BITS = 2048
_EXPONENT = 65537
_INTEGER, _BIT_STRING, _OCTETS, _NULL, _OID, _UTF8 = 2, 3, 4, 5, 6, 12
_SEQUENCE, _SET, _TIME = 0x30, 0x31, 0x18
_BOOLEAN_TRUE = b"\x01\x01\xff"
_SHA256_RSA, _RSA = "2a864886f70d01010b", "2a864886f70d010101"
_COMMON_NAME, _CONSTRAINTS, _ALTERNATIVE_NAME = "550403", "551d13", "551d11"
# What stands before a SHA-256 digest that is signed (RFC 8017, 9.2).
_SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")


def _der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    length = len(body)
    if length < 0x80:
        return bytes([tag, length]) + body
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def _integer(value: int) -> bytes:
    return _der(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _oid(hexadecimal: str) -> bytes:
    return _der(_OID, bytes.fromhex(hexadecimal))


def _pem(what: str, der: bytes) -> str:
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN {what}-----\n{text}-----END {what}-----\n"


@dataclass(frozen=True)
class Key:
    """An RSA key."""

    p: int
    q: int

    @property
    def modulus(self) -> int:
        return self.p * self.q

    @property
    def _secret(self) -> int:
        return pow(_EXPONENT, -1, (self.p - 1) * (self.q - 1))

    def signature(self, data: bytes) -> bytes:
        """PKCS#1 v1.5 with SHA-256."""
        told = _SHA256_PREFIX + hashlib.sha256(data).digest()
        padded = b"\0\1" + b"\xff" * (_BITS // 8 - len(told) - 3) + b"\0" + told
        signed = pow(int.from_bytes(padded, "big"), self._secret, self.modulus)
        return signed.to_bytes(_BITS // 8, "big")

    def public(self) -> bytes:
        """As a certificate holds it."""
        numbers = _der(_SEQUENCE, _integer(self.modulus), _integer(_EXPONENT))
        algorithm = _der(_SEQUENCE, _oid(_RSA), _der(_NULL))
        return _der(_SEQUENCE, algorithm, _der(_BIT_STRING, b"\0", numbers))

    def pem(self) -> str:
        """As a server reads it."""
        d, p, q = self._secret, self.p, self.q
        numbers = (0, self.modulus, _EXPONENT, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))
        return _pem("RSA PRIVATE KEY", _der(_SEQUENCE, *map(_integer, numbers)))


@cache
def key(seed: int) -> Key:
    """A key of its own for each seed, always the same."""
    draw = random.Random(seed)  # noqa: S311 - the key opens nothing
    return Key(_prime(draw), _prime(draw))


def _prime(draw: random.Random) -> int:
    while True:
        # The two highest bits make the product as long as it has to be.
        found = draw.getrandbits(_BITS // 2) | 3 << (_BITS // 2 - 2) | 1
        if all(found % small for small in range(3, 2000, 2)) and _is_prime(found, draw):
            return found


def _is_prime(number: int, draw: random.Random) -> bool:
    """Miller and Rabin's test; twenty witnesses leave no doubt."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(20):
        power = pow(draw.randrange(2, number - 1), odd, number)
        if power in {1, number - 1}:
            continue
        if not any((power := pow(power, 2, number)) == number - 1 for _ in range(twos - 1)):
            return False
    return True


AUTHORITY, SERVER = 1, 2


def certificate(
    *,
    host: str | None = "127.0.0.1",
    signed_by: int = AUTHORITY,
    of: int = SERVER,
    begins: timedelta = timedelta(days=-1),
    ends: timedelta = timedelta(days=1),
) -> str:
    """A certificate in PEM.

    Args:
        host: Whose; None makes an authority of it.
        signed_by: The seed of the key that signs it.
        of: The seed of the key that it is about.
        begins: From when on it counts, from now.
        ends: Until when.
    """
    now = datetime.now(UTC)
    algorithm = _der(_SEQUENCE, _oid(_SHA256_RSA), _der(_NULL))
    about = _der(
        _SEQUENCE,
        _der(0xA0, _integer(2)),
        _integer(random.Random(f"{host}{ends}").getrandbits(64)),  # noqa: S311 - a serial number
        algorithm,
        _name(signed_by),
        _der(
            _SEQUENCE, *(_der(_TIME, f"{now + at:%Y%m%d%H%M%SZ}".encode()) for at in (begins, ends))
        ),
        _name(of),
        key(of).public(),
        _der(0xA3, _der(_SEQUENCE, _extension(host))),
    )
    signature = _der(_BIT_STRING, b"\0", key(signed_by).signature(about))
    return _pem("CERTIFICATE", _der(_SEQUENCE, about, algorithm, signature))


def _name(seed: int) -> bytes:
    word = _der(_SEQUENCE, _oid(_COMMON_NAME), _der(_UTF8, f"made for a test, {seed}".encode()))
    return _der(_SEQUENCE, _der(_SET, word))


def _extension(host: str | None) -> bytes:
    if host is None:
        authority = _der(_OCTETS, _der(_SEQUENCE, _BOOLEAN_TRUE))
        return _der(_SEQUENCE, _oid(_CONSTRAINTS), _BOOLEAN_TRUE, authority)
    octets = host.split(".")
    is_address = all(part.isdigit() for part in octets)
    name = _der(0x87, bytes(map(int, octets))) if is_address else _der(0x82, host.encode())
    return _der(_SEQUENCE, _oid(_ALTERNATIVE_NAME), _der(_OCTETS, _der(_SEQUENCE, name)))


def serving(pem: str, folder: Path) -> ssl.SSLContext:
    """What a server with this certificate serves with."""
    chain = folder / "server.pem"
    chain.write_text(pem + key(SERVER).pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context

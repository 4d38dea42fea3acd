"""Where the ids and tokens that gateways make up come from: the system's chance, or a seed's.

A run that is to be repeated exactly calls `draw_from` before its first request.
"""

import base64
import random
from collections.abc import Sequence
from uuid import UUID

# A list, so that what is drawn from can be changed for all who have imported these functions.
_dice: list[random.Random] = [random.SystemRandom()]


def draw_from(dice: random.Random) -> None:
    """From now on, in this process, everything is drawn from ``dice``."""
    _dice[0] = dice


def choice(letters: Sequence[str]) -> str:
    """One of them."""
    return _dice[0].choice(letters)


def below(bound: int) -> int:
    """A whole number from 0 to ``bound`` - 1."""
    return _dice[0].randrange(bound)


def octets(length: int) -> bytes:
    """That many bytes."""
    return _dice[0].randbytes(length)


def url_token(length: int) -> str:
    """That many bytes, in letters that a URL can hold."""
    return base64.urlsafe_b64encode(octets(length)).rstrip(b"=").decode()


def hex_token(length: int) -> str:
    """That many bytes, two letters each."""
    return octets(length).hex()


def uuid() -> str:
    """A UUID of version 4."""
    return str(UUID(bytes=octets(16), version=4))

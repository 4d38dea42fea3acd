"""What goes by which name at its gateway: by the contract's rule, or made elsewhere."""

from __future__ import annotations

import base64
import hashlib
import uuid

from proof.places import ENVIRONMENT, Place

#: What a hold is called that was made elsewhere, for the run to take over.
ELSEWHERE = "elsewhere"


def derived_key(place: Place, workflow_id: str, kind: str, command_id: str) -> str:
    """The idempotency key of an operation, by the contract's rule."""
    named = ("hold/v1", place.account, ENVIRONMENT, workflow_id, kind, command_id)
    digest = bytearray(hashlib.sha256("\x1f".join(named).encode()).digest())
    digest[6] = digest[6] & 0x0F | 0x40
    digest[8] = digest[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(digest[:16])))


def derived_reference(place: Place, workflow_id: str, kind: str, command_id: str) -> str:
    """The merchant's reference of an operation, by the contract's rule."""
    named = ("hold/v1", place.account, ENVIRONMENT, workflow_id, kind, command_id)
    digest = hashlib.sha256("\x1f".join(named).encode()).digest()
    return base64.b32encode(digest)[:24].decode()

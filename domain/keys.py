"""Names for what is sent to a gateway, derived so that every copy of us derives the same.

A key names the operation: account, environment, workflow, kind of operation and
``command_id``. No attempt number, run id or randomness is in it, so a retry, a reset
run, another worker and a restored server all say the same name for the same intent.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from uuid import UUID

# The unit separator of ASCII: no id of ours may hold it, so no two lists of parts join alike.
_SEPARATOR = b"\x1f"
# 24 characters are what the shortest reference of a gateway takes (Payroc OpenAPI: orderId 1..24).
_REFERENCE_LENGTH = 24
_REFERENCE = re.compile(rf"[A-Z2-7]{{{_REFERENCE_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class OperationName:
    """What names one operation for ever."""

    account: str
    environment: str
    workflow_id: str
    operation: str
    command_id: str

    def key(self) -> str:
        """The idempotency key: a SHA-256 in the shape of a UUID v4, which Payroc insists on."""
        bits = bytearray(self._digest()[:16])
        bits[6] = bits[6] & 0x0F | 0x40
        bits[8] = bits[8] & 0x3F | 0x80
        return str(UUID(bytes=bytes(bits)))

    def reference(self) -> str:
        """The merchant's reference: 24 base32 characters of the same digest."""
        return base64.b32encode(self._digest()).decode()[:_REFERENCE_LENGTH]

    def _digest(self) -> bytes:
        parts = (
            "hold/v1",
            self.account,
            self.environment,
            self.workflow_id,
            self.operation,
            self.command_id,
        )
        return hashlib.sha256(_SEPARATOR.join(part.encode() for part in parts)).digest()


def is_reference(text: str) -> bool:
    """Whether a merchant's reference has the shape of ours."""
    return _REFERENCE.fullmatch(text) is not None

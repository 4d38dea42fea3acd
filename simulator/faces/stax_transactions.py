"""Stax's transactions: a hold or a sale, and the captures, voids and refunds that follow it.

What moved is read from the bank's books; a transaction keeps only what was asked, and what became
of it if that was known at once.
"""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel

from simulator.faces.stax_methods import Method


class Type(StrEnum):
    """What a transaction is, in Stax's words."""

    PRE_AUTH = "pre_auth"
    CHARGE = "charge"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class Processor(StrEnum):
    """What the processor behind an API key does with what a capture leaves; see ``stax``."""

    FREES_REST = "frees-rest"
    KEEPS_REST = "keeps-rest"
    SEVERAL = "several"


class Transaction(BaseModel):
    """One transaction. ``root_id`` is the hold's or sale's it belongs to, its own for those.

    ``parent_id``: the pre-authorization of a capture, or what a void or refund undoes. ``due``:
    when an outcome that is open will be known. ``declined``: the issuer says, or will say, no.
    ``key`` is what the books note; ``meta`` is JSON.
    """

    transaction_id: str
    type: Type
    root_id: str
    parent_id: str | None = None
    total_minor: int
    meta: str
    method: Method
    reference: str
    idempotency_id: str | None
    payment_information: list[object] | None = None
    key: str
    processor: Processor
    declined: bool = False
    due: datetime | None = None
    created_at: datetime

    @property
    def decided_at(self) -> datetime:
        """When its outcome is known."""
        return self.due or self.created_at

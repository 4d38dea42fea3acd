"""One transaction as Stax shows it.

Field names, and the mix of ``is_captured`` as 0 or 1, flags as booleans and a void's or refund's
``is_voided`` as null, are those of the examples in the API description of Fattmerchant's Omni API
(2020); ``idempotency_id`` and ``currency`` are from published clients (Hyperswitch, Stax's
iOS SDK). Choices where nothing is published:

* captures are in ``child_captures`` alone, voids and refunds in ``child_transactions`` of what
  they undo; both lists show failed ones too (``success`` false);
* an open outcome is ``success`` null, ``message`` and ``status`` ``pending`` and ``PENDING``
  (the words of Stax's terminals); a hold's flags are those from before until it is known;
* a lapsed hold looks as it did before: no published field tells;
* a hold whose rest was voided after a capture has both ``is_captured`` and ``is_voided``.
"""

import hashlib
from datetime import datetime

from simulator.decimals import Written
from simulator.faces.stax_methods import MERCHANT
from simulator.faces.stax_register import Register
from simulator.faces.stax_transactions import Transaction, Type
from simulator.faces.stax_wire import dollars, stamp

_DECLINE = "Do Not Honor"
_LATER = (Type.VOID, Type.REFUND)


def shown(register: Register, transaction: Transaction) -> dict[str, object]:
    """The transaction with what followed it and, for a capture, its pre-authorization."""
    parent = None
    if transaction.type is Type.CAPTURE and transaction.parent_id:
        parent = _flat(register, register.find(transaction.parent_id))
    return _with_children(register, transaction) | {"parent_auth": parent}


def _with_children(register: Register, transaction: Transaction) -> dict[str, object]:
    captures: list[object] = []
    later: list[object] = []
    for child in register.children(transaction):
        place = captures if child.type is Type.CAPTURE else later
        place.append(_with_children(register, child))
    content = _flat(register, transaction)
    return content | {"child_captures": captures, "child_transactions": later}


def _flat(register: Register, transaction: Transaction) -> dict[str, object]:
    success = register.success(transaction)
    captured = register.succeeded(transaction, Type.CAPTURE)
    batched_at = register.batched_at(transaction)
    batched = None if batched_at is None else stamp(batched_at)
    content: dict[str, object] = {
        "id": transaction.transaction_id,
        "invoice_id": "",
        "reference_id": transaction.parent_id if transaction.type in _LATER else "",
        "recurring_transaction_id": "",
        "auth_id": transaction.parent_id if transaction.type is Type.CAPTURE else None,
        "type": transaction.type.value,
        "source": None,
        "is_merchant_present": None,
        "merchant_id": MERCHANT,
        "user_id": MERCHANT,
        "customer_id": transaction.method.customer_id,
        "payment_method_id": transaction.method.method_id,
        "is_manual": None,
        "success": success,
        "message": {True: None, False: _DECLINE, None: "pending"}[success],
        "meta": Written(transaction.meta),
        "total": dollars(transaction.total_minor),
        "currency": register.rules.currency,
        "method": "card",
        "pre_auth": transaction.type is Type.PRE_AUTH,
        "is_captured": 1 if captured else 0,
        "last_four": transaction.method.last_four,
        "idempotency_id": transaction.idempotency_id,
        "batched_at": batched,
        "settled_at": batched,
        "created_at": stamp(transaction.created_at),
        "updated_at": stamp(_changed_at(register, transaction)),
        "total_refunded": dollars(register.refunded_minor(transaction)),
        "issuer_auth_code": _auth_code(transaction) if success else None,
        "is_settling": None,
        "schedule_id": None,
        "customer": None,
        "files": [],
        "payment_method": transaction.method.shown(),
        **_flags(register, transaction),
    }
    return content if success is not None else content | {"status": "PENDING"}


def _flags(register: Register, transaction: Transaction) -> dict[str, object]:
    if transaction.type in _LATER:
        return {"is_voided": None, "is_voidable": False, "is_refundable": False}
    voided = register.is_voided(transaction)
    if transaction.type is Type.PRE_AUTH:
        voidable, refundable = register.left_minor(transaction) > 0, False
    else:
        good = bool(register.success(transaction)) and not voided
        batched = register.batched_at(transaction) is not None
        left = register.refunded_minor(transaction) < transaction.total_minor
        voidable, refundable = good and not batched, good and batched and left
    return {"is_voided": voided, "is_voidable": voidable, "is_refundable": refundable}


def _changed_at(register: Register, transaction: Transaction) -> datetime:
    moments = [transaction, *register.children(transaction)]
    now = register.clock.now()
    return max(
        moment.decided_at if moment.decided_at <= now else moment.created_at for moment in moments
    )


def _auth_code(transaction: Transaction) -> str:
    """The issuer's code, the same each time."""
    return hashlib.sha256(transaction.transaction_id.encode()).hexdigest()[:6].upper()

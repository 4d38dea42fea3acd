"""What is sent to SIBS. Pure; no network and no clock."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from cardhold.messages import Browser, Initiator, PaymentMethodKind
from cardhold.money import Money
from cardhold.names import ErrorType
from domain.calls import Call
from gateways.adapters.sibs.problems import NAME
from gateways.amounts import decimal_of
from gateways.errors import Refused
from gateways.port import Named

# "Transaction short description", without a figure; what we take may have 256 characters.
_DESCRIPTION_MAX = 100
_REFERENCE_LENGTH = 24


@dataclass(frozen=True, slots=True)
class Terms:
    """What an account sends with everything.

    Attributes:
        terminal: SIBS's number of the terminal.
        channel: In SIBS's word.
        token_type: What stored tokens are.
        amount_qualifier: What the amount of the merchant's own authorizations is.
        return_url_field: What the order's merchant calls the way back; None to leave it out.
    """

    terminal: int
    channel: str
    token_type: str
    amount_qualifier: str
    return_url_field: str | None


def order(named: Named, terms: Terms, at: datetime) -> dict[str, object]:
    """An order: nothing is held before it is purchased."""
    call = named.call
    transaction = _transaction(call.amount, call.description or named.reference, at)
    by_merchant = {"type": "UCOF", "amountQualifier": terms.amount_qualifier}
    field = terms.return_url_field if call.return_url else None
    way_back = {field: call.return_url} if field else {}
    return {
        "merchant": {**_merchant(named.reference, terms), **way_back},
        "transaction": {
            **transaction,
            "moto": False,
            "paymentType": "AUTH",
            "paymentMethod": ["CARD"],
        },
        # Unscheduled, card on file: the guest has agreed before, and is not asked.
        **(
            {"merchantInitiatedTransaction": by_merchant}
            if call.initiator is Initiator.MERCHANT
            else {}
        ),
    }


def purchase(call: Call, terms: Terms) -> dict[str, object]:
    """The purchase of an order with a stored token.

    Raises:
        Refused: There is no such token.
    """
    device = {} if call.browser is None else _device(call.browser)
    return {
        "tokenInfo": {"value": _stored_token(call), "tokenType": terms.token_type},
        **({"info": {"deviceInfo": device}} if device else {}),
    }


def follow_up(
    payment_id: str, amount: Money, reference: str, terms: Terms, at: datetime
) -> dict[str, object]:
    """A capture or a cancellation of ``amount``: always said, for without one it might be all."""
    return {
        "merchant": _merchant(reference, terms),
        "transaction": {
            **_transaction(amount, reference, at),
            # The seed's table has it beside `transaction`; the definition of Capture 1.0.0 allows
            # it inside alone, and so does every example.
            "originalTransaction": {"id": payment_id},
        },
    }


def reference_of_cancelled(reference: str, payment_id: str) -> str:
    """A name for the cancellation of an order that nobody has purchased.

    Not the authorization's own: a look-up by that would find the cancellation.
    """
    digest = hashlib.sha256(f"cancelled\x1f{reference}\x1f{payment_id}".encode()).digest()
    return base64.b32encode(digest).decode()[:_REFERENCE_LENGTH]


def _merchant(reference: str, terms: Terms) -> dict[str, object]:
    return {
        "terminalId": terms.terminal,
        "channel": terms.channel,
        "merchantTransactionId": reference,
    }


def _transaction(amount: Money, description: str, at: datetime) -> dict[str, object]:
    stamp = at.astimezone(UTC).isoformat(timespec="milliseconds")
    return {
        "transactionTimestamp": stamp.replace("+00:00", "Z"),
        "description": description[:_DESCRIPTION_MAX],
        "amount": {"value": decimal_of(amount), "currency": amount.currency},
    }


def _stored_token(call: Call) -> str:
    method = call.payment_method
    if method is None or method.kind is not PaymentMethodKind.STORED_TOKEN:
        text = f"{NAME}: a hold is placed on a stored token; one made elsewhere is looked up"
        raise Refused(text, ErrorType.NOT_SUPPORTED)
    return method.token


def _device(browser: Browser) -> dict[str, str]:
    """The browser in SIBS's words, all of them text (Token 1.0.0 and 2.0.0)."""
    told = {
        "browserAcceptHeader": browser.accept_header,
        "browserJavaEnabled": browser.java_enabled,
        "browserLanguage": browser.language,
        "browserColorDepth": browser.color_depth,
        "browserScreenHeight": browser.screen_height,
        "browserScreenWidth": browser.screen_width,
        "browserTZ": browser.time_zone_offset_minutes,
        "browserUserAgent": browser.user_agent,
        "ipAddress": browser.ip,
    }
    return {name: _text(value) for name, value in told.items() if value is not None}


def _text(value: str | int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

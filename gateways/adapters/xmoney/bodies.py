"""What is sent to xMoney: forms, and the paths of orders and transactions. Pure; no network."""

from __future__ import annotations

from base64 import b64encode
from ipaddress import ip_address

from cardhold.messages import Browser, Initiator, PaymentMethodKind
from cardhold.money import Money
from cardhold.names import ErrorType
from domain.calls import Call
from gateways.adapters.xmoney.answers import is_id
from gateways.adapters.xmoney.words import NAME
from gateways.amounts import decimal_of, written
from gateways.errors import Refused
from gateways.port import Named

# The bounds of EMV 3-D Secure, as Twispay's page "3-D Secure 2.0" gives them.
_LANGUAGE_MAX = 8
_TEXT_MIN, _TEXT_MAX = 2, 2048


def order_form(named: Named, *, site_id: str, fallback_ip: str | None) -> dict[str, str]:
    """The body of a new order: a hold of the amount on a stored card, and never a sale.

    Args:
        named: What to hold.
        site_id: The site's profile.
        fallback_ip: The guest's address where the request brings none.

    Raises:
        Refused: The request lacks what xMoney wants; nothing was sent.
    """
    call = named.call
    method = call.payment_method
    if method is None or method.kind is not PaymentMethodKind.STORED_TOKEN:
        text = f"{NAME}: a hold is placed on a stored card; one made elsewhere is looked up"
        raise Refused(text, ErrorType.NOT_SUPPORTED)
    return {
        "siteId": site_id,
        "orderType": "purchase",
        "transactionMethod": "card",
        "cardTransactionMode": "auth",
        "customerId": _number(method.customer_id, "payment_method.customer_id"),
        "cardId": _number(method.token, "payment_method.token"),
        "externalOrderId": named.reference,
        "amount": amount_text(call.amount),
        "currency": call.amount.currency,
        **({"description": call.description} if call.description else {}),
        **_of_the_guest(call, fallback_ip),
    }


def amount_text(amount: Money) -> str:
    """Major units with exactly the currency's digits: ``10.00``, JPY ``10``, KWD ``10.000``."""
    return format(decimal_of(amount), "f")


def transaction_path(payment_id: str | None) -> str:
    """Where a transaction is.

    Raises:
        Refused: That names none; nothing was sent.
    """
    if payment_id is None or not is_id(payment_id):
        raise Refused(f"{NAME}: that names no payment", ErrorType.INVALID_REQUEST)
    return f"/transaction/{payment_id}"


def _number(text: str | None, field: str) -> str:
    if text is None or not is_id(text):
        raise Refused(f"{NAME}: {field} must be xMoney's number", ErrorType.INVALID_REQUEST)
    return text


def _of_the_guest(call: Call, fallback_ip: str | None) -> dict[str, str]:
    """Who is at the other end; nobody, where the merchant acts alone."""
    alone = call.initiator is Initiator.MERCHANT
    browser = None if alone else call.browser
    ip = fallback_ip if browser is None or browser.ip is None else _address(browser.ip)
    data = {} if browser is None else _browser(browser)
    return {
        **({"ip": ip} if ip else {}),
        **({"backUrl": call.return_url} if call.return_url and not alone else {}),
        **({"threeDSecureData": b64encode(written(data).encode()).decode()} if data else {}),
    }


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        wrong = f"{NAME}: browser.ip must be an IP address"
    raise Refused(wrong, ErrorType.INVALID_REQUEST)


def _browser(browser: Browser) -> dict[str, object]:
    """The guest's browser under EMV's names; what does not fit is left out."""
    told: dict[str, object] = {
        "browserAcceptHeader": _text(browser.accept_header),
        "browserIP": browser.ip and _address(browser.ip),
        "browserJavaEnabled": browser.java_enabled,
        "browserJavaScriptEnabled": browser.javascript_enabled,
        "browserLanguage": _language(browser.language),
        "browserColorDepth": _digits(browser.color_depth),
        "browserScreenHeight": _digits(browser.screen_height),
        "browserScreenWidth": _digits(browser.screen_width),
        "browserTZ": _digits(browser.time_zone_offset_minutes),
        "browserUserAgent": _text(browser.user_agent),
    }
    return {name: value for name, value in told.items() if value is not None}


def _text(text: str | None) -> str | None:
    return text if text is not None and _TEXT_MIN <= len(text) <= _TEXT_MAX else None


def _language(text: str | None) -> str | None:
    return text if text and len(text) <= _LANGUAGE_MAX else None


def _digits(number: int | None) -> str | None:
    return None if number is None else str(number)

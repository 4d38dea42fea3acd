"""What a failure of one request says of a verb that is made of several.

xMoney's answers to an order, a capture and a void say nothing of the money: each verb reads the
transaction beside them. A failed reading means one thing before anything was sent, and another
after it.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from gateways.errors import GatewayError, NotSent, OutcomeUnknown, Undecided


@contextmanager
def before_sending() -> Generator[None]:
    """A look that guards what would be sent: where it fails, nothing is.

    Raises:
        NotSent: In place of any error that would leave an outcome unknown.
    """
    try:
        yield
    except OutcomeUnknown as error:
        told = f"{error}; it was to be looked at first, so nothing was sent"
        raise NotSent(told) from None


@contextmanager
def after_sending(payment_id: str) -> Generator[None]:
    """Something was sent: whatever fails from here on leaves its outcome unknown.

    Args:
        payment_id: The gateway's id of what it may have moved.

    Raises:
        OutcomeUnknown: In place of any error, with that id.
    """
    try:
        yield
    except OutcomeUnknown as error:
        raise type(error)(str(error), payment_id) from None
    except GatewayError as error:
        raise Undecided(f"sent, and then: {error}", payment_id) from None

"""What Stax's requests may say; texts of refusals as the published 422 examples have them.

Fields that are not known are ignored, as Stax does: a capture that names its amount by another
name takes everything.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple, cast

from simulator.decimals import Written, written
from simulator.faces.stax_problems import Problem, invalid, refused
from simulator.faces.stax_wire import DIGITS

# A choice: Stax publishes a least amount (0.01) and no most.
_MOST_MINOR = 99_999_999_99
_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_SIGNIFICANT_MAX = 20
_SET: tuple[object, ...] = (True, "true", "1")
_UNSET: tuple[object, ...] = (False, "false", "0")
# "No longer than 255 characters": Stax API reference, "Pay an invoice", read 2026. Taken for
# every identifier.
_TEXT_MAX = 255
_TOKEN = re.compile(r"[!-~]+")


class Charge(NamedTuple):
    """``POST /charge``. ``meta`` is JSON; ``reference`` is what the books note of it."""

    payment_method_id: str
    total_minor: int
    pre_auth: bool
    meta: Written
    reference: str
    idempotency_id: str | None

    @property
    def payment_information(self) -> list[object]:
        """What has to be the same under the same ``idempotency_id``: which fields is a choice."""
        return [self.payment_method_id, self.total_minor, self.pre_auth]


class Capture(NamedTuple):
    """``POST /transaction/{id}/capture``; without an amount it takes everything."""

    total_minor: int | None
    meta: Written | None
    idempotency_id: str | None


class Fields:
    """A body's fields, and what is wrong with them; ``check`` refuses all of it at once."""

    def __init__(self, content: object) -> None:
        if not isinstance(content, dict):
            raise Problem(400, refused("The request body is not a JSON object."))
        self._content = cast("dict[str, object]", content)
        self._wrong: dict[str, list[str]] = {}

    def text(self, name: str, *, required: bool = False) -> str:
        """Text without blanks at its ends; "" if there is none."""
        value = self._content.get(name)
        if value is None or value == "":
            self._missing(name, required=required)
        elif not isinstance(value, str):
            self._note(name, "must be a string.")
        elif len(value) > _TEXT_MAX:
            self._note(name, f"may not be greater than {_TEXT_MAX} characters.")
        else:
            return value.strip()
        return ""

    def token(self, name: str) -> str:
        """An identifier, which has to be there."""
        value = self.text(name, required=True)
        if value and not _TOKEN.fullmatch(value):
            self.refuse(name, f"The selected {_words(name)} is invalid.")
        return value

    def amount(self, name: str, *, required: bool = False) -> int | None:
        """An amount in minor units."""
        value = self._content.get(name)
        if value is None:
            self._missing(name, required=required)
            return None
        minor = _minor(value)
        if minor is None:
            self._note(name, "must be a number.")
        elif minor < 1:
            self._note(name, "must be at least 0.01.")
        elif minor != int(minor):
            self._note(name, f"may not have more than {DIGITS} decimal places.")
        elif minor > _MOST_MINOR:
            self._note(name, "may not be greater than 99999999.99.")
        else:
            return int(minor)
        return None

    def flag(self, name: str) -> bool:
        """``1``, ``0``, ``true``, ``false``; false if absent, as in Stax's quickstart."""
        value = self._content.get(name)
        if value is None:
            return False
        # The numbers 1 and 0 are in these, as Python takes them for True and False.
        is_set = isinstance(value, (int, str)) and value in _SET
        if not is_set and not (isinstance(value, (int, str)) and value in _UNSET):
            self._note(name, "field must be true or false.")
        return is_set

    def meta(self, *, required: bool = False) -> Mapping[str, Any]:
        """The object that is stored as it is."""
        value = self._content.get("meta")
        if value is None:
            self._missing("meta", required=required)
        elif not isinstance(value, dict):
            self._note("meta", "must be an array.")  # What PHP calls an object.
        else:
            return cast("dict[str, Any]", value)
        return {}

    def refuse(self, name: str, text: str) -> None:
        """Note what is wrong with a field."""
        self._wrong.setdefault(name, []).append(text)

    def check(self) -> None:
        """Let a body pass that has nothing wrong.

        Raises:
            Problem: 422.
        """
        if self._wrong:
            raise Problem(422, self._wrong)

    def _missing(self, name: str, *, required: bool) -> None:
        if required:
            self._note(name, "field is required.")

    def _note(self, name: str, text: str) -> None:
        self.refuse(name, f"The {_words(name)} {text}")


def charge_of(content: object) -> Charge:
    """Read ``POST /charge``; ``pre_auth`` left out makes it a sale.

    Raises:
        Problem: 400 or 422.
    """
    fields = Fields(content)
    meta = fields.meta(required=True)
    reference = meta.get("reference")
    charge = Charge(
        payment_method_id=fields.token("payment_method_id"),
        total_minor=fields.amount("total", required=True) or 0,
        pre_auth=fields.flag("pre_auth"),
        meta=_stored(meta),
        reference=str(reference) if isinstance(reference, (str, int)) else "",
        idempotency_id=fields.text("idempotency_id") or None,
    )
    fields.check()
    return charge


def capture_of(content: object) -> Capture:
    """Read a capture's amount: ``total``, else ``amount``, else everything.

    Published clients send ``total``, the API reference says ``amount``.

    Raises:
        Problem: 400 or 422.
    """
    fields = Fields(content)
    total_minor, amount_minor = fields.amount("total"), fields.amount("amount")
    meta = fields.meta()
    idempotency_id = fields.text("idempotency_id") or None
    fields.check()
    taken_minor = amount_minor if total_minor is None else total_minor
    return Capture(taken_minor, _stored(meta) if meta else None, idempotency_id)


def total_of(content: object) -> int | None:
    """Read the ``total`` of a refund; None is all of it.

    Raises:
        Problem: 400 or 422.
    """
    fields = Fields(content)
    total_minor = fields.amount("total")
    fields.check()
    return total_minor


def _stored(meta: Mapping[str, Any]) -> Written:
    try:
        return written(meta)
    except RecursionError as error:
        raise invalid("meta", "The meta is nested too deeply.") from error


def _minor(value: object) -> Decimal | None:
    """Dollars in cents, which may have a fraction; numbers and texts of numbers are read."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal, str)):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return None
    number = Decimal(value)
    if len(number.as_tuple().digits) > _SIGNIFICANT_MAX or abs(number.adjusted()) > _TEXT_MAX:
        return None
    return number.scaleb(DIGITS)


def _words(name: str) -> str:
    return name.replace("_", " ")

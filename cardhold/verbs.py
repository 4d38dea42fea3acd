"""The commands as methods, whoever carries them; knows the messages and no Temporal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict, TypeVar, Unpack, cast

from pydantic import BaseModel

from cardhold.errors import InvalidRequest
from cardhold.fields import ReservationId
from cardhold.hold import Hold
from cardhold.messages import (
    Acknowledge,
    Adjust,
    Authorize,
    Capture,
    Command,
    Message,
    OnDeadline,
    PaymentMethod,
    Release,
    Reschedule,
    Resolve,
    ResolvedOutcome,
)
from cardhold.money import Difference, Money
from cardhold.reading import InvalidMessage, read

MessageT = TypeVar("MessageT", bound=BaseModel)


class Said(TypedDict, total=False):
    """Who says a command and why, and the id that makes it safe to repeat."""

    command_id: str | None
    operator: str | None
    reason: str | None


class Verbs(ABC):
    """One method for each command; every one of them is `send` with that command.

    An amount is a `Money`, or text with exactly the currency's digits: ``"150.00 USD"``.
    All of them answer with the hold once their operation is decided, and raise as `send` does.
    """

    @abstractmethod
    async def send(self, reservation_id: str, command: Command) -> Hold:
        """Carry ``command`` to the reservation and bring back its answer."""

    async def authorize(
        self, reservation_id: str, payment_method: PaymentMethod, **said: Unpack[Said]
    ) -> Hold:
        """Try another card after a decline."""
        return await self._say(reservation_id, Authorize, said, payment_method=payment_method)

    async def adjust(
        self,
        reservation_id: str,
        amount: Money | str | None = None,
        *,
        by: Difference | str | None = None,
        **said: Unpack[Said],
    ) -> Hold:
        """Hold ``amount`` in total, or ``by`` more (``"+50.00 USD"``) than is held then."""
        return await self._say(reservation_id, Adjust, said, amount=amount, by=by)

    async def capture(
        self,
        reservation_id: str,
        amount: Money | str | None = None,
        *,
        final: bool = True,
        **said: Unpack[Said],
    ) -> Hold:
        """Take ``amount``, or all that is held; what is left is freed unless not ``final``."""
        return await self._say(reservation_id, Capture, said, amount=amount, final=final)

    async def release(self, reservation_id: str, **said: Unpack[Said]) -> Hold:
        """Free whatever is still held."""
        return await self._say(reservation_id, Release, said)

    async def reschedule(
        self,
        reservation_id: str,
        *,
        settle_by: datetime | str | None = None,
        on_deadline: OnDeadline | str | None = None,
        deadline_amount: Money | str | None = None,
        **said: Unpack[Said],
    ) -> Hold:
        """Change the plan; what is left out stays as it is."""
        plan = {
            "settle_by": settle_by, "on_deadline": on_deadline, "deadline_amount": deadline_amount
        }  # fmt: skip
        return await self._say(reservation_id, Reschedule, said, **plan)

    async def resolve(
        self,
        reservation_id: str,
        operation_id: str,
        outcome: ResolvedOutcome | str,
        *,
        reference: str | None = None,
        amount: Money | str | None = None,
        **said: Unpack[Said],
    ) -> Hold:
        """Give a person's word on an operation that nobody could look up."""
        word = {"operation_id": operation_id, "outcome": outcome}
        return await self._say(
            reservation_id, Resolve, said, reference=reference, amount=amount, **word
        )

    async def acknowledge(self, reservation_id: str, **said: Unpack[Said]) -> Hold:
        """End an attention that needs no act."""
        return await self._say(reservation_id, Acknowledge, said)

    async def _say(
        self, reservation_id: str, kind: type[Command], said: Said, **fields: object
    ) -> Hold:
        return await self.send(reservation_id, checked(kind, {**said, **fields}))


def checked(kind: type[MessageT], fields: Mapping[str, object]) -> MessageT:
    """Read ``fields`` as a message of this kind.

    Raises:
        InvalidRequest: Naming the first field that is wrong and its rule, never its value.
    """
    try:
        return read(kind, _plain(fields))
    except InvalidMessage as error:
        raise InvalidRequest(str(error), field=error.field) from None


class _Named(Message):
    reservation_id: ReservationId


def checked_id(reservation_id: str) -> str:
    """The id of a reservation, if it may be one.

    Raises:
        InvalidRequest: It may not; the text says what one must be.
    """
    return checked(_Named, {"reservation_id": reservation_id}).reservation_id


def payload(message: Message) -> dict[str, Any]:
    """The message as the contract's plain JSON; what is absent is left out."""
    return message.model_dump(mode="json", exclude_none=True)


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, object]", value)
        return {name: _plain(part) for name, part in fields.items()}
    return value

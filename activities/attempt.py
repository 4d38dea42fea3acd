"""One attempt of one activity, and what its end means for the workflow.

A look that guards an act may share its activity.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime

from temporalio.exceptions import ApplicationError

from activities.beats import is_given_up
from activities.declared import Failure
from activities.failing import Failing
from activities.situation import Situation
from cardhold.hold import OperationKind
from cardhold.names import ErrorType
from domain.calls import Call, Ending, Settled
from domain.capabilities import Capabilities
from domain.outcome import (
    ActionRequired,
    Approved,
    Declined,
    Outcome,
    Payment,
    PaymentState,
    Pending,
)
from domain.verdict import may_be_adopted, verdict
from gateways.errors import (
    GatewayError,
    NotSent,
    OutcomeUnknown,
    Refused,
    Unauthorized,
    Undecided,
)
from gateways.port import Gateway, Named


class Attempt:
    """One attempt of one activity."""

    def __init__(
        self,
        gateways: Mapping[str, Gateway],
        call: Call,
        *,
        look_first: bool,
        machine_clock: Callable[[], datetime],
    ) -> None:
        self._situation = Situation(
            call,
            gateways.get(call.account),
            look_first=look_first,
            machine_clock=machine_clock,
        )
        self._failing = Failing(self._situation)
        self._call = call
        self._named = self._situation.named

    async def authorize(self) -> Settled:
        """Place the hold, unless the account can't, or it is too late to send it."""
        return await self._translated(self._authorize)

    async def send(self) -> Settled:
        """Carry the operation out."""
        return await self._translated(self._send)

    async def look_up(self) -> Settled:
        """Tell the operation's ending from the payment; fails with StillPending until it can."""
        return await self._translated(self._look_up)

    async def _authorize(self, gateway: Gateway) -> Settled:
        wrong = self._wrong_here(gateway.capabilities)
        if wrong is not None:
            return await self._never_sent_here(gateway, wrong)
        if self._call.adopts:
            return self._adopted(await gateway.look_up(self._named), gateway.capabilities)
        if self._call.send_by is not None and self._situation.now >= self._call.send_by:
            return await self._too_late(gateway, self._call.send_by)
        return await self._send(gateway)

    def _wrong_here(self, can: Capabilities) -> Settled | None:
        """Why this account never takes such an authorization."""
        method = self._call.payment_method
        if method is None or method.kind not in can.payment_methods:
            kind = method.kind if method else "no payment method"
            detail = f"payment_method.kind '{kind}' is not taken by account '{self._call.account}'"
            return self._not_done(detail, ErrorType.NOT_SUPPORTED, "payment_method.kind")
        if not can.lets_return_to(self._call.return_url):
            detail = "return_url must be on a host that the account allows"
            return self._not_done(detail, ErrorType.INVALID_REQUEST, "return_url")
        return None

    async def _never_sent_here(self, gateway: Gateway, wrong: Settled) -> Settled:
        """A worker of another configuration may have sent it all the same."""
        if not self._situation.may_have_been_sent:
            return wrong
        found = await self._looked_before(gateway, self._call.absent_after)
        return wrong if found.ending is Ending.ABSENT else found

    async def _too_late(self, gateway: Gateway, send_by: datetime) -> Settled:
        """Send nothing any more; but an earlier attempt may have, or a run before this one."""
        situation = self._situation
        may_be_ours = situation.may_have_been_sent or situation.is_of_an_earlier_run
        if not may_be_ours and not gateway.capabilities.finds:
            return self._settled(Ending.ABSENT, detail=_TOO_LATE)
        booked_by = send_by + gateway.capabilities.processing_time
        proof_from = max(self._call.absent_after or send_by, booked_by)
        found = await self._looked_before(gateway, proof_from)
        never_sent = found.ending is Ending.ABSENT
        told = {"detail": _TOO_LATE} if never_sent else {"found": situation.was_there(found)}
        return found.model_copy(update=told)

    async def _send(self, gateway: Gateway) -> Settled:
        situation = self._situation
        # A release looks before it leaps, always: to reverse what somebody has captured meanwhile
        # would be a refund, which nobody asked for.
        releases = self._call.kind is OperationKind.RELEASE
        looks = situation.is_told_to_look or releases or situation.is_of_an_earlier_run
        if looks or situation.may_stand_already(gateway):
            guarded = situation.is_guarded_by_its_key(gateway)
            self._named = replace(self._named, guarded=guarded)
            found = await self._looked_before(gateway, self._call.absent_after)
            if found.ending is not Ending.ABSENT:
                return found.model_copy(update={"found": situation.was_there(found)})
            if situation.may_be_on_its_way:
                raise Undecided("the run before a reset may have sent it")
            self._heed(found.payment)
        if await situation.is_over():
            raise NotSent("its time was over before it could be sent")
        if not situation.is_first and not situation.is_harmless_again(gateway):
            message = "an earlier attempt may have been carried out, and no key makes it harmless"
            raise Undecided(message)
        try:
            return self._read(await self._verb(gateway)(self._named))
        except (Refused, Unauthorized) as error:
            self._must_be_the_first(str(error))
            raise

    def _heed(self, prepared: Payment | None) -> None:
        """Somebody has prepared the same authorization: another run, which may yet send it."""
        if prepared is not None and self._call.kind is OperationKind.AUTHORIZE:
            careful = self._call.model_copy(update={"look_first": True})
            self._named = replace(self._named, call=careful)

    async def _looked_before(self, gateway: Gateway, proof_from: datetime | None) -> Settled:
        """Look before sending, or in place of it; as `_look`.

        Raises:
            NotSent: The look failed, and so this attempt sends nothing.
            ApplicationError: Unauthorized, and retryable: what may stand already is not told by it.
        """
        try:
            return await self._look(gateway, proof_from)
        except OutcomeUnknown as error:
            raise NotSent(f"{error}; it was to be looked up first, so nothing was sent") from None
        except Unauthorized as error:
            raise self._failing.unsent(str(error), Failure.UNAUTHORIZED) from None

    def _must_be_the_first(self, told: str) -> None:
        """Refused, or declined: that says nothing of an attempt before, whose answer was lost.

        Raises:
            Undecided: There may have been one, and nothing has proven that it came to nothing.
        """
        if self._situation.may_have_been_sent and not self._call.patient:
            message = f"{told}; but an earlier attempt may have been carried out"
            raise Undecided(message)

    def _verb(self, gateway: Gateway) -> Callable[[Named], Awaitable[Outcome]]:
        match self._call.kind:
            case OperationKind.AUTHORIZE:
                return gateway.authorize
            case OperationKind.ADJUST:
                return gateway.adjust
            case OperationKind.CAPTURE:
                return gateway.capture
            case OperationKind.RELEASE:
                return gateway.release

    async def _look_up(self, gateway: Gateway) -> Settled:
        if self._call.adopts:
            return self._adopted(await gateway.look_up(self._named), gateway.capabilities)
        return await self._look(gateway, self._call.absent_after)

    async def _look(self, gateway: Gateway, proof_from: datetime | None) -> Settled:
        """Look the operation up.

        Args:
            gateway: Where.
            proof_from: From when on "not found" is proof; None for at once.

        Returns:
            How it ended; `Ending.ABSENT` where it is proven not to have happened.

        Raises:
            ApplicationError: `Failure.STILL_PENDING`; nothing is proven yet.
        """
        try:
            payment = await gateway.look_up(self._named)
        except Refused as error:
            raise Undecided(str(error)) from None  # of the look-up, not of what it looks for
        ending = verdict(self._call, payment)
        too_soon = proof_from is not None and self._situation.now < proof_from
        if ending is None or (ending in _NOT_SO_FAR and too_soon):
            raise self._failing.still_pending()
        return self._settled(ending, payment)

    def _read(self, outcome: Outcome) -> Settled:
        match outcome:
            case Approved(payment=payment):
                return self._settled(Ending.DONE, payment)
            case Declined(detail=detail, payment=payment):
                self._must_be_the_first(detail)
                return self._settled(Ending.DECLINED, payment, detail)
            case ActionRequired(payment=payment):
                return self._settled(Ending.ACTION_REQUIRED, payment)
            case Pending(payment=payment):
                message = "the gateway has taken it in and not decided it"
                raise Undecided(message, payment.payment_id if payment else None)

    def _adopted(self, payment: Payment | None, can: Capabilities) -> Settled:
        """A hold made elsewhere: it has to be open, and of the amount that was asked for."""
        if payment is None:
            detail = "payment_method.token names no payment at the gateway"
            return self._not_done(detail, ErrorType.INVALID_REQUEST, "payment_method.token")
        if payment.state is PaymentState.PENDING:
            raise self._failing.still_pending()
        if self._call.again and may_be_adopted(self._call, payment, can):
            # An earlier run of this reservation has adopted it, and gone on from there.
            return self._settled(Ending.DONE, payment)
        if payment.state is not PaymentState.OPEN:
            detail = f"payment_method.token names a payment that is {payment.state}, not open"
            return self._not_done(detail, ErrorType.INVALID_REQUEST, "payment_method.token")
        if payment.authorized != self._call.amount:
            detail = f"amount must be what the existing hold holds, {payment.authorized}"
            return self._not_done(detail, ErrorType.CONFLICT, "amount")
        return self._settled(Ending.DONE, payment)

    def _not_done(
        self, detail: str, error: ErrorType | None = None, field: str | None = None
    ) -> Settled:
        settled = self._settled(Ending.NOT_DONE, None, detail)
        return settled.model_copy(update={"error": error, "field": field})

    def _settled(
        self,
        ending: Ending,
        payment: Payment | None = None,
        detail: str | None = None,
    ) -> Settled:
        gateway = self._situation.gateway if self._situation.tells_what_it_can else None
        can = gateway.capabilities if gateway else None
        return Settled(
            ending=ending,
            payment=payment,
            detail=detail or (payment.detail if payment else None),
            reference=self._named.reference,
            unguarded=can is not None and _is_unguarded(self._call, can),
            capabilities=can,
        )

    def _without_an_account(self) -> Settled:
        """Nothing can be sent from here: another worker may be of a newer configuration."""
        detail = f"gateway must be a configured account, and '{self._call.account}' is none"
        if not self._is_surely_the_first_card():
            raise self._failing.unsent(detail, Failure.NOT_SENT)
        return self._not_done(detail, ErrorType.INVALID_REQUEST, "gateway")

    def _without_credentials(self, told: str) -> Settled:
        # Somebody may mend the credentials before the hold lapses; a guest does not wait, but for
        # one made elsewhere nobody has to, and it goes on blocking their card.
        if self._call.adopts or not self._is_surely_the_first_card():
            raise self._failing.unsent(told, Failure.UNAUTHORIZED) from None
        return self._not_done(told)

    def _is_surely_the_first_card(self) -> bool:
        """Whether a hold is to be placed, and nobody may have placed it before."""
        places = self._call.kind is OperationKind.AUTHORIZE
        return places and self._situation.is_surely_the_first

    async def _translated(self, attempt: Callable[[Gateway], Awaitable[Settled]]) -> Settled:
        """Make an attempt, and say its end in Temporal's terms.

        Raises:
            ApplicationError: Of a type of `Failure`; retryable, `Failure.UNDECIDED` aside.
        """
        gateway = self._situation.gateway
        if gateway is None:
            return self._without_an_account()
        try:
            return await attempt(gateway)
        except Refused as error:
            # Whatever an authorization is refused for, another card may be given.
            authorizes = self._call.kind is OperationKind.AUTHORIZE
            return self._not_done(str(error), None if authorizes else error.error)
        except Unauthorized as error:
            return self._without_credentials(str(error))
        except ApplicationError:
            raise
        except asyncio.CancelledError:
            if not is_given_up():
                raise
            raise self._failing.given_up(gateway) from None
        except GatewayError as error:
            # A cause may hold a credential.
            raise self._failing.at_the_gateway(error, gateway) from None
        except Exception as error:  # noqa: BLE001 - whatever it was, the money may have moved
            raise self._failing.unforeseen(error) from None


_TOO_LATE = "authorize_by had passed before it could be sent"
# What a gateway shows a moment too soon: it has not booked it yet, or not heard from the guest.
_NOT_SO_FAR = frozenset({Ending.ABSENT, Ending.ACTION_REQUIRED})


def _is_unguarded(call: Call, can: Capabilities) -> bool:
    """Whether the hold may be placed twice, and a look by its reference would show it."""
    return can.finds and OperationKind.AUTHORIZE not in can.idempotent and not call.adopts

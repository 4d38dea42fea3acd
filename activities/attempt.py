"""One attempt of one activity, and what its end means for the workflow.

A look that guards an act may share its activity. Nothing here retries: Temporal does,
and what it may send again is decided by the error that leaves this file.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.beats import NOTHING_SENT, SENT, left_by
from activities.declared import LOOK_UP, Failure
from cardhold.hold import OperationKind
from cardhold.names import ErrorType
from domain.calls import Call, Ending, Lost, Settled
from domain.capabilities import Capabilities
from domain.keys import OperationName
from domain.outcome import (
    ActionRequired,
    Approved,
    Declined,
    Outcome,
    Payment,
    PaymentState,
    Pending,
)
from domain.patience import pause, within_bounds
from domain.verdict import may_be_adopted, verdict
from gateways.errors import (
    GatewayError,
    NoAnswer,
    NotSent,
    OutcomeUnknown,
    Refused,
    Throttled,
    Unauthorized,
    Undecided,
)
from gateways.port import Gateway, Named

_log = logging.getLogger(__name__)


class Attempt:
    """One attempt of one activity."""

    def __init__(self, gateways: Mapping[str, Gateway], call: Call, *, look_first: bool) -> None:
        self._call = call
        self._info = activity.info()
        self._clock = asyncio.get_running_loop().time
        self._started = self._clock()
        self._look_first = look_first or call.look_first
        # An earlier attempt that we know nothing of, a worker's death say, may have sent it.
        left = left_by(self._info)
        self._is_first = self._info.attempt == 1 or left == [NOTHING_SENT, self._info.attempt - 1]
        self._has_sent = call.sent or left == [SENT]
        self._gateway = gateways.get(call.account)
        environment = self._gateway.environment if self._gateway else ""
        name = OperationName(
            call.account, environment, call.workflow_id, call.kind, call.command_id
        )
        self._named = Named(call, name.key(), name.reference())

    @property
    def _now(self) -> datetime:
        """Now by the server's clock, which the workflow's instants are of; ours may be off."""
        started = self._info.started_time
        return started + timedelta(seconds=self._clock() - self._started)

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
        method = self._call.payment_method
        if method is None or method.kind not in gateway.capabilities.payment_methods:
            kind = method.kind if method else "no payment method"
            detail = f"payment_method.kind '{kind}' is not taken by account '{self._call.account}'"
            return self._not_done(detail, ErrorType.NOT_SUPPORTED, "payment_method.kind")
        if not gateway.capabilities.lets_return_to(self._call.return_url):
            detail = "return_url must be on a host that the account allows"
            return self._not_done(detail, ErrorType.INVALID_REQUEST, "return_url")
        if self._call.adopts:
            return self._adopted(await gateway.look_up(self._named), gateway.capabilities)
        if self._call.send_by is not None and self._now >= self._call.send_by:
            return await self._too_late(gateway, self._call.send_by)
        return await self._send(gateway)

    async def _too_late(self, gateway: Gateway, send_by: datetime) -> Settled:
        """Send nothing any more; but an earlier attempt may have, or a run before this one."""
        may_be_ours = not self._is_first or self._call.repeated or self._is_of_an_earlier_run
        if not may_be_ours and not gateway.capabilities.finds:
            return self._settled(Ending.ABSENT, detail=_TOO_LATE)
        booked_by = send_by + gateway.capabilities.processing_time
        proof_from = max(self._call.absent_after or send_by, booked_by)
        found = await self._looked_before(gateway, proof_from)
        never_sent = found.ending is Ending.ABSENT
        told = {"detail": _TOO_LATE} if never_sent else {"found": self._was_there(found)}
        return found.model_copy(update=told)

    @property
    def _tells_what_it_can(self) -> bool:
        """Whether the workflow has yet to learn what the account can do."""
        return self._call.kind is OperationKind.AUTHORIZE or self._call.learns

    @property
    def _is_surely_the_first(self) -> bool:
        """Whether nothing says that this operation may have been sent before."""
        looks = self._look_first or self._is_of_an_earlier_run
        return self._is_first and not self._call.repeated and not looks

    @property
    def _is_of_an_earlier_run(self) -> bool:
        """Whether a reset has dispatched this call again, which the run before may have sent."""
        return self._call.run_id not in {None, self._info.workflow_run_id}

    def _must_not_be_on_its_way(self) -> None:
        """Not found yet: the run before may have sent it just now.

        Raises:
            Undecided: Look again, once it has surely been booked if it ever will be.
        """
        later = self._call.patient and self._info.attempt > 1
        if self._is_of_an_earlier_run and not later:
            raise Undecided("the run before a reset may have sent it")

    async def _send(self, gateway: Gateway) -> Settled:
        # A release looks before it leaps, always: to reverse what somebody has captured meanwhile
        # would be a refund, which nobody asked for.
        releases = self._call.kind is OperationKind.RELEASE
        looks = self._look_first or releases or self._is_of_an_earlier_run
        if looks or self._may_stand_already(gateway):
            found = await self._looked_before(gateway, self._call.absent_after)
            if found.ending is not Ending.ABSENT:
                return found.model_copy(update={"found": self._was_there(found)})
            self._must_not_be_on_its_way()
            self._heed(found.payment)
        if self._is_over():
            raise NotSent("its time was over before it could be sent")
        if not self._is_first and not self._is_harmless(gateway):
            message = "an earlier attempt may have been carried out, and no key makes it harmless"
            raise Undecided(message)
        try:
            return self._read(await self._verb(gateway)(self._named))
        except (Refused, Unauthorized) as error:
            self._must_be_the_first(str(error))
            raise

    def _is_over(self) -> bool:
        """Whether Temporal has given this attempt up: another one may be on its way already."""
        info, now = self._info, self._now
        ends = (
            (info.started_time, info.start_to_close_timeout),
            (info.scheduled_time, info.schedule_to_close_timeout),
        )
        return any(limit is not None and now >= since + limit for since, limit in ends)

    def _heed(self, prepared: Payment | None) -> None:
        """Somebody has prepared the same authorization: another run, which may yet send it."""
        if prepared is not None and self._call.kind is OperationKind.AUTHORIZE:
            careful = self._call.model_copy(update={"look_first": True})
            self._named = replace(self._named, call=careful)

    def _may_stand_already(self, gateway: Gateway) -> bool:
        """Whether to go on from a run that we know nothing of could move money twice.

        A reservation whose run was terminated, and deleted or older than Temporal keeps runs, may
        be started again, long after every key has been forgotten, and by mistake it may be kept in
        two places at once; then only a look can tell. A hold that takes one capture refuses the
        second; of several, and of what lowers it, none is refused.
        """
        can, kind = gateway.capabilities, self._call.kind
        if kind is OperationKind.AUTHORIZE:
            return can.finds
        repeats = OperationKind.CAPTURE not in can.idempotent and can.captures_max != 1
        return can.finds and kind not in can.idempotent and repeats

    def _was_there(self, found: Settled) -> bool:
        """Whether it stood at the gateway before this run had sent it.

        Nobody knows what an attempt that has died has sent: it may be that one's. Of a decline
        the other is taken to be true, as the run before may hold on another card since.
        """
        if found.ending is Ending.DECLINED:
            return not self._has_sent
        return self._is_first and not self._call.repeated

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
            raise self._failed_unsent(str(error), Failure.UNAUTHORIZED) from None

    def _must_be_the_first(self, told: str) -> None:
        """Refused, or declined: that says nothing of an attempt before, whose answer was lost.

        Raises:
            Undecided: There may have been one, and nothing has proven that it came to nothing.
        """
        if (not self._is_first or self._call.repeated) and not self._call.patient:
            message = f"{told}; but an earlier attempt may have been carried out"
            raise Undecided(message)

    def _is_harmless(self, gateway: Gateway) -> bool:
        """Whether to send it again can do nothing twice: by its key, or by the look before it."""
        return self._call.kind in gateway.capabilities.idempotent or self._may_repeat

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
            _StillPending: Nothing is proven yet.
        """
        try:
            payment = await gateway.look_up(self._named)
        except Refused as error:
            raise Undecided(str(error)) from None  # of the look-up, not of what it looks for
        ending = verdict(self._call, payment)
        too_soon = proof_from is not None and self._now < proof_from
        if ending is None or (ending in _NOT_SO_FAR and too_soon):
            raise _StillPending
        return self._settled(ending, payment)

    @property
    def _may_repeat(self) -> bool:
        """Whether a further attempt looks before it sends, and its look is proof."""
        return self._is_only_looking or self._call.patient

    @property
    def _is_only_looking(self) -> bool:
        return self._info.activity_type == LOOK_UP

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
            raise _StillPending
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
        asks = self._tells_what_it_can
        can = self._gateway.capabilities if asks and self._gateway else None
        return Settled(
            ending=ending,
            payment=payment,
            detail=detail or (payment.detail if payment else None),
            reference=self._named.reference,
            unguarded=can is not None and _is_unguarded(self._call, can),
            capabilities=can,
        )

    async def _translated(self, attempt: Callable[[Gateway], Awaitable[Settled]]) -> Settled:
        """Make an attempt, and say its end in Temporal's terms.

        Raises:
            ApplicationError: Of a type of `Failure`; retryable, `Failure.UNDECIDED` aside.
        """
        if self._gateway is None:
            detail = f"gateway must be a configured account, and '{self._call.account}' is none"
            return self._not_done(detail, ErrorType.INVALID_REQUEST, "gateway")
        try:
            return await attempt(self._gateway)
        except _StillPending:
            raise self._failed(_PENDING, Failure.STILL_PENDING) from None
        except Refused as error:
            # Whatever an authorization is refused for, another card may be given.
            authorizes = self._call.kind is OperationKind.AUTHORIZE
            return self._not_done(str(error), None if authorizes else error.error)
        except Unauthorized as error:
            # Somebody may mend the credentials before the hold lapses; a guest does not wait, but
            # for one made elsewhere nobody has to, and it goes on blocking their card.
            places = self._call.kind is OperationKind.AUTHORIZE and not self._call.adopts
            if places and self._is_surely_the_first:
                return self._not_done(str(error))
            raise self._failed_unsent(str(error), Failure.UNAUTHORIZED) from None
        except ApplicationError:
            raise
        except GatewayError as error:
            raise self._failure(error, self._gateway) from None  # a cause may hold a credential
        except Exception as error:  # noqa: BLE001 - whatever it was, the money may have moved
            raise self._bug(error) from None

    def _failure(self, error: GatewayError, gateway: Gateway) -> ApplicationError:
        match error:
            case NotSent():
                return self._failed_unsent(str(error), Failure.NOT_SENT)
            case Throttled(retry_after_s=retry_after_s):
                told = str(error)
                return self._failed_unsent(told, Failure.THROTTLED, retry_after_s=retry_after_s)
            case NoAnswer(payment_id=payment_id) if self._is_harmless(gateway):
                activity.heartbeat(SENT)
                return self._failed(str(error), Failure.NO_ANSWER, payment_id=payment_id)
            case OutcomeUnknown(payment_id=payment_id):
                activity.heartbeat(SENT)
                return self._failed(str(error), Failure.UNDECIDED, payment_id=payment_id)
            case _:
                return self._failed(str(error), Failure.UNDECIDED)

    def _failed_unsent(
        self, message: str, kind: Failure, *, retry_after_s: float | None = None
    ) -> ApplicationError:
        """The failure of an attempt that has sent nothing; the next one learns of it."""
        if self._is_first:
            activity.heartbeat(NOTHING_SENT, self._info.attempt)
        return self._failed(message, kind, retry_after_s=retry_after_s)

    def _bug(self, error: Exception) -> ApplicationError:
        """An error that nobody foresaw: unknown, told by its kind and place, without its text."""
        where = traceback.extract_tb(error.__traceback__)[-1]
        kind = type(error).__name__
        _log.error("unforeseen %s at %s:%s", kind, where.name, where.lineno)
        return self._failed(f"unforeseen {kind}", Failure.UNDECIDED)

    def _failed(
        self,
        message: str,
        kind: Failure,
        *,
        retry_after_s: float | None = None,
        payment_id: str | None = None,
    ) -> ApplicationError:
        """The failure; an authorization's carries what the account can do, as its answer would.

        Undecided means "look it up", so only what looks first is repeated after it. Told in one
        line of ours: Temporal's own would be a traceback for every lost answer.
        """
        level = logging.INFO if kind is Failure.STILL_PENDING else logging.WARNING
        attempt = f"{self._info.activity_type} {self._info.activity_id}"
        _log.log(level, "%s of %s: %s, %s", attempt, self._call.workflow_id, kind, message)
        gateway = self._gateway if self._tells_what_it_can else None
        return ApplicationError(
            message,
            *([self._lost(gateway, payment_id)] if gateway else []),
            type=kind,
            non_retryable=kind is Failure.UNDECIDED and not self._may_repeat,
            next_retry_delay=self._pause(retry_after_s),
            category=ApplicationErrorCategory.BENIGN,
        )

    def _lost(self, gateway: Gateway, payment_id: str | None) -> Lost:
        # What was made elsewhere goes by another name there.
        reference = None if self._call.adopts else self._named.reference
        can = gateway.capabilities
        return Lost(capabilities=can, payment_id=payment_id, reference=reference)

    def _pause(self, retry_after_s: float | None) -> timedelta | None:
        """How long until the next attempt; None is as long as the retry policy says."""
        leave = pause(self._info.attempt, self._now, self._call.due)
        if leave is not None and self._call.patient and self._gateway is not None:
            leave = max(leave, self._gateway.capabilities.processing_time)
        away = None if retry_after_s is None else within_bounds(retry_after_s)
        return max(filter(None, (away, leave)), default=None)


_PENDING = "the gateway has not decided yet"
_TOO_LATE = "authorize_by had passed before it could be sent"
# What a gateway shows a moment too soon: it has not booked it yet, or not heard from the guest.
_NOT_SO_FAR = frozenset({Ending.ABSENT, Ending.ACTION_REQUIRED})


class _StillPending(Exception):
    """Looked up, and not decided yet."""


def _is_unguarded(call: Call, can: Capabilities) -> bool:
    """Whether the hold may be placed twice, and a look by its reference would show it."""
    return can.finds and OperationKind.AUTHORIZE not in can.idempotent and not call.adopts

"""How an attempt that failed tells Temporal so: whether it is made again, and when.

Nothing here retries: Temporal does, and what it may send again is decided by the error.
"""

from __future__ import annotations

import logging
import traceback
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.beats import NOTHING_SENT, SENT
from activities.declared import Failure
from activities.situation import Situation
from domain.calls import Lost
from domain.patience import pause, within_bounds
from gateways.errors import GatewayError, NoAnswer, NotSent, OutcomeUnknown, Throttled
from gateways.port import Gateway

_log = logging.getLogger(__name__)


class Failing:
    """Makes the errors of one attempt; each is to be raised."""

    def __init__(self, situation: Situation) -> None:
        self._situation = situation

    def at_the_gateway(self, error: GatewayError, gateway: Gateway) -> ApplicationError:
        """Of an exchange that has failed; what may have been sent is left for the next attempt."""
        match error:
            case NotSent():
                return self.unsent(str(error), Failure.NOT_SENT)
            case Throttled(retry_after_s=retry_after_s):
                return self.unsent(str(error), Failure.THROTTLED, retry_after_s=retry_after_s)
            case NoAnswer(payment_id=payment_id) if self._situation.is_harmless_again(gateway):
                activity.heartbeat(SENT)
                return self._failed(str(error), Failure.NO_ANSWER, payment_id=payment_id)
            case OutcomeUnknown(payment_id=payment_id):
                activity.heartbeat(SENT)
                return self._failed(str(error), Failure.UNDECIDED, payment_id=payment_id)
            case _:
                return self._failed(str(error), Failure.UNDECIDED)

    def unsent(
        self, message: str, kind: Failure, *, retry_after_s: float | None = None
    ) -> ApplicationError:
        """Of an attempt that has sent nothing; the next one learns of it."""
        if self._situation.is_first:
            activity.heartbeat(NOTHING_SENT, self._situation.info.attempt)
        return self._failed(message, kind, retry_after_s=retry_after_s)

    def still_pending(self) -> ApplicationError:
        """Of a look that could tell nothing yet."""
        return self._failed("the gateway has not decided yet", Failure.STILL_PENDING)

    def given_up(self, gateway: Gateway) -> ApplicationError:
        """Of an attempt that may have sent it, and that Temporal no longer waits for.

        It is heard all the same where the server was away as the attempt's time ended.
        """
        again = self._situation.is_harmless_again(gateway)
        kind = Failure.NO_ANSWER if again else Failure.UNDECIDED
        return self._failed("Temporal has given the attempt up", kind)

    def unforeseen(self, error: Exception) -> ApplicationError:
        """Of an error that nobody foresaw: unknown, told by its kind and place, not its text."""
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
        situation = self._situation
        level = logging.INFO if kind is Failure.STILL_PENDING else logging.WARNING
        attempt = f"{situation.info.activity_type} {situation.info.activity_id}"
        _log.log(level, "%s of %s: %s, %s", attempt, situation.call.workflow_id, kind, message)
        gateway = situation.gateway if situation.tells_what_it_can else None
        return ApplicationError(
            message,
            *([self._lost(gateway, payment_id)] if gateway else []),
            type=kind,
            non_retryable=kind is Failure.UNDECIDED and not situation.looks_each_time,
            next_retry_delay=self._pause(retry_after_s),
            category=ApplicationErrorCategory.BENIGN,
        )

    def _lost(self, gateway: Gateway, payment_id: str | None) -> Lost:
        situation = self._situation
        # What was made elsewhere goes by another name there.
        reference = None if situation.call.adopts else situation.named.reference
        can = gateway.capabilities
        return Lost(capabilities=can, payment_id=payment_id, reference=reference)

    def _pause(self, retry_after_s: float | None) -> timedelta | None:
        """How long until the next attempt; None is as long as the retry policy says."""
        situation = self._situation
        leave = pause(situation.info.attempt, situation.now, situation.call.due)
        if leave is not None and situation.call.patient and situation.gateway is not None:
            leave = max(leave, situation.gateway.capabilities.processing_time)
        away = None if retry_after_s is None else within_bounds(retry_after_s)
        return max(filter(None, (away, leave)), default=None)

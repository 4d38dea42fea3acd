"""What may be sent after an outcome that we don't know: the documented ladder, rung by rung.

With a key that makes it harmless: the same again. Without one: look first, and send only what
is proven not to have happened. `activities.attempt` climbs it over many attempts; this is the
ladder alone.
"""

from __future__ import annotations

from domain.calls import Ending
from domain.outcome import ActionRequired, Approved, Declined, Outcome, Pending
from domain.verdict import verdict
from gateways.errors import GatewayError, NoAnswer, OutcomeUnknown
from gateways.port import Named
from tests.conformance.acts import again
from tests.conformance.desk import Desk, do

# A gateway that has not decided after this many looks, minutes apart, never will.
_LOOKS_MAX = 5
_BETWEEN_LOOKS_S = 61.0


async def recovered(desk: Desk, named: Named, error: GatewayError) -> Ending:
    """Bring an operation to its end whose first sending ended in ``error``."""
    if not isinstance(error, OutcomeUnknown):
        return _word(await do(desk.adapter, named))  # nothing was done, whoever says so
    if isinstance(error, NoAnswer) and named.call.kind in desk.can.idempotent:
        return _word(await do(desk.adapter, named))
    return await looked_first(desk, again(named, error.payment_id))


async def looked_first(desk: Desk, named: Named) -> Ending:
    """Look until it is decided; send it where it is proven not to have happened."""
    for _ in range(_LOOKS_MAX):
        word = verdict(named.call, await desk.adapter.look_up(named))
        if word is Ending.ABSENT:
            return _word(await do(desk.adapter, named))
        if word is not None:
            return word
        desk.advance(_BETWEEN_LOOKS_S)
    raise AssertionError("never decided")


def _word(outcome: Outcome) -> Ending:
    match outcome:
        case Approved():
            return Ending.DONE
        case Declined():
            return Ending.DECLINED
        case ActionRequired():
            return Ending.ACTION_REQUIRED
        case Pending():
            raise AssertionError("pending, where nothing was armed to keep it so")

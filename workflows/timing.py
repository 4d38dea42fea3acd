"""Every time-out and retry policy of a reservation, each with its reason."""

from __future__ import annotations

from datetime import timedelta

from temporalio.common import RetryPolicy

# The adapter gives up after 20 s (an account's `call_time_out`), so that the worker and not the
# server sees most time-outs; five more are for a token renewal and a slow start.
CALL_START_TO_CLOSE = timedelta(seconds=25)
# A look that guards an act shares its activity: two calls of 20 s.
LOOK_AND_CALL_START_TO_CLOSE = timedelta(seconds=45)

# What is left of the time an update answers within, for the workflow tasks around the activity.
ANSWER_SLACK = timedelta(seconds=5)
# A second operation of one instruction gets at least one whole call.
FIRST_TRY_MIN = timedelta(seconds=10)

# While somebody waits: soon, but not so soon that a throttling gateway is pushed.
WHILE_SOMEBODY_WAITS = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=5),
)

# When nobody waits any more. Up to five minutes; after the twentieth attempt an activity says
# itself how long to wait, longer and longer while no deadline is near (`domain.patience`). A
# retry costs no history event, however long the outage.
PATIENTLY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2,
    maximum_interval=timedelta(minutes=5),
)


def after_processing(processing_time: timedelta) -> RetryPolicy:
    """Each attempt a whole processing time after the one before: its look-up is then proof."""
    return RetryPolicy(
        initial_interval=processing_time,
        backoff_coefficient=2,
        maximum_interval=max(processing_time, timedelta(minutes=5)),
    )


# A guest's browser may be faster than the word that the issuer sends to the gateway.
GUEST_SETTLES = timedelta(seconds=5)

# A worker that comes back later than this blocks no card of a guest who has gone on.
AUTHORIZE_WITHIN = timedelta(minutes=15)

# A sweep's activity beats every five seconds; its longest single call takes 20 s.
SWEEP_HEARTBEAT = timedelta(seconds=45)
# What could not be released by then is found again by the next sweep.
SWEEP_RELEASES_FOR = timedelta(minutes=5)

# As long as it takes for one more workflow task.
A_MOMENT = timedelta(milliseconds=1)

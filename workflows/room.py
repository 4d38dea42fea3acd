"""How much a run's history may still take.

At 50 MiB, where nobody has configured otherwise, Temporal ends a run from outside, and nobody keeps
its hold any more. Every answer repeats every operation, so the history grows with the square of
their number: some 500 fill it. New instructions are turned away well before, and without a trace
of them in the history: capture later than the others, release and the plan never.
"""

from __future__ import annotations

from temporalio import workflow

from cardhold.messages import Adjust, Authorize, Capture, Command
from cardhold.names import ErrorType
from domain.planner import Problem

_MIB = 2**20
# Some 350 operations, and 440.
_BYTES_MAX: dict[type[Command], int] = {
    Adjust: 25 * _MIB,
    Authorize: 25 * _MIB,
    Capture: 40 * _MIB,
}


def must_have_room_for(command: Command) -> None:
    """Turn an instruction away that is new, and would be too much.

    To be asked before an update is taken in, and never afterwards: nothing is decided by it.

    Raises:
        Problem: IllegalMove.
    """
    at_most = _BYTES_MAX.get(type(command))
    if at_most is None or workflow.info().get_current_history_size() <= at_most:
        return
    message = (
        f"the reservation's history is full, and takes no further {command.name}:"
        " capture or release what is held, and start another reservation for the rest"
    )
    raise Problem(ErrorType.ILLEGAL_MOVE, message)

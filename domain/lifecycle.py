"""The life of a hold: which move is legal in which state. The only place that says so.

Two rules for this file. Everything that decides legality stands in `HoldMachine`; a place that
asks "may this happen now?" asks it here. And no event carries data: what a move does to
the money is the ledger's (``domain.ledger``), what it sends is the planner's.

Instructions are the events that somebody gives (``ADJUST``, ``CAPTURE`` …); the others tell
what the gateway answered.
"""

from __future__ import annotations

from enum import StrEnum

from statemachine import StateMachine
from statemachine.states import States

from cardhold.hold import FINAL_STATES, HoldState


class Event(StrEnum):
    """Everything that can happen to a hold."""

    AUTHORIZE = "authorize"
    ADJUST = "adjust"
    CAPTURE = "capture"
    RELEASE = "release"
    REQUIRE_ACTION = "require_action"
    APPROVE = "approve"
    DECLINE = "decline"
    STAND = "stand"
    """An operation ended, and the hold stands as before it: nothing is captured yet."""
    STAND_PARTLY = "stand_partly"
    """An operation ended, and a part is captured, a rest still held."""
    SETTLE = "settle"
    """Something was captured, and nothing is left on the card."""
    FREE = "free"
    """Nothing was captured, and nothing is left on the card."""
    EXPIRE = "expire"
    """Nothing was captured, and the hold lapsed."""
    ABANDON = "abandon"
    """Nothing was ever held, and nothing will be."""


class IllegalMove(Exception):
    """Not in this state. Nothing was sent and nothing changed."""

    def __init__(self, state: HoldState, event: Event) -> None:
        super().__init__(f"{event} is not possible while the hold is {state}")
        self.state = state
        self.event = event


class HoldMachine(StateMachine):
    """A hold from its authorization to the state it rests in."""

    _ = States.from_enum(
        HoldState, initial=HoldState.AUTHORIZING, final=list(FINAL_STATES), use_enum_instance=True
    )

    authorize = _.DECLINED.to(_.AUTHORIZING)
    adjust = _.AUTHORIZED.to(_.ADJUSTING)
    # From `adjusting` too: an adjust whose outcome is unknown does not delay the deadline.
    capture = (
        _.AUTHORIZED.to(_.CAPTURING)
        | _.PARTIALLY_CAPTURED.to(_.CAPTURING)
        | _.ADJUSTING.to(_.CAPTURING)
    )
    release = (
        _.AUTHORIZED.to(_.RELEASING)
        | _.PARTIALLY_CAPTURED.to(_.RELEASING)
        | _.ACTION_REQUIRED.to(_.RELEASING)
        | _.ADJUSTING.to(_.RELEASING)
        | _.DECLINED.to(_.ABANDONED)
    )
    # From `releasing` too: the gateway refused to call the attempt off.
    require_action = _.AUTHORIZING.to(_.ACTION_REQUIRED) | _.RELEASING.to(_.ACTION_REQUIRED)
    approve = _.AUTHORIZING.to(_.AUTHORIZED) | _.ACTION_REQUIRED.to(_.AUTHORIZED)
    decline = _.AUTHORIZING.to(_.DECLINED) | _.ACTION_REQUIRED.to(_.DECLINED)
    # These two from the resting states too: somebody captured, or took a capture back, outside.
    stand = (
        _.ADJUSTING.to(_.AUTHORIZED)
        | _.CAPTURING.to(_.AUTHORIZED)
        | _.RELEASING.to(_.AUTHORIZED)
        | _.PARTIALLY_CAPTURED.to(_.AUTHORIZED)
    )
    stand_partly = (
        _.CAPTURING.to(_.PARTIALLY_CAPTURED)
        | _.RELEASING.to(_.PARTIALLY_CAPTURED)
        | _.AUTHORIZED.to(_.PARTIALLY_CAPTURED)
    )
    # The next three from the resting states too: the gateway, or time, acted.
    settle = (
        _.CAPTURING.to(_.CAPTURED)
        | _.RELEASING.to(_.CAPTURED)
        | _.AUTHORIZED.to(_.CAPTURED)
        | _.PARTIALLY_CAPTURED.to(_.CAPTURED)
    )
    free = _.RELEASING.to(_.RELEASED) | _.AUTHORIZED.to(_.RELEASED)
    # From `adjusting` too: a hold can lapse while the outcome of an adjust is still unknown.
    expire = (
        _.AUTHORIZED.to(_.EXPIRED)
        | _.ADJUSTING.to(_.EXPIRED)
        | _.CAPTURING.to(_.EXPIRED)
        | _.RELEASING.to(_.EXPIRED)
    )
    abandon = (
        _.AUTHORIZING.to(_.ABANDONED) | _.DECLINED.to(_.ABANDONED) | _.RELEASING.to(_.ABANDONED)
    )


# The machine's own transitions, looked up: a machine for every reservation would cost a
# millisecond of its life (measured), and 40 KB.
_MOVES: dict[tuple[HoldState, Event], HoldState] = {
    (HoldState(state.value), Event(event.id)): HoldState(target.value)
    for state in HoldMachine.states
    for move in state.transitions
    for target in move.targets
    for event in move.events
}


class Life:
    """One hold's place in the table."""

    def __init__(self) -> None:
        self.state = HoldState.AUTHORIZING

    @property
    def is_over(self) -> bool:
        """Whether nothing is held any more, and nothing will be."""
        return self.state in FINAL_STATES

    def allows(self, event: Event) -> bool:
        """Whether the move is legal now."""
        return (self.state, event) in _MOVES

    def move(self, event: Event) -> None:
        """Make the move.

        Raises:
            IllegalMove: The table has no such move from here; the state stays as it was.
        """
        target = _MOVES.get((self.state, event))
        if target is None:
            raise IllegalMove(self.state, event)
        self.state = target

"""Every (state, event) pair, against the table as a person would write it down.

`TABLE` is written by hand from the contract and not derived from the machine. A legal move leads
where it says; an illegal one raises and changes nothing.
"""

from __future__ import annotations

import pytest

from cardhold.hold import FINAL_STATES, HoldState
from domain.lifecycle import Event, IllegalMove, Life
from tests.domain.records import life_in

S, E = HoldState, Event

TABLE: dict[HoldState, dict[Event, HoldState]] = {
    S.AUTHORIZING: {
        E.REQUIRE_ACTION: S.ACTION_REQUIRED,
        E.APPROVE: S.AUTHORIZED,
        E.DECLINE: S.DECLINED,
        E.ABANDON: S.ABANDONED,
    },
    S.ACTION_REQUIRED: {
        E.RELEASE: S.RELEASING,
        E.APPROVE: S.AUTHORIZED,
        E.DECLINE: S.DECLINED,
    },
    S.DECLINED: {
        E.AUTHORIZE: S.AUTHORIZING,
        E.RELEASE: S.ABANDONED,
        E.ABANDON: S.ABANDONED,
    },
    S.AUTHORIZED: {
        E.ADJUST: S.ADJUSTING,
        E.CAPTURE: S.CAPTURING,
        E.RELEASE: S.RELEASING,
        E.STAND_PARTLY: S.PARTIALLY_CAPTURED,
        E.SETTLE: S.CAPTURED,
        E.FREE: S.RELEASED,
        E.EXPIRE: S.EXPIRED,
    },
    S.ADJUSTING: {
        E.STAND: S.AUTHORIZED,
        E.CAPTURE: S.CAPTURING,
        E.RELEASE: S.RELEASING,
        E.EXPIRE: S.EXPIRED,
    },
    S.CAPTURING: {
        E.STAND: S.AUTHORIZED,
        E.STAND_PARTLY: S.PARTIALLY_CAPTURED,
        E.SETTLE: S.CAPTURED,
        E.EXPIRE: S.EXPIRED,
    },
    S.RELEASING: {
        E.STAND: S.AUTHORIZED,
        E.STAND_PARTLY: S.PARTIALLY_CAPTURED,
        E.SETTLE: S.CAPTURED,
        E.FREE: S.RELEASED,
        E.EXPIRE: S.EXPIRED,
        E.ABANDON: S.ABANDONED,
        E.REQUIRE_ACTION: S.ACTION_REQUIRED,
    },
    S.PARTIALLY_CAPTURED: {
        E.CAPTURE: S.CAPTURING,
        E.RELEASE: S.RELEASING,
        E.STAND: S.AUTHORIZED,
        E.SETTLE: S.CAPTURED,
    },
    S.CAPTURED: {},
    S.RELEASED: {},
    S.EXPIRED: {},
    S.ABANDONED: {},
}
PAIRS = [(state, event) for state in HoldState for event in Event]
LEGAL = [(state, event) for state, event in PAIRS if event in TABLE[state]]
ILLEGAL = [(state, event) for state, event in PAIRS if event not in TABLE[state]]


@pytest.mark.parametrize(("state", "event"), LEGAL)
def test_a_legal_move_leads_where_the_table_says(state: HoldState, event: Event) -> None:
    life = life_in(state)
    assert life.allows(event)

    life.move(event)

    assert life.state is TABLE[state][event]


@pytest.mark.parametrize(("state", "event"), ILLEGAL)
def test_an_illegal_move_raises_and_changes_nothing(state: HoldState, event: Event) -> None:
    life = life_in(state)
    could = {event for event in Event if life.allows(event)}
    assert event not in could

    with pytest.raises(IllegalMove) as refused:
        life.move(event)

    assert (refused.value.state, refused.value.event) == (state, event)
    assert life.state is state
    assert could == {event for event in Event if life.allows(event)}


def test_a_refused_move_spoils_no_later_one() -> None:
    life = Life()
    with pytest.raises(IllegalMove):
        life.move(Event.CAPTURE)

    life.move(Event.APPROVE)
    life.move(Event.CAPTURE)

    assert life.state is HoldState.CAPTURING


@pytest.mark.parametrize("state", HoldState)
def test_a_life_is_over_in_the_final_states_and_in_no_other(state: HoldState) -> None:
    assert life_in(state).is_over is (state in FINAL_STATES)
    assert (state in FINAL_STATES) is (not TABLE[state])


@pytest.mark.parametrize("state", [s for s in HoldState if s not in FINAL_STATES])
def test_every_state_has_a_way_to_an_end(state: HoldState) -> None:
    reached = {state}
    for _ in HoldState:
        reached |= {target for source in reached for target in TABLE[source].values()}
    assert reached & FINAL_STATES


def test_two_lives_share_nothing() -> None:
    one, other = Life(), Life()
    one.move(Event.APPROVE)
    assert other.state is HoldState.AUTHORIZING


def test_the_refusal_says_what_is_not_possible_and_where() -> None:
    with pytest.raises(IllegalMove, match=r"^capture is not possible while the hold is declined$"):
        life_in(HoldState.DECLINED).move(Event.CAPTURE)

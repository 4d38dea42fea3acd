"""Whether an authorization is looked for before its first sending, and what is said of a find.

The same scripted gateway as for the other attempts; what it was asked, in order, is the oracle.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from activities.beats import NOTHING_SENT, SENT
from cardhold.hold import OperationKind
from domain.calls import Call, Ending
from domain.capabilities import Capabilities
from domain.outcome import Approved, Outcome, Payment, PaymentState, Said
from gateways.errors import Undecided
from gateways.port import Named
from tests.activities.test_holds import (
    HELD,
    KEYS,
    NO_KEYS,
    NOW,
    TAKEN,
    Answer,
    Scripted,
    attempt,
    call,
    failure,
)

AUTHORIZE = call(OperationKind.AUTHORIZE)
LATE = call(OperationKind.AUTHORIZE, send_by=NOW - timedelta(days=1))


#: An account with keys and one without: a key may be forgotten long before its hold is.
WITH_A_KEY_OR_WITHOUT = pytest.mark.parametrize("can", [KEYS, NO_KEYS], ids=["keys", "no keys"])


@WITH_A_KEY_OR_WITHOUT
async def test_it_is_looked_for_and_sent_once_where_it_is_not_there(can: Capabilities) -> None:
    gateway = Scripted([None, Approved(HELD)], can)
    settled = await attempt(gateway, AUTHORIZE)

    assert gateway.asked == ["look_up", "authorize"]
    assert (settled.ending, settled.found) == (Ending.DONE, False)


@pytest.mark.parametrize("of", [KEYS, NO_KEYS], ids=["keys", "no keys"])
async def test_where_nothing_can_be_found_it_is_sent(of: Capabilities) -> None:
    gateway = Scripted([Approved(HELD)], of.model_copy(update={"finds": False}))
    settled = await attempt(gateway, AUTHORIZE)

    assert gateway.asked == ["authorize"]
    assert settled.found is False


@WITH_A_KEY_OR_WITHOUT
async def test_what_is_there_before_the_first_sending_is_found_and_not_sent(
    can: Capabilities,
) -> None:
    gateway = Scripted([TAKEN], can)
    settled = await attempt(gateway, AUTHORIZE)

    assert gateway.asked == ["look_up"]
    assert (settled.payment, settled.found) == (TAKEN, True)


@dataclass
class Guarded(Scripted):
    """Keeps of each look whether it was told that a key guards what is sent after it."""

    guarded: list[bool] = field(default_factory=list[bool])

    async def look_up(self, named: Named) -> Payment | None:
        self.guarded.append(named.guarded)
        return await super().look_up(named)


JUST_NOW = AUTHORIZE.model_copy(update={"asked_at": NOW - timedelta(minutes=1)})


@pytest.mark.parametrize(
    ("can", "differs", "guarded"),
    [
        (KEYS, {}, True),
        (KEYS, {"repeated": True}, True),
        (KEYS, {"asked_at": NOW - timedelta(days=3.4)}, True),
        (KEYS, {"asked_at": NOW - timedelta(days=3.6)}, False),
        (KEYS, {"asked_at": None}, False),
        (KEYS, {"look_first": True}, False),
        (KEYS, {"look_first": True, "patient": True}, False),
        (KEYS, {"send_by": NOW - timedelta(days=1)}, False),
        (NO_KEYS, {}, False),
    ],
)
async def test_a_look_may_miss_what_a_living_key_keeps_from_being_done_twice(
    can: Capabilities, differs: dict[str, object], *, guarded: bool
) -> None:
    gateway = Guarded([None, Approved(HELD)], can)
    await attempt(gateway, JUST_NOW.model_copy(update=differs))
    assert gateway.guarded == [guarded]


async def test_a_look_that_nothing_is_sent_after_has_to_see_everything() -> None:
    gateway = Guarded([HELD])
    await attempt(gateway, JUST_NOW, look_up=True)
    assert gateway.guarded == [False]


async def test_what_this_run_may_have_sent_itself_is_no_find() -> None:
    repeated = AUTHORIZE.model_copy(update={"repeated": True, "look_first": True})
    for of, number in ((AUTHORIZE, 2), (repeated, 1)):
        settled = await attempt(Scripted([HELD], NO_KEYS), of, number)
        assert settled.found is False


@pytest.mark.parametrize("of", [AUTHORIZE, LATE], ids=["in time", "too late"])
async def test_a_decline_is_of_an_earlier_run_unless_this_one_is_known_to_have_sent_it(
    of: Call,
) -> None:
    declined = HELD.model_copy(update={"state": PaymentState.DECLINED})

    async def found(left: list[object], **known: bool) -> bool:
        gateway = Scripted([declined], NO_KEYS)
        settled = await attempt(gateway, of.model_copy(update=known), 2, told=left)
        assert settled.ending is Ending.DECLINED
        return settled.found

    assert await found([])
    assert await found([NOTHING_SENT, 1], repeated=True)
    assert not await found([SENT])
    assert not await found([], repeated=True, sent=True)


@WITH_A_KEY_OR_WITHOUT
async def test_where_it_cannot_be_looked_for_nothing_is_sent(can: Capabilities) -> None:
    gateway = Scripted([Undecided("HTTP 500")], can)
    error = await failure(gateway, AUTHORIZE)

    assert gateway.asked == ["look_up"]
    assert (error.type, error.non_retryable) == ("NotSent", False)


class Remembering(Scripted):
    """Keeps the call that it was last sent."""

    sent: Call | None = None

    async def authorize(self, named: Named) -> Outcome:
        self.sent = named.call
        return await super().authorize(named)


@pytest.mark.parametrize("prepared", [False, True])
async def test_what_another_run_has_prepared_makes_the_sending_careful(*, prepared: bool) -> None:
    left = HELD.model_copy(update={"said": Said.ABSENT}) if prepared else None
    gateway = Remembering([left, Approved(HELD)], NO_KEYS)
    await attempt(gateway, AUTHORIZE)

    assert gateway.asked == ["look_up", "authorize"]
    assert gateway.sent is not None
    assert gateway.sent.look_first is prepared


@pytest.mark.parametrize(
    ("can", "unguarded"),
    [(NO_KEYS, True), (KEYS, False), (NO_KEYS.model_copy(update={"finds": False}), False)],
)
async def test_what_no_key_guards_is_said_to_be_so(can: Capabilities, *, unguarded: bool) -> None:
    looked: list[Answer] = [None] if can.finds else []
    settled = await attempt(Scripted([*looked, Approved(HELD)], can), AUTHORIZE)
    assert settled.unguarded is unguarded


@pytest.mark.parametrize(
    ("captures_max", "asked"), [(1, ["capture"]), (None, ["look_up", "capture"])]
)
async def test_of_several_captures_without_a_key_each_is_looked_for(
    captures_max: int | None, asked: list[str]
) -> None:
    can = NO_KEYS.model_copy(update={"captures_max": captures_max})
    looked: list[Answer] = [] if captures_max else [HELD]
    gateway = Scripted([*looked, Approved(TAKEN)], can)
    await attempt(gateway, call(OperationKind.CAPTURE))
    assert gateway.asked == asked

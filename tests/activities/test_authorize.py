"""An authorization that comes too late, or whose credentials are refused: what may stand already?

The same scripted gateway as for the other attempts; what it was asked, in order, is the oracle.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from activities.declared import Failure
from cardhold.hold import OperationKind
from cardhold.messages import PaymentMethod, PaymentMethodKind
from domain.calls import Ending
from domain.capabilities import Capabilities
from domain.outcome import Approved, Payment
from gateways.errors import NotSent, Unauthorized
from tests.activities.test_holds import HELD, KEYS, NO_KEYS, NOW, Scripted, attempt, call, failure

AUTHORIZE = call(OperationKind.AUTHORIZE)
LATE = call(OperationKind.AUTHORIZE, send_by=NOW)
BLIND = KEYS.model_copy(update={"finds": False})
A_RUN_BEFORE = "the run before the reset"


async def test_what_is_late_for_the_first_time_is_looked_for_and_said_to_be_late() -> None:
    gateway = Scripted([None])
    long_ago = NOW - KEYS.processing_time
    settled = await attempt(gateway, call(OperationKind.AUTHORIZE, send_by=long_ago))

    assert gateway.asked == ["look_up"]
    assert (settled.ending, settled.detail) == (
        Ending.ABSENT,
        "authorize_by had passed before it could be sent",
    )


async def test_what_an_ended_run_has_placed_is_adopted_by_one_that_starts_too_late() -> None:
    gateway = Scripted([HELD])
    settled = await attempt(gateway, LATE)

    assert gateway.asked == ["look_up"]
    assert (settled.ending, settled.payment) == (Ending.DONE, HELD)


ELSEWHERE = call(OperationKind.AUTHORIZE, return_url="https://elsewhere.example/back")


async def test_what_the_account_never_takes_is_refused_before_anything_is_asked() -> None:
    gateway = Scripted([], KEYS.model_copy(update={"return_hosts": frozenset({"book.example"})}))
    settled = await attempt(gateway, ELSEWHERE)

    assert gateway.asked == []
    assert (settled.ending, settled.field) == (Ending.NOT_DONE, "return_url")


@pytest.mark.parametrize(("found", "ending"), [(HELD, Ending.DONE), (None, Ending.NOT_DONE)])
async def test_what_a_worker_of_another_configuration_may_have_sent_is_looked_for(
    found: Payment | None, ending: Ending
) -> None:
    can = KEYS.model_copy(update={"return_hosts": frozenset({"book.example"})})
    gateway = Scripted([found], can)
    settled = await attempt(gateway, ELSEWHERE, 2)

    assert gateway.asked == ["look_up"]
    assert settled.ending is ending


async def test_where_nothing_can_be_found_a_late_one_is_neither_looked_for_nor_sent() -> None:
    gateway = Scripted([], BLIND)
    settled = await attempt(gateway, LATE)

    assert gateway.asked == []
    assert settled.ending is Ending.ABSENT


async def test_a_late_one_that_may_have_been_sent_is_looked_for_everywhere() -> None:
    for late, number in ((LATE, 2), (LATE.model_copy(update={"run_id": A_RUN_BEFORE}), 1)):
        gateway = Scripted([None], BLIND)
        failed = await failure(gateway, late, number)

        assert gateway.asked == ["look_up"]
        assert failed.type == Failure.STILL_PENDING


async def test_what_a_late_look_cannot_learn_is_asked_again() -> None:
    failed = await failure(Scripted([NotSent("no route")]), LATE)
    assert (failed.type, failed.non_retryable) == (Failure.NOT_SENT, False)


async def test_credentials_refused_at_a_late_look_do_not_prove_that_nothing_was_placed() -> None:
    gateway = Scripted([Unauthorized("401"), HELD])
    failed = await failure(gateway, LATE)
    settled = await attempt(gateway, LATE, 2)

    assert (failed.type, failed.non_retryable) == (Failure.UNAUTHORIZED, False)
    assert (settled.ending, settled.payment) == (Ending.DONE, HELD)


@pytest.mark.parametrize("can", [KEYS, NO_KEYS], ids=["keys", "no keys"])
async def test_credentials_refused_before_anything_was_found_prove_nothing(
    can: Capabilities,
) -> None:
    gateway = Scripted([Unauthorized("401"), HELD], can)
    failed = await failure(gateway, AUTHORIZE)
    settled = await attempt(gateway, AUTHORIZE, 2)

    assert (failed.type, failed.non_retryable) == (Failure.UNAUTHORIZED, False)
    assert settled.ending is Ending.DONE
    assert gateway.asked == ["look_up", "look_up"]


@pytest.mark.parametrize("looks", [True, False], ids=["looked for", "cannot be looked for"])
async def test_credentials_refused_at_the_first_sending_end_it_since_a_guest_does_not_wait(
    *, looks: bool
) -> None:
    gateway = Scripted([*([None] if looks else []), Unauthorized("401")], KEYS if looks else BLIND)
    settled = await attempt(gateway, AUTHORIZE)

    assert settled.ending is Ending.NOT_DONE


async def test_credentials_refused_say_nothing_of_a_hold_made_elsewhere() -> None:
    method = PaymentMethod(kind=PaymentMethodKind.EXISTING_HOLD, token="P1")
    adopts = AUTHORIZE.model_copy(update={"payment_method": method, "amount": HELD.authorized})
    gateway = Scripted([Unauthorized("401"), HELD])
    failed = await failure(gateway, adopts)
    settled = await attempt(gateway, adopts, 2)

    assert (failed.type, failed.non_retryable) == (Failure.UNAUTHORIZED, False)
    assert (settled.ending, settled.payment) == (Ending.DONE, HELD)
    assert gateway.asked == ["look_up", "look_up"]


@pytest.mark.parametrize(
    ("told", "number"),
    [({}, 2), ({"repeated": True}, 1), ({"run_id": A_RUN_BEFORE}, 1), ({"look_first": True}, 1)],
    ids=["a second attempt", "sent before", "a run before", "looked for first"],
)
async def test_credentials_refused_where_it_may_have_been_sent_before_are_no_end(
    told: dict[str, object], number: int
) -> None:
    again = AUTHORIZE.model_copy(update={**told, "patient": True})
    for answers in ([Unauthorized("401")], [None, Unauthorized("401")]):
        gateway = Scripted([*answers])
        failed = await failure(gateway, again, number)
        assert failed.type in {Failure.UNAUTHORIZED, Failure.UNDECIDED}
        assert not failed.non_retryable


async def test_what_was_sent_in_time_is_sent_once_the_credentials_are_mended() -> None:
    soon = call(OperationKind.AUTHORIZE, send_by=NOW + timedelta(minutes=1))
    gateway = Scripted([Unauthorized("401"), None, Approved(HELD)])
    left: list[object] = []
    await failure(gateway, soon, told=left)
    settled = await attempt(gateway, soon, 2, told=left)

    assert settled.ending is Ending.DONE
    assert gateway.asked == ["look_up", "look_up", "authorize"]

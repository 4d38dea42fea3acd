"""One attempt of one activity, the first or a later one, after each thing that can go wrong.

Temporal's `ActivityEnvironment` around the real activities; behind them a gateway that implements
the port and plays a script. What it was asked, in order, is the oracle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.beats import NOTHING_SENT, SENT
from activities.converter import data_converter
from activities.declared import LOOK_UP, Failure
from activities.holds import Holds
from cardhold.hold import OperationKind
from cardhold.messages import PaymentMethod, PaymentMethodKind
from cardhold.money import Money
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
from gateways.errors import (
    GatewayError,
    NoAnswer,
    NotSent,
    Refused,
    Throttled,
    Unauthorized,
    Undecided,
)
from gateways.port import Named

USD_100 = Money(amount_minor=100_00, currency="USD")
NOTHING = Money(amount_minor=0, currency="USD")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "sk_live_4242"
# Of the authorization that `call` makes, by the contract's rule.
REFERENCE = OperationName("bank", "test", "reservation-R1", "authorize", "c").reference()
KEYS = Capabilities(idempotent=frozenset(OperationKind), key_life=timedelta(days=7))
NO_KEYS = Capabilities()
HELD = Payment(payment_id="P1", state=PaymentState.OPEN, authorized=USD_100, captured=NOTHING)
TAKEN = HELD.model_copy(update={"state": PaymentState.CAPTURED, "captured": USD_100})
ASKED = HELD.model_copy(update={"state": PaymentState.ACTION_REQUIRED, "authorized": NOTHING})
FREED = HELD.model_copy(update={"state": PaymentState.RELEASED})

Answer = Outcome | Payment | Exception | None


@dataclass
class Scripted:
    """A gateway that answers from a list, and keeps what it was asked."""

    answers: list[Answer]
    capabilities: Capabilities = KEYS
    environment: str = "test"
    asked: list[str] = field(default_factory=list[str])

    async def authorize(self, named: Named) -> Outcome:
        return self._outcome("authorize", named)

    async def adjust(self, named: Named) -> Outcome:
        return self._outcome("adjust", named)

    async def capture(self, named: Named) -> Outcome:
        return self._outcome("capture", named)

    async def release(self, named: Named) -> Outcome:
        return self._outcome("release", named)

    async def look_up(self, named: Named) -> Payment | None:
        answer = self._next("look_up", named)
        assert answer is None or isinstance(answer, Payment)
        return answer

    def _outcome(self, verb: str, named: Named) -> Outcome:
        answer = self._next(verb, named)
        assert isinstance(answer, Outcome)
        return answer

    def _next(self, verb: str, named: Named) -> Answer:
        assert len(named.key) == 36
        assert len(named.reference) == 24
        self.asked.append(verb)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def call(kind: OperationKind = OperationKind.CAPTURE, **fields: object) -> Call:
    """An operation on a hold of 100 dollars."""
    authorizes = kind is OperationKind.AUTHORIZE
    method = PaymentMethod(kind=PaymentMethodKind.STORED_TOKEN, token="t") if authorizes else None
    plain = Call(
        account="bank",
        workflow_id="reservation-R1",
        kind=kind,
        command_id="c",
        amount=USD_100,
        held=NOTHING if authorizes else USD_100,
        captured=NOTHING,
        payment_id=None if authorizes else "P1",
        payment_method=method,
    )
    return plain.model_copy(update=fields)


async def left_by(told: Sequence[object]) -> Sequence[object]:
    """What a worker's activity reads of what an attempt has left: no type is declared for it."""
    payloads = await data_converter.encode(told)
    return await data_converter.decode(payloads)


def at_noon(server: object = None) -> ActivityEnvironment:
    """Where an attempt is made, which begins at noon by the server's clock."""
    environment = ActivityEnvironment(client=cast("Client | None", server))
    environment.info = replace(environment.info, started_time=NOW, scheduled_time=NOW)
    return environment


async def attempt(  # noqa: PLR0913 - everything that an attempt may differ in, by name.
    gateway: Scripted,
    of: Call,
    number: int = 1,
    *,
    look_up: bool = False,
    look_first: bool = False,
    told: list[object] | None = None,
    machine_clock: datetime = NOW,
    server: object = None,
) -> Settled:
    """Make one attempt of the activity, at noon by the server's clock.

    ``told`` is what the attempt before has left for this one, and takes what this one leaves. As in
    a worker, an attempt reads it as the payloads that it came in. ``server`` is who is asked where
    the machine's clock says that the attempt is late.
    """
    holds = Holds({"bank": gateway}, look_first=look_first, machine_clock=lambda: machine_clock)
    environment = at_noon(server)
    environment.info = replace(
        environment.info,
        attempt=number,
        activity_type=LOOK_UP if look_up else of.kind.value,
        heartbeat_details=[*(await left_by(told or []))],
    )
    if told is not None:
        environment.on_heartbeat = lambda *left: told.__setitem__(slice(None), left)
    verb = holds.look_up if look_up else getattr(holds, of.kind.value)
    settled = await environment.run(verb, of)
    assert isinstance(settled, Settled)
    return settled


async def failure(
    gateway: Scripted,
    of: Call,
    number: int = 1,
    *,
    look_up: bool = False,
    told: list[object] | None = None,
    **late: Any,
) -> ApplicationError:
    with pytest.raises(ApplicationError) as caught:
        await attempt(gateway, of, number, look_up=look_up, told=told, **late)
    return caught.value


ERRORS: Sequence[tuple[GatewayError, Failure, bool]] = (
    (NotSent("no route"), Failure.NOT_SENT, False),
    (Throttled("too often"), Failure.THROTTLED, False),
    (NoAnswer("cut off"), Failure.NO_ANSWER, False),
    (Undecided("HTTP 500"), Failure.UNDECIDED, True),
    (Unauthorized("401"), Failure.UNAUTHORIZED, False),
)


@pytest.mark.parametrize(("error", "kind", "is_last"), ERRORS)
async def test_an_error_on_the_first_attempt_says_what_we_know_of_the_money(
    error: GatewayError, kind: Failure, *, is_last: bool
) -> None:
    gateway = Scripted([error])
    failed = await failure(gateway, call())

    assert (failed.type, failed.non_retryable) == (kind, is_last)
    assert failed.__cause__ is None
    assert gateway.asked == ["capture"]


@pytest.mark.parametrize(
    "error", [NotSent("no route"), Throttled("too often"), NoAnswer("cut off")]
)
async def test_a_second_attempt_with_a_live_key_sends_the_same_again(error: GatewayError) -> None:
    gateway = Scripted([error, Approved(TAKEN)])
    await failure(gateway, call())
    settled = await attempt(gateway, call(), 2)

    assert settled.ending is Ending.DONE
    assert gateway.asked == ["capture", "capture"]


async def test_a_second_attempt_without_a_key_is_never_blind() -> None:
    gateway = Scripted([NoAnswer("cut off")], NO_KEYS)
    await failure(gateway, call())
    failed = await failure(gateway, call(), 2)

    assert (failed.type, failed.non_retryable) == (Failure.UNDECIDED, True)
    assert gateway.asked == ["capture"]


@pytest.mark.parametrize("error", [NotSent("x"), Throttled("x"), Unauthorized("x")])
async def test_what_was_surely_not_sent_is_sent_again_without_a_key_too(
    error: GatewayError,
) -> None:
    gateway = Scripted([error, error, Approved(TAKEN)], NO_KEYS)
    told: list[object] = []
    first = await failure(gateway, call(), 1, told=told)
    assert told == [NOTHING_SENT, 1]
    second = await failure(gateway, call(), 2, told=told)
    assert told == [NOTHING_SENT, 2]
    settled = await attempt(gateway, call(), 3, told=told)

    assert [first.non_retryable, second.non_retryable] == [False, False]
    assert settled.ending is Ending.DONE
    assert gateway.asked == ["capture"] * 3


async def test_the_word_of_an_attempt_before_the_last_proves_nothing() -> None:
    gateway = Scripted([], NO_KEYS)
    failed = await failure(gateway, call(), 3, told=[NOTHING_SENT, 1])

    assert (failed.type, failed.non_retryable) == (Failure.UNDECIDED, True)
    assert gateway.asked == []


async def test_a_lost_answer_is_no_reason_to_send_again_without_a_key() -> None:
    told: list[object] = []
    failed = await failure(Scripted([NoAnswer("cut off")], NO_KEYS), call(), told=told)

    assert (failed.type, failed.non_retryable) == (Failure.UNDECIDED, True)
    assert told == [SENT]


async def test_a_look_before_a_release_that_fails_has_sent_nothing() -> None:
    gateway = Scripted([Undecided("500"), HELD, Approved(FREED)], NO_KEYS)
    told: list[object] = []
    failed = await failure(gateway, call(OperationKind.RELEASE), told=told)
    settled = await attempt(gateway, call(OperationKind.RELEASE), 2, told=told)

    assert (failed.type, failed.non_retryable) == (Failure.NOT_SENT, False)
    assert settled.ending is Ending.DONE


async def test_what_an_authorization_may_have_become_is_told_with_its_failure() -> None:
    lost = Undecided("later", payment_id="P1")
    failed = await failure(Scripted([None, lost]), call(OperationKind.AUTHORIZE))
    pending = await failure(Scripted([None, Pending(HELD)]), call(OperationKind.AUTHORIZE))

    expected = [Lost(capabilities=KEYS, payment_id="P1", reference=REFERENCE)]
    assert [*failed.details] == [*pending.details] == expected


async def test_the_guests_turn_is_no_failure() -> None:
    gateway = Scripted([None, ActionRequired(ASKED)])
    settled = await attempt(gateway, call(OperationKind.AUTHORIZE))

    assert (settled.ending, settled.payment) == (Ending.ACTION_REQUIRED, ASKED)


async def test_the_gateway_may_hear_of_the_guest_a_moment_later() -> None:
    back = call(OperationKind.AUTHORIZE, absent_after=NOW + timedelta(seconds=5))
    early = await failure(Scripted([ASKED]), back, look_up=True)
    late = back.model_copy(update={"absent_after": NOW})
    settled = await attempt(Scripted([ASKED]), late, look_up=True)

    assert early.type == Failure.STILL_PENDING
    assert settled.ending is Ending.ACTION_REQUIRED


async def test_an_attempt_that_waits_for_the_guest_is_called_off() -> None:
    never_held = ASKED.model_copy(update={"state": PaymentState.DECLINED})
    gateway = Scripted([ASKED, Approved(never_held)])
    off = call(OperationKind.RELEASE, held=NOTHING, captured=NOTHING)
    settled = await attempt(gateway, off)

    assert (settled.ending, settled.payment) == (Ending.DONE, never_held)
    assert gateway.asked == ["look_up", "release"]


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://book.example/back", True),
        ("https://BOOK.example:443/back", True),
        ("https://shop.example:8443/", True),
        ("https://shop.example/", False),
        ("https://book.example.evil.example/", False),
        ("https://evil.example/?book.example", False),
        ("https://book.example@evil.example/", False),
    ],
)
async def test_a_guest_is_sent_back_to_hosts_of_the_account_alone(url: str, allowed: bool) -> None:  # noqa: FBT001 - a column
    hosts = frozenset({"book.example", "shop.example:8443"})
    gateway = Scripted([None, Approved(HELD)], KEYS.model_copy(update={"return_hosts": hosts}))
    settled = await attempt(gateway, call(OperationKind.AUTHORIZE, return_url=url))

    assert settled.ending is (Ending.DONE if allowed else Ending.NOT_DONE)
    assert settled.field == (None if allowed else "return_url")
    assert settled.error is (None if allowed else ErrorType.INVALID_REQUEST)


@pytest.mark.parametrize("capabilities", [KEYS, NO_KEYS], ids=["keys", "no keys"])
async def test_a_patient_attempt_looks_and_sends_what_is_not_there(
    capabilities: Capabilities,
) -> None:
    gateway = Scripted([HELD, Approved(TAKEN)], capabilities)
    settled = await attempt(gateway, call(look_first=True, patient=True), 3)

    assert settled.ending is Ending.DONE
    assert gateway.asked == ["look_up", "capture"]


async def test_what_a_look_finds_is_adopted_and_not_sent_again() -> None:
    gateway = Scripted([TAKEN])
    settled = await attempt(gateway, call(look_first=True))

    assert settled.ending is Ending.DONE
    assert gateway.asked == ["look_up"]


async def test_after_a_restore_every_operation_is_looked_up_first() -> None:
    gateway = Scripted([TAKEN])
    settled = await attempt(gateway, call(), look_first=True)

    assert settled.ending is Ending.DONE
    assert gateway.asked == ["look_up"]


async def test_not_found_is_no_proof_before_the_processing_time_is_over() -> None:
    early = call(look_first=True, absent_after=NOW + timedelta(seconds=30))
    gateway = Scripted([HELD])
    failed = await failure(gateway, early)

    assert (failed.type, failed.non_retryable) == (Failure.STILL_PENDING, False)
    assert gateway.asked == ["look_up"]


@pytest.mark.parametrize("error", [NotSent("x"), Throttled("x"), NoAnswer("x"), Undecided("x")])
async def test_a_look_up_is_tried_again_whatever_happened(error: GatewayError) -> None:
    failed = await failure(Scripted([error]), call(), look_up=True)

    assert not failed.non_retryable


async def test_a_look_up_that_is_refused_says_nothing_of_what_it_looks_for() -> None:
    failed = await failure(Scripted([Refused("no such right")]), call(), look_up=True)

    assert (failed.type, failed.non_retryable) == (Failure.UNDECIDED, False)


async def test_a_look_up_sends_nothing_and_tells_that_it_is_absent() -> None:
    gateway = Scripted([HELD])
    settled = await attempt(gateway, call(), look_up=True)

    assert settled.ending is Ending.ABSENT
    assert gateway.asked == ["look_up"]


async def test_pending_is_no_ending() -> None:
    failed = await failure(Scripted([Pending()]), call())

    assert (failed.type, failed.non_retryable) == (Failure.UNDECIDED, True)


async def test_a_decline_is_an_answer() -> None:
    settled = await attempt(Scripted([Declined("Do Not Honor")]), call())

    assert (settled.ending, settled.detail) == (Ending.DECLINED, "Do Not Honor")


async def test_an_error_that_nobody_foresaw_is_undecided_and_keeps_its_text_to_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failed = await failure(Scripted([RuntimeError(f"Bearer {SECRET}")]), call())

    assert (failed.type, failed.non_retryable) == (Failure.UNDECIDED, True)
    assert SECRET not in f"{failed} {failed.details} {failed.__cause__} {caplog.text}"
    assert "RuntimeError" in failed.message


@pytest.mark.parametrize(
    ("said", "waited"),
    [(None, None), (-5.0, 1.0), (0.0, 1.0), (7.0, 7.0), (1e9, 300.0), (float("inf"), 300.0)],
)
async def test_a_gateways_retry_after_is_kept_within_bounds(
    said: float | None, waited: float | None
) -> None:
    failed = await failure(Scripted([Throttled("too often", said)]), call())
    delay = failed.next_retry_delay

    assert (delay.total_seconds() if delay else None) == waited


async def test_an_authorization_is_not_sent_when_it_is_too_late() -> None:
    gateway = Scripted([None])
    long_ago = NOW - KEYS.processing_time
    settled = await attempt(gateway, call(OperationKind.AUTHORIZE, send_by=long_ago))

    assert settled.ending is Ending.ABSENT
    assert gateway.asked == ["look_up"]


async def test_just_after_it_was_too_late_nothing_proves_that_no_other_run_has_sent_it() -> None:
    gateway = Scripted([None])
    failed = await failure(gateway, call(OperationKind.AUTHORIZE, send_by=NOW))

    assert (failed.type, failed.non_retryable) == (Failure.STILL_PENDING, False)
    assert gateway.asked == ["look_up"]


async def test_an_authorization_that_is_found_although_it_is_too_late_is_adopted() -> None:
    gateway = Scripted([HELD])
    settled = await attempt(gateway, call(OperationKind.AUTHORIZE, send_by=NOW), 2)

    assert settled.ending is Ending.DONE
    assert gateway.asked == ["look_up"]


async def test_too_late_on_a_second_attempt_is_no_proof_that_the_first_did_nothing() -> None:
    late = call(OperationKind.AUTHORIZE, send_by=NOW - timedelta(seconds=1))
    failed = await failure(Scripted([None]), late, 2)

    assert (failed.type, failed.non_retryable) == (Failure.STILL_PENDING, False)


async def test_an_authorization_in_time_is_sent() -> None:
    soon = call(OperationKind.AUTHORIZE, send_by=NOW + timedelta(minutes=1))
    gateway = Scripted([None, Approved(HELD)])
    settled = await attempt(gateway, soon)

    assert settled.capabilities == KEYS
    assert gateway.asked == ["look_up", "authorize"]


@pytest.mark.parametrize("error", [NoAnswer("x"), Undecided("x"), Throttled("x")])
async def test_a_failed_authorization_still_says_what_the_account_can_do(
    error: GatewayError,
) -> None:
    looked: Sequence[list[Answer]] = ([], [None])
    for before in looked:
        failed = await failure(Scripted([*before, error]), call(OperationKind.AUTHORIZE))
        assert list(failed.details) == [Lost(capabilities=KEYS, reference=REFERENCE)]


@pytest.mark.parametrize(
    ("kind", "told"),
    [(OperationKind.AUTHORIZE, None), (OperationKind.CAPTURE, ErrorType.NOT_SUPPORTED)],
)
async def test_a_refusal_on_the_first_attempt_is_final(
    kind: OperationKind, told: ErrorType | None
) -> None:
    # An authorization's is no error of the request: another card may be given.
    refused = Refused("capability missing", ErrorType.NOT_SUPPORTED)
    looked: list[Answer] = [None] if kind is OperationKind.AUTHORIZE else []
    settled = await attempt(Scripted([*looked, refused]), call(kind))

    assert (settled.ending, settled.error) == (Ending.NOT_DONE, told)


async def test_an_account_that_is_not_configured_sends_nothing() -> None:
    gateway = Scripted([])
    settled = await attempt(gateway, call(OperationKind.AUTHORIZE, account="nobody"))

    assert (settled.ending, settled.field) == (Ending.NOT_DONE, "gateway")
    assert settled.error is ErrorType.INVALID_REQUEST
    assert gateway.asked == []


@pytest.mark.parametrize(
    ("kind", "number", "more"),
    [
        (OperationKind.AUTHORIZE, 2, {}),
        (OperationKind.AUTHORIZE, 1, {"look_up": True}),
        (OperationKind.CAPTURE, 1, {"look_up": True}),
        (OperationKind.CAPTURE, 1, {}),
        (OperationKind.RELEASE, 3, {}),
    ],
)
async def test_a_worker_without_the_account_decides_nothing_of_what_may_stand(
    kind: OperationKind, number: int, more: dict[str, Any]
) -> None:
    failed = await failure(Scripted([]), call(kind, account="nobody"), number, **more)

    assert failed.type == Failure.NOT_SENT
    assert not failed.non_retryable


@pytest.mark.parametrize(
    ("found", "ending", "field"),
    [
        (None, Ending.NOT_DONE, "payment_method.token"),
        (FREED, Ending.NOT_DONE, "payment_method.token"),
        (HELD.model_copy(update={"authorized": NOTHING}), Ending.NOT_DONE, "amount"),
        (HELD, Ending.DONE, None),
    ],
)
async def test_a_hold_made_elsewhere_is_looked_up_and_never_placed(
    found: Payment | None, ending: Ending, field: str | None
) -> None:
    method = PaymentMethod(kind=PaymentMethodKind.EXISTING_HOLD, token="P1")
    gateway = Scripted([found])
    settled = await attempt(gateway, call(OperationKind.AUTHORIZE, payment_method=method))

    assert (settled.ending, settled.field) == (ending, field)
    assert gateway.asked == ["look_up"]

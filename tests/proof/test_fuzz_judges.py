"""The fuzzer's judges, each shown what it is there to find: one that cannot find is none.

Wrong endings are made up here and given to the judge as if the product had come to them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from cardhold.hold import Card, Hold, Operation, Refusal
from cardhold.messages import Adjust, Capture, Message
from cardhold.money import Money, MoneyIn
from cardhold.reading import InvalidMessage
from cli.main import cardhold
from domain.outcome import ActionRequired, Approved, Declined, Payment
from gateways.errors import NoAnswer, NotSent, Refused, Throttled, Undecided
from gateways.port import Listed
from proof.fuzz import command_line, configuration, live_judge, reading
from proof.fuzz.answer_judge import Spoilt, Swapped, is_right
from proof.fuzz.command_line import TOKEN, Typed
from proof.fuzz.hunt import Wrong
from proof.fuzz.letters import Door, Letter
from proof.fuzz.payloads import Sent
from proof.fuzz.recordings import Ending, Recording, changed, recordings
from proof.fuzz.words import CANARY
from worker.cannot_start import CannotStart

CARD = "4242424242424242"
JSON = b"json/plain"


# Answers of gateways.


@pytest.fixture(scope="module")
def known() -> dict[str, Recording]:
    """Every recording by its name."""
    return {recording.what: recording for recording in recordings()}


def _answered(recording: Recording, body: bytes, **more: Any) -> Spoilt:
    number = len(recording.script) - 1
    swapped = more.pop("swapped", None)
    answer = changed(recording.script[number], body=body, **more)
    return Spoilt(recording, number, answer, body, swapped)


def _payment(recording: Recording, **changes: Any) -> Payment:
    ended = recording.ended
    assert isinstance(ended, Approved)
    return ended.payment.model_copy(update=changes)


def _in(currency: str) -> dict[str, Money]:
    return dict.fromkeys(("authorized", "captured"), Money(amount_minor=100_00, currency=currency))


def _other_endings(recording: Recording) -> dict[str, Ending]:
    """What an adapter must not make of an approval that was answered in full."""
    shown = Card(brand=CARD)
    return {
        "not sent": NotSent("nothing was sent"),
        "declined": Declined("no", _payment(recording)),
        "a look-up's payment": _payment(recording),
        "none": None,
        "another currency": Approved(_payment(recording, **_in("CHF"))),
        "two currencies": Approved(
            _payment(recording, captured=Money(amount_minor=0, currency="CHF"))
        ),
        "more than was asked": Approved(
            _payment(recording, authorized=Money(amount_minor=100_01, currency="USD"))
        ),
        "a card number as a brand": Approved(_payment(recording, card=shown)),
        "a card number in the detail": Approved(_payment(recording, detail=f"of {CARD}")),
        "a detail of two lines": Approved(_payment(recording, detail="a\nb")),
        "a wait without end": Throttled("wait", 1e12),
        "a card number in an error": Undecided(f"{CARD} is not known"),
        "a page that is nowhere": ActionRequired(_payment(recording)),
    }


@pytest.mark.parametrize(
    "what",
    [
        "not sent", "declined", "a look-up's payment", "none", "another currency", "two currencies",
        "more than was asked", "a card number as a brand", "a card number in the detail",
        "a detail of two lines", "a wait without end", "a card number in an error",
        "a page that is nowhere",
    ],
)  # fmt: skip
def test_an_ending_that_the_answer_does_not_bear_out_is_wrong(
    known: dict[str, Recording], what: str
) -> None:
    recording = known["payroc: authorize"]
    spoilt = _answered(recording, recording.script[-1].body)
    is_right(spoilt, recording.ended, spoilt.script)

    with pytest.raises(Wrong):
        is_right(spoilt, _other_endings(recording)[what], spoilt.script)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b'{"a": 1}x', b"\xff", b'"approved"'])
@pytest.mark.parametrize("name", ["payroc: authorize", "sibs: capture", "stax: release"])
def test_garbage_is_no_answer(known: dict[str, Recording], name: str, body: bytes) -> None:
    spoilt = _answered(known[name], body)
    is_right(spoilt, Undecided("what is this"), spoilt.script)
    is_right(spoilt, NoAnswer("cut off"), spoilt.script)

    for ended in (known[name].ended, Declined("no"), Refused("no"), Throttled("wait")):
        with pytest.raises(Wrong):
            is_right(spoilt, ended, spoilt.script)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("payroc: authorize", "reference"), ("payroc: authorize", "currency"),
        ("payroc: authorize", "amount"), ("payroc: capture", "payment_id"),
        ("payroc: capture", "amount"), ("sibs: look up authorize", "reference"),
    ],
)  # fmt: skip
def test_an_answer_about_something_else_is_not_ours(
    known: dict[str, Recording], name: str, what: str
) -> None:
    recording = known[name]
    spoilt = _answered(recording, recording.script[-1].body, swapped=Swapped(what, stood=True))
    with pytest.raises(Wrong):
        is_right(spoilt, recording.ended, spoilt.script)

    nowhere = _answered(recording, recording.script[-1].body, swapped=Swapped(what, stood=False))
    is_right(nowhere, recording.ended, nowhere.script)


@pytest.mark.parametrize("status", [301, 500, 503, 418])
def test_a_status_that_no_gateway_says_there_is_none_with_is_none_of_that(
    known: dict[str, Recording], status: int
) -> None:
    spoilt = _answered(known["payroc: look up authorize"], b'{"data": []}', status=status)
    with pytest.raises(Wrong):
        is_right(spoilt, None, spoilt.script)


def test_an_outcome_that_no_answer_was_given_for_is_wrong(known: dict[str, Recording]) -> None:
    recording = known["payroc: release"]
    spoilt = _answered(recording, b"{}")
    is_right(spoilt, recording.ended, recording.script)
    with pytest.raises(Wrong):
        is_right(spoilt, Declined("no"), recording.script)


def _listed(recording: Recording, **changes: Any) -> Listed:
    ended = recording.ended
    assert isinstance(ended, Listed)
    [hold] = ended.holds
    return Listed((hold.model_copy(update=changes),), None)


@pytest.mark.parametrize("name", ["payroc: list", "xmoney: list", "stax: list"])
def test_a_list_that_cannot_be_of_holds_is_wrong(known: dict[str, Recording], name: str) -> None:
    recording = known[name]
    spoilt = _answered(recording, recording.script[-1].body)
    is_right(spoilt, recording.ended, spoilt.script)
    more = Money(amount_minor=10**6, currency=recording.desk.currency)
    for changes in (
        {"captured": more},
        {"captured": _in("CHF")["captured"]},
        {"payment_id": "a\n"},
    ):
        with pytest.raises(Wrong):
            is_right(spoilt, _listed(recording, **changes), spoilt.script)

    failed = _answered(recording, b'{"data": []}', status=503)
    with pytest.raises(Wrong):
        is_right(failed, Listed((), None), failed.script)


# Messages.


def _sent(text: str) -> Sent:
    return Sent(((JSON, text.encode()),))


@pytest.mark.parametrize(
    "rule",
    [f"must not be {CARD}", f"must not be {CANARY}", "must be\none line", "x" * 600, "\x1b[1m"],
)
def test_a_refusal_that_repeats_or_is_no_sentence_is_wrong(rule: str) -> None:
    payloads = _sent(f'{{"reason": "{CARD} {CANARY}"}}')
    reading.is_right_refusal(InvalidMessage("reason", "must be text"), payloads)
    with pytest.raises(Wrong):
        reading.is_right_refusal(InvalidMessage("reason", rule), payloads)


def _taken_in(model: type[Message], **fields: Any) -> Message:
    """A message as if nobody had looked at what is in it."""
    return model.model_construct(**fields)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (Capture, {"reason": "x" * 501}),
        (Capture, {"reason": "a\x00b"}),
        (Capture, {"reason": CARD}),
        (Adjust, {"amount": MoneyIn.model_construct(amount_minor=0, currency="USD")}),
        (Adjust, {"amount": MoneyIn.model_construct(amount_minor=10**13, currency="USD")}),
    ],
)
def test_a_message_that_should_not_have_been_taken_is_wrong(
    model: type[Message], fields: dict[str, Any]
) -> None:
    # Read again it is refused; or it is not, and what is in it is found.
    with pytest.raises((Wrong, InvalidMessage)):
        reading.is_right_message(model, _taken_in(model, **fields))


def test_a_right_message_is_right() -> None:
    reading.is_right_message(Capture, Capture(reason="dinner"))


# Configurations and command lines.


@pytest.mark.parametrize(
    "sentence", ["no stop", "two\nlines.", f"The key {configuration.SECRET}.", "x" * 1_000 + "."]
)
def test_a_refusal_of_a_configuration_that_tells_too_much_is_wrong(sentence: str) -> None:
    configuration.is_one_sentence(CannotStart("The table [worker]: it is none."))
    with pytest.raises(Wrong):
        configuration.is_one_sentence(CannotStart(sentence))
    with pytest.raises(Wrong):
        configuration.is_one_sentence(CannotStart("It is none.", exit_code=1))


def _done(code: int, *, out: str = "", err: str = "", error: Exception | None = None) -> Result:
    told = (out + err).encode()
    return Result(CliRunner(), out.encode(), err.encode(), told, None, code, error)


@pytest.mark.parametrize(
    "done",
    [
        _done(1, err="cardhold: unexpected KeyError\n"),
        _done(0),
        _done(2, err="cardhold: two\nlines\n"),
        _done(2, err="Traceback (most recent call last)\n"),
        _done(2, err="cardhold: \x1b[2J\n"),
        _done(7, err="cardhold: Temporal cannot be reached\n"),
        _done(2, err=f"cardhold: no such option {CARD}\n"),
        _done(2, err=f"cardhold: {TOKEN} is no token\n"),
        _done(2, err="cardhold: wrong\n", error=KeyError("x")),
    ],
)
def test_a_command_that_does_not_end_as_documented_is_wrong(done: Result) -> None:
    typed = Typed(("show", "4242 4242 4242 4242", "--token", TOKEN), b"")
    command_line.is_well_ended(typed, _done(2, err="cardhold: wrong\n"))
    with pytest.raises(Wrong):
        command_line.is_well_ended(typed, done)


@pytest.mark.parametrize("name", cardhold.commands)
def test_what_would_run_on_is_always_told_something_wrong(name: str) -> None:
    # What serves until it is stopped would never end an example.
    serving = command_line.SERVING.get(name)
    assert (name in {"dev", "simulator", "worker"}) == (serving is not None)
    if serving is not None:
        done = CliRunner().invoke(cardhold, [name, serving])
        assert done.exit_code == 2


# Live reservations.

WRONG = Letter(Door.UPDATE, "capture", Capture, _sent('{"amount": 1}'))
SIGNALS = [Letter(Door.SIGNAL, "capture", Capture, _sent(f'{{"amount": "{CARD}"}}'))] * 3
RIGHT_DETAIL = {"field": None, "operation_id": None, "hold": None}


@pytest.mark.parametrize(
    "ended",
    [
        {"state": "captured"},
        ApplicationError("no", RIGHT_DETAIL, type="IllegalMove"),
        ApplicationError("no", type="InvalidRequest"),
        ApplicationError("two\nlines", RIGHT_DETAIL, type="InvalidRequest"),
        RPCError("lost", RPCStatusCode.DEADLINE_EXCEEDED, b""),
        RuntimeError("what"),
    ],
)
def test_an_update_that_is_wrong_in_itself_has_one_ending(ended: object) -> None:
    live_judge.is_refusal(WRONG, ApplicationError("no", RIGHT_DETAIL, type="InvalidRequest"))
    with pytest.raises(Wrong):
        live_judge.is_refusal(WRONG, ended)


@pytest.mark.parametrize(
    "ended",
    [
        ApplicationError("no", RIGHT_DETAIL, type="SomethingElse"),
        RPCError("lost", RPCStatusCode.INTERNAL, b""),
        TimeoutError(),
    ],
)
def test_an_ending_that_the_contract_has_not_is_wrong(ended: object) -> None:
    live_judge.is_ending({"state": "captured"})
    live_judge.is_ending(ApplicationError("no", RIGHT_DETAIL, type="Closed"))
    with pytest.raises(Wrong):
        live_judge.is_ending(ended)


def _hold(minor: int, operations: int, refused: int) -> Hold:
    amounts = dict.fromkeys(
        ("captured", "released", "expired", "in_doubt"), Money(amount_minor=0, currency="USD")
    )
    held = Money(amount_minor=minor, currency="USD")
    at = "2026-03-01T15:00:00Z"
    operation = Operation.model_validate(
        {"operation_id": "adjust/2", "kind": "adjust", "command_id": "a", "amount": held,
         "state": "done", "requested_at": at}
    )  # fmt: skip
    kept = Refusal.model_validate({"name": "capture", "at": at, "why": "no"})
    return Hold.model_validate(
        {"reservation_id": "R", "gateway": "payroc", "state": "authorized", "authorized": held,
         "remaining": held, "created_at": at, "on_deadline": "release", **amounts,
         "operations": (operation,) * operations, "refused": (kept,) * min(refused, 50),
         "refused_total": refused}
    )  # fmt: skip


def test_what_is_dropped_in_silence_or_done_by_mistake_is_wrong() -> None:
    before = _hold(100_00, 1, 0)
    live_judge.is_unchanged(before, _hold(101_00, 2, 3), SIGNALS)

    for after in ((101_00, 2, 2), (101_00, 2, 4), (101_00, 3, 3), (150_00, 2, 3)):
        with pytest.raises(Wrong):
            live_judge.is_unchanged(before, _hold(*after), SIGNALS)


def test_amounts_that_do_not_add_up_are_wrong() -> None:
    hold = _hold(100_00, 1, 0)
    live_judge.adds_up(hold)
    with pytest.raises(Wrong):
        live_judge.adds_up(
            hold.model_copy(update={"captured": Money(amount_minor=1, currency="USD")})
        )


def _history(change: Callable[[HistoryEvent], None]) -> WorkflowHistory:
    event = HistoryEvent(event_id=1)
    change(event)
    return WorkflowHistory("reservation-R", [event])


def test_a_failed_task_and_a_card_number_in_a_history_are_wrong() -> None:
    def failed(event: HistoryEvent) -> None:
        event.event_type = EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
        cause = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE
        event.workflow_task_failed_event_attributes.cause = cause

    def refused(event: HistoryEvent) -> None:
        event.event_type = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
        inputs = event.activity_task_scheduled_event_attributes.input
        inputs.payloads.append(Payload(data=CARD.encode()))

    def signalled(event: HistoryEvent) -> None:
        event.event_type = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
        inputs = event.workflow_execution_signaled_event_attributes.input
        inputs.payloads.append(Payload(data=CARD.encode()))

    live_judge.is_well(_history(signalled), SIGNALS)
    for change in (failed, refused):
        with pytest.raises(Wrong):
            live_judge.is_well(_history(change), SIGNALS)

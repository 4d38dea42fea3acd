"""What a worker logs: nothing secret, one line for each record, in both formats.

Records go through a configured root logger into a string.
"""

from __future__ import annotations

import io
import json
import logging
from typing import Literal

import pytest

from worker.logs import HIDDEN, Redaction, configure

pytestmark = pytest.mark.usefixtures("own_logs")

SECRET = "sk-live-51H8"
CARDS = ("4111111111111111", "4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005")
Form = Literal["plain", "json"]
FORMS: tuple[Form, ...] = ("plain", "json")


def logged(form: Form, message: str, *arguments: object, **extra: object) -> str:
    stream = io.StringIO()
    configure({SECRET, ""}, form=form, stream=stream)
    logging.getLogger("cardhold.test").warning(message, *arguments, extra=extra)
    return stream.getvalue()


@pytest.mark.parametrize("form", FORMS)
def test_a_registered_secret_is_hidden(form: Form) -> None:
    line = logged(form, "Bearer %s refused", SECRET)
    assert SECRET not in line
    assert f"Bearer {HIDDEN} refused" in line


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("card", CARDS)
def test_a_card_number_is_hidden(form: Form, card: str) -> None:
    line = logged(form, "guest wrote %s on the form", card)
    assert card not in line
    assert f"guest wrote {HIDDEN} on the form" in line


@pytest.mark.parametrize("form", FORMS)
def test_a_run_is_found_by_its_id_whatever_digits_were_drawn(form: Form) -> None:
    run_id = "01a2033c-4111-4111-8111-0005abcdabcd"
    assert run_id in logged(form, "failing workflow task of run %s", run_id)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("number", ["2967530000000000001", "1234567890123", "17612345678901"])
def test_what_no_scheme_issues_stays(form: Form, number: str) -> None:
    assert number in logged(form, "token %s", number)


@pytest.mark.parametrize("form", FORMS)
def test_an_exceptions_text_is_redacted_too(form: Form) -> None:
    stream = io.StringIO()
    configure({SECRET}, form=form, stream=stream)
    try:
        int(f"key {SECRET}, card {CARDS[0]}")
    except ValueError:
        logging.getLogger("cardhold.test").exception("failed")
    assert SECRET not in stream.getvalue()
    assert CARDS[0] not in stream.getvalue()
    assert "ValueError" in stream.getvalue()


def test_a_json_line_is_one_object_whatever_the_message() -> None:
    line = logged("json", 'a "quoted"\nmessage with %s', "ünïcode")
    assert line.count("\n") == 1
    assert json.loads(line)["message"] == 'a "quoted"\nmessage with ünïcode'


def test_a_json_line_names_the_reservation_and_nothing_else_of_the_context() -> None:
    context = {"workflow_id": "reservation-RES-1", "attempt": 2, "task_token": "opaque"}
    line = json.loads(logged("json", "attention", temporal_activity=context))
    assert (line["workflow_id"], line["attempt"]) == ("reservation-RES-1", "2")
    assert "task_token" not in line


def test_times_are_utc() -> None:
    line = json.loads(logged("json", "now"))
    assert line["at"].endswith("Z")
    assert logged("plain", "now").split()[0].endswith("Z")


@pytest.mark.parametrize(
    "library", ["httpx", "httpcore", "temporalio.worker._activity", "temporalio.worker._workflow"]
)
def test_libraries_that_log_requests_or_payloads_are_silenced(library: str) -> None:
    configure(level="DEBUG", stream=io.StringIO())
    talks = logging.getLogger(library)
    assert not talks.isEnabledFor(logging.INFO)
    assert talks.isEnabledFor(logging.WARNING)


def test_of_two_secrets_that_begin_alike_the_longer_is_hidden_whole() -> None:
    assert Redaction(["secret-a", "secret-a-and-b"])("secret-a-and-b") == HIDDEN


def test_a_key_is_hidden_without_its_prefix_too() -> None:
    hide = Redaction(["sk_live_51H8canary"])
    assert hide("Bearer 51H8canary, from sk_live_51H8canary") == f"Bearer {HIDDEN}, from {HIDDEN}"


def test_a_word_too_short_for_a_secret_stains_no_line() -> None:
    assert Redaction(["a"])("a plain line") == "a plain line"

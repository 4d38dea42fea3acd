"""The entry ``messages``: what reads a start, an update or a signal, without a server.

Whatever the payloads are, they become a message or one sentence. What became a message says the
same when it is written down and read again, keeps the published schema and holds no card number.
"""

from __future__ import annotations

import contextlib
import json
import unicodedata
from collections.abc import Generator, Iterator
from pathlib import Path
from time import process_time
from typing import Any, cast

import jsonschema
from temporalio.api.failure.v1 import Failure

from activities.converter import data_converter
from cardhold.messages import Message
from cardhold.money import AMOUNT_MINOR_MAX
from cardhold.reading import InvalidMessage, read, read_json
from proof.fuzz.hunt import Entry, Ground, Tally, Wrong
from proof.fuzz.payloads import Sent, sent
from proof.fuzz.samples import MODELS
from proof.fuzz.words import CANARY, Pool, digits_of, numbers_in, pools
from workflows.intake import failure, holds_a_card_number, problem_of, read_message, shown_name

_SCHEMAS = Path(__file__).parents[2] / "schemas"
# Two seconds of a workflow task are a deadlock to the SDK, and a message is read up to three times.
_READ_S_MAX = 0.6
# A field's path and a rule; the longest rule names twenty words, the longest name has forty
# characters on each of four levels.
_SENTENCE_MAX = 500
_NAME_MAX = 64
_NOT_TEXT = frozenset({"Cc", "Cs", "Zl", "Zp"})

# How many messages are made of the words of one example.
_BATCH = 8


@contextlib.contextmanager
def prepared() -> Generator[Ground]:
    """Nothing has to run for it."""
    yield Ground(pools(), judge)


def judge(pool: Pool, tally: Tally) -> None:
    """Read messages as every kind that there is, and hold the results to promises.

    Raises:
        Wrong: One of them does not hold.
    """
    for name in pool.words:
        is_right_name(name)
    for _ in range(_BATCH):
        payloads = sent(pool.random.choice(MODELS), pool)
        holds_a_card_number(payloads.raw())
        for model in MODELS:
            try:
                _read(model, payloads, tally)
            except Exception as error:
                error.add_note(f"{model.__name__} from {payloads!r}")
                raise


def _read(model: type[Message], payloads: Sent, tally: Tally) -> None:
    tally.cases += 1
    began = process_time()
    try:
        message = read_message(model, payloads.raw())
    except InvalidMessage as refused:
        tally.refused += 1
        is_right_refusal(refused, payloads)
    else:
        tally.accepted += 1
        is_right_message(model, message)
    took_s = process_time() - began
    if took_s > _READ_S_MAX:
        tally.wedged += 1
        raise Wrong(f"reading it as {model.__name__} takes {took_s:.1f} s")


def is_right_refusal(refused: InvalidMessage, payloads: Sent) -> None:
    """One sentence, printable, that repeats no value and no card number, and can be sent.

    Raises:
        Wrong: It is not.
    """
    told = str(refused)
    if not told or len(told) > _SENTENCE_MAX or not told.isprintable():
        raise Wrong(f"this is no sentence: {told[:200]!r}")
    cards = numbers_in(payloads.content.decode("utf-8", "replace"))
    if cards and any(card in digits_of(told) for card in cards):
        raise Wrong("a card number is repeated in what is wrong")
    if refused.rule.count(CANARY):
        raise Wrong("a value is repeated in what is wrong")
    # As every update's caller gets it: what cannot be encoded would fail the workflow task.
    made = Failure()
    converter = data_converter.failure_converter
    converter.to_failure(failure(problem_of(refused), None), data_converter.payload_converter, made)
    if made.application_failure_info.type != "InvalidRequest":
        raise Wrong(f"a refusal is a {made.application_failure_info.type}")


def is_right_message(model: type[Message], message: Message) -> None:
    """It says the same again, keeps the schema, and its texts and amounts are what they may be.

    Raises:
        Wrong: It is not.
    """
    dumped = message.model_dump_json(exclude_none=True)
    again = read(model, read_json(dumped))
    if again != message and again.fingerprint() != message.fingerprint():
        raise Wrong(f"read again it says something else: {dumped[:500]}")
    if not again.says_the_same_as(message):
        raise Wrong("it does not say the same as itself")
    content = cast("object", json.loads(dumped))
    problem = next(_validator(model).iter_errors(content), None)
    if problem is not None:
        raise Wrong(f"the published schema refuses it: {problem.message[:300]}")
    for value in _leaves(content):
        _is_right_leaf(value)


def _is_right_leaf(value: object) -> None:
    if isinstance(value, str):
        if numbers_in(digits_of(value)) & {digits_of(value)} and not value.startswith("2967"):
            raise Wrong("a card number was taken in")
        if any(unicodedata.category(character) in _NOT_TEXT for character in value):
            raise Wrong(f"text with control characters was taken in: {value[:80]!r}")
    elif isinstance(value, float) or (isinstance(value, int) and abs(value) > AMOUNT_MINOR_MAX):
        raise Wrong(f"a number was taken in that is none of ours: {value!r}")


def is_right_name(name: str) -> None:
    """A message's name as people see it is short, printable and no card number.

    Raises:
        Wrong: It is not.
    """
    shown = shown_name(name)
    if len(shown) > _NAME_MAX or (shown and not shown.isprintable()):
        raise Wrong(f"this name cannot be shown: {shown!r}")
    if numbers_in(digits_of(name)) & {digits_of(shown)}:
        raise Wrong("a card number is shown as a name")


_validators: dict[type[Message], Any] = {}


def _validator(model: type[Message]) -> Any:
    if model not in _validators:
        schema = json.loads((_SCHEMAS / f"{model.__name__}.json").read_text(encoding="utf-8"))
        _validators[model] = jsonschema.Draft202012Validator(schema)
    return _validators[model]


def _leaves(value: object) -> Iterator[object]:
    match value:
        case dict():
            fields = cast("dict[str, object]", value)
            for name, part in fields.items():
                yield name
                yield from _leaves(part)
        case list():
            for part in cast("list[object]", value):
                yield from _leaves(part)
        case _:
            yield value


ENTRY = Entry(
    "messages", "payloads of a start, an update, a signal, read in-process", 1_000, prepared
)

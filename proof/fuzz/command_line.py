"""The entry ``command-line``: words that somebody types, or a script puts together.

No server is asked: nobody listens at the address that the commands are given. Whatever is wrong
ends in one sentence and a documented exit code, before anything is connected to; a command line
with a card number is never obeyed and never repeated.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable
from dataclasses import dataclass

import click
from click.testing import CliRunner, Result

from cardhold.messages import HoldRequest
from cli.exits import ExitCode
from cli.main import cardhold
from proof.fuzz.hunt import Entry, Ground, Tally, Wrong
from proof.fuzz.payloads import content_of
from proof.fuzz.words import Pool, chance, digits_of, numbers_in, pools
from proof.quiet import quiet

#: A gateway's token, which nothing that is printed may show.
TOKEN = "tok-qx7canary0secret"  # noqa: S105 - opens nothing
_ENVIRON = {
    "TEMPORAL_ADDRESS": "127.0.0.1:1",
    "TEMPORAL_CONFIG_FILE": "/nowhere/temporal.toml",
    "CARDHOLD_CONFIG": "/nowhere/cardhold.toml",
    "TZ": "UTC",
}
_RIGHT = {
    "reservation_id": "RES-1", "amount": "1.00 USD", "by": "+1.00 USD", "token": TOKEN,
    "operation_id": "capture/2", "customer_id": "C-1", "command_id": "dinner", "operator": "desk",
    "reason": "dinner", "settle_by": "2099-03-01 15:00", "authorize_by": "2099-03-01T15:00Z",
    "deadline_before": "2026-03-01", "deadline_after": "2026-03-01 12:00", "hold_window": "P7D",
    "safety_margin": "PT12H", "booking": "B-7", "property": "P-1", "gateway": "payroc",
    "description": "one night", "metadata": "room=12", "reference": "M1", "file": "-",
    "return_url": "https://book.example/back", "deadline_amount": "30.00 USD", "limit": "7",
    "accounts": "payroc",
}  # fmt: skip
#: What these run would run until somebody stops it: they are only ever told something wrong.
SERVING: dict[str, str] = dict.fromkeys(("dev", "simulator", "worker"), "--no-such")
_BATCH = 6
_SENTENCE_MAX = 1_000
_WORD_MAX = 200
_ENDS = frozenset({ExitCode.DONE, ExitCode.USAGE, ExitCode.UNREACHABLE})


@dataclass(frozen=True, slots=True)
class Typed:
    """A command line, and what is piped into it."""

    words: tuple[str, ...]
    stdin: bytes

    @property
    def cards(self) -> set[str]:
        """The card numbers in it, each as a word of its own, however it is spelt."""
        return {digits for word in self.words if (digits := digits_of(word)) in numbers_in(digits)}

    @property
    def says_token(self) -> bool:
        """Whether the token stands where a token belongs, and nowhere else."""
        pairs = zip(("", *self.words), self.words, strict=False)
        return all(before == "--token" for before, word in pairs if word == TOKEN)


@contextlib.contextmanager
def prepared() -> Generator[Ground]:
    """Nothing has to run for it. The SDK tells of every connection that it did not get."""
    runner = CliRunner(env=_ENVIRON)

    def judged(pool: Pool, tally: Tally) -> None:
        for _ in range(_BATCH):
            typed = typed_of(pool)
            try:
                judge(runner, typed, tally)
            except Exception as error:
                error.add_note(f"{typed.words!r}, with {typed.stdin[:500]!r} piped in")
                raise

    with quiet():
        yield Ground(pools(), judged)


def judge(runner: CliRunner, typed: Typed, tally: Tally) -> None:
    """Run a command line.

    Raises:
        Wrong: It ends as it must not, or tells what it must not.
    """
    tally.cases += 1
    done = runner.invoke(cardhold, list(typed.words), input=typed.stdin)
    is_well_ended(typed, done)
    if done.exit_code == ExitCode.USAGE:
        tally.refused += 1
    else:
        tally.accepted += 1


def is_well_ended(typed: Typed, done: Result) -> None:
    """A documented exit code, one sentence, no card number and no token.

    Raises:
        Wrong: It is not.
    """
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise Wrong(f"it ends in {done.exception!r}")
    if done.exit_code not in _ENDS:
        raise Wrong(f"it ends with {done.exit_code}: {done.stderr[:500]!r}")
    if done.exit_code == ExitCode.DONE and not _is_only_asked(typed.words):
        raise Wrong("nobody was there, and it is done")
    reports = typed.words[0] == "doctor" and done.exit_code == ExitCode.UNREACHABLE
    if done.exit_code != ExitCode.DONE and not reports:
        _is_one_sentence(done.stderr)
    if typed.cards and done.exit_code != ExitCode.USAGE:
        raise Wrong("a card number was not refused")
    if any(card in digits_of(done.output) for card in typed.cards):
        raise Wrong("a card number is repeated")
    if TOKEN in done.output and typed.says_token:
        raise Wrong("a token is repeated")


def _is_only_asked(words: Iterable[str]) -> bool:
    """Whether somebody wants to read, and nothing to be done."""
    return bool({"--help", "-h", "--version", "--print"} & set(words))


def _is_one_sentence(told: str) -> None:
    line = told.removesuffix("\n")
    if not line.startswith("cardhold: ") or len(line) > _SENTENCE_MAX or not line.isprintable():
        raise Wrong(f"this is no sentence: {told[:1_500]!r}")


# What is typed.


def typed_of(pool: Pool) -> Typed:
    """A command line: a right one, with some of its words wrong."""
    random = pool.random
    name, command = random.choice(list(cardhold.commands.items()))
    words = [word for parameter in command.params for word in _said(parameter, pool)]
    for _ in range(random.choice((0, 0, 0, 1, 2))):
        words.insert(random.randrange(len(words) + 1), _word(pool))
    if chance(random, 0.1):
        random.shuffle(words)
    if name in SERVING:
        # First, where no word before it makes something else of it; an option that there is would
        # not do, since the last of several counts.
        words = [SERVING[name], *words]
    return Typed((name, *words), content_of(HoldRequest, pool))


def _said(parameter: click.Parameter, pool: Pool) -> list[str]:
    random = pool.random
    left_out = 0.05 if parameter.required or isinstance(parameter, click.Argument) else 0.75
    if chance(random, left_out):
        return []
    value = _value(parameter, pool)
    if not isinstance(parameter, click.Option):
        # An amount may be two words.
        return value.split(" ") if chance(random, 0.5) else [value]
    option = random.choice([*parameter.opts, *parameter.secondary_opts])
    if parameter.is_flag:
        return [option]
    return [f"{option}={value}"] if chance(random, 0.5) else [option, value]


def _value(parameter: click.Parameter, pool: Pool) -> str:
    random = pool.random
    if chance(random, 0.15):
        return _word(pool)
    if isinstance(parameter.type, click.Choice):
        return str(random.choice(parameter.type.choices))
    return _RIGHT.get(parameter.name or "", "x")


def _word(pool: Pool) -> str:
    """A word as a process can be given it: without a zero, in bytes that may be no text."""
    some = [word for word in (*pool.words, *pool.numbers) if len(word) < _WORD_MAX] or ["x"]
    word = pool.random.choice((*some, *some, "--help", "--no-such", "-x", "--", "-", "--json", ""))
    return (
        word.replace("\x00", "").encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
    )


ENTRY = Entry("command-line", "words typed behind `cardhold`", 150, prepared)

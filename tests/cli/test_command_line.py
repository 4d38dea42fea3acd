"""What the command says before it sends anything: no server is asked here.

Every line that a person may get wrong ends in one sentence on stderr, a documented exit code
and no traceback; a card number is refused wherever it is typed, and never repeated.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.exits import ExitCode, told
from cli.main import cardhold

ROOT = Path(__file__).resolve().parents[2]
CARD = "4111111111111111"
COMMANDS = list(cardhold.commands)
START = ["start", "RES-1", "1.00 USD", "--gateway=payroc", "--token=t"]


def _run(*words: str, stdin: str | None = None) -> Result:
    # Nothing listens there: whatever got as far as being sent ends as 7.
    runner = CliRunner(env={"TEMPORAL_ADDRESS": "127.0.0.1:1"})
    return runner.invoke(cardhold, list(words), input=stdin)


@pytest.mark.parametrize(
    "words",
    [
        [], ["nothing"], ["capture"], ["show"], ["capture", "RES-1", "150"],
        ["capture", "RES-1", "1.00 XXX"], ["capture", "RES 1"], ["adjust", "RES-1"],
        ["adjust", "RES-1", "1.00 USD", "--by", "+1.00 USD"], ["reschedule", "RES-1"],
        ["reschedule", "RES-1", "--settle-by", "tomorrow"],
        ["resolve", "RES-1", "capture/2", "done", "--reason", "r"],
        ["resolve", "RES-1", "capture/2", "perhaps", "--reason", "r"],
        ["capture", "RES-1", "--command-id", "a b"], ["list", "--state", "held"],
        ["list", "--limit", "0"], ["list", "--booking", 'a"b'], ["start", "RES-1"],
        [*START, "--metadata", "novalue"], [*START, "--settle-by", "2020-01-01 10:00"],
        [*START, "--hold-window", "1 day"], ["start", "--file", "/nowhere/request.json"],
        ["start", "--kind", "stored_token"],
    ],
)  # fmt: skip
def test_wrong_usage_is_exit_2_and_one_sentence(words: list[str]) -> None:
    done = _run(*words)

    assert done.exit_code == ExitCode.USAGE
    assert "Traceback" not in done.output
    assert not words or len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("word", ["a\nb", "\x1b[2Ja", "a\u2028b", "\udcff"])
@pytest.mark.parametrize("words", [[], ["list"], ["release", "R"], ["list", "--limit"]])
def test_a_word_that_a_terminal_would_obey_is_not_repeated_as_it_is(
    words: list[str], word: str
) -> None:
    done = _run(*words, word)

    assert done.exit_code == ExitCode.USAGE
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.removesuffix("\n").isprintable()


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"a": 1, "a": 2}', '{"reservation_id": "R"}'])
def test_a_request_that_is_not_one_is_exit_2(text: str) -> None:
    done = _run("start", "--file", "-", stdin=text)

    assert done.exit_code == ExitCode.USAGE
    assert done.stdout == ""


@pytest.mark.parametrize(
    "words",
    [
        [CARD], ["show", CARD], ["show", "RES-1", f"--{CARD}"], ["capture", "RES-1", CARD],
        ["capture", "4111", "1111", "1111", "1111"], ["start", "--token", "4111-1111-1111-1111"],
        ["capture", "RES-1", "--reason", f"guest's card {CARD} 12/28"],
        ["list", "--state", CARD], ["list", "--limit", CARD], ["resolve", "R", "c/1", CARD],
        [*START, "--metadata", f"{CARD}=1"], [*START, "--settle-by", CARD],
        ["start", "--file", CARD], ["start", "--cvv", "123"],
    ],
)  # fmt: skip
def test_a_card_number_is_refused_before_anything_is_sent_and_never_repeated(
    words: list[str],
) -> None:
    done = _run(*words)

    assert done.exit_code == ExitCode.USAGE
    assert "holds a card number or card data" in done.stderr
    assert "1111" not in done.output


def test_a_card_number_in_a_file_is_refused_and_never_repeated() -> None:
    done = _run(*START, "--file", "-", stdin=f'{{"description": "{CARD}"}}')

    assert done.exit_code == ExitCode.USAGE
    assert CARD not in done.output


@pytest.mark.parametrize("words", [["show", "R"], ["list"], ["release", "R"], START])
def test_a_server_that_is_not_there_is_exit_7(words: list[str]) -> None:
    done = _run(*words)

    assert done.exit_code == ExitCode.UNREACHABLE
    assert done.stderr == "cardhold: Temporal cannot be reached at 127.0.0.1:1\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_fits_a_narrow_terminal(name: str) -> None:
    done = _run(name, "--help")

    assert done.exit_code == 0
    assert max(map(len, done.output.splitlines())) <= 80


def test_help_names_every_exit_code_and_cuts_no_summary() -> None:
    text = _run("--help").output

    for code in set(ExitCode) - {ExitCode.INTERRUPTED}:
        assert f"\n    {code.value}  " in text
    assert "..." not in text.partition("Commands:")[2]


def test_the_version_is_told_also_where_nothing_is_installed() -> None:
    done = _run("--version")

    assert done.exit_code == 0
    assert done.stdout.startswith("cardhold ")


def test_an_unexpected_error_says_where_and_not_what() -> None:
    with pytest.raises(KeyError) as caught:
        {}["a secret"]  # pyright: ignore[reportUnusedExpression] - it raises
    code, sentence = told(caught.value)

    assert code is ExitCode.UNEXPECTED
    assert sentence.startswith("unexpected KeyError in test_command_line.py:")
    assert "secret" not in sentence


def test_the_set_up_prints_itself_as_commands_without_a_server() -> None:
    done = _run("setup", "--print")

    assert done.exit_code == 0
    assert done.stdout.count("temporal operator search-attribute create") == 9


def _process(*words: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "cardhold", *words],
        cwd=ROOT,
        env={**os.environ, "TEMPORAL_ADDRESS": "127.0.0.1:1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_as_a_process_it_ends_with_the_same_code_and_sentence() -> None:
    with _process("show", "RES-1") as process:
        out, err = process.communicate(timeout=20)

    assert (process.returncode, out) == (ExitCode.UNREACHABLE, "")
    assert err == "cardhold: Temporal cannot be reached at 127.0.0.1:1\n"


def test_ctrl_c_is_one_sentence_and_exit_130() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, says nothing
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with _process("show", "RES-1", TEMPORAL_ADDRESS=address) as process:
            connection, _ = silent.accept()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
            connection.close()

    assert (process.returncode, out) == (ExitCode.INTERRUPTED, "")
    assert err.strip() == "cardhold: interrupted; what was sent goes on, see `cardhold show`"


def test_the_wheel_alone_says_where_the_command_is(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "cardhold", tmp_path / "cardhold")

    done = subprocess.run(
        [sys.executable, "-P", "-m", "cardhold", "show", "RES-1"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == ExitCode.USAGE
    assert "holds the contract alone" in done.stderr

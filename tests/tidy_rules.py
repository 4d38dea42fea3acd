"""The rules of `test_tidy`, each with what to do instead and with samples that prove it.

A rule is here because a review has asked for it twice and no linter has it. Rules about code read
its syntax tree, so a word in a comment breaks none of them; rules about text read every file.
"""

from __future__ import annotations

import ast
import io
import re
import textwrap
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass

PRODUCT = (
    "cardhold/", "domain/", "gateways/", "activities/", "workflows/", "worker/", "cli/",
    "simulator/",
)  # fmt: skip
DETERMINED = ("workflows/", "domain/", "activities/")
MONEY = ("cardhold/", "domain/", "gateways/", "simulator/")
FILE_LINES_MAX, FUNCTION_LINES_MAX = 450, 59

#: Line numbers, from a file's text.
Find = Callable[[str], Iterator[int]]


@dataclass(frozen=True)
class Rule:
    """What is not wanted where, and what is wanted instead.

    Attributes:
        where: The beginnings of the paths that it is for; an empty text is every file.
        but_for: The paths that it is not for.
        find: The lines that break it.
        bad, good: Small files that break it, and that keep it.
    """

    name: str
    instead: str
    find: Find
    bad: tuple[str, ...]
    good: tuple[str, ...]
    where: tuple[str, ...] = PRODUCT
    but_for: tuple[str, ...] = ()
    code_alone: bool = True

    def is_for(self, path: str) -> bool:
        """Whether the rule is for this file."""
        if self.code_alone and not path.endswith(".py"):
            return False
        return path.startswith(self.where) and not path.startswith(self.but_for or ("\0",))


def _named(node: ast.AST) -> str:
    """``datetime.now`` for an expression that reads so; empty for any other."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            return f"{_named(value)}.{attr}".lstrip(".")
        case _:
            return ""


def _names(text: str) -> Iterator[tuple[int, str]]:
    """Every dotted name that code uses or imports, with its line."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute | ast.Name):
            yield node.lineno, _named(node)
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, f"import {alias.name}") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def _using(pattern: str) -> Find:
    """Code that uses, or imports, a name which the pattern fits whole."""
    fits = re.compile(pattern).fullmatch

    def find(text: str) -> Iterator[int]:
        return (line for line, name in _names(text) if fits(name))

    return find


def _catching_httpx(text: str) -> Iterator[int]:
    tree = ast.parse(text)
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "httpx"
        for alias in node.names
    }
    for node in ast.walk(tree):
        caught: list[ast.expr] = []
        if isinstance(node, ast.ExceptHandler) and node.type is not None:
            caught = [node.type]
        elif isinstance(node, ast.Call) and _named(node.func).endswith("suppress"):
            caught = node.args
        names = {_named(part) for one in caught for part in ast.walk(one)}
        if any(name.startswith("httpx.") or name in imported for name in names):
            yield caught[0].lineno


def _bounded_attempts(text: str) -> Iterator[int]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.keyword) and node.arg == "maximum_attempts":
            yield node.value.lineno


_AMOUNT = re.compile(r"(?i)(amount|minor(?!ity)|money|price|cents|balance|_total|total_|remaining)")


def _float_near_money(text: str) -> Iterator[int]:
    for node in ast.walk(ast.parse(text)):
        for group in _together(node):
            if any(_AMOUNT.search(name) for part in group for name in _words(part)):
                yield from (part.lineno for part in group if _is_float(part))


def _together(node: ast.AST) -> Iterator[list[ast.expr | ast.arg]]:
    """What one statement, or one argument of a function, says: it is about one thing."""
    match node:
        case ast.FunctionDef(args=arguments) | ast.AsyncFunctionDef(args=arguments):
            plain = [*arguments.posonlyargs, *arguments.args]
            without = len(plain) - len(arguments.defaults)
            defaults = [*[None] * without, *arguments.defaults, *arguments.kw_defaults]
            for argument, default in zip([*plain, *arguments.kwonlyargs], defaults, strict=True):
                parts = [argument.annotation, default]
                yield [argument, *(part for one in parts if one for part in _expressions(one))]
        case ast.ClassDef():
            return
        case ast.stmt():
            yield list(_expressions(node))
        case _:
            return


def _expressions(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions in a node, those of the statements inside it left out."""
    if isinstance(node, ast.expr):
        yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.stmt):
            yield from _expressions(child)


def _words(node: ast.expr | ast.arg) -> Iterator[str]:
    match node:
        case ast.arg(arg=name):
            yield name
        case ast.Call(keywords=keywords):
            yield from (keyword.arg for keyword in keywords if keyword.arg)
        case _:
            yield _named(node)


def _is_float(node: ast.expr | ast.arg) -> bool:
    match node:
        case ast.Constant(value=float()) | ast.Name(id="float"):
            return True
        case ast.BinOp(op=ast.Div(), left=left):
            return bool(_AMOUNT.search(_named(left)))
        case _:
            return False


def _long_file(text: str) -> Iterator[int]:
    if text.count("\n") > FILE_LINES_MAX:
        yield FILE_LINES_MAX + 1


def _long_function(text: str) -> Iterator[int]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield node.lineno


_IGNORE = re.compile(r"(noqa\b|(type|pyright): ?ignore)")
_WITH_REASON = re.compile(
    r"(noqa: [A-Z]+[0-9]+(, ?[A-Z]+[0-9]+)*|(type|pyright): ?ignore\[[\w, -]+\]) - \w.{3,}"
)


def _bare_ignore(text: str) -> Iterator[int]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_comment = token.type == tokenize.COMMENT
        if is_comment and _IGNORE.search(token.string) and not _WITH_REASON.search(token.string):
            yield token.start[0]


def _no_docstring(text: str) -> Iterator[int]:
    tree = ast.parse(text)
    if not ast.get_docstring(tree):
        yield 1
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not (
            node.name.startswith("_") or ast.get_docstring(node)
        ):
            yield node.lineno


def _saying(pattern: str) -> Find:
    """Text of any kind in which the pattern is found."""
    found = re.compile(pattern)

    def find(text: str) -> Iterator[int]:
        return (number for number, line in enumerate(text.split("\n"), 1) if found.search(line))

    return find


def _joined(*samples: str) -> tuple[str, ...]:
    """Samples of rules about text, written so that they don't break them here."""
    return tuple(sample.replace("~", "") for sample in samples)


_LONG = "def long() -> None:\n" + "    call()\n" * FUNCTION_LINES_MAX

_IN_CLASS = "class A:\n" + textwrap.indent(_LONG, "    ")

RULES = (
    Rule(
        name="nothing drawn or read off a clock where it must come out the same again",
        instead="a key is derived (domain.keys); the time is workflow.now() or activity.info()'s",
        find=_using(
            r"(.*\.)?(uuid1|uuid4|utcnow)|(import )?(random|secrets)(\..*)?|time\.time(_ns)?"
            r"|(.*\.)?datetime\.(now|today)|(.*\.)?date\.today"
        ),
        where=DETERMINED,
        bad=(
            "from uuid import uuid4", "workflow.uuid4()", "import random", "random.random()",
            "import secrets", "from secrets import token_hex", "from time import time",
            "time.time()", "datetime.now(UTC)", "datetime.datetime.utcnow()", "date.today()",
        ),
        good=("workflow.now()", "from time import monotonic", "from uuid import UUID"),
    ),
    Rule(
        name="the environment is read in one file",
        instead="a field of worker.settings",
        find=_using(r"os\.(environ|environb|getenv|putenv)(\..*)?"),
        but_for=("worker/settings.py",),
        bad=("os.environ['A']", "os.getenv('A')", "from os import environ", "os.environ.get('A')"),
        good=("os.path.join('a', 'b')", "environ = {}", "settings.load(environ)"),
    ),
    Rule(
        name="httpx's errors are caught where they are classified",
        instead="gateways.wire, which says what each of them means for the money",
        find=_catching_httpx,
        but_for=("gateways/wire.py",),
        bad=(
            "try:\n    call()\nexcept httpx.HTTPError:\n    raise",
            "try:\n    call()\nexcept (ValueError, httpx.ReadTimeout):\n    raise",
            "from httpx import ReadTimeout\ntry:\n    call()\nexcept ReadTimeout:\n    raise",
            "with contextlib.suppress(httpx.TransportError):\n    call()",
        ),
        good=("try:\n    call()\nexcept ValueError:\n    raise", "import httpx\nhttpx.Client()"),
    ),
    Rule(
        name="no number of attempts ends an operation",
        instead="a time (schedule_to_close_timeout): running out of attempts would make"
        " 'unknown' look like 'failed'",
        find=_bounded_attempts,
        where=("workflows/", "activities/"),
        bad=("RetryPolicy(maximum_attempts=3)", "RetryPolicy(maximum_attempts=0)"),
        good=("RetryPolicy(backoff_coefficient=2)", "policy.maximum_attempts"),
    ),
    Rule(
        name="money is never a float",
        instead="an integer count of the minor unit, with its currency (cardhold.money)",
        find=_float_near_money,
        where=MONEY,
        bad=(
            "amount = 1.5", "float(amount_minor)", "Money(amount_minor=int(12.5 * 100))",
            "half = held.amount_minor / 2", "if total_minor > 0.5:\n    pass",
            "def fee(amount_minor: int = 0.1) -> None: ...", "class A:\n    amount: float",
            "def fee(*, amount: float) -> None: ...",
        ),
        good=(
            "timeout_s = 0.5", "half = amount_minor // 2", "def pay(amount):\n    wait(0.5)",
            "share = seconds / 2", "def pay(amount: int, wait_s: float = 0.5) -> None: ...",
        ),
    ),
    Rule(
        name=f"a file has {FILE_LINES_MAX} lines at the most",
        instead="two files",
        find=_long_file,
        bad=("\n" * (FILE_LINES_MAX + 1),),
        good=("\n" * FILE_LINES_MAX,),
    ),
    Rule(
        name=f"a function has {FUNCTION_LINES_MAX} lines at the most",
        instead="decisions in the parent, leaves that compute",
        find=_long_function,
        where=(*PRODUCT, "scripts/", "bench/", "demo/"),
        bad=(_LONG, _LONG.replace("def", "async def"), _IN_CLASS),
        good=(_LONG.removesuffix("    call()\n"),),
    ),
    Rule(
        name="an ignored check says why on its line",
        instead="the rule's own name and a reason: `# noqa: S105 - a kind of token, not one`",
        find=_bare_ignore,
        where=("",),
        bad=("x = 1  # noqa", "x = 1  # noqa: S105", "x = 1  # pyright: ignore",
             "x = 1  # pyright: ignore[reportAny]", "x = 1  # type: ignore[assignment]",
             "x = 1  # noqa: S105 -"),
        good=("x = 1  # noqa: S105, S106 - made up", 'x = "# noqa"',
              "x = 1  # pyright: ignore[reportAny] - the SDK's own type"),
    ),
    Rule(
        name="what is public says what it is for",
        instead="a docstring in Google's style; its first line says what for",
        find=_no_docstring,
        where=(*PRODUCT, "bench/", "demo/"),
        bad=("x = 1", '"""M."""\ndef f(): ...', '"""M."""\nasync def f(): ...',
             '"""M."""\nclass C: ...'),
        good=('"""M."""\ndef _f(): ...', '"""M."""\ndef f():\n    """F."""'),
    ),
    Rule(
        name="tests stand behind the wire or implement the port",
        instead="a fake that implements the port, or the simulator",
        find=_using(r"import unittest\.mock|unittest\.mock.*|(.*\.)?mock\.patch.*|mocker\..*"),
        where=("tests/",),
        bad=("from unittest.mock import patch", "import unittest.mock", "mock.patch('a')",
             "mocker.patch('a')"),
        good=("httpx.MockTransport(handler)", "monkeypatch.setenv('A', 'b')"),
    ),
    Rule(
        name="no package registry's host",
        instead="nothing: the machine's own configuration says where packages come from",
        find=_saying(r"(?i)pypi\.(org|io)|pythonhosted\.org|npmjs\.(org|com)|crates\.io"),
        where=("",),
        code_alone=False,
        bad=_joined("--index-url https://py~pi.org/simple", "https://files.python~hosted.org/a.whl"),
        good=("--require-hashes", "a wheel from the registry that pip is configured with"),
    ),
    Rule(
        name="no number of an issue",
        instead="the reason itself; of another project's, its name beside the number",
        find=_saying(r"(?<![\w&/#])#\d{1,6}\b|\bGH-\d+|(?i:(?<!temporalio )\bissues?[ /]#?\d)"),
        where=("",),
        code_alone=False,
        bad=_joined("# see #~123", "fixes GH~-12", "as in issue~ 7", "issues~/41"),
        good=("&#8211;", "temporalio issue 300", "color: #fafafa", "one issue at a time"),
    ),
    Rule(
        name="no path of somebody's machine",
        instead="a path inside the project, or tmp_path",
        find=_saying(r"(?<![\w.~])/(work|root|Users|home)/\w|[A-Z]:\\+Users|\.\./shared"),
        where=("",),
        code_alone=False,
        bad=_joined("/ro~ot/cardhold", "cd /wo~rk/x", "/ho~me/me/x", "C:~\\Users", "../sha~red/A"),
        good=("~/work/x", "tests/work/x", "https://example.com/root/x", "/app/.venv"),
    ),
)  # fmt: skip

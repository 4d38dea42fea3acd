"""The entry ``configuration``: files, secrets and variables that a worker is set up with.

Whatever stands there, it is read, or refused in one sentence that repeats no secret.
"""

from __future__ import annotations

import contextlib
import tempfile
import tomllib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from proof.fuzz.hunt import Entry, Ground, Tally, Wrong
from proof.fuzz.trees import Deep, Fields, Literal, Node, Spoiler, tree
from proof.fuzz.words import Pool, chance, pools
from worker import settings
from worker.cannot_start import WRONG_SETTINGS, CannotStart
from worker.settings import CONFIG, Settings
from worker.times import check_times

_ROOT = Path(__file__).parents[2]
_EXAMPLES = ("cardhold.example.toml", "cardhold.simulated.toml")
#: What no sentence may repeat.
SECRET = "sk-live-51H8qx7"  # noqa: S105 - opens nothing
_SECRET_PLACES = frozenset({"api_key", "auth_token", "client_id"})
_BATCH = 10
_SENTENCE_MAX = 900
_WORD_MAX = 200
# A parser gives up at some thousand, which takes it seconds.
_LEVELS_MAX = 300
_CHANGES = (0, 1, 1, 2, 3, 5)
_SOURCES: tuple[Node, ...] = (
    Fields([("env", "KEY")]), Fields([("env", "NO")]), Fields([("env", "TORN")]), SECRET,
    Fields([("file", "/nowhere/key")]), Fields([("env", SECRET)]), Fields([]), [SECRET],
    Fields([("env", "KEY"), ("file", "/x")]), Fields([("value", SECRET)]), Fields([("env", 1)]),
)  # fmt: skip
_PROFILE: Mapping[str, object] = {
    "profile": {"default": {"address": "127.0.0.1:1", "namespace": "holds", "api_key": SECRET}}
}
_VARIABLES = (
    "TEMPORAL_NAMESPACE", "TEMPORAL_TLS", "TEMPORAL_TLS_CLIENT_CERT_PATH",
    "TEMPORAL_TLS_CLIENT_CERT_DATA", "TEMPORAL_TLS_CLIENT_KEY_DATA", "TEMPORAL_TLS_SERVER_NAME",
    "TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE", "TEMPORAL_GRPC_META_X", "TEMPORAL_CODEC_ENDPOINT",
    "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION", "TEMPORAL_ADDRESS",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Files:
    """A folder to put configurations into."""

    folder: Path

    def put(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        return str(path)


@contextlib.contextmanager
def prepared() -> Generator[Ground]:
    """The right configurations, and a folder for wrong ones."""
    right = [tomllib.loads((_ROOT / name).read_text(encoding="utf-8")) for name in _EXAMPLES]
    with tempfile.TemporaryDirectory(prefix="cardhold-fuzz-") as folder:
        files = _Files(Path(folder))

        def judged(pool: Pool, tally: Tally) -> None:
            for _ in range(_BATCH):
                judge(right, files, pool, tally)

        yield Ground(pools(), judged)


def judge(right: Sequence[Mapping[str, object]], files: _Files, pool: Pool, tally: Tally) -> None:
    """Read one configuration, and one set of Temporal's variables.

    Raises:
        Wrong: What is wrong with it is not told in one sentence, or tells too much.
    """
    content = content_of(right, pool)
    environ = {"KEY": SECRET, "TORN": f"{SECRET}\x00x", CONFIG: files.put("cardhold.toml", content)}
    for name in ("PAYROC_API_KEY", "SIBS_AUTH_TOKEN", "SIBS_CLIENT_ID", "STAX_API_KEY",
                 "XMONEY_API_KEY", "SIMULATED_API_KEY"):  # fmt: skip
        environ[name] = SECRET
    profile = toml(Spoiler(pool.random, pool.words, pool.numbers).spoilt(tree(_PROFILE), 2))
    torn = _torn(profile.encode("utf-8", "surrogatepass"), pool.random)
    variables = {"TEMPORAL_CONFIG_FILE": files.put("temporal.toml", torn), **variables_of(pool)}
    try:
        _load(environ, tally)
        _connect(variables, tally)
    except Exception as error:
        error.add_note(f"the file: {content[:3_000]!r}\nthe variables: {variables!r}")
        raise


def _load(environ: Mapping[str, str], tally: Tally) -> None:
    tally.cases += 1
    try:
        told = settings.load(environ)
        check_times(told)
    except CannotStart as refused:
        tally.refused += 1
        is_one_sentence(refused)
    else:
        tally.accepted += 1
        _is_usable(told)


def _connect(variables: Mapping[str, str], tally: Tally) -> None:
    tally.cases += 1
    try:
        settings.temporal_connection(variables)
    except CannotStart as refused:
        tally.refused += 1
        is_one_sentence(refused)
    else:
        tally.accepted += 1


def is_one_sentence(refused: CannotStart) -> None:
    """It is short, in one printable line, ends with a stop, and repeats no secret.

    Raises:
        Wrong: It is not.
    """
    told = str(refused)
    if not told.isprintable() or len(told) > _SENTENCE_MAX or not told.endswith("."):
        raise Wrong(f"this is no sentence: {told[:1_000]!r}")
    if SECRET in told:
        raise Wrong(f"a secret is repeated: {told!r}")
    if refused.exit_code != WRONG_SETTINGS:
        raise Wrong(f"wrong settings end with {refused.exit_code}")


def _is_usable(told: Settings) -> None:
    if not told.accounts:
        raise Wrong("a configuration without an account was taken")
    if SECRET in repr(told):
        raise Wrong("a configuration shows its secrets")
    for name, account in told.accounts.items():
        if not account.model_fields_set or not name.isprintable():
            raise Wrong(f"an account was taken that nobody can name: {name!r}")


# What is put into a file.


def content_of(right: Sequence[Mapping[str, object]], pool: Pool) -> bytes:
    """A configuration: a right one, with some of it spoilt, as TOML or nearly."""
    random = pool.random
    node = tree(random.choice(right))
    spoiler = Spoiler(random, pool.words, pool.numbers, (tree(random.choice(right)),))
    node = spoiler.spoilt(node, random.choice(_CHANGES))
    if chance(random, 0.3):
        node = _with_other_secrets(node, random)
    content = toml(node).encode("utf-8", "surrogatepass")
    return _torn(content, random) if chance(random, 0.15) else content


def _with_other_secrets(node: Node, random: Random) -> Node:
    """Secrets in the places of secrets, and where one was put by mistake.

    Not as a gateway's or an account's name, which are shown to whoever has misspelt them.
    """
    if not isinstance(node, Fields):
        return node
    return Fields([(name, _with_one(name, part, random)) for name, part in node.pairs])


def _with_one(name: str, part: Node, random: Random) -> Node:
    if name in _SECRET_PLACES:
        return random.choice(_SOURCES)
    by_mistake = name != "gateway" and not isinstance(part, Fields) and chance(random, 0.1)
    return SECRET if by_mistake else _with_other_secrets(part, random)


def _torn(content: bytes, random: Random) -> bytes:
    at = random.randrange(len(content) + 1)
    ways = (content[:at], content[at:], content[:at] + b"\xff" + content[at:],
            b"\xef\xbb\xbf" + content,
            content[:at] + b'"' + content[at:], content.decode("utf-8", "replace").encode("utf-16"),
            content + content, b"")  # fmt: skip
    return random.choice(ways)


def toml(node: Node) -> str:
    """A tree as TOML: tables where TOML has them, and everything else as it would stand there."""
    if not isinstance(node, Fields):
        return _value(node)
    lines: list[str] = []
    _write(node, (), lines)
    return "\n".join(lines) + "\n"


def _write(table: Fields, path: tuple[str, ...], lines: list[str]) -> None:
    inline = [(name, part) for name, part in table.pairs if not _is_table(part, path)]
    lines += [f"{_key(name)} = {_value(part)}" for name, part in inline]
    for name, part in table.pairs:
        if isinstance(part, Fields) and _is_table(part, path):
            inner = (*path, name)
            lines.append(f"[{'.'.join(map(_key, inner))}]")
            _write(part, inner, lines)


def _is_table(part: Node, path: tuple[str, ...]) -> bool:
    return isinstance(part, Fields) and len(path) < 2


def _key(name: str) -> str:
    plain = name.isascii() and name.replace("_", "a").replace("-", "a").isalnum()
    return name if plain else _text(name)


def _value(node: Node) -> str:
    match node:
        case Literal(text=text):
            return text
        case Deep() | Fields() | list():
            return _nested(node)
        case bool():
            return str(node).lower()
        case None | str():
            return _text(node or "")
        case int():
            return str(node)


def _nested(node: Deep | Fields | list[Node]) -> str:
    match node:
        case Deep():
            levels = min(node.levels, _LEVELS_MAX)
            return f"{'[' * levels}{']' * levels}"
        case Fields():
            pairs = (f"{_key(name)} = {_value(part)}" for name, part in node.pairs)
            return f"{{ {', '.join(pairs)} }}"
        case list():
            return f"[{', '.join(map(_value, node))}]"


_NAMED = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def _text(text: str) -> str:
    return f'"{"".join(map(_character, text))}"'


def _character(character: str) -> str:
    plain = character if character.isprintable() else f"\\u{ord(character) & 0xFFFF:04x}"
    return _NAMED.get(character, plain)


def variables_of(pool: Pool) -> dict[str, str]:
    """Temporal's variables, with nothing in them that names a host of somebody's."""
    random = pool.random
    names = random.sample(_VARIABLES, random.randrange(4))
    values = [word for word in (*pool.words, "true", "1", "/nowhere/x.pem") if _can_be_set(word)]
    said = {name: random.choice(values) for name in names if values}
    return {**said, "TEMPORAL_API_KEY": SECRET}


def _can_be_set(word: str) -> bool:
    """Whether a process can be given it at all, and a sentence that repeats it is still one."""
    return "\x00" not in word and len(word) < _WORD_MAX and word.isprintable()


ENTRY = Entry("configuration", "a worker's file, its secrets, Temporal's variables", 400, prepared)

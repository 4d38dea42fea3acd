"""What a worker is told from outside; the only file that reads the environment.

The gateways' accounts stand in a TOML file whose path is in ``CARDHOLD_CONFIG``::

    [accounts.payroc]
    gateway = "payroc"
    api_key = { env = "PAYROC_API_KEY" }     # or { file = "/run/secrets/payroc_api_key" }

    [worker]
    log_format = "json"

A secret is named by an environment variable or a file and never written into that file, which
people keep in git. Temporal's address, namespace, TLS and API key come from Temporal's own
environment configuration, as its command line reads it.
"""

from __future__ import annotations

import os
import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from temporalio.envconfig import ClientConfig, ClientConnectConfig

from cardhold.fields import RESERVATION_ID, Span
from cardhold.reading import InvalidMessage, read
from gateways.accounts import KINDS, AccountSettings, InvalidAccount, read_account
from worker.cannot_start import CannotStart

CONFIG = "CARDHOLD_CONFIG"
TEMPORAL_BIN = "CARDHOLD_TEMPORAL_BIN"
# Where Temporal's own tools look when they are told nothing.
TEMPORAL_ADDRESS = "127.0.0.1:7233"

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
# An API key has tens of characters; a file of more is not one (a device, a wrong mount).
_SECRET_BYTES_MAX = 16_384
# What every built-in account says.
_SIMULATED = {
    "environment": "simulated",
    "processing_time": "PT5S",
    "allowed_return_hosts": ["*"],
}
# What a child process needs to run at all. Gateway secrets stay with us.
_HARMLESS = ("PATH", "HOME", "TMPDIR", "TZ", "LANG", "LC_ALL")


class WorkerSettings(BaseModel):
    """The ``[worker]`` table; everything has a default.

    Attributes:
        look_first: Look every operation up before it is first sent: for the time after a server
            was restored from a backup, when a key may have been used in a future we don't know.
        activities_max: Gateway calls at one time; None is as many as the accounts have
            connections.
        cached_workflows: Reservations kept in memory, 105 KB each (measured); one that was
            evicted is replayed from its history when it wakes up.
        drain: How long a stopping worker waits for gateway calls that are under way.
        metrics: Where Prometheus may read, such as ``127.0.0.1:9464``; None is off.
        log_format: ``plain`` for people, ``json`` for collectors.
        log_level: The least severity that is logged.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    look_first: bool = False
    activities_max: Annotated[int, Field(ge=1, le=10_000)] | None = None
    cached_workflows: Annotated[int, Field(ge=0, le=1_000_000)] = 1_000
    drain: Span = timedelta(seconds=30)
    metrics: Annotated[str, Field(pattern=r"^[0-9A-Za-z.\[\]:-]+:\d{1,5}$")] | None = None
    log_format: Literal["plain", "json"] = "plain"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a worker needs besides Temporal.

    Attributes:
        accounts: The gateways' accounts by name.
        worker: The ``[worker]`` table.
        secrets: What no log line may show; the accounts' secrets among it.
    """

    accounts: Mapping[str, AccountSettings]
    worker: WorkerSettings = field(default_factory=WorkerSettings)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)


def is_configured(environ: Mapping[str, str] | None = None) -> bool:
    """Whether a configuration is named at all: an operator's machine needs none."""
    environ = os.environ if environ is None else environ
    return bool(environ.get(CONFIG, "").strip())


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the file that ``CARDHOLD_CONFIG`` names.

    Raises:
        CannotStart: In one sentence, what is missing or wrong.
    """
    environ = os.environ if environ is None else environ
    path = environ.get(CONFIG, "").strip()
    if not path:
        raise CannotStart(
            f"No configuration: set {CONFIG} to the path of a TOML file with the gateways' accounts"
            " (cardhold.example.toml shows one), or use the simulators with --simulators."
        )
    return parse(_text(Path(path)), environ)


def parse(text: str, environ: Mapping[str, str]) -> Settings:
    """Read the text of a configuration file.

    Raises:
        CannotStart: In one sentence, what is wrong; never with a value.
    """
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of 5000 digits is a plain ValueError
        raise CannotStart(f"The configuration is not TOML: {_place(error)}.") from None
    for name in tables.keys() - {"accounts", "worker"}:
        raise CannotStart(f"The configuration has an unknown table: {_shown(name)}.")
    secrets: set[str] = set()
    named = {
        name: _account(name, table, environ, secrets)
        for name, table in _tables(tables.get("accounts", {})).items()
    }
    if not named:
        raise CannotStart("The configuration has no account: add a table [accounts.<name>].")
    return Settings(named, _worker(tables.get("worker", {})), frozenset(secrets))


def simulated(url: str, *, worker: WorkerSettings | None = None) -> Settings:
    """The built-in accounts, one for each simulated gateway, pointed at the simulators.

    Args:
        url: Where the simulators listen, without a slash at the end.
        worker: Other worker settings than the defaults.
    """
    named = {
        name: read_account(name, {"gateway": name, **_SIMULATED, **kind.simulated(url)})
        for name, kind in KINDS.items()
    }
    return Settings(named, worker or WorkerSettings())


def temporal_connection(environ: Mapping[str, str] | None = None) -> ClientConnectConfig:
    """How to reach Temporal, as the ``temporal`` command line would.

    Raises:
        CannotStart: The profile, a file or a value of that configuration is wrong.
    """
    try:
        connection = ClientConfig.load_client_connect_config(override_env_vars=environ)
    except (RuntimeError, OSError, ValueError) as error:
        wrong = _first_line(str(error))
        raise CannotStart(f"Temporal's environment configuration is wrong: {wrong}.") from None
    return {**ClientConnectConfig(target_host=TEMPORAL_ADDRESS, namespace="default"), **connection}


def temporal_bin(environ: Mapping[str, str] | None = None) -> str | None:
    """The Temporal command line that ``CARDHOLD_TEMPORAL_BIN`` names, if it does."""
    environ = os.environ if environ is None else environ
    return environ.get(TEMPORAL_BIN, "").strip() or None


def child_environment() -> dict[str, str]:
    """The environment for a child process: enough to run, and none of our secrets."""
    return {name: os.environ[name] for name in _HARMLESS if name in os.environ}


def _account(
    name: str, table: Mapping[str, object], environ: Mapping[str, str], secrets: set[str]
) -> AccountSettings:
    if not re.fullmatch(RESERVATION_ID, name):
        raise CannotStart(f"An account's name must match {RESERVATION_ID}, unlike {_shown(name)}.")
    where = f"The account {name}"
    secret_fields = _secret_fields(where, table)
    resolved: dict[str, object] = {}
    for key, value in table.items():
        if key in secret_fields:
            secret = _secret(f"{where}: {key}", value, environ)
            secrets.add(secret)
            resolved[key] = SecretStr(secret)
        else:
            resolved[key] = value
    try:
        return read_account(name, resolved)
    except InvalidAccount as error:
        raise CannotStart(f"The configuration of {error}.") from None


def _secret_fields(where: str, table: Mapping[str, object]) -> frozenset[str]:
    kind = table.get("gateway")
    known = ", ".join(sorted(KINDS))
    if not isinstance(kind, str):
        raise CannotStart(f"{where}: gateway must be given, one of: {known}.")
    if kind not in KINDS:
        raise CannotStart(f"{where}: gateway must be one of: {known}; {_shown(kind)} is not known.")
    fields = KINDS[kind].settings.model_fields.items()
    return frozenset(name for name, described in fields if described.annotation is SecretStr)


def _secret(where: str, value: object, environ: Mapping[str, str]) -> str:
    match value:
        case {"env": str(name)} if len(cast("dict[str, object]", value)) == 1:
            secret = _from_environment(where, name, environ)
        case {"file": str(path)} if len(cast("dict[str, object]", value)) == 1:
            secret = _from_file(where, Path(path))
        case _:
            raise CannotStart(
                f'{where} is a secret and must be given as {{ env = "NAME" }} or '
                '{ file = "/path" }, never inline.'
            )
    # A newline at the end of a mounted file, a blank from copying: never part of a key.
    secret = secret.strip()
    if not secret:
        raise CannotStart(f"{where} is empty.")
    if any(unicodedata.category(character).startswith("C") for character in secret):
        raise CannotStart(f"{where} must be free of control characters.")
    return secret


def _from_environment(where: str, name: str, environ: Mapping[str, str]) -> str:
    if not _VARIABLE.fullmatch(name):
        raise CannotStart(f"{where}: env must be the name of an environment variable.")
    if name not in environ:
        raise CannotStart(f"{where}: the environment variable {name} is not set.")
    return environ[name]


def _from_file(where: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_SECRET_BYTES_MAX).decode()
    except OSError as error:
        raise CannotStart(f"{where}: {path} cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise CannotStart(f"{where}: {path} is not text in UTF-8.") from None


def _worker(table: object) -> WorkerSettings:
    try:
        return read(WorkerSettings, table)
    except InvalidMessage as error:
        raise CannotStart(f"The table [worker]: {error}.") from None


def _tables(value: object) -> dict[str, dict[str, object]]:
    if not isinstance(value, dict) or not all(
        isinstance(table, dict) for table in cast("dict[str, object]", value).values()
    ):
        raise CannotStart("Accounts must be tables [accounts.<name>].")
    return cast("dict[str, dict[str, object]]", value)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CannotStart(
            f"The configuration {path} cannot be read ({error.strerror}): see {CONFIG}."
        ) from None
    except UnicodeDecodeError:
        raise CannotStart(f"The configuration {path} is not text in UTF-8.") from None


def _place(error: Exception) -> str:
    """Where the parser stumbled; its own words may quote what stands there."""
    found = re.search(r"at (line \d+, column \d+|end of document)", str(error))
    return found.group(1) if found else "it cannot be parsed"


def _first_line(told: str) -> str:
    """Where the SDK stumbled; the lines behind it quote the file, and an API key with it."""
    first = told.partition("\n")[0]
    return "".join(character for character in first if character.isprintable()).rstrip(".")


def _shown(name: str) -> str:
    """A name in a sentence, cut and without what a terminal would obey."""
    return repr("".join(character for character in name[:40] if character.isprintable()))

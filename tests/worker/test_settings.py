"""A worker's settings: each thing that can be wrong is one sentence, without a secret in it.

Every bad configuration of a table is read as a worker would read it.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateways.account import AccountSettings
from gateways.accounts import KINDS
from gateways.adapters.payroc import PayrocAccount
from worker.cannot_start import CannotStart
from worker.settings import (
    TEMPORAL_ADDRESS,
    Settings,
    child_environment,
    load,
    parse,
    simulated,
    temporal_connection,
)
from worker.times import check_times

ROOT = Path(__file__).parents[2]
SECRET = "sk-live-51H8"
ENVIRON = {"KEY": f" {SECRET}\n", "EMPTY": " \n", "TORN": "sk-live\x0051H8"}
ACCOUNT = """
[accounts.payroc]
gateway = "payroc"
base_url = "https://api.example.com/v1"
identity_url = "https://identity.example.com"
processing_terminal_id = "1234001"
"""
GOOD = ACCOUNT + 'api_key = { env = "KEY" }\n'


def with_key(key: str) -> str:
    return f"{ACCOUNT}api_key = {key}\n"


BAD = {
    "not TOML": ("accounts = [", "The configuration is not TOML"),
    "a value that is not TOML": (f"key = {SECRET}", "The configuration is not TOML: line 1"),
    "a number without end": (f"key = {'9' * 5000}", "The configuration is not TOML"),
    "nesting without end": (f"key = {'[' * 50_000}", "The configuration is not TOML"),
    "a large number in hexadecimal": (
        f"{GOOD}connections = 0x{'f' * 5000}\n",
        "connections must be 512 or less",
    ),
    "nothing": ("", "The configuration has no account"),
    "an unknown table": (f"{GOOD}[wroker]\n", "unknown table: 'wroker'"),
    "accounts that are no tables": ("accounts = 1", "Accounts must be tables"),
    "an account that is no table": ("accounts.payroc = 1", "Accounts must be tables"),
    "a name that no reservation can say": (
        GOOD.replace("accounts.payroc", 'accounts."pay roc"'),
        "An account's name must match",
    ),
    "no gateway": (
        GOOD.replace('gateway = "payroc"', ""),
        "The account payroc: gateway must be given, one of: ",
    ),
    "an unknown gateway": (
        GOOD.replace('gateway = "payroc"', 'gateway = "payrok"'),
        "'payrok' is not known",
    ),
    "an inline secret": (with_key(f'"{SECRET}"'), "api_key is a secret and must be given as"),
    "two sources": (with_key('{ env = "KEY", file = "/x" }'), "api_key is a secret and must"),
    "an unset variable": (with_key('{ env = "NO" }'), "the environment variable NO is not set"),
    "an empty variable": (with_key('{ env = "EMPTY" }'), "api_key is empty"),
    "a variable with a NUL": (with_key('{ env = "TORN" }'), "free of control characters"),
    "a secret as its own name": (
        with_key(f'{{ env = "{SECRET}" }}'),
        "env must be the name of an environment variable",
    ),
    "a file that is not there": (
        with_key('{ file = "/nowhere/key" }'),
        "/nowhere/key cannot be read (No such file or directory)",
    ),
    "no secret": (ACCOUNT, "account 'payroc': api_key must be given"),
    "a URL in clear": (GOOD.replace("https://api", "http://api"), "base_url must begin with https"),
    "no URL": (GOOD.replace("https://api.example.com/v1", "api"), "base_url must be a URL"),
    "an unknown field": (f'{GOOD}color = "red"\n', "color is not a field"),
    "a number for a duration": (f"{GOOD}hold_window = 7\n", "hold_window must be a duration"),
    "an unknown log format": (f'{GOOD}[worker]\nlog_format = "xml"\n', "[worker]: log_format"),
    "text for a number": (f'{GOOD}[worker]\ncached_workflows = "9"\n', "cached_workflows must"),
    "no activities at all": (f"{GOOD}[worker]\nactivities_max = 0\n", "must be 1 or more"),
    "a worker that is no table": (f"worker = 1\n{GOOD}", "The table [worker]"),
}


@pytest.mark.parametrize("wrong", BAD)
def test_what_is_wrong_is_said_in_one_sentence(wrong: str) -> None:
    text, sentence = BAD[wrong]
    with pytest.raises(CannotStart) as refused:
        parse(text, ENVIRON)
    told = str(refused.value)
    assert sentence in told
    assert told.endswith(".")
    assert "\n" not in told
    assert SECRET not in told
    assert refused.value.exit_code == 2


def test_a_secret_is_read_from_the_environment_and_stripped() -> None:
    account = parse(GOOD, ENVIRON).accounts["payroc"]
    assert isinstance(account, PayrocAccount)
    assert account.api_key.get_secret_value() == SECRET


def test_a_secret_is_read_from_a_file_and_stripped(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{SECRET}\n")
    account = parse(with_key(f'{{ file = "{file}" }}'), {}).accounts["payroc"]
    assert isinstance(account, PayrocAccount)
    assert account.api_key.get_secret_value() == SECRET


def test_a_binary_file_is_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CannotStart, match="is not text in UTF-8"):
        parse(with_key(f'{{ file = "{file}" }}'), {})


def test_secrets_are_registered_for_the_logs_and_never_printed() -> None:
    told = parse(GOOD, ENVIRON)
    assert told.secrets == {SECRET}
    assert SECRET not in repr(told)


def test_without_a_configuration_the_variable_is_named() -> None:
    with pytest.raises(CannotStart, match="No configuration: set CARDHOLD_CONFIG"):
        load({})


def test_a_configuration_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"absent\.toml cannot be read \(No such file"):
        load({"CARDHOLD_CONFIG": str(tmp_path / "absent.toml")})


def test_a_configuration_in_another_encoding_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "cardhold.toml"
    file.write_bytes("# 100 €\n".encode("cp1252"))
    with pytest.raises(CannotStart, match="is not text in UTF-8"):
        load({"CARDHOLD_CONFIG": str(file)})


def shipped(name: str) -> tuple[str, dict[str, str]]:
    """One of our own files, and an environment with every secret that it names."""
    text = (ROOT / name).read_text()
    return text, dict.fromkeys(re.findall(r'\{ env = "(\w+)" \}', text), SECRET)


@pytest.mark.parametrize("name", ["cardhold.example.toml", "cardhold.simulated.toml"])
def test_the_configurations_that_we_ship_are_accepted_and_show_every_gateway(name: str) -> None:
    _, environ = shipped(name)
    told = load({"CARDHOLD_CONFIG": str(ROOT / name), **environ})
    check_times(told)
    assert list(told.accounts) == list(KINDS)
    assert told.worker.log_format == "json"


def test_the_shipped_simulated_accounts_are_the_built_in_ones() -> None:
    text, _ = shipped("cardhold.simulated.toml")
    told = parse(text, {"SIMULATED_API_KEY": "any-key-opens-the-simulator"})
    assert told.accounts == simulated("http://127.0.0.1:8700").accounts


def test_every_default_that_the_example_shows_is_the_real_one() -> None:
    shown, environ = shipped("cardhold.example.toml")
    # `allowed_return_hosts` and the like have no default to show, and say "such as".
    samples = (
        "api_key", "metrics", "activities_max", "merchant_category", "allowed_return_hosts",
        "fallback_ip",
    )  # fmt: skip
    lines = [
        line.removeprefix("# ") if "=" in line and not line[2:].startswith(samples) else line
        for line in shown.splitlines()
    ]
    assert parse("\n".join(lines), environ) == parse(shown, environ)


@pytest.mark.parametrize("name", KINDS)
def test_the_example_shows_every_setting_of_a_gateways_own_and_once_those_of_all(name: str) -> None:
    shown, _ = shipped("cardhold.example.toml")
    tables = shown.replace("\n# ", "\n").split('gateway = "')
    [table] = [each for each in tables if each.startswith(f'{name}"\n')]
    common = AccountSettings.model_fields.keys() - {"gateway"}
    own = KINDS[name].settings.model_fields.keys() - common - {"gateway"}
    assert own <= set(re.findall(r"^(\w+) = ", table, re.MULTILINE))
    assert common <= set(re.findall(r"^# (\w+) = ", shown, re.MULTILINE))


def test_the_simulated_accounts_point_at_the_simulators_and_nowhere_else() -> None:
    told = simulated("http://127.0.0.1:8700")
    check_times(told)
    account = told.accounts["payroc"]
    assert isinstance(account, PayrocAccount)
    assert account.environment == "simulated"
    assert account.processing_time == timedelta(seconds=5)
    assert account.base_url.startswith("http://127.0.0.1:8700/payroc/")
    assert isinstance(account.api_key, SecretStr)


TIMES = {
    'call_time_out = "PT24S"': "call_time_out is PT24S and must be at most PT23S.",
    'answer_within = "PT20S"': "answer_within is PT20S and must be at least PT30S.",
    '[worker]\ndrain = "PT20S"': "drain is PT20S and must be at least PT25S.",
}


@pytest.mark.parametrize("line", TIMES)
def test_times_out_of_order_are_refused(line: str) -> None:
    with pytest.raises(CannotStart) as refused:
        check_times(parse(f"{GOOD}{line}\n", ENVIRON))
    assert str(refused.value).endswith(TIMES[line])


def test_temporal_is_on_this_machine_unless_told_otherwise() -> None:
    assert temporal_connection({}) == {"target_host": TEMPORAL_ADDRESS, "namespace": "default"}


def test_temporal_is_configured_as_its_own_tools_are() -> None:
    environ = {"TEMPORAL_ADDRESS": "temporal.example.com:7233", "TEMPORAL_NAMESPACE": "holds"}
    assert temporal_connection(environ) == {
        "target_host": "temporal.example.com:7233",
        "namespace": "holds",
    }


@pytest.mark.parametrize(
    "environ", [{"TEMPORAL_PROFILE": "nobody"}, {"TEMPORAL_TLS_CLIENT_CERT_PATH": "/nowhere"}]
)
def test_a_wrong_temporal_configuration_is_one_sentence(environ: dict[str, str]) -> None:
    with pytest.raises(CannotStart, match="Temporal's environment configuration is wrong"):
        temporal_connection(environ)


def test_a_torn_configuration_of_temporal_is_told_by_its_place_and_not_quoted(
    tmp_path: Path,
) -> None:
    file = tmp_path / "temporal.toml"
    file.write_text(f'[profile.default]\napi_key = "{SECRET}\n')
    with pytest.raises(CannotStart) as refused:
        temporal_connection({"TEMPORAL_CONFIG_FILE": str(file)})
    told = str(refused.value)
    assert SECRET not in told
    assert "line 2" in told
    assert told.isprintable()
    assert refused.value.__cause__ is None


def test_a_child_process_inherits_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYROC_API_KEY", SECRET)
    monkeypatch.setenv("TEMPORAL_API_KEY", SECRET)
    assert SECRET not in child_environment().values()


def test_settings_of_different_files_are_different() -> None:
    assert parse(GOOD, ENVIRON) != Settings({})

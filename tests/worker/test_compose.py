"""The compose files and the image: read as data, as no Docker engine is needed to be wrong.

Every path, command, variable and privilege that they name is checked against the repository; the
scripts under ``deploy/`` run with stubs on their PATH that record what they were asked.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from cli.main import cardhold
from worker.settings import load
from worker.times import check_times

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "deploy").glob("*.sh"))
SH = shutil.which("sh") or "/bin/sh"


class _Compose(yaml.SafeLoader):
    """YAML with Compose's own tags, which only say how two files are merged."""


def _plain(loader: yaml.SafeLoader, node: yaml.Node) -> object:
    match node:
        case yaml.MappingNode():
            return loader.construct_mapping(node, deep=True)  # pyright: ignore[reportUnknownVariableType] - PyYAML is untyped here
        case yaml.SequenceNode():
            return loader.construct_sequence(node, deep=True)
        case _:
            return None


for _tag in ("!reset", "!override"):
    _Compose.add_constructor(_tag, _plain)


def read(name: str) -> dict[str, Any]:
    text = (ROOT / name).read_text()
    return cast("dict[str, Any]", yaml.load(text, Loader=_Compose))  # noqa: S506 - a safe loader


COMPOSE = read("docker-compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PRODUCTION = read("docker-compose.production.example.yml")
DOCKERFILE = (ROOT / "Dockerfile").read_text()
OURS = [name for name, service in SERVICES.items() if service["image"] == "cardhold"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_the_least_privileges(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert "cap_add" not in service
    # Temporal's UI writes its configuration when it starts.
    assert service.get("read_only", False) is (name != "ui")


@pytest.mark.parametrize("name", SERVICES)
def test_every_port_is_on_this_machine_alone(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


def test_the_database_is_published_nowhere_and_reaches_nothing() -> None:
    assert "ports" not in SERVICES["postgres"]
    assert SERVICES["postgres"]["networks"] == ["database"]
    assert COMPOSE["networks"]["database"] == {"internal": True}
    members = {
        name for name, service in SERVICES.items() if "database" in service.get("networks", [])
    }
    assert members == {"postgres", "schema", "temporal"}


def test_every_image_is_pinned_to_a_version() -> None:
    foreign = [service["image"] for service in SERVICES.values() if service["image"] != "cardhold"]
    assert all(re.search(r":\d[\w.-]*$", image) for image in foreign)
    assert SERVICES["temporal"]["image"] == "temporalio/server:1.32.0"
    assert SERVICES["schema"]["image"].endswith(":1.32.0")
    assert SERVICES["ui"]["image"] == "temporalio/ui:2.54.1"


def test_no_password_is_written_down_and_an_unset_one_stops_compose() -> None:
    passwords = [
        value
        for service in SERVICES.values()
        for variable, value in service.get("environment", {}).items()
        if "PASSWORD" in variable or variable.endswith("PWD")
    ]
    assert len(passwords) == 3
    assert all(value.startswith("${POSTGRES_PASSWORD:?") for value in passwords)


def test_the_server_has_shards_for_production_and_its_data_a_name() -> None:
    assert SERVICES["temporal"]["environment"]["NUM_HISTORY_SHARDS"] == "512"
    assert SERVICES["postgres"]["volumes"] == ["postgres:/var/lib/postgresql/data"]
    assert {"postgres", "simulators"} == set(COMPOSE["volumes"])


def test_the_ui_can_neither_terminate_nor_reset() -> None:
    environment = SERVICES["ui"]["environment"]
    assert environment["TEMPORAL_WORKFLOW_TERMINATE_DISABLED"] == "true"
    assert environment["TEMPORAL_WORKFLOW_RESET_DISABLED"] == "true"


def test_what_is_mounted_is_there_and_read_only() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    bound = [mount.split(":") for mount in mounts if mount.startswith(".")]
    assert len(bound) == 3
    assert all((ROOT / source).is_file() for source, _, _ in bound)
    assert all(mode == "ro" for _, _, mode in bound)
    named = {mount.partition(":")[0] for mount in mounts if not mount.startswith(".")}
    assert named == set(COMPOSE["volumes"])


def test_each_start_waits_for_what_it_needs() -> None:
    waits = {
        (name, needed): how["condition"]
        for name, service in SERVICES.items()
        for needed, how in service.get("depends_on", {}).items()
    }
    assert waits == {
        ("schema", "postgres"): "service_healthy",
        ("temporal", "schema"): "service_completed_successfully",
        ("namespace", "temporal"): "service_healthy",
        ("ui", "temporal"): "service_healthy",
        ("worker", "namespace"): "service_completed_successfully",
        ("worker", "simulators"): "service_started",
    }
    healthy = {needed for (_, needed), how in waits.items() if how == "service_healthy"}
    assert all("healthcheck" in SERVICES[needed] for needed in healthy)


def test_the_commands_of_our_image_exist_with_these_options() -> None:
    assert 'ENTRYPOINT ["cardhold"]\nCMD ["worker"]' in DOCKERFILE
    asked = [SERVICES[name].get("command", ["worker"]) for name in OURS]
    assert ["simulator", "--host"] in [words[:2] for words in asked]
    for name, *words in asked:
        # Parses the words as the command would, without running it.
        cardhold.commands[name].make_context(name, list(words))


def test_the_scripts_that_our_image_runs_are_copied_into_it() -> None:
    [_, script] = SERVICES["namespace"]["entrypoint"]
    source = script.removeprefix("/app/")
    assert (ROOT / source).is_file()
    assert f"COPY {source} {script}" in DOCKERFILE


def test_the_worker_reads_the_simulated_accounts_and_nothing_else() -> None:
    worker = SERVICES["worker"]
    [mount] = worker["volumes"]
    source, target, _ = mount.split(":")
    environment = worker["environment"]
    assert environment["CARDHOLD_CONFIG"] == target
    told = load({**environment, "CARDHOLD_CONFIG": str(ROOT / source)})
    check_times(told)
    assert {account.environment for account in told.accounts.values()} == {"simulated"}
    # Shared with the simulators: their loopback is the worker's.
    assert worker["network_mode"] == "service:simulators"
    assert float(worker["stop_grace_period"].rstrip("s")) > told.worker.drain.total_seconds()


def test_production_has_no_simulator_and_its_secret_in_a_file() -> None:
    services = PRODUCTION["services"]
    worker = services["worker"]
    assert services["simulators"] is None
    assert worker["network_mode"] is None
    assert "simulators" not in worker["depends_on"]
    assert not any("KEY" in variable for variable in worker["environment"])
    assert worker["secrets"] == list(PRODUCTION["secrets"])


def test_the_image_copies_what_is_there_and_ignores_the_rest() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = [source for line in copied for source in line.split()]
    kept = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    # README.md is what packaging reads; whether it is there is packaging's own test.
    assert all((ROOT / source).exists() for source in sources if source != "README.md")
    assert {source.partition("/")[0] for source in sources} == set(kept)


def test_the_image_holds_every_package_of_the_product() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    # The demo, the benchmarks and the proof run from a checkout and are none of these.
    packages = set(tools["importlinter"]["root_packages"]) - {"demo", "bench", "proof"}
    copied = set(re.findall(r"^COPY (\w+) /app/\1$", DOCKERFILE, re.MULTILINE))
    assert packages == copied


def test_the_image_runs_without_root_and_installs_by_hash_alone() -> None:
    lines = DOCKERFILE.splitlines()
    assert "USER cardhold" in lines
    installs = [line for line in lines if '"install"' in line and '"pip"' in line]
    assert len(installs) == 2
    assert '"--require-hashes"' in installs[0]
    assert '"--no-deps", "--no-build-isolation"' in installs[1]
    # The exec form throughout: no shell reads these lines.
    runs = [line.removeprefix("RUN ") for line in lines if line.startswith("RUN ")]
    assert all(isinstance(json.loads(run), list) for run in runs)


def test_the_image_has_no_shell_and_nothing_that_runs_in_it_asks_for_one() -> None:
    steps = DOCKERFILE.partition("AS build")[2].partition("\nFROM ")[2].splitlines()
    runs = [json.loads(line.removeprefix("RUN ")) for line in steps if line.startswith("RUN ")]
    # The last step that runs: what comes after it would need what it has removed.
    assert runs[-1][:2] == ["rm", "--force"]
    assert {f"/usr/bin/{name}" for name in ("sh", "dash", "bash", "apt-get", "dpkg")} <= {*runs[-1]}
    assert runs[-2][:4] == ["python", "-m", "pip", "uninstall"]
    for name in OURS:
        service = SERVICES[name]
        words = [service.get("entrypoint", ["cardhold"]), service.get("command", ["worker"])]
        # As a text it would be given to a shell; so would a check of health.
        assert all(isinstance(word, list) for word in words)
        assert words[0][0] in {"cardhold", "python"}
        assert "healthcheck" not in service


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_is_plain_posix_shell(script: Path) -> None:
    subprocess.run([SH, "-n", script], check=True)  # noqa: S603 - our own script
    assert script.read_text().startswith("#!/bin/sh\n")
    assert script.stat().st_mode & 0o111


class Stubs:
    """Programs on a PATH of their own that record their arguments and end as told."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._record = folder / "record"

    def add(self, name: str, body: str = "exit 0") -> None:
        stub = self._folder / name
        stub.write_text(f'#!{SH}\necho "{name} $*" >> "{self._record}"\n{body}\n')
        stub.chmod(0o755)

    def run(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        runner = sys.executable if script.endswith(".py") else SH
        return subprocess.run(  # noqa: S603 - our own script, stubs only on its PATH
            [runner, ROOT / "deploy" / script],
            env={"PATH": str(self._folder), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def calls(self) -> list[str]:
        return self._record.read_text().splitlines() if self._record.exists() else []


@pytest.fixture
def stubs(tmp_path: Path) -> Stubs:
    return Stubs(tmp_path)


DATABASE = {"POSTGRES_SEEDS": "postgres", "POSTGRES_USER": "temporal", "SQL_PASSWORD": "pw"}


def test_the_schema_is_created_then_updated_database_by_database(stubs: Stubs) -> None:
    stubs.add("temporal-sql-tool")
    done = stubs.run("schema.sh", **DATABASE)
    assert done.returncode == 0
    steps = [call.partition("--db ")[2] for call in stubs.calls]
    folder = "/etc/temporal/schema/postgresql/v12"
    assert steps == [
        "temporal create",
        "temporal setup-schema -v 0.0",
        f"temporal update-schema -d {folder}/temporal/versioned",
        "temporal_visibility create",
        "temporal_visibility setup-schema -v 0.0",
        f"temporal_visibility update-schema -d {folder}/visibility/versioned",
    ]
    assert not any("pw" in call.split() for call in stubs.calls)


def test_the_schema_stops_at_the_first_failure(stubs: Stubs) -> None:
    stubs.add("temporal-sql-tool", 'case "$*" in *setup-schema*) exit 3 ;; esac')
    assert stubs.run("schema.sh", **DATABASE).returncode == 3
    assert len(stubs.calls) == 2


@pytest.mark.parametrize("missing", DATABASE)
def test_the_schema_needs_to_know_the_database(stubs: Stubs, missing: str) -> None:
    stubs.add("temporal-sql-tool")
    given = {name: value for name, value in DATABASE.items() if name != missing}
    done = stubs.run("schema.sh", **given)
    assert done.returncode != 0
    assert missing in done.stderr
    assert stubs.calls == []


def test_the_namespace_is_set_up_once_if_that_works(stubs: Stubs) -> None:
    stubs.add("cardhold")
    assert stubs.run("namespace.py").returncode == 0
    assert stubs.calls == ["cardhold setup"]


def test_the_namespace_is_tried_again_only_while_temporal_does_not_answer(
    stubs: Stubs, tmp_path: Path
) -> None:
    stubs.add("cardhold", f'[ -e "{tmp_path}/up" ] && exit 0; : > "{tmp_path}/up"; exit 7')
    assert stubs.run("namespace.py", SETUP_PAUSE_S="0.01").returncode == 0
    assert stubs.calls == ["cardhold setup", "cardhold setup"]


def test_the_namespace_gives_up_in_the_end(stubs: Stubs) -> None:
    stubs.add("cardhold", "exit 7")
    done = stubs.run("namespace.py", SETUP_ATTEMPTS="3", SETUP_PAUSE_S="0.01")
    assert done.returncode == 7
    assert stubs.calls.count("cardhold setup") == 3
    assert "did not answer 3 times" in done.stderr


def test_what_a_person_has_to_mend_is_not_tried_again(stubs: Stubs) -> None:
    stubs.add("cardhold", "exit 2")
    assert stubs.run("namespace.py").returncode == 2
    assert stubs.calls == ["cardhold setup"]

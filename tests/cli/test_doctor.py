"""``cardhold doctor`` as operators and their monitoring run it: lines, JSON, exit codes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from temporalio.client import Client
from temporalio.envconfig import ClientConnectConfig

from cli.exits import ExitCode
from cli.main import cardhold
from worker import settings, setup
from worker.doctor import cluster
from worker.doctor.results import Verdict
from worker.main import run as run_worker
from worker.temporal import connect

SECRET = "sk_live_0a1b2c3d4e5f"
ROOT = Path(__file__).resolve().parents[2]
Doctor = Callable[..., Awaitable[Result]]


@pytest.fixture(scope="session")
async def doctored(stack: tuple[str, str]) -> AsyncGenerator[dict[str, str]]:
    """A namespace of its own with a worker; what the other tests leave behind is findings."""
    connection = ClientConnectConfig(target_host=stack[0], namespace="doctored")
    await setup.run(connection)
    stop = asyncio.Event()
    worker = asyncio.create_task(run_worker(settings.simulated(stack[1]), connection, stop=stop))
    await _polled(await connect(connection))
    yield {"TEMPORAL_ADDRESS": stack[0], "TEMPORAL_NAMESPACE": "doctored"}
    stop.set()
    await worker


async def _polled(client: Client) -> None:
    """Wait until Temporal has seen the worker."""
    for _ in range(100):
        if {one.verdict for one in await cluster.task_queue(client)} == {Verdict.OK}:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("never seen")


@pytest.fixture
def configuration(stack: tuple[str, str], tmp_path: Path) -> dict[str, str]:
    """The shipped configuration for the simulators, where they are now."""
    text = (ROOT / "cardhold.simulated.toml").read_text(encoding="utf-8")
    path = tmp_path / "cardhold.toml"
    path.write_text(text.replace("http://127.0.0.1:8700", stack[1]), encoding="utf-8")
    return {"CARDHOLD_CONFIG": str(path), "SIMULATED_API_KEY": SECRET}


def _change(configuration: dict[str, str], old: str, new: str) -> None:
    path = Path(configuration["CARDHOLD_CONFIG"])
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


async def _doctor(environment: dict[str, str], *words: str) -> Result:
    runner = CliRunner(env=environment)
    return await asyncio.to_thread(runner.invoke, cardhold, ["doctor", *words])


async def test_a_healthy_deployment_is_exit_0_with_one_line_for_each_check(
    doctored: dict[str, str], configuration: dict[str, str]
) -> None:
    done = await _doctor(doctored | configuration)

    *checks, last = done.stdout.splitlines()
    assert done.exit_code == ExitCode.DONE, done.output
    assert len(checks) == 19
    assert all(line.startswith("ok ") for line in checks), done.output
    assert last == "Nothing was found."


async def test_a_finding_is_exit_8_and_says_what_to_do(
    doctored: dict[str, str], configuration: dict[str, str]
) -> None:
    _change(configuration, '"simulated"', '"production"')

    done = await _doctor(doctored | configuration)

    found = [line for line in done.stdout.splitlines() if line.startswith("finding ")]
    assert done.exit_code == ExitCode.FOUND
    assert all("account payroc" in line and " → mend it" in line for line in found)
    assert found


async def test_json_says_the_same_as_data(
    doctored: dict[str, str], configuration: dict[str, str]
) -> None:
    lines = (await _doctor(doctored | configuration)).stdout.splitlines()
    done = await _doctor(doctored | configuration, "--json")

    told = json.loads(done.stdout)
    assert (told["findings"], told["reached"]) == (0, True)
    assert [one["check"] for one in told["checks"]] == [
        line[12:].partition(": ")[0] for line in lines[:-1]
    ]
    assert {key for one in told["checks"] for key in one} == {
        "check", "verdict", "says", "do", "about",
    }  # fmt: skip


async def test_where_no_configuration_is_that_is_said_and_no_finding(
    doctored: dict[str, str],
) -> None:
    done = await _doctor(doctored)

    assert done.exit_code == ExitCode.DONE
    assert "cannot look configuration: CARDHOLD_CONFIG is not set here" in done.stdout
    assert done.stdout.splitlines()[-1] == "Nothing was found; 1 could not be looked at."


async def test_a_missing_secret_is_a_finding_that_names_it_and_no_other(
    doctored: dict[str, str], configuration: dict[str, str]
) -> None:
    _change(configuration, "SIMULATED_API_KEY", "NOT_SET_HERE")

    done = await _doctor(doctored | configuration)

    assert done.exit_code == ExitCode.FOUND
    assert "the environment variable NOT_SET_HERE is not set" in done.stdout
    assert SECRET not in done.output


async def test_a_temporal_that_is_not_there_is_exit_7_and_the_rest_is_looked_at(
    configuration: dict[str, str],
) -> None:
    done = await _doctor({"TEMPORAL_ADDRESS": "127.0.0.1:1", **configuration})

    assert done.exit_code == ExitCode.UNREACHABLE
    assert done.stdout.startswith("finding     temporal: Temporal does not answer at 127.0.0.1:1")
    assert "ok          configuration: " in done.stdout
    assert done.stderr == ""


async def test_an_environment_of_temporal_that_is_wrong_is_a_finding_too(tmp_path: Path) -> None:
    done = await _doctor({"TEMPORAL_CONFIG_FILE": str(tmp_path), "TEMPORAL_PROFILE": "none"})

    assert done.exit_code == ExitCode.UNREACHABLE
    assert "Temporal's environment configuration is wrong" in done.stdout

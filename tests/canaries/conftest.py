"""A whole deployment for the canaries: a server with a file, a worker process, chatty gateways."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from temporalio.client import Client

from simulator.server import Simulator
from tests.canaries.canaries import API_KEYS, TEMPORAL_API_KEY
from tests.canaries.chatty import Chatty
from tests.canaries.deployment import Deployment
from tests.canaries.kept import Kept
from worker.embedded import EmbeddedTemporal, Options

ROOT = Path(__file__).parents[2]
_READY_WITHIN_S = 60.0
_STEP_S = 0.05
_SITES = {
    "payroc": 'processing_terminal_id = "1001"\napi_key = { env = "PAYROC_API_KEY" }\n'
    'base_url = "{url}/payroc/v1"\nidentity_url = "{url}/payroc"',
    "sibs": 'terminal_id = "1001"\nauth_token = { file = "{folder}/sibs_auth_token" }\n'
    'client_id = { env = "SIBS_CLIENT_ID" }\nbase_url = "{url}/sibs/spg/v2"',
    "stax": 'api_key = { env = "STAX_API_KEY" }\nbase_url = "{url}/stax"',
    "xmoney": 'site_id = "1001"\nfallback_ip = "127.0.0.1"\n'
    'api_key = { env = "XMONEY_API_KEY" }\nbase_url = "{url}/xmoney"',
}
_HASTY = 'environment = "canaries"\nprocessing_time = "PT1S"\ncall_time_out = "PT5S"\n'


@pytest.fixture
def deployment(whole_deployment: Deployment) -> Deployment:
    """The deployment, with nothing started that this test would have to search."""
    whole_deployment.started.clear()
    return whole_deployment


@pytest.fixture(scope="session")
async def whole_deployment(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Deployment]:
    """Everything runs, and everything that is kept lies in one folder."""
    folder = tmp_path_factory.mktemp("canaries")
    database = folder / "temporal.db"
    async with (
        Simulator() as simulator,
        Chatty(simulator.url) as chatty,
        EmbeddedTemporal(Options(database=database)) as temporal,
    ):
        port = _free_port()
        environment = _environment(folder, chatty.url, temporal.address, port)
        log = folder / "worker.log"
        async with _worker(environment, log):
            client = await Client.connect(temporal.address)
            kept = Kept(client, database, log, f"http://127.0.0.1:{port}/metrics")
            yield Deployment(client, temporal.address, chatty, kept)


def _environment(folder: Path, url: str, address: str, metrics_port: int) -> dict[str, str]:
    """What the worker gets, and a configuration that talks as much as one can."""
    (folder / "sibs_auth_token").write_text(API_KEYS["SIBS_AUTH_TOKEN"] + "\n")
    tables = [
        f'[accounts.{name}]\ngateway = "{name}"\n{_HASTY}'
        + site.replace("{url}", url).replace("{folder}", str(folder))
        for name, site in _SITES.items()
    ]
    tables.append(f'[worker]\nlog_level = "DEBUG"\nmetrics = "127.0.0.1:{metrics_port}"\n')
    config = folder / "cardhold.toml"
    config.write_text("\n\n".join(tables))
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {
        **inherited,
        **{name: key for name, key in API_KEYS.items() if name != "SIBS_AUTH_TOKEN"},
        "CARDHOLD_CONFIG": str(config),
        "TEMPORAL_ADDRESS": address,
        "TEMPORAL_API_KEY": TEMPORAL_API_KEY,
        "TEMPORAL_TLS": "false",
    }


@asynccontextmanager
async def _worker(environment: dict[str, str], log: Path) -> AsyncGenerator[None]:
    with log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cardhold", "worker",
            cwd=ROOT, env=environment, stdout=written, stderr=written,
        )  # fmt: skip
    try:
        await _until_ready(process, log)
        yield
        process.terminate()
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _until_ready(process: Process, log: Path) -> None:
    async with asyncio.timeout(_READY_WITHIN_S):
        while "ready: " not in _said_in(log):
            assert process.returncode is None, _said_in(log)
            await asyncio.sleep(_STEP_S)


def _said_in(log: Path) -> str:
    return log.read_text()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""What ``cardhold doctor`` makes of what it sees: figures, hosts, clocks and refusals.

No Temporal here. Configurations are read as a worker reads them; gateways are servers on this
machine, of which most misbehave.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from temporalio.envconfig import ClientConnectConfig
from temporalio.service import RPCError, RPCStatusCode

from cardhold.errors import Unreachable
from worker import settings
from worker.cannot_start import CannotStart
from worker.doctor import cluster, configured, reach
from worker.doctor.examine import examine
from worker.doctor.reservations import Stuck, shortest_margin, stuck_ones
from worker.doctor.results import Result, Results, Verdict, finding, looked, plain
from worker.settings import Settings

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECRET = "sk_live_9f8e7d6c5b4a"
ACCOUNT = """
[accounts.main]
gateway = "stax"
base_url = "https://api.example.com"
api_key = { env = "KEY" }
"""


def told(more: str = "", account: str = ACCOUNT) -> Settings:
    return settings.parse(f"{account}{more}\n", {"KEY": SECRET})


def findings(results: Results) -> list[str]:
    return [result.says for result in results if result.verdict is Verdict.FINDING]


def test_the_defaults_fit_together() -> None:
    assert findings(configured.fitting(told())) == []


def test_the_simulators_own_configuration_fits_together() -> None:
    assert findings(configured.fitting(settings.simulated("http://127.0.0.1:8700"))) == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('call_time_out = "PT24S"', "The account main: call_time_out is PT24S"),
        ('answer_within = "PT20S"', "The account main: answer_within is PT20S"),
        ('answer_within = "PT90S"', "callers wait no longer"),
        ('[worker]\ndrain = "PT10S"', "The table [worker]: drain is PT10S"),
        ('hold_window = "PT12H"', "safety_margin is PT43200S, at most PT21600S"),
        ('look_up_for = "PT60S"', "look_up_for is PT60S, at least PT120S"),
        ('look_up_for = "P1D"', "after the hold has lapsed"),
        ('processing_time = "PT7H"\nlook_up_for = "PT8H"', "at most PT21600S"),
        ('processing_time = "PT5S"', "at least PT20S"),
    ],
)
def test_figures_that_do_not_fit_are_found(line: str, says: str) -> None:
    [found] = findings(configured.fitting(told(line)))
    assert says in found


def test_every_account_is_looked_at_and_a_figure_of_the_worker_told_once() -> None:
    other = ACCOUNT.replace("main", "other")
    late = 'answer_within = "PT20S"\n'
    both = told(f'{late}{other}{late}[worker]\ndrain = "PT10S"')
    found = findings(configured.fitting(both))
    assert [line.partition(":")[0] for line in found] == ["The account main", "The account other"]

    both = told(f'{other}[worker]\ndrain = "PT10S"')
    assert len(findings(configured.fitting(both))) == 1


def test_an_account_that_cannot_see_its_own_holds_is_found() -> None:
    sibs = """
        [accounts.desk]
        gateway = "sibs"
        environment = "test"
        base_url = "https://api.qly.example.com"
        auth_token = { env = "KEY" }
        client_id = { env = "KEY" }
        terminal_id = "1"
        """
    assert findings(configured.fitting(told(account=sibs))) == []
    [found] = findings(configured.fitting(told("look_up_by_reference = false", sibs)))
    assert "the account desk finds no authorization by its reference" in found.lower()


@pytest.mark.parametrize(
    ("environment", "host", "says"),
    [
        ("production", "api.example.com", None),
        ("production", "latest.example.com", None),
        ("simulated", "127.0.0.1:8700", None),
        ("sandbox", "api.uat.example.com", None),
        ("test", "api-stage.example.com", None),
        ("simulated", "api.example.com", "real money would move"),
        ("sandbox", "api.example.com", "real money would move"),
        ("production", "api-stage.example.com", "its keys would be production's"),
        ("production", "localhost:8700", "its keys would be production's"),
    ],
)
def test_an_account_in_another_world_than_it_says_is_found(
    environment: str, host: str, says: str | None
) -> None:
    scheme = "http" if host.startswith(("127", "localhost")) else "https"
    account = ACCOUNT.replace("https://api.example.com", f"{scheme}://{host}")
    found = findings(configured.fitting(told(f'environment = "{environment}"', account)))
    assert len(found) == (says is not None)
    assert says is None or says in found[0]


def test_guests_who_may_be_sent_anywhere_in_production_are_found() -> None:
    [found] = findings(configured.fitting(told('allowed_return_hosts = ["*"]')))
    assert "any host" in found
    in_test = told('environment = "test"\nallowed_return_hosts = ["*"]')
    assert not [says for says in findings(configured.fitting(in_test)) if "any host" in says]


def test_addresses_that_accounts_share_are_tried_once() -> None:
    shared = told(ACCOUNT.replace("main", "other"))
    assert configured.origins(shared) == {"https://api.example.com": ["main", "other"]}
    payroc = settings.simulated("http://127.0.0.1:8700")
    assert list(configured.origins(payroc)) == ["http://127.0.0.1:8700"]


def test_a_configuration_that_cannot_be_read_is_found_and_the_rest_goes_on() -> None:
    def missing() -> Settings:
        return settings.parse(ACCOUNT, {})

    result, nothing = configured.read(missing)
    assert nothing is None
    assert result.verdict is Verdict.FINDING
    assert result.says.endswith("the environment variable KEY is not set")


def test_without_a_configuration_nothing_is_said_of_it() -> None:
    result, nothing = configured.read(None)
    assert (nothing, result.verdict) == (None, Verdict.CANNOT_LOOK)


def test_the_shortest_margin_counts() -> None:
    assert shortest_margin(None) == timedelta(hours=12)
    assert shortest_margin(told('safety_margin = "PT2H"')) == timedelta(hours=2)


@pytest.mark.parametrize(
    ("connection", "verdict"),
    [
        (ClientConnectConfig(target_host="127.0.0.1:7233"), Verdict.OK),
        (ClientConnectConfig(target_host="localhost:7233"), Verdict.OK),
        (ClientConnectConfig(target_host="[::1]:7233"), Verdict.OK),
        (ClientConnectConfig(), Verdict.OK),
        (ClientConnectConfig(target_host="temporal.example.com:7233"), Verdict.FINDING),
        (ClientConnectConfig(target_host="192.0.2.7:7233"), Verdict.FINDING),
        (ClientConnectConfig(target_host="temporal.example.com:7233", tls=True), Verdict.OK),
        (ClientConnectConfig(target_host="temporal.example.com:7233", api_key="k"), Verdict.OK),
        (
            ClientConnectConfig(target_host="temporal.example.com:7233", api_key="k", tls=False),
            Verdict.FINDING,
        ),
    ],
)
def test_what_leaves_this_machine_in_clear_is_found(
    connection: ClientConnectConfig, verdict: Verdict
) -> None:
    assert cluster.encryption(connection).verdict is verdict


@pytest.mark.parametrize(
    ("ago_s", "verdict", "says"),
    [
        (59, "ok", "last seen 59 s ago"),
        (-3, "ok", "last seen 0 s ago"),
        (121, "finding", "last seen 2 minutes ago"),
        (-11, "finding", "11 s from now: this machine's clock is behind"),
        (3600, "finding", "a clock that is ahead"),
    ],
)
def test_a_worker_that_was_not_seen_for_two_minutes_is_gone_if_the_clocks_agree(
    ago_s: int, verdict: str, says: str
) -> None:
    seen = NOW - timedelta(seconds=ago_s)
    result = cluster.polled(cluster.Queue("workflow", 1, seen, 0, timedelta(0)), NOW)
    assert result.verdict == verdict
    assert says in result.says


@pytest.mark.parametrize(("oldest_s", "verdict"), [(0, "ok"), (15, "ok"), (16, "finding")])
def test_the_oldest_task_of_either_kind_counts(oldest_s: int, verdict: str) -> None:
    queues = [
        cluster.Queue("workflow", 1, NOW, 0, timedelta(0)),
        cluster.Queue("activity", 1, NOW, 4, timedelta(seconds=oldest_s)),
    ]
    assert cluster.backlog(queues).verdict == verdict


def test_many_stuck_reservations_are_counted_and_few_named() -> None:
    stuck = [Stuck(f"RES-{number}", number + 4) for number in range(9)]
    found = stuck_ones(stuck, looked_at=100, running=5000)
    assert "RES-8 (attempt 12)" in found.says
    assert "and 4 more" in found.says
    assert "100 of 5000" in found.says
    assert found.about == ("RES-8", "RES-7", "RES-6", "RES-5", "RES-4")


@pytest.mark.parametrize(
    ("ahead_s", "verdict", "says"),
    [(0, "ok", "within 10 s"), (-9, "ok", "within"), (95, "finding", "95 s behind"),
     (-95, "finding", "95 s ahead of")],
)  # fmt: skip
def test_a_clock_that_is_off_is_found_either_way(ahead_s: int, verdict: str, says: str) -> None:
    result = reach.clock({"api.example.com": timedelta(seconds=ahead_s), "b": timedelta(0)})
    assert result.verdict == verdict
    assert says in result.says


def test_a_clock_that_nobody_told_is_not_called_right() -> None:
    assert reach.clock({}).verdict is Verdict.CANNOT_LOOK


@contextlib.asynccontextmanager
async def answering(answer: bytes | None, heard: bytearray) -> AsyncGenerator[int]:
    """A server that keeps what it hears, and answers with these bytes; with None, never."""

    async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            heard.extend(await reader.read(4096))
            if answer is None:
                await reader.read()
            else:
                writer.write(answer)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_nothing_but_the_host_is_told_to_a_gateway() -> None:
    heard = bytearray()
    behind = datetime.now(UTC) - timedelta(seconds=95)
    date = format_datetime(behind.replace(microsecond=0), usegmt=True).encode()
    async with answering(b"HTTP/1.1 401 No\r\ndate: " + date + b"\r\n\r\n", heard) as port:
        origin = f"http://127.0.0.1:{port}"
        gateway, clock = await reach.gateways({origin: ["main"]})

    said = f"HEAD / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    assert heard.decode() == said
    assert gateway.verdict is Verdict.OK
    assert clock.verdict is Verdict.FINDING
    assert "ahead of" in clock.says


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"\x00\xff" * 40_000,
        b"HTTP/1.1 200\r\nDate: no\r\n\r\n",
    ],
)
async def test_whatever_a_gateway_answers_it_is_reached(answer: bytes | None) -> None:
    async with answering(answer, bytearray()) as port:
        found = await reach.reached(f"http://127.0.0.1:{port}", step_s=0.3)

    assert found == reach.Reached()


async def test_a_gateway_without_tls_where_tls_is_needed_is_not_reached() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\n\r\n", bytearray()) as port:
        found = await reach.reached(f"https://127.0.0.1:{port}")

    assert found.problem == "what answers there speaks no TLS that we accept"


@pytest.mark.parametrize(
    ("origin", "problem"),
    [("https://127.0.0.1:1", "nobody listens there"), ("https://a..b", "its name is not known")],
)
async def test_a_gateway_that_is_not_there_is_a_finding(origin: str, problem: str) -> None:
    [gateway, clock] = await reach.gateways({origin: ["main", "other"]})
    assert gateway.verdict is Verdict.FINDING
    assert gateway.says == f"not reached, for main, other: {problem}"
    assert clock.verdict is Verdict.CANNOT_LOOK


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (RPCError("no", RPCStatusCode.PERMISSION_DENIED, b""), Verdict.CANNOT_LOOK),
        (RPCError("no", RPCStatusCode.UNIMPLEMENTED, b""), Verdict.CANNOT_LOOK),
        (RPCError("no", RPCStatusCode.UNAUTHENTICATED, b""), Verdict.CANNOT_LOOK),
        (RPCError("no", RPCStatusCode.NOT_FOUND, b""), Verdict.CANNOT_LOOK),
        (RPCError("no", RPCStatusCode.UNAVAILABLE, b""), Verdict.FINDING),
        (RPCError("no", RPCStatusCode.CANCELLED, b""), Verdict.FINDING),
        (Unreachable("no"), Verdict.FINDING),
        (KeyError(SECRET), Verdict.FINDING),
    ],
)
async def test_a_check_that_cannot_look_is_a_line_of_its_own(
    error: Exception, verdict: Verdict
) -> None:
    async def _look() -> Results:
        raise error

    [result] = await looked("a check", _look)
    assert (result.check, result.verdict) == ("a check", verdict)
    assert result.do
    assert SECRET not in result.says


async def test_a_check_that_takes_too_long_is_a_finding() -> None:
    async def _look() -> Results:
        await asyncio.sleep(60)
        return []

    [result] = await looked("slow", _look, within_s=0.05)
    assert result.verdict is Verdict.FINDING
    assert "no answer within 0.05 s" in result.says


def test_what_somebody_else_wrote_stays_on_its_line() -> None:
    assert plain("a\x1b[2Jb\nc") == "a [2Jb c"
    assert len(plain("x" * 5000)) == 160


async def test_no_secret_and_no_card_number_gets_out_whatever_a_server_says() -> None:
    def nowhere() -> ClientConnectConfig:
        raise CannotStart(f"Temporal echoes {SECRET} and 4111111111111111.")

    found = await examine(nowhere, lambda: told(account=_at_nobody()))

    assert found.findings >= 1
    assert SECRET not in found.model_dump_json()
    assert "4111111111111111" not in found.model_dump_json()


def _at_nobody() -> str:
    return ACCOUNT.replace("https://api.example.com", "http://127.0.0.1:1")


def test_a_result_reads_back_from_its_json() -> None:
    result = finding("a", "b", "c", ["RES-1"])
    assert Result.model_validate_json(result.model_dump_json()) == result

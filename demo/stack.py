"""The stack that the demo plays on: Temporal with its UI, the simulated gateways and a worker."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
from temporalio.client import Client as TemporalClient
from temporalio.envconfig import ClientConnectConfig
from temporalio.runtime import Runtime
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from cardhold.client import Client
from cardhold.hold import Action, Hold, OperationKind
from cardhold.messages import HoldRequest
from cardhold.money import Money
from cardhold.names import workflow_id
from demo.books import Row
from domain.calls import Call
from domain.outcome import Approved
from gateways.accounts import AccountSettings, build
from gateways.port import Named
from simulator.clock import BankClock
from simulator.server import Simulator
from worker import embedded, settings
from worker.embedded import HOST, EmbeddedTemporal, Options
from worker.main import run as run_worker
from worker.main import runtime_for

NAMESPACE = "default"
# Where people know Temporal's UI to be; another one if somebody has it already.
_UI_PORT = 8233
_HTTP_WITHIN_S = 10.0
_COMPLAINT_MAX = 300


@dataclass(frozen=True, slots=True)
class Stage:
    """A running stack, and what a scenario does beside speaking to cardhold.

    Attributes:
        client: Speaks to reservations as any caller would.
        address: Of Temporal.
        ui_url: Of Temporal's UI.
        simulator_url: Of the simulated bank.
        accounts: The worker's accounts by name, one for each gateway.
    """

    client: Client
    address: str
    ui_url: str
    simulator_url: str
    accounts: Mapping[str, AccountSettings]
    _clock: BankClock
    _skipper: TimeSkipper
    _http: httpx.AsyncClient

    async def books(self) -> list[Row]:
        """Read the bank's truth."""
        answer = await self._http.get("/admin/books")
        return answer.raise_for_status().json()["holds"]

    async def meet(self, gateway: str, operation: str, fault: str) -> None:
        """Let the next call of ``operation`` at ``gateway`` meet ``fault``."""
        wish = {"gateway": gateway, "operation": operation, "fault": fault}
        (await self._http.post("/admin/faults", json=wish)).raise_for_status()

    async def clear_the_air(self) -> None:
        """Forget the faults that were not met."""
        (await self._http.delete("/admin/faults")).raise_for_status()

    async def let_pass(self, span: timedelta, reservation_id: str) -> None:
        """Let time pass at the bank, and for one reservation."""
        await self.let_pass_at_the_bank(span)
        handle = self._skipper.client.get_workflow_handle(workflow_id(reservation_id))
        await self._skipper.fast_forward(handle, span)

    async def let_pass_at_the_bank(self, span: timedelta) -> None:
        """Let time pass at the bank alone, when the reservation is settled."""
        body = {"advance_s": span.total_seconds()}
        (await self._http.post("/admin/clock", json=body)).raise_for_status()

    def back_to_today(self) -> None:
        """Set the bank's clock right, for a gateway that tells when its holds lapse."""
        self._clock.reset()

    async def settled(self, reservation_id: str) -> Hold:
        """Wait until the reservation's workflow has closed, and answer with its hold."""
        handle = self._skipper.client.get_workflow_handle(workflow_id(reservation_id))
        return Hold.model_validate(await handle.result())

    async def hosted_page(self, request: HoldRequest) -> str:
        """Place a hold as a gateway's hosted payment page does: no workflow knows of it.

        Args:
            request: What to hold, and on which card.

        Returns:
            The payment id that such a page hands to the merchant.

        Raises:
            NotPlaced: The gateway did not approve it.
        """
        account = build(request.gateway, self.accounts[request.gateway])
        try:
            outcome = await account.authorize(_on_the_website(request))
        finally:
            await account.close()
        if not isinstance(outcome, Approved):
            raise NotPlaced(f"the hosted page could not place a hold: {outcome}")
        return outcome.payment.payment_id

    async def guest_confirms(self, action: Action) -> None:
        """Do what a guest's browser does: go where it is sent, and press the button."""
        page = await self._http.request(action.method, action.url, data=action.fields or None)
        page.raise_for_status()
        answer = await self._http.post(action.url, data={"outcome": "pass"})
        if answer.is_error:
            answer.raise_for_status()

    def signal_command(self, reservation_id: str, name: str) -> list[str]:
        """The command line by which anybody sends a signal with Temporal's own tool."""
        arguments = ["--workflow-id", workflow_id(reservation_id), "--name", name]
        return [_as_typed(), "workflow", "signal", "--address", self.address, *arguments]

    def update_command(self, reservation_id: str, name: str) -> list[str]:
        """The same for an update without fields, which answers with the hold."""
        arguments = ["--workflow-id", workflow_id(reservation_id), "--name", name]
        return [_as_typed(), "workflow", "update", "execute", "--address", self.address, *arguments]

    async def typed(self, command: list[str]) -> None:
        """Run a command of Temporal's own tool, as a person would in a terminal.

        Raises:
            CommandFailed: With what it said.
        """
        process = await asyncio.create_subprocess_exec(
            *command,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=settings.child_environment(),
        )
        said, _ = await process.communicate()
        if process.returncode:
            raise CommandFailed(said.decode(errors="replace").strip()[:_COMPLAINT_MAX])

    def link(self, reservation_id: str) -> str:
        """Where Temporal's UI shows the reservation's history."""
        return f"{self.links}/{workflow_id(reservation_id)}"

    @property
    def links(self) -> str:
        """Where Temporal's UI lists all reservations."""
        return f"{self.ui_url}/namespaces/{NAMESPACE}/workflows"


class CommandFailed(Exception):
    """A command of Temporal's own tool did not do what it was for."""


class NotPlaced(Exception):
    """A hold that a story begins with could not be placed."""


@contextlib.asynccontextmanager
async def running() -> AsyncGenerator[Stage]:
    """Start everything, on free ports and in memory; stop everything at the end.

    Raises:
        CannotStart: A server or the worker cannot start, or gave up.
    """
    options = Options(ui_port=_ui_port(), time_skipping=True)
    # One of our own: Temporal's default one writes its log into the story.
    runtime = runtime_for(settings.WorkerSettings())
    async with (
        Simulator(host=HOST) as simulator,
        EmbeddedTemporal(options) as temporal,
        _working(temporal.address, (told := settings.simulated(simulator.url)), runtime),
        httpx.AsyncClient(base_url=simulator.url, timeout=_HTTP_WITHIN_S) as http,
    ):
        # Each workflow's clock stands still but where a scenario moves it.
        client = await TemporalClient.connect(temporal.address, runtime=runtime)
        skipper = TimeSkipper(client, config=TimeSkippingConfig(enabled=False))
        yield Stage(
            client=Client(skipper.client),
            address=temporal.address,
            ui_url=temporal.ui_url or "",
            simulator_url=simulator.url,
            accounts=told.accounts,
            _clock=simulator.bank.clock,
            _skipper=skipper,
            _http=http,
        )


@contextlib.asynccontextmanager
async def _working(address: str, told: settings.Settings, runtime: Runtime) -> AsyncGenerator[None]:
    """A worker of our own; if it gives up, so does the demo."""
    connection = ClientConnectConfig(target_host=address, namespace=NAMESPACE)
    stop = asyncio.Event()
    playing = asyncio.current_task()

    def gave_up(_: asyncio.Task[None]) -> None:
        if playing is not None and not stop.is_set():
            playing.cancel()

    worker = asyncio.create_task(run_worker(told, connection, stop=stop, runtime=runtime))
    worker.add_done_callback(gave_up)
    try:
        yield
    finally:
        stop.set()
        await worker


def _as_typed() -> str:
    """Temporal's tool as a person in this folder would type it, so that it can be pasted."""
    program = Path(embedded.temporal_program())
    here = Path.cwd()
    return os.path.relpath(program, here) if program.is_relative_to(here) else str(program)


def _on_the_website(request: HoldRequest) -> Named:
    """The same hold, under names that no reservation has."""
    currency = request.amount.currency
    nothing = Money(amount_minor=0, currency=currency)
    call = Call(
        account=request.gateway,
        workflow_id="the-hotels-website",
        kind=OperationKind.AUTHORIZE,
        command_id="deposit",
        amount=Money(amount_minor=request.amount.amount_minor, currency=currency),
        held=nothing,
        captured=nothing,
        payment_method=request.payment_method,
        description="two nights, booked on the hotel's website",
    )
    return Named(call, key=str(uuid4()), reference="HOSTED-4711")


def _ui_port() -> int:
    """The port that people know, or 0 for a free one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, _UI_PORT))
        except OSError:
            return 0
    return _UI_PORT

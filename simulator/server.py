"""Serves the bank, every gateway's face and the admin door in one process."""

import asyncio
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from aiohttp import web

from simulator.admin import Admin
from simulator.bank import Bank
from simulator.clock import BankClock, utc_now
from simulator.faces import FACES, Face, Ground
from simulator.faults import ANY, RANDOM, Faults
from simulator.store import Store

F = TypeVar("F", bound=Face)

# How long a stop waits for requests in progress: a delayed one is cut off, as a crash would.
_GRACE_S = 0.5


class Simulator:
    """A running simulator: ``async with Simulator(port=0) as sim`` serves at ``sim.url``.

    Args:
        host: Where to listen; the admin door answers loopback peers whatever it is.
        port: 0 takes a free one.
        data: A file that keeps books, saved answers and clock; None keeps them in memory.
        seed: Of the random faults.
        fault_rate: The probability of a random fault for each call to any gateway.
        wall: The clock that the bank's goes by.
    """

    def __init__(  # noqa: PLR0913 - a server's settings, all by name.
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        data: str | Path | None = None,
        seed: int = 0,
        fault_rate: float = 0.0,
        wall: Callable[[], datetime] = utc_now,
    ) -> None:
        self._host = host
        self._port = port
        self._store = Store(None if data is None else Path(data))
        self.bank = Bank(self._store, BankClock(self._store, wall))
        self.faults = Faults({face.name: face.lacks for face in FACES})
        ground = Ground(self.bank, self.faults, self._store)
        self._faces: list[Face] = [face(ground) for face in FACES]
        self._runner: web.AppRunner | None = None
        if fault_rate > 0:
            for face in self._faces:
                self.faults.arm(_at_random(face.name, seed, fault_rate))

    def face(self, kind: type[F]) -> F:
        """The face of one gateway, for the switches it has."""
        return next(face for face in self._faces if isinstance(face, kind))

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def reset(self) -> None:
        """Empty the books, forget the faults, set the clock back."""
        with self._store.transaction():
            self.bank.reset()
            for face in self._faces:
                face.reset()
        self.faults.forget()

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: The address cannot be had.
        """
        runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=_GRACE_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError:
            await runner.cleanup()
            self._store.close()
            raise
        self._port = runner.addresses[0][1]
        self._runner = runner

    async def stop(self) -> None:
        """Stop listening and close the file."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self._store.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def application(self) -> web.Application:
        """Build all routes: the faces and the admin door."""
        app = web.Application()
        app.add_subapp("/admin", Admin(self.bank, self.faults, self.reset).application())
        for face in self._faces:
            app.add_subapp(f"/{face.name}", face.application())
        app.on_response_prepare.append(self._stamp)
        return app

    async def _stamp(self, _: web.Request, response: web.StreamResponse) -> None:
        # Clients measure their skew against this header: it follows the bank's clock too.
        response.headers["Date"] = format_datetime(self.bank.clock.now(), usegmt=True)


async def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8700,
    data: str | Path | None = None,
    seed: int = 0,
    fault_rate: float = 0.0,
) -> None:
    """Serve until SIGINT or SIGTERM; prints one line when ready. Arguments as ``Simulator``.

    Raises:
        OSError: The address cannot be had.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with Simulator(host=host, port=port, data=data, seed=seed, fault_rate=fault_rate) as sim:
        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, stop.set)
        try:
            sys.stdout.write(f"simulated gateways ready at {sim.url}\n")
            sys.stdout.flush()
            await stop.wait()
        finally:
            for number in signals:
                loop.remove_signal_handler(number)


def _at_random(gateway: str, seed: int, rate: float) -> dict[str, object]:
    head = {"gateway": gateway, "operation": ANY, "fault": RANDOM}
    return {**head, "seed": seed, "rate": rate}

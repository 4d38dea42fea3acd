"""What the server expects of a gateway's face."""

from typing import ClassVar, Protocol

from aiohttp import web

from simulator.faults import Fault
from simulator.ground import Ground


class Face(Protocol):
    """One gateway's HTTP API, served under ``/<name>``.

    ``lacks`` are the faults that cannot happen at this gateway, as it has no answer to show them
    with; the admin door refuses to arm them.
    """

    name: ClassVar[str]
    lacks: ClassVar[frozenset[Fault]]

    def __init__(self, ground: Ground) -> None:
        """Load what the store keeps of this gateway."""
        ...

    def application(self) -> web.Application:
        """Build the routes, paths relative to ``/<name>``."""
        ...

    def reset(self) -> None:
        """Forget all payments and saved answers; credentials stay good."""
        ...

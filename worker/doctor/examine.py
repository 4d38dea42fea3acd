"""The whole examination: every check, in the order that people mend things in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from temporalio.client import Client
from temporalio.envconfig import ClientConnectConfig

from cardhold.hold import Given
from worker.cannot_start import CannotStart
from worker.doctor import cluster, configured, reach, reservations, sweep
from worker.doctor.results import Result, Results, Verdict, cannot_look, finding, looked
from worker.logs import Redaction
from worker.settings import TEMPORAL_ADDRESS, Settings
from worker.temporal import connect

_UNREACHED = (
    "retention", "search attributes", "workflow tasks", "activity tasks", "backlog",
    "workflow task failures", "deadlines", "attention", "refused starts", "ended from outside",
)  # fmt: skip
_NO_TEMPORAL = "Temporal does not answer"
_MEND_TEMPORAL = "mend temporal first"
_SET_ADDRESS = "start it, or set TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and their like"


class Examination(Given):
    """What was found.

    Attributes:
        checks: In the order that they are best mended in.
        findings: How many of them are findings.
        reached: Temporal answered.
    """

    checks: tuple[Result, ...]
    findings: int
    reached: bool


async def examine(
    connection: Callable[[], ClientConnectConfig], load: Callable[[], Settings] | None
) -> Examination:
    """Look at everything, and change nothing.

    Args:
        connection: How to reach Temporal.
        load: Reads the worker's configuration; None where this machine has none.
    """
    configuration, told = configured.read(load)
    (reached, cluster_checks, last), (fits, gateways) = await asyncio.gather(
        _temporal(connection, told), _configuration(told)
    )
    checks = [*cluster_checks, configuration, *fits, *gateways, *last]
    hide = Redaction(told.secrets if told else ())
    shown = tuple(_hidden(result, hide) for result in checks)
    findings = sum(result.verdict is Verdict.FINDING for result in shown)
    return Examination(checks=shown, findings=findings, reached=reached)


async def _configuration(told: Settings | None) -> tuple[Results, Results]:
    if told is None:
        return [], []
    origins = configured.origins(told)
    return configured.fitting(told), await looked("gateways", lambda: reach.gateways(origins))


async def _temporal(
    connection: Callable[[], ClientConnectConfig], told: Settings | None
) -> tuple[bool, Results, Results]:
    """Whether Temporal answers, its checks, and the one that comes last of all."""
    try:
        where = connection()
        client = await connect(where)
    except CannotStart as refused:
        says = str(refused).removesuffix(".").removesuffix(": start it, or set TEMPORAL_ADDRESS")
        first = finding("temporal", says, _SET_ADDRESS)
        blind = [cannot_look(name, _NO_TEMPORAL, _MEND_TEMPORAL) for name in (*_UNREACHED, "sweep")]
        return False, [first, *blind[:-1]], blind[-1:]
    *results, last = await asyncio.gather(*_looks(client, where, told))
    flat = [result for part in results for result in part]
    return True, [flat[0], cluster.encryption(where), *flat[1:]], last


def _looks(
    client: Client, where: ClientConnectConfig, told: Settings | None
) -> tuple[Coroutine[Any, Any, Results], ...]:
    address = where.get("target_host", TEMPORAL_ADDRESS)
    margin = reservations.shortest_margin(told)
    return (
        looked("temporal", partial(cluster.answers, client, address)),
        looked("retention", partial(cluster.retention, client)),
        looked("search attributes", partial(cluster.search_attributes, client)),
        looked("task queue", partial(cluster.task_queue, client)),
        looked("workflow task failures", partial(reservations.wedged, client)),
        looked("deadlines", partial(reservations.overdue, client, margin)),
        looked("attention", partial(reservations.attention, client)),
        looked("ended runs", partial(reservations.ended_badly, client)),
        looked("sweep", partial(sweep.sweep, client)),
    )


def _hidden(result: Result, hide: Redaction) -> Result:
    """The result without what must never be shown, should it have got into a server's text."""
    about = tuple(hide(name) for name in result.about)
    do = result.do and hide(result.do)
    return result.model_copy(update={"says": hide(result.says), "do": do, "about": about})

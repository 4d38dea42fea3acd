"""The runs of reservations, as Temporal keeps them; alone in this package imports temporalio.

Every call ends in its answer, in one of `cardhold.errors`, or in one of the two things that
only the caller of this module can judge: `RunClosed` and `NoAnswer`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any, TypeVar, cast
from uuid import uuid4

from pydantic import BaseModel, ValidationError
from temporalio import client as temporal
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import ListWorkflowExecutionsRequest
from temporalio.common import (
    QueryRejectCondition,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.envconfig import ClientConfig
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from cardhold.errors import BY_TYPE, CardholdError, Closed, ErrorDetail, NotFound, Unreachable
from cardhold.hold import Hold, HoldState
from cardhold.listing import Filter, Page, Row
from cardhold.messages import AUTHORIZED, Authorized, HoldRequest, Message
from cardhold.money import Money
from cardhold.names import (
    QUERY_HOLD,
    TASK_QUEUE,
    WORKFLOW_ID_PREFIX,
    WORKFLOW_TYPE,
    SearchAttribute,
    workflow_id,
)
from cardhold.reading import InvalidMessage, read
from cardhold.verbs import payload

AnswerT = TypeVar("AnswerT", bound=BaseModel)

#: Where Temporal is when its environment configuration does not say, as for its own CLI.
DEFAULT_ADDRESS = "127.0.0.1:7233"
_CONNECT_WITHIN = timedelta(seconds=10)
# Temporal's own word for a run that closed after it had taken an update in.
_CLOSED_UNDER_UPDATE = "AcceptedUpdateCompletedWorkflow"
# And for an update that no worker has looked at, the task that brought it lost.
_UNPROCESSED = "UnprocessedUpdate"

# Temporal took the call for what it is and refused it: nothing reached the reservation.
_REFUSED_BY_TEMPORAL = frozenset({
    RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.PERMISSION_DENIED,
    RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.UNIMPLEMENTED,
})  # fmt: skip
# The run is closed, closing, or was never there: reading it tells which.
_NO_OPEN_RUN = frozenset({
    RPCStatusCode.NOT_FOUND, RPCStatusCode.ABORTED, RPCStatusCode.ALREADY_EXISTS,
})  # fmt: skip


class RunClosed(Exception):
    """The run is closed, closed under the call, or never was."""


class NoAnswer(Exception):
    """Temporal, or a worker, gave no answer in time; the call may have gone through."""


@dataclass(frozen=True, slots=True)
class End:
    """How a closed run left its reservation.

    Attributes:
        hold: What the run ended with; where it was ended from outside, how the hold stood
            then, if a worker could still tell.
        broken: Temporal's word for a run that was ended from outside, such as ``terminated``.
    """

    hold: Hold | None
    broken: str | None = None

    def settled(self, reservation_id: str) -> Hold:
        """The hold that the run ended with, or `Closed` if it was ended from outside."""
        if self.hold is None or self.broken:
            raise Closed(
                f"the run of reservation {reservation_id} was {self.broken}: "
                "nobody keeps its hold any more, look at the gateway",
                hold=self.hold,
            )
        return self.hold


class Runs:
    """Calls to the workflows of reservations, by workflow id.

    Args:
        client: A connected Temporal client, with whatever data converter.
        answer_within: How long an update may take as a whole.
        read_within: How long anything else may take.
    """

    def __init__(
        self, client: temporal.Client, *, answer_within: timedelta, read_within: timedelta
    ) -> None:
        self._temporal = client
        self._answer_within = answer_within
        self._read_within = read_within

    async def start(self, request: HoldRequest, *, wait: bool) -> Hold | None:
        """Update-with-start of ``authorized``; None where the answer was not waited for."""
        operation = _operation(request)
        stages = temporal.WorkflowUpdateStage
        try:
            async with _calling(self._answer_within):
                update = await self._temporal.start_update_with_start_workflow(
                    AUTHORIZED,
                    payload(Authorized(request=request)),
                    start_workflow_operation=operation,
                    id=str(uuid4()),
                    wait_for_stage=stages.COMPLETED if wait else stages.ACCEPTED,
                    rpc_timeout=self._answer_within,
                )
                return Hold.model_validate(await update.result()) if wait else None
        except (CardholdError, RunClosed, NoAnswer):
            await _drop(operation)
            raise

    async def update(self, name: str, message: Message, *, to: str) -> Hold:
        """Send an update and wait for its answer."""
        # Temporal's own id is new each time: it would answer a repeat with the first answer
        # unread, and other content under the same command id would never be noticed.
        async with _calling(self._answer_within):
            answer = await self._temporal.get_workflow_handle(to).execute_update(
                name, payload(message), id=str(uuid4()), rpc_timeout=self._answer_within
            )
            return Hold.model_validate(answer)

    async def signal(self, name: str, message: Message, *, to: str) -> None:
        """Leave a signal; nobody answers it."""
        async with _calling(self._read_within):
            await self._temporal.get_workflow_handle(to).signal(
                name, payload(message), rpc_timeout=self._read_within
            )

    async def query(
        self, name: str, answer: type[AnswerT], *, of: str, closed: bool = False
    ) -> AnswerT:
        """Ask a worker; a closed run is replayed for it only if ``closed`` says so."""
        conditions = QueryRejectCondition
        async with _calling(self._read_within):
            given = await self._temporal.get_workflow_handle(of).query(
                name,
                reject_condition=conditions.NONE if closed else conditions.NOT_OPEN,
                rpc_timeout=self._read_within,
            )
            return answer.model_validate(given)

    async def end(self, of: str) -> End:
        """How the run ended, from its history; a worker is asked only if it has no answer there.

        Raises:
            NotFound: There is no such run.
            InvalidRequest: Its start was refused.
        """
        try:
            async with _calling(self._read_within):
                return End(
                    Hold.model_validate(await self._temporal.get_workflow_handle(of).result())
                )
        except RunClosed:
            raise NotFound(
                f"there is no reservation {of.removeprefix(WORKFLOW_ID_PREFIX)}"
            ) from None
        except _EndedFromOutside as ended:
            hold = None
            with suppress(CardholdError, NoAnswer, RunClosed):
                hold = await self.query(QUERY_HOLD, Hold, of=of, closed=True)
            return End(hold, broken=ended.word)

    async def request(self, of: str) -> HoldRequest | None:
        """What the run was started with; None if this version cannot read it."""
        async with _calling(self._read_within):
            events = self._temporal.get_workflow_handle(of).fetch_history_events(page_size=1)
            first = (await anext(events)).workflow_execution_started_event_attributes
            inputs = await self._temporal.data_converter.decode(first.input.payloads)
        try:
            return read(HoldRequest, inputs[0] if inputs else None)
        except InvalidMessage:
            return None

    async def list(self, which: Filter, *, limit: int, page: bytes | None) -> Page:
        """One page of runs, in one request."""
        # Not the SDK's own listing: it fails on the first paused workflow (temporalio 1.35).
        request = ListWorkflowExecutionsRequest(
            namespace=self._temporal.namespace,
            page_size=limit,
            next_page_token=page or b"",
            query=which.query(),
        )
        async with _calling(self._read_within):
            answer = await self._temporal.workflow_service.list_workflow_executions(
                request, retry=True, timeout=self._read_within
            )
        return Page(
            rows=tuple(_row(entry) for entry in answer.executions),
            next_page=answer.next_page_token or None,
        )


async def connect(overrides: dict[str, Any]) -> temporal.Client:
    """Connect as Temporal's environment configuration says; ``overrides`` win over it.

    Raises:
        Unreachable: Temporal does not answer there, or the configuration cannot be read.
    """
    address = DEFAULT_ADDRESS
    try:
        config: dict[str, Any] = {"target_host": address, "connect_timeout": _CONNECT_WITHIN}
        config |= {**ClientConfig.load_client_connect_config(), **overrides}
        address = str(config["target_host"])
        return await temporal.Client.connect(**config)
    except (RuntimeError, ValueError, OSError, RPCError) as error:
        raise Unreachable(f"Temporal cannot be reached at {address}") from error


class _EndedFromOutside(Exception):
    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


@asynccontextmanager
async def _calling(limit: timedelta) -> AsyncGenerator[None]:
    """Give the calls inside ``limit`` in all, and turn what Temporal says into our own words."""
    try:
        # Temporal's own time-out counts for each request, and the SDK makes as many as it takes.
        async with asyncio.timeout(limit.total_seconds()):
            yield
    except (temporal.WorkflowUpdateFailedError, temporal.WorkflowFailureError) as error:
        raise _of_failure(error) from error
    except (temporal.WorkflowQueryRejectedError, WorkflowAlreadyStartedError) as error:
        raise RunClosed from error
    except temporal.WorkflowQueryFailedError as error:
        raise Unreachable(f"the worker cannot answer: {error}") from error
    except (TimeoutError, temporal.RPCTimeoutOrCancelledError) as error:
        # The SDK turns the cancellation of our own task into this error: it is passed on.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from error
        raise NoAnswer(f"no answer within {limit.total_seconds():g} seconds") from error
    except RPCError as error:
        raise _of_rpc(error) from error
    except ValidationError as error:
        raise NoAnswer("the answer cannot be read") from error


def _of_failure(
    error: temporal.WorkflowUpdateFailedError | temporal.WorkflowFailureError,
) -> Exception:
    cause = error.cause
    of_run = isinstance(error, temporal.WorkflowFailureError)
    if not isinstance(cause, ApplicationError):
        word = type(cause).__name__.removesuffix("Error").lower()
        return _EndedFromOutside(word) if of_run else NoAnswer(f"the update was {word}")
    if cause.type == _CLOSED_UNDER_UPDATE:
        return RunClosed()
    if cause.type in BY_TYPE:
        return _of_contract(cause)
    if cause.type == _UNPROCESSED:
        return NoAnswer("no worker has taken the update in")
    return _EndedFromOutside("failed") if of_run else CardholdError(cause.message)


def _of_contract(cause: ApplicationError) -> CardholdError:
    given: object = cause.details[0] if cause.details else {}
    try:
        detail = ErrorDetail.model_validate(given)
    except ValidationError:  # a later version's hold may be beyond us: the error itself is not
        detail = ErrorDetail()
    return BY_TYPE[cause.type or ""](
        cause.message, field=detail.field, operation_id=detail.operation_id, hold=detail.hold
    )


def _of_rpc(error: RPCError) -> Exception:
    details = error.grpc_status.details
    if any(detail.Is(NamespaceNotFoundFailure.DESCRIPTOR) for detail in details):
        return Unreachable(f"Temporal says: {error.message}")
    if error.status in _NO_OPEN_RUN:
        return RunClosed(error.message)
    if error.status in _REFUSED_BY_TEMPORAL:
        return Unreachable(f"Temporal refused the call: {error.message}")
    return NoAnswer(f"Temporal gave no answer ({error.message})")


def _operation(request: HoldRequest) -> temporal.WithStartWorkflowOperation[Any, Any]:
    return temporal.WithStartWorkflowOperation(
        WORKFLOW_TYPE,
        payload(request),
        id=workflow_id(request.reservation_id),
        task_queue=TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        search_attributes=_search_attributes(request),
        # Shown to whoever may list workflows: no token, and nothing that the caller wrote freely.
        static_summary=f"{request.reservation_id} · {request.amount} at {request.gateway}",
    )


async def _drop(operation: temporal.WithStartWorkflowOperation[Any, Any]) -> None:
    """Read the error that a failed start keeps in a future, which complains if dropped unread."""
    kept = asyncio.ensure_future(operation.workflow_handle())
    # It is there already, unless what failed came before Temporal was asked at all.
    await asyncio.wait({kept}, timeout=0.1)
    if not kept.cancel() and not kept.cancelled():
        kept.exception()


def _search_attributes(request: HoldRequest) -> TypedSearchAttributes:
    words = {
        SearchAttribute.STATE: HoldState.AUTHORIZING,
        SearchAttribute.GATEWAY: request.gateway,
        SearchAttribute.BOOKING: request.booking,
        SearchAttribute.PROPERTY: request.property,
        SearchAttribute.CURRENCY: request.amount.currency,
    }
    counts = (SearchAttribute.REMAINING, SearchAttribute.CAPTURED)
    return TypedSearchAttributes([
        *(SearchAttributePair(SearchAttributeKey.for_keyword(name), str(word))
          for name, word in words.items() if word is not None),
        *(SearchAttributePair(SearchAttributeKey.for_int(name), 0) for name in counts),
    ])  # fmt: skip


def _row(entry: WorkflowExecutionInfo) -> Row:
    fields = entry.search_attributes.indexed_fields
    found = {name: json.loads(fields[name].data) for name in SearchAttribute if name in fields}
    currency = found.get(SearchAttribute.CURRENCY)
    closed = entry.HasField("close_time")
    return Row(
        reservation_id=entry.execution.workflow_id.removeprefix(WORKFLOW_ID_PREFIX),
        run=_run_word(entry.status),
        started_at=entry.start_time.ToDatetime(UTC),
        closed_at=entry.close_time.ToDatetime(UTC) if closed else None,
        state=found.get(SearchAttribute.STATE),
        gateway=found.get(SearchAttribute.GATEWAY),
        attention=found.get(SearchAttribute.ATTENTION),
        booking=found.get(SearchAttribute.BOOKING),
        property=found.get(SearchAttribute.PROPERTY),
        remaining=_money(found.get(SearchAttribute.REMAINING), currency),
        captured=_money(found.get(SearchAttribute.CAPTURED), currency),
        deadline=found.get(SearchAttribute.DEADLINE),
    )


def _run_word(status: int) -> str:
    """``Running``, ``TimedOut``; also for a status that the SDK's own enum does not know."""
    try:
        name = WorkflowExecutionStatus.Name(cast("WorkflowExecutionStatus.ValueType", status))
    except ValueError:
        return f"status {status}"
    return name.removeprefix("WORKFLOW_EXECUTION_STATUS_").title().replace("_", "")


def _money(amount_minor: int | None, currency: str | None) -> Money | None:
    if amount_minor is None or currency is None:
        return None
    try:
        return Money(amount_minor=amount_minor, currency=currency)
    except ValidationError:
        return None  # whoever starts a run may set these attributes before the run does

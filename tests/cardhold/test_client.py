"""What a caller gets from the client, whatever Temporal says.

A real server, and a workflow that misbehaves on purpose: it closes under an update, never
answers, fails, or answers nonsense. Each race ends in the one answer that the contract has.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from temporalio import client as temporal
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

import cardhold
from cardhold import Capture, Client, Filter, Hold, HoldRequest, HoldState, OperationState
from cardhold.errors import BY_TYPE
from cardhold.names import WORKFLOW_TYPE, workflow_id

Request = Callable[..., HoldRequest]


async def test_a_start_answers_with_the_decided_hold(client: Client, request_for: Request) -> None:
    request = request_for()

    hold = await client.start(request)

    assert hold.reservation_id == request.reservation_id
    assert str(hold.remaining) == "100.00 USD"


async def test_a_start_that_is_not_waited_for_answers_with_the_hold_as_it_stands(
    client: Client, request_for: Request
) -> None:
    request = request_for(description="never decided")

    hold = await client.start(request, wait=False)

    assert hold.reservation_id == request.reservation_id


async def test_another_request_is_a_conflict_though_nobody_waits_for_the_answer(
    client: Client, request_for: Request
) -> None:
    request = request_for(description="never decided")
    first = await client.start(request, wait=False)
    assert await client.start(request, wait=False) == first

    other = request_for(reservation_id=request.reservation_id, amount="900.00 USD")
    with pytest.raises(cardhold.Conflict, match="another request") as caught:
        await client.start(other, wait=False)

    assert caught.value.hold == first


async def test_a_start_without_an_answer_is_an_unknown_outcome_that_shows_the_hold(
    client: Client, request_for: Request
) -> None:
    with pytest.raises(cardhold.OutcomeUnknown, match="same request") as caught:
        await client.start(request_for(description="never decided"))

    assert isinstance(caught.value.hold, Hold)


async def test_a_start_of_a_settled_reservation_answers_with_its_hold(
    client: Client, request_for: Request
) -> None:
    request = request_for(operator="web")
    await client.start(request)
    await client.capture(request.reservation_id, reason="close after")

    hold = await client.start(request.model_copy(update={"operator": "desk"}))

    assert hold.state == "captured"


async def test_a_start_with_another_request_is_a_conflict_after_closing_too(
    client: Client, request_for: Request
) -> None:
    request = request_for()
    await client.start(request)
    await client.capture(request.reservation_id, reason="close after")

    other = request_for(reservation_id=request.reservation_id, amount="100.01 USD")
    with pytest.raises(cardhold.Conflict, match="another request") as caught:
        await client.start(other)

    assert caught.value.hold is not None
    assert caught.value.hold.state == "captured"


async def test_a_start_whose_run_closes_under_it_answers_with_the_hold(
    client: Client, request_for: Request
) -> None:
    hold = await client.start(request_for(description="close at once"))

    assert hold.state in {"authorized", "captured"}


async def test_a_start_that_the_workflow_refuses_is_invalid_now_and_later(
    client: Client, request_for: Request
) -> None:
    request = request_for(description="invalid start")

    with pytest.raises(cardhold.InvalidRequest) as caught:
        await client.start(request)
    assert caught.value.field == "gateway"

    for again in (client.start(request), client.hold(request.reservation_id)):
        with pytest.raises(cardhold.InvalidRequest, match="not configured"):
            await again


async def test_a_start_after_a_termination_says_that_nobody_keeps_the_hold(
    client: Client, request_for: Request, misbehaving: temporal.Client
) -> None:
    request = request_for()
    await client.start(request)
    await misbehaving.get_workflow_handle(workflow_id(request.reservation_id)).terminate("test")

    with pytest.raises(cardhold.Closed, match="was terminated") as caught:
        await client.start(request)

    assert caught.value.hold is not None
    assert str(caught.value.hold.remaining) == "100.00 USD"
    assert (await client.hold(request.reservation_id)).state == "authorized"


@pytest.mark.parametrize(
    "wrong",
    [
        {"settle_by": datetime.now(UTC) - timedelta(seconds=1)},
        {"payment_method": {"kind": "stored_token", "token": "4111111111111111"}},
        {"description": "card 5555 5555 5555 4444 12/28"},
        {"reservation_id": "4111111111111111"},
    ],
)
async def test_a_wrong_start_never_leaves_the_client(
    client: Client, request_for: Request, misbehaving: temporal.Client, wrong: dict[str, object]
) -> None:
    request = request_for(**wrong)

    with pytest.raises(cardhold.InvalidRequest) as caught:
        await client.start(request)

    assert "4111" not in str(caught.value)
    assert "5555" not in str(caught.value)
    assert await _is_absent(misbehaving, workflow_id(request.reservation_id))


async def test_nothing_that_a_list_of_workflows_shows_holds_the_token_or_free_text(
    client: Client, request_for: Request, misbehaving: temporal.Client
) -> None:
    request = request_for(description="the guest's words", metadata={"note": "words"})
    await client.start(request)

    shown = await misbehaving.get_workflow_handle(workflow_id(request.reservation_id)).describe()

    summary = await shown.static_summary()
    assert summary == f"{request.reservation_id} · 100.00 USD at payroc"


async def test_an_update_that_the_server_gave_up_on_may_yet_be_carried_out(
    client: Client, request_for: Request
) -> None:
    name = (await client.start(request_for())).reservation_id

    with pytest.raises(cardhold.OutcomeUnknown):
        await client.capture(name, reason="fail as UnprocessedUpdate")


@pytest.mark.parametrize("kind", BY_TYPE)
async def test_every_error_type_of_the_contract_is_a_class_of_its_own(
    client: Client, request_for: Request, kind: str
) -> None:
    name = (await client.start(request_for())).reservation_id

    with pytest.raises(BY_TYPE[kind], match=f"as told: {kind}") as caught:
        await client.capture(name, reason=f"fail as {kind}")

    assert caught.value.type == kind
    assert caught.value.field == "amount"
    assert caught.value.operation_id == "capture/2"
    assert caught.value.hold is not None


async def test_a_command_to_a_settled_reservation_is_closed_and_shows_the_hold(
    client: Client, request_for: Request
) -> None:
    name = (await client.start(request_for())).reservation_id
    await client.capture(name, reason="close after")

    with pytest.raises(cardhold.Closed, match="settled") as caught:
        await client.capture(name)

    assert caught.value.hold is not None
    assert caught.value.hold.state == "captured"


async def test_a_repeat_after_closing_gets_the_answer_of_its_operation(
    client: Client, request_for: Request
) -> None:
    name = (await client.start(request_for())).reservation_id
    await client.capture(name, "80.00 USD", command_id="checkout", reason="close after")

    hold = await client.capture(name, "80.00 USD", command_id="checkout")

    assert hold.operations[-1].state is OperationState.DONE
    with pytest.raises(cardhold.Conflict):
        await client.capture(name, "80.01 USD", command_id="checkout")
    with pytest.raises(cardhold.Conflict):
        await client.release(name, command_id="checkout")


async def test_a_run_that_closes_under_a_command_is_closed(
    client: Client, request_for: Request
) -> None:
    name = (await client.start(request_for())).reservation_id

    with pytest.raises(cardhold.Closed):
        await client.capture(name, reason="close under it")


async def test_a_run_that_closes_under_a_command_it_carried_out_gives_its_answer(
    client: Client, request_for: Request
) -> None:
    name = (await client.start(request_for())).reservation_id

    hold = await client.capture(name, reason="capture and close under it")

    assert hold.state == "captured"


async def test_a_command_without_an_answer_names_its_operation_and_its_id(
    client: Client, request_for: Request
) -> None:
    name = (await client.start(request_for())).reservation_id

    with pytest.raises(cardhold.OutcomeUnknown, match="command id dinner") as caught:
        await client.capture(name, command_id="dinner", reason="never answered")

    assert caught.value.operation_id == "capture/1"
    assert caught.value.hold is not None


async def test_a_lost_answer_is_read_from_the_hold_where_it_is_decided(
    client: Client, request_for: Request
) -> None:
    name = (await client.start(request_for())).reservation_id

    with pytest.raises(cardhold.Declined, match="as the issuer says"):
        await client.capture(name, reason="decided but never answered")


async def test_an_answer_that_cannot_be_read_is_not_taken_for_a_failure(
    client: Client, request_for: Request
) -> None:
    name = (await client.start(request_for())).reservation_id

    with pytest.raises(cardhold.OutcomeUnknown, match="cannot be read"):
        await client.capture(name, reason="answer nonsense")


async def test_a_command_that_no_worker_knows_is_not_taken_for_done(
    client: Client, request_for: Request
) -> None:
    name = (await client.start(request_for())).reservation_id

    with pytest.raises(cardhold.CardholdError, match="acknowledge"):
        await client.acknowledge(name)


async def test_a_cancelled_caller_stays_cancelled(client: Client, request_for: Request) -> None:
    name = (await client.start(request_for())).reservation_id
    call = asyncio.create_task(client.capture(name, reason="never answered"))
    await asyncio.sleep(0.3)

    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call


async def test_a_signal_reaches_the_run_and_a_settled_one_refuses_it(
    client: Client, request_for: Request, misbehaving: temporal.Client
) -> None:
    name = (await client.start(request_for())).reservation_id

    await client.signal(name, cardhold.Release(command_id="night-audit"))

    await misbehaving.get_workflow_handle(workflow_id(name)).result()
    assert (await client.authorized(name)).operations[-1].command_id == "night-audit"
    with pytest.raises(cardhold.Closed):
        await client.signal(name, cardhold.Release())
    with pytest.raises(cardhold.InvalidRequest, match="no signal"):
        await client.signal(name, cardhold.Acknowledge())


@pytest.mark.parametrize("call", ["hold", "plan", "release", "authorized", "authenticated"])
async def test_a_reservation_that_is_not_there_is_not_found(client: Client, call: str) -> None:
    with pytest.raises(cardhold.NotFound, match="no reservation RES-none") as caught:
        await getattr(client, call)("RES-none")

    assert isinstance(caught.value, LookupError)


@pytest.mark.parametrize("name", ["", "a b", "-x", "x" * 65, "4111111111111111", "RES-1\n"])
async def test_a_reservation_id_is_checked_before_it_is_sent(client: Client, name: str) -> None:
    with pytest.raises(cardhold.InvalidRequest) as caught:
        await client.release(name)

    assert not name or name not in str(caught.value)


async def test_a_plan_is_read_while_running_and_empty_afterwards(
    client: Client, request_for: Request
) -> None:
    name = (await client.start(request_for())).reservation_id

    assert [step.kind for step in (await client.plan(name)).steps] == ["release"]

    await client.capture(name, reason="close after")
    assert (await client.plan(name)).steps == ()


async def test_without_a_worker_nothing_hangs(
    server: temporal.Client, request_for: Request
) -> None:
    hurried = Client(server, answer_within=timedelta(seconds=1), read_within=timedelta(seconds=0.5))
    name = request_for().reservation_id
    await server.start_workflow(
        "Reservation", {}, id=workflow_id(name), task_queue="nobody-works-here"
    )
    began = time.monotonic()

    with pytest.raises(cardhold.OutcomeUnknown) as caught:
        await hurried.send(name, Capture())
    with pytest.raises(cardhold.Unreachable, match="no worker"):
        await hurried.hold(name)

    assert caught.value.hold is None
    assert time.monotonic() - began < 5


async def test_a_namespace_that_is_not_there_is_no_missing_reservation(
    server: temporal.Client,
) -> None:
    elsewhere = await Client.connect(
        target_host=server.service_client.config.target_host, namespace="elsewhere"
    )

    with pytest.raises(cardhold.Unreachable, match="elsewhere"):
        await elsewhere.hold("RES-1")


async def test_a_server_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(cardhold.Unreachable, match=r"^Temporal cannot be reached at 127.0.0.1:1$"):
        await Client.connect(target_host="127.0.0.1:1")


async def test_a_list_narrows_on_the_server_and_reads_rows_from_search_attributes(
    client: Client, request_for: Request
) -> None:
    odd = "O'Neill % 'x' OR 1=1"
    request = request_for(booking=odd, property="villa", amount="7 JPY")
    await client.start(request)
    await client.start(request_for(booking="other"))

    rows = await _eventually(
        client, Filter(booking=odd, states=(HoldState.AUTHORIZING,), running=True)
    )

    [row] = rows
    assert row.reservation_id == request.reservation_id
    assert (row.booking, row.property, row.gateway) == (odd, "villa", "payroc")
    assert str(row.remaining) == "0 JPY"
    assert row.run == "Running"
    assert row.closed_at is None


@pytest.mark.parametrize("strange", [{"CardholdCurrency": "usd"}, {"CardholdRemaining": -1}])
async def test_a_row_that_somebody_filled_in_hides_no_other(
    client: Client, request_for: Request, misbehaving: temporal.Client, strange: dict[str, object]
) -> None:
    property_ = f"strange-{uuid.uuid4().hex}"
    told = {"CardholdProperty": property_, "CardholdCurrency": "USD", "CardholdRemaining": 0}
    await misbehaving.start_workflow(
        WORKFLOW_TYPE,
        args=[{}],
        id=f"reservation-{property_}",
        task_queue="nobody",
        search_attributes=_attributes({**told, **strange}),
    )
    request = request_for(property=property_)
    await client.start(request)

    rows = await _eventually(client, Filter(property=property_), count=2)
    assert {row.remaining and str(row.remaining) for row in rows} == {None, "0.00 USD"}


async def test_a_list_pages(client: Client, request_for: Request) -> None:
    for _ in range(3):
        await client.start(request_for(property="paged"))
    which = Filter(property="paged")
    await _eventually(client, which, count=3)

    first = await client.list(which, limit=2)
    second = await client.list(which, limit=2, page=first.next_page)

    assert (len(first.rows), len(second.rows)) == (2, 1)


async def _eventually(client: Client, which: Filter, *, count: int = 1) -> tuple[cardhold.Row, ...]:
    """The rows, once visibility, which lags, shows as many."""
    for _ in range(50):
        rows = (await client.list(which)).rows
        if len(rows) >= count:
            return rows
        await asyncio.sleep(0.1)
    raise AssertionError(f"visibility never showed {count} rows for {which.query()}")


def _attributes(told: dict[str, object]) -> TypedSearchAttributes:
    return TypedSearchAttributes(
        [
            SearchAttributePair(SearchAttributeKey.for_int(name), value)
            if isinstance(value, int)
            else SearchAttributePair(SearchAttributeKey.for_keyword(name), str(value))
            for name, value in told.items()
        ]
    )


async def _is_absent(server: temporal.Client, name: str) -> bool:
    try:
        await server.get_workflow_handle(name).describe()
    except temporal.RPCError as error:
        return error.status is temporal.RPCStatusCode.NOT_FOUND
    return False

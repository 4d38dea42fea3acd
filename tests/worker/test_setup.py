"""``cardhold setup`` against a real server: complete, repeatable, and never shortens anything."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
    RemoveSearchAttributesRequest,
)
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, UpdateNamespaceRequest
from temporalio.client import Client, ScheduleActionStartWorkflow, ScheduleOverlapPolicy
from temporalio.envconfig import ClientConnectConfig

from cardhold.names import SEARCH_ATTRIBUTE_TYPES
from worker import embedded, setup
from worker.cannot_start import CannotStart
from worker.embedded import EmbeddedTemporal
from worker.temporal import connect


def at(temporal: EmbeddedTemporal, namespace: str) -> ClientConnectConfig:
    return ClientConnectConfig(target_host=temporal.address, namespace=namespace)


async def retention(client: Client) -> timedelta:
    found = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=client.namespace)
    )
    return found.config.workflow_execution_retention_ttl.ToTimedelta()


async def sweeps(client: Client) -> tuple[object, ...]:
    """What the schedule of the sweep says."""
    schedule = (await client.get_schedule_handle("cardhold-sweep").describe()).schedule
    action = schedule.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    [interval] = schedule.spec.intervals
    return (
        *(action.workflow, action.id, action.task_queue, interval.every, schedule.spec.jitter),
        *(schedule.policy.overlap, schedule.policy.catchup_window),
    )


async def registered(client: Client) -> set[str]:
    found = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    return set(found.custom_attributes)


async def test_a_new_namespace_gets_everything_and_the_second_time_nothing(
    temporal: EmbeddedTemporal,
) -> None:
    first = await setup.run(at(temporal, "new"))
    second = await setup.run(at(temporal, "new"))
    client = await connect(at(temporal, "new"))
    assert first[0] == "created the namespace new, retention 30 days"
    assert first[1].startswith("added search attributes: CardholdState, ")
    assert all("already" in line for line in second)
    assert await retention(client) == timedelta(days=30)
    assert set(SEARCH_ATTRIBUTE_TYPES) <= await registered(client)
    assert await setup.check(client)


async def test_set_ups_at_one_time_do_not_disturb_each_other(temporal: EmbeddedTemporal) -> None:
    await asyncio.gather(*(setup.run(at(temporal, "at-once")) for _ in range(4)))
    assert await setup.check(await connect(at(temporal, "at-once")))


async def test_a_short_retention_is_made_longer(temporal: EmbeddedTemporal) -> None:
    [told, *_] = await setup.run(at(temporal, "default"))
    assert "30 days" in told
    assert await retention(await connect(at(temporal, "default"))) == timedelta(days=30)


async def test_a_longer_retention_stays(temporal: EmbeddedTemporal) -> None:
    await setup.run(at(temporal, "long"))
    client = await connect(at(temporal, "long"))
    config = NamespaceConfig()
    config.workflow_execution_retention_ttl.FromTimedelta(timedelta(days=90))
    await client.workflow_service.update_namespace(
        UpdateNamespaceRequest(namespace="long", config=config)
    )
    await setup.run(at(temporal, "long"))
    assert await retention(client) == timedelta(days=90)


async def test_the_sweep_is_scheduled_hourly_and_never_twice_at_a_time(
    temporal: EmbeddedTemporal,
) -> None:
    told = await setup.run(at(temporal, "swept"))
    assert told[-1] == "created the schedule cardhold-sweep, a sweep every hour"
    assert await sweeps(await connect(at(temporal, "swept"))) == (
        *("Sweep", "cardhold-sweep", "cardhold", timedelta(hours=1), timedelta(minutes=5)),
        *(ScheduleOverlapPolicy.SKIP, timedelta(minutes=10)),
    )


async def test_a_schedule_that_somebody_has_paused_stays_paused(temporal: EmbeddedTemporal) -> None:
    await setup.run(at(temporal, "paused"))
    schedule = (await connect(at(temporal, "paused"))).get_schedule_handle("cardhold-sweep")
    await schedule.pause(note="the gateway moves house")
    [*_, told] = await setup.run(at(temporal, "paused"))
    assert told == "the schedule cardhold-sweep is there already"
    assert (await schedule.describe()).schedule.state.paused


async def test_a_missing_namespace_is_refused(temporal: EmbeddedTemporal) -> None:
    client = await connect(at(temporal, "absent"))
    with pytest.raises(CannotStart, match="The namespace absent is missing: run `cardhold setup`"):
        await setup.check(client)


async def test_missing_search_attributes_are_refused(temporal: EmbeddedTemporal) -> None:
    await setup.run(at(temporal, "partial"))
    client = await connect(at(temporal, "partial"))
    await client.operator_service.remove_search_attributes(
        RemoveSearchAttributesRequest(
            namespace="partial", search_attributes=["CardholdDeadline", "CardholdState"]
        )
    )
    with pytest.raises(CannotStart, match=r"lacks .*\(CardholdState, CardholdDeadline\): run"):
        await setup.check(client)


async def test_a_search_attribute_of_another_type_is_refused(temporal: EmbeddedTemporal) -> None:
    await setup.run(at(temporal, "other-type"))
    client = await connect(at(temporal, "other-type"))
    await client.operator_service.remove_search_attributes(
        RemoveSearchAttributesRequest(
            namespace="other-type", search_attributes=["CardholdRemaining"]
        )
    )
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace="other-type",
            search_attributes={"CardholdRemaining": IndexedValueType.INDEXED_VALUE_TYPE_TEXT},
        )
    )
    with pytest.raises(CannotStart, match=r"CardholdRemaining .* is of another type than Int"):
        await setup.check(client)
    with pytest.raises(CannotStart, match=r"CardholdRemaining .* is of another type than Int"):
        await setup.run(at(temporal, "other-type"))


async def test_a_server_that_does_not_answer_has_an_exit_code_of_its_own() -> None:
    with pytest.raises(CannotStart, match="nobody listens there") as refused:
        await setup.run(ClientConnectConfig(target_host="127.0.0.1:1", namespace="default"))
    assert refused.value.exit_code == 7


async def test_an_address_that_is_none_is_one_sentence() -> None:
    with pytest.raises(CannotStart, match="TEMPORAL_ADDRESS is not an address") as refused:
        await setup.run(ClientConnectConfig(target_host="::no::", namespace="default"))
    assert refused.value.exit_code == 2


async def test_the_printed_commands_do_the_same(temporal: EmbeddedTemporal) -> None:
    sh = shutil.which("sh")
    assert sh is not None
    program = embedded.temporal_program()
    printed = "\n".join(setup.commands("printed")).replace("temporal ", '"$T" ')
    environment = {"T": program, "TEMPORAL_ADDRESS": temporal.address, "HOME": "/nonexistent"}
    subprocess.run([sh, "-euc", printed], env=environment, check=True, capture_output=True)  # noqa: S603, ASYNC221 - our own commands; nothing else runs meanwhile
    client = await connect(at(temporal, "printed"))
    assert await setup.check(client)
    assert await retention(client) == timedelta(days=30)
    await setup.run(at(temporal, "by-itself"))
    assert await sweeps(client) == await sweeps(await connect(at(temporal, "by-itself")))

"""The sweep on a real server against the simulated gateways; the bank's books are the judge.

Each test has an account of its own, so that no other test's reservations are in its lists. What
somebody does at the gateway without us is done through another adapter of the same gateway.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from cardhold.money import Money
from domain.calls import Call
from gateways.port import Named
from tests.workflows.checks import agrees
from tests.workflows.stack import Json, Reserved, Stack
from tests.workflows.sweeping import LISTING, Swept, Torn, swept

Kinds = list[tuple[str, str]]


def found(report: Json) -> Kinds:
    """What was found, and what was done about it."""
    assert report["failed"] is None
    return [(each["kind"], each["step"]) for each in report["findings"]]


def counted(report: Json) -> dict[str, int]:
    return {name: count for name, count in report["counts"].items() if count}


async def in_the_portal(here: Swept, reserved: Reserved, verb: str, amount_minor: int) -> None:
    """Somebody does something to the hold, and not through us."""
    hold = await reserved.hold()
    fields: dict[str, Any] = {
        "account": here.name,
        "workflow_id": "the-portal",
        "kind": verb,
        "command_id": "by-hand",
        "amount": Money(amount_minor=amount_minor, currency=hold["authorized"]["currency"]),
        "held": hold["authorized"],
        "captured": hold["captured"],
        "payment_id": hold["payment_id"],
        "reference": hold["gateway_reference"],
    }
    named = Named(Call(**fields), "1c8d4f4e-2b5a-4a3c-9d6e-7f8091a2b3c4", "PORTAL")
    await getattr(here.account, verb)(named)


async def signals(reserved: Reserved) -> Counter[str]:
    """The names of all signals that it ever got."""
    return Counter(
        event.workflow_execution_signaled_event_attributes.signal_name
        for event in (await reserved.history()).events
        if event.HasField("workflow_execution_signaled_event_attributes")
    )


@pytest.mark.parametrize("kind", LISTING)
async def test_a_terminated_reservations_hold_is_released_once_after_the_quarantine(
    stack: Stack, kind: str
) -> None:
    async with swept(stack, kind) as here:
        reserved = await here.start()
        running = await here.sweep()
        agrees(await reserved.hold(), await stack.book())
        await here.terminate(reserved)
        soon = await here.sweep(quarantine_s=3600)
        before = await stack.book()
        late = await here.sweep_later()
        again = await here.sweep()

    assert (found(running), counted(running)) == ([], {"open": 1, "agreed": 1})
    assert found(soon) == [("abandoned", "waits")]
    assert before["state"] == "open"
    assert found(late) == [("abandoned", "released")]
    assert late["findings"][0]["reservation_id"] == reserved.handle.id.removeprefix("reservation-")
    assert (found(again), counted(again)) == ([], {})
    book = await stack.book()
    assert (book["state"], book["released_minor"], book["refunded_minor"]) == ("released", 10000, 0)
    assert [effect["kind"] for effect in book["effects"]] == ["authorize", "release"]


async def test_what_was_captured_before_the_end_is_not_given_back(stack: Stack) -> None:
    async with swept(stack) as here:
        reserved = await here.start()
        await in_the_portal(here, reserved, "capture", 60_00)
        await here.terminate(reserved)
        report = await here.sweep_later()

    assert (found(report), counted(report)) == ([], {})
    book = await stack.book()
    assert (book["captured_minor"], book["refunded_minor"]) == (60_00, 0)


async def test_a_run_that_was_reset_after_its_end_keeps_its_hold(stack: Stack) -> None:
    async with swept(stack) as here:
        reserved = await here.start()
        await here.terminate(reserved)
        # The next run of the same id: an operator's reset makes one, and so does this.
        again = await here.stack.client.start_workflow(
            "Reservation",
            here.stack.request(gateway=here.name, reservation_id=_id_of(reserved)),
            id=reserved.handle.id,
            task_queue=here.stack.task_queue,
        )
        await here.until_listed(f"RunId = '{again.result_run_id}' AND CardholdRemaining > 0")
        report = await here.sweep_later()
        await again.terminate("the test is over")

    assert [kind for kind, _ in found(report)] == []
    assert (await stack.book())["state"] == "open"


@pytest.mark.parametrize("kind", LISTING)
async def test_a_reservation_started_again_a_moment_ago_keeps_its_hold_though_no_list_shows_it(
    stack: Stack, kind: str
) -> None:
    async with swept(stack, kind) as here:
        reserved = await here.start()
        await here.terminate(reserved)
        # Nobody has worked on it yet: it has no attributes, and the account's list has it not.
        again = await here.stack.client.start_workflow(
            "Reservation",
            here.stack.request(gateway=here.name, reservation_id=_id_of(reserved)),
            id=reserved.handle.id,
            task_queue=f"nobody-works-here-{here.name}",
        )
        kept = await here.sweep_later()
        before = await stack.book()
        await again.terminate("the test is over")
        freed = await here.sweep()

    assert found(kept) == [("abandoned", "waits")]
    assert (before["state"], before["released_minor"]) == ("open", 0)
    # Nothing but the look at the run itself had kept it: with that run ended too, it is freed.
    assert found(freed) == [("abandoned", "released")]
    assert (await stack.book())["state"] == "released"


def _id_of(reserved: Reserved) -> str:
    return reserved.handle.id.removeprefix("reservation-")


async def test_two_environments_on_one_merchants_account_leave_each_other_alone(
    stack: Stack,
) -> None:
    async with (
        swept(stack, environment="north") as north,
        swept(stack, environment="south") as south,
    ):
        await north.start()
        await south.terminate(await south.start())
        of_north = await north.sweep_later()
        early = {book["state"] for book in await stack.books()}
        of_south = await south.sweep_later()

    assert found(of_north) == [("orphan", "reported")]
    assert counted(of_north) == {"open": 2, "agreed": 1}
    assert early == {"open"}
    assert sorted(found(of_south)) == [("abandoned", "released"), ("orphan", "reported")]
    assert Counter(book["state"] for book in await stack.books()) == {"open": 1, "released": 1}


@pytest.mark.parametrize(("verb", "amount_minor"), [("capture", 100_00), ("release", 100_00)])
async def test_what_somebody_did_in_the_portal_is_looked_at_by_the_reservation(
    stack: Stack, verb: str, amount_minor: int
) -> None:
    async with swept(stack) as here:
        reserved = await here.start()
        await in_the_portal(here, reserved, verb, amount_minor)
        report = await here.sweep_later()
        await here.until_listed(
            f"WorkflowId = '{reserved.handle.id}' AND CardholdAttention = 'external_change'"
        )
        again = await here.sweep()

    assert found(report) == [("missing_at_gateway", "asked_to_look")]
    assert report["findings"][0]["recorded"] == {"amount_minor": 100_00, "currency": "USD"}
    # A person knows now.
    assert (found(again), counted(again)) == ([], {"busy": 1})


async def test_the_schedules_next_sweep_tells_and_asks_nothing_twice(stack: Stack) -> None:
    async with swept(stack) as here, here.schedule() as triggered:
        reserved = await here.start()
        await in_the_portal(here, reserved, "capture", 100_00)
        await asyncio.sleep(1.2)
        first = await triggered()
        second = await triggered()
        heard = await signals(reserved)

    # By the second sweep the reservation has looked, and told a person; or has yet to do so.
    assert found(first) == [("missing_at_gateway", "asked_to_look")]
    assert found(second) in ([], found(first))
    assert [each["since"] for each in second["findings"]] in (
        [],
        [each["since"] for each in first["findings"]],
    )
    assert heard == {"look": 1}


async def test_other_figures_at_the_gateway_are_looked_at_too(stack: Stack) -> None:
    async with swept(stack) as here:
        reserved = await here.start()
        await in_the_portal(here, reserved, "adjust", 130_00)
        report = await here.sweep_later()

    assert found(report) == [("differs", "asked_to_look")]
    assert report["findings"][0]["authorized"]["amount_minor"] == 130_00


async def test_an_adjusted_hold_agrees_though_the_lists_of_temporal_are_older(stack: Stack) -> None:
    async with swept(stack) as here:
        reserved = await here.start()
        amount = {"amount_minor": 130_00, "currency": "USD"}
        await reserved.update("adjust", {"amount": amount})
        report = await here.sweep()

    assert (found(report), counted(report)) == ([], {"open": 1, "agreed": 1})


async def test_a_second_cards_hold_is_known_as_its_reservations(stack: Stack) -> None:
    async with swept(stack) as here:
        await here.stack.fault("authorize", "decline")
        reserved, hold = await here.stack.start(gateway=here.name)
        assert hold["state"] == "declined"
        other = {"kind": "stored_token", "token": "2967530000000004"}
        await reserved.update("authorize", {"payment_method": other, "command_id": "other-card"})
        await here.until_listed(f"WorkflowId = '{reserved.handle.id}' AND CardholdRemaining > 0")
        kept = await here.sweep()
        await here.terminate(reserved)
        abandoned = await here.sweep_later()

    assert (found(kept), counted(kept)) == ([], {"open": 1, "agreed": 1})
    assert found(abandoned) == [("abandoned", "released")]


async def test_a_list_that_breaks_off_is_read_anew_and_never_means_missing(stack: Stack) -> None:
    torn: list[Torn] = []

    def tear(listing: Any) -> Torn:
        torn.append(Torn(listing))
        return torn[0]

    async with swept(stack, wrap=tear) as here:
        await asyncio.gather(here.start(), here.start())
        report = await here.sweep()

    assert torn[0].failed == 1
    assert (found(report), counted(report)) == ([], {"open": 2, "agreed": 2})


async def test_a_gateway_that_does_not_answer_is_told_and_nothing_is_made_of_it(
    stack: Stack,
) -> None:
    async with swept(stack) as here:
        await here.start()
        await here.stack.fault("look_up", "unauthorized", times=100)
        report = await here.sweep()
        await here.stack.no_more_faults()

    assert "credentials" in report["failed"]
    assert report["findings"] == []


async def test_a_gateway_that_wants_to_be_left_alone_is_asked_again_later(stack: Stack) -> None:
    async with swept(stack) as here:
        await here.start()
        await here.stack.fault("look_up", "throttle", retry_after_s=1)
        report = await here.sweep()

    assert (found(report), counted(report)) == ([], {"open": 1, "agreed": 1})


async def test_a_start_that_cannot_be_read_fails_as_what_it_is(stack: Stack) -> None:
    async with swept(stack) as here:
        with pytest.raises(WorkflowFailureError) as failed:
            await here.stack.client.execute_workflow(
                "Sweep",
                {"acounts": []},
                id=f"sweep-of-nothing-{here.name}",
                task_queue=here.stack.task_queue,
            )

    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == "InvalidRequest"


async def test_a_gateway_without_a_list_says_so(stack: Stack) -> None:
    async with swept(stack, "sibs") as here:
        report = await here.sweep()

    assert (report["lists"], report["failed"], report["findings"]) == (False, None, [])

"""What people see of a reservation in Temporal without our help: attributes, summaries, details."""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

from cardhold.hold import Attention
from cardhold.names import SearchAttribute
from domain.agenda import agenda
from domain.record import Entry, Record

_STATE = SearchAttributeKey.for_keyword(SearchAttribute.STATE)
_GATEWAY = SearchAttributeKey.for_keyword(SearchAttribute.GATEWAY)
_ATTENTION = SearchAttributeKey.for_keyword(SearchAttribute.ATTENTION)
_BOOKING = SearchAttributeKey.for_keyword(SearchAttribute.BOOKING)
_PROPERTY = SearchAttributeKey.for_keyword(SearchAttribute.PROPERTY)
_CURRENCY = SearchAttributeKey.for_keyword(SearchAttribute.CURRENCY)
_REMAINING = SearchAttributeKey.for_int(SearchAttribute.REMAINING)
_CAPTURED = SearchAttributeKey.for_int(SearchAttribute.CAPTURED)
_DEADLINE = SearchAttributeKey.for_datetime(SearchAttribute.DEADLINE)


def write_attributes(record: Record) -> None:
    """Write what reservations are listed by, if anything of it has changed; one event at most."""
    known = workflow.info().typed_search_attributes
    ledger, request, at = record.ledger, record.request, record.terms
    wanted: list[tuple[SearchAttributeKey[str], str | None]] = [
        (_STATE, record.life.state.value),
        (_GATEWAY, request.gateway),
        (_ATTENTION, record.attention.reason.value if record.attention else None),
        (_BOOKING, request.booking),
        (_PROPERTY, request.property),
        (_CURRENCY, ledger.currency),
    ]
    changes: list[SearchAttributeUpdate[Any]] = [
        key.value_unset() if value is None else key.value_set(value)
        for key, value in wanted
        if known.get(key) != value
    ]
    for key, amount in ((_REMAINING, ledger.remaining_minor), (_CAPTURED, ledger.captured_minor)):
        if known.get(key) != amount:
            changes.append(key.value_set(amount))
    if at is not None and known.get(_DEADLINE) != at.deadline:
        changes.append(_DEADLINE.value_set(at.deadline))
    if changes:
        workflow.upsert_search_attributes(changes)


def summary(entry: Entry) -> str:
    """One line beside an activity, whose kind the UI shows: how much, and by whose word."""
    who = f" · {entry.operator}" if entry.operator else ""
    return f"{entry.amount} · {entry.command_id}{who}"


def write_details(record: Record) -> None:
    """The page that the Temporal UI shows of a reservation: where it stands and what comes."""
    ledger, now = record.ledger, workflow.now()
    lines = [
        f"**{record.life.state}** at `{record.request.gateway}`",
        "",
        "| authorized | captured | released | expired | remaining |",
        "|---|---|---|---|---|",
        "| "
        + " | ".join(
            str(ledger.money(amount))
            for amount in (
                ledger.authorized_minor,
                ledger.captured_minor,
                ledger.released_minor,
                ledger.expired_minor,
                ledger.remaining_minor,
            )
        )
        + " |",
    ]
    if record.attention:
        lines += ["", f"**Attention, {record.attention.reason}:** {record.attention.detail}"]
    lines += [f"- {entry.operation_id}: {entry.state}, {entry.amount}" for entry in record.entries]
    ahead = [
        f"- {step.at:%Y-%m-%d %H:%M} UTC: {step.kind}{f' {step.amount}' if step.amount else ''}"
        f" ({step.why})"
        for step in agenda(record, now)
    ]
    workflow.set_current_details("\n".join([*lines, "", "If nobody intervenes:", *ahead]))


def warn(attention: Attention) -> None:
    """Tell people: one line in the log, and one more in the metric where metrics are on."""
    workflow.logger.warning(
        "%s needs a person: %s. %s",
        workflow.info().workflow_id,
        attention.reason,
        attention.detail,
    )
    counter = workflow.metric_meter().create_counter(
        "cardhold_attention", "Reservations that need a person", "1"
    )
    counter.add(1, {"reason": attention.reason.value})

"""Everything that one reservation knows: its request, its money, its operations, its plan.

Plain state with small, checked moves. It knows no gateway, no clock and no Temporal: whoever
drives it says what time it is.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cardhold.hold import (
    DECIDED,
    Action,
    Attention,
    AttentionReason,
    Card,
    Evidence,
    ExpirySource,
    Hold,
    HoldState,
    Operation,
    OperationKind,
    OperationState,
    Refusal,
)
from cardhold.messages import HoldRequest, OnDeadline, PaymentMethod
from cardhold.money import Money
from domain.capabilities import Capabilities
from domain.expiry import Terms, expiry, rule_for, terms
from domain.ledger import Ledger
from domain.lifecycle import Life
from domain.outcome import Payment, PaymentState

REFUSED_KEPT = 50
# A refused release is tried hourly: a mended account is noticed, a broken one is not pushed.
RELEASE_EVERY = timedelta(hours=1)
# The most urgent stands in the hold; the others wait until it has ended.
_URGENCY = (
    AttentionReason.OUTCOME_UNKNOWN,
    AttentionReason.EXTERNAL_CHANGE,
    AttentionReason.RELEASE_REFUSED,
    AttentionReason.CAPTURE_REFUSED,
    AttentionReason.EXPIRING_SOON,
)


@dataclass(slots=True, eq=False)
class Entry:
    """One operation, as far as it has come."""

    number: int
    kind: OperationKind
    command_id: str
    amount: Money
    final: bool
    requested_at: datetime
    operator: str | None = None
    reason: str | None = None
    payment_method: PaymentMethod | None = None
    state: OperationState = OperationState.PLANNED
    payment_id: str | None = None
    reference: str | None = None
    send_by: datetime | None = None
    sent_at: datetime | None = None
    was_sent: bool = False
    """An attempt says that it has sent it, and not what became of it."""
    decided_at: datetime | None = None
    booked_at: datetime | None = None
    detail: str | None = None

    @property
    def given_name(self) -> str:
        """What its instruction is called, without the number of a further try."""
        return self.command_id.partition("~")[0]

    @property
    def operation_id(self) -> str:
        """What callers and the gateway's activities call it: ``capture/3``."""
        return f"{self.kind}/{self.number}"

    @property
    def is_decided(self) -> bool:
        """Whether its outcome is known."""
        return self.state in DECIDED

    def shown(self) -> Operation:
        """The operation as the hold shows it."""
        return Operation(
            operation_id=self.operation_id,
            kind=self.kind,
            command_id=self.command_id,
            amount=self.amount,
            state=self.state,
            payment_id=self.payment_id,
            reference=self.reference,
            requested_at=self.requested_at,
            decided_at=self.decided_at,
            booked_at=self.booked_at,
            operator=self.operator,
            reason=self.reason,
            detail=self.detail,
        )


@dataclass(slots=True)
class DeadlinePlan:
    """What shall happen at the deadline; a caller may change it."""

    settle_by: datetime | None
    on_deadline: OnDeadline
    deadline_amount: Money | None


@dataclass(slots=True)
class Record:
    """One reservation's state."""

    request: HoldRequest
    created_at: datetime
    plan: DeadlinePlan
    ledger: Ledger
    life: Life = field(default_factory=Life)
    capabilities: Capabilities = field(default_factory=Capabilities)
    entries: list[Entry] = field(default_factory=list[Entry])
    payment_id: str | None = None
    gateway_reference: str | None = None
    card: Card | None = None
    evidence: Evidence | None = None
    action: Action | None = None
    action_ids: set[str] = field(default_factory=set[str])
    """Every action that the guest was ever sent to."""
    authorized_at: datetime | None = None
    expires_at: datetime | None = None
    expiry_source: ExpirySource | None = None
    terms: Terms | None = None
    declined_at: datetime | None = None
    closed_at: datetime | None = None
    warned: bool = False
    was_reset: bool = False
    """An earlier run of this reservation may have gone further than this one has."""
    found: bool = False
    """The hold, or the decline, was at the gateway before this run had sent anything."""
    found_at: datetime | None = None
    """When the hold itself was found so: whoever has placed it may be at work on it just then."""
    restored: bool = False
    """An answer has come since Temporal's store was set back."""
    forgets_cards: bool = False
    """This run was set back to a decline, after which another card may have been given."""
    cautious: bool = False
    """Look before every sending: a person's word, or a run before this one, may stand against what
    we have."""
    others_at: datetime | None = None
    """When to look whether the hold stands alone: by then another one is booked, if ever."""
    deadline_capture_tried: bool = False
    rest_is_due: bool = False
    """The deadline's capture is done, and what it left is to be freed whatever stood in the way."""
    release_again_at: datetime | None = None
    frees_again: bool = False
    """The plan's latest release is one of those that are tried hourly."""
    guest_may_have_passed: bool = False
    """The gateway has refused to call the guest's attempt off: there may be a hold by now."""
    another_stands: bool = False
    """Beside the guest's attempt, under the same name: a person has to be told of it."""
    external: Payment | None = None
    """What the gateway shows and we did not do, until a person has seen it."""
    _attentions: dict[AttentionReason, Attention] = field(
        default_factory=dict[AttentionReason, Attention]
    )
    _refused: deque[Refusal] = field(default_factory=lambda: deque[Refusal](maxlen=REFUSED_KEPT))
    _refused_total: int = 0

    @classmethod
    def of(cls, request: HoldRequest, now: datetime) -> Record:
        """A reservation about to be authorized."""
        plan = DeadlinePlan(request.settle_by, request.on_deadline, request.deadline_amount)
        return cls(request, now, plan, Ledger(request.amount.currency))

    # What was asked of the gateway.

    def add(self, entry: Entry) -> Entry:
        """Keep a new operation: its number the next, its name no other's of its kind."""
        name = self._own_name(entry.kind, entry.command_id)
        numbered = replace(entry, number=len(self.entries) + 1, command_id=name)
        self.entries.append(numbered)
        return numbered

    def entry(self, operation_id: str) -> Entry | None:
        """The operation of that id, if there is one."""
        return next((e for e in self.entries if e.operation_id == operation_id), None)

    def _own_name(self, kind: OperationKind, base: str) -> str:
        """The name that an operation's key is derived from; a further try is another operation.

        ``~`` is in no caller's ``command_id``, so what we name and what they name never meet.
        """
        tries = sum(entry.kind is kind and entry.given_name == base for entry in self.entries)
        return f"{base}~{tries + 1}" if tries else base

    def last_authorization(self) -> Entry:
        """The authorization that has become the hold, or that was refused last."""
        return next(e for e in reversed(self.entries) if e.kind is OperationKind.AUTHORIZE)

    def at_the_guest(self) -> Entry | None:
        """The authorization that waits for the guest, if one does."""
        return self.last_authorization() if self.action else None

    def unknown(self) -> Entry | None:
        """The operation that nobody knows the outcome of, if there is one."""
        return next((e for e in self.entries if e.state is OperationState.UNKNOWN), None)

    # When what must have happened.

    def ask_the_guest(self, action: Action, now: datetime) -> None:
        """It is the guest's turn: for as long as the gateway, the account and the plan allow."""
        ends = [now + self.capabilities.action_wait, self.plan.settle_by, action.expires_at]
        soonest = min(at for at in ends if at is not None)
        self.action = action.model_copy(update={"expires_at": max(soonest, now)})
        self.action_ids.add(action.action_id)

    def forget_the_attempt(self) -> None:
        """What was about to become a hold will not."""
        self.action = self.payment_id = self.gateway_reference = None

    def placed(self, payment: Payment, since: datetime) -> None:
        """The gateway holds the money: from now on there is an expiry, and a deadline.

        Args:
            payment: The hold as the gateway shows it.
            since: When it was placed at the earliest; what it ages from.
        """
        request, brand = self.request, payment.card.brand if payment.card else None
        self.payment_id = payment.payment_id
        self.card, self.evidence = payment.card, payment.evidence
        self.authorized_at = since
        rule = rule_for(brand, self.capabilities.merchant_category, request.initiator)
        window = request.hold_window or self.capabilities.hold_window
        lapses = expiry(since, payment.expires_at, rule, window)
        self.expires_at, self.expiry_source = lapses.at, lapses.source
        self.set_terms()

    def is_as_shown(self, payment: Payment) -> bool:
        """Whether the gateway shows an open hold with the figures that we have."""
        ledger = self.ledger
        return (
            payment.state is PaymentState.OPEN
            and payment.authorized.amount_minor == ledger.authorized_minor
            and payment.captured.amount_minor == ledger.captured_minor
        )

    def others_are_due(self, now: datetime) -> bool:
        """Whether it is time to look whether the hold stands alone."""
        return self.others_at is not None and self.others_at <= now

    def set_terms(self) -> None:
        """Work the deadline out anew, after the expiry or the plan has changed."""
        if self.authorized_at is None or self.expires_at is None:
            return
        margin = self.request.safety_margin or self.capabilities.safety_margin
        self.terms = terms(self.authorized_at, self.expires_at, margin, self.plan.settle_by)

    def gone_by(self) -> datetime | None:
        """When a lapsed hold is surely gone at the gateway too."""
        return self.expires_at + self.capabilities.processing_time if self.expires_at else None

    # What people are told.

    @property
    def attention(self) -> Attention | None:
        """The most urgent reason why a person should look."""
        return next((self._attentions[r] for r in _URGENCY if r in self._attentions), None)

    def has_attention(self, reason: AttentionReason) -> bool:
        """Whether this reason stands, shown or behind a more urgent one."""
        return reason in self._attentions

    def raise_attention(
        self, reason: AttentionReason, now: datetime, detail: str, entry: Entry | None = None
    ) -> None:
        """A person should look; one that stands already keeps its time."""
        since = self._attentions[reason].since if reason in self._attentions else now
        self._attentions[reason] = Attention(
            reason=reason,
            since=since,
            operation_id=entry.operation_id if entry else None,
            detail=detail,
        )

    def end_attention(self, *reasons: AttentionReason) -> None:
        """What these stood for is over."""
        for reason in reasons:
            self._attentions.pop(reason, None)

    def refuse(self, name: str, now: datetime, why: str) -> None:
        """Keep a message that is not carried out, with the reason."""
        self._refused.append(Refusal(name=name, at=now, why=why))
        self._refused_total += 1

    @property
    def in_doubt_minor(self) -> int:
        """What an undecided authorization may be blocking."""
        return sum(
            entry.amount.amount_minor
            for entry in self.entries
            if entry.kind is OperationKind.AUTHORIZE
            and entry.state in (OperationState.SENT, OperationState.UNKNOWN)
        )

    def hold(self) -> Hold:
        """The view that updates answer, queries return and the workflow ends with."""
        request, ledger, at = self.request, self.ledger, self.terms
        return Hold(
            reservation_id=request.reservation_id,
            gateway=request.gateway,
            state=self.life.state,
            booking=request.booking,
            property=request.property,
            description=request.description,
            metadata=request.metadata,
            authorized=ledger.money(ledger.authorized_minor),
            captured=ledger.money(ledger.captured_minor),
            released=ledger.money(ledger.released_minor),
            expired=ledger.money(ledger.expired_minor),
            remaining=ledger.money(ledger.remaining_minor),
            in_doubt=ledger.money(self.in_doubt_minor),
            payment_id=self.payment_id,
            gateway_reference=self.gateway_reference,
            card=self.card,
            evidence=self.evidence,
            created_at=self.created_at,
            authorized_at=self.authorized_at,
            expires_at=self.expires_at,
            expiry_source=self.expiry_source,
            deadline=at.deadline if at else None,
            deadline_by=at.deadline_by if at else None,
            settle_by=self.plan.settle_by,
            on_deadline=self.plan.on_deadline,
            deadline_amount=self.plan.deadline_amount,
            closed_at=self.closed_at,
            action=self.action,
            attention=self.attention,
            operations=tuple(entry.shown() for entry in self.entries),
            refused=tuple(self._refused),
            refused_total=self._refused_total,
        )


# A state in which money is held, or a part of it still is, and nothing is under way.
RESTING = frozenset({HoldState.AUTHORIZED, HoldState.PARTIALLY_CAPTURED})

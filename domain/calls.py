"""What crosses between a workflow and its activities: one call to a gateway, and its end."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from cardhold.fields import Instant
from cardhold.hold import OperationKind
from cardhold.messages import Browser, Initiator, PaymentMethod, PaymentMethodKind
from cardhold.money import Money
from cardhold.names import ErrorType
from domain.capabilities import Capabilities, Fact
from domain.outcome import Payment


class Call(Fact):
    """One operation at the gateway, with everything that its adapter may need.

    Attributes:
        account: The configured account's name.
        workflow_id, command_id: With ``kind`` and the account they name the operation for ever
            (`domain.keys`); the activity derives key and reference from them.
        run_id: The run that gave this call. A reset dispatches what was pending at its point again,
            as it was: another run then carries it out than the one that gave it.
        amount: What to authorize, the new total, what to capture, or what a release frees.
        held: The total held before, so that a look-up can tell "not yet" from "somebody else".
        captured: What was captured before, for the same reason.
        final: With a capture: nothing shall be left on the card after it.
        payment_id: The gateway's id of the hold; while authorizing None, or what the gateway has
            let us know of it so far.
        reference: The reference that the hold was authorized under; None while authorizing.
        asked_at: When the operation was asked for: nothing of it is older.
        send_by: After this instant it is never sent for the first time.
        look_first: Look before sending, whatever the key: an earlier run may have sent it.
        again: A run before this one may have gone on from there.
        patient: Every further attempt starts at least the gateway's processing time after the one
            before it has ended, so that a look-up before it is proof.
        repeated: It was on its way before, in another activity: an answer that it was refused
            says nothing of that one.
        sent: And it may then have moved money: what is found may be its own.
        absent_after: From this instant on "not found" and "not done" are proof. Before it they
            mean "look again".
        due: The hours that count for a call that nobody waits for (`domain.patience`). None are
            told where somebody does: then the retry policy alone says when it is tried again.
        learns: Nothing has told the workflow so far what the account can do; an authorization's
            answer does anyway.
    """

    account: str
    workflow_id: str
    run_id: str | None = None
    kind: OperationKind
    command_id: str
    amount: Money
    held: Money
    captured: Money
    final: bool = True
    payment_id: str | None = None
    reference: str | None = None
    asked_at: Instant | None = None
    send_by: Instant | None = None
    look_first: bool = False
    again: bool = False
    patient: bool = False
    repeated: bool = False
    sent: bool = False
    absent_after: Instant | None = None
    due: tuple[Instant, ...] = ()
    learns: bool = False
    payment_method: PaymentMethod | None = None
    initiator: Initiator = Initiator.CUSTOMER
    return_url: str | None = None
    browser: Browser | None = None
    operator: str | None = None
    description: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)

    @property
    def adopts(self) -> bool:
        """Whether it takes over a hold that somebody else has made."""
        method = self.payment_method
        made = method is not None and method.kind is PaymentMethodKind.EXISTING_HOLD
        return made and self.kind is OperationKind.AUTHORIZE

    @property
    def known_id(self) -> str | None:
        """The gateway's id of the payment, where it is known: one made elsewhere came with it."""
        method = self.payment_method
        if self.payment_id is None and method is not None and self.adopts:
            return method.token
        return self.payment_id


class Ending(StrEnum):
    """How a call ended, once that is known. "Don't know" is no ending: the call goes on."""

    DONE = "done"
    DECLINED = "declined"
    """Issuer or gateway said no; nothing moved."""
    NOT_DONE = "not_done"
    """It did not happen, and will not: refused before it reached the money."""
    ABSENT = "absent"
    """Looked up, and proven not to have happened. It may be sent."""
    CHANGED = "changed"
    """The gateway shows what we did not do."""
    ACTION_REQUIRED = "action_required"
    """Of an authorization: it is the guest's turn. Nothing is decided."""


class Lost(Fact):
    """What the failure of an authorization still says: it has no answer to say it in.

    Attributes:
        capabilities: What the account can do.
        payment_id: The gateway's id of what may have become a hold, where it was told before
            the answer was lost.
        reference: What it was sent under, or will be: what a person finds it by, and what later
            operations are compared with where only that person can tell that it was placed.
    """

    capabilities: Capabilities
    payment_id: str | None = None
    reference: str | None = None


class Settled(Fact):
    """What an activity answers: how the call ended and what the gateway then showed.

    Attributes:
        detail: The gateway's words, or ours, on why; free of card data and credentials.
        error: For `Ending.NOT_DONE`: what the caller is told, where it is more than a refusal.
        field: The field of the request that is wrong, with ``error``.
        reference: The reference that was sent, which the gateway's portal finds.
        found: It was at the gateway before this run had sent it.
        restored: The worker was told to look first: Temporal's store was set back, and a run of
            it may have forgotten what it has done.
        unguarded: No key keeps another run of the reservation, which nobody here knows of, from
            placing the same hold once more; a look by its reference would show it.
        capabilities: What the account can do; every answer to an authorization carries it.
    """

    ending: Ending
    payment: Payment | None = None
    detail: str | None = None
    error: ErrorType | None = None
    field: str | None = None
    reference: str | None = None
    found: bool = False
    restored: bool = False
    unguarded: bool = False
    capabilities: Capabilities | None = None

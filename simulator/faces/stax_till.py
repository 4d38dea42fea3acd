"""Moves the money as Stax does, and refuses what it refuses."""

from collections.abc import Callable
from typing import NamedTuple, assert_never

from simulator.bank import Bank, Promise, in_seconds
from simulator.faces.stax_methods import Wallet
from simulator.faces.stax_problems import Problem, invalid, not_possible, unknown_id
from simulator.faces.stax_register import GATEWAY, Register
from simulator.faces.stax_requests import Capture, Charge
from simulator.faces.stax_transactions import Processor, Transaction, Type
from simulator.faults import Armed, Fault
from simulator.ledger import Hold, Kind, State

# Asks for the verdict that is armed for the operation, and uses it up.
Ask = Callable[[], Armed | None]


class Told(NamedTuple):
    """What an operation answers: a transaction, and whether the issuer refused it (a 400)."""

    transaction: Transaction
    declined: bool = False


class Till:
    """Checks Stax's operations and moves the money."""

    def __init__(self, bank: Bank, register: Register, wallet: Wallet) -> None:
        self._bank = bank
        self._register = register
        self._wallet = wallet

    def charge(self, body: Charge, processor: Processor, ask: Ask) -> Told:
        """``POST /charge``: a hold, or a sale; or the one made before with this key, as it is.

        Raises:
            Problem: Nothing was booked. A decline is not one: it is a transaction.
        """
        made = self._register.earlier(body)
        if made is None:
            method = self._wallet.method(body.payment_method_id)
            made = self._register.charge(body, method, processor)
            self._authorize(made, ask())
            self._register.keep(made)
        return Told(made, self._register.success(made) is False)

    def capture(self, transaction_id: str, body: Capture, ask: Ask) -> Told:
        """``POST /transaction/{id}/capture``.

        Raises:
            Problem: Nothing was captured.
        """
        parent = self._register.find(transaction_id)
        if parent.type is not Type.PRE_AUTH:
            raise unknown_id()
        rules = self._register.rules
        made = self._register.earlier_capture(parent, body.idempotency_id, body.total_minor)
        if made is None:
            made = self._take(parent, body, ask)
        declined = self._register.success(made) is False
        return Told(made if declined or rules.capture_shows_child else parent, declined)

    def void(self, transaction_id: str, ask: Ask) -> Told:
        """``POST /transaction/{id}/void``: frees a hold, or undoes what is not batched yet.

        Raises:
            Problem: Nothing was freed or undone.
        """
        transaction = self._register.find(transaction_id)
        match transaction.type:
            case Type.PRE_AUTH:
                return self._free(transaction, ask)
            case Type.CHARGE | Type.CAPTURE:
                return self._undo(transaction, ask)
            case Type.VOID | Type.REFUND:
                raise _wrong_type()
        assert_never(transaction.type)

    def refund(self, transaction_id: str, total_minor: int | None) -> Told:
        """``POST /transaction/{id}/refund``, of a capture or sale whose batch has closed.

        Raises:
            Problem: Nothing was given back.
        """
        transaction = self._register.find(transaction_id)
        taken = transaction.type in (Type.CHARGE, Type.CAPTURE)
        if not taken or not self._register.success(transaction):
            raise _wrong_type()
        if self._register.is_voided(transaction):
            raise _voided()
        if self._register.batched_at(transaction) is None:
            text = "The transaction cannot be refunded within 24 hours of being created."
            raise invalid("created_at", text)
        left_minor = transaction.total_minor - self._register.refunded_minor(transaction)
        wanted_minor = left_minor if total_minor is None else total_minor
        if not 0 < wanted_minor <= left_minor:
            raise invalid("total", "The total may not be greater than what is left to refund.")
        self._give_back(transaction, Type.REFUND, wanted_minor)
        return Told(transaction)

    def void_or_refund(self, transaction_id: str, total_minor: int | None, ask: Ask) -> Told:
        """``POST /transaction/{id}/void-or-refund``: whatever takes it back, without asking.

        Raises:
            Problem: Nothing was freed or given back.
        """
        transaction = self._register.find(transaction_id)
        if transaction.type is not Type.PRE_AUTH:
            return self._take_back(transaction, total_minor, ask)
        captures = self._register.succeeded(transaction, Type.CAPTURE)
        if self._register.left_minor(transaction) or not captures:
            _whole(transaction, total_minor)
            return self._free(transaction, ask)
        if len(captures) > 1 and total_minor is not None:
            raise invalid("total", "The total has to be left out for several captures.")
        for capture in captures:
            self._take_back(capture, total_minor, ask)
        return Told(transaction)

    # How money moves.

    def _authorize(self, made: Transaction, verdict: Armed | None) -> None:
        made.declined = made.method.declines or _declines(verdict)
        if _waits(verdict):
            promise = self._promise(made, Kind.AUTHORIZE, verdict)
            promise.approved = promise.approved and not made.declined
            promise.captured = made.type is Type.CHARGE
            self._bank.promise(promise)
            return
        (self._bank.decline if made.declined else self._bank.authorize)(
            gateway=GATEWAY,
            payment_id=made.root_id,
            reference=made.reference,
            currency=self._register.rules.currency,
            amount_minor=made.total_minor,
            key=made.key,
        )
        if made.type is Type.CHARGE and not made.declined:
            amount_minor = made.total_minor
            self._bank.capture(GATEWAY, made.root_id, amount_minor=amount_minor, key=made.key)

    def _take(self, parent: Transaction, body: Capture, ask: Ask) -> Transaction:
        hold = self._open(parent)
        once = parent.processor is not Processor.SEVERAL
        if once and self._register.succeeded(parent, Type.CAPTURE):
            raise not_possible("The pre-authorization has already been captured.")
        wanted_minor = hold.open_minor if body.total_minor is None else body.total_minor
        if wanted_minor > hold.open_minor:
            raise not_possible("The total is greater than what the pre-authorization holds.")
        made = self._register.child(parent, Type.CAPTURE, wanted_minor)
        made.meta = body.meta or parent.meta
        made.key = body.idempotency_id or made.key
        made.idempotency_id = (
            body.idempotency_id if self._register.rules.capture_knows_ids else None
        )
        self._move(made, Kind.CAPTURE, ask())
        return made

    def _free(self, pre_auth: Transaction, ask: Ask) -> Told:
        if self._register.is_voided(pre_auth):
            raise _voided()
        hold = self._open(pre_auth)
        made = self._register.child(pre_auth, Type.VOID, hold.open_minor)
        self._move(made, Kind.RELEASE, ask())
        return Told(made, declined=True) if made.declined else Told(pre_auth)

    def _move(self, made: Transaction, kind: Kind, verdict: Armed | None) -> None:
        """Capture or free, now or when the outcome is due; a refusal is kept as it is."""
        final = made.processor is Processor.FREES_REST
        amount_minor, root_id = made.total_minor, made.root_id
        if _declines(verdict):
            made.declined = True
        elif _waits(verdict):
            promise = self._promise(made, kind, verdict)
            promise.final = final
            self._bank.promise(promise)
        elif kind is Kind.CAPTURE:
            self._bank.capture(
                GATEWAY, root_id, amount_minor=amount_minor, key=made.key, final=final
            )
        else:
            self._bank.release(GATEWAY, root_id, amount_minor=amount_minor, key=made.key)
        self._register.keep(made)

    def _take_back(self, transaction: Transaction, total_minor: int | None, ask: Ask) -> Told:
        if self._register.batched_at(transaction) is not None:
            return self.refund(transaction.transaction_id, total_minor)
        _whole(transaction, total_minor)
        return self.void(transaction.transaction_id, ask)

    def _undo(self, taken: Transaction, ask: Ask) -> Told:
        """Void a capture or sale: the books have no other word for it than a refund."""
        if self._register.is_voided(taken):
            raise _voided()
        if not self._register.success(taken):
            raise not_possible("The transaction was not successful.")
        if self._register.batched_at(taken) is not None:
            raise not_possible("The transaction has already been batched and cannot be voided.")
        if _declines(ask()):
            made = self._register.child(taken, Type.VOID, taken.total_minor)
            made.declined = True
            self._register.keep(made)
            return Told(made, declined=True)
        self._give_back(taken, Type.VOID, taken.total_minor)
        return Told(taken)

    def _give_back(self, taken: Transaction, kind: Type, amount_minor: int) -> None:
        made = self._register.child(taken, kind, amount_minor)
        self._bank.refund(GATEWAY, taken.root_id, amount_minor=amount_minor, key=made.key)
        self._register.keep(made)

    def _promise(self, made: Transaction, kind: Kind, verdict: Armed | None) -> Promise:
        seconds = verdict.resolve_after_s if verdict is not None else 0
        made.due = in_seconds(self._bank.clock, seconds)
        return Promise(
            gateway=GATEWAY,
            payment_id=made.root_id,
            reference=made.reference,
            currency=self._register.rules.currency,
            kind=kind,
            amount_minor=made.total_minor,
            key=made.key,
            at=made.due,
            approved=verdict is None or verdict.approves,
        )

    def _open(self, pre_auth: Transaction) -> Hold:
        """The hold, which has to be open, with no outcome outstanding."""
        hold = self._register.hold(pre_auth)
        if hold is None or self._bank.is_undecided(GATEWAY, pre_auth.root_id):
            raise not_possible("The transaction is still being processed.")
        if hold.state is not State.OPEN:
            raise not_possible(_REASONS[hold.state])
        return hold


_REASONS = {
    State.CAPTURED: "The pre-authorization has already been captured.",
    State.RELEASED: "The pre-authorization has been voided.",
    State.EXPIRED: "The pre-authorization has expired.",
    State.DECLINED: "The pre-authorization was not successful.",
}


def _declines(verdict: Armed | None) -> bool:
    return verdict is not None and verdict.fault is Fault.DECLINE


def _waits(verdict: Armed | None) -> bool:
    return verdict is not None and verdict.fault is Fault.STAY_PENDING


def _whole(transaction: Transaction, total_minor: int | None) -> None:
    """Partial voids do not exist (published)."""
    if total_minor not in (None, transaction.total_minor):
        raise invalid("total", "Partial voids are not supported.")


def _voided() -> Problem:
    return invalid("total", "The transaction has already been voided.")


def _wrong_type() -> Problem:
    return invalid("type", "The transaction must be a successful auth, charge, credit, or capture.")

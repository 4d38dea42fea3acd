"""Keeps Stax's transactions, and says where each of them stands."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from simulator import chance
from simulator.clock import BankClock
from simulator.faces.stax_methods import Method
from simulator.faces.stax_problems import Problem, refused, unknown_id
from simulator.faces.stax_requests import Charge
from simulator.faces.stax_transactions import Processor, Transaction, Type
from simulator.ground import Ground
from simulator.ledger import Hold, Kind, State

GATEWAY = "stax"

_KIND = "stax.transaction"
# How long an idempotency_id is known: a choice, as Stax publishes none.
RETENTION = timedelta(hours=24)
# "Around 8 pm EST" (Stax support pages): EST is UTC-5 all year round here.
_BATCH_CLOSE = time(1, 0)
# What the books say of an operation that succeeded.
_EFFECTS = {Type.CAPTURE: Kind.CAPTURE, Type.VOID: Kind.RELEASE}


@dataclass(slots=True)
class Rules:
    """How Stax is set up; may be changed while it runs.

    ``batch_close_at``: the time of day, UTC, at which batches close (None: never).
    ``capture_knows_ids``: whether ``idempotency_id`` on a capture replays the first one, as the
    API reference promises and its guide does not. ``capture_shows_child``: whether a capture
    answers with the capture (API reference) instead of its pre-authorization (older description,
    published clients). ``keeps_keys_for``: how long an ``idempotency_id`` is known.
    """

    batch_close_at: time | None = _BATCH_CLOSE
    capture_knows_ids: bool = False
    capture_shows_child: bool = False
    currency: str = "USD"
    keeps_keys_for: timedelta = RETENTION


class Register:
    """The transactions, by id, by ``idempotency_id`` and by what they belong to."""

    def __init__(self, ground: Ground, rules: Rules) -> None:
        self._bank = ground.bank
        self._store = ground.store
        self.rules = rules
        self._transactions: dict[str, Transaction] = {}
        self._by_key: dict[str, Transaction] = {}
        self._children: dict[str, list[Transaction]] = {}
        for _, json in ground.store.load(_KIND):
            self._index(Transaction.model_validate_json(json))

    @property
    def clock(self) -> BankClock:
        """The bank's clock."""
        return self._bank.clock

    # How transactions are found and kept.

    def find(self, transaction_id: str) -> Transaction:
        """A transaction.

        Raises:
            Problem: 404.
        """
        found = self._transactions.get(transaction_id)
        if found is None:
            raise unknown_id()
        return found

    def newest_first(self) -> Iterable[Transaction]:
        """All transactions."""
        return reversed(self._transactions.values())

    def children(self, parent: Transaction, kind: Type | None = None) -> Iterator[Transaction]:
        """What followed a transaction, oldest first; failed ones too."""
        for child in self._children.get(parent.transaction_id, []):
            if kind in (None, child.type):
                yield child

    def earlier(self, charge: Charge) -> Transaction | None:
        """The transaction that was made with this ``idempotency_id``, if any.

        Raises:
            Problem: 409, it was made with other payment information.
        """
        found = self._known(charge.idempotency_id)
        if found is not None and found.payment_information != charge.payment_information:
            raise _other_request()
        return found

    def earlier_capture(
        self, parent: Transaction, idempotency_id: str | None, total_minor: int | None
    ) -> Transaction | None:
        """The capture that was made with this ``idempotency_id``, where captures know them.

        Raises:
            Problem: 409, it was another capture.
        """
        found = self._known(idempotency_id) if self.rules.capture_knows_ids else None
        if found is None:
            return None
        same = found.parent_id == parent.transaction_id
        if not same or total_minor not in (None, found.total_minor):
            raise _other_request()
        return found

    def charge(self, body: Charge, method: Method, processor: Processor) -> Transaction:
        """Enter a new hold or sale; ``keep`` writes it down."""
        fresh = chance.uuid()
        return Transaction(
            transaction_id=fresh,
            type=Type.PRE_AUTH if body.pre_auth else Type.CHARGE,
            root_id=fresh,
            total_minor=body.total_minor,
            meta=body.meta,
            method=method,
            reference=body.reference or body.idempotency_id or "",
            idempotency_id=body.idempotency_id,
            payment_information=body.payment_information,
            key=body.idempotency_id or fresh,
            processor=processor,
            created_at=self.clock.now(),
        )

    def child(self, parent: Transaction, kind: Type, total_minor: int) -> Transaction:
        """Enter what follows a transaction; ``keep`` writes it down."""
        return parent.model_copy(
            update={
                "transaction_id": chance.uuid(),
                "type": kind,
                "parent_id": parent.transaction_id,
                "total_minor": total_minor,
                "idempotency_id": None,
                "payment_information": None,
                "key": f"{parent.transaction_id}:{kind.value}",
                "declined": False,
                "due": None,
                "created_at": self.clock.now(),
            }
        )

    def keep(self, transaction: Transaction) -> None:
        """Write a transaction down."""
        self._index(transaction)
        self._store.put(_KIND, transaction.transaction_id, transaction.model_dump_json())

    def reset(self) -> None:
        """Forget all transactions."""
        self._transactions.clear()
        self._by_key.clear()
        self._children.clear()
        self._store.clear(_KIND)

    def _index(self, transaction: Transaction) -> None:
        self._transactions[transaction.transaction_id] = transaction
        if transaction.idempotency_id is not None:
            self._by_key[transaction.idempotency_id] = transaction
        if transaction.parent_id is not None:
            self._children.setdefault(transaction.parent_id, []).append(transaction)

    def _known(self, idempotency_id: str | None) -> Transaction | None:
        found = self._by_key.get(idempotency_id or "")
        oldest = self.clock.now() - self.rules.keeps_keys_for
        return found if found is not None and found.created_at > oldest else None

    # Where a transaction stands.

    def hold(self, transaction: Transaction) -> Hold | None:
        """The bank's hold that it belongs to; None while the issuer has not decided."""
        return self._bank.hold(GATEWAY, transaction.root_id)

    def success(self, transaction: Transaction) -> bool | None:
        """Whether it worked; None while that is not known."""
        if transaction.due is not None and self.clock.now() < transaction.due:
            return None
        hold = self.hold(transaction)
        if transaction.declined or hold is None or hold.state is State.DECLINED:
            return False
        kind = _EFFECTS.get(transaction.type)
        if transaction.due is None or kind is None:
            return True
        # The hold may have lapsed before the outcome was due: then nothing moved.
        return any((effect.kind, effect.at) == (kind, transaction.due) for effect in hold.effects)

    def succeeded(self, parent: Transaction, kind: Type) -> list[Transaction]:
        """The children of one kind that worked."""
        return [child for child in self.children(parent, kind) if self.success(child)]

    def is_voided(self, transaction: Transaction) -> bool:
        """Whether it was voided; of a captured pre-authorization, whether its rest was."""
        return bool(self.succeeded(transaction, Type.VOID))

    def refunded_minor(self, transaction: Transaction) -> int:
        """What refunds gave back of it."""
        return sum(child.total_minor for child in self.succeeded(transaction, Type.REFUND))

    def left_minor(self, pre_auth: Transaction) -> int:
        """What Stax believes to be held still. It does not notice that a hold has lapsed."""
        captures = self.succeeded(pre_auth, Type.CAPTURE)
        freed = captures and pre_auth.processor is Processor.FREES_REST
        if freed or self.is_voided(pre_auth) or not self.success(pre_auth):
            return 0
        return pre_auth.total_minor - sum(capture.total_minor for capture in captures)

    def batched_at(self, transaction: Transaction) -> datetime | None:
        """When the batch of a capture or sale closed, if it has."""
        close = self.rules.batch_close_at
        taken = transaction.type in (Type.CAPTURE, Type.CHARGE) and self.success(transaction)
        if close is None or not taken:
            return None
        at = transaction.decided_at.astimezone(UTC)
        closes = datetime.combine(at, close, UTC)
        closes = closes if closes > at else closes + timedelta(days=1)
        return closes if closes <= self.clock.now() else None


def _other_request() -> Problem:
    text = "The idempotency id was already used with different payment information."
    return Problem(409, refused(text))

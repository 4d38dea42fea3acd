"""The facts of each gateway's test accounts: what no adapter declares, and nothing else.

A gateway joins the list by its line in `gateways.accounts.KINDS` and its entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import SecretStr

from cardhold.hold import OperationKind
from cardhold.messages import PaymentMethod
from cardhold.money import AMOUNT_MINOR_MAX
from domain.outcome import PaymentState
from gateways.account import AccountSettings
from gateways.accounts import KINDS, read_account
from simulator.faces import FACES
from simulator.faults import Fault

_AUTHORIZE, _CAPTURE = OperationKind.AUTHORIZE, OperationKind.CAPTURE


def _stored(token: str, customer_id: str | None = None) -> PaymentMethod:
    told = {"kind": "stored_token", "token": token, "customer_id": customer_id}
    return PaymentMethod.model_validate(told)


@dataclass(frozen=True)
class Under:
    """An account under test.

    Attributes:
        name: Its kind of gateway.
        opens: What the simulator takes for a card.
        declined, declined_minor: The card, or the amount, that the issuer declines.
        currencies: What the account takes; the first is used where nothing else is said.
        other_currency: One that it surely does not take, where there is such a one.
        envelope: The gateway's own way to say that it failed, with this HTTP status and a code
            that nobody has ever published.
        none: The statuses that are its word for "there is none" whatever the envelope's code.
        no: The statuses that are its word for "no" to a new hold, whatever the envelope's code.
        about: What is special about the account, for the test's name.
        table: Its settings beside the built-in ones.
        challenged: The card that is asked for 3-D Secure, where the gateway asks.
        smallest_minor: The smallest amount that triggers nothing in the simulator.
        largest_minor: The largest that the gateway takes, where that is less than ours.
        lapsed: How a hold that has lapsed is shown.
        traps: The operations without a key of which a second sending does it twice.
        other_words: Leaves of answers that say something else when they are changed, and say
            so in a documented way; each with the reason. Named as in `changes.Change.leaf`.
    """

    name: str
    opens: PaymentMethod
    currencies: tuple[str, ...]
    envelope: Callable[[int], Mapping[str, object]]
    none: frozenset[int] = frozenset()
    no: frozenset[int] = frozenset()
    about: str = ""
    other_currency: str | None = None
    declined: PaymentMethod | None = None
    declined_minor: int | None = None
    challenged: PaymentMethod | None = None
    table: Mapping[str, object] = field(default_factory=dict[str, object])
    smallest_minor: int = 1
    largest_minor: int = AMOUNT_MINOR_MAX
    lapsed: PaymentState = PaymentState.EXPIRED
    traps: frozenset[OperationKind] = frozenset()
    other_words: Mapping[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        return f"{self.name}, {self.about}" if self.about else self.name

    def meets(self, fault: Fault) -> bool:
        """Whether such a thing can happen at this gateway."""
        return not any(face.name == self.name and fault in face.lacks for face in FACES)

    def settings(self, url: str, **more: Any) -> AccountSettings:
        """Its account, pointed at the simulator at this URL."""
        named = {"gateway": self.name, "environment": "simulated", "allowed_return_hosts": ["*"]}
        built_in = KINDS[self.name].simulated(url)
        return read_account(self.name, {**named, **built_in, **self.table, **more})


def _payroc_problem(status: int) -> Mapping[str, object]:
    return {
        "type": "https://docs.payroc.com/api/errors#never-published",
        "title": "Never published",
        "status": status,
        "detail": "words for people",
    }


PAYROC = Under(
    name="payroc",
    opens=_stored("2967539876543210"),
    # Payroc's test system: an amount ending in 01 is not honoured.
    declined_minor=49_01,
    smallest_minor=4,
    currencies=("USD", "JPY", "KWD"),
    envelope=_payroc_problem,
    other_words={
        "transactionResult.authorizedAmount": "approved for less, which is documented",
        "data.*.order.orderId": "another's; the list is read to its end, and ours is not in it",
    },
)

SIBS = Under(
    name="sibs",
    opens=_stored("tok-9f8e7d6c5b4a"),
    declined=_stored("tok-declined-5b4a"),
    challenged=_stored("tok-3ds-5b4a"),
    currencies=("EUR", "JPY", "KWD"),
    envelope=lambda _: {"returnStatus": {"statusCode": "E9876", "statusMsg": "Never published"}},
    # No code is published for an unknown transaction. An operation that is to be sent again is
    # looked for with its hold, which has to be found (`sibs.adapter`).
    none=frozenset({404}),
    # A second order under the same reference is a second hold, and so with captures.
    traps=frozenset({_AUTHORIZE, _CAPTURE}),
)
XMONEY = Under(
    name="xmoney",
    opens=_stored("918273645", "4401"),
    declined=_stored("918273666", "4401"),
    challenged=_stored("918273333", "4401"),
    smallest_minor=10,
    # xMoney voids a lapsed hold by itself, and has one word for every void.
    lapsed=PaymentState.RELEASED,
    currencies=("EUR", "JPY", "KWD"),
    envelope=lambda status: {
        "code": status,
        "message": "Never published",
        "error": [{"code": 98765, "message": "Never published", "type": "Exception"}],
    },
    # The envelope's own code is the status once more: what is in the table is the two together.
    none=frozenset({404}),
    no=frozenset({402, 404}),
    traps=frozenset({_AUTHORIZE}),
    other_words={
        "data.*.externalOrderId": "another's; the list is whole, and ours is not in it",
    },
)
STAX = Under(
    name="stax",
    opens=_stored("5e8d7c6b-1a2b-4c3d-8e9f-0a1b2c3d4e5f"),
    declined=_stored("5e8d7c6b-declined-8e9f"),
    # Stax sends no currency: an account has one.
    currencies=("USD",),
    other_currency="EUR",
    largest_minor=99_999_999_99,
    envelope=lambda _: {"never_published": ["Never published."]},
    other_words={
        "success": "declined",
        "success=null": "pending",
        "is_voided": "the hold was voided",
        "child_captures.*.success": "the capture was declined",
        "child_captures.*.success=null": "the capture is pending",
        "child_captures.*.is_voided": "the capture was undone",
        "child_transactions.*.success=null": "the void is pending",
    },
)
STAX_SEVERAL = replace(
    STAX,
    about="several captures",
    table={
        "api_key": SecretStr("any-key-of-several-captures"),
        "captures_per_hold": "several",
        "rest_after_capture": "void",
    },
    traps=frozenset({_CAPTURE}),
)
STAX_REST = replace(
    STAX,
    about="a rest to void",
    table={"api_key": SecretStr("any-key-with-void-rest"), "rest_after_capture": "void"},
)

#: Every account that the list is run with.
UNDERS = (PAYROC, SIBS, XMONEY, STAX, STAX_SEVERAL, STAX_REST)

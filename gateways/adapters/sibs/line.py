"""One account's line to SIBS: signed requests, and the status inquiries."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import quote, urlencode

from pydantic import SecretStr

from cardhold.names import ErrorType
from gateways.adapter import Place
from gateways.adapters.sibs.answers import Transaction, check
from gateways.adapters.sibs.bodies import Terms
from gateways.adapters.sibs.problems import NAME, is_malformed, knows_none, refusal
from gateways.errors import Refused, Undecided
from gateways.wire import Answer, Wire, read, request

# 206 is the answer that it is the guest's turn (SPG v2, "API-level status codes").
ANSWERED = frozenset({HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Site(Place):
    """One account, and what opens it.

    Attributes:
        terms: What is sent with everything.
        look_up_by_reference: Whether SIBS serves the status query by our reference.
    """

    terms: Terms
    look_up_by_reference: bool
    auth_token: SecretStr = field(repr=False)
    client_id: SecretStr = field(repr=False)

    @property
    def secrets(self) -> tuple[str, str]:
        """What no text may show."""
        return self.auth_token.get_secret_value(), self.client_id.get_secret_value()


class Line:
    """Sends each request once, signed with the account's token or with an order's signature."""

    def __init__(self, site: Site, wire: Wire) -> None:
        self._site = site
        self._wire = wire

    async def post(
        self, path: str, body: object, until: float, *, signature: str | None = None
    ) -> Answer:
        """Send a body; with an order's signature in place of the account's token, if given."""
        return await self._send("POST", path, until, signature=signature, content=body)

    async def by_id(
        self, payment_id: str | None, until: float, *, from_outside: bool = False
    ) -> Transaction | None:
        """A transaction by SIBS's id; None where SIBS says that there is none.

        Args:
            payment_id: SIBS's.
            until: When to give up.
            from_outside: A caller has named it: one that makes no sense names none.
        """
        answer = await self._send("GET", f"{path_of(payment_id)}/status", until)
        if from_outside and is_malformed(answer):
            return None
        found = _found(answer)
        if found is not None and found.transactionID != payment_id:
            raise Undecided(f"{NAME}: the answer is of another transaction")
        return found

    async def by_reference(self, reference: str, until: float) -> Transaction | None:
        """The transaction that SIBS shows under a reference of ours; None where it says none."""
        query = urlencode({"merchantTransactionId": reference})
        found = _found(await self._send("GET", f"/payments/status?{query}", until))
        if found is not None:
            # An answer that does not repeat it may be of anything.
            check(found, reference=reference, amount=None, echoed=True)
        return found

    async def close(self) -> None:
        """Close every connection."""
        await self._wire.close()

    async def _send(
        self,
        method: str,
        path: str,
        until: float,
        *,
        signature: str | None = None,
        content: object = None,
    ) -> Answer:
        token, client_id = self._site.secrets
        signed = f"Bearer {token}" if signature is None else f"Digest {signature}"
        # An inquiry has no body; its page demands the header all the same.
        headers = {
            "Authorization": signed,
            "X-IBM-Client-Id": client_id,
            "Content-Type": "application/json",
        }
        message = request(method, self._site.base_url + path, headers=headers, content=content)
        return await self._wire.send(message, until=until)


def path_of(payment_id: str | None) -> str:
    """A transaction's path.

    Raises:
        Refused: It names none.
    """
    # Dots alone would be read as a step up the path, whatever the quoting.
    if not payment_id or not payment_id.strip("."):
        raise Refused(f"{NAME}: that names no payment", ErrorType.INVALID_REQUEST)
    return f"/payments/{quote(payment_id, safe='')}"


def _found(answer: Answer) -> Transaction | None:
    if knows_none(answer):
        return None
    if answer.status not in ANSWERED:
        raise refusal(answer, None)
    return read(Transaction, answer, gateway=NAME)

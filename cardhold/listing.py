"""What reservations are listed by, as one visibility query, and what a list shows of each.

Rows come from search attributes alone. They are written when the authorization is decided,
when attention starts or ends and at the end, and not at each adjust: a list is where one
looks first, and the hold (`Client.hold`) is the truth.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from cardhold.fields import AccountName, Instant, Label, instant_text
from cardhold.hold import AttentionReason, Given, HoldState
from cardhold.messages import Message
from cardhold.money import Money
from cardhold.names import WORKFLOW_TYPE, SearchAttribute


def _searchable(text: str) -> str:
    # Temporal's list filters read an escaped backslash or double quote as two characters (server
    # 1.32), so a value with one is never found: it is refused and not answered with "none".
    if "\\" in text or '"' in text:
        raise PydanticCustomError(
            "searchable",
            "must be free of backslashes and double quotes, which Temporal cannot find",
        )
    return text


Searched = Annotated[Label, AfterValidator(_searchable)]


class Filter(Message):
    """Which reservations to list; what is left out does not narrow.

    Attributes:
        states: Any of these.
        attention: Somebody should look; True for any reason, else the one given.
        deadline_before, deadline_after: The deadline is earlier, or at this instant or later.
        running: True for those still kept, False for those that are settled.
    """

    states: tuple[Annotated[HoldState, Field(strict=False)], ...] = ()
    attention: bool | Annotated[AttentionReason, Field(strict=False)] = False
    booking: Searched | None = None
    property: Searched | None = None
    gateway: AccountName | None = None
    deadline_before: Instant | None = None
    deadline_after: Instant | None = None
    running: bool | None = None

    def query(self) -> str:
        """The filter in Temporal's list filter language, every value quoted."""
        return " AND ".join([
            f"WorkflowType = {_text(WORKFLOW_TYPE)}",
            *self._by_words(),
            *self._by_deadline(),
            *self._by_life(),
        ])  # fmt: skip

    def _by_words(self) -> list[str]:
        equal = {
            SearchAttribute.BOOKING: self.booking,
            SearchAttribute.PROPERTY: self.property,
            SearchAttribute.GATEWAY: self.gateway,
        }
        parts = [f"{name} = {_text(word)}" for name, word in equal.items() if word is not None]
        if self.states:
            parts.append(f"{SearchAttribute.STATE} IN ({', '.join(map(_text, self.states))})")
        if self.attention is True:
            parts.append(f"{SearchAttribute.ATTENTION} IS NOT NULL")
        elif self.attention:
            parts.append(f"{SearchAttribute.ATTENTION} = {_text(self.attention)}")
        return parts

    def _by_deadline(self) -> list[str]:
        limits = (("<", self.deadline_before), (">=", self.deadline_after))
        return [
            f"{SearchAttribute.DEADLINE} {sign} {_text(instant_text(instant))}"
            for sign, instant in limits
            if instant is not None
        ]

    def _by_life(self) -> list[str]:
        if self.running is None:
            return []
        # Not by status: a paused run is still kept, and older servers know no such status.
        return [f"CloseTime IS {'NULL' if self.running else 'NOT NULL'}"]


class Row(Given):
    """One reservation as a list shows it.

    Attributes:
        run: How Temporal says the workflow's run stands, in its words: ``Running``,
            ``Completed``, ``Terminated`` …; a hold whose run is neither running nor
            completed is kept by nobody.
        currency: None until it is known; then `remaining` and `captured` are of it.
    """

    reservation_id: str
    run: str
    started_at: Instant
    closed_at: Instant | None = None
    state: str | None = None
    gateway: str | None = None
    attention: str | None = None
    booking: str | None = None
    property: str | None = None
    remaining: Money | None = None
    captured: Money | None = None
    deadline: Instant | None = None


class Page(Given):
    """One answer of the server.

    Attributes:
        rows: In the server's own order, the latest started first.
        next_page: Hand it to the next call; None when this was the last.
    """

    rows: tuple[Row, ...] = ()
    next_page: bytes | None = None


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"

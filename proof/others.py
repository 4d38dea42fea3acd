"""What others do at the gateway: hold other guests' money, and lay hands on the run's own hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import cast

from proof.names import ELSEWHERE
from proof.plan import Plan
from proof.witness import Json, moment
from proof.world.bank import Bank
from proof.world.portal import Portal

# What the others' bookings are called; nothing of ours begins so.
_STRANGER = "stranger-"
# The time by which all has taken effect that somebody does: it lapses by itself.
_BY_ITSELF = "expire"
_BY_ITSELF_OR_FIRST = frozenset({_BY_ITSELF, "authorize"})


class Others:
    """Everybody at the gateway but the run."""

    def __init__(self, plan: Plan, bank: Bank) -> None:
        self._plan = plan
        self._bank = bank
        self._portal = Portal(bank, plan.place)
        self._strangers = 0
        self._theirs: set[tuple[str, int]] = set()
        self._is_adopted = True

    async def book(self, amount_minor: int, then: str) -> None:
        """Another guest's hold, on the same account.

        Args:
            amount_minor: How much.
            then: What its own system does with it at once: ``captured``, ``freed`` or nothing.
        """
        self._strangers += 1
        reference = f"{_STRANGER}{self._strangers}"
        await self._portal.place_hold(amount_minor, reference)
        placed = next(book for book in self._books() if book["reference"] == reference)
        place = placed["payment_id"]
        match then:
            case "captured":
                await self._noted(then, lambda: self._portal.capture(place, amount_minor))
            case "freed":
                await self._noted(then, lambda: self._portal.free(place, amount_minor))
            case _:
                pass

    async def elsewhere(self, amount_minor: int, how: str) -> str:
        """A hold that was placed elsewhere, for the run to take over; answers with its id.

        Args:
            amount_minor: Of the reservation.
            how: What is wrong with it, in the plan's words; ``open`` for nothing.
        """
        if how == "unknown":
            return _UNKNOWN[self._plan.place.gateway]
        more = 500 if how == "more" else 0
        currency = _OTHER_CURRENCY if how == "abroad" else None
        await self._portal.place_hold(amount_minor + more, ELSEWHERE, currency)
        place = next(b["payment_id"] for b in self._books() if b["reference"] == ELSEWHERE)
        if how == "captured":
            await self._noted(how, lambda: self._portal.capture(place, amount_minor))
        elif how == "freed":
            await self._noted(how, lambda: self._portal.free(place, amount_minor))
        return place

    async def lay_hands(self, share: float) -> str:
        """Do something to the run's own hold at the portal; answers with what.

        Args:
            share: Says what, of all that can be done.
        """
        ours = self.ours()
        held = next((book for book in ours if book["state"] == "open"), None)
        taken = next((book for book in ours if book["captured_minor"]), None)
        portal = self._portal
        if held is not None:
            place, left = held["payment_id"], _left(held)
            if share < _PART:
                return await self._noted("a part", lambda: portal.capture(place, left // 2))
            if share < _WHOLE:
                return await self._noted("the whole", lambda: portal.capture(place, left))
            return await self._noted("freed", lambda: portal.free(place, left))
        if taken is not None and share < _WHOLE:
            place, minor = taken["payment_id"], taken["captured_minor"]
            return await self._noted("given back", lambda: portal.free(place, minor))
        return "nothing"

    async def _noted(self, what: str, act: Callable[[], Awaitable[None]]) -> str:
        """Do it, and note which entries of the books are theirs."""
        before = {book["payment_id"]: len(book["effects"]) for book in self._bank.books()}
        await act()
        self._theirs |= {
            (book["payment_id"], number)
            for book in self._bank.books()
            for number, effect in enumerate(book["effects"])
            if number >= before.get(book["payment_id"], 0) and effect["kind"] != _BY_ITSELF
        }
        return what

    def ours(self) -> list[Json]:
        """The books as they stand, without the strangers'; what others did there is marked."""
        return [self._marked(book) for book in self._books() if not self._is_strange(book)]

    def strange(self) -> list[Json]:
        """The strangers' books."""
        return [self._marked(book) for book in self._books() if self._is_strange(book)]

    def ends_with(self, known: Collection[str | None]) -> None:
        """Which payments the runs have ever said are theirs: any other is a stranger's.

        But for one that they have acted on, and forgotten since.
        """
        made = [book for book in self._books() if book["reference"] == ELSEWHERE]
        named = any(book["payment_id"] in known for book in made)
        acts = (effect for book in made for effect in self._marked(book)["effects"])
        acted = any(e["kind"] not in _BY_ITSELF_OR_FIRST and not e["by_others"] for e in acts)
        self._is_adopted = named or acted or not known

    def holds_ours_since(self, seconds: float) -> bool:
        """Whether a hold of the run's stands that is younger than so many seconds."""
        placed = [b["effects"][0]["at"] for b in self.ours() if b["state"] == "open"]
        return any((self._bank.now() - moment(at)).total_seconds() < seconds for at in placed)

    def is_about_ours(self, path: str) -> bool:
        """Whether a request is about a hold of the run's, that there is."""
        return any(book["payment_id"] in path for book in self.ours())

    def misrouted(self, path: str) -> tuple[str, str] | None:
        """Whose payment a look at one of ours may be answered with, if anybody's: ours, theirs."""
        mine = [book["payment_id"] for book in self.ours() if book["payment_id"] in path]
        theirs = [book["payment_id"] for book in self.strange()]
        return (mine[0], theirs[-1]) if mine and theirs else None

    def _is_strange(self, book: Json) -> bool:
        """Another guest's, or one that the run was to take over and has not."""
        reference = book["reference"]
        return reference.startswith(_STRANGER) or (reference == ELSEWHERE and not self._is_adopted)

    def _books(self) -> list[Json]:
        return cast("list[Json]", self._bank.books())

    def _marked(self, book: Json) -> Json:
        place = book["payment_id"]
        effects = [
            {**effect, "by_others": (place, number) in self._theirs}
            for number, effect in enumerate(book["effects"])
        ]
        return {**book, "effects": effects}


# As many of it, and of two digits as the others are.
_OTHER_CURRENCY = "PLN"
# Of what somebody does to an open hold: a third takes a part, less than a third all.
_PART, _WHOLE = 0.35, 0.6


def _left(book: Json) -> int:
    return book["authorized_minor"] - book["captured_minor"] - book["released_minor"]


# An id that looks like the gateway's, and names nothing.
_UNKNOWN: Mapping[str, str] = {
    "payroc": "ZZZZZZZZZZ",
    "sibs": "zzzzzzzzzzzzzzzzzzzz",
    "xmoney": "999999999",
    "stax": "00000000-0000-4000-8000-000000000000",
}

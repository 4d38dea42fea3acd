"""The bank's 3-D Secure page: a page of its own over real HTTP, and a clock that tests push.

What the page told its face is kept in a list, so that "once" can be counted.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from simulator.bank import Bank
from simulator.challenges import Challenges
from simulator.clock import BankClock
from simulator.faces import Ground
from simulator.faults import Faults
from simulator.store import Store
from tests import loopback

PAGE = "https://hotel.example/back?stay=1"


@dataclass
class Site:
    """A gateway that has nothing but challenges; its page is reached through ``http``."""

    store: Store
    told: list[tuple[str, bool]] = field(default_factory=list[tuple[str, bool]])

    def __post_init__(self) -> None:
        self.clock = BankClock(self.store)
        ground = Ground(Bank(self.store, self.clock), Faults({"made-up": ()}), self.store)
        self.challenges = Challenges(ground, "made-up", self._decided)
        self.http = loopback.client()

    def _decided(self, payment_id: str, passed: bool) -> None:  # noqa: FBT001 - as it is called.
        self.told.append((payment_id, passed))

    def ask(self, return_url: str | None = PAGE) -> str:
        """Open a challenge about the payment P1; gives its id."""
        return self.challenges.open("P1", return_url=return_url, amount="1 < 2 EUR").challenge_id

    def state(self, challenge_id: str) -> str:
        challenge = self.challenges.get(challenge_id)
        assert challenge is not None
        return challenge.state

    async def answer(self, challenge_id: str, outcome: str) -> httpx.Response:
        return await self.http.post(f"/made-up/3ds/{challenge_id}", data={"outcome": outcome})


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site(Store())
    face, app = web.Application(), web.Application()
    site.challenges.routes(face)
    app.add_subapp("/made-up", face)
    async with TestServer(app) as server, site.http:
        site.http.base_url = httpx.URL(str(server.make_url("/")))
        yield site
    site.store.close()


async def test_the_page_shows_the_amount_and_two_buttons(site: Site) -> None:
    page = await site.http.get(f"/made-up/3ds/{site.ask()}")

    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "1 &lt; 2 EUR" in page.text
    assert page.text.count("<button") == 2
    assert not site.told


@pytest.mark.parametrize(("outcome", "state"), [("pass", "passed"), ("fail", "failed")])
async def test_an_answer_is_told_once_and_sends_the_guest_back(
    site: Site, outcome: str, state: str
) -> None:
    challenge_id = site.ask()

    answer = await site.answer(challenge_id, outcome)
    again = await site.answer(challenge_id, "pass")

    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    assert again.status_code == 409
    assert "Nothing has changed" in again.text
    assert site.state(challenge_id) == state
    assert [("P1", outcome == "pass")] == site.told


async def test_without_a_place_to_go_back_to_the_guest_stays_on_a_page(site: Site) -> None:
    answer = await site.answer(site.ask(return_url=None), "pass")

    assert (answer.status_code, "location" in answer.headers) == (200, False)
    assert site.told == [("P1", True)]


async def test_a_browser_that_is_sent_with_a_form_sees_the_page(site: Site) -> None:
    challenge_id = site.ask()

    page = await site.http.post(f"/made-up/3ds/{challenge_id}", data={"creq": "eyJ0Ijoi"})

    assert (page.status_code, page.text.count("<button")) == (200, 2)
    assert site.state(challenge_id) == "open"


async def test_another_outcome_than_the_two_changes_nothing(site: Site) -> None:
    challenge_id = site.ask()

    answer = await site.answer(challenge_id, "perhaps")

    assert (answer.status_code, site.state(challenge_id)) == (400, "open")
    assert not site.told


async def test_a_quarter_of_an_hour_by_the_banks_clock_is_the_end(site: Site) -> None:
    challenge_id = site.ask()

    site.clock.advance(899)
    assert site.state(challenge_id) == "open"
    site.clock.advance(1)
    answer = await site.answer(challenge_id, "pass")

    assert (answer.status_code, site.state(challenge_id)) == (409, "lapsed")
    assert site.told == [("P1", False)]


async def test_what_the_merchant_called_off_cannot_be_completed(site: Site) -> None:
    challenge_id = site.ask()

    site.challenges.call_off("P1")
    answer = await site.answer(challenge_id, "pass")
    site.clock.advance(3600)

    assert (answer.status_code, site.state(challenge_id)) == (409, "called_off")
    assert not site.told


async def test_calling_off_what_was_answered_leaves_the_answer(site: Site) -> None:
    challenge_id = site.ask()
    await site.answer(challenge_id, "pass")

    site.challenges.call_off("P1")
    site.challenges.call_off("a payment without a question")

    assert site.state(challenge_id) == "passed"


async def test_a_payment_has_its_latest_challenge(site: Site) -> None:
    first, second = site.ask(), site.ask()

    latest = site.challenges.of("P1")

    assert latest is not None
    assert latest.challenge_id == second != first
    assert site.challenges.of("P2") is None


async def test_an_unknown_challenge_is_not_found(site: Site) -> None:
    shown = await site.http.get("/made-up/3ds/none")
    answered = await site.answer("none", "pass")

    assert [shown.status_code, answered.status_code] == [404, 404]


def test_challenges_outlive_the_process_and_a_reset_forgets_them(tmp_path: Path) -> None:
    before = Site(Store(tmp_path / "bank"))
    open_id, failed_id = before.ask(), before.ask()
    before.challenges.call_off("P1")
    before.store.close()

    after = Site(Store(tmp_path / "bank"))

    assert [after.state(open_id), after.state(failed_id)] == ["open", "called_off"]
    after.challenges.reset()
    after.store.close()
    again = Site(Store(tmp_path / "bank"))
    assert again.challenges.get(open_id) is None
    again.store.close()

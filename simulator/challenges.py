"""The bank's 3-D Secure page: where a guest proves to be the card's holder, or fails to.

One page for the faces that ask for it. A challenge is open for a quarter of an hour by the bank's
clock; then it has lapsed, which counts as failed. Time passes lazily, as in the bank: a lapse is
told to the face as soon as somebody looks at that challenge.

The page answers ``GET``, and a ``POST`` that brings no ``outcome`` too: browsers are sent to such
a page with a form of the gateway's fields, as EMV 3-D Secure has it (a ``creq``).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from html import escape

from aiohttp import web
from pydantic import BaseModel

from simulator import chance
from simulator.ground import Ground

# As long as a guest may look for a telephone; no gateway here publishes a figure.
LIFE = timedelta(minutes=15)
_STYLE = (
    "body{margin:0;min-height:100vh;display:grid;place-items:center;background:#eef1f4;"
    "font:18px/1.5 system-ui,sans-serif;color:#1c2733}"
    "main{background:#fff;padding:2rem 2.5rem;border:1px solid #d5dce2;border-radius:12px}"
    "h1{font-size:1.1rem;margin:0 0 .5rem;color:#5a6b7b}p{font-size:1.4rem;margin:0 0 1.5rem}"
    "button{font:inherit;padding:.5rem 1.4rem;margin-right:.5rem;border-radius:8px;"
    "border:1px solid #1f6f54;background:#1f6f54;color:#fff;cursor:pointer}"
    "button[value=fail]{background:#fff;color:#1f6f54}"
)


class ChallengeState(StrEnum):
    """Where a challenge stands; all but ``OPEN`` are final."""

    OPEN = "open"
    PASSED = "passed"
    FAILED = "failed"
    LAPSED = "lapsed"
    CALLED_OFF = "called_off"


class Challenge(BaseModel):
    """One question to one guest. ``amount`` is text for the page."""

    challenge_id: str
    payment_id: str
    return_url: str | None
    amount: str
    expires_at: datetime
    state: ChallengeState = ChallengeState.OPEN


class Challenges:
    """Keeps one gateway's challenges and shows their pages.

    Args:
        ground: The bank whose clock counts, and the store that keeps the challenges.
        gateway: The face's name, under which its pages are served.
        decided: Told ``(payment_id, passed)`` once for each challenge that was answered or
            lapsed, within the transaction that writes it down; never for one called off.
    """

    def __init__(self, ground: Ground, gateway: str, decided: Callable[[str, bool], None]) -> None:
        self._clock = ground.bank.clock
        self._store = ground.store
        self._gateway = gateway
        self._decided = decided
        self._kind = f"{gateway}.challenge"
        self._challenges: dict[str, Challenge] = {}
        self._of_payment: dict[str, str] = {}
        for _, json in ground.store.load(self._kind):
            self._index(Challenge.model_validate_json(json))

    def open(self, payment_id: str, *, return_url: str | None, amount: str) -> Challenge:
        """Ask the guest about a payment; ``return_url`` is where the answer sends the browser."""
        challenge = Challenge(
            challenge_id=chance.url_token(16),
            payment_id=payment_id,
            return_url=return_url,
            amount=amount,
            expires_at=self._clock.now() + LIFE,
        )
        self._index(challenge)
        self._keep(challenge)
        return challenge

    def get(self, challenge_id: str) -> Challenge | None:
        """A challenge as it stands now."""
        challenge = self._challenges.get(challenge_id)
        if challenge is not None and _is_over(challenge, self._clock.now()):
            self._decide(challenge, ChallengeState.LAPSED)
        return challenge

    def of(self, payment_id: str) -> Challenge | None:
        """The latest challenge about a payment, as it stands now."""
        challenge_id = self._of_payment.get(payment_id)
        return None if challenge_id is None else self.get(challenge_id)

    def call_off(self, payment_id: str) -> None:
        """The merchant cancelled: an open challenge cannot be completed any more."""
        challenge = self.of(payment_id)
        if challenge is not None and challenge.state is ChallengeState.OPEN:
            challenge.state = ChallengeState.CALLED_OFF
            self._keep(challenge)

    def url(self, request: web.Request, challenge: Challenge) -> str:
        """The absolute address of a challenge's page, on the host that the client asked."""
        place = f"/{self._gateway}/3ds/{challenge.challenge_id}"
        return str(request.url.origin().with_path(place))

    def routes(self, app: web.Application) -> None:
        """Serve the pages under the face's ``/3ds/{id}``."""
        app.router.add_get("/3ds/{challenge_id}", self._show, allow_head=False)
        app.router.add_post("/3ds/{challenge_id}", self._answer)

    def reset(self) -> None:
        """Forget all challenges."""
        self._challenges.clear()
        self._of_payment.clear()
        self._store.clear(self._kind)

    # The page.

    async def _show(self, request: web.Request) -> web.Response:
        return self._page(request.match_info["challenge_id"])

    async def _answer(self, request: web.Request) -> web.Response:
        outcome = (await request.post()).get("outcome")
        challenge = self.get(request.match_info["challenge_id"])
        if outcome is None or challenge is None or challenge.state is not ChallengeState.OPEN:
            return self._page(request.match_info["challenge_id"])
        if outcome not in ("pass", "fail"):
            return _html(400, "The outcome is pass or fail. Nothing has changed.")
        passed = outcome == "pass"
        self._decide(challenge, ChallengeState.PASSED if passed else ChallengeState.FAILED)
        if challenge.return_url is None:
            return _html(200, "Thank you. You may close this page.")
        return web.Response(status=303, headers={"Location": challenge.return_url})

    def _page(self, challenge_id: str) -> web.Response:
        challenge = self.get(challenge_id)
        if challenge is None:
            return _html(404, "There is no such question.")
        match challenge.state:
            case ChallengeState.OPEN:
                return _html(200, f"Do you confirm {challenge.amount}?", _BUTTONS)
            case ChallengeState.PASSED | ChallengeState.FAILED:
                return _html(409, "This was answered before. Nothing has changed.")
            case ChallengeState.LAPSED:
                return _html(409, "The time for this has passed. Nothing has changed.")
            case ChallengeState.CALLED_OFF:
                return _html(409, "The merchant called this off. Nothing has changed.")

    # How it is kept.

    def _decide(self, challenge: Challenge, state: ChallengeState) -> None:
        with self._store.transaction():
            challenge.state = state
            self._keep(challenge)
            self._decided(challenge.payment_id, state is ChallengeState.PASSED)

    def _keep(self, challenge: Challenge) -> None:
        self._store.put(self._kind, challenge.challenge_id, challenge.model_dump_json())

    def _index(self, challenge: Challenge) -> None:
        self._challenges[challenge.challenge_id] = challenge
        self._of_payment[challenge.payment_id] = challenge.challenge_id


_BUTTONS = """\
<form method="post">
<button name="outcome" value="pass">Confirm</button>
<button name="outcome" value="fail">Refuse</button>
</form>"""


def _is_over(challenge: Challenge, now: datetime) -> bool:
    return challenge.state is ChallengeState.OPEN and challenge.expires_at <= now


def _html(status: int, text: str, form: str = "") -> web.Response:
    page = (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>3-D Secure</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main><h1>The simulated bank</h1>"
        f"<p>{escape(text)}</p>{form}</main></body></html>"
    )
    return web.Response(status=status, text=page, content_type="text/html")
